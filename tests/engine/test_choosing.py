"""One registry decides who trains: the first that can."""

import dataclasses
import inspect

import pytest
import torch

from dynamics.base.curves import Curves
from dynamics.engine.choosing import STACKS, stack_for
from dynamics.engine.stack import Stack
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
