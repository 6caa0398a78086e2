"""Two networks and what they play: stacks of MLPs, losses, penalties, optimisers, update rules, the game they make.

Imports base, settings and targets; no loop over steps.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.games.game import Game as Game
    from dynamics.games.losses import LOSSES as LOSSES
    from dynamics.games.losses import make_loss as make_loss
    from dynamics.games.networks import MLP as MLP
    from dynamics.games.networks import make_pair as make_pair
    from dynamics.games.optimizers import OPTIMIZERS as OPTIMIZERS
    from dynamics.games.penalties import PENALTIES as PENALTIES
    from dynamics.games.update_rules import UPDATES as UPDATES
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Game": "game",
            "LOSSES": "losses",
            "MLP": "networks",
            "OPTIMIZERS": "optimizers",
            "PENALTIES": "penalties",
            "UPDATES": "update_rules",
            "make_loss": "losses",
            "make_pair": "networks",
        },
    )
