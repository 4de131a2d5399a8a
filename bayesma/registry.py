"""The one kind of registry: a named table that refuses duplicates and lists its members when asked wrong."""

from __future__ import annotations

from collections.abc import Iterator

from bayesma.errors import OptionError


class Registry[T]:
    """Members by name, in order of registration.

    Parameters
    ----------
    kind
        What a member is called in messages, for example ``"measure"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._members: dict[str, T] = {}

    def register(self, name: str, member: T) -> T:
        """Add a member; a second one under the same name is a programming error."""
        if name in self._members:
            raise RuntimeError(f"{self.kind} {name!r} is registered twice")
        self._members[name] = member
        return member

    def __getitem__(self, name: str) -> T:
        if name not in self._members:
            raise OptionError(f"unknown {self.kind} {name!r}; known are: {', '.join(self._members)}")
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def items(self) -> Iterator[tuple[str, T]]:
        """Pairs of name and member."""
        return iter(self._members.items())
