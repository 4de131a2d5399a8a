"""Is each mistake in an analysis file one sentence that names the file, the table, the key and the mend?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bayesma.errors import SpecError
from bayesma.spec import Spec, load_spec

type Load = Callable[[str], Spec]

REFERENCE = 'quantity = "posterior.mu.mean"\nvalue = 1\ntolerance = 1\nsource = "x"\n'

# (part of the valid file to replace, what to put there, message)
REPLACED = {
    "title misspelled": ("title =", "titel =", "x.toml: unknown key 'titel'; did you mean 'title'?"),
    "title missing": ('title = "BCG"', "", "x.toml: key 'title' is missing; add it"),
    "title a number": ('"BCG"', "3", "x.toml: key 'title' is 3; give text in quotes"),
    "schema missing": ("schema = 1", "", "x.toml: key 'schema' is missing; add it"),
    "schema of the future": ("schema = 1", "schema = 2", "x.toml: key 'schema' is 2; give 1"),
    "no data": ('data = "bcg"', "", "x.toml: key 'data' is missing; name a data set or a CSV file"),
    "data a number": ('"bcg"', "3", "x.toml: key 'data' is 3; give text in quotes"),
    "data not shipped": ('"bcg"', '"bcgg"', "x.toml: unknown data set 'bcgg'; did you mean 'bcg'?"),
    "data file not there": (
        '"bcg"',
        '"mine.csv"',
        "x.toml: data file 'mine.csv' is not there (looked beside the analysis file); correct it",
    ),
    "measure unknown": ('"RR"', '"XX"', "x.toml, [effects]: unknown measure 'XX'; known are: OR, RR, RD"),
    "measure missing": ('measure = "RR"', "", "x.toml, [effects]: key 'measure' is missing; add it"),
    "role misspelled": (
        "events_treat",
        "event_treat",
        "x.toml, [effects]: RR has no role or option 'event_treat'; did you mean events_treat?",
    ),
    "role that is an argument": (
        "{ events_treat",
        '{ study = "trial", events_treat',
        "x.toml, [effects]: RR has no role or option 'study'",
    ),
    "role missing": (
        ', nonevents_ctrl = "cneg"',
        "",
        "x.toml, [effects]: RR also needs n_ctrl (or nonevents_ctrl)",
    ),
    "column not text": (
        '"tpos"',
        "3",
        "x.toml, [effects]: key 'columns.events_treat' is 3; give text in quotes",
    ),
    "columns no table": (
        "study = [",
        'arms = "arm"\nstudy = [',
        "x.toml, [effects]: key 'arms' is 'arm'; give a table, as in { key = value }",
    ),
    "study a number": ('["author", "year"]', "3", "x.toml, [effects]: key 'study' is 3; give text in quotes"),
    "favours unknown": (
        '"lower"',
        '"down"',
        "x.toml, [effects]: key 'favours' is 'down'; give 'lower' or 'higher'",
    ),
    "effects no table": ("[effects]", "effects = 3\n[model]", "x.toml: key 'effects' is 3; give a table"),
}

# what to add to the valid file, message
ADDED = {
    "[effects] unknown key": (
        "favors = 3",
        "x.toml, [effects]: unknown key 'favors'; did you mean 'favours'?",
    ),
    "[effects] type": ("correction = 'x'", "x.toml, [effects]: key 'correction' is 'x'; give a number"),
    "[effects] infinite": ("level = inf", "x.toml, [effects]: key 'level' is inf; give a finite number"),
    "[effects] flag": ("ratio = 1", "x.toml, [effects]: key 'ratio' is 1; give true or false"),
    "[effects] to": (
        "to = 'some'",
        "x.toml, [effects]: key 'to' is 'some'; give 'only0', 'all', 'if0all' or 'none'",
    ),
    "[arms] unknown key": (
        "arms = { colum = 'x', treatment = 'a', control = 'b', by = 's' }",
        "x.toml, [effects], [arms]: unknown key 'colum'; did you mean 'column'?",
    ),
    "[arms] missing key": (
        "arms = { column = 'x', treatment = 'a', control = 'b' }",
        "x.toml, [effects]: key 'arms.by' is missing; name the columns that the two arms of a study share",
    ),
    "[fit] unknown key": ("[fit]\ndrows = 3", "x.toml, [fit]: unknown key 'drows'; did you mean 'draws'?"),
    "[fit] nothing like it": (
        "[fit]\nxyz = 3",
        "x.toml, [fit]: unknown key 'xyz'; the keys here are: engine, draws, tune, chains, "
        "target_accept, random_seed",
    ),
    "[fit] half a draw": ("[fit]\ndraws = 3.5", "x.toml, [fit]: key 'draws' is 3.5; give a whole number"),
    "[fit] a flag": ("[fit]\ndraws = true", "x.toml, [fit]: key 'draws' is True; give a whole number"),
    "[fit] no draw": ("[fit]\ndraws = 0", "x.toml, [fit]: key 'draws' is 0; give a number of at least 1"),
    "[fit] engine": (
        "[fit]\nengine = 'stan'",
        "x.toml, [fit]: key 'engine' is 'stan'; give 'nuts' or 'exact'",
    ),
    "[fit] certain": (
        "[fit]\ntarget_accept = 1.0",
        "x.toml, [fit]: key 'target_accept' is 1.0; give a number below 1",
    ),
    "[fit] seed": (
        "[fit]\nrandom_seed = -1",
        "x.toml, [fit]: key 'random_seed' is -1; give a number of at least 0",
    ),
    "[model] unknown key": (
        "[model]\nprior = {}",
        "x.toml, [model]: unknown key 'prior'; did you mean 'priors'?",
    ),
    "[model] option misspelled": (
        "[model]\nrandom_effect = 'none'",
        "x.toml, [model]: unknown key 'random_effect'; did you mean 'random_effects'?",
    ),
    "[model] option value": (
        "[model]\nrandom_effects = 'no'",
        "x.toml, [model]: option random_effects of family 'normal' is 'no'; it must be one of "
        "'normal', 'student_t', 'contaminated', 'none'",
    ),
    "[model] family": (
        "[model]\nfamily = 'norml'",
        "x.toml, [model]: unknown family 'norml'; known are: binomial, longitudinal, normal",
    ),
    "[model] family of other evidence": (
        "[model]\nfamily = 'relapse'",
        "x.toml, [effects]: key 'measure' is 'RR', and relapses are no effects; leave it out",
    ),
    "[model] family a number": (
        "[model]\nfamily = 3",
        "x.toml, [model]: key 'family' is 3; give text in quotes",
    ),
    "priors no table": (
        "[model]\npriors = 'Normal(0, 1)'",
        "x.toml, [model]: key 'priors' is 'Normal(0, 1)'; give a table, as in { key = value }",
    ),
    "prior unknown": (
        "[model]\npriors = { mu = 'Norml(0, 1)' }",
        "x.toml, [model]: key 'priors.mu': prior 'Norml(0, 1)', character 1: 'Norml' is no known "
        "distribution (did you mean 'Normal'?); known are:",
    ),
    "prior without scale": (
        "[model]\npriors = { tau = 'HalfNormal()' }",
        "x.toml, [model]: key 'priors.tau': prior 'HalfNormal()', character 12: it lacks sigma; it is "
        "written HalfNormal(sigma)",
    ),
    "prior a number": (
        "[model]\npriors = { mu = 3 }",
        "x.toml, [model]: key 'priors.mu' is 3; give text in quotes",
    ),
    "prior of nothing": (
        "[model]\npriors = { nu = 'Normal(0, 1)' }",
        "x.toml, [model]: priors names 'nu', which this model has not; its parameters are: mu, tau",
    ),
    "prior of tau without tau": (
        "[model]\nrandom_effects = 'none'\npriors = { tau = 'HalfNormal(1)' }",
        "x.toml, [model]: priors names 'tau', which this model has not; its parameters are: mu",
    ),
    "[questions] unknown key": (
        "[questions]\nmidd = 2",
        "x.toml, [questions]: unknown key 'midd'; did you mean 'mid'?",
    ),
    "[questions] mid below 0": (
        "[questions]\nmid = -2",
        "x.toml, [questions]: key 'mid' is -2; give a number above 0",
    ),
    "[questions] no side": (
        "[[questions.probabilities]]\nparameter = 'mu'",
        "x.toml, [questions], probabilities 1: the probability of 'mu' needs exactly one of below and above",
    ),
    "[questions] key of a probability": (
        "[[questions.probabilities]]\nparmeter = 'mu'\nbelow = 0",
        "x.toml, [questions], probabilities 1: unknown key 'parmeter'; did you mean 'parameter'?",
    ),
    "[questions] of relapses": (
        "[questions]\nearly = [0, 6]",
        "x.toml, [questions]: early is asked of relapses (family 'relapse'); leave it out",
    ),
    "[questions] parameter": (
        "[[questions.probabilities]]\nparameter = 'nu'\nbelow = 0",
        "x.toml, [questions]: probabilities names 'nu', which this model has not; correct the parameter",
    ),
    "[questions] twice": (
        "[questions]\nprobabilities = [{ parameter = 'mu', below = 0 }, { parameter = 'mu', below = 0 }]",
        "x.toml, [questions]: two probabilities are called 'P(mu < 0)'; give one another label",
    ),
    "[[analysis]] unknown key": (
        "[[analysis]]\nname = 'a'\nfavors = 'lower'",
        "x.toml, analysis 'a': unknown key 'favors'; did you mean 'favours'?",
    ),
    "[[analysis]] no name": (
        "[[analysis]]\nlabel = 'a'",
        "x.toml, analysis 1: key 'name' is missing; add it",
    ),
    "[[analysis]] empty name": (
        "[[analysis]]\nname = ''",
        "x.toml, analysis 1: key 'name' is ''; give some text",
    ),
    "[[analysis]] one bracket": (
        "[analysis]\nname = 'a'",
        "x.toml: 'analysis' is a list of tables; head each with [[analysis]]",
    ),
    "[[analysis]] favours": (
        "[[analysis]]\nname = 'a'\nfavours = 'up'",
        "x.toml, analysis 'a': key 'favours' is 'up'; give 'lower' or 'higher'",
    ),
    "[[analysis]] effects": (
        "[[analysis]]\nname = 'a'\neffects = { measur = 'x' }",
        "x.toml, analysis 'a', [effects]: unknown key 'measur'; did you mean 'measure'?",
    ),
    "[[analysis]] model": (
        "[[analysis]]\nname = 'a'\nmodel = { priors = { mu = 'x' } }",
        "x.toml, analysis 'a', [model]: key 'priors.mu': prior 'x', character 1: does not parse: 'x' is no "
        "distribution with its numbers; write it like 'HalfNormal(0.5)'",
    ),
    "[[analysis]] data": (
        "[[analysis]]\nname = 'a'\ndata = 'mine.csv'",
        "x.toml, analysis 'a': data file 'mine.csv' is not there (looked beside the analysis file); "
        "correct it",
    ),
    "[[analysis]] where a date": (
        "[[analysis]]\nname = 'a'\nwhere = { year = 1948-01-01 }",
        "x.toml, analysis 'a': key 'where.year' is datetime.date(1948, 1, 1); give text, a number, or "
        "true or false",
    ),
    "[[analysis]] where a list": (
        "[[analysis]]\nname = 'a'\nwhere = { year = [1948] }",
        "x.toml, analysis 'a': key 'where.year' is [1948]; give text, a number, or true or false",
    ),
    "[[analysis]] twice": (
        "[[analysis]]\nname = 'a'\n[[analysis]]\nname = 'a'",
        "x.toml: two analyses are called 'a'; rename one",
    ),
    "analysis and variant meet": (
        "[[analysis]]\nname = 'a'\n[[analysis]]\nname = 'a.b'\n"
        "[[variant]]\nname = 'b.c'\nlabel = 'x'\n[[variant]]\nname = 'c'\nlabel = 'x'",
        "x.toml: two analyses are called 'a.b.c'; rename one",
    ),
    "[[variant]] unknown key": (
        "[[variant]]\nname = 'v'\nlabel = 'x'\nprior = 3",
        "x.toml, variant 'v': unknown key 'prior'; the keys here are: name, label, model, note",
    ),
    "[[variant]] model": (
        "[[variant]]\nname = 'v'\nlabel = 'x'\nmodel = { random_effects = 'no' }",
        "x.toml, variant 'v', [model]: option random_effects of family 'normal' is 'no'",
    ),
    "[[variant]] prior of nothing": (
        "[[variant]]\nname = 'v'\nlabel = 'x'\nmodel = { priors = { nu = 'Normal(0, 1)' } }",
        "x.toml, variant 'v', [model]: priors names 'nu', which this model has not",
    ),
    "[[reference]] of nothing": (
        "[[reference]]\nanalysis = 'zz'\nvariant = 'v'\n" + REFERENCE,
        "x.toml, reference 1: the file has no analysis 'zz' with variant 'v'; correct the name",
    ),
    "[[reference]] unknown key": (
        "[[reference]]\nvlue = 1\n" + REFERENCE,
        "x.toml, reference 1: unknown key 'vlue'; did you mean 'value'?",
    ),
    "[[reference]] cannot fail": (
        "[[reference]]\n" + REFERENCE.replace("tolerance = 1", "tolerance = inf"),
        "x.toml, reference 1: key 'tolerance' is inf; give a finite number",
    ),
    "[[reference]] cannot be met": (
        "[[reference]]\n" + REFERENCE.replace("tolerance = 1", "tolerance = 0"),
        "x.toml, reference 1: key 'tolerance' is 0; give a number above 0",
    ),
    "[[reference]] form": (
        "[[reference]]\n" + REFERENCE.replace("posterior.mu.mean", "mu"),
        "x.toml, reference 1: key 'quantity' is 'mu'; it is written like posterior.mu.mean,",
    ),
}


@pytest.mark.parametrize("case", REPLACED)
def test_a_wrong_part(case: str, base: str, load: Load) -> None:
    old, new, message = REPLACED[case]
    assert base.count(old) >= 1
    _expect(base.replace(old, new, 1), message, load)


@pytest.mark.parametrize("case", ADDED)
def test_a_wrong_addition(case: str, base: str, load: Load) -> None:
    added, message = ADDED[case]
    _expect(base + added + "\n", message, load)


def _expect(text: str, message: str, load: Load) -> None:
    """One line that begins with the message."""
    with pytest.raises(SpecError) as raised:
        load(text)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_mid_needs_a_direction(base: str, load: Load) -> None:
    text = base.replace('favours = "lower"', "") + "[questions]\nmid = 0.2\n"
    _expect(
        text, "x.toml, [questions]: mid is given and favours is not; say who benefits on which side", load
    )


def test_text_that_is_no_toml(load: Load) -> None:
    _expect("title = [", "x.toml is not valid TOML: ", load)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(SpecError, match=r"^x\.toml is not valid TOML: "):
        load_spec(path)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.toml"
    path.touch()

    def refuse(*_: object, **__: object) -> str:
        """What the system says to who may not read."""
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(
        SpecError, match=r"^x\.toml cannot be read \(Permission denied\); check who may open it$"
    ):
        load_spec(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zhou202", "unknown analysis 'zhou202'; did you mean 'zhou2020'?; known are: bcg, "),
        ("x.toml", "no analysis file 'x.toml'; give the path of a .toml file, or a shipped name"),
        ("no/such", "no analysis file 'no/such'; give the path of a .toml file, or a shipped name"),
        ("", "no analysis file ''; give the path of a .toml file, or a shipped name"),
        (3, "an analysis is named by text or a path; got 3"),
    ],
)
def test_a_name_that_means_nothing(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as raised:
        load_spec(name)
    assert str(raised.value).startswith(message)


def test_nothing_is_evaluated(base: str, load: Load, tmp_path: Path) -> None:
    """A spec is data: code in a prior, a column or a filter is text, or an error."""
    mark = tmp_path / "mark"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    with pytest.raises(SpecError, match="does not parse"):
        load(base + f'[model]\npriors = {{ mu = "{code}" }}\n')
    spec = load(base + f'[[analysis]]\nname = "a"\nlabel = "{code}"\nwhere = {{ author = "{code}" }}\n')
    assert spec.jobs[0].where == {"author": code}
    assert not mark.exists()
