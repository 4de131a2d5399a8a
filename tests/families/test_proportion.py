"""Family `proportion`: symmetries to rounding, the likelihood against SciPy, draws, what is refused."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import marginal
from bayesma.errors import ConvergenceWarning, OptionError, PriorError
from bayesma.evidence.counts import ArmCounts
from bayesma.evidence.readers import load_data
from bayesma.families import FAMILIES

PROPORTION = FAMILIES["proportion"]
# Symmetries of the exact engine, absolute (its numbers are of order 1).
SAME = 1e-8
# Marginal log likelihoods against sums over a fine grid; closed forms against SciPy's.
INTEGRAL, CLOSED = 1e-7, 1e-10
MONTE_CARLO = 5.0  # standard errors; one comparison in a million beyond by chance
LEVELS = [0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 0.995]

PRITZ = ArmCounts.from_frame(load_data("pritz1997"), events="xi", n="ni", study="authors")
MIXED = ArmCounts.from_counts([3, 0, 7, 9], [14, 20, 30, 9])
CENTRES = ArmCounts.from_counts([3, 0, 7, 4], [14, 20, 30, 9], ["A", "A", "B", "C"], list("xyxx"))
NORMAL = {"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1)"}
BETA = {"mean": "Beta(1, 1)", "kappa": "Gamma(2, 0.1)"}
BINOMIAL = {"distribution": "beta-binomial"}


def exact(counts, priors=NORMAL, draws=2, **options):
    return bm.fit(counts, priors=priors, engine="exact", random_seed=5, draws=draws, chains=1, **options)


def of(fit, name):
    """Mean, sd and quantiles, a row each."""
    at = marginal(fit, name)
    return np.column_stack([at.mean(), at.sd(), at.quantile(LEVELS)])


def flipped(numbers, whole=0.0):
    """What the numbers are of `whole` minus the quantity."""
    return np.column_stack([whole - numbers[:, 0], numbers[:, 1], whole - numbers[:, :1:-1]])


def without(counts):
    """Those without an event, counted instead."""
    return ArmCounts.from_counts(counts.n - counts.events, counts.n, list(counts.study))


@pytest.mark.parametrize("counts", [PRITZ, MIXED], ids=["pritz", "small"])
def test_counting_those_without_an_event_flips_the_sign(counts):
    one, other = exact(counts), exact(without(counts))
    for name in ("mu", "theta", "theta_new"):
        assert of(other, name) == pytest.approx(flipped(of(one, name)), abs=SAME), name
    assert of(other, "tau") == pytest.approx(of(one, "tau"), abs=SAME)
    assert other["exact"].attrs["log_evidence"] == pytest.approx(one["exact"].attrs["log_evidence"], abs=SAME)


def test_counting_those_without_an_event_in_a_beta_binomial_model():
    one, other = exact(PRITZ, BETA, **BINOMIAL), exact(without(PRITZ), BETA, **BINOMIAL)
    assert of(other, "mean") == pytest.approx(flipped(of(one, "mean"), 1.0), abs=SAME)
    assert of(other, "kappa") == pytest.approx(of(one, "kappa"), abs=1e-6)  # of order 10
    assert of(other, "theta") == pytest.approx(flipped(of(one, "theta")), abs=1e-6)


@pytest.mark.parametrize(("priors", "options"), [(NORMAL, {}), (BETA, BINOMIAL)], ids=["normal", "beta"])
def test_the_order_of_studies_is_no_matter(priors, options):
    order = np.random.default_rng(4).permutation(PRITZ.k)
    moved = ArmCounts.from_counts(PRITZ.events[order], PRITZ.n[order], list(PRITZ.study[order]))
    one, other = exact(PRITZ, priors, **options), exact(moved, priors, **options)
    for name in (*priors, "theta_new"):
        assert of(other, name) == pytest.approx(of(one, name), abs=SAME), name
    assert of(other, "theta") == pytest.approx(of(one, "theta")[order], abs=SAME)


def test_one_common_risk_is_the_limit_of_no_heterogeneity():
    common = exact(MIXED, {"mu": "Normal(0, 1.5)"}, random_effects="none")
    limit = exact(MIXED, {"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1e-6)"})
    assert of(limit, "mu") == pytest.approx(of(common, "mu"), abs=SAME)
    assert limit["exact"].attrs["log_evidence"] == pytest.approx(
        common["exact"].attrs["log_evidence"], abs=SAME
    )


def test_one_common_risk_needs_only_the_sums():
    pooled = ArmCounts.from_counts([MIXED.events.sum()], [MIXED.n.sum()])
    one, other = (exact(c, {"mu": "Normal(0, 1.5)"}, random_effects="none") for c in (MIXED, pooled))
    assert of(other, "mu") == pytest.approx(of(one, "mu"), abs=SAME)


def test_a_common_risk_against_a_sum():
    fit = exact(ArmCounts.from_counts([0, 3], [14, 30]), {"mu": "Normal(0, 1.5)"}, random_effects="none")
    mu = np.linspace(-12.0, 12.0, 4001)
    weight = (
        stats.norm.pdf(mu, 0.0, 1.5) * stats.binom.pmf(0, 14, expit(mu)) * stats.binom.pmf(3, 30, expit(mu))
    )
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(math.log(weight.sum() * 0.006), abs=SAME)
    weight /= weight.sum()
    mean = mu @ weight
    sd = math.sqrt((mu - mean) ** 2 @ weight)
    assert of(fit, "mu")[0, :2] == pytest.approx([mean, sd], abs=SAME)


def test_many_degrees_of_freedom_are_normal():
    normal, student = exact(MIXED), exact(MIXED, random_effects="student_t", nu=1e6)
    for name in ("mu", "tau", "theta", "theta_new"):
        assert of(student, name) == pytest.approx(of(normal, name), abs=2e-5), name


# defaults: every risk equally likely, and tails that let rare events speak


@pytest.mark.parametrize(("events", "n"), [(0, 6), (3, 20), (5, 500_000), (40, 40)])
def test_one_study_under_the_default_has_the_posterior_of_a_uniform_risk(events, n):
    fit = bm.fit(ArmCounts.from_counts([events], [n]), random_effects="none", engine="exact", random_seed=1)
    risk = stats.beta(1 + events, 1 + n - events)
    assert expit(of(fit, "mu")[0, 2:]) == pytest.approx(risk.ppf(LEVELS), rel=SAME)
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(-math.log(n + 1), abs=SAME)


# A plain grid of mu by tau, 2401 by 240, and 361 of the effect, apart from bayesma: digits that it keeps.
GRID = 1e-6
RARE = [5, 8], [500_000, 700_000]


def test_rare_events_are_not_pulled_to_one_half():
    """Normal(0, 2) put the median risk of two cohorts that agree at 1.1e-5 at 1.2e-3."""
    fit = bm.fit(ArmCounts.from_counts(*RARE), engine="exact", random_seed=1)
    found = of(fit, "mu")[0]
    assert found[:2] == pytest.approx([-11.318960487, 0.432891613], abs=GRID)
    low, middle, high = expit(found[[3, 5, 7]])
    assert middle == pytest.approx(1.189e-5, rel=1e-3)
    assert (low, high) == pytest.approx((5.55e-6, 3.18e-5), rel=2e-3)
    assert of(fit, "tau")[0, :2] == pytest.approx([0.333660863, 0.272470108], abs=GRID)


def test_counts_and_their_logits_have_the_same_defaults():
    counts = ArmCounts.from_counts(*RARE)
    logits = bm.effect_sizes(counts.to_frame(), "PLO", events="events", n="n", study="study")
    fits = [bm.fit(one, engine="exact", random_seed=1) for one in (counts, logits)]
    said = [fit.attrs["priors"] for fit in fits]
    assert said == ['{"mu": "Logistic(0, 1)", "tau": "HalfNormal(0.5)"}'] * 2
    # the logits of 5 and 8 events are only nearly normal: a tenth of a posterior sd
    assert of(fits[1], "mu")[0, 0] == pytest.approx(of(fits[0], "mu")[0, 0], abs=0.06)


def test_the_median_risk_of_a_beta_binomial_model_without_events():
    """0 of 40: nodes whose mean risk rounds to 0 or 1 made it NaN. A grid of 4000 by 300 in SciPy: 0.0418."""
    with pytest.warns(ConvergenceWarning):  # the density of the mean risk has no limit at 0
        fit = bm.fit(
            ArmCounts.from_counts([0], [40]), distribution="beta-binomial", engine="exact", random_seed=1
        )
    risks = bm.predict(fit)
    assert risks.loc["median proportion", "mean"] == pytest.approx(0.0418, abs=0.0005)
    assert risks.loc["mean proportion", "mean"] == pytest.approx(0.0651, abs=0.0005)
    assert np.all(np.isfinite(risks[["mean", "sd", "median", "ci_low", "ci_high"]].to_numpy(dtype=float)))


# the likelihood against SciPy


def log_likelihood(counts, priors, values, **options):
    """Ours, shape (k,)."""
    setting = make_setting(counts, None, priors, 1, options)
    draws = {name: np.array([value]) for name, value in values.items()}
    return PROPORTION.log_likelihood(draws, setting.case)[0]


def spaced(frozen, scale, reach):
    """Places far into the tails of a distribution around 0.4, and the weights of an integral against it."""
    z = np.linspace(-reach, reach, 1601)
    x = 0.4 + scale * np.sinh(z)
    return x, frozen.pdf(x) * scale * np.cosh(z) * (z[1] - z[0])


@pytest.mark.parametrize("tau", [0.05, 0.7, 5.0])
@pytest.mark.parametrize("nu", [None, 3.0])
def test_logit_normal(tau, nu):
    options = {"random_effects": "student_t", "nu": nu} if nu else {}
    ours = log_likelihood(MIXED, NORMAL, {"mu": 0.4, "tau": tau}, **options)
    frozen = stats.t(nu, 0.4, tau) if nu else stats.norm(0.4, tau)
    theta, weight = spaced(frozen, tau, 9.0 if nu else 3.5)
    for i in range(MIXED.k):
        with np.errstate(under="ignore"):
            inner = np.abs(theta) < 300.0
            right = weight[inner] @ stats.binom.pmf(MIXED.events[i], MIXED.n[i], expit(theta[inner]))
            if MIXED.events[i] in (0, MIXED.n[i]):  # what lies further out has likelihood 1, on one side
                right += weight[(theta <= -300.0) if MIXED.events[i] == 0 else (theta >= 300.0)].sum()
        unlikely = right < math.exp(-10.0)  # far below its peak a likelihood is known relative to the peak
        assert ours[i] == pytest.approx(math.log(right), abs=5e-6 if unlikely else INTEGRAL), i


def test_common():
    ours = log_likelihood(MIXED, {"mu": "Normal(0, 1.5)"}, {"mu": -0.8}, random_effects="none")
    assert ours == pytest.approx(stats.binom.logpmf(MIXED.events, MIXED.n, expit(-0.8)), abs=INTEGRAL)


@pytest.mark.parametrize(("mean", "kappa"), [(0.2, 0.3), (0.5, 14.0), (0.97, 900.0)])
def test_beta_binomial(mean, kappa):
    ours = log_likelihood(MIXED, BETA, {"mean": mean, "kappa": kappa}, **BINOMIAL)
    right = stats.betabinom.logpmf(MIXED.events, MIXED.n, mean * kappa, (1 - mean) * kappa)
    assert ours == pytest.approx(right, abs=CLOSED)


@pytest.mark.parametrize("taus", [(0.7, 0.5), (0.05, 1.2), (1.5, 0.02)])
def test_centres_within_studies(taus):
    tau, tau_centre = taus
    values = {"mu": -0.6, "tau": tau, "tau_centre": tau_centre}
    ours = log_likelihood(CENTRES, None, values)
    z = np.linspace(-9.0, 9.0, 1201)
    weight = stats.norm.pdf(z) * (z[1] - z[0])
    theta = -0.6 + tau * z
    for i, arms in enumerate(([0, 1], [2], [3])):
        inside = np.ones(z.size)
        for j in arms:
            risk = expit(theta[:, None] + tau_centre * z)
            inside = inside * (stats.binom.pmf(CENTRES.events[j], CENTRES.n[j], risk) @ weight)
        assert ours[i] == pytest.approx(math.log(weight @ inside), abs=INTEGRAL), i


# draws beside the exact marginals


@pytest.mark.parametrize(
    ("priors", "options"),
    [
        (NORMAL, {}),
        ({"mu": "Normal(0, 1.5)"}, {"random_effects": "none"}),
        (NORMAL, {"random_effects": "student_t"}),
        (BETA, BINOMIAL),
    ],
    ids=["normal", "none", "student_t", "beta"],
)
def test_draws_follow_the_exact_marginals(priors, options):
    """Shares below nine quantiles, and means, of every parameter."""
    fit = exact(MIXED, priors, 4000, **options)
    levels = np.array([0.005, 0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.995])
    wrong = []
    for name in fit["posterior"].data_vars:
        values = fit["posterior"][name].values.reshape(4000, -1)
        at = marginal(fit, str(name))
        share = (values[:, :, None] < at.quantile(levels)).mean(axis=0)
        z = (share - levels) / np.sqrt(levels * (1 - levels) / 4000)
        mean = (values.mean(axis=0) - at.mean()) / at.sd() * math.sqrt(4000)
        for i, j in np.argwhere(np.abs(z) > MONTE_CARLO):
            wrong.append((name, i, levels[j], round(float(z[i, j]), 1)))
        wrong += [(name, i, "mean", float(one)) for i, one in enumerate(mean) if abs(one) > MONTE_CARLO]
    assert not wrong, wrong


def test_simulated_counts():
    design = ArmCounts.from_counts([1] * 3, [10**7] * 3, ["A", "A", "B"], list("xyx"))
    rng = np.random.default_rng(2)
    options = PROPORTION.resolved(PROPORTION.checked_options({}), design)
    values = {"mu": -0.5, "tau": 0.8, "tau_centre": 0.3}
    made = np.array([PROPORTION.simulate(values, design, options, rng).events for _ in range(3000)])
    logit = np.log(made / (10**7 - made))
    error = MONTE_CARLO / math.sqrt(3000)
    assert logit.mean(axis=0) == pytest.approx([-0.5] * 3, abs=error * math.hypot(0.8, 0.3))
    assert logit.std(axis=0) == pytest.approx([math.hypot(0.8, 0.3)] * 3, rel=error / math.sqrt(2))
    together = np.corrcoef(logit, rowvar=False)
    assert together[0, 1] == pytest.approx(0.64 / 0.73, abs=error * (1 - (0.64 / 0.73) ** 2))
    assert abs(together[0, 2]) < error


def test_simulated_beta_binomial_counts():
    options = PROPORTION.checked_options(BINOMIAL)
    rng = np.random.default_rng(2)
    made = np.array(
        [PROPORTION.simulate({"mean": 0.3, "kappa": 2.5}, MIXED, options, rng).events for _ in range(4000)]
    )
    right = stats.betabinom(MIXED.n, 0.75, 1.75)
    assert np.all(np.abs(made.mean(axis=0) - right.mean()) < MONTE_CARLO * right.std() / math.sqrt(4000))
    assert np.mean(made[:, 1] == 0) == pytest.approx(right.pmf(0)[1], abs=MONTE_CARLO * 0.5 / math.sqrt(4000))


# which moments exist


@pytest.mark.parametrize(
    ("events", "n", "priors", "options", "expected"),
    [
        ([3, 7], [14, 30], NORMAL, {}, {"mu": math.inf, "tau": math.inf, "theta": math.inf}),
        # both arms speak against either end: tau 2 + 1, mu 1 + 3
        ([3, 7], [14, 30], "heavy", {}, {"mu": 4.0, "tau": 3.0, "theta": math.inf, "theta_new": 3.0}),
        # 0 of 20 does not bound its logit below
        ([3, 0], [14, 20], "heavy", {}, {"mu": 3.0, "tau": 2.0, "theta": 2.0, "theta_new": 2.0}),
        ([0, 0], [14, 20], "heavy", {}, {"mu": 1.0, "tau": 1.0, "theta": 1.0, "theta_new": 1.0}),
        # none of 14 and all of 20: mu is held from both sides, tau by neither
        ([0, 20], [14, 20], "heavy", {}, {"mu": 2.0, "tau": 1.0, "theta": 1.0}),
        ([0, 20], [14, 20], {"mu": "Cauchy(0, 1)"}, {"random_effects": "none"}, {"mu": math.inf}),
        ([0, 0], [14, 20], {"mu": "Cauchy(0, 1)"}, {"random_effects": "none"}, {"mu": 1.0}),
        ([3, 7], [14, 30], NORMAL, {"random_effects": "student_t", "nu": 1.5}, {"theta_new": 1.5}),
        ([0, 0], [14, 20], BETA, BINOMIAL, {"mean": math.inf, "kappa": math.inf, "theta": math.inf}),
        ([3], [14], {"mean": "Beta(1, 1)", "kappa": "HalfCauchy(1)"}, BINOMIAL, {"kappa": 1.0}),
    ],
)
def test_which_moments_exist(events, n, priors, options, expected):
    heavy = {"mu": "Cauchy(0, 1)", "tau": "HalfCauchy(1)"}
    chosen = heavy if priors == "heavy" else priors
    setting = make_setting(ArmCounts.from_counts(events, n), None, chosen, 1, options)
    found = PROPORTION.moments_below(setting.case)
    assert {name: found[name] for name in expected} == expected


# what is refused


@pytest.mark.parametrize(
    ("counts", "priors", "options", "error", "message"),
    [
        (MIXED, {"mu": "Flat()"}, {}, PriorError, r"prior Flat\(\) for mu is improper"),
        (MIXED, {"tau": "Flat()"}, {}, PriorError, "for tau is improper"),
        (MIXED, {"mean": "Normal(0, 1)"}, BINOMIAL, PriorError, r"for mean has mass below 0.* on \(0, 1\)"),
        (
            MIXED,
            {"mean": "Gamma(2, 2)"},
            BINOMIAL,
            PriorError,
            "for mean has mass above 1, where mean cannot be",
        ),
        (MIXED, {"kappa": "Normal(0, 1)"}, BINOMIAL, PriorError, "for kappa has mass below 0"),
        (
            MIXED,
            {"mu": "Normal(0, 1)"},
            BINOMIAL,
            PriorError,
            "names 'mu', which this model has not.* mean, kappa",
        ),
        (CENTRES, {}, {}, PriorError, "has no integral for centres within studies.* use engine='nuts'"),
        (
            MIXED,
            {},
            {"nu": 4},
            OptionError,
            "option nu of family 'proportion' goes with random_effects='stud",
        ),
        (
            MIXED,
            {},
            BINOMIAL | {"random_effects": "none"},
            OptionError,
            "random_effects = 'none' goes with dist",
        ),
        (
            MIXED,
            {},
            BINOMIAL | {"random_effects": "student_t"},
            OptionError,
            "not with 'beta-binomial'; leave",
        ),
        (
            MIXED,
            {},
            BINOMIAL | {"centres": "random"},
            OptionError,
            "centres = 'random' goes with distribution",
        ),
        (
            MIXED,
            {},
            {"centres": "random"},
            OptionError,
            "needs counts with centres; name the column with cen",
        ),
        (CENTRES, {}, {"centres": "none"}, OptionError, "name centres, and this model has no level for them"),
        (CENTRES, {}, BINOMIAL, OptionError, "name centres, and this model has no level for them; add up"),
        (
            CENTRES,
            {},
            {"random_effects": "student_t"},
            OptionError,
            "with centres the study effects are normal",
        ),
        (MIXED, {}, {"distribution": "beta"}, OptionError, "must be one of 'logit-normal', 'beta-binomial'"),
        (
            MIXED,
            {},
            {"baseline": "fixed"},
            OptionError,
            "has no option 'baseline'; its options are: distribution",
        ),
    ],
)
def test_what_is_refused(counts, priors, options, error, message):
    with pytest.raises(error, match=message):
        bm.fit(counts, priors=priors, engine="exact", **options)
