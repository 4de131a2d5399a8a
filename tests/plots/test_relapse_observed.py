"""Life tables of the studies, patients at risk, and the page that figures over months share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.plots.months_page import check_width
from bayesma.plots.relapse_observed import followed, patients_at_risk
from bayesma.posterior.provenance import provenance

COLUMNS = {"study": "study", "start": "start", "stop": "stop", "at_risk": "n", "relapses": "r"}


def level(month: np.ndarray) -> np.ndarray:
    """A typical study in which nobody relapses."""
    return np.ones_like(month)


def halving(month: np.ndarray) -> np.ndarray:
    """A typical study that loses half in 12 months."""
    return np.asarray(0.5 ** (month / 12.0))


def fit_of(rows: list[tuple[object, ...]], names: str = "", **options: object) -> object:
    """Exact fit of intervals, in which further columns have the names given."""
    more = names.split()
    frame = pd.DataFrame(rows, columns=["study", "start", "stop", "n", "r", *more])
    follow = bm.FollowUp.from_frame(frame, **COLUMNS, **{n: n for n in more}, gaps=True)
    return bm.fit(follow, engine="exact", random_seed=1, draws=50, hazard="constant", **options)


def test_life_table_is_the_product_of_what_is_kept() -> None:
    fit = fit_of([("A", 0, 9, 24, 3), ("A", 9, 12, 21, 4), ("B", 0, 12, 15, 3)])
    a, b = followed(fit, provenance(fit))
    before, after = a.free(level)
    assert_allclose(after, [21 / 24, 21 / 24 * 17 / 21])
    assert_allclose(before, [1.0, 21 / 24])
    assert_allclose(b.free(level)[1], [12 / 15])
    assert [a.patients(month) for month in (0, 8, 9, 12, 13)] == [24, 24, 21, 17, None]
    assert [patients_at_risk([a, b], month) for month in (0, 10, 12, 13)] == ["39", "36", "29", ""]
    assert not a.gaps


@pytest.mark.parametrize(("deaths", "kept"), [("competing", 1 - 4 / 19), ("censored", 1 - 3 / 18.5)])
def test_who_leaves_counts_half_and_death_as_it_is_modelled(deaths: str, kept: float) -> None:
    fit = fit_of([("A", 0, 6, 20, 3, 1, 2)], "deaths censored", deaths=deaths)
    (study,) = followed(fit, provenance(fit))
    assert_allclose(study.free(level)[1], [kept])
    assert study.patients(6) == 14


def test_months_that_were_not_followed_fall_as_the_typical_study() -> None:
    fit = fit_of([("A", 6, 12, 20, 5), ("A", 24, 36, 8, 2)])
    (study,) = followed(fit, provenance(fit))
    assert study.gaps
    before, after = study.free(halving)
    assert_allclose(before, [0.5**0.5, 0.5**0.5 * 0.75 * 0.5])
    assert_allclose(after, before * 0.75)


def test_centres_of_a_study_are_followed_one_by_one() -> None:
    rows = [("A", 0, 6, 20, 2, "Bern"), ("A", 0, 12, 10, 5, "Basel"), ("A", 6, 12, 18, 0, "Bern")]
    fit = fit_of(rows, "centre", centres="none")
    studies = followed(fit, provenance(fit))
    assert [study.label for study in studies] == ["A: Bern", "A: Basel"]
    assert_allclose(studies[0].free(level)[1], [0.9, 0.9])


def test_everybody_may_relapse() -> None:
    fit = fit_of([("A", 0, 6, 4, 4), ("B", 0, 6, 9, 2)])
    before, after = followed(fit, provenance(fit))[0].free(level)
    assert (before[0], after[0]) == (1.0, 0.0)


@pytest.mark.parametrize("width", [3.9, 21, "wide", float("nan"), True])
def test_a_width_no_figure_can_have_is_refused(width: object) -> None:
    with pytest.raises(OptionError, match="width is"):
        check_width(width)  # type: ignore[arg-type]
