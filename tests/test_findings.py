"""findings/: what each script has to be, and that what they tell of does not reach what this project makes."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dynamics.targets.registry import make_target

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))
PINNED = dict(
    line.split("==")
    for name in ("requirements.txt", "requirements-video.txt")
    for line in (ROOT / name).read_text().splitlines()
    if "==" in line
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_stands_alone_and_leaves_nothing(path):
    """Its own temporary folder, exact versions, those that are used here, and nothing of this project."""
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    for line in ("set -euo pipefail", "home=$(mktemp -d)", "trap 'rm -rf \"$home\"' EXIT", 'cd "$home"'):
        assert f"\n{line}\n" in text
    subprocess.run(["bash", "-n", str(path)], check=True)
    for line in re.findall(r"pip install (.*)", text):
        for package in line.replace("-qq --disable-pip-version-check", "").split():
            name, version = package.split("==")
            assert PINNED[name] == version, f"{path.name}: {package}"
            assert re.search(rf"^# .*{re.escape(version)}", text, re.MULTILINE), "its head says the version"
    modules = {file.stem for file in ROOT.glob("*.py")}
    assert not set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE)) & modules
    assert "assert " in text or "exit 1" in text
    assert max(map(len, text.splitlines())) <= 120


def test_every_finding_has_its_line():
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "findings" / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [path.stem for path in SCRIPTS]


def test_no_module_is_called_what_torch_imports():
    assert not {file.stem for file in ROOT.glob("*.py")} & {"cuda", "autograd"}


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_slopes_far_out_are_right(kind):
    """A checkerboard blurred by σ: beside its edge, at x = 4, the score along x is (4 - x) / σ² but for 1 / (x - 4)."""
    std = 0.02
    away = torch.tensor([1.0, 3.0, 100.0, 1e4], dtype=kind)
    x = torch.stack([4 + away, torch.full_like(away, 3.0)], -1).requires_grad_()
    (slope,) = torch.autograd.grad(make_target("checkerboard", std).log_prob(x).sum(), x)
    away = x[:, 0].detach() - 4
    torch.testing.assert_close(slope[:, 0], -away / std**2 - 1 / away, rtol=1e-3, atol=0)


FILM = """
import sys, numpy as np
from dynamics.pictures.animation.file_formats import open_writer
width, height, count = 322, 242, 6
y, x = np.mgrid[:height, :width]
shades = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[:, None], 3, 1)
with open_writer(sys.argv[1], shades, (width, height), 10) as writer:
    for k in range(count):
        away = (x - width * (0.3 + 0.4 * k / count)) ** 2 + (y - height / 2) ** 2
        frame = 60 - 55 * np.exp(-away / (2 * (width / 8) ** 2))
        frame[::16] = 10
        writer.append(frame.astype(np.uint8))
"""


@pytest.mark.parametrize("suffix", ["mp4", "gif", "apng", "webp"])
def test_bytes_do_not_depend_on_what_the_memory_held(tmp_path, suffix):
    """Where the C library can be told to fill memory that is asked for (glibc)."""
    if suffix == "mp4":
        pytest.importorskip("av")
    hashes = set()
    for filling in ("0", "85", "170", "254"):
        path = tmp_path / f"{filling}.{suffix}"
        changed = {**os.environ, "MALLOC_PERTURB_": filling}
        subprocess.run([sys.executable, "-c", FILM, str(path)], cwd=ROOT, env=changed, check=True)
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(hashes) == 1


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="a system without signal masks")
def test_signals_wait_while_the_first_process_starts():
    code = (
        "import signal, subprocess, sys, multiprocessing\n"
        "from dynamics.base.interrupts import SIGNALS\n"
        "from dynamics.base.workers import _no_interrupt\n"
        "process = multiprocessing.get_context('spawn').Process(target=print, args=('worked',))\n"
        "if __name__ == '__main__':\n"
        "    with _no_interrupt():\n"
        "        process.start()\n"
        "        inside = signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
        "    process.join()\n"
        "    after = signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
        "    sys.exit(not (set(SIGNALS) <= inside and not set(SIGNALS) & after))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "worked\n", "")
