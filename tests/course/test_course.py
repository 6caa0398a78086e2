"""The assignment's own files: their losses and gradients in closed form, who is changed by a step, pictures, errors."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import plotting
import train
from dynamics.base.streams import Streams
from dynamics.engine.training import train_stack
from dynamics.games.networks import make_pair
from dynamics.settings.setting import Setting
from dynamics.targets.registry import make_target
from GAN import Discriminator, Generator
from plotting import make_video, plot_generated, plot_losses, show_gan_training_grid
from sample import CENTRES, STD, sample_real_data
from train import train_discriminator, train_gan, train_generator

FOLDER = Path(train.__file__).parent


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Each test in a folder of its own, with a seed of its own."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def sgd(network, lr=1.0):
    return torch.optim.SGD(network.parameters(), lr=lr)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- the players and the data ----------------------------------------------------------------------------------------


def test_the_players_give_points_and_probabilities():
    G, D = Generator(), Discriminator()
    x = G(torch.randn(7, 2))
    assert x.shape == (7, 2)
    assert D(x).shape == D.logits(x).shape == (7, 1)
    torch.testing.assert_close(D(x), 1 / (1 + torch.exp(-D.logits(x))))
    assert [*D.state_dict()] == [f"net.{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias")]
    assert [*G.state_dict()] == [*D.state_dict()]
    assert isinstance(G.net, nn.Sequential)
    assert isinstance(D.net, nn.Sequential)


def test_d_of_a_point_without_doubt_keeps_its_logit():
    D = Discriminator()
    with torch.no_grad():
        D.net[-1].bias.fill_(-1000.0)
    assert D(torch.zeros(1, 2)).item() == 0
    assert D.logits(torch.zeros(1, 2)).item() == pytest.approx(-1000, abs=1)


@pytest.mark.parametrize("mode", CENTRES)
@pytest.mark.parametrize("how", [{}, {"std": 0.5}, {"variance": 0.25}])
def test_points_have_their_modes_moments(mode, how):
    """E x = mean of the centres, Var x = variance of the centres + std². Limits: 6 standard errors of each."""
    n, std = 200_000, STD[mode] if not how else 0.5
    x = sample_real_data(n, mode, **how).double().numpy()
    assert x.shape == (n, 2)
    centres = np.array(CENTRES[mode])
    variance = centres.var(0) + std**2
    np.testing.assert_allclose(x.mean(0), centres.mean(0), atol=6 * np.sqrt(variance.max() / n))
    fourth = (centres - centres.mean(0)) ** 4
    spread = np.sqrt((fourth.mean(0) + 6 * centres.var(0) * std**2 + 3 * std**4 - variance**2).max() / n)
    np.testing.assert_allclose(x.var(0), variance, atol=6 * spread)
    # Every mode has its share of the points, and round its centre they are std wide
    nearest = ((x[:, None] - centres) ** 2).sum(2).argmin(1)
    for k, centre in enumerate(centres if std < 1 else []):
        mode_points = x[nearest == k]
        assert abs(len(mode_points) / n - 1 / len(centres)) < 6 * math.sqrt(0.25 / n)
        np.testing.assert_allclose(np.sqrt(((mode_points - centre) ** 2).mean()), std, rtol=0.02)


@pytest.mark.parametrize("mode", CENTRES)
def test_the_assignments_modes_are_the_packages(mode):
    target = make_target(mode)
    assert sorted(map(tuple, target.modes.centres.tolist())) == sorted(CENTRES[mode])
    assert target.std == STD[mode]


def test_other_modes_come_from_the_package_and_from_torchs_generator():
    a = sample_real_data(1000, "ring_8")
    torch.manual_seed(0)
    assert torch.equal(sample_real_data(1000, "ring_8"), a)
    np.testing.assert_allclose(a.norm(dim=1), 2, atol=6 * 0.02)
    assert sample_real_data(5, "swiss_roll", std=0.3).shape == (5, 2)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"mode": "gausian"}, "unknown mode 'gausian'"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"std": 0.0}, "std must be a finite number above 0, not 0"),
        ({"std": math.nan}, "std must be a finite number above 0, not nan"),
        ({"variance": -1.0}, "variance must be a finite number above 0, not -1"),
        ({"std": 1.0, "variance": 1.0}, "give std or variance, not both"),
    ],
)
def test_data_that_there_is_not(how, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        sample_real_data(**{"batch_size": 4, **how})


# --- a step ----------------------------------------------------------------------------------------------------------


class Plane(nn.Module):
    """D(x) = sigmoid(w · x + b), by whichever of its ways out."""

    def __init__(self, way):
        super().__init__()
        self.line, self.way = nn.Linear(2, 1).double(), way
        with torch.no_grad():
            self.line.weight.copy_(torch.tensor([[0.3, -0.7]]))
            self.line.bias.fill_(0.2)

    def forward(self, x):
        out = self.line(x)
        return out if self.way == "logits" else torch.sigmoid(out)


class PlaneWithLogits(Plane):
    def logits(self, x):
        return self.line(x)

    def forward(self, x):
        return torch.sigmoid(self.line(x))


@pytest.fixture
def _in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


WAYS = {
    "probabilities": (lambda: Plane("probabilities"), {}),
    "from_logits": (lambda: Plane("logits"), {"from_logits": True}),
    "a method": (lambda: PlaneWithLogits("both"), {}),
}


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize("way", WAYS)
def test_a_step_of_d_in_closed_form(way):
    """∂/∂w of −E log σ(l(x)) − E log(1 − σ(l(g))) is E (σ(l(x)) − 1) x + E σ(l(g)) g; of b the same without x, g."""
    make, how = WAYS[way]
    D, G = make(), nn.Linear(2, 2)
    torch.manual_seed(5)
    real = sample_real_data(64, "mixture").numpy()
    fake = G(torch.randn(64, 2)).detach().numpy()
    w, b = D.line.weight.detach().numpy()[0].copy(), D.line.bias.item()
    p_real, p_fake = sigmoid(real @ w + b), sigmoid(fake @ w + b)
    torch.manual_seed(5)
    loss, d_real, d_fake = train_discriminator(D, G, sgd(D), 64, "cpu", "mixture", **how)
    assert loss.shape == ()
    assert d_real.shape == d_fake.shape == (64, 1)
    assert not any(result.requires_grad for result in (loss, d_real, d_fake))
    np.testing.assert_allclose(d_real[:, 0], p_real, rtol=1e-12)
    np.testing.assert_allclose(d_fake[:, 0], p_fake, rtol=1e-12)
    np.testing.assert_allclose(loss, -np.log(p_real).mean() - np.log(1 - p_fake).mean(), rtol=1e-12)
    slope = ((p_real - 1)[:, None] * real).mean(0) + (p_fake[:, None] * fake).mean(0)
    np.testing.assert_allclose(D.line.weight.detach()[0], w - slope, rtol=1e-10)
    np.testing.assert_allclose(D.line.bias.item(), b - (p_real - 1).mean() - p_fake.mean(), rtol=1e-10)


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize("way", WAYS)
def test_a_step_of_g_in_closed_form(way):
    """For G(z) = A z + c, ∂/∂c of −E log σ(w · G(z) + b) is E (σ − 1) w, and ∂/∂A is E (σ − 1) w zᵀ."""
    make, how = WAYS[way]
    D, G = make(), nn.Linear(2, 2)
    torch.manual_seed(5)
    z = torch.randn(64, 2).numpy()
    A, c = G.weight.detach().numpy().copy(), G.bias.detach().numpy().copy()
    w, b = D.line.weight.detach().numpy()[0], D.line.bias.item()
    p = sigmoid((z @ A.T + c) @ w + b)
    torch.manual_seed(5)
    loss, d_fake = train_generator(G, D, sgd(G), 64, "cpu", **how)
    assert loss.shape == ()
    np.testing.assert_allclose(d_fake[:, 0], p, rtol=1e-12)
    np.testing.assert_allclose(loss, -np.log(p).mean(), rtol=1e-12)
    np.testing.assert_allclose(G.bias.detach(), c - (p - 1).mean() * w, rtol=1e-10)
    np.testing.assert_allclose(G.weight.detach(), A - np.outer(w, ((p - 1)[:, None] * z).mean(0)), rtol=1e-10)


def test_each_step_changes_its_own_player_and_leaves_the_others_gradients():
    G, D = Generator(), Discriminator()
    mark = [torch.full_like(p, 7.0) for p in G.parameters()]
    for p, gradient in zip(G.parameters(), mark, strict=True):
        p.grad = gradient.clone()
    g, d = state(G), state(D)
    train_discriminator(D, G, sgd(D), 16, "cpu")
    assert same(state(G), g)
    assert not same(state(D), d)
    assert all(torch.equal(p.grad, gradient) for p, gradient in zip(G.parameters(), mark, strict=True))

    G, D = Generator(), Discriminator()
    d = state(D)
    g = state(G)
    train_generator(G, D, sgd(G), 16, "cpu")
    assert same(state(D), d)
    assert not same(state(G), g)
    assert all(p.grad is None for p in D.parameters())
    train_discriminator(D, G, sgd(D), 16, "cpu")
    left = [p.grad.clone() for p in D.parameters()]
    train_generator(G, D, sgd(G), 16, "cpu")
    assert all(torch.equal(p.grad, before) for p, before in zip(D.parameters(), left, strict=True))


class Sure(nn.Module):
    """A D that is sure, and wrong: a probability of exactly 0 or 1, which a parameter can change."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, x):
        return self.value.expand(len(x), 1)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_logarithms_of_probabilities_end_where_those_of_bceloss_do(value):
    """At 0 and 1 one of the two logarithms is −∞: it counts as −100, and gradients stay what nn.BCELoss makes them."""
    D = Sure(value)
    loss, d_real, _ = train_discriminator(D, Generator(), sgd(D, 1e-12), 8, "cpu")
    assert loss.item() == pytest.approx(100)
    assert torch.equal(d_real, torch.full((8, 1), value))
    plain = Sure(value)
    bce_loss = nn.BCELoss()
    out = plain(torch.zeros(8, 2))
    (bce_loss(out, torch.ones(8, 1)) + bce_loss(out, torch.zeros(8, 1))).backward()
    assert torch.equal(D.value.grad, plain.value.grad)
    assert torch.isfinite(D.value.grad)


