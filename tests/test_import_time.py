"""What does each step load? PyMC and ArviZ take seconds to import, and the exact path needs neither."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = [
    "arviz", "arviz_stats", "h5netcdf", "jinja2", "matplotlib", "numba", "numpy", "nutpie", "pandas",
    "pydantic", "pymc", "pytensor", "scipy", "scipy.stats", "xarray",
]  # fmt: skip
SAMPLING = {"pymc", "pytensor", "nutpie", "arviz", "arviz_stats", "matplotlib"}
EFFECTS = "effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], measure='SMD')\n"
FIT = EFFECTS + "fit = bm.fit(effects, engine='exact', random_seed=1)\n"
QUESTIONS = (
    "bm.summary(fit); bm.prob(fit, 'mu', below=0); bm.benefit(fit, favours='lower'); bm.shrinkage(fit)\n"
    "bm.compare({'a': fit, 'b': bm.frequentist(effects)}); bm.model_evidence(fit)\n"
)


def loaded_by(code: str) -> set[str]:
    """Heavy modules a fresh interpreter has loaded after running the code."""
    tail = f"\nimport json, sys\nprint(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    command = [sys.executable, "-W", "error", "-c", "import bayesma as bm\n" + code + tail]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_nothing_heavy() -> None:
    assert loaded_by("") == set()


def test_dir_and_an_unknown_name_load_nothing() -> None:
    assert loaded_by("dir(bm)\ntry:\n    bm.nothing\nexcept AttributeError:\n    pass") == set()


def test_the_frequentist_answer_needs_no_sampler() -> None:
    assert not loaded_by(EFFECTS + "bm.frequentist(effects)") & SAMPLING


def test_a_prior_needs_no_sampler() -> None:
    assert not loaded_by("bm.Prior.parse('HalfNormal(0.5)').ppf(0.5); bm.list_priors()") & SAMPLING


@pytest.mark.parametrize("code", [FIT, FIT + QUESTIONS], ids=["fit", "questions"])
def test_the_exact_engine_needs_no_sampler(code: str) -> None:
    assert not loaded_by(code) & SAMPLING


def test_an_exact_analysis_needs_no_sampler() -> None:
    assert not loaded_by("bm.run('bcg', engine='exact').table()") & SAMPLING


def test_submodules_imported_first_do_not_hide_a_function() -> None:
    code = (
        "import bayesma.classical.frequentist, bayesma.engines.fit, bayesma.posterior.summary\n"
        "import bayesma.analysis, bayesma.reference, bayesma.spec, bayesma.plots\n"
        "for name in ('frequentist', 'fit', 'summary', 'run', 'prob'):\n"
        "    assert type(getattr(bm, name)).__name__ == 'function', name\n"
    )
    loaded_by(code)
