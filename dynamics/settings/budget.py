"""How long each setting of a study trains, and when it is looked at, so that the settings compare at an equal budget.

A budget is what all settings spend alike: generator steps, updates of both players together, or real samples that D has
seen. `Study.steps` is what the setting with the cheapest generator step trains for; the others stop where they have
spent as much, so no setting trains longer. All are looked at as often, at equal shares of their way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from fractions import Fraction

from dynamics.settings.network_sizes import parameters
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

BUDGETS: dict[str, Callable[[Setting], Fraction]] = {  # name -> what a generator step costs
    "steps": lambda setting: Fraction(1),
    "updates": lambda setting: Fraction(setting.d_steps + setting.g_steps, setting.g_steps),
    "samples": lambda setting: Fraction(setting.d_steps * setting.batch_size, setting.g_steps),
}
MOST_WEIGHTS = 2**28  # bytes of weights held until the seeds to show are known
CURVE_POINTS = 500  # points of a loss curve at most: longer ones are averaged


def steps_of(study: Study) -> tuple[int, ...]:
    """Generator steps that each setting trains for, to the nearest one; at least 1."""
    costs = [BUDGETS[study.budget](setting) for setting in study.settings]
    least = min(costs, default=Fraction(1))
    return tuple(max(1, round(study.steps * least / cost)) for cost in costs)


@functools.lru_cache(maxsize=256)
def spread_steps(steps: int, count: int) -> tuple[int, ...]:
    """0 and `count` steps evenly up to `steps`, the last included; fewer where there are fewer; of none, the last."""
    return tuple(sorted({round(Fraction(steps * k, count)) for k in range(count + 1)})) if count else (steps,)


def snapshot_steps(study: Study) -> list[tuple[int, ...]]:
    """Of each setting, the generator steps after which it is scored: as many for all."""
    steps = steps_of(study)
    count = min([study.snapshots, *steps])
    return [spread_steps(n, count) for n in steps]


def frame_steps(study: Study) -> list[tuple[int, ...]]:
    """Of each setting, the generator steps after which its samples are kept for pictures: as many for all."""
    steps = steps_of(study)
    count = min([study.frames, *steps])
    return [spread_steps(n, count) for n in steps]


def holds_few_weights(study: Study) -> bool:
    """Whether the weights of all members at all frames are more than are held: then those of one seed are kept."""
    # two bytes a number, of two networks
    numbers = sum(sum(parameters(s)) for s in study.settings)
    return study.weights == "shown" and 2 * len(frame_steps(study)[0]) * study.seeds * numbers > MOST_WEIGHTS


def curve_steps(study: Study) -> list[tuple[int, ...]]:
    """Of each setting, the generator steps that close the entries of its loss curves: as many for all."""
    steps = steps_of(study)
    least = min(steps)
    count = -(-least // -(-least // CURVE_POINTS))
    return [spread_steps(n, count)[1:] for n in steps]


def updates(setting: Setting, steps: int) -> int:
    """Updates of D and of G together in so many generator steps, and before them; a round that has begun has had its D
    steps."""
    made = sum((n if phase.train != "d" else 0) + _d_steps(phase, n) for phase, n in _by_phase(setting, steps))
    return made + setting.warmup


def samples_seen(setting: Setting, steps: int) -> int:
    """Real samples that D has been trained on in so many generator steps, and before them."""
    seen = sum(phase.batch_size * _d_steps(phase, n) for phase, n in _by_phase(setting, steps))
    return seen + setting.batch_size * setting.warmup


def _d_steps(setting: Setting, steps: int) -> int:
    return setting.d_steps * -(-steps // setting.g_steps) if setting.train != "g" else 0


def _by_phase(setting: Setting, steps: int) -> Iterator[tuple[Setting, int]]:
    """What a setting's schedule makes of it, each with the generator steps, of so many, that are made with it."""
    ends = [*(first for first, _ in setting.phases[1:]), steps]
    for (first, phase), end in zip(setting.phases, ends, strict=True):
        yield phase, max(0, min(end, steps) - first)
