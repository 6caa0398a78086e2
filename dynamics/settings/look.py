"""`Look`: how a run is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from dynamics.settings.catalogue.layers import LAYERS
from dynamics.settings.catalogue.names import ANIMATIONS
from dynamics.settings.option_checks import check
from dynamics.settings.option_fields import FIELDS, declare_options, option


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


declare_options(Look)
