"""Family `relapse` against closed forms and quadrature written here, and what must not change its answers."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import binom, multinomial, norm

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import marginal
from bayesma.errors import ConvergenceWarning, OptionError, PriorError
from bayesma.evidence.follow_up import FollowUp
from bayesma.families import FAMILIES
from bayesma.families.base import Option
from bayesma.families.relapse_hazards import exposure, period_lengths
from bayesma.families.relapse_simulation import incidence
from bayesma.priors.walk import log_average, with_level

RELAPSE = FAMILIES["relapse"]
ROLES = ("study", "start", "stop", "at_risk", "relapses", "deaths", "censored")
ROUNDING = 1e-10  # of sums of a few logs, each to 1e-15 of a number below 1000
QUADRATURE = 1e-8  # what one-dimensional quadrature must agree to
WITHIN = 1e-8  # what must not change at all, but for the order of sums
SAMPLED = 5e-3  # in posterior sds: twice the standard error of importance sampling
HALF = 3e-3  # of a probability: importance sampling leaves up to 1.5e-3 open
NARROW = 2e-3  # relative, of incidences summed over the cells of a Weibull course
PRINTED = 2e-3  # of quantiles computed elsewhere, a fifth of the posterior sd, against those of a plain grid
RIDGE = 3e-3  # of a risk whose posterior sd is 0.01, where importance sampling says that it has not converged
ONE = np.ones(1)
PRIORS = {"h": "Normal(-4, 2)", "s": "HalfNormal(0.5)"}
ROWS = [
    ("Ash", 0, 6, 24, 0, 0, 0),
    ("Ash", 6, 9, 24, 3, 0, 0),
    ("Ash", 9, 12, 21, 4, 0, 0),
    ("Birch", 0, 12, 49, 11, 0, 0),
    ("Cedar", 0, 24, 15, 3, 0, 0),
]


def follow_up(rows: list[tuple[Any, ...]], *, deaths: bool = False, **said: bool) -> FollowUp:
    """Evidence from rows of study, start, stop, at risk, relapses, deaths, censored."""
    frame = pd.DataFrame(rows, columns=ROLES)
    roles = {role: role for role in ROLES if deaths or role != "deaths"}
    return FollowUp.from_frame(frame, **roles, **said)


def log_likelihood(evidence: FollowUp, draws: dict[str, Any], **options: Any) -> np.ndarray:
    """Log likelihood of each study at one point."""
    setting = make_setting(evidence, None, None, 1, options)
    point = {name: np.asarray(value, dtype=np.float64)[None] for name, value in draws.items()}
    return setting.family.log_likelihood(point, setting.case)[0]


def test_the_months_in_each_period() -> None:
    """The matrix of the published oracle (relapse_cloglog_published.json): (0, 12] is 6 and 6 months."""
    found = exposure(np.array([0.0, 9, 12, 36, 3]), np.array([12.0, 12, 24, 60, 30]), [6.0, 12, 24, 48])
    assert found.tolist() == [[6, 6, 0, 0], [0, 3, 0, 0], [0, 0, 12, 0], [0, 0, 0, 24], [3, 6, 12, 6]]


def test_the_likelihood_is_binomial_on_the_complementary_log_log_scale() -> None:
    h, periods = np.array([-5.0, -3.5, -4.2]), [6.0, 12.0, 24.0]
    months = np.array([[6, 0, 0], [0, 3, 0], [0, 3, 0], [6, 6, 0], [6, 6, 12]])
    risk = -np.expm1(-months @ np.exp(h))
    by_row = binom.logpmf([0, 3, 4, 11, 3], [24, 24, 21, 49, 15], risk)
    options = {"hazard": "independent", "random_effects": "none", "periods": periods}
    found = log_likelihood(follow_up(ROWS), {"h": h}, **options)
    assert found == pytest.approx([by_row[:3].sum(), by_row[3], by_row[4]], abs=ROUNDING)


def test_death_competes() -> None:
    """Relapsed, dead, neither: a multinomial with shares of the two intensities."""
    relapse, death, width = math.exp(-3.0), math.exp(-4.5), 12.0
    gone = -math.expm1(-(relapse + death) * width)
    share = relapse / (relapse + death)
    chances = [gone * share, gone * (1 - share), 1 - gone]
    options = {"hazard": "constant", "random_effects": "none"}
    evidence = follow_up([("Ash", 0, 12, 30, 5, 2, 0)], deaths=True)
    found = log_likelihood(evidence, {"h": -3.0, "h_death": -4.5}, **options)
    assert found == pytest.approx([float(multinomial.logpmf([5, 2, 23], 30, chances))], abs=ROUNDING)


def by_hand(rate: Callable[[float], float], death: float, start: float, stop: float) -> tuple[float, float]:
    """Cumulative incidences of relapse and of death in (start, stop] by quadrature over months."""
    cuts = [start, *(cut for cut in (6.0, 12.0) if start < cut < stop), stop]

    def total(of: Callable[[float], float], until: float) -> float:
        ends = [*(cut for cut in cuts if cut < until), until]
        pieces = itertools.pairwise(ends)
        return sum(quad(of, a + 1e-12, b, epsabs=0, epsrel=1e-11, limit=200)[0] for a, b in pieces)

    def free(month: float) -> float:
        return math.exp(-total(rate, month) - death * (month - start))

    return total(lambda t: rate(t) * free(t), stop), total(lambda t: death * free(t), stop)


COMPETING = {"random_effects": "none"}
SPANS = [(0.0, 12.0), (0.0, 24.0), (3.0, 9.0), (6.0, 12.0)]


def test_incidences_are_summed_over_periods() -> None:
    """Relapses and deaths in intervals of several periods, by quadrature over months; split, they add up."""
    h, death = np.log([0.01, 0.2, 0.05]), 0.04

    def rate(t: float) -> float:
        return float(np.exp(h)[0 if t <= 6 else 1 if t <= 12 else 2])

    for start, stop in SPANS:
        relapsed, died = by_hand(rate, death, start, stop)
        evidence = follow_up([("Ash", start, stop, 30, 5, 2, 0)], deaths=True)
        point = {"h": h, "h_death": math.log(death)}
        options = {**COMPETING, "hazard": "independent", "periods": [6, 12, 24]}
        expected = float(multinomial.logpmf([5, 2, 23], 30, [relapsed, died, 1 - relapsed - died]))
        assert log_likelihood(evidence, point, **options)[0] == pytest.approx(expected, abs=QUADRATURE)
        case = make_setting(evidence, None, None, 1, options).case
        found = incidence({n: np.asarray(v)[None] for n, v in point.items()}, case, *ends(start, stop), ONE)
        assert [float(one[0, 0]) for one in found] == pytest.approx([relapsed, died], abs=QUADRATURE)


def ends(start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Of one interval."""
    return np.array([start]), np.array([stop])


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_incidences_are_summed_over_the_cells_of_a_weibull_course(shape: float) -> None:
    log_rate, death = -3.0, 0.03

    def rate(t: float) -> float:
        return math.exp(log_rate) * shape * (t / 12) ** (shape - 1)

    for start, stop in SPANS:
        relapsed, died = by_hand(rate, death, start, stop)
        evidence = follow_up([("Ash", start, stop, 30, 5, 2, 0)], deaths=True)
        point = {"log_rate": log_rate, "shape": shape, "h_death": math.log(death)}
        options = {**COMPETING, "hazard": "weibull"}
        expected = float(multinomial.logpmf([5, 2, 23], 30, [relapsed, died, 1 - relapsed - died]))
        assert log_likelihood(evidence, point, **options)[0] == pytest.approx(expected, abs=7 * NARROW)
        case = make_setting(evidence, None, None, 1, options).case
        found = incidence({n: np.asarray(v)[None] for n, v in point.items()}, case, *ends(start, stop), ONE)
        assert [float(one[0, 0]) for one in found] == pytest.approx([relapsed, died], rel=NARROW)


