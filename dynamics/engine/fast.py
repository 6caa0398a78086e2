"""The fast path: forward and backward passes written out, into buffers that are kept, a few members in lock-step.

On a CPU, what costs beside the products themselves is autograd's bookkeeping, fresh memory for every result, and
activations that no longer fit the second-level cache. So a few members at a time, as many as share the cache, are
trained for a block of steps with `out=` buffers that all groups use: nothing is allocated, and each operation serves
the whole group. The bias is the last row of a layer's matrix and meets a column of ones: one product gives a layer, and
one its whole gradient,

    h' = act([h 1] W)        ∂W = [h 1]ᵀ δ        δ_below = (δ Wᵀ without the bias row) ∘ act'(h)

While D is trained, G stands still: the fakes of all D steps of a round, and the first half of its G step, are one
forward pass. `AutogradStack` in reference.py is the slow, obvious reference; a test holds the two together in float64.

A member's arithmetic is that of a group of one, whoever else is in it. Products are carried out one by one: a batched
product may take other kernels for one matrix than for several, which round otherwise. Every member's part of a buffer
begins where a vector register may, so that its numbers lie as they lie alone, and what is not rounded correctly (tanh,
the sigmoid and their kind) is written row by row into parts of buffers, never into one run of several members' numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine.carried import Carried, counted, put
from dynamics.engine.denormals import flushed_denormals
from dynamics.engine.stack import Flat, Resumable
from dynamics.games.average import Average
from dynamics.games.losses import LOSSES, make_loss
from dynamics.games.networks import MLP, make_pair
from dynamics.games.optimizers import make_optimizer
from dynamics.settings.network_sizes import players
from dynamics.settings.setting import Setting
from dynamics.targets.registry import target_for
from dynamics.targets.sampling import draw_real

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


def lanes(setting: Setting) -> int:
    """Members to train in lock-step: the more, the fewer operations; the fewer, the more stays in the cache."""
    rows = setting.batch_size * (setting.d_steps + 3)  # G's and D's, in one round
    activations = 2 * 4 * rows * players(setting)[0].hidden_units  # bytes, with their gradients
    return max(1, min(8, _CACHE // activations))


class Weights:
    """Matrices (K, in + 1, out) of K networks as views of their flat parameters; transposed, without the bias row."""

    def __init__(self, network: MLP, flat: Tensor) -> None:
        *hidden, last = network.layers(flat)
        self.matrices = [matrix.unbind() for matrix in hidden]  # of each hidden layer, member by member
        self.transposed = [matrix[:, :-1].transpose(1, 2).unbind() for matrix in (*hidden, last)]
        self.first = hidden[0][:, :-1].unbind()
        self.columns = _vectors(last.transpose(1, 2))  # of the last layer, an output's weights each


class Tape:
    """Buffers for passes of `rows` points through K networks of one shape, and the passes.

    What is few numbers a point lies number by number, (K, numbers, rows): the points themselves, with a last row of
    ones; the output, with ones where it is `points` again, to be handed to another network; and its gradient. Hidden
    layers lie point by point, (K, rows, hidden + 1), with a last column of ones. Gradients are kept for the last
    `back` rows alone.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        members: int,
        rows: int,
        activation: str,
        dtype: torch.dtype,
        *,
        back: int,
        points: bool,
    ) -> None:
        self.act, self.act_backward = _ACTIVATIONS[activation]
        *hidden, outputs = sizes[1:]
        self.outputs = outputs
        self.x = _ones(members, sizes[0] + 1, rows, dtype)
        self.hidden = [_ones(members, rows, n + 1, dtype) for n in hidden]
        self.end = _ones(members, outputs + points, rows, dtype)
        self.deltas = [_ones(members, back, n, dtype) for n in hidden]  # ∂ loss / ∂ (a layer's product)
        self.delta = _ones(members, outputs, back, dtype)  # ∂ loss / ∂ output
        self._view()

    def _view(self) -> None:
        self.output = self.end[:, : self.outputs]
        inputs = [self.x.transpose(1, 2), *self.hidden[:-1]]  # of each hidden layer, point by point
        self.products = [h[..., :-1] for h in self.hidden]  # what it writes, beside the ones
        self.last = [h for h in self.hidden[-1] for _ in range(self.outputs)]  # beside each output of each member
        self.last_transposed = [h.t() for h in self.last]
        self.output_rows, self.delta_rows = _vectors(self.output), _vectors(self.delta)
        # the same member by member
        self.each_input = [h.unbind() for h in inputs]
        self.each_transposed = [h.transpose(1, 2).unbind() for h in inputs]
        self.each_product = [product.unbind() for product in self.products]
        self.each_delta = [delta.unbind() for delta in (*self.deltas, self.delta.transpose(1, 2))]
        self.each_output_delta = self.delta.unbind()
        self.each_first = self.deltas[0].transpose(1, 2).unbind()

    def part(self, members: slice = slice(None), rows: slice = slice(None)) -> Tape:
        """The same buffers, for some of the members and rows, counted from the end."""
        part = object.__new__(Tape)
        part.act, part.act_backward, part.outputs = self.act, self.act_backward, self.outputs
        part.x, part.end, part.delta = (t[members, :, rows] for t in (self.x, self.end, self.delta))
        part.hidden, part.deltas = ([t[members, rows] for t in ts] for ts in (self.hidden, self.deltas))
        part._view()
        return part

    def forward(self, weights: Weights) -> Tensor:
        """The networks' output (K, out, rows) at `x`; kept for `backward`."""
        for below, matrices, each, product in zip(
            self.each_input, weights.matrices, self.each_product, self.products, strict=True
        ):
            _products(below, matrices, each)
            self.act(product)
        for h, column, out in zip(self.last, weights.columns, self.output_rows, strict=True):
            torch.mv(h, column, out=out)
        return self.output

    def backward(self, weights: Weights, gradient: Weights | None, into: Sequence[Tensor] | None = None) -> None:
        """From `delta` = ∂ loss / ∂ output: the matrices' `gradient`, and `into`, ∂ loss / ∂ x (in, rows) of each."""
        if gradient is not None:
            for h, delta, column in zip(self.last_transposed, self.delta_rows, gradient.columns, strict=True):
                torch.mv(h, delta, out=column)
        for layer in reversed(range(len(self.deltas))):
            _products(self.each_delta[layer + 1], weights.transposed[layer + 1], self.each_delta[layer])
            self.act_backward(self.deltas[layer], self.products[layer])
            if gradient is not None:
                _products(self.each_transposed[layer], self.each_delta[layer], gradient.matrices[layer])
        if into is not None:
            _products(weights.first, self.each_first, into)


