"""Every layer of an animation against functions and maps that are known: the pixel under a point has its colour."""

import dataclasses

import numpy as np
import pytest
from frames import frames_of
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.stats import norm

from dynamics.pictures import colours
from dynamics.pictures.animation import (
    animated_settings,
    curve_strips,
    palette_indices,
    pixel_text,
    pull_arrows,
    scene_panel,
)
from dynamics.pictures.animation.curve_strips import Strip
from dynamics.pictures.animation.frame_sheet import Sheet
from dynamics.pictures.animation.palette_indices import ARROW, BELIEF, ERROR, HEATS, LEVELS, POINT, SIDES, UNDETERMINED
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_maps import Plane, grid_points, heat
from dynamics.settings.catalogue.layers import LAYERS, VIEWS

HALF = 4.0
FLAT = np.ones((8, 8))  # no contour lines
FAR = np.full((1, 5, 2), 99.0)  # samples that nothing is drawn of


def plane(samples=FAR, density=FLAT, bandwidth=0.3, title="made up"):
    samples = np.asarray(samples, float)
    return Plane(title, density, samples, [""] * len(samples), bandwidth)


def drawn(scene, layer, size, moment=0):
    (pixels,) = scene_panel.ScenePanel(scene, [layer], HALF, size).draw(moment)
    return pixels


def centres(size):
    """x and y (size, size) of the pixels' middles, as pixels are stored: the highest first."""
    return np.moveaxis(grid_points(HALF, size)[::-1], -1, 0)


def ends(low, high):
    """A diverging ramp's first and last colour."""
    return [np.round(255 - 0.8 * (255 - 255 * np.array(to_rgb(c)))) for c in (low, high)]


# --- the palette -----------------------------------------------------------------------------------------------------


