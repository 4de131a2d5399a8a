"""Family `longitudinal`: limits it must reduce to, published answers, and its kernels against scipy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.errors import OptionError, PriorError
from bayesma.families.longitudinal_model import spline_basis
from bayesma.families.mean_shapes import MEANS, knots_of
from bayesma.families.visit_covariances import BETWEEN, lkj_shifts, pairs_of
from bayesma.plots.caption import prior_sentence
from bayesma.posterior.prior_share import prior_share
from bayesma.posterior.provenance import provenance
from bayesma.priors import Prior
from bayesma.resources import DATA

SIMULATED = 20_000  # draws of three estimates: four standard errors of their covariances
PRIORS = {"m": "Normal(0, 5)", "tau": "HalfNormal(0.7)"}
ROWS = [
    ("A", 1, -0.5, 0.2),
    ("A", 3, -0.9, 0.3),
    ("A", 6, -0.7, 0.25),
    ("B", 1, 0.2, 0.4),
    ("B", 6, -1.1, 0.3),
    ("C", 3, -0.4, 0.2),
    ("C", 6, -0.2, 0.5),
]


def months(rows: list[tuple[str, int, float, float]], **within: Any) -> bm.Trajectories:
    """Evidence from (study, month, y, se)."""
    frame = pd.DataFrame(rows, columns=["study", "month", "y", "se"])
    return bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", **within
    )


def ishak(correlation: float = 0.97) -> bm.Trajectories:
    """Forty-six studies at occasions 1 to 4, as the published answers number them."""
    wide = bm.load_data("ishak2007")
    rows = [
        (row["study"], i, row[f"y{i}i"], row[f"v{i}i"] ** 0.5)
        for _, row in wide.iterrows()
        for i in (1, 2, 3, 4)
        if np.isfinite(row[f"y{i}i"])
    ]
    return months(rows, within_correlation=correlation, within_structure="ar1-visit")


def test_one_visit_is_family_normal() -> None:
    rows = [row for row in ROWS if row[1] == 6]
    one = bm.fit(
        months(rows, within_correlation=0.0), priors=PRIORS, between="diagonal", engine="exact", random_seed=1
    )
    effects = bm.Effects.from_estimates([r[2] for r in rows], [r[3] for r in rows], [r[0] for r in rows])
    normal = bm.fit(effects, priors={"mu": PRIORS["m"], "tau": PRIORS["tau"]}, engine="exact", random_seed=1)
    ours, theirs = bm.summary(one), bm.summary(normal)
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    assert list(ours.index) == ["m[6]", "tau[6]", "theta[A, 6]", "theta[B, 6]", "theta[C, 6]", "theta_new[6]"]
    assert ours[columns].to_numpy() == pytest.approx(theirs[columns].to_numpy(), rel=1e-8, abs=1e-8)
    assert bm.benefit(one, favours="lower", mid=0.2).loc[("m", 6)].to_numpy() == pytest.approx(
        bm.benefit(normal, favours="lower", mid=0.2).loc["mu"].to_numpy(), rel=1e-8
    )


def test_independent_visits_are_separate_fits() -> None:
    joint = bm.summary(
        bm.fit(
            months(ROWS, within_correlation=0.0),
            priors=PRIORS,
            between="diagonal",
            engine="exact",
            random_seed=1,
        )
    )
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    for month in (1, 3, 6):
        rows = [row for row in ROWS if row[1] == month]
        effects = bm.Effects.from_estimates([r[2] for r in rows], [r[3] for r in rows], [r[0] for r in rows])
        single = bm.summary(
            bm.fit(effects, priors={"mu": PRIORS["m"], "tau": PRIORS["tau"]}, engine="exact", random_seed=1)
        )
        names = {"mu": f"m[{month}]", "tau": f"tau[{month}]", "theta_new": f"theta_new[{month}]"}
        names |= {f"theta[{row[0]}]": f"theta[{row[0]}, {month}]" for row in rows}
        ours = joint.loc[list(names.values()), columns].to_numpy()
        assert ours == pytest.approx(single.loc[list(names), columns].to_numpy(), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("between", ["diagonal", "cs", "har", "ou"])
def test_density_is_the_multivariate_normal_of_what_was_seen(between: str) -> None:
    evidence = months(ROWS, within_correlation=0.6, within_structure="ar1-month")
    setting = make_setting(evidence, None, _priors(between), 1, {"between": between})
    family, case = setting.family, setting.case
    tau, rho, mean = np.array([0.5, 0.3, 0.8]), 0.7, np.array([-0.4, -0.8, -0.6])
    at, month = np.arange(3), evidence.visit
    correlation = {
        "diagonal": np.eye(3),
        "cs": np.where(np.eye(3) > 0, 1.0, rho),
        "har": rho ** np.abs(at[:, None] - at),
        "ou": rho ** np.abs(month[:, None] - month),
    }[between]
    sds = tau if between in {"diagonal", "har"} else np.full(3, 0.5)
    sigma = sds[:, None] * correlation * sds
    draws = {"m": mean[None], "tau": sds[None] if between in {"diagonal", "har"} else np.array([0.5])}
    if between != "diagonal":
        draws["rho"] = np.array([rho])
    ours = family.log_likelihood(draws, case)[0]
    for i in range(evidence.k):
        seen = np.flatnonzero(np.isfinite(evidence.y[i]))
        lag = 0.6 ** np.abs(month[seen][:, None] - month[seen])
        se = evidence.se[i, seen]
        covariance = sigma[np.ix_(seen, seen)] + se[:, None] * lag * se
        theirs = stats.multivariate_normal(mean[seen], covariance).logpdf(evidence.y[i, seen])
        assert ours[i] == pytest.approx(theirs, abs=1e-12)


def _priors(between: str) -> dict[str, str]:
    """Priors with a correlation where the structure has one."""
    return PRIORS | ({} if between == "diagonal" else {"rho": "Uniform(0, 1)"})


def test_effects_are_drawn_from_their_conditional() -> None:
    """Draws against the closed form: mean m + G (y - m), covariance Sigma - G Sigma, G = Sigma_o V^-1."""
    evidence = months(ROWS, within_correlation=0.6, within_structure="ar1-month")
    setting = make_setting(evidence, None, _priors("ou"), 1, {"between": "ou"})
    size = 40_000
    draws = {
        "m": np.tile([-0.4, -0.8, -0.6], (size, 1)),
        "tau": np.full(size, 0.5),
        "rho": np.full(size, 0.9),
    }
    theta = setting.family.complete(draws, setting.case, np.random.default_rng(1))["theta"]
    month = evidence.visit
    sigma = 0.25 * 0.9 ** np.abs(month[:, None] - month)
    for i in range(evidence.k):
        seen = np.flatnonzero(np.isfinite(evidence.y[i]))
        se = evidence.se[i, seen]
        within = se[:, None] * 0.6 ** np.abs(month[seen][:, None] - month[seen]) * se
        gain = sigma[:, seen] @ np.linalg.inv(sigma[np.ix_(seen, seen)] + within)
        mean = draws["m"][0] + gain @ (evidence.y[i, seen] - draws["m"][0, seen])
        covariance = sigma - gain @ sigma[seen]
        sd = np.sqrt(np.diag(covariance))
        assert np.all(np.abs(theta[:, i].mean(axis=0) - mean) < 5 * sd / np.sqrt(size))
        # a covariance of normal draws has standard error sqrt((s_aa s_bb + s_ab^2) / size)
        error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / size)
        assert np.all(np.abs(np.cov(theta[:, i].T) - covariance) < 5 * error)


def test_no_heterogeneity_leaves_no_spread_of_effects() -> None:
    evidence = months(ROWS, within_correlation=0.6)
    setting = make_setting(evidence, None, _priors("cs"), 1, {"between": "cs"})
    draws = {"m": np.array([[-0.4, -0.8, -0.6]]), "tau": np.zeros(1), "rho": np.array([0.5])}
    made = setting.family.complete(draws, setting.case, np.random.default_rng(1))
    assert made["theta"][0] == pytest.approx(np.tile(draws["m"], (3, 1)))
    assert made["theta_new"] == pytest.approx(draws["m"])


def test_months_say_more_together() -> None:
    fit = bm.fit(
        months(ROWS, within_correlation=0.0), priors=PRIORS, between="diagonal", engine="exact", random_seed=1
    )
    table = bm.predict(fit, favours="lower", months=[1, 2, 6], rebound=(1, 6))
    average = table.loc["average study"]
    exact = bm.summary(fit).loc["m[6]", ["mean", "sd", "median", "ci_low", "ci_high"]]
    assert average.loc["month 6"].iloc[:5].tolist() == exact.tolist()
    drawn = fit["posterior"]["m"].to_numpy()
    between = 0.5 * (drawn[..., 0] + drawn[..., 1])
    assert average.loc["month 2", "mean"] == pytest.approx(between.mean())
    area = np.trapezoid(drawn, [1, 3, 6], axis=-1)
    assert average.loc["area under the curve, months 1 to 6", "mean"] == pytest.approx(area.mean())
    change = average.loc["change from month 1 to month 6"]
    assert change["p_benefit"] == pytest.approx(np.mean(drawn[..., 2] < drawn[..., 0]))
    assert any("nobody measured: 2" in note for note in table.attrs["notes"])
    with pytest.raises(OptionError, match=r"months holds 9, and the follow-up runs from 1 to 6"):
        bm.predict(fit, months=[9])
    with pytest.raises(OptionError, match="takes no baseline"):
        bm.predict(fit, baseline=0.1)
    benefit = bm.benefit(fit, favours="lower", mid=0.3)
    assert benefit.loc[("m", 3), "p_benefit"] == pytest.approx(float(bm.prob(fit, "m", below=0.0)[3]))
    every = benefit.loc[("theta_new", "all visits"), "p_benefit"]
    assert every <= benefit.loc["theta_new"].iloc[:3]["p_benefit"].min()


def test_what_it_cannot_do_is_said() -> None:
    evidence = months(ROWS, within_correlation=0.5)
    with pytest.raises(PriorError, match="takes proper priors only"):
        bm.fit(evidence, priors=PRIORS | {"m": "Flat()"}, engine="exact")
    with pytest.raises(PriorError, match=r"no integral for between = 'har'.* use engine='nuts'"):
        bm.fit(evidence, priors=PRIORS, between="har", engine="exact")
    with pytest.raises(PriorError, match=r"give n at every visit, or priors of m, tau in the unit"):
        bm.fit(evidence, engine="exact")
    with pytest.raises(OptionError, match="build the evidence with a prior"):
        bm.fit(evidence, priors=PRIORS, within="estimated", engine="exact")


@pytest.mark.long
def test_ishak_meets_stan() -> None:
    """Stan's answers, doi 10.1177/1740774507083567 for the data: none beyond 5 MCSE, 1 % beyond 3."""
    folder = DATA.folder() / "reference" / "oracles"
    published = json.loads((folder / "longitudinal_har_ishak2007.json").read_text("utf-8"))
    priors = {"m": "Normal(0, 100)", "tau": "HalfNormal(10)", "rho": "Uniform(-1, 1)"}
    fit = bm.fit(ishak(), priors=priors, between="har", random_seed=1, progressbar=False)
    assert (fit.attrs["converged"], fit.attrs["divergences"]) == (1, 0)
    draws = fit["posterior"].dataset
    m, new = (draws[name].to_numpy() for name in ("m", "theta_new"))
    ours = {f"{p}[{t + 1}]": draws[p].to_numpy()[..., t] for p in ("m", "tau", "theta_new") for t in range(4)}
    ours |= {f"m{a}_m{b}": m[..., a - 1] - m[..., b - 1] for a in range(2, 5) for b in range(1, a)}
    ours |= {"rho": draws["rho"].to_numpy(), "theta_new4_new2": new[..., 3] - new[..., 1]}
    ours |= {"P_m4_gt_m2": m[..., 3] > m[..., 1], "P_theta_new4_gt_new2": new[..., 3] > new[..., 1]}
    assert set(ours) == set(published["quantities"])
    scores = {name: apart(ours[name], answer) for name, answer in published["quantities"].items()}
    assert max(map(abs, scores.values())) < 5, scores
    assert np.mean(np.abs(list(scores.values())) > 3) <= 0.01, scores


