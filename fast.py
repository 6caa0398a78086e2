"""The fast path: forward and backward passes written out, into buffers that are kept, one member after another.

On a CPU, what costs beside the products themselves is autograd's bookkeeping, fresh memory for every result, and
activations that no longer fit the second-level cache. So a member is trained alone for a block of steps, in plain
matrix products `out=` buffers that all members share: nothing is allocated, its parameters and activations stay in the
cache, and the arithmetic of a member cannot depend on which others there are. The bias is the last row of a layer's
matrix and meets a column of ones, so one product gives a layer, and one its whole gradient:

    h' = act([h 1] W)        ∂W = [h 1]ᵀ δ        δ_below = (δ Wᵀ without the bias row) ∘ act'(h)

While D is trained, G stands still: the fakes of all D steps of a round, and the first half of its G step, are one
forward pass. `AutogradStack` in train.py is the slow, obvious reference; a test holds the two together in float64.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from curves import Curves
from GAN import MLP, make_pair
from losses import LOSSES
from sample import make_target
from settings import Setting
from streams import Streams
from updates import make_optimizer

_BLOCK = 32  # generator steps that a member is trained before the next one's turn, and whose draws are made at once

_ops = torch.ops.aten
# in place: the activation of h, and δ ← δ ∘ act' with act' told from h = act(·) itself
_ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "relu": (torch.relu_, lambda delta, h: _ops.threshold_backward.grad_input(delta, h, 0, grad_input=delta)),
    "leaky_relu": (
        lambda h: torch.nn.functional.leaky_relu_(h, 0.2),
        lambda delta, h: _ops.leaky_relu_backward.grad_input(delta, h, 0.2, True, grad_input=delta),
    ),
    "tanh": (torch.tanh_, lambda delta, h: _ops.tanh_backward.grad_input(delta, h, grad_input=delta)),
}


def can_be_fast(setting: Setting, device: torch.device | str) -> bool:
    """Whether `FastStack` knows how: on a CPU, one G step a round, an activation with a derivative in its own value."""
    return torch.device(device).type == "cpu" and setting.g_steps == 1 and setting.activation in _ACTIVATIONS


class Weights:
    """One network's matrices (in + 1, out) as views of its flat parameters, and, transposed, without the bias row."""

    def __init__(self, network: MLP, flat: Tensor) -> None:
        self.matrices = network.layers(flat)
        self.transposed = [matrix[:-1].t() for matrix in self.matrices]


class Tape:
    """Buffers for passes of `rows` points through networks of one shape, and the passes.

    Points come with a last column of ones, (rows, in + 1); so does all that a layer hands to the next. The output has
    ones beside it only where it is `points` again, to be handed to another network.
    """

    def __init__(
        self, sizes: Sequence[int], rows: int, activation: str, dtype: torch.dtype, points: bool = True
    ) -> None:
        self.act, self.act_backward = _ACTIVATIONS[activation]
        self.inputs = [torch.ones(rows, n + 1, dtype=dtype) for n in sizes]  # of each layer, and the output
        self.points = points
        if not points:
            self.inputs[-1] = torch.empty(rows, sizes[-1], dtype=dtype)
        self.deltas = [torch.empty(rows, n, dtype=dtype) for n in sizes[1:]]  # ∂ loss / ∂ (a layer's product)
        self._view()

    def _view(self) -> None:
        self.x = self.inputs[0]
        self.products = [h[:, :-1] for h in self.inputs[1:]]  # what a layer writes, beside the ones
        if not self.points:
            self.products[-1] = self.inputs[-1]
        self.output = self.products[-1]
        self.transposed = [h.t() for h in self.inputs]

    def rows(self, start: int, stop: int) -> Tape:
        """The same buffers, for some of the rows."""
        part = object.__new__(Tape)
        part.act, part.act_backward, part.points = self.act, self.act_backward, self.points
        part.inputs = [h[start:stop] for h in self.inputs]
        part.deltas = [delta[start:stop] for delta in self.deltas]
        part._view()
        return part

    def forward(self, weights: Weights) -> Tensor:
        """The networks' output (rows, out) at `x`; kept for `backward`."""
        for below, matrix, product in zip(self.inputs, weights.matrices, self.products, strict=False):
            torch.mm(below, matrix, out=product)
            if product is not self.output:
                self.act(product)
        return self.output

    def backward(self, weights: Weights, gradients: Sequence[Tensor] | None, into: Tensor | None = None) -> None:
        """From `deltas[-1]` = ∂ loss / ∂ output: the matrices' gradients, and ∂ loss / ∂ x (rows, in) where asked."""
        for layer in reversed(range(len(self.deltas))):
            if gradients is not None:
                torch.mm(self.transposed[layer], self.deltas[layer], out=gradients[layer])
            if layer > 0:
                torch.mm(self.deltas[layer], weights.transposed[layer], out=self.deltas[layer - 1])
                self.act_backward(self.deltas[layer - 1], self.products[layer - 1])
            elif into is not None:
                torch.mm(self.deltas[0], weights.transposed[0], out=into)


