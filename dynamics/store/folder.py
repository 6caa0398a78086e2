"""The run folder: where a run's files are put, each whole or not at all, and read back.

It knows of tables, arrays and JSON, not of GANs. Arrays are written without time stamps, so equal contents give equal
bytes.

A folder may come from anywhere, so nothing in it is trusted: no name and no link leads out of it, sizes are bounded
before anything is read, arrays are checked before anything is allocated, and nothing can be executed (`read_arrays`).
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.base.files import LOCK, FolderInUse, NotARun, atomic
from dynamics.store.foreign_text import is_inside, printable, reason
from dynamics.store.json_values import MOST_VALUES, check_json, refuse_constant, strict
from dynamics.store.safe_arrays import read_arrays
from dynamics.store.table_cells import cell, text_of

MANIFEST = "run.json"
MOST_JSON = 2**24  # bytes: of a run of some 7000 settings
MOST_TABLE = 2**28  # bytes: of some 400 000 members
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
            folder.clear()
        folder.foreign = frozenset(folder.files())
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """The folder of a run that is there. Raises `NotARun` where none is, and where a link leads out of it."""
        folder = cls(path)
        listed = folder._listed(folder.read_json(MANIFEST))
        if (link := folder._way_out()) is not None:
            raise NotARun(f"{folder.path}: {printable(link)} leads out of the run folder, which is not followed")
        folder.foreign = frozenset(folder.files()) - set(listed)
        return folder

    def check_free(self, *, force: bool = False) -> None:
        """Raise `FolderInUse` where `create` would, changing nothing."""
        if "\0" in str(self.path):
            raise FolderInUse(f"{printable(str(self.path))}: no folder can be called that; choose another")
        if self.path.is_dir():
            if not force and any(path.name != LOCK for path in self.path.iterdir()):
                raise FolderInUse(f"{self.path}: the folder is not empty; choose another, or replace it with --force")
            if (link := self._way_out()) is not None:
                raise FolderInUse(f"{self.path}: {printable(link)} leads out of it; remove that, or choose another")
        elif self.path.exists() or self.path.is_symlink():
            raise FolderInUse(f"{self.path}: is not a folder; choose another")

    def clear(self) -> None:
        """Remove what a run there lists as its own, if one is there."""
        try:
            listed = self._listed(self.read_json(MANIFEST))
        except NotARun:
            return
        self.remove([*listed, MANIFEST])

    def remove(self, names: Sequence[str]) -> None:
        """Remove files of the folder, and the folders within it that are empty then; what is no file of it stays."""
        for name in names:
            with contextlib.suppress(NotARun):
                path = self.inside(name)
                if path.is_file() and not path.is_symlink():
                    path.unlink()
                    for above in path.parents:
                        if above == self.path or any(above.iterdir()):
                            break
                        above.rmdir()

    @staticmethod
    def _listed(manifest: Any) -> list[str]:
        """The files that a run.json, whoever wrote it, calls its run's own."""
        names = manifest.get("files") if isinstance(manifest, dict) else None
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def sweep(self) -> None:
        """Remove what writers left half done when they were killed."""
        for name in self.files():
            if _HALF.fullmatch(name.rpartition("/")[2]):
                (self.path / name).unlink(missing_ok=True)

    def made(self) -> list[str]:
        """The run's own files: `files` without what somebody else put there, which is not for a run to remove."""
        return [name for name in self.files() if name not in self.foreign]

    def files(self) -> list[str]:
        """Everything the folder holds, relative, sorted, with forward slashes."""
        return sorted(name for name, entry in self._entries() if name not in (MANIFEST, LOCK) and _is_file(entry))

    def inside(self, name: str) -> Path:
        """Where the file or folder of that name, relative with forward slashes, is. Raises `NotARun`.

        It does so for a name that leads out of the folder, and for one that no file system of today takes.
        """
        if not is_inside(name):
            raise NotARun(f"{self.path}: {printable(name)} is no name within a run folder")
        path = self.path / name
        try:
            home, real = os.path.realpath(self.path), os.path.realpath(path)
            path.is_file()  # raises what is too long
        except (OSError, ValueError) as error:
            raise NotARun(f"{self.path}: {printable(name)}: {reason(error)}") from None
        if not Path(real).is_relative_to(home):
            raise NotARun(f"{self.path}: {printable(name)} leads out of the run folder, which is not followed")
        return path

    def _entries(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Everything below the folder by its relative name; links are not followed, nor is there a limit of depth."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            with contextlib.suppress(OSError), os.scandir(self.path / below) as entries:
                for entry in entries:
                    yield below + entry.name, entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{below}{entry.name}/")

    def _way_out(self) -> str | None:
        """A link in the folder that leads out of it, if there is one."""
        home = os.path.realpath(self.path)
        links = sorted(name for name, entry in self._entries() if entry.is_symlink())
        return next((n for n in links if not Path(os.path.realpath(self.path / n)).is_relative_to(home)), None)

    # --- writing -----------------------------------------------------------------------------------------------------

    def write_text(self, name: str, text: str) -> None:
        """In UTF-8; what that has no bytes for, as in a file's name that was no text, becomes an escape."""
        path = self.inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))

    def write_json(self, name: str, value: Any) -> None:
        """Strict JSON: a number that is not finite becomes null."""
        self.write_text(name, json.dumps(strict(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def write_csv(self, name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
        """A table with these columns, or the first row's keys; see `cell`."""
        text = io.StringIO()
        names = list(columns or rows[0])
        writer, quoting = (
            csv.DictWriter(text, names, lineterminator="\n", quoting=quotes)
            for quotes in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        )
        writer.writeheader()
        for row in rows:
            cells = {key: cell(value) for key, value in row.items()}
            # a carriage return is not quoted where lines do not end with one, and ends a line when it is read
            (quoting if any("\r" in words for words in cells.values()) else writer).writerow(cells)
        self.write_text(name, text.getvalue())

    def write_npz(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        with atomic(self.inside(name)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read_json(self, name: str) -> Any:
        """Strict JSON of bounded size and depth. Raises `NotARun`."""
        data = self._read(name, MOST_JSON)
        if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:  # before they are made
            raise NotARun(f"{self.path / name}: holds more than {MOST_VALUES} values, as that of no run does")
        try:
            value = json.loads(data.decode("utf-8"), parse_constant=refuse_constant)
            check_json(value)
        except RecursionError:
            raise NotARun(f"{self.path / name}: nested too deeply") from None
        except ValueError as error:
            raise NotARun(f"{self.path / name}: {reason(error)}") from None
        return value

    def read_csv(
        self, name: str, columns: Sequence[str] = (), *, earlier: Mapping[str, str] | None = None
    ) -> list[dict[str, str]]:
        """The rows of a table that `write_csv` wrote, the cells' texts by column, of which it has these at least.

        `earlier` are names that columns once had, and their present ones. Raises `NotARun`.
        """
        data = self._read(name, MOST_TABLE)
        try:
            rows = (row for row in csv.reader(io.StringIO(data.decode("utf-8"), newline="")) if row)
            titles, table = [(earlier or {}).get(title, title) for title in next(rows, [])], []
            if missing := [column for column in columns if column not in titles]:
                raise ValueError(f"has no column {missing[0]}")
            for number, row in enumerate(rows, 1):
                if len(row) != len(titles):
                    raise ValueError(f"row {number} has {len(row)} cells, not {len(titles)}")
                table.append({title: text_of(words) for title, words in zip(titles, row, strict=True)})
        except (ValueError, csv.Error) as error:
            raise NotARun(f"{self.path / name}: {reason(error)}") from None
        return table

    def read_npz(self, name: str, limit: int = 2**34) -> dict[str, np.ndarray]:
        """The arrays of a file, of at most `limit` bytes together. Raises `NotARun`."""
        path = self._plain_file(name)
        try:
            return read_arrays(path, limit=limit)
        except (ValueError, OSError) as error:
            raise NotARun(f"{path}: {reason(error)}") from None

    def _plain_file(self, name: str) -> Path:
        """A plain file of the run: what a folder of unknown origin has in its place may wait for ever, or never end."""
        path = self.inside(name)
        try:
            kind = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            if name == MANIFEST:
                raise NotARun(f"{self.path}: no run, there is no {name}") from None
            raise NotARun(f"{self.path}: the run has no {name}; did it finish?") from None
        except OSError as error:
            raise NotARun(f"{path}: {reason(error)}") from None
        if not stat.S_ISREG(kind):
            raise NotARun(f"{path}: is {'a folder' if stat.S_ISDIR(kind) else 'not a plain file'}")
        return path

    def _read(self, name: str, most: int) -> bytes:
        path = self._plain_file(name)
        try:
            with open(path, "rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise NotARun(f"{path}: {reason(error)}") from None
        if len(data) > most:
            raise NotARun(f"{path}: is larger than {most} bytes, as that of no run is")
        return data


def _is_file(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return entry.is_file()
    return False
