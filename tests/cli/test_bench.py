import json
import multiprocessing

import pytest
import torch

from benchmarks import bench, plain
from dynamics.cli.app import main
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study


def test_operations_are_counted_as_the_algorithm_needs_them():
    """By hand, for one hidden layer of 3: G has weights 2·3 and 3·2, D has 2·3 and 3·1."""
    g, d, last_g, last_d = 12, 9, 6, 3
    d_step = g + 2 * (d + d + last_d)  # a fake; forward, to the weights and between the layers, on real and fake
    g_step = g + d + d + g + last_g  # forward through both, back through D to its input, through G to its weights
    counted = bench.operations(Setting(hidden=3, layers=1, d_steps=5, batch_size=10))
    assert counted == 2 * 10 * (5 * d_step + g_step)


def test_the_baseline_trains():
    """Some hundred steps bring the samples' spread from a tenth of the target's to its order."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        before = plain.mlp([2, 64, 64, 2])(torch.randn(1000, 2)).var(0).sum().item()
        after = plain.train(300)(torch.randn(1000, 2)).var(0).sum().item()
    assert before < 0.8 < after < 80  # the target's is 2 · (4 + 0.04)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(bench, "CASES", (bench.Case(3, 8, 1.0, 0.5),))
    monkeypatch.setattr(bench, "COMPANY", (1, 2))


def test_bench_prints_a_table_and_writes_it(tmp_path, capsys, monkeypatch, tiny):
    for user in ("base.workers", "runner.resolving"):
        monkeypatch.setattr(f"dynamics.{user}.usable_cores", lambda: 1)
    command = ["bench", "--only", "training,company,looking", "--repeats", "2", "--steps", "4"]
    assert main([*command, "--out", str(tmp_path / "b.json")]) == 0
    record = json.loads((tmp_path / "b.json").read_text())
    plain, everywhere, ours, *company = [t["values"] for t in record["times_ms"]]
    assert [len(plain), len(everywhere), len(ours), *map(len, company)] == [2] * 5
    assert min(plain + everywhere + ours + company[0] + company[1]) > 0
    ratio, peak, flatness, looking = record["rows"]
    assert ratio["values"] == [p / o for p, o in zip(plain, ours, strict=True)]
    assert flatness["values"] == [pytest.approx(max(map(sum, company)) / min(map(sum, company)))]
    assert 0 < peak["median"] < 1
    assert not flatness["more"]
    assert looking["holds"] == (looking["median"] <= 1.1)
    out = capsys.readouterr().out
    assert f"{ratio['median']:.2f} (" in out
    assert ("short" in out) == any(not row["holds"] for row in record["rows"])


@pytest.mark.slow
def test_the_other_parts_run(tiny, monkeypatch):
    """Busy neighbours end with their part, a run is weighed, and what is not there is left out and said."""
    monkeypatch.setattr(bench, "_study", lambda: Study("bench", "", (Setting(hidden=8),), seeds=2, frames=2))
    before = multiprocessing.active_children()
    names = ["busy", "memory", "cuda"]
    parts = bench.measure(names, 1, 2, 2, lambda amount: None)
    assert multiprocessing.active_children() == before
    (weight,) = parts["memory"].rows
    assert 0.1 < weight.median < 3
    assert parts["busy"].rows[0].median > 0
    if not torch.cuda.is_available():
        assert "no CUDA device" in bench.table(parts, 1, 2)


def test_an_unknown_part_is_refused(capsys):
    assert main(["bench", "--only", "trainin"]) == 2
    assert "training" in capsys.readouterr().err
