"""What can be asked for: `Setting` (one GAN's training but its seed), `Study` (settings × seeds) and `Look` (pictures).

Every option is declared once, here, with its type, limits and help; the command line, the configuration file, the
checks and the tables derive from these fields. Nothing heavy is imported, so `--help` answers at once: the names that
the registries of `targets` and `games` hold are repeated in `NAMES`, kept equal by a test.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import math
import reprlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_type_hints

VERSION = "0.1.0"

NAMES: dict[str, tuple[str, ...]] = {
    "mode": (
        "gaussian",
        "mixture",
        "mixture_4",
        "ring_8",
        "ring_8_unit",
        "ring_8_scaled",
        "grid_25",
        "swiss_roll",
        "two_moons",
        "circles",
        "spiral",
        "pinwheel",
        "checkerboard",
    ),
    "loss": (
        "nonsaturating",
        "minimax",
        "lsgan",
        "hinge",
        "wasserstein",
        "relativistic",
        "alpha",
        "alpha_minimax",
    ),
    "penalty": (
        "clip",
        "gp",
        "gp_one_sided",
        "r1",
        "r2",
        "dragan",
        "spectral",
        "instance_noise",
        "label_smoothing",
        "consensus",
    ),
    "optimizer": ("adam", "sgd", "momentum", "rmsprop"),
    "update": ("alternating", "simultaneous", "extragradient", "optimistic", "unrolled", "lookahead"),
    "train": ("both", "d", "g"),
    "activation": ("relu", "leaky_relu", "tanh", "silu", "maxout"),
    "init": ("uniform", "glorot", "he", "he_glorot", "orthogonal", "normal"),
    "norm": ("none", "batch"),
    "budget": ("steps", "updates", "samples"),
    "spacing": ("log", "linear"),
    "across": ("auto", "settings", "targets"),
    "embed": ("auto", "all", "none"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "weights": ("shown", "all", "none"),
}

FILES = (".csv", ".png", ".toml")  # of a user's own points, picture or mixture, in place of a mode

# of a standard deviation in the plane that networks train in: data units, but of what is scaled into it
LEAST_STD, MOST_STD = 0.01, 1000.0

# options whose names are those of another's registry
SAME_NAMES = {"optimizer_g": "optimizer", "optimizer_d": "optimizer", "activation_d": "activation"}

# weight of each penalty where none is said; what it weighs is told where the penalties are, in penalties.py
USUAL_WEIGHTS = {
    "clip": 0.01,
    "gp": 10.0,
    "gp_one_sided": 10.0,
    "r1": 1.0,
    "r2": 1.0,
    "dragan": 10.0,
    "spectral": 1.0,
    "instance_noise": 0.5,
    "label_smoothing": 0.1,
    "consensus": 1.0,
}
SLOPE_PENALTIES = ("gp", "gp_one_sided", "r1", "r2", "dragan")  # which need D's gradient at single points

# of which one or several can be asked for, with commas
FIGURES = ("png", "pdf", "svg")
ANIMATIONS = ("gif", "webp", "apng", "mp4", "png")
VIEWS = ("density", "map", "d", "optimal", "difference")  # layers that fill a plane
LAYERS = (*VIEWS, "contours", "samples", "arrows", "strip")

SCORE_GROUPS = {  # what can be scored beside the samples' modes and densities
    "transport": "Wasserstein-2 distances of the samples from the target",
    "critic": "D beside the best discriminator of the moment, and what G's loss owes to either",
    "slopes": "the gradients of D and of both players' losses",
    "lipschitz": "how steep D is, between bounds, and what it makes of the Wasserstein-1 distance",
    "spectrum": "how the game turns about where it is, and how fast; seconds a look, so not among all",
}
SLOW_SCORES = ("spectrum",)  # groups that "all" leaves out: they take longer than the training

# options of words with commas: those that go together, and those that stand alone
SEVERAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "scores": (tuple(SCORE_GROUPS), ("all", "none")),
    "show": (LAYERS, ("default",)),
    "animation": (ANIMATIONS, ()),
    "format": (FIGURES, ()),
}

MOST_SETTINGS = 5000  # of a study
MOST_MEMBERS = 100_000  # settings × seeds: two days on two cores
MOST_WORKERS = 1024


class OptionError(ValueError):
    """A value that an option does not take; the message names the option, the value and what is allowed."""


def option(
    default: Any,
    help: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    per_member: bool = False,
    aliases: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that is also a command-line option.

    `above`/`below` are exclusive limits, `least`/`most` inclusive ones. `per_member` says that members of one stack
    may differ in it: it changes neither a tensor's shape nor the program.
    """
    limits = {"above": above, "least": least, "below": below, "most": most}
    return field(
        default=default,
        metadata={"help": help, "limits": limits, "per_member": per_member, "aliases": aliases},
    )


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
    d_steps: int = option(2, "discriminator steps per round", least=1, most=1000, aliases=("--n-critic",))
    g_steps: int = option(1, "generator steps per round", least=1, most=1000)
    loss: str = option("nonsaturating", "adversarial loss")
    alpha_d: float = option(1.0, "α of D's alpha loss; 1 is the logarithm", above=0, per_member=True)
    alpha_g: float = option(1.0, "α of G's alpha loss; 1 is the logarithm", above=0, per_member=True)
    penalty: str = option(
        "none",
        "penalties on D, joined by +, each with a weight of its own if need be: none, r1, gp:0.1+spectral",
        per_member=True,
    )
    penalty_weight: float | None = option(
        None, "weight of penalties without one; default: each one's usual; 0: without", least=0, per_member=True
    )
    slope: float = option(1.0, "slope that gp, gp_one_sided and dragan ask of D", least=0, per_member=True)
    anneal: int = option(0, "generator steps in which instance noise falls to 0; 0: it stays", least=0, most=10**8)
    update: str = option("alternating", "update rule")
    unroll: int = option(5, "D steps ahead of which unrolled G steps are taken", least=0, most=100)
    lookahead_k: int = option(5, "rounds between two looks back of the lookahead rule", least=1, most=10**6)
    lookahead_alpha: float = option(0.5, "share of the way that it keeps", above=0, most=1, per_member=True)
    train: str = option("both", "which player learns; the other stays as it is")
    warmup: int = option(0, "D steps before the game begins, whoever learns in it", least=0, most=10**8)
    optimizer: str = option("adam", "optimiser of both players")
    optimizer_g: str | None = option(None, "optimiser of G; default: --optimizer")
    optimizer_d: str | None = option(None, "optimiser of D; default: --optimizer")
    lr: float = option(1e-3, "learning rate of both players", above=0, per_member=True)
    lr_g: float | None = option(None, "learning rate of G; default: --lr", above=0, per_member=True)
    lr_d: float | None = option(None, "learning rate of D; default: --lr", above=0, per_member=True)
    beta1: float = option(0.9, "Adam's decay of the mean gradient", least=0, below=1, per_member=True)
    beta2: float = option(
        0.999, "Adam's and RMSprop's decay of the squared gradient", least=0, below=1, per_member=True
    )
    momentum: float = option(0.9, "share of its last step that momentum repeats", above=-1, below=1, per_member=True)
    ema: float = option(
        0.0, "decay of the average of G's weights that is scored beside G; 0: none", least=0, below=1, per_member=True
    )
    batch_size: int = option(256, "real samples, and generated ones, a step", least=1, most=1_000_000)
    packing: int = option(1, "samples that D judges together", least=1, most=64)
    minibatch_std: int = option(0, "1: D's last layer sees how much its batch varies", least=0, most=1)
    latent_dim: int = option(2, "dimensions of z ~ N(0, I)", least=1, most=4096)
    hidden: int = option(64, "width of every hidden layer", least=1, most=65536)
    hidden_d: int | None = option(None, "of D's; default: --hidden", least=1, most=65536)
    layers: int = option(2, "number of hidden layers", least=1, most=64)
    layers_d: int | None = option(None, "of D's; default: --layers", least=1, most=64)
    activation: str = option("relu", "hidden activation")
    activation_d: str | None = option(None, "of D; default: --activation")
    pieces: int = option(5, "linear pieces of a maxout unit", least=1, most=64)
    norm: str = option("none", "normalisation of G's hidden layers")
    init: str = option("uniform", "initial weights; uniform is nn.Linear's own, ±1/√fan_in")
    init_gain: float = option(1.0, "factor on the initial weights", above=0)

    def __post_init__(self) -> None:
        for name in FIELDS[Setting]:
            check(Setting, name, getattr(self, name))
        if (reason := _against(self)) is not None:
            raise OptionError(reason)

    @functools.cached_property
    def structure(self) -> tuple[Any, ...]:
        """What members of one stack must have in common."""
        own = (getattr(self, f.name) for f in dataclasses.fields(self) if not f.metadata["per_member"])
        return (*own, tuple(self.penalties), self.ema > 0)

    @property
    def penalties(self) -> dict[str, float]:
        """The penalties that are on, and their weights, in the order of the registry."""
        said = _penalty_terms(self.penalty)
        found: dict[str, float] = {}
        for name in NAMES["penalty"]:
            if name in said:
                usual = USUAL_WEIGHTS[name] if self.penalty_weight is None else self.penalty_weight
                weight = usual if said[name] is None else said[name]
                found |= {name: weight} if weight else {}
        return found

    @property
    def rule(self) -> str:
        """The update rule in force: looking 0 steps ahead is none."""
        return "alternating" if self.update == "unrolled" and not self.unroll else self.update

    @property
    def plain(self) -> bool:
        """Whether this is the textbook's game: two MLPs that take turns, nothing but their losses, fresh data."""
        return (
            not self.penalties
            and (self.rule, self.train, self.norm) == ("alternating", "both", "none")
            and (self.packing, self.minibatch_std, self.data_size, self.warmup, self.ema) == (1, 0, 0, 0, 0)
            and self.loss != "relativistic"
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


def _penalty_terms(text: str, told: Callable[[str], str] | None = None) -> dict[str, float | None]:
    """Name -> weight, or None where none is said, of an option such as r1 or gp:0.1+spectral.

    Raises `OptionError`; `told` puts the option, or one term of it, as the user did.
    """
    told = told or functools.partial(flagged, "--penalty")
    found: dict[str, float | None] = {}
    if text == "none":
        return found
    for term in text.split("+"):
        name, colon, number = term.partition(":")
        if name not in NAMES["penalty"]:
            known = ("none", *NAMES["penalty"])
            raise OptionError(f"{told(name)}: must be one of {', '.join(known)}{near(name, known)}")
        if name in found:
            raise OptionError(f"{told(text)}: {name} stands in it twice")
        try:
            weight = float(number) if colon else None
        except ValueError:
            weight = math.nan
        if weight is not None and not 0 <= weight < math.inf:
            raise OptionError(f"{told(term)}: the weight must be a finite number of at least 0")
        found[name] = weight
    return found


def _against(s: Setting) -> str | None:
    """Why the options of a setting do not go together; None where they do."""
    penalties = s.penalties
    slopes = [name for name in SLOPE_PENALTIES if name in penalties]
    labelled = "label_smoothing" in penalties
    unfit = s.std is not None and not is_file(s.mode) and not LEAST_STD <= s.std <= MOST_STD
    cases = {
        f"--std with --mode {shown(s.mode)}: a standard deviation must be at least {LEAST_STD} and at most "
        f"{MOST_STD:g}, not {s.std or 0:.4g}": unfit,
        f"--invert {s.invert}, --mode {shown(s.mode)}: only a picture, NAME.png, has light and dark": bool(s.invert)
        and not is_picture(s.mode),
        f"--penalty {shown(s.penalty)}: a label is smoothed by less than 1": labelled
        and penalties["label_smoothing"] >= 1,
        f"--penalty label_smoothing, --loss {s.loss}: this loss has no labels to smooth": labelled
        and s.loss in ("hinge", "wasserstein", "relativistic"),
        "--penalty gp+gp_one_sided: both hold D to the same slope, on other sides; choose one": "gp" in penalties
        and "gp_one_sided" in penalties,
        f"--penalty {''.join(slopes[:1])}, --minibatch-std 1: D's slope at one point is not defined where D sees the "
        "whole batch": bool(slopes) and bool(s.minibatch_std),
        f"--packing {s.packing}, --batch-size {s.batch_size}: packs of {s.packing} must fill the batch": s.batch_size
        % s.packing
        > 0,
        f"--minibatch-std 1, --batch-size {s.batch_size}: one judgement a batch does not vary": bool(s.minibatch_std)
        and s.batch_size == s.packing,
        f"--norm batch, --batch-size {s.batch_size}: one point has no variance": s.norm == "batch"
        and s.batch_size == 1,
        f"--update extragradient, --d-steps {s.d_steps}, --g-steps {s.g_steps}: both players step at once; say "
        "--d-steps 1": s.update == "extragradient" and (s.d_steps, s.g_steps) != (1, 1),
        "--update unrolled, --penalty consensus: one looks ahead of D's steps, the other at both players as they are; "
        "choose one": s.rule == "unrolled" and "consensus" in penalties,
        "--update unrolled, --train d: only G looks ahead": s.rule == "unrolled" and s.train == "d",
    }
    return next((reason for reason, holds in cases.items() if holds), None)


@dataclass(frozen=True)
class Study:
    """Settings × seeds, trained on one clock, with the question that they answer."""

    name: str
    question: str
    settings: tuple[Setting, ...]
    steps: int = option(
        2500, "generator steps; of the setting whose step is cheapest, where --budget is another", least=1, most=10**8
    )
    budget: str = option(
        "steps", "what all settings spend alike: generator steps, updates of both players, samples D sees"
    )
    seeds: int = option(1, "number of seeds of every setting", least=1, most=MOST_MEMBERS)
    seed: int = option(0, "the first seed", least=0, most=2**63 - 1)
    snapshots: int = option(50, "how often each member is scored, beside its start", least=1, most=100_000)
    frames: int = option(50, "animation frames, beside the start; 0 for none", least=0, most=10_000)
    scores: str = option("none", "what is scored beside the samples: groups with commas, all (but spectrum) or none")
    headings: Mapping[str, str] = field(default_factory=dict)  # of what is observed of an option; "": of each target
    weights: str = option("shown", "kept at every frame for pictures of D: those of the shown seed, of all, none")
    from_run: str | None = option(
        None, "a run whose trained players these begin with; where one learns, the other's", aliases=("--from",)
    )
    device: str = option("auto", "auto, cpu, cuda or mps")
    workers: str = option("auto", "worker processes: auto (one a core) or a number")
    checkpoint: float = option(
        20.0, "seconds between two saves of what trains, for resume; 0: only when it is stopped", least=0, most=86400
    )

    def __post_init__(self) -> None:
        for name in FIELDS[Study]:
            check(Study, name, getattr(self, name))
        if self.seed + self.seeds - 1 > 2**63 - 1:
            raise OptionError(f"--seeds {self.seeds} from --seed {self.seed} on pass the last seed, 2^63 - 1")
        count = len(self.settings)
        if count * self.seeds > MOST_MEMBERS:
            raise OptionError(
                f"--seeds {self.seeds}: with {count} settings that is {count * self.seeds} GANs; "
                f"a study takes at most {MOST_MEMBERS}"
            )

    def with_settings(self, changes: Mapping[str, Sequence[Any]], **others: Any) -> Study:
        """The study with every setting replaced by the product of the given values, doubles dropped.

        `others` are the study's own options. Raises `OptionError` for more than `MOST_SETTINGS`, made or dropped.
        """
        count = len(self.settings) * math.prod(len(values) for values in changes.values())
        if count > MOST_SETTINGS:
            varied = ", ".join(flag(name) for name, values in changes.items() if len(values) > 1)
            raise OptionError(f"{varied}: their product is {count} settings; a study takes at most {MOST_SETTINGS}")
        names = list(changes)
        made = (
            dataclasses.replace(base, **dict(zip(names, values, strict=True)))
            for base in self.settings
            for values in itertools.product(*changes.values())
        )
        return dataclasses.replace(self, settings=tuple(dict.fromkeys(made)), **others)

    @functools.cached_property
    def score_groups(self) -> tuple[str, ...]:
        """The groups of `SCORE_GROUPS` that are asked for; first "ema", where a setting keeps an average of weights."""
        asked = set(self.scores.split(","))
        if self.scores == "all":
            asked = set(SCORE_GROUPS) - set(SLOW_SCORES)
        averaged = ("ema",) if any(s.ema > 0 for s in self.settings) else ()
        return (*averaged, *(group for group in SCORE_GROUPS if group in asked))

    @property
    def seed_list(self) -> tuple[int, ...]:
        return tuple(range(self.seed, self.seed + self.seeds))


@dataclass(frozen=True)
class Look:
    """How a run is drawn: nothing of it changes a number. Raises `OptionError`."""

    show: str = option("default", "layers of an animation's frames, with commas: " + ", ".join(LAYERS))
    animation: str = option(
        "gif", "of the animations: " + ", ".join(ANIMATIONS) + ", with commas; png: frames for LaTeX"
    )
    format: str = option("png", "of the figures: png, and beside it pdf or svg, with commas")
    spacing: str = option("log", "moments of frames.png: log is denser where training is young")
    across: str = option("auto", "columns of comparison.gif, the rows are the other; auto: of what there is more")
    fps: float | None = option(
        None, "frames a second; default: five seconds in all; a GIF shows at most 50", least=0.1, most=100
    )
    size: int | None = option(None, "width of an animation, pixels; default: 640 for one setting", least=160, most=4096)
    member: int | None = option(
        None, "seed that is shown; default: the one of median final JSD", least=0, most=2**63 - 1
    )
    embed: str = option("auto", "pictures inside report.html: all, none, or auto, as many as keep it within 6 MB")

    def __post_init__(self) -> None:
        for name in FIELDS[Look]:
            check(Look, name, getattr(self, name))

    @property
    def layers(self) -> tuple[str, ...] | None:
        """The layers that are asked for; None for the default ones."""
        return None if self.show == "default" else tuple(dict.fromkeys(self.show.split(",")))

    @property
    def animations(self) -> tuple[str, ...]:
        """Suffixes that an animation comes in; GIF, which the report shows, always."""
        return tuple(dict.fromkeys(("gif", *self.animation.split(","))))

    @property
    def figures(self) -> tuple[str, ...]:
        """Suffixes that a figure comes in; PNG, which the report shows, always."""
        return tuple(dict.fromkeys(("png", *self.format.split(","))))


# name -> type, for the fields that are options: filled once the classes exist, so that a bad default is noticed too.
FIELDS: dict[type, dict[str, type]] = {}


def _option_types(cls: type) -> dict[str, type]:
    hints = get_type_hints(cls)
    found: dict[str, type] = {}
    for f in dataclasses.fields(cls):
        if "help" in f.metadata:
            (kind,) = (
                k for k in (str, int, float) if k is hints[f.name] or k in getattr(hints[f.name], "__args__", ())
            )
            found[f.name] = kind
    return found


FIELDS[Setting] = _option_types(Setting)
FIELDS[Study] = _option_types(Study)
FIELDS[Look] = _option_types(Look)


def is_file(mode: Any) -> bool:
    """Whether the name of a mode is that of a user's file: it ends in .csv, .png or .toml, in capitals or not."""
    return isinstance(mode, str) and mode.lower().endswith(FILES)


def is_picture(mode: Any) -> bool:
    """Whether the name of a mode is that of a user's picture."""
    return isinstance(mode, str) and mode.lower().endswith(".png")


def is_mixture(mode: Any) -> bool:
    """Whether the name of a mode is that of a user's mixture."""
    return isinstance(mode, str) and mode.lower().endswith(".toml")


def names_of(option: str) -> tuple[str, ...] | None:
    """The names that an option takes one of; None for any other option."""
    if option == "penalty":  # several
        return None
    return NAMES.get(SAME_NAMES.get(option, option))


def flag(name: str) -> str:
    """The option's name on the command line: d_steps -> --d-steps."""
    return "--" + name.replace("_", "-")


@functools.cache
def _declared(cls: type) -> dict[str, dataclasses.Field[Any]]:
    return {f.name: f for f in dataclasses.fields(cls)}


def metadata(cls: type, name: str) -> Mapping[str, Any]:
    return _declared(cls)[name].metadata


def default(cls: type, name: str) -> Any:
    return _declared(cls)[name].default


# another name of an option -> its name: n_critic -> d_steps
ALIASES: dict[str, str] = {
    alias.removeprefix("--").replace("-", "_"): name
    for cls in FIELDS
    for name in FIELDS[cls]
    for alias in metadata(cls, name)["aliases"]
}


# --- in words --------------------------------------------------------------------------------------------------------


def near(word: Any, allowed: Iterable[str]) -> str:
    """' (did you mean …?)' where a word is near, else nothing."""
    match = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6) if isinstance(word, str) else []
    return f" (did you mean {match[0]}?)" if match else ""


