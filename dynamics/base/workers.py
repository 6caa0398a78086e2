"""A pool of worker processes that tasks are sent to: one process a core, one thread each.

Two OpenMP threads on small tensor operations, beside any other busy process, run tens of times slower than one; a
process a core is both faster and safe. Workers are spawned (never forked, which torch's threads do not survive) and
import what they need once. A worker that dies takes only its task with it, which is tried once more elsewhere. What a
full disk or a missing folder does to one task it does to all: an ``OSError`` ends everything.

A task that can be put down and taken up again runs under `interrupts.deferred`: asked to stop, it puts down what it has
and raises `interrupts.Stopped`, for which it is given `_GRACE` seconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from dynamics.base.interrupts import SIGNALS, Stopped
from dynamics.base.tasks import Report, TaskError, Work, in_words

_TRIES = 2
_GRACE = 3.0  # seconds from the request to stop to the end of a worker


class WorkerPool:
    """Processes that carry out `work`, one task each at a time; `executors.Executor` says what `run` yields."""

    def __init__(self, work: Work, size: int) -> None:
        self.context, self.work, self.size = multiprocessing.get_context("spawn"), work, size
        self.processes: dict[Connection, BaseProcess] = {}

    def start(self) -> Connection:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.work), daemon=True)
        with _one_thread(), _no_interrupt():
            process.start()
        theirs.close()  # so that the worker's death reads as the end of the pipe
        self.processes[ours] = process
        return ours

    def run(self, tasks: Sequence[Any], progress: Report) -> Iterator[tuple[int, Any]]:
        waiting = deque(range(len(tasks)))
        tries = [0] * len(tasks)
        busy: dict[Connection, int] = {}
        reported: dict[int, float] = {}

        def give(connection: Connection) -> None:
            if waiting:
                index = waiting.popleft()
                tries[index] += 1
                busy[connection], reported[index] = index, 0.0
                with contextlib.suppress(ConnectionError):  # died while idle: its end is read like any other
                    connection.send(tasks[index])

        for _ in range(self.size):
            give(self.start())
        while busy:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                index = busy[connection]
                try:
                    kind, value = connection.recv()
                except (EOFError, ConnectionError):
                    kind, value = "died", self.burial(connection)
                if kind == "progress":
                    reported[index] += value
                    progress(value)
                    continue
                del busy[connection]
                if kind == "system":
                    raise value
                if kind == "died":
                    progress(-reported[index])
                    if tries[index] < _TRIES:
                        waiting.append(index)
                    connection = self.start() if waiting else connection
                give(connection) if connection in self.processes else None
                if kind == "done":
                    yield index, value
                elif kind == "failed" or tries[index] >= _TRIES:
                    yield index, TaskError(value)

    def burial(self, connection: Connection) -> str:
        process = self.processes.pop(connection)
        process.join()
        connection.close()
        code = process.exitcode or 0
        return f"its worker was killed by signal {-code}" if code < 0 else f"its worker ended with status {code}"

    def close(self) -> None:
        try:
            for process in self.processes.values():
                process.terminate()
            deadline = time.monotonic() + _GRACE
            for process in self.processes.values():
                process.join(max(0.0, deadline - time.monotonic()))
        finally:  # whatever interrupts the wait
            for connection, process in self.processes.items():
                if process.is_alive():
                    process.kill()
                    process.join()
                connection.close()
            self.processes.clear()


def _work(connection: Connection, work: Work) -> None:
    # Ctrl-C and a closed terminal reach the whole process group: the parent decides what becomes of it
    for number in set(SIGNALS) - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            answer = ("done", work(task, lambda amount: connection.send(("progress", amount))))
        except Stopped:
            return
        except ConnectionError:  # the parent is gone
            return
        except OSError as error:
            answer = ("system", error)
        except Exception as error:
            answer = ("failed", in_words(error))
        try:
            connection.send(answer)
        except ConnectionError:  # the parent is gone
            return


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """OMP_NUM_THREADS=1 for processes started inside; it is read when torch is imported, too late to set in them."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Signals wait, where they can: one in the middle would leave half a process, which complains.

    A process started inside gets a SIGTERM when it asks for it, and none of the others.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # multiprocessing starts this helper with its first process, and lets signals through again afterwards
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
