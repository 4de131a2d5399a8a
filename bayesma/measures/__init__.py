"""Effect sizes: from what papers print to an estimate with its standard error."""
