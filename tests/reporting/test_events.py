"""What was counted is called by its name, and survival and response are never called a risk."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from rich.console import Console

import bayesma as bm
from bayesma.errors import OptionError, SpecError
from bayesma.reporting.methods import methods_markdown
from bayesma.reporting.terminal import show
from bayesma.spec import Spec
from bayesma.spec.jobs import Job
from bayesma.spec.rows import evidence_of

COUNTED = [
    pytest.param(spec, job, id=f"{spec.name}: {job.name}")
    for spec in map(bm.load_spec, bm.list_models().index)
    for job in spec.jobs
    if job.effects.counted
]
SINGLE = {spec.name: spec for spec, job in (one.values for one in COUNTED) if not job.effects.favours}
RISK = re.compile(r"(?<!at )\brisks?\b", re.IGNORECASE)  # patients at risk are what they are called


def words_of(text: str) -> str:
    """Words of a page and its figures."""
    return " ".join(re.sub(r"<style.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL).split())


@pytest.mark.parametrize(("spec", "job"), COUNTED)
def test_every_shipped_count_names_its_event(spec: Spec, job: Job) -> None:
    assert job.effects.event
    assert evidence_of(job).event == job.effects.event


@pytest.mark.parametrize("name", SINGLE)
def test_single_arms_have_no_risk(name: str, tmp_path: Path) -> None:
    """Report, its figures, terminal and methods of every shipped single arm; the priors are not tried."""
    spec = SINGLE[name]
    jobs = tuple(replace(job, sensitivity=None) for job in spec.jobs if job.effects.counted)
    analysis = bm.run(
        replace(spec, jobs=jobs, file=spec.file.model_copy(update={"reference": []})), engine="exact"
    )
    page = words_of(bm.report(analysis, tmp_path / "r.html").read_text(encoding="utf-8"))
    console = Console(width=150, record=True, file=io.StringIO())
    show(analysis, [], console)
    for text in (page, console.export_text(), methods_markdown(analysis)):
        assert not RISK.findall(text)
    for job in jobs:
        assert f"Proportion ({job.effects.event})" in page  # axes and tables
        event = str(job.effects.event)
        assert f"{event[:1].upper()}{event[1:]}: " in page  # the answer in one sentence
        assert event in methods_markdown(analysis)


def test_two_arms_name_their_event(tmp_path: Path) -> None:
    spec = bm.load_spec("deng2017_safety")
    jobs = tuple(replace(job, sensitivity=None) for job in spec.jobs if job.analysis == "remission")
    analysis = bm.run(
        replace(spec, jobs=jobs, file=spec.file.model_copy(update={"reference": []})), engine="exact"
    )
    page = words_of(bm.report(analysis, tmp_path / "r.html").read_text(encoding="utf-8"))
    for part in (
        "Remission: control arm, assumed, per 1,000",
        "Remission: treated arm, per 1,000",
        "Remission per 1,000 patients",
        "Odds ratio (remission)",
    ):
        assert part in page
    for absent in ("Risks per", "risk in the control arm, per", "As a risk"):
        assert absent not in page


@pytest.fixture(scope="module")
def alive() -> bm.ArmCounts:
    """Three single arms."""
    return bm.ArmCounts.from_counts([38, 9, 16], [40, 12, 17], ["Ash", "Birch", "Cedar"], event="alive")


def test_a_fit_keeps_the_name(alive: bm.ArmCounts, tmp_path: Path) -> None:
    fit = bm.fit(alive, engine="exact", random_seed=1)
    table = bm.predict(fit, studies=True)
    assert table.index.name == "Proportion (alive)"
    assert table.attrs["event"] == "alive"
    assert not any(RISK.search(str(word)) for word in (*table.index, *table.attrs["quantities"].items()))
    fit.to_netcdf(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc") as again:
        assert bm.predict(again).index.name == "Proportion (alive)"
    for figure in (bm.plots.forest(fit), bm.plots.posterior(fit, "mu"), bm.plots.posterior(fit, "theta_new")):
        said = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert any("Proportion (alive)" in text for text in said)
        assert not any(RISK.search(text) for text in said)


def test_without_a_name_the_word_is_neutral(alive: bm.ArmCounts) -> None:
    fit = bm.fit(replace(alive, event=None), engine="exact", random_seed=1)
    assert bm.predict(fit).index.name == "Proportion with the event"
    assert bm.predict(fit).attrs["event"] == ""


def test_a_question_may_say_proportion(alive: bm.ArmCounts) -> None:
    vary = {"tau": ["HalfNormal(0.5)", "HalfNormal(1)"]}
    tables = [
        bm.prior_sensitivity(alive, vary=vary, question=f"{word} > 0.8", engine="exact", random_seed=1)
        for word in ("proportion", "risk")
    ]
    assert tables[0].attrs["question"] == "a median proportion (alive) above 0.8"
    assert tables[0]["p_benefit"].tolist() == tables[1]["p_benefit"].tolist()


def _two_arms(event: object) -> object:
    return bm.TwoArmCounts.from_counts([1], [9], [2], [9], event=event)  # type: ignore[arg-type]


def _one_arm(event: object) -> object:
    return bm.ArmCounts.from_counts([1], [9], event=event)  # type: ignore[arg-type]


def _estimates(event: object) -> object:
    return bm.Effects.from_estimates([0.5], [0.2], measure="PLO", event=event)  # type: ignore[arg-type]


def _computed(event: object) -> object:
    frame = bm.load_data("pritz1997")
    return bm.effect_sizes(frame, "PLO", events="xi", n="ni", event=event)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [_two_arms, _one_arm, _estimates, _computed])
def test_an_event_is_a_short_text(make: Callable[[object], object]) -> None:
    assert make("  alive ").event == "alive"  # type: ignore[attr-defined]
    for wrong in (3, ["alive"], "", "  ", True):
        with pytest.raises(
            OptionError, match=f"event is {re.escape(repr(wrong))}; name what was counted in one"
        ):
            make(wrong)
    for wrong in ("alive\nat month 12", "x" * 41):
        with pytest.raises(OptionError, match="it stands on axes and in tables: write at most 40 characters"):
            make(wrong)


def test_means_have_no_event() -> None:
    frame = bm.load_data("normand1999")
    roles = {"mean_treat": "m1i", "sd_treat": "sd1i", "n_treat": "n1i"}
    roles |= {"mean_ctrl": "m2i", "sd_ctrl": "sd2i", "n_ctrl": "n2i"}
    with pytest.raises(
        OptionError, match="event is 'alive', and a mean difference counts no events; leave event out"
    ):
        bm.effect_sizes(frame, "MD", event="alive", **roles)


MD = """schema = 1
title = "Days"
data = "normand1999"
[effects]
measure = "MD"
study = "source"
columns.mean_treat = "m1i"
columns.sd_treat = "sd1i"
columns.n_treat = "n1i"
columns.mean_ctrl = "m2i"
columns.sd_ctrl = "sd2i"
columns.n_ctrl = "n2i"
"""
PLO = """schema = 1
title = "Improved"
data = "pritz1997"
[effects]
study = "authors"
columns = { events = "xi", n = "ni" }
"""
OF_ARMS = '[model]\nfamily = "proportion"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            MD + 'event = "days"\n',
            "key 'event' names what was counted, and no events are counted here; leave it out",
        ),
        (
            PLO + 'event = " "\n' + OF_ARMS,
            "key 'event': event is ' '; name what was counted in one or two words",
        ),
        (PLO + "event = 3\n" + OF_ARMS, "key 'event' is 3; give text in quotes"),
    ],
)
def test_a_spec_says_what_is_wrong_with_an_event(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=re.escape(f"x.toml, [effects]: {message}")):
        bm.load_spec(tmp_path / "x.toml")
