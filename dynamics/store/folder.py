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
import math
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from dynamics.base.files import LOCK, FolderInUse, NotARun, atomic

MANIFEST = "run.json"
MOST_JSON = 2**24  # bytes: of a run of some 7000 settings
MOST_TABLE = 2**28  # bytes: of some 400 000 members
MOST_DEPTH, MOST_VALUES = 32, 10**6  # of JSON: a run.json has a depth of 5, and some 100 values a setting
# arrays may hold so many bytes, or so many times their file's length where that is more. Zip bombs reach 1000 times;
# a run's own samples hardly compress, unless nearly all of its members failed
_SMALL, _RATIO = 2**30, 100
_BLOCK = 2**20  # bytes read at once
_HALF = re.compile(r"\..+-[0-9a-f]{8}\.part(\.\w+)?")  # the temporary names of files.atomic
_ACTIVE = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet takes for the start of a formula, disarmed or not


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

    def _clear(self) -> None:
        try:
            listed = self._listed(self.read_json(MANIFEST))
        except NotARun:
            return
        for name in (*listed, MANIFEST):
            with contextlib.suppress(NotARun):
                path = self.inside(name)
                if path.is_file() and not path.is_symlink():
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
            csv.DictWriter(text, names, lineterminator="\n", quoting=how) for how in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
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
            value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
            _check_json(value)
        except RecursionError:
            raise NotARun(f"{self.path / name}: nested too deeply") from None
        except ValueError as error:
            raise NotARun(f"{self.path / name}: {reason(error)}") from None
        return value

    def read_csv(self, name: str, columns: Sequence[str] = ()) -> list[dict[str, str]]:
        """The rows of a table that `write_csv` wrote, the cells' texts by column, of which it has these at least.

        Raises `NotARun`.
        """
        data = self._read(name, MOST_TABLE)
        try:
            rows = (row for row in csv.reader(io.StringIO(data.decode("utf-8"), newline="")) if row)
            titles, found = next(rows, []), []
            if missing := [column for column in columns if column not in titles]:
                raise ValueError(f"has no column {missing[0]}")
            for number, row in enumerate(rows, 1):
                if len(row) != len(titles):
                    raise ValueError(f"row {number} has {len(row)} cells, not {len(titles)}")
                found.append({title: _text(words) for title, words in zip(titles, row, strict=True)})
        except (ValueError, csv.Error) as error:
            raise NotARun(f"{self.path / name}: {reason(error)}") from None
        return found

    def read_npz(self, name: str, limit: int = 2**34) -> dict[str, np.ndarray]:
        """The arrays of a file, of at most `limit` bytes together. Raises `NotARun`."""
        path = self._there(name)
        try:
            return read_arrays(path, limit=limit)
        except (ValueError, OSError) as error:
            raise NotARun(f"{path}: {reason(error)}") from None

    def _there(self, name: str) -> Path:
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
        path = self._there(name)
        try:
            with open(path, "rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise NotARun(f"{path}: {reason(error)}") from None
        if len(data) > most:
            raise NotARun(f"{path}: is larger than {most} bytes, as that of no run is")
        return data


def is_inside(name: str) -> bool:
    """Whether a relative name, with forward slashes, stays within its folder on every system, as far as words go."""
    return not any(c in name for c in "\0\\:") and all(part not in ("", ".", "..") for part in name.split("/"))


def _is_file(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return entry.is_file()
    return False


# --- arrays ----------------------------------------------------------------------------------------------------------

_KINDS = rb"\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]|\|S[1-9]\d{0,9}|[<>]U[1-9]\d{0,8}"  # numbers and words
_SHAPE = rb"|\d{1,18},|\d{1,18}(?:, \d{1,18}){1,7}"
_HEADER = re.compile(rb"\{'descr': '(%s)', 'fortran_order': (True|False), 'shape': \((%s)\), \} *\n" % (_KINDS, _SHAPE))


def read_arrays(
    source: str | os.PathLike[str] | IO[bytes], *, limit: int, stored: bool = False
) -> dict[str, np.ndarray]:
    """The arrays of a `.npz`, by name, from wherever it comes: all of it is read, or ``ValueError`` says why not.

    Nothing in it is executed, and nothing is allocated on its word alone: members may be plain numbers and words only
    (no objects, so no pickles), each as large as its header's shape says, to the byte; together they may be `limit`
    bytes, and 1 GiB or 100 times the file's length, whichever is more. With `stored` they must not be compressed, and
    so be no larger than the file. Checksums are held to.
    """
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(source, "rb")) if isinstance(source, str | os.PathLike) else source
            return _arrays(file, limit, stored)
    except ValueError:
        raise
    except MemoryError:
        raise ValueError("holds more than there is memory for") from None
    except Exception as error:  # whatever a broken archive leads zipfile and zlib to
        raise ValueError(reason(error)) from None


def _arrays(file: IO[bytes], limit: int, stored: bool) -> dict[str, np.ndarray]:
    length = file.seek(0, os.SEEK_END)
    if length > limit + limit // 8 + 2**20:  # what does not compress grows a little
        raise ValueError(f"has {length} bytes, for at most {limit} of arrays")
    most = min(limit, length if stored else max(_SMALL, _RATIO * length))
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise ValueError("has two arrays of one name")
        total = sum(member.file_size for member in members)
        if total > most:
            raise ValueError(f"declares {total} bytes of arrays in {length}, more than the {most} that are read")
        found = {}
        for member in members:
            name, suffix = member.filename[:-4], member.filename[-4:]
            plain = member.compress_type == zipfile.ZIP_STORED
            if suffix != ".npy" or not is_inside(name):
                raise ValueError(f"{printable(member.filename)} is no array's name")
            if not plain and (stored or member.compress_type != zipfile.ZIP_DEFLATED):
                raise ValueError(f"{printable(name)} is compressed")
            if plain and member.compress_size != member.file_size:
                raise ValueError(f"{printable(name)} is not as long as it says")
            with archive.open(member) as content:
                try:
                    found[name] = _array(content, member.file_size)
                except ValueError as error:
                    raise ValueError(f"{printable(name)}: {error}") from None
    return found


def _array(content: IO[bytes], size: int) -> np.ndarray:
    """One .npy of so many bytes, of format 1.0, whose header says what numpy's own would."""
    head = content.read(10)
    if len(head) < 10 or head[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("is no array of plain numbers")
    text = content.read(int.from_bytes(head[8:], "little"))
    said = _HEADER.fullmatch(text)
    if said is None:
        raise ValueError("is no array of plain numbers")
    kind = np.dtype(said[1].decode())
    shape = tuple(int(n) for n in re.findall(rb"\d+", said[3]))
    told = math.prod(shape) * kind.itemsize
    if told != size - len(head) - len(text):
        raise ValueError(f"declares {told} bytes, and has {size - len(head) - len(text)}")
    data = bytearray()
    while block := content.read(_BLOCK):  # as it comes: neither what it says nor what it unpacks to is trusted
        data += block
    if len(data) != told:
        raise ValueError("ends early")
    if kind.kind == "b":
        np.minimum(every := np.frombuffer(data, np.uint8), 1, out=every)  # a byte of 2 is neither true nor false
    if kind.kind == "U" and data and np.frombuffer(data, f"{kind.byteorder}u4").max() > 0x10FFFF:
        raise ValueError("holds what are no characters")
    return np.frombuffer(data, kind).reshape(shape, order="F" if said[2] == b"True" else "C")


# --- values ----------------------------------------------------------------------------------------------------------


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _check_json(value: Any) -> None:
    """Raise ``ValueError`` for what no run.json holds and its readers could stumble over."""
    waiting = [(value, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
            waiting += [(key, depth + 1) for key in value]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str):
            if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise ValueError("a text in it is no Unicode")
        elif isinstance(value, int):
            if abs(value) >= 2**64:
                raise ValueError("a number in it is too large")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number in it is too large")


def strict(value: Any) -> Any:
    """The value with None for every number that JSON has no word for, and numpy's scalars as Python's."""
    if isinstance(value, Mapping):
        return {strict(str(key)): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # what a file's name that is no text has in it
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cell(value: Any) -> str:
    """A table cell: floats in their shortest exact form, nothing for None and NaN.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, as does one that has it already.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return f"'{value}" if _ACTIVE.match(value) else value
    return repr(float(value)) if isinstance(value, float) else str(value)


def _text(words: str) -> str:
    """What `cell` was given as a text."""
    return words[1:] if words.startswith("'") and _ACTIVE.match(words) else words


def printable(text: str) -> str:
    """A foreign text as part of a line."""
    text = text if len(text) <= 100 else text[:97] + "..."
    return text if text and text.isprintable() else ascii(text)


def reason(error: Exception) -> str:
    """What an exception says, as part of a line."""
    words = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words[:200])