def test_logits_are_never_taken_for_probabilities():
    bare = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    G, before = Generator(), state(bare)
    words = r"D\(x\) must be in \[0, 1\], not from -.*: end D in a sigmoid, or pass from_logits=True"
    with pytest.raises(ValueError, match=words):
        train_discriminator(bare, G, sgd(bare), 64, "cpu")
    with torch.no_grad():
        bare[-1].bias.fill_(-3)
    before, g = state(bare), state(G)
    with pytest.raises(ValueError, match=words):
        train_generator(G, bare, sgd(G), 64, "cpu")
    assert same(state(bare), before)
    assert same(state(G), g)
    loss, d_real, _ = train_discriminator(bare, G, sgd(bare), 64, "cpu", from_logits=True)
    assert math.isfinite(loss)
    assert ((d_real > 0) & (d_real < 1)).all()


def test_a_d_that_is_lost_says_so():
    D = Sure(math.nan)
    with pytest.raises(ValueError, match="not from nan to nan: training has diverged"):
        train_discriminator(D, Generator(), sgd(D), 8, "cpu")


def test_a_d_with_two_answers_a_point_is_refused():
    D = nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))
    with pytest.raises(ValueError, match=re.escape("D(x) must be one number for each point, (8, 1), not (8, 2)")):
        train_discriminator(D, Generator(), sgd(D), 8, "cpu")


