"""Prior distributions: parsing, density, quantiles, draws, PyMC variable, defaults per measure."""
