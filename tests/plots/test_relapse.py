"""Figures of relapse: curves with what was seen, intensities with their prior, the gain of repeating."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.plots.relapse_observed import followed
from bayesma.posterior.provenance import provenance

from .conftest import axes_of, collisions, words
from .following import COLUMNS, LONG, fitted

FIVE_YEARS = (0.0, 6.0, 12.0, 24.0, 60.0)
DRAWINGS: dict[str, Callable[..., Figure]] = {
    "relapse": bm.plots.relapse,
    "hazard": bm.plots.hazard,
    "retreatment": bm.plots.retreatment,
}
FITS = {
    "one study": {"k": 1},
    "deaths": {"deaths": True},
    "twelve studies over five years": {
        "k": 12,
        "ends": FIVE_YEARS,
        "deaths": True,
        "named": LONG,
        "effects": "none",
    },
    "many studies": {"k": 14, "hazard": "constant", "effects": "none"},
    "weibull": {"hazard": "weibull"},
    "constant": {"hazard": "constant"},
    "no study effects": {"effects": "none"},
}


def lines(figure: Figure, label: str) -> list[np.ndarray]:
    """Points of the lines with a label, one array (points, 2) each, in drawing order."""
    found = [line for line in axes_of(figure, "graph").lines if line.get_label() == f"_{label}"]
    return [np.asarray(line.get_xydata(), dtype=float) for line in found]


def row(figure: Figure, label: str) -> list[str]:
    """Numbers that stand on the height of a label, from left to right."""
    texts = axes_of(figure, "sheet").texts
    (start,) = (text for text in texts if text.get_text() == label and text.get_ha() == "left")
    level = start.get_position()[1]
    numbers = [text for text in texts if text.get_ha() == "center" and text.get_position()[1] == level]
    return [text.get_text() for text in sorted(numbers, key=lambda text: text.get_position()[0])]


OFTEN = ["one study", "deaths", "many studies", "constant"]
SHOWN = [name if name in OFTEN else pytest.param(name, marks=pytest.mark.long) for name in FITS]
WIDTHS = [4.0, pytest.param(7.2, marks=pytest.mark.long), pytest.param(14.0, marks=pytest.mark.long)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("drawn", DRAWINGS)
@pytest.mark.parametrize("which", SHOWN)
def test_no_texts_collide(which: str, drawn: str, width: float) -> None:
    figure = DRAWINGS[drawn](fitted(**FITS[which]), width=width, title="Relapse after transplantation")
    assert collisions(figure) == []


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_a_fit_that_did_not_converge_is_loud(drawn: str) -> None:
    fit = fitted(1).copy()
    fit.attrs["converged"] = 0
    assert words(DRAWINGS[drawn](fit)).count("NOT CONVERGED") == 2


@pytest.mark.parametrize("drawn", DRAWINGS)
@pytest.mark.parametrize(
    ("options", "told"),
    [({"ci_prob": 95}, "ci_prob is 95"), ({"ci_prob": 0.5}, "ci_prob is 0.5"), ({"width": 1}, "width is 1")],
)
def test_wrong_options_are_refused(drawn: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        DRAWINGS[drawn](fitted(1), **options)


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_a_fit_without_intensities_is_refused(drawn: str, bcg_fit: xr.DataTree) -> None:
    with pytest.raises(OptionError, match=r"family 'normal' has none; fit FollowUp"):
        DRAWINGS[drawn](bcg_fit)


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_names_are_text(drawn: str) -> None:
    figure = DRAWINGS[drawn](fitted(2, named=" $x_1$"), title="$y$", ylabel="$z$ <b>")
    assert "$z$ <b>" in words(figure)
    assert not any(text.get_parse_math() for axes in figure.axes for text in axes.texts)


def test_a_stored_fit_gives_the_same_figure(tmp_path: Path) -> None:
    fit = fitted(2)
    fit.to_netcdf(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc") as stored:
        for draw in DRAWINGS.values():
            assert words(draw(stored)) == words(draw(fit))


@pytest.mark.parametrize("which", ["one study", "deaths", "no study effects", "weibull"])
def test_curves_start_at_all_fall_and_are_nested(which: str) -> None:
    fit = fitted(**FITS[which])
    figure = bm.plots.relapse(fit)
    (median,), (low, high) = lines(figure, "typical median"), lines(figure, "typical end")
    assert (median[0, 1], low[0, 1], high[0, 1]) == (1.0, 1.0, 1.0)
    for curve in (median, low, high):
        assert np.all(np.diff(curve[:, 1]) < 0.0)
    assert np.all((low[1:, 1] < median[1:, 1]) & (median[1:, 1] < high[1:, 1]))
    new = lines(figure, "new end")
    assert bool(new) == ("u_new" in fit["posterior"])
    if new:
        assert new[0][-1, 1] < low[-1, 1] < high[-1, 1] < new[1][-1, 1]
    assert bool(lines(figure, "death median")) == ("h_death" in fit["posterior"])


def test_a_new_centre_stands_for_new_studies_where_centres_are_a_level() -> None:
    fit = fitted(1).copy(deep=True)
    data = fit["posterior"].to_dataset()
    data["u_centre_new"] = 2.0 * data["u_new"]
    fit["posterior"] = xr.DataTree(data)
    for which, words_of_new in ((fit, "new centre of a new study"), (fitted(1), "new study")):
        figure = bm.plots.relapse(which)
        assert f"; {words_of_new} " in words(figure)
    narrow, wide = (lines(bm.plots.relapse(one), "new end") for one in (fitted(1), fit))
    assert wide[0][-1, 1] < narrow[0][-1, 1] < narrow[1][-1, 1] < wide[1][-1, 1]


def test_moderators_are_named() -> None:
    rows = [("A", 0, 12, 20, 2, 1.0), ("B", 0, 12, 30, 4, 2.0), ("C", 0, 12, 30, 8, 5.0)]
    frame = pd.DataFrame(rows, columns=["study", "start", "stop", "n", "r", "dose"])
    follow = bm.FollowUp.from_frame(frame, **COLUMNS)
    options = {"hazard": "constant", "random_effects": "none", "moderators": ["dose"]}
    fit = bm.fit(follow, engine="exact", random_seed=1, draws=100, **options)
    assert "one intensity at all times, for studies at the centre of dose." in words(bm.plots.relapse(fit))


def test_relapse_and_death_share_what_is_lost() -> None:
    """Intensities of one ratio lose patients in that ratio, whatever the months."""
    fit = fitted(3, hazard="constant", deaths=True, effects="none")
    figure = bm.plots.relapse(_with(fit, h=np.log(0.03), h_death=np.log(0.01)))
    (free,), (dead,) = lines(figure, "typical median"), lines(figure, "death median")
    assert_allclose(free[:, 1], np.exp(-0.04 * free[:, 0]))
    assert_allclose(dead[:, 1], 0.25 * (1.0 - free[:, 1]))


def test_studies_are_their_life_tables() -> None:
    fit = fitted(3)
    figure = bm.plots.relapse(fit)
    studies = followed(fit, provenance(fit))
    (median,) = lines(figure, "typical median")
    drawn = lines(figure, "study")
    assert len(drawn) == 3
    marks = [c for c in axes_of(figure, "graph").collections if c.get_label() == "_observed"]
    for study, steps, points in zip(studies, drawn, marks, strict=True):
        expected = study.free(lambda month: np.interp(month, *median.T))[1]
        assert_allclose(np.asarray(points.get_offsets()), np.column_stack([study.stop, expected]))
        assert_allclose(steps[3::4, 1], expected)
        areas = np.asarray(points.get_sizes())
        assert_allclose(areas / areas[0], study.at_risk / study.at_risk[0], rtol=0.2)  # a least size
    named = "".join(text.get_text() for text in axes_of(figure, "graph").texts)
    assert sorted(named) == ["A", "B", "C"]


def test_patients_at_risk_stand_under_their_months() -> None:
    fit = fitted(3)
    figure = bm.plots.relapse(fit)
    studies = followed(fit, provenance(fit))
    months = [float(text) for text in row(figure, "months")]
    assert months == list(range(13))
    assert row(figure, f"A  {studies[0].label}") == [str(studies[0].patients(m)) for m in months]
    total = [sum(study.patients(m) or 0 for study in studies) for m in months]
    assert row(figure, "all") == [str(n) for n in total if n]


def test_of_many_studies_the_sum_stands_alone() -> None:
    figure = bm.plots.relapse(fitted(**FITS["many studies"]))
    assert "Trial" not in words(figure)
    assert len(axes_of(figure, "graph").texts) == 0


def test_intensities_are_those_of_the_periods() -> None:
    fit = fitted(3)
    figure = bm.plots.hazard(fit)
    for group, name in (("posterior", "posterior"), ("prior", "prior")):
        expected = np.median(fit[group]["h"].values.reshape(-1, 2), axis=0) + np.log(100.0)
        (median,) = lines(figure, f"{name} median")
        assert_allclose(median[:, 0], [0, 6, 6, 12])
        assert_allclose(median[:, 1], np.repeat(expected, 2))
    labels = [float(text.get_text()) for text in axes_of(figure, "graph").get_yticklabels()]
    assert_allclose(np.log(labels), axes_of(figure, "graph").get_yticks())


@pytest.mark.parametrize(("late", "p", "ratio"), [(0.03, "> 0.99", 3.0), (0.005, "< 0.01", 0.5)])
def test_it_is_told_whether_the_intensity_rises(late: float, p: str, ratio: float) -> None:
    """Draws that all agree do not support a third decimal."""
    fit = _with(fitted(1), h=np.log([0.01, late]))
    said = words(bm.plots.hazard(fit))
    assert f"in (6, 12] above that in (0, 6]: P {p}; ratio {ratio:.2f}" in said


@pytest.mark.parametrize("given", [(6, 6), (-1, 6), (6,), 6, (0, float("inf")), ("a", "b")])
@pytest.mark.parametrize("name", ["early", "late"])
def test_months_that_are_no_interval_are_refused(name: str, given: object) -> None:
    with pytest.raises(OptionError, match=f"{name} is"):
        bm.plots.hazard(fitted(1), **{name: given})


def test_a_weibull_intensity_is_a_power_of_time() -> None:
    fit = _with(fitted(3, hazard="weibull"), log_rate=np.log(0.02), shape=2.0)
    (median,) = lines(bm.plots.hazard(fit), "posterior median")
    assert_allclose(np.exp(median[:, 1]), 100 * 0.02 * 2.0 * median[:, 0] / 12.0, rtol=1e-5)


def test_repeating_a_constant_intensity_gains_nothing() -> None:
    figure = bm.plots.retreatment(fitted(3, hazard="constant", effects="none"), months=[2, 6])
    for gain in lines(figure, "gain"):
        assert_allclose(gain[:, 1], 0.0, atol=1e-12)


def test_full_restoration_repeats_the_first_months() -> None:
    """Nobody lost in (0, 6], 0.1 a month after: repeated at 6, months 6 to 12 are like the first six."""
    fit = _with(fitted(1), h=np.array([-40.0, np.log(0.1)]))
    figure = bm.plots.retreatment(fit, months=[3, 6], restoration={"full": "Uniform(0.999999, 1)"})
    (gain,) = lines(figure, "gain")
    once = 6.0 + (1.0 - np.exp(-0.6)) / 0.1
    three = 9.0 + (1.0 - np.exp(-0.3)) / 0.1
    assert_allclose(gain[:, 1], [three - once, 12.0 - once], rtol=1e-3)
    assert row(figure, "full") == [">0.99"] * 2


def test_every_belief_is_drawn_and_named() -> None:
    figure = bm.plots.retreatment(fitted(1), months=[3, 6, 9], to=24)
    said = words(figure)
    assert len(lines(figure, "gain")) == 3
    for name in ("sceptical", "neutral", "trialists"):
        assert f"{name}, f ~ Beta(" in said
        assert len(row(figure, name)) == 3
    assert "Beyond month 12 nobody was followed" in said
    assert "Beyond month" not in words(bm.plots.retreatment(fitted(1), months=[3]))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"months": [6, 3]}, "months are"),
        ({"months": [12]}, "below 12"),
        ({"months": []}, "months are"),
        ({"to": 0}, "to is 0"),
        ({"to": 1}, "months are"),
        ({"restoration": {"more": "Normal(0, 1)"}}, r"restoration is Normal\(0, 1\)"),
        ({"restoration": {name: "Beta(1, 1)" for name in "abcd"}}, "4 beliefs"),
    ],
)
def test_wrong_repeats_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        bm.plots.retreatment(fitted(1), **options)


def _with(fit: xr.DataTree, **values: object) -> xr.DataTree:
    """A fit whose posterior draws all have the same values."""
    changed = fit.copy(deep=True)
    data = changed["posterior"].to_dataset()
    for name, value in values.items():
        data[name] = data[name] * 0.0 + (
            xr.DataArray(value, dims=data[name].dims[2:]) if np.ndim(value) else value
        )
    changed["posterior"] = xr.DataTree(data)
    return changed