class FastStack:
    """A stack trained member by member; what `train.AutogradStack` does, for the settings of `can_be_fast`."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        dtype: torch.dtype,
    ) -> None:
        self.setting, self.curves, self.dtype = settings[0], curves, dtype
        self.loss = LOSSES[self.setting.loss]
        self.G, self.D = make_pair(self.setting, seeds, "cpu", dtype)
        for p in (*self.G.parameters(), *self.D.parameters()):
            p.requires_grad_(False)
        self.members = [
            _Member(self.G, self.D, m, setting, seed)
            for m, (setting, seed) in enumerate(zip(settings, seeds, strict=True))
        ]
        batch, rounds = self.setting.batch_size, self.setting.d_steps + 1
        self.g_tape = Tape(self.G.sizes, rounds * batch, self.setting.activation, dtype)
        self.g_last = self.g_tape.rows((rounds - 1) * batch, rounds * batch)  # those of the G step
        self.d_tape = Tape(self.D.sizes, 2 * batch, self.setting.activation, dtype, points=False)
        self.d_fake = self.d_tape.rows(batch, 2 * batch)
        self.x_real = self.d_tape.x[:batch]
        self.slope_real, self.slope_fake = self.d_tape.deltas[-1][:batch, 0], self.d_fake.deltas[-1][:, 0]
        self.share = torch.tensor(1 / batch, dtype=dtype)  # of one point in a mean
        self.gradient_g, self.gradient_d = torch.empty_like(self.G.flat[0]), torch.empty_like(self.D.flat[0])
        self.layers_g, self.layers_d = self.G.layers(self.gradient_g), self.D.layers(self.gradient_d)
        self.fixed_z = [
            _with_ones(Streams([seed], "evaluation").normal(evaluation, self.setting.latent_dim)[0], dtype)
            for seed in seeds
        ]
        self.look = Tape(self.G.sizes, evaluation, self.setting.activation, dtype)

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        with flushed_denormals():
            for m, member in enumerate(self.members):
                for step in range(start, stop, _BLOCK):
                    self._train(m, member, step, min(_BLOCK, stop - step))

    def _train(self, m: int, member: _Member, start: int, steps: int) -> None:
        batch, d_steps = self.setting.batch_size, self.setting.d_steps
        z, real = member.draw(steps, d_steps, batch, self.dtype)
        g, d = member.g, member.d
        g_tape, d_tape, d_fake = self.g_tape, self.d_tape, self.d_fake
        fakes = g_tape.inputs[-1].unflatten(0, (d_steps + 1, batch)).unbind()
        on_real, on_fake = d_tape.output[:batch, 0], d_fake.output[:, 0]
        kept_real, kept_fake, kept_g = (torch.empty(steps, batch, dtype=self.dtype) for _ in range(3))
        slopes, g_slope = self.loss.discriminator_slopes, self.loss.generator_slope

        for k in range(steps):
            g_tape.x.copy_(z[k])
            g_tape.forward(g)
            for i in range(d_steps):
                self.x_real.copy_(real[k][i])
                d_fake.x.copy_(fakes[i])
                d_tape.forward(d)
                up, down = slopes(on_real, on_fake)
                torch.mul(up, self.share, out=self.slope_real)
                torch.mul(down, self.share, out=self.slope_fake)
                d_tape.backward(d, self.layers_d)
                member.d_optimizer.step(self.gradient_d)
            kept_real[k], kept_fake[k] = on_real, on_fake
            d_fake.x.copy_(fakes[d_steps])
            d_fake.forward(d)
            kept_g[k] = on_fake
            torch.mul(g_slope(on_fake), self.share, out=self.slope_fake)
            d_fake.backward(d, None, into=self.g_last.deltas[-1])
            self.g_last.backward(g, self.layers_g)
            member.g_optimizer.step(self.gradient_g)

        means = [
            self.loss.discriminator(kept_real, kept_fake),
            self.loss.generator(kept_g),
            torch.sigmoid(kept_real).mean(1),
            torch.sigmoid(kept_fake).mean(1),
        ]
        self.curves.add(start, torch.stack(means).numpy(), m)

    def samples(self) -> np.ndarray:
        """(M, N, 2): every member's G at its evaluation latents."""
        made = []
        for member, z in zip(self.members, self.fixed_z, strict=True):
            self.look.x.copy_(z)
            made.append(self.look.forward(member.g).numpy().copy())
        return np.stack(made)


