"""Training put down and taken up again: the same numbers, bit for bit."""

import dataclasses

import numpy as np
import pytest

from dynamics.engine.recorded import RecordedStack
from dynamics.engine.training import train_stack
from dynamics.games.losses import LOSSES
from dynamics.games.optimizers import OPTIMIZERS
from dynamics.games.update_rules import UPDATES
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting

STEPS, LOOKS = 7, (0, 3, 7)
SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=8, latent_dim=2)
RULES = [(loss, rule, optimizer) for loss in LOSSES for rule in UPDATES for optimizer in OPTIMIZERS]
EVERYTHING = {
    "several steps of each": {"d_steps": 3, "g_steps": 2, "update": "simultaneous"},
    "an average": {"ema": 0.9},
    "an average of a method": {"ema": 0.9, "penalty": "gp"},
    "a fixed data set": {"data_size": 50, "warmup": 2},
    "spectral": {"penalty": "spectral"},
    "noise that falls": {"penalty": "gp+instance_noise", "anneal": 5},
    "around the data": {"penalty": "dragan"},
    "consensus": {"penalty": "consensus", "loss": "relativistic"},
    "clipped": {"penalty": "clip", "loss": "wasserstein"},
    "batch normalisation": {"norm": "batch", "activation": "maxout"},
    "together": {"packing": 2, "minibatch_std": 1},
    "one player": {"train": "d"},
    "lookahead": {"update": "lookahead", "lookahead_k": 2, "g_steps": 2},
    "a schedule": {"schedule": "2: d-steps=1 lr=0.01; 5: penalty=gp batch-size=12", "ema": 0.9},
}


def allowed(**changes):
    try:
        return dataclasses.replace(SMALL, **changes)
    except OptionError:
        return None


def record(setting, *, fast=None, resume=None, members=3, states=None, looks=LOOKS, steps=STEPS):
    """The arrays of every snapshot from `resume` on; `states` is filled with what could be resumed from."""
    settings = [dataclasses.replace(setting, lr=setting.lr * (1 + m)) for m in range(members)]
    between = (lambda step, state: states.append((step, state()))) if states is not None else (lambda step, state: None)
    how = {"log_every": 2, "evaluation": 5, "fast": fast, "resume": resume, "between": between}
    snapshots = {}
    for s in train_stack(settings, range(members), steps, looks, **how):
        rates = [rate.numpy().copy() for rate in s.rates()]
        arrays = [s.curves, s.samples, s.G.flat.numpy().copy(), s.D.flat.numpy().copy(), *rates]
        snapshots[s.step] = arrays if s.averaged is None else [*arrays, s.averaged]
    return snapshots


def equal(some, others):
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(some, others, strict=True))


@pytest.fixture(autouse=True)
def short_turns(monkeypatch):
    """Members take turns of one step, so that there is a state at every step."""
    monkeypatch.setattr(RecordedStack, "most", 1)


def check(setting, every=1, **how):
    states = []
    whole = record(setting, states=states, **how)
    assert [step for step, _ in states] == sorted({step for step, _ in states})
    for step, state in states[::every]:
        rest = record(setting, resume=(step, state), **how)
        assert set(rest) == {look for look in whole if look >= step}
        for look, arrays in rest.items():
            assert equal(arrays, whole[look]), (step, look)


@pytest.mark.parametrize(("loss", "rule", "optimizer"), RULES)
def test_every_loss_rule_and_optimiser_goes_on_where_it_was(loss, rule, optimizer):
    setting = allowed(loss=loss, update=rule, optimizer=optimizer, d_steps=2, unroll=2, lookahead_k=2, lr=1e-2)
    if setting is None:
        pytest.skip("not allowed together")
    check(setting, members=1, every=3)


def test_members_take_whole_turns_and_go_on_between_them(monkeypatch):
    """Past the end of a turn, of a look and of a curve's entry, with three members at three tables."""
    monkeypatch.undo()
    assert RecordedStack.most > 1
    setting = dataclasses.replace(SMALL, penalty="gp", update="lookahead", lookahead_k=3)
    check(setting, looks=(0, 40, 70), steps=70)


@pytest.mark.parametrize("fast", [None, False])
@pytest.mark.parametrize("name", EVERYTHING)
def test_whatever_else_a_setting_carries_goes_on_too(name, fast):
    check(dataclasses.replace(SMALL, **EVERYTHING[name]), fast=fast, every=2)


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.written_out])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_fast_path_goes_on_between_its_blocks(loss, optimizer):
    """Past blocks, groups and curve entries; nine members are two groups."""
    setting = dataclasses.replace(SMALL, loss=loss, optimizer=optimizer, lr=1e-3, ema=0.9)
    check(setting, fast=True, members=9, looks=(0, 40, 70), steps=70)


@pytest.mark.parametrize("fast", [True, False])
def test_a_state_that_lacks_anything_is_refused_and_changes_nothing(fast):
    """The control: without its optimisers' moments or its random streams it would only seem to go on."""
    states = []
    record(SMALL, fast=fast, states=states)
    step, state = states[0]
    names = [name for name in state if name.startswith(("optimizer", "stream"))]
    assert len(names) > 5
    for name in state:
        stripped = {key: value for key, value in state.items() if key != name}
        with pytest.raises(ValueError, match=f"{name} is missing"):
            record(SMALL, fast=fast, resume=(step, stripped))
        with pytest.raises(ValueError, match=f"{name} is"):
            record(SMALL, fast=fast, resume=(step, state | {name: np.zeros((1, 2, 3, 4))}))
    with pytest.raises(ValueError, match="surplus does not belong"):
        record(SMALL, fast=fast, resume=(step, state | {"surplus": np.zeros(1)}))
    with pytest.raises(ValueError, match=r"is missing|is float32|does not belong"):  # that of the other path
        record(SMALL, fast=not fast, resume=(step, state))


@pytest.mark.parametrize("penalty", ["none", "gp"])
def test_it_would_show_if_a_moment_or_a_stream_began_anew(penalty):
    """The comparison itself is sharp: each array of the state matters."""
    setting = dataclasses.replace(SMALL, ema=0.9, penalty=penalty, d_steps=2)
    states = []
    whole = record(setting, states=states)
    step, state = next(pair for pair in states if pair[0] == 3)
    for name, values in state.items():
        if not values.any():
            continue  # a stream that this setting does not draw from
        rest = record(setting, resume=(step, state | {name: np.zeros_like(values)}))
        # means are of the last D step, always made anew before they are read; where real points go on, the stream of
        # their noise tells
        alike = ".means." in name or name.endswith(".stream.choice")
        assert equal(rest[STEPS], whole[STEPS]) == alike, name
