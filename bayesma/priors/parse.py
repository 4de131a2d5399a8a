"""The text form of a prior: a small grammar read from Python's syntax tree, never evaluated."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from bayesma.errors import PriorError
from bayesma.priors.catalogue import is_name, published
from bayesma.priors.constructions import CONSTRUCTIONS
from bayesma.priors.distributions import DISTRIBUTIONS
from bayesma.priors.prior import Prior, number_text

TRUNCATED = "Truncated"
LONGEST = 300  # no prior needs more, and Python's parser has limits of its own on nesting
EXAMPLE = "write it like 'HalfNormal(0.5)'"


def parse_prior(text: str) -> Prior:
    """Read a distribution with its numbers, one between bounds, a construction, or a published prior.

    ``Name(number, ...)``, ``Truncated(Name(...), lower=, upper=)``, ``Sceptical(mid, tail)``, or a name of
    the catalogue, such as ``Turner 2015: any, any v any``. Arguments may be given by position or by name.

    Raises
    ------
    PriorError
        For a mistake: with the character at which it is, what is allowed there, and the nearest known name.
    """
    if not isinstance(text, str):
        raise PriorError(f"a prior is written as text such as 'HalfNormal(0.5)'; got {text!r}")
    if len(text) > LONGEST:
        raise PriorError(f"a text of {len(text)} characters is no prior; {EXAMPLE}")
    if is_name(text):
        entry = published(text)
        return entry.prior.called(entry.name)
    if (null := text.find("\0")) >= 0:
        raise PriorError(
            f"prior {text!r} does not parse at character {null + 1} (a null character); {EXAMPLE}"
        )
    skipped = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        at = skipped + _before(text.strip(), error.lineno or 1) + (error.offset or 1)
        raise PriorError(
            f"prior {text!r} does not parse at character {at} ({_piece(text, at)}){_head(text)}; {EXAMPLE}"
        ) from error
    return _Reader(text, skipped).prior(tree)


def _piece(text: str, at: int) -> str:
    """What stands at a character, in words."""
    return f"{text[at - 1]!r}" if at <= len(text) else "its end"


def _before(text: str, line: int) -> int:
    """Characters in the lines before one."""
    return sum(map(len, text.splitlines(keepends=True)[: line - 1]))


@dataclass(frozen=True, slots=True)
class _Reader:
    """One text, whose mistakes are named with their place."""

    text: str
    skipped: int

    def prior(self, tree: ast.expr) -> Prior:
        """A call of a known name."""
        if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)):
            what = f"does not parse: {ast.unparse(tree)!r} is no distribution with its numbers"
            raise self._wrong(tree, f"{what}{_head(self.text)}; {EXAMPLE}")
        name = tree.func.id
        if name == TRUNCATED:
            return self._truncated(tree)
        if name in CONSTRUCTIONS:
            made = CONSTRUCTIONS[name]
            numbers = self._numbers(tree, name, made.parameters)
            try:
                return made.build(numbers).called(f"{name}({', '.join(map(number_text, numbers))})")
            except PriorError as error:
                raise self._of_number(tree, made.parameters, error) from error
        if name not in DISTRIBUTIONS:
            known = [*DISTRIBUTIONS, TRUNCATED, *CONSTRUCTIONS]
            raise self._wrong(
                tree.func,
                f"{name!r} is no known distribution{_meant(name, known)}; known are: {', '.join(known)}, and "
                "the published priors of list_priors()",
            )
        expected = DISTRIBUTIONS[name].parameters
        numbers = self._numbers(tree, name, expected)
        try:
            return Prior(name, numbers)
        except PriorError as error:
            raise self._of_number(tree, expected, error) from error

    def _of_number(self, call: ast.Call, expected: Sequence[str], error: PriorError) -> PriorError:
        """What is wrong with a number, at its place; with all of them, at the first."""
        said = str(error)
        said = said.partition(": ")[2] if said.startswith("prior ") else said
        nodes: dict[str, ast.expr] = dict(zip(expected, call.args, strict=False))
        nodes |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        wrong = next((one for one in expected if said.startswith(f"{one} is ")), expected[0])
        return self._wrong(nodes[wrong], said)

    def _numbers(self, call: ast.Call, name: str, expected: Sequence[str]) -> tuple[float, ...]:
        """The numbers of a call, in the documented order."""
        signature = f"{name}({', '.join(expected)})"
        if len(call.args) > len(expected):
            extra = call.args[len(expected)]
            raise self._wrong(extra, f"it has {len(call.args)} numbers; it is written {signature}")
        given = dict(zip(expected, map(self._value, call.args), strict=False))
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg not in expected:
                meant = _meant(str(keyword.arg), expected)
                raise self._wrong(
                    keyword, f"argument {keyword.arg!r} is not expected{meant}; it is written {signature}"
                )
            if keyword.arg in given:
                raise self._wrong(keyword, f"it gives {keyword.arg} twice; it is written {signature}")
            given[keyword.arg] = self._value(keyword.value)
        missing = [parameter for parameter in expected if parameter not in given]
        if missing:
            end = call.end_col_offset or len(self.text)
            raise PriorError(
                f"prior {self.text!r}, character {self.skipped + end}: it lacks {missing[0]}; it is written "
                f"{signature}"
            )
        return tuple(given[parameter] for parameter in expected)

    def _truncated(self, call: ast.Call) -> Prior:
        """A distribution between bounds."""
        usage = "Truncated(<prior>, lower=, upper=)"
        if len(call.args) != 1 or not isinstance(call.args[0], ast.Call) or not call.keywords:
            raise self._wrong(call, f"it does not parse; it is written {usage}")
        inner = self.prior(call.args[0])
        bounds: dict[str, float] = {}
        for keyword in call.keywords:
            if keyword.arg not in ("lower", "upper"):
                meant = _meant(str(keyword.arg), ("lower", "upper"))
                raise self._wrong(
                    keyword, f"argument {keyword.arg!r} is not expected{meant}; it is written {usage}"
                )
            if keyword.arg in bounds:
                raise self._wrong(keyword, f"it gives {keyword.arg} twice; it is written {usage}")
            bounds[keyword.arg] = self._value(keyword.value)
        try:
            return inner.truncate(**bounds)
        except PriorError as error:
            raise self._wrong(call.keywords[0], str(error).partition(": ")[2]) from error

    def _value(self, node: ast.expr) -> float:
        """A number with an optional sign."""
        sign, inner = 1.0, node
        while isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub | ast.UAdd):
            sign = -sign if isinstance(inner.op, ast.USub) else sign
            inner = inner.operand
        if (
            isinstance(inner, ast.Constant)
            and isinstance(inner.value, int | float)
            and not isinstance(inner.value, bool)
        ):
            return sign * float(inner.value)
        raise self._wrong(node, f"{ast.unparse(node)!r} is not a number; give one, such as 0.5")

    def _wrong(self, node: ast.expr | ast.keyword, what: str) -> PriorError:
        """A mistake at a node; characters are counted from 1."""
        return PriorError(f"prior {self.text!r}, character {self._place(node)}: {what}")

    def _place(self, node: ast.expr | ast.keyword) -> int:
        """The character, counted from 1, at which a node begins; Python counts lines, and bytes in them."""
        lines = self.text.strip().splitlines(keepends=True)
        here = lines[node.lineno - 1].encode()[: node.col_offset].decode()
        return self.skipped + _before(self.text.strip(), node.lineno) + len(here) + 1


def _head(text: str) -> str:
    """The nearest name to what comes before the numbers; empty when that is a name."""
    known = [*DISTRIBUTIONS, TRUNCATED, *CONSTRUCTIONS]
    head = text.partition("(")[0].strip()
    return "" if head in known else _meant("".join(filter(str.isalnum, head)), known)


def _meant(name: str, known: Sequence[str]) -> str:
    """The nearest known name, as the end of a sentence; empty when none is near."""
    lowered = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), list(lowered), n=1)
    return f" (did you mean {lowered[near[0]]!r}?)" if near else ""