def _ones(members: int, rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    """(members, rows, columns); each member's part begins where a vector register may, with a gap before the next."""
    room = -(-rows * columns // 64) * 64 + 64
    return torch.ones(members, room, dtype=dtype)[:, : rows * columns].unflatten(1, (rows, columns))


def _whole(rows: int, columns: int) -> int:
    """So many rows, or the fewest more that fill whole vector registers: what is left over is computed by other
    instructions, which may round otherwise, and how much is left over depends on where training is cut."""
    step = 64 // math.gcd(columns, 64)
    return -(-rows // step) * step


def _products(left: Sequence[Tensor], right: Sequence[Tensor], into: Sequence[Tensor]) -> None:
    """A product for each member."""
    for a, b, out in zip(left, right, into, strict=True):
        torch.mm(a, b, out=out)


def _vectors(rows: Tensor) -> list[Tensor]:
    """(K, n, ·) -> K · n vectors, member by member."""
    return [vector for member in rows for vector in member]


class FastStack(Resumable):
    """A stack trained group by group; what `reference.AutogradStack` does, for the settings that it `can`."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        setting, self.curves = settings[0], curves
        self.G, self.D = make_pair(settings, seeds, device, dtype)
        for p in (*self.G.parameters(), *self.D.parameters()):
            p.requires_grad_(False)
        size = min(lanes(setting), len(seeds))
        batch, activation = setting.batch_size, setting.activation
        rows = (setting.d_steps + 1) * batch
        g_tape = Tape(self.G.sizes, size, rows, activation, dtype, back=batch, points=True)
        d_tape = Tape(self.D.sizes, size, 2 * batch, activation, dtype, back=2 * batch, points=False)
        look = Tape(self.G.sizes, size, evaluation, activation, dtype, back=0, points=False)
        self.groups = []
        for start in range(0, len(seeds), size):
            members = slice(start, min(start + size, len(seeds)))
            lane = slice(members.stop - members.start)
            tapes = [tape.part(lane) for tape in (g_tape, d_tape, look)]
            self.groups.append(_Group(self.G, self.D, members, settings[members], seeds[members], curves, tapes))

    @staticmethod
    def can(setting: Setting, device: torch.device) -> bool:
        """On a CPU, a plain game of one G step a round, one activation with a derivative in its own value, and a loss
        whose slopes are written out."""
        kinds = {player.activation for player in players(setting)}
        known = len(kinds) == 1 and kinds <= set(_ACTIVATIONS) and LOSSES[setting.loss].written_out
        return device.type == "cpu" and setting.plain and setting.g_steps == 1 and known

    def begin(self, start: Flat = (None, None)) -> None:
        """What comes before the first generator step: G's and D's parameters, if given."""
        for network, flat in zip((self.G, self.D), start, strict=True):
            if flat is not None:
                network.flat.copy_(flat)
        for group in self.groups:
            if group.average:
                group.average.begin()

    def networks(self) -> tuple[MLP, MLP]:
        """G and D as they are."""
        return self.G, self.D

    def averaged(self) -> MLP | None:
        """G with the average of its weights, where one is kept."""
        flats = [group.average.flat for group in self.groups if group.average]
        return MLP.like(self.G, torch.cat(flats)) if flats else None

    def rates(self) -> tuple[Tensor, Tensor]:
        """What the optimisers of G and D multiply gradients by now, (M, P) or (M, 1) each."""
        g, d = zip(*((group.g_optimizer.rates(), group.d_optimizer.rates()) for group in self.groups), strict=True)
        return torch.cat(g), torch.cat(d)

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        with flushed_denormals():
            for group in self.groups:
                for step in range(start, stop, _BLOCK):
                    group.train(step, min(_BLOCK, stop - step))

    block = _BLOCK  # generator steps between two occasions to stop; no number depends on it

    def changing(self) -> dict[str, Tensor | Streams]:
        """See `Resumable.changing`."""
        named: dict[str, Tensor | Streams] = {"g": self.G.flat, "d": self.D.flat}
        for k, group in enumerate(self.groups):
            for player, optimizer in (("g", group.g_optimizer), ("d", group.d_optimizer)):
                named |= {f"optimizer_{player}.{k}.{i}": tensor for i, tensor in enumerate(optimizer.state)}
        for k, group in enumerate(self.groups):
            if group.average:
                named[f"average.{k}"] = group.average.flat
            for purpose, stream in (("choice", group.choice), ("noise", group.noise), ("latent", group.latent)):
                named[f"stream.{purpose}.{k}"] = stream
        return named

    def carried(self) -> Carried:
        """See `SettledStack.carried`; the means, which each round records anew, are none."""
        return Carried.together([group.carried() for group in self.groups])

    def take_over(self, carried: Carried) -> None:
        """See `SettledStack.take_over`."""
        for group in self.groups:
            group.take_over(carried.rows(group.members))

    def samples(self, G: MLP) -> np.ndarray:
        """(M, N, 2): every member's G, as `networks` or `averaged` gives it, at its evaluation latents."""
        return np.concatenate([group.samples(Weights(G, G.flat[group.members])) for group in self.groups])


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
        self.dtype = G.flat.dtype
        self.losses = [make_loss([s]) for s in settings]  # of each member alone
        self.g, self.d = Weights(G, G.flat[members]), Weights(D, D.flat[members])
        self.g_optimizer = make_optimizer("g", G.flat[members], settings)
        self.d_optimizer = make_optimizer("d", D.flat[members], settings)
        self.average = Average(G.flat[members], settings) if self.setting.ema else None
        self.flat_g, self.flat_d = torch.zeros_like(G.flat[members]), torch.zeros_like(D.flat[members])
        self.gradient_g, self.gradient_d = Weights(G, self.flat_g), Weights(D, self.flat_d)
        self.targets = [target_for(s) for s in settings]
        self.choice, self.noise, self.latent = (Streams(seeds, purpose) for purpose in ("choice", "noise", "latent"))

        batch = self.setting.batch_size
        self.g_tape, self.d_tape, self.look = tapes
        self.g_last = self.g_tape.part(rows=slice(-batch, None))  # the rows of the G step
        self.d_fake = self.d_tape.part(rows=slice(batch, None))
        self.x_real = self.d_tape.x[..., :batch]
        self.on_real, self.on_fake = self.d_tape.output[:, 0, :batch], self.d_fake.output[:, 0]  # logits (K, B)
        self.slope_real, self.slope_fake = self.d_tape.delta[:, 0, :batch], self.d_fake.delta[:, 0]
        # one call for all where the loss is one; a loss with parameters of its own makes numbers on the way, whose
        # rounding must not depend on the others
        k = len(settings)
        parts = (
            [slice(None)]
            if all(loss is self.losses[0] for loss in self.losses)
            else [slice(m, m + 1) for m in range(k)]
        )
        self.d_slopes, self.g_slopes = [], []
        for loss, rows in zip(self.losses, parts, strict=False):
            if loss.discriminator_slopes is None or loss.generator_slope is None:
                name = self.setting.loss
                raise ValueError(f"--loss {name}: the fast path needs its slopes, which games/losses.py has not")
            of_d = (self.on_real[rows], self.on_fake[rows], self.slope_real[rows], self.slope_fake[rows])
            self.d_slopes.append((loss.discriminator_slopes, of_d))
            self.g_slopes.append((loss.generator_slope, (self.on_fake[rows], self.slope_fake[rows])))
        self.share = torch.tensor(1 / batch, dtype=self.dtype)  # of one point in a mean
        self.fixed_z = Streams(seeds, "evaluation").normal(self.look.x.shape[2], self.setting.latent_dim)

    def train(self, start: int, steps: int) -> None:
        """`steps` generator steps, each after its D steps; `start` is the number of those before."""
        batch, d_steps = self.setting.batch_size, self.setting.d_steps
        z, real = self.draw(steps)
        fakes = self.g_tape.end.unflatten(2, (d_steps + 1, batch)).unbind(2)
        rows = _whole(steps, batch)
        kept = _ones(len(self.targets), 3 * rows, batch, self.dtype).unflatten(1, (3, rows))
        kept_real, kept_fake, kept_g = (logits.unbind(1) for logits in kept.unbind(1))

        for k in range(steps):
            self.g_tape.x.copy_(z[k])
            self.g_tape.forward(self.g)
            for i in range(d_steps):
                self.x_real.copy_(real[k * d_steps + i])
                self.d_fake.x.copy_(fakes[i])
                self.d_tape.forward(self.d)
                for slopes, tensors in self.d_slopes:
                    slopes(*tensors)
                self.d_tape.delta.mul_(self.share)
                self.d_tape.backward(self.d, self.gradient_d)
                self.d_optimizer.step(self.flat_d)
            kept_real[k].copy_(self.on_real)
            kept_fake[k].copy_(self.on_fake)
            self.d_fake.x.copy_(fakes[d_steps])
            self.d_fake.forward(self.d)
            kept_g[k].copy_(self.on_fake)
            for slope, pair in self.g_slopes:
                slope(*pair)
            self.slope_fake.mul_(self.share)
            self.d_fake.backward(self.d, None, into=self.g_last.each_output_delta)
            self.g_last.backward(self.g, self.gradient_g)
            self.g_optimizer.step(self.flat_g)
            if self.average:
                self.average.add()

        means = []
        # (rows, B): all steps at once, one member, for its own rounding
        for loss, (on_real, on_fake, on_g) in zip(self.losses, kept, strict=True):
            losses = (loss.discriminator(on_real, on_fake), loss.generator(on_g))
            chances = (torch.sigmoid(on_real).mean(-1), torch.sigmoid(on_fake).mean(-1))
            means.append(torch.stack([*losses, *chances]))
        self.curves.add(start, torch.stack(means, 1)[:, :, :steps].numpy(), self.members)

    def carried(self) -> Carried:
        """What these members take to another stack."""
        count = len(self.targets)
        average = self.average.flat if self.average else self.g_optimizer.flat
        optimizers = {"g": self.g_optimizer, "d": self.d_optimizer}
        streams = {"choice": self.choice, "noise": self.noise, "latent": self.latent}
        return Carried(
            self.g_optimizer.flat.clone(),
            self.d_optimizer.flat.clone(),
            average.clone(),
            (torch.zeros(3, count, dtype=self.dtype), torch.zeros(count, dtype=self.dtype)),
            {player: tuple(t.clone() for t in optimizer.state) for player, optimizer in optimizers.items()},
            (),
            (),
            counted({purpose: stream.taken for purpose, stream in streams.items()}),
        )

    def take_over(self, carried: Carried) -> None:
        """Begin with what these members bring."""
        self.g_optimizer.flat.copy_(carried.g)
        self.d_optimizer.flat.copy_(carried.d)
        put(self.g_optimizer.state, carried.optimizers["g"])
        put(self.d_optimizer.state, carried.optimizers["d"])
        if self.average:
            self.average.flat.copy_(carried.average)
        for purpose, stream in (("choice", self.choice), ("noise", self.noise), ("latent", self.latent)):
            stream.taken = carried.taken[purpose]

    def draw(self, steps: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What `steps` rounds need, in a loop's order of drawing and with ones below: z (K, latent_dim + 1,
        (d_steps + 1) B) for each step, real points (K, 3, B) for each D step."""
        batch, d_steps = self.setting.batch_size, self.setting.d_steps
        z = self.latent.normal(steps, (d_steps + 1) * batch, self.setting.latent_dim)
        real = draw_real(self.targets, steps * d_steps * batch, self.choice, self.noise).numpy()
        points = _with_ones(real.reshape(len(real), steps * d_steps, batch, 2), self.dtype)
        return _with_ones(z, self.dtype).unbind(1), points.unbind(1)

    def samples(self, g: Weights) -> np.ndarray:
        """(K, N, 2): a G at the evaluation latents."""
        self.look.x[:, :-1] = torch.from_numpy(self.fixed_z).transpose(1, 2)
        return self.look.forward(g).transpose(1, 2).contiguous().numpy()


def _with_ones(points: np.ndarray, dtype: torch.dtype) -> Tensor:
    """(..., rows, n) -> (..., n + 1, rows), number by number, and ones below."""
    out = torch.ones(*points.shape[:-2], points.shape[-1] + 1, points.shape[-2], dtype=dtype)
    for number in range(points.shape[-1]):  # one by one: as one copy, every point is an inner loop of its own
        out[..., number, :] = torch.from_numpy(points[..., number])
    return out
