"""The prior distributions as a table."""

from __future__ import annotations

import pandas as pd

from bayesma.priors.distributions import DISTRIBUTIONS


def list_priors() -> pd.DataFrame:
    """Distributions a prior may name.

    Returns
    -------
    pandas.DataFrame
        Index distribution; columns written (the text form with its arguments) and support (ends; arguments of
        the distribution may move them).

    Examples
    --------
    >>> import bayesma as bm
    >>> bm.list_priors().loc["HalfNormal", "written"]
    'HalfNormal(sigma)'
    """
    rows = {}
    for name, declared in DISTRIBUTIONS.items():
        example = tuple(float(i) for i in range(1, len(declared.parameters) + 1))
        low, high = declared.support(example)
        support = "lower to upper" if name == "Uniform" else f"{low:g} to {high:g}"
        rows[name] = {"written": f"{name}({', '.join(declared.parameters)})", "support": support}
    rows["Truncated"] = {"written": "Truncated(<prior>, lower=, upper=)", "support": "lower to upper"}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("distribution")
