"""Figures: each draws what was computed elsewhere."""
