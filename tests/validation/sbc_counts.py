"""Simulation-based calibration of the count models through engine `exact`: are the posteriors the right ones?

Parameters are drawn from their priors and data from the parameters, by NumPy and SciPy, not by the families.
The posterior probability below the true value must then be uniform (Talts et al. 2018, arXiv 1804.06788). The
posteriors have distribution functions, so these are the probabilities themselves: no ranks, no noise.

``python tests/validation/sbc_counts.py`` writes `sbc_counts.json` beside this file: ten minutes on two cores.
"""

from __future__ import annotations

import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import stats
from scipy.special import expit

from bayesma.engines.exact import integrate
from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import marginal
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.files import write_text

type Array = np.ndarray
type Truth = dict[str, float]
type Simulation = tuple[TwoArmCounts | ArmCounts, Truth]

RECORD = Path(__file__).with_name("sbc_counts.json")
SIMULATIONS, SEED = 1000, 20261123
BINS = 20
FAMILYWISE = 0.05  # probability that a correct program fails: Bonferroni over every test of every quantity
BAND_POINTS, BAND_DRAWS = 100, 20_000
WORKERS = 2

# Six pairs of arms of Niel-Weise et al. 2007 and six arms of Pritz et al. 1997: the sizes, not the events.
N_TREAT, N_CTRL = np.array([116, 44, 208, 130, 151, 98]), np.array([117, 35, 195, 136, 157, 139])
N_ARM = np.array([17, 12, 8, 58, 10, 42])
ALPHA, MU, TAU = (-2.0, 1.5), (0.0, 1.0), 0.5
MEAN, KAPPA = (1.0, 1.0), (2.0, 0.1)
EFFECTS = {"mu": "Normal({}, {})".format(*MU), "tau": f"HalfNormal({TAU})"}


def _hyper(rng: np.random.Generator, name: str) -> tuple[Array, Truth]:
    """Effects of six studies, and what is true: mu, tau, the first effect and that of a new study."""
    mu, tau = rng.normal(*MU), abs(rng.normal(0.0, TAU))
    effects = rng.normal(mu, tau, 7)
    return effects[:6], {"mu": mu, "tau": tau, name: effects[0], f"{name}_new": effects[6]}


def fixed(rng: np.random.Generator) -> Simulation:
    """Two arms, each study with a baseline of its own midway between them."""
    delta, truth = _hyper(rng, "delta")
    alpha = rng.normal(*ALPHA, 6)
    treated = rng.binomial(N_TREAT, expit(alpha + 0.5 * delta))
    control = rng.binomial(N_CTRL, expit(alpha - 0.5 * delta))
    return TwoArmCounts.from_counts(treated, N_TREAT, control, N_CTRL), truth | {"alpha": alpha[0]}


def conditional(rng: np.random.Generator) -> Simulation:
    """Two arms given their margins, which are drawn without regard to the effects."""
    delta, truth = _hyper(rng, "delta")
    total = rng.binomial(N_TREAT + N_CTRL, expit(rng.normal(*ALPHA, 6)))
    treated = [
        int(stats.nchypergeom_fisher.rvs(t + c, t, both, np.exp(x), random_state=rng))
        for t, c, both, x in zip(N_TREAT, N_CTRL, total, delta, strict=True)
    ]
    return TwoArmCounts.from_counts(treated, N_TREAT, total - treated, N_CTRL), truth


def logit_normal(rng: np.random.Generator) -> Simulation:
    """Single arms with normal logits."""
    theta, truth = _hyper(rng, "theta")
    return ArmCounts.from_counts(rng.binomial(N_ARM, expit(theta)), N_ARM), truth


def beta_binomial(rng: np.random.Generator) -> Simulation:
    """Single arms with Beta risks."""
    mean, kappa = rng.beta(*MEAN), rng.gamma(KAPPA[0], 1.0 / KAPPA[1])
    a, b = mean * kappa, (1.0 - mean) * kappa
    # logs of Gamma variables, one of shape + 1 times a power: a risk may differ from 1 by less than rounding
    theta = np.log(rng.gamma(a + 1.0, size=7)) + np.log(rng.uniform(size=7)) / a
    theta -= np.log(rng.gamma(b + 1.0, size=7)) + np.log(rng.uniform(size=7)) / b
    truth = {"mean": mean, "kappa": kappa, "theta": theta[0], "theta_new": theta[6]}
    return ArmCounts.from_counts(rng.binomial(N_ARM, expit(theta[:6])), N_ARM), truth


MODELS: dict[str, tuple[Callable[[np.random.Generator], Simulation], dict[str, str], dict[str, str]]] = {
    "binomial, fixed": (fixed, {}, EFFECTS | {"alpha": "Normal({}, {})".format(*ALPHA)}),
    "binomial, conditional": (conditional, {"baseline": "conditional"}, EFFECTS),
    "proportion, logit-normal": (logit_normal, {}, EFFECTS),
    "proportion, beta-binomial": (
        beta_binomial,
        {"distribution": "beta-binomial"},
        {"mean": "Beta({}, {})".format(*MEAN), "kappa": "Gamma({}, {})".format(*KAPPA)},
    ),
}


