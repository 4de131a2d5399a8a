"""What the command line prints: the probabilities of benefit, then everything that must be known."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from bayesma.analysis import Analysis


def show(analysis: Analysis, said: Sequence[str], console: Console) -> None:
    """Print the answer table and all notes."""
    console.print(analysis.table().T.to_string(), markup=False)
    for one in said:
        console.print(one, markup=False)


def show_frame(frame: pd.DataFrame, console: Console) -> None:
    """Print a listing."""
    console.print(frame.to_string(), markup=False)
