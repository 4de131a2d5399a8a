"""In which words do figures of relapse speak? The model of the intensity, shares, and a fit that has none."""

from __future__ import annotations

import xarray as xr

from bayesma.errors import OptionError
from bayesma.plots.bands import check_outer
from bayesma.plots.months_page import check_width
from bayesma.plots.text import plain
from bayesma.posterior.provenance import Provenance, provenance
from bayesma.words.numbers import MINUS, Interval

PERCENTS = tuple(0.2 * number for number in range(6))  # ticks of an axis of shares
PERIODS = {
    "random_walk": "one intensity a period, each period like the one before",
    "independent": "one intensity a period, each by itself",
    "constant": "one intensity at all times",
    "weibull": "an intensity that rises or falls with a power of time (Weibull)",
}


def require_relapse(fit: xr.DataTree, figure: str, ci_prob: float, width: float) -> Provenance:
    """The model behind a figure of relapse, once its options do.

    Raises
    ------
    OptionError
        For any other family, an interval that cannot be drawn, a width that does not do.
    """
    check_outer(ci_prob)
    check_width(width)
    origin = provenance(fit)
    if origin.family.name != "relapse":
        raise OptionError(
            f"{figure} needs intensities of relapse, and this fit of family {origin.family.name!r} has none; "
            "fit FollowUp, or draw it with bayesma.plots.forest"
        )
    return origin


def intensity_words(origin: Provenance) -> str:
    """Which shape the intensity has, where its periods end, for which studies it is, and whence."""
    cuts = origin.options.get("periods", ())
    ends = f"; periods end at months {', '.join(f'{cut:g}' for cut in cuts)}" if cuts else ""
    names = origin.options.get("moderators", ())
    at = f", for studies at the centre of {', '.join(map(plain, names))}" if names else ""
    drawn = " From independent draws of the exact posterior." if origin.engine == "exact" else ""
    return f"Relapse: {PERIODS[origin.options['hazard']]}{ends}{at}.{drawn}"


def share_text(share: Interval) -> str:
    """``76% [60, 86]``: whole percents, and one decimal where all is below 10."""
    decimals = 1 if share.high < 0.1 else 0
    point, low, high = (f"{100.0 * value:.{decimals}f}" for value in (share.point, share.low, share.high))
    return f"{point}% [{low}, {high}]".replace("-", MINUS)