def probabilities(model: str, number: int) -> tuple[dict[str, float], float]:
    """P(parameter < truth) of every quantity in one simulation, and the estimated error of the integral."""
    simulate, options, priors = MODELS[model]
    rng = np.random.default_rng([SEED, list(MODELS).index(model), number])
    evidence, truth = simulate(rng)
    setting = make_setting(evidence, None, priors, 1, options)
    grid = integrate(setting).grid(setting.study)
    names = xr.Dataset({name: (("chain", "draw"), np.zeros((1, 1))) for name in truth})
    tree = xr.DataTree.from_dict({"/posterior": names, "/exact": grid})
    below = {
        name: float(marginal(tree, name).probability(value, above=False)[0]) for name, value in truth.items()
    }
    return below, float(grid.attrs["error"])


def band(values: Array) -> float:
    """Least two-sided tail probability of the empirical distribution function over 99 points, one a row.

    Saeilynoja, Buerkner & Vehtari 2022, doi 10.1007/s11222-022-10090-6; `values` are counts in 100 bins.
    """
    size = values.sum(axis=1)[0]
    below = np.cumsum(values, axis=1)[:, :-1]
    at = np.arange(1, BAND_POINTS) / BAND_POINTS
    tails = np.minimum(stats.binom.cdf(below, size, at), stats.binom.sf(below - 1, size, at))
    return 2.0 * tails.min(axis=1)


def uniformity(values: Array) -> dict[str, float]:
    """Three p-values of uniformity: chi-square in 20 bins, Kolmogorov-Smirnov, simultaneous band."""
    rng = np.random.default_rng(SEED)
    share = np.full(BAND_POINTS, 1.0 / BAND_POINTS)
    chance = band(rng.multinomial(values.size, share, BAND_DRAWS))
    seen = band(np.histogram(values, BAND_POINTS, (0.0, 1.0))[0][None])[0]
    return {
        "chi_square": float(stats.chisquare(bins(values)).pvalue),
        "kolmogorov_smirnov": float(stats.kstest(values, "uniform").pvalue),
        "band": float((1 + np.sum(chance <= seen)) / (1 + BAND_DRAWS)),
    }


def bins(values: Array) -> Array:
    """Counts in 20 bins."""
    return np.histogram(values, BINS, (0.0, 1.0))[0]


def calibrate(model: str, simulations: int) -> dict[str, object]:
    """All simulations of one model."""
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = [probabilities(model, number) for number in range(simulations)]
    columns = {name: np.array([below[name] for below, _ in runs]) for name in runs[0][0]}
    return {
        "options": MODELS[model][1],
        "priors": MODELS[model][2],
        "simulations": simulations,
        "largest_error": max(error for _, error in runs),
        "warnings": sorted({str(one.message) for one in caught}),
        "seconds": round(time.perf_counter() - started, 1),
        "quantities": {
            name: {"bins": bins(values).tolist(), "mean": float(values.mean()), "p": uniformity(values)}
            for name, values in columns.items()
        },
    }


def verdict(models: dict[str, dict]) -> dict[str, object]:
    """Bonferroni over all tests: whichever of them depend on each other, no more than 5 % false alarms."""
    p = {
        f"{model}: {name}, {test}": value
        for model, result in models.items()
        for name, quantity in result["quantities"].items()
        for test, value in quantity["p"].items()
    }
    worst = min(p, key=p.__getitem__)
    threshold = FAMILYWISE / len(p)
    return {
        "tests": len(p),
        "familywise": FAMILYWISE,
        "threshold": threshold,
        "smallest_p": p[worst],
        "smallest_p_of": worst,
        "below_0.05": sum(value < 0.05 for value in p.values()),
        "passed": p[worst] >= threshold,
    }


def main(simulations: int = SIMULATIONS, path: Path = RECORD) -> dict[str, object]:
    """Run everything and write the record."""
    with ProcessPoolExecutor(WORKERS) as pool:
        results = pool.map(calibrate, MODELS, [simulations] * len(MODELS))
        models = dict(zip(MODELS, results, strict=True))
    record = {
        "what": "P(parameter < truth) over simulations from the priors; uniform if posteriors are right",
        "seed": SEED,
        "bins": BINS,
        "design": {"n_treat": N_TREAT.tolist(), "n_ctrl": N_CTRL.tolist(), "n": N_ARM.tolist()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("bayesma", "numpy", "scipy", "numba")},
        "verdict": verdict(models),
        "models": models,
    }
    write_text(path, json.dumps(record, indent=1) + "\n")
    return record


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SIMULATIONS
    print(json.dumps(main(count)["verdict"], indent=1))
