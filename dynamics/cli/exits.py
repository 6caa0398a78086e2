"""What ends a command without its result, and what it says of that on stderr.

A failure has exit status 1, an interrupt 128 and the signal's number; a user's mistake (`settings.OptionError`) has 2.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from dynamics.base.interrupts import SIGNALS, Stopped, stop
from dynamics.base.program import command_line
from dynamics.settings.messages import cut, one_line


class RunFailed(Exception):
    """A run that ended without all of its members or pictures."""


class Interrupted(Exception):
    """A run that was stopped by a signal; its exit status is 128 and the signal's number."""

    def __init__(self, error: KeyboardInterrupt, words: str = "") -> None:
        self.number = error.number if isinstance(error, Stopped) else int(signal.SIGINT)
        super().__init__(("interrupted" if self.number == signal.SIGINT else "terminated") + words)


@contextlib.contextmanager
def drawing_fails() -> Iterator[None]:
    from dynamics.pictures.picture_drawing import DrawingError

    try:
        yield
    except DrawingError as error:
        raise RunFailed(str(error)) from None


@contextlib.contextmanager
def resumable(path: Path) -> Iterator[None]:
    """Whatever stops a run tells how to go on with it."""
    from dynamics.store.folder import MANIFEST

    try:
        with drawing_fails():
            yield
    except KeyboardInterrupt as error:
        begun = (path / MANIFEST).exists()
        raise Interrupted(error, f"; to go on: {resume_line(path)}" if begun else "") from None
    except (RunFailed, OSError) as error:
        if not (path / MANIFEST).exists():
            raise
        raise RunFailed(
            f"{of_system(error) if isinstance(error, OSError) else error}; to go on: {resume_line(path)}"
        ) from None


def resume_line(path: Path) -> str:
    return command_line("resume", str(path))


def of_system(error: OSError) -> str:
    """The file, and what is wrong with it."""
    return f"{error.filename2 or error.filename or 'file system'}: {error.strerror or error}"


def print_note(words: str) -> None:
    with contextlib.suppress(OSError):
        print(f"note: {' '.join(words.splitlines())}", file=sys.stderr, flush=True)


def complain(words: str, status: int) -> int:
    with contextlib.suppress(OSError):  # a full or broken stderr: the status tells
        print(f"error: {cut(one_line(words), 1500)}", file=sys.stderr, flush=True)  # whatever was quoted, one line
    return status


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Signals that end a process interrupt it, so that it leaves nothing half done; handlers are then as before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    changed = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_DFL]  # nohup's stay ignored
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
