"""What particle and saddle share: the place where a function is least, found by steps downhill, to be differentiated itself.

A step goes from x to x - η ∇f(x), with η = 1e-5 at first. One that does not lead lower is not made, and η is halved; after ten that
do, η is doubled. It ends where the gradient, or the step, is not longer than 1e-5. The gradient is computed in reverse mode, "r",
or in forward mode, "f".
"""

import nabla as nb
from workloads.base import jax, jnp, torch

MODES = {"r": "reverse", "f": "forward"}
START, SHORT, OFTEN = 1e-5, 1e-5, 10


def in_nabla(f, x, mode):
    valued = nb.value_and_grad(f, mode=MODES[mode])

    def tried(x, slope, rate, good):
        rate, good = nb.where(good == OFTEN, 2 * rate, rate), nb.where(good == OFTEN, 0, good)
        return x - rate * slope, rate, good

    def goes_on(state):
        x, _, slope, rate, good = state
        step = x - tried(x, slope, rate, good)[0]
        return ((slope * slope).sum() > SHORT**2) & ((step * step).sum() > SHORT**2)

    def step(state):
        x, value, slope, rate, good = state
        new, rate, good = tried(x, slope, rate, good)
        new_value, new_slope = valued(new)
        lower, not_lower = (new, new_value, new_slope, rate, good + 1), (x, value, slope, rate / 2, 0)
        return tuple(nb.where(new_value < value, a, b) for a, b in zip(lower, not_lower, strict=True))

    return nb.while_loop(goes_on, step, (x, *valued(x), START, 0))[0]


def in_jax(f, x, mode):
    def valued(x):
        if mode == "r":
            return jax.value_and_grad(f)(x)

        def twice(x):
            value = f(x)
            return value, value

        slope, value = jax.jacfwd(twice, has_aux=True)(x)
        return value, slope

    def tried(x, slope, rate, good):
        rate, good = jnp.where(good == OFTEN, 2 * rate, rate), jnp.where(good == OFTEN, 0, good)
        return x - rate * slope, rate, good

    def goes_on(state):
        x, _, slope, rate, good = state
        step = x - tried(x, slope, rate, good)[0]
        return ((slope * slope).sum() > SHORT**2) & ((step * step).sum() > SHORT**2)

    def step(state):
        x, value, slope, rate, good = state
        new, rate, good = tried(x, slope, rate, good)
        new_value, new_slope = valued(new)
        lower, not_lower = (new, new_value, new_slope, rate, good + 1), (x, value, slope, rate / 2, 0)
        return tuple(jnp.where(new_value < value, a, b) for a, b in zip(lower, not_lower, strict=True))

    return jax.lax.while_loop(goes_on, step, (x, *valued(x), START, 0))[0]


def slope_in_torch(f, x, again):
    """The value of f and its gradient, in reverse mode. again: both will be differentiated themselves."""
    x = x if again and x.requires_grad else x.detach().requires_grad_()
    value = f(x)
    return value, torch.autograd.grad(value, x, create_graph=again)[0]


def in_torch(f, x, again):
    rate, good = START, 0
    value, slope = slope_in_torch(f, x, again)
    while (slope * slope).sum() > SHORT**2:
        if good == OFTEN:
            rate, good = 2 * rate, 0
        new = x - rate * slope
        if ((x - new) ** 2).sum() <= SHORT**2:
            break
        new_value, new_slope = slope_in_torch(f, new, again)
        if new_value < value:
            x, value, slope, good = new, new_value, new_slope, good + 1
        else:
            rate, good = rate / 2, 0
    return x
