"""Random programs for any transform: what hypothesis draws, and how it is run.

A program is a list of instructions on a growing list of values, so that values are shared and unused ones fall away.
Its elementwise operations are those of the registry: a new primitive joins by itself. Before each operation with a
domain the operands are squashed into it, and before each one with kinks and jumps they are moved apart; so every
program is smooth around every point, and its values stay of ordinary size.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from hypothesis import strategies as st

import nabla as nb
from nabla.primitives.base import REGISTRY
from nabla.primitives.elementwise import ZERO, Binary, Unary
from nabla.primitives.formulas import Family

# ---- elementwise operations, from the registry -----------------------------------------------------------------


def is_smooth(prim):
    return "f" in prim.kinds and not isinstance(prim, Family) and any(partial is not ZERO for partial in prim.partials)


OWN_DOMAIN = {"arccosh": (1.2, 2.0), "ndtri_exp": (-2.0, -0.5)}
USUAL_DOMAIN = (0.2, 0.8)  # where all others are defined and smooth
SECOND_DOMAIN = (1.1, 1.7)  # of a second operand: nothing jumps or is equal there
STEPPED = {"nextafter"}  # NumPy's result is next to the first operand: to differences it is a step function
UNARY = sorted(name for name, prim in REGISTRY.items() if isinstance(prim, Unary) and is_smooth(prim))
BINARY = sorted(name for name, prim in REGISTRY.items() if isinstance(prim, Binary) and is_smooth(prim) and name not in STEPPED)
BINARY += ["maximum", "minimum"]


def apply(name, *operands):
    return nb.Tensor(REGISTRY[name](*[x._node for x in operands]))


def squashed(x, low, high):
    return low + (high - low) * nb.sigmoid(x)


def ramp(shape, seed):
    """Whole numbers in random order: added to what lies in the usual domain, they move all elements apart."""
    return np.random.default_rng(seed).permutation(prod(shape)).reshape(shape).astype(float)


def apart(x, seed):
    return squashed(x, *USUAL_DOMAIN) + ramp(x.shape, seed)


def signs(shape, seed):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def condition(x, seed):
    """A condition computed from the values of x, which small changes of x do not change."""
    return squashed(x, *USUAL_DOMAIN) + signs(x.shape, seed) > 0.5


def indices(n, seed):
    """Three integers, repeats and negative ones among them."""
    return np.random.default_rng(seed).integers(-n, n, 3)


# ---- instructions ----------------------------------------------------------------------------------------------


def unary(name):
    low, high = OWN_DOMAIN.get(name, USUAL_DOMAIN)
    return lambda x, seed: apply(name, squashed(x, low, high))


def binary(name):
    def run(x, y, seed):
        return apply(name, squashed(x, *USUAL_DOMAIN), squashed(y, *SECOND_DOMAIN))

    return run


def extremum(name):
    """Each operand wins for some elements."""
    return lambda x, y, seed: apply(name, *_around(x, y, seed))


def _around(x, y, seed):
    total = np.broadcast_shapes(x.shape, y.shape)
    return squashed(x, *USUAL_DOMAIN), squashed(y, *USUAL_DOMAIN) + signs(total, seed)


def written(x, y, seed):
    """A copy of x with y's mean added to some elements in place, and others overwritten."""
    out = x.copy()
    n = x.shape[0]
    out[seed % n] = nb.mean(y) * 0.5
    out[seed % n :] += nb.sin(nb.sum(y))
    return out


def accumulated(x, seed):
    """Element reads and writes in a loop, each of which sees the one before."""
    out = nb.zeros(x.shape[0])
    for i in range(x.shape[0]):
        out[i] = nb.tanh(nb.sum(x[i]) + out[i - 1])
    return out


def contracted(x, y, seed):
    """Over the last axis of both."""
    return nb.tanh(nb.tensordot(x, y, axes=[[-1], [-1]])) if x.shape[-1] == y.shape[-1] else nb.tanh(nb.outer(x, y))


def beside_the_undefined(x, seed):
    """The branch that is not taken has an infinite derivative."""
    taken = signs(x.shape, seed) > 0
    return nb.where(taken, nb.sqrt(squashed(x, *USUAL_DOMAIN) * taken), x)


def as_often_as_it_says(x, y, seed):
    """A loop whose number of steps is computed from x, with y from outside."""
    steps = 1 + nb.sum(condition(x, seed))

    def step(s):
        return s[0] + 1, nb.tanh(s[1] + 0.3 * nb.sum(y * nb.mean(s[1])))

    return nb.while_loop(lambda s: s[0] < steps, step, (0, x - nb.mean(y)))[1]