@pytest.mark.parametrize("s", [0.01, 0.4, 3.0])
def test_shifts_are_integrated_out_where_death_competes_over_periods(s: float) -> None:
    """Against a fine trapezoid over the standardised shift, the incidences of two periods written out."""
    z = np.linspace(-13.0, 13.0, 200_001)
    one, two, death = 6 * 0.01 * np.exp(s * z), 6 * 0.2 * np.exp(s * z), 6 * 0.04
    first, second = -np.expm1(-one - death), np.exp(-one - death) * -np.expm1(-two - death)
    relapsed = first * one / (one + death) + second * two / (two + death)
    died = first * death / (one + death) + second * death / (two + death)
    with np.errstate(divide="ignore"):
        chance = 5 * np.log(relapsed) + 2 * np.log(died) - 23 * (one + two + 2 * death)
    total = np.sum(np.exp(chance) * norm.pdf(z)) * (z[1] - z[0])
    ways = float(gammaln(31) - gammaln(6) - gammaln(3) - gammaln(24))
    evidence = follow_up([("Ash", 0, 12, 30, 5, 2, 0)], deaths=True)
    point = {"h": np.log([0.01, 0.2]), "h_death": math.log(0.04), "s": s}
    found = log_likelihood(evidence, point, hazard="independent", periods=[6, 12])[0]
    assert found == pytest.approx(math.log(total) + ways, abs=QUADRATURE)


