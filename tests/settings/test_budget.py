"""Budgets: what is equal is equal, and a setting's way is the same however it is counted."""

import numpy as np
import pytest

from dynamics.runner.resolving import resolve
from dynamics.runner.running import run_study
from dynamics.settings.budget import (
    curve_steps,
    frame_steps,
    samples_seen,
    snapshot_steps,
    spread_steps,
    steps_of,
    updates,
)
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

SETTINGS = (
    Setting(d_steps=1),
    Setting(d_steps=2),
    Setting(d_steps=5),
    Setting(d_steps=1, g_steps=3),
    Setting(batch_size=64),
)


def study(settings=SETTINGS, **how):
    return Study("n", "q", settings, **how)


def test_a_budget_is_spent_alike():
    assert steps_of(study(steps=1000)) == (1000,) * 5
    for budget, spent_in in (("updates", updates), ("samples", samples_seen)):
        steps = steps_of(study(steps=3000, budget=budget))
        spent = [spent_in(s, n) for s, n in zip(SETTINGS, steps, strict=True)]
        for setting, n in zip(SETTINGS, spent, strict=True):
            assert abs(n - max(spent)) <= 2 * spent_in(setting, setting.g_steps), budget  # within a round of each
        assert max(steps) == 3000  # the cheapest: nobody trains longer
    # 2 updates a generator step at 1 D step, 3 at 2, 6 at 5, 4/3 at 1 of D to 3 of G
    assert steps_of(study(SETTINGS[:4], steps=900, budget="updates")) == (600, 400, 200, 900)
    assert steps_of(study(SETTINGS[:3], steps=900, budget="samples")) == (900, 450, 180)
    assert steps_of(study(steps=1, budget="samples")) == (1,) * 5


@pytest.mark.parametrize("steps", range(1, 8))
def test_counts_are_those_of_the_training_loop(steps):
    setting = Setting(d_steps=5, g_steps=3, batch_size=7)
    d = g = 0
    while g < steps:
        d += setting.d_steps if g % setting.g_steps == 0 else 0
        g += 1
    assert updates(setting, steps) == d + g
    assert samples_seen(setting, steps) == 7 * d


@pytest.mark.parametrize(("steps", "looks"), [(1, 50), (7, 3), (40, 50), (997, 50), (1234, 1)])
def test_all_are_looked_at_as_often_and_to_the_end(steps, looks):
    asked = study(steps=steps, snapshots=looks, frames=looks, budget="updates")
    ends = steps_of(asked)
    for of in (snapshot_steps, frame_steps, curve_steps):
        rows = of(asked)
        assert len({len(row) for row in rows}) == 1
        assert [row[-1] for row in rows] == list(ends)
        assert all((np.diff(row) > 0).all() for row in rows)
        first = of is curve_steps  # their entries close, and none closes at 0
        places = np.arange(first, len(rows[0]) + first) / (len(rows[0]) - 1 + first)
        for row, end in zip(rows, ends, strict=True):  # equal shares of the way
            assert np.abs(np.array(row) - places * end).max() <= 0.5 + 1e-9
    assert len(curve_steps(asked)[0]) <= 500


def test_spread_steps():
    assert spread_steps(100, 4) == (0, 25, 50, 75, 100)
    assert spread_steps(3, 50) == (0, 1, 2, 3)
    assert spread_steps(10, 0) == (10,)


def test_a_setting_trains_as_it_would_alone_for_as_many_steps():
    small = {"mode": "mixture_4", "hidden": 4, "batch_size": 8}
    how = {"seeds": 2, "snapshots": 3, "frames": 2, "workers": "1"}
    settings = tuple(Setting(d_steps=d, **small) for d in (1, 5))
    together = run_study(resolve(study(settings, steps=30, budget="updates", **how)))
    assert together.snapshot_steps.tolist() == [[0, 10, 20, 30], [0, 3, 7, 10]]
    alone = run_study(resolve(study(settings[1:], steps=10, **how)))
    assert np.array_equal(together.samples[2:], alone.samples)
    for name, values in alone.scores.items():
        assert np.array_equal(together.scores[name][2:], values, equal_nan=True)
    assert np.array_equal(together.curves["g_loss"][2:], alone.curves["g_loss"])