def apart(draws: np.ndarray, answer: dict[str, float]) -> float:
    """Distance of two means in their combined Monte Carlo errors."""
    from arviz_stats.base import array_stats

    values = draws.astype(np.float64)
    error = float(array_stats.mcse(values, method="mean"))
    return float((values.mean() - answer["mean"]) / np.hypot(error, answer["mcse_mean"]))


def test_questions_about_one_effect_are_refused() -> None:
    evidence = months(ROWS, within_correlation=0.0)
    fit = bm.fit(evidence, priors=PRIORS, between="cs", engine="exact", random_seed=1)
    for question in (
        lambda: bm.compare({"fit": fit}),
        lambda: bm.plots.forest(fit),
        lambda: bm.plots.posterior(fit),
    ):
        with pytest.raises(OptionError, match=r"one at every visit; ask predict\(fit\)"):
            question()
    with pytest.raises(OptionError, match="frequentist pools Effects"):
        bm.frequentist(evidence)
    evidence_of = bm.model_evidence(fit)
    assert list(evidence_of.index) == ["log_evidence", "log_bf01_m", "log_bf01_rho", "log_bf01_tau"]
    assert set(evidence_of.attrs["reasons"]) == {"log_bf01_rho"}
    assert bm.shrinkage(fit).groupby("study")["weight"].first().sum() == pytest.approx(100.0)


