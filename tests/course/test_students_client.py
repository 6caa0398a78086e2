"""A student's own code beside the course files, written as the assignment's circulating scaffolding has it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import train
from GAN import Discriminator, Generator
from sample import sample_real_data
from train import train_discriminator, train_generator

FOLDER = Path(train.__file__).parent
COUNT = 64


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def plain_generator():
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))


def plain_discriminator(*last):
    return nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), *(last or (nn.Sigmoid(),)))


def normalised_generator():
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))


def normalised_discriminator():
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Sigmoid())


class PartlyUsed(nn.Module):
    """Two layers, one of which no answer depends on."""

    def __init__(self, make):
        super().__init__()
        self.used, self.unused = make(), nn.Linear(3, 3)

    def forward(self, x):
        return self.used(x)


def adam(network):
    return torch.optim.Adam(network.parameters(), lr=1e-2)


def decayed(network):
    """Weight decay moves whatever has a gradient, also one of 0: an unused layer must have none."""
    return torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)


def scheduled(network):
    """A scheduler puts a wrapper of its own around the optimiser's step."""
    optimizer = adam(network)
    optimizer.kept = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    return optimizer


class PlainDescent(torch.optim.Optimizer):
    """An optimiser of a student's own, whose step takes nothing."""

    def __init__(self, network):
        super().__init__(network.parameters(), {})

    @torch.no_grad()
    def step(self):
        for p in self.param_groups[0]["params"]:
            if p.grad is not None:
                p -= 0.05 * p.grad


def lbfgs(network):
    return torch.optim.LBFGS(network.parameters(), lr=0.1, max_iter=4)


def plain_step(optimizer, loss):
    """What everybody writes, for optimisers that want a closure and for those that do not."""

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    if isinstance(optimizer, torch.optim.LBFGS):
        return optimizer.step(closure).detach()
    value = closure()
    optimizer.step()
    return value.detach()


def plain_round(D, G, d_optimizer, g_optimizer, mode):
    """A step of each player by nn.BCELoss, and the plain calls alone."""
    criterion, ones, zeros = nn.BCELoss(), torch.ones(COUNT, 1), torch.zeros(COUNT, 1)
    real = sample_real_data(COUNT, mode)
    fake = G(torch.randn(COUNT, 2)).detach()
    d_loss = plain_step(d_optimizer, lambda: criterion(D(real), ones) + criterion(D(fake), zeros))
    z = torch.randn(COUNT, 2)
    g_loss = plain_step(g_optimizer, lambda: criterion(D(G(z)), ones))
    return d_loss, g_loss


def our_round(D, G, d_optimizer, g_optimizer, mode):
    d_loss, _, _ = train_discriminator(D, G, d_optimizer, COUNT, "cpu", mode)
    g_loss, _ = train_generator(G, D, g_optimizer, COUNT, "cpu")
    return d_loss, g_loss


PAIRS = {
    "plain": (plain_generator, plain_discriminator),
    "batch norm": (normalised_generator, normalised_discriminator),
    "unused layers": (lambda: PartlyUsed(plain_generator), lambda: PartlyUsed(plain_discriminator)),
    "dropout": (plain_generator, lambda: nn.Sequential(nn.Linear(2, 16), nn.Dropout(), nn.Linear(16, 1), nn.Sigmoid())),
    "spectral norm": (
        plain_generator,
        lambda: nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid()
        ),
    ),
}


@pytest.mark.parametrize("optimizer", [adam, decayed, scheduled, PlainDescent, lbfgs])
@pytest.mark.parametrize("pair", PAIRS)
def test_steps_are_those_of_a_plain_loop_to_the_bit(pair, optimizer):
    """Weights, buffers (running means, vectors of spectral norm), losses, after five rounds from one seed.

    A D-step has the same graph as the plain one; so has a G-step, but for the gradients that D gets there in a plain
    loop, which `zero_grad` throws away. So nothing is rounded otherwise.
    """
    ends = []
    for turn in (plain_round, our_round):
        torch.manual_seed(7)
        G, D = (make() for make in PAIRS[pair])
        d_optimizer, g_optimizer = optimizer(D), optimizer(G)
        losses = [turn(D, G, d_optimizer, g_optimizer, "mixture_4") for _ in range(5)]
        ends.append((losses, G.state_dict(), D.state_dict(), torch.get_rng_state()))
    (plain_losses, *plain_states, plain_random), (losses, *states, random) = ends
    assert losses == plain_losses
    for plain, ours in zip(plain_states, states, strict=True):
        assert plain.keys() == ours.keys()
        for name, value in plain.items():
            assert torch.equal(ours[name], value), name
    assert torch.equal(random, plain_random)


