"""The fast path: forward and backward passes written out, into buffers that are kept, a few members in lock-step.

On a CPU, what costs beside the products themselves is autograd's bookkeeping, fresh memory for every result, and
activations that no longer fit the second-level cache. So a few members at a time, as many as share the cache, are
trained for a block of steps in batched products `out=` buffers that all groups use: nothing is allocated, and each
operation serves the whole group. A product is carried out matrix by matrix, so the arithmetic of a member does not
depend on the others. The bias is the last row of a layer's matrix and meets a column of ones: one product gives a
layer, and one its whole gradient,

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
from sample import draw_real, make_target
from settings import Setting
from streams import Streams
from updates import make_optimizer

_BLOCK = 32  # generator steps that a group is trained before the next one's turn, and whose draws are made at once
_CACHE = 6_000_000  # bytes of activations in a group: measured, see docs/performance.md

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


def lanes(setting: Setting) -> int:
    """Members to train in lock-step: the more, the fewer operations; the fewer, the more stays in the cache."""
    rows = setting.batch_size * (setting.d_steps + 3)  # G's and D's, in one round
    activations = 2 * 4 * rows * setting.hidden * setting.layers  # bytes, with their gradients
    return max(1, min(8, _CACHE // activations))


class Weights:
    """Matrices (K, in + 1, out) of K networks as views of their flat parameters; transposed, without the bias row."""

    def __init__(self, network: MLP, flat: Tensor) -> None:
        self.matrices = network.layers(flat)
        self.transposed = [matrix[:, :-1].transpose(1, 2) for matrix in self.matrices]


class Tape:
    """Buffers for passes of `rows` points through K networks of one shape, and the passes.

    Points come with a last column of ones, (K, rows, in + 1); so does all that a layer hands to the next. The output
    has ones beside it only where it is `points` again, to be handed to another network.
    """

    def __init__(
        self, sizes: Sequence[int], members: int, rows: int, activation: str, dtype: torch.dtype, points: bool = True
    ) -> None:
        self.act, self.act_backward = _ACTIVATIONS[activation]
        self.points = points
        shape = (members, rows)
        self.inputs = [torch.ones(*shape, n + 1, dtype=dtype) for n in sizes]  # of each layer, and the output
        if not points:
            self.inputs[-1] = torch.empty(*shape, sizes[-1], dtype=dtype)
        self.deltas = [torch.empty(*shape, n, dtype=dtype) for n in sizes[1:]]  # ∂ loss / ∂ (a layer's product)
        self._view()

    def _view(self) -> None:
        self.x = self.inputs[0]
        self.products = [h[..., :-1] for h in self.inputs[1:]]  # what a layer writes, beside the ones
        if not self.points:
            self.products[-1] = self.inputs[-1]
        self.output = self.products[-1]
        self.transposed = [h.transpose(1, 2) for h in self.inputs]

    def part(self, members: slice = slice(None), rows: slice = slice(None)) -> Tape:
        """The same buffers, for some of the members and rows."""
        part = object.__new__(Tape)
        part.act, part.act_backward, part.points = self.act, self.act_backward, self.points
        part.inputs = [h[members, rows] for h in self.inputs]
        part.deltas = [delta[members, rows] for delta in self.deltas]
        part._view()
        return part

    def forward(self, weights: Weights) -> Tensor:
        """The networks' output (K, rows, out) at `x`; kept for `backward`."""
        for below, matrix, product in zip(self.inputs, weights.matrices, self.products, strict=False):
            torch.bmm(below, matrix, out=product)
            if product is not self.output:
                self.act(product)
        return self.output

    def backward(self, weights: Weights, gradients: Sequence[Tensor] | None, into: Tensor | None = None) -> None:
        """From `deltas[-1]` = ∂ loss / ∂ output: the matrices' gradients, and `into`, ∂ loss / ∂ x (K, rows, in)."""
        for layer in reversed(range(len(self.deltas))):
            if gradients is not None:
                torch.bmm(self.transposed[layer], self.deltas[layer], out=gradients[layer])
            if layer > 0:
                torch.bmm(self.deltas[layer], weights.transposed[layer], out=self.deltas[layer - 1])
                self.act_backward(self.deltas[layer - 1], self.products[layer - 1])
            elif into is not None:
                torch.bmm(self.deltas[0], weights.transposed[0], out=into)


class FastStack:
    """A stack trained group by group; what `train.AutogradStack` does, for the settings of `can_be_fast`."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        dtype: torch.dtype,
    ) -> None:
        setting = settings[0]
        self.G, self.D = make_pair(setting, seeds, "cpu", dtype)
        for p in (*self.G.parameters(), *self.D.parameters()):
            p.requires_grad_(False)
        size = min(lanes(setting), len(seeds))
        batch, activation = setting.batch_size, setting.activation
        g_tape = Tape(self.G.sizes, size, (setting.d_steps + 1) * batch, activation, dtype)
        d_tape = Tape(self.D.sizes, size, 2 * batch, activation, dtype, points=False)
        look = Tape(self.G.sizes, size, evaluation, activation, dtype)
        self.groups = []
        for start in range(0, len(seeds), size):
            here = slice(start, min(start + size, len(seeds)))
            lane = slice(here.stop - here.start)
            tapes = [tape.part(lane) for tape in (g_tape, d_tape, look)]
            self.groups.append(_Group(self.G, self.D, here, settings[here], seeds[here], curves, tapes))

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        with flushed_denormals():
            for group in self.groups:
                for step in range(start, stop, _BLOCK):
                    group.train(step, min(_BLOCK, stop - step))

    def samples(self) -> np.ndarray:
        """(M, N, 2): every member's G at its evaluation latents."""
        return np.concatenate([group.samples() for group in self.groups])


