"""One contract for every family and option: two routes to the density, one schema, data that swap."""

from __future__ import annotations

import dataclasses
import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import nutpie
import pandas as pd
import pytest
import xarray as xr
from pytensor.graph.traversal import ancestors
from scipy.special import logsumexp

import bayesma as bm
from bayesma.engines import nuts
from bayesma.engines.fit import make_setting
from bayesma.engines.tree import SCHEMA
from bayesma.errors import OptionError, PriorError
from bayesma.families import FAMILIES
from bayesma.families.base import Family
from bayesma.families.problems import NoIntegral
from bayesma.posterior.provenance import provenance

# PyTensor keeps constants such as log(2 pi) in single precision: 3e-8 a study, ten studies.
ROUTES = 1e-6
POINTS = 3
SWAPPED_DRAWS = 50  # at whose places two densities are compared
REACH = 5.5  # standardised study parameters are integrated from -122 to 122, on the asinh scale
GRID = {1: 81, 2: 81, 3: 45}  # places of each, by how many there are
PLACES = 20_000  # of them at once: half a million would take 1 GiB
DRAWS = 40_000
MONTE_CARLO = 5.0  # standard errors; one comparison in a million beyond it by chance

GROUPS = {
    "posterior",
    "posterior_predictive",
    "log_likelihood",
    "log_prior",
    "prior",
    "observed_data",
    "constant_data",
}
ATTRIBUTES = {"schema", "family", "engine", "options", "priors", "default_priors", "measure", "source"}
ATTRIBUTES |= {"notes", "data_hash", "random_seed", "versions", "converged", "draws", "chains"}

TABLES = bm.TwoArmCounts.from_counts
VISITS = {
    "small": [("A", 1), ("A", 3), ("A", 6), ("B", 1), ("B", 6), ("C", 3)],
    "large": [("D", 1), ("D", 3), ("D", 6), ("E", 1), ("E", 3), ("F", 6), ("G", 3), ("G", 6)],
}
DOSES = {"A": 1.0, "B": 4.0, "C": 2.0, "D": 3.0, "E": 1.0, "F": 2.0, "G": 5.0}
EVIDENCE: dict[str, dict[str, Any]] = {
    "binomial": {
        "one": TABLES([2], [14], [5], [12], ["A"]),
        "small": TABLES(
            [2, 0, 7],
            [14, 20, 30],
            [5, 1, 9],
            [12, 22, 28],
            ["A", "B", "C"],
            table=pd.DataFrame({"dose": [1.0, 4.0, 2.0], "cells": ["UC", "BM", "BM"]}),
        ),
        "large": TABLES(
            [1, 3, 4],
            [24, 10, 40],
            [6, 0, 12],
            [22, 12, 38],
            ["D", "E", "F"],
            table=pd.DataFrame({"dose": [3.0, 1.0, 2.0], "cells": ["UC", "BM", "BM"]}),
        ),
    },
    "proportion": {
        "one": bm.ArmCounts.from_counts([3], [14], ["A"]),
        "small": bm.ArmCounts.from_counts([3, 0, 7], [14, 20, 30], ["A", "B", "C"]),
        "large": bm.ArmCounts.from_counts([9, 2, 5], [14, 16, 11], ["D", "E", "F"]),
    },
    "proportion, centres": {
        "one": bm.ArmCounts.from_counts([3, 9], [14, 20], ["A", "A"], ["x", "y"]),
        "small": bm.ArmCounts.from_counts([3, 0, 7, 4], [14, 20, 30, 9], ["A", "A", "B", "C"], list("xyxy")),
        "large": bm.ArmCounts.from_counts([9, 2, 5, 1], [14, 16, 11, 9], ["D", "D", "E", "F"], list("xyxy")),
    },
    "normal": {
        "small": bm.Effects.from_estimates(
            [-0.5, -0.2, 0.3],
            [0.2, 0.3, 0.25],
            ["A", "B", "C"],
            "OR",
            table=pd.DataFrame({"dose": [1.0, 4.0, 2.0], "cells": ["UC", "BM", "BM"]}),
        ),
        "large": bm.Effects.from_estimates(
            np.linspace(-1, 1, 9),
            np.linspace(0.1, 0.5, 9),
            measure="OR",
            table=pd.DataFrame({"dose": np.arange(9.0) ** 1.5, "cells": ["UC", "BM", "BM"] * 3}),
        ),
    },
}
EVIDENCE |= {
    f"longitudinal{suffix}": {
        size: bm.Trajectories.from_estimates(
            pd.DataFrame(
                {
                    "study": [study for study, _ in rows],
                    "month": [month for _, month in rows],
                    "dose": [DOSES[study] for study, _ in rows],
                    "cells": ["UC" if study in "ADF" else "BM" for study, _ in rows],
                    "y": np.linspace(-1.0, 0.5, len(rows)),
                    "se": np.linspace(0.2, 0.4, len(rows)),
                    "n": 50.0,
                }
            ),
            study="study",
            month="month",
            estimate="y",
            se="se",
            n="n",
            within_correlation=correlation,
            within_structure="ar1-month",
            within_decay=decay,
        )
        for size, rows in VISITS.items()
    }
    for suffix, correlation, decay in (
        ("", 0.6, None),
        (", estimated", "Beta(3, 2)", None),
        (", decaying", "Beta(3, 2)", "Uniform(0, 1)"),
    )
}
INTERVALS = ["study", "centre", "start", "stop", "at_risk", "relapses", "deaths", "censored"]
FOLLOWED = {
    "one": [("A", "x", 0, 9, 24, 3, 1, 2), ("A", "x", 9, 12, 18, 4, 0, 0)],
    "small": [
        ("A", "x", 0, 9, 24, 3, 1, 2),
        ("A", "x", 9, 12, 18, 4, 0, 1),
        ("B", "x", 0, 12, 13, 0, 1, 0),
        ("C", "x", 3, 24, 40, 9, 2, 3),
    ],
    "large": [
        ("D", "x", 0, 6, 31, 2, 0, 1),
        ("D", "x", 6, 12, 28, 5, 2, 2),
        ("E", "x", 0, 24, 20, 6, 1, 0),
        ("F", "x", 0, 3, 9, 0, 0, 1),
        ("F", "x", 3, 12, 8, 1, 1, 0),
    ],
}
OTHER_CENTRES = {
    "one": [("A", "y", 0, 12, 9, 4, 0, 1)],
    "small": [("A", "y", 0, 12, 9, 4, 0, 1), ("C", "y", 0, 6, 11, 0, 1, 0)],
    "large": [("D", "y", 0, 12, 16, 1, 1, 0), ("D", "z", 0, 12, 7, 3, 0, 0)],
}


