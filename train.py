"""Training: D learns to tell real points from G's, G learns to deceive D, in turns. Each goes downhill on its own loss,

    loss of D = −E log D(x) − E log(1 − D(G(z))),        loss of G = −E log D(G(z)),

E being the mean over a batch. Where nobody can win any more D says 1/2 everywhere: losses of 2 log 2 and log 2.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from GAN import Discriminator, Generator
from sample import sample_real_data


def train_discriminator(
    D: nn.Module, G: nn.Module, d_optimizer: Optimizer, batch_size: int, device: torch.device | str,
    mode: str = "gaussian", *, from_logits: bool = False, **width: Any) -> tuple[Tensor, ...]:  # fmt: skip
    """One step of D; G stays as it is. Returns D's loss and its answers D(x), D(G(z)), (B, 1), from before the step.

    D's answers are probabilities, or else there is a ``ValueError``; with `from_logits`, what comes before a sigmoid.
    `width` is std or variance of the real data.
    """
    real = sample_real_data(batch_size, mode, **width).to(device)
    z = torch.randn(batch_size, getattr(G, "latent_dim", 2)).to(device)  # 2 numbers, if G names no other latent_dim
    fake = G(z).detach()  # detach: no gradient goes from D's loss back into G
    # The labels are 1, "real", for real points, and 0 for G's: D's loss is the sum of what both say.
    return _descend(lambda: [_judge(D, real, 1.0, from_logits), _judge(D, fake, 0.0, from_logits)], D, G, d_optimizer)


def train_generator(
    G: nn.Module, D: nn.Module, g_optimizer: Optimizer, batch_size: int, device: torch.device | str,
    *, from_logits: bool = False) -> tuple[Tensor, ...]:  # fmt: skip
    """One step of G; D stays as it is. Returns G's loss and D's answers D(G(z)), (B, 1), from before the step."""
    z = torch.randn(batch_size, getattr(G, "latent_dim", 2)).to(device)
    # The label is 1, "real": G does well where D is wrong. (+E log(1 − D(G(z))) has the same goal, but it is flat where
    # D is sure, and G would learn nothing at the start.)
    return _descend(lambda: [_judge(D, G(z), 1.0, from_logits)], G, D, g_optimizer)


def train_gan(
    device: torch.device | str = "cpu", num_steps: int = 10000, batch_size: int = 128, plot_every: int = 1000,
    mode: str = "gaussian", *, d_steps: int = 2, save_dir: str | None = "frames", return_networks: bool = False,
    **width: Any) -> Any:  # fmt: skip
    """Train a new G and a new D: `num_steps` steps of G, before each of them `d_steps` steps of D.

    Returns the curves, {"D": losses, "G": losses, "D(x)": mean answers, "D(G(z))": mean answers}: one entry every
    `plot_every` steps, the value at that step. Each time a frame is drawn into the folder `save_dir` (None: none). With
    `return_networks`: (curves, G, D). Raises ``ValueError`` for a number below 1, a device or a mode that is not there.
    """
    numbers = {"num_steps": num_steps, "batch_size": batch_size, "plot_every": plot_every, "d_steps": d_steps}
    for name, number in numbers.items():
        if not (number >= 1 and number % 1 == 0):
            raise ValueError(f"{name} must be a whole number, at least 1, not {number}")
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {str(device)!r} is not there: {str(error).splitlines()[0]}") from None

    G, D = Generator().to(device), Discriminator().to(device)
    g_optimizer, d_optimizer = (torch.optim.Adam(network.parameters(), lr=1e-3) for network in (G, D))
    curves: dict[str, list[float]] = {"D": [], "G": [], "D(x)": [], "D(G(z))": []}
    for step in range(1, int(num_steps) + 1):
        for _ in range(int(d_steps)):
            d_loss, d_real, d_fake = train_discriminator(D, G, d_optimizer, batch_size, device, mode, **width)
        g_loss, _ = train_generator(G, D, g_optimizer, batch_size, device)
        if step % plot_every == 0:
            for curve, values in zip(curves.values(), (d_loss, g_loss, d_real, d_fake), strict=True):
                curve.append(values.mean().item())
            print(f"step {step}: " + ", ".join(f"{k} {v[-1]:.3f}" for k, v in curves.items()), file=sys.stderr)
            if save_dir is not None:
                from plotting import plot_generated  # here, because training alone needs no pictures

                plot_generated(G, mode, step, save_dir, **width)
    return (curves, G, D) if return_networks else curves


def _judge(D: nn.Module, x: Tensor, label: float, from_logits: bool) -> tuple[Tensor, Tensor]:
    """The loss of D's answers on x if `label` is right (1 real, 0 generated): −E log p or −E log(1 − p). And p."""
    # Probabilities round to 0 and 1, where log is −∞ and its slope lost; logits do not. D.logits gives them, if not
    # older than D's forward: a subclass with a forward of its own may have left its parent's logits behind.
    newest = next(vars(kind) for kind in type(D).__mro__ if {"forward", "logits"} & vars(kind).keys())
    known = callable(newest.get("logits"))
    answers = D.logits(x) if known else D(x)  # type: ignore[operator]
    if answers.numel() != len(x):
        raise ValueError(f"D(x) must be one number for each point, ({len(x)}, 1), not {tuple(answers.shape)}")
    answers, labels = answers.reshape(-1, 1), torch.full((len(x), 1), label).to(answers)
    if known or from_logits:
        return nn.functional.binary_cross_entropy_with_logits(answers, labels), torch.sigmoid(answers).detach()
    if not ((answers >= 0) & (answers <= 1)).all():
        hint = "training has diverged" if answers.isnan().any() else "end D in a sigmoid, or pass from_logits=True"
        raise ValueError(f"D(x) must be in [0, 1], not from {answers.min():g} to {answers.max():g}: {hint}")
    return nn.functional.binary_cross_entropy(answers, labels), answers.detach().clone()  # log 0 counts as −100


def _descend(terms: Callable[[], list[tuple[Tensor, Tensor]]], net: nn.Module, other: nn.Module, how: Optimizer) -> Any:
    """One step of `net` alone, downhill on the sum of the terms' losses. Returns this first sum, and D's answers."""
    seen: list[tuple[Tensor, ...]] = []

    def closure() -> Any:
        how.zero_grad()
        losses, answers = zip(*terms(), strict=True)
        loss, others = sum(losses), {*other.parameters()} - {*net.parameters()}
        mine = {*net.parameters(), *(p for group in how.param_groups for p in group["params"])} - others
        loss.backward(inputs=[p for p in mine if p.requires_grad])  # these alone: no gradients for the other player
        seen.append((loss.detach(), *answers))
        return loss

    asked = inspect.signature(how.step).parameters.get("closure")
    if asked and asked.default is asked.empty:  # LBFGS, for one: it computes the loss several times in a step
        how.step(closure)
    else:
        closure()
        how.step()
    return seen[0]
