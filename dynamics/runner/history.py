"""What was measured of members while they trained: one specification of its arrays.

A worker fills the `History` of a stack's members, a checkpoint holds it, a study's is gathered from those of its
stacks, and the run folder holds that. Axis 0 is the member everywhere in the program; files have frames first where
there are any (`frames_first`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dynamics.base.arrays import fits
from dynamics.base.curves import CURVES
from dynamics.measures.measured import MEASURES
from dynamics.settings.catalogue.run_arrays import RUN_ARRAYS, shape_of

Players = tuple[np.ndarray, np.ndarray]  # parameters of G and D, float16, as in `MLP.flat`


class Extent(NamedTuple):
    """How much was measured of each member."""

    entries: int  # L, of the curves
    looks: int  # S, snapshots that were scored
    frames: int  # F
    samples: int  # N, of a frame
    modes: int  # K, columns of what is measured by mode
    scores: Sequence[str]


@dataclass(kw_only=True)
class History:
    """Of M members: `curves[name]` (M, L) float32, `scores[name]` (M, S) and `measures[name]` (M, S) or (M, S, ·)
    float64, `samples` (M, F, N, 2) float16 in the plane, and `weights[m]`, G's and D's parameters (F, P), of those
    members whose weights are kept."""

    curves: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    measures: dict[str, np.ndarray]
    samples: np.ndarray
    weights: dict[int, Players] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, np.ndarray]:
        """Scores and measures, in the order of files."""
        return self.scores | self.measures

    def enter(self, members: Sequence[int], part: History) -> None:
        """Put in what was measured of some members, `part`, where `members` says; it may be only the beginning."""
        rows = list(members)
        for ours, theirs in ((self.curves, part.curves), (self.scores, part.scores), (self.measures, part.measures)):
            for name, values in theirs.items():
                ours[name][rows, : values.shape[1]] = values
        self.samples[rows, : part.samples.shape[1]] = part.samples
        self.weights |= {rows[k]: pair for k, pair in part.weights.items()}


def specification(members: int, extent: Extent) -> History:
    """The arrays of a history of so many members, by name, shape and kind; they hold zeros, and take no room."""
    sizes = dict(zip("LSFNK", extent[:5], strict=True)) | {"M": members}

    def declared(name: str, file: str = "history.npz") -> np.ndarray:
        return like(RUN_ARRAYS[file][name].kind, *shape_of(file, name, sizes))

    return History(
        curves={name: declared(name) for name in CURVES},
        scores={name: declared("{score}") for name in extent.scores},
        measures={name: declared(name) for name in MEASURES},
        samples=members_first(declared("samples", "frames.npz")),
    )


def unmeasured(members: int, extent: Extent) -> History:
    """A history of which nothing is known yet: NaN throughout."""
    wanted = specification(members, extent)
    curves, scores, measures = (
        {name: np.full(values.shape, np.nan, values.dtype) for name, values in arrays.items()}
        for arrays in (wanted.curves, wanted.scores, wanted.measures)
    )
    frames = frames_first(wanted.samples)
    samples = np.full(frames.shape, np.nan, frames.dtype)  # lies as it will be written
    return History(curves=curves, scores=scores, measures=measures, samples=members_first(samples))


def like(kind: Any, *shape: int) -> np.ndarray:
    """An array to compare others with, that takes no room."""
    return np.broadcast_to(np.zeros((), kind), shape)


# --- files -----------------------------------------------------------------------------------------------------------


def frames_first(values: np.ndarray) -> np.ndarray:
    """(M, F, ...) as files have it: (F, M, ...)."""
    return np.swapaxes(values, 0, 1)


def members_first(values: np.ndarray) -> np.ndarray:
    """`frames_first` undone."""
    return np.swapaxes(values, 0, 1)


def to_arrays(history: History, weights: Players) -> dict[str, np.ndarray]:
    """A history as the arrays of a checkpoint, and the parameters (K, F, P) of the K members whose are kept."""
    return {
        **{f"curves.{name}": values for name, values in history.curves.items()},
        **{f"measured.{name}": values for name, values in history.measured.items()},
        "samples": frames_first(history.samples),
        "weights.g": frames_first(weights[0]),
        "weights.d": frames_first(weights[1]),
    }


def from_arrays(arrays: Mapping[str, np.ndarray], kept: Sequence[int]) -> History:
    """`to_arrays` undone; `kept` are the members whose parameters are there."""
    measured = {name: values for key, values in arrays.items() if (name := key.removeprefix("measured.")) != key}
    g, d = (members_first(arrays[name]) for name in ("weights.g", "weights.d"))
    return History(
        curves={name: arrays[f"curves.{name}"] for name in CURVES},
        scores={name: values for name, values in measured.items() if name not in MEASURES},
        measures={name: measured[name] for name in MEASURES},
        samples=members_first(arrays["samples"]),
        weights={m: (g[k], d[k]) for k, m in enumerate(kept)},
    )


def check_arrays(arrays: Mapping[str, np.ndarray], members: int, extent: Extent, kept: int) -> None:
    """Raise ``ValueError`` unless `to_arrays` could have made these, of so many members, `kept` of them with weights.

    How many parameters a network has, who draws it finds out.
    """
    widths = (arrays[n].shape[-1] if n in arrays and arrays[n].ndim == 3 else 0 for n in ("weights.g", "weights.d"))
    g, d = (like(np.float16, kept, extent.frames, width) for width in widths)
    fits(arrays, to_arrays(specification(members, extent), (g, d)))