@pytest.mark.parametrize("near", [1.0 - 1e-6, 1.0 - 1e-9, 1.0 - 1e-12])
def test_the_integrand_survives_visits_that_are_almost_perfectly_correlated(near: float) -> None:
    """Unequal estimates: the quadratic forms are of the size of 1 / (1 - rho), and cancel to a few units."""
    evidence = months([("A", 1, -0.5, 0.2), ("A", 6, -0.9, 0.1)], within_correlation="Beta(2, 2)")
    priors = PRIORS | {"rho": "Uniform(0, 1)"}
    setting = make_setting(evidence, None, priors, 1, {"between": "cs"})
    problem = setting.family.problem(setting.case)
    at = {"tau": 1e-9, "rho": 0.5, "rho_within": near}
    ours, mean, _ = problem.pieces(np.array([[at[name] for name in problem.names]]))
    se = np.array([0.2, 0.1])
    covariance = se[:, None] * np.array([[1.0, near], [near, 1.0]]) * se + 25.0 * np.eye(2)
    theirs = stats.multivariate_normal(np.zeros(2), covariance).logpdf([-0.5, -0.9])
    assert ours[0] == pytest.approx(theirs, abs=1e-6 if near < 1.0 - 1e-10 else 0.1)
    assert mean[0] == pytest.approx([-0.5, -0.9], abs=0.01)


