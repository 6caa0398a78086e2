#!/usr/bin/env bash
# A typer application turns Ctrl-C into exit status 130 without a word, and its caller never sees the interrupt.
#
# typer 0.29.2, Python 3.11.7.
# Expected: KeyboardInterrupt in a command reaches whoever called app(), or something is said, as click does.
# Seen: app() raises SystemExit(130) in its place, and prints nothing. What a program wants to say of an interrupt (how
# to go on, say) has no place to be said from.
#
#     app(): SystemExit 130, printed: nothing
#     the same command without app(): KeyboardInterrupt
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check typer==0.29.2

venv/bin/python -W ignore - <<'EOF'
import contextlib
import io

import typer

app = typer.Typer()


@app.command()
def work():
    raise KeyboardInterrupt


def outcome(call):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            call()
        except BaseException as error:
            return error, said.getvalue().strip()


error, said = outcome(lambda: app([]))
print(f"app(): {type(error).__name__} {error}, printed: {said or 'nothing'}")
assert isinstance(error, SystemExit), "the interrupt goes through now"
assert (error.code, said) == (130, ""), "something is said now"
command = typer.main.get_command(app)
error, _ = outcome(lambda: command.invoke(command.make_context("app", [])))
print(f"the same command without app(): {type(error).__name__}")
assert isinstance(error, KeyboardInterrupt), "it does not go through here now"
EOF
