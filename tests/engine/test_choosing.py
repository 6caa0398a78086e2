"""One registry decides who trains: the first that can."""

import dataclasses
import inspect

import numpy as np
import pytest
import torch

import dynamics
from dynamics.base.curves import Curves
from dynamics.engine.choosing import STACKS, path_notes, path_of, stack_for
from dynamics.engine.stack import Stack
from dynamics.engine.training import train_stack
from dynamics.games import losses
from dynamics.settings.setting import Setting

PLAIN = Setting(hidden=8, batch_size=16)
PENALISED = dataclasses.replace(PLAIN, penalty="gp")
UNEQUAL = dataclasses.replace(PLAIN, activation_d="tanh")  # activations that differ
ROUNDS = dataclasses.replace(PLAIN, g_steps=2)
AVERAGED = dataclasses.replace(PLAIN, ema=0.9)


@pytest.mark.parametrize(
    ("device", "setting", "kind"),
    [
        *(("cpu", PLAIN, "fast"), ("cpu", AVERAGED, "fast"), ("cpu", PENALISED, "recorded")),
        *(("cpu", UNEQUAL, "recorded"), ("cpu", ROUNDS, "recorded")),
        *(("cuda", PLAIN, "captured"), ("cuda:1", ROUNDS, "captured"), ("cuda", PENALISED, "reference")),
        ("cuda", AVERAGED, "captured"),
        *(("mps", PLAIN, "reference"), ("mps", PENALISED, "reference")),
    ],
)
def test_the_first_that_can_is_taken(device, setting, kind):
    assert stack_for(setting, device) is STACKS[kind]
    *earlier, last = list(STACKS)[: list(STACKS).index(kind) + 1]
    able = [name for name in STACKS if STACKS[name].can(setting, torch.device(device))]
    assert able[0] == last
    assert not set(earlier) & set(able)


def test_the_last_can_carry_out_whatever_there_is():
    *_, last = STACKS.values()
    assert all(last.can(s, torch.device(d)) for s in (PLAIN, PENALISED, UNEQUAL) for d in ("cpu", "cuda", "mps"))


@pytest.mark.parametrize("kind", STACKS)
def test_every_stack_is_called_as_the_protocol_says(kind):
    """Names and parameters, defaults too, of all that the protocol lists."""
    stack = STACKS[kind]([PLAIN] * 2, [0, 1], Curves(2, [1]), 5, torch.device("cpu"), torch.float32)
    for name in (n for n, f in vars(Stack).items() if inspect.isfunction(f) and not n.startswith("__")):
        wanted, ours = (inspect.signature(getattr(owner, name)) for owner in (Stack, type(stack)))
        assert list(ours.parameters.values()) == list(wanted.parameters.values()), name
    assert stack.block >= 1
    assert stack.G.flat.shape[0] == stack.D.flat.shape[0] == 2


@pytest.mark.parametrize("kind", STACKS)
def test_a_state_is_whole(kind):
    """A fresh stack with the state of one that was trained does all that the trained one does next."""
    setting = AVERAGED if kind in ("fast", "captured") else dataclasses.replace(PENALISED, ema=0.9, update="lookahead")
    first, second = (
        STACKS[kind]([setting] * 2, [3, 4], Curves(2, range(1, 41)), 5, torch.device("cpu"), torch.float32)
        for _ in range(2)
    )
    first.begin()
    first.advance(0, 9)
    state = first.state()
    assert list(state)[-1] == "curves"
    second.restore(state)
    for stack in (first, second):
        stack.advance(9, 40)
    ours, theirs = first.state(), second.state()
    assert list(ours) == list(theirs)
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    assert state["curves"].tobytes() != ours["curves"].tobytes()
    with pytest.raises(ValueError, match="curves is missing"):
        second.restore({name: values for name, values in state.items() if name != "curves"})


# --- a loss without written-out slopes --------------------------------------------------------------------------------


@pytest.fixture
def without_slopes(monkeypatch):
    """`lsgan`, as one that has just been added would be: what it is, and nothing for the fast path."""
    bare = dataclasses.replace(losses.LOSSES["lsgan"], discriminator_slopes=None, generator_slope=None)
    monkeypatch.setitem(losses.LOSSES, "lsgan", bare)
    return dataclasses.replace(PLAIN, loss="lsgan")


def trained(settings, seeds, **how):
    """Curves and samples of some members after 9 steps, as bytes by member."""
    *_, last = train_stack(settings, seeds, 9, [9], evaluation=32, **how)
    return [(last.curves[:, m].tobytes(), last.samples[m].tobytes()) for m in range(len(seeds))]


def test_the_fast_path_declines_a_loss_without_slopes(without_slopes):
    assert path_of(dataclasses.replace(without_slopes, loss="minimax"), "cpu") == "fast"
    assert path_of(without_slopes, "cpu") == "recorded"
    assert not STACKS["fast"].can(without_slopes, torch.device("cpu"))
    for which in ("discriminator_slopes", "generator_slope"):  # one of the two is not enough
        half = dataclasses.replace(losses.LOSSES["minimax"], **{which: None})
        assert not half.written_out


def test_it_trains_to_the_bits_of_the_reference(without_slopes):
    ours = trained([without_slopes] * 3, [0, 1, 2])
    assert ours == trained([without_slopes] * 3, [0, 1, 2], fast=False)
    assert len(set(ours)) == 3
    assert np.isfinite(np.frombuffer(ours[0][0], np.float32)).all()


def test_the_fast_path_cannot_be_made_to_train_it(without_slopes):
    with pytest.raises(ValueError, match="lsgan: the fast path needs its slopes, which games/losses"):
        trained([without_slopes], [0], fast=True)


def test_which_path_was_taken_is_said_and_kept(without_slopes, tmp_path):
    """In the run's record for every setting; aloud where slopes would make it faster."""
    other = dataclasses.replace(without_slopes, loss="minimax")
    study = dynamics.Study("n", "q", (without_slopes, other), steps=2, snapshots=1, frames=0, workers="1", device="cpu")
    words = []
    _, folder = dynamics.run(study, tmp_path / "run", look=None, tell=words.append)
    assert list(folder.read_json("run.json")["paths"].values()) == ["recorded", "fast"]
    assert [line for line in words if "slopes" in line] == path_notes([without_slopes, other], "cpu")
    assert path_notes([without_slopes, other], "cpu") == [
        "--loss lsgan: games/losses.py has no slopes written out for it, so autograd finds them, which is slower"
        " (path: recorded)"
    ]
    assert path_notes([other, PENALISED, dataclasses.replace(without_slopes, penalty="gp")], "cpu") == []
