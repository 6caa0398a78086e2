"""Folders and files of one's own: whoever asks at once, each gets another; what begins in one second is not refused."""

import contextlib
import datetime
import itertools
import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dynamics.base.files import new_file, new_folder, numbered
from dynamics.cli import app, dated_names

ROOT = Path(__file__).parents[2]
TINY = ["--mode=gaussian", "--steps=3", "--hidden=4", "--batch-size=8", "--snapshots=2", "--workers=1", "--no-figures"]
SECOND = datetime.datetime(2025, 1, 31, 23, 59, 58)
SECOND_WORDS = "20250131-235958"


@pytest.fixture
def one_second(tmp_path, monkeypatch):
    """Time stands still."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dated_names, "now", lambda: SECOND)


def at_once(count, work):
    """What `count` threads that start together get of `work(k)`."""
    ready = threading.Barrier(count)

    def wait_and_work(k):
        ready.wait()
        return work(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_work, range(count)))


def suffixes(name, count, suffix=""):
    return {f"{name}{suffix}", *(f"{name}-{k}{suffix}" for k in range(2, count + 1))}


# --- names -----------------------------------------------------------------------------------------------------------


def test_names_are_numbered_before_their_suffix():
    assert [str(p) for p in itertools.islice(numbered("a/b.c"), 3)] == ["a/b.c", "a/b.c-2", "a/b.c-3"]
    assert [str(p) for p in itertools.islice(numbered("a/b.png", ".png"), 3)] == ["a/b.png", "a/b-2.png", "a/b-3.png"]


@pytest.mark.parametrize(("new", "suffix"), [(new_folder, ""), (new_file, ".png")], ids=["folder", "file"])
def test_in_threads_each_gets_another(new, suffix, tmp_path):
    count = 12
    with contextlib.ExitStack() as stack:
        made = at_once(count, lambda k: stack.enter_context(new(tmp_path / "deep" / "er" / f"x{suffix}")))
        assert {path.name for path in made} == suffixes("x", count, suffix)
        for path in made:
            (path / "its own" if suffix == "" else path).write_text(path.name)
    for path in made:  # stays, as it holds something
        assert (path / "its own" if suffix == "" else path).read_text() == path.name


@pytest.mark.parametrize("new", [new_folder, new_file])
def test_what_is_left_empty_goes_with_the_folder_made_for_it(new, tmp_path):
    for _ in range(2):
        with contextlib.suppress(RuntimeError), new(tmp_path / "runs" / "x") as made:
            assert made == tmp_path / "runs" / "x"  # the name is free again
            assert made.exists()
            raise RuntimeError
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    with new(tmp_path / "runs" / "x") as first, new(tmp_path / "runs" / "x") as second:
        assert [first.name, second.name] == ["x", "x-2"]
    assert list(tmp_path.rglob("*")) == [tmp_path / "runs"]  # it was there


def test_a_place_that_cannot_be_is_an_error_not_a_loop(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "nowhere").symlink_to("missing")
    for above in ("file", "nowhere"):
        with pytest.raises(OSError, match=above), new_folder(tmp_path / above / "x"):
            pass
    with pytest.raises(OSError, match="too long"), new_folder(tmp_path / ("x" * 300)):
        pass


def test_folders_that_come_and_go_above_do_not_matter(tmp_path):
    """Whoever fails removes the folder above that was made for it, in the middle of the others' making."""

    def work(k):
        for _ in range(200):
            with new_folder(tmp_path / "runs" / "x") as made:
                assert made.is_dir()

    at_once(4, work)
    assert list(tmp_path.glob("runs/*")) == []


# --- runs that begin in one second -----------------------------------------------------------------------------------


