"""Checks of derivatives and of batching, for functions of your own; our own tests are made with them.

`check_grads` compares the derivatives of a function with finite differences and with each other, `check_vmap` compares
`vmap` with a loop, `numerical_jvp` is the finite difference itself. A check that fails raises an AssertionError that
says which mode, which argument, and both values.

Differences are central and extrapolated to step zero (Ridders, "Accurate computation of F'(x) and F'(x)F''(x)",
Advances in Engineering Software 4, 1982), in double precision: about eleven digits for a smooth function of ordinary
size. Complex numbers: a direction is complex, and cotangents are paired with tangents by Re sum(g * t), without
conjugation.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from nabla import tree
from nabla.errors import ArgumentError, ArgumentTypeError, TreeError
from nabla.graph.node import is_scalar
from nabla.ops.lift import as_node
from nabla.primitives.base import constant
from nabla.tensor import Tensor
from nabla.transforms.jvp import as_arguments, jvp
from nabla.transforms.trace import output_node
from nabla.transforms.vjp import vjp
from nabla.transforms.vmap import vmap

__all__ = ["check_grads", "check_vmap", "numerical_jvp"]

Arrays = list[np.ndarray]
STEP = 2.0**-6
"""How far the widest difference moves an element, relative to its size."""
SMALL = 1e-2
"""Elements smaller than this are moved as if they were of this size."""
LEVELS = 5
"""Differences, each half as wide as the one before."""


# ---- what is public -------------------------------------------------------------------------------------------


def numerical_jvp(f: Callable[..., Any], args: Any, tangents: Any, eps: float | None = None) -> Any:
    """The derivative of `f` at `args` along `tangents`, by finite differences: what `nb.jvp` should give.

    Args:
        f: a function of arrays or pytrees of arrays. It is called with float64 (complex128) tensors, and not traced.
        args, tangents: as for `nb.jvp`: tuples of arguments of one structure. What is not floating stays fixed; its
            tangent is None.
        eps: the widest step along the tangents. Without it, no element moves by more than about 1/64 of its size.

    Raises TreeError where args and tangents differ in structure. The result has the structure of the output, with
    NumPy arrays; where an output is not floating they are zero.

    >>> import nabla as nb
    >>> print(nb.testing.numerical_jvp(lambda x: x * x * x, (2.0,), (1.0,)).round(6))
    12.0
    """
    inputs = _Inputs(as_arguments(args), "args")
    dxs = inputs.directions(as_arguments(tangents))
    values, structure = tree.flatten(f(*inputs.arguments()))
    outs = [output_node(x, "output", "numerical_jvp") for x in values]
    slopes = iter(differences(inputs.program(f), inputs.doubles, dxs, eps or _step(inputs.doubles, dxs)))
    return tree.unflatten(structure, [next(slopes) if _moves(out) else np.zeros(out.shape) for out in outs])


def check_grads(
    f: Callable[..., Any],
    args: Any,
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Compare the derivatives of `f` at `args` with finite differences, and with each other.

    Args:
        f: a function of arrays or pytrees of arrays; its output may be a pytree of any shapes.
        args: the tuple of its arguments; all that is floating or complex in them is differentiated.
        order: derivatives up to this order; the second in all nestings of the modes (forward over reverse and so on),
            against differences of our first.
        modes: "forward" (jvp), "reverse" (vjp), or both; with both, <vjp(g), t> = <g, jvp(t)> is checked, too.
        atol, rtol: what is forgiven, absolutely and relative to the largest element. By default 1e-6 where all is in
            double precision, 2e-3 in single precision, 0.05 in half precision (differences are in double always).
        eps: the widest step of the differences, relative to an element's size (1/64 by default). Make it smaller where
            a kink or the end of the domain is near.

    Raises AssertionError with the mode, the path of the argument, and both values.

    >>> import nabla as nb
    >>> nb.testing.check_grads(lambda x, y: x / (1.0 + y * y), (nb.array([1.0, 2.0]), 3.0))
    >>> nb.testing.check_grads(lambda x: x * nb.detach(x), (3.0,), order=1)
    Traceback (most recent call last):
        ...
    AssertionError: check_grads: the derivative in forward mode is off at args[0]: found ..., differences give ...
    """
    _want_order(order)
    modes = _wanted_modes(modes)
    inputs = _Inputs(as_arguments(args), "args")
    if not inputs.moving:
        raise ArgumentError("check_grads: there is no floating or complex number in args, nothing to differentiate")
    _Check(inputs, modes, atol, rtol, STEP if eps is None else float(eps)).run(inputs.floating(f), order, "")


