"""Settings that change in mid-training: against plain loops, against training that nobody handed over, in company."""

import dataclasses

import numpy as np
import pytest
import torch
from test_training import SMALL, PlainGAN, final

from dynamics.base.curves import Curves
from dynamics.engine.choosing import STACKS, make_stack
from dynamics.engine.fast import FastStack
from dynamics.engine.recorded import RecordedStack
from dynamics.engine.training import train_stack
from dynamics.settings.setting import Setting

CPU = torch.device("cpu")
KINDS = ["fast", "recorded", "reference", "captured"]
HANDED_OVER = {
    "plain": {},
    "several steps of each": {"d_steps": 3, "g_steps": 2, "update": "simultaneous"},
    "an average": {"ema": 0.9},
    "a fixed data set": {"data_size": 50},
    "spectral": {"penalty": "spectral"},
    "noise that falls": {"penalty": "gp+instance_noise", "anneal": 5},
    "clipped": {"penalty": "clip", "loss": "wasserstein"},
    "optimistic": {"update": "optimistic", "d_steps": 1},
    "lookahead": {"update": "lookahead", "lookahead_k": 2, "g_steps": 2},
    "momentum": {"optimizer": "momentum", "optimizer_d": "rmsprop"},
    "batch normalisation": {"norm": "batch"},
    "one player": {"train": "d"},
    "real points for G": {"loss": "relativistic"},
}


def begun(kind, settings, steps, dtype=torch.float32):
    stack = make_stack(settings, range(len(settings)), Curves(len(settings), [2, 4, steps]), 16, CPU, dtype, kind)
    stack.begin()
    return stack


def everything(stack):
    G, D = stack.networks()
    average = stack.averaged()
    arrays = [G.flat, D.flat, *stack.rates(), *([] if average is None else [average.flat])]
    return [array.numpy().tobytes() for array in arrays] + [stack.curves.sums.tobytes()]


@pytest.mark.parametrize("name", HANDED_OVER)
@pytest.mark.parametrize("kind", KINDS)
def test_handing_over_to_the_same_setting_changes_no_bit(kind, name):
    setting = dataclasses.replace(SMALL, **HANDED_OVER[name])
    if not STACKS[kind].can(setting, CPU) and kind == "fast":
        pytest.skip("not for the fast path")
    if kind == "captured" and not setting.plain:
        pytest.skip("not for the captured path")
    settings = [dataclasses.replace(setting, lr=1e-3 * (1 + m)) for m in range(9)]
    whole, stack = begun(kind, settings, 8), begun(kind, settings, 8)
    whole.advance(0, 8)
    stack.advance(0, 4)
    after = STACKS[kind](settings, range(9), stack.curves, 16, CPU, torch.float32)
    after.first = 4
    after.take_over(stack.carried().into(setting, setting))
    after.advance(4, 8)
    assert everything(after) == everything(whole)


@pytest.mark.parametrize("kind", ["fast", "recorded", "reference"])
@pytest.mark.parametrize(
    ("schedule", "g_steps"),
    [
        ("7: lr-g=0.004 beta1=0.5", 1),
        ("7: d-steps=1; 20: d-steps=3 lr-d=0.0005", 1),
        ("7: batch-size=24; 20: batch-size=10", 1),
        ("9: loss=lsgan", 1),
        ("7: g-steps=1 lr=0.002", 3),  # waits until 9, the next round
    ],
)
def test_a_changed_game_is_a_plain_loop_that_is_changed(kind, schedule, g_steps):
    """nn.Sequential and torch.optim.Adam, whose groups get other numbers: moments stay. 1e-11: 40 Adam steps."""
    if kind == "fast" and g_steps > 1:
        pytest.skip("not for the fast path")
    settings = [
        dataclasses.replace(SMALL, schedule=schedule, g_steps=g_steps, mode=mode, lr=1e-3 * (1 + m))
        for m, mode in enumerate(("gaussian", "mixture_4", "gaussian"))
    ]
    stack = begun(kind, settings, 40, torch.float64)
    stack.advance(0, 40)
    samples = stack.samples(stack.networks()[0])
    for m, setting in enumerate(settings):
        plain = PlainGAN(setting, m)
        ends = [first for first, _ in setting.phases[1:]] + [40]
        for (first, phase), end in zip(setting.phases, ends, strict=True):
            plain.setting = phase
            for optimizer, rate in (
                (plain.g_optimizer, phase.generator_lr),
                (plain.d_optimizer, phase.discriminator_lr),
            ):
                optimizer.param_groups[0].update(lr=rate, betas=(phase.beta1, phase.beta2))
            for purpose in ("choice", "noise"):  # whole batches of the new size
                plain.streams[purpose].taken = -(-plain.streams["noise"].taken // (2 * phase.batch_size)) * (
                    2 * phase.batch_size
                )
            plain.train(end - first)
        with torch.no_grad():
            expected = plain.G(plain.latents(16, "evaluation")).numpy()
        np.testing.assert_allclose(samples[m], expected, rtol=1e-11, atol=1e-11)
    unchanged = final([dataclasses.replace(settings[1], schedule="none")], [1], 40, dtype=torch.float64)
    assert np.abs(unchanged.samples[0, :16] - samples[1]).max() > 1e-3  # the control


