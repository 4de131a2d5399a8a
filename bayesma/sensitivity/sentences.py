"""Sentences a reader can quote: when a conclusion flips, and that it does not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from bayesma.posterior.texts import share
from bayesma.priors.distributions import DISTRIBUTIONS

LETTERS = {
    "sigma": "s",
    "beta": "s",
    "mu": "c",
    "alpha": "c",
    "lam": "r",
    "nu": "v",
    "lower": "a",
    "upper": "b",
}
WORDS = {
    "s": "scale",
    "c": "centre",
    "r": "rate",
    "v": "degrees of freedom",
    "a": "lower end",
    "b": "upper end",
}
SD = ("Normal",)  # where sigma is the standard deviation


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
    low, high = _number(float(curve.index[0])), _number(float(curve.index[-1]))
    reached = at_base >= threshold
    if not flips:
        least, most = share(float(curve.min())), share(float(curve.max()))
        verb = (
            f"takes the probability of {what} below {level}"
            if curve.min() >= threshold
            else (f"takes the probability of {what} to {level}")
        )
        stays = f"it stays at {most}" if least == most else f"it stays between {least} and {most}"
        return f"No prior {written} on the {meaning}, with {word} {letter} from {low} to {high}, {verb}: {stays}."
    falls = "falls below" if reached else "reaches"
    if len(flips) == 1:
        below = bool((curve.iloc[0] >= threshold) != reached)  # the other side is where the number is small
        where = f"with {word} {letter} of {_number(flips[0])} or {'less' if below else 'more'}"
    else:
        where = f"with {word} {letter} beyond {', '.join(map(_number, flips))}, where it crosses that more than once"
    return (
        f"The probability of {what} {falls} {level} when the prior on the {meaning} is {written} {where}; under "
        f"the priors of this analysis, {base}, it is {share(at_base)}."
    )


def _moved(path: str) -> tuple[str, str]:
    """A letter for the number that moves, and what it is."""
    inner = re.search(r"(\w+)\(([^()]*\?[^()]*)\)", path)
    name = inner.group(1) if inner else ""
    if inner is None or name not in DISTRIBUTIONS:
        return "x", "number"
    arguments = [part.strip() for part in inner.group(2).split(",")]
    at = next(i for i, part in enumerate(arguments) if "?" in part)
    declared = DISTRIBUTIONS[name].parameters
    argument = (
        arguments[at].split("=")[0].strip() if "=" in arguments[at] else declared[min(at, len(declared) - 1)]
    )
    letter = LETTERS.get(argument, "x")
    word = "sd" if letter == "s" and name in SD else WORDS.get(letter, argument)
    return letter, word


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "\u2212")
