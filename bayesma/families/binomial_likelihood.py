"""The NumPy side of family `binomial`: likelihoods of its studies, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayesma.families import baseline_kernels
from bayesma.families import count_kernels as kernels
from bayesma.families.base import Array, Arrays, Case, Options
from bayesma.families.effects import common
from bayesma.families.problems import Baseline
from bayesma.numerics.binomials import binomials
from bayesma.numerics.effect_table import EffectTable
from bayesma.numerics.threads import by_rows

BASELINE, CODING = "baseline", "coding"
SHIFTS = {"control": (0.0, 1.0), "midpoint": (-0.5, 0.5)}
FEWEST = 300  # integrals over a baseline for which a thread is worth starting
ROWS = 4  # every so many points of the effect table there is a row of baseline quantiles
LEVELS = np.linspace(-3.6, 3.6, 73)  # of those quantiles, as normal deviates


def four_counts(case: Case) -> Array:
    """Shape (k, 4), as the kernels take them."""
    names = ("events_treat", "n_treat", "events_ctrl", "n_ctrl")
    return np.ascontiguousarray(np.stack([case.arrays[name] for name in names], axis=1))


def log_choose(case: Case) -> Array:
    """Log binomial coefficients of both arms, shape (k,)."""
    arrays = case.arrays
    return kernels.log_choose(arrays["n_treat"], arrays["events_treat"]) + kernels.log_choose(
        arrays["n_ctrl"], arrays["events_ctrl"]
    )


def effect_likelihood(case: Case) -> Callable[[Array], Array]:
    """Log likelihood of every study at effects (k, g)."""
    counts = four_counts(case)
    if case.options[BASELINE] == "conditional":
        return lambda effect: kernels.hypergeometric(np.ascontiguousarray(effect), counts)
    shift, prior = np.array(SHIFTS[case.options[CODING]]), case.priors["alpha"].pack()
    constant = log_choose(case)

    def integrated(effect: Array) -> Array:
        """Baselines integrated out, in several threads where there is much to do."""
        effect = np.ascontiguousarray(effect)
        return by_rows(
            lambda part: baseline_kernels.baseline_integral(
                effect[part], counts[part], shift, prior, constant[part]
            ),
            effect.shape[0],
            FEWEST // effect.shape[1] + 1,
        )

    return integrated


def integrated_baseline(case: Case) -> Baseline:
    """The integrated baselines, for those who ask for them."""
    counts, shift = four_counts(case), np.array(SHIFTS[case.options[CODING]])
    prior, constant = case.priors["alpha"].pack(), log_choose(case)

    def quantiles(effect: Array, levels: Array) -> Array:
        effect = np.ascontiguousarray(effect)
        return by_rows(
            lambda part: baseline_kernels.baseline_quantiles(
                effect[part], levels, counts[part], shift, prior
            ),
            effect.shape[0],
            FEWEST // effect.shape[1] + 1,
        )

    def likelihood(studies: NDArray[np.intp], effect: Array) -> Array:
        """Log likelihood of effects; not from the table where one is common to studies that contradict."""
        if common(case.options):
            given = counts[studies], shift, prior, constant[studies]
            return baseline_kernels.baseline_integral(effect, *given)
        return effect_table(case).at(effect, studies)

    def log_mixture(studies: NDArray[np.intp], effect: Array, weight: Array, alpha: Array) -> Array:
        effect = np.ascontiguousarray(effect)
        with np.errstate(divide="ignore"):
            shares = np.log(weight) - likelihood(studies, effect)
        mixed = baseline_kernels.baseline_mixture(
            effect, shares, np.ascontiguousarray(alpha), counts[studies], shift, prior
        )
        return mixed + constant[studies, None]

    return Baseline("alpha", quantiles, log_mixture)


def draw_baselines(delta: Array, case: Case, rng: np.random.Generator) -> Array:
    """Baselines given effects (s, k), or (s, 1), from a table of their conditional quantiles: (s, k)."""
    from scipy.special import ndtr

    table = effect_table(case)
    if "quantiles" not in case.memo:
        points = np.ascontiguousarray(table.points()[:, ::ROWS])
        case.memo["quantiles"] = integrated_baseline(case).quantiles(points, ndtr(LEVELS))
    size = (len(delta), table.k)
    effect = np.ascontiguousarray(np.broadcast_to(delta, size))
    deviates = rng.standard_normal(size)
    return baseline_kernels.interpolated_draws(
        effect, deviates, LEVELS, case.memo["quantiles"], ROWS, table.packed
    )


def arms(case: Case) -> tuple[EffectTable, EffectTable]:
    """Likelihood of each arm in its logit, control and treated."""
    if "arms" not in case.memo:
        case.memo["arms"] = tuple(
            kernels.arm_table(case.arrays[f"events_{arm}"], case.arrays[f"n_{arm}"])
            for arm in ("ctrl", "treat")
        )
    control, treated = case.memo["arms"]
    return control, treated


def events(
    delta: Array, alpha: Array | None, arrays: Arrays, options: Options, rng: np.random.Generator
) -> Arrays:
    """Events at effects and baselines of shape (s, k)."""
    n_treat, n_ctrl = arrays["n_treat"], arrays["n_ctrl"]
    if options[BASELINE] == "conditional":
        total = arrays["events_treat"] + arrays["events_ctrl"]
        treated = kernels.draw_hypergeometric(delta, n_treat, n_ctrl, total, rng.uniform(size=delta.shape))
        return {"events_treat": treated, "events_ctrl": total - treated}
    assert alpha is not None
    to_control, to_treated = SHIFTS[options[CODING]]
    return {
        "events_treat": binomials(n_treat, alpha + to_treated * delta, rng),
        "events_ctrl": binomials(n_ctrl, alpha + to_control * delta, rng),
    }


def effect_table(case: Case) -> EffectTable:
    """Likelihood of each study in its log odds ratio; fixed or conditional baselines."""
    if "table" not in case.memo:
        case.memo["table"] = EffectTable.build(
            effect_likelihood(case), *rough(case.arrays), kernels.LOGIT_BEND
        )
    table: EffectTable = case.memo["table"]
    return table


def crude(arrays: Arrays) -> tuple[Array, Array]:
    """Log odds ratios, half an event added to each cell of a table with a zero; none for double zeros."""
    a, c = arrays["events_treat"], arrays["events_ctrl"]
    b, d = arrays["n_treat"] - a, arrays["n_ctrl"] - c
    cells = np.stack([a, b, c, d])
    cells = cells + 0.5 * np.any(cells == 0, axis=0)
    known = ~(((a == 0) & (c == 0)) | ((b == 0) & (d == 0)))
    estimate = np.log(cells[0] / cells[1]) - np.log(cells[2] / cells[3])
    return np.where(known, estimate, np.nan), np.where(known, np.sqrt((1.0 / cells).sum(axis=0)), np.nan)


def rough(arrays: Arrays) -> tuple[Array, Array]:
    """Where each study's log odds ratio lies, and how widely, with half an event added to every cell."""
    a, c = arrays["events_treat"], arrays["events_ctrl"]
    cells = np.stack([a, arrays["n_treat"] - a, c, arrays["n_ctrl"] - c]) + 0.5
    return np.log(cells[0] * cells[3] / (cells[1] * cells[2])), np.sqrt((1.0 / cells).sum(axis=0))
