"""Do the units of the most precise study lose nothing?"""

from __future__ import annotations

import numpy as np

from bayesma.classical.standardise import standardise


def test_the_most_precise_study_is_origin_and_unit():
    studies = standardise(np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.25, 1.0]))
    assert studies.y.tolist() == [0.0, -4.0, 8.0]
    assert studies.v.tolist() == [1.0, 4.0, 16.0]
    assert (studies.origin, studies.unit) == (2.0, 0.25)


def test_a_tie_takes_the_first():
    assert standardise(np.array([5.0, 6.0]), np.array([1.0, 1.0])).origin == 5.0
