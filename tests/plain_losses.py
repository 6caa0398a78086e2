"""Losses once more, as plainly as they can be written: of logits of real and of fake points (..., B), D's and G's.

Tests hold the program's own to these: their values, and what a plain training loop makes of them.
"""

import torch

D = torch.sigmoid
PLAIN = {
    "nonsaturating": (
        lambda r, f: -D(r).log().mean(-1) - (1 - D(f)).log().mean(-1),
        lambda f: -D(f).log().mean(-1),
    ),
    "minimax": (
        lambda r, f: -D(r).log().mean(-1) - (1 - D(f)).log().mean(-1),
        lambda f: (1 - D(f)).log().mean(-1),
    ),
    "lsgan": (
        lambda r, f: (((r - 1) ** 2).mean(-1) + (f**2).mean(-1)) / 2,
        lambda f: ((f - 1) ** 2).mean(-1) / 2,
    ),
    "hinge": (
        lambda r, f: (1 - r).clamp(min=0).mean(-1) + (1 + f).clamp(min=0).mean(-1),
        lambda f: -f.mean(-1),
    ),
    "wasserstein": (lambda r, f: f.mean(-1) - r.mean(-1), lambda f: -f.mean(-1)),
}
PLAIN |= {"alpha": PLAIN["nonsaturating"], "alpha_minimax": PLAIN["minimax"]}  # at alpha 1
