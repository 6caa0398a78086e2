"""How this program is called, in words that a user can type again: `python main.py` or `gan-dynamics`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

SCRIPT = "gan-dynamics"  # what an installation puts on the path
CHECKOUT = Path(__file__).parents[2]  # the folder that holds main.py and benchmarks/, if this is one


def program_name() -> str:
    """What stands at the head of a usage line: the file or the command that this process was started as."""
    return SCRIPT if _is_installed() else "main.py"


def command_line(*arguments: str) -> str:
    """A line for a shell that calls this program with these arguments, in the way in which it was called."""
    return shlex.join([*([SCRIPT] if _is_installed() else ["python", "main.py"]), *arguments])


def _is_installed() -> bool:
    """Whether the user has the command: this process is it, or there is no main.py beside the package."""
    return any(Path(word).stem == SCRIPT for word in sys.argv[:1]) or not (CHECKOUT / "main.py").is_file()