def followed(rows: list[tuple[Any, ...]], **named: str) -> bm.FollowUp:
    """Simulated intervals with a source of cells."""
    frame = pd.DataFrame(rows, columns=INTERVALS)
    frame["cells"] = frame["centre"].map({"x": "UC", "y": "BM", "z": "UC"})
    roles = [role for role in INTERVALS if role != "centre"]
    return bm.FollowUp.from_frame(frame, **{role: role for role in roles}, **named)


EVIDENCE["relapse"] = {size: followed(rows) for size, rows in FOLLOWED.items()}
EVIDENCE["relapse, centres"] = {
    size: followed(rows + OTHER_CENTRES[size], centre="centre") for size, rows in FOLLOWED.items()
}
BOTH = {"mu": "Normal(0.3, 2)", "tau": "HalfNormal(0.3)"}
OVER_TIME = dict.fromkeys(
    ("m", "coef", "intercept", "slope", "e0", "emax", "slope1", "slope2", "beta"), "Normal(0.3, 2)"
)
OVER_TIME |= {
    "level": "Normal(0, 1)",
    "beta_slope": "Normal(0.1, 0.3)",
    "et50": "LogNormal(1, 0.5)",
    "change": "Uniform(1, 5)",
    "amplitude": "HalfNormal(0.5)",
    "length": "LogNormal(1, 0.5)",
    "deviate": "Normal(0, 1)",
    "tau": "HalfNormal(0.3)",
    "rho": "Uniform(0.1, 0.9)",
    "rho_within": "Beta(2, 2)",
    "decay_within": "Beta(2, 3)",
}
BASELINES = {
    "beta": "Normal(0.2, 0.6)",
    "alpha": "Normal(-1, 3)",
    "alpha_mean": "Normal(-1, 2)",
    "alpha_sd": "HalfNormal(1)",
    "rho": "LKJ(3)",
}
HORSESHOE = {"beta_scale": "HalfStudentT(4, 0.3)", "beta_slab": "LogNormal(0.2, 0.4)"}
HORSESHOE |= {"beta_local": "HalfCauchy(1)"}
OTHER_PRIORS = {
    "normal": BOTH
    | HORSESHOE
    | {"beta": "Normal(0.2, 0.6)", "nu": "Truncated(Gamma(3, 0.3), lower=1)", "contamination": "Beta(2, 8)"},
    "longitudinal": OVER_TIME,
    "binomial": BOTH | BASELINES | HORSESHOE,
    "relapse": {
        "sigma_h": "HalfNormal(0.7)",
        "h": "Normal(-3.5, 1)",
        "log_rate": "Normal(-3.5, 1)",
        "shape": "LogNormal(0.1, 0.4)",
        "s": "HalfNormal(0.4)",
        "s_centre": "HalfNormal(0.3)",
        "beta": "Normal(0.2, 0.6)",
        "h_death": "Normal(-5, 1)",
    },
    "proportion": BOTH
    | {
        "mu": "Logistic(0.3, 1.5)",
        "tau_centre": "HalfNormal(0.4)",
        "mean": "Beta(2, 3)",
        "kappa": "Gamma(3, 0.2)",
    },
}
# what NUTS samples here: a model with study parameters takes a quarter of a minute to compile
SAMPLED = {
    "normal-normal",
    "normal-none",
    "normal-normal-dose+cells",
    "normal-student_t-prior-dose",
    "normal-contaminated-prior",
    "binomial-fixed-midpoint-normal",
    "binomial-correlated-midpoint-student_t",
    "binomial-conditional-control-normal",
    "binomial-fixed-midpoint-normal-dose",
    "proportion-logit-normal-normal-none",
    "proportion-beta-binomial-normal-none",
    "proportion-logit-normal-normal-random",
    "longitudinal-visit-har-given",
    "longitudinal-changepoint-ou-estimated",
    "longitudinal-emax-cs-given-dose+cells-dose",
    "relapse-random_walk-normal-competing-none",
    "relapse-constant-normal-censored-none",
    "relapse-weibull-normal-competing-random-cells",
    "relapse-weibull-none-competing-none",
}
SWAPPED = SAMPLED - {
    "normal-contaminated-prior",
    "normal-student_t-prior-dose",
    "longitudinal-emax-cs-given-dose+cells-dose",  # test_visit_moderators.py: swapped, against the exact one
    "binomial-correlated-midpoint-student_t",
    "proportion-logit-normal-normal-none",
    "longitudinal-changepoint-ou-estimated",
}


