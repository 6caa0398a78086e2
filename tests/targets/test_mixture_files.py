"""A mixture of one's own against its equation, against the built-in ones, and against whatever a file may hold."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from dynamics.base.streams import Streams
from dynamics.measures import metrics
from dynamics.measures.metrics import measure, null_scores, score, total_variance
from dynamics.measures.transport import w2
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting
from dynamics.targets import user_files
from dynamics.targets.densities import Mixture
from dynamics.targets.file_targets import GeneralMixture
from dynamics.targets.mixture_files import MOST_MODES, Blend
from dynamics.targets.registry import TARGETS, make_target, target_for
from dynamics.targets.user_files import read
from dynamics.targets.user_units import PLANE, DataError

BUILT_IN = [mode for mode in TARGETS if isinstance(make_target(mode), Mixture)]
CENTRES = np.array([[3.0, 3.0], [-3.0, 2.0], [0.0, -3.5]])
WEIGHTS = np.array([0.6, 0.3, 0.1])
COVARIANCES = np.array([[[0.01, 0.0], [0.0, 0.01]], [[0.5, 0.15], [0.15, 0.08]], [[0.04, -0.05], [-0.05, 0.3]]])


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str | bytes], str]:
    def write(text: str | bytes) -> str:
        path = tmp_path / "mine.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        user_files._read.cache_clear()  # a clock may not tell two writes apart
        return str(path)

    return write


def written(centres: np.ndarray, weights: Any = None, stds: Any = None, covariances: np.ndarray | None = None) -> str:
    lists = {"weights": weights, "stds": stds, "covariances": covariances}
    rest = [f"{key} = {np.asarray(values).tolist()}" for key, values in lists.items() if values is not None]
    return "\n".join([f"centres = {np.asarray(centres).tolist()}", *rest]) + "\n"


UNEQUAL = written(CENTRES, WEIGHTS * 10, covariances=COVARIANCES)


def blend_of(path: str) -> Blend:
    data = read(path)
    assert isinstance(data, Blend)
    return data


def drawn(path: str, n: int, seed: int = 0) -> np.ndarray:
    return make_target(path).sample(n, Streams([seed], "choice"), Streams([seed], "noise"))[0].double().numpy()


def exact(x: np.ndarray, centres: np.ndarray, weights: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    parts = zip(weights / weights.sum(), centres, covariances, strict=True)
    terms = [math.log(w) + stats.multivariate_normal(c, v).logpdf(x) for w, c, v in parts]
    return np.asarray(np.logaddexp.reduce(terms))


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (1e-4, 0.0), (20.0, 60.0), (1e30, -3e30)])
def test_the_density_is_the_mixture_s_in_its_own_units(toml: Any, factor: float, shift: float) -> None:
    """p(own) = p(plane) · scale²; with shifts as large as the whole a few digits go."""
    centres, covariances = CENTRES * factor + shift, COVARIANCES * factor**2
    target = make_target(toml(written(centres, WEIGHTS, covariances=covariances)))
    assert target.placing.stays == (factor == 1.0)
    rng = np.random.default_rng(0)
    user_points = centres[rng.integers(0, 3, 300)] + factor * rng.normal(0, 2, (300, 2))
    log_density = target.log_prob(torch.from_numpy(target.placing.to_plane(user_points))).numpy() + 2 * math.log(
        target.placing.scale
    )
    np.testing.assert_allclose(log_density, exact(user_points, centres, WEIGHTS, covariances), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", BUILT_IN)
@pytest.mark.parametrize("given", ["stds", "one std", "covariances", "--std"])
def test_a_built_in_mixture_written_down_is_that_mixture(toml: Any, mode: str, given: str) -> None:
    """To the bit where it is sampled, whichever way its widths are given."""
    built_in = make_target(mode)
    assert isinstance(built_in, Mixture)
    k, std = len(built_in.centres), built_in.std
    rest: dict[str, dict[str, Any]] = {
        "stds": {"stds": [std] * k, "weights": [7] * k},
        "one std": {"stds": std},
        "covariances": {"covariances": np.tile(std**2 * np.eye(2), (k, 1, 1))},
        "--std": {},
    }
    text = written(np.array(built_in.centres), **rest[given])
    target = make_target(toml(text), std if given == "--std" else None)
    assert isinstance(target, GeneralMixture)
    if mode == "gaussian" and given != "--std":
        assert target.placing.stays
    if target.placing.stays:
        assert target.half_width == built_in.half_width
        assert target.uses_choice == built_in.uses_choice
        u, n = Streams(range(3), "choice").uniform(500, 2), Streams(range(3), "noise").normal(500, 2)
        choice, noise = torch.from_numpy(u), torch.from_numpy(n)
        from_written, from_built_in = target.transform(choice, noise), built_in.transform(choice, noise)
        same = (from_written == from_built_in).all(-1)
        if mode == "grid_25":  # a weight of 1/25 is no binary number: one draw in 2²⁴ may fall to the neighbour
            assert same.float().mean() > 0.999
        else:
            assert same.all()
        x = from_built_in.double()
        torch.testing.assert_close(target.log_prob(x), built_in.log_prob(x), rtol=1e-12, atol=1e-10)
        measured, expected = measure(from_written.numpy(), target), measure(from_built_in.numpy(), built_in)
        for name in expected.scores:
            np.testing.assert_allclose(measured.scores[name], expected.scores[name], rtol=1e-4, atol=5e-3, err_msg=name)
        assert target.relief is None  # its contour lines are its density's
    else:
        assert mode == "ring_8_unit" or given == "--std"


def test_a_mode_s_samples_have_its_share_mean_and_covariance(toml: Any) -> None:
    n = 2**17
    x = drawn(toml(UNEQUAL), n, 5)
    nearest = np.linalg.norm(x[:, None] - CENTRES, axis=-1).argmin(1)  # 10 and more std apart
    for k, (centre, weight, covariance) in enumerate(zip(CENTRES, WEIGHTS, COVARIANCES, strict=True)):
        mode_points = x[nearest == k]
        assert abs(len(mode_points) / n - weight) < 5 * math.sqrt(weight * (1 - weight) / n)
        white = np.linalg.solve(np.linalg.cholesky(covariance), (mode_points - centre).T)
        assert np.abs(white.mean(1)).max() < 5 / math.sqrt(len(mode_points))
        np.testing.assert_allclose(np.cov(white), np.eye(2), atol=5 * math.sqrt(2 / len(mode_points)))


def test_a_perfect_generator_s_quality_is_that_of_each_mode_s_own_width(toml: Any) -> None:
    """1 − e^(−9/2) of every mode, whatever its shape; of the narrow mode's std, less than 0.7 would be."""
    n, quality = 2**18, 1 - math.exp(-4.5)
    target = make_target(toml(UNEQUAL))
    measured = measure(drawn(toml(UNEQUAL), n)[None], target)
    assert measured.mass is not None
    assert measured.shape is not None
    error = 5 * math.sqrt(quality * (1 - quality) / n)
    assert abs(measured.scores["high_quality"][0] - quality) < error
    np.testing.assert_allclose(measured.mass[0], quality * WEIGHTS, atol=5 * math.sqrt(0.25 / n))
    np.testing.assert_allclose(measured.shape[0], 1, atol=5 * math.sqrt(2 / (0.1 * n)))
    assert (measured.scores["modes_covered"][0], measured.scores["modes_hit"][0]) == (3, 3)
    assert measured.scores["reverse_kl"][0] < 5e-5  # about (K − 1) / 2N
    assert null_scores(target)["high_quality"][0] == pytest.approx(quality, abs=1e-3)
    assert null_scores(target)["modes_covered"] == (3, 0)


