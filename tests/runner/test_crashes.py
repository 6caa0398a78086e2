"""Runs that are killed, stopped, or out of room: what is on disk stays whole, and `resume` comes to the same files."""

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dynamics.base import files, interrupts
from dynamics.base.executors import InThisProcess
from dynamics.cli.app import main
from dynamics.pictures.animation import animated_settings
from dynamics.runner import running as study
from dynamics.runner import tasks
from dynamics.store import checkpoints

ROOT = Path(__file__).parents[2]
CRASHES = int(os.environ.get("CRASHES", "2"))
# two settings of different structure: two stacks; two frames more than the first
ASKED = ["--mode=mixture_4", "--d-steps=1,2", "--seeds=2", "--steps=40", "--snapshots=4", "--frames=2"]
ASKED += ["--hidden=8", "--batch-size=8", "--checkpoint=1e-9", "--weights=all"]
SAME = ["summary.csv", "events.csv", "history.npz", "frames.npz", "weights.npz"]
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")
train_stack, train_task, write = tasks.train_stack, tasks.train_task, checkpoints.write


def carry_out(*arguments):
    return main([str(argument) for argument in arguments])


def manifest(run):
    return json.loads((run / "run.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def names(run):
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def same(run, whole, drawn=True):
    """Everything that was measured and drawn is the same, byte for byte, and nothing else is there."""
    wanted = [name for name in names(whole) if drawn or name.endswith((".csv", ".npz"))]
    assert [name for name in names(run) if drawn or name in wanted] == wanted
    for name in wanted:
        # curves show seconds too
        if name in SAME or (name.endswith((".png", ".gif")) and "curves" not in name):
            assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    return True


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing happens to."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert carry_out(*ASKED, "--workers=1", "--out", run, "--quiet") == 0
    assert manifest(run)["status"] == "done"
    assert not (run / "checkpoints").exists()
    return run


@pytest.fixture
def begin(tmp_path, capsys):
    """Begin the same run with something that happens to it; returns (run, exit status, what was said)."""

    def carry(*more):
        run = tmp_path / "run"
        workers = [] if any(word.startswith("--workers") for word in more) else ["--workers=1"]
        status = carry_out(*ASKED, *workers, "--out", run, "--quiet", *more)
        return run, status, capsys.readouterr().err

    return carry


def halves(run):
    return [path for path in run.rglob("*") if ".part" in path.name]


# --- signals ---------------------------------------------------------------------------------------------------------


class At:
    """`happens` at the call with this number, before what is called."""

    def __init__(self, call, happens, then):
        self.left, self.happens, self.then = call, happens, then

    def __call__(self, *arguments, **more):
        self.left -= 1
        if self.left == 0:
            self.happens()
        return self.then(*arguments, **more)


@posix
@pytest.mark.parametrize(("number", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
@pytest.mark.parametrize("call", [1, 2, 5])
def test_a_signal_while_a_checkpoint_is_written(number, status, word, call, begin, whole, monkeypatch, capsys):
    """It is written to its end; one more is when training has been asked to stop."""
    before = [signal.getsignal(n) for n in interrupts.SIGNALS]
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", At(3 + call, lambda: signal.raise_signal(getattr(signal, number)), os.fsync))
        run, ended, message = begin("--no-figures")
    assert (ended, message) == (status, f"error: {word}; to go on: python main.py resume {run}\n")
    assert manifest(run)["status"] == "interrupted"
    assert not halves(run)
    saved = sorted((run / "checkpoints").iterdir())
    assert saved
    for path in saved:
        checkpoints.read(path)
    assert carry_out("resume", run, "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert same(run, whole, drawn=False)
    assert manifest(run)["status"] == "done"
    assert len(manifest(run)["resumed"]) == 1
    assert [signal.getsignal(n) for n in interrupts.SIGNALS] == before


@posix
def test_what_began_with_another_run_goes_on_without_it(whole, tmp_path, monkeypatch):
    other, run, again = tmp_path / "other", tmp_path / "run", tmp_path / "again"
    shutil.copytree(whole, other)
    asked = [
        *(word for word in ASKED[:6] if not word.startswith("--d-steps")),
        "--hidden=8",
        "--batch-size=8",
        "--d-steps=1",
        "--no-figures",
        "--workers=1",
        "--quiet",
    ]
    asked += ["--train=g", "--from", other, "--checkpoint=1e-9"]
    assert carry_out(*asked, "--out", run) == 0
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", At(6, lambda: signal.raise_signal(signal.SIGINT), os.fsync))
        assert carry_out(*asked, "--out", again) == 130
    shutil.rmtree(other)
    assert carry_out("resume", again, "--quiet") == 0
    assert same(again, run)
    (run / "beginnings.npz").unlink()
    (run / "run.json").write_text(json.dumps(manifest(run) | {"status": "running"}), encoding="utf-8")
    assert carry_out("resume", run, "--quiet") == 2  # a folder's word alone leads nowhere else


@posix
def test_a_second_signal_does_not_wait(begin, whole, monkeypatch):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one waits")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", At(6, twice, os.fsync))
        run, ended, message = begin("--no-figures")
    assert (ended, message) == (130, f"error: interrupted; to go on: python main.py resume {run}\n")
    assert not halves(run)
    assert carry_out("resume", run, "--quiet") == 0
    assert same(run, whole, drawn=False)


@posix
@pytest.mark.parametrize("call", [1, 2])
def test_a_signal_while_a_gif_is_written(call, begin, whole, monkeypatch):
    animate = animated_settings.animate
    replace = os.replace
    seen = []

    def happens(temporary, path):
        if str(path).endswith(".gif"):
            seen.append(path)
            if len(seen) == call:
                signal.raise_signal(signal.SIGINT)
        replace(temporary, path)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", happens)
        run, ended, message = begin()
    assert animated_settings.animate is animate
    assert (ended, message) == (130, f"error: interrupted; to go on: python main.py resume {run}\n")
    assert not halves(run)
    assert not seen[-1].exists()
    given = {}

    class Watched(InThisProcess):
        def run(self, work, tasks, progress):
            given[work] = tasks
            return super().run(work, tasks, progress)

    with monkeypatch.context() as patch:
        patch.setattr("dynamics.workflow.choose", lambda workers: Watched())
        assert carry_out("resume", run, "--quiet") == 0
    assert given.pop(train_task) == []  # nothing was trained again
    assert all(given.values())  # and it was drawn
    assert same(run, whole)


def deferring(work):
    with interrupts.deferred():
        work()


@posix
def test_work_that_does_not_look_is_interrupted_all_the_same(monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE", 0.3)
    began = time.monotonic()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(interrupts.Stopped) as stopped:
        deferring(lambda: time.sleep(20))
    assert time.monotonic() - began < 10
    assert stopped.value.number == signal.SIGTERM
    assert not interrupts.stopping()


@posix
def test_what_waits_is_raised_when_the_block_ends():
    seen = []
    with pytest.raises(interrupts.Stopped):
        deferring(lambda: (signal.raise_signal(signal.SIGINT), seen.append(interrupts.stopping())))
    assert seen == [True]
    assert not interrupts.stopping()
    with interrupts.deferred():
        assert not interrupts.stopping()


# --- killed ----------------------------------------------------------------------------------------------------------


def start(*arguments, cwd):
    command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def steps_saved(run):
    """Generator steps in the newest checkpoint of each stack."""
    newest = {}
    for path in sorted((run / "checkpoints").glob("*.npz")):
        task, _, word = path.stem.partition("-")
        newest[task] = 10**9 if word == "done" else int(word)
    return newest


@posix
@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_the_same(tmp_path):
    """`kill -9` at random moments, the program alone or with its workers, and resumed each time."""
    asked = ["--mode=mixture_4", "--d-steps=1,2", "--loss=nonsaturating,relativistic", "--seeds=2", "--snapshots=4"]
    asked += [
        f"--steps={200 * CRASHES}",
        "--frames=2",
        "--hidden=16",
        "--batch-size=32",
        "--workers=2",
        "--checkpoint=0.2",
    ]
    asked += ["--no-figures", "--quiet"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    began = time.monotonic()
    done = start(*asked, "--out", whole, cwd=tmp_path)
    while not (whole / "run.json").exists():
        assert done.poll() is None
        time.sleep(0.05)
    imports = time.monotonic() - began  # and as long again until its workers have begun
    done.communicate(timeout=300)
    assert done.returncode == 0
    rng = random.Random(CRASHES)
    killed, saved = 0, {}
    while True:
        asks = ["resume", run, "--quiet"] if (run / "run.json").exists() else [*asked, "--out", run]
        process = start(*asks, cwd=tmp_path)
        try:
            process.wait(rng.uniform(0.5, 4) * imports if killed < CRASHES else 300)
        except subprocess.TimeoutExpired:
            (os.killpg if rng.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            if (run / "run.json").exists() and manifest(run)["status"] == "done":  # there is nothing left to save
                continue
            now = steps_saved(run)
            assert all(now.get(task, 0) >= steps for task, steps in saved.items())  # it never falls back
            saved = now
            continue
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        break
    assert same(run, whole, drawn=False)
    assert not (run / "checkpoints").exists()


# --- workers ---------------------------------------------------------------------------------------------------------


def of_two_d_steps(stack):
    return stack.settings[0].d_steps == 2


def deadly(stack, report):
    """Training that kills every worker which meets one setting."""
    if of_two_d_steps(stack):
        os.kill(os.getpid(), signal.SIGKILL)
    return train_task(stack, report)


def raising(*arguments, **more):
    if arguments[0][0].d_steps == 2:
        raise RuntimeError("out of luck")
    return train_stack(*arguments, **more)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("how", ["kills", "raises"])
def test_what_fails_costs_itself_alone_and_resume_repeats_it_alone(how, begin, whole, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        if how == "kills":
            patch.setattr(study, "train_task", deadly)
            run, ended, message = begin("--workers=2")
        else:
            patch.setattr(tasks, "train_stack", raising)
            run, ended, message = begin()
    reason = "signal 9" if how == "kills" else "RuntimeError: out of luck"
    assert ended == 1
    assert message.startswith("error: 2 GANs failed: ")
    assert message.endswith(f"; to try again: python main.py resume {run}\n")
    assert manifest(run)["status"] == "failed"
    failures = manifest(run)["failures"]
    assert [m for failure in failures for m in failure["members"]] == [2, 3]
    assert all(reason in failure["error"] for failure in failures)
    table = (run / "summary.csv").read_text().splitlines()
    assert [",failed," in row for row in table[1:]] == [False, False, True, True]
    assert "failed" in (run / "report.html").read_text()
    trained = []
    with monkeypatch.context() as patch:
        patch.setattr(study, "train_task", lambda stack, report: trained.append(stack) or train_task(stack, report))
        patch.setattr("dynamics.workflow.choose", lambda workers: InThisProcess())
        assert carry_out("resume", run, "--quiet") == 0
    assert sorted(m for stack in trained for m in stack.members) == [2, 3]
    assert manifest(run)["status"] == "done"
    assert manifest(run)["failures"] == []
    assert same(run, whole)
    capsys.readouterr()


# --- no room ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def limited_to(monkeypatch):
    """A context in which no file of such a name can grow past 100 bytes."""

    @contextlib.contextmanager
    def context(suffix):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        atomic = files.atomic

        @contextlib.contextmanager
        def limited(path):
            with atomic(path) as temporary:
                if str(path).endswith(suffix):
                    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
                try:
                    yield temporary
                finally:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        with monkeypatch.context() as patch:
            for module in [module for module in sys.modules.values() if getattr(module, "atomic", None) is atomic]:
                patch.setattr(module, "atomic", limited)
            yield

    return context


@posix
@pytest.mark.parametrize(
    "suffix", [".npz", "summary.csv", "history.npz", "losses.png", "density.gif", "report.html", "run.json"]
)
def test_a_full_disk_leaves_the_last_good_version_and_names_the_file(suffix, begin, whole, limited_to):
    """While files of one name are written, none can grow past 100 bytes: a disk that is full when their turn comes."""
    with limited_to(suffix):
        run, ended, message = begin()
    assert ended == 1
    assert message.startswith("error: ")
    assert len(message.splitlines()) == 1
    assert f"{suffix}: File too large" in message
    assert not halves(run)
    if suffix == "run.json":
        assert names(run) == []
        return
    assert message.endswith(f"; to go on: python main.py resume {run}\n")
    manifest(run)
    assert carry_out("resume", run, "--quiet") == 0
    assert same(run, whole)


# --- two at once, and what is refused --------------------------------------------------------------------------------


def hold(folder, ready, end):
    with files.held(folder):
        ready.set()
        end.wait(60)


def test_a_second_process_is_refused_and_told_who_is_there(whole, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=hold, args=(run, ready, end))
    process.start()
    assert ready.wait(60)
    for command in (["resume", run], ["render", run], ["report", run], [*ASKED, "--out", run, "--force"]):
        assert carry_out(*command) == 2
        assert f"in use by process {process.pid} on " in capsys.readouterr().err
    assert names(run) == sorted([*names(whole), ".lock"])
    process.kill()  # and no chance to clear up
    process.join()
    assert (run / ".lock").exists()
    assert carry_out("report", run) == 0
    assert names(run) == names(whole)


@posix
def test_a_full_disk_spares_the_pictures_that_there_are(whole, tmp_path, limited_to, capsys):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = {name: (run / name).read_bytes() for name in names(run)}
    with limited_to("density.gif"):
        assert carry_out("render", run, "--layers=map", "--workers=1", "--quiet") == 1
    message = capsys.readouterr().err
    assert "density.gif: File too large" in message
    assert len(message.splitlines()) == 1
    assert names(run) == sorted(before)
    for name in before:
        assert not name.endswith("density.gif") or (run / name).read_bytes() == before[name]


def test_a_finished_run_is_not_done_again(whole, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    monkeypatch.setattr("dynamics.workflow.run_study", None)
    assert carry_out("resume", run) == 0
    assert "report.html" in capsys.readouterr().out
    assert (run / "run.json").read_bytes() == (whole / "run.json").read_bytes()


def test_other_circumstances_are_refused_with_what_differs(begin, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("dynamics.workflow.render", lambda *arguments: signal.raise_signal(signal.SIGINT))
        run, ended, _ = begin()
    assert ended == 130
    facts = manifest(run)
    for name, value in (("threads", 4), ("torch", "1.13.0"), ("format", 0)):
        changed = facts | {"circumstances": facts["circumstances"] | {name: value}}
        (run / "run.json").write_text(json.dumps(changed), encoding="utf-8")
        assert carry_out("resume", run) == 2
        message = capsys.readouterr().err
        assert f"circumstances.{name} is {json.dumps(value)} there, " in message
    (run / "run.json").write_text(json.dumps(facts | {"format": 99}), encoding="utf-8")
    assert carry_out("resume", run) == 2
    assert "format 99" in capsys.readouterr().err
    facts["study"]["seed"] = 5  # the checkpoints are of other members
    (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    assert carry_out("resume", run) == 2
    assert "seeds[0] is 0 there, 5 here" in capsys.readouterr().err


def test_force_clears_what_a_killed_run_left(begin, whole, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "notes.txt").write_text("mine")
    record = manifest(run)
    (run / "run.json").write_text(json.dumps({**record, "status": "running"}), encoding="utf-8")
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "0000-0000000032.npz").write_bytes(b"half")
    assert carry_out("--mode=gaussian", "--steps=2", "--no-figures", "--hidden=4", "--force", "--out", run) == 0
    assert "notes.txt" in names(run)
    assert not [name for name in names(run) if name.endswith((".png", ".gif")) or "checkpoints" in name]
