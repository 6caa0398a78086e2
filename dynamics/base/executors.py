"""What carries out tasks: in this process, or in worker processes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dynamics.base.tasks import Report, TaskError, Work, in_words, unheard
from dynamics.base.workers import WorkerPool


class Executor(Protocol):
    """Where tasks are carried out. It is only a choice: what a task needs begins with `run` and ends with it."""

    def run(self, work: Work, tasks: Sequence[Any], progress: Report = unheard) -> Iterator[tuple[int, Any]]:
        """Carry out `work(task, report)` for every task; yield (index, result or `TaskError`) as they finish.

        Each index comes once, in any order. `work` must be importable by name, and tasks, results and errors such as
        can be pickled.

        - Progress: what tasks report is passed on to `progress`. It adds up: what a try that was lost had reported is
          taken back, by a negative amount, and the next try reports anew.
        - Who retries: the executor, and only a task whose worker died: once more. Then it is a `TaskError` that says
          how the worker died. A task that raises an exception is a `TaskError` at once. Neither costs another task.
        - What a full disk or a missing folder does to one task it does to all: the ``OSError`` of a task is raised
          here, and no task is begun after it.
        - Closing the iterator, or an exception in its consumer, asks tasks that are still busy to stop, gives them some
          seconds, and ends them: once it is closed, nothing of the executor's runs any more. A task that can be put
          down and taken up again works under `interrupts.deferred`.
        """
        ...


@dataclass(frozen=True)
class InThisProcess:
    """One task after the other, in their order, by whoever asks for the next result."""

    def run(self, work: Work, tasks: Sequence[Any], progress: Report = unheard) -> Iterator[tuple[int, Any]]:
        for index, task in enumerate(tasks):
            try:
                result = work(task, progress)
            except OSError:
                raise
            except Exception as error:
                result = TaskError(in_words(error))
            yield index, result


@dataclass(frozen=True)
class WorkerProcesses:
    """As many processes of this machine as `workers`, started with `run` and ended with it.

    A single task is not worth a process: this one carries it out.
    """

    workers: int

    def run(self, work: Work, tasks: Sequence[Any], progress: Report = unheard) -> Iterator[tuple[int, Any]]:
        if len(tasks) <= 1:
            yield from InThisProcess().run(work, tasks, progress)
            return
        pool = WorkerPool(work, min(self.workers, len(tasks)))
        try:
            yield from pool.run(tasks, progress)
        finally:
            pool.close()  # asks those that are still busy to stop


EXECUTORS: dict[str, Callable[[int], Executor]] = {  # name -> the executor of so many workers
    "in_this_process": lambda workers: InThisProcess(),
    "worker_processes": WorkerProcesses,
}


def choose(workers: int) -> Executor:
    """The executor for so many workers of this machine: for one, this process."""
    return EXECUTORS["worker_processes" if workers > 1 else "in_this_process"](workers)