# one structure a family is sampled and simulated in every run of the tests, the others in the long one
ALWAYS_SAMPLED = {
    "normal-normal",
    "binomial-fixed-midpoint-normal",
    "proportion-beta-binomial-normal-none",
    "longitudinal-visit-har-given",
    "relapse-constant-normal-censored-none",
}

COLUMNS = {"moderators": ("dose", "cells"), "slope_moderators": ("dose",)}
OF_COLUMNS = {"moderator_unit", "coefficients"}  # options that matter only where there are moderators
FURTHER = {
    "binomial": (
        {"baseline": "fixed", "coding": "midpoint", "random_effects": "normal", "moderators": ("dose",)},
        {"baseline": "conditional", "random_effects": "none", "moderators": ("dose",)},
        {"baseline": "correlated", "random_effects": "student_t", "moderators": ("dose", "cells")},
        {"baseline": "conditional", "moderators": ("dose", "cells"), "coefficients": "horseshoe"},
    ),
    "normal": (
        {"random_effects": "normal", "moderators": ("dose", "cells")},
        {"random_effects": "none", "moderators": ("dose",)},
        {"random_effects": "normal", "moderators": ("dose", "cells"), "coefficients": "horseshoe"},
        {"random_effects": "student_t", "nu": "prior", "moderators": ("dose",)},
        {"random_effects": "student_t", "nu": "prior"},
        {"random_effects": "contaminated", "contamination": "prior"},
    ),
    "longitudinal": (
        {"trajectory": "visit", "between": "har", "within": "given", **COLUMNS},
        {"trajectory": "emax", "between": "cs", "within": "given", **COLUMNS},
    ),
    "relapse": (
        {
            "hazard": "weibull",
            "random_effects": "normal",
            "deaths": "competing",
            "centres": "random",
            "moderators": ("cells",),
        },
    ),
}


