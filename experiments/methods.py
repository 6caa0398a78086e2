"""Methods beside one baseline: what does each, at its usual weight, change where modes are tight?"""

import dataclasses
from typing import Any

from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

BASELINE = Setting()
ONE_STEP = dataclasses.replace(BASELINE, d_steps=1)  # what rules by which both players step at once are compared with

# each changes one thing of its baseline, or is a published combination
_OF_TWO: tuple[dict[str, Any], ...] = (
    {},
    *({"loss": loss} for loss in ("minimax", "lsgan", "hinge", "wasserstein", "relativistic")),
    {"loss": "alpha", "alpha_d": 0.5},
    {"loss": "alpha", "alpha_d": 2.0},
    *(
        {"penalty": penalty}
        for penalty in (
            "clip",
            "gp",
            "gp_one_sided",
            "r1",
            "r2",
            "r1+r2",
            "dragan",
            "spectral",
            "instance_noise",
            "label_smoothing",
            "consensus",
        )
    ),
    {"loss": "wasserstein", "penalty": "clip"},
    {"loss": "wasserstein", "penalty": "gp"},
    {"loss": "hinge", "penalty": "spectral"},
    {"loss": "relativistic", "penalty": "r1+r2"},
    {"packing": 2},
    {"packing": 4},
    {"minibatch_std": 1},
    {"update": "lookahead"},
    {"ema": 0.99},
    {"beta1": 0.5},
    {"beta1": 0.0},
    {"optimizer": "rmsprop"},
)
_OF_ONE: tuple[dict[str, Any], ...] = (
    {},
    *({"update": update} for update in ("simultaneous", "extragradient", "optimistic", "unrolled")),
)

STUDY = Study(
    name="methods",
    question="What does each method, at its usual weight, change on tight modes?",
    settings=tuple(
        dataclasses.replace(base, mode=mode, **changes)
        for mode in ("mixture_4", "ring_8")
        for base, several in ((BASELINE, _OF_TWO), (ONE_STEP, _OF_ONE))
        for changes in several
    ),
    seeds=8,
    frames=0,
)
