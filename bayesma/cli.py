"""The command line: `bayesma run` and `bayesma list`; whatever is heavy is imported inside a command."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bayesma.errors import BayesmaError, BayesmaWarning, OptionError, interruptible

if TYPE_CHECKING:
    from bayesma.analysis import Analysis

MISTAKE = 2  # exit code for what the user can mend
INTERRUPTED = 130  # as shells have it: 128 and the number of the signal

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Bayesian random-effects meta-analysis: from study-level numbers to the probability of benefit.",
)


SHORT = ["written", "parameter", "measure", "doi"]  # columns of priors that a terminal has room for


class Listing(StrEnum):
    """What `bayesma list` can list."""

    families = "families"
    measures = "measures"
    priors = "priors"
    models = "models"


@app.command()
def run(
    spec: Annotated[str, typer.Argument(help="Name of a shipped analysis, or path of a .toml file.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results; out/<name> by default.")] = None,
    engine: Annotated[str | None, typer.Option(help="nuts or exact, in place of the file's own.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, in place of the file's own.")] = None,
) -> None:
    """Run an analysis, write report and files, print the probabilities of benefit."""
    with plain_mistakes():
        from bayesma.files import check_folder
        from bayesma.reporting.outputs import write_outputs
        from bayesma.reporting.reproduction import data_files
        from bayesma.reporting.terminal import show
        from bayesma.spec import load_spec

        loaded = load_spec(spec)
        folder = Path("out") / loaded.name if out is None else out
        check_folder(folder)
        data_files(loaded)
        analysis, said = _run(loaded, engine, seed)
        report = write_outputs(analysis, folder)
        show(analysis, said, Console())
        typer.echo(str(report))


@app.command(name="list")
def list_(
    what: Annotated[Listing, typer.Argument(help="What to list.")],
    search: Annotated[str | None, typer.Argument(help="Words that a prior's name or source has.")] = None,
) -> None:
    """List the families, measures, priors, or shipped analyses."""
    with plain_mistakes():
        import bayesma
        from bayesma.reporting.terminal import show_frame

        if search is not None and what is not Listing.priors:
            raise OptionError(f"only priors can be searched; leave {search!r} out")
        asked = () if search is None else (search,)
        table = getattr(bayesma, f"list_{what.value}")(*asked)
        show_frame(table[SHORT] if what is Listing.priors else table, Console())


@contextmanager
def plain_mistakes() -> Iterator[None]:
    """Turn a mistake of the user into one sentence on stderr and exit code 2; all else is a traceback."""
    try:
        with interruptible():
            yield
    except BayesmaError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(MISTAKE) from error
    except KeyboardInterrupt as error:
        typer.echo("interrupted; results are written as a whole or not at all", err=True)
        raise typer.Exit(INTERRUPTED) from error


def _run(spec: Any, engine: str | None, seed: int | None) -> tuple[Analysis, list[str]]:
    """Run with a progress bar on stderr; warnings for the reader come back as sentences."""
    from bayesma.analysis import run as run_analysis

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar, sentences() as said:
        task = bar.add_task("reading", total=len(spec.jobs))

        def progress(number: int, total: int, name: str) -> None:
            """Show which fit is running."""
            bar.update(task, completed=number, total=total, description=name)

        analysis = run_analysis(spec, engine=engine, random_seed=seed, progressbar=False, progress=progress)
        bar.update(task, completed=len(spec.jobs))
    return analysis, said


@contextmanager
def sentences() -> Iterator[list[str]]:
    """Collect what `BayesmaWarning` says; every other warning goes its usual way."""
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", BayesmaWarning)
        usual = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            """Keep ours, pass on the rest."""
            if issubclass(category, BayesmaWarning):
                said.append(str(message))
            else:
                usual(message, category, *rest, **more)

        warnings.showwarning = collect
        yield said


def main() -> None:
    """Entry point of the command `bayesma`."""
    sys.exit(app())