def evidence_of(name: str, options: dict[str, Any], size: str) -> Any:
    """Evidence that goes with the options."""
    variants = {("centres", "random"): ", centres", ("within", "estimated"): ", estimated"} | {
        ("within", "decaying"): ", decaying"
    }
    suffix = next((words for key, words in variants.items() if key in options.items()), "")
    return EVIDENCE[name + suffix][size]


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every family under every combination of its options that it takes; numbers at their defaults."""
    for name, family in FAMILIES.items():
        choices = {
            n: option.allowed
            for n, option in family.options.items()
            if option.allowed and n not in OF_COLUMNS
        }
        for choice in itertools.product(*choices.values()):
            options = dict(zip(choices, choice, strict=True))
            try:
                evidence = evidence_of(name, options, "small")
                resolved = family.resolved(family.checked_options(options), evidence)
            except OptionError:
                continue
            # else it is another name for one that comes as well
            if all(resolved[option] == value for option, value in options.items()):
                yield name, options
        for shape in FURTHER.get(name, ()):
            yield name, shape


def label_of(name: str, options: dict[str, Any]) -> str:
    """Family and the values of its options."""
    return "-".join([name, *("+".join(v) if isinstance(v, tuple) else v for v in options.values())])


CASES = list(cases())
IDS = [label_of(name, options) for name, options in CASES]
every_family = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)


def pairs(name: str, options: dict[str, Any]) -> set[tuple[object, ...]]:
    """Any two values of options of a family."""
    return {(name, *two) for two in itertools.combinations(sorted(options.items()), 2)} or {(name,)}


def covering() -> set[str]:
    """Labels of cases among which every two values of a family's options come together."""
    seen: set[tuple[object, ...]] = set()
    chosen: set[str] = set()
    for case, label in zip(CASES, IDS, strict=True):
        if new := pairs(*case) - seen:
            chosen.add(label)
            seen |= new
    return chosen


COVERING = covering()
every_pair = pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*case, id=label, marks=[pytest.mark.long] * (label not in COVERING))
        for case, label in zip(CASES, IDS, strict=True)
    ],
)


def only(names: set[str], of_some: tuple[Any, ...] = (pytest.mark.slow,)) -> Any:
    """Those of the cases with these ids; each must exist; all but some are long, the others marked so."""
    assert names | ALWAYS_SAMPLED <= set(IDS)
    chosen = [(case, label) for case, label in zip(CASES, IDS, strict=True) if label in names]
    marked = {label: of_some if label in ALWAYS_SAMPLED else (pytest.mark.long,) for _, label in chosen}
    return pytest.mark.parametrize(
        ("name", "options"), [pytest.param(*case, id=label, marks=marked[label]) for case, label in chosen]
    )


def has_integral(name: str, options: dict[str, Any]) -> bool:
    """Whether the exact engine takes the model."""
    setting = setting_of(name, options)
    return not isinstance(setting.family.problem(setting.case), NoIntegral)


def priors_of(family: Family[Any], options: dict[str, Any]) -> dict[str, Any]:
    """Other priors than the defaults, of the parameters these options have."""
    named = [p.name for p in family.with_priors(family.checked_options(options))]
    standard = {"beta": "Normal(0, 1)"} if "beta_local" in named else {}
    return {name: (OTHER_PRIORS[family.name] | standard)[name] for name in named}


def setting_of(name: str, options: dict[str, Any], size: str = "small") -> Any:
    """Everything an engine is given."""
    family = FAMILIES[name]
    return make_setting(evidence_of(name, options, size), name, priors_of(family, options), 1, options)


def hyper_draws(setting: Any, size: int) -> dict[str, np.ndarray]:
    """Points at which densities are compared, from the prior; a baseline for every study."""
    rng = np.random.default_rng(2)
    coords = setting.family.coords(setting.evidence, setting.options)
    inner = {
        p.name: [coords[dim].size for dim in p.dims] for p in setting.family.with_priors(setting.options)
    }
    drawn: dict[str, np.ndarray] = {}
    for p in setting.family.with_priors(setting.options):
        drawn[p.name] = setting.family.draw_prior(p, setting.case, (size, *inner[p.name]), rng, drawn)
    return drawn


def test_every_family_has_evidence_here() -> None:
    assert {name.split(",")[0] for name in EVIDENCE} == set(OTHER_PRIORS) == set(FAMILIES)


