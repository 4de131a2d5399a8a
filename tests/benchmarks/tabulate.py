"""Put the figures of a benchmark run into the README, as medians and as ratios within that run.

Usage: python tests/benchmarks/tabulate.py benchmarks.json README.md
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

PEERS = Path(__file__).parents[2] / "data" / "reference" / "timings.json"
START, END = "<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->"


def descriptions() -> dict[str, str]:
    """What each benchmark measures: the first line of its docstring."""
    tree = ast.parse(Path(__file__).with_name("test_speed.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f.name: (ast.get_docstring(f) or f.name).splitlines()[0] for f in functions}


def readable(seconds: float) -> str:
    """A duration with three digits and its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError(seconds)


def table(run: dict) -> str:
    """Markdown: one table a group, ratios to the group's first benchmark."""
    machine = run["machine_info"]
    cpu = machine["cpu"]
    what = descriptions()
    lines = [
        f"Python {machine['python_version']}, {cpu.get('brand_raw', '?')}, {cpu.get('count', '?')} cores, "
        f"{run['datetime'][:10]}. Medians; ratios are to the first row of each table, within one run."
    ]
    groups: dict[str, list[dict]] = {}
    for one in run["benchmarks"]:
        groups.setdefault(one["group"], []).append(one)
    for group, members in groups.items():
        base = members[0]["stats"]["median"]
        lines += ["", f"| {group} | median | ratio |", "|---|---:|---:|"]
        for one in members:
            label = what[one["name"].split("[")[0]]
            if one["params"]:
                label += " (" + ", ".join(f"{k} = {v}" for k, v in one["params"].items()) + ")"
            median = one["stats"]["median"]
            lines.append(f"| {label} | {readable(median)} | {median / base:.3g} |")
    return "\n".join([*lines, "", peers()])


def peers() -> str:
    """What other software took for the same data, on another machine of the same size."""
    known = json.loads(PEERS.read_text(encoding="utf-8"))
    brms, glmm = known["brms_binomial_twoarm_bcg"], known["metafor_rma_glmm_nielweise2007"]
    jags = known["jags_nnhm_bcg"]
    compile_, refit = (readable(brms[key]["median"]) for key in ("compile", "refit_update_cores2"))
    fixed = readable(glmm["UM.FS"]["seconds"]["median"])
    normal = readable(known["brms_nnhm_bcg"]["refit_update_cores2"]["median"])
    gibbs = readable(jags["sample_4x1000"]["median"])
    cpu = known["machine"]["cpu"]
    parts = [
        f"Peers ({cpu}, 2 cores, idle; data/reference/timings.md): brms two-arm binomial on BCG",
        f"{compile_} to compile, {refit} a refit; brms normal-normal {normal} a refit;",
        f"JAGS normal-normal {gibbs} for 4 x 1,000 draws; metafor's UM.FS on Niel-Weise {fixed}.",
    ]
    return " ".join(parts)


def main(results: str, readme: str) -> None:
    """Replace what stands between the markers."""
    run = json.loads(Path(results).read_text(encoding="utf-8"))
    path = Path(readme)
    before, rest = path.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    path.write_text(f"{before}{START}\n{table(run)}\n{END}{after}", encoding="utf-8")
    print(table(run))


if __name__ == "__main__":
    main(*sys.argv[1:])
