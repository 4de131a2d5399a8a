"""Log evidence and log Bayes factors for point nulls, with the reason where one is not defined."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from bayesma.priors import Prior

FIXED = "{} is fixed at 0 in this model"
IMPROPER = "the prior of {} is improper, so p(y) has no defined level"


class Evidence:
    """Collects log p(y) and, for each parameter, log p(y | parameter = 0) - log p(y)."""

    def __init__(self, log_evidence: float, priors: Mapping[str, Prior | None]) -> None:
        self._priors = priors
        self._reasons: dict[str, str] = {}
        self._values: dict[str, float] = {}
        improper = [name for name, prior in priors.items() if prior is not None and not prior.is_proper]
        self._log_evidence = log_evidence
        self._put("log_evidence", log_evidence, IMPROPER.format(improper[0]) if improper else None)

    def against(self, name: str, at_null: Callable[[], float]) -> None:
        """Add the Bayes factor for one parameter being 0; `at_null` computes that log evidence."""
        prior = self._priors[name]
        reason = FIXED.format(name) if prior is None else None if prior.is_proper else IMPROPER.format(name)
        value = at_null() - self._log_evidence if reason is None else math.nan
        self._put(f"log_bf01_{name}", value, reason)

    def undefined(self, name: str, reason: str) -> None:
        """Say why there is no Bayes factor for a parameter."""
        self._put(f"log_bf01_{name}", math.nan, reason)

    def attrs(self) -> dict[str, Any]:
        """Numbers and, as JSON, the reasons for NaN: attributes of `/exact`."""
        return self._values | {"reasons": json.dumps(self._reasons)}

    def _put(self, name: str, value: float, reason: str | None) -> None:
        self._values[name] = value if reason is None else math.nan
        if reason is not None:
            self._reasons[name] = reason
