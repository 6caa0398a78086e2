"""The arrays of a run: file, name, axes, kind, unit and meaning of each, declared here alone.

Whoever writes, reads or checks them takes axes and kinds from here, and docs/run-tables.md is written from here. A name
in braces stands for several arrays: `{score}` for every score that was measured, `{member}` for every member (its
number, from 0) whose weights are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

AXES: dict[str, str] = {  # what an axis counts
    "M": "members: the GANs, in the order of the rows of summary.csv",
    "L": "entries of the curves: at most 1000, evenly spread over training",
    "S": "snapshots: `--snapshots` of them, after that of the untrained networks",
    "F": "frames: `--frames` of them, after that of the untrained networks",
    "N": "generated samples of a snapshot: 2048, always from the same latents",
    "K": "modes, in the order of the target's; NaN past its last, where another target of the run has more",
    "W": "members whose weights are kept: the shown seed of each setting; all with `--weights all`",
    "2": "x, y",
    "PG": "numbers of G, layer by layer; `plain_pair` of `dynamics.games` makes networks of them",
    "PD": "numbers of D, the same",
}
TEXT, WHOLE, SINGLE, DOUBLE, HALF = "text", "int64", "float32", "float64", "float16"
OF_THE_LOSS, OF_THE_SCORE, SHARE, LENGTH = "unit of the loss", "unit of the score", "share", "data units"
STEPS = "generator steps"


class ArrayFacts(NamedTuple):
    axes: tuple[str, ...]
    kind: str  # of its numbers, as numpy calls it
    meaning: str
    unit: str = ""


_CURVE = "the mean over the generator steps since the entry before"
RUN_ARRAYS: dict[str, dict[str, ArrayFacts]] = {
    "history.npz": {
        "setting": ArrayFacts(("M",), TEXT, "each member's setting, by the name of its folder"),
        "seed": ArrayFacts(("M",), WHOLE, "each member's seed"),
        "curve_step": ArrayFacts(("M", "L"), WHOLE, "the last step of each entry of the curves", STEPS),
        "d_loss": ArrayFacts(("M", "L"), SINGLE, f"D's loss, without penalties: {_CURVE}", OF_THE_LOSS),
        "g_loss": ArrayFacts(("M", "L"), SINGLE, "G's loss, the same", OF_THE_LOSS),
        "d_real": ArrayFacts(("M", "L"), SINGLE, "D(x), the mean over a batch of real points, the same", "probability"),
        "d_fake": ArrayFacts(("M", "L"), SINGLE, "D(G(z)), the mean over generated points, the same", "probability"),
        "snapshot_step": ArrayFacts(("M", "S"), WHOLE, "when each snapshot was taken", STEPS),
        "{score}": ArrayFacts(("M", "S"), DOUBLE, "each score at each snapshot; NaN where there is none", OF_THE_SCORE),
        "sample_mean": ArrayFacts(("M", "S", "2"), DOUBLE, "mean of the generated samples", LENGTH),
        "on_data": ArrayFacts(
            ("M", "S"), DOUBLE, "samples in the densest region that holds 99 % of the target's mass", SHARE
        ),
        "far_off": ArrayFacts(
            ("M", "S"), DOUBLE, "samples over twice as far from the target's mean as 99 % of its mass", SHARE
        ),
        "mode_mass": ArrayFacts(("M", "S", "K"), DOUBLE, "samples at each mode, within 3 std of it", SHARE),
        "mode_shape": ArrayFacts(
            ("M", "S", "K"), DOUBLE, "variance of those samples over the mode's: 1 fills it, 0 is a point"
        ),
    },
    "frames.npz": {
        "step": ArrayFacts(("M", "F"), WHOLE, "when each frame was taken", STEPS),
        "samples": ArrayFacts(
            ("F", "M", "N", "2"),
            HALF,
            "G(z); float64 where a user's file has units of its own",
            LENGTH,
        ),
    },
    "weights.npz": {
        "member": ArrayFacts(("W",), WHOLE, "those members, by their row of summary.csv, from 0"),
        "g{member}": ArrayFacts(("F", "PG"), HALF, "G's weights at each frame"),
        "d{member}": ArrayFacts(("F", "PD"), HALF, "D's weights at each frame"),
    },
    "beginnings.npz": {  # of a run with --from
        "g{member}": ArrayFacts(("PG",), HALF, "the weights that G began with"),
        "d{member}": ArrayFacts(("PD",), HALF, "the weights that D began with"),
    },
}


def shape_of(file: str, name: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an array by the sizes of its axes."""
    return tuple(2 if axis == "2" else sizes[axis] for axis in RUN_ARRAYS[file][name].axes)
