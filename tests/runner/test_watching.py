"""What only watches changes no bit of what is trained: on every path, whatever is watched."""

import dataclasses

import numpy as np
import pytest

from dynamics.engine.choosing import STACKS
from dynamics.engine.training import train_stack
from dynamics.measures.scoring import Scorer
from dynamics.runner import tasks
from dynamics.runner.resolving import resolve
from dynamics.runner.running import run_study
from dynamics.settings.catalogue.scores import SCORE_GROUPS
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

STEPS = 40
FEW = 3  # hidden units where a spectrum is taken, whose cost grows with the square of the weights
# sizes that fill no vector register
SMALL = Setting(mode="mixture_4", std=0.3, hidden=7, batch_size=13, d_steps=1)
METHODS = {  # the path that trains, and what
    "plain": ("fast", {}),
    "tanh": ("fast", {"activation": "tanh", "batch_size": 16, "mode": "spiral", "optimizer": "rmsprop"}),
    "captured": ("captured", {"g_steps": 2}),
    "reference": ("reference", {"penalty": "gp+spectral", "norm": "batch"}),
    "a gradient penalty": ("recorded", {"penalty": "gp"}),
    "spectral": ("recorded", {"penalty": "spectral", "loss": "hinge"}),
    "falling noise": ("recorded", {"penalty": "instance_noise", "anneal": 20}),
    "clipped": ("recorded", {"penalty": "clip", "loss": "wasserstein", "optimizer": "sgd"}),
    "lookahead": ("recorded", {"update": "lookahead", "lookahead_k": 3}),
    "extragradient": ("recorded", {"update": "extragradient", "activation": "silu"}),
    "unrolled": ("recorded", {"update": "unrolled", "unroll": 2}),
    "batch normalisation": ("recorded", {"norm": "batch", "g_steps": 2}),
    "a fixed data set": ("recorded", {"data_size": 50, "warmup": 2, "minibatch_std": 1}),
}
WATCHERS = [  # of a study's options and of a setting's, those that watch; the control is none of these
    *({"ema": decay} for decay in (0.9, 0.99)),
    *({"scores": groups} for groups in ("all", "lipschitz", "spectrum")),
    *({"snapshots": count} for count in (1, 7, STEPS // 2)),
    *({"frames": count} for count in (0, 5)),
    *({"weights": kept} for kept in ("none", "all")),
    {"checkpoint": 1e-9},
]
NOTHING = {"snapshots": 1, "frames": 0, "weights": "none"}
EVERYTHING = {"ema": 0.99, "scores": ",".join(SCORE_GROUPS), "snapshots": 2, "frames": 5, "weights": "all"}
EVERYTHING |= {"checkpoint": 1e-9}
CONTROL = {"ema": 0.0, "scores": "none", "snapshots": 2, "frames": 2, "weights": "shown", "checkpoint": 0.0}
# what decides which GANs are trained, and where, or is only words
OTHERS = {
    "name",
    "baseline",
    "confirm",
    "question",
    "settings",
    "headings",
    "notes",
    "steps",
    "budget",
    "seeds",
    "seed",
    "from_run",
    "device",
    "workers",
}


def trained(monkeypatch, folder, method, *, hidden=7, **watching):
    """Everything that training left behind, by name and but for the average: parameters, moments, places in random
    streams and the curves' sums; and the loss curves as a run keeps them."""
    path, changes = METHODS[method]
    left = {}

    def looked_over(settings, seeds, steps, looks, *, between, **how):
        states = []

        def also(step, state):
            states.append(state())
            between(step, state)

        yield from train_stack(settings, seeds, steps, looks, between=also, **how)
        left.update({name: values for name, values in states[-1].items() if "average" not in name})

    how = CONTROL | watching
    setting = dataclasses.replace(SMALL, hidden=hidden, **changes, ema=how.pop("ema"))
    study = resolve(Study("s", "?", (setting,), steps=STEPS, seeds=2, workers="1", device="cpu", **how))
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "train_stack", looked_over)
        patch.setattr("dynamics.engine.choosing.stack_for", lambda setting, device: STACKS[path])
        results = run_study(study, keep=folder)
    assert not results.failures
    return left | {f"curve {name}": values for name, values in results.curves.items()}


def unequal(one, other):
    assert list(one) == list(other)
    return [name for name, values in one.items() if values.tobytes() != other[name].tobytes()]


@pytest.fixture(scope="module")
def controls():
    return {}


@pytest.mark.parametrize("watching", WATCHERS, ids=lambda w: "-".join(f"{name}={value}" for name, value in w.items()))
@pytest.mark.parametrize("method", ["plain", "a gradient penalty", "lookahead", "batch normalisation"])
def test_a_watcher_changes_no_bit(method, watching, controls, monkeypatch, tmp_path):
    hidden = FEW if "spectrum" in watching.values() else 7
    if (method, hidden) not in controls:
        controls[method, hidden] = trained(monkeypatch, tmp_path / "control", method, hidden=hidden)
    watched = trained(monkeypatch, tmp_path / "watched", method, hidden=hidden, **watching)
    assert unequal(watched, controls[method, hidden]) == []


@pytest.mark.parametrize("method", METHODS)
def test_all_watchers_together_change_no_bit_of_any_method(method, monkeypatch, tmp_path):
    unwatched, watched = (
        trained(monkeypatch, tmp_path / name, method, hidden=FEW, **watching)
        for name, watching in (("nothing", NOTHING), ("everything", EVERYTHING))
    )
    assert unequal(watched, unwatched) == []


def test_every_option_of_a_study_is_one_that_watches_or_one_that_trains():
    """A new one is added to either list."""
    watching = {name for watcher in WATCHERS for name in watcher}
    assert watching == set(CONTROL)
    assert watching - {"ema"} | OTHERS == {field.name for field in dataclasses.fields(Study)}
    assert "ema" in FIELDS[Setting]


@pytest.mark.parametrize("method", ["plain", "a gradient penalty", "captured"])
def test_it_would_show_if_a_watcher_touched_a_bit(method, monkeypatch, tmp_path):
    """A scorer that moves G's weights to the next number up; where training goes on and looks at it, much differs."""

    def clumsy(self, snapshot):
        weights = snapshot.players[0].flat.numpy() if method != "a gradient penalty" else snapshot.G.flat.numpy()
        weights[:] = np.nextafter(weights, np.float32(9))
        return score(self, snapshot)

    control = trained(monkeypatch, tmp_path / "control", method)
    score = Scorer.__call__
    monkeypatch.setattr(Scorer, "__call__", clumsy)
    changed = unequal(trained(monkeypatch, tmp_path / "watched", method), control)
    if method == "a gradient penalty":  # whose snapshots are copies: no watcher can reach what trains
        assert changed == []
    else:
        assert {"g", "d", "curves"} <= {name.removesuffix(".0") for name in changed}


def test_a_setting_and_the_same_with_an_average_are_trained_alike():
    """In one study, as `--ema 0,0.9,0.99` asks for."""
    for changes in ({}, {"penalty": "gp"}):
        settings = tuple(
            Setting(mode="gaussian", hidden=7, batch_size=13, ema=ema, **changes) for ema in (0.0, 0.9, 0.99)
        )
        results = run_study(
            resolve(Study("s", "?", settings, steps=STEPS, seeds=2, snapshots=4, frames=4, workers="1"))
        )
        for values in (*results.curves.values(), results.samples, results.scores["jsd"]):
            without, *others = (values[results.of_setting(i)].tobytes() for i in range(3))
            assert others == [without, without]
        averages = results.scores["ema_jsd"][:, -1].reshape(3, 2)
        assert np.isnan(averages[0]).all()
        assert len(np.unique(averages[1:])) == 4