def test_a_prior_that_came_with_the_evidence_is_no_default() -> None:
    evidence = months(ROWS, within_correlation="Beta(2, 2)")
    fit = bm.fit(evidence, priors=PRIORS, between="cs", engine="exact", random_seed=1)
    assert json.loads(fit.attrs["priors"])["rho_within"] == "Beta(2, 2)"
    assert json.loads(fit.attrs["default_priors"]) == ["rho"]


def test_a_prior_over_months_is_of_values_six_months_apart() -> None:
    """Likelihood and simulator take rho_within to the power of months between / 6, against SciPy's normal."""
    rows = [("A", 1, -0.5, 0.2), ("A", 6, -0.9, 0.1), ("A", 12, -1.4, 0.3)]
    evidence = months(rows, within_correlation="Beta(2, 2)", within_structure="ar1-month")
    setting = make_setting(evidence, None, PRIORS, 1, {"between": "cs"})
    rho, tau = np.array([0.3, 0.9]), np.array([0.4, 0.1])
    mean = np.array([[-0.4, -1.0, -1.0], [-0.5, -0.8, -1.2]])
    draws = {"m": mean, "tau": tau, "rho": np.array([0.5, 0.2]), "rho_within": rho}
    ours = setting.family.log_likelihood(draws, setting.case)[:, 0]
    apart, se = np.abs(np.subtract.outer([1.0, 6.0, 12.0], [1.0, 6.0, 12.0])), np.array([0.2, 0.1, 0.3])
    covariances = []
    for i in range(2):
        between = tau[i] ** 2 * np.where(apart > 0, draws["rho"][i], 1.0)
        covariances.append(np.outer(se, se) * rho[i] ** (apart / 6.0) + between)
        theirs = stats.multivariate_normal(mean[i], covariances[i]).logpdf([-0.5, -0.9, -1.4])
        assert ours[i] == pytest.approx(theirs, abs=1e-7)  # lags are rounded to 9 decimals
    many = {name: np.repeat(value[:1], SIMULATED, axis=0) for name, value in draws.items()}
    drawn = setting.family.replicate(many, setting.case, np.random.default_rng(1))["y"][:, 0]
    assert np.cov(drawn.T) == pytest.approx(covariances[0], abs=4.0 * covariances[0].max() / SIMULATED**0.5)


SIX = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 12.0])


