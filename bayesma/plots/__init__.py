"""Figures: each draws what was computed elsewhere."""

from bayesma.plots.forest import forest

__all__ = ["forest"]
