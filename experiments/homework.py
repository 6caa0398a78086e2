"""The assignment: gaussian, mixture, mixture_4 tight and wide; two discriminator steps per generator step, and one."""

from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

TARGETS = (("gaussian", 1.2), ("mixture", 1.2), ("mixture_4", 0.2), ("mixture_4", 1.2))

STUDY = Study(
    name="homework",
    question="How well does G capture each distribution, and what do one and two discriminator steps change?",
    settings=tuple(Setting(mode=mode, std=std, d_steps=d_steps) for mode, std in TARGETS for d_steps in (2, 1)),
    seeds=8,
    headings={
        "": "Each mode",
        "std": "Tight against wide",
        "d_steps": "One against two discriminator steps",
    },
)
