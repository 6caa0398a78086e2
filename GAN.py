"""The two players: small MLPs, many of them as one stack.

A stack holds M networks of one shape. Its weights have a leading member axis and a layer is one batched product,

    h = act(x W + b),    x (M, B, in),  W (M, in, out),  b (M, 1, out),

so members share no arithmetic: member m is the network it would be alone. A layer keeps its bias as the last row of
its matrix, (M, in + 1, out), and all matrices are views of one tensor `flat` (M, P), so that an optimiser updates every
layer of every member with a handful of operations. There the last layer lies output by output, whose products are with
vectors, and the others input by input; the last few columns of `flat` are unused, and stay 0.

`Generator` and `Discriminator` are one such network under the interface of the course: (B, 2) in, (B, ·) out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from settings import Setting
from streams import spawn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "silu": functional.silu,
}

# How a layer's weights (in, out) and biases (out,) are drawn from its member's stream.


def _uniform(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(−1/√in, 1/√in) for weights and biases: what nn.Linear does."""
    bound = fan_in**-0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), stream.uniform(-bound, bound, fan_out)


def _glorot(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(±√(6 / (in + out))), biases 0 (Glorot & Bengio 2010)."""
    bound = (6 / (fan_in + fan_out)) ** 0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def _he(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(±√(6 / in)), biases 0 (He et al. 2015)."""
    bound = (6 / fan_in) ** 0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def _orthogonal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal rows or columns, whichever are fewer, biases 0 (Saxe et al. 2014)."""
    tall = stream.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # QR's own signs are not uniform
    return (q if fan_in >= fan_out else q.T), np.zeros(fan_out)


def _normal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """N(0, 0.02²), biases 0 (Radford et al. 2016)."""
    return 0.02 * stream.standard_normal((fan_in, fan_out)), np.zeros(fan_out)


INITS: dict[str, Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]] = {
    "uniform": _uniform,
    "glorot": _glorot,
    "he": _he,
    "orthogonal": _orthogonal,
    "normal": _normal,
}


class MLP(nn.Module):
    """A stack of M networks of the given layer sizes, one per seed: (M, B, sizes[0]) -> (M, B, sizes[-1]).

    `purpose` names the stream of each seed that the initial weights are drawn from.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Sequence[int],
        purpose: str,
        *,
        activation: str = "relu",
        init: str = "uniform",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.activation = activation
        self.act = ACTIVATIONS[activation]
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        # P is rounded up: the last few numbers of an array may be computed by other instructions than the rest, with
        # other rounding; where every row is whole vectors, a member's cannot depend on its row. A precaution: torch's
        # sigmoid and softplus do so, the optimisers' operations were not seen to on the processors that we tried
        count = -(-sum((i + 1) * o for i, o in pairs) // 64) * 64
        drawn = torch.zeros(len(seeds), count, dtype=torch.float64)
        matrices = [matrix.numpy() for matrix in self.layers(drawn)]
        for m, seed in enumerate(seeds):
            stream = spawn(seed, purpose)
            for matrix, (i, o) in zip(matrices, pairs, strict=True):
                matrix[m, :-1], matrix[m, -1] = INITS[init](stream, i, o)
        self.flat = drawn.to(device, dtype)
        self.matrices = nn.ParameterList(nn.Parameter(matrix) for matrix in self.layers(self.flat))

    def layers(self, flat: Tensor) -> list[Tensor]:
        """Views of a tensor (M, P), the parameters or their gradients, as a matrix (M, in + 1, out) a layer."""
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        parts = flat[:, : sum((i + 1) * o for i, o in pairs)].split([(i + 1) * o for i, o in pairs], 1)
        *hidden, (i, o) = pairs
        views = [part.unflatten(1, (a + 1, b)) for part, (a, b) in zip(parts, hidden, strict=False)]
        return [*views, parts[-1].unflatten(1, (o, i + 1)).transpose(1, 2)]

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.matrices
        for matrix in hidden:
            x = self.act(torch.baddbmm(matrix[:, -1:], x, matrix[:, :-1]))
        return torch.baddbmm(last[:, -1:], x, last[:, :-1])


def generators(seeds: Sequence[int], *, latent_dim: int = 2, hidden: int = 64, layers: int = 2, **how: object) -> MLP:
    """A stack of generators, one per seed: z (M, B, latent_dim) -> points (M, B, 2)."""
    return MLP([latent_dim, *[hidden] * layers, 2], seeds, "weights_g", **how)  # type: ignore[arg-type]


def discriminators(seeds: Sequence[int], *, hidden: int = 64, layers: int = 2, **how: object) -> MLP:
    """A stack of discriminators, one per seed: x (M, B, 2) -> logits (M, B, 1); D(x) is their sigmoid."""
    return MLP([2, *[hidden] * layers, 1], seeds, "weights_d", **how)  # type: ignore[arg-type]


def make_pair(
    setting: Setting,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[MLP, MLP]:
    """A stack of generators and one of discriminators, as a setting has them, one pair a seed."""
    how = {name: getattr(setting, name) for name in ("hidden", "layers", "activation", "init")}
    how |= {"device": device, "dtype": dtype}
    return generators(seeds, latent_dim=setting.latent_dim, **how), discriminators(seeds, **how)


class Generator(nn.Module):
    """One generator: z (B, latent_dim) -> points (B, 2). Equal seeds give equal initial weights."""

    def __init__(self, latent_dim: int = 2, hidden: int = 64, layers: int = 2, *, seed: int = 0, **how: object) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.stack = generators([seed], latent_dim=latent_dim, hidden=hidden, layers=layers, **how)

    def forward(self, z: Tensor) -> Tensor:
        return self.stack(z.unsqueeze(0)).squeeze(0)


class Discriminator(nn.Module):
    """One discriminator: x (B, 2) -> logits (B, 1); D(x) is `torch.sigmoid` of them, which the losses do not need."""

    def __init__(self, hidden: int = 64, layers: int = 2, *, seed: int = 0, **how: object) -> None:
        super().__init__()
        self.stack = discriminators([seed], hidden=hidden, layers=layers, **how)

    def forward(self, x: Tensor) -> Tensor:
        return self.stack(x.unsqueeze(0)).squeeze(0)