def test_scores_do_not_depend_on_the_axes(toml: Any) -> None:
    """A mixture and its samples under one linear map: the distances in modes' own std stay, so do their scores."""
    map_ = np.array([[0.8, 0.3], [-0.2, 1.1]])
    rng = np.random.default_rng(3)
    samples = np.concatenate([c + rng.normal(0, 0.4, (300, 2)) for c in CENTRES[:2]])
    here, shapes = [], []
    for a in (np.eye(2), map_):
        text = written(CENTRES @ a.T, WEIGHTS, covariances=a @ COVARIANCES @ a.T)
        # b as b: the file's numbers are those of a matrix that is symmetric to the bit
        covariances = a @ COVARIANCES @ a.T
        covariances[:, 1, 0] = covariances[:, 0, 1]
        text = written(CENTRES @ a.T, WEIGHTS, covariances=covariances)
        target = make_target(toml(text))
        assert target.placing.stays
        measured = measure((samples @ a.T)[None], target)
        assert measured.mass is not None
        assert measured.shape is not None
        here.append([measured.scores[n][0] for n in ("modes_covered", "modes_hit", "high_quality", "reverse_kl")])
        shapes.append([measured.mass[0], measured.shape[0][:2]])
    np.testing.assert_allclose(here[0], here[1], rtol=1e-12)
    np.testing.assert_allclose(shapes[0][0], shapes[1][0], rtol=1e-12)
    np.testing.assert_allclose(shapes[0][1], shapes[1][1], rtol=1e-9)


