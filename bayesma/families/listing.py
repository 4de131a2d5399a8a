"""The families as a table."""

from __future__ import annotations

import pandas as pd

from bayesma.families import FAMILIES


def list_families() -> pd.DataFrame:
    """Families of models.

    Returns
    -------
    pandas.DataFrame
        Index family; columns title, evidence (the class it analyses), parameters (with default options),
        options (name and what it takes).

    Examples
    --------
    >>> import bayesma as bm
    >>> bm.list_families().loc["normal", "parameters"]
    'mu, tau, theta, theta_new'
    """
    rows = {}
    for name, family in FAMILIES.items():
        parameters = family.parameters(family.checked_options({}))
        rows[name] = {
            "title": family.title,
            "evidence": family.evidence_type.__name__,
            "parameters": ", ".join(p.name for p in parameters),
            "options": "; ".join(
                f"{key}: {' | '.join(o.allowed) or o.takes}" for key, o in family.options.items()
            ),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("family")
