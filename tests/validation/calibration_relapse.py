"""Is P(relapse speeds up after month 6) calibrated, and do intervals of relapse-free probability cover?

Reviews are simulated with parameters from the priors, drawn by NumPy, so that some intensities rise and some
fall; counts come from `Relapse.simulate`, interval after interval, since who relapsed is not at risk in the
next. In every second review patients die free of relapse too, and the deaths are counted. Where nobody is
left, the later intervals of the study are dropped, as nobody would print them. The periods of the design are
given to the fit, whatever the counts leave. Reviews from three fixed truths stand beside them.

``python tests/validation/calibration_relapse.py`` writes `calibration_relapse.json` beside this file.
Finished reviews are kept in `calibration_relapse.partial` meanwhile, so that an interrupted run goes on; the
file is removed at the end.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesma.engines.exact import integrate
from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import WeightedPoints
from bayesma.errors import ConvergenceWarning
from bayesma.evidence.follow_up import FollowUp
from bayesma.families import FAMILIES
from bayesma.files import write_text
from bayesma.numerics.threads import one_blas_thread

type Array = np.ndarray
type Truth = dict[str, Any]

RECORD = Path(__file__).with_name("calibration_relapse.json")
PARTIAL = RECORD.with_suffix(".partial")
SEED, BINS, LEVEL, LIMITS = 20261124, 10, 0.95, 0.999
PRIOR = "prior"
PRIORS = {"sigma_h": "HalfNormal(1)", "h": "Normal(-4, 2)", "s": "HalfNormal(0.5)"}
DEATHS = {"h_death": "Normal(-6, 2)"}  # in every second review
# Monthly intensities in (0, 6], (6, 12], (12, 24] of a typical study, and the sd of studies: invented
TRUTHS = {"rising": (0.01, 0.04, 0.04), "flat": (0.02, 0.02, 0.02), "falling": (0.04, 0.01, 0.01)}
SPREAD, DYING = 0.3, 0.01  # the second: deaths a month
REVIEWS = {PRIOR: 250} | dict.fromkeys(TRUTHS, 50)  # an hour and a half of one core
STUDIES, PATIENTS = (3, 8), (8, 80)  # the patients on the log scale
ENDS, SHARES = ((6, 12), (9, 12), (12,)), (0.55, 0.2, 0.25)  # of intervals; how often a study has them
LONG, LONGER = 0.4, 0.5  # how often a review goes on to month 24, and how many of its studies then do
QUANTITIES = ("sigma_h", "s", "h (0, 6]", "h (6, 12]", "h_death", "typical", "new")
COLUMNS = (
    *("studies", "rows", "patients", "relapses", "deaths", "rises", "p_rises"),
    *(f"below: {name}" for name in QUANTITIES),
    *("covered: typical", "covered: new", "converged", "error", "error_quantiles"),
)


def dies(number: int) -> bool:
    """Whether deaths are counted in a review."""
    return number % 2 == 1


def truth(group: str, number: int, periods: tuple[int, ...], rng: np.random.Generator) -> Truth:
    """Parameters of a review."""
    if group != PRIOR:
        death = {"h_death": np.log(DYING)} if dies(number) else {}
        return {"s": SPREAD, "h": np.log(TRUTHS[group])[: len(periods)]} | death
    sigma_h, s = abs(rng.normal(0.0, 1.0)), abs(rng.normal(0.0, 0.5))
    walk = np.cumsum([0.0, *(sigma_h * rng.standard_normal(len(periods) - 1))])
    average = np.average(np.exp(walk), weights=np.diff([0, *periods]))
    h = rng.normal(-4.0, 2.0) + walk - np.log(average)
    death = {"h_death": rng.normal(-6.0, 2.0)} if dies(number) else {}
    return {"sigma_h": sigma_h, "s": s, "h": h} | death


def schedule(rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Ends of the intervals of every study."""
    chosen = rng.choice(len(ENDS), size=int(rng.integers(STUDIES[0], STUDIES[1] + 1)), p=SHARES)
    longer = (rng.random() < LONG) & (rng.random(chosen.size) < LONGER)
    return [(*ENDS[i], 24) if on else ENDS[i] for i, on in zip(chosen, longer, strict=True)]


