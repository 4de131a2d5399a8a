"""Tabulated likelihoods against brute-force quadrature: zero cells, 88,000 patients, no information."""

import numpy as np
import pytest
from scipy import stats

from bayesma.numerics.effect_table import EffectTable, Shape

# Of log likelihoods between the points of their table, and of their integrals, where a study is likely, and
# where it is not: far below its peak an error is that of numbers relative to the peak. Measured: 6e-7 between
# the points (0 of 88,391, just above a drop of 10), 2.4e-8 and 2.9e-6 in integrals.
LIKELY, UNLIKELY = -10.0, -30.0
INTERPOLATED = {LIKELY: 7e-7, UNLIKELY: 1e-5}
INTEGRAL = {LIKELY: 5e-8, UNLIKELY: 5e-6}
# The same against a Student-t, itself a sum of some dozens of normals (1.2e-7 at nu = 2.5).
STUDENT_T = {LIKELY: 2e-7}
MONTE_CARLO = 5.0  # standard errors; one comparison in a million beyond by chance
DRAWS, SLOW_DRAWS = 20_000, 3_000  # of a Student-t each takes as many integrals as it has normals


def softplus(x):
    return np.logaddexp(0.0, x)


def arm(events, n):
    """Log likelihood of a logit, roughly where it is, and how widely."""
    yes, no = events + 0.5, n - events + 0.5
    return lambda x: events * x - n * softplus(x), np.log(yes / no), np.sqrt(1 / yes + 1 / no)


HARD = {
    "0/40": arm(0, 40),
    "40/40": arm(40, 40),
    "1/1": arm(1, 1),
    "505/88391": arm(505, 88_391),
    "0/88391": arm(0, 88_391),
    "3/12": arm(3, 12),
    "no information": (lambda x: 0.0 * x - 3.0, 0.0, 2.0),
    "level on both sides": (lambda x: np.log(0.3 + 0.7 / (1.0 + np.exp(np.minimum(x, 700.0)))), 0.0, 2.0),
    "normal": (lambda x: -0.5 * ((x - 1.0) / 0.2) ** 2, 1.3, 0.1),
}
NAMES = list(HARD)
MEANS = [-8.0, -2.0, 0.0, 0.3, 5.0]
SDS = [1e-6, 1e-4, 3e-3, 0.03, 0.1, 0.2, 0.4, 0.8, 2.0, 10.0, 100.0, 1e3]


def likelihood(x):
    """All of them at effects (k, g)."""
    return np.array([HARD[name][0](row) for name, row in zip(NAMES, x, strict=True)])


TABLE = EffectTable.build(likelihood, *(np.array([HARD[name][i] for name in NAMES]) for i in (1, 2)))


def panels(edges):
    """Gauss-Legendre nodes and weights, 16 between every two edges."""
    u, w = np.polynomial.legendre.leggauss(16)
    edges = np.unique(edges)
    half, middle = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[:-1] + edges[1:])[:, None]
    return (middle + half * u).ravel(), (half * w).ravel()


def brute_force(name, density, mean, sd, reach):
    """Nodes, and log of the weighted product of likelihood and density at them."""
    log_likelihood, centre, width = HARD[name]
    low, high = mean - sd * np.sinh(reach), mean + sd * np.sinh(reach)
    own = centre + width * np.sinh(np.linspace(-16.0, 16.0, 161))
    edges = mean + sd * np.sinh(np.linspace(-reach, reach, 161))
    x, w = panels(np.concatenate([edges, own[(own > low) & (own < high)]]))
    return x, log_likelihood(x) + density(x) + np.log(w)


def log_sum(terms):
    peak = terms.max()
    return peak + np.log(np.exp(terms - peak).sum())


def check(shape, frozen, reach, allowed):
    """Integrals over all means and sds, each within what is allowed of a study so unlikely."""
    compared = 0
    for mean in MEANS:
        for sd in SDS:
            ours = TABLE.log_marginal(np.array([mean]), np.array([sd]), shape)[0]
            for i, name in enumerate(NAMES):
                right = log_sum(brute_force(name, frozen(mean, sd).logpdf, mean, sd, reach)[1])
                for drop, tolerance in allowed.items():
                    if right - TABLE.packed.peak[i] > drop:
                        compared += 1
                        assert ours[i] == pytest.approx(right, abs=tolerance), (name, mean, sd)
    assert compared > 250


def test_normal_effects():
    check(Shape.normal(), stats.norm, np.arcsinh(13.0), INTEGRAL)


