"""A normal mean with up to three parameters of its covariance: the grid against other integrals."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import logsumexp

import bayesma as bm
from bayesma.engines import phi_grid
from bayesma.engines.densities import SlicedDensity
from bayesma.engines.exact_mean import MeanIntegral
from bayesma.engines.marginals import marginal
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import Coefficient, GaussianMeanProblem
from bayesma.priors import Prior

# Two rules of the engine's own differ by at most 1e-8 when it stops.
ACCURATE = 1e-7
# scipy.integrate.dblquad, asked for 1e-9.
DBLQUAD = 1e-7
# Draws are independent: mean and sd lie within so many of their standard errors.
MONTE_CARLO = 4.5
# Kolmogorov-Smirnov at fixed seeds: a p below this means other distributions, not bad luck.
KS = 1e-3

MONTH = np.array([1.0, 3.0, 12.0])
Y = np.array([[-0.5, -0.8, -0.4], [0.1, np.nan, -0.3], [-0.9, -1.1, np.nan], [-0.2, -0.4, -0.6]])
SE = np.array([[0.2, 0.2, 0.25], [0.3, np.nan, 0.35], [0.1, 0.15, np.nan], [0.4, 0.3, 0.4]])
PRIORS = {
    "tau": ("HalfNormal(0.5)", (0.0, math.inf)),
    "rho": ("Uniform(-0.5, 1)", (-0.5, 1.0)),
    "rho_within": ("Uniform(0, 1)", (0.0, 1.0)),
    "et50": ("LogNormal(1, 0.7)", (0.0, math.inf)),
}


class Double:
    """The family's side of the integral, study by study in plain NumPy."""

    def __init__(self, y=Y, se=SE, month=MONTH, *, names=("tau", "rho"), emax=False, prior_sd=2.0):
        self.y, self.se, self.month, self.names, self.emax = y, se, month, names, emax
        self.size = 2 if emax else month.size
        self.prior_sd = np.full(self.size, prior_sd)

    def named(self, phi):
        return dict(zip(self.names, np.asarray(phi).T[..., None, None], strict=True))

    def design(self, phi):
        if not self.emax:
            return np.tile(np.eye(self.month.size), (len(phi), 1, 1))
        column = self.month[:, None]
        rising = column / (column + self.named(phi)["et50"])
        return np.concatenate([np.ones_like(rising), rising], axis=-1)

    def between(self, phi):
        named, t = self.named(phi), self.month.size
        tau, rho = named["tau"], named.get("rho", 0.0)
        return tau**2 * ((1.0 - rho) * np.eye(t) + rho * np.ones((t, t)))

    def within(self, phi, i):
        rho = self.named(phi).get("rho_within", 0.5)
        lag = np.abs(np.subtract.outer(np.arange(self.month.size), np.arange(self.month.size)))
        return np.nan_to_num(np.outer(self.se[i], self.se[i])) * rho**lag

    def pieces(self, phi):
        x, sigma = self.design(phi), self.between(phi)
        precision, right = np.diag(self.prior_sd**-2.0), np.zeros((self.size, 1))
        level = -np.log(self.prior_sd).sum()
        for i, y in enumerate(self.y):
            at = np.isfinite(y)
            v = (sigma + self.within(phi, i))[:, at][:, :, at]
            weighted = np.swapaxes(np.linalg.solve(v, x[:, at]), 1, 2)
            precision = precision + weighted @ x[:, at]
            right = right + weighted @ y[at, None]
            distance = (y[at] * np.linalg.solve(v, np.tile(y[at, None], (len(v), 1, 1)))[..., 0]).sum(axis=1)
            level = level - 0.5 * (at.sum() * math.log(2 * math.pi) + np.linalg.slogdet(v)[1] + distance)
        covariance = np.linalg.inv(precision)
        mean = covariance @ right
        level = level + 0.5 * (mean * right).sum(axis=(1, 2)) + 0.5 * np.linalg.slogdet(covariance)[1]
        return level, mean[..., 0], covariance

    def effects(self, phi):
        _, b, cov = self.pieces(phi)
        x, sigma = self.design(phi), self.between(phi)
        centre = (x @ b[..., None])[..., 0]
        means, sds = [], []
        for i, y in enumerate(self.y):
            at = np.isfinite(y)
            v = (sigma + self.within(phi, i))[:, at][:, :, at]
            gain = sigma[:, :, at] @ np.linalg.inv(v)
            left = x - gain @ x[:, at]
            means.append(centre + (gain @ (y[at] - centre[:, at])[..., None])[..., 0])
            variance = sigma - gain @ sigma[:, at] + left @ cov @ np.swapaxes(left, 1, 2)
            sds.append(np.sqrt(np.diagonal(variance, axis1=1, axis2=2)))
        return np.stack(means, axis=1), np.stack(sds, axis=1)

    def problem(self, **priors):
        chosen = {name: priors.get(name, PRIORS[name][0]) for name in self.names}
        scale = {"tau": float(np.nanmin(self.se)), "et50": float(np.median(self.month))}
        return GaussianMeanProblem(
            names=self.names,
            priors=tuple(Prior.parse(chosen[name]) for name in self.names),
            bounds=tuple(PRIORS[name][1] for name in self.names),
            scales=tuple(scale.get(name, 1.0) for name in self.names),
            coefficients=(Coefficient("e0", None, 1), Coefficient("emax", None, 1))
            if self.emax
            else (Coefficient("m", "visit", self.size),),
            prior_mean=np.zeros(self.size),
            prior_sd=self.prior_sd,
            pieces=self.pieces,
            at_visits=self.design,
            between=self.between,
            effects=self.effects,
            breaks=((),) * len(self.names),
        )


