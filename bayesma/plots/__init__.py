"""Figures: each draws what was computed elsewhere."""

from bayesma.plots.forest import forest
from bayesma.plots.posterior import posterior

__all__ = ["forest", "posterior"]
