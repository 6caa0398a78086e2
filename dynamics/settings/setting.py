"""`Setting`: every choice of one GAN's training but its seed.

Every option is declared once, here and in `Study` and `Look`, with its type, limits and help; the command line, the
configuration file, the checks and the tables derive from these fields. Nothing heavy is imported, so `--help` answers
at once.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dynamics.settings import effects
from dynamics.settings.catalogue.games import BOTH_LOSSES, LOSSES, PENALTIES, RULES
from dynamics.settings.messages import OptionError, shown
from dynamics.settings.modes import LEAST_STD, MOST_STD, is_file, is_picture
from dynamics.settings.option_checks import check
from dynamics.settings.option_fields import FIELDS, declare_options, option
from dynamics.settings.penalty_terms import penalty_terms
from dynamics.settings.schedules import NONE, changes_of, check_schedule


@dataclass(frozen=True)
class Setting:
    """Every choice of one GAN's training but its seed. Raises `OptionError` for a value that is out of its limits."""

    mode: str = option("gaussian", "real distribution, or your own: NAME.csv, NAME.png, NAME.toml", per_member=True)
    std: float | None = option(
        None, "its standard deviation, data units; default: the mode's own", above=0, most=1e150, per_member=True
    )
    invert: int = option(0, "1: of a picture, light is dense, not dark", least=0, most=1, per_member=True)
    data_size: int = option(
        0, "points in a fixed data set, drawn once for each seed; 0: always new ones", least=0, most=10**7
    )
    d_steps: int = option(
        2, "discriminator steps per round", least=1, most=1000, aliases=("--n-critic",), in_mid_training=True
    )
    g_steps: int = option(1, "generator steps per round", least=1, most=1000, in_mid_training=True)
    loss: str = option("nonsaturating", "adversarial loss", in_mid_training=True)
    alpha_d: float = option(
        1.0,
        "α of D's alpha loss; 1 is the logarithm",
        above=0,
        per_member=True,
        effect=effects.ALPHA_LOSS,
        in_mid_training=True,
    )
    alpha_g: float = option(
        1.0,
        "α of G's alpha loss; 1 is the logarithm",
        above=0,
        per_member=True,
        effect=effects.ALPHA_LOSS,
        in_mid_training=True,
    )
    penalty: str = option(
        "none",
        "penalties on D, joined by +, each with a weight of its own if need be: none, r1, gp:0.1+spectral",
        per_member=True,
        in_mid_training=True,
    )
    penalty_weight: float | None = option(
        None,
        "weight of penalties without one; default: each one's usual; 0: without",
        least=0,
        per_member=True,
        effect=effects.USUAL_WEIGHT,
        in_mid_training=True,
    )
    slope: float = option(
        1.0,
        "slope that gp, gp_one_sided and dragan ask of D",
        least=0,
        per_member=True,
        effect=effects.ASKED_SLOPE,
        in_mid_training=True,
    )
    anneal: int = option(
        0, "generator steps in which instance noise falls to 0; 0: it stays", least=0, most=10**8, effect=effects.NOISE
    )
    update: str = option("alternating", "update rule", in_mid_training=True)
    unroll: int = option(
        5,
        "D steps ahead of which unrolled G steps are taken",
        least=0,
        most=100,
        effect=effects.UNROLLED,
        in_mid_training=True,
    )
    lookahead_k: int = option(
        5,
        "rounds between two looks back of the lookahead rule",
        least=1,
        most=10**6,
        effect=effects.LOOKAHEAD,
        in_mid_training=True,
    )
    lookahead_alpha: float = option(
        0.5,
        "share of the way that it keeps",
        above=0,
        most=1,
        per_member=True,
        effect=effects.LOOKAHEAD,
        in_mid_training=True,
    )
    train: str = option("both", "which player learns; the other stays as it is", in_mid_training=True)
    warmup: int = option(0, "D steps before the game begins, whoever learns in it", least=0, most=10**8)
    optimizer: str = option("adam", "optimiser of both players", effect=effects.SHARED_OPTIMIZER, in_mid_training=True)
    optimizer_g: str | None = option(
        None, "optimiser of G; default: --optimizer", effect=effects.OF_G, in_mid_training=True
    )
    optimizer_d: str | None = option(
        None, "optimiser of D; default: --optimizer", effect=effects.OF_D, in_mid_training=True
    )
    lr: float = option(
        1e-3, "learning rate of both players", above=0, per_member=True, effect=effects.SHARED_LR, in_mid_training=True
    )
    lr_g: float | None = option(
        None, "learning rate of G; default: --lr", above=0, per_member=True, effect=effects.OF_G, in_mid_training=True
    )
    lr_d: float | None = option(
        None, "learning rate of D; default: --lr", above=0, per_member=True, effect=effects.OF_D, in_mid_training=True
    )
    beta1: float = option(
        0.9,
        "Adam's decay of the mean gradient",
        least=0,
        below=1,
        per_member=True,
        effect=effects.MEAN_GRADIENT,
        in_mid_training=True,
    )
    beta2: float = option(
        0.999,
        "Adam's and RMSprop's decay of the squared gradient",
        least=0,
        below=1,
        per_member=True,
        effect=effects.SQUARED_GRADIENT,
        in_mid_training=True,
    )
    momentum: float = option(
        0.9,
        "share of its last step that momentum repeats",
        above=-1,
        below=1,
        per_member=True,
        effect=effects.MOMENTUM,
        in_mid_training=True,
    )
    ema: float = option(
        0.0, "decay of the average of G's weights that is scored beside G; 0: none", least=0, below=1, per_member=True
    )
    batch_size: int = option(
        256, "real samples, and generated ones, a step", least=1, most=1_000_000, in_mid_training=True
    )
    packing: int = option(1, "samples that D judges together", least=1, most=64)
    minibatch_std: int = option(0, "1: D's last layer sees how much its batch varies", least=0, most=1)
    latent_dim: int = option(2, "dimensions of z ~ N(0, I)", least=1, most=4096)
    hidden: int = option(64, "width of every hidden layer", least=1, most=65536)
    hidden_d: int | None = option(None, "of D's; default: --hidden", least=1, most=65536)
    layers: int = option(2, "number of hidden layers", least=1, most=64)
    layers_d: int | None = option(None, "of D's; default: --layers", least=1, most=64)
    activation: str = option("relu", "hidden activation")
    activation_d: str | None = option(None, "of D; default: --activation")
    pieces: int = option(5, "linear pieces of a maxout unit", least=1, most=64, effect=effects.MAXOUT)
    norm: str = option("none", "normalisation of G's hidden layers")
    init: str = option("uniform", "initial weights; uniform is nn.Linear's own, ±1/√fan_in")
    init_gain: float = option(1.0, "factor on the initial weights", above=0)
    schedule: str = option(
        "none",
        "changes in mid-training, like '1000: d-steps=1; 2000: lr-g=1e-4 beta1=0.5'",
        per_member=True,
        checked=check_schedule,
    )

    def __post_init__(self) -> None:
        self._check(FIELDS[Setting])

    def changed(self, **values: Any) -> Setting:
        """This setting with other values of some options; itself where they are its values already.

        As `dataclasses.replace`, but only what changes is checked, and how all goes together: the rest was checked when
        this setting was made. Raises `OptionError`, and ``TypeError`` for what is no option.
        """
        if unknown := values.keys() - FIELDS[Setting].keys():
            raise TypeError(f"no options of a setting: {', '.join(sorted(unknown))}")
        # the very same value: 1, 1.0 and True are equal, and so are 0.0 and -0.0
        new = [name for name in FIELDS[Setting] if name in values and values[name] is not getattr(self, name)]
        if not new:
            return self
        made = object.__new__(Setting)  # without __post_init__, which checks everything
        vars(made).update({name: values.get(name, getattr(self, name)) for name in FIELDS[Setting]})
        made._check(new)
        return made

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            check(Setting, name, getattr(self, name))
        for reason in conflicts(self):
            raise OptionError(reason)
        if self.schedule != NONE:
            self.phases  # noqa: B018  raises for a schedule that cannot be

    @functools.cached_property
    def structure(self) -> tuple[Any, ...]:
        """What members of one stack must have in common."""
        shared = (getattr(self, f.name) for f in dataclasses.fields(self) if not f.metadata["per_member"])
        later = tuple((first, phase.structure) for first, phase in self.phases[1:])
        return (*shared, tuple(self.penalties), self.ema > 0, later)

    @functools.cached_property
    def phases(self) -> tuple[tuple[int, Setting], ...]:
        """(first, setting): after `first` generator steps this setting, which has no schedule, is played.

        A change waits for the next round, and one that changes nothing is none. Raises `OptionError`.
        """
        if self.schedule == NONE:
            return ((0, self),)
        phases = [(0, self.changed(schedule=NONE))]
        for step, values in changes_of(self.schedule, Setting):
            first, before = phases[-1]
            begins = first + max(0, -(-(step - first) // before.g_steps)) * before.g_steps
            try:
                after = before.changed(**values)
            except OptionError as error:
                raise OptionError(f"--schedule, from step {step} on: {error}") from None
            if begins == first:  # in the round that another change waits for, too
                phases.pop()
            if not phases or after != phases[-1][1]:
                phases.append((begins, after))
        for reason in conflicts_over_time([phase for _, phase in phases]):
            raise OptionError(f"--schedule {shown(self.schedule)}: {reason}")
        return tuple(phases)

    def in_force(self, step: int) -> Setting:
        """The setting, without a schedule, that generator step `step` is made with; they are counted from 1."""
        return next(phase for first, phase in reversed(self.phases) if first < step or first == 0)

    @property
    def last_change(self) -> int:
        """Generator steps before the setting that is played to the end; 0 where nothing changes."""
        return self.phases[-1][0]

    @property
    def learners(self) -> tuple[str, ...]:
        """Players, of "g" and "d", that an optimiser ever moves: D in its warm-up, and ahead of an unrolled G, too."""
        d_moves = self.train != "g" or self.warmup > 0 or RULES[self.rule].ahead
        return ("g",) * (self.train != "d") + ("d",) * d_moves

    @property
    def optimizers(self) -> dict[str, str]:
        """The optimiser of each player that learns."""
        return {p: getattr(self, f"optimizer_{p}") or self.optimizer for p in self.learners}

    @property
    def penalty_options(self) -> dict[str, float | None]:
        """The penalties that are asked for, and the weights that come with them; None where one comes without."""
        return penalty_terms(self.penalty)

    @property
    def penalties(self) -> dict[str, float]:
        """The penalties that are on, and their weights, in the order of the registry."""
        asked = self.penalty_options
        weights: dict[str, float] = {}
        for name, facts in PENALTIES.items():
            if name in asked:
                usual = facts.usual if self.penalty_weight is None else self.penalty_weight
                weight = usual if asked[name] is None else asked[name]
                weights |= {name: weight} if weight else {}
        return weights

    @property
    def rule(self) -> str:
        """The update rule in force: looking 0 steps ahead is none."""
        return "alternating" if not self.unroll and RULES[self.update].ahead else self.update

    @property
    def plain(self) -> bool:
        """Whether this is the textbook's game: two MLPs that take turns, nothing but their losses, fresh data.

        What only watches, an average of weights, is no part of it."""
        return (
            not self.penalties
            and (self.rule, self.train, self.norm) == ("alternating", "both", "none")
            and (self.packing, self.minibatch_std, self.data_size, self.warmup) == (1, 0, 0, 0)
            and not LOSSES[self.loss].paired
        )

    @property
    def discriminator_shape(self) -> tuple[int, int, str]:
        """Width and number of D's hidden layers, and its activation."""
        hidden = self.hidden if self.hidden_d is None else self.hidden_d
        layers = self.layers if self.layers_d is None else self.layers_d
        return hidden, layers, self.activation_d or self.activation

    @property
    def generator_lr(self) -> float:
        return self.lr if self.lr_g is None else self.lr_g

    @property
    def discriminator_lr(self) -> float:
        return self.lr if self.lr_d is None else self.lr_d


declare_options(Setting)


def conflicts(s: Setting) -> Iterator[str]:
    """Why the options of a setting do not go together, a line each; each is worded only when it is asked for."""
    penalties = s.penalties
    slopes = [name for name in penalties if PENALTIES[name].slopes]
    if s.std is not None and not is_file(s.mode) and not LEAST_STD <= s.std <= MOST_STD:
        yield (
            f"--std with --mode {shown(s.mode)}: a standard deviation must be at least {LEAST_STD} and at most "
            f"{MOST_STD:g}, not {s.std or 0:.4g}"
        )
    if s.invert and not is_picture(s.mode):
        yield f"--invert {s.invert}, --mode {shown(s.mode)}: only a picture, NAME.png, has light and dark"
    if "label_smoothing" in penalties:
        if penalties["label_smoothing"] >= 1:
            yield f"--penalty {shown(s.penalty)}: a label is smoothed by less than 1"
        if not LOSSES[s.loss].labels:
            yield f"--penalty label_smoothing, --loss {s.loss}: this loss has no labels to smooth"
    if "gp" in penalties and "gp_one_sided" in penalties:
        yield "--penalty gp+gp_one_sided: both hold D to the same slope, on other sides; choose one"
    if slopes and s.minibatch_std:
        yield (
            f"--penalty {slopes[0]}, --minibatch-std 1: D's slope at one point is not defined where D sees the "
            "whole batch"
        )
    if s.batch_size % s.packing:
        yield f"--packing {s.packing}, --batch-size {s.batch_size}: packs of {s.packing} must fill the batch"
    if s.minibatch_std and s.batch_size == s.packing:
        yield f"--minibatch-std 1, --batch-size {s.batch_size}: one judgement a batch does not vary"
    if s.norm == "batch" and s.batch_size == 1:
        yield f"--norm batch, --batch-size {s.batch_size}: one point has no variance"
    if RULES[s.update].once and (s.d_steps, s.g_steps) != (1, 1):
        yield (
            f"--update {s.update}, --d-steps {s.d_steps}, --g-steps {s.g_steps}: both players step at once; say "
            "--d-steps 1"
        )
    ahead = RULES[s.rule].ahead
    if ahead and (both := [name for name in penalties if PENALTIES[name].acts == BOTH_LOSSES]):
        yield (
            f"--update {s.rule}, --penalty {both[0]}: one looks ahead of D's steps, the other at both players as they "
            "are; choose one"
        )
    if ahead and s.train == "d":
        yield f"--update {s.rule}, --train d: only G looks ahead"


def conflicts_over_time(phases: Sequence[Setting]) -> Iterator[str]:
    """Why settings cannot follow one another in one training."""
    if phases[0].anneal and len({phase.penalties.get("instance_noise") for phase in phases}) > 1:
        yield "--anneal counts from the first step, so instance noise cannot change in mid-training"
