"""TOML files of unknown origin: read up to a size, in little time, and refused in one line that says why."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from typing import Any

from dynamics.settings.messages import shown

# in a line, those of plain numbers left out: Python's reader takes time and memory in proportion to the square of the
# parts of a dotted key
MOST_DOTS = 200
# between what ends one in TOML: of a dotted key, no two of these can stand beside each other without one more dot
_DECIMAL = re.compile(r"(?<![^\s,=\[])[+-]?\d+\.\d+([eE][+-]?\d+)?(?![^\s,\]#])", re.ASCII)


class TomlError(ValueError):
    """A file that cannot be read as TOML: one line that says why, without the file's name."""


def read_toml(path: str, most_bytes: int) -> dict[str, Any]:
    """What a TOML file holds. It is read up to a size, and not at all where reading it could wait for ever.

    Raises `TomlError`.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise TomlError(f"cannot be read (it is {'a folder' if stat.S_ISDIR(mode) else 'no plain file'})")
        with open(path, "rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise TomlError(f"cannot be read ({error.strerror or error})") from None
    if len(content) > most_bytes:
        raise TomlError(f"is larger than {most_bytes // 1024} kB, the most that is read")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        at = content.count(b"\n", 0, error.start) + 1
        raise TomlError(f"not a TOML file (line {at} is no text in UTF-8)") from None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.count(".") > MOST_DOTS and _DECIMAL.sub("", line).count(".") > MOST_DOTS:
            raise TomlError(f"line {number} has more than {MOST_DOTS} dots; break it into several")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # the reader says where; the line there says which key
        place = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        wrong_line = lines[int(place[1]) - 1] if place else next((line for line in reversed(lines) if line.strip()), "")
        why = f"{shown(str(error), 200)}: {shown(wrong_line.strip())}"
    except RecursionError:
        why = "it is nested too deeply"
    except ValueError as error:  # a number of more digits than Python reads
        why = shown(str(error), 200)
    raise TomlError(f"not a TOML file ({why})")