@every_pair
def test_pymc_and_numpy_give_the_same_density(name: str, options: dict[str, Any]) -> None:
    """The PyMC density, integrated over its study parameters, is the NumPy marginal times the prior."""
    latent = len(FAMILIES[name].sampled(FAMILIES[name].checked_options(options))) > len(
        FAMILIES[name].hyper(FAMILIES[name].checked_options(options))
    )
    apart = name == "binomial" and "moderators" in options  # one study by itself has no moderator
    setting = setting_of(name, options, "one" if latent and not apart else "small")
    family, case = setting.family, first_study(setting) if apart else setting.case
    model = family.model(case)
    used = set(ancestors([model.logp(), *model.unobserved_value_vars]))
    unused = [number.name for number in model.data_vars if number not in used]
    assert unused == []  # a number that nothing depends on would be swapped without a word
    hyper = [p.name for p in family.hyper(setting.options)]
    points = {p: draws for p, draws in hyper_draws(setting, POINTS).items() if p in hyper}
    numpy = family.log_likelihood(points, case).sum(axis=1)
    numpy += sum(values.reshape(POINTS, -1).sum(axis=1) for values in family.log_prior(points, case).values())
    density = integrated_density(model, hyper)
    for i in range(POINTS):
        ours = density({p: np.asarray(draws[i]) for p, draws in points.items()})
        assert ours == pytest.approx(numpy[i], abs=ROUTES)


@pytest.mark.parametrize("events", [(0, 0), (14, 12)], ids=["no event", "nothing but events"])
@pytest.mark.parametrize("coding", ["midpoint", "control"])
def test_both_densities_of_a_study_with_one_outcome(events: tuple[int, int], coding: str) -> None:
    """Its baseline is sampled in units that grow towards the side its counts leave open."""
    counts = bm.TwoArmCounts.from_counts([events[0]], [14], [events[1]], [12])
    setting = make_setting(counts, None, BOTH | {"alpha": "Normal(-1, 9)"}, 1, {"coding": coding})
    points = {p.name: hyper_draws(setting, POINTS)[p.name] for p in setting.family.hyper(setting.options)}
    numpy = setting.family.log_likelihood(points, setting.case).sum(axis=1)
    numpy += sum(values for values in setting.family.log_prior(points, setting.case).values())
    density = integrated_density(setting.family.model(setting.case), list(points))
    for i in range(POINTS):
        assert density({p: np.asarray(draws[i]) for p, draws in points.items()}) == pytest.approx(
            numpy[i], abs=ROUTES
        )


def first_study(setting: Any) -> Any:
    """The numbers of the first study alone, its moderators centred over all of them."""
    arrays = setting.case.arrays
    kept = {n: v[:1] if setting.family.dims(n)[0] == "study" else v for n, v in arrays.items()}
    return dataclasses.replace(setting.case, arrays=kept, memo={})


def integrated_density(model: Any, hyper: list[str]) -> Callable[[dict[str, np.ndarray]], float]:
    """Log density at values of the hyper-parameters, the trapezoid rule over all other free variables."""
    import pytensor
    from pytensor.graph.replace import vectorize_graph

    free = {variable.name: variable for variable in model.free_RVs}
    others = [variable for variable in model.free_RVs if variable.name not in hyper]
    sizes = [int(model.rvs_to_values[v].type.shape[0] or v.shape.eval()[0]) for v in others]
    number = GRID[max(sum(sizes), 1)]
    axis = np.linspace(-REACH, REACH, number)
    places = np.array(list(itertools.product(axis, repeat=sum(sizes))))
    columns = np.split(np.sinh(places), np.cumsum(sizes)[:-1], axis=1) if others else []
    log_weight = np.log(np.cosh(places)).sum(axis=1) + places.shape[1] * np.log(2.0 * REACH / (number - 1))
    values = [model.rvs_to_values[v] for v in others]
    batches = [pytensor.tensor.matrix(f"{v.name}_batch") for v in others]
    log_density = model.logp(sum=True, jacobian=False)
    if others:
        log_density = vectorize_graph(log_density, dict(zip(values, batches, strict=True)))
    inputs = [model.rvs_to_values[free[p]] for p in hyper if p in free]
    compiled = pytensor.function([*inputs, *batches], log_density, mode="FAST_COMPILE")

    def unconstrained(name: str, at: dict[str, np.ndarray]) -> np.ndarray:
        """The value variable of a parameter."""
        variable = free[name]
        transform = model.rvs_to_transforms[variable]
        if transform is None:
            return at[name]
        value = transform.forward(at[name], *variable.owner.inputs)
        needed = {free[other]: at[other] for other in hyper if free[other] in ancestors([value])}
        given = {v: x for v, x in needed.items() if v is not variable}
        # one given hides what it depends on
        return np.asarray(value.eval(given, on_unused_input="ignore", mode="FAST_COMPILE"))

    def density(at: dict[str, np.ndarray]) -> float:
        """Log of the integral over the grid."""
        given = [unconstrained(p, at) for p in hyper]
        if not others:
            return float(compiled(*given))
        parts = [slice(i, i + PLACES) for i in range(0, log_weight.size, PLACES)]
        terms = (compiled(*given, *(c[part] for c in columns)) + log_weight[part] for part in parts)
        return float(logsumexp([logsumexp(some) for some in terms]))

    return density