def test_a_long_mode_that_is_flattened_has_half_its_shape(toml: Any) -> None:
    """Along its short axis alone, which its trace would not notice: 1 × 0.05, flattened to 1 × 0."""
    covariance = np.diag([1.0, 0.0025])
    path = toml(written(np.array([[0.0, 2.0], [0.0, -2.0]]), covariances=np.stack([covariance] * 2)))
    x = drawn(path, 2**15)
    flat = np.stack([x[:, 0], np.sign(x[:, 1]) * 2.0], -1)
    shape = measure(np.stack([x, flat]), make_target(path)).shape
    assert shape is not None
    np.testing.assert_allclose(shape[0], 1, atol=0.03)
    # of what is left, x² of a Gaussian within 3 std, over both axes' of one cut off at the same ellipse
    cut = stats.truncnorm(-3, 3).var() / (2 * metrics._TRUNCATED)
    np.testing.assert_allclose(shape[1], cut, atol=0.02)


def test_a_narrow_mode_inside_a_wide_one_is_held(toml: Any) -> None:
    """Within 3 of its std the narrow one is likelier (e^−4.5 / 0.1² is more than 1 / 1.5²), beyond it the wide."""
    n, path = 2**17, toml(written([[0.0, 0.0], [0.0, 0.0]], [1, 1], stds=[0.1, 1.5]))
    target = make_target(path)
    measured = measure(drawn(path, n)[None], target)
    assert measured.mass is not None
    assert measured.shape is not None

    def within(radius: float, std: float) -> float:
        return 1 - math.exp(-0.5 * (radius / std) ** 2)

    narrow = 0.5 * within(0.3, 0.1) + 0.5 * within(0.3, 1.5)
    good = 0.5 * within(4.5, 0.1) + 0.5 * within(4.5, 1.5)
    error = 5 * math.sqrt(0.25 / n)
    np.testing.assert_allclose(measured.mass[0], [narrow, good - narrow], atol=error)
    assert measured.scores["high_quality"][0] == pytest.approx(good, abs=error)
    assert measured.scores["modes_covered"][0] == 2
    np.testing.assert_allclose(measured.shape[0], 1, atol=0.03)
    assert null_scores(target)["high_quality"][0] == pytest.approx(good, abs=2e-3)
    assert null_scores(target)["modes_covered"] == (2, 0)


def test_moments_and_distances(toml: Any) -> None:
    """Trace of the covariance: Σ w (tr Σ_k + |μ_k|²) − |Σ w μ_k|²; a generator's own samples are at W2 near 0."""
    path = toml(UNEQUAL)
    mean = WEIGHTS @ CENTRES
    trace = WEIGHTS @ (np.trace(COVARIANCES, axis1=1, axis2=2) + (CENTRES**2).sum(1)) - mean @ mean
    assert total_variance(make_target(path)) == pytest.approx(trace, rel=2e-3)
    x = drawn(path, 2048)
    near, moved = w2(np.stack([x, x + np.array([3.0, 4.0])]), make_target(path))
    assert moved == pytest.approx(5, abs=0.5)
    assert near < 1
    assert abs(score(x, make_target(path))["spread"] - 1) < 0.1


