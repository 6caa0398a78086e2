"""The other way to train many GANs at once: JAX, a stack by `vmap`, steps by `scan`, compiled by `jit`.

The same game as `benchmarks.plain`: mixture_4 at std 0.2, non-saturating loss, Adam. Points and latents are drawn
inside the compiled step, from a key a member. JAX is not a requirement: without it the benchmark leaves its row out.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import random
from jax.nn import relu, softplus

Tree = Any


def network(key: Any, sizes: list[int]) -> list[tuple[Any, Any]]:
    """Weights (in, out) and biases (out,) of each layer, as nn.Linear draws them."""
    layers = []
    for i, o in zip(sizes[:-1], sizes[1:], strict=True):
        key, a, b = random.split(key, 3)
        bound = i**-0.5
        layers.append(
            (
                random.uniform(a, (i, o), minval=-bound, maxval=bound),
                random.uniform(b, (o,), minval=-bound, maxval=bound),
            )
        )
    return layers


def apply(layers: list[tuple[Any, Any]], x: Any) -> Any:
    for w, b in layers[:-1]:
        x = relu(x @ w + b)
    w, b = layers[-1]
    return x @ w + b


def adam(p: Tree, g: Tree, m: Tree, v: Tree, t: Any, lr: float) -> tuple[Tree, Tree, Tree]:
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    c1, c2 = 1 - 0.9**t, 1 - 0.999**t
    return jax.tree.map(lambda p, m, v: p - lr * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), p, m, v), m, v


class JaxStack:
    """`members` GANs, trained together; `train(steps)` returns when the device has finished."""

    def __init__(
        self, members: int, *, hidden: int = 64, batch_size: int = 256, d_steps: int = 2, lr: float = 1e-3
    ) -> None:
        centres = jnp.array([(2.0, 2.0), (-2.0, 2.0), (-2.0, -2.0), (2.0, -2.0)])

        def start(key: Any) -> Tree:
            kg, kd, key = random.split(key, 3)
            G, D = network(kg, [2, hidden, hidden, 2]), network(kd, [2, hidden, hidden, 1])
            zero = jax.tree.map(jnp.zeros_like, (G, G, D, D))
            return key, G, D, *zero, 0.0, 0.0

        def d_loss(D: Tree, real: Any, fake: Any) -> Any:
            return softplus(-apply(D, real)).mean() + softplus(apply(D, fake)).mean()

        def g_loss(G: Tree, D: Tree, z: Any) -> Any:
            return softplus(-apply(D, apply(G, z))).mean()

        def step(state: Tree, nothing: None) -> tuple[Tree, None]:
            key, G, D, mg, vg, md, vd, tg, td = state
            for _ in range(d_steps):
                key, a, b, c = random.split(key, 4)
                real = centres[random.randint(a, (batch_size,), 0, 4)] + 0.2 * random.normal(b, (batch_size, 2))
                gradient = jax.grad(d_loss)(D, real, apply(G, random.normal(c, (batch_size, 2))))
                td = td + 1
                D, md, vd = adam(D, gradient, md, vd, td, lr)
            key, a = random.split(key)
            gradient = jax.grad(g_loss)(G, D, random.normal(a, (batch_size, 2)))
            tg = tg + 1
            G, mg, vg = adam(G, gradient, mg, vg, tg, lr)
            return (key, G, D, mg, vg, md, vd, tg, td), nothing

        self.state = jax.vmap(start)(random.split(random.key(0), members))
        self._train = jax.jit(
            jax.vmap(lambda state, steps: jax.lax.scan(step, state, length=steps)[0], in_axes=(0, None)),
            static_argnums=1,
        )

    def train(self, steps: int) -> None:
        self.state = jax.block_until_ready(self._train(self.state, steps))
