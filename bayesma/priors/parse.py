"""The text form of a prior: a small grammar read from Python's syntax tree, never evaluated."""

from __future__ import annotations

import ast

from bayesma.errors import PriorError
from bayesma.priors.distributions import DISTRIBUTIONS
from bayesma.priors.prior import Prior

TRUNCATED = "Truncated"
LONGEST = 200  # no prior needs more, and Python's parser has limits of its own on nesting


def parse_prior(text: str) -> Prior:
    """Read ``Name(number, ...)`` or ``Truncated(Name(...), lower=, upper=)``.

    Arguments may be given by position or by name.

    Raises
    ------
    PriorError
        When the text is no such call, names an unknown distribution or argument, or leaves one out.
    """
    if not isinstance(text, str):
        raise PriorError(f"a prior is written as text such as 'HalfNormal(0.5)'; got {text!r}")
    if len(text) > LONGEST:
        raise PriorError(f"a text of {len(text)} characters is no prior; write it like 'HalfNormal(0.5)'")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise PriorError(f"prior {text!r} does not parse; write it like 'HalfNormal(0.5)'") from error
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)):
        raise PriorError(f"prior {text!r} does not parse; write it like 'HalfNormal(0.5)'")
    if tree.func.id == TRUNCATED:
        return _truncated(tree, text)
    return _plain(tree, text)


def _plain(call: ast.Call, text: str) -> Prior:
    """A distribution and its numbers."""
    assert isinstance(call.func, ast.Name)
    name = call.func.id
    if name not in DISTRIBUTIONS:
        raise PriorError(f"prior {text!r}: {name!r} is no known distribution; known are: {_known()}")
    expected = DISTRIBUTIONS[name].parameters
    signature = f"{name}({', '.join(expected)})"
    if len(call.args) > len(expected):
        raise PriorError(f"prior {text!r} has {len(call.args)} numbers; it is written {signature}")
    given = dict(zip(expected, (_value(node, text) for node in call.args), strict=False))
    for keyword in call.keywords:
        if keyword.arg not in expected:
            raise PriorError(
                f"prior {text!r}: argument {keyword.arg!r} is not expected; it is written {signature}"
            )
        if keyword.arg in given:
            raise PriorError(f"prior {text!r} gives {keyword.arg} twice; it is written {signature}")
        given[keyword.arg] = _value(keyword.value, text)
    missing = [parameter for parameter in expected if parameter not in given]
    if missing:
        raise PriorError(f"prior {text!r} lacks {missing[0]}; it is written {signature}")
    return Prior(name, tuple(given[parameter] for parameter in expected))


def _truncated(call: ast.Call, text: str) -> Prior:
    """A distribution between bounds."""
    usage = "Truncated(<prior>, lower=, upper=)"
    if len(call.args) != 1 or not isinstance(call.args[0], ast.Call) or not call.keywords:
        raise PriorError(f"prior {text!r} does not parse; it is written {usage}")
    inner = parse_prior(ast.unparse(call.args[0]))
    bounds: dict[str, float] = {}
    for keyword in call.keywords:
        if keyword.arg not in ("lower", "upper"):
            raise PriorError(
                f"prior {text!r}: argument {keyword.arg!r} is not expected; it is written {usage}"
            )
        if keyword.arg in bounds:
            raise PriorError(f"prior {text!r} gives {keyword.arg} twice; it is written {usage}")
        bounds[keyword.arg] = _value(keyword.value, text)
    return inner.truncate(**bounds)


def _value(node: ast.expr, text: str) -> float:
    """A number with an optional sign."""
    sign = 1.0
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -sign if isinstance(node.op, ast.USub) else sign
        node = node.operand
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return sign * float(node.value)
    raise PriorError(f"prior {text!r}: {ast.unparse(node)!r} is not a number")


def _known() -> str:
    """Names for a message."""
    return ", ".join([*DISTRIBUTIONS, TRUNCATED])