def scanned(x, y, seed):
    """Along the first axis of x, from either end; each step sees all of y."""

    def step(total, row):
        total = nb.tanh(total * nb.sum(nb.cos(y)) + nb.mean(row))
        return total, row * total

    total, rows = nb.scan(step, nb.mean(x) - nb.mean(y), x, reverse=seed % 2 == 1)
    return rows + total


def branched(x, y, seed):
    """One branch or another, of which one has a loop inside."""

    def loop(a):
        return nb.fori_loop(0, seed, lambda i, s: nb.tanh(s + 0.1 * nb.astype(i, s.dtype) * nb.sum(y)), a)

    branches = [lambda a: a * nb.mean(y), loop, lambda a: nb.cond(nb.sum(condition(y, seed)) > 1, nb.sin, lambda b: -b, a)]
    return nb.switch(nb.sum(condition(x, seed)) % 3, branches, x - nb.mean(y))


# Those of one operand: any; with at least one axis; with two.
ANY = {name: unary(name) for name in UNARY} | {
    "trigamma": lambda x, seed: nb.polygamma(1, squashed(x, 0.5, 2.0)),
    "sinc": lambda x, seed: nb.sinc(x),
    "integer power": lambda x, seed: nb.tanh(x) ** (2 + seed),
    "fractional power": lambda x, seed: squashed(x, *USUAL_DOMAIN) ** -0.5,
    "plain sin": lambda x, seed: nb.sin(x),
    "plain square": lambda x, seed: nb.tanh(x * x),
    "weak scalars": lambda x, seed: (2 - x) * 0.25 + 1,
    "sum of all": lambda x, seed: nb.sum(x) * 0.2,
    "new axis": lambda x, seed: x[None],
    "spread": lambda x, seed: nb.broadcast_to(x, (2, *x.shape)),
    "where": lambda x, seed: nb.where(condition(x, seed), nb.exp(-x * x), x * 0.5),
    "where beside what is undefined": beside_the_undefined,
    "detached factor": lambda x, seed: x * nb.ones_like(nb.detach(x)),
    "abs": lambda x, seed: nb.abs(apart(x, seed) * signs(x.shape, seed)),
}
WITH_AN_AXIS = {
    "sum": lambda x, seed: nb.sum(x, axis=seed % x.ndim),
    "mean": lambda x, seed: nb.mean(x, axis=-1, keepdims=True),
    "var": lambda x, seed: nb.var(x, axis=seed % x.ndim),
    "prod": lambda x, seed: nb.prod(squashed(x, -1.1, 1.1), axis=seed % x.ndim),
    "max": lambda x, seed: nb.max(apart(x, seed), axis=seed % x.ndim),
    "min": lambda x, seed: nb.min(apart(x, seed)),
    "sort": lambda x, seed: nb.sort(apart(x, seed), axis=seed % x.ndim),
    "cumulative sum": lambda x, seed: nb.cumulative_sum(x, axis=seed % x.ndim) * 0.5,
    "cumulative prod": lambda x, seed: nb.cumulative_prod(squashed(x, -1.2, 1.2), axis=seed % x.ndim),
    "logsumexp": lambda x, seed: nb.logsumexp(x, axis=-1),
    "softmax": lambda x, seed: nb.softmax(x * 3.0, axis=seed % x.ndim),
    "log softmax": lambda x, seed: nb.log_softmax(x, axis=seed % x.ndim),
    "flatten": lambda x, seed: nb.reshape(x, (-1,)),
    "flip": lambda x, seed: nb.flip(x, axis=seed % x.ndim),
    "roll": lambda x, seed: nb.roll(x, 1, axis=-1),
    "first": lambda x, seed: x[0],
    "last": lambda x, seed: x[..., -1],
    "slice": lambda x, seed: x[::-1][: seed % 3 + 1],
    "gather": lambda x, seed: x[indices(x.shape[0], seed)],
    "take the largest": lambda x, seed: nb.take_along_axis(x, nb.argsort(apart(x, seed), axis=-1)[..., -1:], axis=-1),
    "loop of reads and writes": accumulated,
}
WITH_TWO_AXES = {
    "transpose": lambda x, seed: nb.permute_dims(x, tuple(np.random.default_rng(seed).permutation(x.ndim).tolist())),
    "integer arrays": lambda x, seed: x[indices(x.shape[0], seed), indices(x.shape[1], seed + 1)],
    "lower triangle": lambda x, seed: nb.tril(x),
}
# Those of two operands: any two that broadcast; two of one shape; any two with an axis.
BROADCASTING = {name: binary(name) for name in BINARY} | {
    "larger": extremum("maximum"),
    "smaller": extremum("minimum"),
    "sum of two": lambda x, y, seed: x + y,
    "difference": lambda x, y, seed: x - 0.5 * y,
    "product": lambda x, y, seed: nb.tanh(x * y),
    "either": lambda x, y, seed: nb.where(condition(x, seed), x, y),
}
ALIKE = {
    "concat": lambda x, y, seed: nb.concat([x, y], axis=seed % x.ndim) if x.ndim else nb.stack([x, y]),
    "stack": lambda x, y, seed: nb.stack([x, y], axis=seed % (x.ndim + 1)),
}
ANY_TWO = {
    "contraction": contracted,
    "in place": written,
}
CONTROL = {
    "scan": scanned,
    "while loop": as_often_as_it_says,
    "branches": branched,
}
ONE = ANY | WITH_AN_AXIS | WITH_TWO_AXES
TWO = BROADCASTING | ALIKE | ANY_TWO | CONTROL
OPERATIONS = ONE | TWO
GROUPS = [ANY, ANY, WITH_AN_AXIS, WITH_TWO_AXES, BROADCASTING, BROADCASTING, ALIKE | ANY_TWO, CONTROL]
LARGEST = 24