@only(set(IDS), of_some=())
def test_completion_and_replication_have_the_moments_of_the_model(name: str, options: dict[str, Any]) -> None:
    """At one point of the hyper-parameters: replicated outcomes agree with simulated evidence."""
    setting = setting_of(name, options)
    family, case = setting.family, setting.case
    rng = np.random.default_rng(3)
    one = {n: v[0] for n, v in hyper_draws(setting, 1).items()}
    point = {n: np.broadcast_to(v, (DRAWS, *np.shape(v))) for n, v in one.items()}
    replicated = family.replicate(point, case, rng)[family.observed[0]]
    runs = [family.simulate(one, setting.evidence, setting.options, rng) for _ in range(2000)]
    simulated = np.array([family.arrays(run, setting.options)[family.observed[0]] for run in runs])
    error = simulated.std(axis=0) / np.sqrt(len(runs))
    seen = np.isfinite(case.arrays[family.observed[0]])  # a visit that is missing stays missing
    assert np.array_equal(np.isfinite(replicated), np.broadcast_to(seen, replicated.shape))
    close = np.abs(replicated.mean(axis=0) - simulated.mean(axis=0)) < MONTE_CARLO * error
    assert np.array_equal(close, seen)
    fourth = ((simulated - simulated.mean(axis=0)) ** 4).mean(axis=0)
    variance = simulated.var(axis=0)
    error = np.sqrt((fourth - variance**2) / len(runs))
    assert np.array_equal(np.abs(replicated.var(axis=0) - variance) < MONTE_CARLO * error, seen)
    weights = family.weights({n: np.ascontiguousarray(v[:3]) for n, v in point.items()}, case)
    assert weights.sum(axis=1) == pytest.approx(np.ones(3))


def test_theta_is_drawn_from_its_exact_conditional() -> None:
    """Normal family: theta | mu, tau, y has precision 1/se^2 + 1/tau^2 and the precision-weighted mean."""
    setting = setting_of("normal", {"random_effects": "normal"})
    mu, tau = 0.4, 0.6
    draws = {"mu": np.full(DRAWS, mu), "tau": np.full(DRAWS, tau)}
    arrays = setting.case.arrays
    made = setting.family.complete(draws, setting.case, np.random.default_rng(4))
    precision = arrays["se"] ** -2.0 + tau**-2.0
    mean = (arrays["y"] * arrays["se"] ** -2.0 + mu * tau**-2.0) / precision
    sd = precision**-0.5
    assert np.all(np.abs(made["theta"].mean(axis=0) - mean) < MONTE_CARLO * sd / np.sqrt(DRAWS))
    assert np.all(np.abs(made["theta"].std(axis=0) / sd - 1) < MONTE_CARLO / np.sqrt(2 * DRAWS))
    assert abs(made["theta_new"].mean() - mu) < MONTE_CARLO * tau / np.sqrt(DRAWS)
    assert abs(made["theta_new"].std() / tau - 1) < MONTE_CARLO / np.sqrt(2 * DRAWS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(
            *case, id=label, marks=[pytest.mark.long] * (label not in SAMPLED and has_integral(*case))
        )
        for case, label in zip(CASES, IDS, strict=True)
    ],
)
def test_schema_of_exact(name: str, options: dict[str, Any], tmp_path: Any) -> None:
    if has_integral(name, options):
        check_schema(name, options, "exact", tmp_path)
    else:
        with pytest.raises(PriorError, match=r"engine 'exact' has no integral for .*; use engine='nuts'"):
            bm.fit(evidence_of(name, options, "small"), engine="exact", **options)


@only(SAMPLED - SWAPPED)
def test_schema_of_nuts(name: str, options: dict[str, Any], tmp_path: Any) -> None:
    check_schema(name, options, "nuts", tmp_path)


