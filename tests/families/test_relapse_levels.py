"""Centres within studies and moderators of relapse: against quadrature, limits, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import WeightedPoints
from bayesma.errors import DataError, DataWarning, OptionError, PriorError

ROLES = ("study", "start", "stop", "at_risk", "relapses")
ROWS = [
    ("Ash", "x", 0, 6, 24, 3),
    ("Ash", "y", 0, 6, 11, 5),
    ("Ash", "y", 6, 12, 6, 1),
    ("Birch", "x", 0, 12, 40, 9),
]

QUADRATURE = 1e-9
FAR = 5.0  # standard errors of importance sampling


def followed(centre: str | None = "centre", **columns: Any) -> bm.FollowUp:
    """Simulated intervals."""
    frame = pd.DataFrame(ROWS, columns=["study", "centre", *ROLES[1:]]).assign(**columns)
    if centre is None:
        frame["study"] = frame["study"] + " " + frame["centre"]
    frame.attrs["source"] = "follow.csv"
    return bm.FollowUp.from_frame(frame, centre=centre, **{role: role for role in ROLES})


def log_likelihood(evidence: bm.FollowUp, draws: dict[str, Any], **options: Any) -> np.ndarray:
    """Log likelihood of each study at one point."""
    setting = make_setting(evidence, None, None, 1, options)
    point = {name: np.asarray(value, dtype=np.float64)[None] for name, value in draws.items()}
    return setting.family.log_likelihood(point, setting.case)[0]


def binomial(h: float, months: float, n: int, r: int) -> float:
    """Likelihood of r relapses of n."""
    risk = -math.expm1(-months * math.exp(h))
    return math.comb(n, r) * risk**r * (1.0 - risk) ** (n - r)


def ash(h: float, x: float, y: float) -> float:
    """Likelihood of Ash with shifts of its two centres."""
    return binomial(h + x, 6, 24, 3) * binomial(h + y, 6, 11, 5) * binomial(h + y, 6, 6, 1)


@pytest.mark.parametrize(("s", "s_centre"), [(0.5, 0.3), (0.05, 1.0), (1.5, 0.02)])
def test_two_centres_against_quadrature(s: float, s_centre: float) -> None:
    h = -3.2
    u, v = np.linspace(-9, 9, 601)[:, None], np.linspace(-9, 9, 401)

    def centre(*rows: tuple[int, int, int]) -> np.ndarray:
        intensity = np.exp(h + s * u + s_centre * v)
        parts = [binom.pmf(r, n, -np.expm1(-months * intensity)) for months, n, r in rows]
        return np.trapezoid(np.prod(parts, axis=0) * norm.pdf(v), v, axis=1)

    both = centre((6, 24, 3)) * centre((6, 11, 5), (6, 6, 1))
    expected = np.trapezoid(both * norm.pdf(u[:, 0]), u[:, 0])
    found = log_likelihood(followed(), {"h": h, "s": s, "s_centre": s_centre}, hazard="constant")
    assert found[0] == pytest.approx(math.log(expected), abs=QUADRATURE)


def test_a_study_of_one_centre_adds_both_variances() -> None:
    found = log_likelihood(followed(), {"h": -3.2, "s": 0.3, "s_centre": 0.4}, hazard="constant")[1]
    alone = log_likelihood(followed(None), {"h": -3.2, "s": 0.5}, hazard="constant")[2]
    assert found == pytest.approx(alone, abs=QUADRATURE)


def test_centres_that_hardly_differ_share_their_study() -> None:
    shared = log_likelihood(followed(), {"h": -3.2, "s": 0.5}, hazard="constant", centres="none")
    near = log_likelihood(followed(), {"h": -3.2, "s": 0.5, "s_centre": 1e-6}, hazard="constant")
    assert near == pytest.approx(shared, abs=1e-7)


def test_studies_that_hardly_differ_leave_their_centres_alone() -> None:
    alone = log_likelihood(followed(None), {"h": -3.2, "s": 0.5}, hazard="constant")
    near = log_likelihood(followed(), {"h": -3.2, "s": 1e-7, "s_centre": 0.5}, hazard="constant")
    assert near == pytest.approx([alone[0] + alone[1], alone[2]], abs=1e-6)


def test_centres_follow_the_data() -> None:
    family = make_setting(followed(), None, None, 1, {}).family
    names = [p.name for p in family.parameters(make_setting(followed(), None, None, 1, {}).options)]
    assert names == ["sigma_h", "h", "s", "s_centre", "u", "u_centre", "u_new", "u_centre_new"]
    for evidence, options in ((followed(), {"centres": "none"}), (followed(None), {})):
        assert make_setting(evidence, None, None, 1, options).options["centres"] == "none"
    with pytest.raises(OptionError, match="centres='random' needs a study of several centres"):
        bm.fit(followed(None), centres="random")
    with pytest.raises(OptionError, match="does not go with random_effects='none'"):
        bm.fit(followed(), centres="random", random_effects="none")
    with pytest.raises(
        PriorError, match="no integral for centres within studies; use engine='nuts', or centres='none'"
    ):
        bm.fit(followed(), engine="exact")


# moderators


def test_the_table_has_a_row_for_each_centre() -> None:
    follow = followed(dose=[1.0, 2.0, 2.0, 4.0], visit=[1, 1, 2, 1])
    assert follow.groups.tolist() == ["Ash: x", "Ash: y", "Birch: x"]
    assert follow.group.tolist() == [0, 1, 1, 2]
    assert follow.table is not None
    assert follow.table["dose"].tolist() == [1.0, 2.0, 4.0]
    assert "visit" not in follow.table  # it varies within a centre
    counted = pd.DataFrame(
        {"s": list("BBA"), "m": [6, 12, 12], "n": [20, 20, 9], "r": [1, 2, 3], "dose": [5, 5, 7]}
    )
    derived = bm.FollowUp.from_cumulative(counted, study="s", month="m", n="n", relapses="r")
    assert derived.table is not None
    assert dict(zip(derived.groups, derived.table["dose"], strict=True)) == {"B": 5, "A": 7}


def test_moderators_shift_the_log_intensity() -> None:
    follow = followed(None, dose=[1.0, 2.0, 2.0, 4.0])
    dose = np.array([1.0, 2.0, 4.0])
    z = (dose - dose.mean()) / dose.std(ddof=1)
    options = {"hazard": "constant", "random_effects": "none"}
    found = log_likelihood(follow, {"h": -3.2, "beta": [0.4]}, moderators=["dose"], **options)
    moved = [log_likelihood(follow, {"h": -3.2 + 0.4 * one}, **options)[i] for i, one in enumerate(z)]
    assert found == pytest.approx(moved, abs=1e-12)


def test_a_moderator_against_quadrature() -> None:
    """Constant intensity, no differences but the dose: h and beta by two-dimensional quadrature."""
    follow = followed(None, dose=[1.0, 2.0, 2.0, 4.0])
    priors = {"h": "Normal(-3, 1)", "beta": "Normal(0, 1)"}
    model = {"hazard": "constant", "random_effects": "none", "moderators": ["dose"]}
    fit = bm.fit(follow, priors=priors, engine="exact", random_seed=1, draws=10, **model)
    dose = np.array([1.0, 2.0, 4.0])
    z = (dose - dose.mean()) / dose.std(ddof=1)

    def posterior(beta: float, h: float) -> float:
        x, y, birch = h + beta * z
        density = float(norm.pdf(h, -3, 1) * norm.pdf(beta, 0, 1))
        return density * ash(0.0, x, y) * binomial(birch, 12, 40, 9)

    u, w = np.polynomial.legendre.leggauss(60)
    betas, hs = 3.0 * u, -2.75 + 3.25 * u
    heights = np.array([[posterior(beta, h) for beta in betas] for h in hs])
    by_beta = 3.0 * 3.25 * w * (w @ heights)

    def moment(power: int) -> float:
        return float(by_beta @ betas**power)

    mass = moment(0)
    mean, error = moment(1) / mass, fit["exact"].attrs["error"]
    sd = math.sqrt(moment(2) / mass - mean**2)
    points = fit["exact"].dataset
    beta = WeightedPoints(points["beta_at"].values[:, 0], points["weight"].values)
    assert float(beta.mean()) == pytest.approx(mean, abs=FAR * error * sd)
    assert float(beta.sd()) == pytest.approx(sd, rel=FAR * error)
    assert float(bm.model_evidence(fit)["log_evidence"]) == pytest.approx(math.log(mass), abs=FAR * error)


def test_moderators_that_are_refused() -> None:
    with pytest.raises(OptionError, match=r"follow\.csv has no moderator 'doze'; did you mean 'dose'"):
        bm.fit(followed(None, dose=[1.0, 2.0, 2.0, 4.0]), moderators=["doze"])
    with pytest.raises(DataError, match=r"the moderator dose is 2.0 in all 3 studies, which tells nothing"):
        bm.fit(followed(None, dose=2.0), moderators=["dose"])
    twice = followed(None, dose=[1.0, 2.0, 2.0, 4.0], grams=[2.0, 4.0, 4.0, 8.0])
    with pytest.warns(
        DataWarning, match="the moderators dose, grams cannot be told apart in these 3 studies"
    ):
        make_setting(twice, None, None, 1, {"moderators": ["dose", "grams"]})


# hard cases


@pytest.mark.parametrize("s", [1.0, 70.0, 300.0])
@pytest.mark.parametrize("relapses", [0, 5, 20])
def test_a_study_that_may_differ_without_measure(relapses: int, s: float) -> None:
    """Where all relapse, or none, a wide sd leaves half of its mass on that side; never more than all."""
    counted = pd.DataFrame([("Ash", 0, 6, 20, relapses)], columns=list(ROLES))
    one = bm.FollowUp.from_frame(counted, **{role: role for role in ROLES})
    found = log_likelihood(one, {"h": -4.0, "s": s}, hazard="constant")[0]
    u = np.linspace(-60.0, 60.0, 200_001)
    risk = -np.expm1(-6.0 * np.exp(-4.0 + u))
    beyond = {0: norm.cdf(-60.0 / s), 20: norm.sf(60.0 / s)}.get(relapses, 0.0)
    expected = np.trapezoid(binom.pmf(relapses, 20, risk) * norm.pdf(u, 0.0, s), u) + beyond
    assert found == pytest.approx(math.log(expected), abs=1e-5)


def test_a_heavy_tail_of_s_keeps_its_moments_where_the_data_bound_it() -> None:
    """A half-Cauchy has no mean; two studies in which some relapse and some do not give s a variance."""
    arguments = {"hazard": "constant", "engine": "exact", "random_seed": 1, "draws": 10}

    def mean_of_s(rows: list[tuple[str, int, int, int, int]]) -> float:
        frame = pd.DataFrame(rows, columns=list(ROLES))
        evidence = bm.FollowUp.from_frame(frame, **{role: role for role in ROLES})
        table = bm.summary(bm.fit(evidence, priors={"s": "HalfCauchy(1)"}, **arguments))
        return float(table.loc["s", "mean"])

    some = [("Ash", 0, 6, 24, 3), ("Ash", 6, 12, 21, 4), ("Birch", 0, 12, 30, 9)]
    assert mean_of_s(some) == pytest.approx(0.59, abs=0.02)  # quadrature over h and s: 0.589
    assert not math.isfinite(mean_of_s([("Ash", 0, 6, 24, 0), ("Birch", 0, 12, 30, 0)]))
