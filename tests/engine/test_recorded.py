"""A step recorded once and replayed: the same numbers as the step itself, and the same bits in any company."""

import dataclasses
import itertools
import os

import numpy as np
import pytest
import torch

from dynamics.base.curves import Curves
from dynamics.engine import fast, recorded
from dynamics.engine.recorded import RecordedStack
from dynamics.engine.recording import EXACT, calls_of
from dynamics.engine.training import train_stack
from dynamics.games.losses import LOSSES
from dynamics.games.optimizers import OPTIMIZERS
from dynamics.games.penalties import PENALTIES
from dynamics.games.update_rules import UPDATES
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting

CPU = torch.device("cpu")
# sizes that fill no vector register
ODD = Setting(mode="spiral", std=0.3, hidden=7, batch_size=13, layers=2, activation="tanh", unroll=2, lookahead_k=2)
FACTORS = {
    "loss": list(LOSSES),
    "penalty": ["none", *PENALTIES, "r1+r2", "gp+spectral+instance_noise"],
    "update": list(UPDATES),
    "optimizer": list(OPTIMIZERS),
    "norm": ["none", "batch"],
    "train": ["both", "d", "g"],
    "activation": ["relu", "leaky_relu", "tanh", "silu", "maxout"],
    "rest": [{}, {"ema": 0.9}, {"data_size": 40}, {"g_steps": 2}, {"packing": 13}, {"minibatch_std": 1}, {"warmup": 2}],
}


def allowed(chosen):
    """The setting of these choices, at one D step where more are refused; None where it is refused altogether."""
    options = {name: value for name, value in chosen.items() if name != "rest"} | chosen.get("rest", {})
    for d_steps in (2, 1):
        try:
            return dataclasses.replace(ODD, d_steps=d_steps, **options)
        except OptionError:
            pass
    return None


def pairwise():
    """Choices in which every two values that are allowed together occur together, by a greedy search."""
    random = np.random.default_rng(0)
    pairs = itertools.combinations(FACTORS, 2)
    left = {
        ((a, i), (b, j))
        for a, b in pairs
        for i, j in itertools.product(range(len(FACTORS[a])), range(len(FACTORS[b])))
        if allowed({a: FACTORS[a][i], b: FACTORS[b][j]}) is not None
    }
    choices = []
    while left:
        best, most = None, set()
        for first in random.permutation(np.array(sorted(left), object))[:4]:
            for _ in range(8):
                places = {name: int(random.integers(len(values))) for name, values in FACTORS.items()}
                places |= {name: int(place) for name, place in first}
                covered = left & set(itertools.combinations(places.items(), 2))
                if len(covered) > len(most):
                    setting = allowed({name: FACTORS[name][place] for name, place in places.items()})
                    if setting is not None:
                        best, most = setting, covered
        if best is not None:
            choices.append(best)
            left -= most
    return choices


def everything():
    """The whole product of losses, penalties, rules, optimisers, norms and who learns."""
    names = list(FACTORS)[:6]
    for values in itertools.product(*(FACTORS[name] for name in names)):
        setting = allowed(dict(zip(names, values, strict=True)))
        if setting is not None:
            yield setting


def last(settings, seeds, steps, looks=None, **how):
    *_, snapshot = train_stack(settings, seeds, steps, looks or [steps], evaluation=13, **how)
    return snapshot


def of_member(snapshot, m):
    averaged = None if snapshot.averaged is None else snapshot.averaged[m]
    rates = [rate[m].numpy() for rate in snapshot.rates()]
    players = [player.flat[m].numpy() for player in (snapshot.G, snapshot.D, *snapshot.players)]
    return [snapshot.samples[m], snapshot.curves[:, m], averaged, *rates, *players]


