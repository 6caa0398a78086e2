import json

import torch

import bench
from benchmarks import plain
from main import main
from settings import Setting


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


def test_bench_prints_a_table_and_writes_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "CASES", (bench.Case(3, 8, 1.0),))
    assert main(["bench", "--repeats", "2", "--steps", "3", "--out", str(tmp_path / "b.json")]) == 0
    (case,) = json.loads((tmp_path / "b.json").read_text())["cases"]
    assert (case["members"], case["hidden"], len(case["plain_ms"]), len(case["ours_ms"])) == (3, 8, 2, 2)
    assert min(case["plain_ms"] + case["plain_all_cores_ms"] + case["ours_ms"] + case["peak_gflops"]) > 0
    assert f"{case['ratio']:.1f} ×," in capsys.readouterr().out
