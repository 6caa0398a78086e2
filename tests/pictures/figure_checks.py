"""Made-up planes and courses, and what the tests of figures read off them."""

import numpy as np
from matplotlib.collections import PolyCollection
from scipy.stats import multivariate_normal

from dynamics.pictures.density_maps import Plane, grid_points
from dynamics.pictures.settings_over_training import Clock, Track

HALF = 4.0
CENTRES = np.array([(2.0, 2.0), (-2.0, 2.0), (2.0, -2.0), (-2.0, -2.0)])


def mixture(centres, std, resolution):
    points = grid_points(HALF, resolution)
    return np.mean([multivariate_normal(c, std**2).pdf(points) for c in centres], axis=0)


def plane(centres=CENTRES, std=0.3, moments=1, n=4000, title="mixture_4 · std 0.3"):
    """A member that covers the given ones of four modes, perfectly, at every moment."""
    rng = np.random.default_rng(0)
    centres = np.asarray(centres)
    samples = centres[np.arange(n) % len(centres)] + std * rng.normal(size=(moments, n, 2))
    return Plane(title, mixture(CENTRES, std, 128), samples, [f"{len(centres)} of 4 modes"] * moments, 0.1)


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)


def pixel(image, axes, point):
    """The colour that a figure's pixels show at a point of an axes' data."""
    x, y = axes.transData.transform(point)
    return image[image.shape[0] - 1 - int(y), int(x)]


def height(line):
    return np.asarray(line.get_ydata(), float)


def assert_nothing_clipped(figure):
    """Every word and mark lies within the page."""
    figure.canvas.draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


def tick_labels(axis):
    """Labels of the major ticks that an axis shows."""
    low, high = sorted(axis.get_view_interval())
    return [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_visible()]


def shown_labels(axis):
    return [label.get_text() for label in tick_labels(axis)]


def assert_nothing_overlaps(figure):
    """No two words of a figure meet: titles, remarks, legends' entries, labels, tick labels."""
    figure.draw_without_rendering()
    texts = list(figure.texts)
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        texts += legend.get_texts() if legend else []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            texts += [axis.label, *tick_labels(axis)]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    places = [axes.get_window_extent() for axes in figure.axes]
    for k, box in enumerate(boxes):
        for other in boxes[k + 1 :]:
            assert not box.overlaps(other)
    for legend in figure.legends:
        assert not any(legend.get_window_extent().overlaps(place) for place in places)


def courses(settings, seeds=8, snapshots=26, best=0.02):
    """JSD-like courses, a (seeds, snapshots) per setting, each falling at its own rate."""
    rng = np.random.default_rng(0)
    decay = np.exp(-np.linspace(0, 1, snapshots) * (3 + np.arange(settings)[:, None]))
    return list((best + 0.6 * decay)[:, None] * np.exp(rng.normal(0, 0.1, (settings, seeds, snapshots))))


def clocks(settings, count=3, end=500.0):
    """Equal generator steps, which are ever more updates and ever more seconds from setting to setting."""
    steps = np.linspace(0, end, 26)
    named = [
        Clock("generator steps", [steps] * settings),
        Clock("updates of D and G", [steps * (2 + i) for i in range(settings)]),
        Clock("seconds of one core", [steps * (1 + 0.3 * i) * 6e-4 for i in range(settings)]),
    ]
    return named[:count]


def tracks(settings, count=2, seeds=8):
    labels = ["JSD, nats", "Wasserstein-2, data units", "modes covered", "share of samples of high quality"]
    return [Track(label, courses(settings, seeds), (0.0165, 0.0014)) for label in labels[:count]]


def names(settings):
    return [f"{i + 1} D steps · lr 0.0001 · loss nonsaturating" for i in range(settings)]


def words(figure):
    return [text.get_text() for text in figure.texts]


def band(axes, which=0):
    """The outline (K, 2) of one of an axes' bands."""
    bands = [c for c in axes.collections if isinstance(c, PolyCollection)]
    return bands[which].get_paths()[0].vertices


STEPS = np.arange(26) * 20


def with_modes(centres, samples=((0.0, 0.0),), notes=("",)):
    samples = np.asarray(samples, float).reshape(len(notes), -1, 2)
    return Plane("", np.ones((64, 64)), samples, list(notes), 0.3, np.asarray(centres, float))
