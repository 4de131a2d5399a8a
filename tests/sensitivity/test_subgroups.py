"""Groups by one model with a common tau, and by a model each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.evidence.subset import subset

ROLES = {"events_treat": "tpos", "nonevents_treat": "tneg", "events_ctrl": "cpos", "nonevents_ctrl": "cneg"}
PRIORS = {"mu": "Normal(0, 4)", "tau": "HalfNormal(0.5)"}
ESTIMATE = ["mean", "sd", "median", "ci_low", "ci_high"]


@pytest.fixture(scope="module")
def effects() -> bm.Effects:
    return bm.effect_sizes(bm.load_data("bcg"), "RR", study=["author", "year"], **ROLES)


def test_separate_groups_are_the_fits_of_their_studies(effects) -> None:
    groups = bm.subgroups(effects, "alloc", tau="separate", priors=PRIORS, favours="lower", random_seed=1)
    assert groups.index.tolist() == ["alternate", "random", "systematic"] and groups["k"].tolist() == [
        2,
        7,
        4,
    ]
    for name in groups.index:
        kept = (effects.table["alloc"] == name).to_numpy()
        fit = bm.fit(subset(effects, kept), priors=PRIORS, engine="exact", random_seed=1)
        summary = bm.summary(fit, parameters=["mu", "tau", "theta_new"])
        np.testing.assert_allclose(groups.loc[name, ESTIMATE], summary.loc["mu", ESTIMATE], rtol=1e-12)
        new = groups.loc[name, ["new_low", "new_high"]]
        np.testing.assert_allclose(new, summary.loc["theta_new", ["ci_low", "ci_high"]], rtol=1e-12)
        assert groups.loc[name, "tau"] == summary.loc["tau", "median"]
        assert groups.loc[name, "p_benefit"] == bm.prob(fit, "mu", below=0.0)
    found = groups.attrs["differences"].loc["random v alternate"]
    a, b = groups.loc["random"], groups.loc["alternate"]
    assert found["mean"] == pytest.approx(a["mean"] - b["mean"], abs=1e-7)
    assert found["sd"] == pytest.approx(np.hypot(a["sd"], b["sd"]), rel=1e-6)


def test_a_difference_of_two_normals_is_normal() -> None:
    """Common effects under flat priors: means and variances are those of the weighted means."""
    table = pd.DataFrame({"cells": ["BM", "BM", "UC", "UC"]})
    four = bm.Effects.from_estimates([0.1, 0.3, 0.8, 0.9], [0.2, 0.1, 0.3, 0.2], table=table, measure="SMD")
    options = {"priors": {"mu": "Flat()"}, "random_effects": "none", "random_seed": 1}
    found = bm.subgroups(four, "cells", tau="separate", **options).attrs["differences"].loc["UC v BM"]
    w = four.se**-2.0
    means = [np.average(four.y[i], weights=w[i]) for i in (slice(0, 2), slice(2, 4))]
    sd = np.sqrt(1.0 / w[:2].sum() + 1.0 / w[2:].sum())
    exactly = norm(means[1] - means[0], sd)
    assert (found["mean"], found["sd"]) == pytest.approx((exactly.mean(), sd), rel=1e-7)
    assert found[["median", "ci_low", "ci_high"]].tolist() == pytest.approx(
        exactly.ppf([0.5, 0.025, 0.975]).tolist(), abs=1e-3 * sd
    )
    assert found["p_above"] == pytest.approx(exactly.sf(0.0), abs=1e-3)
    both = bm.subgroups(
        four, "cells", priors={"mu": "Flat()", "beta": "Flat()"}, random_effects="none", random_seed=1
    )
    assert both["mean"].tolist() == pytest.approx(means, rel=1e-9)
    assert both.attrs["differences"].loc["UC v BM", "p_above"] == pytest.approx(exactly.sf(0.0), rel=1e-7)
    assert both[["tau", "tau_low", "tau_high"]].to_numpy().tolist() == [[0.0] * 3] * 2


def test_a_common_tau_is_the_meta_regression(effects) -> None:
    groups = bm.subgroups(effects, "alloc", priors=PRIORS | {"beta": "Normal(0, 2)"}, random_seed=1)
    fit = bm.fit(
        effects, engine="exact", moderators=["alloc"], priors=PRIORS | {"beta": "Normal(0, 2)"}, random_seed=1
    )
    places = bm.predict(fit, at={"alloc": groups.index.tolist()})
    np.testing.assert_allclose(groups[ESTIMATE], places.loc["average study", ESTIMATE], rtol=1e-9)
    assert groups["tau"].nunique() == 1
    terms = bm.meta_regression(fit)
    np.testing.assert_allclose(
        groups.attrs["differences"].loc["random v alternate", ESTIMATE],
        terms.loc["alloc: random v alternate", ESTIMATE],
        rtol=1e-7,
    )


def test_counts_and_the_order_of_a_categorical() -> None:
    table = pd.DataFrame({"cells": pd.Categorical(["UC", "BM", "UC", "BM"], ["UC", "BM", "AD"])})
    counts = bm.TwoArmCounts.from_counts(
        [2, 0, 7, 3], [14, 20, 30, 9], [5, 1, 9, 4], [12, 22, 28, 10], table=table
    )
    groups = bm.subgroups(counts, "cells", tau="separate", favours="lower", random_seed=1)
    assert groups.index.tolist() == ["UC", "BM"] and groups.attrs["engine"] == "exact"
    assert groups.attrs["differences"].index.tolist() == ["BM v UC"]
    one = bm.subgroups(counts, "cells", favours="lower", random_seed=1)
    assert one.index.tolist() == ["UC", "BM"] and one["tau"].nunique() == 1
    assert one["p_benefit"].between(0.5, 1.0).all()


@pytest.mark.parametrize("names", [[0, 1], ["1", "2"]])
def test_groups_coded_as_numbers_are_groups(names) -> None:
    """As text they would be read back as one number a study, whose slope is no difference of groups."""
    y, se = [-0.6, -0.4, -0.9, 0.1, 0.3, 0.2], [0.25, 0.3, 0.4, 0.3, 0.2, 0.25]
    coded = pd.DataFrame({"code": [names[i >= 3] for i in range(6)], "cells": ["BM"] * 3 + ["UC"] * 3})
    six = bm.Effects.from_estimates(y, se, measure="SMD", table=coded)
    found, named = (bm.subgroups(six, by, priors=PRIORS, random_seed=1) for by in ("code", "cells"))
    assert found.index.tolist() == [str(one) for one in names]
    np.testing.assert_array_equal(found.to_numpy(), named.to_numpy())
    assert found.attrs["differences"].index.tolist() == [f"{names[1]} v {names[0]}"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "colour"}, "by is 'colour', and the evidence has no such column; columns are: "),
        ({"by": "one"}, "one is 'x' in every study; subgroups need two at least"),
        ({"by": "alloc", "tau": "own"}, "tau is 'own'; it must be 'common' or 'separate'"),
        ({"by": "alloc", "favours": "less"}, "favours is 'less'; give 'lower' or 'higher'"),
        ({"by": "alloc", "moderators": ["ablat"]}, "and no moderators besides"),
    ],
)
def test_mistakes(effects, arguments, message) -> None:
    from dataclasses import replace

    with pytest.raises(OptionError, match=message):
        bm.subgroups(replace(effects, table=effects.table.assign(one="x")), **arguments)


def test_groups_of_their_own_have_the_moments_of_their_fits() -> None:
    """Of a flat mu under a half-Cauchy tau: from one study none, from two a mean, from three an sd too."""
    table = pd.DataFrame({"cells": ["two", "two", "three", "one", "three", "three"]})
    six = bm.Effects.from_estimates(
        [-0.6, -0.4, -0.9, 0.1, 0.3, 0.2], [0.25, 0.3, 0.4, 0.3, 0.2, 0.25], measure="SMD", table=table
    )
    priors = {"mu": "Flat()", "tau": "HalfCauchy(0.5)"}
    groups = bm.subgroups(six, "cells", tau="separate", priors=priors, random_seed=1)
    assert np.isnan(groups["mean"]).to_dict() == {"one": True, "three": False, "two": False}
    assert np.isinf(groups["sd"]).to_dict() == {"one": True, "three": False, "two": True}
    differences = groups.attrs["differences"]
    assert np.isnan(differences["mean"]).all() and np.isinf(differences["sd"]).all()
    assert np.isfinite(differences[["median", "ci_low", "ci_high"]]).all(axis=None)