def test_the_palette_has_a_level_under_each_cover_and_room_for_curves():
    most = (256 - palette_indices.CURVES) // palette_indices.SHADES
    table = palette_indices.palette(["#123456"] * most)
    assert len(table) <= 256
    assert most >= 6
    with pytest.raises(ValueError, match="colours"):
        palette_indices.palette(["#123456"] * (most + 1))
    real = 255 * np.array(to_rgb(colours.REAL))
    for level in range(LEVELS):
        for cover in range(palette_indices.COVERS):
            share = cover / (palette_indices.COVERS - 1)
            expected = (1 - share) * table[level].astype(float) + share * real
            np.testing.assert_allclose(table[cover * LEVELS + level], expected, atol=0.51)
    np.testing.assert_array_equal(table[0], 255)
    np.testing.assert_array_equal(table[BELIEF + SIDES // 2], 255)  # 1/2 is white
    np.testing.assert_array_equal(table[[BELIEF, BELIEF + SIDES - 1]], ends(colours.GENERATED, colours.D))
    np.testing.assert_array_equal(table[[ERROR, ERROR + SIDES - 1]], ends(colours.BELOW, colours.ABOVE))
    np.testing.assert_array_equal(table[ARROW + 3], np.round(255 * np.array(to_rgb(colours.G))))
    last = palette_indices.CURVES + palette_indices.SHADES * most - 1
    np.testing.assert_array_equal(table[last], [0x12, 0x34, 0x56])


# --- fields ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
@pytest.mark.parametrize(("cells", "side"), [(48, 48), (48, 301), (78, 296), (96, 50), (160, 640)])
def test_interpolation_is_pillows_and_exact(cells, side, how):
    depth = np.random.default_rng(0).choice([0, 3, 128, 255], (cells, cells)).astype(np.uint8)
    weights = scene_panel._weights(cells, side, how).astype(np.int64)
    shown = scene_panel._interpolated(depth, side, how)
    np.testing.assert_array_equal(shown, weights @ depth @ weights.T)  # the integers
    assert (weights.sum(axis=1) == scene_panel.WHOLE).all()  # what is flat stays so
    assert 255 * np.abs(weights).sum(axis=1).max() ** 2 < 2**24  # on the way too, whatever is added first
    pillow = Image.fromarray(depth.astype(np.float32)).resize((side, side), how)
    # each of up to ten weights is off by half a part, the largest by what the others are
    np.testing.assert_allclose(shown / scene_panel.WHOLE**2, pillow, atol=2 * 10 * 255 / scene_panel.WHOLE)


@pytest.mark.parametrize("size", [96, 157, 402])
@pytest.mark.parametrize("layer", ["d", "optimal"])
def test_a_field_has_the_level_of_its_value_at_every_pixel(size, layer):
    r = 48
    x, y = np.moveaxis(grid_points(HALF, r), -1, 0)
    values = (0.5 + (0.9 * x + 2.7 * y) / (8 * HALF)).astype(np.float32)[None]  # both axes, and which way they go
    shown = drawn(Scene(plane(), d=values, optimal=values), layer, size).astype(float) - BELIEF
    x, y = centres(size)
    inside = np.maximum(np.abs(x), np.abs(y)) < HALF * (1 - 1 / r)  # between middles, where bilinear is exact
    exact = (SIDES - 1) * (0.5 + (0.9 * x + 2.7 * y) / (8 * HALF))
    # half a level for rounding, half a depth of 255, and blocks of two pixels
    slope = (SIDES - 1) * 3.6 / (8 * HALF) * HALF / size
    assert np.abs(shown - exact)[inside].max() <= 0.5 + 16 / 255 + slope
    assert np.abs(shown - exact).max() <= 0.5 + 16 / 255 + slope + (SIDES - 1) * 3.6 / (8 * HALF) * HALF / r


@pytest.mark.parametrize("size", [96, 302])
def test_what_is_undetermined_is_grey_and_its_neighbours_keep_their_values(size):
    d = np.full((1, 16, 16), np.nan, np.float32)
    d[:, 4:9, 10:15] = 1  # rows: y ascending
    shown = drawn(Scene(plane(), d=d), "d", size)
    assert set(np.unique(shown)) == {BELIEF + SIDES - 1, UNDETERMINED}
    x, y = centres(size)
    cell, margin = 2 * HALF / 16, 4 * HALF / size
    undetermined = (x > -HALF + 10 * cell + margin) & (x < -HALF + 15 * cell - margin)
    undetermined &= (y > -HALF + 4 * cell + margin) & (y < -HALF + 9 * cell - margin)
    corner = 0.3 * cell  # which interpolation rounds
    near = (np.abs(x + HALF - 12.5 * cell) < 2.5 * cell - corner) & (
        np.abs(y + HALF - 6.5 * cell) < 2.5 * cell - corner
    )
    assert (shown[undetermined & near] == BELIEF + SIDES - 1).all()
    away = (np.abs(x + HALF - 12.5 * cell) > 2.5 * cell + margin) | (
        np.abs(y + HALF - 6.5 * cell) > 2.5 * cell + margin
    )
    assert (shown[away] == UNDETERMINED).all()


@pytest.mark.parametrize(("d", "best", "share"), [(0.5, 0.5, 0.5), (0.75, 0.5, 0.75), (0.25, 0.5, 0.25), (1, 0, 1)])
def test_the_difference_is_plum_below_the_best_and_teal_above(d, best, share):
    fields = [np.full((1, 8, 8), value, np.float32) for value in (d, best)]
    shown = drawn(Scene(plane(), d=fields[0], optimal=fields[1]), "difference", 64)
    assert (shown == ERROR + round(share * (SIDES - 1))).all()


def test_a_difference_is_undetermined_where_either_field_is():
    d, best = (np.full((1, 4, 4), 0.5, np.float32) for _ in range(2))
    d[0, 0, 0] = best[0, 3, 3] = np.nan
    shown = drawn(Scene(plane(), d=d, optimal=best), "difference", 64)
    assert shown[63, 0] == shown[0, 63] == UNDETERMINED
    assert shown[0, 0] == shown[63, 63] == ERROR + SIDES // 2


# --- the map ---------------------------------------------------------------------------------------------------------


def lattice(n, image):
    """A grid over [-3, 3]² through `image`, and the normal mass of its cells."""
    edges = np.linspace(-3, 3, n + 1)
    mass = np.diff(norm.cdf(edges))
    return image(np.stack(np.meshgrid(edges, edges), axis=-1))[None], np.outer(mass, mass)


def test_a_maps_cells_have_the_colour_of_their_mass_per_area():
    turn = np.array([[0.8, 0.6], [-0.3, 0.9]])
    n, shift = 12, np.array([0.4, -0.2])
    vertices, mass = lattice(n, lambda z: z @ turn.T + shift)
    density = mass / (abs(np.linalg.det(turn)) * (6 / n) ** 2)  # exactly, as the map is linear
    scene = Scene(plane(density=np.full((8, 8), 0.25)), lattice=(vertices, mass))
    shown = drawn(scene, "map", 400)
    middles = (vertices[0, :-1, :-1] + vertices[0, 1:, 1:]) / 2
    columns, rows = ((middles + HALF) / (2 * HALF) * 400).astype(int).transpose(2, 0, 1)
    inside = (np.abs(middles) < HALF - 0.1).all(axis=-1)
    levels = np.round(heat(density, 0.25) * (HEATS - 1))
    np.testing.assert_array_equal(shown[399 - rows[inside], columns[inside]], levels[inside])
    assert inside.sum() > 100
    # the lattice's lines pass where they should: at its vertices
    columns, rows = ((vertices[0, 4, 5] + HALF) / (2 * HALF) * 400).astype(int)
    assert (shown[399 - rows - 1 : 399 - rows + 2, columns - 1 : columns + 2] == POINT).any()


def test_where_a_map_folds_the_denser_sheet_is_on_top():
    # Both halves of the latent plane land on the same place, one of them squeezed to half the height.
    vertices, mass = lattice(
        10, lambda z: np.stack([z[..., 0], np.where(z[..., 1] < 0, -z[..., 1] / 2, z[..., 1])], -1)
    )
    mass = np.full_like(mass, 0.01)
    once = heat(0.01 / 0.6**2, 0.12) * (HEATS - 1)
    twice = heat(0.01 / (0.6 * 0.3), 0.12) * (HEATS - 1)
    shown = drawn(Scene(plane(density=np.full((8, 8), 0.12)), lattice=(vertices, mass)), "map", 400)

    def level(x, y):
        return shown[399 - int((y + HALF) * 50), int((x + HALF) * 50)]

    assert level(0.3, 0.9 - 0.15) == level(0.3, 0.15) == round(twice)
    assert level(0.3, 2.1) == level(0.3, 2.7) == round(once)
    assert level(0.3, -0.5) == 0


def test_a_maps_cells_without_numbers_are_left_out():
    vertices, mass = lattice(6, lambda z: z)
    vertices[0, 3, 3] = np.nan  # four cells meet there
    shown = drawn(Scene(plane(density=np.full((8, 8), 0.16)), lattice=(vertices, mass)), "map", 400)
    x, y = centres(400)
    assert (shown[(np.abs(x) < 0.95) & (np.abs(y) < 0.95)] == 0).all()
    assert (shown[(np.abs(x - 1.5) < 0.4) & (np.abs(y) < 0.4)] > 0).all()


# --- arrows ----------------------------------------------------------------------------------------------------------


def arrows(pull, samples, size=400, reach=1.0):
    scene = Scene(plane([samples], bandwidth=0.01), pull=np.asarray([pull], float))
    return scene_panel.ScenePanel(scene, ["arrows"], HALF, size, reach).draw(0)[0]


def arrow_pixels(pixels):
    """Rows and columns of the pixels that are more an arrow's own colour than its edge's."""
    return np.nonzero((pixels >= ARROW + 2) & (pixels < ARROW + 4))


@pytest.mark.parametrize("angle", np.arange(0.1, 2 * np.pi, 0.7))
@pytest.mark.parametrize("strength", [0.5, 1.0, 7.0])
def test_an_arrow_starts_at_its_sample_and_points_where_it_is_pulled(angle, strength):
    start, along = np.array([0.5, -1.0]), np.array([np.cos(angle), np.sin(angle)])
    rows, columns = arrow_pixels(arrows([strength * along], [start]))
    places = np.stack([columns + 0.5, 400 - (rows + 0.5)], axis=1) - (start + HALF) * 50  # pixels from the sample, y up
    forward, aside = places @ along, places @ np.array([-along[1], along[0]])
    length = pull_arrows.arrow_length(400) * min(strength, 1)  # longer ones are cut
    assert abs(forward.max() - length) < 2
    assert -2.5 < forward.min() < 1
    assert np.abs(aside).max() < 5
    tip = np.abs(aside[forward > length - 4])
    assert tip.max() < 2  # it ends in a point


def test_a_sample_that_is_not_pulled_has_a_dot():
    rows, columns = arrow_pixels(arrows([[0, 0]], [[1.0, 2.0]]))
    assert 1 <= len(rows) <= 16
    assert np.abs(columns + 0.5 - 250).max() < 3
    assert np.abs(rows + 0.5 - 100).max() < 3


def test_arrows_without_numbers_or_outside_the_plane_are_left_out():
    places = [[0.0, 0.0], [np.nan, 1.0], [5.0, 0.0], [3e38, 0.0]]
    assert not arrows([[np.nan, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], places).any()


def test_an_arrow_is_seen_on_every_ground():
    d = np.stack([np.full((8, 8), value, np.float32) for value in (0.0, 0.5, 1.0)])
    samples = np.tile([[[0.0, -0.01]]], (3, 1, 1))  # in the middle of a row of pixels
    scene = Scene(plane(samples), d=d, pull=np.tile([[[1.0, 0.0]]], (3, 1, 1)))
    panel = scene_panel.ScenePanel(scene, ["d", "arrows"], HALF, 400)
    for moment, level in enumerate((BELIEF, BELIEF + SIDES // 2, BELIEF + SIDES - 1)):
        (shown,) = panel.draw(moment)
        assert shown[0, 0] == level
        across = shown[190:210, 210]
        core = np.flatnonzero(across >= ARROW)
        assert (across[core] == ARROW + 3).any()  # its own colour
        edge = across[[core[0] - 1, core[-1] + 1]]  # and a dark edge at either side
        assert (edge % LEVELS == level).all()
        assert (edge >= LEVELS).all()


def test_all_panels_have_one_scale_of_arrows():
    pull = np.tile([0.0, 1.0], (1, 20, 1))
    spots = np.stack([np.linspace(-3, 3, 20), np.zeros(20)], axis=1)[None]
    strengths = {(0, 0): 0.01, (0, 1): 1.0, (0, 2): 3.0}
    scenes = {cell: Scene(plane(spots), pull=pull * strength) for cell, strength in strengths.items()}
    sheet = Sheet(scenes, ["a"], ["x", "y", "z"], HALF, [0], ["arrows"])
    assert sheet.reach == 5.0  # 90 % are no longer than 3
    full = pull_arrows.arrow_length(sheet.side)
    for (_, column), panel in sheet.panels.items():
        rows, _ = np.nonzero(panel.draw(0)[0] >= ARROW)
        assert abs(sheet.side / 2 - rows.min() - full * strengths[0, column] / 5) < 2.5


# --- strips ----------------------------------------------------------------------------------------------------------


def test_a_strip_shows_its_values_and_a_cursor_at_the_frames_step(tmp_path):
    steps = [0, 100, 250, 1000]
    curve = np.where(np.arange(11) == 5, np.nan, np.arange(11) / 10)  # a straight line with a gap
    floor = np.full(11, -0.5)
    strip = Strip("score", np.linspace(0, 1000, 11), [("s", curve, colours.D), ("floor", floor, colours.G)])
    scenes = {(0, 0): Scene(plane(np.full((4, 5, 2), 99.0)), strip=[strip])}
    animated_settings.animate(tmp_path / "a.gif", scenes, [""], [""], HALF, steps)
    sheet = Sheet(scenes, [""], [""], HALF, steps)
    (graph,) = sheet.graphs[0, 0]
    left, top, width, height = graph.box
    low, high = graph.limits
    blue, amber = (np.round(255 * np.array(to_rgb(colour))) for colour in (colours.D, colours.G))
    bottom = int((high + 0.5) / (high - low) * height)
    for frame, step in zip(frames_of(tmp_path / "a.gif")[0], steps, strict=True):
        box = frame[top : top + height, left : left + width]
        cursor = np.flatnonzero((box == sheet.palette[palette_indices.CURSOR]).all(axis=(0, 2)))
        np.testing.assert_array_equal(cursor, min(int(step / 1000 * width), width - 2) + np.arange(2))
        for share in (0.05, 0.13, 0.33, 0.7, 0.95):
            column = int(share * width)
            ink = np.where(np.arange(height) < bottom - 4, 255 - box[:, column, 0].astype(float), 0)
            assert ink.max() > 0.7 * (255 - blue[0])
            expected = (high - (column + 0.5) / width) / (high - low) * height
            assert abs(np.average(np.arange(height) + 0.5, weights=ink) - expected) < 0.6
        gap = box[:, int(0.41 * width) + 2 : int(0.59 * width) - 2]
        assert (gap[: bottom - 4] == 255).all()
        assert (gap[bottom] == amber).all()


def test_wild_values_do_not_flatten_a_strip():
    values = np.random.default_rng(0).normal(1, 0.1, 400)
    values[7], values[100], values[101] = 1e9, np.inf, np.nan
    strip = Strip("loss", np.arange(400), [("D", values, colours.D)])
    sheet = Sheet({(0, 0): Scene(plane(), strip=[strip])}, [""], [""], HALF, [0])
    low, high = sheet.graphs[0, 0][0].limits
    assert 0.3 < low < 0.9 < 1.1 < high < 1.8


def test_of_more_values_than_pixels_medians_are_drawn():
    x = np.linspace(0, 100, 4001)[:-1]
    y = np.sin(x / 9) * 20 + 30
    y[::5] = 1e6
    y[200:240] = np.nan  # pixels 5 and 6
    places, values = curve_strips.thinned(x, y, 100)
    assert len(places) == 50
    clean = np.arange(50) != 2
    np.testing.assert_allclose(values[clean], np.sin(places[clean] / 9) * 20 + 30, atol=1.5)
    few = np.arange(10.0)
    np.testing.assert_array_equal(curve_strips.thinned(few, few, 100), [few, few])


def test_strips_of_one_label_share_their_limits():
    def scene(scale):
        return Scene(plane(), strip=[Strip("loss", np.arange(5), [("D", scale * np.arange(5.0), colours.D)])])

    sheet = Sheet({(0, 0): scene(1), (0, 1): scene(10)}, ["a"], ["x", "y"], HALF, [0], ["density", "strip"])
    (one,), (other,) = sheet.graphs.values()
    assert one.limits == other.limits
    assert one.limits[0] <= 0 < 40 <= one.limits[1]


# --- several views, several panels -----------------------------------------------------------------------------------


def test_every_view_of_every_panel_shows_its_own_step(tmp_path):
    # D and D* are the same all over the plane; their levels say which cell, view and moment they belong to.
    moments, cells = 3, [(0, 0), (0, 1), (1, 1)]
    scenes, levels = {}, {}
    for k, cell in enumerate(cells):
        levels[cell] = (
            [(3 * k + 5 * t) % SIDES for t in range(moments)],
            [(7 * k + 2 * t) % SIDES for t in range(moments)],
        )
        d, best = (np.tile(np.array(v, np.float32)[:, None, None] / (SIDES - 1), (1, 6, 6)) for v in levels[cell])
        scenes[cell] = Scene(plane(np.full((moments, 5, 2), 99.0)), d=d, optimal=best)
    arguments = (["a", "b"], ["x", "y"], HALF, [0, 10, 30], ["optimal", "d", "difference"])
    animated_settings.animate(tmp_path / "a.gif", scenes, *arguments[:4], layers=arguments[4])
    sheet = Sheet(scenes, *arguments)
    frames, _ = frames_of(tmp_path / "a.gif")
    assert len(frames) == moments
    for t in range(moments):
        for cell in cells:
            d, best = levels[cell][0][t], levels[cell][1][t]
            # the difference of two levels, twice over as its full colour is at 1/2, and cut
            error = np.clip(SIDES // 2 + d - best, 0, SIDES - 1)
            for (x, y), level in zip(sheet.at[cell], (BELIEF + best, BELIEF + d, ERROR + error), strict=True):
                view = frames[t][y : y + sheet.side, x : x + sheet.side]
                assert (view == sheet.palette[level]).all()


def test_overlays_are_drawn_over_every_view():
    samples = np.array([[[1.0, 1.0], [-2.0, 0.5]]])
    field = np.full((1, 8, 8), 0.7, np.float32)
    far = np.full((1, 3, 3, 2), 9.0), np.full((2, 2), 0.25)
    bump = np.exp(-(grid_points(HALF, 64) ** 2).sum(-1) / 2)
    scene = Scene(plane(samples, bump, bandwidth=1.0), d=field, optimal=field, pull=samples[:, :1], lattice=far)
    views = [*VIEWS]
    panel = scene_panel.ScenePanel(scene, [*views, "contours", "samples", "arrows"], HALF, 200)
    bare = scene_panel.ScenePanel(scene, views, HALF, 200).draw(0)
    for over, under in zip(panel.draw(0), bare, strict=True):
        changed = over != under
        # the second sample; the first is under its arrow
        assert ((over % LEVELS == POINT) & (over < ARROW)).sum() >= 4
        assert len(arrow_pixels(over)[0]) > 3
        cover = panel.contours // LEVELS
        ring = (cover > 0) & (over % LEVELS == under % LEVELS) & (np.arange(200) < 100)  # away from the arrow
        assert ring.sum() > 200
        np.testing.assert_array_equal((over - under)[ring], panel.contours[ring])
        assert changed.mean() < 0.2


def test_lines_are_painted_over_samples_and_arrows_over_lines():
    """A cloud of samples would hide the density that it is compared with."""
    side = np.linspace(-HALF, HALF, 201)
    bump = np.exp(-(side**2 + side[:, None] ** 2) / 2)
    x, y = np.meshgrid(side[50:151], side[50:151])
    samples = np.stack([x.ravel(), y.ravel()], axis=1)[None]  # everywhere about the lines
    scene = Scene(plane(samples, bump, bandwidth=1.0), pull=np.tile([[[1.0, 0.0]]], (1, samples.shape[1], 1)))
    lines = scene_panel.ScenePanel(scene, ["contours"], HALF, 200).draw(0)[0] // LEVELS
    assert lines.any()
    covered = scene_panel.ScenePanel(scene, ["contours", "samples"], HALF, 200).draw(0)[0]
    assert (covered % LEVELS == POINT)[lines > 0].any()
    np.testing.assert_array_equal(covered // LEVELS, lines)
    arrows_alone = scene_panel.ScenePanel(scene, ["arrows"], HALF, 200).draw(0)[0]
    all_three = scene_panel.ScenePanel(scene, ["arrows", "samples", "contours"], HALF, 200).draw(0)[0]
    assert ((arrows_alone >= ARROW) & (lines > 0)).any()
    np.testing.assert_array_equal(all_three >= ARROW, arrows_alone >= ARROW)


def test_views_stand_side_by_side_in_the_layers_order_each_under_its_name():
    field = np.full((1, 8, 8), 0.5, np.float32)
    scene = Scene(plane(), d=field, optimal=field, lattice=(np.zeros((1, 3, 3, 2)), np.full((2, 2), 0.25)))
    order = ["difference", "map", "density", "optimal", "d"]
    sheet = Sheet({(0, 0): scene}, [""], [""], HALF, [0], [*order, "contours"])
    lefts = [x for x, _ in sheet.at[0, 0]]
    assert lefts == sorted(lefts)
    assert np.diff(lefts).min() > sheet.side
    for view, (x, y) in zip(order, sheet.at[0, 0], strict=True):
        name = VIEWS[view]
        word = pixel_text.text_pixels(
            name, pixel_text.fitting_size([name], sheet.small + 1, sheet.side, bold=True), bold=True
        )
        np.testing.assert_array_equal(sheet.canvas[y - 4 - len(word) : y - 4, x : x + word.shape[1]], word)


def test_layers_are_chosen_by_what_there_is():
    strip = [Strip("loss", np.arange(3), [("D", np.arange(3.0), colours.D)])]
    one = {(0, 0): Scene(plane(), strip=strip)}
    assert Sheet(one, [""], [""], HALF, [0]).layers == ["density", "contours", "samples", "strip"]
    assert Sheet({(0, 0): Scene(plane())}, [""], [""], HALF, [0]).layers == ["density", "contours", "samples"]
    several = {(r, c): one[0, 0] for r in range(2) for c in range(4)}
    assert Sheet(several, ["a", "b"], list("wxyz"), HALF, [0]).layers == ["density", "contours"]


def test_unknown_layers_and_missing_data_are_refused():
    whole = Scene(
        plane(),
        d=np.zeros((1, 4, 4)),
        optimal=np.zeros((1, 4, 4)),
        pull=np.zeros((1, 5, 2)),
        lattice=(np.zeros((1, 3, 3, 2)), np.zeros((2, 2))),
        strip=[Strip("loss", np.arange(3), [("D", np.arange(3.0), colours.D)])],
    )
    assert Sheet({(0, 0): whole}, [""], [""], HALF, [0], list(LAYERS)).layers == list(LAYERS)
    with pytest.raises(ValueError, match=r"no layer 'D'; there are: density, map, d"):
        Sheet({(0, 0): whole}, [""], [""], HALF, [0], ["D"])
    for layer, facts in LAYERS.items():
        for name in facts.needs:
            bare = dataclasses.replace(whole, **{name: () if name == "strip" else None})
            with pytest.raises(ValueError, match=rf"layer '{layer}' needs Scene.{name}, which \(0, 1\)"):
                Sheet({(0, 0): whole, (0, 1): bare}, ["a"], ["x", "y"], HALF, [0], [layer])


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"d": np.zeros((2, 4, 4))}, r"Scene.d must be \(F, r, r\)"),
        ({"optimal": np.zeros((1, 4, 5))}, "Scene.optimal"),
        ({"d": np.zeros((1, 4, 4)), "optimal": np.zeros((1, 5, 5))}, "share a grid"),
        ({"pull": np.zeros((1, 6, 2))}, "A ≤ 5"),
        ({"lattice": (np.zeros((1, 4, 4, 2)), np.zeros((4, 4)))}, "do not fit"),
    ],
)
def test_a_scene_whose_parts_do_not_fit_is_refused(what, word):
    with pytest.raises(ValueError, match=word):
        Scene(plane(), **what)
    with pytest.raises(ValueError, match="curve 'D'"):
        Strip("loss", np.arange(3), [("D", np.arange(4.0), colours.D)])
