"""A prior that mixes two normals gives the posterior that mixes two posteriors, by their evidence."""

from __future__ import annotations

import numpy as np
import pytest

import bayesma as bm
from bayesma.errors import PriorError

EFFECTS = bm.Effects.from_estimates(
    [-0.5, -0.2, 0.1, 0.4], [0.2, 0.3, 0.25, 0.2], ["A", "B", "C", "D"], measure="SMD"
)
TAU = "HalfNormal(0.5)"
WEIGHT = 0.3
PARTS = ("Normal(0, 0.2)", "Normal(-1, 1.5)")
MIXTURE = "NormalMixture(0.3, 0, 0.2, -1, 1.5)"
# Both by the exact engine, whose tolerance is 1e-9 in one dimension (normal effects); in two, for Student-t
# effects, it is 1e-6 of the sd.
ROUTES = {"normal": 1e-9, "none": 1e-9, "student_t": 2e-6}


@pytest.mark.parametrize("random_effects", ["normal", "student_t", "none"])
def test_the_posterior_is_the_mixture_by_evidence(random_effects) -> None:
    close = ROUTES[random_effects]
    options = {"engine": "exact", "random_effects": random_effects, "random_seed": 1}
    held = {} if random_effects == "none" else {"tau": TAU}
    parts = [bm.fit(EFFECTS, priors={"mu": mu, **held}, **options) for mu in PARTS]
    whole = bm.fit(EFFECTS, priors={"mu": MIXTURE, **held}, **options)
    levels = np.array([bm.model_evidence(fit)["log_evidence"] for fit in parts])
    shares = np.array([WEIGHT, 1.0 - WEIGHT]) * np.exp(levels)
    assert bm.model_evidence(whole)["log_evidence"] == pytest.approx(np.log(shares.sum()), abs=close)
    shares /= shares.sum()
    rows = [bm.summary(fit).loc["mu"] for fit in parts]
    mean = sum(w * row["mean"] for w, row in zip(shares, rows, strict=True))
    second = sum(w * (row["sd"] ** 2 + row["mean"] ** 2) for w, row in zip(shares, rows, strict=True))
    found = bm.summary(whole).loc["mu"]
    assert found["mean"] == pytest.approx(mean, abs=close)
    assert found["sd"] == pytest.approx(np.sqrt(second - mean**2), abs=close)
    below = sum(w * bm.prob(fit, "mu", below=-0.3) for w, fit in zip(shares, parts, strict=True))
    assert bm.prob(whole, "mu", below=-0.3) == pytest.approx(below, abs=close)


@pytest.mark.long
def test_nuts_agrees_and_swaps_its_numbers() -> None:
    fit = bm.fit(EFFECTS, priors={"mu": MIXTURE, "tau": TAU}, random_seed=1, progressbar=False)
    assert fit.attrs["converged"] == 1
    assert bm.crosscheck(fit)["z"].abs().max() < 5.0
    other = {"mu": "NormalMixture(0.6, 0.2, 0.3, -0.5, 1)", "tau": TAU}
    assert (
        bm.crosscheck(bm.fit(EFFECTS, priors=other, random_seed=2, progressbar=False))["z"].abs().max() < 5.0
    )


def test_a_weight_is_below_one() -> None:
    with pytest.raises(PriorError, match="character 15: weight is 1; it must be below 1"):
        bm.Prior.parse("NormalMixture(1, 0, 1, 0, 2)")
    with pytest.raises(PriorError, match="character 15: weight is 0; it must be above 0"):
        bm.Prior.parse("NormalMixture(0, 0, 1, 0, 2)")
