"""What one fit answers with every question of the spec: an effect, one over the months, or relapses."""

from bayesma.results.base import AT_PLAUSIBLE, CLASSICAL, Result
from bayesma.results.one_effect import OneEffect
from bayesma.results.over_follow_up import OverFollowUp, windows_of
from bayesma.results.over_months import OverMonths

__all__ = ["AT_PLAUSIBLE", "CLASSICAL", "OneEffect", "OverFollowUp", "OverMonths", "Result", "windows_of"]
