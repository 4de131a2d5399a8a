"""The examples in the docstrings of measures, readers and resources run and print what they say."""

import doctest
import importlib

import pytest

MODULES = [
    "bayesma.evidence.counts",
    "bayesma.evidence.effects",
    "bayesma.evidence.readers",
    "bayesma.measures.binary",
    "bayesma.measures.continuous",
    "bayesma.measures.effect_sizes",
    "bayesma.measures.intervals",
    "bayesma.measures.listing",
    "bayesma.measures.single_arm",
    "bayesma.resources",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
