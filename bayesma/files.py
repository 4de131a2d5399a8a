"""How files are written: prepared in the same folder, then moved into place, never half there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayesma.errors import BayesmaError


def write_text(path: str | Path, text: str) -> Path:
    """Write a UTF-8 text file, all of it or nothing.

    Parameters
    ----------
    path
        Where to write; the folder must exist.
    text
        The content; line ends stay as they are.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    BayesmaError
        When the folder does not exist or nothing may be written there, or the path is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise BayesmaError(f"{str(path)!r} is a folder; give the name of a file")
    if not target.parent.is_dir():
        raise BayesmaError(
            f"there is no folder {str(target.parent)!r} to write {target.name!r} in; create it"
        )
    with _refusals(target):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(0o666 & ~_umask())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return target


def check_folder(path: str | Path) -> None:
    """Raise before long work when a folder of results could not be written at `path` afterwards.

    Raises
    ------
    BayesmaError
        When `path` or one of its parents is a file, or nothing may be written there.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise BayesmaError(f"{str(path)!r} is a file; give the name of a folder for the results")
    nearest = next(parent for parent in (target, *target.absolute().parents) if parent.exists())
    if not nearest.is_dir():
        raise BayesmaError(
            f"{str(nearest)!r} is a file; give another folder for the results than {str(path)!r}"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise BayesmaError(f"nothing may be written in {str(nearest)!r}; give another folder for the results")


@contextmanager
def staged_folder(path: str | Path) -> Iterator[Path]:
    """A new folder to fill, whose files move to `path` when all of them are there.

    After an error, an interruption included, nothing is left behind. Files of `path` that are not written
    anew stay.

    Parameters
    ----------
    path
        The folder the files are for; created, with its parents, when missing.

    Yields
    ------
    pathlib.Path
        The folder to write to, beside `path`.

    Raises
    ------
    BayesmaError
        When `path` cannot be a folder, or a folder stands where a file must go.
    """
    check_folder(path)
    target = Path(path).absolute()
    with _refusals(target):
        created = _create(target.parent)
        try:
            stage = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial"))
            try:
                yield stage
                stage.chmod(0o777 & ~_umask())
                _move(stage, target)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
        except BaseException:
            for folder in created:
                folder.rmdir()
            raise


def _create(folder: Path) -> list[Path]:
    """Create a folder with its parents; returns those that were not there, the innermost first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _move(stage: Path, target: Path) -> None:
    """Move everything: in one step when there is no such folder yet, else file by file."""
    if not target.exists():
        os.replace(stage, target)
        return
    files = [file.relative_to(stage) for file in sorted(stage.rglob("*")) if file.is_file()]
    for file in files:
        if (target / file).is_dir():
            raise BayesmaError(f"{str(target / file)!r} is a folder where a file must go; rename it")
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
    for file in files:
        os.replace(stage / file, target / file)


@contextmanager
def _refusals(target: Path) -> Iterator[None]:
    """What the file system refuses, as one sentence."""
    try:
        yield
    except OSError as error:
        raise BayesmaError(
            f"{str(target)!r} cannot be written ({error.strerror}); check the folder or give another"
        ) from error


def _umask() -> int:
    """Permission bits new files must not have (temporary files are made private)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