@only(SWAPPED)
def test_schema_of_nuts_and_swapped_numbers(name: str, options: dict[str, Any], tmp_path: Any) -> None:
    """Other data and prior numbers, in the normal family other k: the compiled model is reused and right."""
    check_schema(name, options, "nuts", tmp_path)
    compiled = set(nuts._compiled)
    other = make_setting(evidence_of(name, options, "large"), name, None, 5, options)
    trace = nutpie.sample(
        nuts._compile(other),
        draws=SWAPPED_DRAWS,
        tune=SWAPPED_DRAWS,
        chains=1,
        seed=5,
        store_unconstrained=True,
        progress_bar=False,
    )
    assert set(nuts._compiled) == compiled
    statistics = trace["sample_stats"].dataset
    points = statistics["unconstrained_draw"].isel(chain=0).values
    assert statistics["logp"].values[0] == pytest.approx(densities(other, points), abs=ROUTES)


def densities(setting: Any, points: np.ndarray) -> list[float]:
    """Log density of a model built anew, at values of its free variables one after the other, (s, d)."""
    model = setting.family.model(setting.case)
    values = [model.rvs_to_values[variable] for variable in model.free_RVs]
    start = model.initial_point()
    sizes = [int(np.size(start[value.name])) for value in values]
    compiled = model.compile_fn(model.logp(), inputs=values, mode="FAST_COMPILE", point_fn=False)

    def at(point: np.ndarray) -> float:
        """At one of the points."""
        pieces = np.split(point, np.cumsum(sizes)[:-1])
        return float(
            compiled(*(x.reshape(np.shape(start[v.name])) for x, v in zip(pieces, values, strict=True)))
        )

    return [at(point) for point in points]


