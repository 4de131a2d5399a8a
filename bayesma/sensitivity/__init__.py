"""Questions asked of the assumptions."""
