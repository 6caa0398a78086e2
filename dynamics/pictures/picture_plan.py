"""A run's pictures, from what the run stored: which there are, and what each shows."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.pictures.interrupted_runs import begun_members, counts_of, has_begun, has_frames, mark_of, so_far
from dynamics.pictures.member_scenes import plane, sketch
from dynamics.pictures.picture_drawing import PictureTask
from dynamics.pictures.target_densities import target_of
from dynamics.settings.budget import holds_few_weights, samples_seen, updates
from dynamics.settings.catalogue.games import LOSSES
from dynamics.settings.catalogue.layers import BELOW, FROM_D, FROM_WEIGHTS, PLAIN, VIEWS
from dynamics.settings.catalogue.scores import AVERAGED_PANEL, G_LOSS, LOSS_UNIT, MODES, PANELS, PICTURED, SCORES
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError
from dynamics.settings.study import Study

if TYPE_CHECKING:
    from dynamics.pictures.study_parts import StudyPart
    from dynamics.runner.results import Results


MOMENTS = 10  # of the printed plate
SECONDS = 5  # that an animation takes, within what is pleasant to watch, before its last frame is held
MANY = 12  # settings of one target, beyond which they are compared by their scores alone, a line each
SEQUENCE = "-frames"  # ends the name of an animation's folder of PNGs
MULTIPLES, MULTIPLES_FRAMES = 64, 25  # seeds, and frames beside the first, of a setting's small multiples
CLOCKS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {  # budget -> what an animation's clock counts
    "steps": ("step", lambda setting, steps: steps),
    "updates": ("updates", lambda setting, steps: [updates(setting, int(n)) for n in steps]),
    "samples": ("samples", lambda setting, steps: [samples_seen(setting, int(n)) for n in steps]),
}


def check(study: Study, look: Look) -> None:
    """Raise `OptionError` for a look that a run of this study could not be drawn with."""
    if look.member is not None and look.member not in study.seed_list:
        raise OptionError(f"--member {look.member}: the seeds are {study.seed} to {study.seed_list[-1]}")
    from_weights = [layer for layer in look.layers or () if layer in FROM_WEIGHTS]
    of_d = [layer for layer in from_weights if layer in FROM_D]
    for setting in study.settings:
        if of_d and (setting.packing > 1 or setting.minibatch_std):
            option = f"--packing {setting.packing}" if setting.packing > 1 else "--minibatch-std 1"
            raise OptionError(f"layer {of_d[0]}, {option}: D has no value at one point, it judges several together")
    if from_weights and study.weights == "none":
        raise OptionError(f"layer {from_weights[0]}: shows weights, and --weights none keeps none")
    if from_weights and look.member is None and holds_few_weights(study):
        raise OptionError(
            f"layer {from_weights[0]}: so many weights are not held until the seed of median JSD is known;"
            f" choose one, as with --member {study.seed}"
        )
    if "mp4" in look.animations and importlib.util.find_spec("av") is None:
        raise OptionError("--animation mp4: needs PyAV: pip install -r requirements-video.txt")


def remarks(look: Look) -> list[str]:
    """What is not as asked in the animations of a look, and why, in a line each."""
    from dynamics.pictures.animation.file_formats import FORMATS

    lines = []
    for kind in look.animations:
        quickest = FORMATS[kind].quickest
        if look.fps is not None and quickest is not None and look.fps * quickest > 1:
            lines.append(
                f"--fps {look.fps:g}: browsers slow down a {kind.upper()} of more than {int(1 / quickest)} frames a"
                " second, so it leaves frames out, and lasts as long"
            )
    return lines


def plan(results: Results, look: Look, parts: Sequence[StudyPart] = ()) -> list[PictureTask]:
    """Every picture of a run, and of its study's parts, the longest to draw first.

    Raises `OptionError` for what it does not have.
    """
    check(results.study, look)
    pictures = _comparison(results, look)
    for index, name in enumerate(results.names):
        if not has_begun(results, index):
            continue
        pictures += [p._replace(path=f"{name}/{p.path}") for p in _of_setting(results, index, look)]
    pictures += _curves(results, [(results, m) for m in range(len(results.members))])
    pictures += [PictureTask(part.picture, part.function, part.arguments) for part in parts]
    return _in_formats(pictures, look)


def plan_joint(joint: Results, sources: Sequence[tuple[Results, int]], look: Look) -> list[PictureTask]:
    """The pictures of several runs as one: `sources[m]` is where member m of `joint` comes from, as (run, member)."""
    return _in_formats([*_comparison(joint, look, sources), *_curves(joint, sources)], look)


def grid(labels: Sequence[tuple[str, str]]) -> tuple[list[str], list[str], dict[int, tuple[int, int]]]:
    """Row labels, column labels, and the (row, column) of each setting: targets down, everything else across."""
    rows = list(dict.fromkeys(row for row, _ in labels))
    columns = list(dict.fromkeys(column for _, column in labels))
    return rows, columns, {i: (rows.index(r), columns.index(c)) for i, (r, c) in enumerate(labels)}


def _in_formats(pictures: Sequence[PictureTask], look: Look) -> list[PictureTask]:
    """The same pictures in every format that is asked for, the longest to draw first."""
    made = []
    for picture in pictures:
        moves = picture.path.endswith(".gif")
        for kind in look.animations if moves else look.figures:
            ending = SEQUENCE if moves and kind == "png" else f".{kind}"
            made.append(picture._replace(path=picture.path.removesuffix(Path(picture.path).suffix) + ending))
    return sorted(made, key=lambda picture: -len(picture.arguments.get("scenes", ())))


def _fps(results: Results, look: Look) -> float:
    return look.fps or float(np.clip((results.frame_steps.shape[1] - 1) / SECONDS, 4, 20))


def _moves(results: Results) -> bool:
    return results.frame_steps.shape[1] > 1


def _shown(results: Results, index: int, look: Look) -> int:
    """The member of a setting that is shown; of an interrupted run one that has begun, if any has."""
    of_setting = results.of_setting(index)
    chosen = next((m for m in of_setting if results.members[m].seed == look.member), None)
    return results.median_member(index) if chosen is None or not has_frames(results, chosen) else chosen


def _of_setting(results: Results, index: int, look: Look) -> list[PictureTask]:
    """The pictures in a setting's own folder."""
    from dynamics.games.best_answer import Equilibrium, equilibrium

    setting, members, mark = results.study.settings[index], results.of_setting(index), mark_of(results, index)
    name, shown, begun = " · ".join(results.labels[index]), _shown(results, index, look), begun_members(results, index)
    label = name + mark
    extent, counts = results.extent_of(index), counts_of(results, index)
    units = dict.fromkeys(LOSSES[phase.loss].unit for _, phase in setting.phases)
    unit, half_width = " or ".join(units), target_of(setting).half_width
    steps, pictures = results.frame_steps[index, : max(extent.frames, 1)], []
    if len(steps) > 1 and has_frames(results, shown):
        frames = np.arange(len(steps))
        animated = {"half_width": half_width, "steps": steps, "fps": _fps(results, look), "size": look.size}
        _check_weights(results, shown, look)
        one = {(0, 0): sketch(results, shown, frames, half_width, label, strip=True)}
        pictures.append(PictureTask("density.gif", "animate", {**animated, **_grid(one), "layers": look.layers}))
    if len(steps) > 1 and len(members) > 1 and any(has_frames(results, m) for m in members[:MULTIPLES]):
        animated = {"half_width": half_width, "size": look.size, "title": label}
        pictures.append(PictureTask("seeds.gif", "animate", {**animated, **_seeds(results, index, look)}))
    few = _moments(len(steps), look)
    moments: dict[str, Any] = {
        "plane": plane(results, shown, few, half_width, name),
        "half_width": half_width,
        "steps": steps[few],
    }
    if has_frames(results, shown):
        pictures.append(PictureTask("frames.png", "frames_figure", moments | ({"mark": mark} if mark else {})))
    # where a schedule changes the game, lines are drawn that hold throughout
    balances = [equilibrium(phase) for _, phase in setting.phases]
    balance = balances[0] if len(set(balances)) == 1 else Equilibrium(None, None, None)
    losses = {
        "title": name,
        "steps": results.curve_steps[index, : max(extent.entries, 1)],
        **{curve: values[begun, : max(extent.entries, 1)] for curve, values in results.curves.items()},
        "equilibrium": {n: v for n, v in (("D", balance.d), ("G", balance.g)) if v is not None},
        "chance": balance.chance,
        "ylabel": f"loss ({unit})",
        "changes": [first for first, _ in setting.phases[1:]],
        **({} if counts is None else {"counts": counts[0], "mark": mark.removeprefix(" · ")}),
    }
    pictures.append(PictureTask("losses.png", "losses_figure", losses))
    looks = max(extent.looks, 1)
    if panels := _panels({n: v[begun, :looks] for n, v in results.scores.items()}, unit):
        scores: dict[str, Any] = {"title": label, "steps": results.snapshot_steps[index, :looks], "panels": panels}
        scores |= {} if counts is None else {"counts": counts[1]}
        pictures.append(PictureTask("scores.png", "scores_figure", scores))
    return pictures


