"""Whether two trees of this project compute the same numbers, pictures and words: small runs of both, byte for byte.

    python benchmarks/equal_runs.py OTHER_TREE [OWN_TREE]     # without OWN_TREE: the one that this file is in

For a change that is to change nothing, such as a move of code: run it against a checkout of before. Every file that a
run leaves is compared by its SHA-256: tables and words as they are, archives array by array, pictures and animations as
files. What is measured in seconds is left out: it differs between two runs of one tree, which this also can be given.
Prints a line for each file that differs or is missing, and exits with 1 if there is any.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

TINY = ["--seeds=2", "--hidden=8", "--batch-size=16", "--frames=3", "--snapshots=3", "--workers=1", "--quiet"]
RUNS = {
    "assignment": ["study", "homework", "--steps", "60", *TINY],
    "general path": [
        *["--mode", "mixture_4,spiral", "--penalty", "gp,spectral:2+instance_noise", "--update", "lookahead"],
        *["--ema", "0.9", "--scores", "all", "--steps", "40", *TINY],
    ],
    "a step each": ["--update", "extragradient,optimistic,unrolled", "--d-steps", "1", "--steps", "30", *TINY],
    "own points": ["--mode", "points.csv", "--steps", "40", *TINY],
    "wasserstein": ["study", "wasserstein", "--steps", "20", *TINY],
    "resumed": ["--penalty", "r1", "--steps", "1500", "--checkpoint", "0.1", *TINY],  # see `_interrupted`
}
SECONDS_IN_RUN = ("started", "resumed", "seconds", "seconds_per_gan")
MEASURED = re.compile(rb"training [\d.]+ s, all [\d.]+ s|data:image/[a-z]+;base64,[^\"')]*")


def compared(tree: Path, other: Path) -> list[str]:
    """What differs between the runs of two trees, in words; an empty list where nothing does."""
    unequal = []
    for name in RUNS:
        with tempfile.TemporaryDirectory() as place:
            ours, theirs = (_sums(_run(name, t, Path(place) / side)) for t, side in ((tree, "a"), (other, "b")))
        for path in sorted(ours.keys() | theirs.keys()):
            if ours.get(path) != theirs.get(path):
                kind = "differs" if path in ours and path in theirs else "is in one alone"
                unequal.append(f"{name}: {path} {kind}")
        print(f"{name}: {len(ours)} parts of files compared", file=sys.stderr)
    return unequal


def _run(name: str, tree: Path, home: Path) -> Path:
    """The folder of a finished run of one tree."""
    home.mkdir()
    points = np.random.default_rng(0).normal((30, 60), (5, 9), (400, 2))
    np.savetxt(home / "points.csv", points, delimiter=",", header="x,y", comments="")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(tree / "main.py"), *RUNS[name], "--out", "run"]
    if name == "resumed":
        _interrupted(command, home, environment)
        command = [sys.executable, str(tree / "main.py"), "resume", "run", "--quiet"]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}, {tree}: exit status {done.returncode}: {done.stderr.strip()[-500:]}")
    return home / "run"


def _interrupted(command: list[str], home: Path, environment: dict[str, str]) -> None:
    """Start a run, and end it as Ctrl-C does once there is a checkpoint."""
    with subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        deadline = time.monotonic() + 600
        while running.poll() is None and time.monotonic() < deadline:
            if any((home / "run" / "checkpoints").glob("*.npz")):
                running.send_signal(signal.SIGINT)
                break
            time.sleep(0.02)
        if running.wait(600) != 130:
            raise RuntimeError(f"the run to be resumed ended with {running.returncode}, not with 130")


def _sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every part of a run's files, by name; of what was measured in seconds, none."""
    hashes: dict[str, str] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if path.name.startswith("curves-"):
            continue  # one of its axes is seconds
        for part, data in READERS.get(path.suffix, _whole)(path).items():
            hashes[f"{name} {part}".strip()] = hashlib.sha256(data).hexdigest()
    return hashes


def _whole(path: Path) -> dict[str, bytes]:
    return {"": path.read_bytes()}


def _arrays(path: Path) -> dict[str, bytes]:
    with np.load(path) as archive:
        return {
            n: repr((archive[n].dtype.str, archive[n].shape)).encode() + archive[n].tobytes() for n in archive.files
        }


def _words(path: Path) -> dict[str, bytes]:
    return {"": MEASURED.sub(b"", path.read_bytes())}


def _record(path: Path) -> dict[str, bytes]:
    """run.json's entries."""
    entries = json.loads(path.read_bytes())
    return {key: json.dumps(value).encode() for key, value in entries.items() if key not in SECONDS_IN_RUN}


READERS: dict[str, Callable[[Path], dict[str, bytes]]] = {
    ".npz": _arrays,
    ".json": _record,
    ".md": _words,
    ".html": _words,
}


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    ours = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent.parent
    unequal = compared(ours.resolve(), Path(sys.argv[1]).resolve())
    for line in unequal:
        print(line)
    raise SystemExit(1 if unequal else 0)


if __name__ == "__main__":
    main()