def test_three_runs_of_one_second_one_after_another(one_second, capsys):
    for _ in range(3):
        assert app.main([*TINY, "--json"]) == 0
    runs = [json.loads(line)["run"] for line in capsys.readouterr().out.splitlines()]
    name = f"runs/custom-{SECOND_WORDS}"
    assert [Path(run).as_posix() for run in runs] == [name, f"{name}-2", f"{name}-3"]
    tables = {(Path(run) / "summary.csv").read_bytes() for run in runs}
    assert len(tables) == 1
    assert app.main([*TINY, "--dry-run", "--json"]) == 0  # tells of the next, and makes nothing
    assert json.loads(capsys.readouterr().out)["out"] == str(Path(f"{name}-4"))
    assert sorted(path.name for path in Path("runs").iterdir()) == sorted(suffixes(f"custom-{SECOND_WORDS}", 3))
    assert app.main(["report", runs[0], runs[1], "--quiet"]) == 0
    assert app.main(["report", runs[1], runs[2], "--quiet"]) == 0
    folders = [Path(line).parent.name for line in capsys.readouterr().out.splitlines()]
    assert folders == [f"report-{SECOND_WORDS}", f"report-{SECOND_WORDS}-2"]


def test_runs_of_one_second_in_threads(one_second, capsys):
    assert at_once(4, lambda k: app.main([*TINY, f"--seed={k}", "--quiet"])) == [0] * 4
    assert capsys.readouterr().err == ""
    folders = {path.name for path in Path("runs").iterdir()}
    assert folders == suffixes(f"custom-{SECOND_WORDS}", 4)
    seeds = [json.loads((run / "run.json").read_text())["study"]["seed"] for run in Path("runs").iterdir()]
    assert sorted(seeds) == [0, 1, 2, 3]  # nobody wrote over another's


def test_runs_of_one_second_in_processes(tmp_path):
    code = (
        "import datetime, sys\n"
        "from dynamics.cli import app, dated_names\n"
        f"dated_names.now = lambda: {SECOND!r}\n"
        "import dynamics.workflow  # all of them wait here until all are there\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"sys.exit(app.main({[*TINY, '--quiet']!r}))\n"
    )
    command = [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, cwd=tmp_path, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in started] == ["ready\n"] * 3
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate() for process in started]
    assert [(process.returncode, err) for process, (_, err) in zip(started, outputs, strict=True)] == [(0, "")] * 3
    reports = {re.search(r"report: (.*)", out)[1] for out, _ in outputs}
    assert {Path(path).parent.name for path in reports} == suffixes(f"custom-{SECOND_WORDS}", 3)
    for path in reports:
        assert (tmp_path / path).is_file()
        assert json.loads((tmp_path / path).with_name("run.json").read_text())["status"] == "done"


def test_a_run_that_is_refused_leaves_no_folder(one_second, tmp_path, capsys):
    for more in (["--layers=d", "--weights=none"], ["--from=nowhere"], ["--member=7"]):
        arguments = [argument for argument in TINY if argument != "--no-figures"]
        assert app.main([*arguments, *more]) == 2
        assert "error: " in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []


def test_pictures_and_measurements_of_one_second_are_each_kept(one_second, monkeypatch, capsys):
    """`verify` and `bench` write files: neither writes over the other's."""
    from benchmarks import bench
    from dynamics.theory import verify, verify_output

    drawn = iter(["first", "second"])
    monkeypatch.setattr(verify_output, "table", lambda verification: "table")
    monkeypatch.setattr(verify_output, "draw", lambda verification, path: path.write_text(next(drawn)))
    monkeypatch.setattr(bench, "measure", lambda *rest: [])
    monkeypatch.setattr(bench, "table", lambda *rest: "table")
    monkeypatch.setattr(bench, "as_record", lambda *rest: {})
    monkeypatch.setattr(verify, "check", lambda *rest: type("Found", (), {"passed": True}))
    for _ in range(2):
        assert app.main(["verify", "--quiet"]) == 0
        assert app.main(["bench"]) == 0
    names = {f"verify-{SECOND_WORDS}.png", f"verify-{SECOND_WORDS}-2.png"}
    names |= {f"bench-{SECOND_WORDS}.json", f"bench-{SECOND_WORDS}-2.json"}
    assert {path.name for path in Path("runs").iterdir()} == names
    assert Path(f"runs/verify-{SECOND_WORDS}-2.png").read_text() == "second"
    assert f"runs/bench-{SECOND_WORDS}-2.json" in capsys.readouterr().out
