"""Figures of scores over training, of one setting and of many, against what they were given."""

import numpy as np
import pytest
from figure_checks import (
    STEPS,
    assert_nothing_clipped,
    assert_nothing_overlaps,
    band,
    clocks,
    courses,
    height,
    names,
    pixels,
    shown_labels,
    tracks,
    words,
)
from matplotlib.colors import to_rgb

from dynamics.pictures import (
    colours,
    median_lines,
    scores_over_training,
    settings_over_training,
)
from dynamics.pictures.scores_over_training import ScoreCurve, ScorePanel
from dynamics.pictures.settings_over_training import Clock, Track


def test_curves_are_medians_of_the_seeds_on_every_clock():
    values, other = courses(3), courses(3, seeds=5)
    values[1][2, 7:] = np.nan
    values[1][3, 9] = np.inf
    on = clocks(3)
    given = [Track("JSD, nats", values, (0.0165, 0.0014)), Track("critic gap, nats", other, (np.nan, np.nan))]
    figure = settings_over_training.curves_figure(
        "mixture_4 · std 0.2", ["1 D step", "2 D steps", "5 D steps"], on, given
    )
    for axes, (track, clock) in zip(figure.axes, [(t, c) for t in (values, other) for c in on], strict=True):
        for i, line in enumerate(axes.lines[:3]):
            finite = np.where(np.isfinite(track[i]), track[i], np.nan)
            np.testing.assert_allclose(height(line), np.nanmedian(finite, axis=0))
            np.testing.assert_allclose(line.get_xdata(), clock.at[i])
            assert line.get_color() == colours.COLUMNS[i]
            assert line.get_markevery() == [25]  # the dot that ends it
            corners = band(axes, i)
            assert corners[:, 1].min() == pytest.approx(np.nanpercentile(finite, 25, axis=0).min())
            assert corners[:, 1].max() == pytest.approx(np.nanpercentile(finite, 75, axis=0).max())
    assert words(figure)[0] == "mixture_4 · std 0.2"
    # 19 + 1 of 3 × 8 × 26 + 3 × 5 × 26 values
    assert words(figure)[1] == "median of 5 to 8 seeds, band: middle half · 2.0 % of values not finite and left out"
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def test_what_is_not_defined_is_not_called_lost():
    """An empty line among others, and one that begins later. What is lost stays so, and is told."""
    nan = np.nan
    for line, undefined in (
        ([[nan, nan, nan], [nan, nan, nan]], [0, 0, 0]),
        ([[nan, nan, 1.0], [nan, nan, 2.0]], [1, 1, 0]),
        ([[1.0, nan, nan], [2.0, nan, nan]], [0, 0, 0]),
        ([[nan, 1.0], [2.0, 3.0]], [0, 0]),
        ([[np.inf, 1.0], [np.inf, 3.0]], [0, 0]),
    ):
        assert median_lines.not_yet_defined(np.array(line)).tolist() == [bool(u) for u in undefined]
    empty = median_lines.curve_remarks([np.array([[nan, nan], [nan, nan]]), np.array([[nan, 1.0], [nan, 2.0]])], [], [])
    assert empty == ["median of 2 seeds, band: middle half"]
    lost = median_lines.curve_remarks([np.array([[1.0, nan], [1.0, 2.0]])], [], [])
    assert lost[1] == "25.0 % of values not finite and left out"


def test_a_perfect_generator_is_a_dashed_line_in_its_band_where_it_has_the_score():
    given = [Track("JSD, nats", courses(1), (0.0165, 0.0014)), Track("critic gap, nats", courses(1), (np.nan, np.nan))]
    figure = settings_over_training.curves_figure("", ["1 D step"], clocks(1, 1), given)
    has, has_not = figure.axes
    (line,) = has.lines[1:]
    np.testing.assert_allclose(height(line), 0.0165)
    assert line.get_linestyle() == "--"
    (rectangle,) = has.patches
    assert rectangle.get_y() == pytest.approx(0.0165 - 2 * 0.0014)
    assert rectangle.get_height() == pytest.approx(4 * 0.0014)
    assert not has_not.lines[1:]
    assert not has_not.patches
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1 D step", "perfect generator"]
    without = settings_over_training.curves_figure("", ["1 D step"], clocks(1, 1), given[1:])
    assert [text.get_text() for text in without.legends[0].get_texts()] == ["1 D step"]


