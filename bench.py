"""How fast training is, beside a plain loop and the machine's own speed, measured in turns in one process tree.

A case is a number of GANs and a width. Every repeat takes, right after one another so that a machine that slows down
slows them alike: the plain loop, one GAN at a time in one process, at each thread count; the plain loop in one process
a core, as a careful user would start it; this engine, one process a core; and a bare matrix product. What the plain
loop takes for many GANs is what it takes for one, times their number: it has no other way.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
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
    """Milliseconds of wall time per generator step and GAN, a value a repeat."""

    members: int
    hidden: int
    asked: float
    plain_ms: list[float]  # one GAN at a time, at the repeat's best thread count
    plain_all_cores_ms: list[float]  # a plain loop on every core
    ours_ms: list[float]
    gflops: list[float]  # of the operations that the algorithm needs
    peak_gflops: list[float]  # of 256 × hidden × hidden products, on as many cores

    def ratio(self, against: list[float]) -> float:
        """Median over the repeats of a plain loop's time over ours, each ratio within one repeat."""
        return statistics.median(p / o for p, o in zip(against, self.ours_ms, strict=True))


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
    rows = []
    for _ in range(repeats):
        rows.append(_repeat(case, setting, steps, workers))
        progress(1)
    plain, everywhere, ours, peak = (list(column) for column in zip(*rows, strict=True))
    flops = [operations(setting) / (ms * 1e6) for ms in ours]
    return Measured(
        **asdict(case), plain_ms=plain, plain_all_cores_ms=everywhere, ours_ms=ours, gflops=flops, peak_gflops=peak
    )


def _repeat(case: Case, setting: Setting, steps: int, workers: int) -> tuple[float, float, float, float]:
    used = min(case.members, workers)
    threads = sorted({1, workers})
    alone = min(_timed([Job("plain", setting, 1, steps, count)])[0] for count in threads) / steps
    everywhere = max(_timed([Job("plain", setting, 1, steps)] * used)) / steps / used
    share = [case.members // used + (k < case.members % used) for k in range(used)]
    ours = max(_timed([Job("ours", setting, n, steps) for n in share])) / steps / case.members
    peak = sum(_timed([Job("product", setting, 1, 2000)] * used))
    return 1e3 * alone, 1e3 * everywhere, 1e3 * ours, peak


@dataclass(frozen=True)
class Job:
    kind: str  # "plain", "ours" or "product"
    setting: Setting
    members: int
    steps: int
    threads: int = 1
    barrier: Any = None  # where jobs that run side by side wait for one another


def _timed(jobs: Sequence[Job]) -> list[float]:
    """What each job measured of itself, all at once, once all are ready."""
    if len(jobs) == 1:
        return [work(jobs[0], lambda amount: None)]
    with multiprocessing.get_context("spawn").Manager() as manager:
        barrier = manager.Barrier(len(jobs))
        done = run_tasks(work, [replace(job, barrier=barrier) for job in jobs], len(jobs))
        return [value for _, value in sorted(done)]


def work(job: Job, report: Callable[[float], None]) -> float:
    """The function that workers run: seconds for the training alone, or GFLOP/s of a product."""
    from benchmarks import plain

    setting, h = job.setting, job.setting.hidden
    x, w, out = torch.rand(256, h), torch.rand(h, h), torch.empty(256, h)

    def carry_out(steps: int) -> None:
        if job.kind == "plain":
            plain.train(steps, hidden=h, batch_size=setting.batch_size, d_steps=setting.d_steps)
        elif job.kind == "ours":
            list(train_stack([setting] * job.members, range(job.members), steps, [steps]))
        else:
            for _ in range(steps):
                torch.mm(x, w, out=out)

    threads = torch.get_num_threads()
    torch.set_num_threads(job.threads)
    try:
        carry_out(2)
        if job.barrier is not None:
            job.barrier.wait()
        start = time.perf_counter()
        carry_out(job.steps)
        seconds = time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)
    return 2 * 256 * h**2 * job.steps / seconds / 1e9 if job.kind == "product" else seconds


def table(results: Sequence[Measured], workers: int) -> str:
    """The results as aligned text."""
    head = ["GANs", "hidden", "plain loop, ms", "on all cores, ms", "ours, ms", "ratios", "asked", "of product peak"]
    lines = [head]
    for m in results:
        times = (m.plain_ms, m.plain_all_cores_ms, m.ours_ms)
        spread = [f"{statistics.median(v):.2f} ({min(v):.2f}–{max(v):.2f})" for v in times]
        share = statistics.median(a / b for a, b in zip(m.gflops, m.peak_gflops, strict=True))
        ratios = f"{m.ratio(m.plain_ms):.1f} ×, {m.ratio(m.plain_all_cores_ms):.1f} ×"
        lines.append([str(m.members), str(m.hidden), *spread, ratios, f"{m.asked:g} ×", f"{share:.0%}"])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rows = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines]
    repeats = len(results[0].ours_ms)
    note = (
        f"\nMilliseconds a generator step and GAN: median (least–greatest) of {repeats} repeats.\n"
        "The plain loop trains one GAN at a time at its best thread count; then one on every core;\n"
        f"ours, {workers} processes of one thread. Ratios: medians of either plain loop's time over ours\n"
        "within a repeat; asked is of the first."
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
        "cases": [{**asdict(m), "ratio": m.ratio(m.plain_ms)} for m in results],
    }
