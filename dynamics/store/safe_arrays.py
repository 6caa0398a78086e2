"""Arrays from a `.npz` of unknown origin: all of it is read, or none, and nothing in it can do any harm."""

from __future__ import annotations

import contextlib
import math
import os
import re
import zipfile
from typing import IO

import numpy as np

from dynamics.store.foreign_text import is_inside, printable, reason

# arrays may hold so many bytes, or so many times their file's length where that is more. Zip bombs reach 1000 times;
# a run's own samples hardly compress, unless nearly all of its members failed
_SMALL, _RATIO = 2**30, 100
_BLOCK = 2**20  # bytes read at once
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
        arrays = {}
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
                    arrays[name] = _array(content, member.file_size)
                except ValueError as error:
                    raise ValueError(f"{printable(name)}: {error}") from None
    return arrays


def _array(content: IO[bytes], size: int) -> np.ndarray:
    """One .npy of so many bytes, of format 1.0, whose header says what numpy's own would."""
    head = content.read(10)
    if len(head) < 10 or head[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("is no array of plain numbers")
    text = content.read(int.from_bytes(head[8:], "little"))
    header = _HEADER.fullmatch(text)
    if header is None:
        raise ValueError("is no array of plain numbers")
    kind = np.dtype(header[1].decode())
    shape = tuple(int(n) for n in re.findall(rb"\d+", header[3]))
    length = math.prod(shape) * kind.itemsize
    if length != size - len(head) - len(text):
        raise ValueError(f"declares {length} bytes, and has {size - len(head) - len(text)}")
    data = bytearray()
    while block := content.read(_BLOCK):  # as it comes: neither what it says nor what it unpacks to is trusted
        data += block
    if len(data) != length:
        raise ValueError("ends early")
    if kind.kind == "b":
        np.minimum(every := np.frombuffer(data, np.uint8), 1, out=every)  # a byte of 2 is neither true nor false
    if kind.kind == "U" and data and np.frombuffer(data, f"{kind.byteorder}u4").max() > 0x10FFFF:
        raise ValueError("holds what are no characters")
    return np.frombuffer(data, kind).reshape(shape, order="F" if header[2] == b"True" else "C")
