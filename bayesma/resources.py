"""Where the shipped data sets and analyses live, in a checkout and in an installed wheel."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from bayesma.errors import BayesmaError, DataError, SpecError

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder of shipped files, addressed by name without the extension.

    Attributes
    ----------
    folder_name
        Name of the folder: ``data`` or ``models``.
    suffix
        Extension that makes a file a member, for example ``".csv"``.
    kind
        What a member is called in messages.
    error
        What an unknown name raises.
    """

    folder_name: str
    suffix: str
    kind: str
    error: type[BayesmaError]

    def folder(self) -> Path:
        """Folder of the shipped files: inside the package when installed, beside it in a checkout.

        Raises
        ------
        BayesmaError
            When neither place exists (the installation is incomplete).
        """
        installed = _PACKAGE / "_shipped" / self.folder_name
        if installed.is_dir():
            return installed
        checkout = _PACKAGE.parent / self.folder_name
        if checkout.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file():
            return checkout
        raise self.error(
            f"the shipped folder {self.folder_name!r} is neither in {installed} nor in {checkout}; "
            "install bayesma again"
        )

    def names(self) -> tuple[str, ...]:
        """Names of the members, sorted, without the extension."""
        return tuple(sorted(p.stem for p in self.folder().glob(f"*{self.suffix}")))

    def path(self, name: str, suffix: str | None = None) -> Path:
        """Path of one member, or of the file beside it with another extension.

        Parameters
        ----------
        name
            Name without the extension, one of `names()`.
        suffix
            Another extension, for example ``".md"`` for the description of a data set.

        Raises
        ------
        BayesmaError
            The shelf's own kind (`DataError` for data, `SpecError` for analyses), listing the known names.

        Examples
        --------
        >>> from bayesma.resources import DATA
        >>> DATA.path("bcg").name
        'bcg.csv'
        """
        known = self.names()
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise self.error(f"unknown {self.kind} {name!r}{hint}; known are: {', '.join(known)}")
        return self.folder() / f"{name}{suffix or self.suffix}"


DATA = Shelf("data", ".csv", "data set", DataError)
MODELS = Shelf("models", ".toml", "analysis", SpecError)
