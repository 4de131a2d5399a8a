"""Family `binomial`: symmetries to rounding, the likelihood against SciPy, what zeros and baselines do."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import marginal
from bayesma.errors import OptionError, PriorError
from bayesma.evidence.counts import TwoArmCounts
from bayesma.evidence.readers import load_data
from bayesma.families import FAMILIES
from bayesma.families.base import Case
from bayesma.priors import Prior

BINOMIAL = FAMILIES["binomial"]
# Symmetries of the exact engine, absolute (its numbers are of order 1).
SAME = 1e-8
# Marginal log likelihoods against sums over a fine grid.
INTEGRAL = 1e-7
MONTE_CARLO = 5.0  # standard errors; one comparison in a million beyond by chance
SHIFTS = {"control": (0.0, 1.0), "midpoint": (-0.5, 0.5)}
LEVELS = [0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 0.995]

BCG = TwoArmCounts.from_frame(
    load_data("bcg"),
    study=["author", "year"],
    events_treat="tpos",
    nonevents_treat="tneg",
    events_ctrl="cpos",
    nonevents_ctrl="cneg",
)
NIEL = TwoArmCounts.from_frame(
    load_data("nielweise2007"),
    study=["author", "year"],
    events_treat="ai",
    n_treat="n1i",
    events_ctrl="ci",
    n_ctrl="n2i",
)
MIXED = TwoArmCounts.from_counts([2, 0, 7, 0], [14, 20, 30, 9], [5, 1, 9, 0], [12, 22, 28, 10])
SMALL = TwoArmCounts.from_counts([2, 0], [14, 20], [5, 1], [12, 22])
SYMMETRIC = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}


def rows(counts, chosen):
    """Some of the studies, in this order."""
    names = ("events_treat", "n_treat", "events_ctrl", "n_ctrl")
    parts = (getattr(counts, name)[chosen] for name in names)
    return TwoArmCounts.from_counts(*parts, [str(s) for s in counts.study[chosen]])


def exact(counts, priors=SYMMETRIC, **options):
    return bm.fit(counts, priors=priors, engine="exact", random_seed=1, draws=2, chains=1, **options)


def of(fit, name):
    """Mean, sd and quantiles, a row each."""
    at = marginal(fit, name)
    return np.column_stack([at.mean(), at.sd(), at.quantile(LEVELS)])


def flipped(numbers):
    """What the numbers are of minus the quantity."""
    return np.column_stack([-numbers[:, 0], numbers[:, 1], -numbers[:, :1:-1]])


def assert_mirrored(one, other):
    for name in ("mu", "delta", "delta_new"):
        assert of(other, name) == pytest.approx(flipped(of(one, name)), abs=SAME), name
    assert of(other, "tau") == pytest.approx(of(one, "tau"), abs=SAME)
    assert other["exact"].attrs["log_evidence"] == pytest.approx(one["exact"].attrs["log_evidence"], abs=SAME)
    above = marginal(other, "mu").probability(0.3, above=True)
    assert above == pytest.approx(marginal(one, "mu").probability(-0.3, above=False), abs=SAME)


# symmetries


@pytest.mark.parametrize("counts", [NIEL, BCG, MIXED], ids=["niel-weise", "bcg", "small"])
@pytest.mark.parametrize(
    "options", [{"coding": "midpoint"}, {"baseline": "conditional"}], ids=["fixed", "cond"]
)
def test_swapped_arms_flip_the_sign_and_nothing_else(counts, options):
    assert_mirrored(exact(counts, **options), exact(counts.swapped(), **options))


def test_swapped_arms_with_student_t_effects():
    options = {"random_effects": "student_t", "nu": 4, "coding": "midpoint"}
    assert_mirrored(*(exact(counts, **options) for counts in (SMALL, SMALL.swapped())))


def test_swapped_arms_are_another_model_when_the_baseline_is_the_control_arm():
    """Each arm in turn has the wide prior: the test above would fail were `coding` ignored."""
    one, other = (exact(counts, coding="control") for counts in (MIXED, MIXED.swapped()))
    assert abs(of(one, "mu")[0, 0] + of(other, "mu")[0, 0]) > 1e-3


@pytest.mark.parametrize("coding", ["control", "midpoint"])
@pytest.mark.parametrize("baseline", ["fixed", "conditional"])
def test_counting_those_without_an_event_flips_the_sign(baseline, coding):
    others = TwoArmCounts.from_counts(
        NIEL.n_treat - NIEL.events_treat, NIEL.n_treat, NIEL.n_ctrl - NIEL.events_ctrl, NIEL.n_ctrl
    )
    both = (exact(counts, baseline=baseline, coding=coding) for counts in (NIEL, others))
    assert_mirrored(*both)


@pytest.mark.parametrize("baseline", ["fixed", "conditional"])
def test_the_order_of_studies_is_no_matter(baseline):
    order = np.random.default_rng(4).permutation(NIEL.k)
    one, other = exact(NIEL, baseline=baseline), exact(rows(NIEL, order), baseline=baseline)
    for name in ("mu", "tau", "delta_new"):
        assert of(other, name) == pytest.approx(of(one, name), abs=SAME), name
    for name in ("delta", "alpha") if baseline == "fixed" else ("delta",):
        assert of(other, name) == pytest.approx(of(one, name)[order], abs=SAME), name


# studies without an event in either arm


@pytest.mark.parametrize(
    ("known", "random_effects"),
    [(NIEL, "normal"), (NIEL, "none"), (SMALL, "student_t")],
    ids=["normal", "none", "student_t"],
)
def test_conditional_models_learn_nothing_from_a_double_zero_study(known, random_effects):
    nothing = TwoArmCounts.from_counts([0, 50], [118, 50], [0, 60], [105, 60], ["none", "all"])
    names = ("events_treat", "n_treat", "events_ctrl", "n_ctrl")
    both = TwoArmCounts.from_counts(
        *(np.concatenate([getattr(c, name) for c in (known, nothing)]) for name in names)
    )
    options = {"baseline": "conditional", "random_effects": random_effects}
    one, other = exact_common(known, options), exact_common(both, options)
    for name in ("mu",) if random_effects == "none" else ("mu", "tau", "delta_new"):
        assert of(other, name) == pytest.approx(of(one, name), abs=SAME), name
    assert other["exact"].attrs["log_evidence"] == pytest.approx(one["exact"].attrs["log_evidence"], abs=SAME)
    if random_effects != "none":  # and its own effect is that of a new study
        assert of(other, "delta")[-1:] == pytest.approx(of(other, "delta_new"), abs=1e-7)


def exact_common(counts, options):
    """Without a prior on tau where there is none."""
    priors = {"mu": "Normal(0, 2)"} if options["random_effects"] == "none" else SYMMETRIC
    return exact(counts, priors, **options)


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ("control", [-0.0207, -0.0082, -0.0035, -0.0016, -0.0006]),
        ("midpoint", [0.0231, 0.0093, 0.0039, 0.0018, 0.0007]),
    ],
)
def test_fixed_baselines_learn_a_little_from_a_double_zero_study(coding, expected):
    """What the one double-zero study of Niel-Weise (0/118 v 0/105) moves the mean of mu by, in posterior sds.

    Measured under alpha ~ Normal(0, 5), (0, 10), (0, 20), (0, 40) and the default (0, 100).
    """
    kept = np.flatnonzero(~NIEL.double_zero)
    assert kept.size == NIEL.k - 1
    shifts = []
    for wide in (5, 10, 20, 40, 100):
        priors = SYMMETRIC | {"alpha": f"Normal(0, {wide})"}
        both = (exact(counts, priors, coding=coding) for counts in (NIEL, rows(NIEL, kept)))
        numbers = [of(fit, "mu")[0] for fit in both]
        shifts.append((numbers[0][0] - numbers[1][0]) / numbers[1][1])
    assert shifts == pytest.approx(expected, abs=6e-5)
    assert np.all(np.diff(np.abs(shifts)) < 0)


@pytest.mark.parametrize("wide", [10, 100])
@pytest.mark.parametrize("coding", list(SHIFTS))
def test_the_integral_over_a_baseline_without_events(coding, wide):
    """0/118 v 0/105 at effects from -12 to 12, by a plain even grid: one side is far wider.

    With steps of 0.1 around the mode it was off by 2e-7 under alpha ~ Normal(0, 100), unevenly.
    """
    counts = TwoArmCounts.from_counts([0], [118], [0], [105])
    priors = {"mu": "Normal(0, 2)", "alpha": f"Normal(0, {wide})"}
    setting = make_setting(counts, None, priors, 1, {"random_effects": "none", "coding": coding})
    mu = np.linspace(-12.0, 12.0, 41)
    ours = BINOMIAL.log_likelihood({"mu": mu}, setting.case)[:, 0]
    alpha = np.linspace(-11.0 * wide, 40.0, 100_001)
    right = []
    for effect in mu:
        control, treated = (np.logaddexp(0.0, alpha + shift * effect) for shift in SHIFTS[coding])
        value = np.exp(-105.0 * control - 118.0 * treated)
        right.append(np.log(value @ stats.norm.pdf(alpha, scale=wide) * (alpha[1] - alpha[0])))
    assert ours == pytest.approx(right, abs=1e-9)


# baselines


def test_the_default_baseline_prior_does_not_move_the_effect():
    """BCG: baselines reach a logit of -7.

    Measured, mean of mu: -0.74877 under alpha ~ Normal(0, 1000), -0.74876 under Normal(0, 100), the default,
    -0.7482 under Normal(0, 10), -0.7022 under Normal(0, 1) (posterior sd 0.193).
    """
    wide, default, narrow = (
        of(exact(BCG, SYMMETRIC | more), "mu")[0]
        for more in ({"alpha": "Normal(0, 1000)"}, {}, {"alpha": "Normal(0, 1)"})
    )
    assert [wide[0], default[0], narrow[0]] == pytest.approx([-0.74877, -0.74876, -0.70217], abs=6e-6)
    assert abs(default[0] - wide[0]) < 1e-4 * wide[1]
    assert narrow[0] > default[0] + 0.2 * default[1]  # why it is not Normal(0, 1)


NOBODY = TwoArmCounts.from_counts([0] * 4, [40, 41, 42, 43], [0] * 4, [43, 42, 41, 40])
UNEVEN = TwoArmCounts.from_counts([0] * 4, [80, 82, 84, 86], [0] * 4, [40, 41, 42, 43])


@pytest.mark.filterwarnings("ignore:.* same outcome in every patient:bayesma.errors.DataWarning")
def test_what_trials_without_events_move_mu_by_under_the_control_coding():
    """Four trials, 0 of about 40 in both arms, mu ~ Normal(0, 2): why the control arm is not the default.

    Measured, mean and sd of mu: -0.066 and 1.98 under alpha ~ Normal(0, 100), -0.72 and 1.76 under (0, 10),
    -1.90 and 1.38 under (0, 3), -3.14 and 1.13 under (0, 1).
    """
    numbers = {
        w: of(exact(NOBODY, SYMMETRIC | {"alpha": f"Normal(0, {w})"}, coding="control"), "mu")[0]
        for w in (1, 3, 10, 100)
    }
    assert [numbers[w][0] for w in (100, 10, 3, 1)] == pytest.approx(
        [-0.066, -0.721, -1.899, -3.141], abs=1e-3
    )
    assert [numbers[w][1] for w in (100, 10, 3, 1)] == pytest.approx([1.980, 1.756, 1.377, 1.130], abs=1e-3)


@pytest.mark.filterwarnings("ignore:.* same outcome in every patient:bayesma.errors.DataWarning")
@pytest.mark.parametrize("wide", [1, 3, 10, 100, 1000])
def test_trials_without_events_and_equal_arms_move_mu_nowhere(wide):
    """Midway between the arms the mean stays at 0 under any prior of the baselines."""
    fit = exact(NOBODY, SYMMETRIC | {"alpha": f"Normal(0, {wide})"})
    assert of(fit, "mu")[0, 0] == pytest.approx(0.0, abs=SAME)
    assert of(exact(NOBODY, baseline="conditional"), "mu")[0, :2] == pytest.approx([0.0, 2.0], abs=1e-7)


@pytest.mark.filterwarnings("ignore:.* same outcome in every patient:bayesma.errors.DataWarning")
def test_the_default_baseline_prior_on_uneven_trials_without_events():
    """Four trials, 0 of about 80 v 0 of about 40, mu ~ Normal(0, 2): what they move mu by.

    Measured, mean of mu: -0.0013 under alpha ~ Normal(0, 1000), -0.0135 under (0, 100), -0.163 under (0, 10),
    -0.663 under (0, 1).
    """
    means = {w: of(exact(UNEVEN, SYMMETRIC | {"alpha": f"Normal(0, {w})"}), "mu")[0, 0] for w in (1, 10, 100)}
    assert list(means.values()) == pytest.approx([-0.6630, -0.1627, -0.0135], abs=6e-5)
    assert of(exact(UNEVEN), "mu")[0, 0] == pytest.approx(means[100], abs=1e-12)  # which is the default


@pytest.mark.filterwarnings("ignore:.* same outcome in every patient:bayesma.errors.DataWarning")
@pytest.mark.parametrize("coding", ["midpoint", "control"])
@pytest.mark.parametrize("wide", [30, 100, 1000])
def test_however_wide_the_baselines_of_trials_without_events(wide, coding):
    """The integral must be as accurate as any: it warns beyond 1e-6."""
    fit = exact(UNEVEN, SYMMETRIC | {"alpha": f"Normal(0, {wide})"}, coding=coding)
    mean, sd = of(fit, "mu")[0, :2]
    assert -0.3 < mean < 0.0
    assert 1.9 < sd < 2.0


# the four numbers: no direction from no information

THREE = ([3, 4, 2], [100, 120, 90], [3, 4, 2], [100, 120, 90])


def with_silent(k, n_treat, n_ctrl):
    """Three trials with as many events in either arm, and k trials without any."""
    nothing = ([0] * k, [n_treat] * k, [0] * k, [n_ctrl] * k)
    return TwoArmCounts.from_counts(*(some + none for some, none in zip(THREE, nothing, strict=True)))


THIRTY = TwoArmCounts.from_counts([0] * 30, [50] * 30, [0] * 30, [50] * 30)
# (counts, options, what |P(mu < 0) - 1/2| may be): exactly nothing for equal arms, 0.02 for unequal ones.
NO_DIRECTION = {
    "thirty 0/50 v 0/50": (THIRTY, {}, SAME),
    "three, twenty 0/100 v 0/100": (with_silent(20, 100, 100), {}, SAME),
    "0/12 v 0/6": (TwoArmCounts.from_counts([0], [12], [0], [6]), {"random_effects": "none"}, 0.02),
    "three, sixty 0/200 v 0/100": (with_silent(60, 200, 100), {}, 0.02),
}


@pytest.mark.parametrize(("counts", "options", "within"), NO_DIRECTION.values(), ids=list(NO_DIRECTION))
def test_trials_without_events_make_no_direction(counts, options, within):
    """Under all defaults; by the control arm and alpha ~ Normal(0, 10) it was 0.988, 0.731, 0.595, 0.984."""
    fit = exact(counts, None, **options)
    below = bm.prob(fit, "mu", below=0.0)
    assert below == pytest.approx(0.5, abs=within)
    assert bm.prob(exact(counts.swapped(), None, **options), "mu", above=0.0) == pytest.approx(
        below, abs=SAME
    )
    conditional = exact(counts, None, baseline="conditional", **options)
    assert bm.prob(conditional, "mu", below=0.0) == pytest.approx(0.5, abs=SAME)


# limits


@pytest.mark.parametrize("baseline", ["fixed", "conditional"])
def test_one_common_effect_is_the_limit_of_no_heterogeneity(baseline):
    common = exact(MIXED, {"mu": "Normal(0, 2)"}, random_effects="none", baseline=baseline)
    limit = exact(MIXED, {"mu": "Normal(0, 2)", "tau": "HalfNormal(1e-6)"}, baseline=baseline)
    assert of(limit, "mu") == pytest.approx(of(common, "mu"), abs=1e-8)
    assert limit["exact"].attrs["log_evidence"] == pytest.approx(
        common["exact"].attrs["log_evidence"], abs=1e-8
    )


@pytest.mark.parametrize("baseline", ["fixed", "conditional"])
def test_many_degrees_of_freedom_are_normal(baseline):
    normal = exact(MIXED, baseline=baseline)
    student = exact(MIXED, baseline=baseline, random_effects="student_t", nu=1e6)
    for name in ("mu", "tau", "delta", "delta_new"):
        assert of(student, name) == pytest.approx(of(normal, name), abs=2e-5), name


# the likelihood against SciPy

HYPER = {"mu": 0.4, "tau": 0.7, "alpha_mean": -1.2, "alpha_sd": 0.9, "rho": -0.6}


def log_likelihood(counts, priors=SYMMETRIC, values=HYPER, **options):
    """Ours, shape (k,)."""
    setting = make_setting(counts, None, priors, 1, options)
    draws = {p.name: np.array([values[p.name]]) for p in BINOMIAL.hyper(setting.options)}
    return BINOMIAL.log_likelihood(draws, setting.case)[0]


def two_arms(counts, i, alpha, delta, coding):
    """Probability of study i at baselines (a, 1) and effects (1, d)."""
    to_control, to_treated = SHIFTS[coding]
    control = (counts.events_ctrl[i], counts.n_ctrl[i], alpha + to_control * delta)
    return np.exp(
        log_pmf(*control) + log_pmf(counts.events_treat[i], counts.n_treat[i], alpha + to_treated * delta)
    )


def log_pmf(y, n, logit):
    """Binomial, where SciPy's own overflows: risks that round to 0 or 1."""
    return (
        math.log(math.comb(int(n), int(y))) - y * np.logaddexp(0, -logit) - (n - y) * np.logaddexp(0, logit)
    )