def as_fit(integral, k, size=1):
    """The part of a fit that `marginal` reads."""
    grid = integral.grid(np.arange(k))
    names = {str(name).removesuffix("_density").removesuffix("_mean") for name in grid.data_vars}
    posterior = {name: (("chain", "draw"), np.zeros((1, size))) for name in names}
    return xr.DataTree.from_dict({"/posterior": xr.Dataset(posterior), "/exact": grid})


def brute(problem, edges, panels):
    """Posterior on fixed composite panels in phi itself, without any map or window: a rule for each phi."""
    rules = [panels(np.asarray(e, dtype=float)) for e in edges]
    phi = np.stack(np.meshgrid(*[x for x, _ in rules], indexing="ij"), axis=-1).reshape(-1, len(rules))
    level, mean, covariance = problem.pieces(phi)
    log_prior = sum(p.logpdf(x) for p, x in zip(problem.priors, phi.T, strict=True))
    weight = np.ones(1)
    for _, w in rules:
        weight = np.multiply.outer(weight, w).ravel()
    log_weight = level + log_prior + np.log(weight)
    log_evidence = logsumexp(log_weight)
    weight = np.exp(log_weight - log_evidence)
    return log_evidence, weight, phi, mean, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), covariance


def check(double, edges, brute_force, tolerance=ACCURATE, **priors):
    """Everything the grid says against panels that know nothing of it."""
    problem = double.problem(**priors)
    integral = MeanIntegral.solve(problem, {})
    fit = as_fit(integral, len(double.y))
    log_evidence, weight, phi, mean, sd, _ = brute(problem, edges, brute_force.panels)
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(log_evidence, abs=tolerance)
    for i, name in enumerate(problem.names):
        expected = weight @ phi[:, i]
        spread = math.sqrt(weight @ (phi[:, i] - expected) ** 2)
        ours = marginal(fit, name)
        assert ours.mean()[0] == pytest.approx(expected, abs=tolerance * spread), name
        assert ours.sd()[0] == pytest.approx(spread, rel=tolerance), name
        cut = edges[i][len(edges[i]) // 2]  # an edge, so that the panels know the probability
        below = ours.probability(float(cut), above=False)[0]
        assert below == pytest.approx(weight @ (phi[:, i] < cut), abs=tolerance), name
        assert ours.probability(float(ours.quantile([0.3])[0, 0]), above=False)[0] == pytest.approx(0.3)
    names = [one.name for one in problem.coefficients]
    got = np.concatenate([marginal(fit, name).mean() for name in names])
    assert got == pytest.approx(weight @ mean, abs=tolerance)
    got = np.concatenate([marginal(fit, name).probability(-0.4, above=False) for name in names])
    assert got == pytest.approx(weight @ stats.norm.cdf((-0.4 - mean) / sd), abs=tolerance)
    effect_mean, effect_sd = (part.reshape(len(phi), -1) for part in double.effects(phi))
    theta = marginal(fit, "theta")
    assert theta.mean() == pytest.approx(weight @ effect_mean, abs=tolerance)
    variance = weight @ (effect_sd**2 + (effect_mean - weight @ effect_mean) ** 2)
    assert theta.sd() == pytest.approx(np.sqrt(variance), rel=tolerance)
    return integral


TAU = np.concatenate([np.linspace(0, 0.5, 6), [0.75, 1, 1.5, 2, 3, 4.5]])
RHO = np.array([-0.5, -0.45, -0.2, 0.2, 0.5, 0.8, 0.95, 1])


def test_cs(brute_force):
    integral = check(Double(), (TAU, RHO), brute_force)
    assert integral.error < 1e-8


@pytest.mark.long
def test_ends_of_a_correlation(brute_force):
    """Effects that are the same at all visits push rho to 1, those that cancel to its lower end."""
    near = 1.0 - np.geomspace(1.5, 1e-7, 24)
    for y in (
        np.array([[0.9], [-1.2], [0.1], [2.0]]) + np.zeros(3),
        np.array([[1, -1, 0], [-2.0, 1.5, 0.5]]),
    ):
        double = Double(y, np.full(y.shape, 0.02))
        rho = (
            np.concatenate([near, [1.0]]) if len(y) == 4 else np.concatenate([[-0.5], near[::-1] * -1 + 0.5])
        )
        rho = np.unique(np.concatenate([[-0.5], -0.5 + np.geomspace(1e-6, 0.3, 24), near[1:], [1.0]]))
        check(double, (np.geomspace(1e-3, 6, 24), rho), brute_force, 1e-6)


@pytest.mark.parametrize("k", [1, 2])
def test_few_studies(k, brute_force):
    tau = np.concatenate([np.linspace(0, 0.5, 6), [0.75, 1, 1.5, 2, 3, 4.5]])
    check(Double(Y[:k], SE[:k]), (tau, RHO), brute_force)


def test_tau_of_nothing_is_the_common_mean():
    double = Double()
    fit = as_fit(MeanIntegral.solve(double.problem(tau="HalfNormal(1e-6)"), {}), len(Y))
    level, mean, covariance = double.pieces(np.array([[0.0, 0.0]]))
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(level[0], abs=1e-6)
    assert marginal(fit, "m").mean() == pytest.approx(mean[0], abs=ACCURATE)
    assert marginal(fit, "m").sd() == pytest.approx(np.sqrt(np.diag(covariance[0])), rel=ACCURATE)
    assert fit["exact"].attrs["log_bf01_tau"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.long
def test_three_parameters(brute_force):
    double = Double(names=("tau", "rho", "rho_within"))
    check(
        double,
        (np.array([0, 0.15, 0.5, 1.2, 4.5]), np.array([-0.5, 0, 0.6, 0.95, 1]), np.array([0, 0.6, 0.9, 1])),
        brute_force,
        1e-6,
    )


def test_emax(brute_force):
    double = Double(names=("et50", "tau"), emax=True)
    et50 = np.concatenate([[0.0], np.geomspace(0.01, 400, 20)])
    check(double, (et50, TAU), brute_force)


def test_evidence_by_scipys_own_double_integral():
    double = Double(Y[:1, :2], SE[:1, :2], MONTH[:2])
    problem = double.problem(rho="Beta(2, 2)")

    def density(rho, tau):
        like = math.exp(double.pieces(np.array([[tau, rho]]))[0][0])
        return like * stats.halfnorm.pdf(tau, scale=0.5) * 6.0 * rho * (1 - rho)

    expected, _ = integrate.dblquad(density, 0, 4, 0, 1, epsabs=0, epsrel=1e-7)
    ours = MeanIntegral.solve(problem, {}).solution.rule.log_evidence
    assert ours == pytest.approx(math.log(expected), abs=DBLQUAD)


def test_bayes_factors(brute_force):
    double = Double(names=("et50", "tau"), emax=True)
    attrs = MeanIntegral.solve(double.problem(), {}).grid(np.arange(len(Y))).attrs
    et50 = np.concatenate([[0.0], np.geomspace(0.01, 400, 20)])
    without = brute(double.problem(tau="HalfNormal(1e-7)"), (et50, [0, 1e-7, 5e-7]), brute_force.panels)[0]
    assert attrs["log_bf01_tau"] == pytest.approx(without - attrs["log_evidence"], abs=1e-6)
    assert math.isnan(attrs["log_bf01_et50"])
    double.prior_sd = np.array([2.0, 1e-6])
    held = brute(double.problem(), (et50, TAU), brute_force.panels)[0]
    assert attrs["log_bf01_emax"] == pytest.approx(held - attrs["log_evidence"], abs=1e-6)


def test_draws_are_of_the_posterior():
    integral = MeanIntegral.solve(Double().problem(), {})
    drawn = integral.draw(20_000, np.random.default_rng(3))
    fit = as_fit(integral, len(Y))
    for name, values in drawn.items():
        posterior = marginal(fit, name)
        rows = values.reshape(len(values), -1)
        error = posterior.sd() / math.sqrt(len(values))
        assert np.all(np.abs(rows.mean(axis=0) - posterior.mean()) < MONTE_CARLO * error), name
        below = posterior.quantile([0.025, 0.25, 0.5, 0.75, 0.975])
        for row, q in zip(rows.T, below, strict=True):
            counts = np.histogram(row, np.concatenate([[-np.inf], q, [np.inf]]))[0]
            assert (
                stats.chisquare(counts, len(row) * np.array([0.025, 0.225, 0.25, 0.25, 0.225, 0.025])).pvalue
                > KS
            )
    # what the sequence of conditionals is for: tau and rho together
    rule = integral.solution.rule
    expected = rule.weight @ (rule.phi[:, 0] * rule.phi[:, 1])
    product = drawn["tau"] * drawn["rho"]
    assert abs(product.mean() - expected) < MONTE_CARLO * product.std() / math.sqrt(product.size)


def test_the_error_is_honest(monkeypatch):
    """With too few points allowed, the error that is reported covers the one that is made."""
    problem = Double().problem()
    fine = MeanIntegral.solve(problem, {}).solution.rule
    for cap in (1000, 2000, 4000):
        monkeypatch.setattr(phi_grid, "CAP", cap)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            coarse = MeanIntegral.solve(problem, {}).solution
        assert abs(coarse.rule.log_evidence - fine.log_evidence) <= coarse.error
        mean, _, _ = phi_grid._summary(coarse.rule)
        best, sd, _ = phi_grid._summary(fine)
        assert np.all(np.abs(mean - best) <= coarse.error * sd + 1e-12)


def test_kinks_cut_the_axis(brute_force):
    """A mean that bends at a month of its own: the likelihood has kinks where the visits are."""
    double = Double(names=("et50", "tau"), emax=True)

    def bent(phi):
        change = double.named(phi)["et50"]
        column = np.minimum(double.month[:, None], change)
        return np.concatenate([np.ones_like(column), column / 12.0], axis=-1)

    double.design = bent
    problem = replace(double.problem(et50="Uniform(0, 24)"), breaks=(tuple(MONTH), ()))
    integral = MeanIntegral.solve(problem, {})
    solution = integral.solution
    assert solution.error < 1e-8
    fit = as_fit(integral, len(Y))
    edges = np.concatenate([np.linspace(0, 1, 3), [2, 3, 6, 9, 12, 18, 24]])
    log_evidence, weight, phi, *_ = brute(problem, (edges, TAU), brute_force.panels)
    assert solution.rule.log_evidence == pytest.approx(log_evidence, abs=ACCURATE)
    posterior = marginal(fit, "et50")
    assert isinstance(posterior, SlicedDensity)
    assert posterior.mean()[0] == pytest.approx(weight @ phi[:, 0], rel=ACCURATE)
    assert posterior.probability(6.0, above=True)[0] == pytest.approx(weight @ (phi[:, 0] > 6), abs=ACCURATE)
    drawn = integral.draw(20_000, np.random.default_rng(1))["et50"]
    assert np.mean(drawn > 6) == pytest.approx(weight @ (phi[:, 0] > 6), abs=0.02)


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfCauchy(0.5)", "LogStudentT(5, -1, 1)"])
def test_one_visit_is_the_normal_family(k, tau):
    double = Double(Y[:k, :1], SE[:k, :1], MONTH[:1], names=("tau",))
    moments = {"tau": k + Prior.parse(tau).tail - 1.0}
    ours = as_fit(MeanIntegral.solve(double.problem(tau=tau), moments), k)
    effects = bm.Effects.from_estimates(Y[:k, 0], SE[:k, 0])
    theirs = bm.fit(effects, priors={"mu": "Normal(0, 2)", "tau": tau}, engine="exact", random_seed=1)
    for name, same in (("m", "mu"), ("tau", "tau"), ("theta_new", "theta_new"), ("theta", "theta")):
        one, other = marginal(ours, name), marginal(theirs, same)
        q = [0.025, 0.5, 0.975]
        assert one.quantile(q) == pytest.approx(other.quantile(q), abs=ACCURATE), name
        assert one.probability(0.3, above=True) == pytest.approx(
            other.probability(0.3, above=True), abs=ACCURATE
        )
        if moments["tau"] > 2:
            assert one.mean() == pytest.approx(other.mean(), abs=ACCURATE)
            assert one.sd() == pytest.approx(other.sd(), abs=ACCURATE)
    for key, same in (("log_evidence", "log_evidence"), ("log_bf01_m", "log_bf01_mu")):
        assert ours["exact"].attrs[key] == pytest.approx(theirs["exact"].attrs[same], abs=ACCURATE)
    bf = theirs["exact"].attrs["log_bf01_tau"]
    assert ours["exact"].attrs["log_bf01_tau"] == pytest.approx(bf, abs=ACCURATE)