def test_rows_share_their_scores_axis_and_columns_their_clock_from_zero_to_the_last_end():
    on = clocks(4)
    figure = settings_over_training.curves_figure("", names(4), on, tracks(4, 3))
    grid = np.reshape(figure.axes, (3, 3))
    for row in grid:
        assert len({axes.get_ylim() for axes in row}) == 1
        assert [bool(axes.get_ylabel()) for axes in row] == [True, False, False]
    for column, clock in zip(grid.T, on, strict=True):
        assert {axes.get_xlim() for axes in column} == {(0, 1.02 * max(at[-1] for at in clock.at))}
        assert [axes.get_xlabel() for axes in column] == ["", "", clock.label]
    figure.canvas.draw()
    for (row, column), axes in np.ndenumerate(grid):
        assert bool(shown_labels(axes.xaxis)) == (row == 2)
        assert bool(shown_labels(axes.yaxis)) == (column == 0)


@pytest.mark.parametrize(
    ("settings", "across", "count"), [(1, 1, 1), (5, 2, 3), (12, 1, 4), (12, 3, 2), (12, 3, 4), (1, 3, 1)]
)
def test_curves_leave_room_for_every_word(settings, across, count):
    figure = settings_over_training.curves_figure(
        "swiss_roll · std 0.2", names(settings), clocks(settings, across), tracks(settings, count)
    )
    listed = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(listed) == sorted([*names(settings), "perfect generator"])
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def test_twelve_settings_are_told_apart_and_listed_in_reading_order():
    figure = settings_over_training.curves_figure("", names(12), clocks(12, 3), tracks(12, 1))
    figure.canvas.draw()
    (legend,) = figure.legends
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[:12]}
    assert len(looks) == 12
    at = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    read = sorted(at, key=lambda name: (-round(at[name].y0), at[name].x0))
    assert read == [*names(12), "perfect generator"]
    drawn = {text.get_text(): handle for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)}
    for name, line in zip(names(12), figure.axes[0].lines, strict=False):
        assert drawn[name].get_color() == line.get_color()
        assert drawn[name].get_linestyle() == line.get_linestyle()


def test_a_setting_off_a_clock_is_left_out_there_alone():
    on = clocks(3)
    on[2].at[1][:] = np.nan
    on[1].at[0][20:] = np.nan  # the clock stopped: the line ends there
    figure = settings_over_training.curves_figure("", names(3), on, tracks(3, 1))
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 3]
    assert [line.get_color() for line in figure.axes[2].lines[:2]] == [colours.COLUMNS[0], colours.COLUMNS[2]]
    assert figure.axes[1].lines[0].get_markevery() == [19]
    assert words(figure)[1].endswith("seconds of one core not known for 1 of 3 settings")
    on = [Clock("seconds", [np.full(26, np.nan)] * 3)]
    nowhere = settings_over_training.curves_figure("", names(3), on, tracks(3, 1))
    assert [text.get_text() for text in nowhere.axes[0].texts] == ["nothing to show"]


@pytest.mark.parametrize("end", [1e-4, 0.3, 7.0, 2500.0, 1e4, 123456.0, 1e6, 1e8])
def test_clocks_of_any_length_have_short_ticks_that_say_where_they_are(end):
    figure = settings_over_training.curves_figure("", names(2), clocks(2, 1, end) * 3, tracks(2, 1))
    figure.canvas.draw()
    units = {"k": 1e3, "M": 1e6}
    for axes in figure.axes:
        labels, at = shown_labels(axes.xaxis), axes.get_xticks()
        at = at[(at >= 0) & (at <= axes.get_xlim()[1])]
        assert len(at) >= 3
        assert at[-1] > 0.6 * end
        for label, value in zip(labels, at, strict=True):
            assert len(label) <= 6
            read = float(label.rstrip("kM").replace("−", "-")) * units.get(label[-1], 1)
            assert read == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert_nothing_overlaps(figure)


def test_a_setting_that_diverges_flattens_no_curve_and_start_and_end_stay_on_the_axis():
    values = courses(4)
    values[3][:5, 13:] = np.geomspace(1, 1e12, 13)  # most of its seeds
    calm = settings_over_training.curves_figure(
        "", names(4), clocks(4, 1), [Track("JSD, nats", courses(4), (0.0165, 0.0014))]
    )
    figure = settings_over_training.curves_figure(
        "", names(4), clocks(4, 1), [Track("JSD, nats", values, (0.0165, 0.0014))]
    )
    (low, high), (axes,) = figure.axes[0].get_ylim(), figure.axes
    assert high < 2 * calm.axes[0].get_ylim()[1]
    # 13 of 4 × 26 medians, less those that are on the axis yet
    off = np.mean([(height(line) > high) | (height(line) < low) for line in axes.lines[:4]])
    assert f"{100 * off:.1f} % of medians off the axes" in words(figure)[1]
    assert 0.1 < off <= 13 / 104
    for line in axes.lines[:4]:
        assert low < height(line)[0] < high
    assert low < 0.0165 < high
    assert np.abs(band(axes, 3)[:, 1]).max() < 150 * high  # what viewers of vector graphics can bear


