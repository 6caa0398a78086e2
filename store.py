"""The run folder: where a run's files are put, each whole or not at all, and read back.

It knows of tables, arrays and JSON, not of GANs. Arrays are written without time stamps, so equal contents give equal
bytes.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from files import FolderInUse, NotARun, atomic

MANIFEST = "run.json"
_HALF = re.compile(r"\..+-[0-9a-f]{8}\.part(\.\w+)?")  # the temporary names of files.atomic


class RunFolder:
    """A folder of a run. Raises ``OSError`` where the file system does."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.foreign: frozenset[str] = frozenset()  # files beside the run's own

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, force: bool = False) -> RunFolder:
        """Make a folder for a new run. Raises `FolderInUse` for a file, or, without `force`, a folder with contents.

        With `force`, what an earlier run there lists as its own is removed, nothing else.
        """
        folder = cls(path)
        folder.check_free(force=force)
        folder.path.mkdir(parents=True, exist_ok=True)
        if force:
            folder._clear()
        folder.foreign = frozenset(folder.files())
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """The folder of a run that is there. Raises `NotARun` where none is."""
        folder = cls(path)
        folder.foreign = frozenset(folder.files()) - set(folder._listed(folder.read_json(MANIFEST)))
        return folder

    def check_free(self, *, force: bool = False) -> None:
        """Raise `FolderInUse` where `create` would, changing nothing."""
        if self.path.is_dir():
            if not force and any(self.path.iterdir()):
                raise FolderInUse(f"{self.path}: the folder is not empty; choose another, or replace it with --force")
        elif self.path.exists() or self.path.is_symlink():
            raise FolderInUse(f"{self.path}: is not a folder; choose another")

    def _clear(self) -> None:
        try:
            listed = self._listed(self.read_json(MANIFEST))
        except NotARun:
            return
        home = self.path.resolve()
        for name in (*listed, MANIFEST):
            path = self.path / name
            if path.resolve().is_relative_to(home) and path.is_file() and not path.is_symlink():
                path.unlink()
                if path.parent != self.path and not any(path.parent.iterdir()):
                    path.parent.rmdir()

    @staticmethod
    def _listed(manifest: Any) -> list[str]:
        """The files that a run.json, whoever wrote it, calls its run's own."""
        names = manifest.get("files") if isinstance(manifest, dict) else None
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def sweep(self) -> None:
        """Remove what writers left half done when they were killed."""
        for path in self.path.rglob(".*.part*"):
            if _HALF.fullmatch(path.name) and path.is_file():
                path.unlink()

    def made(self) -> list[str]:
        """The run's own files: `files` without what somebody else put there, which is not for a run to remove."""
        return [name for name in self.files() if name not in self.foreign]

    def files(self) -> list[str]:
        """Everything the folder holds, relative, sorted, with forward slashes."""
        found = (p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())
        return sorted(name for name in found if name != MANIFEST)

    # --- writing -----------------------------------------------------------------------------------------------------

    def write_text(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")

    def write_json(self, name: str, value: Any) -> None:
        """Strict JSON: a number that is not finite becomes null."""
        self.write_text(name, json.dumps(strict(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def write_csv(self, name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
        """A table with these columns, or the first row's keys; None and NaN are empty cells."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns or rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: cell(value) for key, value in row.items()} for row in rows)
        self.write_text(name, text.getvalue())

    def write_npz(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        with atomic(self.path / name) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read_json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise NotARun(f"{self.path}: no run, there is no {name}") from None
        except ValueError as error:
            raise NotARun(f"{self.path / name}: {error}") from None

    def read_csv(self, name: str) -> list[dict[str, str]]:
        try:
            return list(csv.DictReader(io.StringIO((self.path / name).read_text(encoding="utf-8"))))
        except FileNotFoundError:
            raise NotARun(f"{self.path}: the run has no {name}; did it finish?") from None

    def read_npz(self, name: str) -> dict[str, np.ndarray]:
        try:
            # opened here: np.load leaves a file that it cannot read open
            with open(self.path / name, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except FileNotFoundError:
            raise NotARun(f"{self.path}: the run has no {name}; did it finish?") from None
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise NotARun(f"{self.path / name}: {error}") from None


def strict(value: Any) -> Any:
    """The value with None for every number that JSON has no word for, and numpy's scalars as Python's."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cell(value: Any) -> str:
    """A table cell: floats in their shortest exact form, nothing for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)
