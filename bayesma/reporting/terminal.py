"""What the command line prints: the probabilities of benefit, then everything that must be known."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayesma.analysis import Analysis
from bayesma.reporting.alarms import Alarm, alarms
from bayesma.reporting.answers import CHANGES, PROPORTIONS, RELAPSES, Answer, answers
from bayesma.reporting.tables import Table as Content
from bayesma.words.numbers import ascii_signs

# columns of the answer table that fit from so many characters on
FITTING = ((140, (0, 1, 2, 3, 4, 5, 6, 7, 8)), (100, (0, 1, 2, 3, 4, 5, 6, 8)), (0, (0, 1, 2, 3, 4, 5)))
MONTHS = 14  # characters that hold the months of an outcome unbroken
WIDE = 150  # characters for all columns of a table of proportions
HIDDEN = ("citation",)  # columns of listings that are too long for a terminal
HEADS = (
    "",
    "k",
    "estimate [95 %]",
    "P(benefit)",
    "beyond MID",
    "harm",
    "next study",
    "frequentist",
    "p (freq.)",
)
CHANGE_HEADS = (*HEADS[:3], "P(improved)", HEADS[4], "worse", *HEADS[6:])
RELAPSES_FITTING = ((140, (0, 1, 2, 3, 4, 5, 6, 7, 8)), (100, (0, 1, 3, 4, 5, 7, 8)), (0, (0, 3, 5, 7)))
RELAPSE_HEADS = (
    "",
    "k",
    "relapses in months",
    "free [95 %]",
    "elsewhere",
    "P(rises)",
    "late v early",
    "gain, months",
    "P(gain > x)",
)
STYLE_OF = {"stop": "bold red", "loud": "bold yellow", "caution": "yellow"}
STYLES = {"primary": "bold", "alarm": "bold red"}


def show(analysis: Analysis, said: Sequence[str], console: Console) -> None:
    """Print title, probabilities and notes.

    Parameters
    ----------
    analysis
        Result of `run`.
    said
        Warnings raised meanwhile; those that no result carries are printed too.
    console
        Where to print; its width decides how many columns are shown.
    """
    console.print(Text(f"\n{analysis.title}", style="bold"))
    console.print(_variants(analysis))
    for answer in answers(analysis):
        console.print(answer_table(answer, console.width))
        for text in answer.words:
            console.print(Text(ascii_signs(f"\n{text}")))
    known = {note for result in analysis.results for note in result.notes}
    rest = [Alarm("caution", text) for text in dict.fromkeys(said) if text not in known]
    found = [*alarms(analysis), *rest]
    if found:
        console.print(Text("\nRead with the numbers", style="bold"))
    for alarm in found:
        style = STYLE_OF[alarm.level]
        console.print(_bullet(str(alarm), style))
    if analysis.references:
        met = sum(check.met for check in analysis.references)
        console.print(
            f"Pinned external values reproduced: {met} of {len(analysis.references)}.", highlight=False
        )


def answer_table(answer: Answer, width: int) -> Table:
    """An answer table for a terminal `width` columns wide."""
    content = answer.table
    if answer.kind == PROPORTIONS:
        shown, heads = _fitting_proportions(content, width), _proportion_heads(content)
    elif answer.kind == RELAPSES:
        shown, heads = next(c for least, c in RELAPSES_FITTING if width >= least), RELAPSE_HEADS
    else:
        shown, heads = next(c for least, c in FITTING if width >= least), HEADS
        heads = CHANGE_HEADS if answer.kind == CHANGES else HEADS
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in shown:
        words = column == 0
        table.add_column(
            heads[column],
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=column == 2,
            min_width=MONTHS if words else None,
        )
    for row in content.rows:
        texts = [row.short, *(ascii_signs(str(row.cells[column])) for column in shown[1:])]
        style = STYLES.get(row.kind, "")
        cells = [Text(text, style=style if i == 0 else "") for i, text in enumerate(texts)]
        table.add_row(*cells)
    return table


def _proportion_heads(content: Content) -> tuple[str, ...]:
    """Heads of a table of proportions, without second lines."""
    short = {"median proportion": "", "new study": ", new", "95 % interval": " [95 %]"}
    heads = [f"{c.label.lower()}{short.get(c.detail, '')}" for c in content.columns[2:]]
    return ("", "k", *(head.replace("p(>", "P(>") for head in heads))


def _fitting_proportions(content: Content, width: int) -> tuple[int, ...]:
    """All columns where there is room; else the median proportion, its probabilities, and the new study."""
    every = tuple(range(len(content.columns)))
    if width >= WIDE:
        return every
    return tuple(i for i in every if content.columns[i].label not in {"Frequentist", "Mean proportion"})


def show_frame(frame: pd.DataFrame, console: Console) -> None:
    """Print a listing, every cell as plain text."""
    frame = frame.drop(columns=[name for name in HIDDEN if name in frame])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(str(frame.index.name), style="bold", no_wrap=True)
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for index, row in frame.iterrows():
        table.add_row(Text(str(index)), *(Text(str(value)) for value in row))
    console.print(table)


def _variants(analysis: Analysis) -> Text:
    """What the lines of one outcome stand for; nothing when there is one line each."""
    jobs = [result.job for result in analysis.results]
    labels = dict.fromkeys((job.variant, job.variant_label) for job in jobs if job.variant)
    lines = [
        f"first line: {label}" if i == 0 else f"{name}: {label}" for i, (name, label) in enumerate(labels)
    ]
    return Text("; ".join(lines), end="\n" if lines else "")


def _bullet(text: str, style: str) -> Table:
    """A sentence with a hanging indent."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text("-"), Text(ascii_signs(text), style=style))
    return grid
