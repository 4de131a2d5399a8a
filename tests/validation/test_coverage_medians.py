"""Means from medians: t intervals cover as those of the complete data do, and the record says so."""

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("coverage_medians.py")
spec = importlib.util.spec_from_file_location("coverage_medians", SCRIPT)
medians = importlib.util.module_from_spec(spec)
spec.loader.exec_module(medians)

# Points of coverage that a summary may cost: what the project asks of the conversion.
COST = 2.0
# The same of 500.
FEW = 4.0


@pytest.fixture(scope="module")
def record():
    return json.loads(medians.RECORD.read_text("utf-8"))


def test_the_record_is_complete_and_within_two_points(record) -> None:
    assert (record["seed"], record["simulations"]) == (medians.SEED, medians.SIMULATIONS)
    assert set(record["coverage"]) == set(medians.SHAPES)
    for shape, sizes in record["coverage"].items():
        assert set(sizes) == {str(n) for n in medians.SIZES}
        for n, found in sizes.items():
            for kind in medians.KINDS:
                assert found[kind] >= found["complete data"] - COST, (shape, n, kind)


@pytest.mark.long
@pytest.mark.parametrize("shape", list(medians.SHAPES))
def test_a_few_simulations_are_near_the_record(record, shape: str) -> None:
    found = medians.coverage(shape, 20, 500)
    for kind, value in found.items():
        assert value == pytest.approx(record["coverage"][shape]["20"][kind], abs=FEW), kind
