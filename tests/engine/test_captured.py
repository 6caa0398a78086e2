"""The device's own random numbers, and the captured path: step by step here, as graphs where there is CUDA."""

import dataclasses

import numpy as np
import pytest
import torch

from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine.captured import _BLOCK, CapturedStack, DeviceStreams
from dynamics.engine.reference import AutogradStack
from dynamics.settings.setting import Setting
from dynamics.targets.registry import TARGETS

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"))]
SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=16, d_steps=2)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_a_device_draws_the_same_numbers(device, draw):
    ours, theirs = DeviceStreams([3, 2**40], "noise", torch.device(device)), Streams([3, 2**40], "noise")
    for shape in ((1, 3), (4, 2), (50_001,)):
        a, b = getattr(ours, draw)(*shape).cpu().numpy(), getattr(theirs, draw)(*shape)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-6 if draw == "normal" else 0)


def make(kind, settings, seeds, steps, device="cpu", dtype=torch.float64):
    return kind(settings, seeds, Curves(len(seeds), range(1, steps + 1)), 32, torch.device(device), dtype)


@pytest.mark.parametrize("device", DEVICES)
def test_it_is_the_reference_with_other_numbers(device):
    """The reference, given the captured path's numbers, ends where it ends, on every target and past a block."""
    steps = _BLOCK + 6
    settings = [dataclasses.replace(SMALL, mode=mode, std=None, g_steps=2, lr_d=2e-3, ema=0.9) for mode in TARGETS]
    settings += [dataclasses.replace(settings[0], std=0.5, lr=3e-3)]
    seeds = range(len(settings))
    ours = make(CapturedStack, settings, seeds, steps, device)
    reference, numbers = (make(kind, settings, seeds, steps) for kind in (AutogradStack, CapturedStack))
    reference.latents, reference.reals = numbers.latents, numbers.reals
    for start, stop in ((0, 1), (1, steps)):
        ours.advance(start, stop)
        reference.advance(start, stop)
    np.testing.assert_allclose(ours.samples(ours.G), reference.samples(reference.G), rtol=1e-9, atol=1e-9)
    averaged, expected = (stack.samples(stack.averaged()) for stack in (ours, reference))
    np.testing.assert_allclose(averaged, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.curves.until(steps), reference.curves.until(steps), rtol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_a_members_numbers_do_not_depend_on_its_company(device):
    alone, among = (make(CapturedStack, [SMALL] * len(seeds), seeds, 30, device) for seeds in ([7], [1, 7, 9]))
    for stack in (alone, among):
        stack.advance(0, 30)
    np.testing.assert_allclose(among.samples(among.G)[1], alone.samples(alone.G)[0], rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_a_study_runs_on_cuda():
    from dynamics.runner.resolving import resolve
    from dynamics.runner.running import run_study
    from dynamics.settings.study import Study

    results = run_study(resolve(Study("s", "?", (SMALL,), seeds=3, steps=80, snapshots=2, frames=2, device="cuda")))
    assert np.isfinite(results.curves["d_loss"]).all()
    assert results.verdicts
