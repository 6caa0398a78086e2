"""NaN and infinity: the last finite state is kept and drawn, files stay strict, means say how many are left out."""

import csv
import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from frames import frames_of
from matplotlib.collections import PathCollection

from dynamics.base.executors import InThisProcess
from dynamics.engine.training import train_stack
from dynamics.pictures import comparison_figures, density_maps, losses_over_training, moments_figure
from dynamics.pictures.animation import frame_sheet, pixel_text, scene_layers
from dynamics.pictures.member_scenes import frames_shown, plane, scene, sketch
from dynamics.pictures.picture_drawing import draw, render
from dynamics.pictures.picture_plan import plan, plan_joint
from dynamics.reports.comparisons import comparison_rows, difference_rows, write_tables
from dynamics.reports.observations import observations
from dynamics.reports.report import ReportedRun, write_report
from dynamics.reports.tables import tex_table, text_table
from dynamics.runner.joint import join
from dynamics.runner.loading import load
from dynamics.runner.member_rows import summary_rows
from dynamics.runner.planning import plan as stacks_of
from dynamics.runner.resolving import resolve
from dynamics.runner.saving import manifest, save
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.look import Look
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder
from dynamics.workflow import rewrite_report, run

HALF = 4.0
STEPS, SEEDS, FRAMES = 40, 6, 8
# a critic without any bound, descended in steps that are far too large: of six seeds four are soon not finite, one runs
# off without, and one lives
WILD = Setting(mode="mixture_4", std=1.2, loss="wasserstein", optimizer="sgd", lr=0.2, hidden=8, batch_size=16)
TAME = dataclasses.replace(WILD, lr=0.001)
LOOK = Look(show="density,d,contours,strip", size=480)  # what is known of the samples, and what of the weights
NAMES = ["mixture_4-std1.2-d2-lr0.001", "mixture_4-std1.2-d2-lr0.2"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Results and folder of a run with both settings, and some of its pictures."""
    study = Study("n", "q", (TAME, WILD), steps=STEPS, seeds=SEEDS, snapshots=10, frames=FRAMES, workers="1")
    path = tmp_path_factory.mktemp("diverged") / "run"
    results, folder = run(resolve(study), path, look=None)
    wanted = ("comparison.png", f"{NAMES[1]}/density.gif", f"{NAMES[1]}/frames.png")
    render([picture for picture in plan(results, LOOK) if picture.path in wanted], path, InThisProcess())
    rewrite_report(path)
    return results, folder


@pytest.fixture(scope="module")
def results(whole):
    return whole[0]


@pytest.fixture(scope="module")
def lost(results):
    """A member with frames from before and after the step at which it stopped being finite, and that step."""
    m = results.median_member(1)  # the one that is shown
    step, steps = results.verdicts[m].diverged_at, results.frame_steps[1]
    assert results.words[m] == "diverged"
    assert steps[1] < step < steps[-2]
    assert not np.isfinite(results.samples[m, -1].astype(float)).any()
    return m, step


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def strictly(text):
    """JSON as its standard has it, which knows neither NaN nor Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


# --- what is measured ------------------------------------------------------------------------------------------------


def test_the_run_is_done_and_its_rows_say_who_diverged_and_when(whole):
    results, folder = whole
    assert strictly((folder.path / "run.json").read_text(encoding="utf-8"))["status"] == "done"
    rows = rows_of(folder.path / "summary.csv")
    history = np.load(folder.path / "history.npz")
    assert [row["verdict"] for row in rows].count("diverged") == SEEDS - 1
    for m, row in enumerate(rows):
        assert (row["verdict"] == "diverged") == (row["diverged_at"] != "")
        losses = np.stack([history["d_loss"][m], history["g_loss"][m]])
        broken = np.flatnonzero(~np.isfinite(losses).all(0))
        if broken.size:  # every step has its entry, the first of them step 1's
            assert int(row["diverged_at"]) == broken[0] + 1
        finite = np.isfinite(history["jsd"][m, -1])
        assert {row[name] == "" for name in results.scores if name != "reverse_kl"} == {not finite}


def test_no_file_holds_a_number_that_is_none(whole, tmp_path):
    """NaN and infinity are empty cells, null or a dash, never words; the page is whole and asks for nothing."""
    results, folder = whole
    names = ["summary.csv", "comparison.csv", "differences.csv", "events.csv", "run.json", "report.md", "report.html"]
    for name in [*names, "comparison.tex"]:
        text = (folder.path / name).read_text(encoding="utf-8")
        text = re.sub(r"data:image/\w+;base64,[\w+/=]+", "", text)
        assert not re.search(r"(?<![\w-])(nan|inf|infinity)(?!\w)", text, re.IGNORECASE), name
    strictly((folder.path / "run.json").read_text(encoding="utf-8"))
    for rows in (comparison_rows(results), summary_rows(results), difference_rows(results)):
        folder = RunFolder(tmp_path)
        folder.write_json("rows.json", rows)
        strictly((tmp_path / "rows.json").read_text(encoding="utf-8"))


def test_the_page_of_a_diverged_run_is_whole(whole):
    stack, sources = [], []

    class Page(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag not in ("meta", "img", "br", "link", "hr"):
                stack.append(tag)
            sources.extend(value for name, value in attributes if name == "src")

        def handle_endtag(self, tag):
            assert stack.pop() == tag

    text = (whole[1].path / "report.html").read_text(encoding="utf-8")
    Page().feed(text)
    assert stack == []
    assert len(sources) == 3
    assert all(source.startswith("data:image/") for source in sources)
    assert text.count("Where a GAN has diverged, its last finite samples are shown.") == 2


def test_what_diverged_is_read_back_as_it_was(whole):
    results, folder = whole
    back = load(RunFolder.open(folder.path))
    for one, other in zip(back.verdicts, results.verdicts, strict=True):
        assert (one.word, one.detail, one.diverged_at) == (other.word, other.detail, other.diverged_at)
    assert np.array_equal(back.samples, results.samples, equal_nan=True)
    for name, values in results.scores.items():
        assert np.array_equal(back.scores[name], values, equal_nan=True)


# --- means -----------------------------------------------------------------------------------------------------------


def test_means_are_of_the_finite_and_say_of_how_many(whole):
    results, folder = whole
    tame, wild = rows_of(folder.path / "comparison.csv")
    for name in ("jsd", "spread", "high_quality"):
        last = results.scores[name][SEEDS:, -1]
        finite = last[np.isfinite(last)]
        assert 0 < len(finite) < SEEDS
        assert (wild["seeds"], wild[f"{name}_n"]) == (str(SEEDS), str(len(finite)))
        assert float(wild[f"{name}_mean"]) == pytest.approx(finite.mean())
        assert (tame["seeds"], tame[f"{name}_n"]) == (str(SEEDS), str(SEEDS))
    both = np.isfinite(results.scores["jsd"][:SEEDS, -1]) & np.isfinite(results.scores["jsd"][SEEDS:, -1])
    (row,) = (row for row in rows_of(folder.path / "differences.csv") if row["score"] == "jsd")
    assert row["n"] == str(both.sum())
    assert float(wild["diverged_share"]) == (SEEDS - 1) / SEEDS
    count = f"{len(finite)}/{SEEDS}"
    for table in (text_table(results), tex_table(results)):
        (line,) = (line for line in table.splitlines() if "lr 0.2" in line)
        assert count in line
        assert "m/n: m of n have scores" in " ".join(table.split())
    paragraph = dict(observations(results))["mixture_4 · std 1.2: 2 D steps · lr 0.2"]
    assert f"Only {len(finite)} of {SEEDS} seeds have scores, and the means are over those." in paragraph
    assert re.search(r"for D's loss \(2 of 6 seeds\)", paragraph)
    assert f"{SEEDS - 1} diverged" in paragraph


def test_a_score_that_fewer_seeds_have_says_so_itself(results):
    """Scores need not be lost together: the average of G's weights, say, is not finite where G itself still is."""
    jsd, covered = np.array(results.scores["jsd"]), np.array(results.scores["modes_covered"])
    jsd[1:3, -1], covered[:SEEDS, -1] = np.nan, np.nan
    fewer = dataclasses.replace(results, scores=results.scores | {"jsd": jsd, "modes_covered": covered})
    (line,) = (line for line in text_table(fewer).splitlines() if "lr 0.001" in line)
    assert f"(4/{SEEDS})" in line
    assert f"{SEEDS}/{SEEDS}" not in line
    paragraph = dict(observations(fewer))["mixture_4 · std 1.2: 2 D steps · lr 0.001"]
    assert f"(4 of {SEEDS} seeds)" in paragraph
    assert "No seed has modes covered at the last snapshot." in paragraph
    assert "G covers" not in paragraph


def test_collapsed_shares_say_how_many_diverged_instead(whole):
    text = (whole[1].path / "report.md").read_text(encoding="utf-8")
    (other,) = {whole[0].words[m] for m in whole[0].of_setting(1)} - {"diverged"}
    beside = ", 1 lost" if other == "lost" else ""  # which that is hangs on the arithmetic
    assert f"of {SEEDS} with 2 D steps · lr 0.2 ({SEEDS - 1} diverged{beside})" in text


@pytest.mark.parametrize("many", [False, True])
def test_lines_of_settings_without_scores_stay_and_are_counted(many):
    values = {(0, 0): np.array([1.0, 2.0]), (0, 1): np.array([np.nan, 3.0]), (0, 2): np.full(2, np.nan)}
    mean = {(0, 0): 1.5, (0, 1): 3.0}
    score = comparison_figures.ComparedScore("JSD", "nats", values, mean, mean, mean, dict.fromkeys(values, 0.5))
    names = (["one"], ["a", "b", "c"])
    figure = (
        comparison_figures.forest_figure(*names, [score])
        if many
        else comparison_figures.comparison_figure(*names, {}, HALF, [score])
    )
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b (1 of 2 seeds)", "c (0 of 2 seeds)"]
    dots = np.concatenate([c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)])
    assert np.isfinite(dots).all(1).sum() == 2 + 3  # means and seeds


# --- pictures --------------------------------------------------------------------------------------------------------


def test_frames_after_a_divergence_show_the_last_finite_samples(results, lost):
    """Held against the training itself, done again and looked at as often."""
    m, step = lost
    steps = results.frame_steps[1].tolist()
    trained = [s.samples[0] for s in train_stack([WILD], [results.members[m].seed], STEPS, steps)]
    finite = [np.isfinite(samples.astype(np.float16)).all() for samples in trained]
    last = max(f for f in range(len(steps)) if finite[f])
    assert steps[last] < STEPS
    drawn = plane(results, m, np.arange(len(steps)), HALF, "")
    for f in range(len(steps)):
        of = f if finite[f] else max(k for k in range(f) if finite[k])
        np.testing.assert_array_equal(drawn.samples[f], trained[of].astype(np.float16).astype(np.float32))
        assert drawn.notes[f].startswith(f"diverged at step {step}") == (steps[f] >= step)
        assert (f"shown: step {steps[of]}" in drawn.notes[f] or "out of view" in drawn.notes[f]) == (of != f)
    assert np.isfinite(drawn.samples).all()


def test_the_players_stand_still_with_their_samples(results, lost):
    m, _ = lost
    at = frames_shown(results, m)
    stood = scene(sketch(results, m, np.arange(len(at)), HALF, ""), ("d", "optimal", "map", "arrows"))
    assert len(set(at.tolist())) < len(at)
    assert np.isfinite(stood.d).all()
    for f, of in enumerate(at):
        for values in (stood.d, stood.optimal, stood.pull, stood.lattice[0]):
            np.testing.assert_array_equal(values[f], values[of])


def test_the_animation_that_was_written_stands_still_and_says_why(whole, lost):
    """The file, decoded: from the last finite frame on the planes stay, and "diverged at step N" is over them."""
    results, folder = whole
    shown, step = lost
    at = frames_shown(results, shown)
    (picture,) = (p for p in plan(results, LOOK) if p.path == f"{NAMES[1]}/density.gif")
    how = {k: v for k, v in picture.arguments.items() if k not in ("fps", "scenes")}
    sheet = frame_sheet.Sheet({(0, 0): scene(picture.arguments["scenes"][0, 0], how["layers"])}, **how)
    frames, _ = frames_of(folder.path / picture.path)
    assert len(frames) == len(at) == FRAMES + 1
    words = pixel_text.text_pixels(f"diverged at step {step}", sheet.over_font)
    for f, of in enumerate(at):
        for x, y in sheet.at[0, 0]:
            planes = frames[:, y : y + sheet.side, x : x + sheet.side]
            assert np.array_equal(planes[f], planes[of])
            assert (planes[f] != 255).any()
        colours = sheet.palette[words]
        (x, y), (height, width) = sheet.at[0, 0][0], words.shape
        over = frames[f, y - sheet.head : y, x : x + width]
        here = any(np.array_equal(over[k : k + height], colours) for k in range(len(over) - height + 1))
        assert here == (results.frame_steps[1, f] >= step)
    assert len({frames[f].tobytes() for f in range(len(frames))}) == len(frames)  # the cursor goes on


def test_printed_planes_show_the_last_finite_samples_and_say_why(results, lost):
    m, step = lost
    frames = np.arange(FRAMES + 1)
    drawn = plane(results, m, frames, HALF, "t")
    figure = moments_figure.frames_figure(drawn, HALF, results.frame_steps[1])
    for axes, note in zip(figure.axes, drawn.notes, strict=True):
        assert " ".join(axes.texts[0].get_text().split()) == note.replace(", ", " ")
    pictures = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    for f, of in enumerate(frames_shown(results, m)):
        assert np.array_equal(pictures[f], pictures[of])
    figures_of = {p.path: p for p in plan(results, Look())}
    planes = figures_of["comparison.png"].arguments["planes"]
    assert planes[0, 0].notes == [""]
    # the words of frames.png, but for the share outside, which is that of comparison.png's own plane
    apart = plane(results, m, frames, figures_of["comparison.png"].arguments["half_width"], "t")
    assert planes[0, 1].notes == [apart.notes[-1]]
    np.testing.assert_array_equal(planes[0, 1].samples[0], drawn.samples[-1])
    figure = comparison_figures.comparison_figure(**figures_of["comparison.png"].arguments)
    assert [text.get_text().split("\n")[0] for axes in figure.axes[:2] for text in axes.texts] == [
        f"diverged at step {step}"
    ]
    losses = figures_of[f"{NAMES[1]}/losses.png"]
    words = losses_over_training.losses_figure(**losses.arguments).texts[1].get_text()
    first = min(at for v in results.verdicts if (at := v.diverged_at) is not None)
    broken = ~np.isfinite([results.curves[n][SEEDS:] for n in ("d_loss", "g_loss")]).all((0, 2))
    assert f"{broken.sum()} of {SEEDS} seeds diverged, from step {first} on" in words


def test_runs_beside_one_another_show_the_last_finite_samples_too(results):
    again = dataclasses.replace(results, study=dataclasses.replace(results.study, budget="updates"))
    joint, sources, _ = join([results, again], ["a", "b"])
    (picture,) = (p for p in plan_joint(joint, sources, Look()) if p.path == "comparison.png")
    alone = {p.path: p for p in plan(results, Look())}["comparison.png"].arguments["planes"]
    assert len(picture.arguments["planes"]) == 4
    for (_, column), drawn in picture.arguments["planes"].items():
        np.testing.assert_array_equal(drawn.samples, alone[0, column % 2].samples)
        assert drawn.notes == alone[0, column % 2].notes
        assert np.isfinite(drawn.samples).all()


def test_long_notes_are_shortened_not_cut():
    """A small panel says the note's first part whole."""
    note = "diverged at step 1234, shown: step 1000"
    planes = density_maps.Plane("t", np.ones((48, 48)), np.zeros((1, 5, 2)), [note], 0.3)
    for across, words in ((1, note), (2, note), (6, "diverged at step 1234")):
        scenes = {(0, c): scene_layers.Scene(planes, "diverged") for c in range(across)}
        sheet = frame_sheet.Sheet(scenes, ["row"], ["column"] * across, HALF, [0])
        ((text,),) = {tuple(several) for several in sheet.words["note"].values()}
        assert text == words
        assert pixel_text.text_pixels(text, sheet.over_font).shape[1] <= sheet.block
    # beside a name and a verdict as well, which may share a line
    scenes = {(0, c): scene_layers.Scene(dataclasses.replace(planes, title=f"seed {c}"), "diverged") for c in range(3)}
    sheet = frame_sheet.Sheet(scenes, [""], [""] * 3, HALF, [0], title="t")
    for several in sheet.words["note"].values():
        assert pixel_text.text_pixels(several[0], sheet.over_font).shape[1] <= sheet.block


# --- rarer things ----------------------------------------------------------------------------------------------------


def changed(results, m, frames, value, **more):
    samples = results.samples.copy()
    samples[m, frames] = value
    return dataclasses.replace(results, samples=samples, weights={}, **more)


def test_one_bad_snapshot_is_a_gap_and_changes_nothing_else(results, tmp_path):
    """A member of the tame setting that is NaN once, in the middle: every other number and frame stays what it was."""
    once, frame = 4, 3
    assert results.snapshot_steps[0, once] > results.frame_steps[0, frame] > results.snapshot_steps[0, once - 1]
    scores = {name: values.copy() for name, values in results.scores.items()}
    for values in scores.values():
        values[0, once - 1] = np.nan
    gap = changed(results, 0, frame, np.nan, scores=scores)
    drawn = plane(gap, 0, np.arange(FRAMES + 1), HALF, "")
    before = plane(results, 0, np.arange(FRAMES + 1), HALF, "")
    shown_frames = [f if f != frame else frame - 1 for f in range(FRAMES + 1)]
    np.testing.assert_array_equal(drawn.samples, before.samples[shown_frames])
    assert [f for f in range(FRAMES + 1) if drawn.notes[f] != before.notes[f]] == [frame]
    assert drawn.notes[frame] == f"not finite, shown: step {results.frame_steps[0, frame - 1]}"
    assert text_table(gap) == text_table(results)
    folder = RunFolder.create(tmp_path / "run")
    save(gap, folder)
    write_tables(gap, folder)
    write_report(gap, folder, [ReportedRun("run", folder, gap, {})])
    folder.write_json("run.json", manifest(gap))
    strictly((folder.path / "run.json").read_text(encoding="utf-8"))
    assert np.isnan(load(folder).scores["jsd"][0, once - 1])
    for picture in plan(gap, Look()):
        if picture.path in (f"{NAMES[0]}/frames.png", "curves-mixture_4-std1.2.png"):
            path = tmp_path / picture.path.replace("/", "-")
            draw((str(path), picture), lambda amount: None)
            assert path.stat().st_size > 1000


def test_where_nothing_was_ever_finite_nothing_is_shown(results):
    for value in (np.nan, np.inf):
        scores = {name: values.copy() for name, values in results.scores.items()}
        for values in scores.values():
            values[SEEDS] = np.nan
        at = results.verdicts[:SEEDS] + [Verdict("diverged", step=1)] * SEEDS
        never = changed(results, SEEDS, slice(None), value, scores=scores, verdicts=at)
        drawn = plane(never, SEEDS, np.arange(FRAMES + 1), HALF, "")
        assert not np.isfinite(drawn.samples).any()
        assert [note.partition(",")[0] for note in drawn.notes] == ["not finite"] + ["diverged at step 1"] * FRAMES
        figure = moments_figure.frames_figure(drawn, HALF, never.frame_steps[1])
        assert not any(np.asarray(axes.images[0].get_array()).any() for axes in figure.axes)


def test_samples_too_far_for_their_format_are_out_of_view_not_lost(results):
    """float16 ends at 65504: before a divergence, an infinite sample is one that is far away."""
    far = changed(results, 0, 4, np.inf)
    assert frames_shown(far, 0).tolist() == list(range(FRAMES + 1))
    assert plane(far, 0, np.array([4]), HALF, "").notes == ["out of view"]
    away = changed(results, 0, 4, 50.0)
    assert plane(away, 0, np.array([4]), HALF, "").notes == ["out of view"]
    assert plane(away, 0, np.array([4]), 60.0, "").notes == plane(results, 0, np.array([4]), HALF, "").notes
    lost = changed(results, 0, slice(4, None), np.inf, verdicts=[Verdict("diverged", step=20), *results.verdicts[1:]])
    assert results.frame_steps[0, 4] == 20
    assert frames_shown(lost, 0).tolist() == [0, 1, 2, 3] + [3] * (FRAMES - 3)


@pytest.mark.parametrize(
    ("away", "of", "words"),
    [(20, 2048, ""), (21, 2048, "1 % outside"), (1270, 2048, "62 % outside"), (2047, 2048, "99 % outside")],
)
@pytest.mark.parametrize("where", [50.0, np.inf, HALF])
def test_the_share_outside_the_picture_is_said_from_one_per_cent_on(results, away, of, words, where):
    samples = np.zeros((of, 2))
    samples[:away, 1] = where
    if results.samples.shape[2] != of:
        results = dataclasses.replace(results, samples=np.zeros((*results.samples.shape[:2], of, 2)), weights={})
    drawn = plane(changed(results, 0, slice(None), samples), 0, np.arange(FRAMES + 1), HALF, "")
    for note in drawn.notes:
        assert note.partition(", ")[2] == words
        assert note.endswith(words or "modes")
    # and it is the share that the picture lacks
    density = density_maps.generated_density(drawn.samples[0], HALF, 50, 0.1)
    inside = float(density.sum() * (2 * HALF / 50) ** 2)
    assert 1 - inside == pytest.approx(away / of, abs=1e-6)


@pytest.mark.parametrize("across", [1, 4, 8, 16])
def test_every_frame_says_the_share_outside_however_small_its_planes(across):
    """Whole, or where there is no room for the rest of a note alone; in the smallest planes in fewer letters."""
    notes = ["4 of 4 modes", "diverged at step 1234, shown: step 1000, 62 % outside", "out of view"]
    made = density_maps.Plane("t", np.ones((48, 48)), np.zeros((3, 5, 2)), notes, 0.3)
    sheet = frame_sheet.Sheet(
        {(0, c): scene_layers.Scene(made) for c in range(across)}, ["row"], ["x"] * across, HALF, range(3)
    )
    shown = [f"{n}, {o}" for n, o in zip(sheet.words["note"][0, 0], sheet.words["outside"][0, 0], strict=True)]
    small = sheet.block < frame_sheet.CRAMPED
    assert "62 % out" in shown[1]
    assert ("all out" if small else "out of view") in shown[2]
    assert small or ("62 % outside" in shown[1] and "diverged at step 1234" in shown[1] and "4 of 4 modes" in shown[0])
    for moment in range(3):
        frame = sheet.frame(moment)
        for cell in sheet.scenes:
            for kind in ("note", "outside"):
                if text := sheet.words[kind][cell][moment]:
                    word = pixel_text.text_pixels(text, sheet.over_font)
                    (x, y), (height, width) = sheet.at[cell][0], word.shape
                    assert width <= sheet.block
                    over = frame[y - sheet.head : y, x : x + width]
                    assert any(np.array_equal(over[k : k + height], word) for k in range(len(over) - height + 1))


def test_members_that_failed_say_so(results):
    failed = changed(results, 0, slice(None), np.nan, verdicts=[Verdict("failed"), *results.verdicts[1:]])
    assert plane(failed, 0, np.array([0, 3]), HALF, "").notes == ["failed"] * 2


def test_a_setting_that_keeps_no_average_is_not_said_to_lack_one(results):
    """Beside one that does: its scores of an average are NaN, which is above nothing and below nothing."""
    average = np.where(np.arange(2 * SEEDS)[:, None] < SEEDS, np.nan, results.scores["jsd"])
    null = [scores | {"ema_jsd": scores["jsd"]} for scores in results.null]
    kept = dataclasses.replace(results.study, settings=(TAME, dataclasses.replace(WILD, ema=0.9)))
    both = dataclasses.replace(results, study=kept, null=null, scores=results.scores | {"ema_jsd": average})
    (without,) = (words for heading, words in observations(both) if "lr 0.001" in heading and "against" not in heading)
    assert "average" not in without
    assert "–" not in without


def test_what_begins_with_a_diverged_runs_players_begins_with_the_last_finite_ones(whole, lost):
    results, folder = whole
    m, _ = lost
    again = resolve(dataclasses.replace(results.study, settings=(WILD,), seeds=1, from_run=str(folder.path)))
    _, (stack,) = stacks_of(again)
    last = np.flatnonzero([all(np.isfinite(w[f]).all() for w in results.weights[m]) for f in range(FRAMES + 1)])[-1]
    assert 0 < results.frame_steps[1, last + 1] <= STEPS
    for start, kept in zip(stack.start, results.weights[m], strict=True):
        assert np.isfinite(start).all()
        np.testing.assert_array_equal(start[0], kept[last].astype(np.float32))
