"""Every nesting of {grad, jvp, vmap, jacrev, jacfwd} to depth three, as a program for any library.

A nesting is a string of letters from the outermost transform to the innermost. Each level owns one variable of
`SIZE` elements (for vmap: a lane); the innermost function reads the variables of *all* levels, each level's point
depends on the variable around it, and each level scales what comes from inside by its own variable. A library that
mixes up two variables or two lanes gets another number.

`evaluate(lib, program, nesting)` knows no library: `lib` is anything with the attributes grad, jvp, vmap, jacrev,
jacfwd and `xp`, a namespace of NumPy's names with softmax, logsumexp, erf, sigmoid and linalg. test_nestings.py hands
in nabla; make_nesting_references.py hands in the library that the stored references come from, and plain NumPy.
"""

import itertools

import numpy as np

TRANSFORMS = ("grad", "jvp", "vmap", "jacrev", "jacfwd")
NESTINGS = ["-".join(letters) for depth in (1, 2, 3) for letters in itertools.product(TRANSFORMS, repeat=depth)]

SIZE, LANES = 3, 2  # different, so that a lane taken for an element is an error of shape

# One row a level. Generic numbers: far from ties, zeros and the thresholds in the programs below.
POINTS = np.array([[0.62, -0.45, 1.13], [0.91, 0.78, -0.57], [-0.71, 0.83, 0.29]])
TANGENTS = np.array([[0.7, -1.1, 0.4], [-0.3, 0.9, 1.2], [1.4, 0.6, -0.8]])
LANE_OFFSETS = np.array([[0.05, -0.07, 0.03], [-0.08, 0.04, 0.06]])

WIDE = np.array([[0.8, -0.3, 0.5], [-0.6, 0.9, 0.2]])
SQUARE = np.array([[1.1, 0.4, -0.2], [0.3, -0.7, 0.6], [-0.5, 0.2, 0.9]])
SYMMETRIC = SQUARE @ SQUARE.T + 2.0 * np.eye(SIZE)


# ---- the programs: from a vector of three to a scalar, a vector or a matrix ------------------------------------


def rational(xp, x):
    """Element reads, division, power: a scalar."""
    return (x[0] * x[1] ** 3 + 2.0) / (3.0 + x[2] ** 2) - x[-1] / (2.5 + x[0])


def waves(xp, x):
    """exp, tanh, sin, cos, elementwise."""
    return xp.sin(x) * xp.tanh(2.0 * x) + xp.exp(-0.5 * x**2) * xp.cos(3.0 * x)


def roots_and_logs(xp, x):
    """sqrt, log, log1p, arctan, hypot-like norms."""
    radius = xp.sqrt(xp.sum(x * x) + 0.1)
    return xp.log(radius + x**2) + xp.log1p(xp.exp(x)) * xp.arctan(x / radius)


def powers(xp, x):
    """A power whose base and exponent both vary."""
    return (1.5 + x**2) ** xp.tanh(x[::-1])


def soft_attention(xp, x):
    """softmax over the rows of a broadcast product, then a contraction."""
    return xp.softmax(x[:, None] * x[None, :] * 2.0, axis=-1) @ xp.sin(x)


def log_partition(xp, x):
    """logsumexp of a table of scores: a scalar."""
    return xp.logsumexp(SQUARE * x + x[:, None])


def two_layers(xp, x):
    """matmul with constants on the left and on the right: two outputs."""
    return WIDE @ xp.tanh(SQUARE @ x + 0.3) + xp.tanh(x) @ WIDE.T


def quadratic_form(xp, x):
    """Vector-matrix-vector products, a scalar."""
    return x @ SQUARE @ x + xp.sum((x @ SYMMETRIC) ** 3) / 50.0


def contractions(xp, x):
    """einsum, tensordot and outer: a matrix of 2 by 3."""
    table = xp.einsum("i,ij,kj->ki", x, SQUARE, WIDE * x)
    return table + xp.tensordot(WIDE, xp.outer(x, xp.exp(x)), axes=1)


def piecewise(xp, x):
    """where with both branches live, maximum, clip and abs: kinks beside the points."""
    chosen = xp.where(x > -0.05, x**3, xp.sin(x) - 0.5)
    return chosen * xp.maximum(x, 0.2 * x) + xp.clip(x, -2.5, 0.05) * xp.abs(x)


def largest(xp, x):
    """max and min over an axis of a matrix, and of all of it: a scalar."""
    table = xp.sin(SQUARE * x) + x[:, None]
    return xp.max(table) * xp.sum(xp.min(table, axis=0)) + xp.max(table, axis=1)[1] ** 2


def running(xp, x):
    """Cumulative sums and products after a sort."""
    return xp.cumulative_sum(xp.sort(x) * xp.exp(x)) + xp.cumulative_prod(1.3 + x * x[::-1])


