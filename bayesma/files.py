"""How files are written: prepared in the same folder, then moved into place, never half there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayesma.errors import BayesmaError

try:
    import fcntl
except ModuleNotFoundError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

MANIFEST, MAKER = "manifest.json", "bayesma"
STAGE_PREFIX, STAGE_SUFFIX = ".bayesma.", ".partial"
NEW, OLD, LOCK = "new", "old", "lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


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

    Whether something may be written is tried, with a hidden folder that is removed at once.

    Raises
    ------
    BayesmaError
        When `path` or one of its parents is a file, nothing may be written there, or `path` holds files and
        no manifest of an earlier run.
    """
    target = Path(path)
    if target.is_symlink() and not target.exists():
        raise BayesmaError(
            f"{str(path)!r} is a link to {str(target.readlink())!r}, which is not there; create that folder "
            "or give another for the results"
        )
    if target.exists() and not target.is_dir():
        raise BayesmaError(f"{str(path)!r} is a file; give the name of a folder for the results")
    nearest = next(parent for parent in (target, *target.absolute().parents) if parent.exists())
    if not nearest.is_dir():
        raise BayesmaError(
            f"{str(nearest)!r} is a file; give another folder for the results than {str(path)!r}"
        )
    with _refusals(nearest):
        shutil.rmtree(
            tempfile.mkdtemp(dir=nearest, prefix=STAGE_PREFIX, suffix=STAGE_SUFFIX), ignore_errors=True
        )
        if nearest == target:
            _require_own(target)


@contextmanager
def staged_folder(path: str | Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of an earlier run's files when all of it is there.

    The stage lies inside `path`, so that both are on one disk whatever `path` is (a mounted volume, a link).
    At the end `manifest.json` is written, the files that the manifest of an earlier run lists are moved away
    and the new ones moved in; after an error or an interruption the folder is what it was before, and a
    folder that was created is gone. Files that no manifest lists stay. What a killed run left is undone by
    the next.

    Parameters
    ----------
    path
        The folder the files are for; created, with its parents, when missing.

    Yields
    ------
    pathlib.Path
        The folder to write to, inside `path`.

    Raises
    ------
    BayesmaError
        When `path` cannot be a folder, holds files and no manifest, or a file that no manifest lists stands
        where a new one must go.
    """
    check_folder(path)
    target = Path(path).absolute()
    with _refusals(target), _created(target):
        _clear_stages(target)
        work = Path(tempfile.mkdtemp(dir=target, prefix=STAGE_PREFIX, suffix=STAGE_SUFFIX))
        try:
            with _held(work):
                stage = work / NEW
                stage.mkdir()
                yield stage
                write_manifest(stage)
                with _uninterrupted():
                    _exchange(work, target)
        finally:
            with _uninterrupted():
                shutil.rmtree(work, ignore_errors=True)


def write_manifest(folder: Path) -> None:
    """Write `manifest.json`: every file of the folder with the SHA-256 digest of its bytes."""
    files = {name: digest(folder / name) for name in sorted(_files(folder))}
    text = json.dumps({"made_by": MAKER, "files": files}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="")


def digest(path: Path) -> str:
    """Return the SHA-256 digest of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _manifest(folder: Path) -> list[str] | None:
    """Return the files that a folder's manifest lists, itself the last; None when it has none of ours."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        listed = [str(name) for name in content["files"]] if content["made_by"] == MAKER else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if listed is None or any(Path(name).is_absolute() or ".." in Path(name).parts for name in listed):
        return None  # what names files elsewhere was not written here
    return [*listed, MANIFEST]


def _require_own(target: Path) -> None:
    """Refuse a folder that holds something and no manifest: its files are somebody's, and stay."""
    found = sorted(one.name for one in target.iterdir() if not _is_stage(one))
    if found and _manifest(target) is None and not _interrupted(target):
        named = ", ".join(map(repr, found[:3])) + (" ..." if len(found) > 3 else "")
        raise BayesmaError(
            f"{str(target)!r} is not empty ({named}) and holds no {MANIFEST} of an earlier run, so nothing "
            "in it is replaced; give a new or empty folder, or empty this one yourself"
        )


def _is_stage(path: Path) -> bool:
    """Whether this is the hidden folder of a run that is going on, or was killed."""
    return path.name.startswith(STAGE_PREFIX) and path.name.endswith(STAGE_SUFFIX)


def _interrupted(target: Path) -> bool:
    """Whether a run was killed while it exchanged the files of this folder."""
    return any(_is_stage(one) and (one / OLD).is_dir() for one in target.iterdir())


def _clear_stages(target: Path) -> None:
    """Remove what killed runs left, after undoing an exchange that one of them had begun."""
    for work in (one for one in target.iterdir() if _is_stage(one)):
        try:
            with _held(work):
                _undo(work, target)
        except BlockingIOError:
            raise BayesmaError(
                f"another run is writing into {str(target)!r}; wait until it ends, or give another folder"
            ) from None
        shutil.rmtree(work, ignore_errors=True)


def _exchange(work: Path, target: Path) -> None:
    """Move the files of the last run out and the new ones in; undone as a whole when one move fails."""
    new, leaving = _manifest(work / NEW) or [], _manifest(target) or []
    for name in new:
        if (target / name).is_dir():
            raise BayesmaError(f"{str(target / name)!r} is a folder where a file must go; rename it")
        if name not in leaving and (target / name).exists():
            raise BayesmaError(
                f"{str(target / name)!r} stands where a result must go and is no file of an earlier run; "
                "rename it"
            )
    (work / OLD).mkdir()
    try:
        for name in reversed(leaving):  # the manifest first: without it the folder counts as unfinished
            if (target / name).exists():
                _move(target, work / OLD, name)
        for name in new:  # the manifest last
            _move(work / NEW, target, name)
    except BaseException:
        _undo(work, target)
        raise


def _undo(work: Path, target: Path) -> None:
    """Bring an exchange that did not reach its end back to its beginning."""
    new = _manifest(work / NEW)  # the last to be moved: gone when the exchange was complete
    if new is None or not (work / OLD).is_dir():
        return
    for name in new:
        if not (work / NEW / name).exists() and (target / name).exists():
            _move(target, work / NEW, name)
    for name in _files(work / OLD):
        _move(work / OLD, target, name)


def _move(source: Path, target: Path, name: str) -> None:
    """Move one file to the same place in another folder; folders that it leaves empty go."""
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    os.replace(source / name, target / name)
    for folder in (source / name).parents:
        if folder == source or any(folder.iterdir()):
            break
        folder.rmdir()


def _files(folder: Path) -> list[str]:
    """Every file below a folder, as a path from there with forward slashes."""
    return [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]


@contextmanager
def _created(folder: Path) -> Iterator[None]:
    """Create a folder with its parents; after an error those that were not there go, unless they hold files.

    They hold files when an interrupt waited until the results were whole.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for one in missing:
            with suppress(OSError):
                one.rmdir()
        raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder while it is worked in, so that another process sees that its run is alive.

    The system lets go of it when the process ends, however it ends. What is locked is a file in it, open for
    writing, as locks over a network ask for; where a disk has no locks at all nothing is held.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield
    finally:
        os.close(handle)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait while files are exchanged, some milliseconds, and take its usual effect afterwards."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield  # signals reach the main thread only, and some processes ignore this one
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            signal.raise_signal(signal.SIGINT)


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
