"""The distribution of one parameter given the others in a draw, where it is closed: mixtures of normals.

Averaged over draws it gives probabilities with less Monte Carlo error than a share of the draws has (Rao and
Blackwell; Gelfand & Smith 1990, doi 10.1080/01621459.1990.10476213).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """Normals around one mean a draw.

    Attributes
    ----------
    mean
        Shape (s,).
    sds, weights
        Of the components, weights summing to 1: shapes (s, c), and (1, c) or (s, c).
    """

    mean: Array
    sds: Array
    weights: Array

    def tail(self, threshold: float, *, above: bool) -> Array:
        """Probability beyond a threshold in each draw, shape (s,); a component of sd 0 lies on its mean."""
        away = (self.mean[:, None] - threshold) * (1.0 if above else -1.0)
        beyond = np.where(self.sds > 0.0, ndtr(away / np.where(self.sds > 0.0, self.sds, 1.0)), away > 0.0)
        return np.asarray((beyond * self.weights).sum(axis=1))
