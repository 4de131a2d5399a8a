"""Does a job get what its file says: the nearest of analysis, variant and top, priors merged one by one?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from bayesma.engines.fit import fit
from bayesma.resources import DATA
from bayesma.spec import Spec, load_spec

type Load = Callable[[str], Spec]


def test_one_analysis_is_called_as_its_file(base: str, load: Load) -> None:
    (job,) = load(base).jobs
    assert job.name == job.analysis == "x"
    assert job.label == "BCG"
    assert (job.variant, job.variant_label, job.variant_note) == ("", "", "")
    assert job.data == DATA.path("bcg")
    assert job.model.family == "normal"
    assert (job.model.priors, job.model.options()) == ({}, {})
    assert job.effects.favours == "lower"
    assert (job.effects.treatment, job.effects.control, job.effects.unit) == ("treatment", "control", None)
    assert job.cautions == ()


def test_the_fit_of_a_file_that_says_nothing_is_the_fit_of_a_call_that_says_nothing(
    base: str, load: Load
) -> None:
    table = load(base).file.fit.model_dump()
    parameters = inspect.signature(fit).parameters
    assert table == {name: parameters[name].default for name in table}


def test_every_key(base: str, load: Load) -> None:
    """The whole vocabulary in one file; an unknown key would be an error."""
    spec = load(
        base.replace('title = "BCG"', 'title = "BCG"\ncitation = "c"\ncautions = ["top"]')
        + """treatment = "BCG"
control = "none"
unit = "log"
correction = 0.25
to = "all"
drop_unusable = true
[model]
family = "normal"
random_effects = "normal"
priors = { mu = "Normal(0, 1)", tau = "HalfNormal(1)" }
[fit]
engine = "exact"
draws = 10
tune = 20
chains = 2
target_accept = 0.95
random_seed = 7
[questions]
mid = 1
mid_source = "s"
probabilities = [{ parameter = "tau", above = 1, label = "large" }, { parameter = "mu", below = -0.5 }]
[[variant]]
name = "v"
label = "V"
note = "n"
model = { random_effects = "none" }
[[variant]]
name = "w"
label = "W"
[[analysis]]
name = "a"
label = "A"
where = { alloc = "random", year = 1948, ablat = 44.5, trial = true }
data = "bcg"
effects = { measure = "OR" }
model = { priors = { mu = "Normal(0, 2)" } }
questions = { mid = 2.5 }
favours = "higher"
cautions = ["own"]
[[reference]]
analysis = "a"
variant = "v"
quantity = "posterior.mu.mean"
value = 1
tolerance = 0.1
source = "s"
"""
    )
    job, other = spec.jobs
    assert (job.name, other.name) == ("a.v", "a.w")
    assert (job.label, job.variant_label, job.variant_note) == ("A", "V", "n")
    assert job.cautions == ("top", "own")
    assert job.effects.options() == {"correction": 0.25, "to": "all", "drop_unusable": True}
    assert (job.effects.measure, job.effects.favours) == ("OR", "higher")
    assert job.questions.mid == 2.5
    assert job.questions.mid_source == "s"
    assert [one.name for one in job.questions.probabilities] == ["P(mu < -0.5)"]  # no tau in this variant
    assert [one.name for one in other.questions.probabilities] == ["large", "P(mu < -0.5)"]
    assert dict(job.where) == {"alloc": "random", "year": 1948, "ablat": 44.5, "trial": True}
    assert spec.file.fit.random_seed == 7
    assert spec.title == "BCG"


LAYERS = """[model]
random_effects = "none"
priors = { mu = "Normal(0, 1)", tau = "HalfNormal(1)" }
[[variant]]
name = "plain"
label = ""
[[variant]]
name = "wide"
label = ""
model = { random_effects = "normal", priors = { mu = "Normal(0, 2)" } }
[[analysis]]
name = "a"
[[analysis]]
name = "b"
model = { random_effects = "normal", priors = { mu = "Normal(0, 3)" } }
"""


def test_the_nearest_table_wins_and_priors_merge(base: str, load: Load) -> None:
    jobs = {job.name: job.model for job in load(base + LAYERS).jobs}
    assert list(jobs) == ["a.plain", "a.wide", "b.plain", "b.wide"]
    assert jobs["a.plain"].options() == {"random_effects": "none"}
    assert jobs["a.plain"].priors == {
        "mu": "Normal(0, 1)"
    }  # tau's prior is kept for the variant that has tau
    assert jobs["a.wide"].options() == {"random_effects": "normal"}
    assert jobs["a.wide"].priors == {"mu": "Normal(0, 2)", "tau": "HalfNormal(1)"}
    for name in ("b.plain", "b.wide"):
        assert jobs[name].options() == {"random_effects": "normal"}
        assert jobs[name].priors == {"mu": "Normal(0, 3)", "tau": "HalfNormal(1)"}


def test_favours_beside_the_name_wins(base: str, load: Load) -> None:
    text = base + "[[analysis]]\nname = 'a'\nfavours = 'higher'\neffects = { favours = 'lower' }\n"
    assert load(text).jobs[0].effects.favours == "higher"


def test_a_reference_without_names_speaks_of_every_job(base: str, load: Load) -> None:
    from bayesma.spec import matching

    text = (
        base
        + LAYERS
        + '[[reference]]\nquantity = "posterior.mu.mean"\nvalue = 1\ntolerance = 1\nsource = ""\n'
    )
    spec = load(
        text
        + '[[reference]]\nvariant = "wide"\nquantity = "effect.A.y"\nvalue = 1\ntolerance = 1\nsource = ""\n'
    )
    every, wide = spec.file.reference
    assert matching(every, spec.jobs) == list(spec.jobs)
    assert [job.name for job in matching(wide, spec.jobs)] == ["a.wide", "b.wide"]


def test_a_byte_order_mark_is_no_mistake(base: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(base, encoding="utf-8-sig")
    assert load_spec(path).title == "BCG"


@pytest.mark.parametrize("name", ["mine.csv", "bcg"])
def test_data_beside_the_file_come_before_shipped_ones(
    name: str, base: str, load: Load, tmp_path: Path
) -> None:
    own = tmp_path / ("mine.csv" if name == "mine.csv" else "data/bcg.csv")
    own.parent.mkdir(exist_ok=True)
    own.write_text("a,b\n1,2\n")
    assert load(base.replace('"bcg"', f'"{name}"')).jobs[0].data == own


@pytest.mark.parametrize(("named", "file"), [("bcg", "bcg.csv"), ("mine.csv", "mine.csv")])
def test_copies_kept_with_results_come_first(
    named: str, file: str, base: str, load: Load, tmp_path: Path
) -> None:
    for folder in (tmp_path, tmp_path / "kept"):
        folder.mkdir(exist_ok=True)
        (folder / file).write_text("a,b\n1,2\n")
    assert load(base.replace('"bcg"', f'"{named}"')).jobs[0].data.parent != tmp_path / "kept"
    spec = load_spec(tmp_path / "x.toml", data_folder=tmp_path / "kept")
    assert spec.jobs[0].data == tmp_path / "kept" / file


def test_a_file_in_the_working_folder(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bcg.toml").write_text(base.replace('"BCG"', '"mine"'))
    monkeypatch.chdir(tmp_path)
    assert load_spec("bcg.toml").title == "mine"
    assert load_spec("bcg").title != "mine"
