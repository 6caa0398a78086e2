"""Run folders of unknown origin: a sound load, or one line and status 2; nothing outside is read, written or run.

What is done to a sound run is in tables, by what must be said of it. FUZZ is how many examples each of the last tests
tries: 50, or as many as the environment says.
"""

import contextlib
import copy
import csv
import inspect
import io
import json
import os
import pickle
import shutil
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from dynamics import workflow
from dynamics.base.files import FolderInUse, NotARun
from dynamics.cli.app import main
from dynamics.pictures.picture_plan import plan
from dynamics.reports.report import ReportedRun, write_report
from dynamics.reports.tables import text_table
from dynamics.runner.loading import load
from dynamics.runner.resolving import resolve
from dynamics.settings.look import Look
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder
from dynamics.store.foreign_text import is_inside
from dynamics.store.safe_arrays import read_arrays
from dynamics.studies import get_parts, questions

FUZZ = int(os.environ.get("FUZZ", "50"))
SECONDS = 5  # beyond which something hangs
NAMES = ["mixture_4-std1.2-d1", "mixture_4-std1.2-d2"]
SECRET = b"x,y\n1,2\n3,4\n"

opened: list[str] | None = None  # paths, where somebody wants to know
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.truncate", "shutil.rmtree", "os.listdir")


def _watch(event, arguments):
    if opened is not None and (event == "open" or event in WRITES or event in FORBIDDEN):
        opened.append(f"{event} {arguments[0] if arguments else ''}")


sys.addaudithook(_watch)


@contextlib.contextmanager
def watched():
    """What is opened, written, removed and executed meanwhile."""
    global opened
    before, opened = opened, []
    try:
        yield opened
    finally:
        opened = before


class Hangs(BaseException):
    """Nothing takes it for an error of its own."""


