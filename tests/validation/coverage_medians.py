"""Coverage of t intervals of means that were computed from medians, beside those of the complete data.

Run it to make the record anew: ``python tests/validation/coverage_medians.py`` (about two minutes).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bayesma.evidence.five_numbers import average  # the conversion alone, without a table around it

RECORD = Path(__file__).with_suffix(".json")
SEED, SIMULATIONS = 20261201, 4000
SIZES = (10, 20, 50, 100)
KINDS = {"quartiles": (1, 2, 3), "range": (0, 2, 4), "five": (0, 1, 2, 3, 4)}
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
SHAPES: dict[str, tuple[Draw, float]] = {
    "normal, mean 0": (lambda rng, size: rng.normal(0.0, 1.0, size), 0.0),
    "normal, mean 5 sds": (lambda rng, size: rng.normal(5.0, 1.0, size), 5.0),
    "normal, mean 3 sds": (lambda rng, size: rng.normal(3.0, 1.0, size), 3.0),
    "log-normal, log-sd 0.4": (lambda rng, size: rng.lognormal(0.0, 0.4, size), float(np.exp(0.08))),
    "log-normal, log-sd 0.8": (lambda rng, size: rng.lognormal(0.0, 0.8, size), float(np.exp(0.32))),
}


def coverage(shape: str, n: int, simulations: int) -> dict[str, float]:
    """Per cent of 95 % intervals that hold the true mean: of complete data, and of each kind of summary."""
    draw, truth = SHAPES[shape]
    values = draw(np.random.default_rng([SEED, n, list(SHAPES).index(shape)]), (simulations, n))
    t = stats.t.ppf(0.975, n - 1)
    held = np.abs(values.mean(axis=1) - truth) <= t * values.std(axis=1, ddof=1) / np.sqrt(n)
    found = {"complete data": 100.0 * float(held.mean())}
    five = np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0], axis=1).T
    for kind, kept in KINDS.items():
        printed = np.full_like(five, np.nan)
        printed[:, kept] = five[:, kept]
        means = [average(row, float(n)) for row in printed]
        inside = [abs(one.mean - truth) <= t * np.sqrt(one.variance) for one in means]
        found[kind] = 100.0 * float(np.mean(inside))
    return found


def main() -> None:
    """Write the record."""
    cells = {shape: {str(n): coverage(shape, n, SIMULATIONS) for n in SIZES} for shape in SHAPES}
    record = {"seed": SEED, "simulations": SIMULATIONS, "coverage": cells}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
