"""Being asked to stop: a signal waits until work can be put down.

Inside `deferred` a first one of `SIGNALS` only makes `stopping` true; whoever works there looks at it between two
pieces of work, puts down what it has, and raises `Stopped`. A second signal, or `PATIENCE` seconds without an answer,
interrupts at once, as if nobody had deferred anything. Signals belong to a process, so this is one flag of a process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# what people and systems ask with; the last: a terminal that was closed
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
PATIENCE = 2.5  # seconds from a signal to the end of waiting: a run ends within 5 of Ctrl-C
_asked: list[int] = []  # numbers of the signals that wait


class Stopped(KeyboardInterrupt):
    """Work that was put down because of signal `number`."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return Stopped, (self.number,)


def stopping() -> bool:
    """Whether a signal waits."""
    return bool(_asked)


def orphaned() -> bool:
    """Whether this is a worker whose parent has ended, and whose work nobody waits for."""
    from multiprocessing import parent_process  # here: --help does without

    parent = parent_process()
    return parent is not None and parent.pid != os.getppid()


def stopped() -> Stopped:
    """What to raise where work is put down."""
    return Stopped(_asked[0] if _asked else signal.SIGTERM)


def stop(number: int, frame: FrameType | None) -> None:
    """A signal's handler that interrupts at once."""
    raise Stopped(number)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """`SIGNALS` wait while the block runs; handlers are then what they were.

    Only a main thread can have it so; in any other nothing changes. What waits when the block ends without having
    looked is raised there.
    """
    if threading.current_thread() is not threading.main_thread() or _asked:
        yield
        return
    timers: list[threading.Timer] = []
    over = False

    def handler(number: int, frame: FrameType | None) -> None:
        if over:
            return
        if _asked:
            raise Stopped(_asked[0])
        _asked.append(number)
        timers.append(threading.Timer(PATIENCE, os.kill, (os.getpid(), number)))
        timers[0].daemon = True
        timers[0].start()

    # a SIGINT that is ignored stays so: a worker's comes from its parent
    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in mine:
        signal.signal(number, handler)
    try:
        yield
        if _asked:
            raise stopped()
    finally:
        over = True
        for timer in timers:
            timer.cancel()
            timer.join()
        for number in mine:
            signal.signal(number, before[number])
        _asked.clear()