def test_a_students_loop_over_our_steps():
    """The scaffolding's loop: networks of the student's own, `.item()` and `.mean().item()` of what comes back."""
    G, D = plain_generator(), plain_discriminator()
    g_optimizer, d_optimizer = adam(G), adam(D)
    losses = {"D": [], "G": [], "D(x)": [], "D(G(z))": []}
    for step in range(1, 41):
        for _ in range(2):
            d_loss, d_real, d_fake = train_discriminator(D, G, d_optimizer, 32, torch.device("cpu"), "mixture")
        g_loss, d_fake_of_g = train_generator(G, D, g_optimizer, 32, torch.device("cpu"))
        if step % 10 == 0:
            losses["D"].append(d_loss.item())
            losses["G"].append(g_loss.item())
            losses["D(x)"].append(d_real.mean().item())
            losses["D(G(z))"].append(d_fake.mean().item())
        # what a loss says of the answers that came with it
        assert d_loss.item() == pytest.approx(
            (-torch.log(d_real).mean() - torch.log(1 - d_fake).mean()).item(), rel=1e-4
        )
        assert g_loss.item() == pytest.approx(-torch.log(d_fake_of_g).mean().item(), rel=1e-4)
    from plotting import make_video, plot_generated, plot_losses, show_gan_training_grid

    for step in (10, 20):
        plot_generated(G, "mixture", step)
    plot_losses(losses, plot_every=10)
    show_gan_training_grid(grid_rows=1, grid_cols=2, figsize=(8, 4))
    make_video(output_file="film.gif")
    left = {path.name for path in Path().rglob("*.*")}
    assert left == {
        "frame_00010.png",
        "frame_00020.png",
        "losses.png",
        "2d_gan_frame_by_frame.png",
        "film.gif",
    }


def test_a_students_steps_over_our_networks():
    """−E log D(x) of probabilities, as the assignment writes it: D learns to tell real points from far ones."""
    G, D = Generator(), Discriminator()
    optimizer = adam(D)
    for _ in range(60):
        real, fake = sample_real_data(COUNT), G(torch.randn(COUNT, 2)).detach()
        loss = -(torch.log(D(real)) + torch.log(1 - D(fake))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)
    assert D(sample_real_data(1000)).mean() > 0.8
    assert D(G(torch.randn(1000, 2))).mean() < 0.2


def run(folder, text):
    """Run `text` as own.py in a student's folder; the course files stand behind it, where it lacks one."""
    (folder / "own.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "own.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(FOLDER), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


MAIN = """
import torch
from train import train_gan
from plotting import plot_losses, make_video, show_gan_training_grid

torch.manual_seed(1)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
losses = train_gan(device, num_steps=6, batch_size=32, plot_every=2, mode="mixture_4")
plot_losses(losses, plot_every=2, show=False)
make_video(frame_dir="frames", output_file="gan_training.gif", fps=5)
show_gan_training_grid(folder="frames", grid_rows=1, grid_cols=3, max_step=6)
print(len(losses["D"]))
"""
STUDENTS_FILES = {
    "GAN.py": """
import torch.nn as nn

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z):
        return self.model(z)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Sigmoid())

    def forward(self, x):
        return self.model(x)
""",
    "sample.py": """
import numpy as np
import torch

def sample_real_data(batch_size, mode="gaussian"):
    centres = np.array([[2, 2], [-2, 2], [-2, -2], [2, -2]])
    index = np.random.choice(4, batch_size)
    return torch.tensor(centres[index] + 0.3 * np.random.randn(batch_size, 2), dtype=torch.float32)
""",
    "train.py": """
import torch
from GAN import Generator, Discriminator
from sample import sample_real_data
from plotting import plot_generated

def train_gan(device, num_steps=10000, batch_size=128, plot_every=1000, mode="gaussian"):
    G, D = Generator().to(device), Discriminator().to(device)
    g_optimizer = torch.optim.Adam(G.parameters(), lr=1e-3)
    d_optimizer = torch.optim.Adam(D.parameters(), lr=1e-3)
    losses = {"D": [], "G": [], "D(x)": [], "D(G(z))": []}
    for step in range(1, num_steps + 1):
        x = sample_real_data(batch_size, mode).to(device)
        d_real, d_fake = D(x), D(G(torch.randn(batch_size, 2).to(device)).detach())
        d_loss = -torch.mean(torch.log(d_real)) - torch.mean(torch.log(1 - d_fake))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_loss = -torch.mean(torch.log(D(G(torch.randn(batch_size, 2).to(device)))))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        if step % plot_every == 0:
            values = d_loss, g_loss, d_real.mean(), d_fake.mean()
            for key, value in zip(losses, values):
                losses[key].append(value.item())
            plot_generated(G, mode, step)
    return losses
""",
    "plotting.py": """
from pathlib import Path

def plot_generated(G, mode, step, save_dir="frames"):
    Path(save_dir).mkdir(exist_ok=True)
    Path(save_dir, f"frame_{step:05d}.png").touch()

def plot_losses(losses, plot_every=1000, show=False, output_file="losses.png"):
    Path(output_file).touch()

def make_video(frame_dir="frames", output_file="gan_training.mp4", fps=10):
    Path(output_file).touch()

def show_gan_training_grid(folder="frames", grid_rows=3, grid_cols=4, max_step=None):
    Path("2d_gan_frame_by_frame.png").touch()
""",
}


@pytest.mark.parametrize(
    "mine", [[], *([name] for name in STUDENTS_FILES), ["GAN.py", "sample.py"], [*STUDENTS_FILES][:3]]
)
def test_a_students_main_with_any_files_of_theirs(mine, tmp_path):
    for name in mine:
        (tmp_path / name).write_text(STUDENTS_FILES[name], encoding="utf-8")
    assert run(tmp_path, MAIN) == "3\n"
    left = {path.name for path in tmp_path.rglob("*.*") if path.suffix in (".png", ".gif")}
    assert left == {
        "losses.png",
        "gan_training.gif",
        "2d_gan_frame_by_frame.png",
        *(f"frame_0000{k}.png" for k in (2, 4, 6)),
    }
