"""Long trainings keep to their memory and their files: what a step takes, it gives back.

100 000 steps may take 50 MB more than the first 10 000 did, 556 bytes a step. Here fewer steps are held to the same;
LONG=100000 in the environment makes it as many.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = int(os.environ.get("LONG", "500"))
ALLOWED = 50e6 / 90_000  # bytes a step
NOISE = 1e6  # bytes that the allocator may take at any count; measured: less than 5e4
LIMIT = 0.9 * ALLOWED * STEPS + NOISE
LOOKS = 10  # at the process, evenly over the steps; the first is the end of warming up

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")

# what is run in a process of its own: prints [bytes, open files] at each look, by way of training
CODE = """
import gc, json, os, sys, tempfile
from pathlib import Path
sys.path.insert(0, {root!r})
import torch
torch.set_num_threads(1)
from dynamics.base.curves import Curves
from dynamics.workflow import run
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.runner.resolving import resolve
from dynamics.engine.training import train_stack

steps, looks = {steps}, {looks}
tiny = {{"mode": "gaussian", "std": 1.2, "hidden": 2, "batch_size": 2, "d_steps": 1}}
page = os.sysconf("SC_PAGE_SIZE")

def look():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * page, len(os.listdir("/proc/self/fd"))

def stack(fast):
    at = [steps * k // looks for k in range(1, looks + 1)]
    return [look() for _ in train_stack([Setting(**tiny)], [0], steps, at, log_every=steps // 10, fast=fast)]

def whole():
    from contextlib import contextmanager
    found, done = [], 0

    @contextmanager
    def progress(words, total):
        def advance(amount):
            nonlocal done
            done += amount
            if done >= steps * (len(found) + 1) / looks:
                found.append(look())
        yield advance

    how = {{"snapshots": looks, "frames": looks, "workers": "1", "checkpoint": 0.0}}
    study = Study("n", "q", (Setting(**tiny),), steps=steps, seeds=1, **how)
    with tempfile.TemporaryDirectory() as folder:
        run(resolve(study), Path(folder) / "run", look=None, progress=progress)
    return found

def leaking():
    keep, add = [], Curves.add
    def hoarding(self, step, values, members=slice(None)):
        keep.append(bytes(9000 * values.shape[2]))
        add(self, step, values, members)
    Curves.add = hoarding
    try:
        return stack(True)
    finally:
        Curves.add = add

ways = {{"fast": lambda: stack(True), "autograd": lambda: stack(False), "run": whole, "leaking": leaking}}
print(json.dumps({{way: ways[way]() for way in {ways}}}))
"""
WAYS = ("fast", "autograd", "run")
ORDER = ("fast", "autograd", "leaking", "run")  # from small to large: what one frees would hide the next one's growth


@pytest.fixture(scope="module")
def looked():
    """Way of training -> (bytes, open files) at each look."""
    code = CODE.format(root=str(ROOT), steps=STEPS, looks=LOOKS, ways=list(ORDER))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def growth(looks):
    """Bytes that a process has grown by from the first look to the last."""
    assert len(looks) == LOOKS
    return looks[-1][0] - looks[0][0]


@linux
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_memory_does_not_grow_with_the_steps(way, looked):
    assert growth(looked[way]) < LIMIT


@linux
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_no_file_is_left_open(way, looked):
    assert len({files for _, files in looked[way]}) == 1


@linux
@pytest.mark.slow
def test_a_leak_would_be_seen(looked):
    """The test's own test: a training that keeps 9000 bytes a step for ever is over the limit."""
    assert growth(looked["leaking"]) > LIMIT
