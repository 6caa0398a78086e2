"""The programs of docs/library.md: each is short, runs as it stands, one after another in one folder, and does what the
page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dynamics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
# heading -> its programs
PROGRAMS = {
    title: re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
MOST_LINES = 15


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """The folder that all programs ran in, one after another, and what each printed, by its heading."""
    folder, words = tmp_path_factory.mktemp("library"), {}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for title, programs in PROGRAMS.items():
        words[title] = []
        for program in programs:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-c", program],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, f"{title}:\n{done.stderr}"
            words[title].append(done.stdout)
    return folder, words


def numbers(words):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", words)]


def test_every_heading_has_a_program_of_a_few_lines():
    assert len(PROGRAMS) >= 9
    for title, programs in PROGRAMS.items():
        assert programs, title
        for program in programs:
            lines = [line for line in program.splitlines() if line.strip()]
            assert len(lines) <= MOST_LINES, title
            assert max(map(len, lines)) <= 125, title


def test_a_stack_is_trained_into_a_run(printed):
    folder, words = printed
    *settings, report = words["Train many GANs"][0].splitlines()
    names = ["mixture_4-std0.2-d1", "mixture_4-std0.2-d5"]
    assert [line.partition(":")[0] for line in settings] == names
    for line, index in zip(settings, (0, 1), strict=True):
        assert re.search(r": \d\.\d\d \[\d\.\d\d, \d\.\d\d\] modes of 4$", line)
        estimate = dynamics.load(folder / "runs" / "ratios").estimate("modes_covered", index)
        assert numbers(line.partition(":")[2]) == pytest.approx(estimate[:3], abs=0.005)
    assert (folder / report).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_run_is_read_with_the_shapes_that_the_page_says(printed):
    curves, scores, samples, *members = printed[1]["Read a run"][0].splitlines()
    results = dynamics.load(printed[0] / "runs" / "ratios")
    assert curves == str((8, results.curve_steps.shape[1]))
    assert scores == str((8, results.snapshot_steps.shape[1]))
    assert samples == str((8, results.frame_steps.shape[1], 2048, 2))
    assert [line.split()[1] for line in members] == list("01230123")


def test_a_table_gives_means_by_d_steps(printed):
    results = dynamics.load(printed[0] / "runs" / "ratios")
    means = {n: f"{results.estimate('jsd', i).value:.3f}" for i, n in enumerate((1, 5))}
    assert printed[1]["A table for pandas or polars"][0].strip() == str(means)


def test_training_is_watched_and_stopped(printed):
    """It ends at the first snapshot at which all are good enough, and not before."""
    lines = [line.split(" ", 1) for line in printed[1]["Watch training as it happens"][0].splitlines()]
    assert [int(step) for step, _ in lines] == [50 * k for k in range(len(lines))]
    *before, last = [max(numbers(jsd)) for _, jsd in lines]
    assert last <= 0.3 < min(before) + 0.005
    assert len(lines) < 21


def test_a_branch_has_its_past_in_common_with_the_game_that_it_left(printed):
    session, branch = printed[1]["Play with a game: change, rewind, fork"][0].splitlines()
    assert session.startswith("2 D steps 200 ")
    assert branch.startswith("5 from step 100 on 200 ")
    (*past, stayed), (*same, changed) = numbers(session), numbers(branch)
    assert past == same
    assert stayed != changed


def test_a_loop_of_ones_own_learns(printed):
    """Untrained, a GAN's JSD is above 0.6 nats."""
    jsd = numbers(printed[1]["A training loop of your own"][0])
    assert len(jsd) == 3
    assert max(jsd) < 0.6


def test_networks_of_ones_own_are_trained_by_the_courses_functions(printed):
    folder, words = printed
    by_hand, course = words["Networks of your own"]
    d_loss, g_loss = numbers(by_hand)
    assert d_loss == pytest.approx(2 * np.log(2), abs=0.4)  # near where nobody can win
    assert g_loss == pytest.approx(np.log(2), abs=0.4)
    samples = torch.load(folder / "mine.pt")
    assert samples.shape == (2048, 2)
    untrained = torch.randn(2048, 2)
    target = dynamics.make_target("mixture")
    assert dynamics.score(samples, target)["jsd"] < dynamics.score(untrained, target)["jsd"]
    counts, answer = course.splitlines()
    assert counts == str(dict.fromkeys(("D", "G", "D(x)", "D(G(z))"), 3))
    assert answer.startswith("torch.Size([5, 2]) D says 0.")
    assert not (folder / "frames").exists()  # save_dir=None