def test_answers_without_their_last_axis_are_as_good():
    class Flat(Discriminator):
        def forward(self, x):
            return super().forward(x)[:, 0]

    D = Flat()
    torch.manual_seed(1)
    loss, d_real, d_fake = train_discriminator(D, Generator(), sgd(D, 0.0), 8, "cpu")
    assert d_real.shape == d_fake.shape == (8, 1)
    expected = nn.BCELoss()(d_real, torch.ones(8, 1)) + nn.BCELoss()(d_fake, torch.zeros(8, 1))
    torch.testing.assert_close(loss, expected)


def test_a_subclass_with_a_forward_of_its_own_is_asked_for_that():
    """Its `logits` are its parent's, of layers that its answers have nothing to do with."""

    class OtherForward(Discriminator):
        def __init__(self):
            super().__init__()
            self.mine = nn.Linear(2, 1)

        def forward(self, x):
            return torch.sigmoid(self.mine(x))

    D = OtherForward()
    before = state(D)
    train_discriminator(D, Generator(), sgd(D), 16, "cpu")
    changed = {name for name, value in D.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"mine.weight", "mine.bias"}


def test_a_layer_called_logits_is_a_layer():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.logits = nn.Linear(2, 5), nn.Linear(5, 1)

        def forward(self, x):
            return torch.sigmoid(self.logits(torch.tanh(self.body(x))))

    D = Named()
    loss, _, _ = train_discriminator(D, Generator(), sgd(D), 16, "cpu")
    assert math.isfinite(loss)


