"""Checkpoints: files from which what was training goes on, and which are never taken for sound when they are not.

A checkpoint is arrays by name in a `.npz` that anything reads, stored as they are, closed by the SHA-256 of all that
comes before it: one flipped bit, and it is refused. Nothing in it can be executed, and nothing is allocated on the word
of the file alone (`safe_arrays.read_arrays`). Beside the arrays it says what it is of. The last two of a task are kept;
when the task ends, what it came to takes their place.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.base.files import NotARun, atomic
from dynamics.store.safe_arrays import read_arrays

FOLDER = "checkpoints"  # of a run folder
DONE = "done"
KEPT = 2
SHARE = 0.02  # of the time, which saving may take at most
_ABOUT = "about"
_DIGEST = 64  # characters, at the end of the file: the comment of the zip archive
_NAME = re.compile(r"(\d{4,})-(\d{10}|done)\.npz")

Arrays = Mapping[str, np.ndarray]


def write(path: Path, arrays: Arrays, about: str) -> None:
    """Put arrays and what they are of into a file, whole or not at all. Raises ``OSError``."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays, **{_ABOUT: np.frombuffer(about.encode(), np.uint8)})
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * _DIGEST
    view = buffer.getbuffer()
    digest = hashlib.sha256(view[:-_DIGEST]).hexdigest().encode()
    with atomic(path) as temporary, open(temporary, "wb") as file:
        file.write(view[:-_DIGEST])
        file.write(digest)


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of a checkpoint and what they are of. Raises ``ValueError`` for one that is not sound."""
    if path.is_symlink() or not path.is_file():
        raise ValueError("not a file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    if hashlib.sha256(memoryview(data)[:-_DIGEST]).hexdigest().encode() != data[-_DIGEST:]:
        raise ValueError("damaged: its checksum is another")
    arrays = read_arrays(io.BytesIO(data), limit=len(data), stored=True)
    about = arrays.pop(_ABOUT, None)
    if about is None or about.dtype != np.uint8 or about.ndim != 1:
        raise ValueError("it does not say what it is of")
    return arrays, about.tobytes().decode()


@dataclass(frozen=True)
class CheckpointPlace:
    """Where a task's checkpoints are put, how often, and what they say that they are of."""

    folder: Path
    task: int
    every: float  # seconds; 0: only when asked to stop
    about: str  # JSON
    start: Path | None = None  # the one to go on from

    def path(self, moment: int | str) -> Path:
        """Of the checkpoint after so many steps, or of what the task came to."""
        word = f"{moment:010}" if isinstance(moment, int) else moment
        return self.folder / f"{self.task:04}-{word}.npz"

    def files(self) -> list[Path]:
        """The task's files that there are, the newest first."""
        checkpoints = {path: match for path in _listed(self.folder) if (match := _NAME.fullmatch(path.name))}
        mine = [path for path, match in checkpoints.items() if int(match[1]) == self.task]
        return sorted(mine, key=lambda path: path.name, reverse=True)  # "done" is after all digits


class Saver:
    """A task's own hand: when it is time to save, and saving."""

    def __init__(self, place: CheckpointPlace, clock: Callable[[], float] = time.monotonic) -> None:
        self.place, self.clock = place, clock
        self.last, self.cost = clock(), 0.0  # of the last one: when it was made, and seconds that it took

    def due(self) -> bool:
        """Whether the interval is over; it is longer where a checkpoint takes long."""
        every = self.place.every
        return every > 0 and self.clock() - self.last >= max(every, self.cost / SHARE)

    def save(self, moment: int | str, arrays: Arrays) -> None:
        """Write the checkpoint after `moment` steps, or of the end, and remove those that it makes superfluous."""
        started = self.clock()
        path = self.place.path(moment)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, arrays, self.place.about)
        others = [file for file in self.place.files() if file != path and file.is_file()]
        for old in others[0 if moment == DONE else KEPT - 1 :]:
            old.unlink(missing_ok=True)
        self.last = self.clock()
        self.cost = self.last - started


def _read_stated(path: Path) -> tuple[dict[str, np.ndarray], str, dict[str, Any]]:
    """A checkpoint's arrays, and what it says that it is of, as it stands there and read. Raises ``ValueError``."""
    arrays, about = read(path)
    stated = json.loads(about)
    if not isinstance(stated, dict):
        raise ValueError("it does not say what it is of")
    return arrays, about, stated


def newest(
    place: CheckpointPlace, check: Callable[[Arrays, bool], None], tell: Callable[[str], None]
) -> tuple[Path | None, dict[str, np.ndarray]]:
    """The newest sound checkpoint of a task and its arrays; (None, {}) where there is none.

    `check` raises ``ValueError`` for arrays that are not what it should hold, given whether they are the end's. Unsound
    ones are told of. Raises `NotARun` for one of something else, saying what differs.
    """
    unsound = 0
    for path in place.files():
        try:
            arrays, about, stated = _read_stated(path)
            if about == place.about:
                check(arrays, path == place.path(DONE))
        except (ValueError, RecursionError) as error:
            tell(f"{path}: not used, {error}")
            unsound += 1
            continue
        if about != place.about:
            different = "; ".join(differences(stated, json.loads(place.about))[:5])
            raise NotARun(f"{path}: is of something else: {different or 'written otherwise'}")
        if unsound:
            tell(f"{path}: used instead")
        return path, arrays
    if unsound:
        tell(f"{place.folder}: no sound checkpoint of task {place.task}, which begins anew")
    return None, {}


def each_newest(
    folder: Path, take: Callable[[Path, Arrays, Mapping[str, Any], bool], None], tell: Callable[[str], None]
) -> None:
    """Give the newest sound checkpoint of every task in a folder to `take`, whoever wrote it.

    `take` gets its path, its arrays, what it says that it is of, and whether it is a task's end. It raises
    ``ValueError`` for what is not sound, which is told of and not used. Reading changes nothing.
    """
    for task in sorted({int(match[1]) for path in _listed(folder) if (match := _NAME.fullmatch(path.name))}):
        place = CheckpointPlace(folder, task, 0, "")
        for path in place.files():
            try:
                arrays, _, stated = _read_stated(path)
                take(path, arrays, stated, path == place.path(DONE))
            except (ValueError, RecursionError) as error:
                tell(f"{path}: not used, {error}")
                continue
            break


def differences(stored: Any, wanted: Any, where: str = "") -> list[str]:
    """In words, what differs between two values of JSON: 'settings[0].lr is 0.1, not 0.2'."""
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        names = [*wanted, *(name for name in stored if name not in wanted)]
        pairs = [(f"{where}.{name}".lstrip("."), stored.get(name), wanted.get(name)) for name in names]
    elif isinstance(stored, list) and isinstance(wanted, list) and len(stored) == len(wanted):
        pairs = [(f"{where}[{i}]", *pair) for i, pair in enumerate(zip(stored, wanted, strict=True))]
    else:
        return [] if stored == wanted else [f"{where} is {_cut(stored)} there, {_cut(wanted)} here"]
    return [line for name, a, b in pairs for line in differences(a, b, name)]


def _cut(value: Any) -> str:
    words = json.dumps(value)
    return words if len(words) < 60 else f"{words[:57]}…"


def remove(folder: Path) -> None:
    """Remove every checkpoint in a folder, and it too if nothing else is there."""
    for path in _listed(folder):
        if _NAME.fullmatch(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _listed(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from folder.iterdir()