def test_the_binomial_probabilities_used_here_are_those_of_scipy():
    logit = np.array([-4.0, 0.3, 2.0])
    assert log_pmf(3, 11, logit) == pytest.approx(stats.binom.logpmf(3, 11, expit(logit)), rel=1e-12)


def spaced(frozen, reach, size=801):
    """Places far into the tails of a distribution, and the weights of an integral against it."""
    z = np.linspace(-reach, reach, size)
    x = frozen.mean() + frozen.kwds.get("scale", 1.0) * np.sinh(z)
    return x, frozen.pdf(x) * frozen.kwds.get("scale", 1.0) * np.cosh(z) * (z[1] - z[0])


@pytest.mark.parametrize("coding", list(SHIFTS))
@pytest.mark.parametrize("effects", ["normal", "student_t"])
@pytest.mark.parametrize(
    ("prior", "frozen"),
    [
        ("Normal(-1, 3)", stats.norm(loc=-1, scale=3)),
        ("StudentT(4, -1, 2)", stats.t(df=4, loc=-1, scale=2)),
    ],
)
def test_fixed_baselines(coding, effects, prior, frozen):
    nu = {"nu": 5} if effects == "student_t" else {}
    ours = log_likelihood(MIXED, SYMMETRIC | {"alpha": prior}, coding=coding, random_effects=effects, **nu)
    alpha, to_alpha = spaced(frozen, 8.0 if "Student" in prior else 3.5)
    of_effects = stats.t(df=5, loc=0.4, scale=0.7) if nu else stats.norm(loc=0.4, scale=0.7)
    delta, to_delta = spaced(of_effects, 8.0 if nu else 3.5)
    for i in range(MIXED.k):
        right = to_alpha @ two_arms(MIXED, i, alpha[:, None], delta, coding) @ to_delta
        assert ours[i] == pytest.approx(math.log(right), abs=INTEGRAL), i


