#!/usr/bin/env bash
# Printing with rich ends the process, with status 1, where nobody reads its output any more.
#
# rich 15.0.0, Python 3.11.7.
# Expected: a library that prints raises BrokenPipeError, as print does; `program --help | head -1` is no failure.
# Seen: Console.print raises SystemExit(1). The program that called it ends with a failure and without a message,
# unless it expects an exit from a print.
#
#     print: BrokenPipeError
#     Console.print: SystemExit 1
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check rich==15.0.0

venv/bin/python -W ignore - <<'EOF'
import os
import sys

from rich.console import Console


def outcome(call):
    reading, writing = os.pipe()
    os.close(reading)
    with open(os.devnull, "w") as nothing:
        file = os.fdopen(writing, "w")
        try:
            call(file)
            file.flush()
        except BaseException as error:
            os.dup2(nothing.fileno(), writing)  # so that closing it does not complain once more
            return error
        finally:
            file.close()


kept = os.dup(1)  # rich sends stdout to nowhere
plain, rich = outcome(lambda file: print("x", file=file)), outcome(lambda file: Console(file=file).print("x"))
os.dup2(kept, 1)
print(f"print: {type(plain).__name__}")
print(f"Console.print: {type(rich).__name__} {rich}")
assert isinstance(plain, BrokenPipeError)
assert isinstance(rich, SystemExit), "it is no exit now"
assert rich.code == 1, "it is another exit now"
sys.stdout.flush()
EOF
