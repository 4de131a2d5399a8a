"""How numbers, parameters and models are written for a reader."""