def test_a_common_effect_with_fixed_baselines():
    priors = {"mu": "Normal(0, 2)", "alpha": "Normal(-1, 3)"}
    ours = log_likelihood(MIXED, priors, random_effects="none", coding="control")
    alpha, weight = spaced(stats.norm(loc=-1, scale=3), 3.5)
    for i in range(MIXED.k):
        right = weight @ two_arms(MIXED, i, alpha, 0.4, "control")
        assert ours[i] == pytest.approx(math.log(right), abs=INTEGRAL), i


@pytest.mark.parametrize("coding", list(SHIFTS))
@pytest.mark.parametrize("baseline", ["random", "correlated"])
def test_random_baselines(coding, baseline):
    values = HYPER | ({} if baseline == "correlated" else {"rho": 0.0})
    ours = log_likelihood(MIXED, values=values, baseline=baseline, coding=coding)
    alpha, to_alpha = spaced(stats.norm(loc=-1.2, scale=0.9), 3.5, 401)
    z, to_z = spaced(stats.norm(loc=0.0, scale=1.0), 3.5, 401)
    rho = values["rho"]
    delta = 0.4 + 0.7 * (rho * ((alpha + 1.2) / 0.9)[:, None] + math.sqrt(1 - rho**2) * z)
    for i in range(MIXED.k):
        right = to_alpha @ two_arms(MIXED, i, alpha[:, None], delta, coding) @ to_z
        assert ours[i] == pytest.approx(math.log(right), abs=INTEGRAL), i