def test_a_spline_goes_through_its_values_at_the_knots() -> None:
    shape, knots = MEANS["spline"], knots_of(SIX)
    values = np.array([[-1.0, -2.0, -2.5, -1.5]])
    assert shape.mean(knots, {"coef": values}, SIX)[0] == pytest.approx(values[0], abs=1e-12)
    beyond = shape.mean(np.array([12.0, 13.0, 15.0]), {"coef": values}, SIX)[0]
    assert beyond[2] - beyond[0] == pytest.approx(3.0 * (beyond[1] - beyond[0]))
    line = shape.mean(np.array([0.0, 2.5, 9.0, 20.0]), {"coef": 3.0 - 0.5 * knots[None]}, SIX)[0]
    assert line == pytest.approx([3.0, 1.75, -1.5, -7.0], abs=1e-12)
    second = np.diff(shape.mean(np.array([1.0, 1.001, 1.002]), {"coef": values}, SIX)[0], 2) / 1e-6
    assert abs(second[0]) < 0.02  # no curvature at the ends


def test_both_routes_have_the_same_spline() -> None:
    ours = MEANS["spline"].columns(SIX, {}, SIX)[0]
    assert spline_basis(SIX) == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("months_seen", [SIX[:1], SIX[:2], SIX[:3], SIX[:4]])
def test_a_spline_of_few_visits_is_a_mean_at_each(months_seen: np.ndarray) -> None:
    assert MEANS["spline"].columns(months_seen, {}, months_seen)[0] == pytest.approx(np.eye(len(months_seen)))


def test_a_spline_with_a_knot_at_every_visit_is_the_free_mean() -> None:
    evidence = months(ROWS, within_correlation=0.5)
    arguments = {"between": "cs", "engine": "exact", "random_seed": 1}
    priors = {"tau": "HalfNormal(0.7)", "rho": "Uniform(0, 1)"}
    free = bm.fit(evidence, priors=priors | {"m": "Normal(0, 5)"}, **arguments)
    spline = bm.fit(evidence, priors=priors | {"coef": "Normal(0, 5)"}, trajectory="spline", **arguments)
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    ours, theirs = bm.summary(spline), bm.summary(free)
    assert list(ours.index[:3]) == ["coef[1]", "coef[3]", "coef[6]"]
    assert ours[columns].to_numpy() == pytest.approx(theirs[columns].to_numpy(), abs=1e-8)
    between = bm.predict(spline, months=[2, 4.5], favours="lower").loc["average study", "mean"]
    assert between["month 2"] != pytest.approx(
        0.5 * (theirs.loc["m[1]", "mean"] + theirs.loc["m[3]", "mean"])
    )
    assert float(bm.model_evidence(spline)["log_evidence"]) == pytest.approx(
        float(bm.model_evidence(free)["log_evidence"]), abs=1e-8
    )


def test_partial_correlations_under_lkj_make_lkj_matrices() -> None:
    """Every correlation of LKJ(eta) over t visits is 2 Beta(b, b) - 1 with b = eta - 1 + t / 2."""
    rows = [("A", m, -0.5, 0.2) for m in (1, 3, 6, 12)] + [("B", m, -0.7, 0.2) for m in (1, 3, 6, 12)]
    priors = PRIORS | {"rho": "LKJ(1.5)"}
    setting = make_setting(months(rows, within_correlation=0.5), None, priors, 1, {"between": "unstructured"})
    family, case = setting.family, setting.case
    (rho,) = [p for p in family.hyper(setting.options) if p.name == "rho"]
    drawn = family.draw_prior(rho, case, (20_000, 6), np.random.default_rng(4), {})
    matrices = BETWEEN["unstructured"].correlation(case.arrays["month"], drawn)
    assert np.diagonal(matrices, axis1=1, axis2=2) == pytest.approx(1.0)
    b = 1.5 - 1.0 + 4 / 2
    for i in range(4):
        for j in range(i):
            assert stats.kstest(0.5 * (matrices[:, i, j] + 1.0), stats.beta(b, b).cdf).pvalue > 1e-3
    # the joint density: det R^(eta - 1) over its constant, times what the partials make of volumes
    log_density = family.log_prior({**_zeros(case), "rho": drawn[:5]}, case)["rho"].sum(axis=1)
    volume = np.array([0.5 * (4 - 2 - k) for k, _ in pairs_of(4)]) * np.log1p(-(drawn[:5] ** 2))
    ours = log_density - volume.sum(axis=1)
    assert ours - 0.5 * np.linalg.slogdet(matrices[:5])[1] == pytest.approx(
        np.full(5, ours[0] - 0.5 * np.linalg.slogdet(matrices[0])[1])
    )


def _zeros(case: Any) -> dict[str, np.ndarray]:
    """Values of the other parameters."""
    visits = case.arrays["month"].size
    return {"m": np.zeros((5, visits)), "tau": np.ones((5, visits))}


