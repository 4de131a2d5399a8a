"""What does each visit say by itself? The classical answer that forgets the other visits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesma.classical.frequentist import frequentist
from bayesma.errors import OptionError
from bayesma.evidence.effects import Effects
from bayesma.evidence.trajectories import Trajectories


def per_visit(trajectories: Trajectories, *, method: str = "REML", ci: str = "hksj") -> pd.DataFrame:
    """Each visit pooled by itself, for contrast: what is lost when months are not taken together.

    Parameters
    ----------
    trajectories
        Estimates by study and visit.
    method, ci
        As in `frequentist`.

    Returns
    -------
    pandas.DataFrame
        Index visit; columns k, estimate, se, ci_low, ci_high, p_value, tau2.

    Raises
    ------
    OptionError
        For what is no `Trajectories`, and as in `frequentist`.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesma as bm
    >>> frame = pd.DataFrame({"study": list("AAB"), "month": [3, 6, 3], "y": [-1.0, -1.4, -0.6], "se": 0.2})
    >>> months = bm.Trajectories.from_estimates(
    ...     frame, study="study", month="month", estimate="y", se="se", within_correlation=0.5
    ... )
    >>> bm.per_visit(months, ci="wald")["estimate"].round(2).to_dict()
    {3.0: -0.8, 6.0: -1.4}
    """
    if not isinstance(trajectories, Trajectories):
        raise OptionError(f"per_visit takes Trajectories; a {type(trajectories).__name__} was given")
    rows = {}
    for t, visit in enumerate(trajectories.visit):
        seen = np.flatnonzero(np.isfinite(trajectories.y[:, t]))
        effects = Effects.computed(
            trajectories.y[seen, t], trajectories.se[seen, t], trajectories.study[seen].tolist()
        )
        one = frequentist(effects, method=method, ci=ci)
        rows[float(visit)] = [one.k, one.estimate, one.se, one.ci_low, one.ci_high, one.p_value, one.tau2]
    columns = ["k", "estimate", "se", "ci_low", "ci_high", "p_value", "tau2"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("visit")
