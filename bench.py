"""How fast training is, beside a plain loop and the machine's own speed, measured in turns in one process tree.

A case is a number of GANs and a width. One process a core, one thread each, on both sides; every repeat takes the plain
loop, this engine and a bare matrix product right after one another, so that a machine that slows down slows them alike.
The plain loop's time for many GANs is what its processes take for a few, which it trains one after another, times the
rest.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from settings import Setting
from train import train_stack
from workers import run_tasks

SETTING: dict[str, Any] = {"mode": "mixture_4", "std": 0.2, "d_steps": 2, "batch_size": 256, "layers": 2}


@dataclass(frozen=True)
class Case:
    """GANs to train side by side, their width, and what the design asks of the engine against the plain loop."""

    members: int
    hidden: int
    asked: float


CASES = (Case(1, 64, 4), Case(64, 64, 10), Case(64, 32, 15), Case(64, 128, 5))


@dataclass(frozen=True)
class Measured:
    """Milliseconds per generator step and GAN (of wall time, all workers together), a value a repeat."""

    members: int
    hidden: int
    asked: float
    plain_ms: list[float]
    ours_ms: list[float]
    gflops: list[float]  # of the operations that the algorithm needs, both cores
    peak_gflops: list[float]  # of 256 × hidden × hidden products, both cores

    @property
    def ratio(self) -> float:
        """Median over the repeats of plain / ours, each ratio within one repeat."""
        return statistics.median(p / o for p, o in zip(self.plain_ms, self.ours_ms, strict=True))


def operations(setting: Setting) -> float:
    """Floating-point operations that one generator step of one GAN needs, counting its matrix products alone.

    A multiplication and an addition per weight and point: forward through G and D, back through D to its weights
    (and between layers) in a D step, back through D to its input and through G to its weights in a G step.
    """
    h, n, z = setting.hidden, setting.layers, setting.latent_dim
    g = [(z, h), *[(h, h)] * (n - 1), (h, 2)]
    d = [(2, h), *[(h, h)] * (n - 1), (h, 1)]

    def total(layers: Sequence[tuple[int, int]]) -> int:
        return sum(i * o for i, o in layers)

    weights_back, between = total, lambda layers: total(layers[1:])
    d_step = total(g) + 2 * (total(d) + weights_back(d) + between(d))
    g_step = total(g) + total(d) + total(d) + weights_back(g) + between(g)
    return 2.0 * setting.batch_size * (setting.d_steps * d_step + g_step)


def measure(
    case: Case, repeats: int, steps: int, workers: int, progress: Callable[[float], None] = lambda amount: None
) -> Measured:
    """One case, `repeats` times in turns; `steps` generator steps a GAN."""
    setting = Setting(hidden=case.hidden, **SETTING)
    plain, ours, flops, peak = [], [], [], []
    for _ in range(repeats):
        p, o, q = _repeat(case, setting, steps, workers)
        plain.append(p)
        ours.append(o)
        flops.append(operations(setting) / (o * 1e6))
        peak.append(q)
        progress(1)
    return Measured(**asdict(case), plain_ms=plain, ours_ms=ours, gflops=flops, peak_gflops=peak)


def _repeat(case: Case, setting: Setting, steps: int, workers: int) -> tuple[float, float, float]:
    side_by_side = min(case.members, workers)
    jobs = [("plain", setting, 1, steps)] * side_by_side
    plain = max(_timed(jobs, workers)) / steps / side_by_side
    share = [case.members // side_by_side + (k < case.members % side_by_side) for k in range(side_by_side)]
    ours = max(_timed([("ours", setting, n, steps) for n in share], workers)) / steps / case.members
    peak = sum(_timed([("product", setting, 1, 2000)] * side_by_side, workers))
    return 1e3 * plain, 1e3 * ours, peak


def _timed(jobs: Sequence[Any], workers: int) -> list[float]:
    """What each job measured of itself, all at once; they wait for one another to be ready."""
    if len(jobs) == 1:
        return [job(jobs[0], lambda amount: None)]
    with multiprocessing.get_context("spawn").Manager() as manager:
        barrier = manager.Barrier(len(jobs))
        return [value for _, value in sorted(run_tasks(job, [(*j, barrier) for j in jobs], workers))]


def job(what: Sequence[Any], report: Callable[[float], None]) -> float:
    """The function that workers run: seconds for the training alone, or GFLOP/s of a product."""
    from benchmarks import plain

    kind, setting, members, steps, *barrier = what
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        work: Callable[[int], Any]
        if kind == "plain":

            def work(n: int) -> Any:
                return plain.train(n, hidden=setting.hidden, batch_size=setting.batch_size, d_steps=setting.d_steps)

        elif kind == "ours":

            def work(n: int) -> Any:
                return list(train_stack([setting] * members, range(members), n, [n]))

        else:
            x, w = torch.rand(256, setting.hidden), torch.rand(setting.hidden, setting.hidden)
            out = torch.empty(256, setting.hidden)

            def work(n: int) -> Any:
                for _ in range(n):
                    torch.mm(x, w, out=out)

        work(2)
        for wait in barrier:
            wait.wait()
        start = time.perf_counter()
        work(steps)
        seconds = time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)
    return 2 * 256 * setting.hidden**2 * steps / seconds / 1e9 if kind == "product" else seconds


def table(results: Sequence[Measured], workers: int) -> str:
    """The results as aligned text."""
    head = ["GANs", "hidden", "plain, ms", "ours, ms", "ratio", "asked", "of product peak"]
    lines = [head]
    for m in results:
        spread = [f"{statistics.median(v):.2f} ({min(v):.2f}–{max(v):.2f})" for v in (m.plain_ms, m.ours_ms)]
        share = statistics.median(a / b for a, b in zip(m.gflops, m.peak_gflops, strict=True))
        lines.append([str(m.members), str(m.hidden), *spread, f"{m.ratio:.1f} ×", f"{m.asked:g} ×", f"{share:.0%}"])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rows = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines]
    note = (
        f"\nMilliseconds a generator step and GAN, {workers} workers of one thread: median (least–greatest) of "
        f"{len(results[0].ours_ms)} repeats.\nRatio: median of plain / ours within a repeat."
    )
    return "\n".join(rows) + "\n" + note


def as_record(results: Sequence[Measured], steps: int, workers: int) -> dict[str, Any]:
    """The results as plain values, with the machine that they hold for."""
    return {
        "setting": SETTING,
        "steps": steps,
        "workers": workers,
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cases": [{**asdict(m), "ratio": m.ratio} for m in results],
    }
