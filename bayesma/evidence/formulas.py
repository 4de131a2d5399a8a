"""Which moderators does a formula name, and which of them together?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bayesma.errors import OptionError

type Term = tuple[str, ...]

GRAMMAR = "a formula has names of columns (others than words in `backticks`) and + - : * ( )"
_NAME = r"`[^`]+`|[^\W\d]\w*"
_CALL = re.compile(rf"({_NAME}|\.[^\W\d]\w*)\s*\(")
_TOKEN = re.compile(rf"\s+|{_NAME}|[-+:()]|\*(?!\*)")


def is_formula(names: Sequence[str]) -> bool:
    """Whether any of the names is a formula.

    Examples
    --------
    >>> from bayesma.evidence.formulas import is_formula
    >>> is_formula(["~ dose * cells"]), is_formula(["dose", "cells"])
    (True, False)
    """
    return any(name.lstrip().startswith("~") for name in names)


def terms_of(names: Sequence[str]) -> tuple[Term, ...]:
    """The columns that make each term: one of a moderator by itself, several of an interaction.

    Parameters
    ----------
    names
        Columns, each a term; or one formula, ``~`` and what `formulae` expands.

    Returns
    -------
    tuple of tuples
        Moderators by themselves first.

    Raises
    ------
    OptionError
        For a formula beside other names, what is not in its grammar, one without a moderator, and an
        interaction without what it consists of.

    Examples
    --------
    >>> from bayesma.evidence.formulas import terms_of
    >>> terms_of(["~ dose * cells"])
    (('dose',), ('cells',), ('dose', 'cells'))
    """
    if not is_formula(names):
        return tuple((name,) for name in names)
    if len(names) > 1:
        raise OptionError(f"moderators is {list(names)!r}; give one formula, or names of columns, not both")
    formula = names[0].strip()
    found = _expanded(formula, _checked(formula))
    for term in found:
        for i, left_out in enumerate(term if len(term) > 1 else ()):
            rest = (*term[:i], *term[i + 1 :])
            if not any(set(rest) == set(one) for one in found):
                raise OptionError(
                    f"formula {formula!r} has {':'.join(term)} without {':'.join(rest)}, so that the answer "
                    f"would hang on the origin of {left_out}; write {'*'.join(term)}"
                )
    return found


def _checked(formula: str) -> str:
    """What follows the tilde, if all of it is in the grammar: nothing is evaluated, or passed over."""
    body = formula.removeprefix("~")
    if call := _CALL.search(body):
        raise OptionError(
            f"formula {formula!r} calls {call[1]!r}; functions are not evaluated: make a column of it, and "
            f"name that; {GRAMMAR}"
        )
    at = 0
    while at < len(body):
        token = _TOKEN.match(body, at)
        if token is None:
            raise OptionError(
                f"formula {formula!r} has {body[at]!r} as character {at + 2}; {GRAMMAR}; the mean is "
                "always in the model"
            )
        at = token.end()
    return body


def _expanded(formula: str, body: str) -> tuple[Term, ...]:
    """Its terms as `formulae` has them, without the intercept."""
    from formulae import model_description
    from formulae.parser import ParseError
    from formulae.scanner import ScanError

    try:
        described = model_description(body)
    except (ParseError, ScanError) as refusal:
        raise OptionError(f"formula {formula!r} cannot be read: {refusal}; {GRAMMAR}") from None
    parts = [getattr(term, "components", ()) for term in described.common_terms]  # the intercept has none
    found = tuple(sorted((tuple(str(one.name) for one in term) for term in parts if term), key=len))
    if not found:
        raise OptionError(f"formula {formula!r} has no moderator; {GRAMMAR}")
    return found