def statistics(xp, x):
    """mean, var and prod of a matrix along different axes."""
    table = xp.exp(0.5 * x[:, None]) * xp.cos(SQUARE + x)
    return xp.mean(table, axis=0) / (1.0 + xp.var(table, axis=1)) + xp.prod(table)


def kernel(xp, x):
    """A Gaussian kernel from broadcast differences: a scalar."""
    distance = (x[:, None] - x[None, :]) ** 2
    return xp.sum(xp.exp(-distance) * (1.0 + x))


def posterior(xp, x):
    """A symmetric solve and the diagonal of a Cholesky factor."""
    covariance = SYMMETRIC + x[:, None] * x[None, :]
    factor = xp.linalg.cholesky(covariance)
    return xp.linalg.solve(covariance, xp.sin(x)) + xp.log(xp.diagonal(factor))


def determinants(xp, x):
    """det, slogdet and inv of a matrix that is not symmetric: a scalar."""
    table = SQUARE + xp.outer(x, xp.cos(x))
    return xp.linalg.det(table) + xp.linalg.slogdet(table + 3.0 * np.eye(SIZE))[1] + xp.linalg.inv(table)[0, 2]


def shuffled(xp, x):
    """Structure: concat, stack, roll, flip, integer-array gathers with repeats, slices with steps."""
    long = xp.concat([x**2, xp.flip(x), xp.roll(x, 1) * x])
    table = xp.stack([long[::2], long[np.array([4, 0, 4, 7, 1])] ** 3], axis=1)
    return xp.reshape(table, (2, 5))[:, 1:4] * xp.tanh(x) + xp.permute_dims(table, (1, 0))[:, -1:]


def special(xp, x):
    """erf and the logistic function."""
    return xp.erf(x) * xp.sigmoid(3.0 * x) + xp.erf(xp.sum(x) * 0.3)


def recurrence(xp, x):
    """A Python loop with scalar state: what a hand-written integrator looks like."""
    position, velocity = x[0], x[1]
    for _ in range(4):
        acceleration = -xp.sin(position) - 0.3 * x[2] * velocity
        position, velocity = position + 0.2 * velocity, velocity + 0.2 * acceleration
    return xp.stack([position, velocity, position * velocity])


PROGRAMS = {
    program.__name__: program
    for program in (
        rational, waves, roots_and_logs, powers, soft_attention, log_partition, two_layers, quadratic_form,
        contractions, piecewise, largest, running, statistics, kernel, posterior, determinants, shuffled,
        special, recurrence,
    )
}  # fmt: skip


# ---- the nestings ---------------------------------------------------------------------------------------------


def evaluate(lib, program, nesting):
    """The value of one nesting of one program at the fixed points."""
    xp, letters = lib.xp, nesting.split("-")

    def innermost(variables):
        z = variables[-1]
        for outer in variables[:-1]:
            z = z * (1.0 + 0.3 * outer) + 0.2 * outer
        return program(xp, z)

    def level(variables):
        depth = len(variables)
        if depth == len(letters):
            return innermost(variables)

        def inner(variable):
            return (1.0 + 0.1 * xp.sum(variable)) * level((*variables, variable))

        drift = 1.0 + 0.25 * variables[-1] if variables else 1.0
        return LEVELS[letters[depth]](lib, inner, POINTS[depth] * drift, TANGENTS[depth] * drift, depth)

    return level(())


def through_grad(lib, inner, point, tangent, depth):
    return lib.grad(lambda variable: weighted_sum(lib.xp, inner(variable)))(point)


def through_jvp(lib, inner, point, tangent, depth):
    value, derivative = lib.jvp(inner, (point,), (tangent,))
    return value + 2.0 * derivative


def through_vmap(lib, inner, point, tangent, depth):
    if depth % 2 == 0:
        return lib.vmap(inner)(point + LANE_OFFSETS)
    return lib.vmap(inner, in_axes=1, out_axes=-1)(point[:, None] + LANE_OFFSETS.T)


def through_jacrev(lib, inner, point, tangent, depth):
    return lib.jacrev(inner)(point)


def through_jacfwd(lib, inner, point, tangent, depth):
    return lib.jacfwd(inner)(point)


LEVELS = {
    "grad": through_grad,
    "jvp": through_jvp,
    "vmap": through_vmap,
    "jacrev": through_jacrev,
    "jacfwd": through_jacfwd,
}


def weighted_sum(xp, value):
    """A scalar that depends on each element of `value` differently."""
    weights = np.cos(1.0 + np.arange(np.prod(value.shape, dtype=int))).reshape(value.shape)
    return xp.sum(value * weights)
