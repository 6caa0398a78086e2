"""How fast the program is, beside what a user would otherwise run and beside the machine's own speed.

Everything is measured in turns in one process tree: a repeat takes, right after one another so that a machine that
slows down slows them alike, what is to be compared, and a ratio is taken within a repeat. What the plain loop takes for
many GANs is what it takes for one, times their number: it has no other way.
"""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from dynamics.base.curves import Curves
from dynamics.base.executors import choose
from dynamics.base.text_tables import aligned
from dynamics.engine.captured import CapturedStack
from dynamics.engine.training import train_stack
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

SETTING: dict[str, Any] = {"mode": "mixture_4", "std": 0.2, "d_steps": 2, "batch_size": 256, "layers": 2}
Tick = Callable[[float], None]


@dataclass(frozen=True)
class Promise:
    """A promise and what was measured of it, a value a repeat. `more`: at least, not at most, what is asked."""

    work: str
    unit: str
    asked: float
    more: bool
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        return self.median >= self.asked if self.more else self.median <= self.asked


@dataclass(frozen=True)
class Times:
    """Milliseconds of wall time per generator step and GAN, a value a repeat."""

    work: str
    values: list[float]


@dataclass(frozen=True)
class Measured:
    """What one part of the benchmark found."""

    rows: list[Promise]
    times: list[Times]


# --- training beside the plain loop ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """GANs to train side by side, their width, and what is asked of the engine against the plain loop."""

    members: int
    hidden: int
    asked: float
    peak_asked: float | None = None  # share of the measured product peak

    @property
    def work(self) -> str:
        return f"{self.members} GAN{'s' * (self.members > 1)}, hidden {self.hidden}"


CASES = (Case(1, 64, 4), Case(64, 64, 10), Case(64, 32, 15), Case(64, 128, 5, 0.5))


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