def not_one_of(what: str, value: str, allowed: Sequence[str]) -> str:
    return f"{what} {shown(value)}: must be one of {', '.join(allowed)}{near(value, allowed)}"


def cut(text: str, most: int = 100) -> str:
    """The text, or where it is longer its two ends."""
    head = most * 2 // 3
    return text if len(text) <= most else f"{text[:head]}...{text[head + 3 - most :]}"


def one_line(text: str) -> str:
    """The text without what cannot be printed: space for space, and an escape for all else."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))


def shown(text: str, most: int = 100) -> str:
    """What a user wrote as a part of one line, of long text the two ends."""
    return cut(one_line(cut(text, 10 * most)) if text.strip() else ascii(text), most)


class _Quoted(reprlib.Repr):
    """Values as Python writes them, up to a length and a depth."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxdict = 3, 6, 4
        self.maxstring = self.maxother = 100

    def repr_int(self, x: int, level: int) -> str:
        return cut(repr(x) if x.bit_length() < 2000 else hex(x))  # Python refuses to write out more digits than some


quoted: Callable[[Any], str] = _Quoted().repr


def allowed(cls: type, name: str) -> str:
    """In words, what an option takes."""
    if (names := names_of(name)) is not None:
        return "one of " + ", ".join(names) + (", or a file NAME.csv, NAME.png or NAME.toml" if name == "mode" else "")
    if name == "penalty":
        return "none, or " + ", ".join(NAMES["penalty"]) + ", joined by +, each with :weight if need be"
    if name == "workers":
        return f"auto or a whole number from 1 to {MOST_WORKERS}"
    if name == "from_run":
        return "a path"
    kind, limits = FIELDS[cls][name], metadata(cls, name)["limits"]
    words = {int: "a whole number", float: "a finite number", str: "a word"}[kind]
    for key, phrase in (
        ("above", "above"),
        ("least", "of at least"),
        ("below", "below"),
        ("most", "at most"),
    ):
        if limits[key] is not None:
            words += f"{' and' if key in ('below', 'most') and words[-1].isdigit() else ''} {phrase} {limits[key]}"
    return words


