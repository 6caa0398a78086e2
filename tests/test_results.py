import csv
import json

import numpy as np
import pytest
from scipy import stats

from comparisons import comparison_rows, write_tables
from files import FolderInUse, NotARun, atomic
from intervals import mean_interval, share_interval
from results import load, manifest, save, setting_labels, setting_names, summary_rows
from settings import OptionError, Setting, Study
from store import RunFolder
from study import plan, resolve, run_study

TINY = {"hidden": 4, "batch_size": 8}


def tiny(**how):
    settings = tuple(Setting(mode="mixture_4", d_steps=d, **TINY) for d in (1, 2))
    return resolve(
        Study(
            "tiny",
            "q?",
            settings,
            **({"steps": 12, "seeds": 3, "snapshots": 4, "frames": 3, "workers": "1"} | how),
        )
    )


@pytest.fixture(scope="module")
def measured():
    return run_study(tiny())


def test_plan_puts_every_member_in_one_stack_of_its_structure():
    study = tiny(seeds=20, workers="2")
    members, stacks = plan(study)
    assert sorted(m for s in stacks for m in s.members) == list(range(40))
    for stack in stacks:
        assert len({s.structure for s in stack.settings}) == 1
        assert [members[m].seed for m in stack.members] == list(stack.seeds)


def test_results_do_not_depend_on_workers_or_cuts(measured, monkeypatch):
    import study

    monkeypatch.setattr(study, "stack_size", lambda setting, device: 2)
    other = run_study(tiny(workers="2"))
    for name, values in measured.scores.items():
        assert np.array_equal(other.scores[name], values, equal_nan=True)
    for name, values in measured.curves.items():
        assert np.array_equal(other.curves[name], values)
    assert np.array_equal(other.samples, measured.samples)


def test_arrays_have_the_stated_shapes(measured):
    assert measured.curves["d_loss"].shape == (6, 12)
    assert measured.scores["jsd"].shape == (6, 5)
    assert measured.samples.shape == (4, 6, 2048, 2)
    assert list(measured.frame_steps[0]) == [0, 4, 8, 12]
    assert measured.of_setting(1) == [3, 4, 5]


def test_a_run_read_back_is_the_run(measured, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save(measured, folder)
    folder.write_json("run.json", manifest(measured, status="done"))
    back = load(folder)
    assert back.study == measured.study
    assert back.members == measured.members
    assert (back.verdicts, back.diverged_at) == (measured.verdicts, measured.diverged_at)
    assert (back.details, back.events) == (measured.details, measured.events)
    pairs = ((back.scores, measured.scores), (back.curves, measured.curves), (back.measures, measured.measures))
    for one, other in pairs:
        assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in other)
    assert np.array_equal(back.samples, measured.samples)
    for name in ("curve_steps", "snapshot_steps", "frame_steps", "seconds"):
        assert np.array_equal(getattr(back, name), getattr(measured, name)), name
    for name, pair in measured.null[0].items():
        assert back.null[0][name] == pytest.approx(pair, nan_ok=True)


def test_tables_agree_with_the_arrays(measured, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save(measured, folder)
    write_tables(measured, folder)
    with open(tmp_path / "run" / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["setting"], int(r["seed"])) for r in rows] == [
        (f"mixture_4-std0.2-d{d}", seed) for d in (1, 2) for seed in range(3)
    ]
    assert [float(r["jsd"]) for r in rows] == list(measured.scores["jsd"][:, -1])
    with open(tmp_path / "run" / "comparison.csv", newline="") as file:
        first = next(csv.DictReader(file))
    spread = measured.scores["spread"][:3, -1]
    low, high = stats.t.interval(0.95, 2, spread.mean(), stats.sem(spread))
    assert [float(first[f"spread_{k}"]) for k in ("mean", "low", "high")] == pytest.approx([spread.mean(), low, high])
    assert int(first["spread_n"]) == 3


