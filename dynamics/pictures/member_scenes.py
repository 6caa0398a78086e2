"""From a run's results to what an animation's panel shows of a member: the plane, the curves below it, and D and G at
the frames.

A `Sketch` holds what the results know; `scene` computes the rest from the weights that the run kept, and needs torch
for that. Sketches are made here, scenes by whoever draws.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.base.streams import Streams
from dynamics.pictures.target_densities import outlines, real_density, smoothing_bandwidth, target_of
from dynamics.settings.catalogue.layers import FROM_WEIGHTS, functions_for, needs_of
from dynamics.settings.catalogue.verdicts import FAILED
from dynamics.settings.setting import Setting
from dynamics.targets.user_files import placing_for

if TYPE_CHECKING:
    from dynamics.games.networks import MLP
    from dynamics.pictures.animation.curve_strips import Strip
    from dynamics.pictures.animation.scene_layers import Scene
    from dynamics.pictures.density_maps import Plane
    from dynamics.runner.results import Results


RESOLUTION = 96  # cells a side of D and D*
LATTICE = 24  # cells a side of the latent grid
ARROWS = 200  # samples that have one


@dataclass(frozen=True)
class Sketch:
    """A member at F moments: what is known without computing, and the weights (F, P) of G and D for the rest."""

    plane: Plane
    half_width: float
    verdict: str
    strip: Sequence[Strip]
    setting: Setting
    seed: int
    weights: tuple[np.ndarray, np.ndarray] | None
    steps: np.ndarray  # (F,) generator steps after which these were


def sketch(
    results: Results, member: int, frames: np.ndarray, half_width: float, title: str, *, strip: bool = False
) -> Sketch:
    """One member at the given frames, over the plane [-half_width, half_width]², with or without curves below it."""
    index, seed = results.members[member].setting, results.members[member].seed
    weights, kept = results.weights.get(member), frames_shown(results, member)[frames]
    return Sketch(
        plane=plane(results, member, frames, half_width, title),
        half_width=half_width,
        verdict=results.verdicts[member].word,
        strip=_strip(results, member) if strip else (),
        setting=results.study.settings[index],
        seed=seed,
        weights=None if weights is None else (weights[0][kept], weights[1][kept]),
        steps=results.frame_steps[index][kept],
    )


def scene(sketch: Sketch, layers: Sequence[str] | None) -> Scene:
    """The panel that `animation.animate` draws; raises ``ValueError`` for layers whose weights are not there."""
    from dynamics.pictures.animation.scene_layers import Scene

    made = Scene(sketch.plane, verdict=sketch.verdict, strip=sketch.strip)
    wanted = [name for name in needs_of(layers or ()) if name in COMPUTED]
    if not wanted:
        return made
    if sketch.weights is None:
        raise ValueError(f"the weights of seed {sketch.seed} were not kept")
    import torch

    from dynamics.measures import fields

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parts = []
        for part in _by_phase(sketch):
            settings = [part.setting] * len(part.steps)  # a stack whose members are the moments
            G, D = fields.stack_of(settings, *(part.weights or ()))
            parts.append({name: COMPUTED[name](part, settings, G, D) for name in wanted})
        shown = {name: _one_after_another([part[name] for part in parts]) for name in wanted}
    finally:
        torch.set_num_threads(threads)
    return dataclasses.replace(made, **shown)


def _by_phase(sketch: Sketch) -> Iterator[Sketch]:
    """The moments of each setting that a schedule makes of the member's, in their order."""
    settings = [sketch.setting.in_force(int(step)) for step in sketch.steps]
    for setting, moments in itertools.groupby(range(len(settings)), key=settings.__getitem__):
        of = list(moments)
        weights = None if sketch.weights is None else (sketch.weights[0][of], sketch.weights[1][of])
        yield dataclasses.replace(sketch, setting=setting, weights=weights, steps=sketch.steps[of])


def _one_after_another(parts: Sequence[Any]) -> Any:
    """What was computed of some moments each, of all of them; masses of latents are the same at all."""
    if isinstance(parts[0], tuple):
        return np.concatenate([vertices for vertices, _ in parts]), parts[0][1]
    return np.concatenate(parts)


# --- what of a scene is computed from weights, of G and D as stacks whose members are the moments ---------------------


def _d(sketch: Sketch, settings: Sequence[Setting], G: MLP, D: MLP) -> Any:
    from dynamics.measures import fields
    from dynamics.pictures.density_maps import grid_points

    return fields.discriminator_field(G, D, settings, grid_points(sketch.half_width, RESOLUTION))


def _optimal(sketch: Sketch, settings: Sequence[Setting], G: MLP, D: MLP) -> Any:
    from dynamics.measures import fields
    from dynamics.pictures.density_maps import grid_points

    return fields.optimal_field(G, settings, grid_points(sketch.half_width, RESOLUTION), sketch.steps.tolist())


def _pull(sketch: Sketch, settings: Sequence[Setting], G: MLP, D: MLP) -> Any:
    import torch

    from dynamics.measures import fields

    z = Streams([sketch.seed], "evaluation").normal(sketch.plane.samples.shape[1], sketch.setting.latent_dim)
    z = np.broadcast_to(z[:, :ARROWS], (len(settings), ARROWS, z.shape[2]))
    return fields.pull(G, D, settings, torch.from_numpy(z.copy()))


