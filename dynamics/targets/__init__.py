"""The distributions to be learnt: sampling, exact densities and modes; users' points, pictures and mixtures.

Imports base and settings. What deals with files alone is free of torch.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.targets.densities import Mixture as Mixture
    from dynamics.targets.densities import Target as Target
    from dynamics.targets.registry import TARGETS as TARGETS
    from dynamics.targets.registry import target_for as target_for
    from dynamics.targets.sampling import draw_real as draw_real
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Mixture": "densities",
            "TARGETS": "registry",
            "Target": "densities",
            "draw_real": "sampling",
            "target_for": "registry",
        },
    )