def test_unequal_modes_are_outlined_by_their_own_widths(toml: Any) -> None:
    """At −d²/2 along an ellipse d std from its mode, however high that is; by the density where all are alike."""
    relief = make_target(toml(UNEQUAL)).relief
    assert relief is not None
    turn = np.linspace(0, 2 * np.pi, 12)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    for centre, covariance, d in zip(CENTRES, COVARIANCES, (1, 2, 3), strict=True):
        x = centre + d * (np.linalg.cholesky(covariance) @ circle).T
        np.testing.assert_allclose(relief(torch.from_numpy(x)), -0.5 * d**2, rtol=1e-9)
    assert make_target(toml(written(CENTRES, stds=0.3))).relief is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_away_nothing_is_nan(toml: Any, dtype: torch.dtype) -> None:
    target = make_target(toml(UNEQUAL))
    far = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=2)), dtype=dtype)
    x = torch.cat([size * far for size in (0.1, 30.0, 1e6, 1e30)]).requires_grad_()
    log_p = target.log_prob(x)
    (slope,) = torch.autograd.grad(log_p[:27].sum(), x)
    assert not log_p.isnan().any()
    assert log_p[:27].isfinite().all()
    assert slope.isfinite().all()
    y = target.sample(20, Streams([2], "choice"), Streams([2], "noise"))[0].double().requires_grad_()
    assert torch.autograd.gradcheck(target.log_prob, y)


# --- where it lies, and how wide --------------------------------------------------------------------------------------


def test_what_stays_and_what_is_scaled(toml: Any) -> None:
    """Three std to either side fill [-4, 4] along the longer side; the built-in mixtures stay as they are."""
    data = blend_of(toml(written([[20, 0], [100, 100]], stds=[2, 4])))
    middle, side = ((14 + 112) / 2, (-6 + 112) / 2), 118
    assert data.placing.middle == pytest.approx(middle)
    assert data.placing.scale == pytest.approx(8 / side)
    assert data.covariances is not None
    np.testing.assert_allclose(np.sqrt(data.covariances[:, 0, 0]), np.array([2, 4]) * 8 / side)
    np.testing.assert_allclose(data.placing.to_user(data.centres), [[20, 0], [100, 100]])
    assert data.note == "2 modes, moved by (-63, -53) and scaled by 0.0677966"
    for centres, stds, stays in (
        ([[4, 4], [-4, 4]], 1.2, True),
        ([[4.01, 4], [-4, 4]], 1.2, False),
        ([[0, 0]], 1 / 3, True),
        ([[0, 0]], 0.33, False),
        ([[0, 0]], 8 / 3, True),
        ([[0, 0]], 2.7, False),
        ([[0, 0]], None, True),
        ([[1, 0], [-1, 0]], None, True),
        ([[0.9, 0], [-1, 0]], None, False),
        ([[5, 0]], None, False),
    ):
        assert (blend_of(toml(written(centres, stds=stds))).placing == PLANE) is stays, (centres, stds)