def _grid(scenes: Mapping[tuple[int, int], Any]) -> dict[str, Any]:
    """One scene alone, named by its plane's title."""
    return {"scenes": scenes, "rows": [""], "columns": [""]}


def _seeds(results: Results, index: int, look: Look) -> dict[str, Any]:
    """A setting's members as small multiples, each named by its seed: up to 64 of them, at up to 26 moments."""
    from dynamics.pictures.animation.animated_settings import small_multiples

    members = results.of_setting(index)[:MULTIPLES]
    rows, columns = small_multiples(len(members))
    kept, half_width = results.extent_of(index).frames, target_of(results.study.settings[index]).half_width
    at = np.unique(np.round(np.linspace(0, kept - 1, min(kept, MULTIPLES_FRAMES + 1))).astype(int))
    scenes = {
        divmod(place, columns): sketch(results, m, at, half_width, f"seed {results.members[m].seed}")
        for place, m in enumerate(members)
        if has_frames(results, m)
    }
    available = all(m in results.weights for m in members if has_frames(results, m))
    layers = [n for n in look.layers or () if n not in BELOW and (available or n not in FROM_WEIGHTS)]
    if not available and set(VIEWS) & set(look.layers or ()) and not set(VIEWS) & set(layers):
        layers = [PLAIN[0], *layers]  # something must stand for what cannot be shown
    return {
        "scenes": scenes,
        "rows": [""] * rows,
        "columns": [""] * columns,
        "steps": results.frame_steps[index, at],
        "fps": _fps(results, look) * max(1, len(at) - 1) / max(1, kept - 1),  # it takes as long as the others
        "layers": layers or [*PLAIN],
    }


