"""G alone, against a D that was trained before and then stands still: where samples go when D no longer answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dynamics.base.intervals import SHARE, Difference, Estimate, mean_interval
from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.tables import counted
from dynamics.runner.results import Results
from dynamics.settings.setting import Setting

from . import _part_pieces as pieces

FREE = ("loss", "penalty", "penalty_weight")
PLANE, CELLS = 2.5, 96  # how much wider than other figures' planes, and cells a side of D


def frozen(results: Results) -> list[StudyPart]:
    """Part 4: a row for each D."""
    made, settings = [], results.study.settings
    chosen = [i for i, s in enumerate(settings) if s.train == "g" and s.warmup]
    for family in pieces.families(results, chosen, FREE):
        # in the study's order, but critics first: the moments are told by the first
        indices = sorted(family.indices, key=lambda i: (settings[i].loss != "wasserstein", i))
        names = [pieces.discriminator_words(settings[i]) for i in indices]
        tests = pieces.compare([_logs(results, i) for i in indices])
        sentences = [
            f"D takes {counted(settings[indices[0]].warmup, 'step')} against the G that was drawn, and then stands"
            " still while G goes on alone. W₁ of the samples from the data, as geometric means in data units:"
        ]
        sentences.append(
            "; ".join(f"{name}: {_journey(results, i, *t)}" for name, i, t in zip(names, indices, tests, strict=True))
            + "."
        )
        table = [
            {
                "D": name,
                "W₁ at first": pieces.words(pieces.geometric(results.scores["w1"][results.of_setting(i), 0])),
                "W₁ at the end": pieces.words(pieces.geometric(results.final("w1", i))),
                "end over beginning": pieces.words(pieces.exp(difference.estimate)),
                "spread at the end": pieces.words(pieces.geometric(results.final("spread", i))),
                "share inside": pieces.words(_inside(results, i)),
                "modes covered": pieces.final_words(results, "modes_covered", i),
            }
            for name, i, (difference, _) in zip(names, indices, tests, strict=True)
        ]
        title = f"4. G alone, D frozen{family.words}"
        made.append(
            StudyPart(
                title,
                pieces.paragraph(results, sentences),
                f"part-4-frozen{family.file}.png",
                "travels_figure",
                _travels(results, indices, names, title),
                table,
                "Generated points at several steps, over what the frozen D says of the plane, a row for each D",
            )
        )
    return made


def _logs(results: Results, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of W₁ at the last and at the first snapshot, of each seed."""
    values = np.log(pieces.positive(results.scores["w1"][results.of_setting(index)]))
    return values[:, -1], values[:, 0]


def _nearest(results: Results, index: int) -> int:
    """The snapshot at which samples are nearest the data: least geometric mean of W₁ over the seeds; 0 if unknown."""
    logs = np.log(pieces.positive(results.scores["w1"][results.of_setting(index)]))
    known = np.isfinite(logs).all(0)
    return int(np.argmin(np.where(known, logs.mean(0), np.inf))) if known.any() else 0


def _journey(results: Results, index: int, change: Difference, p: float) -> str:
    """How W₁ goes while G learns alone."""
    w1 = results.scores["w1"][results.of_setting(index)]
    near, last = _nearest(results, index), w1.shape[1] - 1
    sentence = f"{pieces.words(pieces.geometric(w1[:, 0]))} at first, "
    if 0 < near < last:
        step = int(results.snapshot_steps[index, near])
        sentence += f"least at step {step} with {pieces.words(pieces.geometric(w1[:, near]))}, "
    times = pieces.words(pieces.exp(change.estimate))
    sentence += f"{pieces.words(pieces.geometric(w1[:, -1]))} at the end, {times} times the first"
    finding = pieces.difference_words(change, p, "the samples end farther away", "they end nearer")
    sentence += f"; {finding or 'no difference from the first is shown'}"
    share = _inside(results, index)
    if share.n:
        sentence += f", and {pieces.words(share)} of them inside the plane of the other figures"
    return sentence


def _inside(results: Results, index: int) -> Estimate:
    """Share of the last frame's samples within the target's window, over seeds."""
    from dynamics.pictures.target_densities import target_of

    half_width = target_of(results.study.settings[index]).half_width
    samples = results.samples[results.of_setting(index), -1]
    whole = ~np.isnan(samples).any((1, 2))  # of members that failed there is nothing; what is infinite is outside
    return mean_interval((np.abs(samples[whole].astype(np.float32)) <= half_width).all(-1).mean(-1), SHARE)


# --- the figure ------------------------------------------------------------------------------------------------------


def _travels(results: Results, indices: Sequence[int], names: Sequence[str], title: str) -> dict[str, Any]:
    """What `sample_travels.travels_figure` draws: of each setting a seed whose weights are kept, else the median."""
    from dynamics.pictures.density_maps import grid_points
    from dynamics.pictures.target_densities import outlines, real_density, target_of

    setting, seeds = results.study.settings[indices[0]], results.study.seeds
    frame, placing = target_of(setting).half_width, target_of(setting).placing
    half_width, moments = PLANE * frame, _moments(results, indices[0])
    points = grid_points(half_width, CELLS)
    samples, fields = [], []
    for i in indices:
        kept = [m for m in results.of_setting(i) if m in results.weights]
        member = kept[0] if kept else results.median_member(i)
        samples.append(results.samples[member, moments].astype(np.float32))
        field = np.full(points.shape[:2], np.nan)
        if kept:
            field = _field(results.study.settings[i], results.weights[member], points)
        fields.append(np.broadcast_to(field, (len(moments), *field.shape)))
    shown = f"a seed of {seeds} in each row" if seeds > 1 else "one seed"
    return {
        "title": title,
        "remarks": [
            f"{shown} · inside: share of samples in the dashed square · |x|: distance from the"
            f" {'origin' if placing.stays else 'middle'}, data units",
            "white lines: levels of D, even apart in its log odds",
        ],
        "rows": list(names),
        "steps": results.frame_steps[indices[0], moments],
        "samples": np.stack(samples),
        "fields": np.stack(fields),
        "density": real_density(setting, half_width) if (lines := outlines(setting, half_width)) is None else lines,
        "half_width": half_width,
        "frame": frame,
        "notes": [[_note(moment, frame, placing.scale) for moment in row] for row in samples],
        "placing": placing,
    }


def _moments(results: Results, index: int) -> np.ndarray:
    """Frames to show: the first, the one nearest to where samples are nearest the data, one soon after, the last."""
    last = results.frame_steps.shape[1] - 1
    at = int(results.snapshot_steps[index, _nearest(results, index)])
    near = int(np.abs(results.frame_steps[index] - at).argmin())
    if not 0 < near < last:
        near = last // 3
    return np.unique([0, near, near + -(-(last - near) // 4), last])


def _note(samples: np.ndarray, frame: float, scale: float) -> str:
    inside = float((np.abs(samples) <= frame).all(-1).mean())
    with np.errstate(over="ignore", invalid="ignore"):
        away = float(np.median(np.hypot(*samples.T.astype(float)))) / scale
    return f"{100 * inside:.0f} % inside, median |x| {away:.3g}"


def _field(setting: Setting, weights: tuple[np.ndarray, np.ndarray], points: np.ndarray) -> np.ndarray:
    """The frozen D over the plane, beside the G that it was trained against: (K, K) in [0, 1]."""
    from dynamics.measures import fields

    G, D = fields.stack_of([setting], weights[0][:1], weights[1][:1])
    return fields.discriminator_field(G, D, [setting], points)[0]
