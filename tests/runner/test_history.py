"""What was measured has one specification, which the file of a checkpoint and the program's arrays both keep."""

import numpy as np
import pytest

from dynamics.base.curves import CURVES
from dynamics.measures.measured import MEASURES
from dynamics.runner.history import (
    Extent,
    History,
    check_arrays,
    frames_first,
    from_arrays,
    specification,
    to_arrays,
    unmeasured,
)

EXTENT = Extent(entries=5, looks=4, frames=3, samples=7, modes=2, scores=("jsd", "w2"))
WIDTHS = (6, 9)  # of G's and D's parameters


def filled(members, seed=0):
    """A history of so many members, every number of it another; weights of all but the first."""
    rng = np.random.default_rng(seed)
    wanted = specification(members, EXTENT)
    curves, scores, measures = (
        {name: rng.normal(size=values.shape).astype(values.dtype) for name, values in arrays.items()}
        for arrays in (wanted.curves, wanted.scores, wanted.measures)
    )
    samples = rng.normal(size=wanted.samples.shape).astype(np.float16)
    pairs = {m: tuple(rng.normal(size=(3, n)).astype(np.float16) for n in WIDTHS) for m in range(1, members)}
    return History(curves=curves, scores=scores, measures=measures, samples=samples, weights=pairs)


def arrays_of(history):
    return to_arrays(history, tuple(np.stack([pair[i] for pair in history.weights.values()]) for i in (0, 1)))


def same(some, others):
    assert list(some.measured) == list(others.measured)
    for one, other in ((some.curves, others.curves), (some.measured, others.measured)):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert np.array_equal(some.samples, others.samples)
    assert list(some.weights) == list(others.weights)
    for m, pair in some.weights.items():
        assert all(map(np.array_equal, pair, others.weights[m]))


def test_the_program_has_members_first_and_files_have_frames_first():
    history = filled(4)
    arrays = arrays_of(history)
    for values in (*history.curves.values(), *history.measured.values(), history.samples):
        assert len(values) == 4
    assert arrays["samples"].shape == (3, 4, 7, 2)
    assert [arrays[f"weights.{player}"].shape for player in "gd"] == [(3, 3, 6), (3, 3, 9)]
    assert np.array_equal(arrays["samples"][2, 1], history.samples[1, 2])
    assert np.array_equal(arrays["weights.d"][2, 0], history.weights[1][1][2])
    assert np.array_equal(frames_first(frames_first(history.samples)), history.samples)


def test_a_file_gives_the_history_back():
    history = filled(4)
    arrays = arrays_of(history)
    check_arrays(arrays, 4, EXTENT, kept=3)
    back = from_arrays(arrays, [1, 2, 3])
    same(back, history)
    assert list(back.curves) == list(CURVES)
    assert list(back.measures) == list(MEASURES)


@pytest.mark.parametrize("name", ["curves.d_loss", "measured.jsd", "measured.mode_mass", "samples", "weights.g"])
def test_what_does_not_fit_is_refused_by_name(name):
    arrays = arrays_of(filled(4))
    for wrong in (arrays[name].astype(np.int32), arrays[name][:2], None):
        others = {n: wrong if n == name else values for n, values in arrays.items() if n != name or wrong is not None}
        with pytest.raises(ValueError, match=name):
            check_arrays(others, 4, EXTENT, kept=3)
    with pytest.raises(ValueError, match="does not belong"):
        check_arrays(arrays | {"measured.else": arrays["measured.jsd"]}, 4, EXTENT, kept=3)


def test_parts_are_gathered_where_their_members_are():
    """Two stacks' members, interleaved: row m of everything is member m's, and what nobody brought is NaN."""
    whole, odd, even = unmeasured(5, EXTENT), filled(2, 1), filled(2, 2)
    whole.enter((1, 3), odd)
    whole.enter((0, 4), even)
    for part, places in ((odd, (1, 3)), (even, (0, 4))):
        for k, m in enumerate(places):
            assert np.array_equal(whole.samples[m], part.samples[k])
            for name in part.measured:
                assert np.array_equal(whole.measured[name][m], part.measured[name][k])
            for name in part.curves:
                assert np.array_equal(whole.curves[name][m], part.curves[name][k])
    assert np.isnan(whole.samples[2]).all()
    assert all(np.isnan(values[2]).all() for values in (*whole.measured.values(), *whole.curves.values()))
    assert {m: pair[0].shape for m, pair in whole.weights.items()} == {3: (3, 6), 4: (3, 6)}
    assert np.array_equal(whole.weights[4][1], even.weights[1][1])


def test_a_specification_takes_no_room():
    large = specification(10**9, EXTENT)
    assert large.samples.shape == (10**9, 3, 7, 2)
    assert not any(large.samples.strides)
