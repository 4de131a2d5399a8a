"""What `fit` refuses, and what it writes down."""

import json

import numpy as np
import pytest

import bayesma as bm
from bayesma.engines import nuts
from bayesma.engines.nuts import Convergence, diagnose
from bayesma.errors import OptionError, PriorError

EFFECTS = bm.Effects.from_estimates([-0.4, 0.1], [0.2, 0.3], ["A", "B"], measure="OR")


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"engine": "jags"}, "engine is 'jags'; it must be one of 'nuts', 'exact'"),
        (
            {"family": "binormal"},
            "unknown family 'binormal'; known are: binomial, longitudinal, normal, proportion",
        ),
        ({"draws": 0}, "draws is 0; it must be a whole number of at least 1"),
        ({"draws": 10.5}, "draws is 10.5; it must be a whole number"),
        ({"tune": -1}, "tune is -1; it must be a whole number"),
        ({"chains": 0}, "chains is 0; it must be a whole number"),
        ({"target_accept": 1.0}, "target_accept is 1.0; it must lie between 0 and 1"),
        ({"random_seed": -1}, "random_seed is -1; it must be 0 or above"),
        ({"colour": "red"}, "family 'normal' has no option 'colour'; its options are: random_effects"),
        (
            {"random_effects": "t"},
            "option random_effects of family 'normal' is 't'; it must be one of 'normal', 'student_t', "
            "'contaminated', 'none'",
        ),
    ],
)
def test_options_that_are_refused(keywords, said):
    with pytest.raises(OptionError) as caught:
        bm.fit(EFFECTS, **keywords)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("priors", "said"),
    [
        (
            {"sigma": "HalfNormal(1)"},
            "priors names 'sigma', which this model has not; its parameters are: mu, tau",
        ),
        (
            {"tau": "Normal(0, 1)"},
            "has mass below 0, where tau cannot be; use a half distribution or Truncated(",
        ),
        ({"tau": "Uniform(-1, 1)"}, "has mass below 0"),
        ({"tau": "Truncated(Normal(0, 1), lower=-0.1)"}, "has mass below 0"),
        ({"tau": "Cauchy(0, 1)"}, "has mass below 0"),
        ({"tau": "Truncated(Flat(), upper=-1)"}, "keeps no mass"),
        ({"tau": "HalfNormal(0)"}, "sigma is 0; it must be above 0"),
        ({"mu": "Flat()", "tau": "Flat()"}, "the posterior is improper"),
    ],
)
@pytest.mark.parametrize("engine", ["exact", "nuts"])
def test_priors_that_are_refused(priors, said, engine):
    with pytest.raises(PriorError) as caught:
        bm.fit(EFFECTS, priors=priors, engine=engine)
    assert said in str(caught.value)


def test_evidence_of_no_family():
    with pytest.raises(
        OptionError, match=r"no family analyses a list; evidence is one of: .*Effects \(normal\)"
    ):
        bm.fit([1, 2, 3])
    with pytest.raises(OptionError, match="family 'normal' analyses Effects, not list"):
        bm.fit([1, 2, 3], family="normal")


def test_a_prior_for_a_parameter_that_the_option_removes():
    with pytest.raises(PriorError, match="priors names 'tau', which this model has not"):
        bm.fit(EFFECTS, priors={"tau": "HalfNormal(1)"}, random_effects="none", engine="exact")


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("Truncated(Flat(), upper=2)", "Truncated(Flat(), lower=0, upper=2)"),
        ("Truncated(Flat(), lower=-1, upper=2)", "Truncated(Flat(), lower=0, upper=2)"),
        ("Truncated(HalfNormal(1), lower=0)", "HalfNormal(1)"),
    ],
)
def test_a_flat_prior_of_a_scale_begins_at_0(written, used):
    fit = bm.fit(EFFECTS, priors={"tau": written}, engine="exact", random_seed=1)
    assert json.loads(fit.attrs["priors"])["tau"] == used
    assert fit["posterior"]["tau"].min() >= 0
    assert fit["exact"].attrs["error"] < 1e-9


def test_what_is_written_down():
    fit = bm.fit(EFFECTS, priors={"tau": "HalfCauchy(1)"}, engine="exact", random_seed=5)
    attrs = fit.attrs
    assert json.loads(attrs["priors"]) == {"mu": "Normal(0, 4)", "tau": "HalfCauchy(1)"}
    assert json.loads(attrs["default_priors"]) == ["mu"]
    assert (attrs["random_seed"], attrs["engine"], attrs["family"], attrs["measure"]) == (
        5,
        "exact",
        "normal",
        "OR",
    )
    assert set(json.loads(attrs["versions"])) >= {"bayesma", "pymc", "nutpie", "arviz"}


def test_hash_of_the_data_knows_numbers_and_labels():
    def of(**changed):
        given = {"y": [-0.4, 0.1], "se": [0.2, 0.3], "study": ["A", "B"], "measure": "OR"} | changed
        return bm.fit(bm.Effects.from_estimates(**given), engine="exact", random_seed=1).attrs["data_hash"]

    hashes = [of(), of(y=[-0.4, 0.1 + 1e-15]), of(se=[0.2, 0.4]), of(study=["A", "C"]), of(study=["B", "A"])]
    assert len(set(hashes)) == len(hashes)
    assert of() == hashes[0]


def test_chains_that_never_moved_or_disagree_have_not_converged():
    still = diagnose({"mu": np.repeat(np.arange(4.0)[:, None], 100, axis=1)}, 0)
    assert not still.reached
    rng = np.random.default_rng(1)
    apart = diagnose({"mu": rng.normal(np.arange(4)[:, None], 1.0, (4, 1000))}, 0)
    assert apart.r_hat > nuts.MAX_R_HAT
    assert not apart.reached
    good = {"mu": rng.normal(size=(4, 1000)), "tau": rng.exponential(size=(4, 1000))}
    assert diagnose(good, 0).reached
    assert not diagnose(good, 1).reached
    assert not diagnose({"mu": good["mu"][:, :80]}, 0).reached
    assert str(Convergence(1.2, 33.4, 2)) == "r_hat 1.200, ESS 33, 2 divergences"


def test_the_worst_parameter_decides():
    rng = np.random.default_rng(2)
    good = rng.normal(size=(4, 1000))
    walk = rng.normal(size=(4, 1000)).cumsum(axis=1)
    assert diagnose({"a": good, "b": walk}, 0).ess == diagnose({"b": walk}, 0).ess < nuts.MIN_ESS
