"""Update ratios: does training D more keep more modes, and does the answer depend on how far apart they are?"""

from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

STUDY = Study(
    name="ratios",
    question="Does training the discriminator more keep more modes, when they are tight and when they overlap?",
    settings=tuple(Setting(mode="mixture_4", std=std, d_steps=d_steps) for std in (0.2, 1.2) for d_steps in (1, 2, 5)),
    seeds=8,
)
