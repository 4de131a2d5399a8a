"""The posterior of mu and tau where the integral is Gaussian: without study effects and Bayes factors.

With thousands of fits of thousands of studies these cost more than the integral.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesma.engines import gaussian
from bayesma.engines.densities import ScaleDensity
from bayesma.engines.fit import fit_setting
from bayesma.engines.gaussian import GaussianSolution
from bayesma.engines.marginals import Marginal, NormalMixture, marginal
from bayesma.engines.tree import Setting
from bayesma.families.problems import GaussianProblem


@dataclass(frozen=True, slots=True, eq=False)
class GaussianPosterior:
    """A solved `GaussianProblem`."""

    setting: Setting
    solution: GaussianSolution

    @classmethod
    def solve(cls, setting: Setting) -> GaussianPosterior | None:
        """Integrate; None where the integral is of another kind."""
        problem = setting.family.problem(setting.case)
        if not isinstance(problem, GaussianProblem):
            return None
        moments = setting.family.moments_below(setting.case)
        return cls(setting, gaussian.solve(problem, moments.get("tau", np.inf)))

    @property
    def converged(self) -> bool:
        """The integral warns by itself where it is not accurate."""
        return True

    @property
    def effective_draws(self) -> float:
        """No draws are needed."""
        return np.inf

    def evidence(self) -> Mapping[str, Any]:
        """Log p(y), which has no level under an improper prior."""
        proper = all(prior.is_proper for prior in self.setting.priors.values())
        return {"log_evidence": self.solution.log_evidence if proper else np.nan}

    def marginal(self, parameter: str) -> Marginal:
        """From the nodes; from a whole fit for what they do not hold."""
        one = self.solution
        if parameter == "mu":
            return NormalMixture(one.weight, one.mu_mean[None], one.mu_sd[None])
        if parameter == "tau" and (density := one.tau_density) is not None:
            window = (density.scale_map, density.low, density.high)
            return ScaleDensity(one.weight, one.tau, *window, density.series)
        return marginal(self.tree(), parameter)

    def tree(self) -> xr.DataTree:
        """A fit by the exact engine."""
        return fit_setting(self.setting, "exact")