def test_layers_that_only_the_optimiser_knows_are_trained():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 5), nn.Linear(5, 1)]  # a plain list: parameters() does not see them

        def forward(self, x):
            return torch.sigmoid(self.layers[1](torch.tanh(self.layers[0](x))))

    D = Listed()
    before = D.layers[0].weight.clone()
    optimizer = torch.optim.SGD([p for layer in D.layers for p in layer.parameters()], lr=1.0)
    train_discriminator(D, Generator(), optimizer, 16, "cpu")
    assert not torch.equal(D.layers[0].weight, before)


# --- training --------------------------------------------------------------------------------------------------------


# 1e-12 of numbers of order 1 to 10, in float64: rounding grows over 40 Adam steps, which divide small gradients by
# their own size. The stack keeps its curves in float32.
@pytest.mark.parametrize("d_steps", [1, 2])
@pytest.mark.parametrize("fast", [True, False])
def test_the_plain_gan_is_a_member_of_a_stack(d_steps, fast, monkeypatch):
    setting = Setting(mode="mixture_4", std=0.3, batch_size=16, d_steps=d_steps)
    seeds, member, steps = [4, 9, 2], 1, 40
    stack = train_stack(
        [setting] * 3, seeds, steps, [steps], log_every=1, evaluation=64, dtype=torch.float64, fast=fast
    )
    *_, last = stack

    seed, players = seeds[member], {}
    for kind, mlp in zip((Generator, Discriminator), make_pair([setting], [seed], dtype=torch.float64), strict=True):
        network = kind().double()
        for linear, matrix in zip(network.net[::2], mlp.matrices, strict=True):
            linear.weight.data, linear.bias.data = matrix[0, :-1].T.clone(), matrix[0, -1].clone()
        players[kind.__name__] = network
    streams = {purpose: Streams([seed], purpose) for purpose in ("choice", "noise", "latent", "evaluation")}
    target = make_target("mixture_4", 0.3)

    def latents(purpose, n):
        return torch.from_numpy(streams[purpose].normal(n, 2)[0]).double()

    monkeypatch.setattr(train, "Generator", lambda: players["Generator"])
    monkeypatch.setattr(train, "Discriminator", lambda: players["Discriminator"])
    monkeypatch.setattr(torch, "randn", lambda n, dim: latents("latent", n))
    monkeypatch.setattr(
        train, "sample_real_data", lambda n, mode: target.sample(n, streams["choice"], streams["noise"])[0].double()
    )
    curves, G, _ = train_gan("cpu", steps, 16, 1, d_steps=d_steps, save_dir=None, return_networks=True)
    with torch.no_grad():
        samples = G(latents("evaluation", 64)).numpy()
    np.testing.assert_allclose(samples, last.samples[member], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose([*curves.values()], last.curves[:, member], rtol=1e-6)


def test_train_gan_gives_the_value_at_each_plotted_step(monkeypatch):
    """Its entries are what the steps themselves return, at every fifth step."""
    seen = {"d": [], "g": []}
    for name, kind in (("train_discriminator", "d"), ("train_generator", "g")):
        original = getattr(train, name)
        monkeypatch.setattr(
            train,
            name,
            lambda *a, original=original, kind=kind, **k: seen[kind].append(original(*a, **k)) or seen[kind][-1],
        )
    curves = train_gan("cpu", num_steps=22, batch_size=8, plot_every=5, mode="mixture", d_steps=3, save_dir=None)
    assert list(curves) == ["D", "G", "D(x)", "D(G(z))"]
    assert (len(seen["d"]), len(seen["g"])) == (66, 22)
    at = [4, 9, 14, 19]
    assert curves["D"] == [seen["d"][3 * k + 2][0].item() for k in at]
    assert curves["D(x)"] == [seen["d"][3 * k + 2][1].mean().item() for k in at]
    assert curves["D(G(z))"] == [seen["d"][3 * k + 2][2].mean().item() for k in at]
    assert curves["G"] == [seen["g"][k][0].item() for k in at]


def test_torchs_seed_reproduces_training_and_frames_do_not_change_it():
    runs = []
    for save_dir in (None, "frames", None):
        torch.manual_seed(3)
        runs.append(train_gan("cpu", 20, 16, 5, "mixture_4", save_dir=save_dir, return_networks=True))
    after = torch.get_rng_state()
    assert runs[0][0] == runs[1][0] == runs[2][0]
    assert same(state(runs[0][1]), state(runs[1][1]))
    assert same(state(runs[0][2]), state(runs[1][2]))
    torch.manual_seed(3)
    train_gan("cpu", 20, 16, 5, "mixture_4", save_dir="again")
    assert torch.equal(torch.get_rng_state(), after)
    assert train_gan("cpu", 20, 16, 5, "mixture_4", save_dir=None) != runs[0][0]
    for frame in Path("frames").iterdir():
        assert frame.read_bytes() == Path("again", frame.name).read_bytes()


def test_train_gan_draws_its_frames():
    train_gan("cpu", num_steps=12, batch_size=8, plot_every=5)
    assert sorted(f.name for f in Path("frames").iterdir()) == ["frame_00005.png", "frame_00010.png"]
    assert [*Path().iterdir()] == [Path("frames")]


def test_two_steps_of_d_are_what_a_step_of_g_gets(monkeypatch):
    calls = []
    original = train.train_discriminator
    monkeypatch.setattr(train, "train_discriminator", lambda *a, **k: calls.append(1) or original(*a, **k))
    train_gan("cpu", num_steps=3, batch_size=4, plot_every=3, save_dir=None)
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"num_steps": 0}, "num_steps must be a whole number, at least 1, not 0"),
        ({"plot_every": 0}, "plot_every must be a whole number, at least 1, not 0"),
        ({"plot_every": -5}, "plot_every must be a whole number, at least 1, not -5"),
        ({"num_steps": 2.5}, "num_steps must be a whole number, at least 1, not 2.5"),
        ({"batch_size": 0}, "batch_size must be a whole number, at least 1, not 0"),
        ({"d_steps": 0}, "d_steps must be a whole number, at least 1, not 0"),
        ({"device": "cuda:99"}, "device 'cuda:99' is not there: "),
        ({"device": "toaster"}, "device 'toaster' is not there: "),
        ({"device": torch.device("meta")}, "device 'meta' is not there: "),
        ({"mode": "gausian"}, "unknown mode 'gausian'"),
        ({"std": 1.0, "variance": 1.0}, "give std or variance, not both"),
    ],
)
def test_what_train_gan_cannot_do_is_one_line(how, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        train_gan(**{"device": "cpu", "num_steps": 4, "batch_size": 4, "plot_every": 2, **how})
    assert "\n" not in str(caught.value)
    assert not [*Path().iterdir()]


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_frames_name_and_size():
    G = Generator()
    assert plot_generated(G, "gaussian", 5) == Path("frames/frame_00005.png")
    assert plot_generated(G, "gaussian", 123456, "deep/down") == Path("deep/down/frame_123456.png")
    first, second = (imageio.imread(path) for path in ("frames/frame_00005.png", "deep/down/frame_123456.png"))
    assert first.shape == second.shape
    assert all(side % 2 == 0 for side in first.shape[:2])


class Fixed(nn.Module):
    """A G that puts all of its points at one place."""

    def __init__(self, x, y):
        super().__init__()
        self.at = nn.Parameter(torch.tensor([x, y]))

    def forward(self, z):
        return self.at.expand(len(z), 2)


def pixels_at(path, x, y):
    """The colour of a frame at a point of the plane."""
    with Image.open(path) as picture:
        left, top, side, reach = map(float, picture.info["plane"].split())
        column, row = left + (x + reach) / (2 * reach) * side, top + (reach - y) / (2 * reach) * side
        return np.array(picture.convert("RGB").getpixel((int(column), int(row))), int)


def test_a_frame_shows_points_where_they_are():
    path = plot_generated(Fixed(-1.0, 0.5), "mixture_4", 1)
    at_points, elsewhere = pixels_at(path, -1.0, 0.5), pixels_at(path, 1.0, -0.5)
    assert at_points[0] > at_points[2] + 50  # reddish
    assert elsewhere.tolist() == [255, 255, 255]


@pytest.mark.parametrize(("how", "std"), [({}, 0.2), ({"std": 0.4}, 0.4), ({"variance": 0.16}, 0.4)])
def test_a_frames_contours_are_those_of_the_data(how, std):
    """At 3 standard deviations right of the centre (2, 2), up to a pixel either way, there is a black line."""
    path = plot_generated(Fixed(0.0, 0.0), "mixture_4", 1, **how)
    for away in (1, 2, 3):
        near = [pixels_at(path, 2 + away * std + shift, 2.0).sum() for shift in (-0.02, -0.01, 0.0, 0.01, 0.02)]
        assert min(near) < 450
    assert pixels_at(path, 2 + 2.5 * std, 2.0).sum() == 765


def test_contours_follow_a_students_data(monkeypatch):
    """A sample.py that puts the Gaussian elsewhere: lines go there, and not where the package has its own."""
    monkeypatch.setattr(plotting, "sample_real_data", lambda n, mode: torch.randn(n, 2) + torch.tensor([-2.0, 0.0]))
    path = plot_generated(Fixed(4.0, -4.0), "gaussian", 1)

    def least(x, y):
        return min(pixels_at(path, x + shift, y).sum() for shift in np.linspace(-0.1, 0.1, 41))

    assert least(-1.0, 0.0) < 450  # 1 std right of the centre
    assert least(0.0, 0.0) < 450  # 2
    assert least(2 + 1.2, 2.0) == 765


def test_a_frame_of_points_that_are_lost(monkeypatch):
    for step, at in ((1, (math.nan, 0.0)), (2, (100.0, 0.0)), (3, (math.inf, 0.0))):
        path = plot_generated(Fixed(*at), "gaussian", step)
        assert pixels_at(path, 0.0, -3.0).tolist() == [255, 255, 255]
    lost, outside = (Path(f"frames/frame_0000{step}.png").read_bytes() for step in (1, 2))
    assert lost != outside  # they say what has become of the points


def test_looking_at_g_changes_nothing():
    G = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2))
    G[1].eval()  # one layer held still by its owner
    before, modes, random = state(G), [m.training for m in G.modules()], torch.get_rng_state()
    plot_generated(G, "gaussian", 1)
    plot_generated(G, "mixture_4", 1)
    assert same(state(G), before)
    assert [m.training for m in G.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)