def follow_up(rows: list[dict[str, Any]]) -> FollowUp:
    """Evidence of these rows; with deaths where they name them."""
    columns = [name for name in ("start", "stop", "at_risk", "relapses", "deaths") if name in rows[0]]
    return FollowUp.from_frame(pd.DataFrame(rows), study="study", **{name: name for name in columns})


def study(
    name: str, ends: tuple[int, ...], n: int, true: Truth, periods: tuple[int, ...], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rows of a study with these log intensities: in each interval those at risk whom the one before left."""
    relapse = FAMILIES["relapse"]
    given = {"periods": periods, "random_effects": "none"}
    counted = [event for event, known in (("relapses", "h"), ("deaths", "h_death")) if known in true]
    rows: list[dict[str, Any]] = []
    for start, stop in zip((0, *ends), ends, strict=False):
        if n == 0:
            break
        row = {"study": name, "start": start, "stop": stop, "at_risk": n} | dict.fromkeys(counted, 0)
        design = follow_up([row])
        options = relapse.resolved(relapse.checked_options(given), design)
        drawn = relapse.simulate(true | {"sigma_h": 1.0}, design, options, rng)
        rows.append(row | {event: int(getattr(drawn, event)[0]) for event in counted})
        n -= sum(rows[-1][event] for event in counted)
    return rows


def review(group: str, number: int) -> tuple[FollowUp, tuple[int, ...], Truth]:
    """A simulated review, its periods, and what is true in it and in a new study."""
    rng = np.random.default_rng([SEED, list(REVIEWS).index(group), number])
    ends = schedule(rng)
    periods = (6, 12, 24) if any(24 in own for own in ends) else (6, 12)
    true = truth(group, number, periods, rng)
    rows: list[dict[str, Any]] = []
    for i, own in enumerate(ends):
        n = int(np.exp(rng.uniform(np.log(PATIENTS[0]), np.log(PATIENTS[1] + 1))))
        shifted = true | {"h": true["h"] + true["s"] * rng.standard_normal()}
        rows += study(f"study {i + 1}", own, n, shifted, periods, rng)
    return follow_up(rows), periods, true | {"u_new": true["s"] * rng.standard_normal()}


def log_lost(h: Array, shift: Array | float, h_death: Array | None) -> Array:
    """Log of the intensity added up over 12 months: the relapse-free probability is exp(-exp(this))."""
    relapse = np.log(6.0) + np.logaddexp(h[..., 0], h[..., 1]) + shift
    return relapse if h_death is None else np.logaddexp(relapse, np.log(12.0) + h_death)


def priors(number: int) -> dict[str, str]:
    """Those of a review."""
    return PRIORS | (DEATHS if dies(number) else {})


def answer(group: str, number: int) -> list[float | None]:
    """One review fitted: its row of the record, by `COLUMNS`.

    Intervals of relapse-free probabilities are read off on the log scale of what is lost, of which they are
    a falling function: no probability is rounded to 0 or 1.
    """
    evidence, periods, true = review(group, number)
    setting = make_setting(evidence, None, priors(number), number, {"periods": periods})
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted: see `converged`
        integral = integrate(setting)
    grid = integral.grid(setting.study)
    h, weight = grid["h_at"].values, grid["weight"].values
    death = grid["h_death_at"].values if dies(number) else None
    lost, shifted = (log_lost(h, shift, death) for shift in (0.0, grid["u_new_at"].values))
    known = {"sigma_h": grid["sigma_h_at"].values, "s": grid["s_at"].values, "h_death": death}
    known |= {"h (0, 6]": h[:, 0], "h (6, 12]": h[:, 1], "typical": lost, "new": shifted}
    at = {name: true[name] for name in ("sigma_h", "s", "h_death") if name in true}
    at |= {"h (0, 6]": true["h"][0], "h (6, 12]": true["h"][1]}
    for name, shift in (("typical", 0.0), ("new", true["u_new"])):
        at[name] = float(log_lost(true["h"], shift, true.get("h_death")))
    points = {name: WeightedPoints(v[:, None], weight) for name, v in known.items() if v is not None}
    below = [
        rounded(points[name].probability(at[name], above=False)[0]) if name in at else None
        for name in QUANTITIES
    ]
    tail = 0.5 * (1.0 - LEVEL)
    ends = [points[name].quantile([tail, 1.0 - tail])[0] for name in ("typical", "new")]
    hits = [int(low <= at[name] <= high) for name, (low, high) in zip(("typical", "new"), ends, strict=True)]
    first = evidence.start == 0.0
    size = (evidence.k, evidence.start.size, int(evidence.at_risk[first].sum()), int(evidence.relapses.sum()))
    size = (*size, 0 if evidence.deaths is None else int(evidence.deaths.sum()))
    rises = int(true["h"][1] > true["h"][0])
    errors = (rounded(grid.attrs[name]) for name in ("error", "error_quantiles"))
    speeds_up = rounded(weight @ (h[:, 1] > h[:, 0]))
    return [*size, rises, speeds_up, *below, *hits, int(integral.sound), *errors]


def rounded(value: Any) -> float:
    """Six digits after the point."""
    return round(float(value), 6)


def limits(n: int, p: float) -> list[int]:
    """Exact binomial 99.9 % limits of a count."""
    tail = 0.5 * (1.0 - LIMITS)
    return [int(x) for x in stats.binom(n, p).ppf([tail, 1.0 - tail])]


def reliability(forecast: Array, rises: Array) -> list[dict[str, Any]]:
    """How often intensities rose where the forecast said so, in ten bins of the forecast."""
    which = np.minimum((forecast * BINS).astype(int), BINS - 1)
    table = []
    for b in range(BINS):
        row: dict[str, Any] = {"bin": [b / BINS, (b + 1) / BINS], "n": int(np.sum(which == b))}
        if row["n"]:
            mean, rose = float(forecast[which == b].mean()), int(rises[which == b].sum())
            row |= {"mean_forecast": rounded(mean), "rose": rose, "share": rounded(rose / row["n"])}
            row["limits"] = limits(row["n"], mean)
        table.append(row)
    return table


def scores(forecast: Array, rises: Array) -> dict[str, float]:
    """Brier score and what calibration makes of it: z of Spiegelhalter 1986, doi 10.1002/sim.4780050506.

    `z_mean` compares the number of rises with the sum of the forecasts.
    """
    variance = forecast * (1.0 - forecast)
    away = rises - forecast
    spread = np.sqrt(np.sum(np.square(1.0 - 2.0 * forecast) * variance))
    found = {
        "brier": np.mean(np.square(away)),
        "brier_expected": np.mean(variance),
        "spiegelhalter_z": np.sum(away * (1.0 - 2.0 * forecast)) / spread,
        "z_mean": np.sum(away) / np.sqrt(np.sum(variance)),
    }
    return {name: rounded(value) for name, value in found.items()}


def coverage(rows: pd.DataFrame) -> dict[str, Any]:
    """Intervals that hold the truth, in all reviews and in those whose fit missed its standard."""
    missed = rows[rows["converged"] == 0]
    result: dict[str, Any] = {"reviews": len(rows), "limits": limits(len(rows), LEVEL)}
    result |= {"missed_standard": len(missed), "limits_where_missed": limits(len(missed), LEVEL)}
    for name, some in (("covered", rows), ("covered_where_missed", missed)):
        result[name] = {which: int(some[f"covered: {which}"].sum()) for which in ("typical", "new")}
    return result | {f"largest_{name}": float(rows[name].max()) for name in ("error", "error_quantiles")}


def uniformity(probabilities: Array) -> dict[str, Any]:
    """P(parameter < truth) of one quantity: counts in 20 bins, mean, p-values as in `sbc_counts`."""
    spec = importlib.util.spec_from_file_location("sbc_counts", RECORD.with_name("sbc_counts.py"))
    sbc = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sbc)
    p = {test: rounded(value) for test, value in sbc.uniformity(probabilities).items()}
    return {"bins": sbc.bins(probabilities).tolist(), "mean": rounded(probabilities.mean()), "p": p}


def findings(by_review: dict[str, list[list[float | None]]]) -> dict[str, Any]:
    """What the record says of its reviews, ranks aside."""
    tables = {group: pd.DataFrame(rows, columns=COLUMNS) for group, rows in by_review.items()}
    own = tables.pop(PRIOR)
    forecast, rises = own["p_rises"].to_numpy(), own["rises"].to_numpy(dtype=float)
    fixed = {
        group: coverage(rows)
        | {"mean_p_rises": rounded(rows["p_rises"].mean())}
        | {"p_rises_by_tenths": np.histogram(rows["p_rises"], BINS, (0.0, 1.0))[0].tolist()}
        for group, rows in tables.items()
    }
    kept = {"scores": scores(forecast, rises), "reliability": reliability(forecast, rises)}
    return {PRIOR: coverage(own) | kept, "fixed_truths": fixed}


def settings() -> dict[str, Any]:
    """Design and settings, as JSON has them."""
    design = {"studies": STUDIES, "patients": PATIENTS, "ends": ENDS, "shares": SHARES}
    described = {
        "seed": SEED,
        "engine": "exact",
        "priors": PRIORS | DEATHS,
        "reviews": REVIEWS,
        "truths": TRUTHS,
    }
    described |= {
        "spread": SPREAD,
        "dying": DYING,
        "level": LEVEL,
        "design": design | {"long": LONG, "longer": LONGER},
    }
    packages = {name: version(name) for name in ("bayesma", "numpy", "scipy", "numba")}
    described["versions"] = {"python": platform.python_version()} | packages
    return json.loads(json.dumps(described))


def finished() -> dict[tuple[str, int], tuple[list[float | None], float]]:
    """Rows and seconds of reviews that an earlier run with these settings left."""
    if not PARTIAL.exists():
        write_text(PARTIAL, json.dumps(settings()) + "\n")
    head, *lines = PARTIAL.read_text("utf-8").splitlines()
    if json.loads(head) != settings():
        raise SystemExit(f"{PARTIAL.name} is of other settings; remove it")
    kept = [json.loads(line) for line in lines]
    return {(one["group"], one["number"]): (one["row"], one["seconds"]) for one in kept}


def main() -> None:
    """Run all reviews that are not finished, and write the record."""
    done = finished()
    every = [(group, number) for group, size in REVIEWS.items() for number in range(size)]
    for group, number in sorted(every, key=lambda one: one[1] / REVIEWS[one[0]]):
        if (group, number) in done:
            continue
        begin = time.perf_counter()
        row = answer(group, number)
        done[group, number] = row, round(time.perf_counter() - begin, 2)
        line = {"group": group, "number": number, "row": row, "seconds": done[group, number][1]}
        with PARTIAL.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    by_review = {group: [done[group, i][0] for i in range(size)] for group, size in REVIEWS.items()}
    own = pd.DataFrame(by_review[PRIOR], columns=COLUMNS)
    record = {
        "what": "P(intensity of (6, 12] > of (0, 6]), 95 % intervals of relapse-free probability at month 12",
        **settings(),
        "seconds": round(sum(seconds for _, seconds in done.values())),
        **findings(by_review),
        "ranks": {
            name: uniformity(own[f"below: {name}"].dropna().to_numpy(dtype=float)) for name in QUANTITIES
        },
        "columns": COLUMNS,
    }
    lines = {group: ",\n   ".join(json.dumps(row) for row in rows) for group, rows in by_review.items()}
    groups = ",\n".join(f'  "{group}": [\n   {rows}\n  ]' for group, rows in lines.items())
    write_text(RECORD, f'{json.dumps(record, indent=1)[:-2]},\n "by_review": {{\n{groups}\n }}\n}}\n')
    PARTIAL.unlink()
    print(json.dumps(record[PRIOR]["scores"] | record[PRIOR]["covered"]), file=sys.stderr)


if __name__ == "__main__":
    main()