class _Member:
    """What one member owns: its weights, optimisers and streams."""

    def __init__(self, G: MLP, D: MLP, m: int, setting: Setting, seed: int) -> None:
        self.g, self.d = Weights(G, G.flat[m]), Weights(D, D.flat[m])
        self.g_optimizer = make_optimizer("g", G.flat[m], [setting])
        self.d_optimizer = make_optimizer("d", D.flat[m], [setting])
        self.target = make_target(setting.mode, setting.std)
        self.latent_dim = setting.latent_dim
        self.choice, self.noise, self.latent = (Streams([seed], purpose) for purpose in ("choice", "noise", "latent"))

    def draw(
        self, steps: int, d_steps: int, batch: int, dtype: torch.dtype
    ) -> tuple[tuple[Tensor, ...], list[tuple[Tensor, ...]]]:
        """What `steps` rounds need, with ones beside, in a loop's order of drawing: per step z ((d_steps + 1) · batch,
        latent_dim + 1), and per D step real points (batch, 3)."""
        z = self.latent.normal(steps, (d_steps + 1) * batch, self.latent_dim)[0]
        real = self.target.sample(steps * d_steps * batch, self.choice, self.noise)[0]
        points = _with_ones(real.numpy(), dtype).unflatten(0, (steps, d_steps, batch))
        return _with_ones(z, dtype).unbind(), [step.unbind() for step in points.unbind()]


def _with_ones(points: np.ndarray, dtype: torch.dtype) -> Tensor:
    """(..., n) -> (..., n + 1), a last column of ones beside."""
    out = torch.ones(*points.shape[:-1], points.shape[-1] + 1, dtype=dtype)
    # column by column where they are few: as one copy, every point is an inner loop of its own
    columns = range(points.shape[-1]) if points.shape[-1] < 8 else [slice(points.shape[-1])]
    for column in columns:
        out[..., column] = torch.from_numpy(points[..., column])
    return out


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Numbers below 1e-38 are zero inside, as far as the processor can; afterwards what was the case before.

    The mean gradient of a weight that no point reaches any more decays by β₁ a step until it is denormal, where every
    operation on it takes a hundred times longer; half of all weights get there.
    """
    before = bool((torch.tensor([1e-39]) * 1).item() == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