def test_conditional():
    ours = log_likelihood(MIXED, baseline="conditional")
    delta, weight = spaced(stats.norm(loc=0.4, scale=0.7), 3.5, 401)
    for i in range(MIXED.k):
        n_t, n_c, a = MIXED.n_treat[i], MIXED.n_ctrl[i], MIXED.events_treat[i]
        total = a + MIXED.events_ctrl[i]
        right = np.array([stats.nchypergeom_fisher.pmf(a, n_t + n_c, n_t, total, np.exp(x)) for x in delta])
        assert ours[i] == pytest.approx(math.log(weight @ right), abs=INTEGRAL), i


def test_conditional_of_large_trials():
    """88,391 patients in each arm, 1,004 events: the sum over all tables, in SciPy's own way."""
    big = rows(BCG, np.array([7]))
    ours = log_likelihood(
        big, {"mu": "Normal(0, 2)"}, {"mu": 0.05}, baseline="conditional", random_effects="none"
    )
    table = stats.nchypergeom_fisher(2 * 88_391, 88_391, 505 + 499, math.exp(0.05))
    assert ours[0] == pytest.approx(math.log(table.pmf(505)), abs=1e-6)


# draws beside the exact marginals


@pytest.fixture(scope="module", params=["normal", "none", "control", "student_t"])
def drawn(request):
    options = {
        "normal": {},
        "none": {"random_effects": "none"},
        "control": {"coding": "control"},
        "student_t": {"random_effects": "student_t"},
    }[request.param]
    priors = {"mu": "Normal(0, 2)"} if request.param == "none" else SYMMETRIC
    return bm.fit(MIXED, priors=priors, engine="exact", random_seed=5, draws=2000, chains=2, **options)