def training(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """Every case: the plain loop one GAN at a time, then on every core at once; this engine; a bare matrix product."""
    cases = [_training(case, repeats, steps, workers, tick) for case in CASES]
    return Measured([row for part in cases for row in part.rows], [t for part in cases for t in part.times])


def _training(case: Case, repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    setting = Setting(hidden=case.hidden, **SETTING)
    plain, everywhere, ours, peak = [], [], [], []
    for _ in range(repeats):
        alone = [_timed([Job("plain", setting, 1, steps, threads=n)])[0] for n in sorted({1, workers})]
        plain.append(1e3 * min(alone) / steps)
        used = min(case.members, workers)
        everywhere.append(1e3 * max(_timed([Job("plain", setting, 1, steps)] * used)) / steps / used)
        ours.append(_ours(setting, case.members, steps, workers))
        peak.append(sum(_timed([Job("product", setting, 1, 2000)] * used)))
        tick(1)
    gflops = [operations(setting) / (ms * 1e6) for ms in ours]
    rows = [Promise(case.work, "× the plain loop", case.asked, True, _ratios(plain, ours))]
    if case.peak_asked is not None:
        rows.append(Promise(case.work, "of the product peak", case.peak_asked, True, _ratios(gflops, peak)))
    times = [
        Times(f"{case.work}: plain loop, one at a time", plain),
        Times(f"{case.work}: plain loop, one on every core", everywhere),
        Times(f"{case.work}: ours", ours),
    ]
    return Measured(rows, times)


def _ratios(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [x / y for x, y in zip(a, b, strict=True)]


def _ours(setting: Setting, members: int, steps: int, workers: int) -> float:
    """Milliseconds a generator step and GAN, members shared out among one process a core."""
    used = min(members, workers)
    share = [members // used + (k < members % used) for k in range(used)]
    return 1e3 * max(_timed([Job("ours", setting, n, steps) for n in share])) / steps / members


# --- beside JAX, beside busy neighbours, in company -------------------------------------------------------------------


def beside_jax(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """64 GANs by JAX's jit + vmap + scan, in one process as it comes, and in one process pinned to every core."""
    if importlib.util.find_spec("jax") is None:
        tick(repeats)
        return Measured([], [])
    setting, members = Setting(**SETTING), 64
    whole, pinned, ours = [], [], []
    with (
        tempfile.TemporaryDirectory() as cache,
        _environment(JAX_COMPILATION_CACHE_DIR=cache, JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0"),
    ):
        for _ in range(repeats):
            whole.append(1e3 * _timed([Job("jax", setting, members, steps)], apart=True)[0] / steps / members)
            jobs = [Job("jax", setting, 8, steps, core=core) for core in range(workers)]  # 8: its best on a core here
            pinned.append(1e3 * max(_timed(jobs, apart=True)) / steps / 8 / workers)
            ours.append(_ours(setting, members, steps, workers))
            tick(1)
    work = f"{members} GANs, hidden {setting.hidden}"
    rows = [Promise(work, "× JAX jit + vmap + scan", 2, True, _ratios(whole, ours))]
    times = [
        Times(f"{work}: JAX, one process", whole),
        Times(f"{work}: JAX, a process pinned to every core, stacks of 8", pinned),
        Times(f"{work}: ours, beside them", ours),
    ]
    return Measured(rows, times)


def beside_busy(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """64 GANs, quiet and with an endless loop for every core beside them: the system's fair share is a half."""
    setting, members = Setting(**SETTING), 64
    quiet, busy = [], []
    for _ in range(repeats):
        quiet.append(_ours(setting, members, steps, workers))
        with _busy(workers):
            busy.append(_ours(setting, members, steps, workers))
        tick(1)
    work = f"{members} GANs, hidden {setting.hidden}, a busy loop on every core beside them"
    return Measured([Promise(work, "of the quiet throughput", 0.4, True, _ratios(quiet, busy))], [Times(work, busy)])


COMPANY = (8, 64, 256, 1024)


def in_company(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """Cost per GAN in stacks of ever more members: the dearest over the cheapest, of the medians over the repeats.

    A few members train for more steps, so that all take seconds.
    """
    setting = Setting(**SETTING)
    costs: dict[int, list[float]] = {n: [] for n in COMPANY}
    for _ in range(repeats):
        for members, values in costs.items():
            values.append(_ours(setting, members, max(1, steps // 4, 64 * steps // members), workers))
        tick(1)
    medians = [statistics.median(values) for values in costs.values()]
    work = f"cost per GAN among {', '.join(map(str, COMPANY))}"
    row = Promise(work, "× the cheapest", 1.15, False, [max(medians) / min(medians)])
    return Measured([row], [Times(f"{n} GANs, hidden {setting.hidden}", values) for n, values in costs.items()])


# --- a whole run: memory, and what looking costs ----------------------------------------------------------------------


def _study() -> Study:
    """The benchmark's setting as a study, by default in all else."""
    return Study("bench", "", (Setting(**SETTING),))


def memory(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """The most memory that a study of 1024 GANs holds, training to tables: the sum over its processes, in GB.

    Pages that processes share are counted in each. Frames and scores are as many as by default; steps only as many as
    give a frame each, as memory does not grow with them.
    """
    study = replace(_study(), seeds=1024, steps=_study().frames, workers=str(workers))
    pipe, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run_and_weigh, args=(study, theirs))
    process.start()
    theirs.close()
    peak = pipe.recv()
    process.join()
    tick(repeats)
    return Measured([Promise(f"{study.seeds} GANs, hidden 64: a run without pictures", "GB", 3.0, False, [peak])], [])


def _run_and_weigh(study: Study, pipe: Any) -> None:
    import resource

    from dynamics.runner.resolving import resolve
    from dynamics.workflow import run

    with tempfile.TemporaryDirectory() as folder:
        run(resolve(study), Path(folder) / "run", look=None)
    parent, workers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # on Linux what the process that started this one held is counted there as well
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as lines:
        parent = int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    unit = 1 if sys.platform == "darwin" else 1024  # bytes, or KiB
    pipe.send((parent + int(study.workers) * workers) * unit / 1e9)


def looking(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """Training with the default snapshots, scores and frames, beside training with a look at the end alone."""
    from dynamics.runner.planning import plan
    from dynamics.runner.resolving import resolve
    from dynamics.runner.tasks import train_task

    default = _study()
    often = -(-default.steps // default.snapshots)  # generator steps between two looks
    steps = max(1, round(steps / often)) * often
    looks = steps // often
    study = replace(default, seeds=4, steps=steps, snapshots=looks, frames=looks, workers="1")
    (often_looked,) = plan(resolve(study))[1]
    (once_looked,) = plan(resolve(replace(study, snapshots=1, frames=0)))[1]
    train_task(often_looked, lambda amount: None)
    values = []
    for _ in range(repeats):
        seconds = {once_looked: 0.0, often_looked: 0.0}
        for stack in [*seconds] * 8:  # in short turns: the machine's speed swings by more than the difference
            start = time.perf_counter()
            train_task(stack, lambda amount: None)
            seconds[stack] += time.perf_counter() - start
        values.append(seconds[often_looked] / seconds[once_looked])
        tick(1)
    return Measured([Promise("training with default snapshots, scores, frames", "× without", 1.1, False, values)], [])


# --- on a GPU --------------------------------------------------------------------------------------------------------

CROWDS = (1, 64, 1024, 4096)


def on_cuda(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """Stacks of ever more members on a CUDA device, beside the plain loop there."""
    if not torch.cuda.is_available():
        tick(repeats)
        return Measured([], [])
    from benchmarks import plain

    setting, gpu = Setting(**SETTING), torch.device("cuda")
    sizes: dict[str, Any] = {"hidden": setting.hidden, "batch_size": setting.batch_size, "d_steps": setting.d_steps}
    alone: list[float] = []
    ours: dict[int, list[float]] = {members: [] for members in CROWDS}
    plain.train(3, **sizes, device=gpu)
    for _ in range(repeats):
        alone.append(_on_gpu(lambda: plain.train(steps, **sizes, device=gpu)) / steps)
        for members, values in ours.items():
            stack = CapturedStack(
                [setting] * members, range(members), Curves(members, range(1, steps + 2)), 1, gpu, torch.float32
            )
            stack.advance(0, 1)
            values.append(_on_gpu(functools.partial(stack.advance, 1, steps + 1)) / steps / members)
        tick(1)
    name = torch.cuda.get_device_name()
    unit = f"× the plain loop on {name}"
    rows = [
        Promise(f"{n} GANs, hidden {setting.hidden}", unit, 100.0 if n == 4096 else 0.0, True, _ratios(alone, values))
        for n, values in ours.items()
    ]
    times = [Times(f"{name}: plain loop", alone)]
    return Measured(rows, times + [Times(f"{name}: {n} GANs", values) for n, values in ours.items()])


def _on_gpu(carry_out: Callable[[], Any]) -> float:
    """Milliseconds, until the device has finished."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    carry_out()
    torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


def drawing(repeats: int, steps: int, workers: int, tick: Tick) -> Measured:
    """Animations and figures of the assignment's run, beside a fresh figure a frame."""
    from benchmarks import pictures

    results = pictures.run(2 * steps, workers)
    singles, sizes, fresh, grids, wholes = [], [], [], [], []
    for _ in range(repeats):
        one, grid = pictures.single(results), pictures.comparison(results)
        fresh.append(pictures.fresh(results))
        wholes.append(pictures.everything(results, workers))
        singles.append(one[0])
        grids.append(grid[0])
        sizes = [one[1], grid[1]]
        tick(1)
    rows = [
        Promise("a frame, one panel of 640 px", "ms", 5, False, singles),
        Promise("a frame, one panel of 640 px", "× a fresh figure", 20, True, _ratios(fresh, singles)),
        Promise("a frame, 4 × 2 panels, 960 px", "ms", 30, False, grids),
        Promise("all pictures of 8 settings, 100 frames", "s", 15, False, wholes),
        Promise("100 frames, one panel of 640 px", "MB", 2.5, False, sizes[:1]),
        Promise("100 frames, 4 × 2 panels, 960 px", "MB", 8, False, sizes[1:]),
    ]
    return Measured(rows, [])


PARTS: dict[str, Callable[[int, int, int, Tick], Measured]] = {
    "training": training,
    "jax": beside_jax,
    "busy": beside_busy,
    "company": in_company,
    "looking": looking,
    "pictures": drawing,
    "memory": memory,
    "cuda": on_cuda,
}


# --- jobs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    kind: str  # "plain", "ours", "jax" or "product"
    setting: Setting
    members: int
    steps: int
    threads: int = 1
    core: int | None = None  # to be pinned to
    barrier: Any = None  # where jobs that run side by side wait for one another


def _timed(jobs: Sequence[Job], apart: bool = False) -> list[float]:
    """What each job measured of itself, all at once, once all are ready; `apart`: a single one in its own process."""
    if len(jobs) == 1 and not apart:
        return [work(jobs[0], lambda amount: None)]
    with multiprocessing.get_context("spawn").Manager() as manager:
        barrier = manager.Barrier(len(jobs), timeout=300)  # a job that fails on its way there must not hang the rest
        waiting = [replace(job, barrier=barrier) for job in jobs]
        if len(jobs) == 1:  # a pool of one works in this process: give it an idle second
            waiting.append(Job("idle", jobs[0].setting, 0, 0))
        done = dict(choose(len(waiting)).run(work, waiting))
    failed = next((value for value in done.values() if isinstance(value, Exception)), None)
    if failed is not None:
        raise failed
    return [done[i] for i in range(len(jobs))]


def work(job: Job, report: Tick) -> float:
    """The function that workers run: seconds for the training alone, or GFLOP/s of a product."""
    if job.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[job.core]})
    threads = torch.get_num_threads()
    torch.set_num_threads(job.threads)
    try:
        carry_out = _prepared(job)
        if job.barrier is not None:
            job.barrier.wait()
        start = time.perf_counter()
        carry_out()
        seconds = time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)
    h = job.setting.hidden
    return 2 * 256 * h**2 * job.steps / seconds / 1e9 if job.kind == "product" else seconds


def _prepared(job: Job) -> Callable[[], Any]:
    """The job as a function without arguments, after its first call."""
    setting, h = job.setting, job.setting.hidden
    sizes: dict[str, Any] = {"hidden": h, "batch_size": setting.batch_size, "d_steps": setting.d_steps}
    if job.kind == "plain":
        from benchmarks import plain

        plain.train(2, **sizes)
        return lambda: plain.train(job.steps, **sizes)
    if job.kind == "ours":
        list(train_stack([setting] * job.members, range(job.members), 2, [2]))
        return lambda: list(train_stack([setting] * job.members, range(job.members), job.steps, [job.steps]))
    if job.kind == "jax":
        from benchmarks import jax_stack

        stack = jax_stack.JaxStack(job.members, **sizes)
        stack.train(job.steps)
        return lambda: stack.train(job.steps)
    if job.kind == "product":
        x, w, out = torch.rand(256, h), torch.rand(h, h), torch.empty(256, h)
        torch.mm(x, w, out=out)
        return lambda: [torch.mm(x, w, out=out) for _ in range(job.steps)]
    return lambda: None


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Endless loops beside, a process each."""
    processes = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    time.sleep(1)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _spin() -> None:
    while True:
        pass


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# --- what it prints --------------------------------------------------------------------------------------------------


def measure(names: Sequence[str], repeats: int, steps: int, workers: int, tick: Tick) -> dict[str, Measured]:
    """The named parts, one after another; `tick` is told `ticks(names, repeats)` in all."""
    return {name: PARTS[name](repeats, steps, workers, tick) for name in names}


def ticks(names: Sequence[str], repeats: int) -> int:
    return sum(repeats * (len(CASES) if name == "training" else 1) for name in names)


def table(parts: dict[str, Measured], repeats: int, workers: int) -> str:
    """The parts as aligned text: what was asked and what was measured, then the times behind it."""
    rows = [row for part in parts.values() for row in part.rows]
    times = [t for part in parts.values() for t in part.times]
    lines = [["work", "measured", "asked", "", ""]]
    for row in rows:
        sign = "≥" if row.more else "≤"
        lines.append([row.work, _spread(row.values), f"{sign} {row.asked:g}", row.unit, "" if row.holds else "short"])
    text = aligned(lines)
    if times:
        text += "\n\n" + aligned(
            [["milliseconds a generator step and GAN", ""]] + [[t.work, _spread(t.values)] for t in times]
        )
    for name, why in (("jax", "JAX is not installed: pip install jax"), ("cuda", "no CUDA device: not measured")):
        if name in parts and not parts[name].rows:
            text += f"\n\n{name}: {why}"
    return text + (
        f"\n\nMedian (least–greatest) of {repeats} repeats; ratios are taken within a repeat. The plain loop trains\n"
        f"one GAN at a time at its best thread count; ours, {workers} process{'es' * (workers > 1)} of one thread."
    )


def _spread(values: Sequence[float]) -> str:
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f}–{max(values):.2f})"


def as_record(parts: dict[str, Measured], steps: int, workers: int) -> dict[str, Any]:
    """The parts as plain values, with the machine that they hold for."""
    return {
        "setting": SETTING,
        "steps": steps,
        "workers": workers,
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "rows": [
            {"part": name, **asdict(row), "median": row.median, "holds": row.holds}
            for name, part in parts.items()
            for row in part.rows
        ],
        "times_ms": [{"part": name, **asdict(t)} for name, part in parts.items() for t in part.times],
    }
