"""Which measures there are, as a table."""

from __future__ import annotations

import pandas as pd

from bayesma.measures.base import MEASURES


def list_measures() -> pd.DataFrame:
    """List the measures of effect.

    Returns
    -------
    pandas.DataFrame
        Index ``code``; columns ``name``, ``scale``, ``columns`` (roles of `effect_sizes` that it is computed
        from; every measure also takes ready estimates) and ``doi``.

    Examples
    --------
    >>> from bayesma.measures import list_measures
    >>> list_measures().loc["OR", "scale"]
    'log'
    """
    rows = [
        {
            "code": code,
            "name": measure.name,
            "scale": measure.scale,
            "columns": " ".join(measure.design.roles if measure.design else ("estimate", "se")),
            "doi": measure.doi,
        }
        for code, measure in MEASURES.items()
    ]
    return pd.DataFrame(rows).set_index("code")