def _lattice(sketch: Sketch, settings: Sequence[Setting], G: MLP, D: MLP) -> Any:
    from dynamics.measures import fields

    return fields.latent_map(G, LATTICE, sketch.setting.latent_dim)


COMPUTED = functions_for(needs_of(FROM_WEIGHTS), {"d": _d, "optimal": _optimal, "pull": _pull, "lattice": _lattice})


def frames_shown(results: Results, member: int) -> np.ndarray:
    """Which frame is drawn for each of a member's F frames, (F,): its own, or if that is not finite the last that is.

    Results keep what was measured, NaN and all; here alone a diverged member is stood still. Until it has diverged,
    only NaN counts: an infinite sample may be one that is too far away for float16. A frame with no finite one before
    it stays what it is.
    """
    arrays = [results.samples[member], *results.weights.get(member, ())]
    lost = np.any([np.isnan(a).reshape(len(a), -1).any(1) for a in arrays], axis=0)
    if (step := results.verdicts[member].diverged_at) is not None:
        infinite = np.any([~np.isfinite(a).reshape(len(a), -1).all(1) for a in arrays], axis=0)
        lost |= infinite & (results.frame_steps[results.members[member].setting] >= step)
    places = np.arange(len(lost))
    last = np.maximum.accumulate(np.where(lost, -1, places))
    return np.where(last < 0, places, last)


def plane(results: Results, member: int, frames: np.ndarray, half_width: float, title: str) -> Plane:
    """A member's samples at the given frames, the last finite ones where it has diverged, and what its scores were."""
    from dynamics.pictures.density_maps import Plane

    index, kept = results.members[member].setting, frames_shown(results, member)[frames]
    density = real_density(results.study.settings[index], half_width)
    samples = results.samples[member, kept].astype(np.float32)
    notes = _notes(results, member, frames, kept, share_outside(samples, half_width))
    setting, bandwidth = results.study.settings[index], smoothing_bandwidth(density, half_width, samples.shape[1])
    modes = target_of(setting).modes
    centres = np.empty((0, 2)) if modes is None else modes.centres
    lines = outlines(setting, half_width)
    return Plane(title, density, samples, notes, bandwidth, centres, lines, placing_for(setting))


def share_outside(samples: np.ndarray, half_width: float) -> np.ndarray:
    """The share of samples (..., N, 2) outside the plane [-half_width, half_width)², (...); nan is nowhere."""
    known = ~np.isnan(samples).any(-1)
    beyond = ~((samples >= -half_width) & (samples < half_width)).all(-1) & known
    return beyond.sum(-1) / np.maximum(known.sum(-1), 1)


def _notes(results: Results, member: int, frames: np.ndarray, kept: np.ndarray, beyond: np.ndarray) -> list[str]:
    """What is said of a member at each of the given frames, in parts with commas between.

    Frame kept[i] is drawn for frame frames[i]; a share beyond[i] of its samples is outside the picture.
    """
    if results.verdicts[member].word == FAILED:
        return [FAILED] * len(frames)
    index, diverged_at = results.members[member].setting, results.verdicts[member].diverged_at
    steps, modes, reached = results.frame_steps[index], results.modes[index], results.reached
    have = len(steps) if reached is None else int(reached.frames[member])  # frames that it has come to
    if reached is not None and not have:
        return [reached.words([member])] * len(frames)
    # the last snapshot at or before a frame has its scores
    at = np.searchsorted(results.snapshot_steps[index], steps[frames], side="right") - 1
    covered, jsd = (results.scores[name][member, at] for name in ("modes_covered", "jsd"))
    notes = []
    for moment, (frame, drawn) in enumerate(zip(frames, kept, strict=True)):
        if frame >= have and reached is not None:
            words = [reached.words([member])]
        elif diverged_at is not None and steps[frame] >= diverged_at:
            words = [f"diverged at step {diverged_at}"]
        elif not np.isfinite(jsd[moment]):
            words = ["not finite"]
        elif beyond[moment] == 1:
            words = []
        elif modes and modes > 1:
            words = [f"{covered[moment]:.0f} of {modes} modes"]
        else:
            words = [f"JSD {jsd[moment]:.2f} nats"]
        if beyond[moment] == 1:
            words.append("out of view")
        elif drawn != frame:
            words.append(f"shown: step {steps[drawn]}")
        if 0.01 <= beyond[moment] < 1:
            words.append(f"{min(99, round(100 * beyond[moment]))} % outside")
        notes.append(", ".join(words))
    return notes


def _strip(results: Results, member: int) -> list[Strip]:
    """A member's losses and JSD."""
    from dynamics.pictures.animation.curve_strips import Strip
    from dynamics.pictures.colours import GENERATED, D, G

    index = results.members[member].setting
    losses = [("D", results.curves["d_loss"][member], D), ("G", results.curves["g_loss"][member], G)]
    jsd = [("JSD", results.scores["jsd"][member], GENERATED)]
    return [
        Strip("loss", results.curve_steps[index], losses),
        Strip("JSD, nats", results.snapshot_steps[index], jsd),
    ]