def flagged(called: str, value: Any) -> str:
    """A value as it stands after its flag."""
    return f"{called} {shown(value) if isinstance(value, str) else quoted(value)}"


# --- checks ----------------------------------------------------------------------------------------------------------


def is_path(value: Any) -> bool:
    """Whether a value can be the name of a file or folder."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def check(cls: type, name: str, value: Any, told: Callable[[Any], str] | None = None) -> None:
    """Raise `OptionError` unless the option `name` of `cls` takes `value`.

    `told` puts the value, or the one word of it that is wrong, as the user did.
    """
    if value is None and default(cls, name) is None:
        return
    said = told or (lambda part: flagged(flag(name), part))
    if (names := names_of(name)) is not None:
        if value not in names and not (name == "mode" and is_file(value)):
            raise OptionError(f"{said(value)}: must be {allowed(cls, name)}{near(value, names)}")
    elif not _fits(cls, name, value):
        raise OptionError(f"{said(value)}: must be {allowed(cls, name)}")
    elif name == "penalty":
        _penalty_terms(value, said)
    elif name in SEVERAL and value not in SEVERAL[name][1]:
        together, alone = SEVERAL[name]
        known = (*alone, *together)
        for word in value.split(","):
            if word in alone:
                raise OptionError(f"{said(value)}: {word} stands alone")
            if word not in together:
                raise OptionError(f"{said(word)}: must be one of {', '.join(known)}{near(word, known)}")


def _fits(cls: type, name: str, value: Any) -> bool:
    """Whether a value is of an option's type, and within its limits."""
    kind, limits = FIELDS[cls][name], metadata(cls, name)["limits"]
    if name == "workers":
        digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9
        return value == "auto" or (digits and 1 <= int(value) <= MOST_WORKERS)
    if name == "from_run":
        return is_path(value)
    if kind is str:
        return isinstance(value, str)
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (kind is float or isinstance(value, int))
        and abs(value) <= sys.float_info.max  # nor a whole number too large for a float
        and (limits["above"] is None or value > limits["above"])
        and (limits["least"] is None or value >= limits["least"])
        and (limits["below"] is None or value < limits["below"])
        and (limits["most"] is None or value <= limits["most"])
    )


def parse(cls: type, name: str, text: str, called: str | None = None) -> Any:
    """One value of an option from its text; raises `OptionError`, which calls it `called`, as the user did."""
    kind, value = FIELDS[cls][name], text.strip()
    written = functools.partial(flagged, called or flag(name))
    try:
        parsed = kind(value)
    except ValueError:
        raise OptionError(f"{written(value)}: must be {allowed(cls, name)}") from None
    check(cls, name, parsed, written if kind is str else lambda number: written(value))
    return parsed


def parse_several(cls: type, name: str, text: str, called: str | None = None) -> list[Any]:
    """Comma-separated values of an option, doubles dropped; raises `OptionError` for an empty one."""
    return list(dict.fromkeys(parse(cls, name, part, called) for part in text.split(",")))