def check_schema(name: str, options: dict[str, Any], engine: str, folder: Any) -> None:
    """Groups, attributes, dimensions, and the way to netCDF and back."""
    family = FAMILIES[name]
    evidence = evidence_of(name, options, "small")
    priors = priors_of(family, options)
    fit = bm.fit(evidence, priors=priors, engine=engine, random_seed=1, progressbar=False, **options)
    own = {"exact"} if engine == "exact" else {"sample_stats"}
    if engine == "nuts" and has_integral(name, options):
        own.add("crosscheck")
    assert set(fit.children) == GROUPS | own
    assert set(fit.attrs) >= ATTRIBUTES
    assert (fit.attrs["schema"], fit.attrs["engine"], fit.attrs["converged"]) == (SCHEMA, engine, 1)
    assert provenance(fit).options == family.resolved(family.checked_options(options), evidence)
    assert json.loads(fit.attrs["priors"]) == priors
    for parameter in family.parameters(provenance(fit).options):
        assert fit["posterior"][parameter.name].dims == ("chain", "draw", *parameter.dims)
    assert fit["log_likelihood"][family.observed[0]].dims == ("chain", "draw", "study")
    for outcome in family.observed:
        assert fit["posterior_predictive"][outcome].dims == ("chain", "draw", *family.dims(outcome))
    fit.to_netcdf(folder / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(folder / "fit.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), fit)
    check_arviz(fit)


def check_arviz(fit: xr.DataTree) -> None:
    """Functions of ArviZ take the tree."""
    import arviz

    with warnings.catch_warnings():  # a finding about these data, not a fault
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        assert np.isfinite(arviz.loo(fit).elpd)
    assert len(arviz.summary(fit)) == len(bm.summary(fit))


@every_family
def test_unknown_options_are_refused(name: str, options: dict[str, Any]) -> None:
    evidence = evidence_of(name, options, "small")
    with pytest.raises(OptionError, match=r"has no option 'colour'; its options are: "):
        bm.fit(evidence, engine="exact", colour="red", **options)
    for option, value in options.items():
        wrong, what = ("red", "(one of|a finite number|a number)")
        if isinstance(value, tuple):
            wrong, what = (
                ((7,), "a name or a list") if family_takes_names(name, option) else ("red", "a list")
            )
        with pytest.raises(OptionError, match=rf"option {option} .* is .*; it must be {what} "):
            bm.fit(evidence, engine="exact", **{**options, option: wrong})


def family_takes_names(name: str, option: str) -> bool:
    """Whether an option is a list of names."""
    return FAMILIES[name].options[option].names


# no direction: what is symmetric may be swapped

SYMMETRY = 1e-8  # absolute, of numbers of order 1 and of log densities of order 100
# The two-dimensional integral of a study's arms has the control arm outside: measured 5e-6 where the counts
# are all but impossible (log likelihood -26), 1e-8 elsewhere.
OVER_BASELINES = 1e-5
ODD = {"mu", "delta", "delta_new", "rho", "beta", "delta_standardised"}  # change their sign with the arms


def swappable() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every family of two arms under all of its options but the coding, which stays the default."""
    for name, options in CASES:
        if hasattr(FAMILIES[name].evidence_type, "swapped"):
            kept = {n: value for n, value in options.items() if n != "coding"}
            if "moderators" not in kept and options.get("coding", "midpoint") == "midpoint":
                yield name, kept


SWAPPABLE = list(swappable())
two_arms = pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*case, id=label_of(*case), marks=[pytest.mark.long] * ("normal" not in case[1].values()))
        for case in SWAPPABLE
    ],
)


def both_ways(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Settings of evidence and of the same with its arms swapped, every prior the default."""
    counts = bm.TwoArmCounts.from_counts(
        [2, 0, 7, 0, 9], [14, 20, 30, 9, 9], [5, 1, 9, 0, 14], [12, 22, 28, 19, 14]
    )
    return tuple(make_setting(one, name, None, 1, options) for one in (counts, counts.swapped()))


def test_there_are_families_to_swap() -> None:
    assert {options["baseline"] for _, options in SWAPPABLE} == set(
        FAMILIES["binomial"].options["baseline"].allowed
    )


@two_arms
def test_swapped_arms_swap_the_density_of_the_sampler(name: str, options: dict[str, Any]) -> None:
    """PyMC: the same log density at effects and a correlation of the other sign."""
    one, other = both_ways(name, options)
    model = one.family.model(one.case)
    start = model.initial_point()
    free = [model.rvs_to_values[variable].name for variable in model.free_RVs]
    sizes = [int(np.size(start[value])) for value in free]
    sign = np.concatenate(
        [
            np.full(size, -1.0 if variable.name in ODD else 1.0)
            for variable, size in zip(model.free_RVs, sizes, strict=True)
        ]
    )
    assert np.any(sign < 0.0)
    points = np.random.default_rng(6).normal(size=(POINTS, sign.size))
    assert densities(other, points * sign) == pytest.approx(densities(one, points), abs=SYMMETRY)
    assert densities(other, points) != pytest.approx(densities(one, points), abs=1e-3)


@two_arms
def test_swapped_arms_swap_the_marginal_likelihood(name: str, options: dict[str, Any]) -> None:
    """NumPy: the same log likelihood of every study at effects and a correlation of the other sign."""
    one, other = both_ways(name, options)
    rng = np.random.default_rng(7)
    hyper = {p.name: rng.uniform(0.2, 0.8, POINTS) for p in one.family.hyper(one.options)}
    if "alpha_mean" in hyper:
        hyper["alpha_mean"] -= 1.5  # near the logits of these data
    mirrored = {n: -values if n in ODD else values for n, values in hyper.items()}
    ours, theirs = (
        one.family.log_likelihood(hyper, one.case),
        other.family.log_likelihood(mirrored, other.case),
    )
    assert theirs == pytest.approx(ours, abs=OVER_BASELINES)


@two_arms
def test_swapped_arms_swap_the_exact_answers(name: str, options: dict[str, Any]) -> None:
    """Means, quantiles and probabilities of everything the exact engine gives."""
    settings = both_ways(name, options)
    if isinstance(settings[0].family.problem(settings[0].case), NoIntegral):
        pytest.skip("this model has no exact integral")
    fits = [bm.fit(s.evidence, engine="exact", random_seed=1, draws=2, chains=1, **options) for s in settings]
    one, other = (bm.summary(fit)[["mean", "sd", "ci_low", "ci_high", "median"]] for fit in fits)
    odd = one.index.str.replace(r"\[.*", "", regex=True).isin(list(ODD))
    turned = -one.loc[odd, ["mean", "sd", "ci_high", "ci_low", "median"]].to_numpy()
    turned[:, 1] *= -1.0
    assert other.loc[odd].to_numpy() == pytest.approx(turned, abs=SYMMETRY)
    assert other.loc[~odd].to_numpy() == pytest.approx(one.loc[~odd].to_numpy(), abs=SYMMETRY)
    assert bm.prob(fits[1], "mu", above=0.2) == pytest.approx(
        bm.prob(fits[0], "mu", below=-0.2), abs=SYMMETRY
    )
