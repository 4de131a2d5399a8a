"""Figures: each draws what was computed elsewhere."""

from bayesma.plots.bubble import bubble
from bayesma.plots.forest import forest
from bayesma.plots.hazard import hazard
from bayesma.plots.influence import influence, leave_one_out
from bayesma.plots.occupancy import occupancy
from bayesma.plots.posterior import posterior
from bayesma.plots.prior_posterior import prior_posterior
from bayesma.plots.relapse import relapse
from bayesma.plots.retreatment import retreatment
from bayesma.plots.sensitivity import sensitivity
from bayesma.plots.shrinkage_trace import shrinkage_trace
from bayesma.plots.subsets import subsets
from bayesma.plots.trajectory import trajectory

__all__ = [
    "bubble",
    "forest",
    "hazard",
    "influence",
    "leave_one_out",
    "occupancy",
    "posterior",
    "prior_posterior",
    "relapse",
    "retreatment",
    "sensitivity",
    "shrinkage_trace",
    "subsets",
    "trajectory",
]