def applicable(values):
    """(operation, operands) for all that fits the shapes of the values so far."""
    for i, x in enumerate(values):
        names = [*ANY, *(WITH_AN_AXIS if x else ()), *(WITH_TWO_AXES if len(x) > 1 else ())]
        yield from ((name, (i,)) for name in names)
        for j, y in enumerate(values):
            names = [*(ALIKE if x == y else ()), *(ANY_TWO | CONTROL if x and y else ())]
            if broadcasts(x, y):
                names += BROADCASTING
            yield from ((name, (i, j)) for name in names)


def broadcasts(x, y):
    return all(m == n or 1 in (m, n) for m, n in zip(x[::-1], y[::-1], strict=False))


@dataclass(frozen=True)
class Program:
    """Instructions on a list of values that begins with the arguments; the result is made of the last ones."""

    shapes: tuple
    instructions: tuple  # (operation, positions of its operands, seed)
    outputs: int

    def __call__(self, *args):
        values = [nb.asarray(x) for x in args]
        for name, positions, seed in self.instructions:
            values.append(OPERATIONS[name](*[values[i] for i in positions], seed))
        results = values[-self.outputs :]
        return results[0] if self.outputs == 1 else tuple(results)

    def scalar(self, *args):
        """One number that depends on all of the result."""
        results = self(*args)
        results = results if isinstance(results, tuple) else (results,)
        return sum(nb.sum(nb.sin(x + i)) for i, x in enumerate(results))

    def arguments(self, dtype=np.float64, lanes=()):
        rng = np.random.default_rng(len(self.instructions))
        return tuple(rng.uniform(-1.5, 1.5, (*lanes, *shape)).astype(dtype) for shape in self.shapes)


SHAPES = [(), (1,), (2,), (3,), (2, 3), (3, 1), (1, 2), (2, 2), (2, 1, 3)]


@st.composite
def programs(draw, longest=7):
    """A program that fits together: each instruction is drawn from those that the shapes so far allow."""
    shapes = tuple(draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2)))
    values, instructions = list(shapes), []
    for _ in range(draw(st.integers(3, longest))):
        group = draw(st.sampled_from(GROUPS))
        recent = draw(st.booleans())  # long chains and wide graphs
        choices: dict = {}
        for name, positions in applicable(values):
            if name in group and (not recent or len(values) - 1 in positions):
                choices.setdefault(name, []).append(positions)
        if not choices:
            continue
        name = draw(st.sampled_from(list(choices)))
        positions = draw(st.sampled_from(choices[name]))
        seed = draw(st.integers(0, 5))
        shape = OPERATIONS[name](*[nb.zeros(values[i]) for i in positions], seed).shape
        if prod(shape) <= LARGEST and len(shape) <= 4:
            values.append(shape)
            instructions.append((name, positions, seed))
    return Program(shapes, tuple(instructions), draw(st.integers(1, min(2, len(instructions) or 1))))
