"""A folder of results is exchanged as one: whatever goes wrong, it is the old one or the new one, whole."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bayesma import files
from bayesma.errors import BayesmaError
from bayesma.files import MANIFEST, check_folder, staged_folder

FIRST = {"report.html": "one", "a.nc": "one", "data/studies.csv": "one", "data/only_first.csv": "one"}
SECOND = {"report.html": "two", "b.nc": "two", "data/studies.csv": "two"}
MOVES = len(FIRST) + len(SECOND) + 2  # each with its manifest


def write(folder: Path, content: dict[str, str]) -> None:
    """What a run does, in small."""
    with staged_folder(folder) as stage:
        for name, text in content.items():
            (stage / name).parent.mkdir(exist_ok=True)
            (stage / name).write_text(text)


def read(folder: Path) -> dict[str, str]:
    """Everything in a folder but the manifest, hidden files included."""
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    listed = json.loads(found.pop(MANIFEST))["files"]
    assert set(listed) <= set(found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of a first run."""
    write(tmp_path / "out", FIRST)
    return tmp_path / "out"


def test_the_manifest_lists_every_file_with_its_digest(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    # echo -n one | sha256sum
    one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert content == {"made_by": "bayesma", "files": dict.fromkeys(sorted(FIRST), one)}


def test_another_analysis_replaces_all_of_it(folder: Path) -> None:
    write(folder, SECOND)
    assert read(folder) == SECOND


def test_files_that_no_manifest_lists_stay(folder: Path) -> None:
    (folder / "mine.txt").write_text("mine")
    (folder / "data" / "mine.csv").write_text("mine")
    write(folder, SECOND)
    assert read(folder) == SECOND | {"mine.txt": "mine", "data/mine.csv": "mine"}


@pytest.mark.parametrize("name", ["summary.csv", ".bashrc", MANIFEST])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    """A home, a folder of data: also where a manifest.json of another program lies in it."""
    (tmp_path / name).write_text('{"files": {"data": 1}}')
    with pytest.raises(
        BayesmaError, match=rf"is not empty \('{name}'\) and holds no manifest\.json of an earlier"
    ):
        check_folder(tmp_path)
    with pytest.raises(BayesmaError, match="give a new or empty folder"):
        write(tmp_path, SECOND)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_manifest_that_names_files_elsewhere_is_not_ours(folder: Path) -> None:
    (folder.parent / "precious").write_text("mine")
    (folder / MANIFEST).write_text(json.dumps({"made_by": "bayesma", "files": {"../precious": "x"}}))
    with pytest.raises(BayesmaError, match="holds no manifest"):
        write(folder, SECOND)
    assert (folder.parent / "precious").read_text() == "mine"


def test_a_file_of_the_user_in_the_way_is_named_and_stays(folder: Path) -> None:
    (folder / "b.nc").write_text("mine")
    with pytest.raises(BayesmaError, match=r"b\.nc' stands where a result must go .* rename it"):
        write(folder, SECOND)
    assert read(folder) == FIRST | {"b.nc": "mine"}


@pytest.mark.parametrize("failing", range(MOVES))
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_a_failure_at_any_move_restores_everything(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    replace, calls = os.replace, iter(range(1000))

    def fails_once(source: Path, target: Path) -> None:
        """Move, but for one of the moves."""
        if next(calls) == failing:
            raise error
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", fails_once)
    with pytest.raises(BayesmaError if isinstance(error, OSError) else KeyboardInterrupt):
        write(folder, SECOND)
    assert read(folder) == FIRST


KILLED = """
import os, sys
from pathlib import Path
from bayesma import files
replace, calls = os.replace, iter(range(1000))
def kills(source, target):
    if next(calls) == {at}:
        os._exit(9)
    replace(source, target)
files.os.replace = kills
with files.staged_folder({folder!r}) as stage:
    for name, text in {content!r}.items():
        (stage / name).parent.mkdir(exist_ok=True)
        (stage / name).write_text(text)
os._exit(9)
"""


@pytest.mark.parametrize("at", [0, 1, 3, len(FIRST) + 1, len(FIRST) + 3, MOVES - 1, MOVES])
def test_what_a_killed_run_left_is_undone_by_the_next(folder: Path, at: int) -> None:
    """Kill it at a move; a run that fails afterwards shows what the next one found."""
    code = KILLED.format(at=at, folder=str(folder), content=SECOND)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    with pytest.raises(RuntimeError), staged_folder(folder):
        raise RuntimeError
    assert read(folder) == (FIRST if at < MOVES else SECOND)
    write(folder, SECOND)
    assert read(folder) == SECOND


def test_a_killed_first_run_leaves_a_folder_that_can_be_written(tmp_path: Path) -> None:
    code = KILLED.format(at=1, folder=str(tmp_path / "out"), content=SECOND)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    write(tmp_path / "out", FIRST)
    assert read(tmp_path / "out") == FIRST


def test_two_runs_at_once_do_not_mix(folder: Path) -> None:
    with staged_folder(folder) as stage:
        with pytest.raises(BayesmaError, match="another run is writing into"):
            write(folder, SECOND)
        (stage / "report.html").write_text("slow")
    assert read(folder) == {"report.html": "slow"}


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes at the fourth move."""
    replace, calls = os.replace, iter(range(1000))

    def move(source: Path, target: Path) -> None:
        """Move, with the signal before one of the moves."""
        if next(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", move)


@pytest.mark.parametrize("there", [True, False])
def test_an_interrupt_during_the_exchange_waits_for_its_end(
    folder: Path, request: pytest.FixtureRequest, there: bool
) -> None:
    """Also where the folder is new, and would be removed after an interrupt that came before."""
    request.getfixturevalue("interrupted")
    target = folder if there else folder.parent / "deep" / "new"
    with pytest.raises(KeyboardInterrupt):
        write(target, SECOND)
    assert read(target) == SECOND
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_the_process_ignores_is_ignored(
    folder: Path, request: pytest.FixtureRequest
) -> None:
    """As under nohup, or in the background of a script."""
    request.getfixturevalue("interrupted")
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        write(folder, SECOND)
    except KeyboardInterrupt:
        pytest.fail("interrupted")
    finally:
        signal.signal(signal.SIGINT, usual)
    assert read(folder) == SECOND


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refused(*_: int) -> None:
        """Refuse, as some network disks do."""
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    write(folder, SECOND)
    assert read(folder) == SECOND


def test_locks_are_on_files_open_for_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS refuses an exclusive lock on any other ("Bad file descriptor"), see flock(2)."""
    flock = fcntl.flock

    def over_a_network(handle: int, operation: int) -> None:
        """Lock, if the file may be written."""
        if not fcntl.fcntl(handle, fcntl.F_GETFL) & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", over_a_network)
    write(folder, SECOND)
    assert read(folder) == SECOND


def test_a_disk_that_fills_while_folders_are_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def full(path: Path, *mode: int) -> None:
        """Room for the outer folder and not for the inner one."""
        if Path(path).name == "inner" and Path(path).parent.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        mkdir(path, *mode)

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(BayesmaError, match=r"inner' cannot be written \(No space left on device\)"):
        write(tmp_path / "outer" / "inner", SECOND)
    assert list(tmp_path.iterdir()) == []


def test_nothing_crosses_to_another_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder may be a mount point, or a link to one: moves are inside it, its parent is left alone."""
    link = folder.parent / "link"
    link.symlink_to(folder)
    made = tempfile.mkdtemp

    def only_inside(*, dir: Path, **named: str) -> str:
        """Refuse the parent, as one that cannot be written."""
        if Path(dir).resolve() != folder:
            raise PermissionError(errno.EACCES, "Permission denied")
        return made(dir=dir, **named)

    replace = os.replace

    def one_disk(source: Path, target: Path) -> None:
        """Refuse what leaves the folder or comes from elsewhere."""
        if not all(Path(path).resolve().is_relative_to(folder) for path in (source, target)):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(files.tempfile, "mkdtemp", only_inside)
    monkeypatch.setattr(files.os, "replace", one_disk)
    write(link, SECOND)
    assert read(folder) == SECOND


def test_the_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> str:
        """Refuse, as the system does for others than the owner."""
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkdtemp", refused)
    with pytest.raises(BayesmaError, match=rf"'{tmp_path}' cannot be written \(Permission denied\)"):
        check_folder(tmp_path / "a" / "b")
    (tmp_path / "there").mkdir()
    with pytest.raises(BayesmaError, match=rf"'{tmp_path / 'there'}' cannot be written"):
        check_folder(tmp_path / "there")


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    with pytest.raises(BayesmaError, match=r"is a link to '.*gone', which is not there"):
        check_folder(tmp_path / "out")


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, folder: Path, there: bool) -> None:
    def full(stage: Path) -> None:
        """Write some and run out of room."""
        (stage / "report.html").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    target = folder if there else tmp_path / "deep" / "new"
    with (
        pytest.raises(BayesmaError, match=r"cannot be written \(No space left on device\)"),
        staged_folder(target) as stage,
    ):
        full(stage)
    assert read(folder) == FIRST
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