def test_std_is_asked_for_where_the_file_says_none(toml: Any) -> None:
    wide = toml(written(CENTRES * 100, WEIGHTS))
    with pytest.raises(DataError, match="neither stds nor covariances; give a std"):
        make_target(wide)
    target = make_target(wide, 20)
    assert target.user_std == pytest.approx(20)
    assert target.std == pytest.approx(20 * 8 / 650)
    assert target.modes is not None
    np.testing.assert_allclose(target.modes.stds, target.std)
    assert make_target(wide, 20) is target
    with pytest.raises(ValueError, match=r"must be at least 0\.8125, not 0\.8"):
        make_target(wide, 0.8)
    path = toml(UNEQUAL)
    assert make_target(path).user_std is None
    with pytest.raises(ValueError, match=r"says how wide its modes are; leave --std 0\.2 out"):
        make_target(path, 0.2)
    assert target_for(Setting(mode=path)) is make_target(path)
    # the least in any direction: 0.1 of the first, and less across the last one's length
    assert make_target(path).std == pytest.approx(min(np.sqrt(np.linalg.eigvalsh(v)[0]) for v in COVARIANCES))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("weights = [1]", "has no centres; write centres = [[2, 2], [-2, -2]]"),
        ("centers = [[1, 2]]", "centers: there is no such key; a mixture has centres, weights, stds, covariances (did"),
        ("centres = 3", "centres = 3: must be a list, for each mode a pair [x, y] of numbers"),
        ("centres = []", "centres = []: must be a list"),
        ("centres = [1, 2]", "centres: of mode 1, 1: must be a pair [x, y] of numbers, each a finite number"),
        ("centres = [[1, 2], [1, 2, 3]]", "centres: of mode 2, [1, 2, 3]: must be a pair"),
        ("centres = [[1, true]]", "centres: of mode 1, [1, True]: must be a pair"),
        ("centres = [[1, nan]]", "centres: of mode 1, [1, nan]: must be a pair"),
        ("centres = [[1, 1e101]]", "of at most 1e+100 in size"),
        (f"centres = [[1, 1{'0' * 400}]]", "of at most 1e+100 in size"),
        ('centres = [[1, "2"]]', "centres: of mode 1, [1, '2']: must be a pair"),
        ("centres = [[1, 2]]\nweights = [1, 2]", "weights: are 2, and centres 1; give one for each mode"),
        ("centres = [[1, 2]]\nweights = 1", "weights = 1: must be a list"),
        ("centres = [[1, 2]]\nweights = [0]", "weights: of mode 1, 0: must be a number above 0"),
        ("centres = [[1, 2]]\nweights = [-1]", "weights: of mode 1, -1: must be a number above 0"),
        ("centres = [[1, 2], [0, 0]]\nweights = [1, 1e-10]", "weights: each must be at least 1e-09 of their sum"),
        ("centres = [[1, 2]]\nstds = [0]", "stds: of mode 1, 0: must be a number above 0"),
        ("centres = [[1, 2]]\nstds = 'wide'", "stds: of mode 1, 'wide': must be a number above 0"),
        ("centres = [[1, 2]]\nstds = [1]\ncovariances = [[[1, 0], [0, 1]]]", "has stds and covariances; give one"),
        ("centres = [[1, 2]]\ncovariances = [[1, 1]]", "covariances: of mode 1, [1, 1]: must be a matrix"),
        ("centres = [[1, 2]]\ncovariances = [[[1, 0], [1, 1]]]", "a matrix [[a, b], [b, c]] of numbers, a > 0 and a c"),
        ("centres = [[1, 2]]\ncovariances = [[[1, 1], [1, 1]]]", "a > 0 and a c > b²"),
        ("centres = [[1, 2]]\ncovariances = [[[1e99, 1e99], [1e99, 1e99]]]", "a c > b²"),
        ("centres = [[1, 2]]\ncovariances = [[[-1, 0], [0, -1]]]", "a > 0"),
        ("centres = [[1, 2], [3, 3]]\nstds = [1, 0.001]", "mode 2 has a std of 0.001; it must be at least 0.01"),
        ("centres = [[1, 2], [9e5, 0]]\nstds = [1, 1]", "mode 1 has a std of 1; it must be at least 1125, where all"),
        ("centres = [[1, 2]", "not a TOML file (Unclosed array"),
        ("centres = [[1, 2]]\na.b.c = 1", "a: there is no such key"),
        ("a" + ".a" * 201 + " = 1", "line 1 has more than 200 dots"),
        (b"\xff\xfe", "not a TOML file (line 1 is no text in UTF-8)"),
        ("[" * 5000, "not a TOML file"),
        (
            f"centres = {[[k, 1] for k in range(MOST_MODES + 1)]}",
            f"centres: are 1001; a mixture has at most {MOST_MODES}",
        ),
        ("#" + "x" * 2**18, "is larger than 256 kB"),
    ],
)
def test_what_is_refused(toml: Any, text: str | bytes, message: str) -> None:
    path = toml(text)
    with pytest.raises(DataError) as caught:
        read(path)
    complaint = str(caught.value)
    assert isinstance(caught.value, OptionError)  # which the command line answers with that line, and status 2
    assert complaint.startswith(f"{path}: ")
    assert message in complaint
    assert complaint.isprintable()


