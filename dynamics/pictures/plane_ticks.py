"""Ticks of planes: round numbers that meet the modes, in the target's own units, as far as they have room."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from dynamics.pictures.density_maps import Plane
from dynamics.targets.user_units import Placing


def plane_ticks(half_width: float, planes: Iterable[Plane] = ()) -> list[float]:
    """Ticks of planes of this width, data units, ascending: the multiples of a round number, up to four on a side.

    It is the largest of those numbers that meet most coordinates of the planes' modes, and the ticks end with the
    outermost one that it meets; where none meets any, the largest of the roundest.
    """
    unit = 10.0 ** np.floor(np.log10(half_width))
    coordinates = np.unique(np.round(np.concatenate([[0.0], *(np.ravel(plane.modes) for plane in planes)]), 9))
    coordinates = coordinates[np.abs(coordinates) < half_width]
    candidates = []
    for digits in (0.2, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5):
        step = digits * unit
        met = np.abs(coordinates / step - np.round(coordinates / step)) < 1e-6
        last = int(np.abs(np.round(coordinates[met] / step)).max()) or int(half_width / step * (1 - 1e-9))
        if 0.12 * half_width < step <= 0.67 * half_width and last <= 4:
            merit = met.sum(), met.sum() > 1 or digits in (0.2, 0.5, 1, 2, 5), digits
            candidates.append((*merit, [float(step * k) for k in range(-last, last + 1)]))
    return max(candidates)[-1]


def labelled_ticks(ticks: Sequence[float], gap: float, width: float) -> list[float]:
    """Those of a plane's ticks that have room for their labels: `gap` from tick to tick, `width` of a label."""
    count, every = len(ticks) // 2, int(np.ceil(1.5 * width / gap))
    if not np.isclose(ticks[0], -ticks[-1]):  # of own units
        return list(ticks[::every])
    if every <= count:
        return [tick for k, tick in enumerate(ticks, -count) if k % every == 0]
    return [ticks[0], ticks[-1]] if every <= 2 * count else [0.0]


def axis_ticks(
    half_width: float, placing: Placing, planes: Iterable[Plane] = ()
) -> tuple[dict[float, str], dict[float, str]]:
    """Ticks along x and y: place in the plane -> label, in own units.

    Where those are the plane's, they are `plane_ticks` of the planes beside one another that share them; else round
    numbers, at least two along either axis.
    """
    if placing.stays:
        ticks = plane_ticks(half_width, [plane for plane in planes if plane.placing.stays])
        same = {tick: f"{round(tick, 12):g}".replace("-", "−") for tick in ticks}
        return same, same
    reach = half_width / placing.scale
    unit = 10.0 ** np.floor(np.log10(reach / 2))
    for step in (s * unit for s in (10, 5, 2, 1) if s * unit < 1.25 * reach):
        x, y = (_round_ticks(middle, reach, step, placing.scale) for middle in placing.middle)
        if min(len(x), len(y)) >= 2:
            break
    return x, y


def _round_ticks(middle: float, reach: float, step: float, scale: float) -> dict[float, str]:
    """Multiples of `step` within 0.95 `reach` of `middle`, own units, by their places in the plane."""
    first, last = np.ceil((middle - 0.95 * reach) / step), np.floor((middle + 0.95 * reach) / step)
    values = (first + np.arange(int(last - first) + 1)) * step
    largest = np.abs(values).max(initial=step)
    decimals = max(0, int(-np.floor(np.log10(step))))
    digits = int(np.clip(np.floor(np.log10(largest)) - np.floor(np.log10(step)) + 1, 1, 15))  # that tell them apart
    plain = step >= 1e-3 and largest < 1e6
    words = [f"{v + 0.0:.{decimals}f}" if plain else f"{v + 0.0:.{digits}g}" for v in values]
    words = [re.sub(r"e([+-])0*", r"e\1", word).replace("e+", "e").replace("-", "−") for word in words]
    return dict(zip(((values - middle) * scale).tolist(), words, strict=True))


def set_ticks(axes: Axes, half_width: float, placing: Placing, side: float, planes: Iterable[Plane] = ()) -> None:
    """Ticks of a plane, `side` inches, among others, with labels in size 9 as far as they have room."""
    for along, put in zip(axis_ticks(half_width, placing, planes), (axes.set_xticks, axes.set_yticks), strict=True):
        gap = min(np.diff(list(along)), default=half_width) * side / (2 * half_width)
        shown = labelled_ticks(list(along), gap, max(map(len, along.values())) * 0.08)
        put(list(along), [word if tick in shown else "" for tick, word in along.items()])


def label_overhang(planes: Iterable[Plane], half_width: float) -> float:
    """Inches that the longest label beside an axis takes beyond three letters."""
    lengths = [len(word) for plane in planes for word in axis_ticks(half_width, plane.placing)[1].values()]
    return 0.075 * max(0, max(lengths, default=0) - 3)