def test_partial_correlations_are_those_of_the_matrix() -> None:
    partial = np.array([[0.6, -0.3, 0.5]])
    matrix = BETWEEN["unstructured"].correlation(np.array([1.0, 3.0, 6.0]), partial)[0]
    assert matrix[0, 1:] == pytest.approx([0.6, -0.3])
    given_first = (matrix[1, 2] - 0.6 * -0.3) / np.sqrt((1 - 0.6**2) * (1 - 0.3**2))
    assert given_first == pytest.approx(0.5)


@pytest.mark.long
def test_an_unstructured_covariance_is_sampled_and_says_which_correlations_it_has() -> None:
    evidence = months(ROWS, within_correlation=0.5)
    fit = bm.fit(evidence, priors=PRIORS, between="unstructured", random_seed=1, progressbar=False)
    assert fit.attrs["converged"] == 1
    table = bm.summary(fit, parameters="rho")
    assert list(table.index) == ["rho[1, 3]", "rho[1, 6]", "rho[3, 6 | 1]"]
    assert (table[["ci_low", "ci_high"]].abs() < 1).all(axis=None)
    assert json.loads(fit.attrs["default_priors"]) == ["rho"]
    with pytest.raises(OptionError, match="needs at least two visits"):
        bm.fit(months([r for r in ROWS if r[1] == 6], within_correlation=0), between="unstructured")


@pytest.mark.slow
def test_both_routes_have_the_same_prior_of_partial_correlations() -> None:
    import pymc as pm

    from bayesma.priors.variables import variable

    at = np.array([0.1, -0.4, 0.7, 0.3, -0.2, 0.5])
    with pm.Model() as model:
        variable(Prior.parse("LKJ(1.5)"), "rho", shape=(6,), shift=lkj_shifts(4))
    theirs = pm.logp(model["rho"], at).eval()
    each = [Prior("LKJ", (1.5 + more,)).logpdf(x) for more, x in zip(lkj_shifts(4), at, strict=True)]
    assert theirs == pytest.approx(np.array(each), abs=1e-6)  # some constants in single precision


def test_a_gaussian_process_has_one_covariance_at_visits_and_between() -> None:
    """What the deviates at the visits make, and what is left given them, add up to amplitude^2 K."""
    shape, asked = MEANS["gp"], np.array([0.5, 2.0, 4.5, 12.0, 18.0])
    draws = {"amplitude": np.array([1.5]), "length": np.array([4.0])}

    def covariance(month: np.ndarray) -> np.ndarray:
        scaled = np.sqrt(3.0) * np.abs(month[:, None] - month) / 4.0
        return 1.5**2 * (1.0 + scaled) * np.exp(-scaled)

    at_visits = shape.columns(SIX, draws, SIX)[0][:, 1:]
    assert at_visits @ at_visits.T == pytest.approx(covariance(SIX), abs=1e-7)
    gain, left = shape.columns(asked, draws, SIX)[0][:, 1:], shape.left(asked, draws, SIX)[0]
    assert gain @ gain.T + 1.5**2 * left == pytest.approx(covariance(asked), abs=1e-7)
    assert left[1, 1] == pytest.approx(0.0, abs=1e-7)  # month 2 is a visit
    assert left[4, 4] > 0.2


@pytest.mark.long
def test_a_gaussian_process_is_sampled_and_followed_between_visits() -> None:
    evidence = months(ROWS, within_correlation=0.5)
    priors = {"level": "Normal(0, 5)", "amplitude": "HalfNormal(1)", "tau": "HalfNormal(0.5)"}
    fit = bm.fit(evidence, priors=priors, trajectory="gp", between="cs", random_seed=1, progressbar=False)
    assert (fit.attrs["converged"], fit.attrs["divergences"]) == (1, 0)
    table = bm.predict(fit, months=[1, 2, 6, 20], favours="lower").loc["average study"]
    posterior = fit["posterior"].dataset
    draws = {str(n): v.to_numpy().reshape(-1, *v.shape[2:]) for n, v in posterior.data_vars.items()}
    mean = MEANS["gp"].mean(evidence.visit, draws, evidence.visit)
    assert table.loc["month 6", "mean"] == pytest.approx(mean[:, 2].mean())
    assert table.loc["month 20", "sd"] > table.loc["month 6", "sd"]
    named = prior_share(fit).index.tolist()
    assert named == ["level", "amplitude", "length", "tau", "rho"]
    assert "deviate" not in prior_sentence(provenance(fit))
