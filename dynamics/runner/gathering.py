"""What the tasks of a study came to, gathered member by member, and every member's verdict on its course."""

from __future__ import annotations

import numpy as np

from dynamics.measures.metrics import EVALUATION
from dynamics.measures.scoring import mode_count, null_scores
from dynamics.measures.verdicts import Course, judge, ledger
from dynamics.runner.history import Extent, unmeasured
from dynamics.runner.results import Member, Results
from dynamics.settings.budget import curve_steps, frame_steps, snapshot_steps
from dynamics.settings.catalogue.scores import score_names
from dynamics.settings.catalogue.verdicts import FAILED, Verdict
from dynamics.settings.study import Study
from dynamics.targets.registry import target_for
from dynamics.targets.user_files import placing_for


def empty_results(study: Study, members: list[Member], most: tuple[int, int, int] | None = None) -> Results:
    """Results of which nothing is known yet; `most` are how many entries of curves, looks and frames, if not all."""
    curves, snapshots, frames = (
        np.array(of(study), np.int64).reshape(len(study.settings), -1)[:, : most[k] if most else None]
        for k, of in enumerate((curve_steps, snapshot_steps, frame_steps))
    )
    targets = [target_for(s) for s in study.settings]
    extent = Extent(
        entries=curves.shape[1],
        looks=snapshots.shape[1],
        frames=frames.shape[1],
        samples=EVALUATION,
        modes=mode_count(study.settings),
        scores=score_names(study.score_groups),
    )
    return Results(
        **vars(unmeasured(len(members), extent)),
        study=study,
        members=members,
        curve_steps=curves,
        snapshot_steps=snapshots,
        frame_steps=frames,
        null=[dict(null_scores(target, study.score_groups)) for target in targets],
        modes=[None if target.modes is None else len(target.modes.centres) for target in targets],
        rarest=[None if target.modes is None else float(target.modes.weights.min()) for target in targets],
    )


def judge_members(results: Results) -> None:
    """Every member's verdict, why, and the ledger of its modes; of one that has not ended, that it has not."""
    failed = {m for failure in results.failures for m in failure["members"]}
    for m, member in enumerate(results.members):
        reached = results.reached
        unjudged = FAILED if m in failed else None if reached is None else reached.verdict(m)
        if unjudged is not None:
            results.verdicts.append(Verdict(unjudged, "" if reached is None else reached.member_words(m)))
            continue
        setting = results.study.settings[member.setting]
        target = target_for(setting)
        course = _course(results, m)
        results.verdicts.append(judge(course.since(setting.last_change), target, results.null[member.setting]))
        results.events += [(m, e.step, e.mode, e.what, e.other) for e in ledger(course, target)]


def _course(results: Results, m: int) -> Course:
    """What member m's losses and samples measured, as verdicts are told from it."""
    index = results.members[m].setting
    modes = results.modes[index] or None
    broken = {name: ~np.isfinite(results.curves[name][m]) for name in ("d_loss", "g_loss")}
    first = {name: int(where.argmax()) for name, where in broken.items() if where.any()}
    at = min(first.values(), default=None)
    words = [f"{name[0].upper()}'s" for name, entry in first.items() if entry == at]
    return Course(
        steps=results.snapshot_steps[index],
        **{name: results.scores[name][m] for name in ("jsd", "spread", "modes_covered", "high_quality")},
        mean=placing_for(results.study.settings[index]).to_plane(results.measures["sample_mean"][m]),
        on_data=results.measures["on_data"][m],
        far_off=results.measures["far_off"][m],
        mass=results.measures["mode_mass"][m, :, :modes] if modes else None,
        shape=results.measures["mode_shape"][m, :, :modes] if modes else None,
        diverged_at=None if at is None else int(results.curve_steps[index, at]),
        broken=f"{' and '.join(words)} {'loss' if len(words) == 1 else 'losses'}" if words else None,
    )
