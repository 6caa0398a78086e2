import os
import signal
import time
from pathlib import Path

import pytest

from dynamics.base.workers import TaskError, run_tasks


def square(task, report):
    report(1)
    return task * task


def fail_on_two(task, report):
    if task == 2:
        raise ValueError("two is wrong")
    return task


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
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def threads(task, report):
    return os.environ.get("OMP_NUM_THREADS")


def sleep_long(task, report):
    Path(task).write_text(str(os.getpid()))
    time.sleep(60)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_task_once_and_progress_adds_up(workers):
    reported = []
    outcome = dict(run_tasks(square, range(7), workers, reported.append))
    assert outcome == {i: i * i for i in range(7)}
    assert sum(reported) == 7


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_raises_costs_itself_alone(workers):
    outcome = dict(run_tasks(fail_on_two, range(4), workers))
    assert isinstance(outcome[2], TaskError)
    assert "ValueError: two is wrong" in str(outcome[2])
    assert [outcome[i] for i in (0, 1, 3)] == [0, 1, 3]


def test_a_killed_workers_task_is_tried_again(tmp_path):
    reported = []
    tasks = [(number, str(tmp_path / "mark")) for number in range(4)]
    assert dict(run_tasks(die_once, tasks, 2, reported.append)) == {i: i for i in range(4)}
    assert sum(reported) == 40  # what the dead worker had reported was taken back


def test_a_task_that_kills_every_worker_is_given_up():
    outcome = dict(run_tasks(die_always, range(4), 2))
    assert isinstance(outcome[1], TaskError)
    assert "signal 9" in str(outcome[1])
    assert [outcome[i] for i in (0, 2, 3)] == [0, 2, 3]


def test_workers_have_one_thread_and_this_process_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set(dict(run_tasks(threads, range(3), 2)).values()) == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_leaving_early_ends_the_workers(tmp_path):
    tasks = [str(tmp_path / str(i)) for i in range(2)]
    running = run_tasks(sleep_long, tasks, 2, lambda amount: None)
    import threading

    # the iterator must be inside its loop when it is closed: an interrupt there is what Ctrl-C does
    timer = threading.Timer(3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(running)
    for task in tasks:
        pid = int(Path(task).read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