def _check_weights(results: Results, member: int, look: Look) -> None:
    """Raise `OptionError` where layers show weights that were not kept."""
    wanted = [layer for layer in look.layers or () if layer in FROM_WEIGHTS]
    if wanted and member not in results.weights:
        seed, index = results.members[member].seed, results.members[member].setting
        kept = [str(results.members[m].seed) for m in results.of_setting(index) if m in results.weights]
        alternatives = f"; of {results.names[index]} there are those of seed {', '.join(kept)}" if kept else ""
        raise OptionError(f"layer {wanted[0]}: the weights of seed {seed} were not kept{alternatives}")


def _panels(scores: Mapping[str, np.ndarray], unit: str) -> list[Any]:
    """What scores.png shows of a setting's scores (seeds, S): those that are measured on request."""
    from dynamics.pictures.colours import COLUMNS, GENERATED, D, G
    from dynamics.pictures.scores_over_training import ScoreCurve, ScorePanel

    if "g_loss_optimal" in scores:
        scores = {**scores, G_LOSS: scores["g_loss_optimal"] + scores["g_loss_gap"]}
    panels = {axis.replace(LOSS_UNIT, unit): lines for axis, lines in PANELS.items()}
    if np.isfinite(scores.get("ema_jsd", np.nan)).any():
        panels |= dict([AVERAGED_PANEL])
    colours: dict[str | int, str] = {"D": D, "G": G, "generated": GENERATED}
    colours |= dict(enumerate(COLUMNS))
    measured = []
    for label, lines in panels.items():
        known = [
            ScoreCurve(words, scores[name], colours[colour])
            for name, words, colour in lines
            if np.isfinite(scores.get(name, np.nan)).any()
        ]
        if known:
            measured.append(ScorePanel(label, known))
    return measured


