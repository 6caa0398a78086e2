"""How far a run has come, told to whoever wants to know: a bar on a terminal, or nobody."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TextIO

Advance = Callable[[float], None]
# progress(words, total) is a context that gives a function to call with every amount done
Progress = Callable[[str, float], contextlib.AbstractContextManager[Advance]]


@contextlib.contextmanager
def silent(words: str, total: float) -> Iterator[Advance]:
    yield lambda amount: None


def progress_on(stream: TextIO, quiet: bool) -> Progress:
    """A bar on `stream` if that is a terminal and `quiet` is not asked for, else `silent`."""
    if quiet or not stream.isatty():
        return silent

    @contextlib.contextmanager
    def bar(words: str, total: float) -> Iterator[Advance]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=stream)) as shown:
            task = shown.add_task(words, total=total)
            yield lambda amount: shown.advance(task, amount)

    return bar
