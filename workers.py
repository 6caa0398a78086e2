"""Tasks sent to worker processes: one process a core, one thread each.

Two OpenMP threads on small tensor operations, beside any other busy process, run tens of times slower than one; a
process a core is both faster and safe. Workers are spawned (never forked, which torch's threads do not survive) and
import what they need once. A worker that dies takes only its task with it, which is tried once more elsewhere.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

Report = Callable[[float], None]
_TRIES = 2


class TaskError(Exception):
    """A task that did not finish; its text says why (the exception that it raised, or how its worker died)."""


def run_tasks(
    function: Callable[[Any, Report], Any],
    tasks: Sequence[Any],
    workers: int,
    progress: Report = lambda amount: None,
) -> Iterator[tuple[int, Any]]:
    """Carry out `function(task, report)` for every task; yield (index, result or `TaskError`) as they finish.

    `function` must be importable by name. Amounts that it reports are passed on to `progress` (negative ones take
    back what a dead worker had reported). With one worker everything happens in this process, in order. Closing the
    iterator, or an exception in its consumer, ends all workers.
    """
    if workers <= 1 or len(tasks) <= 1:
        for index, task in enumerate(tasks):
            try:
                result = function(task, progress)
            except Exception as error:
                result = TaskError(_in_words(error))
            yield index, result
        return
    pool = _Pool(function, min(workers, len(tasks)))
    try:
        yield from pool.run(tasks, progress)
    finally:
        pool.close()


class _Pool:
    def __init__(self, function: Callable[[Any, Report], Any], size: int) -> None:
        self.context, self.function, self.size = multiprocessing.get_context("spawn"), function, size
        self.processes: dict[Connection, BaseProcess] = {}

    def start(self) -> Connection:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.function), daemon=True)
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
        for process in self.processes.values():
            process.terminate()
        for connection, process in self.processes.items():
            process.join(2)
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()
        self.processes.clear()


def _work(connection: Connection, function: Callable[[Any, Report], Any]) -> None:
    # Ctrl-C reaches the whole process group: the parent decides what becomes of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            answer = ("done", function(task, lambda amount: connection.send(("progress", amount))))
        except Exception as error:
            answer = ("failed", _in_words(error))
        try:
            connection.send(answer)
        except ConnectionError:  # the parent is gone
            return


def _in_words(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (at {os.path.basename(last.filename)}:{last.lineno})"


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
    """SIGINT and SIGTERM wait, where signals can: one in the middle would leave half a process, which complains.

    A process started inside never gets a SIGINT, and a SIGTERM when it asks for it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # multiprocessing starts this helper with its first process, and lets signals through again afterwards
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