def test_draws_follow_the_exact_marginals(drawn):
    """Shares below nine quantiles of mu, tau, each effect, each baseline and a new study's effect."""
    wrong, compared = [], 0
    for name in drawn["posterior"].data_vars:
        values = drawn["posterior"][name].values.reshape(4000, -1)
        levels = np.array([0.005, 0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.995])
        places = marginal(drawn, str(name)).quantile(levels)
        share = (values[:, :, None] < places).mean(axis=0)
        z = (share - levels) / np.sqrt(levels * (1 - levels) / 4000)
        compared += z.size
        wrong += [(name, *at, round(float(z[*at]), 1)) for at in np.argwhere(np.abs(z) > MONTE_CARLO)]
    assert compared >= 45
    assert not wrong, wrong


def test_draws_have_the_exact_moments(drawn):
    for name in drawn["posterior"].data_vars:
        values = drawn["posterior"][name].values.reshape(4000, -1)
        at = marginal(drawn, str(name))
        z = (values.mean(axis=0) - at.mean()) / at.sd() * math.sqrt(4000)
        assert np.all(np.abs(z) < MONTE_CARLO), (name, z)


def test_alpha_and_delta_are_drawn_together():
    """Of a large trial: the treated arm's logit is as narrow as its own data, though both parts vary more."""
    large = TwoArmCounts.from_counts([200], [1000], [300], [1000])
    fit = bm.fit(large, priors=SYMMETRIC, engine="exact", random_seed=5, draws=2000, chains=2)
    treated = (fit["posterior"]["alpha"] + 0.5 * fit["posterior"]["delta"]).values.reshape(-1)
    assert treated.mean() == pytest.approx(math.log(0.25), abs=0.02)
    assert treated.std() == pytest.approx(math.sqrt(1 / 200 + 1 / 800), rel=0.07)


