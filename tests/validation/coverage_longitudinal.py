"""Do 95 % intervals over months cover 95 % of the truth, when arms print means and SDs but no correlation?

Parameters are drawn from their priors; arm means at baseline and four months are drawn by NumPy from the
sampling distribution that repeated measurements with a known correlation have. Three answers: the family with
that correlation given, with a prior on it, and each month pooled by itself, whose difference between two
months takes them as independent.

``python tests/validation/coverage_longitudinal.py`` writes `coverage_longitudinal.json` beside this file.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from bayesma.engines.exact import integrate
from bayesma.engines.fit import make_setting
from bayesma.engines.tree import Setting
from bayesma.evidence.trajectories import Trajectories
from bayesma.files import write_text

RECORD = Path(__file__).with_name("coverage_longitudinal.json")
REVIEWS, SEED, WORKERS, DRAWS = 500, 20261123, 2, 4000
STUDIES, MONTHS, SD = 6, np.array([0.0, 1.0, 3.0, 6.0, 12.0]), 4.0
PRIORS = {"m": "Normal(0, 4)", "tau": "HalfNormal(1)", "rho": "Uniform(0, 1)"}
WITHIN = "Beta(4, 2)"
GIVEN, PRIOR, SEPARATE = "correlation given", "prior on the correlation", "each month by itself"
DIFFERENCE = "m[12] - m[6]"

type Draws = dict[str, np.ndarray]


def review(seed: int) -> tuple[pd.DataFrame, np.ndarray, float]:
    """Arm means by study and month, the true mean changes, and the true correlation of adjacent visits."""
    rng = np.random.default_rng([SEED, seed])
    mean, tau = rng.normal(0.0, 4.0, 4), abs(rng.normal(0.0, 1.0))
    rho, within = rng.uniform(), rng.beta(4.0, 2.0)
    after = MONTHS[1:]
    effects = rng.multivariate_normal(
        mean, tau**2 * rho ** np.abs(after[:, None] - after), STUDIES, method="eigh"
    )
    position = np.arange(5)
    correlation = within ** np.abs(position[:, None] - position)
    rows = []
    for i in range(STUDIES):
        n = int(rng.integers(8, 40))
        level = rng.normal(12.0, 2.0) + np.concatenate([[0.0], effects[i]])
        printed = rng.multivariate_normal(level, SD**2 / n * correlation, method="eigh")
        rows += [
            {"study": f"study {i + 1}", "month": m, "mean": y, "sd": SD, "n": n}
            for m, y in zip(MONTHS, printed, strict=True)
        ]
    return pd.DataFrame(rows), mean, within


def posterior(frame: pd.DataFrame, correlation: float | str, between: str) -> tuple[np.ndarray, float]:
    """Draws of the mean at each visit, (s, t), and the error of the integral."""
    evidence = Trajectories.from_arms(
        frame,
        study="study",
        month="month",
        mean="mean",
        sd="sd",
        n="n",
        within_correlation=correlation,
        within_structure="ar1-visit",
    )
    priors = PRIORS if between == "ou" else {name: PRIORS[name] for name in ("m", "tau")}
    setting = make_setting(evidence, None, priors, 1, {"between": between})
    return drawn(setting)


def drawn(setting: Setting) -> tuple[np.ndarray, float]:
    """Draws of m and the error of the integral."""
    integral = integrate(setting)
    return integral.draw(DRAWS, np.random.default_rng(1))["m"], integral.error


def separate(frame: pd.DataFrame, within: float) -> tuple[np.ndarray, float]:
    """Each month pooled by itself with the right standard errors, months taken as independent."""
    wide = frame.pivot(index="study", columns="month", values="mean")
    n = frame.groupby("study")["n"].first()
    rows = [
        {
            "study": study,
            "month": month,
            "y": wide.loc[study, month] - wide.loc[study, 0.0],
            "se": SD * np.sqrt(2.0 * (1.0 - within**at) / n[study]),
        }
        for study in wide.index
        for at, month in enumerate(MONTHS)
        if month > 0
    ]
    evidence = Trajectories.from_estimates(
        pd.DataFrame(rows), study="study", month="month", estimate="y", se="se", within_correlation=0.0
    )
    priors = {name: PRIORS[name] for name in ("m", "tau")}
    return drawn(make_setting(evidence, None, priors, 1, {"between": "diagonal"}))


def covered(seed: int) -> tuple[dict[str, list[bool]], float]:
    """For each answer, whether the intervals of m at the visits and of the difference hold the truth.

    And the largest error of an integral.
    """
    frame, mean, within = review(seed)
    truth = np.append(mean, mean[3] - mean[2])
    answers = {
        GIVEN: posterior(frame, within, "ou"),
        PRIOR: posterior(frame, WITHIN, "ou"),
        SEPARATE: separate(frame, within),
    }
    result = {}
    for name, (m, _) in answers.items():
        both = np.column_stack([m, m[:, 3] - m[:, 2]])
        low, high = np.quantile(both, [0.025, 0.975], axis=0)
        result[name] = ((low <= truth) & (truth <= high)).tolist()
    return result, max(error for _, error in answers.values())


def main() -> None:
    """Run all reviews and write the record."""
    begin = time.time()
    with ProcessPoolExecutor(WORKERS) as pool:
        results = list(pool.map(covered, range(REVIEWS), chunksize=5))
    quantities = [*(f"m[{m:g}]" for m in MONTHS[1:]), DIFFERENCE]
    counts = {
        name: dict(zip(quantities, np.sum([r[name] for r, _ in results], axis=0).tolist(), strict=True))
        for name in (GIVEN, PRIOR, SEPARATE)
    }
    record = {
        "reviews": REVIEWS,
        "seed": SEED,
        "studies": STUDIES,
        "months": MONTHS.tolist(),
        "priors": PRIORS | {"rho_within": WITHIN},
        "covered": counts,
        "by_review": [{name: "".join("01"[hit] for hit in r[name]) for name in r} for r, _ in results],
        "largest_error": max(error for _, error in results),
        "seconds": round(time.time() - begin),
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("bayesma", "numpy", "scipy", "numba")},
    }
    write_text(RECORD, json.dumps(record, indent=1) + "\n")
    print(json.dumps(counts, indent=1), file=sys.stderr)


if __name__ == "__main__":
    main()
