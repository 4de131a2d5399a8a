"""Sentences a reader can quote: when a conclusion flips, and that it does not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import pandas as pd

from bayesma.priors.constructions import CONSTRUCTIONS
from bayesma.priors.distributions import DISTRIBUTIONS
from bayesma.words.numbers import share

ARGUMENTS = {  # letter and words of the number that moves, by the name of the argument
    "sigma": ("s", "scale"),
    "beta": ("s", "scale"),
    "mu": ("c", "centre"),
    "alpha": ("a", "shape"),
    "lam": ("r", "rate"),
    "nu": ("v", "degrees of freedom"),
    "lower": ("a", "lower end"),
    "upper": ("b", "upper end"),
}
SD = ("Normal",)  # where sigma is the standard deviation
NEARLY_ALL = 0.995


def tipping_sentence(
    meaning: str,
    path: str,
    flips: Sequence[float],
    curve: pd.Series,
    threshold: float,
    at_base: float,
    base: str,
    what: str,
) -> str:
    """What a tipping point says.

    Parameters
    ----------
    meaning
        Of the parameter whose prior moves.
    path
        Its prior, with ``?`` for the number that moves.
    flips
        Numbers at which the probability crosses the threshold, rising.
    curve
        The probability by number.
    threshold, at_base
        The threshold, and the probability under the priors of the analysis.
    base
        The prior of the analysis.
    what
        What has the probability, in words.
    """
    letter, word = _moved(path)
    written, level = path.replace("?", letter), share(threshold)
    under = f"under the priors of this analysis, {base}, it is {_share(at_base, threshold)}"
    reached = at_base >= threshold
    if not flips:
        low, high = _number(float(curve.index[0])), _number(float(curve.index[-1]))
        all_reach = bool(curve.iloc[0] >= threshold)
        moved = f"prior {written} on the {meaning}, with {word} {letter} from {low} to {high}, takes the"
        if all_reach == reached:
            verb = "below" if reached else "to"
            return f"No {moved} probability of {what} {verb} {level}: it stays {_stays(curve, threshold)}."
        verb = "below" if reached else "to at least"
        lies = _stays(curve, threshold)
        return f"Every {moved} probability of {what} {verb} {level}: it lies {lies}; {under}."
    where = " or ".join(_stretches(flips, curve, threshold, reached))
    verb = "falls below" if reached else "reaches"
    return (
        f"The probability of {what} {verb} {level} when the prior on the {meaning} is {written} with {word} "
        f"{letter} {where}; {under}."
    )


def _stays(curve: pd.Series, threshold: float) -> str:
    """Where a curve lies that crosses nothing."""
    least, most = float(curve.min()), float(curve.max())
    if least > NEARLY_ALL:
        return "above 99 %"
    ends = _share(least, threshold), _share(most, threshold)
    return f"at {ends[0]}" if ends[0] == ends[1] else f"between {ends[0]} and {ends[1]}"


def _share(value: float, threshold: float) -> str:
    """In per cent; with a decimal where it would otherwise read like the threshold it misses."""
    text = share(value)
    return f"{100.0 * value:.1f} %" if text == share(threshold) and value != threshold else text


def _stretches(flips: Sequence[float], curve: pd.Series, threshold: float, reached: bool) -> list[str]:
    """Where the number must lie for the probability to be on the other side of the threshold."""
    edges = [float(curve.index[0]), *flips, float(curve.index[-1])]
    found, other = [], bool(curve.iloc[0] >= threshold) != reached
    for i, (left, right) in enumerate(itertools.pairwise(edges)):
        if other and i == 0:
            found.append(f"of {_number(right)} or less")
        elif other and i == len(flips):
            found.append(f"of {_number(left)} or more")
        elif other:
            found.append(f"between {_number(left)} and {_number(right)}")
        other = not other
    return found


def _moved(path: str) -> tuple[str, str]:
    """A letter for the number that moves, and what it is."""
    bound = re.search(r"(lower|upper)\s*=\s*\?", path)
    if bound is not None:
        return ARGUMENTS[bound.group(1)]
    known = {
        name: one.parameters for one_of in (DISTRIBUTIONS, CONSTRUCTIONS) for name, one in one_of.items()
    }
    inner = re.search(r"(\w+)\(([^()]*\?[^()]*)\)", path)
    if inner is None or inner.group(1) not in known:
        return "x", "number"
    name, arguments = inner.group(1), [part.strip() for part in inner.group(2).split(",")]
    at = next(i for i, part in enumerate(arguments) if "?" in part)
    argument = arguments[at].split("=")[0].strip() if "=" in arguments[at] else known[name][at]
    letter, word = ARGUMENTS.get(argument, ("x", argument))
    return letter, "sd" if letter == "s" and name in SD else word


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "\u2212")