def check_vmap(
    f: Callable[..., Any],
    args: Any,
    in_axes: Any = 0,
    atol: float | None = None,
    rtol: float | None = None,
) -> None:
    """Compare `nb.vmap(f, in_axes)(*args)` with a loop over the examples.

    Args:
        f: a function of one example.
        args: the tuple of its arguments for a batch of examples.
        in_axes: which axis of each argument is mapped: an int, None, or a tuple with an entry for each argument, each
            an int, None, or a pytree prefix of the argument.
        atol, rtol: what is forgiven, absolutely and relative to the largest element; by default 1e-9 in double, 1e-4 in
            single, 0.02 in half precision.

    Raises AssertionError with the number of the example, the path in the output, and both values.

    >>> import nabla as nb
    >>> nb.testing.check_vmap(lambda x, y: x * y.sum(), (np.ones((3, 2)), np.ones(4)), in_axes=(0, None))
    """
    arguments = as_arguments(args)
    axes = list(in_axes) if isinstance(in_axes, (tuple, list)) else [in_axes] * len(arguments)
    if len(axes) != len(arguments):
        raise ArgumentError(f"check_vmap: in_axes has {len(axes)} entries for {len(arguments)} arguments")
    together = vmap(f, tuple(axes))(*arguments)
    sizes = [size for x, axis in zip(arguments, axes) for size in _sizes(x, axis)]
    paths = tree.paths(tree.structure(together), "output")
    batched = [_array(x) for x in tree.leaves(together)]
    for lane in range(min(sizes)):
        alone = f(*[_lane(x, axis, lane) for x, axis in zip(arguments, axes)])
        if tree.structure(alone) != tree.structure(together):
            raise AssertionError(
                f"check_vmap: the structures of the outputs differ: vmap gives {tree.structure(together)}, "
                f"the loop {tree.structure(alone)}"
            )
        for path, whole, one in zip(paths, batched, map(_array, tree.leaves(alone))):
            where = f"check_vmap: example {lane} at {path}"
            if (whole.shape[1:], whole.dtype) != (one.shape, one.dtype):
                raise AssertionError(
                    f"{where}: vmap gives {whole.dtype} of shape {whole.shape[1:]}, the loop {one.dtype} of {one.shape}"
                )
            loose = _tolerance([one.dtype], (1e-9, 1e-4, 0.02))
            excess = _excess(whole[lane], one, loose if atol is None else atol, loose if rtol is None else rtol)
            if excess:
                raise AssertionError(f"{where}: vmap gives {_shown(whole[lane])}, the loop {_shown(one)} ({excess})")


# ---- finite differences ---------------------------------------------------------------------------------------