def test_one_large_row_with_deaths_is_fitted_as_it_was_counted() -> None:
    """1,265 relapses and 423 deaths among 2,000 by month 12: a plain grid over all intensities.

    Elsewhere 0.632 [0.612, 0.653] relapsed and 0.211 [0.194, 0.230] died were computed.
    """
    h = np.linspace(-9.0, -1.3, 501)
    one, two = 6.0 * np.exp(h[:, None]), 6.0 * np.exp(h[None, :])
    prior = norm.logpdf(h, -4, 2)[:, None] + norm.logpdf(h, -4, 2)[None, :]
    edges, mass = np.linspace(0.0, 1.0, 4001), np.zeros((2, 4000))
    for dying in np.linspace(-3.65, -2.65, 51):
        death = 6.0 * math.exp(dying)
        gone = -np.expm1(-one - death), np.exp(-one - death) * -np.expm1(-two - death)
        relapsed = gone[0] * one / (one + death) + gone[1] * two / (two + death)
        died = gone[0] * death / (one + death) + gone[1] * death / (two + death)
        log = 1265 * np.log(relapsed) + 423 * np.log(died) - 312 * (one + two + 2 * death)
        weight = np.exp(log + prior + norm.logpdf(dying, -6, 2) + 1850.0)
        for i, risk in enumerate((relapsed, died)):
            mass[i] += np.histogram(risk, edges, weights=weight)[0]
    frame = follow_up([("Ash", 0, 12, 2000, 1265, 423, 0)], deaths=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # three intensities of two counts: a narrow ridge
        fit = bm.fit(frame, hazard="independent", periods=[6, 12], engine="exact", random_seed=1, **COMPETING)
    table = bm.predict(fit, months=[12]).loc["typical study"]
    known = {"relapsed by month 12": (0.632, 0.612, 0.653)}
    known |= {"died free of relapse by month 12": (0.211, 0.194, 0.230)}
    for (name, printed), own in zip(known.items(), mass, strict=True):
        ours = np.interp((0.5, 0.025, 0.975), np.cumsum(own) / own.sum(), edges[1:])
        assert ours == pytest.approx(printed, abs=PRINTED)
        found = table.loc[name, ["median", "ci_low", "ci_high"]].tolist()
        assert found == pytest.approx(ours, abs=RIDGE)


def test_those_who_leave_are_followed_half_way() -> None:
    """4 censored, and the 2 dead where death is not modelled, add their survival of 6 of the 12 months."""
    evidence = follow_up([("Ash", 0, 12, 30, 5, 2, 4)], deaths=True)
    h, width = -3.0, 12.0
    whole = math.exp(h) * width
    ways = float(gammaln(31) - gammaln(6) - gammaln(26))
    expected = ways + 5 * math.log(-math.expm1(-whole)) - 19 * whole - 6 * 0.5 * whole
    options = {"hazard": "constant", "random_effects": "none", "deaths": "censored"}
    assert log_likelihood(evidence, {"h": h}, **options) == pytest.approx([expected], abs=ROUNDING)


def test_weibull_intensities() -> None:
    """Up to month t exp(log_rate) 12 (t / 12)^shape; shape 1 is a constant intensity."""
    options = {"random_effects": "none"}
    evidence = follow_up(ROWS)
    constant = log_likelihood(evidence, {"h": -3.7}, hazard="constant", **options)
    weibull = log_likelihood(evidence, {"log_rate": -3.7, "shape": 1.0}, hazard="weibull", **options)
    assert weibull == pytest.approx(constant, abs=ROUNDING)
    risk = -math.expm1(-12 * math.exp(-3.7) * ((24 / 12) ** 1.6 - 0.0))
    rising = log_likelihood(evidence, {"log_rate": -3.7, "shape": 1.6}, hazard="weibull", **options)
    assert rising[2] == pytest.approx(binom.logpmf(3, 15, risk), abs=ROUNDING)


@pytest.mark.parametrize("s", [1e-6, 0.01, 0.4, 3.0, 40.0])
@pytest.mark.parametrize("relapses", [0, 3, 24])
def test_shifts_are_integrated_out(s: float, relapses: int) -> None:
    """Against a fine trapezoid over the standardised shift."""
    z = np.linspace(-13.0, 13.0, 400_001)
    intensity = 12 * math.exp(-3.5) * np.exp(s * z)
    with np.errstate(divide="ignore"):
        chance = relapses * np.log(-np.expm1(-intensity)) if relapses else np.zeros_like(z)
    total = np.sum(np.exp(chance - (24 - relapses) * intensity) * norm.pdf(z)) * (z[1] - z[0])
    ways = float(gammaln(25) - gammaln(relapses + 1) - gammaln(25 - relapses))
    evidence = follow_up([("Ash", 0, 12, 24, relapses, 0, 0)])
    found = log_likelihood(evidence, {"h": -3.5, "s": s}, hazard="constant")[0]
    assert found == pytest.approx(math.log(total) + ways, abs=QUADRATURE)


def test_one_study_one_period_is_one_dimensional_quadrature() -> None:
    evidence = follow_up([("Ash", 0, 12, 24, 7, 0, 0)])
    fit = bm.fit(
        evidence,
        priors={"h": "Normal(-4, 2)"},
        hazard="constant",
        random_effects="none",
        engine="exact",
        random_seed=1,
        draws=1,
    )

    def density(h: float, power: int) -> float:
        risk = -math.expm1(-12 * math.exp(h))
        return h**power * math.exp(binom.logpmf(7, 24, risk) + norm.logpdf(h, -4, 2))

    total, first, second = (
        quad(density, -14, 3, args=(power,), epsabs=0, epsrel=1e-12, limit=400, points=[-4, -3.3])[0]
        for power in range(3)
    )
    at = marginal(fit, "h")
    assert at.mean()[0] == pytest.approx(first / total, abs=QUADRATURE)
    assert at.sd()[0] == pytest.approx(math.sqrt(second / total - (first / total) ** 2), abs=QUADRATURE)
    below = quad(density, -14, -3.5, args=(0,), epsabs=0, epsrel=1e-12, limit=400)[0] / total
    assert at.probability(-3.5, above=False)[0] == pytest.approx(below, abs=QUADRATURE)
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(math.log(total), abs=QUADRATURE)


def numbers(evidence: FollowUp, **options: Any) -> np.ndarray:
    """What the exact engine says of all parameters, studies in alphabetical order."""
    fit = bm.fit(evidence, priors=PRIORS, engine="exact", random_seed=1, draws=1, chains=1, **options)
    table = bm.summary(fit)[["mean", "sd", "median", "ci_low", "ci_high"]]
    kept = table if options["hazard"] == "independent" else table.loc[["h", "s"]]
    return kept.sort_index().to_numpy()


@cache
def unchanged(hazard: str) -> np.ndarray:
    """The answer for the rows as they are."""
    return numbers(follow_up(ROWS), hazard=hazard)


SPLIT = [("Ash", 0, 2, 24, 0, 0, 0), ("Ash", 2, 6, 24, 0, 0, 0), *ROWS[1:]]


HAZARDS_CHEAP_FIRST = ["constant", pytest.param("independent", marks=pytest.mark.long)]


@pytest.mark.parametrize("hazard", HAZARDS_CHEAP_FIRST)
def test_splitting_an_interval_without_events_changes_nothing(hazard: str) -> None:
    """The posterior is the same to 1e-8; the same points are used, so that their error is the same too."""
    assert np.max(np.abs(numbers(follow_up(SPLIT), hazard=hazard) - unchanged(hazard))) < WITHIN


def test_an_absurd_intensity_is_impossible_and_never_certain() -> None:
    """At 10^22 relapses a month and hardly any difference between studies the peak is far and sharp."""
    rows = [("Ash", 0, 6, 79, 4, 0, 0), ("Ash", 6, 12, 75, 6, 0, 0), ("Birch", 0, 12, 69, 10, 0, 0)]
    found = [
        log_likelihood(follow_up(rows), {"sigma_h": 7.6, "h": [-3.34, 50.77], "s": s}, hazard="random_walk")
        for s in (1e-4, 1.15e-3, 0.01, 0.1)
    ]
    assert np.all(np.array(found) < -1e4)
    assert np.all(np.diff(np.array(found).sum(axis=1)[1:]) > 0.0)


def test_splitting_an_interval_with_events_follows_the_closed_form() -> None:
    """3 relapses among 24 in (0, 9], or 1 in (0, 4] and 2 in (4, 9]: the difference of binomials."""
    h = -3.9
    options = {"hazard": "constant", "random_effects": "none"}
    one = log_likelihood(follow_up([("Ash", 0, 9, 24, 3, 0, 0)]), {"h": h}, **options)[0]
    rows = [("Ash", 0, 4, 24, 1, 0, 0), ("Ash", 4, 9, 23, 2, 0, 0)]
    two = log_likelihood(follow_up(rows), {"h": h}, **options)[0]
    risk = [-math.expm1(-months * math.exp(h)) for months in (9, 4, 5)]
    difference = binom.logpmf(1, 24, risk[1]) + binom.logpmf(2, 23, risk[2]) - binom.logpmf(3, 24, risk[0])
    assert two - one == pytest.approx(difference, abs=ROUNDING)
    # all ways to split the three sum to the one: the times inside are integrated over, not placed
    both = [binom.pmf(first, 24, risk[1]) * binom.pmf(3 - first, 24 - first, risk[2]) for first in range(4)]
    assert math.exp(one) == pytest.approx(sum(both), rel=ROUNDING)


@pytest.mark.parametrize("hazard", HAZARDS_CHEAP_FIRST)
def test_names_and_order_of_studies_do_not_matter(hazard: str) -> None:
    """Renamed so that alphabetical order is kept; turned around, importance sampling keeps its points."""
    renamed = [(f"{row[0]} 2001", *row[1:]) for row in ROWS]
    assert np.array_equal(numbers(follow_up(renamed), hazard=hazard), unchanged(hazard))
    turned = numbers(follow_up(ROWS[::-1]), hazard=hazard)
    reference = unchanged(hazard)
    hyper = turned.shape[0] - (4 if hazard == "independent" else 0)  # u uses other points: five of its errors
    assert np.max(np.abs(turned[:hyper] - reference[:hyper])) < WITHIN
    assert np.max(np.abs(turned - reference) / reference[:, [1]]) < 20 * SAMPLED


@pytest.mark.long
def test_one_period_of_its_own_is_a_constant_intensity() -> None:
    """Importance sampling against quadrature, where both can: within its own error."""
    sampled = bm.fit(
        follow_up(ROWS), priors=PRIORS, hazard="independent", periods=[24], engine="exact", random_seed=1
    )
    integrated = bm.fit(follow_up(ROWS), priors=PRIORS, hazard="constant", engine="exact", random_seed=1)
    assert sampled["exact"].attrs["error"] < SAMPLED
    for name in ("h", "s", "u", "u_new"):
        one, other = marginal(sampled, name), marginal(integrated, name)
        allowed = SAMPLED if name in {"h", "s"} else 4 * SAMPLED  # shifts are known by draws in both
        assert np.max(np.abs(one.mean() - other.mean()) / other.sd()) < allowed
        assert np.max(np.abs(one.sd() / other.sd() - 1)) < allowed
        quartiles = [marginal(fit, name).quantile([0.25, 0.75]) for fit in (sampled, integrated)]
        assert np.max(np.abs(quartiles[0] - quartiles[1]) / other.sd()[:, None]) < 2 * allowed
    evidence = [bm.model_evidence(fit)["log_evidence"] for fit in (sampled, integrated)]
    assert evidence[0] == pytest.approx(evidence[1], abs=SAMPLED)


@pytest.mark.long
def test_the_exact_answer_has_no_seed() -> None:
    fits = [
        bm.fit(follow_up(ROWS), hazard="weibull", engine="exact", random_seed=seed, draws=10)
        for seed in (1, 2)
    ]
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    assert bm.summary(fits[0])[columns].equals(bm.summary(fits[1])[columns])
    assert not np.array_equal(fits[0]["posterior"]["shape"], fits[1]["posterior"]["shape"])


def test_the_prior_of_a_random_walk_has_its_closed_form() -> None:
    """Density and draws: the log of the average intensity over 12 + 12 months, then a normal step."""
    case = make_setting(follow_up(ROWS), None, None, 1, {"periods": [12, 24]}).case
    draws = {"sigma_h": np.array([0.3, 2.0]), "h": np.array([[-4.0, -3.5], [-5.0, -2.0]]), "s": np.ones(2)}
    found = RELAPSE.log_prior(draws, case)["h"]
    level = [
        math.log(0.5 * (math.exp(-4.0) + math.exp(-3.5))),
        math.log(0.5 * (math.exp(-5.0) + math.exp(-2.0))),
    ]
    assert found[:, 0] == pytest.approx(norm.logpdf(level, -4, 2))
    assert found[:, 1] == pytest.approx(norm.logpdf([0.5, 3.0], 0, [0.3, 2.0]))
    p = next(p for p in RELAPSE.hyper(case.options) if p.name == "h")
    sigma = np.full(40_000, 0.7)
    drawn = RELAPSE.draw_prior(p, case, (40_000, 2), np.random.default_rng(1), {"sigma_h": sigma})
    assert np.diff(drawn, axis=-1).std() == pytest.approx(0.7, rel=0.02)
    average = np.log(np.exp(drawn).mean(axis=-1))
    assert [average.mean(), average.std()] == pytest.approx([-4.0, 2.0], rel=0.02)
    assert abs(np.corrcoef(average, np.diff(drawn, axis=-1)[:, 0])[0, 1]) < 5 / 200


@pytest.mark.parametrize("periods", [(6.0, 12.0), (6.0, 24.0), (6.0, 12.0, 24.0, 48.0)])
def test_level_and_steps_are_the_walk(periods: tuple[float, ...]) -> None:
    """There and back, whatever the lengths; the Jacobian is 1, so that densities multiply."""
    lengths, rng = period_lengths(periods), np.random.default_rng(4)
    level, steps = rng.normal(-4.0, 2.0, 50), rng.normal(0.0, 2.0, (50, len(periods) - 1))
    h = with_level(level, steps, lengths)
    assert log_average(h, lengths) == pytest.approx(level, abs=ROUNDING)
    assert np.diff(h, axis=-1) == pytest.approx(steps, abs=ROUNDING)
    nudge = 1e-6 * np.eye(len(periods))
    moved = np.concatenate([level[:1], steps[0]]) + nudge
    columns = (with_level(moved[:, 0], moved[:, 1:], lengths) - h[0]) / 1e-6
    assert abs(np.linalg.det(columns)) == pytest.approx(1.0, abs=1e-4)  # differences of 1e-6


@pytest.mark.parametrize("relapses", [0, 7, 22, 24])
@pytest.mark.parametrize("periods", [(6.0, 12.0), (6.0, 24.0), (6.0, 12.0, 24.0, 48.0)])
def test_a_row_that_spans_all_periods_says_nothing_of_a_rise(
    periods: tuple[float, ...], relapses: int
) -> None:
    """The likelihood does not depend on the steps at all, and P(rises) stays one half."""
    evidence = follow_up([("Ash", 0, periods[-1], 24, relapses, 0, 0)])
    steps = np.random.default_rng(2).normal(0.0, 2.0, (20, len(periods) - 1))
    h = with_level(np.full(20, -3.4), steps, period_lengths(periods))
    setting = make_setting(evidence, None, None, 1, {"periods": periods})
    each = RELAPSE.log_likelihood({"sigma_h": np.ones(20), "h": h, "s": np.full(20, 0.4)}, setting.case)
    assert np.ptp(each) < ROUNDING
    fit = bm.fit(evidence, periods=periods, engine="exact", random_seed=1)
    group = fit["exact"].dataset
    first, second = group["h_at"].values[:, 0], group["h_at"].values[:, 1]
    assert group["weight"].values @ (second > first) == pytest.approx(0.5, abs=HALF)
    table = bm.hazard(fit)
    assert table.attrs["p_rises"] == pytest.approx(0.5, abs=HALF)
    assert table.attrs["before"]["p_rises"] == 0.5


def test_who_is_seen_in_one_period_only_does_say_something() -> None:
    evidence = follow_up([("Ash", 0, 12, 24, 24, 0, 0)])
    fit = bm.fit(evidence, periods=[6, 24], engine="exact", random_seed=1)
    assert bm.hazard(fit).attrs["p_rises"] < 0.48


def test_shifts_given_data_have_the_moments_of_quadrature() -> None:
    setting = make_setting(follow_up(ROWS), None, PRIORS, 1, {"hazard": "constant"})
    n, h, s = 40_000, -3.6, 0.6
    draws = {"h": np.full(n, h), "s": np.full(n, s)}
    made = RELAPSE.complete(draws, setting.case, np.random.default_rng(2))
    u = np.linspace(-5, 5, 20_001)
    weight = norm.pdf(u, 0, s) * binom.pmf(11, 49, -np.expm1(-12 * np.exp(h + u)))
    weight /= weight.sum()
    mean = float(weight @ u)
    sd = math.sqrt(float(weight @ (u - mean) ** 2))
    assert made["u"][:, 1].mean() == pytest.approx(mean, abs=5 * sd / math.sqrt(n))
    assert made["u"][:, 1].std() == pytest.approx(sd, rel=5 / math.sqrt(2 * n))
    assert made["u_new"].std() == pytest.approx(s, rel=5 / math.sqrt(2 * n))


def test_relapses_in_every_and_in_no_patient() -> None:
    rows = [("Ash", 0, 6, 8, 8, 0, 0), ("Birch", 0, 6, 9, 0, 0, 0)]
    for hazard in ("constant", "random_walk"):
        fit = bm.fit(follow_up(rows), hazard=hazard, engine="exact", random_seed=1)
        u = marginal(fit, "u").mean()
        assert u[0] > 0 > u[1]
        assert np.isfinite(bm.summary(fit)["mean"]).all()


@pytest.mark.long
def test_what_draws_know_has_its_error_beside_it() -> None:
    """Shifts are known by draws under both routes, h and s by points of importance sampling under one."""
    integrated = bm.summary(bm.fit(follow_up(ROWS), hazard="constant", engine="exact", random_seed=1))
    shifts = ["u[Ash]", "u[Birch]", "u[Cedar]", "u_new"]
    assert integrated["mcse_mean"][["h", "s"]].isna().all()
    error = integrated["mcse_mean"][shifts] / integrated["sd"][shifts]
    assert error.to_numpy() == pytest.approx(2**-7.5)
    assert abs(integrated["mean"]["u_new"]) < 4 * integrated["mcse_mean"]["u_new"]
    fit = bm.fit(follow_up(ROWS), hazard="weibull", engine="exact", random_seed=1)
    sampled = bm.summary(fit)
    stated = fit["exact"].attrs["error"]
    assert (sampled["mcse_mean"] / sampled["sd"]).to_numpy() == pytest.approx(stated)
    assert abs(sampled["mean"]["u_new"]) < 4 * sampled["mcse_mean"]["u_new"]
    drawn = bm.plots.posterior(fit, "shape")
    words = " ".join(text.get_text() for axes in drawn.axes for text in axes.texts)
    assert "Computed by importance sampling, its error measured." in words.replace("\n", " ")


def test_an_intensity_of_one_a_month_is_no_null_value() -> None:
    fit = bm.fit(follow_up(ROWS), hazard="constant", engine="exact", random_seed=1, draws=10)
    found = bm.model_evidence(fit)
    assert np.isnan(found["log_bf01_h"])
    assert found.attrs["reasons"]["log_bf01_h"] == "h = 0 is no null value in this model"
    assert np.isfinite(found["log_bf01_s"])


def test_options() -> None:
    evidence = follow_up(ROWS)
    resolved = RELAPSE.resolved(RELAPSE.checked_options({}), evidence)
    assert (resolved["periods"], resolved["deaths"]) == ((6.0, 12.0, 24.0), "censored")
    long = follow_up([("Ash", 0, 60, 24, 3, 0, 0)])
    assert RELAPSE.resolved(RELAPSE.checked_options({}), long)["periods"] == (6.0, 12.0, 24.0, 48.0, 60.0)
    with pytest.raises(OptionError, match=r"periods end at month 12, and Cedar \(0, 24\] goes on; add .* 24"):
        bm.fit(evidence, periods=[6, 12], engine="exact")
    with pytest.raises(
        OptionError, match=r"option periods .* is \[12, 6\]; it must be a list of rising finite numbers"
    ):
        bm.fit(evidence, periods=[12, 6], engine="exact")
    with pytest.raises(OptionError, match="periods goes with hazard='random_walk' or 'independent'"):
        bm.fit(evidence, hazard="weibull", periods=[12, 24], engine="exact")
    with pytest.raises(OptionError, match="deaths='competing' needs the deaths of every interval"):
        bm.fit(evidence, deaths="competing", engine="exact")
    with pytest.raises(
        PriorError, match=r"prior Uniform\(-8, 0\) for h is that of the level of the random walk"
    ):
        bm.fit(evidence, priors={"h": "Uniform(-8, 0)"}, engine="exact")
    with pytest.raises(PriorError, match="improper"):
        bm.fit(evidence, priors={"h": "Flat()"}, hazard="independent", engine="exact")


@pytest.mark.parametrize("value", [[6, "12"], "6", 6.0, [0, 6], [6, math.inf], [True], [6, 6], None])
def test_lists_that_are_no_list_of_rising_numbers(value: object) -> None:
    assert Option((), (), "cut points").problem(value) is not None


@pytest.mark.parametrize("value", [[6], (6, 12.5), np.array([6.0, 12.0]), []])
def test_lists_of_rising_numbers(value: Any) -> None:
    option = Option((), (), "cut points")
    assert option.problem(value) is None
    assert option.value(value) == tuple(float(number) for number in value)


def test_periods_are_labelled() -> None:
    fit = bm.fit(follow_up(ROWS), periods=[6, 12, 30], engine="exact", random_seed=1, draws=2)
    assert fit["posterior"]["h"].coords["period"].values.tolist() == ["(0, 6]", "(6, 12]", "(12, 30]"]
    assert [row for row in bm.summary(fit).index if row.startswith("h")] == [
        "h[(0, 6]]", "h[(6, 12]]", "h[(12, 30]]",
    ]  # fmt: skip


def test_questions_about_effects_are_refused() -> None:
    """The hazard is no effect; what is asked of its parameters is answered."""
    fit = bm.fit(follow_up(ROWS), hazard="independent", engine="exact", random_seed=1)
    asked: list[Callable[[], object]] = [
        lambda: bm.shrinkage(fit),
        lambda: bm.benefit(fit, favours="lower"),
        lambda: bm.compare({"relapse": fit}),
        lambda: bm.plots.forest(fit),
        lambda: bm.plots.trajectory(fit),
    ]
    for question in asked:
        with pytest.raises(OptionError, match="is about effects, and this fit has intensities over months"):
            question()
    above = bm.prob(fit, "h", above=-4.0)
    assert above.index.tolist() == ["(0, 6]", "(6, 12]", "(12, 24]"]
    assert bm.prob(fit, "u", above=0.0).index.tolist() == ["Ash", "Birch", "Cedar"]


def test_weights_grow_with_the_patients() -> None:
    setting = make_setting(follow_up(ROWS), None, PRIORS, 1, {"hazard": "constant"})
    share = RELAPSE.weights({"h": np.array([-3.7]), "s": np.array([0.3])}, setting.case)[0]
    relapses = dict(zip(["Ash", "Birch", "Cedar"], share, strict=True))
    assert relapses["Birch"] > relapses["Ash"] > relapses["Cedar"]
    assert share.sum() == pytest.approx(1.0)


def test_simulated_counts_are_possible() -> None:
    rows = [("Ash", 0, 6, 24, 0, 1, 5), ("Ash", 6, 12, 18, 3, 0, 2), ("Birch", 0, 12, 9, 9, 0, 0)]
    design = follow_up(rows, deaths=True)
    options = RELAPSE.resolved(RELAPSE.checked_options({"hazard": "constant"}), design)
    rng = np.random.default_rng(3)
    for h, death in itertools.product((-6.0, -2.0, 1.0), (-6.0, -2.0)):
        made = RELAPSE.simulate({"h": h, "s": 0.5, "h_death": death}, design, options, rng)
        assert made.deaths is not None
        assert np.all(made.relapses + made.deaths + made.censored <= made.at_risk)
        assert min(made.relapses.min(), made.deaths.min(), made.censored.min()) >= 0
