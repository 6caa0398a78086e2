import pytest
import torch

from dynamics.games.optimizers import OPTIMIZERS, make_optimizer
from dynamics.settings.setting import Setting

THEIRS = {
    "adam": lambda p, s: torch.optim.Adam(p, lr=s.lr, betas=(s.beta1, s.beta2)),
    "sgd": lambda p, s: torch.optim.SGD(p, lr=s.lr),
    "rmsprop": lambda p, s: torch.optim.RMSprop(p, lr=s.lr, alpha=s.beta2),
}


def gradient(step, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(step)) * 10.0 ** (
        step % 5 - 2
    )


@pytest.mark.parametrize("name", THEIRS)
def test_members_of_different_settings_each_follow_torch(name):
    settings = [
        Setting(optimizer=name, lr=1e-2, beta1=0.9),
        Setting(optimizer=name, lr=1e-3, beta1=0.0, beta2=0.9),
        Setting(optimizer=name, lr=0.3, beta1=0.5),
    ]
    start = gradient(99, 3, 40)
    stack = start.clone()
    ours = make_optimizer("g", stack, settings)
    theirs = [torch.nn.Parameter(row.clone()) for row in start]
    optimizers = [THEIRS[name]([p], s) for p, s in zip(theirs, settings, strict=True)]
    singles = [row[None].clone() for row in start]
    alone = [make_optimizer("g", p, [s]) for p, s in zip(singles, settings, strict=True)]
    for step in range(60):
        g = gradient(step, 3, 40)
        ours.step(g)
        for m in range(3):
            theirs[m].grad = g[m]
            optimizers[m].step()
            alone[m].step(g[m : m + 1])
    for m in range(3):
        torch.testing.assert_close(stack[m], theirs[m].data, rtol=1e-12, atol=1e-13)
        assert torch.equal(singles[m][0], stack[m])  # columns round as floats do


def test_each_player_has_its_own_rate():
    setting = Setting(optimizer="sgd", lr=0.5, lr_d=0.25)
    for player, rate in (("g", 0.5), ("d", 0.25)):
        p = torch.zeros(1, 3)
        make_optimizer(player, p, [setting]).step(torch.ones(1, 3))
        assert torch.equal(p, torch.full((1, 3), -rate))


@pytest.mark.parametrize("momentum", [0.9, -0.5])
def test_momentum_is_torchs_and_may_be_negative(momentum):
    """Polyak's velocity, written as its sum: v_t = Σ μ^(t − s) g_s."""
    p = torch.zeros(2, 5, dtype=torch.float64)
    ours = make_optimizer("d", p, [Setting(optimizer="momentum", momentum=m, lr=0.1) for m in (momentum, 0.3)])
    steps = [gradient(step, 2, 5) for step in range(12)]
    for g in steps:
        ours.step(g)
    for row, share in ((0, momentum), (1, 0.3)):
        moved = sum(share ** (t - s) * steps[s][row] for t in range(12) for s in range(t + 1))
        torch.testing.assert_close(p[row], -0.1 * moved, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_looking_ahead_is_the_step_and_changes_nothing(name):
    settings = [Setting(optimizer=name, lr=1e-2), Setting(optimizer=name, lr=1e-3, beta1=0.2, momentum=-0.3)]
    p = gradient(99, 2, 64)
    ours = make_optimizer("g", p, settings)
    for step in range(5):
        g = gradient(step, 2, 64)
        before, state = p.clone(), [tensor.clone() for tensor in ours.state]
        flat, ahead = ours.ahead(p, g, ours.state)
        assert torch.equal(p, before)
        assert all(torch.equal(a, b) for a, b in zip(ours.state, state, strict=True))
        ours.step(g)
        torch.testing.assert_close(flat, p, rtol=1e-13, atol=1e-15)
        for a, b in zip(ahead, ours.state, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-13, atol=0, check_dtype=False)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam"])
def test_rates_are_what_a_gradient_is_multiplied_by(name):
    """With the moments of a long run of one gradient g, a step moves by rate × g."""
    setting = Setting(optimizer=name, lr=1e-2, beta2=0.5)
    p, g = torch.zeros(1, 64, dtype=torch.float64), gradient(3, 1, 64)
    ours = make_optimizer("g", p, [setting])
    for _ in range(400):
        ours.step(g)
    before = p.clone()
    rates = ours.rates()
    ours.step(g)
    torch.testing.assert_close(before - p, rates * g, rtol=1e-6, atol=1e-12)


def test_each_player_may_have_its_own_optimiser():
    setting = Setting(optimizer="adam", optimizer_d="sgd")
    kinds = [type(make_optimizer(player, torch.zeros(1, 3), [setting])).__name__ for player in "gd"]
    assert kinds == ["Adam", "SGD"]