def test_any_samples_are_scored(printed):
    folder, words = printed
    *scores, last = words["Score any samples"][0].splitlines()
    target = dynamics.make_target("mixture")
    known = dynamics.score(torch.load(folder / "mine.pt"), target)
    assert {line.partition(":")[0] for line in scores} == set(known)
    for line in scores:
        name, _, rest = line.partition(": ")
        assert numbers(rest)[0] == pytest.approx(known[name], abs=5e-4)
    # two Gaussians of std 1.2: at a centre, half of one, and the other's tail
    p = 1 / (2 * np.pi * 1.44)
    assert numbers(last)[:2] == pytest.approx([p * (0.5 + 0.5 * np.exp(-32 / 2.88)), p * np.exp(-8 / 2.88)], rel=1e-4)


def test_samples_of_ones_own_are_drawn(printed):
    folder, _ = printed
    with Image.open(folder / "end.png") as figure:
        assert min(figure.size) > 600
        pixels = np.asarray(figure.convert("RGB")).astype(int)
        reds = pixels[..., 0] - pixels[..., 2] > 100
        assert 0.01 < reds.mean() < 0.5
    with Image.open(folder / "way.gif") as film:
        assert film.n_frames == 25
        assert film.width == 640
    assert (folder / "way.pdf").read_bytes().startswith(b"%PDF")


def test_a_target_of_ones_own_is_trained_on_in_its_units(printed):
    scored, mean = printed[1]["Something of your own"][0].splitlines()
    results = dynamics.load(printed[0] / "runs" / "arc")
    assert scored == f"{results.words} {results.scores['jsd'][:, -1].round(2)}"
    x, y = numbers(mean.replace(".", ".0"))
    assert abs(x) < 60
    assert 20 < y < 110


# --- the course's function -------------------------------------------------------------------------------------------


def test_train_gan_returns_the_networks_that_it_trained(monkeypatch):
    """The same curves as without; the networks are those that the last step left: D's mean answer is the curve's."""
    import train

    how = {"num_steps": 4, "batch_size": 16, "plot_every": 2, "save_dir": None}
    torch.manual_seed(3)
    alone = train.train_gan("cpu", **how)
    torch.manual_seed(3)
    curves, G, D = train.train_gan("cpu", **how, return_networks=True)
    assert curves == alone
    seen = []
    real = train.train_generator
    monkeypatch.setattr(train, "train_generator", lambda G, D, *rest: (seen.append((G, D)), real(G, D, *rest))[1])
    torch.manual_seed(3)
    _, again, judge = train.train_gan("cpu", **how, return_networks=True)
    assert seen[-1] == (again, judge)
    for one, other in ((G, again), (D, judge)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


# --- pictures of anybody's samples ------------------------------------------------------------------------------------


def flat(points):
    return np.full(points.shape[:-1], 1 / 16)


def test_a_density_is_a_function_or_its_values_on_cells(tmp_path):
    """Both give the same bytes: cells are `density_maps.grid_points`."""
    from dynamics.pictures.density_maps import grid_points
    from dynamics.pictures.sample_densities import CELLS

    target, samples = dynamics.make_target("mixture_4"), np.random.default_rng(0).normal(size=(500, 2))
    half = target.half_width
    dynamics.draw_density(tmp_path / "a.png", samples, target.density, half)
    dynamics.draw_density(tmp_path / "b.png", samples, target.density(grid_points(half, CELLS)), half)
    dynamics.draw_density(tmp_path / "c.png", samples + 1, target.density, half)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("samples", "density", "half_width", "words"),
    [
        (np.zeros((5, 3)), flat, 2, r"samples must be points \(N, 2\) or moments .*, not \(1, 5, 3\)"),
        (np.zeros((0, 2)), flat, 2, "samples must be points"),
        (
            np.zeros((5, 2)),
            lambda x: -flat(x),
            2,
            "density must be finite and at least 0 everywhere",
        ),
        (np.zeros((5, 2)), np.ones((3, 4)), 2, r"density must be \(R, R\), not \(3, 4\)"),
        (np.zeros((5, 2)), flat, -1, "half_width must be a finite number > 0, not -1"),
    ],
)
def test_arrays_that_cannot_be_drawn_are_refused(samples, density, half_width, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        dynamics.draw_density(tmp_path / "a.png", samples, density, half_width)
    assert not list(tmp_path.iterdir())


def test_drawing_samples_needs_no_torch(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import dynamics, numpy as np\n"
        "flat = lambda x: np.full(x.shape[:-1], 1 / 16)\n"
        "dynamics.draw_density('a.png', np.zeros((9, 2)), flat, 2)\n"
        "dynamics.animate_density('a.gif', np.zeros((2, 9, 2)), flat, 2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.gif"}
