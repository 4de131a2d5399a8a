"""The shipped analyses as a table."""

from __future__ import annotations

import pandas as pd

from bayesma.resources import MODELS
from bayesma.spec.loading import load_spec


def list_models() -> pd.DataFrame:
    """Shipped analyses.

    Returns
    -------
    pandas.DataFrame
        Index model; columns title, analyses (number of fits), data, citation.

    Examples
    --------
    >>> import bayesma as bm
    >>> int(bm.list_models().loc["zhou2020", "analyses"])
    36
    """
    rows = {}
    for name in MODELS.names():
        spec = load_spec(name)
        data = ", ".join(dict.fromkeys(job.data.stem for job in spec.jobs))
        rows[name] = [spec.title, len(spec.jobs), data, spec.file.citation]
    columns = ["title", "analyses", "data", "citation"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("model")
