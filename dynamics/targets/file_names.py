"""What a user's file is called, such that every system takes it, and where a run's copy of it is."""

from __future__ import annotations

import hashlib
import os
import unicodedata

from dynamics.settings.modes import FILES

KEPT = "targets"  # folder of a run, where copies are
_MARK = f"/./{KEPT}/"  # in the path of a copy: what comes before is the run's folder, as rsync has it
_LONGEST_NAME, _CUT_NAME = 100, 80  # bytes
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}


def safe_name(path: str) -> str:
    """What a file is called, by its name alone, such that any system takes it for that of a file, and no shell,
    spreadsheet or figure for more than a name.

    Most names are as they were. One with characters that Windows refuses or nobody sees, or with a dollar sign (which
    begins a formula in a figure), that begins as an option, a hidden file or a spreadsheet's formula does, that is a
    device on Windows, or is longer than 100 bytes, is changed and told from others by eight digits of its SHA-256.
    """
    name = unicodedata.normalize("NFC", os.path.basename(path))  # as macOS has it
    end = next((len(end) for end in FILES if name.lower().endswith(end)), 4)
    stem, suffix = name[:-end], name[-end:]
    clean = "".join("_" if c in '<>:"/\\|?*$' or not c.isprintable() else c for c in stem)
    if len(name.encode(errors="replace")) > _LONGEST_NAME:
        clean = clean.encode()[:_CUT_NAME].decode(errors="ignore")
    if not clean or clean[0] in "-=+@.~ ":
        clean = "_" + clean[1:]
    if clean.split(".")[0].rstrip().lower() in _DEVICES:
        clean = "_" + clean
    if clean + suffix == name:
        return name
    return f"{clean}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}{suffix}"


def copy_path(path: str, folder: str) -> str:
    """The path of a run's copy of a file; of two of one name the same."""
    return f"{os.path.realpath(folder).replace(os.sep, '/')}{_MARK}{safe_name(path)}"


def mode_in_run(mode: str) -> str:
    """A mode as tables and run.json have it: a run's copy by its place in the run's folder, all others as they are."""
    _, mark, name = mode.rpartition(_MARK)
    return f"{KEPT}/{name}" if mark else mode
