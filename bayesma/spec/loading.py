"""`load_spec`: from a TOML file to validated jobs, with one sentence for whatever is wrong."""

from __future__ import annotations

import tomllib
from os import PathLike
from pathlib import Path

from bayesma.errors import BayesmaError, SpecError
from bayesma.resources import DATA, MODELS
from bayesma.spec.findings import Place
from bayesma.spec.inherit import jobs_of
from bayesma.spec.jobs import Spec
from bayesma.spec.tables import SpecFile

SUFFIX = ".toml"


def load_spec(name: str | Path, *, data_folder: str | Path | None = None) -> Spec:
    """Read and validate an analysis file.

    Parameters
    ----------
    name
        Name of a shipped analysis (``"zhou2020"``), or the path of a TOML file.
    data_folder
        The one folder in which data files are looked for, by file name: copies kept with results.

    Raises
    ------
    SpecError
        For an unknown name or missing file, text that is no TOML, an unknown key, a wrong type, an unknown
        measure, role, family, option or a prior that does not parse; the message names file, table and key.

    Examples
    --------
    >>> import bayesma as bm
    >>> spec = bm.load_spec("bcg")
    >>> spec.jobs[0].model.priors
    {'mu': 'Normal(0, 4)', 'tau': 'HalfNormal(0.5)'}
    """
    path = _locate(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except OSError as error:
        raise SpecError(f"{path.name} cannot be read ({error.strerror}); check who may open it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path.name} is not valid TOML: {error}; correct that line") from error
    place = Place(path.name)
    file = place.validated(SpecFile, content)
    folder = None if data_folder is None else Path(data_folder)

    def find_data(data: str, where: Place) -> Path:
        """Where the named data are."""
        return _data_path(data, path, folder, where)

    return Spec(path.stem, path, file, jobs_of(file, path.stem, place, find_data), text)


def _locate(name: str | Path) -> Path:
    """Path of the file that a name or path means."""
    if not isinstance(name, str | PathLike):
        raise SpecError(f"an analysis is named by text or a path; got {name!r}")
    path = Path(name)
    if path.suffix != SUFFIX and len(path.parts) == 1:
        return MODELS.path(str(name))
    if not path.is_file():
        raise SpecError(f"no analysis file {str(name)!r}; give the path of a .toml file, or a shipped name")
    return path


def _data_path(data: str, path: Path, folder: Path | None, place: Place) -> Path:
    """Return a file in the given folder; without one, a file beside the spec or a shipped data set."""
    kept, name = path.parent / "data" if folder is None else folder, Path(data).name
    beside = [path.parent / data] if folder is None else []
    for candidate in (*beside, kept / name, kept / f"{name}.csv"):
        if candidate.is_file():
            return candidate
    if folder is not None:
        raise place.error(f"data file {data!r} is not in {str(folder)!r}; put it back")
    if Path(data).suffix or len(Path(data).parts) > 1:
        raise place.error(f"data file {data!r} is not there (looked beside the analysis file); correct it")
    try:
        return DATA.path(data)
    except BayesmaError as error:
        raise place.error(str(error)) from error
