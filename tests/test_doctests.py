"""Does every example in a docstring run, and print what it says?"""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import bayesma as bm
from bayesma.posterior.prior_share import prior_share

# These sample with NUTS, draw to a file, or only forward to a documented function.
WITHOUT_EXAMPLE = {"crosscheck", "report"}


def modules() -> list[str]:
    """Names of all modules of the package; `__main__` runs the program."""
    names = (module.name for module in pkgutil.walk_packages(bm.__path__, "bayesma."))
    return ["bayesma", *(name for name in names if not name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    failed = [
        f"{test.name}: {runner.summarize(verbose=False)}"
        for test in doctest.DocTestFinder(exclude_empty=True).find(module)
        if (runner := doctest.DocTestRunner(verbose=False)).run(test).failed
    ]
    assert failed == []


@pytest.mark.parametrize("name", sorted(set(bm.__all__) - WITHOUT_EXAMPLE - {"__version__"}))
def test_public_functions_have_an_example(name: str) -> None:
    value = getattr(bm, name)
    if inspect.isfunction(value):
        assert ">>> " in (value.__doc__ or ""), f"{name} has no example"


def test_the_runner_sees_a_wrong_example() -> None:
    """The collection above would be worthless if it passed over examples."""
    found = doctest.DocTestFinder().find(prior_share, "prior_share", globs={})
    test = next(one for one in found if one.examples)
    test.examples[-1].want = "something else\n"
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None).failed == 1
