"""Random programs: forward against reverse, gradients against differences, vmap against a loop, engines, and some invariants.

The programs (programs.py) are drawn by hypothesis, always the same ones for the same registry.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from programs import BINARY, ONE, OPERATIONS, UNARY, Program, programs

import nabla as nb
from nabla.testing import check_grads, check_vmap

ALWAYS_THE_SAME = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
FEW = settings(ALWAYS_THE_SAME, max_examples=150)
MANY = settings(ALWAYS_THE_SAME, max_examples=1500)


def derivatives_agree(program):
    check_grads(program, program.arguments(), order=2)


def batches_agree(program):
    args = program.arguments(lanes=(2,))
    gradient = nb.grad(program.scalar, argnums=tuple(range(len(args))))
    direction = program.arguments()

    def slope(*xs):
        return nb.jvp(program, xs, direction)[1]

    check_vmap(program, args)
    check_vmap(gradient, args)
    check_vmap(slope, args)
    if len(args) == 2:
        check_vmap(program, (args[0], args[1][0]), in_axes=(0, None))
        check_vmap(gradient, (args[0][0], np.moveaxis(args[1], 0, -1)), in_axes=(None, -1))


def transforms_commute(program):
    """jacrev and jacfwd, grad in both modes, grad of the mean over a batch and the mean of a batch of grads."""
    args = program.arguments()
    whole = tuple(range(len(args)))
    same_trees(nb.jacrev(program, whole)(*args), nb.jacfwd(program, whole)(*args))
    same_trees(nb.grad(program.scalar, whole)(*args), nb.grad(program.scalar, whole, mode="forward")(*args))
    batch = program.arguments(lanes=(3,))
    each = nb.vmap(nb.grad(program.scalar, whole))(*batch)
    of_sum = nb.grad(lambda *xs: nb.sum(nb.vmap(program.scalar)(*xs)), whole)(*batch)
    same_trees(each, of_sum)


def imperative_agrees(program):
    """backward on leaves gives the same gradient, and the same bits whether a value was read on the way or not."""
    args = program.arguments()
    expected = nb.grad(program.scalar, tuple(range(len(args))))(*args)
    found = []
    for read in (False, True):
        leaves = [nb.array(x, requires_grad=True) for x in args]
        loss = program.scalar(*leaves)
        if read:
            float(loss)
        loss.backward()
        found.append([np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves])
    assert [x.tobytes() for x in found[0]] == [x.tobytes() for x in found[1]]
    same_trees(tuple(found[0]), expected)


def single_precision_is_near(program):
    args = program.arguments()
    whole = tuple(range(len(args)))
    wide = nb.grad(program.scalar, whole)(*args)
    narrow = nb.grad(program.scalar, whole)(*[x.astype(np.float32) for x in args])
    for a, b in zip(narrow, wide, strict=True):
        assert np.allclose(a, b, rtol=1e-3, atol=1e-3 * (1.0 + np.max(np.abs(b), initial=0.0)))


def engines_agree(program):
    """Values and gradients of the native engine and of NumPy's, of one argument and of enough for several vectors and a rest."""
    for lanes in ((), (37,)):
        args = program.arguments(lanes=lanes)
        whole = tuple(range(len(args)))

        def both(*xs, whole=whole):
            return program(*xs), nb.grad(program.scalar, whole)(*xs)

        both = nb.vmap(both) if lanes else both
        native, numpy = (nb.jit(both, engine=engine)(*args) for engine in ("native", "numpy"))
        same_trees(native, numpy)


def same_trees(a, b):
    assert nb.tree.structure(a) == nb.tree.structure(b)
    for x, y in zip(nb.tree.leaves(a), nb.tree.leaves(b), strict=True):
        x, y = (z.numpy() if isinstance(z, nb.Tensor) else z for z in (x, y))
        assert x.shape == y.shape
        assert np.allclose(x, y, rtol=1e-9, atol=1e-9 * (1.0 + np.max(np.abs(y), initial=0.0)))


CHECKS = [derivatives_agree, batches_agree, transforms_commute, imperative_agrees, single_precision_is_near, engines_agree]


@pytest.mark.parametrize("check", CHECKS)
def test_random_programs(check):
    FEW(given(programs())(check))()


@pytest.mark.exhaustive
@pytest.mark.parametrize("check", CHECKS)
def test_many_random_programs(check):
    MANY(given(programs(longest=12))(check))()


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_alone(name):
    """Hypothesis may draw some operations seldom. One that gave a constant would check nothing."""
    positions = (0,) if name in ONE else (0, 1)
    program = Program(((2, 3),) * len(positions), ((name, positions, 1),), 1)
    gradient = nb.grad(program.scalar, positions)(*program.arguments())
    assert any(np.any(g) for g in gradient) and all(np.all(np.isfinite(g)) for g in gradient)
    derivatives_agree(program)
    batches_agree(program)


def test_the_registry_takes_part():
    assert {"exp", "tanh", "arccosh", "gammaln"} <= set(UNARY)
    assert {"divide", "power", "arctan2", "hypot", "logaddexp"} <= set(BINARY)