def differences(f: Callable[[Arrays], Arrays], xs: Arrays, dxs: Arrays, step: float) -> Arrays:
    """The derivative of each output of `f` at `xs` along `dxs`.

    Central differences at steps halved time and again, extrapolated in the square of the step: column i of the table is
    free of the error terms up to order 2i. Of each output that entry is taken which agrees best with its neighbours, so
    that neither the curvature at wide steps nor the rounding at narrow ones decides.
    """
    best: Arrays = []
    errors: list[float] = []
    above: list[Arrays] = []
    for level in range(LEVELS):
        h = step / 2**level
        ahead = f([x + h * dx for x, dx in zip(xs, dxs)])
        behind = f([x - h * dx for x, dx in zip(xs, dxs)])
        row = [[(a - b) / (2.0 * h) for a, b in zip(ahead, behind)]]
        for order, coarse in enumerate(above, 1):
            weight = 4.0**order
            row.append([(weight * fine - old) / (weight - 1.0) for fine, old in zip(row[-1], coarse)])
        if not best:
            best, errors = row[0], [np.inf] * len(row[0])
        for order in range(1, len(row)):
            for i, candidate in enumerate(row[order]):
                error = max(_gap(candidate, row[order - 1][i]), _gap(candidate, above[order - 1][i]))
                if error < errors[i]:
                    best[i], errors[i] = candidate, error
        above = row
    return best


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        gap = float(np.max(np.abs(a - b), initial=0.0))
    return gap if gap == gap else np.inf


def _sizes_of(x: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), SMALL)


def _step(xs: Arrays, dxs: Arrays) -> float:
    """The step along `dxs` that moves no element by more than a small part of its size."""
    parts = [np.max(np.abs(dx) / _sizes_of(x), initial=0.0) for x, dx in zip(xs, dxs)]
    fastest = max(parts, default=0.0)
    return STEP / fastest if fastest else STEP


# ---- the arguments --------------------------------------------------------------------------------------------


def _moves(x: Any) -> bool:
    return np.dtype(x.dtype).kind in "fc"


