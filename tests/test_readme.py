"""The README's Python examples and its commands are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_examples_run(tmp_path, monkeypatch, capsys) -> None:
    examples = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert len(examples) == 6
    monkeypatch.chdir(tmp_path)
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "forest.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    named = ("theta_new", "delta_new", "P(> 0.05)", "month of the best effect", "The probability of benefit")
    assert all(name in printed for name in named)


def test_commands_are_make_targets() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    named = set(re.findall(r"^make (\w+)", README, flags=re.M))
    assert {"demo", "test"} <= named <= targets


def test_the_picture_is_there() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
