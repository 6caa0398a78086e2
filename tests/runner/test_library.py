"""Used as a library: whatever is set for a whole process is afterwards what it was, after an exception too."""

import contextlib
import csv
import faulthandler
import gc
import locale
import logging
import operator
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest
import torch

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("dynamics", "experiments")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


# --- what belongs to the whole process -------------------------------------------------------------------------------


def state():
    """Name -> what belongs to the process and not to us."""
    rc, handlers = matplotlib.rcParams.copy(), {n: signal.getsignal(n) for n in signal.valid_signals()}
    umask = os.umask(0)
    os.umask(umask)
    try:
        cwd = os.getcwd()
    except FileNotFoundError:
        cwd = None
    values = {
        "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        "numpy's random numbers": pickle.dumps(np.random.get_state()),
        "random": random.getstate(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "denormals flushed": (torch.tensor([1e-40]) * 1).item() == 0,  # a flag of the processor, which has no getter
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "algorithms": (torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()),
        "numpy's errors": np.geterr(),
        "numpy's printing": {name: repr(value) for name, value in np.get_printoptions().items()},
        "rcParams": {name: repr(rc[name]) for name in rc if name != "backend"},
        "backend": matplotlib.get_backend(auto_select=False),
        "figures": sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else [],
        "PIL": (PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "handlers": handlers,
        "blocked signals": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "alarms": (signal.getitimer(signal.ITIMER_REAL), signal.set_wakeup_fd(-1)),
        "environment": dict(os.environ),
        "directory": cwd,
        "umask": umask,
        "module path": list(sys.path),
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook, sys.gettrace()),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "recursion": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
        "csv": csv.field_size_limit(),
        "fault handler": faulthandler.is_enabled(),
        "temporary folder": tempfile.tempdir,
        "threads alive": sorted(thread.name for thread in threading.enumerate()),
    }
    signal.set_wakeup_fd(values["alarms"][1])
    return values


def differences(before, after):
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


@contextlib.contextmanager
def unchanged():
    before = state()
    try:
        yield
    finally:
        after = state()
    # multiprocessing's helper is started once, and for good
    for one in (before, after):
        one["threads alive"] = [name for name in one["threads alive"] if "multiprocessing" not in name]
    assert differences(before, after) == {}


def handled(number, frame):
    """A user's own handler."""


@pytest.fixture
def unusual(tmp_path, monkeypatch):
    """A process in which next to nothing is at its default: what puts defaults back is caught as well."""
    before = state()
    kept = before["torch's random numbers"], before["numpy's random numbers"], before["random"]
    handlers = {n: signal.signal(n, handled) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    threads, errors, flushed = torch.get_num_threads(), np.geterr(), before["denormals flushed"]
    torch.manual_seed(12345)
    np.random.seed(54321)
    random.seed(99)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_flush_denormal(not flushed)
    np.seterr(over="raise", invalid="warn")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("SOMETHING", "else")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(), matplotlib.rc_context({"font.size": 5, "lines.linewidth": 9}):
        warnings.filterwarnings("ignore", message="a filter of the user's")
        umask = os.umask(0o027)
        try:
            yield
        finally:
            os.umask(umask)
            np.seterr(**errors)
            torch.set_flush_denormal(flushed)
            torch.set_num_threads(threads)
            torch.set_default_dtype(before["default dtype"])
            torch.set_rng_state(torch.frombuffer(bytearray(kept[0]), dtype=torch.uint8))
            np.random.set_state(pickle.loads(kept[1]))
            random.setstate(kept[2])
            for number, handler in handlers.items():
                signal.signal(number, handler)


def test_the_witness_sees_every_change(unusual):
    """The test's own test: each of these is told."""
    before = state()
    torch.rand(1)
    np.random.rand()
    random.random()
    os.environ["SOMETHING"] = "changed"
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.umask(0o22)
    warnings.filterwarnings("ignore", message="another")
    matplotlib.rcParams["font.size"] = 6
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(1)
    torch.set_flush_denormal(before["denormals flushed"] is False)
    np.seterr(over="ignore")
    os.chdir("/")
    seen = differences(before, state())
    os.umask(0o27)
    assert {
        "torch's random numbers",
        "numpy's random numbers",
        "random",
        "environment",
        "handlers",
        "umask",
        "warnings",
        "rcParams",
        "default dtype",
        "threads",
        "denormals flushed",
        "numpy's errors",
        "directory",
    } == set(seen)


# --- importing -------------------------------------------------------------------------------------------------------

_IMPORTS = """
import importlib, os, signal, sys
first = dict(os.environ), [signal.getsignal(n) for n in signal.valid_signals()], os.getcwd(), list(sys.path)
streams = sys.stdout, sys.stderr, sys.excepthook
sys.path[:0] = {paths}
import numpy, torch, scipy.special, scipy.spatial, scipy.optimize, scipy.stats, matplotlib.figure, matplotlib.textpath
import matplotlib.backends.backend_agg, PIL.Image, PIL.ImageFile, rich, typer, jinja2, multiprocessing.resource_tracker
import test_library
before = test_library.state()
for name in {modules}:
    importlib.import_module(name)
    found = test_library.differences(before, test_library.state())
    assert not found, (name, found)
assert "matplotlib.pyplot" not in sys.modules  # whose import chooses a backend
from rich.markdown import Markdown
from rich.traceback import install
assert Markdown is not None  # a stand-in in its place would be everybody's
now = dict(os.environ), [signal.getsignal(n) for n in signal.valid_signals()], os.getcwd(), sys.path[2:]
assert now == first and streams == (sys.stdout, sys.stderr, sys.excepthook)
"""


def test_importing_changes_nothing():
    """Every module, one after another, in a process that has none of ours yet."""
    code = _IMPORTS.format(paths=[str(ROOT), str(Path(__file__).parent)], modules=MODULES)
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- training --------------------------------------------------------------------------------------------------------


def small(**how):
    from dynamics.settings.setting import Setting

    return Setting(**{"mode": "gaussian", "hidden": 4, "batch_size": 8, "std": 1.2} | how)


HOW = {  # one for each way of training a stack on a CPU
    "fast": small(),
    "autograd": small(activation="silu"),
    "penalties": small(penalty="r1+spectral", optimizer="rmsprop"),
    "diverges": small(loss="wasserstein", optimizer="sgd", lr=1e4),
    "unrolled": small(update="unrolled", unroll=2),
}


def curves_of(setting, steps):
    """Losses and mean probabilities of one GAN's training, an entry every second step."""
    from dynamics.engine.training import train_stack

    *_, last = train_stack([setting], [0], steps, [steps], log_every=2)
    return last.curves


@pytest.mark.parametrize("how", HOW)
def test_training_changes_nothing_and_hears_nothing(how, unusual):
    """Nor do the process's random numbers, default dtype or threads change what it gives."""
    with unchanged():
        curves = curves_of(HOW[how], 6)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(1)
    np.random.seed(2)
    again = curves_of(HOW[how], 6)
    np.testing.assert_array_equal(curves, again)


class Stumble(Exception):
    """Something in the middle."""


def stumbling(function, after):
    """The function, raising `Stumble` at its call number `after`."""
    calls = iter(range(after))

    def call(*arguments, **named):
        if next(calls, None) is None:
            raise Stumble
        return function(*arguments, **named)

    return call


@pytest.mark.parametrize("how", HOW)
def test_training_that_fails_in_the_middle_changes_nothing(how, unusual, monkeypatch):
    from dynamics.base.curves import Curves

    monkeypatch.setattr(Curves, "add", stumbling(Curves.add, 1))
    with unchanged(), pytest.raises(Stumble):
        curves_of(HOW[how], 90)


@pytest.mark.parametrize("how", HOW)
def test_between_two_snapshots_the_process_is_the_users(how, unusual):
    """Whoever iterates has the process as it was: while a snapshot is looked at, and when no more are asked for."""
    from dynamics.engine.training import train_stack

    with unchanged():
        snapshots = train_stack([HOW[how]], [0], 6, [0, 2, 6])
        for _ in range(2):
            with unchanged():
                next(snapshots)
        snapshots.close()


# --- runs ------------------------------------------------------------------------------------------------------------


def study(**how):
    from dynamics.runner.resolving import resolve
    from dynamics.settings.study import Study

    asked = {"steps": 4, "seeds": 2, "snapshots": 2, "frames": 1, "workers": "1"} | how
    return resolve(Study("n", "q", (small(),), **asked))


def test_a_run_its_pictures_and_its_reports_change_nothing(unusual, tmp_path, monkeypatch):
    from dynamics.settings.look import Look
    from dynamics.workflow import joint_report, redraw, rewrite_report, run

    with unchanged():
        run(study(seeds=1), tmp_path / "run", look=Look(show="d,arrows", size=300))
    with unchanged():
        redraw(tmp_path / "run", {"show": "density", "size": 160}, workers="1")
    with unchanged():
        rewrite_report(tmp_path / "run")
    run(study(seed=2, seeds=1), tmp_path / "other", look=None)
    monkeypatch.setattr("dynamics.workflow.usable_cores", lambda: 1)
    with unchanged():
        joint_report([tmp_path / "run", tmp_path / "other"], tmp_path / "both")


def test_workers_change_nothing(unusual):
    """Nor one that raises, nor an interrupt while they work."""
    from dynamics.base.executors import WorkerProcesses
    from dynamics.base.tasks import TaskError

    with unchanged():
        assert dict(WorkerProcesses(2).run(operator.is_, [1, 2])) == {0: False, 1: False}
    with unchanged():
        failed = dict(WorkerProcesses(2).run(isinstance, [1, 2]))
    assert all(isinstance(outcome, TaskError) for outcome in failed.values())
    with unchanged():
        outcomes = WorkerProcesses(2).run(operator.is_, [1, 2, 3])
        next(outcomes)
        with pytest.raises(KeyboardInterrupt):
            outcomes.throw(KeyboardInterrupt)


def broken(monkeypatch, where):
    """Have a run fail at a place."""
    if where == "training":  # a member's failure would be the run's result
        monkeypatch.setattr("dynamics.base.executors.InThisProcess.run", stumbling(None, 0))
    elif where == "tables":
        monkeypatch.setattr("dynamics.workflow.write_tables", stumbling(None, 0))
    elif where == "drawing":
        monkeypatch.setattr("dynamics.pictures.figure_files.save", stumbling(None, 0))
    elif where == "report":
        monkeypatch.setattr("dynamics.workflow.write_report", stumbling(None, 0))


@pytest.mark.parametrize("where", ["training", "progress", "interrupt", "tables", "drawing", "report"])
def test_a_run_that_fails_changes_nothing(where, unusual, tmp_path, monkeypatch):
    from dynamics.pictures.picture_drawing import DrawingError
    from dynamics.workflow import run

    @contextlib.contextmanager
    def progress(words, total):
        def advance(amount):
            if where == "progress":
                raise Stumble
            if where == "interrupt":
                raise KeyboardInterrupt

        yield advance

    broken(monkeypatch, where)
    look = {"look": None} if where in ("tables", "report") else {}
    expected = {"interrupt": KeyboardInterrupt, "drawing": DrawingError}.get(where, Stumble)
    wanted = study(frames=0)
    if where == "progress":  # the one worker is this process: what its progress raises fails the stack, and is told
        with unchanged():
            results, _ = run(wanted, tmp_path / "run", look=None, progress=progress)
        assert results.failures
        return
    with unchanged(), pytest.raises(expected):
        run(wanted, tmp_path / "run", progress=progress, **look)


def test_what_is_refused_changes_nothing(unusual, tmp_path):
    from dynamics.base.files import FolderInUse, NotARun
    from dynamics.settings.look import Look
    from dynamics.settings.messages import OptionError
    from dynamics.workflow import redraw, run

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with unchanged():
        with pytest.raises(FolderInUse):
            run(study(), tmp_path / "full")
        with pytest.raises(OptionError):
            run(study(), tmp_path / "run", look=Look(member=9))
        with pytest.raises(NotARun):
            redraw(tmp_path / "full")
        with pytest.raises(OptionError):
            study(device="mps" if not torch.backends.mps.is_available() else "cuda")


def test_the_command_line_in_process_changes_nothing(unusual, tmp_path, capsys):
    """`main.main` in somebody's process: handlers and all else are theirs again."""
    from dynamics.cli.app import main

    tiny = ["--mode=gaussian", "--steps=2", "--hidden=4", "--batch-size=8", "--snapshots=1", "--no-figures"]
    with unchanged():
        assert main([*tiny, "--workers=1", "--out", str(tmp_path / "run")]) == 0
    with unchanged():
        assert main(["--mode=nonsense"]) == 2
    with unchanged():
        assert main(["report", str(tmp_path / "nowhere")]) == 2


def test_a_run_in_a_thread_of_its_own(tmp_path):
    """Signals are a main thread's alone: elsewhere a run does without."""
    from dynamics.workflow import run

    failures = []

    def work():
        try:
            run(study(frames=0), tmp_path / "run", look=None)
        except BaseException as error:
            failures.append(error)

    with unchanged():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert failures == []
    assert (tmp_path / "run" / "summary.csv").is_file()
