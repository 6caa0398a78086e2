"""The device's own random numbers, and the captured path: step by step here, as graphs where there is CUDA."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
import torch

from captured import _BLOCK, CapturedStack, Counted
from curves import Curves
from reference import AutogradStack
from sample import TARGETS
from settings import Setting

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"))]
SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=16, d_steps=2)


def splitmix(x):
    """The finaliser with Python's whole numbers: Steele, Lea & Flood 2014, figure 16."""
    mask = (1 << 64) - 1
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_words_are_splitmix_of_counter_and_key():
    stream = Counted([3, 5], "latent", torch.device("cpu"))
    stream.words(4)
    upper, lower = stream.words(3)
    for m, key in enumerate(stream.keys[:, 0].tolist()):
        for n in range(3):
            gamma = (n + 5) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
            word = splitmix((splitmix(gamma) + key) & (1 << 64) - 1)
            assert (upper[m, n].item(), lower[m, n].item()) == (word >> 32, word & 0xFFFFFFFF)


@pytest.mark.parametrize("device", DEVICES)
def test_counted_numbers_have_their_distributions(device):
    stream = Counted([0, 1], "noise", torch.device(device))
    normal, uniform = stream.normal(100_000, torch.float32).cpu(), stream.uniform(50_000, torch.float32).cpu()
    for row in normal:
        assert scipy.stats.kstest(row, "norm").pvalue > 0.001
        assert abs(np.corrcoef(row[:-1], row[1:])[0, 1]) < 4 / 100_000**0.5
        assert abs(np.corrcoef(row[:50_000], row[50_000:])[0, 1]) < 4 / 50_000**0.5  # the two halves of each word
    for axis in (0, 1):
        assert scipy.stats.kstest(uniform[0, :, axis], "uniform").pvalue > 0.001
    assert abs(np.corrcoef(normal)[0, 1]) < 4 / 100_000**0.5  # members
    assert uniform.min() >= 0
    assert uniform.max() < 1


def make(kind, settings, seeds, steps, device="cpu", dtype=torch.float64):
    return kind(settings, seeds, Curves(len(seeds), steps, 1), 32, torch.device(device), dtype)


@pytest.mark.parametrize("device", DEVICES)
def test_it_is_the_reference_with_other_numbers(device):
    """The reference, given the captured path's numbers, ends where it ends, on every target and past a block."""
    steps = _BLOCK + 6
    settings = [dataclasses.replace(SMALL, mode=mode, std=None, g_steps=2, lr_d=2e-3) for mode in TARGETS]
    settings += [dataclasses.replace(settings[0], std=0.5, lr=3e-3)]
    seeds = range(len(settings))
    ours = make(CapturedStack, settings, seeds, steps, device)
    reference, numbers = (make(kind, settings, seeds, steps) for kind in (AutogradStack, CapturedStack))
    reference.latents, reference.reals = numbers.latents, numbers.reals
    for start, stop in ((0, 1), (1, steps)):
        ours.advance(start, stop)
        reference.advance(start, stop)
    np.testing.assert_allclose(ours.samples(), reference.samples(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.curves.until(steps), reference.curves.until(steps), rtol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_a_members_numbers_do_not_depend_on_its_company(device):
    alone, among = (make(CapturedStack, [SMALL] * len(seeds), seeds, 30, device) for seeds in ([7], [1, 7, 9]))
    for stack in (alone, among):
        stack.advance(0, 30)
    np.testing.assert_allclose(among.samples()[1], alone.samples()[0], rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_a_study_runs_on_cuda():
    from settings import Study
    from study import resolve, run_study

    results = run_study(resolve(Study("s", "?", (SMALL,), seeds=3, steps=80, snapshots=2, frames=2, device="cuda")))
    assert np.isfinite(results.curves["d_loss"]).all()
    assert results.verdicts
