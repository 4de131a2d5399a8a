"""Are the names that others call there, each of the kind it should be, whatever was imported before?"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types

import pytest

import bayesma as bm

FUNCTIONS = [
    "benefit", "compare", "crosscheck", "effect_sizes", "fit", "frequentist", "glmm",
    "hazard", "list_families", "list_measures", "list_models", "list_priors", "load_data", "load_spec",
    "mantel_haenszel", "model_disagreement", "model_evidence", "multivariate",
    "occupancy", "outliers", "per_visit", "peto", "predict",
    "prob", "read_studies", "report", "response", "retreatment", "run", "shrinkage", "summary",
    "summary_of_findings",
    "cumulative", "influence", "leave_one_out", "subsets",
    "as_prior", "elicit_prior", "meta_regression", "published_prior", "shrinkage_trace", "stacking",
    "subgroups",
    "model_average", "power_scaling", "prior_data_conflict", "prior_sensitivity", "tipping_point",
]  # fmt: skip
CLASSES = ["ArmCounts", "Effects", "FollowUp", "Prior", "Trajectories", "TwoArmCounts"]
MODULES = ["plots"]


def test_the_list_is_complete() -> None:
    assert sorted(bm.__all__) == sorted([*FUNCTIONS, *CLASSES, *MODULES, "__version__"])


def test_dir_lists_every_name() -> None:
    assert set(bm.__all__) <= set(dir(bm))


def test_no_name_is_also_a_module_of_the_package() -> None:
    """Importing such a module would put it in place of the function."""
    modules = {module.name for module in pkgutil.iter_modules(bm.__path__)}
    assert modules & set(bm.__all__) == set(MODULES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function = getattr(bm, name)
    assert inspect.isfunction(function)
    assert function.__name__ == name
    assert inspect.getdoc(function)
    assert getattr(bm, name) is function


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name: str) -> None:
    assert inspect.isclass(getattr(bm, name))


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    assert isinstance(getattr(bm, name), types.ModuleType)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_stays_one_after_its_module_was_imported(name: str) -> None:
    importlib.import_module(getattr(bm, name).__module__)
    assert inspect.isfunction(getattr(bm, name))


def test_star_import() -> None:
    namespace: dict[str, object] = {}
    exec("from bayesma import *", namespace)
    assert set(bm.__all__) - {"__version__"} <= set(namespace)


@pytest.mark.parametrize("name", ["nuts", "sumary", "_private"])
def test_an_unknown_name(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'bayesma' has no attribute '{name}'$"):
        getattr(bm, name)


def test_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert bm.__version__ == version("bayesma")