def test_as_many_modes_as_there_may_be_stand_on_one_line(toml: Any) -> None:
    """Thousands of decimal points are no dotted keys."""
    centres = [[0.5 * (k % 40) + 0.25, 0.5 * (k // 40) + 0.125] for k in range(MOST_MODES)]
    data = blend_of(toml(written(np.array(centres), np.full(MOST_MODES, 0.5), np.full(MOST_MODES, 0.1))))
    assert data.centres.shape == (MOST_MODES, 2)


# --- whatever comes ---------------------------------------------------------------------------------------------------

hypothesis = pytest.importorskip("hypothesis")
strategies = hypothesis.strategies
many = hypothesis.settings(
    max_examples=int(os.environ.get("FUZZ", "50")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)


def holds_or_is_refused(path: Path, content: bytes) -> Blend | None:
    path.write_bytes(content)
    user_files._read.cache_clear()
    try:
        data = read(str(path))
    except DataError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert message.isprintable()
        assert len(message) < 500 + len(str(path))
        return None
    assert isinstance(data, Blend)
    assert np.isfinite(data.centres).all()
    assert np.abs(data.centres).max() <= 4 + 1e-9
    assert data.weights.min() > 0
    assert data.weights.sum() == pytest.approx(1)
    if data.covariances is not None:
        widths = np.sqrt(np.linalg.eigvalsh(data.covariances))
        assert widths.min() > 0.0099
        assert widths.max() < 1001
        target = make_target(str(path))
        x = torch.from_numpy(drawn(str(path), 50))
        assert target.log_prob(x).isfinite().all()
        assert np.isfinite(target.half_width)
    return data


toml_numbers = (
    strategies.floats().map(repr)
    | strategies.integers(-(10**40), 10**40).map(str)
    | strategies.sampled_from(["0", "1", "0.2", "-2", "2.5e1", "true", '"a"', "nan", "1979-05-27", "0x1f", "1_0"])
)
nested = strategies.recursive(
    toml_numbers,
    lambda inner: strategies.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
    max_leaves=12,
)
keys = strategies.sampled_from(
    ["centres", "weights", "stds", "covariances", "centers", "a.b", '"centres"', "[centres]"]
)
mixtures = strategies.lists(
    strategies.tuples(keys, nested).map(lambda pair: f"{pair[0]} = {pair[1]}") | strategies.text(max_size=12),
    max_size=4,
).map(lambda lines: "\n".join(lines).encode(errors="replace"))


@many
@hypothesis.given(content=strategies.binary(max_size=200) | mixtures)
def test_any_file_holds_or_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    holds_or_is_refused(tmp_path / "any.toml", content)


sized = strategies.floats(-1e100, 1e100)


@many
@hypothesis.given(
    modes=strategies.lists(
        strategies.tuples(sized, sized, strategies.floats(1e-100, 1e100), strategies.floats(1e-3, 1e3)),
        min_size=1,
        max_size=5,
    )
)
def test_any_numbers_hold_or_are_refused_in_one_line(tmp_path: Path, modes: list[tuple[float, ...]]) -> None:
    x, y, std, weight = (list(column) for column in zip(*modes, strict=True))
    centres = np.stack([x, y], -1)
    data = holds_or_is_refused(tmp_path / "any.toml", written(centres, weight, std).encode())
    if data is not None:
        size = max(np.abs(centres).max(), max(std))
        assert data.placing.to_user(data.centres) == pytest.approx(centres, abs=1e-9 * size)


@many
@hypothesis.given(
    modes=strategies.lists(
        strategies.tuples(
            *[strategies.floats(-4, 4)] * 2, *[strategies.floats(0.05, 2)] * 2, strategies.floats(-0.99, 0.99)
        ),
        min_size=1,
        max_size=4,
    ),
    grow=strategies.sampled_from([1.0, 1e-6, 37.0, 1e12]),
)
def test_any_mixture_of_common_size_is_taken(tmp_path: Path, modes: list[tuple[float, ...]], grow: float) -> None:
    centres = np.array([m[:2] for m in modes]) * grow
    covariances = np.array([[[a * a, r * a * b], [r * a * b, b * b]] for _, _, a, b, r in modes]) * grow**2
    narrow = math.sqrt(np.linalg.eigvalsh(covariances).min()) < 0.0126 * 6 * grow  # of at most 8 + 12 in all
    data = holds_or_is_refused(tmp_path / "any.toml", written(centres, covariances=covariances).encode())
    assert data is not None or narrow