class _Group:
    """K members in lock-step: their weights, optimisers and streams, and the buffers that they share with others."""

    def __init__(
        self,
        G: MLP,
        D: MLP,
        members: slice,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        tapes: Sequence[Tape],
    ) -> None:
        self.setting, self.members, self.curves = settings[0], members, curves
        self.loss, self.dtype = LOSSES[settings[0].loss], G.flat.dtype
        self.g, self.d = Weights(G, G.flat[members]), Weights(D, D.flat[members])
        self.g_optimizer = make_optimizer("g", G.flat[members], settings)
        self.d_optimizer = make_optimizer("d", D.flat[members], settings)
        self.gradient_g, self.gradient_d = (
            torch.zeros_like(self.g_optimizer.flat),
            torch.zeros_like(self.d_optimizer.flat),
        )
        self.layers_g, self.layers_d = G.layers(self.gradient_g), D.layers(self.gradient_d)
        self.targets = [make_target(s.mode, s.std) for s in settings]
        self.choice, self.noise, self.latent = (Streams(seeds, purpose) for purpose in ("choice", "noise", "latent"))

        batch = self.setting.batch_size
        self.g_tape, self.d_tape, self.look = tapes
        self.g_last = self.g_tape.part(rows=slice(-batch, None))  # the rows of the G step
        self.d_fake = self.d_tape.part(rows=slice(batch, None))
        self.x_real = self.d_tape.x[:, :batch]
        self.on_real, self.on_fake = self.d_tape.output[:, :batch, 0], self.d_fake.output[..., 0]  # logits (K, B)
        self.slope_real, self.slope_fake = self.d_tape.deltas[-1][:, :batch, 0], self.d_fake.deltas[-1][..., 0]
        self.share = torch.tensor(1 / batch, dtype=self.dtype)  # of one point in a mean
        self.fixed_z = Streams(seeds, "evaluation").normal(self.look.x.shape[1], self.setting.latent_dim)

    def train(self, start: int, steps: int) -> None:
        """`steps` generator steps, each after its D steps; `start` is the number of those before."""
        batch, d_steps = self.setting.batch_size, self.setting.d_steps
        z, real = self.draw(steps)
        fakes = self.g_tape.inputs[-1].unflatten(1, (d_steps + 1, batch)).unbind(1)
        kept = torch.empty(3, len(self.targets), steps, batch, dtype=self.dtype)
        kept_real, kept_fake, kept_g = (logits.unbind(1) for logits in kept)

        for k in range(steps):
            self.g_tape.x.copy_(z[k])
            self.g_tape.forward(self.g)
            for i in range(d_steps):
                self.x_real.copy_(real[k * d_steps + i])
                self.d_fake.x.copy_(fakes[i])
                self.d_tape.forward(self.d)
                up, down = self.loss.discriminator_slopes(self.on_real, self.on_fake)
                torch.mul(up, self.share, out=self.slope_real)
                torch.mul(down, self.share, out=self.slope_fake)
                self.d_tape.backward(self.d, self.layers_d)
                self.d_optimizer.step(self.gradient_d)
            kept_real[k].copy_(self.on_real)
            kept_fake[k].copy_(self.on_fake)
            self.d_fake.x.copy_(fakes[d_steps])
            self.d_fake.forward(self.d)
            kept_g[k].copy_(self.on_fake)
            torch.mul(self.loss.generator_slope(self.on_fake), self.share, out=self.slope_fake)
            self.d_fake.backward(self.d, None, into=self.g_last.deltas[-1])
            self.g_last.backward(self.g, self.layers_g)
            self.g_optimizer.step(self.gradient_g)

        means = []
        for on_real, on_fake, on_g in kept.unbind(1):  # (steps, B): all steps at once, one member, for its own rounding
            losses = (self.loss.discriminator(on_real, on_fake), self.loss.generator(on_g))
            chances = (torch.sigmoid(on_real).mean(-1), torch.sigmoid(on_fake).mean(-1))
            means.append(torch.stack([*losses, *chances]))
        self.curves.add(start, torch.stack(means, 1).numpy(), self.members)

    def draw(self, steps: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What `steps` rounds need, in a loop's order of drawing and with ones beside: z (K, (d_steps + 1) B,
        latent_dim + 1) for each step, real points (K, B, 3) for each D step."""
        batch, d_steps = self.setting.batch_size, self.setting.d_steps
        z = self.latent.normal(steps, (d_steps + 1) * batch, self.setting.latent_dim)
        real = draw_real(self.targets, steps * d_steps * batch, self.choice, self.noise).numpy()
        points = _with_ones(real, self.dtype).unflatten(1, (steps * d_steps, batch))
        return _with_ones(z, self.dtype).unbind(1), points.unbind(1)

    def samples(self) -> np.ndarray:
        """(K, N, 2): G at the evaluation latents."""
        self.look.x[..., :-1] = torch.from_numpy(self.fixed_z)
        return self.look.forward(self.g).numpy().copy()


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
