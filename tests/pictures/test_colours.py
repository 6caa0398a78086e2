"""The colours against simulated eyes and grey print."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dynamics.pictures import colours

# Machado, Oliveira & Fernandes (2009), deuteranopia at severity 1.0, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def cielab(linear):
    ratio = TO_XYZ @ linear / TO_XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(colour, eye):
    """CIELAB of a colour as an eye (or a grey print) has it."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    if eye == "deuteranopia":
        linear = np.clip(DEUTERANOPIA @ linear, 0, 1)
    if eye == "grey":
        linear = np.full(3, TO_XYZ[1] @ linear)
    return cielab(linear)


def closest(several, eye):
    return min(np.linalg.norm(seen(a, eye) - seen(b, eye)) for a, b in combinations(several, 2))


# CIELAB distances. 2.3 is just noticeable; eight times that is told apart at a glance, in thin lines too.
@pytest.mark.parametrize(("eye", "least"), [("normal", 45), ("deuteranopia", 25), ("grey", 19)])
def test_the_four_colours_stay_apart(eye, least):
    assert closest([colours.REAL, colours.GENERATED, colours.D, colours.G], eye) >= least


@pytest.mark.parametrize(("eye", "least"), [("normal", 28), ("deuteranopia", 20), ("grey", 12)])
def test_the_columns_colours_stay_apart(eye, least):
    assert closest(colours.COLUMNS, eye) >= least


def test_all_colours_stand_out_from_white():
    for colour in (colours.REAL, colours.GENERATED, colours.D, colours.G, *colours.COLUMNS):
        assert np.linalg.norm(seen(colour, "grey") - seen("white", "grey")) > 23


def test_heat_runs_from_white_to_generated_and_darkens_all_the_way():
    ramp = colours.heat_colours(32)
    assert tuple(ramp[0]) == (255, 255, 255)
    assert tuple(ramp[-1]) == tuple(round(255 * v) for v in to_rgb(colours.GENERATED))
    assert (np.diff(ramp.astype(int), axis=0) <= 0).all()


# D beside the best D*, and samples, beside the four. D's blue and the plum of "below" lean on hue: never side by side.
@pytest.mark.parametrize(("eye", "least"), [("normal", 35), ("deuteranopia", 25), ("grey", 7)])
def test_the_difference_has_colours_of_its_own(eye, least):
    four = [colours.REAL, colours.GENERATED, colours.D, colours.G]
    for colour in (colours.BELOW, colours.ABOVE):
        assert min(np.linalg.norm(seen(colour, eye) - seen(other, eye)) for other in four) >= least


@pytest.mark.parametrize(("eye", "least"), [("normal", 70), ("deuteranopia", 25), ("grey", 13)])
@pytest.mark.parametrize("ends", [(colours.GENERATED, colours.D), (colours.BELOW, colours.ABOVE)])
def test_a_diverging_ramp_tells_its_sides_apart(eye, least, ends):
    ramp = colours.diverging_colours(*ends, 17) / 255
    assert tuple(ramp[8]) == (1, 1, 1)
    lightness = [seen(colour, eye)[0] for colour in ramp]
    assert (np.diff(lightness[:9]) > 0).all()
    assert (np.diff(lightness[8:]) < 0).all()
    # a step from the middle is seen, and at half way and at the ends so is the side
    assert min(np.linalg.norm(seen(ramp[8], eye) - seen(ramp[k], eye)) for k in (7, 9)) > 2.3
    assert np.linalg.norm(seen(ramp[0], eye) - seen(ramp[-1], eye)) >= least
    assert np.linalg.norm(seen(ramp[4], eye) - seen(ramp[12], eye)) >= least / 3


@pytest.mark.parametrize("eye", ["normal", "deuteranopia", "grey"])
def test_lines_and_samples_are_seen_over_every_field(eye):
    ramps = [
        colours.heat_colours(8),
        colours.diverging_colours(colours.GENERATED, colours.D, 17),
        colours.diverging_colours(colours.BELOW, colours.ABOVE, 17),
    ]
    for under in np.vstack(ramps) / 255:
        assert np.linalg.norm(seen(colours.REAL, eye) - seen(under, eye)) > 30
        assert np.linalg.norm(seen(colours.SAMPLE, eye) - seen(under, eye)) > 12
        # an arrow is G's colour between edges of REAL: its own stands out from its edge, whatever is beneath
    assert np.linalg.norm(seen(colours.REAL, eye) - seen(colours.G, eye)) > 60


@pytest.mark.parametrize("eye", ["normal", "deuteranopia", "grey"])
def test_what_is_undetermined_is_no_level_of_a_field(eye):
    for ends in ((colours.GENERATED, colours.D), (colours.BELOW, colours.ABOVE)):
        middle = colours.diverging_colours(*ends, 17)[8] / 255
        assert np.linalg.norm(seen(colours.UNDETERMINED, eye) - seen(middle, eye)) > 9
    grey = to_rgb(colours.UNDETERMINED)
    assert grey[0] == grey[1] == grey[2]


def test_ramps_hold_their_ends_and_are_straight():
    ramp = colours.blend("#102030", "#50a0f0", 5)
    np.testing.assert_array_equal(ramp[[0, 2, 4]], [[0x10, 0x20, 0x30], [0x30, 0x60, 0x90], [0x50, 0xA0, 0xF0]])
    ramp = colours.diverging_colours("#000000", "#ff0000", 5)
    # four fifths of the depth: 255 - 0.8 (255 - c), c = 0, 127.5, 255
    np.testing.assert_allclose(ramp, [[51] * 3, [153] * 3, [255] * 3, [255, 153, 153], [255, 51, 51]], atol=1)
    with pytest.raises(ValueError, match="odd"):
        colours.diverging_colours("red", "blue", 6)