def same(a, b):
    return all(x is y is None or np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


def check_company(setting, steps):
    """A member's bits alone, and as the third of four of other seeds, rates and targets, looked at more often."""
    other = dataclasses.replace(setting, lr=3e-3, mode="ring_8", std=0.1)
    alone = last([setting], [3], steps)
    among = last([other, setting, setting, other], [3, 0, 3, 1], steps, [0, 1, steps])
    assert same(of_member(among, 2), of_member(alone, 0)), setting
    assert np.isfinite(alone.samples).all()


CASES = pairwise()


def test_the_cases_cover_every_pair():
    """Counted anew, from the settings themselves."""
    seen = {name: [getattr(case, name) for case in CASES] for name in FACTORS if name != "rest"}
    for a, b in itertools.combinations(seen, 2):
        together = set(zip(seen[a], seen[b], strict=True))
        possible = itertools.product(FACTORS[a], FACTORS[b])
        assert together == {pair for pair in possible if allowed(dict(zip((a, b), pair, strict=True))) is not None}


@pytest.mark.parametrize("part", range(8))
def test_company_changes_no_bit_of_any_method(part):
    for setting in CASES[part::8]:
        check_company(setting, 5)


@pytest.mark.skipif("EVERY" not in os.environ, reason="the whole product takes most of an hour: EVERY=1 or EVERY=k/n")
def test_company_changes_no_bit_of_the_whole_product():
    """The second of three seeds, after two steps: the other seeds' numbers lie about its own."""
    part, parts = map(int, os.environ["EVERY"].split("/")) if "/" in os.environ["EVERY"] else (1, 1)
    for setting in itertools.islice(everything(), part - 1, None, parts):
        alone, among = last([setting], [3], 2), last([setting] * 3, [0, 3, 1], 2, [0, 1, 2])
        assert same(of_member(among, 1), of_member(alone, 0)), setting


# The shapes of products whose kernels were seen to depend on how many are made at once, and the sizes people use.
@pytest.mark.parametrize("sizes", [{"hidden": 16, "batch_size": 64}, {"hidden": 64, "batch_size": 256}])
@pytest.mark.parametrize(
    "method", [{"penalty": "gp"}, {"update": "lookahead"}, {}, {"loss": "alpha", "alpha_d": 1.5}, {"layers": 3}]
)
def test_company_changes_no_bit_at_usual_sizes(sizes, method):
    setting = Setting(mode="ring_8", std=0.02, **sizes, **method)
    alone = last([setting], [8], 20)
    for seeds in (range(8, 10), range(9), range(10)):
        among = last([setting] * len(seeds), seeds, 20)
        assert same(of_member(among, seeds.index(8)), of_member(alone, 0))


@pytest.mark.parametrize("setting", CASES[:: len(CASES) // 24])
def test_a_recorded_stack_is_the_reference(setting):
    """In float64, where what is left is the rounding of batched products: 1e-9 after steps of Adam, which scale it."""
    settings = [setting, dataclasses.replace(setting, lr=2e-3, mode="ring_8", alpha_d=1.3, slope=0.7)]
    ours, reference = (last(settings, [3, 4], 6, dtype=torch.float64, fast=quick) for quick in (None, False))
    np.testing.assert_allclose(ours.samples, reference.samples, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.curves, reference.curves, rtol=1e-5, atol=1e-7)


# --- why: a member's arithmetic happens where every other's does ----------------------------------------------------


def test_all_arithmetic_happens_at_the_table():
    """What a replay reads and writes is memory of its setting's table, the same whoever plays."""
    setting = dataclasses.replace(ODD, penalty="gp", update="lookahead")
    stack = RecordedStack([setting] * 3, range(3), Curves(3, [8]), 5, CPU, torch.float32)
    stack.begin()
    stack.advance(0, 4)
    assert list(stack.tables) == [setting]
    table = stack.tables[setting]
    operands = [t for recording, _ in table.recorded.values() for t in recording.tensors()]
    members = {tensor.untyped_storage().data_ptr() for m in stack.members for tensor in m.tensors().values()}
    at_table = {tensor.untyped_storage().data_ptr() for tensor in table.numbers.values()}
    used = {tensor.untyped_storage().data_ptr() for tensor in operands}
    assert not used & members
    assert len(used & at_table) > 5  # both players, their moments, what the rule remembers
    assert all(t.untyped_storage().data_ptr() % 64 == 0 for t in operands)


def test_the_fast_path_multiplies_member_by_member(monkeypatch):
    """No batched product, and every member's part of a buffer lies as the first one's does."""
    setting = Setting(mode="spiral", hidden=7, batch_size=13, layers=3, activation="tanh")
    stack = fast.FastStack([setting] * 3, range(3), Curves(3, [8]), 5, CPU, torch.float32)
    stack.begin()

    def refused(*args, **kwargs):
        raise AssertionError("a product of several members")

    for name in ("bmm", "baddbmm", "matmul", "einsum"):
        monkeypatch.setattr(torch, name, refused)
    stack.advance(0, 4)
    (group,) = stack.groups
    assert len(group.losses) == 3
    for tape in (group.g_tape, group.d_tape, group.look):
        for buffer in (tape.x, tape.end, tape.delta, *tape.hidden, *tape.deltas):
            assert buffer.stride(0) > buffer[0].numel()  # never one run with the next
            assert len({row.data_ptr() % 64 for row in buffer}) == 1
    assert len({row.data_ptr() % 64 for row in stack.G.flat}) == 1


def test_what_rounds_is_called_lane_by_lane():
    """Whatever several lanes share a call for is exact; and most calls are shared."""
    setting = dataclasses.replace(ODD, penalty="gp+spectral+instance_noise", update="lookahead", optimizer="rmsprop")
    stack = RecordedStack([setting] * 3, range(3), Curves(3, [8]), 5, CPU, torch.float32)
    stack.begin()
    stack.advance(0, 2)
    table = stack.tables[setting]
    assert table.lanes.count == 3
    for recording, _ in table.recorded.values():
        for operation in recording.plan:
            calls = len(calls_of(operation, 3))
            assert calls in (1, 3)
            assert calls == 3 or operation.operation.overloadpacket in EXACT
        assert len(recording.steps(3)) < 2.5 * len(recording.steps(1)) or not recording.plan


def test_turns_are_as_equal_as_can_be():
    small, large = Setting(hidden=64, batch_size=128), Setting(hidden=256, batch_size=512)
    turns = recorded._turns([small, large] * 9)
    assert [len(turn) for turn in turns[small]] == [5, 4]
    assert [len(turn) for turn in turns[large]] == [1] * 9
    assert sorted(m for each in turns.values() for turn in each for m in turn) == list(range(18))
