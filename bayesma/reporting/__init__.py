"""From an analysis to HTML, tables, a methods paragraph and a reproduction script."""
