"""Does every shipped analysis load, name columns its data have, and stand in the list?"""

from __future__ import annotations

import tomllib

import pytest

import bayesma as bm
from bayesma.evidence.arms import SUFFIXES
from bayesma.evidence.readers import read_studies
from bayesma.resources import DATA, MODELS
from bayesma.spec import load_spec

NAMES = MODELS.names()
OF_THE_FIRST_ISSUE = {
    "bcg", "crins2014", "deng2017", "eight_schools", "normand1999", "secretome2025", "zhou2020",
}  # fmt: skip
OF_THE_THIRD = {
    "bcg_counts", "crins2014_counts", "deng2017_safety", "msc_response", "msc_survival", "nielweise2007",
    "pritz1997", "wang2014_safety",
}  # fmt: skip
OF_THE_FOURTH = {"ishak2007", "msc_sledai", "zhou2020_longitudinal"}

OF_THE_FIFTH = {"msc_relapse", "wang2014"}


def test_the_promised_ones_are_there() -> None:
    assert set(NAMES) >= OF_THE_FIRST_ISSUE | OF_THE_THIRD | OF_THE_FOURTH | OF_THE_FIFTH


def test_the_list() -> None:
    table = bm.list_models()
    assert table.columns.tolist() == ["title", "analyses", "data", "citation"]
    assert table.index.name == "model"
    assert table.index.tolist() == list(NAMES)
    assert (table["analyses"] >= 1).all()
    assert set(", ".join(table["data"]).split(", ")) <= set(DATA.names())


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_and_says_what_a_reader_needs(name: str) -> None:
    spec = load_spec(name)
    assert spec.title
    assert "doi" in spec.file.citation
    assert spec.file.fit.random_seed is not None
    for job in spec.jobs:
        single = job.effects.measure == "PLO" or job.model.family == "relapse"  # single arms favour nobody
        assert (job.effects.favours is None) == single, job.name
        assert job.questions.mid is None or job.questions.mid_source, job.name


@pytest.mark.parametrize("name", NAMES)
def test_its_columns_exist(name: str) -> None:
    for job in load_spec(name).jobs:
        there = set(read_studies(job.data).columns)
        study = job.effects.study
        named = {*job.where, *([study] if isinstance(study, str) else study or [])}
        columns = set(job.effects.columns.values())
        if job.effects.arms is not None:
            by = job.effects.arms.by or []
            named |= {job.effects.arms.column, *([by] if isinstance(by, str) else by)}
            columns = {column.removesuffix(SUFFIXES[0]).removesuffix(SUFFIXES[1]) for column in columns}
        assert named | columns <= there, job.name


@pytest.mark.parametrize("name", NAMES)
def test_no_job_is_written_twice(name: str) -> None:
    """Two rows of one file that ask the same of the same rows would be a slip of the copyist."""
    jobs = [
        (
            sorted(job.where.items()),
            job.variant,
            job.effects.model_dump_json(),
            job.model.model_dump_json(),
            job.data,
        )
        for job in load_spec(name).jobs
    ]
    assert all(jobs.count(job) == 1 for job in jobs)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_plain_toml(name: str) -> None:
    text = MODELS.path(name).read_text("utf-8")
    assert tomllib.loads(text)["schema"] == 1
    assert text.isascii()
