"""Operations recorded once and replayed: the same numbers as what was recorded, in every lane."""

import numpy as np
import pytest
import torch

from dynamics.engine.recording import EXACT, Lanes, Recording


def test_a_recording_does_again_what_was_done():
    """Everything at once: slopes of slopes, views, numbers changed in place, constants, buffers used again."""
    x, w, total = torch.arange(12.0).reshape(3, 4), torch.ones(4, 2), torch.zeros(2)

    def step():
        leaf = w.detach().requires_grad_()
        y = torch.tanh(x @ leaf) * torch.ones_like(x[:, :2])
        (slope,) = torch.autograd.grad(y.square().sum(), leaf, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), leaf)
        total.add_(y.detach().sum(0))
        w.sub_(0.1 * second / (1 + second.abs()))

    recording = Recording(step)
    for _ in range(3):
        w_before, total_before = w.clone(), total.clone()
        recording.replay()
        ours = w.clone(), total.clone()
        w.copy_(w_before)
        total.copy_(total_before)
        step()
        assert torch.equal(w, ours[0])
        assert torch.equal(total, ours[1])
        x.mul_(-0.7)  # what was there before is read where it is


def test_a_recording_keeps_little_memory():
    """A chain of any length needs two buffers."""
    x, out = torch.ones(1000), torch.zeros(1000)

    def chain():
        y = x
        for _ in range(50):
            y = y * 1.01
        out.copy_(y)

    recording = Recording(chain)
    assert len({t.untyped_storage().data_ptr() for t in recording.tensors()}) <= 4
    recording.replay()
    torch.testing.assert_close(out, torch.full((1000,), 1.01**50))


def test_what_does_not_depend_on_numbers_is_computed_once():
    x, out = torch.ones(3), torch.zeros(3)
    recording = Recording(lambda: out.copy_(x + torch.ones(3) * 2 + torch.zeros_like(x)))
    assert len(recording.steps()) == 3  # two sums and the copy
    x.fill_(5)
    recording.replay()
    assert out.tolist() == [7, 7, 7]


def test_zeros_that_are_changed_are_zeros_again():
    x, out = torch.ones(3), torch.zeros(3)

    def step():
        fresh = torch.zeros(3)
        fresh.add_(x)
        out.copy_(fresh)

    recording = Recording(step)
    for _ in range(2):
        recording.replay()
        assert out.tolist() == [1, 1, 1]


def test_a_step_that_depends_on_values_is_refused():
    x = torch.ones(3)
    with pytest.raises(ValueError, match="looks at a tensor's values"):
        Recording(lambda: x.add_(1) if x.sum() > 2 else x)


# --- lanes: several members at a table ------------------------------------------------------------------------------

UNARY = {"neg", "abs", "sign", "sqrt", "relu", "logical_not", "clone", "zero_"}


def carried_out(operation, a, b):
    """What an exact operation makes of numbers; some change them instead."""
    name = operation.__name__
    if name in ("cat", "stack"):
        return operation([a, b], -1)
    if name in ("where", "masked_fill"):
        return operation(a > b, a, b) if name == "where" else operation(a, a > b, 0.5)
    more = {"pow": (2,), "clamp_min": (0.25,), "fill_": (0.25,), "threshold_backward": (b, 0)}
    return operation(a) if name in UNARY else operation(a, *more.get(name, (b,)))


@pytest.mark.parametrize("operation", sorted(EXACT, key=str), ids=str)
def test_exact_operations_give_the_same_bits_for_all_lanes_at_once(operation):
    """Each of four lanes beside an operation of its own, for numbers of any size, at the lengths of two registers."""
    random = np.random.default_rng(0)
    for length in range(1, 66):
        numbers = random.normal(size=(2, 4, length)) * 10.0 ** random.integers(-30, 20, (2, 4, length))
        numbers[0, :, ::5], numbers[1, :, ::3] = 0, -0.0
        a, b = torch.from_numpy(numbers.astype(np.float32))
        alone = [carried_out(operation, x.clone(), y.clone()) for x, y in zip(a, b, strict=True)]
        x, y, out = a[0].clone(), b[0].clone(), torch.empty_like(alone[0])
        lanes = Lanes(4)
        lanes.add(x, y, out)
        recording = Recording(lambda x=x, y=y, out=out: out.copy_(carried_out(operation, x, y)), lanes)
        lanes.of(x).copy_(a)
        lanes.of(y).copy_(b)
        recording.replay(4)
        assert len(recording.steps(4)) <= 3  # itself, a comparison and the copy
        for single, together in zip(alone, lanes.of(out), strict=True):
            assert single.numpy().tobytes() == together.numpy().tobytes()


def test_lanes_that_have_no_turn_stay_as_they_are():
    x = torch.arange(3.0)
    lanes = Lanes(3)
    lanes.add(x)
    recording = Recording(lambda: x.add_(torch.tanh(x)), lanes)
    before = lanes.of(x).clone()
    recording.replay(2)
    torch.testing.assert_close(lanes.of(x)[:2], before[:2] + torch.tanh(before[:2]))
    assert torch.equal(lanes.of(x)[2], before[2])


def test_what_lanes_share_is_read_and_not_changed():
    x, shared = torch.ones(2), torch.full((2,), 5.0)
    lanes = Lanes(2)
    lanes.add(x)
    recording = Recording(lambda: x.mul_(shared), lanes)
    shared.fill_(7)
    recording.replay(2)
    assert lanes.of(x).tolist() == [[7, 7], [7, 7]]
    with pytest.raises(ValueError, match="changes what all lanes share"):
        Recording(lambda: shared.add_(x), lanes)
