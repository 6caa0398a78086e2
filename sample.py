"""The real data: points from distributions in the plane that G has to learn.

All random numbers come from torch's own generator, so `torch.manual_seed(0)` gives the same points again.
"""

import math

import torch
from torch import Tensor

# The centres of the Gaussians that each distribution ("mode") is made of, ...
CENTRES = {
    "gaussian": [(2.0, 2.0)],
    "mixture": [(2.0, 2.0), (-2.0, -2.0)],
    "mixture_4": [(2.0, 2.0), (-2.0, 2.0), (-2.0, -2.0), (2.0, -2.0)],
}
# ... and how wide each of these Gaussians is, if you do not say: its standard deviation, the root of its variance.
STD = {"gaussian": 1.2, "mixture": 1.2, "mixture_4": 0.2}


def sample_real_data(
    batch_size: int, mode: str = "gaussian", *, std: float | None = None, variance: float | None = None
) -> Tensor:
    """A batch of real points, (batch_size, 2); every call draws new ones.

    `std` (or `variance`, its square) makes the Gaussians wider or narrower. Raises ``ValueError`` for an unknown mode,
    for a batch size below 1, and for a std or variance that is not a finite number above 0, or if both are given.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if std is not None and variance is not None:
        raise ValueError("give std or variance, not both")
    for name, value in (("std", std), ("variance", variance)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be a finite number above 0, not {value}")
    if variance is not None:
        std = math.sqrt(variance)
    if mode not in CENTRES:
        return _of_package(batch_size, mode, std)

    # Two steps. First choose one of the Gaussians for every point, each with the same chance. ...
    centres = torch.tensor(CENTRES[mode])  # (K, 2)
    chosen = torch.randint(len(centres), (batch_size,))
    # ... Then put the point beside its centre: a standard normal number is 1 wide, std times it is std wide.
    return centres[chosen] + (STD[mode] if std is None else std) * torch.randn(batch_size, 2)


def _of_package(batch_size: int, mode: str, std: float | None) -> Tensor:
    """Points of a mode that the assignment does not have, such as ring_8 or swiss_roll, from the package beside us."""
    try:
        from dynamics.targets.registry import make_target
    except ImportError:
        raise ValueError(f"unknown mode {mode!r}: choose from {', '.join(CENTRES)}") from None
    return make_target(mode, std).transform(torch.rand(batch_size, 2), torch.randn(batch_size, 2))
