"""How large the two players of a setting are: their layers, and how many parameters those have.

A layer's matrix has a row for each of its inputs, then γ where it is normalised, then its bias, and a column for each
of its outputs; of a maxout unit, one for each piece. `dynamics.games.networks` lays them out as this says.
"""

from __future__ import annotations

from typing import NamedTuple

from dynamics.settings.catalogue.games import ACTIVATIONS
from dynamics.settings.setting import Setting

_WHOLE = 64  # numbers that a member's parameters are rounded up to


class Layers(NamedTuple):
    """The layers of one MLP. Raises ``KeyError`` for an activation that there is not."""

    sizes: tuple[int, ...]  # inputs, units of every hidden layer, outputs
    activation: str = "relu"
    pieces: int = 1  # of a unit, where the activation has any
    norm: str = "none"
    batch_std: bool = False  # whether the last layer has one more input

    @property
    def columns_per_unit(self) -> int:
        return self.pieces if ACTIVATIONS[self.activation].pieces else 1

    @property
    def hidden_units(self) -> int:
        """Units of all hidden layers together."""
        return sum(self.sizes[1:-1])

    @property
    def weights(self) -> list[tuple[int, int]]:
        """Rows and columns of each layer's W."""
        *inputs, last = self.sizes[:-1]
        columns = [*(n * self.columns_per_unit for n in self.sizes[1:-1]), self.sizes[-1]]
        return list(zip([*inputs, last + self.batch_std], columns, strict=True))

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of each layer's matrix: its W, γ if it has one, its bias."""
        return [(rows + 1 + self.normalised(layer), columns) for layer, (rows, columns) in enumerate(self.weights)]

    def normalised(self, layer: int) -> bool:
        """Whether a layer, counted from 0, is normalised over its batch: with batch normalisation all but the last."""
        return self.norm == "batch" and layer + 2 < len(self.sizes)

    @property
    def used(self) -> int:
        """Parameters of one network."""
        return sum(rows * columns for rows, columns in self.shapes)

    @property
    def width(self) -> int:
        """P, numbers that a member has in a stack's parameters (M, P): `used`, rounded up."""
        return -(-self.used // _WHOLE) * _WHOLE

    @property
    def products(self) -> int:
        """Multiplications of one point's way through the network."""
        return sum(rows * columns for rows, columns in self.weights)

    @property
    def plain(self) -> Layers:
        """The same with normalisations folded into the weights."""
        return self._replace(norm="none")


def generator_sizes(latent_dim: int, hidden: int, layers: int) -> tuple[int, ...]:
    """z to points in the plane."""
    return (latent_dim, *[hidden] * layers, 2)


def discriminator_sizes(packing: int, hidden: int, layers: int) -> tuple[int, ...]:
    """So many points at once to a logit."""
    return (2 * packing, *[hidden] * layers, 1)


def players(s: Setting) -> tuple[Layers, Layers]:
    """G and D of a setting."""
    hidden, layers, activation = s.discriminator_shape
    return (
        Layers(generator_sizes(s.latent_dim, s.hidden, s.layers), s.activation, s.pieces, s.norm),
        Layers(discriminator_sizes(s.packing, hidden, layers), activation, s.pieces, batch_std=bool(s.minibatch_std)),
    )


def parameters(s: Setting) -> tuple[int, int]:
    """P of G and of D, as a run keeps them: normalisations folded in."""
    g, d = players(s)
    return g.plain.width, d.plain.width