CURVES = {"D": [1.2, 1.3, 1.4], "G": [0.9, 0.8, 0.7], "D(x)": [0.6, 0.5, 0.5], "D(G(z))": [0.3, 0.4, 0.5]}


def test_losses_are_drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: figures.append((figure, path)))
    assert plot_losses(CURVES, plot_every=50) == Path("losses.png")
    ((figure, path),) = figures
    assert path == "losses.png"
    drawn = [line for axes in figure.axes for line in axes.lines]
    for values in CURVES.values():
        assert any(
            np.array_equal(line.get_xdata(), [50, 100, 150]) and np.allclose(line.get_ydata(), values) for line in drawn
        )


@pytest.mark.parametrize(
    "losses", [CURVES, {"D": [1.0], "G": [2.0]}, {key: [torch.tensor(v) for v in c] for key, c in CURVES.items()}]
)
@pytest.mark.parametrize("name", ["losses.png", "losses.pdf", "losses.svg"])
def test_losses_in_a_file(losses, name):
    plot_losses(losses, 10, output_file=name)
    assert Path(name).stat().st_size > 3000


def test_losses_that_diverged_are_drawn():
    plot_losses({key: [values[0], math.nan, math.nan] for key, values in CURVES.items()})
    assert Path("losses.png").exists()


