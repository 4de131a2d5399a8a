"""What every test shares: one Hypothesis profile, in which a slow machine is not a fault."""

from hypothesis import settings

settings.register_profile("bayesma", deadline=None)
settings.load_profile("bayesma")
