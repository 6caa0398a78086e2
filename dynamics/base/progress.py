"""How far a run has come, told to whoever wants to know: a bar on a terminal, lines elsewhere, or nobody."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TextIO

Advance = Callable[[float], None]
# progress(words, total) is a context that gives a function to call with every amount done
Progress = Callable[[str, float], contextlib.AbstractContextManager[Advance]]
EVERY = 30.0  # seconds from line to line
RECENT = 10  # lines back, from which on the rate is taken
UNITS = {"training": "steps × GANs", "drawing": "pictures"}  # first of the words -> what is counted


@contextlib.contextmanager
def silent(words: str, total: float) -> Iterator[Advance]:
    yield lambda amount: None


def progress_on(stream: TextIO, quiet: bool) -> Progress:
    """A bar on `stream` if that is a terminal, else a line every 30 s; `silent` if `quiet` is asked for."""
    if quiet:
        return silent
    if not stream.isatty():
        return lines_on(stream)

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


@contextlib.contextmanager
def repeating(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """`act` is called every so many seconds while the block runs, first after the first of them; by a thread."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def lines_on(
    stream: TextIO,
    clock: Callable[[], float] = time.monotonic,
    timer: Callable[[float, Callable[[], None]], contextlib.AbstractContextManager[None]] = repeating,
) -> Progress:
    """A line on `stream` every 30 s: how much is done, how long the rest takes, how fast it goes."""

    @contextlib.contextmanager
    def lines(words: str, total: float) -> Iterator[Advance]:
        count = Count(words, total, clock)

        def write() -> None:
            line = count.line()
            with contextlib.suppress(OSError, ValueError):  # a full disk, or a stream that was closed
                stream.write(f"{line}\n")
                stream.flush()

        with timer(EVERY, write):
            yield count.advance

    return lines


class Count:
    """How much of `total` is done, and when it was."""

    def __init__(self, words: str, total: float, clock: Callable[[], float]) -> None:
        self.words, self.total, self.clock = words, total, clock
        self.done, self.lines = 0.0, 0
        self.marks: deque[tuple[float, float]] = deque([(clock(), 0.0)], maxlen=RECENT)  # (seconds, done) at each line

    def advance(self, amount: float) -> None:
        """So much more is done; less, where a worker that died takes back what it had done."""
        self.done += amount

    def line(self) -> str:
        """'training 32 GANs: 41 % done, about 2 min left, 5400 steps × GANs a second'."""
        now, done = self.clock(), min(max(self.done, 0.0), self.total)
        then, before = self.marks[0]
        rate = (done - before) / (now - then) if now > then else 0.0
        if not self.lines:  # what a run that goes on had done before counts as done at its start: no measure of speed
            self.marks.clear()
        self.lines += 1
        self.marks.append((now, done))
        parts = [f"{int(100 * done / self.total) if self.total > 0 else 100} % done"]
        if rate > 0:
            parts += [f"about {_duration((self.total - done) / rate)} left"]
            parts += [f"{rate:.{0 if rate >= 10 else 1}f} {UNITS.get(self.words.split()[0], 'pieces')} a second"]
        else:
            parts += ["time left not known"]
        return f"{self.words}: {', '.join(parts)}"


def _duration(seconds: float) -> str:
    """'40 s', '2 min', '3.5 h', '12 days'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