def _curves(results: Results, sources: Sequence[tuple[Results, int]]) -> list[PictureTask]:
    """A figure per target of its settings' scores against steps, updates and seconds; `sources[m]` has m's course."""
    from dynamics.pictures.settings_over_training import Clock, Track
    from dynamics.runner.setting_names import target_name

    pictures = []
    for target, every in results.targets.items():
        indices = [i for i in every if begun_members(results, i)]
        settings = [results.study.settings[i] for i in indices]
        of_each = [[sources[m] for m in begun_members(results, i)] for i in indices]
        first = [(run, run.members[m].setting) for (run, m), *_ in of_each]  # all of a setting have its steps
        steps = [run.snapshot_steps[index] for run, index in first]
        if not indices or min(map(len, steps)) < 2:
            continue
        seconds = [results.seconds[i] for i in indices]
        device = {run.study.device for each in of_each for run, _ in each}
        clocks = [
            Clock("generator steps", steps),
            Clock(
                "updates of D and G",
                [np.array([updates(s, n) for n in x]) for s, x in zip(settings, steps, strict=True)],
            ),
            Clock(
                "seconds of one core" if device == {"cpu"} else "seconds of the device",
                [x / x[-1] * whole for x, whole in zip(steps, seconds, strict=True)],
            ),
        ]
        if results.reached is not None:
            reached = [[so_far(results, *x) for x in zip(indices, c.at, strict=True)] for c in clocks]
            clocks = [dataclasses.replace(clock, at=at) for clock, at in zip(clocks, reached, strict=True)]
        tracks = []
        known = [None if results.reached is None else counts_of(results, i) for i in indices]
        counts = None if not any(known) else [None if both is None else both[1] for both in known]
        for name in PICTURED:
            values = [np.stack([run.scores[name][m] for run, m in each]) for each in of_each]
            if np.isfinite(null := results.null[indices[0]][name]).all() and not (
                SCORES[name].ends == MODES and results.modes[indices[0]] == 1
            ):
                tracks.append(Track(_title(name), values, null, counts))
        labels = [results.labels[i][1] for i in indices]
        if results.reached is not None:
            labels = [label + mark_of(results, i) for label, i in zip(labels, indices, strict=True)]
        arguments = {"title": target, "names": labels, "clocks": clocks, "tracks": tracks}
        stds = [setting.std for setting in results.study.settings]
        pictures.append(PictureTask(f"curves-{target_name(settings[0], stds)}.png", "curves_figure", arguments))
    return pictures


