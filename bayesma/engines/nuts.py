"""Engine `nuts`: the only place that samples, with one compiled model per structure."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesma.engines.agreement import agreement_group
from bayesma.engines.exact import exact_group
from bayesma.engines.tree import SAMPLE, Setting, build
from bayesma.errors import BayesmaError, ConvergenceWarning
from bayesma.families.base import Array, Arrays
from bayesma.priors.packing import Layout, packed

MAX_R_HAT = 1.01
MIN_ESS = 400
TAILS = (0.05, 0.95)
RETRIES = 2
SAFER_TARGETS = (0.99, 0.999)
KEPT_STATISTICS = ("diverging", "depth", "maxdepth_reached", "n_steps", "step_size", "energy", "logp")

_compiled: dict[Hashable, Any] = {}
_compiling = threading.Lock()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample.

    Attributes
    ----------
    draws, tune, chains, cores
        As in PyMC.
    target_accept
        Mean acceptance the step size is adapted to.
    progressbar
        Whether to show one.
    """

    draws: int
    tune: int
    chains: int
    cores: int
    target_accept: float
    progressbar: bool


@dataclass(frozen=True, slots=True)
class Convergence:
    """Diagnostics of the sampled parameters, the worst of each kind."""

    r_hat: float
    ess: float
    divergences: int

    @property
    def reached(self) -> bool:
        """Whether every one meets the standard."""
        return self.r_hat <= MAX_R_HAT and self.ess >= MIN_ESS and self.divergences == 0

    def __str__(self) -> str:
        return f"r_hat {self.r_hat:.3f}, ESS {self.ess:.0f}, {self.divergences} divergences"


def fit_nuts(setting: Setting, sampling: Sampling) -> xr.DataTree:
    """Sample, retry with safer settings where needed, complete, and compare with the exact engine.

    Warns
    -----
    ConvergenceWarning
        When the last attempt still misses r_hat <= 1.01, ESS >= 400 and no divergence.
    """
    compiled = _compile(setting)
    for attempt in range(RETRIES + 1):
        trace = _sample(compiled, sampling, attempt, setting.seed)
        sampled = {name: _values(trace, name) for name in setting.family.sampled(setting.options)}
        convergence = diagnose(sampled, int(trace["sample_stats"]["diverging"].sum()))
        if convergence.reached:
            break
    else:
        warnings.warn(
            f"NUTS did not converge after {RETRIES + 1} attempts ({convergence}); do not use this fit as it "
            "stands: give tighter priors, or more draws and tune",
            ConvergenceWarning,
            stacklevel=3,
        )
    statistics = trace["sample_stats"].dataset
    kept = {name: (SAMPLE, statistics[name].values) for name in KEPT_STATISTICS if name in statistics}
    numbers = {dim: np.arange(statistics.sizes[dim]) for dim in SAMPLE}
    attrs = {
        "converged": int(convergence.reached),
        "attempts": attempt + 1,
        "divergences": convergence.divergences,
        "max_r_hat": convergence.r_hat,
        "min_ess": convergence.ess,
        "draws": next(iter(sampled.values())).shape[1],
        "tune": sampling.tune * 2**attempt,
        "chains": sampling.chains,
    }
    tree = build(setting, "nuts", sampled, {"sample_stats": xr.Dataset(kept, numbers)}, attrs)
    exact = exact_group(setting)
    if exact is not None:
        tree["crosscheck"] = xr.DataTree(agreement_group(tree, exact))
    return tree


def diagnose(sampled: Arrays, divergences: int) -> Convergence:
    """Worst r_hat (rank-normalised) and bulk or tail ESS over parameters of shape (chains, draws, ...).

    Vehtari et al. 2021, doi 10.1214/20-BA1221.
    """
    from arviz_stats.base import array_stats

    one_each = [np.moveaxis(v.reshape(*v.shape[:2], -1), -1, 0) for v in sampled.values()]
    stacked = np.concatenate(one_each)
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moved: infinite or NaN
        r_hat = float(np.max(array_stats.rhat(stacked)))
        bulk = np.min(array_stats.ess(stacked, method="bulk"))
        tail = np.min(array_stats.ess(stacked, method="tail", prob=TAILS))
    return Convergence(r_hat, float(min(bulk, tail)), divergences)


def _compile(setting: Setting) -> Any:
    """The compiled model of this structure, cached in the process, with this setting's numbers.

    With all of them: one left out would silently keep its old value.
    """
    from bayesma.priors.variables import data

    family = setting.family
    values: dict[str, Array] = dict(family.model_data(setting.case))
    kinds: dict[str, Hashable] = {name: family.dims(name) for name in values}
    for name, prior in setting.priors.items():
        values |= data(prior, name)
    layout = Layout.of(values, kinds)
    key = (family.structure(setting.case), layout)
    with _compiling:
        if key not in _compiled:
            import nutpie

            with packed(layout, values):
                model = family.model(setting.case)
            names = list(family.sampled(setting.options))
            _compiled[key] = nutpie.compile_pymc_model(model, var_names=names)
        compiled = _compiled[key]
    size = compiled.n_dim

    def start(seed: Any) -> Array:
        """Where a chain starts: near 0, unconstrained, whatever the model was first compiled with."""
        return np.asarray(np.random.default_rng(seed).uniform(-1.0, 1.0, size))

    return replace(compiled.with_data(**layout.pack(values)), initial_point_func=start)


def _sample(compiled: Any, sampling: Sampling, attempt: int, seed: int) -> Any:
    """One run; each further attempt doubles draws and tuning and takes smaller steps.

    It runs in the background, since a blocking run takes an interrupt for the wish to see what there is so
    far; here an interrupt, like any other exception, ends the run and is passed on.
    """
    import nutpie

    target = (
        sampling.target_accept if attempt == 0 else max(sampling.target_accept, SAFER_TARGETS[attempt - 1])
    )
    draws = sampling.draws * 2**attempt
    running = nutpie.sample(
        compiled,
        draws=draws,
        tune=sampling.tune * 2**attempt,
        chains=sampling.chains,
        cores=sampling.cores,
        seed=int(np.random.default_rng([seed, 3, attempt]).integers(2**63)),
        target_accept=target,
        save_warmup=False,
        progress_bar=sampling.progressbar,
        blocking=False,
    )
    try:
        trace = running.wait()
    except BaseException:
        running.cancel()
        raise
    found = tuple(trace["posterior"].sizes[dim] for dim in SAMPLE)
    if found != (sampling.chains, draws):
        raise BayesmaError(
            f"sampling ended early: {found[0]} chains of {found[1]} draws are there, and {sampling.chains} "
            f"of {draws} were asked for; run the fit again"
        )
    return trace


def _values(trace: Any, name: str) -> Array:
    """Draws of one parameter, shape (chains, draws, ...)."""
    return np.asarray(trace["posterior"][name].transpose(*SAMPLE, ...).values, dtype=np.float64)


def available_cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
