"""Tables and arrays of a run: all that a run writes is declared, as it is; tables as columns for data frames."""

import csv
import dataclasses
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import dynamics
from dynamics.base.files import NotARun
from dynamics.base.streams import Streams
from dynamics.games.networks import plain_pair
from dynamics.reports import ranking, ranking_words
from dynamics.reports.comparisons import write_tables
from dynamics.runner.results import Member
from dynamics.runner.saving import save, save_rows
from dynamics.runner.table_columns import NUMBER, TABLE_COLUMNS, TEXT, WHOLE, all_columns, as_columns, named
from dynamics.settings.catalogue.run_arrays import AXES, RUN_ARRAYS
from dynamics.settings.catalogue.scores import GROUPS, SCORES
from dynamics.settings.network_sizes import parameters
from dynamics.store.folder import RunFolder

TABLES = ("summary", "comparison", "differences", "events")
TINY = {"mode": "mixture_4", "hidden": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    """Two settings, every score, an average, and a ledger of modes such as no run of twelve steps has: its results."""
    settings = tuple(dynamics.Setting(**TINY, d_steps=n, ema=0.9, penalty_weight=n) for n in (1, 2))
    study = dynamics.Study(
        "tables", "q?", settings, steps=20, seeds=3, snapshots=10, frames=3, scores="all", weights="all", workers="1"
    )
    results, _ = dynamics.run(study, tmp_path_factory.mktemp("runs") / "run", look=None)
    results.events = [(0, 12, 2, "won", None), (1, 18, 2, "hopped", 3)]
    return results


def typed(kind, value):
    """What a cell's text stands for, by its column's kind."""
    if value == "":
        return math.nan if kind == NUMBER else "" if kind == TEXT else None
    return {NUMBER: float, WHOLE: int, TEXT: str}[kind](value)


@pytest.mark.parametrize("table", TABLES)
def test_a_frame_is_the_file_of_that_name_by_columns(a_run, table, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save_rows(a_run, folder)
    write_tables(a_run, folder)
    with open(tmp_path / "run" / f"{table}.csv", newline="", encoding="utf-8") as file:
        titles, *rows = csv.reader(file)
    frame, kinds = a_run.frame(table), all_columns(table)
    assert list(frame) == titles
    assert rows
    for name, cells in zip(titles, zip(*rows, strict=True), strict=True):
        expected = [typed(kinds[name].kind, cell) for cell in cells]
        got = ["" if v is None and kinds[name].kind == TEXT else v for v in frame[name]]
        assert np.array_equal(got, expected, equal_nan=kinds[name].kind == NUMBER), name


@pytest.mark.parametrize("table", TABLES)
def test_a_frame_has_what_data_frames_take(a_run, table):
    """Columns of one length, each of one kind: floats as a numpy array, NaN where none is; else lists with None."""
    frame, kinds = a_run.frame(table), all_columns(table)
    assert len({len(column) for column in frame.values()}) == 1
    for name, column in frame.items():
        if kinds[name].kind == NUMBER:
            assert isinstance(column, np.ndarray)
            assert (column.dtype, column.ndim) == (np.float64, 1)
        else:
            of = {TEXT: str, WHOLE: int}[kinds[name].kind]
            assert isinstance(column, list)
            assert {type(value) for value in column} <= {of, type(None)}, name


def test_what_is_missing_is_none_or_nan(a_run):
    frame = a_run.frame()
    assert frame["diverged_at"] == [None] * 6
    assert frame["optimizer_d"] == [None] * 6
    assert np.isnan(frame["lr_g"]).all()
    assert frame["mode"] == ["mixture_4"] * 6  # the target
    assert frame["penalty_weight"].tolist() == [1.0] * 3 + [2.0] * 3


def test_a_table_without_rows_has_its_columns(a_run):
    quiet = dataclasses.replace(a_run, events=[])
    assert {name: list(column) for name, column in quiet.frame("events").items()} == {n: [] for n in named("events")}


def test_a_table_that_there_is_not_is_named(a_run):
    with pytest.raises(ValueError, match="no table 'scores': choose from summary, events, comparison, differences"):
        a_run.frame("scores")


def test_a_mode_is_a_target_and_its_modes_have_numbers(a_run):
    """One word for one thing: `mode` in summary.csv is what --mode is."""
    assert a_run.frame("events") == {
        "setting": [a_run.names[0]] * 2,
        "seed": [0, 1],
        "step": [12, 18],
        "mode_number": [2, 2],
        "event": ["won", "hopped"],
        "hopped_to": [None, 3],
    }
    for table, columns in TABLE_COLUMNS.items():
        for column in columns:
            assert column.name != "mode", table  # but as the option


# --- what is declared -------------------------------------------------------------------------------------------------


def test_every_column_of_every_table_is_declared_and_every_declared_one_is_there(a_run):
    """Columns that stand for many are there for every score that was measured."""
    measured, swings = list(a_run.scores), list(a_run.swings)
    for table in TABLES:
        declared = all_columns(table)
        frame = a_run.frame(table)
        assert set(frame) <= set(declared)
        for column in TABLE_COLUMNS[table]:
            for name in measured if "{score}" in column.name else swings if "{swing}" in column.name else [""]:
                made = column.name.replace("{score}", name).replace("{swing}", name)
                if "{" not in made and not (made.endswith("_z") and made not in frame and table == "summary"):
                    assert made in frame, made
    assert {"jsd_z", "w2_z"} <= set(a_run.frame())  # of samples; D's scores have none
    assert "critic_gap_z" not in a_run.frame()
    assert {"still_learning_share", "collapsed_low"} <= set(a_run.frame("comparison"))


def test_a_column_has_its_scores_unit():
    columns = all_columns("comparison")
    assert columns["jsd_mean"].unit == columns["jsd_swing_low"].unit == "nats"
    assert columns["w2_high"].unit == "data units"
    assert columns["jsd_n"].unit == "seeds"
    assert {name for name, column in columns.items() if "{" in column.name} == set()
    assert all(f"{name}_mean" in columns for group in GROUPS.values() for name in group.scores)


def test_a_ranking_has_the_declared_columns(a_run):
    ranked = ranking.rankings(a_run)
    rows = ranking_words.ranking_rows(a_run, ranked)
    frame = as_columns("ranking", rows)
    assert list(frame) == list(named("ranking"))
    assert sorted(frame["place"]) == [1, 2]
    assert all(len(column) == 2 for column in frame.values())


def test_rows_with_a_column_that_is_not_declared_are_refused():
    with pytest.raises(KeyError, match="nonsense"):
        as_columns("events", [{"nonsense": 1}])


# --- earlier runs -----------------------------------------------------------------------------------------------------


def test_an_earlier_runs_events_are_read(tmp_path):
    study = dynamics.Study("n", "q", (dynamics.Setting(**TINY),), steps=4, snapshots=2, frames=1, workers="1")
    dynamics.run(study, tmp_path / "run", look=None)
    setting = dynamics.load(tmp_path / "run").names[0]
    events = tmp_path / "run" / "events.csv"
    assert events.read_text(encoding="utf-8").splitlines()[0] == "setting,seed,step,mode_number,event,hopped_to"
    rows = f"{setting},0,2,1,won,\n{setting},0,4,1,hopped,3\n"
    for titles in ("setting,seed,step,mode,event,to", "setting,seed,step,mode_number,event,hopped_to"):
        events.write_text(f"{titles}\n{rows}", encoding="utf-8")
        back = dynamics.load(tmp_path / "run")
        assert back.events == [(0, 2, 1, "won", None), (0, 4, 1, "hopped", 3)]
        assert back.members == [Member(0, 0)]
    events.write_text(f"setting,seed,step,peak,event,to\n{rows}", encoding="utf-8")
    with pytest.raises(NotARun, match="has no column mode_number"):
        dynamics.load(tmp_path / "run")


# --- arrays -----------------------------------------------------------------------------------------------------------


def declared_facts(file, name):
    """What is declared of an array that a run wrote."""
    facts = RUN_ARRAYS[file]
    number = name.lstrip("gd")
    called = f"{name[0]}{{member}}" if number != name and number.isdigit() else name
    return facts[called if called in facts else "{score}" if name in SCORES else name]


@pytest.fixture(scope="module")
def every_array(a_run, tmp_path_factory):
    """File -> its arrays, of a run that writes every kind of them: of two targets, begun with another run's players."""
    paths = [tmp_path_factory.mktemp("arrays") / name for name in ("first", "second")]
    settings = tuple(dynamics.Setting(**{**TINY, "mode": mode}) for mode in ("mixture_4", "gaussian"))
    how = {"steps": 6, "seeds": 3, "snapshots": 3, "frames": 2, "workers": "1", "weights": "all"}
    dynamics.run(dynamics.Study("n", "q", settings, **how), paths[0], look=None)
    second = dynamics.Study("n", "q", settings, **how, from_run=str(paths[0]))
    results, folder = dynamics.run(second, paths[1], look=None)
    return results, {path.name: dict(np.load(path)) for path in folder.path.glob("*.npz")}


def test_a_run_writes_the_declared_arrays_with_the_declared_axes(every_array):
    """Sizes differ, so that no axis is taken for another."""
    results, files = every_array
    assert set(files) == set(RUN_ARRAYS)
    sizes = {"M": 6, "L": 6, "S": 4, "F": 3, "N": 2048, "K": 4, "W": 6, "2": 2}
    g, d = (parameters(results.study.settings[0])[k] for k in (0, 1))
    sizes |= {"PG": g, "PD": d}
    assert set(sizes) == set(AXES)
    for file, arrays in files.items():
        for name, values in arrays.items():
            facts = declared_facts(file, name)
            assert values.shape == tuple(sizes[axis] for axis in facts.axes), (file, name)
            assert values.dtype.kind == "U" if facts.kind == "text" else values.dtype == facts.kind, (file, name)
        for name in RUN_ARRAYS[file]:
            made = name.replace("{score}", "jsd").replace("{member}", "5")
            assert made in arrays, (file, name)


def test_every_score_of_history_has_its_unit_in_the_catalogue(a_run, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save(a_run, folder)
    with np.load(tmp_path / "run" / "history.npz") as arrays:
        scores = set(arrays) - set(RUN_ARRAYS["history.npz"])
    assert scores == set(a_run.scores) <= set(SCORES)


def test_what_arrays_are_said_to_be_is_so(every_array):
    """The meanings that a number can be held to."""
    results, files = every_array
    history, frames = files["history.npz"], files["frames.npz"]
    assert history["snapshot_step"][0].tolist() == [0, 2, 4, 6]
    assert frames["step"][0].tolist() == [0, 3, 6]
    for name in ("d_real", "d_fake", "on_data", "far_off"):
        assert ((history[name] >= 0) & (history[name] <= 1)).all(), name
    assert np.isnan(history["mode_mass"][3:, :, 1:]).all()  # one mode, where another target has four
    mean = frames["samples"][-1].astype(float).mean(1)  # frames first, then members
    assert history["sample_mean"][:, -1] == pytest.approx(mean, abs=2e-3)
    assert history["setting"].tolist() == [name for name in results.names for _ in range(3)]
    # the weights are those of the networks whose samples these are: G at the frame that a snapshot is of, too
    g, _ = plain_pair(
        results.study.settings[0], *(torch.from_numpy(files["weights.npz"][f"{p}2"][-1:].astype("f4")) for p in "gd")
    )
    z = torch.from_numpy(Streams([2], "evaluation").normal(2048, 2)).float()
    assert g(z)[0].detach().numpy() == pytest.approx(frames["samples"][-1, 2].astype(float), abs=1e-2)


def test_the_page_of_tables_and_arrays_is_as_declared():
    """docs/run-tables.md, which `python docs/write_run_tables.py` writes."""
    where = Path(__file__).parents[2] / "docs"
    sought = importlib.util.spec_from_file_location("write_run_tables", where / "write_run_tables.py")
    script = importlib.util.module_from_spec(sought)
    sought.loader.exec_module(script)
    assert (where / "run-tables.md").read_text(encoding="utf-8") == script.page()