# simulation


def test_simulated_counts():
    """Means of logits of large arms, by baseline; margins that stay."""
    design = TwoArmCounts.from_counts([10], [10**7], [10], [10**7])
    rng = np.random.default_rng(2)
    for coding, (to_c, to_t) in SHIFTS.items():
        options = BINOMIAL.checked_options({"coding": coding})
        made = BINOMIAL.simulate({"mu": 0.8, "tau": 0.0, "alpha": -1.0}, design, options, rng)
        logits = [math.log(y[0] / (n[0] - y[0])) for y, n in arms(made)]
        assert logits == pytest.approx([-1.0 + to_t * 0.8, -1.0 + to_c * 0.8], abs=0.005)
    options = BINOMIAL.checked_options({"baseline": "correlated", "coding": "control"})
    values = {"mu": 0.4, "tau": 0.7, "alpha_mean": -1.2, "alpha_sd": 0.9, "rho": -0.6}
    made = [BINOMIAL.simulate(values, design, options, rng) for _ in range(3000)]
    logits = np.array([[math.log(y[0] / (n[0] - y[0])) for y, n in arms(one)] for one in made])
    delta, alpha = logits[:, 0] - logits[:, 1], logits[:, 1]
    assert np.corrcoef(alpha, delta)[0, 1] == pytest.approx(-0.6, abs=MONTE_CARLO * 0.64 / math.sqrt(3000))
    assert [alpha.std(), delta.std()] == pytest.approx([0.9, 0.7], rel=MONTE_CARLO / math.sqrt(6000))
    assert [alpha.mean(), delta.mean()] == pytest.approx([-1.2, 0.4], abs=MONTE_CARLO * 0.9 / math.sqrt(3000))


def arms(counts):
    return (counts.events_treat, counts.n_treat), (counts.events_ctrl, counts.n_ctrl)


def test_simulated_tables_keep_their_margins():
    options = BINOMIAL.checked_options({"baseline": "conditional", "random_effects": "none"})
    rng = np.random.default_rng(2)
    made = [BINOMIAL.simulate({"mu": 0.8}, MIXED, options, rng) for _ in range(2000)]
    treated = np.array([one.events_treat for one in made])
    total = MIXED.events_treat + MIXED.events_ctrl
    assert all(np.array_equal(one.events_treat + one.events_ctrl, total) for one in made)
    for i in range(MIXED.k):
        n_t, n_c = MIXED.n_treat[i], MIXED.n_ctrl[i]
        right = stats.nchypergeom_fisher(n_t + n_c, n_t, total[i], math.exp(0.8))
        error = math.sqrt(max(right.var(), 1e-300) / 2000)
        assert abs(treated[:, i].mean() - right.mean()) <= MONTE_CARLO * error + 1e-9, i


# which moments exist


def moments(counts, priors, **options):
    setting = make_setting(counts, None, priors, 1, options)
    return BINOMIAL.moments_below(setting.case)


HEAVY = {"mu": "Cauchy(0, 1)", "tau": "HalfCauchy(1)"}
LIGHT = {"mu": "Normal(0, 1)", "tau": "HalfNormal(1)"}


