"""Everything a prior may be, as a table."""

from __future__ import annotations

import pandas as pd

from bayesma.errors import OptionError
from bayesma.priors.catalogue import catalogue
from bayesma.priors.constructions import CONSTRUCTIONS
from bayesma.priors.distributions import DISTRIBUTIONS

COLUMNS = ["kind", "written", "support", "parameter", "measure", "source", "doi"]


def list_priors(search: str | None = None) -> pd.DataFrame:
    """Distributions, constructions and published priors.

    Parameters
    ----------
    search
        Words that a row must hold, anywhere but in its source, in any order; without them all rows.

    Returns
    -------
    pandas.DataFrame
        Index name, as it is written for a prior; columns kind (``distribution``, ``construction``,
        ``published``), written (the text form with its arguments; of a published prior the distribution it
        stands for), support (its ends; of a construction what it says), parameter and measure (what a
        published prior is about), source and doi.

    Raises
    ------
    OptionError
        When `search` is no text.

    Examples
    --------
    >>> import bayesma as bm
    >>> bm.list_priors().loc["HalfNormal", "written"]
    'HalfNormal(sigma)'
    >>> bm.list_priors("turner any")["written"].tolist()
    ['LogNormal(-1.28, 0.87)']
    """
    rows = {name: _distribution(name) for name in DISTRIBUTIONS}
    rows["Truncated"] = ["distribution", "Truncated(<prior>, lower=, upper=)", "lower to upper", *[""] * 4]
    for name, made in CONSTRUCTIONS.items():
        written = f"{name}({', '.join(made.parameters)})"
        rows[name] = ["construction", written, made.meaning, "mu", "", "", made.doi]
    for entry in catalogue().values():
        low, high = entry.prior.support
        about = [entry.parameter, entry.measure, entry.source, entry.doi]
        rows[entry.name] = ["published", str(entry.prior), f"{low:g} to {high:g}", *about]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).rename_axis("name")
    if search is not None and not isinstance(search, str):
        raise OptionError(f"search is {search!r}; give words in one text, for example 'turner any'")
    if search is None:
        return table
    whole = (table.index + " " + table.drop(columns="source").agg(" ".join, axis=1)).str.casefold()
    return table[[all(word in text for word in search.casefold().split()) for text in whole]]


def _distribution(name: str) -> list[str]:
    """Row of a distribution."""
    declared = DISTRIBUTIONS[name]
    example = tuple(float(i) for i in range(1, len(declared.parameters) + 1))
    low, high = declared.support(example)
    support = "lower to upper" if name == "Uniform" else f"{low:g} to {high:g}"
    return ["distribution", f"{name}({', '.join(declared.parameters)})", support, *[""] * 4]