@pytest.mark.parametrize("nu", [2.5, 4.0, 30.0])
def test_student_t_effects(nu):
    check(Shape.student_t(nu), lambda m, s: stats.t(nu, m, s), 30.0 / nu + 12.0, STUDENT_T)


def test_a_normal_likelihood_in_closed_form():
    i = NAMES.index("normal")
    for sd in (0.0, *SDS):
        ours = TABLE.log_marginal(np.array([0.8]), np.array([sd]), Shape.normal())[0, i]
        together = np.hypot(sd, 0.2)
        right = stats.norm.logpdf(0.8, 1.0, together) + 0.5 * np.log(2 * np.pi) + np.log(0.2)
        assert ours == pytest.approx(right, abs=INTEGRAL[LIKELY]), sd


def test_an_sd_of_0_is_the_likelihood_itself():
    mean = np.array([-3.0, 0.2, 4.0])
    ours = TABLE.log_marginal(mean, np.zeros(3), Shape.normal())
    right = likelihood(np.tile(mean, (len(NAMES), 1))).T
    for drop, tolerance in INTERPOLATED.items():
        inside = right > TABLE.packed.peak + drop
        assert inside.sum() > 10
        assert ours[inside] == pytest.approx(right[inside], abs=tolerance)


def test_nothing_known_is_nothing_learned():
    i = NAMES.index("no information")
    for shape in (Shape.normal(), Shape.student_t(4.0)):
        for sd in SDS:
            ours = TABLE.log_marginal(np.array([0.7]), np.array([sd]), shape)[0, i]
            assert ours == pytest.approx(-3.0, abs=1e-8), sd


def test_interpolation_between_the_points():
    p = TABLE.packed
    points = TABLE.points()
    middle = 0.5 * (points[:, :-1] + points[:, 1:])
    ours, right = TABLE.at(middle, np.arange(TABLE.k)), likelihood(middle)
    for drop, tolerance in INTERPOLATED.items():
        matters = right > p.peak[:, None] + drop
        assert np.max(np.abs(ours - right)[matters]) < tolerance
    assert TABLE.at(points, np.arange(TABLE.k)) == pytest.approx(p.log_likelihood, abs=1e-12)


def test_every_second_point_is_nearly_enough():
    """What half of the points change bounds the error of them all, and is itself small."""
    half = TABLE.halved()
    for sd in (0.01, 0.3, 5.0):
        two = [t.log_marginal(np.array([0.3]), np.array([sd]), Shape.normal())[0] for t in (TABLE, half)]
        matters = two[0] - TABLE.packed.peak > LIKELY
        assert np.max(np.abs(two[0] - two[1])[matters]) < 1e-6


def test_draws_without_spread():
    made, likelihood = TABLE.draw(np.full(9, 0.3), np.zeros(9), Shape.normal(), np.random.default_rng(7))
    assert np.all(made == 0.3)
    assert np.array_equal(likelihood, TABLE.log_marginal(np.full(9, 0.3), np.zeros(9), Shape.normal()))


@pytest.mark.parametrize("shape", [Shape.normal(), Shape.student_t(4.0)], ids=["normal", "student_t"])
def test_draws_come_with_their_likelihood(shape):
    """What the inversion sums up is the integral, whichever way an effect is drawn."""
    mean, sd = np.meshgrid([-3.0, 0.3, 2.0], [1e-4, 0.03, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 3.0, 30.0])
    mean, sd = mean.ravel(), sd.ravel()
    right = TABLE.log_marginal(mean, sd, shape)
    likelihood = TABLE.draw(mean, sd, shape, np.random.default_rng(7))[1]
    matters = right - TABLE.packed.peak > UNLIKELY
    assert np.max(np.abs(likelihood - right)[matters]) < INTEGRAL[LIKELY]


@pytest.mark.parametrize("sd", [1e-4, 0.03, 0.1, 0.2, 0.4, 1.0, 3.0, 30.0])
def test_draws(sd):
    check_draws(Shape.normal(), stats.norm(0.3, sd), sd, np.arcsinh(13.0), DRAWS)


def test_draws_of_student_t_effects():
    check_draws(Shape.student_t(4.0), stats.t(4.0, 0.3, 0.8), 0.8, 20.0, SLOW_DRAWS)