@contextlib.contextmanager
def quickly(seconds=SECONDS):
    """Whatever takes longer raises."""

    def over(number, frame):
        raise Hangs(f"takes longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tiny(**how):
    settings = tuple(Setting(mode="mixture_4", std=1.2, d_steps=d, hidden=8, batch_size=16, lr=0.02) for d in (1, 2))
    return resolve(Study("tiny", "q?", settings, **({"steps": 40, "seeds": 2, "snapshots": 4, "workers": "1"} | how)))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A run, without pictures, that nobody changes."""
    path = tmp_path_factory.mktemp("sound") / "run"
    workflow.run(tiny(frames=2), path, look=None)
    return path


@pytest.fixture
def run(sound, tmp_path):
    """A copy of it; beside it, `outside` holds what nobody is to see: a secret, and the same run."""
    shutil.copytree(sound, tmp_path / "run")
    shutil.copytree(sound, tmp_path / "outside" / "run")
    (tmp_path / "outside" / "points.csv").write_bytes(SECRET)
    (tmp_path / "outside" / "folder").mkdir()
    return tmp_path / "run"


@pytest.fixture
def untouched(run, monkeypatch):
    """Everything in the run folder's parent stays as it is, and nothing beside the folder is opened."""
    monkeypatch.chdir(run.parent)

    def tree():
        paths = sorted(run.parent.rglob("*"))
        small = [p for p in paths if p.is_file() and p.stat().st_size < 2**30]
        return [(p, p.readlink() if p.is_symlink() else "") for p in paths], [
            (p, p.lstat().st_mtime_ns, p.read_bytes()) for p in small
        ]

    @contextlib.contextmanager
    def check():
        before = tree()
        with quickly(), watched() as events:
            yield
        outside = str(run.parent / "outside")
        assert not [event for event in events if outside in event or "outside/" in event]
        assert not [event for event in events if event.split()[0] in FORBIDDEN]
        assert tree() == before

    return check


@pytest.fixture
def refused(run, sound, untouched):
    """What `render`, `report`, `resume` and `report A B` do answers a folder with a line; `main` then ends with 2."""

    def check(*words):
        for act in (
            lambda: workflow.redraw(run),
            lambda: workflow.rewrite_report(run),
            lambda: workflow.resume(run),
            lambda: workflow.joint_report([run, sound], run.parent / "both"),
        ):
            with untouched(), pytest.raises(NotARun) as caught:
                act()
            line = str(caught.value)
            assert line.isprintable()
            assert len(line) < 400 + len(str(run))
            for word in words:
                assert word in line, line

    return check


@pytest.mark.parametrize("change", ["a value", "a link", "an array", "a folder"])
@pytest.mark.parametrize("command", ["render run", "report run", "resume run", "report another run --out both"])
def test_commands_answer_in_a_line_and_status_2(change, command, run, untouched, monkeypatch, capsys):
    shutil.move(run.parent / "outside" / "run", run.parent / "another")
    if change == "a value":
        write(run, manifest(run) | {"modes": ["\x1b[31m\n", 4]})
    elif change == "a link":
        (run / NAMES[0]).symlink_to("../outside/folder")
    elif change == "an array":
        archive(run / "history.npz", [("jsd.npy", npy(np.array([Bomb()], object)))])
    else:
        write(run, put("settings", 0, "folder", "../outside/folder")(manifest(run)))
    with untouched():
        assert main(command.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: run")
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()


def manifest(run):
    return json.loads((run / "run.json").read_text())


def write(run, value):
    (run / "run.json").write_text(json.dumps(value))


def test_the_run_that_is_changed_below_is_sound(run, sound, capsys):
    assert main(["report", str(run)]) == 0
    assert load(RunFolder.open(run)).verdicts == load(RunFolder.open(sound)).verdicts
    assert len(load(RunFolder.open(run)).events) > 5


def test_the_watch_sees_what_is_done_outside(run, untouched):
    outside = run.parent / "outside"
    acts = [
        lambda: (outside / "points.csv").read_bytes(),
        lambda: (outside / "new").write_text("x"),
        lambda: (outside / "new").unlink(),
        lambda: list(outside.iterdir()),
        lambda: pickle.loads(pickle.dumps(Bomb())),
        lambda: (run / "new").write_text("x"),
    ]
    for act in acts:
        with pytest.raises(AssertionError), untouched():
            act()
    with pytest.raises(Hangs), quickly(0.05):
        time.sleep(SECONDS)


# --- run.json --------------------------------------------------------------------------------------------------------


def put(*path_and_value):
    """A change of run.json: at a path of keys, a value."""
    *path, last, value = path_and_value

    def change(whole):
        at = whole
        for key in path:
            at = at[key]
        at[last] = value
        return whole

    return change


def without(*path):
    *path, last = path

    def change(whole):
        at = whole
        for key in path:
            at = at[key]
        del at[last]
        return whole

    return change


def nested(depth):
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


def scores(change):
    def of(whole):
        change(whole["null"][1])
        return whole

    return of


MANIFESTS = {
    "a list": (lambda whole: [whole], "not a finished run"),
    "a number": (lambda whole: 3, "not a finished run"),
    "another format": (put("format", 99), "format 99"),
    "a format that is none": (put("format", ["\x1b[31m"]), "has format"),
    "files above": (put("files", ["history.npz", "../outside/points.csv"]), "files names"),
    "files elsewhere": (put("files", ["/etc/passwd"]), "files names"),
    "files above, in the middle": (put("files", ["a/../../outside/points.csv"]), "files names"),
    "files on another disk": (put("files", ["C:\\outside"]), "files names"),
    "files with NUL": (put("files", ["a\0b"]), "files names"),
    "files without a name": (put("files", [""]), "files names"),
    "files that are none": (put("files", [7]), "files names"),
    "files that are no list": (put("files", "history.npz"), "files is no list"),
    "a folder above": (put("settings", 0, "folder", "../outside/folder"), "given as another"),
    "a folder elsewhere": (put("settings", 0, "folder", "/tmp"), "given as another"),
    "a folder with NUL": (put("settings", 1, "folder", "a\0"), "given as another"),
    "a folder that is none": (put("settings", 1, "folder", 7), "given as another"),
    "folders exchanged": (put("settings", 0, "folder", NAMES[1]), "given as another"),
    "a target above": (put("settings", 0, "mode", "../outside/points.csv"), "points.csv", "not in the run folder"),
    "a target above its place": (
        put("settings", 0, "mode", "targets/../../outside/points.csv"),
        "not in the run folder",
    ),
    "a target elsewhere": (put("settings", 0, "mode", "/etc/passwd.csv"), "/etc/passwd.csv is not in the run folder"),
    "a target with NUL": (put("settings", 0, "mode", "targets/a\0.csv"), "not in the run folder"),
    "a target that is hidden": (put("settings", 0, "mode", "targets/.csv"), "not in the run folder"),
    "a target on another disk": (put("settings", 0, "mode", "targets/C:\\outside.csv"), "not in the run folder"),
    "a target that is not there": (
        put("settings", 0, "mode", "targets/points.csv"),
        "the run has no targets/points.csv",
    ),
    "a target that is none": (put("settings", 0, "mode", 5), "--mode 5"),
    "an unknown target": (put("settings", 0, "mode", "mixture_5"), "mixture_5"),
    "no target": (without("settings", 0, "mode"), "KeyError"),
    "no settings": (put("settings", []), "not a finished run"),
    "settings that are none": (put("settings", "abc"), "not a finished run"),
    "a setting that is none": (put("settings", 0, []), "not a finished run"),
    "an option that there is not": (put("settings", 0, "\x1b]0;", 1), "unexpected keyword"),
    "an option of another kind": (put("settings", 0, "hidden", "8"), "--hidden 8"),
    "an option that is a list": (put("settings", 0, "loss", ["hinge"]), "--loss"),
    "an option beyond its limits": (put("settings", 0, "batch_size", 0), "--batch-size 0"),
    "an option that is not set": (put("settings", 0, "std", None), "no std"),
    "one setting too many": (
        lambda w: put("settings", [*w["settings"], {**w["settings"][0], "lr": 0.5}])(w),
        "not a finished",
    ),
    "too many settings": (put("settings", [{}] * 5001), "too many"),
    "the same setting twice": (lambda w: put("settings", [w["settings"][0]] * 2)(w), "other members"),
    "another name of the study": (put("study", "name", 5), "must be texts"),
    "headings that are none": (put("study", "headings", {"": 3}), "must be texts"),
    "headings that are a list": (put("study", "headings", []), "not a finished run"),
    "many seeds": (put("study", "seeds", 40_000), "not a row for each member"),
    "other seeds": (put("study", "seed", 1), "other members"),
    "seeds below 0": (put("study", "seeds", -1), "--seeds -1"),
    "very many steps": (put("study", "steps", 10**8), "history.npz"),
    "a step more": (put("study", "steps", 41), "history.npz"),
    "other snapshots": (put("study", "snapshots", 100_000), "history.npz"),
    "other frames": (put("study", "frames", 3), "frames.npz"),
    "another budget": (put("study", "budget", "updates"), "history.npz"),
    "other scores": (put("study", "scores", "critic"), "null is not that"),
    "an unknown key of the study": (put("study", "settings", []), "not a finished run"),
    "no study": (without("study"), "KeyError"),
    "no null": (without("null"), "KeyError"),
    "a null of one setting": (lambda w: put("null", w["null"][:1])(w), "null is not told"),
    "a null without a score": (scores(lambda null: null.pop("jsd")), "null is not that"),
    "a null of a foreign score": (scores(lambda null: null.update(setting=[1, 2])), "null is not that"),
    "a null of words": (scores(lambda null: null.update(jsd=["a", "b"])), "no number"),
    "a null of three": (scores(lambda null: null.update(jsd=[1, 2, 3])), "not a finished run"),
    "a null that is true": (scores(lambda null: null.update(jsd=[True, False])), "no number"),
    "modes that are words": (put("modes", ["4", "4"]), "numbers of modes"),
    "modes below 0": (put("modes", [-1, 4]), "numbers of modes"),
    "very many modes": (put("modes", [10**9, 4]), "numbers of modes"),
    "other modes": (put("modes", [5, 4]), "history.npz"),
    "seconds that are words": (put("seconds_per_gan", ["1", "2"]), "no number"),
    "seconds of one setting": (put("seconds_per_gan", [1.0]), "not told of each"),
    "a failure of nobody": (put("failures", [{"members": [99], "error": "x"}]), "members that there are not"),
    "a failure of the last": (put("failures", [{"members": [-1], "error": "x"}]), "members that there are not"),
    "a failure without a reason": (put("failures", [{"members": [0], "error": 7}]), "must be a text"),
    "failures that are none": (put("failures", {"a": 1}), "not a finished run"),
    "versions that are a list": (put("versions", ["torch"]), "versions is no"),
    "seconds that are texts": (put("seconds", {"training": "long"}), "no number"),
    "threads that are a text": (put("threads", "1"), "threads is no int"),
    "a command that is none": (put("command", ["rm"]), "command is no str"),
    "a look that is none": (put("look", [1]), "look is no"),
    "a look that there is not": (put("look", {"show": "x" * 10**6}), "--show x"),
    "time that is none": (put("spent", "long"), "no number"),
    "circumstances that are none": (put("circumstances", 1), "circumstances is no"),
    "resumed by a text": (put("resumed", "x"), "resumed is no list"),
    "confirmed by a text": (put("confirmed", "01"), "confirmed is no list"),
    "confirmed of nobody": (put("confirmed", [99]), "confirmed must be places"),
    "confirmed twice": (put("confirmed", [0, 0]), "confirmed must be places"),
    "too large a number": (put("settings", 0, "lr", 10**30), "too large"),
    "deep within": (put("versions", {"torch": nested(40)}), "nested too deeply"),
    "no Unicode": (put("study", "question", "\ud800"), "no Unicode"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_run_json_of_unknown_origin(case, run, refused):
    change, *words = MANIFESTS[case]
    write(run, change(manifest(run)))
    refused(*words)


def test_a_format_may_be_of_any_kind_but_the_line_is_short(run, refused):
    whole = manifest(run)
    write(run, whole | {"format": "9" * 10**6})
    refused("has format")
    write(run, whole | {"settings": [{"mode": "x" * 10**6}]})
    refused("must be one of")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe{}", "codec can't decode"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"format": NaN}', "NaN is no JSON"),
        (b'{"format": -Infinity}', "-Infinity is no JSON"),
        (b'{"format": 1e999}', "too large"),
        (b'{"format": ' + b"9" * 5000 + b"}", "integer string conversion"),
        (b"[" * 10**6, "nested too deeply"),
        (b'{"a":' * 10**5 + b"1" + b"}" * 10**5, "nested too deeply"),
        (b"[" * 900 + b"]" * 900, "nested too deeply"),
        (b"[" + b"[]," * (10 * 2**20 // 3) + b"[]]", "more than 1000000 values"),
        (b'{"a": "' + b"\\u0041" * (10 * 2**20 // 6) + b'"}', "KeyError"),
        (b'{"format": "' + b"x" * 10 * 2**20 + b'"}', "has format"),
        (b" " * (2**24 + 1), "larger than"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else value,
)
def test_a_run_json_that_is_no_such_json(data, word, run, refused):
    (run / "run.json").write_bytes(data)
    refused(word)


def test_names_above_are_not_removed_by_force(run, tmp_path):
    """A run.json's files are what --force may remove; none of these is within the folder."""
    names = [
        "../outside/points.csv",
        str(tmp_path / "outside" / "points.csv"),
        "a\0b",
        "x" * 5000,
        "",
        ".",
        "link/points.csv",
    ]
    write(run, manifest(run) | {"files": [*names, "history.npz", 7]})
    (run / "mine.txt").write_text("mine")
    before = sorted((tmp_path / "outside").rglob("*"))
    with quickly(), watched() as events:
        RunFolder.create(run, force=True)
    assert not [event for event in events if "outside" in event]
    assert sorted((tmp_path / "outside").rglob("*")) == before
    assert not (run / "history.npz").exists()
    assert (run / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "CON", "x" * 300, "a\0b", "-x", "=cmd()", "a/../homework", "\x1b[31m", ""]
)
def test_names_of_studies_are_those_that_there_are(name, run, untouched, monkeypatch, capsys):
    with untouched():
        assert main(["study", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert len(err) < 600


@pytest.mark.parametrize("name", questions())
def test_a_run_that_calls_itself_a_study_is_told_as_what_it_is(name, run, capsys):
    """The study's own parts find nothing of theirs in it."""
    write(run, put("study", "name", name)(manifest(run)))
    loaded = load(RunFolder.open(run))
    assert (get_parts(name) or (lambda results: []))(loaded) == []
    workflow.rewrite_report(run)


# --- links and what is no file ---------------------------------------------------------------------------------------


def link(name, to, *, folder=False):
    def make(run):
        path = run / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(to, target_is_directory=folder)

    return make


LINKS = {
    "run.json": link("run.json", "../outside/run/run.json"),
    "history.npz": link("history.npz", "../outside/run/history.npz"),
    "summary.csv": link("summary.csv", "../outside/run/summary.csv"),
    "a picture": link("comparison.png", "../outside/points.csv"),
    "a setting's picture": link(f"{NAMES[0]}/losses.png", "../../outside/points.csv"),
    "a setting's folder": link(NAMES[1], "../outside/folder", folder=True),
    "the targets": link("targets", "../outside", folder=True),
    "checkpoints": link("checkpoints", "../outside/folder", folder=True),
    "nothing": link(NAMES[1], "../outside/nothing"),
    "the root": link("mine", "/", folder=True),
    "a link to a link": lambda run: (link("b", "../outside/run/run.json")(run), link("history.npz", "b")(run)),
}


@pytest.mark.parametrize("case", LINKS)
def test_no_link_is_followed_out_of_the_folder(case, run, refused):
    LINKS[case](run)
    refused("leads out of the run folder")


@pytest.mark.parametrize("case", LINKS)
def test_no_run_is_written_where_a_link_leads_out(case, run, untouched):
    if case != "run.json":
        LINKS[case](run)
        with untouched(), pytest.raises(FolderInUse, match="leads out of it"):
            RunFolder.create(run, force=True)


def test_links_within_the_folder_and_to_it_are(run, sound, tmp_path):
    (run / "history.npz").rename(run / "other.npz")
    (run / "history.npz").symlink_to("other.npz")
    (run / "again").symlink_to(".", target_is_directory=True)
    (run / "loop").symlink_to("loop")
    (tmp_path / "latest").symlink_to("run", target_is_directory=True)
    loaded = load(RunFolder.open(tmp_path / "latest"))
    assert np.array_equal(loaded.scores["jsd"], load(RunFolder.open(sound)).scores["jsd"])


@pytest.mark.parametrize("name", ["run.json", "history.npz", "frames.npz", "weights.npz", "summary.csv", "events.csv"])
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty"])
def test_what_is_there_instead_of_a_file(name, kind, run, refused):
    (run / name).unlink()
    if kind == "folder":
        (run / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(run / name)  # opening it would wait for ever
    elif kind == "empty":
        (run / name).touch()
    expected = {"missing": "there is no run.json" if name == "run.json" else "did it finish?"}
    refused({**expected, "folder": "is a folder", "pipe": "not a plain file", "empty": ""}[kind], name)


def test_a_folder_deeper_than_the_stack(run):
    """Nothing recurses."""
    here, limit = os.getcwd(), sys.getrecursionlimit()
    try:
        os.chdir(run)
        for _ in range(400):
            os.mkdir("a")
            os.chdir("a")
        sys.setrecursionlimit(len(inspect.stack()) + 150)
        with quickly():
            assert len(RunFolder.open(run).files()) == len(list(run.iterdir())) - 2  # without run.json and the folder
            RunFolder.open(run).sweep()
    finally:
        sys.setrecursionlimit(limit)
        os.chdir(here)
        subprocess.run(["rm", "-r", str(run / "a")], check=True)  # rmtree recurses


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "a\0b", "C:x", "a\\..\\b", "\\\\host\\x", "./a"],
)
def test_names_that_are_not_within_a_folder(name, tmp_path):
    assert not is_inside(name)
    folder = RunFolder.create(tmp_path / "run")
    for act in (
        lambda: folder.write_text(name, "x"),
        lambda: folder.write_npz(name, {}),
        lambda: folder.read_json(name),
        lambda: folder.read_csv(name),
        lambda: folder.read_npz(name),
    ):
        with watched() as events, pytest.raises(NotARun, match="no name within"):
            act()
        assert not [event for event in events if event.startswith("open")]


def test_an_output_folder_with_nul_is_a_mistake():
    with pytest.raises(FolderInUse, match=r"'a\\x00b'"):
        RunFolder.create("a\0b")
    with pytest.raises(NotARun):
        RunFolder.open("a\0b")


# --- tables ----------------------------------------------------------------------------------------------------------


def cells(**change):
    """summary.csv with other cells in its last row."""

    def of(text):
        rows = list(csv.DictReader(io.StringIO(text)))
        rows[-1] |= change
        made = io.StringIO()
        writer = csv.DictWriter(made, list(rows[0]), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return made.getvalue()

    return of


SUMMARIES = {
    "a row less": (lambda t: "\n".join(t.splitlines()[:-1]), "not a row for each member"),
    "a row more": (lambda t: t + t.splitlines()[-1] + "\n", "not a row for each member"),
    "no rows": (lambda t: t.splitlines()[0], "not a row for each member"),
    "rows in another order": (lambda t: "\n".join(t.splitlines()[i] for i in (0, 2, 1, 3, 4)), "other members"),
    "another setting": (cells(setting="../outside"), "other members"),
    "another seed": (cells(seed="7"), "other members"),
    "a seed that is none": (cells(seed="one"), "other members"),
    "an unknown verdict": (cells(verdict="<script>"), "not one of"),
    "a step that is none": (cells(diverged_at="soon"), "no such number"),
    "a step of another script": (cells(diverged_at="١"), "no such number"),
    "a step beyond": (cells(diverged_at="41"), "no such number"),
    "a step far beyond": (cells(diverged_at="9" * 5000), "no such number"),
    "a step before": (cells(diverged_at="-1"), "no such number"),
    "a short row": (lambda t: t.rstrip("\n") + "\nx\n", "has 1 cells"),
    "a long row": (lambda t: t.rstrip("\n") + ",,,\n", "cells, not"),
    "no column of seeds": (lambda t: t.replace("seed", "sued"), "has no column seed"),
    "no column of reasons": (lambda t: t.replace(",why,", ",how,"), "has no column why"),
    "a very long cell": (cells(why="x" * 200_000), "field larger"),
    "nothing": (lambda t: "", "has no column setting"),
    "NUL": (lambda t: "\0" * 100, "has no column setting"),
    "very many columns": (lambda t: t.splitlines()[0] + "," * 50_000 + "\nx" * 50_000, "has 1 cells"),
}
EVENTS = {
    "of nobody": (f"{NAMES[0]},7,0,1,won,", "KeyError"),
    "a step beyond": (f"{NAMES[0]},0,41,1,won,", "no such number"),
    "a mode beyond": (f"{NAMES[0]},0,0,5,won,", "no such number"),
    "mode 0": (f"{NAMES[0]},0,0,0,won,", "no such number"),
    "a hop beyond": (f"{NAMES[0]},0,0,1,hopped,5", "no such number"),
    "an unknown event": (f"{NAMES[0]},0,0,1,bought,", "not one of"),
}


@pytest.mark.parametrize("case", SUMMARIES)
def test_a_summary_of_unknown_origin(case, run, refused):
    change, *words = SUMMARIES[case]
    (run / "summary.csv").write_text(change((run / "summary.csv").read_text()))
    refused(*words)


@pytest.mark.parametrize("case", EVENTS)
def test_events_of_unknown_origin(case, run, refused):
    row, *words = EVENTS[case]
    with open(run / "events.csv", "a") as file:
        file.write(row + "\n")
    refused(*words)


def test_a_table_that_is_no_text(run, refused):
    (run / "summary.csv").write_bytes(b"\xff\xfe\xff")
    refused("summary.csv", "codec can't decode")


# --- arrays ----------------------------------------------------------------------------------------------------------


class Bomb:
    """What a pickle would carry out."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def npy(array):
    held = io.BytesIO()
    np.lib.format.write_array(held, np.asanyarray(array), allow_pickle=True)
    return held.getvalue()


def declaring(shape, kind="<f4", data=b"\0" * 64, header=None):
    """A .npy whose header says so, whatever follows."""
    text = header or f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def archive(path, members, how=zipfile.ZIP_DEFLATED):
    """Write (name, bytes) as a zip; names may come twice."""
    twice = len({name for name, _ in members}) < len(members)
    about = pytest.warns(UserWarning, match="Duplicate") if twice else contextlib.nullcontext()
    with about, zipfile.ZipFile(path, "w", how) as file:
        for name, data in members:
            file.writestr(name, data)


def members_of(path):
    with zipfile.ZipFile(path) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def replaced(**arrays):
    """A change of members: these arrays' bytes are others, or (None) gone."""

    def of(members):
        names = {f"{name}.npy": data for name, data in arrays.items()}
        new = [(name, names[name]) for name in names if name not in dict(members) and names[name] is not None]
        return [(n, names.get(n, d)) for n, d in members if names.get(n, d) is not None] + new

    return of


def other(name, change):
    """The same, by what becomes of the array that is there."""

    def of(members):
        array = np.load(io.BytesIO(dict(members)[f"{name}.npy"]))
        return replaced(**{name: npy(change(array))})(members)

    return of


def first_step(steps):
    steps[:, 0] = 1
    return steps


ARRAYS = {
    "a pickle": ("history", replaced(jsd=npy(np.array([Bomb()], object))), "no array of plain numbers"),
    "a pickle alone": ("weights", lambda m: [("member.npy", pickle.dumps(Bomb()))], "no array of plain numbers"),
    "a pickle beside": ("frames", lambda m: [*m, ("x.npy", npy(np.array([Bomb()], object)))], "no array of plain"),
    "records": ("history", replaced(jsd=npy(np.zeros(3, [("a", "f4")]))), "no array of plain numbers"),
    "an absurd shape": ("history", replaced(jsd=declaring((10**15,))), "declares 4000000000000000 bytes"),
    "an absurd product": ("frames", replaced(samples=declaring((10**9, 10**9, 10**9))), "declares 4000000000"),
    "a shape below 0": ("frames", replaced(samples=declaring((-1,))), "no array of plain numbers"),
    "a shape of none": ("frames", replaced(samples=declaring((0, 10**17), data=b"")), "samples is float32"),
    "an absurd width": ("history", replaced(setting=declaring((1,), "<U99999999")), "declares 399999996 bytes"),
    "a header that is code": (
        "history",
        replaced(jsd=declaring(0, header="__import__('os').system('touch executed')")),
        "plain",
    ),
    "a header that is deep": ("history", replaced(jsd=declaring(0, header="(" * 9000)), "plain numbers"),
    "a header of digits": ("history", replaced(jsd=declaring("(" + "9" * 9000 + ",)")), "plain numbers"),
    "a header without end": ("history", replaced(jsd=b"\x93NUMPY\x01\x00\xff\xff{"), "plain numbers"),
    "a header of another version": ("history", replaced(jsd=b"\x93NUMPY\x02\x00" + b"\xff" * 4), "plain numbers"),
    "too little": ("history", replaced(jsd=declaring((100,))), "declares 400 bytes, and has 64"),
    "too much": ("history", replaced(jsd=declaring((1,))), "declares 4 bytes, and has 64"),
    "an array twice": ("history", lambda m: [*m, m[3]], "two arrays of one name"),
    "a name above": ("history", lambda m: [*m, ("../outside/x.npy", npy([1.0]))], "no array's name"),
    "a name elsewhere": ("history", lambda m: [*m, ("/tmp/x.npy", npy([1.0]))], "no array's name"),
    "what is no array": ("history", lambda m: [*m, ("x.txt", b"text")], "no array's name"),
    "an array missing": ("history", replaced(jsd=None), "jsd is missing"),
    "no samples": ("frames", replaced(samples=None), "samples is missing"),
    "samples of none": ("frames", other("samples", lambda a: a[:, :, :0]), "samples are none"),
    "an array more": ("frames", replaced(x=npy([1.0])), "x does not belong"),
    "nothing": ("history", lambda m: [], "is missing"),
    "another kind": ("history", other("jsd", lambda a: a.astype(np.float32)), "jsd is float32"),
    "complex": ("history", other("jsd", lambda a: a.astype(complex)), "no array of plain numbers"),
    "words": ("history", other("jsd", lambda a: a.astype("U9")), "jsd is <U9"),
    "another shape": ("history", other("d_loss", lambda a: a[:, :-1]), "d_loss is"),
    "turned": ("history", other("jsd", lambda a: a.T.copy()), "jsd is"),
    "fewer members": ("history", other("sample_mean", lambda a: a[1:]), "sample_mean is"),
    "fewer frames": ("frames", other("samples", lambda a: a[1:]), "samples is"),
    "other settings": ("history", other("setting", lambda a: a[::-1]), "another setting"),
    "other seeds": ("history", other("seed", lambda a: a + 1), "another seed"),
    "steps that fall": ("history", other("snapshot_step", lambda a: a[:, ::-1]), "must ascend"),
    "steps that stay": ("history", other("snapshot_step", lambda a: a // 100 * 100), "must ascend"),
    "steps below 0": ("history", other("curve_step", lambda a: a - 100), "not be negative"),
    "steps beyond": ("history", other("curve_step", lambda a: a + 1), "must end where"),
    "a late start": ("history", other("snapshot_step", first_step), "begin with 0"),
    "steps that differ": (
        "frames",
        other("step", lambda a: np.where(np.arange(4)[:, None] == 1, [0, 3, 40], a)),
        "different steps",
    ),
    "weights of nobody": ("weights", other("member", lambda a: a + 100), "members that there are not"),
    "weights of somebody twice": ("weights", other("member", lambda a: a[[0, 0]]), "a member twice"),
    "weights by halves": ("weights", other("member", lambda a: a + 0.5), "members that there are not"),
    "weights that are missing": ("weights", lambda m: m[:-1], "is missing"),
    "weights of other sizes": ("weights", lambda m: other(m[1][0][:-4], lambda a: a[:, :-1])(m), "weights.npz"),
    "weights of other kinds": ("weights", lambda m: other(m[1][0][:-4], lambda a: a.astype("f8"))(m), "weights.npz"),
    "no members of weights": ("weights", lambda m: m[1:], "weights.npz"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_of_unknown_origin(case, run, refused):
    file, change, *words = ARRAYS[case]
    archive(run / f"{file}.npz", change(members_of(run / f"{file}.npz")))
    refused(f"{file}.npz" if "steps" not in case and case != "a late start" else "", *words)
    assert not (run.parent / "executed").exists()


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_is_not_ours(how, run, refused):
    archive(run / "history.npz", members_of(run / "history.npz"), how)
    refused("history.npz", "is compressed")


def test_a_file_larger_than_its_run(run, refused):
    with open(run / "frames.npz", "ab") as file:
        file.truncate(2**40)  # takes no room
    refused("frames.npz", "bytes, for at most")


def patched(path, member, *, size=None, flags=None):
    """A zip whose directory says something else of a member."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    while data[at + 46 : at + 46 + len(member)] != member.encode():
        at = data.index(b"PK\1\2", at + 1)
    if size is not None:
        data[at + 24 : at + 28] = struct.pack("<I", size)
    if flags is not None:
        data[at + 8 : at + 10] = struct.pack("<H", flags)
    path.write_bytes(data)


def test_what_is_encrypted(run, refused):
    patched(run / "history.npz", "jsd.npy", flags=1)
    refused("history.npz", "encrypted")


@contextlib.contextmanager
def at_most(megabytes):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()


def test_bombs_are_not_unpacked(tmp_path):
    """16 MB of zeros in 16 kB, under other descriptions."""
    path = tmp_path / "bomb.npz"
    zeros = npy(np.zeros(2**22, np.float32))
    archive(path, [("x.npy", zeros)])
    whole = path.read_bytes()
    assert len(whole) < 2**15
    with at_most(1), pytest.raises(ValueError, match="declares 16777344 bytes of arrays in"):
        read_arrays(path, limit=2**20)
    assert len(read_arrays(path, limit=2**27)["x"]) == 2**22
    for claimed in (1000, 2**20):  # it says little, and has much
        path.write_bytes(whole)
        patched(path, "x.npy", size=claimed)
        with at_most(4), pytest.raises(ValueError, match=r"CRC|declares 16777216 bytes, and has"):
            read_arrays(path, limit=2**27)
        archive(path, [("x.npy", declaring((claimed // 4,), data=zeros))])
        patched(path, "x.npy", size=claimed + len(declaring((claimed // 4,), data=b"")))
        with at_most(4), pytest.raises(ValueError, match=r"CRC|ends early"):
            read_arrays(path, limit=2**27)
    for count, words in ((2**28 - 1000, "ends early"), (2**30 - 1000, "more than the 1073741824")):
        header = declaring((count,))  # much, and it has little
        archive(path, [("x.npy", header)])
        patched(path, "x.npy", size=len(header) - 64 + 4 * count)
        with at_most(1), pytest.raises(ValueError, match=words):
            read_arrays(path, limit=2**40)
    many = tmp_path / "many.npz"
    archive(many, [(f"{i}.npy", declaring((2**28 - 128,))) for i in range(3)])
    for i in range(3):
        patched(many, f"{i}.npy", size=2**30)
    with at_most(1), pytest.raises(ValueError, match="more than the 1073741824 that are read"):
        read_arrays(many, limit=2**40)


# --- the reader of arrays --------------------------------------------------------------------------------------------

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
several = hypothesis.settings(
    max_examples=FUZZ,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
KINDS = ["b1", "i1", "u1", "i2", "u4", "i8", "f2", "f4", "f8", ">f4", ">i2", "U3", ">U2", "S4"]


def saved(arrays, stored):
    held = io.BytesIO()
    (np.savez if stored else np.savez_compressed)(held, allow_pickle=False, **arrays)
    return held.getvalue()


def same(some, others):
    return list(some) == list(others) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(some.values(), others.values(), strict=True)
    )


@several
@hypothesis.given(
    shapes=st.lists(
        st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 4), max_size=5), st.booleans()), max_size=5
    ),
    stored=st.booleans(),
    seed=st.integers(0, 99),
)
def test_what_numpy_writes_is_read(shapes, stored, seed):
    rng = np.random.default_rng(seed)
    arrays = {}
    for number, (kind, shape, turned) in enumerate(shapes):
        values = rng.integers(0, 99, shape).astype(kind)
        arrays[f"array {number}"] = values.T if turned else values
    data = saved(arrays, stored)
    read_back = read_arrays(io.BytesIO(data), limit=len(data) + 10**5, stored=stored)
    assert same(read_back, arrays)
    assert all(array.flags.writeable for array in read_back.values())


def test_stored_archives_are_no_larger_than_they_are(tmp_path):
    arrays = {"x": np.arange(5.0), "words": np.array(["a", "bc"])}
    stored, compressed = (saved(arrays, how) for how in (True, False))
    assert same(read_arrays(io.BytesIO(stored), limit=10**6, stored=True), arrays)
    with pytest.raises(ValueError, match="is compressed"):
        read_arrays(io.BytesIO(compressed), limit=10**6, stored=True)
    with pytest.raises(ValueError, match="more than the 300 that are read"):
        read_arrays(io.BytesIO(stored), limit=300, stored=True)
    path = tmp_path / "x.npz"
    archive(path, [("x.npy", npy(np.zeros(2000)))])
    with pytest.raises(ValueError, match="declares 16128 bytes of arrays in"):
        read_arrays(path, limit=10**6, stored=True)
    with pytest.raises(ValueError, match="No such file"):
        read_arrays(tmp_path / "none", limit=1)


def test_bytes_that_are_neither_true_nor_false_or_no_characters():
    odd = declaring((3,), "|b1", b"\0\1\2")
    path = io.BytesIO()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", odd)
    assert read_arrays(path, limit=10**4)["x"].tolist() == [False, True, True]
    path = io.BytesIO()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", declaring((1,), "<U1", b"\xff" * 4))
    with pytest.raises(ValueError, match="no characters"):
        read_arrays(path, limit=10**4)


# --- whatever comes --------------------------------------------------------------------------------------------------

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "a.csv", "\0"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def places(value, path=()):
    """Every path in a value of JSON."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@st.composite
def mutations(draw, whole):
    """A sound run.json with some of its values others, gone, or somebody else's."""
    made = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        every = list(places(made))[1:]
        if not every:
            break
        *path, last = draw(st.sampled_from(every))
        at = made
        for key in path:
            at = at[key]
        kind = draw(st.sampled_from(["other", "near", "gone", "from elsewhere", "twice"]))
        if kind == "gone":
            del at[last]
        elif kind == "near" and isinstance(at[last], int | float):
            at[last] = draw(
                st.sampled_from([at[last] + 1, -at[last], at[last] * 1e300, at[last] / 3, 0, None, str(at[last])])
            )
        elif kind == "from elsewhere":
            *source, key = draw(st.sampled_from(every))
            value = made
            with contextlib.suppress(LookupError, TypeError):
                for step in (*source, key):
                    value = value[step]
                at[last] = copy.deepcopy(value)
        elif kind == "twice" and isinstance(at, list):
            at.append(copy.deepcopy(at[last]))
        else:
            at[last] = draw(values)
    return made


def loads_or_refuses(run):
    """None where the folder is refused, in one line; else what was loaded, which can be told of and drawn."""
    results, line = None, ""
    with quickly():
        try:
            folder = RunFolder.open(run)
            results = load(folder)
        except NotARun as error:
            line = str(error)
    if results is None:
        assert line.isprintable()
        assert len(line) < 400 + len(str(run))
        return None
    shape = (len(results.members), results.snapshot_steps.shape[1])
    assert all(values.shape == shape for values in results.scores.values())
    assert len(results.verdicts) == len(results.members)
    assert [m.seed for m in results.members] == list(results.study.seed_list) * len(results.study.settings)
    with quickly(20):
        assert text_table(results)
        plan(results, Look())
        write_report(
            results, RunFolder(run.parent / "told"), [ReportedRun("run", folder, results, folder.read_json("run.json"))]
        )
    return results


@several
@hypothesis.given(data=st.data())
def test_any_run_json_loads_or_is_refused(data, run):
    whole = manifest(run)
    (run.parent / "told").mkdir(exist_ok=True)
    try:
        text = json.dumps(data.draw(mutations(whole) | values))
        (run / "run.json").write_text(text)
        loads_or_refuses(run)
    finally:
        write(run, whole)


@several
@hypothesis.given(data=st.data(), name=st.sampled_from(["history.npz", "frames.npz", "weights.npz"]))
def test_any_archive_loads_as_it_was_or_is_refused(data, name, run, sound):
    """Flipped bits and cut or inserted bytes: the checksums see to it."""
    whole = (sound / name).read_bytes()
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 2))):
        kind, at = (
            data.draw(st.sampled_from(["flip", "flip", "cut", "insert", "end"])),
            data.draw(st.integers(0, len(whole) - 1)),
        )
        at = min(at, len(broken) - 1)
        if kind == "flip" and broken:
            broken[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del broken[at : at + data.draw(st.integers(1, 64))]
        elif kind == "insert":
            broken[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        else:
            del broken[at:]
    try:
        (run / name).write_bytes(broken)
        arrays, line = None, ""
        with quickly():
            try:
                arrays = RunFolder.open(run).read_npz(name, 10**7)
            except NotARun as error:
                line = str(error)
        assert line.isprintable()
        assert arrays is None or same(arrays, RunFolder.open(sound).read_npz(name))
    finally:
        (run / name).write_bytes(whole)


@several
@hypothesis.given(data=st.data(), name=st.sampled_from(["history.npz", "frames.npz", "weights.npz"]))
def test_any_arrays_load_or_are_refused(data, name, run, sound):
    """Members that are sound by themselves, and others than the run's."""
    members = members_of(sound / name)
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(members) - 1))
        key, content = members[at]
        kind = data.draw(st.sampled_from(["values", "array", "bytes", "gone", "renamed", "shape"]))
        if kind == "gone":
            members[at] = ("gone.npy", content)
        elif kind == "renamed":
            members[at] = (data.draw(st.sampled_from([n for n, _ in members])), content)
        elif kind == "bytes":
            members[at] = (key, data.draw(st.binary(max_size=40)))
        else:
            array = np.load(io.BytesIO(content)) if content[:6] == b"\x93NUMPY" and len(content) > 20 else np.zeros(3)
            if kind == "values" and array.dtype.kind == "f":
                array = array.copy()
                array.flat[data.draw(st.integers(0, max(array.size - 1, 0))) if array.size else slice(0)] = (
                    data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 0, 1e300, -1e-320, 6e4]))
                    if array.dtype == np.float64
                    else np.nan
                )
            elif kind == "shape" and array.ndim:
                array = np.concatenate([array, array])
            else:
                array = data.draw(
                    st.builds(
                        lambda shape, kind: np.zeros(shape, kind),
                        st.lists(st.integers(0, 3), max_size=4),
                        st.sampled_from(KINDS),
                    )
                )
            members[at] = (key, npy(array))
    (run.parent / "told").mkdir(exist_ok=True)
    try:
        archive(run / name, list(dict(members).items()))
        loads_or_refuses(run)
    finally:
        (run / name).write_bytes((sound / name).read_bytes())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1e-320, 6e4])
def test_any_numbers_are_told_of(value, run):
    """They may be what GANs that diverged leave."""
    (run.parent / "told").mkdir()
    for file in ("history.npz", "frames.npz", "weights.npz"):
        arrays = RunFolder(run).read_npz(file)
        for array in arrays.values():
            if array.dtype.kind == "f":
                array[:] = array.dtype.type(value)
        np.savez(run / file, **arrays)
    assert loads_or_refuses(run) is not None


@several
@hypothesis.given(data=st.data(), name=st.sampled_from(["summary.csv", "events.csv"]))
def test_any_table_loads_or_is_refused(data, name, run, sound):
    rows = list(csv.reader(io.StringIO((sound / name).read_text())))
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(rows))
        if row:
            row[data.draw(st.integers(0, len(row) - 1))] = data.draw(
                st.text(max_size=6)
                | st.integers(-2, 50).map(str)
                | st.sampled_from(["diverged", "failed", "won", "'=1"])
            )
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    (run.parent / "told").mkdir(exist_ok=True)
    try:
        (run / name).write_bytes(made.getvalue().encode("utf-8", "replace") + data.draw(st.binary(max_size=3)))
        loads_or_refuses(run)
    finally:
        (run / name).write_bytes((sound / name).read_bytes())
