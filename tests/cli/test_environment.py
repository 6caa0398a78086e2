"""`python main.py` wherever it is started: success or one clear line with the right exit status, never a traceback."""

import contextlib
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = Path(__file__).parents[2] / "main.py"
TINY = ["--mode=gaussian", "--steps=3", "--hidden=4", "--batch-size=8", "--snapshots=2", "--workers=1"]
FILES = {
    "comparison.csv",
    "comparison.tex",
    "differences.csv",
    "events.csv",
    "frames.npz",
    "history.npz",
    "report.html",
}
FILES |= {"report.md", "run.json", "summary.csv", "weights.npz"}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX file descriptors, modes and shells")


def environment(without=(), **more):
    """This process's, buffered as a user's is."""
    dropped = {"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "MPLCONFIGDIR", *without}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"OMP_NUM_THREADS": "1"} | more


def shell(line, *arguments, env=None):
    """A line of sh in which "$@" is the command: (exit status, stdout, stderr)."""
    command = [sys.executable, str(MAIN), *map(str, arguments)]
    done = subprocess.run(
        ["sh", "-c", line, "sh", *command],
        cwd="/",
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def one_line(err, *words):
    """Exactly one, which says that it is an error, and of what."""
    assert err.endswith("\n"), err
    assert err.count("\n") == 1, err
    assert err.startswith("error: ")
    for word in words:
        assert word in err


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("what", ["--version", "--help"])
def test_a_stdout_that_is_full(what, unbuffered):
    status, out, err = shell('"$@" > /dev/full', what, env=environment(PYTHONUNBUFFERED=unbuffered))
    assert (status, out) == (1, "")
    one_line(err, "No space left on device")


@pytest.mark.parametrize("what", ["--version", "--help"])
def test_a_stdout_that_is_closed(what):
    """Nobody wants the words: that is no failure."""
    assert shell('"$@" >&-', what) == (0, "", "")


@pytest.mark.parametrize("what", ["--version", "--help"])
def test_a_reader_that_has_read_enough(what):
    line = '{ "$@"; echo status $? >&2; } | head -c 1'
    status, out, err = shell(line, what)
    assert (status, len(out), err) == (0, 1, "status 0\n")


def test_a_reader_that_was_never_there():
    """Every write meets a broken pipe: the reading end is closed before the program begins."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(MAIN), "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment(), check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("where", ["2>&-", "2> /dev/full"])
def test_a_stderr_that_takes_nothing(where):
    """The status alone tells, and a mistake is not told among the results instead."""
    assert shell(f'"$@" {where}', "--mode=nonsense") == (2, "", "")
    status, out, _ = shell(f'"$@" {where}', "--version")
    assert status == 0
    assert out.strip()


def test_no_stream_at_all():
    assert shell('"$@" <&- >&- 2>&-', "--version") == (0, "", "")
    assert shell('"$@" <&- >&- 2>&-', "--mode=nonsense") == (2, "", "")


@pytest.mark.parametrize(
    "language",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda language: next(iter(language)),
)
def test_letters_that_an_encoding_lacks_are_replaced(language):
    """--help draws boxes, which ASCII has no letters for; the words between are all there."""
    status, out, err = shell('"$@" | cat', "--help", env=environment(("LANG", "LC_ALL"), **language))
    assert (status, err) == (0, "")
    assert "--d-steps" in out
    status, out, err = shell('"$@"', "--mode=gaußian", env=environment(("LANG", "LC_ALL"), **language))
    assert (status, out) == (2, "")
    one_line(err, "--mode", "must be one of gaussian")


# --- folders ---------------------------------------------------------------------------------------------------------


# begins a command without root's right to write where modes forbid it: CAP_DAC_OVERRIDE, taken out of what it may ever
# have by PR_CAPBSET_DROP (<linux/capability.h>, <linux/prctl.h>)
BOUND = """
import ctypes, os, sys
if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) != 0:
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="root's own rights are given up the Linux way")
def test_a_folder_that_cannot_be_written_to(tmp_path):
    """Read-only, and for root too: the mode of a folder is no obstacle to it, unless it gives that right up first."""
    folder, bound = tmp_path / "ro", [sys.executable, "-c", BOUND]
    folder.mkdir(mode=0o555)
    probe = subprocess.run([*bound, "/bin/sh", "-c", f'echo > "{folder}/x"'], capture_output=True, check=False)
    if probe.returncode == 77:
        pytest.skip("this process may not give up its rights")
    assert b"denied" in probe.stderr  # the situation is what it is meant to be
    command = [*bound, sys.executable, str(MAIN), *TINY, "--no-figures", "--out", str(folder / "run")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    one_line(done.stderr, str(folder / "run"), "Permission denied")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("out", ["file/run", "file/deep/run", "/proc/run", "/dev/null/run", "file", "/dev/full"])
def test_a_place_that_can_hold_no_folder(out, tmp_path, monkeypatch, capsys):
    """None that root could make either: below a file, in a file system of the kernel's."""
    from dynamics.cli.app import main

    monkeypatch.chdir(tmp_path)
    Path("file").write_text("precious")
    status = main([*TINY, "--no-figures", "--out", out])
    printed, err = capsys.readouterr()
    assert (status, printed) == (2 if out in ("file", "/dev/full") else 1, "")
    one_line(err, out)
    assert os.listdir() == ["file"]
    assert Path("file").read_text() == "precious"


@pytest.mark.parametrize("command", [["--help"], TINY])
def test_a_working_directory_that_is_gone(command, tmp_path):
    (tmp_path / "gone").mkdir()
    status, out, err = shell(f'cd "{tmp_path}/gone" && rmdir "{tmp_path}/gone" && "$@"', *command)
    assert (status, out) == (1, "")
    one_line(err, "working directory")
    assert list(tmp_path.iterdir()) == []


# --- runs ------------------------------------------------------------------------------------------------------------


def modes(folder):
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_run_with_no_home_a_dumb_terminal_and_a_strict_umask(tmp_path):
    """All at once, into a relative folder whose parents are not there: drawn, readable by its owner alone, and quiet.

    HOME is a place where nobody can make a folder, so matplotlib has nowhere to keep its list of fonts.
    """
    (tmp_path / "here").mkdir()
    terminal, end = pty.openpty()
    done = subprocess.run(
        ["sh", "-c", 'umask 077; "$@"', "sh", sys.executable, str(MAIN), *TINY, "--frames=0", "--out=../a/b/run"],
        cwd=tmp_path / "here",
        env=environment(("LANG", "LC_ALL", "COLUMNS"), HOME="/dev/null", TERM="dumb", PYTHONIOENCODING="ascii"),
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=end,
        check=False,
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal's end reads
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    assert done.returncode == 0, shown
    shown = shown.decode("ascii")
    assert "training 1 GANs" in shown  # the bar, and nothing of anybody else's
    assert not any(word in shown.lower() for word in ("error", "warning", "matplotlib", "traceback"))
    out = done.stdout.decode("ascii")
    assert "gaussian ? std 1.2" in out
    assert out.endswith("report: ../a/b/run/report.html\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "here"]
    assert list((tmp_path / "here").iterdir()) == []
    run = tmp_path / "a" / "b" / "run"
    assert FILES | {"comparison.png"} <= {path.name for path in run.iterdir()}
    assert modes(run) == {0o600}
    folders = [tmp_path / "a", tmp_path / "a" / "b", run, *(path for path in run.iterdir() if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert len(folders) == 4


@pytest.mark.slow
def test_a_run_without_streams_or_home_is_a_whole_run(tmp_path):
    """Standard streams closed, HOME not set: files that are opened must not take the streams' numbers."""
    line = '"$@" <&- >&- 2>&-'
    env = environment(("HOME", "TERM", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"))
    assert shell(line, *TINY, "--no-figures", "--out", tmp_path / "run", env=env) == (0, "", "")
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    manifest = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "done"
