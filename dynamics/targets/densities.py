"""What a target is: samples and an exact density in the plane; mixtures of equal round Gaussians; and what all share.

Log densities are in nats, lengths in the plane's units: data units, but of a user's own targets (see `placing`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dynamics.base.streams import Streams
from dynamics.targets.user_units import PLANE, Placing


class Modes(NamedTuple):
    """A mixture's peaks: Gaussians, in the plane."""

    centres: np.ndarray  # (K, 2) float64
    weights: np.ndarray  # (K,) float64, > 0, sums to 1
    covariances: np.ndarray  # (K, 2, 2) float64, positive definite

    @property
    def stds(self) -> np.ndarray:
        """Of every mode (K,): root mean square of its standard deviations in all directions."""
        return np.sqrt(np.trace(self.covariances, axis1=1, axis2=2) / 2)


@dataclass(frozen=True, eq=False)
class Target:
    """A real distribution. ``std`` is the Gaussian part's standard deviation, > 0; the least, where it has several.

    Subclasses give ``_points`` (samples), ``log_prob`` (density) and ``half_width``. All of it is in the plane;
    ``placing`` leads to a user's own units.
    """

    name: str  # the mode name
    std: float

    @property
    def placing(self) -> Placing:
        """How the plane lies in the user's own units: as it is, but for a user's points and mixtures."""
        return PLANE

    @property
    def user_std(self) -> float | None:
        """What ``--std`` is, own units; None where the widths are not its affair."""
        return self.std / self.placing.scale

    @property
    def note(self) -> str:
        """Where a user's own target comes from, for people."""
        return ""

    @property
    def modes(self) -> Modes | None:
        """Centres, weights and covariances of the peaks, or None where the target has none."""
        return None

    @property
    def relief(self) -> Callable[[Tensor], Tensor] | None:
        """Log height, (..., 2) -> (...), whose contour lines tell where the target is; None: that of the density."""
        return None

    @property
    def uses_choice(self) -> bool:
        """False if ``transform`` ignores ``choice``: pass None, and skip that draw."""
        return True

    @property
    def half_width(self) -> float:
        """Plots show [-half_width, half_width]²; a multiple of 0.5. Holds 99.9 % of a toy shape."""
        # the clean shape lies in [-4, 4]², and P(|n0| or |n1| > 3.5) < 0.00094
        return round_up(4.0 + max(3.5 * self.std, 1.0))

    def transform(self, choice: Tensor | None, noise: Tensor) -> Tensor:
        """Points (..., 2) of ``choice`` (..., 2), uniform in [0, 1), and ``noise`` (..., 2), N(0, 1).

        Deterministic; dtype and device are those of ``noise``. Raises ``ValueError`` if ``choice`` is None
        and the target uses it.
        """
        if not self.uses_choice:
            choice = torch.zeros_like(noise)
        elif choice is None:
            raise ValueError(f"target {self.name} needs choice")
        return self._points(choice.to(noise), noise)

    def sample(self, n: int, choice: Streams, noise: Streams) -> Tensor:
        """n points for each member of the streams: (member, n, 2) float32, on the CPU."""
        uniforms = torch.from_numpy(choice.uniform(n, 2)) if self.uses_choice else None
        return self.transform(uniforms, torch.from_numpy(noise.normal(n, 2)))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (..., 2) -> (...), in x's dtype (pass float64); differentiable; never nan."""
        raise NotImplementedError

    def density(self, points: np.ndarray) -> np.ndarray:
        """p(x), 1/area, of points (..., 2) -> (...): `log_prob` for those who do without torch."""
        with torch.no_grad():
            return self.log_prob(torch.from_numpy(np.asarray(points, np.float64))).exp().numpy()

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Mixture(Target):
    """Equal-weight isotropic Gaussians: p(x) = (1/K) Σ_k N(x; μ_k, std² I)."""

    centres: tuple[tuple[float, float], ...]

    @cached_property
    def _centres(self) -> Tensor:
        return torch.tensor(self.centres, dtype=torch.float64)

    @property
    def modes(self) -> Modes:
        k = len(self.centres)
        covariances = np.broadcast_to(self.std**2 * np.eye(2), (k, 2, 2))
        return Modes(np.array(self.centres, np.float64), np.full(k, 1 / k), covariances)

    @property
    def uses_choice(self) -> bool:
        return len(self.centres) > 1

    @property
    def half_width(self) -> float:
        return round_up(float(self._centres.abs().max()) + max(3.2 * self.std, 1.5))

    def log_prob(self, x: Tensor) -> Tensor:
        k = len(self.centres)
        log_weights = torch.full((k,), -math.log(k), dtype=torch.float64)
        return log_gaussians(x, self._centres, log_weights, self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        index = index_of(choice[..., 0], len(self.centres))
        centres = constant(self.centres, noise.dtype, noise.device)
        return torch.nn.functional.embedding(index, centres) + self.std * noise  # a third of centres[index]'s time


# --- what densities share ---------------------------------------------------------------------------------------------


class Copies:
    """A tensor on every device and in every type that it is asked for in, each made once: as `constant`."""

    def __init__(self, original: Tensor) -> None:
        self.original = original
        self._made: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, other: Tensor) -> Tensor:
        key = other.dtype, other.device
        if key not in self._made:
            self._made[key] = self.original.to(*key[::-1])
        return self._made[key]


def log_gaussians(x: Tensor, centres: Tensor, log_weights: Tensor, std: float) -> Tensor:
    """log Σ_k w_k N(x; centre_k, std² I): x (..., 2), centres (K, 2), log_weights (K,) -> (...)."""
    scale = math.sqrt(2) * std
    flat, log_w = x.reshape(-1, 2) / scale, log_weights.to(x)
    c0, c1 = (centres.to(x) / scale).unbind(-1)
    # blocks of 512 kB: memory stays bounded, and the passes over one block stay in the cache
    blocks = [
        logsumexp(log_w - (b[:, :1] - c0) ** 2 - (b[:, 1:] - c1) ** 2) for b in flat.split(max(1, 2**16 // len(c0)))
    ]
    return torch.cat(blocks).reshape(x.shape[:-1]) - math.log(2 * math.pi) - 2 * math.log(std)


def logsumexp(terms: Tensor) -> Tensor:
    """torch.logsumexp over the last axis, many times faster where most terms are far below the largest.

    exp is slow (20 to 70 times) where it underflows; e^-80 beside the largest term's 1 is already nothing.
    """
    top = terms.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(terms.dtype).min)
    return torch.log((terms - top).clamp(min=-80).exp().sum(-1)) + top.squeeze(-1)


@cache
def constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The values as a tensor, copied to the device once: a copy inside a CUDA graph would wait for the host."""
    return torch.tensor(values, dtype=dtype, device=device)


def index_of(u: Tensor, k: int) -> Tensor:
    """floor(u·k), an equally likely index in 0..k−1; u·k can round up to k, hence the clamp."""
    return (u * k).long().clamp(max=k - 1)


def round_up(width: float) -> float:
    return math.ceil(2 * width) / 2