def check_draws(shape, frozen, sd, reach, size):
    """Mean, sd and shares below five places, against those of the brute-force posterior."""
    mean = 0.3
    rng = np.random.default_rng(7)
    made = TABLE.draw(np.full(size, mean), np.full(size, sd), shape, rng)[0]
    wrong = []
    for i, name in enumerate(NAMES):
        x, terms = brute_force(name, frozen.logpdf, mean, sd, reach)
        if log_sum(terms) - TABLE.packed.peak[i] < UNLIKELY:
            continue
        order = np.argsort(x)
        x, weight = x[order], np.exp(terms - log_sum(terms))[order]
        cumulative = np.cumsum(weight)
        right = x @ weight
        spread = np.sqrt((x - right) ** 2 @ weight)
        kurtosis = (x - right) ** 4 @ weight / spread**4
        z = {"mean": (made[:, i].mean() - right) / spread * np.sqrt(size)}
        if np.isinf(shape.nu):
            z["sd"] = (made[:, i].std() / spread - 1.0) / np.sqrt(max(kurtosis - 1.0, 1.0) / (4.0 * size))
        for q in (0.01, 0.2, 0.5, 0.8, 0.99):
            at = np.searchsorted(cumulative, q)
            share = np.mean(made[:, i] < 0.5 * (x[at] + x[at + 1]))
            z[q] = (share - cumulative[at]) / np.sqrt(cumulative[at] * (1.0 - cumulative[at]) / size)
        wrong += [(name, what, round(float(one), 1)) for what, one in z.items() if abs(one) > MONTE_CARLO]
    assert not wrong, wrong


def test_standardised_effects():
    rng = np.random.default_rng(3)
    for nu in (2.5, 4.0, 50.0):
        made = Shape.student_t(nu).draw(DRAWS, rng)
        assert stats.kstest(made, stats.t(nu).cdf).pvalue > 1e-3
    assert Shape.normal().draw((50, 2), rng).shape == (50, 2)


@pytest.mark.parametrize("nu", [0.5, 1.0, 2.5, 4.0, 30.0, 1e3])
def test_a_student_t_is_a_mixture_of_normals(nu):
    shape = Shape.student_t(nu)
    x = np.array([0.0, 0.5, 2.0, 6.0, 20.0])
    ours = stats.norm.pdf(x[:, None] / shape.scales) / shape.scales @ shape.weights
    kept = stats.t(nu).pdf(x) > 1e-9
    assert ours[kept] == pytest.approx(stats.t(nu).pdf(x)[kept], rel=1e-6)


def test_likelihoods_need_only_a_rough_place():
    """Off by three widths, or twice too wide or too narrow: the same integrals."""
    centre, width = np.array([HARD[n][1] for n in NAMES]), np.array([HARD[n][2] for n in NAMES])
    right = TABLE.log_marginal(np.array([0.3]), np.array([0.5]), Shape.normal())[0]
    matters = right - TABLE.packed.peak > LIKELY
    for place, scale in ((centre + 3.0 * width, width), (centre, 2.0 * width), (centre, 0.5 * width)):
        off = EffectTable.build(likelihood, place, scale)
        ours = off.log_marginal(np.array([0.3]), np.array([0.5]), Shape.normal())[0]
        # a likelihood level on both sides has no width to be found: there the one given decides (2e-6)
        assert ours[matters] == pytest.approx(right[matters], abs=5e-6)


@pytest.mark.parametrize("prior", [10.0, 100.0, 1000.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_side_that_only_a_wide_prior_ends_is_no_bend(prior, mirrored):
    """0 of 116 against 3 of 117 with a baseline under a wide prior: level for hundreds of logits on one side.

    Centred half way along, the table missed the bend: errors of 0.2 to 2.6 in the log likelihood at sd 100.
    """
    sign = -1.0 if mirrored else 1.0

    def value(x):
        return -116.0 * softplus(sign * x - 4.0) - 3.0 * softplus(sign * x) - 0.5 * (x / (2.0 * prior)) ** 2

    table = EffectTable.build(value, np.zeros((1,)), np.ones((1,)), 2.0)
    x = np.concatenate(
        [
            np.linspace(-20.0, 20.0, 801),
            np.geomspace(20.0, 3.0 * prior, 50),
            -np.geomspace(20.0, 3.0 * prior, 50),
        ]
    )
    right = value(x)
    likely = right > right.max() + LIKELY
    assert likely.sum() > 400
    ours = table.at(x[None], np.zeros(1, dtype=np.intp))[0]
    assert ours[likely] == pytest.approx(right[likely], abs=INTERPOLATED[LIKELY])
