"""What the looks for typing mistakes say of the tables that ship: the exact list."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest

import bayesma as bm
from bayesma.spec.rows import evidence_of

RIGHTLY = {  # one source at four months, each called a study of its own, as the analysis itself says
    (
        "msc_sledai",
        "trials_apart",
    ): "published_pooled_results.csv, row 15 (Zhou 2020 3): the labels 'Zhou 2020 2'",
}


@pytest.mark.parametrize("name", bm.list_models().index.tolist())
def test_shipped_analyses(name: str) -> None:
    for job in bm.load_spec(name).jobs:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            evidence_of(job)
        expected = [RIGHTLY[name, job.name]] if (name, job.name) in RIGHTLY else []
        assert len(caught) == len(expected), [str(w.message) for w in caught]
        assert all(str(w.message).startswith(e) for w, e in zip(caught, expected, strict=True))


def two(name: str, measure: str, *columns: str, study: str | list[str] = "study") -> Callable[[], object]:
    roles = dict(zip(("events_treat", "n_treat", "events_ctrl", "n_ctrl"), columns, strict=True))
    return lambda: (
        bm.effect_sizes(bm.load_data(name), measure, study=study, **roles),
        bm.TwoArmCounts.from_frame(bm.load_data(name), study=study, **roles),
    )


def ready(name: str, measure: str, study: str | list[str], **roles: str) -> Callable[[], object]:
    return lambda: bm.effect_sizes(bm.load_data(name), measure, study=study, **roles)


def single(name: str) -> Callable[[], object]:
    frame = bm.load_data(name)
    roles = {"study": "study", "events": "events", "n": "n"}
    return lambda: bm.ArmCounts.from_frame(frame[frame["primary"] == "yes"], **roles)


READINGS: dict[str, Callable[[], object]] = {
    "cdp": ready("cdp", "SMD", "study", estimate="yi", se="sei"),
    "poulsen2006": ready("poulsen2006", "SMD", "study", estimate="d", se="se"),
    "raudenbush1985": ready(
        "raudenbush1985",
        "SMD",
        ["study", "author", "year"],
        estimate="yi",
        variance="vi",
        n_treat="n1i",
        n_ctrl="n2i",
    ),
    "eight_schools": ready("eight_schools", "MD", "school", estimate="effect", se="stderr", n="n"),
    "hine1989": two("hine1989", "RD", "ai", "n1i", "ci", "n2i", study="source"),
    "collins1985b": two(
        "collins1985b", "OR", "pre.xti", "pre.nti", "pre.xci", "pre.nci", study=["author", "year"]
    ),
    "nielweise2007": two("nielweise2007", "RR", "ai", "n1i", "ci", "n2i", study=["author", "year"]),
    "power_pose": ready("power_pose", "SMD", "study", estimate="effectSize", se="SE"),
    "power_pose means": ready(
        "power_pose",
        "MD",
        "study",
        mean_treat="mean_high_power",
        sd_treat="sd_high_power",
        n_treat="n_high_power",
        mean_ctrl="mean_low_power",
        sd_ctrl="sd_low_power",
        n_ctrl="n_low_power",
    ),
    "normand1999": ready(
        "normand1999",
        "SMD",
        "source",
        mean_treat="m1i",
        sd_treat="sd1i",
        n_treat="n1i",
        mean_ctrl="m2i",
        sd_ctrl="sd2i",
        n_ctrl="n2i",
    ),
    "msc_response": single("msc_response"),
    "msc_survival": single("msc_survival"),
}


@pytest.mark.parametrize("name", list(READINGS))
def test_shipped_tables_as_they_read(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        READINGS[name]()
