"""Questions asked of a fit, one file per question."""