def test_a_fast_start_is_not_taken_for_wild():
    """A GAN that converges at once: 3 interquartile ranges end far below where it began."""
    values = [np.r_[0.69, 0.3, 0.02 + 0.001 * np.sin(np.arange(98))][None] * np.ones((8, 1))]
    on = [Clock("generator steps", [np.arange(100)])]
    figure = settings_over_training.curves_figure("", names(1), on, [Track("JSD, nats", values, (0.0165, 0.0014))])
    assert figure.axes[0].get_ylim()[1] > 0.69


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e6, 1e300])
def test_curves_and_scores_of_one_value_or_none(value):
    nothing = np.full((1, 5), value)
    on, null = [Clock("generator steps", [np.arange(5)])], (np.nan, np.nan)
    label = "Jensen–Shannon divergence from the real density, nats"
    curves = settings_over_training.curves_figure("", ["1 D step"], on, [Track(label, [nothing], null)])
    scores = scores_over_training.scores_figure(
        "", np.arange(5), [ScorePanel(label, [ScoreCurve("JSD", nothing, colours.D)])]
    )
    for figure in (curves, scores):
        assert_nothing_clipped(figure)
        if value != 1e300:  # nine digits a number there
            assert_nothing_overlaps(figure)
        assert ("nothing to show" in [text.get_text() for text in figure.axes[0].texts]) == (not np.isfinite(value))
        assert words(figure)[1].startswith("one seed")
        assert ("100.0 % of values not finite" in words(figure)[1]) == (not np.isfinite(value))


def test_one_snapshot_is_a_visible_dot():
    point = np.array([[0.5]])
    on = [Clock("generator steps", [np.array([10.0])])]
    curves = settings_over_training.curves_figure("", ["1 D step"], on, [Track("JSD, nats", [point], (0.0, 0.0))])
    scores = scores_over_training.scores_figure(
        "", np.array([10]), [ScorePanel("JSD, nats", [ScoreCurve("", point, colours.COLUMNS[0])])]
    )
    colour = np.round(255 * np.array(to_rgb(colours.COLUMNS[0])))
    for figure in (curves, scores):
        axes, image = figure.axes[0], pixels(figure)
        x, y = axes.transData.transform((10, 0.5)).astype(int)
        around = image[image.shape[0] - y - 5 : image.shape[0] - y + 5, x - 5 : x + 5]
        assert (np.abs(around - colour).max(axis=2) <= 2).sum() >= 6


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"names": ["a"]}, "generator steps: 2 arrays for 1 settings"),
        ({"names": []}, "need"),
        ({"clocks": []}, "need"),
        ({"tracks": [Track("JSD", courses(1), (0, 0))]}, "JSD: 1 arrays for 2"),
        ({"tracks": [Track("JSD", courses(2, snapshots=25), (0, 0))]}, "does not fit generator steps"),
        ({"tracks": [Track("JSD", [v[0] for v in courses(2)], (0, 0))]}, "does not fit generator steps"),
    ],
)
def test_curves_say_what_does_not_fit(change, word):
    good = {"title": "", "names": names(2), "clocks": clocks(2, 1), "tracks": tracks(2)}
    with pytest.raises(ValueError, match=word):
        settings_over_training.curves_figure(**{**good, **change})


def panels(rng, seeds=8):
    """Panels as of a setting with every group of scores, (seeds, 26) each."""

    def around(level, spread=0.1):
        return level * np.exp(rng.normal(0, spread, (seeds, 26)))

    optimal, loss = around(4.0), around(0.8)
    return [
        ScorePanel(
            "G's loss, nats",
            [
                ScoreCurve("G's loss", loss, colours.G),
                ScoreCurve("against the best D", optimal, colours.GENERATED),
                ScoreCurve("owed to D", loss - optimal, colours.D),
            ],
        ),
        ScorePanel("critic gap, nats", [ScoreCurve("", around(0.5), colours.D)]),
        ScorePanel(
            "slope of D, per data unit",
            [ScoreCurve("mean", around(1), colours.D), ScoreCurve("largest", around(3), colours.D)],
        ),
        ScorePanel(
            "agreement of D, cosine", [ScoreCurve("with the best D", np.tanh(rng.normal(0, 1, (seeds, 26))), colours.D)]
        ),
        ScorePanel("gradients", [ScoreCurve("of D", around(0.7), colours.D), ScoreCurve("of G", around(5), colours.G)]),
        ScorePanel("sliced Wasserstein-2, data units", [ScoreCurve("all samples", around(1), colours.REAL)]),
    ]


