"""What is wrong with an analysis file, in one sentence: which table, which key, what to write instead."""

from __future__ import annotations

import difflib
import reprlib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from bayesma.errors import SpecError
from bayesma.spec.tables import Table

MENDS = {
    "bool_type": "give true or false",
    "dict_type": "give a table, as in {{ key = value }}",
    "finite_number": "give a finite number",
    "float_type": "give a number",
    "greater_than": "give a number above {gt:g}",
    "greater_than_equal": "give a number of at least {ge:g}",
    "int_type": "give a whole number",
    "less_than": "give a number below {lt:g}",
    "list_type": "give a list, as in [...]",
    "literal_error": "give {expected}",
    "model_type": "give a table, as in {{ key = value }}",
    "string_too_short": "give some text",
    "string_type": "give text in quotes",
}
FIRST = "extra_forbidden"  # a misspelled key is also a missing one: the misspelling is what to say


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an analysis file: the beginning of every message about it.

    Attributes
    ----------
    file
        Name of the file.
    inside
        Tables from the outermost in, as people write them: ``analysis 'a'``, ``[model]``.
    """

    file: str
    inside: tuple[str, ...] = ()

    def within(self, *tables: str) -> Place:
        """A place further in."""
        return Place(self.file, (*self.inside, *tables))

    def error(self, text: str) -> SpecError:
        """The error that says where and what."""
        return SpecError(f"{', '.join((self.file, *self.inside))}: {text}")

    def validated[T: Table](self, kind: type[T], content: Mapping[str, Any]) -> T:
        """A table with this content, or one sentence about the most telling thing wrong in it.

        Raises
        ------
        SpecError
            For an unknown or missing key, a wrong type, a value that is not allowed.
        """
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            tables, text = sentence(error, kind, content)
            raise self.within(*tables).error(text) from error


def sentence(error: ValidationError, kind: type[Table], content: Mapping[str, Any]) -> tuple[list[str], str]:
    """The most telling finding of pydantic: the tables it is inside of, and what to do about it.

    Parameters
    ----------
    error
        From validating `content` as `kind`.
    kind, content
        The outermost table, and what the file says in it.
    """
    findings = error.errors()
    finding = next((one for one in findings if one["type"] == FIRST), findings[0])
    itself = finding["type"] == "value_error"  # found by a table's own check: there is no key
    places, key, inner, lists = _locate([*finding["loc"], *([""] if itself else [])], kind, content)
    if finding["type"] == FIRST:
        return places, unknown_key(key, keys_of(inner))
    if finding["type"] == "missing":
        return places, f"key {key!r} is missing; add it"
    if itself:
        return places, f"{finding['ctx']['error']}"
    if finding["type"] in {"list_type", "model_type"} and key in lists:
        return places, f"{key!r} is a list of tables; head each with [[{key}]]"
    mend = MENDS.get(finding["type"], "correct it ({msg})").format(
        **finding.get("ctx", {}), msg=finding["msg"]
    )
    return places, f"key {key!r} is {reprlib.repr(finding['input'])}; {mend}"


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Say that a key is not known, and which one was meant."""
    close = difflib.get_close_matches(key.rsplit(".", maxsplit=1)[-1], known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the keys here are: {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def keys_of(kind: type[Table]) -> list[str]:
    """Keys of a table as the file writes them."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def _locate(
    loc: Sequence[int | str], kind: type[Table], content: Any
) -> tuple[list[str], str, type[Table], set[str]]:
    """Tables passed on the way to a finding, its key there, the innermost table, and its lists of tables."""
    places: list[str] = []
    rest = list(loc)
    while True:
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        nested = {name: _table_in(annotation) for name, annotation in fields.items()}
        lists = {
            name for name, annotation in fields.items() if nested[name] and get_origin(annotation) is list
        }
        name = str(rest[0]) if rest else ""
        inner = nested.get(name)
        if inner is None or len(rest) < (3 if name in lists else 2):
            break
        content, kind = content[name], inner
        if name in lists:
            content = content[int(rest[1])]
            called = content.get("name") if isinstance(content, Mapping) else None
            places.append(f"{name} {called!r}" if called else f"{name} {int(rest[1]) + 1}")
        else:
            places.append(f"[{name}]")
        rest = rest[2:] if name in lists else rest[1:]
    if get_origin(fields.get(name)) in {Union, types.UnionType}:
        rest = rest[:1]  # pydantic adds which member of the union failed
    return places, ".".join(map(str, rest)), kind, lists


def _table_in(annotation: Any) -> type[Table] | None:
    """The table a field holds, alone, in a list, or optionally."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Table):
            return candidate
    return None