def _comparison(results: Results, look: Look, sources: Sequence[tuple[Results, int]] = ()) -> list[PictureTask]:
    """The settings side by side. `sources` is as `plan_joint` has it: joint results have no frame but the last."""
    from dynamics.pictures.comparison_figures import ComparedScore

    rows, columns, cells = grid(results.labels)
    half_width = max(target_of(s).half_width for s in results.study.settings)
    labels, shown = results.labels, [_shown(results, i, look) for i in range(len(results.labels))]
    shared = {"rows": rows, "columns": columns, "half_width": half_width}
    planes = {}
    for index, cell in cells.items():
        if not has_frames(results, shown[index]):
            continue  # its place stays empty
        run, member = sources[shown[index]] if sources else (results, shown[index])
        last = np.array([run.frame_steps.shape[1] - 1])
        made = plane(run, member, last, half_width, " · ".join(labels[index]))
        # scores stand beside the planes; in them only what those do not tell: that it diverged, or is out of view
        remarks = [part for part in made.notes[0].split(", ") if not part.endswith(("modes", "nats"))]
        if run.reached is not None and (words := run.reached.words([member])):
            remarks = [words, *(remark for remark in remarks if remark != words)]
        planes[cell] = dataclasses.replace(made, notes=[", ".join(remarks)])
    scores = []
    for name in PICTURED:
        # a score that a setting's target cannot have is left out, and one that no seed has altogether
        has = {c: i for i, c in cells.items() if np.isfinite(results.null[i][name][0]) and has_begun(results, i)}
        estimates = {cell: e for cell, i in has.items() if (e := results.estimate(name, i)).n}
        if estimates:
            scores.append(
                ComparedScore(
                    name=SCORES[name].title,
                    label=SCORES[name].axis,
                    values={cell: results.final(name, i) for cell, i in has.items()},
                    mean={cell: e.value for cell, e in estimates.items()},
                    low={cell: e.low for cell, e in estimates.items()},
                    high={cell: e.high for cell, e in estimates.items()},
                    null={cell: results.null[i][name][0] for cell, i in has.items()},
                )
            )
    if len(columns) > MANY:
        return [PictureTask("comparison.png", "forest_figure", {"rows": rows, "columns": columns, "scores": scores})]
    pictures = [PictureTask("comparison.png", "comparison_figure", {**shared, "planes": planes, "scores": scores})]
    if _moves(results):
        frames = np.arange(results.frame_steps.shape[1])
        for member in shown:
            if has_frames(results, member):
                _check_weights(results, member, look)
        clock, at = _clock(results)
        turned = len(rows) > len(columns) if look.across == "auto" else look.across == "targets"
        arguments = {
            "rows": columns if turned else rows,
            "columns": rows if turned else columns,
            "half_width": half_width,
            "scenes": {
                cell[::-1] if turned else cell: sketch(
                    results, shown[index], frames, half_width, " · ".join(labels[index])
                )
                for index, cell in cells.items()
                if has_frames(results, shown[index])
            },
            "steps": at,
            "clock": clock,
            "fps": _fps(results, look),
            "size": look.size,
            "layers": [n for n in look.layers if n not in BELOW] if look.layers else [*PLAIN],
        }
        pictures.append(PictureTask("comparison.gif", "animate", arguments))
    return pictures


def _clock(results: Results) -> tuple[str, np.ndarray]:
    """What all settings have spent alike at the frames, in words and numbers (F,)."""
    words, spent = CLOCKS[results.study.budget]
    of_each = [spent(s, steps) for s, steps in zip(results.study.settings, results.frame_steps, strict=True)]
    return words, np.round(np.mean(of_each, 0)).astype(int)


def _title(name: str) -> str:
    """A score's title and its unit, if it has one."""
    return ", ".join(filter(None, SCORES[name][:2]))


def _moments(count: int, look: Look) -> np.ndarray:
    """The start and `MOMENTS` − 1 more of the stored frames, by default evenly by logarithm: GANs decide early."""
    if count <= MOMENTS:
        return np.arange(count)
    if look.spacing == "linear":
        return np.round(np.linspace(0, count - 1, MOMENTS)).astype(int)
    return np.unique([0, *np.round(np.geomspace(1, count - 1, MOMENTS - 1)).astype(int)])