def test_no_losses_are_no_picture():
    with pytest.raises(ValueError, match="no losses to draw: was num_steps below plot_every"):
        plot_losses({key: [] for key in CURVES})


def test_losses_are_shown_if_asked_for(monkeypatch):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf().axes[0].images[0].get_array().shape))
    plot_losses(CURVES)
    assert not shown
    plot_losses(CURVES, show=True)
    plt.close("all")
    picture = imageio.imread("losses.png")
    assert shown[0][0] / shown[0][1] == pytest.approx(picture.shape[0] / picture.shape[1], rel=0.01)


@pytest.fixture
def frames():
    """Seven frames, each another; steps whose names do not sort as text."""
    steps = (500, 1000, 1500, 99_999, 100_000, 100_500, 1_000_000)
    for k, step in enumerate(steps):
        plot_generated(Fixed(-3.0 + k, 0.0), "gaussian", step)
    Path("frames/notes.txt").write_text("not a frame")
    return steps


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("fps", [10, 7, 30, 2.5])
@pytest.mark.parametrize("name", ["film.gif", "film.webp", "film.apng", "film.GIF"])
def test_films_last_as_long_as_their_frames(name, fps):
    """7 frames last 7/fps: to half of the format's unit, 1/100 s in a GIF, 1/1000 s in the others."""
    assert make_video(output_file=name, fps=fps) == Path(name)
    with Image.open(name) as film:
        lasts = 0.0
        for k in range(film.n_frames):
            film.seek(k)
            film.load()
            lasts += film.info["duration"]
        assert film.n_frames == 7
        assert film.info["loop"] == 0
    assert lasts == pytest.approx(7000 / fps, abs=5.001 if name.lower().endswith("gif") else 0.501)


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("fps", [10, 25, 2.5])
def test_an_mp4_lasts_as_long_as_its_frames(fps):
    pytest.importorskip("av")
    assert make_video(fps=fps) == Path("gan_training.mp4")
    film = imageio.imread("gan_training.mp4", plugin="pyav")
    still = imageio.imread("frames/frame_00500.png")
    assert film.shape == (7, *still.shape)
    assert imageio.immeta("gan_training.mp4", plugin="pyav")["duration"] == pytest.approx(7 / fps, rel=1e-3)
    assert np.abs(film[0].astype(int) - still).mean() < 4  # its colours are close, not exact


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("name", ["film.gif", "film.webp", "film.apng"])
def test_a_films_frames_are_the_frames_in_the_order_of_their_steps(name, frames):
    make_video(output_file=name)
    film = imageio.imread(name, plugin="pillow", mode="RGB", index=...)
    for picture, step in zip(film, frames, strict=True):
        still = imageio.imread(f"frames/frame_{step:05d}.png").astype(int)
        assert np.abs(picture.astype(int) - still).max() <= (8 if name.endswith("gif") else 0)


