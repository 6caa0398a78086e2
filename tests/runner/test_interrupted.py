"""An interrupted run looked at: it shows what the whole run has at the same steps, and `resume` loses nothing."""

import csv
import json
import shutil
import signal

import numpy as np
import pytest

import dynamics.workflow as workflow
from dynamics.base.files import NotARun, held
from dynamics.cli.app import main
from dynamics.runner import tasks
from dynamics.runner.interrupted import load_so_far
from dynamics.store import checkpoints
from dynamics.store.folder import RunFolder

# two stacks of two members, each saved after steps 10, 20, 30, 40 and at its end
ASKED = ["--mode=mixture_4", "--d-steps=1,2", "--seeds=2", "--steps=40", "--snapshots=4", "--frames=4"]
ASKED += ["--hidden=8", "--batch-size=8", "--weights=all", "--workers=1", "--quiet"]
NUMBERS = ["summary.csv", "events.csv", "comparison.csv", "differences.csv", "history.npz", "frames.npz", "weights.npz"]
save = checkpoints.Saver.save


def carry_out(*arguments):
    return main([str(argument) for argument in arguments])


def manifest(run):
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def rows(run, name="summary.csv"):
    with open(run / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names(run):
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    assert carry_out(*ASKED, "--out", run) == 0
    return run


def interrupted_after(saves, run, monkeypatch, *more):
    """Begin the same run, and stop it by Ctrl-C once so many checkpoints have been written."""
    left = [saves]

    def saved(saver, moment, arrays):
        save(saver, moment, arrays)
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(tasks.Saver, "save", saved)
        patch.setattr(tasks.Saver, "due", lambda saver: True)
        assert carry_out(*ASKED, "--out", run, *more) == 130
    return run


def progress_of(run):
    """(setting, step or 'done') of every task that has begun, from the names of its files and what they say."""
    came = []
    for path in sorted((run / "checkpoints").iterdir()):
        arrays, about = checkpoints.read(path)
        came.append((json.loads(about), int(arrays["step"]) if "step" in arrays else None))
    newest = {}
    for about, step in came:
        key = tuple(about["members"])
        if key not in newest or step is None or (newest[key] is not None and step > newest[key]):
            newest[key] = step
    return newest


def check_against(results, whole):
    """Every number that is there is the whole run's at that step; every other one is NaN, and there are such."""
    full = workflow.load(whole)
    reached = results.reached
    for name, values in results.scores.items():
        for m, looks in enumerate(reached.looks):
            assert values[m, :looks].tobytes() == full.scores[name][m, :looks].tobytes(), name
            assert np.isnan(values[m, looks:]).all(), name
    for name, values in results.curves.items():
        for m, entries in enumerate(reached.entries):
            assert values[m, :entries].tobytes() == full.curves[name][m, :entries].tobytes(), name
            assert np.isnan(values[m, entries:]).all(), name
    for m, frames in enumerate(reached.frames):
        assert results.samples[m, :frames].tobytes() == full.samples[m, :frames].tobytes()
        assert np.isnan(results.samples[m, frames:]).all()
        if frames:
            for ours, theirs in zip(results.weights[m], full.weights[m], strict=True):
                assert ours[:frames].tobytes() == theirs[:frames].tobytes()
    shape = results.snapshot_steps.shape[1]
    assert shape == max(reached.looks)
    assert np.array_equal(results.snapshot_steps, full.snapshot_steps[:, :shape])
    for m, word in enumerate(results.words):
        wanted = full.words[m] if reached.ended[m] else "interrupted" if reached.steps[m] else "not begun"
        assert word == wanted


@pytest.mark.parametrize(("count", "step"), [(3, 30), (7, 20)])
def test_what_is_shown_is_what_there_is(count, step, whole, tmp_path, monkeypatch, capsys):
    """In the first stack, and in the second when the first has ended; then all of it, as if nobody had looked."""
    run = interrupted_after(count, tmp_path / "run", monkeypatch)
    came = progress_of(run)
    assert len(came) == (1 if count < 5 else 2)
    before = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    results = load_so_far(RunFolder.open(run), manifest(run))
    for members, at in came.items():
        assert results.reached.steps[list(members)].tolist() == [at or 40] * 2
        assert results.reached.ended[list(members)].tolist() == [at is None] * 2
    check_against(results, whole)
    capsys.readouterr()

    # --- looked at
    assert step in came.values()
    rest = "2 of 4 not begun" if count < 5 else "2 of 4 ended"
    words = f"interrupted at step {step} of 40, {rest}"
    note = f"note: {run}: {words}; to go on: python main.py resume {run}\n"
    assert carry_out("report", run) == 0
    assert capsys.readouterr() == (f"{run / 'report.html'}\n", note)
    for name in ("report.html", "report.md"):
        page = (run / name).read_text(encoding="utf-8")
        assert page.index(f"I{words[1:]}") < page.index("Observations")
        assert "courses that have ended" in page
        assert "will be in history.npz" in page
    assert "pictures have not been drawn" in page
    assert carry_out("render", run, "--workers=1", "--format=png,svg", "--quiet") == 0
    assert capsys.readouterr() == ("", note)
    page = (run / "report.md").read_text(encoding="utf-8")
    assert "pictures" not in page.partition("## Observations")[0].partition("perfect generator:")[2]
    messages = page.partition("## Observations")[2].partition("## mixture")[0]
    assert "Nothing is said of what has not ended" in messages
    # no sentence but that one is made of the settings that have not ended, nor of a difference
    ended = {results.members[m].setting for m in range(4) if results.reached.ended[m]}
    assert messages.count("\n| mixture_4 · std 0.2: ") == len(ended)
    assert "against" not in messages.replace(", against", "")
    drawn = {name for name in names(run) if name.endswith((".png", ".gif", ".svg"))}
    begun = {results.names[results.members[m].setting] for m in range(4) if results.reached.steps[m]}
    assert {name.partition("/")[0] for name in drawn if "/" in name} == begun

    # --- tables: a member that has not begun is empty, never 0
    for row, m in zip(rows(run), range(4), strict=True):
        scores = [row[name] for name in (*results.scores, *results.swings)]
        if not results.reached.steps[m]:
            assert {*scores, row["steps"], row["jsd_z"]} == {""}
        else:
            assert row["jsd"] != ""
            last = results.reached.looks[m] - 1
            assert float(row["jsd"]) == workflow.load(whole).scores["jsd"][m, last]
            assert int(row["steps"]) == results.snapshot_steps[results.members[m].setting, last]
        if results.reached.ended[m]:
            assert row == rows(whole)[m]
        else:
            assert [row[name] for name in results.swings] == [""] * len(results.swings)
    for index, row in enumerate(rows(run, "comparison.csv")):
        if results.has_ended(index):
            assert row == rows(whole, "comparison.csv")[index]
        else:
            assert row["verdicts_n"] == "0"
            assert row["collapsed_share"] == ""
            assert (row["steps"] == "") == (results.last_step(index) is None) == (row["jsd_mean"] == "")
    assert rows(run, "differences.csv") == []

    # --- and gone on with
    assert {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before
    assert carry_out("resume", run, "--quiet") == 0
    assert names(run) == names(whole)
    for name in NUMBERS:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert "interim" not in manifest(run)
    assert manifest(run)["look"] == manifest(whole)["look"]
    assert sorted(manifest(run)["files"]) == sorted(manifest(whole)["files"])
    assert "**Interrupted" not in (run / "report.md").read_text(encoding="utf-8")


def test_what_was_killed_is_looked_at_too(tmp_path, monkeypatch, capsys):
    """Nobody wrote into run.json that it had ended: it says that it is running, and nobody holds the folder."""
    run = interrupted_after(3, tmp_path / "run", monkeypatch)
    facts = manifest(run)
    (run / "run.json").write_text(json.dumps({**facts, "status": "running"}), encoding="utf-8")
    assert carry_out("report", run) == 0
    assert manifest(run)["status"] == "running"
    capsys.readouterr()
    for command in ("report", "render"):
        with held(run):
            assert carry_out(command, run) == 2
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1
        assert "in use by" in printed


def test_all_trained_and_nothing_drawn(whole, tmp_path, monkeypatch, capsys):
    """Killed after the last GAN: all that the whole run says is said."""
    run = interrupted_after(10, tmp_path / "run", monkeypatch)
    facts = {n: v for n, v in manifest(run).items() if n not in ("null", "modes", "rarest", "failures")}
    (run / "run.json").write_text(json.dumps({**facts, "status": "running"}), encoding="utf-8")
    capsys.readouterr()
    assert carry_out("report", run) == 0
    assert "trained, but not drawn; to go on" in capsys.readouterr().err
    for name in NUMBERS[:4]:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert "**Interrupted" not in (run / "report.md").read_text(encoding="utf-8")
    assert carry_out("resume", run, "--quiet") == 0
    assert names(run) == names(whole)


def test_layers_of_the_networks_are_drawn_of_what_there_is(tmp_path, monkeypatch, capsys):
    run = interrupted_after(3, tmp_path / "run", monkeypatch)
    assert carry_out("render", run, "--workers=1", "--layers=density,d", "--quiet") == 0
    assert (run / "comparison.gif").is_file()


def test_a_seed_that_has_not_begun_is_not_shown(tmp_path, monkeypatch, capsys):
    """Of one that was asked for, those that there are stand in."""
    run = interrupted_after(3, tmp_path / "run", monkeypatch, "--member=1")
    assert carry_out("render", run, "--workers=1", "--quiet") == 0


def test_nothing_measured_is_one_line(tmp_path, monkeypatch, capsys):
    run = interrupted_after(1, tmp_path / "run", monkeypatch)
    shutil.rmtree(run / "checkpoints")
    capsys.readouterr()
    for command in ("report", "render"):
        before = names(run)
        assert carry_out(command, run) == 2
        printed = capsys.readouterr().err
        assert (
            printed
            == f"error: {run}: interrupted before anything was measured; to go on: python main.py resume {run}\n"
        )
        assert names(run) == before


def test_several_runs_of_which_one_is_interrupted(whole, tmp_path, monkeypatch, capsys):
    run = interrupted_after(3, tmp_path / "run", monkeypatch)
    capsys.readouterr()
    assert carry_out("report", whole, run, "--out", tmp_path / "both") == 2
    printed = capsys.readouterr().err
    assert printed == f"error: {run}: not a finished run: it was interrupted; to go on: python main.py resume {run}\n"
    assert not (tmp_path / "both").exists()
    with pytest.raises(NotARun, match="not a finished run"):
        workflow.load(run)


def resigned(path, change):
    """The checkpoint with `change` made to (arrays, what it says it is of), and a checksum that fits."""
    arrays, about = checkpoints.read(path)
    arrays, stated = change(arrays, json.loads(about))
    checkpoints.write(path, arrays, json.dumps(stated))


HOSTILE = {
    "members that there are not": lambda a, s: (a, s | {"members": [0, 99]}),
    "no members": lambda a, s: (a, s | {"members": None}),
    "a member twice": lambda a, s: (a, s | {"members": [0, 0]}),
    "weights of nobody": lambda a, s: (a, s | {"weights": [2, 1]}),
    "a step past the end": lambda a, s: (a | {"step": np.array(41)}, s),
    "another step": lambda a, s: (a | {"step": np.array(1)}, s),
    "no step": lambda a, s: ({n: v for n, v in a.items() if n != "step"}, s),
    "fewer samples": lambda a, s: (a | {"samples": a["samples"][:, :, :5]}, s),
    "weights of other networks": lambda a, s: (a | {"weights.g": a["weights.g"][:, :, :5]}, s),
    "no scores": lambda a, s: ({n: v for n, v in a.items() if n != "measured.jsd"}, s),
}
ELSE = {
    "another seed": lambda a, s: (a, s | {"seeds": [7, 8]}),
    "other settings": lambda a, s: (a, s | {"settings": s["settings"][:1] * 2 + [{}]}),
    "another format": lambda a, s: (a, s | {"format": 99}),
    "other looks": lambda a, s: (a, s | {"snapshot_steps": [0, 40]}),
}


@pytest.mark.parametrize("what", [*HOSTILE, *ELSE, "flipped"])
def test_what_a_checkpoint_says_is_not_believed(what, tmp_path, monkeypatch, capsys):
    """The one before it is used, or none; of something else, it is refused. One line each, and no file is changed."""
    run = interrupted_after(2, tmp_path / "run", monkeypatch)
    last = sorted((run / "checkpoints").iterdir())[-1]
    assert len(list((run / "checkpoints").iterdir())) == 2
    assert "done" not in last.name
    if what == "flipped":
        data = bytearray(last.read_bytes())
        data[len(data) // 2] ^= 1
        last.write_bytes(data)
    else:
        resigned(last, (HOSTILE | ELSE)[what])
    before = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    capsys.readouterr()
    status, (_, printed) = carry_out("report", run), capsys.readouterr()
    if what in ELSE:
        assert status == 2
        assert printed.startswith(f"error: {last}: is of something else: ")
        assert printed.count("\n") == 1
    else:
        assert status == 0
        assert printed.startswith(f"note: {last}: not used, ")
        assert printed.count("\n") == 2
    assert {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before


def test_it_does_not_matter_where_it_was_trained(tmp_path, monkeypatch, capsys):
    """By another version, on another processor: `resume` refuses, as numbers would differ; looking does not."""
    run = interrupted_after(3, tmp_path / "run", monkeypatch)
    for path in (run / "checkpoints").iterdir():
        resigned(path, lambda a, s: (a, s | {"torch": "1.0", "arithmetic": "abacus"}))
    assert carry_out("report", run) == 0
    assert carry_out("resume", run, "--quiet") == 2


def test_two_checkpoints_of_one_member_are_refused(tmp_path, monkeypatch, capsys):
    run = interrupted_after(3, tmp_path / "run", monkeypatch)
    last = sorted((run / "checkpoints").iterdir())[-1]
    shutil.copy(last, last.with_name(last.name.replace("0000-", "0001-")))
    capsys.readouterr()
    assert carry_out("report", run) == 2
    assert "is of members that another checkpoint is of" in capsys.readouterr().err


def test_seeds_of_one_setting_at_different_steps(tmp_path, monkeypatch):
    """Trained apart, eight have ended and one is under way: no curve says that any diverged."""
    from dynamics.pictures import losses_over_training

    run, shown = tmp_path / "run", []
    asked = ["--mode=gaussian", "--d-steps=1", "--seeds=9", "--penalty=gp"]  # stacks of eight and one
    left = [8]

    def saved(saver, moment, arrays):
        save(saver, moment, arrays)
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tasks.Saver, "save", saved)
    monkeypatch.setattr(tasks.Saver, "due", lambda saver: True)
    rest = [word for word in ASKED if not word.startswith(("--mode", "--d-steps", "--seeds"))]
    assert carry_out(*asked, *rest, "--out", run) == 130
    results = load_so_far(RunFolder.open(run), manifest(run))
    assert sorted(set(results.reached.steps.tolist())) != [40]
    assert results.reached.ended.any()
    assert not results.reached.ended.all()
    write = losses_over_training.write_remarks
    monkeypatch.setattr(losses_over_training, "write_remarks", lambda f, words: (shown.extend(words), write(f, words)))
    assert carry_out("render", run, "--workers=1", "--quiet") == 0
    (words,) = shown
    assert words.startswith("interrupted at step ")
    assert "of 9 seeds, band" in words
    assert "diverged" not in words