@pytest.mark.parametrize(
    ("chosen", "priors", "options", "expected"),
    [
        # light tails: everything has moments
        ([0, 2], LIGHT, {}, {"mu": math.inf, "tau": math.inf, "delta": math.inf, "alpha": math.inf}),
        # studies 0 and 2 vanish on both sides: tau 2 + 1, mu 1 + 3, effects bounded by their own data
        ([0, 2], HEAVY, {}, {"mu": 4.0, "tau": 3.0, "delta": math.inf, "delta_new": 3.0}),
        # 0 of 20 against 1 of 22 leaves delta free to fall: one study less, and no bound on its own effect
        ([0, 1], HEAVY, {"coding": "control"}, {"mu": 3.0, "tau": 2.0, "delta": 2.0, "delta_new": 2.0}),
        # by itself it does not bound mu below, nor tau
        ([1], HEAVY, {"coding": "control"}, {"mu": 1.0, "tau": 1.0, "delta": 1.0, "delta_new": 1.0}),
        # midway: as delta falls the control arm's risk would go to 1, which its 21 without event contradict
        ([1], HEAVY, {}, {"mu": 3.0, "tau": 2.0, "delta": math.inf, "delta_new": 2.0}),
        # conditional: one event in all, in the control arm, bounds from above only
        ([1], HEAVY, {"baseline": "conditional"}, {"mu": 1.0, "tau": 1.0, "delta": 1.0}),
        ([0], HEAVY, {"baseline": "conditional"}, {"mu": 3.0, "tau": 2.0, "delta": math.inf}),
        # no event at all: nothing
        ([3], HEAVY, {"baseline": "conditional"}, {"mu": 1.0, "tau": 1.0, "delta": 1.0}),
        # Student-t effects: a new one has moments below nu
        ([0, 2], LIGHT, {"random_effects": "student_t", "nu": 2.5}, {"delta": math.inf, "delta_new": 2.5}),
        # a common effect
        ([0], {"mu": "Cauchy(0, 1)"}, {"random_effects": "none"}, {"mu": math.inf}),
        ([1], {"mu": "Cauchy(0, 1)"}, {"random_effects": "none", "coding": "control"}, {"mu": 1.0}),
        # baselines: their prior's where a study has no event
        ([0, 1], LIGHT | {"alpha": "StudentT(3, 0, 10)"}, {}, {"alpha": math.inf}),
        ([0, 3], LIGHT | {"alpha": "StudentT(3, 0, 10)"}, {}, {"alpha": 3.0}),
    ],
)
def test_which_moments_exist(chosen, priors, options, expected):
    found = moments(rows(MIXED, np.array(chosen)), priors, **options)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("chosen", "power"), [([0, 2], 4.0), ([0, 1], 3.0), ([1], 2.0)])
def test_the_tail_of_tau_falls_so_fast(chosen, power):
    """The density of tau falls like tau^-(1 + moments), here between 1e3 and 1e4, mu integrated out."""
    setting = make_setting(rows(MIXED, np.array(chosen)), None, HEAVY, 1, {"coding": "control"})
    assert BINOMIAL.moments_below(setting.case)["tau"] == power - 1.0
    mu, weight = _cauchy()
    heights = []
    for tau in (1e3, 1e4):
        value = BINOMIAL.log_likelihood({"mu": mu, "tau": np.full(mu.size, tau)}, setting.case).sum(axis=1)
        heights.append(math.log(weight @ np.exp(value)) + stats.halfcauchy.logpdf(tau))
    assert (heights[0] - heights[1]) / math.log(10.0) == pytest.approx(power, abs=0.02)


def _cauchy():
    """Places of mu and the weights of a Cauchy prior."""
    z = np.linspace(-30.0, 30.0, 4001)
    x = np.sinh(z)
    return x, stats.cauchy.pdf(x) * np.cosh(z) * (z[1] - z[0])


# what is refused


