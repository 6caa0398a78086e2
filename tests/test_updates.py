import pytest
import torch

from settings import Setting
from updates import OPTIMIZERS, make_optimizer

THEIRS = {
    "adam": lambda p, s: torch.optim.Adam(p, lr=s.lr, betas=(s.beta1, s.beta2)),
    "sgd": lambda p, s: torch.optim.SGD(p, lr=s.lr),
}


def gradient(step, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(step)) * 10.0 ** (
        step % 5 - 2
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
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
