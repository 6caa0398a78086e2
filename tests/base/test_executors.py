"""What every executor keeps, and what only one with processes of its own can."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dynamics.base.executors import EXECUTORS, InThisProcess, WorkerProcesses, choose
from dynamics.base.tasks import TaskError

ROOT = Path(__file__).parents[2]
every = pytest.mark.parametrize("executor", [make(2) for make in EXECUTORS.values()], ids=EXECUTORS)
# a task may end the process that it is in: where that is this one, nobody is left to say so
apart = pytest.mark.parametrize(
    "executor",
    [make(2) for name, make in EXECUTORS.items() if name != "in_this_process"],
    ids=[name for name in EXECUTORS if name != "in_this_process"],
)


def square(task, report):
    report(0.25)
    report(0.75)
    return task * task


def late_first(task, report):
    """The first task ends last, where tasks run side by side."""
    time.sleep(0.3 if task == 0 else 0)
    return task


def fail_on_two(task, report):
    report(1)
    if task == 2:
        raise ValueError("two is wrong")
    return task


def no_room(task, report):
    """The second task finds no room; each leaves a mark that it began, and later ones wait for that of the second."""
    number, folder = task
    (Path(folder) / str(number)).touch()
    if number == 1:
        raise OSError(28, "No space left on device", "somewhere")
    until = time.monotonic() + 30
    while number > 1 and not (Path(folder) / "1").exists() and time.monotonic() < until:
        time.sleep(0.01)
    return number


def mark(task, report):
    number, folder = task
    (Path(folder) / str(number)).write_text(str(os.getpid()))
    if number:
        time.sleep(60)
    return number


def die_once(task, report):
    """Killed while it works, unless a file says that it was before."""
    report(5)
    number, mark = task
    if number == 1 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    report(5)
    return number


def die_always(task, report):
    number, folder = task
    if number == 1:
        Path(folder, f"try {time.monotonic()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def threads(task, report):
    return os.environ.get("OMP_NUM_THREADS")


def sleep_long(task, report):
    Path(task).write_text(str(os.getpid()))
    time.sleep(60)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# --- every executor --------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("count", [0, 1, 7])
def test_every_task_once_and_progress_adds_up(executor, count):
    heard = []
    outcome = list(executor.run(square, range(count), heard.append))
    assert sorted(outcome) == [(i, i * i) for i in range(count)]  # once each, in any order
    assert sum(heard) == count


@every
def test_order_does_not_matter_and_an_executor_can_run_again(executor):
    for _ in range(2):
        assert dict(executor.run(late_first, range(3))) == {0: 0, 1: 1, 2: 2}


@every
@pytest.mark.parametrize("count", [3, 4])
def test_a_task_that_raises_costs_itself_alone_and_is_not_tried_again(executor, count):
    heard = []
    outcome = dict(executor.run(fail_on_two, range(count), heard.append))
    assert isinstance(outcome[2], TaskError)
    assert str(outcome[2]).startswith("ValueError: two is wrong (at test_executors.py:")
    assert [outcome[i] for i in range(count) if i != 2] == [i for i in range(count) if i != 2]
    assert sum(heard) == count  # with what the failed task had done


@every
def test_no_room_for_one_ends_everything(executor, tmp_path):
    results = []
    running = executor.run(no_room, [(number, str(tmp_path)) for number in range(40)])
    with pytest.raises(OSError, match="No space left") as caught:
        results.extend(running)
    assert (caught.value.errno, caught.value.filename) == (28, "somewhere")
    assert not any(isinstance(result, TaskError) for result in results)
    assert len(list(tmp_path.iterdir())) < 40


@every
def test_closing_it_begins_no_more_tasks_and_leaves_no_process(executor, tmp_path):
    running = executor.run(mark, [(number, str(tmp_path)) for number in range(5)])
    assert next(running) == (0, 0)
    running.close()
    begun = {path.name: path.read_text() for path in tmp_path.iterdir()}  # a mark may be empty still
    assert "4" not in begun
    assert all(gone(int(pid)) for pid in begun.values() if pid not in ("", str(os.getpid())))
    time.sleep(0.2)
    assert {path.name for path in tmp_path.iterdir()} == set(begun)
    with pytest.raises(StopIteration):
        next(running)


@every
def test_it_is_data(executor):
    """An executor is a choice, with nothing running until it runs: it can be compared and sent."""
    assert pickle.loads(pickle.dumps(executor)) == executor


def test_one_worker_is_this_process_and_several_are_processes():
    assert [choose(n) for n in (1, 2, 5)] == [InThisProcess(), WorkerProcesses(2), WorkerProcesses(5)]


def test_in_this_process_tasks_come_in_their_order():
    assert list(InThisProcess().run(late_first, range(3))) == [(0, 0), (1, 1), (2, 2)]


def test_a_single_task_costs_no_process():
    code = (
        "import sys; from dynamics.base.executors import WorkerProcesses; import operator;"
        "assert list(WorkerProcesses(4).run(operator.is_, [1])) == [(0, False)];"
        "import multiprocessing.resource_tracker as t; sys.exit(t._resource_tracker._pid is not None)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# --- those that outlive a task's process -----------------------------------------------------------------------------


@apart
def test_a_killed_workers_task_is_tried_again(executor, tmp_path):
    heard = []
    tasks = [(number, str(tmp_path / "mark")) for number in range(4)]
    assert dict(executor.run(die_once, tasks, heard.append)) == {i: i for i in range(4)}
    assert sum(heard) == 40  # what the dead worker had reported was taken back


@apart
def test_a_task_that_kills_every_worker_is_given_up(executor, tmp_path):
    outcome = dict(executor.run(die_always, [(number, str(tmp_path)) for number in range(4)]))
    assert isinstance(outcome[1], TaskError)
    assert "signal 9" in str(outcome[1])
    assert [outcome[i] for i in (0, 2, 3)] == [0, 2, 3]
    assert len(list(tmp_path.iterdir())) == 2  # tried once more


@apart
def test_workers_have_one_thread_and_this_process_keeps_its_own(executor, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set(dict(executor.run(threads, range(3))).values()) == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"


@apart
def test_an_interrupt_ends_the_workers(executor, tmp_path):
    tasks = [str(tmp_path / str(i)) for i in range(2)]
    running = executor.run(sleep_long, tasks)
    # the iterator must be inside its loop when it is closed: an interrupt there is what Ctrl-C does
    timer = threading.Timer(3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(running)
    for task in tasks:
        assert gone(int(Path(task).read_text()))