ACROSS = {
    "another rule and back": "5: update=optimistic d-steps=1; 11: update=alternating",
    "a penalty, without it, another": "5: penalty=gp; 9: penalty=none; 14: penalty=spectral",
    "one player stands still": "5: train=g; 12: train=both",
    "other optimisers": "5: optimizer-d=sgd; 12: optimizer-d=adam optimizer-g=rmsprop",
    "more G steps": "5: g-steps=2; 12: g-steps=1 loss=hinge",
}


@pytest.mark.parametrize("name", ACROSS)
def test_chosen_paths_hand_over_as_the_reference_does(name):
    """From passes written out to recorded ones and back, in float64 against autograd all the way."""
    settings = [dataclasses.replace(SMALL, schedule=ACROSS[name], lr=1e-3 * (1 + m)) for m in range(3)]
    chosen, reference = (begun(kind, settings, 20, torch.float64) for kind in (None, "reference"))
    kinds = set()
    for stack in (chosen, reference):
        for step in range(20):
            stack.advance(step, step + 1)
            kinds.add(type(stack._stack))
    assert len(kinds) > 1
    for a, b in zip(chosen.networks(), reference.networks(), strict=True):
        torch.testing.assert_close(a.flat, b.flat, rtol=0, atol=1e-11)
    np.testing.assert_allclose(chosen.curves.sums, reference.curves.sums, rtol=1e-9)


def test_both_paths_are_chosen_phase_by_phase():
    stack = begun(None, [dataclasses.replace(SMALL, schedule=ACROSS["another rule and back"])], 20)
    kinds = []
    for step in range(20):
        stack.advance(step, step + 1)
        kinds.append(type(stack._stack))
    assert kinds == [FastStack] * 5 + [RecordedStack] * 6 + [FastStack] * 9


@pytest.mark.parametrize("schedule", ["5: d-steps=1 lr=0.01", "5: penalty=r1; 9: update=lookahead"])
def test_a_member_does_not_depend_on_its_company_nor_on_where_training_is_cut(schedule):
    settings = [dataclasses.replace(SMALL, schedule=schedule, lr=1e-3 * (1 + m % 2)) for m in range(9)]
    among = list(train_stack(settings, range(9), 12, [4, 5, 12], evaluation=16))
    for m in (0, 7):
        (alone,) = train_stack([settings[m]], [m], 12, [12], evaluation=16)
        assert np.array_equal(alone.samples[0], among[-1].samples[m])
        assert np.array_equal(alone.curves[:, 0], among[-1].curves[:, m])


@pytest.mark.parametrize("schedule", ["4: d-steps=1 lr=0.01", "4: penalty=gp; 9: update=lookahead"])
def test_until_the_change_it_is_the_game_without_it(schedule):
    """So a fork has its parent's past, and a look at the step of the change still sees the parent."""
    changed, plain = (
        list(train_stack([dataclasses.replace(SMALL, schedule=s)], [3], 12, [2, 4, 5], evaluation=16))
        for s in (schedule, "none")
    )
    for a, b in zip(changed[:2], plain[:2], strict=True):
        assert np.array_equal(a.samples, b.samples)
    assert not np.array_equal(changed[2].samples, plain[2].samples)


def test_settings_that_change_at_other_steps_cannot_share_a_stack():
    settings = [dataclasses.replace(SMALL, schedule=f"{step}: lr=0.01") for step in (4, 5)]
    with pytest.raises(ValueError, match="different structure"):
        make_stack(settings, [0, 1], Curves(2, [9]), 16, CPU, torch.float32)
    assert len({dataclasses.replace(SMALL, schedule=f"4: lr={rate}").structure for rate in (0.01, 0.02)}) == 1


@pytest.mark.parametrize("phase", [np.array(2), np.array(-1), np.array(0.0), np.array([0])])
def test_a_state_of_no_phase_is_refused(phase):
    setting = Setting(hidden=8, batch_size=8, schedule="2: lr=0.01")
    states = []
    list(train_stack([setting], [0], 4, [4], between=lambda step, state: states.append((step, state()))))
    step, state = states[0]
    with pytest.raises(ValueError, match="phase"):
        list(train_stack([setting], [0], 4, [4], resume=(step, state | {"phase": phase})))
    rest = {name: values for name, values in state.items() if name != "phase"}
    with pytest.raises(ValueError, match="phase is missing"):
        list(train_stack([setting], [0], 4, [4], resume=(step, rest)))