@pytest.mark.parametrize(
    ("priors", "options", "message"),
    [
        (
            {"mu": "Flat()"},
            {},
            r"prior Flat\(\) for mu is improper; .* proper priors only: .*Normal\(0, 10\)",
        ),
        ({"tau": "Flat()"}, {}, "for tau is improper"),
        ({"alpha": "Flat()"}, {}, "for alpha is improper"),
        (
            {"alpha": "Truncated(Normal(0, 10), lower=-5)"},
            {},
            "baselines take Normal, StudentT, Cauchy, untrunc",
        ),
        ({"alpha": "Uniform(-10, 10)"}, {}, "prior Uniform.* for alpha: baselines take .* use a wide Normal"),
        ({"alpha": "Normal(0, 1)"}, {"baseline": "conditional"}, "names 'alpha', which this model has not"),
        ({"alpha": "Normal(0, 1)"}, {"baseline": "random"}, "names 'alpha', which this model has not"),
        ({"rho": "LKJ(2)"}, {"baseline": "random"}, "names 'rho', which this model has not"),
        ({"rho": "Normal(0, 1)"}, {"baseline": "correlated"}, "for rho has mass below -1"),
        ({"tau": "HalfNormal(1)"}, {"random_effects": "none"}, "names 'tau', which this model has not"),
        (
            {},
            {"baseline": "random"},
            "exact' has no integral for baseline = 'random'.* use engine='nuts', or",
        ),
        ({}, {"baseline": "correlated"}, "has no integral for baseline = 'correlated'"),
    ],
)
def test_priors_that_are_refused(priors, options, message):
    with pytest.raises(PriorError, match=message):
        bm.fit(MIXED, priors=priors, engine="exact", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nu": 4}, "option nu of family 'binomial' goes with random_effects='student_t'.* leave nu out"),
        ({"nu": 4, "random_effects": "none"}, "goes with random_effects='student_t'"),
        (
            {"nu": 0, "random_effects": "student_t"},
            "nu of family 'binomial' is 0; it must be a finite number",
        ),
        ({"nu": True, "random_effects": "student_t"}, "is True; it must be a finite number above 0"),
        (
            {"baseline": "free"},
            "baseline of family 'binomial' is 'free'; it must be one of 'fixed', 'random'",
        ),
        ({"coding": "treated"}, "it must be one of 'control', 'midpoint'"),
        (
            {"distribution": "beta-binomial"},
            "has no option 'distribution'; its options are: baseline, coding",
        ),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        bm.fit(MIXED, engine="exact", **options)


def test_crude_estimates_are_for_display_only():
    """Half an event is added to tables with a zero, nothing is said of a double zero; no fit sees either."""
    estimate, se = BINOMIAL.crude(BINOMIAL.arrays(MIXED, {}))
    assert estimate[0] == pytest.approx(math.log((2 / 12) / (5 / 7)))
    assert estimate[1] == pytest.approx(math.log((0.5 / 20.5) / (1.5 / 21.5)))
    assert se[1] == pytest.approx(math.sqrt(1 / 0.5 + 1 / 20.5 + 1 / 1.5 + 1 / 21.5))
    assert np.isnan(estimate[3]) and np.isnan(se[3])
    case = Case(BINOMIAL.arrays(MIXED, {}), {}, BINOMIAL.checked_options({"baseline": "conditional"}))
    assert BINOMIAL.log_likelihood({"mu": np.zeros(1), "tau": np.ones(1)}, case)[0, 3] == pytest.approx(
        0.0, abs=1e-12
    )


def test_moderators_of_counts_by_a_plain_sum_over_three_parameters():
    """Evidence and moments from the NumPy marginal on an even grid of mu, beta and tau."""
    counts = TwoArmCounts.from_counts(
        [2, 1, 7, 3],
        [14, 20, 30, 25],
        [5, 1, 9, 8],
        [12, 22, 28, 24],
        table=pd.DataFrame({"dose": [1, 4, 2, 3]}),
    )
    priors = {"mu": "Normal(0, 1)", "beta": "Normal(0, 0.5)", "tau": "HalfNormal(0.4)"}
    setting = make_setting(counts, "binomial", priors, 1, {"moderators": ["dose"]})
    mu, beta, tau = np.linspace(-4.5, 4.0, 61), np.linspace(-2.5, 2.5, 61), (np.arange(40) + 0.5) * 0.055
    grid = [one.ravel() for one in np.meshgrid(mu, beta, tau, indexing="ij")]
    draws = {"mu": grid[0], "beta": grid[1][:, None], "tau": grid[2]}
    height = BINOMIAL.log_likelihood(draws, setting.case).sum(axis=1)
    for name, prior in priors.items():
        height += Prior.parse(prior).logpdf(draws[name].ravel())
    cell = (mu[1] - mu[0]) * (beta[1] - beta[0]) * (tau[1] - tau[0])
    weight = np.exp(height - height.max())
    fit = exact(counts, priors, moderators=["dose"])
    evidence = height.max() + math.log(weight.sum() * cell)
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(evidence, abs=2e-4)
    weight /= weight.sum()
    for name, values in zip(("mu", "beta", "tau"), grid, strict=True):
        mean = weight @ values
        found = of(fit, name)[0]
        assert (found[0], found[1]) == pytest.approx((mean, np.sqrt(weight @ (values - mean) ** 2)), abs=1e-3)


def test_a_category_of_counts_is_two_analyses_where_nothing_is_shared():
    """Under one common effect and a flat enough prior two groups are as good as apart."""
    table = pd.DataFrame({"cells": ["UC", "UC", "BM", "BM"]})
    both = TwoArmCounts.from_counts(
        [8, 9, 3, 5], [40, 41, 30, 37], [5, 6, 9, 8], [42, 44, 29, 33], table=table
    )
    wide = {"mu": "Normal(0, 40)", "beta": "Normal(0, 40)"}
    fit = exact(both, wide, random_effects="none", moderators=["cells"])
    apart = [
        of(exact(rows(both, chosen), {"mu": "Normal(0, 40)"}, random_effects="none"), "mu")[0, 0]
        for chosen in ([2, 3], [0, 1])
    ]
    assert of(fit, "beta")[0, 0] == pytest.approx(apart[1] - apart[0], abs=2e-3)
    assert of(fit, "mu")[0, 0] == pytest.approx(np.mean(apart), abs=2e-3)


def test_several_columns_of_moderators_take_nuts():
    with pytest.raises(
        PriorError, match=r"no integral for 2 columns of moderators with counts; use engine='nuts'"
    ):
        exact(
            TwoArmCounts.from_counts(
                [2, 1, 7, 3],
                [14, 20, 30, 25],
                [5, 1, 9, 8],
                [12, 22, 28, 24],
                table=pd.DataFrame({"dose": [1, 4, 2, 3], "year": [1, 2, 4, 8]}),
            ),
            moderators=["dose", "year"],
        )
