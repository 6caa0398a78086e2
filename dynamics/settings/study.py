"""`Study`: settings × seeds, with the question that they answer."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dynamics.settings.catalogue.scores import SCORE_GROUPS, SLOW_SCORES
from dynamics.settings.messages import OptionError, flag, shown
from dynamics.settings.option_checks import check
from dynamics.settings.option_fields import FIELDS, declare_options, option
from dynamics.settings.setting import Setting

MOST_SETTINGS = 5000  # of a study
MOST_MEMBERS = 100_000  # settings × seeds: two days on two cores
MANY_SETTINGS = 12  # of a study, beyond which they are ranked, and not each has an animation or so many frames
FEW_FRAMES = 10  # that are kept of so many settings, where no number is asked for


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
    baseline: str | None = option(
        None, "setting that the others are held against: its folder's name or its label, as in comparison.csv"
    )
    confirm: int = option(
        0, "train the best three again on this many new seeds, for a fair score; 0: not", least=0, most=MOST_MEMBERS
    )
    notes: tuple[str, ...] = ()  # what of what was asked for is not there, and why, a sentence each
    device: str = option("auto", "auto, cpu, cuda or mps")
    workers: str = option("auto", "worker processes: auto (one a core) or a number")
    checkpoint: float = option(
        20.0, "seconds between two saves of what trains, for resume; 0: only when it is stopped", least=0, most=86400
    )

    def __post_init__(self) -> None:
        for name in FIELDS[Study]:
            check(Study, name, getattr(self, name))
        if self.seed + self.seeds + self.confirm - 1 > 2**63 - 1:
            more = f" and --confirm {self.confirm}" if self.confirm else ""
            raise OptionError(f"--seeds {self.seeds}{more} from --seed {self.seed} on pass the last seed, 2^63 - 1")
        if self.confirm and self.from_run is not None:
            raise OptionError("--confirm with --from: the run has no players that begin with new seeds")
        self._check_schedules()
        count = len(self.settings)
        if count * self.seeds > MOST_MEMBERS:
            raise OptionError(
                f"--seeds {self.seeds}: with {count} settings that is {count * self.seeds} GANs; "
                f"a study takes at most {MOST_MEMBERS}"
            )

    def _check_schedules(self) -> None:
        for s in self.settings:
            written = f"--schedule {shown(s.schedule)}"
            if s.last_change and self.budget != "steps":
                raise OptionError(f"{written}, --budget {self.budget}: what a step costs changes in mid-training")
            if s.last_change >= self.steps:
                raise OptionError(f"{written}, --steps {self.steps}: a change after the last step")

    def with_settings(
        self, changes: Mapping[str, Sequence[Any]], *, skip_impossible: bool = False, **others: Any
    ) -> Study:
        """The study with every setting replaced by the product of the given values, doubles dropped.

        `others` are the study's own options. Settings whose options do not go together are an `OptionError`, or, with
        `skip_impossible`, left out and noted, if there are others. Raises `OptionError` for more than `MOST_SETTINGS`,
        made or dropped.
        """
        count = len(self.settings) * math.prod(len(values) for values in changes.values())
        if count > MOST_SETTINGS:
            varied = ", ".join(flag(name) for name, values in changes.items() if len(values) > 1)
            raise OptionError(f"{varied}: their product is {count} settings; a study takes at most {MOST_SETTINGS}")
        names = list(changes)
        made: dict[Setting, None] = {}
        impossible: dict[str, int] = {}  # why, and of how many settings
        for base, values in itertools.product(self.settings, itertools.product(*changes.values())):
            try:
                made[base.changed(**dict(zip(names, values, strict=True)))] = None
            except OptionError as error:
                impossible[str(error)] = impossible.get(str(error), 0) + 1
        if impossible and not (made and skip_impossible):
            way_out = "; --skip-impossible leaves out the settings that cannot be" if made else ""
            raise OptionError(f"{next(iter(impossible))}{way_out}")
        notes = [f"left out, {n} setting{'s' if n > 1 else ''}: {why}" for why, n in impossible.items()]
        return dataclasses.replace(self, settings=tuple(made), notes=(*self.notes, *notes), **others)

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


declare_options(Study)