def test_equal_results_give_equal_bytes(measured, tmp_path):
    for name in "ab":
        folder = RunFolder.create(tmp_path / name)
        save(measured, folder)
        write_tables(measured, folder)
    for file in ("summary.csv", "comparison.csv", "differences.csv", "events.csv", "history.npz", "frames.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_failed_stack_costs_its_members_alone(monkeypatch, tmp_path):
    import study

    real = study.train_stack

    def broken(settings, *args, **how):
        if settings[0].d_steps == 2:
            raise RuntimeError("out of luck")
        return real(settings, *args, **how)

    monkeypatch.setattr(study, "train_stack", broken)
    results = run_study(tiny())
    assert results.verdicts[3:] == ["failed"] * 3
    assert "failed" not in results.verdicts[:3]
    assert "out of luck" in results.failures[0]["error"]
    rows = comparison_rows(results)
    assert rows[1]["jsd_n"] == 0
    save(results, RunFolder.create(tmp_path / "run"))
    assert np.isfinite(results.seconds[0])
    assert np.isnan(results.seconds[1])


def test_divergence_is_a_result_with_a_step():
    calm = Setting(mode="gaussian", optimizer="sgd", loss="lsgan", **TINY)
    wild = Setting(mode="gaussian", optimizer="sgd", loss="lsgan", lr=1e6, **TINY)
    results = run_study(resolve(Study("n", "q", (calm, wild), steps=30, seeds=2, snapshots=3, workers="1")))
    assert results.verdicts[2:] == ["diverged"] * 2
    assert all(step is not None and step <= 30 for step in results.diverged_at[2:])
    assert "diverged" not in results.verdicts[:2]
    assert np.isnan(summary_rows(results)[2]["jsd"])
    share = results.share("diverged", 1)
    assert (share.value, share.high) == (1.0, 1.0)


def test_names_tell_settings_apart():
    settings = [Setting(std=0.2, lr=lr, loss=loss) for lr in (1e-3, 1e-4) for loss in ("hinge", "lsgan")]
    assert setting_names(settings)[0] == "gaussian-std0.2-d2-losshinge-lr0.001"
    assert len(set(setting_names(settings))) == len(set(setting_labels(settings))) == 4
    assert setting_labels([Setting(std=0.2)]) == [("gaussian · std 0.2", "2 D steps")]


# --- intervals -------------------------------------------------------------------------------------------------------


def test_mean_interval_is_students():
    values = np.array([1.0, 4, 2, 8, np.nan, 5])
    e = mean_interval(values)
    known = values[np.isfinite(values)]
    assert (e.low, e.high) == pytest.approx(stats.t.interval(0.95, 4, known.mean(), stats.sem(known)))
    assert (e.value, e.n) == (4.0, 5)
    one = mean_interval(np.array([3.0]))
    assert one.value == 3
    assert np.isnan(one.low)
    assert mean_interval(np.array([np.nan])).n == 0


@pytest.mark.parametrize(("count", "n"), [(0, 8), (1, 8), (5, 8), (8, 8), (37, 100)])
def test_share_interval_is_wilsons(count, n):
    e = share_interval(count, n)
    expected = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    assert (e.low, e.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


# --- the folder ------------------------------------------------------------------------------------------------------


def write_half(path):
    with atomic(path) as temporary:
        temporary.write_text("ne", encoding="ascii")
        temporary.write_text("né", encoding="ascii")


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_half(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_folders_with_contents_are_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FolderInUse, match="--force"):
        RunFolder.create(tmp_path)
    folder = RunFolder.create(tmp_path, force=True)
    folder.write_text("x/made.txt", "by a run")
    folder.write_json("run.json", {"files": [*folder.files(), "../outside.txt"][1:]})
    (tmp_path.parent / "outside.txt").write_text("not ours")
    RunFolder.create(tmp_path, force=True)
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert not (tmp_path / "x").exists()
    assert (tmp_path.parent / "outside.txt").exists()


def test_json_is_strict(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_json("a.json", {"x": [np.float64("nan"), float("inf"), 1.5, np.int64(3)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [None, None, 1.5, 3]}


def test_what_is_no_run_is_said_to_be_none(tmp_path):
    with pytest.raises(NotARun, match="no run"):
        load(RunFolder(tmp_path))
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(NotARun, match=r"run\.json"):
        load(RunFolder(tmp_path))
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(NotARun, match="format 99"):
        load(RunFolder(tmp_path))


def test_a_std_that_a_mode_does_not_take_is_the_users_mistake():
    with pytest.raises(OptionError, match="--std: std of spiral must be at least"):
        resolve(Study("n", "q", (Setting(mode="spiral", std=0.01),)))
