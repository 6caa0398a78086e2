"""A stack looked at: every score that is asked for, of all its members at one snapshot.

metrics.py scores samples by the modes and density that they should have, transport.py by how far they would have to be
moved, critic_gap.py and critic_slopes.py the discriminator by the best one, lipschitz.py how steep it is,
eigenvalues.py how the game turns. They come together here, by the groups of `catalogue.scores.GROUPS`, and "ema": the
samples' scores of the average of G's weights, where a setting keeps one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from dynamics.base.streams import Streams
from dynamics.engine.training import Snapshot
from dynamics.measures import eigenvalues, metrics
from dynamics.measures.critic_gap import critic_scores
from dynamics.measures.critic_slopes import slope_scores
from dynamics.measures.lipschitz import lipschitz_scores
from dynamics.measures.measured import measure_shapes
from dynamics.measures.transport import sliced_w2, w1_between, w2
from dynamics.settings.catalogue.matching import IncompleteEntry
from dynamics.settings.catalogue.scores import LENGTH, PER_LENGTH, SCORES, score_names
from dynamics.settings.setting import Setting
from dynamics.targets.densities import Target
from dynamics.targets.registry import target_for
from dynamics.targets.sampling import draw_real

# what has a unit of length, in a target's own units; and per such a unit
DISTANCES = tuple(name for name, facts in SCORES.items() if facts.unit == LENGTH)
SLOPES = tuple(name for name, facts in SCORES.items() if facts.unit == PER_LENGTH)
_PROBE = 256  # points of the batches that gradients are taken at
_MATCHED = 50  # draws of a perfect generator that are matched point by point: each takes 10 ms


def measured_shapes(groups: Sequence[str], modes: int) -> dict[str, tuple[int, ...]]:
    """Everything that `Scorer` measures of one member: name -> shape."""
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(score_names(groups), ())
    return shapes | measure_shapes(modes)


def mode_count(settings: Sequence[Setting]) -> int:
    """Modes of the target that has most, 0 where none has any."""
    targets = (target_for(s) for s in settings)
    return max((len(t.modes.centres) for t in targets if t.modes is not None), default=0)


class Scorer:
    """Scores the snapshots of one stack; `modes` is the number of columns of what is measured by mode.

    Called with a snapshot it gives every score by name, (M,), and beside them `sample_mean` (M, 2), own units,
    `on_data` and `far_off` (M,), and `mode_mass` and `mode_shape` (M, modes) as `metrics.Measures` has them, NaN past a
    target's last mode.
    """

    def __init__(self, settings: Sequence[Setting], seeds: Sequence[int], groups: Sequence[str], modes: int) -> None:
        self.settings, self.seeds, self.groups, self.modes = settings, seeds, groups, modes
        self.targets = [target_for(s) for s in settings]

    def __call__(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        members = len(self.settings)
        shapes = measured_shapes(self.groups, self.modes)
        every_score = {name: np.full((members, *shape), np.nan) for name, shape in shapes.items()}
        given: set[str] = set()  # the scores that something measures
        for target in dict.fromkeys(self.targets):
            rows = [m for m, t in enumerate(self.targets) if t is target]
            samples = snapshot.samples[rows]
            measured = metrics.measure(samples, target)
            every_score["sample_mean"][rows] = target.placing.to_user(measured.mean)
            every_score["on_data"][rows], every_score["far_off"][rows] = measured.on_data, measured.far_off
            if measured.mass is not None and measured.shape is not None:
                count = measured.mass.shape[1]
                every_score["mode_mass"][rows, :count], every_score["mode_shape"][rows, :count] = (
                    measured.mass,
                    measured.shape,
                )
            scores = measured.scores | self._transport(samples, target)
            if "ema" in self.groups and snapshot.averaged is not None:
                averaged = metrics.measure(snapshot.averaged[rows], target)
                scores |= {f"ema_{name}": values for name, values in averaged.scores.items()}
            given |= scores.keys()
            for name, values in scores.items():
                every_score[name][rows] = values
        settings = [s.in_force(snapshot.step) for s in self.settings]
        if {"critic", "slopes", "lipschitz"} & set(self.groups):
            G, D = snapshot.G.on_cpu(), snapshot.D.on_cpu()
            of_players: dict[str, np.ndarray] = {}
            if "critic" in self.groups:
                of_players |= critic_scores(G, D, settings, snapshot.step)
            if "slopes" in self.groups:
                noise = self._probe_noise if "instance_noise" in settings[0].penalties else None
                of_players |= slope_scores(G, D, settings, *self._probe, snapshot.step, noise)
            if "lipschitz" in self.groups:
                of_players |= lipschitz_scores(G, D, settings, *self._probe)
            given |= of_players.keys()
            every_score |= of_players
        if "spectrum" in self.groups:
            of_game = eigenvalues.spectrum_scores(
                snapshot.players, snapshot.rates(), settings, self.seeds, snapshot.step
            )
            given |= of_game.keys()
            every_score |= of_game
        self._check(given)
        scale = np.array([target.placing.scale for target in self.targets])
        every_score |= {name: every_score[name] / scale for name in DISTANCES if name in every_score}
        return every_score | {name: every_score[name] * scale for name in SLOPES if name in every_score}

    def _check(self, given: set[str]) -> None:
        """Raise `IncompleteEntry` unless the scores that were measured are those that the catalogue has."""
        known = set(score_names([group for group in self.groups if group != "ema"]))  # an average need not be kept
        given = {name for name in given if not name.startswith("ema_")}
        if lacking := known - given:
            raise IncompleteEntry(f"nothing measures {', '.join(sorted(lacking))}, which catalogue/scores.py has")
        if unknown := given - known:
            raise IncompleteEntry(f"catalogue/scores.py lacks {', '.join(sorted(unknown))}, which is measured")

    @functools.cached_property
    def _probe(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The batches that gradients are taken at: z (M, B, latent_dim), real points (M, B, 2)."""
        z = Streams(self.seeds, "probe_latent").normal(_PROBE, self.settings[0].latent_dim)
        streams = (Streams(self.seeds, "probe_choice"), Streams(self.seeds, "probe_noise"))
        return torch.from_numpy(z), draw_real(self.targets, _PROBE, *streams)

    @functools.cached_property
    def _probe_noise(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Normals (M, B, 2) of those points, real and generated, for a D that judges them with noise."""
        stream = Streams(self.seeds, "probe_instance_noise")
        return torch.from_numpy(stream.normal(_PROBE, 2)), torch.from_numpy(stream.normal(_PROBE, 2))

    def _transport(self, samples: np.ndarray, target: Target) -> dict[str, np.ndarray]:
        if "transport" not in self.groups:
            return {}
        return {"w2": w2(samples, target), "sliced_w2": sliced_w2(samples, target)}


@functools.lru_cache(maxsize=64)
def null_scores(target: Target, groups: tuple[str, ...]) -> Mapping[str, tuple[float, float]]:
    """Mean and standard deviation of each score of perfect generators; NaN for scores of the discriminator."""
    scores = dict(metrics.null_scores(target))
    nulls = dict.fromkeys(score_names(groups), (np.nan, np.nan)) | scores
    if "ema" in groups:
        nulls |= {f"ema_{name}": pair for name, pair in scores.items()}
    if "transport" in groups:
        samples = metrics.null_samples(target)
        for name, distance in (("w2", w2), ("sliced_w2", sliced_w2)):
            values = distance(samples, target)
            nulls[name] = (float(values.mean()), float(values.std(ddof=1)))
    if "lipschitz" in groups:  # two batches of a draw, as those of real and generated points are
        samples = metrics.null_samples(target)[:_MATCHED]
        values = w1_between(samples[:, :_PROBE], samples[:, _PROBE : 2 * _PROBE])
        nulls["w1"] = (float(values.mean()), float(values.std(ddof=1)))
    scale = target.placing.scale
    return nulls | {name: (nulls[name][0] / scale, nulls[name][1] / scale) for name in DISTANCES if name in nulls}