def _array(x: Any) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _double(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


class _Inputs:
    """The arguments of a function: the leaves that move, and how to call the function with others in their places."""

    def __init__(self, args: Sequence[Any], root: str) -> None:
        self.leaves, self.structure = tree.flatten(tuple(args))
        paths = tree.paths(self.structure, root)
        self.moving = [i for i, x in enumerate(self.leaves) if _is_floating(x)]
        self.paths = [paths[i] for i in self.moving]
        self.values = [self.leaves[i] for i in self.moving]
        self.doubles = [_double(_array(x)) for x in self.values]

    def arguments(self, moved: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """The arguments with `moved` in the places of what moves."""
        leaves = list(self.leaves)
        for i, x in zip(self.moving, self.tensors(self.doubles) if moved is None else moved):
            leaves[i] = x
        return tree.unflatten(self.structure, leaves)

    @staticmethod
    def tensors(arrays: Arrays) -> list[Tensor]:
        return [Tensor(constant(np.array(x))) for x in arrays]

    def directions(self, tangents: Sequence[Any]) -> Arrays:
        """The tangents of what moves."""
        try:
            given = tree.flatten_up_to(self.structure, tuple(tangents))
        except ValueError as error:
            raise TreeError(f"the tangents do not have the structure of the arguments, {self.structure}") from error
        dxs = []
        for i, x, path in zip(self.moving, self.doubles, self.paths):
            dx = _array(given[i])
            if dx.dtype.kind not in "biufc" or dx.shape != x.shape:
                raise TreeError(f"the tangent of {path} must have shape {x.shape}; got {given[i]!r}")
            dxs.append(dx)
        return dxs

    def floating(self, f: Callable[..., Any]) -> Callable[..., list[Tensor]]:
        """`f` as a function of what moves, giving the floating leaves of its output."""

        def program(*moved: Any) -> list[Tensor]:
            outs = [output_node(x, "output", "check_grads") for x in tree.leaves(f(*self.arguments(moved)))]
            found = [Tensor(out) for out in outs if _moves(out)]
            if not found:
                raise ArgumentTypeError("the function returned nothing that is floating or complex, so it has no derivative")
            return found

        return program

    def program(self, f: Callable[..., Any]) -> Callable[[Arrays], Arrays]:
        return _on_arrays(self.floating(f))


def _is_floating(x: Any) -> bool:
    if is_scalar(x):
        return isinstance(x, (float, complex))
    return hasattr(x, "dtype") and _moves(x)


def _on_arrays(program: Callable[..., list[Tensor]]) -> Callable[[Arrays], Arrays]:
    return lambda xs: [x.numpy() for x in program(*_Inputs.tensors(xs))]


def _like(value: np.ndarray, x: Any) -> Any:
    """A direction in the dtype of `x`; a number where `x` is one."""
    return value.item() if is_scalar(x) else value.astype(x.dtype)


# ---- check_grads ----------------------------------------------------------------------------------------------


class _Check:
    """One run of check_grads: its directions, and what it forgives."""

    def __init__(self, inputs: _Inputs, modes: Sequence[str], atol: float | None, rtol: float | None, step: float) -> None:
        self.inputs = inputs
        self.modes = modes
        self.step = step
        self.rng = np.random.default_rng(0)
        self.atol, self.rtol = atol, rtol
        # Each element moves in proportion to its size, so that small positive ones stay positive.
        self.dxs = [self.random(x) * _sizes_of(x) for x in inputs.doubles]

    def random(self, like: Any) -> np.ndarray:
        x = self.rng.uniform(-1.0, 1.0, like.shape)
        if np.dtype(like.dtype).kind == "c":
            x = x + 1j * self.rng.uniform(-1.0, 1.0, like.shape)
        return np.asarray(x)

    def run(self, program: Callable[..., list[Tensor]], order: int, over: str) -> None:
        """Check the derivatives of `program`; `over` names the modes of the derivatives that it is made of already."""
        xs, dxs, paths = self.inputs.values, self.dxs, self.inputs.paths
        outs = program(*[Tensor(as_node(x)) for x in xs])
        gs = [self.random(out) for out in outs]
        forgiven = self.forgiven([*outs, *[x for x in xs if not is_scalar(x)]])

        def forward(*at: Any, along: Arrays = dxs) -> list[Tensor]:
            return jvp(program, at, tuple(_like(dx, x) for dx, x in zip(along, at)))[1]

        def reverse(*at: Any) -> list[Tensor]:
            values, pullback = vjp(program, *at)
            return [Tensor(as_node(g)) for g in pullback([_like(g, value) for g, value in zip(gs, values)])]

        gradients = reverse(*xs) if "reverse" in self.modes else []
        for i, path in enumerate(paths):
            one = [dx if i == j else np.zeros_like(dx) for j, dx in enumerate(dxs)]
            slopes = differences(_on_arrays(program), self.inputs.doubles, one, self.step)
            if "forward" in self.modes:
                for found, slope in zip(forward(*xs, along=one), slopes):
                    excess = _excess(found.numpy(), slope, *forgiven)
                    if excess:
                        raise _off(f"forward{over}", path, _shown(found.numpy()), _shown(slope), excess)
            if "reverse" in self.modes:
                mine, theirs = _paired([gradients[i]], [dxs[i]]), _paired(gs, slopes)
                excess = _pairing_excess(mine, theirs, *forgiven)
                if excess:
                    where = f"{path} (paired with a direction)"
                    raise _off(f"reverse{over}", where, f"{mine.sum():.12g}", f"{theirs.sum():.12g}", excess)
        if len(self.modes) == 2:
            mine, theirs = _paired(gradients, dxs), _paired(gs, forward(*xs))
            excess = _pairing_excess(mine, theirs, *forgiven)
            if excess:
                raise AssertionError(
                    f"check_grads: reverse{over} and forward{over} mode do not agree: <vjp(g), t> is "
                    f"{mine.sum():.12g}, <g, jvp(t)> is {theirs.sum():.12g} ({excess})"
                )
        if order > 1:
            for mode in self.modes:
                self.run(forward if mode == "forward" else reverse, order - 1, f" over {mode}{over}")

    def forgiven(self, arrays: Sequence[Any]) -> tuple[float, float]:
        usual = _tolerance([x.dtype for x in arrays], (1e-6, 2e-3, 0.05))
        return usual if self.atol is None else self.atol, usual if self.rtol is None else self.rtol


def _off(mode: str, path: str, found: str, expected: str, excess: str) -> AssertionError:
    return AssertionError(
        f"check_grads: the derivative in {mode} mode is off at {path}: found {found}, differences give {expected} ({excess})"
    )


def _paired(a: Sequence[Any], b: Sequence[Any]) -> np.ndarray:
    """The terms of the pairing Re sum(a * b)."""
    return np.concatenate([np.real(_array(x) * _array(y)).ravel() for x, y in zip(a, b)])


def _want_order(order: Any) -> None:
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise ArgumentError(f"check_grads: order is 1, 2 or more; got {order!r}")


def _wanted_modes(modes: Any) -> list[str]:
    wanted = [modes] if isinstance(modes, str) else list(modes)
    if not wanted or any(mode not in ("forward", "reverse") for mode in wanted):
        raise ArgumentError(f"check_grads: modes are 'forward' and 'reverse'; got {modes!r}")
    return wanted


# ---- comparing ------------------------------------------------------------------------------------------------


def _tolerance(dtypes: Sequence[Any], by_precision: tuple[float, float, float]) -> float:
    """That of the coarsest dtype: (double, single, half precision)."""
    coarsest = max((np.finfo(dtype).eps for dtype in dtypes if np.dtype(dtype).kind in "fc"), default=0.0)
    return by_precision[0 if coarsest < 1e-10 else 1 if coarsest < 1e-5 else 2]


def _excess(found: np.ndarray, expected: np.ndarray, atol: float, rtol: float) -> str:
    """How far off, where it is more than is forgiven; else nothing. Equal infinities are equal, NaNs are not."""
    if found.dtype.kind not in "fc":
        return "" if np.array_equal(found, expected) else "they must be equal"
    with np.errstate(invalid="ignore"):
        gap = np.where(found == expected, 0.0, np.abs(found - expected))
    finite = np.abs(expected[np.isfinite(expected)])
    allowed = atol + rtol * float(np.max(finite, initial=0.0))
    largest = float(np.max(gap, initial=0.0))
    return "" if largest <= allowed else f"off by {largest:.2g}, where {allowed:.2g} is forgiven"


def _pairing_excess(found: np.ndarray, expected: np.ndarray, atol: float, rtol: float) -> str:
    """The same for the sums of the terms of two pairings; relative to the size of the terms, which may cancel."""
    size = max(float(np.abs(found).sum()), float(np.abs(expected).sum()))
    return _excess(np.asarray(found.sum()), np.asarray(expected.sum()), atol + rtol * size, 0.0)


def _shown(x: np.ndarray) -> str:
    return np.array2string(x, threshold=8, separator=", ", precision=8).replace("\n", "")


# ---- check_vmap -----------------------------------------------------------------------------------------------


def _entries(x: Any, axes: Any) -> list[tuple[Any, Any]]:
    """The children of `x`, each with its part of a pytree prefix of axes."""
    level = tree.children(x)
    if level is None:
        raise TreeError(f"check_vmap: in_axes has {axes!r} for {type(x).__name__}, which has no parts")
    parts, _, names = level
    if isinstance(axes, dict) and isinstance(x, dict):
        return [(part, axes[name]) for part, name in zip(parts, names)]
    return list(zip(parts, tree.children(axes)[0]))  # type: ignore[index]


def _sizes(x: Any, axes: Any) -> list[int]:
    """The sizes of the mapped axes of an argument."""
    if axes is None:
        return []
    if isinstance(axes, (int, np.integer)):
        return [_array(leaf).shape[axes] for leaf in tree.leaves(x)]
    return [size for part, own in _entries(x, axes) for size in _sizes(part, own)]


def _lane(x: Any, axes: Any, lane: int) -> Any:
    """One example's part of an argument."""
    if axes is None:
        return x
    if isinstance(axes, (int, np.integer)):
        return tree.map(lambda leaf: Tensor(constant(np.take(_array(leaf), lane, axis=axes).copy())), x)
    return tree.rebuild(x, [_lane(part, own, lane) for part, own in _entries(x, axes)])
