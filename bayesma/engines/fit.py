"""`fit`: one call from evidence to posterior, whichever family and engine."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from typing import Any

import xarray as xr

from bayesma.engines import conflict
from bayesma.engines.exact import fit_exact
from bayesma.engines.tree import Setting
from bayesma.engines.zero_events import note_zero_events
from bayesma.errors import OptionError, interruptible
from bayesma.families import FAMILIES, family_of
from bayesma.numerics.threads import one_blas_thread
from bayesma.priors import Prior
from bayesma.priors.catalogue import check_use

ENGINES = ("nuts", "exact")
SEED_BITS = 31


def fit(
    evidence: Any,
    *,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    engine: str = "nuts",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    cores: int | None = None,
    target_accept: float = 0.95,
    random_seed: int | None = None,
    progressbar: bool | None = None,
    **options: Any,
) -> xr.DataTree:
    """Fit a hierarchical model.

    Parameters
    ----------
    evidence
        Validated study data; its kind chooses the family (`Effects`: normal, `TwoArmCounts`: binomial,
        `ArmCounts`: proportion, `Trajectories`: longitudinal, `FollowUp`: relapse).
    family
        Name of the family, to insist on one.
    priors
        Prior of any hyper-parameter, as text or `Prior`; the others take the measure's default.
    engine
        ``"nuts"`` (PyMC model sampled by nutpie) or ``"exact"`` (deterministic integration).
    draws, tune, chains, cores
        As in PyMC; `exact` uses draws and chains for its independent draws.
    target_accept
        Mean acceptance probability NUTS adapts to.
    random_seed
        Seed of every random number; drawn, and recorded in the result, when not given.
    progressbar
        Show one; by default only on a terminal.
    **options
        Options of the family, checked against its list. `normal`: ``random_effects="normal" | "none"``, or
        for outlying studies ``"student_t"`` with ``nu=4`` and ``"contaminated"`` with ``contamination=0.1``
        and ``inflation=5`` (a prior on `nu` or `contamination` makes it a parameter),
        ``moderators=["dose"]``, names or a formula such as ``"~ dose * cells"``, with
        ``moderator_unit="sd" | "own"`` and, for many of them, ``coefficients="horseshoe"``; for `binomial`
        also these moderators, ``"student_t"``, ``baseline``, and ``coding="midpoint" | "control"``;
        ``distribution`` for `proportion`; ``trajectory``, ``between``, ``moderators=["dose"]`` and
        ``slope_moderators`` for `longitudinal`; ``hazard``, ``periods``, ``random_effects``, ``deaths``,
        ``centres`` and ``moderators`` for `relapse`.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``posterior_predictive``, ``log_likelihood`` (marginal over study effects),
        ``log_prior``, ``prior``, ``observed_data``, ``constant_data``, and ``sample_stats`` with
        ``crosscheck`` (nuts) or ``exact`` (exact). All on the analysis scale. The attribute ``notes`` (JSON
        text) says, of counts, how far trials without events move mu, against the conditional likelihood.
        Where the data lie in the outer 1 % of what chosen priors expect (by a posterior median, or by the
        pooled estimate, of each visit), or a default prior moves the posterior out of the likelihood's 95 %
        interval, PRIOR AND DATA CONFLICT is its first sentence and a `DataWarning`.

    Raises
    ------
    OptionError
        For an unknown family, engine or option, or a number of draws, chains or cores below its least.
    PriorError
        For a prior that does not parse, does not fit its parameter, leaves the posterior improper, or cannot
        be integrated by the exact engine; and when a measure has no default.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> posterior = bm.fit(effects, engine="exact", random_seed=1)
    >>> round(bm.prob(posterior, "mu", below=0.0), 3)
    0.953
    """
    if engine not in ENGINES:
        raise OptionError(f"engine is {engine!r}; it must be one of {', '.join(map(repr, ENGINES))}")
    least = {"draws": (draws, 1), "tune": (tune, 1), "chains": (chains, 1), "cores": (cores or 1, 1)}
    for name, (value, minimum) in least.items():
        if not isinstance(value, int) or value < minimum:
            raise OptionError(f"{name} is {value!r}; it must be a whole number of at least {minimum}")
    if not 0.0 < target_accept < 1.0:
        raise OptionError(f"target_accept is {target_accept!r}; it must lie between 0 and 1")
    setting = make_setting(evidence, family, priors, random_seed, options)
    shown = sys.stderr.isatty() if progressbar is None else progressbar
    tree = fit_setting(
        setting,
        engine,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores,
        target_accept=target_accept,
        progressbar=shown,
    )
    with one_blas_thread():
        note_zero_events(setting, tree)
    conflict.warn(tree, setting, stacklevel=2)
    return tree


def fit_setting(
    setting: Setting,
    engine: str,
    *,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    cores: int | None = None,
    target_accept: float = 0.95,
    progressbar: bool = False,
) -> xr.DataTree:
    """Fit what has been checked; arguments and result as of `fit`."""
    with interruptible(), one_blas_thread():
        if engine == "exact":
            return fit_exact(setting, draws=draws, chains=chains)
        from bayesma.engines.nuts import Sampling, available_cores, fit_nuts

        workers = min(chains, cores or available_cores())
        return fit_nuts(setting, Sampling(draws, tune, chains, workers, target_accept, progressbar))


def make_setting(
    evidence: Any,
    family: str | None,
    priors: Mapping[str, str | Prior] | None,
    random_seed: int | None,
    options: Mapping[str, Any],
) -> Setting:
    """Check everything a fit needs before anything is computed."""
    model = family_of(evidence) if family is None else FAMILIES[family]
    if not isinstance(evidence, model.evidence_type):
        raise OptionError(
            f"family {model.name!r} analyses {model.evidence_type.__name__}, not {type(evidence).__name__}"
        )
    with_shapes = model.estimated(model.checked_options(options), options, priors or {})
    checked = model.resolved(with_shapes, evidence)
    for name, prior in (priors or {}).items():
        check_use(prior, name, str(getattr(evidence, "measure", "")))
    all_priors = model.checked_priors(evidence, priors, checked)
    seed = secrets.randbits(SEED_BITS) if random_seed is None else int(random_seed)
    if seed < 0:
        raise OptionError(f"random_seed is {random_seed}; it must be 0 or above")
    chosen = {*(priors or {}), *model.stated_priors(evidence)}
    defaults = tuple(name for name in all_priors if name not in chosen)
    setting = Setting(model, evidence, all_priors, checked, defaults, seed)
    model.moments_below(setting.case)  # refuses an improper posterior
    return setting