@pytest.mark.parametrize("count", range(1, 7))
def test_scores_are_medians_below_one_another_on_one_clock(count):
    given = panels(np.random.default_rng(0))[:count]
    figure = scores_over_training.scores_figure("mixture_4 · std 0.2 · 5 D steps", STEPS, given)
    assert len(figure.axes) == count
    tops = [axes.get_position().y1 for axes in figure.axes]
    assert tops == sorted(tops, reverse=True)
    for panel, axes in zip(given, figure.axes, strict=True):
        assert " ".join(axes.get_ylabel().split()) == panel.label
        for line, drawn in zip(panel.lines, axes.lines, strict=False):
            np.testing.assert_allclose(height(drawn), np.median(line.values, axis=0))
            np.testing.assert_allclose(drawn.get_xdata(), STEPS)
            assert drawn.get_color() == line.colour
        for k, line in enumerate(panel.lines):
            low, high = np.percentile(line.values, [25, 75], axis=0)
            assert band(axes, k)[:, 1].min() == pytest.approx(low.min())
            assert band(axes, k)[:, 1].max() == pytest.approx(high.max())
        legend = axes.get_legend()
        listed = [text.get_text() for text in legend.get_texts()] if legend else [""]
        assert listed == [line.name for line in panel.lines]
        looks = {(drawn.get_color(), drawn.get_linestyle()) for drawn in axes.lines[: len(panel.lines)]}
        assert len(looks) == len(panel.lines)  # two lines of one colour differ in their dashes
        assert axes.get_xlim() == (0, 500)
        assert axes.get_xlabel() == ("generator steps" if axes is figure.axes[-1] else "")
    assert words(figure) == ["mixture_4 · std 0.2 · 5 D steps", "median of 8 seeds, band: middle half"]
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def scale_of(values):
    return scores_over_training.scores_figure(
        "", STEPS, [ScorePanel("gradients", [ScoreCurve("of D", values, colours.D)])]
    ).axes[0]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.linspace(1, 30, 26), "linear"),  # 30-fold, yet half of it is above a tenth of the largest
        (np.geomspace(1, 1000, 26), "log"),
        (np.r_[np.zeros(13), np.geomspace(1, 1000, 13)], "log"),
        (np.geomspace(1e-5, 1e195, 26), "log"),
        (np.geomspace(1, 1000, 26) - 2, "linear"),  # negative
        (np.zeros(26), "linear"),
        (np.full(26, np.nan), "linear"),
    ],
)
def test_an_axis_is_logarithmic_where_a_linear_one_would_crush_half_of_it(values, scale):
    axes = scale_of(values[None])
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    shown = values[np.isfinite(values) & ((values > 0) | (scale == "linear"))]
    assert ((shown > low) & (shown < high)).all()
    pixels(axes.figure)
    assert len(shown_labels(axes.yaxis)) >= 3


@pytest.mark.parametrize(
    ("least", "fold"), [(1e-9, 11), (0.02, 11), (3.0, 60), (0.02, 60), (0.02, 1e4), (1e-9, 1e4), (3.0, 1e12)]
)
def test_logarithmic_ticks_are_few_and_legible(least, fold):
    values = np.r_[np.full(14, least), np.geomspace(least, least * fold, 12)]
    figure = scores_over_training.scores_figure(
        "", STEPS, [ScorePanel("gradients", [ScoreCurve("of D", values[None], colours.D)])] * 6
    )
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "log"
    assert len(shown_labels(figure.axes[0].yaxis)) >= 2
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def test_wild_scores_flatten_nothing():
    values = np.tanh(np.random.default_rng(0).normal(0, 1, (8, 26)))
    calm = scale_of(values).get_ylim()
    values[:7, 11] = -1e12
    low, high = scale_of(values).get_ylim()
    assert high - low < 3 * (calm[1] - calm[0])
    positive = np.exp(np.random.default_rng(0).normal(0, 0.1, (8, 26)))
    positive[:7, 20:] = 1e300
    for values in (positive, np.geomspace(1e-5, 1e295, 26)[None]):
        axes = scale_of(values)
        pixels(axes.figure)  # and nothing overflows
        assert "of medians off the axes" in words(axes.figure)[1]


def test_scores_say_what_does_not_fit():
    with pytest.raises(ValueError, match="panel"):
        scores_over_training.scores_figure("", STEPS, [])
    with pytest.raises(ValueError, match=r"of D: \(8, 25\) does not fit 26 steps"):
        scale_of(np.ones((8, 25)))


def test_what_a_seed_has_not_come_to_is_not_lost():
    """Of an interrupted run: the same gap is a loss where the seed was there, and none where it was not."""
    nan = np.nan
    values = np.array([[1.0, nan, nan], [1.0, 2.0, nan], [1.0, 2.0, 3.0]])
    assert not any("not finite" in w for w in median_lines.curve_remarks([values], [], [], [np.array([1, 2, 3])]))
    lost = median_lines.curve_remarks([values], [], [], [np.array([1, 3, 3])])
    assert any(w == f"{100 / 7:.1f} % of values not finite and left out" for w in lost)
    assert median_lines.curve_remarks([values], [], [], [None]) == median_lines.curve_remarks([values], [], [])