@pytest.mark.usefixtures("frames")
def test_without_pyav_an_mp4_becomes_a_gif(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    assert make_video() == Path("gan_training.gif")
    assert capsys.readouterr().err == (
        "MP4 needs PyAV (pip install av): gan_training.gif is written instead of gan_training.mp4\n"
    )
    assert len(imageio.imread("gan_training.gif", plugin="pillow", index=...)) == 7
    assert not Path("gan_training.mp4").exists()


@pytest.mark.parametrize("suffix", ["gif", "mp4", "webp"])
def test_a_film_of_a_students_own_frames(suffix):
    """Odd sizes, grey and transparent pictures, as other programs write them."""
    Path("mine").mkdir()
    for k, kind in enumerate(("RGB", "L", "RGBA", "P")):
        Image.new(kind, (41, 31), 60 * k if kind in "LP" else (60 * k, 0, 0)).save(f"mine/frame_{k}.png")
    make_video("mine", f"film.{suffix}", 5)
    assert imageio.improps(f"film.{suffix}", index=...).shape[1:3] == (30, 40)


def test_films_that_there_cannot_be(frames):
    for how, words in (
        ({"frame_dir": "nowhere"}, "nowhere: no frame is there"),
        ({"output_file": "film.avi"}, "film.avi: a film's name ends in .mp4, .gif, .webp or .apng"),
        ({"fps": 0}, "fps must be above 0 and at most 50, not 0"),
        ({"fps": 51}, "fps must be above 0 and at most 50, not 51"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            make_video(**how)
    Image.new("RGB", (10, 10)).save("frames/frame_7.png")
    with pytest.raises(ValueError, match="the frames have different sizes"):
        make_video()


def titles(monkeypatch, **how):
    """What stands over the pictures of a page."""
    figures = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: figures.append((figure, path)))
    path = show_gan_training_grid(**how)
    ((figure, written),) = figures
    assert Path(written) == path
    return figure, [axes.get_title(loc="left") for axes in figure.axes]


def test_a_page_shows_frames_from_the_first_to_the_last(frames, monkeypatch):
    figure, words = titles(monkeypatch)
    assert words == [f"step {step}" for step in frames]
    assert figure.get_size_inches().tolist() == [12, 8]
    figure, words = titles(monkeypatch, grid_rows=1, grid_cols=3, figsize=(9, 4))
    assert words == ["step 500", "step 99999", "step 1000000"]
    assert figure.get_size_inches().tolist() == [9, 4]
    _, words = titles(monkeypatch, grid_rows=2, grid_cols=2, max_step=1500)
    assert words == ["step 500", "step 1000", "step 1500"]


@pytest.mark.usefixtures("frames")
def test_a_page_shows_the_planes_of_frames_on_their_axes(monkeypatch):
    figure, _ = titles(monkeypatch, grid_rows=1, grid_cols=2)
    image = figure.axes[0].images[0]
    with Image.open("frames/frame_00500.png") as frame:
        left, top, side, reach = map(float, frame.info["plane"].split())
        assert [*image.get_extent()] == [-reach, reach, -reach, reach]
        expected = np.asarray(frame.convert("RGB"))[int(top) : int(top + side), int(left) : int(left + side)]
    assert np.array_equal(image.get_array(), expected)


def test_a_page_of_a_students_own_frames():
    Path("mine").mkdir()
    for k in range(3):
        Image.new("RGB", (60, 40), (80 * k, 0, 0)).save(f"mine/step{k}.jpg")
    path = show_gan_training_grid("mine", 1, 3, r"step(\d+)\.jpg", (6, 3), output_file="page.png")
    assert path == Path("page.png")
    page = imageio.imread(path)
    assert page.shape[:2] == (450, 900)
    colours = {tuple(colour) for colour in page[..., :3].reshape(-1, 3).tolist()}
    for k in range(3):  # a JPEG's colours are close, not exact
        assert any(abs(r - 80 * k) < 3 and g < 3 and b < 3 for r, g, b in colours)


def test_pages_that_there_cannot_be(frames):
    for how, words in (
        ({"folder": "nowhere"}, "nowhere: no frame is there"),
        ({"max_step": 10}, "frames: no frame up to step 10"),
        ({"grid_rows": 0}, "frames: no frame up to step None for 0 rows of 4"),
        ({"filename_pattern": "frame_*.png"}, "'frame_*.png' must have one group, which is the step"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            show_gan_training_grid(**how)


# --- the command -----------------------------------------------------------------------------------------------------


def command(*words, folder=FOLDER):
    return subprocess.run(
        [sys.executable, str(folder / "main.py"), "course", *words],
        env={**os.environ, "PYTHONPATH": str(FOLDER), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )


def test_the_command_leaves_its_plots():
    Path("frames").mkdir()
    Path("frames/frame_00007.png").write_bytes(b"of an earlier run")
    done = command("--mode", "mixture_4", "--variance", "1.44", "--d-steps", "1", "--steps", "9", "--plot-every", "3")
    assert (done.returncode, done.stdout.split()[0]) == (0, "losses.png"), done.stderr
    assert [line.partition(":")[0] for line in done.stderr.splitlines()][:3] == ["step 3", "step 6", "step 9"]
    left = {str(path) for path in Path().rglob("*.*")}
    assert left == {*done.stdout.split(), *(f"frames/frame_0000{k}.png" for k in (3, 6, 9))}


def test_the_command_runs_what_a_student_changed(tmp_path):
    """A G of the student's own, that cannot move: all of its points stay where they put them."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("sample.py", "train.py", "plotting.py", "main.py", "GAN.py"):
        (copy / name).write_text((FOLDER / name).read_text(encoding="utf-8"), encoding="utf-8")
    with open(copy / "GAN.py", "a", encoding="utf-8") as file:
        file.write(
            "\n\nclass Generator(nn.Module):\n"
            "    def __init__(self):\n        super().__init__()\n        self.still = nn.Parameter(torch.zeros(1))\n"
            "    def forward(self, z):\n        return 0 * z + 0 * self.still - 2\n"
        )
    done = command("--steps", "2", "--plot-every", "1", folder=copy)
    assert done.returncode == 0, done.stderr
    at_mode = pixels_at("frames/frame_00002.png", -2.0, -2.0)
    assert at_mode[0] > at_mode[2] + 50


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--mode", "gausian"], "unknown mode 'gausian'"),
        (["--steps", "0"], "--steps must be at least 1, not 0"),
        (["--d-steps", "x"], "argument --d-steps: invalid int value: 'x'"),
        (["--steps", "5"], "--plot-every must be between 1 and --steps, which is 5, not 1000"),
        (["--std", "1", "--variance", "1"], "give std or variance, not both"),
        (["--stpes", "5"], "unrecognized arguments: --stpes 5"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(words, error):
    done = command(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {error}")
    assert done.stderr.count("\n") == 1
    assert not [*Path().iterdir()]


# --- the files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["GAN.py", "train.py", "sample.py", "plotting.py", "main.py"])
def test_a_file_can_be_read_in_one_go(name):
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) <= 120


def test_a_mistake_is_one_line():
    done = command("--mode", "mixture_5")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "mixture_5" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_the_installed_command_says_where_the_course_is(capsys):
    from dynamics.cli.app import main

    assert main(["course", "--mode", "mixture"]) == 2
    assert capsys.readouterr().err == "error: course: runs the files of a checkout, as python main.py course\n"
