"""Where a command writes to when the user names no place: a folder or file called by the second."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from pathlib import Path


def now() -> datetime.datetime:
    return datetime.datetime.now()


def dated_name(name: str, suffix: str = "") -> str:
    """What nobody has named is called by the second in which it begins: 'runs/report-20250131-235959'."""
    return f"{name}-{now():%Y%m%d-%H%M%S}{suffix}"


def place(
    out: str | None, new: Callable[[str], contextlib.AbstractContextManager[Path]], dated: str
) -> contextlib.AbstractContextManager[Path]:
    """What was asked for, or something new by that name: of all that begin in one second, each has its own."""
    return new(dated) if out is None else contextlib.nullcontext(Path(out))
