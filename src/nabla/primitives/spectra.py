"""Eigenvalues and singular values with their vectors, of stacks of matrices (..., n, n) and (..., m, n).

The derivative of an eigenvector has 1 / (w_j - w_i) in it, and eigenvectors are determined only up to a gauge: a phase
each, and where eigenvalues are equal, a rotation among them. What follows is arranged so that a function that does not
see the gauge has its derivative at equal eigenvalues too, and so that the others are NaN there, not a number that
depends on the gauge. Two eigenvalues count as equal within a few units of rounding of the largest.

- Vectors, forwards: vectors of equal eigenvalues do not turn into each other (the gauge is free, so this is a choice); a
  function that would see them turn is NaN.
- Vectors, backwards: a cotangent that would see them turn is NaN. With omega = v^H dv, which is antihermitian, the
  cotangent of omega is the antihermitian part of g^T v: a function that does not see the gauge has zeros there.
- Values: that they are sorted makes a kink at equal ones; like the ties of a maximum they share the derivative evenly.
- Values beside their vectors, backwards: in v diag(f(w)) v^H the derivative needs f' off the diagonal. The cotangents are
  nodes made from w, and tell it: it is the limit of 0 / 0 as the values part (see `_resolved`).
- Values beside their vectors, forwards: a second derivative tells it, in further sweeps (see `_finish`). Where the values
  are not known, as under vmap, and the tangent parts equal ones, it is NaN.
- `shared` carries the same guard to the next order.

Sources: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation"
(2008), sections 3.1 and 3.2; M. Seeger et al., "Auto-differentiating linear algebra" (2017); Z.-Q. Wan and S.-X. Zhang,
"Automatic differentiation for complex valued SVD" (2019), for the phases.

Notation: w eigenvalues, s singular values, u, v vectors as columns, dt the tangent of the matrix in their basis.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node, in_memory, runtime
from nabla.primitives.base import Shape, constant, same, scalar, zeros
from nabla.primitives.formulas import abs_, greater, less_equal, logical_and, logical_not, logical_or, select
from nabla.primitives.kinds import General, derived
from nabla.primitives.linalg import adjoint, identity, inverse, product
from nabla.primitives.reductions import reduce_any, reduce_max
from nabla.primitives.shape import batch_leading, cast, conjugate, real, reduce_sum, reshape, swap_last
from nabla.primitives.structure import output, outputs

_ULPS = 16.0
"""Roundings by which equal values may differ."""


def tolerance(w: Any) -> float:
    """Up to which part of the largest two values are equal. Those of matrices that are not Hermitian are less exact."""
    return _ULPS * max(w.shape[-1], 4) * float(np.finfo(w.dtype).eps) * (64.0 if w.dtype.kind == "c" else 1.0)


def row(x: Node) -> Node:
    """Vectors as one row each."""
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def column(x: Node) -> Node:
    """Vectors as one column each."""
    return reshape(x, shape=(*x.shape, 1))


def _real(x: Node) -> Node:
    return real(x) if x.dtype.kind == "c" else x


def _diagonal(x: Node) -> Node:
    return reduce_sum(x * identity(x), axes=(x.ndim - 1,))


def _on_diagonal(x: Node, dtype: np.dtype) -> Node:
    """Vectors as diagonal matrices."""
    wide = cast(x, dtype)
    return column(wide) * constant(np.eye(x.shape[-1], dtype=dtype), dtype)


def _largest(x: Node, axes: int) -> Node:
    """The largest absolute value over the last axes, which are kept."""
    n = x.ndim
    most = reduce_max(abs_(x), axes=tuple(range(n - axes, n)))
    return reshape(most, shape=(*most.shape, *(1,) * axes))


def _eps(x: Node) -> float:
    return float(np.finfo(x.dtype).eps)


def _small(x: Node, axes: int) -> Node:
    """What counts as rounding beside x. The last term is for cotangents that are nothing but rounding."""
    return _largest(x, axes) * _eps(x) ** 0.5 + 64.0 * _eps(x)


def _equal(w: Node, size: Node | None = None) -> Node:
    """Which pairs of values are equal within rounding; each is equal to itself."""
    gap = abs_(row(w) - column(w))
    most = _largest(w, 1)
    return less_equal(gap, column(most) * tolerance(w))


def _over(x: Node, excluded: Node) -> Node:
    """1 / x, and 0 where excluded, with all derivatives."""
    one, zero = scalar(1, x.dtype), zeros((), x.dtype)
    return select(excluded, zero, one / select(excluded, one, x))


def _nan_where(bad: Node, x: Node) -> Node:
    return select(bad, scalar(float("nan"), x.dtype), x)


def _guarded(seen: Node, equal: Node, part: Node, scale: Node) -> Node:
    """`seen`, and where values are equal zero, or NaN if the `part` that has to vanish does not."""
    bad = logical_and(equal, greater(abs_(part), _small(scale, 2)))
    return select(equal, _nan_where(bad, zeros((), seen.dtype)), seen)


# Limits, backwards. Let n(w) be the cotangent of the turn between two vectors. A function of the matrix that is written with
# w and v has n = g (w_j - w_i), with g what is looked for; so along r its derivative by the values, the vectors fixed, is
# g (r_j - r_i) where the values are equal. One direction r with distinct elements serves all pairs. The cotangents are nodes
# made from the values, so that a forward sweep from these to the cotangents gives the derivative.


def _steps(w: Node) -> Node:
    """The direction r: positive and distinct."""
    return constant(np.broadcast_to(np.arange(1.0, w.shape[-1] + 1.0), w.shape).astype(w.dtype), w.dtype)


def _may_be_close(w: Node, zero: bool = False) -> bool:
    """Whether values may be close to each other (or to zero). Where they are known to lie apart, limits need not be written down;
    this saves time and changes no result."""
    if w.tokens.placeholder:
        return True
    if w.value is None:
        runtime.realize((w,))
    x = np.asarray(in_memory(w))
    limit = np.abs(x).max(axis=-1, initial=0.0)[..., None] * _eps(w) ** 0.5
    y = np.sort(x, axis=-1)
    return bool((np.abs(y[..., 1:] - y[..., :-1]) <= limit).any() or (zero and (np.abs(x) <= limit).any()))


def _are_equal(w: Node, zero: bool = False) -> bool:
    """Whether values are equal (or zero), of those that are known."""
    if w.value is None:
        runtime.realize((w,))
    x = np.asarray(in_memory(w))
    many = np.count_nonzero(equal_values(x)) > x.size
    return bool(many or (zero and (x <= x.max(axis=-1, keepdims=True) * tolerance(w)).any()))


def _slope(x: Node, node: Node, index: int) -> Node | None:
    """The derivative of x along r by the values, which are output `index` of node; None for zero."""
    w = output(node, index=index)
    seed = [_steps(w) if i == index else None for i in range(len(node.shape))]
    found: Node | None = derived.along(x, {node: seed}, _STOPS)
    return found


def _resolved(part: Node, slope: Node, gap: Node, steps: Node, equal: Node, scale: Node) -> tuple[Node, Node]:
    """part / gap, and where the gap closes its limit slope / steps: where the values are equal, and where it lies within the
    rounding of the quotient. NaN where they are equal and the part does not vanish. Also, where the limit was taken."""
    own = less_equal(abs_(steps), zeros((), dtypes.to_real(steps.dtype)))
    limit = select(own, zeros((), part.dtype), slope * cast(_over(steps, own), part.dtype))
    quotient = part * cast(_over(gap, equal), part.dtype)
    rounding = _largest(scale, 2) * (_ULPS * _eps(scale))
    taken = logical_or(equal, less_equal(abs_(quotient - limit) * abs_(gap), rounding))
    bad = logical_and(equal, greater(abs_(part), _small(scale, 2)))
    return _nan_where(bad, select(taken, limit, quotient)), taken


# first_only: a derivative that has none of its own where `mask` says so. A limit would need one more for that.


def _first_only_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    dx, dw, _ = tangents
    if dw is None:
        return dx
    return _nan_where(node.inputs[2], zeros(node.shape, node.dtype) if dx is None else dx)


def _first_only_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    return _nan_where(node.inputs[2], g) if wants[1] else g, None, None


first_only = General("first_only", same, jvp=_first_only_jvp, vjp=_first_only_vjp, batch=batch_leading)
"""x, from x, the values w it was made with, and `mask` of the shape of x."""


def _antihermitian(x: Node) -> Node:
    return 0.5 * (x - adjoint(x))


def _crowded(w: Node) -> Node:
    """Which values are equal to another."""
    others = constant(np.logical_not(np.eye(w.shape[-1], dtype=np.bool_)))
    return reduce_any(logical_and(_equal(w), others), axes=(w.ndim,))


def _touched(taken: Node) -> Node:
    """The pairs for which a limit was taken, and a value with itself where it is in one of them."""
    own = constant(np.eye(taken.shape[-1], dtype=np.bool_))
    pairs = logical_and(taken, constant(np.logical_not(np.eye(taken.shape[-1], dtype=np.bool_))))
    return logical_or(pairs, logical_and(own, column(reduce_any(pairs, axes=(taken.ndim - 1,)))))


def _split(dt: Node, equal: Node) -> Node:
    """Which eigenvalues part from an equal one along a tangent: its block is not a multiple of the unit matrix."""
    beside = greater(abs_(dt * (1.0 - identity(dt))), _small(dt, 2))
    off_diagonal = reduce_any(logical_and(equal, beside), axes=(dt.ndim - 1,))
    diagonal = _diagonal(dt)
    apart = logical_and(equal, greater(abs_(row(diagonal) - column(diagonal)), _small(dt, 2)))
    return logical_or(off_diagonal, reduce_any(apart, axes=(dt.ndim - 1,)))


# shared: each element becomes the mean over those whose values w are equal to its own. The x that it is given is a
# function of w in most cases, and at equal values its derivative then needs what no rule can know (the divided
# difference of x by w); so it has one where x or w is constant or the equal values stay together, and NaN elsewhere.


def _shared_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    w = node.inputs[1]
    dx, dw = tangents
    if dx is None:
        return None
    out = shared(dx, w)
    return out if dw is None else _nan_where(_crowded(w), out + cast(0.0 * dw, out.dtype))


def _shared_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    w = node.inputs[1]
    if not wants[0]:
        return None, None
    gx = shared(g, w)
    return _nan_where(_crowded(w), gx) if wants[1] and g.size else gx, None


shared = General("shared", same, jvp=_shared_jvp, vjp=_shared_vjp, batch=batch_leading)
"""The mean of x over equal w, from x and w of shape (..., n)."""


def equal_values(w: Any) -> Any:
    """For engines: what `_equal` says, of their arrays."""
    most = abs(w).max(axis=-1, initial=0.0)[..., None, None]
    return abs(w[..., None, :] - w[..., :, None]) <= most * tolerance(w)


# Limits, forwards. Where values are equal, the turn of the vectors into each other is dt_ij / (w_j - w_i) with a gap of zero,
# and a function of the matrix does not change with it, f_v[v turn] = 0. With the values moved by e r the turn is dt_ij /
# (e (r_j - r_i)), so that what it adds is the derivative of f_v[v dt_ij / (r_j - r_i)] along r. A function that changes with a
# turn of any other kind depends on the choice of the vectors, and is NaN. This takes further sweeps, and is done only where
# values are known and equal.


def _known(w: Node) -> bool:
    return not w.tokens.placeholder


def _generic(n: int, dtype: np.dtype) -> Any:
    """A matrix without any regularity, the same each time."""
    x = np.cos(1.0 + np.arange(n)[:, None] * 2.3 + np.arange(n) ** 2 * 1.7)
    return x + 1j * np.sin(x * 5.0) if dtype.kind == "c" else x


def _turns(mask: Node, dtype: np.dtype) -> tuple[Node, Node]:
    """A turn among the pairs of a mask, and, for its size, a change of another kind."""
    x = _generic(mask.shape[-1], dtype)
    turn, stretch = x - np.conj(x.T), x + np.conj(x.T) + 3.0 * np.eye(len(x))
    kept = cast(mask, dtype)
    return kept * constant(turn.astype(dtype)), kept * constant(stretch.astype(dtype))


def _finish(node: Node, w: Node, values: int, turn: Any, parted: Any, choice: Any, size: Any) -> Any:
    """What completes the tangents of the outputs, given the tangents of `node` for the further sweeps."""
    steps = [_steps(w) if i == values else None for i in range(len(node.shape))]

    def finish(outs: Sequence[Node], tangents: Sequence[Node | None], sweep: Any) -> list[Node | None]:
        result = []
        for dx, t, p, c, most in zip(tangents, sweep(turn), sweep(parted), sweep(choice), sweep(size)):
            mixed = None if t is None else derived.along(t, {node: steps}, _STOPS)
            if mixed is not None:
                extra = mixed if p is None else mixed + p
                extra = first_only(extra, w, constant(np.ones(extra.shape, np.bool_)))
                dx = extra if dx is None else dx + extra
            if c is not None and c.size:
                dx = zeros(c.shape, c.dtype) if dx is None else dx
                beside = abs_(dx) if most is None else abs_(dx) + abs_(most)
                dx = _nan_where(greater(abs_(c), _small(beside, c.ndim)), dx)
            result.append(dx)
        return result

    return finish


def _apart(equal: Node) -> Node:
    """Pairs, less those of a value with itself."""
    return logical_and(equal, constant(np.logical_not(np.eye(equal.shape[-1], dtype=np.bool_))))


# Hermitian matrices: h v = v diag(w), v^H v = 1. With dt = v^H dh v: dw = diag(dt), v^H dv = dt_ij / (w_j - w_i).


def _eigh_shape(h: Node) -> tuple[Any, Any]:
    return (h.shape[:-1], h.shape), (dtypes.to_real(h.dtype), h.dtype)


def _reciprocal_gaps(w: Node) -> tuple[Node, Node]:
    """Which values are equal, and 1 / (w_j - w_i) where they are not."""
    equal = _equal(w)
    return equal, _over(row(w) - column(w), equal)


def _eigh_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    (dh,) = tangents
    assert dh is not None
    if not dh.size:
        return None, None
    w, v = outputs(node)
    dt = product(adjoint(v), product(dh, v))
    equal, over = _reciprocal_gaps(w)
    dw = _nan_where(_split(dt, equal), _real(_diagonal(dt)))
    return dw, product(v, dt * cast(over, dt.dtype))


def _eigh_resolve(node: Node, tangents: Sequence[Node | None]) -> Any:
    (dh,) = tangents
    w, v = outputs(node)
    if dh is None or not dh.size or not _known(w) or not _are_equal(w):
        return None
    dt = product(adjoint(v), product(dh, v))
    equal, over = _reciprocal_gaps(w)
    r, pairs = _steps(w), _apart(equal)
    diagonal = _real(_diagonal(dt))
    dw = shared(diagonal, w)
    limit = _over(row(r) - column(r), logical_not(pairs))
    turn, stretch = _turns(equal, v.dtype)
    finish = _finish(
        node, w, 0, [None, product(v, dt * cast(limit, dt.dtype))], [diagonal - dw, None], [None, product(v, turn)],
        [None, product(v, stretch)],
    )  # fmt: skip
    return [dw, product(v, dt * cast(over, dt.dtype))], finish


def _turned(part: Node, slope: Node | None, w: Node, scale: Node) -> tuple[Node, Node]:
    """The cotangent of v^-1 dh v off the diagonal, from that of v^-1 dv and its derivative along r; and where it is a limit."""
    equal, over = _reciprocal_gaps(w)
    if slope is None:
        return _guarded(part * cast(-over, part.dtype), equal, part, scale), equal
    r = _steps(w)
    return _resolved(part, slope, column(w) - row(w), column(r) - row(r), equal, scale)


def _eigh_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    gw, gv = g.get(0), g.get(1)
    if not node.inputs[0].size:
        return (None,)
    w, v = outputs(node)
    inner = slope = taken = None
    if gv is not None:
        seen = product(gv, v, flip_x=True)
        slope = _slope(seen, node, 0) if _may_be_close(w) else None
        inner, taken = _turned(_antihermitian(seen), None if slope is None else _antihermitian(slope), w, seen)
    if gw is not None:
        diagonal = _on_diagonal(gw if slope is not None else shared(gw, w), v.dtype)
        inner = diagonal if inner is None else inner + diagonal
    if inner is None:
        return (None,)
    if slope is not None and taken is not None:
        inner = first_only(inner, w, _touched(taken))
    v_conj = conjugate(v)
    return (product(product(v_conj, inner, flip_y=True), v, flip_y=True),)


eigh = General("eigh", _eigh_shape, resolve=_eigh_resolve, jvp=_eigh_jvp, vjp=_eigh_vjp, batch=batch_leading)
"""w, ascending, and v of Hermitian matrices. Only the lower triangle is read; the rules take it that both are given."""


def _eigvalsh_shape(h: Node) -> tuple[Shape, np.dtype]:
    return h.shape[:-1], dtypes.to_real(h.dtype)


def _eigvalsh_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (dh,) = tangents
    assert dh is not None
    if not dh.size:
        return None
    w, v = outputs(eigh(node.inputs[0]))
    along = reduce_sum(conjugate(v) * product(dh, v), axes=(v.ndim - 2,))
    return shared(_real(along), w)


def _eigvalsh_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    if not g.size:
        return (None,)
    w, v = outputs(eigh(node.inputs[0]))
    return (product(conjugate(v) * cast(row(shared(g, w)), v.dtype), v, flip_y=True),)


eigvalsh = General("eigvalsh", _eigvalsh_shape, jvp=_eigvalsh_jvp, vjp=_eigvalsh_vjp, batch=batch_leading)
"""w of `eigh` alone."""


# Square matrices: a v = v diag(w), columns of v of length 1. With dt = v^-1 da v and omega = dt_ij / (w_j - w_i):
# dw = diag(dt), dv = v (omega - diag(m omega)), m = v^H v, which keeps the length and does not turn the phase.


def _eig_shape(a: Node) -> tuple[Any, Any]:
    dtype = dtypes.promote(a.dtype, dtypes.complex64)
    return (a.shape[:-1], a.shape), (dtype, dtype)


_NO_VECTORS = "the derivative of eig (the eigenvectors)"


def _inverse_basis(v: Node) -> Node:
    """v^-1, and NaN where the eigenvectors span too little: the matrix is defective, or cannot be told from one that is."""
    left = inverse(v, _NO_VECTORS)
    bound = scalar(_eps(v) ** -0.75, dtypes.to_real(v.dtype))
    return _nan_where(greater(_largest(left, 2), bound), left) if v.size else left


def _of_one_length(v: Node, omega: Node) -> Node:
    """v omega, less what stretches the vectors or turns their phase."""
    stretch = reduce_sum(swap_last(product(adjoint(v), v)) * omega, axes=(v.ndim - 2,))
    return product(v, omega) - v * row(stretch)


def _eig_resolve(node: Node, tangents: Sequence[Node | None]) -> Any:
    (da,) = tangents
    w, v = outputs(node)
    if da is None or not da.size or not _known(w) or not _are_equal(w):
        return None
    dt = product(_inverse_basis(v), product(cast(da, v.dtype), v))
    equal, over = _reciprocal_gaps(w)
    r, pairs = _steps(w), _apart(equal)
    limit = _over(row(r) - column(r), logical_not(pairs))
    diagonal = _diagonal(dt)
    dw = shared(diagonal, w)
    mixture = constant(_generic(w.shape[-1], v.dtype).astype(v.dtype)) * cast(pairs, v.dtype)
    phases = v * constant((1j * (1.0 + np.arange(w.shape[-1]) ** 0.5)).astype(v.dtype))
    finish = _finish(
        node, w, 0, [None, _of_one_length(v, dt * limit)], [diagonal - dw, None], [None, _of_one_length(v, mixture) + phases],
        [None, product(v, mixture + identity(mixture))],
    )  # fmt: skip
    return [dw, _of_one_length(v, dt * over)], finish


def _eig_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None, None
    w, v = outputs(node)
    dt = product(_inverse_basis(v), product(cast(da, v.dtype), v))
    equal, over = _reciprocal_gaps(w)
    return _nan_where(_split(dt, equal), _diagonal(dt)), _of_one_length(v, dt * over)


def _eig_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    a = node.inputs[0]
    gw, gv = g.get(0), g.get(1)
    if not a.size or (gw is None and gv is None):
        return (None,)
    w, v = outputs(node)
    inner = slope = taken = None
    if gv is not None:
        seen = product(gv, v, flip_x=True)
        slope = _slope(seen, node, 0) if _may_be_close(w) else None
        here = seen - column(_diagonal(seen)) * product(adjoint(v), v)
        phase = cast(_diagonal(_antihermitian(seen)), seen.dtype)
        part = here + column(phase) * identity(here)
        if slope is not None:
            slope = slope - column(_diagonal(slope)) * product(adjoint(v), v)
        inner, taken = _turned(part, slope, w, seen)
    if gw is not None:
        diagonal = _on_diagonal(gw if slope is not None else shared(gw, w), v.dtype)
        inner = diagonal if inner is None else inner + diagonal
    assert inner is not None
    if slope is not None and taken is not None:
        inner = first_only(inner, w, _touched(taken))
    back = product(_inverse_basis(v), product(inner, v, flip_x=True, flip_y=True), flip_x=True)
    return (back if a.dtype.kind == "c" else real(back),)


eig = General("eig", _eig_shape, resolve=_eig_resolve, jvp=_eig_jvp, vjp=_eig_vjp, batch=batch_leading)
"""w and v of square matrices, both complex."""


def _eigvals_shape(a: Node) -> tuple[Shape, np.dtype]:
    return a.shape[:-1], dtypes.promote(a.dtype, dtypes.complex64)


def _eigvals_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None
    w, v = outputs(eig(node.inputs[0]))
    left = swap_last(_inverse_basis(v))
    return shared(reduce_sum(left * product(cast(da, v.dtype), v), axes=(v.ndim - 2,)), w)


def _eigvals_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    a = node.inputs[0]
    if not g.size:
        return (None,)
    w, v = outputs(eig(a))
    back = product(swap_last(_inverse_basis(v)) * row(shared(g, w)), v, flip_y=True)
    return (back if a.dtype.kind == "c" else real(back),)


eigvals = General("eigvals", _eigvals_shape, jvp=_eigvals_jvp, vjp=_eigvals_vjp, batch=batch_leading)
"""w of `eig` alone."""


# Singular values: a = u diag(s) v^H with k = min(m, n) columns in u and v. With dt = u^H da v, split into its Hermitian
# part h and its antihermitian part t, the turns of both bases are
#
#     u^H du = h_ij / (s_j - s_i) + t_ij / (s_j + s_i),   v^H dv = h_ij / (s_j - s_i) - t_ij / (s_j + s_i),
#
# on the diagonal too, where t is imaginary and the phase is shared between u and v. The second term stays where
# singular values are equal, so u v^H, the polar factor, has its derivative there. What lies outside the span of u is
# du = (1 - u u^H) da v / s, and likewise for v.


def _svd_shape(a: Node) -> tuple[Any, Any]:
    m, n = a.shape[-2:]
    k, stack = min(m, n), a.shape[:-2]
    return ((*stack, m, k), (*stack, k), (*stack, n, k)), (a.dtype, dtypes.to_real(a.dtype), a.dtype)


def _without(x: Node, basis: Node) -> Node:
    """What of x lies outside the span of orthonormal columns."""
    return x - product(basis, product(adjoint(basis), x))


def _vanishing(s: Node) -> Node:
    """Which singular values are zero within rounding."""
    return less_equal(s, _largest(s, 1) * tolerance(s))


def _moving(s: Node, x: Node) -> Node:
    """x, and 0 where the singular value is zero: it has a kink there, as the absolute value has."""
    return select(_vanishing(s), zeros((), x.dtype), x)


def _singular_parts(s: Node) -> tuple[Node, Node, Node, Node]:
    equal, over = _reciprocal_gaps(s)
    gone = _vanishing(s)
    both_gone = logical_and(row(gone), column(gone))
    return equal, over, both_gone, _over(row(s) + column(s), both_gone)


def _svd_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None, None, None
    u, s, v = outputs(node)
    m, n = da.shape[-2:]
    on_v = product(da, v)
    dt = product(adjoint(u), on_v)
    h, t = 0.5 * (dt + adjoint(dt)), _antihermitian(dt)
    equal, by_gap, _, by_sum = _singular_parts(s)
    even, odd = h * cast(by_gap, h.dtype), t * cast(by_sum, t.dtype)
    ds = _moving(s, _nan_where(_split(h, equal), _real(_diagonal(dt))))
    du, dv = product(u, even + odd), product(v, even - odd)
    if m != n:
        inverse_s = cast(row(_over(s, _vanishing(s))), dt.dtype)
        if m > n:
            du = du + _without(on_v, u) * inverse_s
        else:
            dv = dv + _without(product(adjoint(da), u), v) * inverse_s
    return du, ds, dv


def _svd_resolve(node: Node, tangents: Sequence[Node | None]) -> Any:
    (da,) = tangents
    u, s, v = outputs(node)
    if da is None or not da.size or not _known(s) or not _are_equal(s, zero=True):
        return None
    m, n = da.shape[-2:]
    on_v = product(da, v)
    dt = product(adjoint(u), on_v)
    h, t = 0.5 * (dt + adjoint(dt)), _antihermitian(dt)
    equal, by_gap, both_gone, by_sum = _singular_parts(s)
    r, gone = _steps(s), _vanishing(s)
    diagonal = _real(_diagonal(dt))
    ds = _moving(s, shared(diagonal, s))
    among, stretch = _turns(equal, u.dtype)
    apart, more = _turns(both_gone, u.dtype)
    by_steps = _over(row(r) - column(r), logical_not(_apart(equal)))
    by_both = _over(row(r) + column(r), logical_not(both_gone))
    # for the sweeps: what is finite, what the limit is taken of, a turn that must not show, and a change to compare it with
    pairs = [
        (h * cast(by_gap, h.dtype), t * cast(by_sum, t.dtype)), (h * cast(by_steps, h.dtype), t * cast(by_both, t.dtype)),
        (among, 0.5 * apart), (stretch, 0.5 * more),
    ]  # fmt: skip
    du, dv = [product(u, even + odd) for even, odd in pairs], [product(v, even - odd) for even, odd in pairs]
    if m != n:
        base, seen, changed = (u, on_v, du) if m > n else (v, product(adjoint(da), u), dv)
        outside, far = _without(seen, base), cast(row(gone), u.dtype)
        anywhere = constant(np.broadcast_to(_generic(max(m, n), u.dtype)[:, : min(m, n)], base.shape).astype(u.dtype))
        changed[0] = changed[0] + outside * cast(row(_over(s, gone)), u.dtype)
        changed[1] = changed[1] + outside * far / cast(row(r), u.dtype)
        changed[2] = changed[2] + _without(anywhere, base) * far
    finish = _finish(node, s, 1, [du[1], None, dv[1]], [None, diagonal - ds, None], [du[2], None, dv[2]], [du[3], None, dv[3]])
    return [du[0], ds, dv[0]], finish


def _svd_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    gu, gs, gv = g.get(0), g.get(1), g.get(2)
    if not node.inputs[0].size or (gu is None and gs is None and gv is None):
        return (None,)
    u, s, v = outputs(node)
    m, n = u.shape[-2], v.shape[-2]
    u_conj = conjugate(u)
    inner = outside = taken = None
    limits = (gu is not None or gv is not None) and _may_be_close(s, zero=True)
    gone = _vanishing(s)
    if gu is not None or gv is not None:
        of_u = zeros((*s.shape, s.shape[-1]), u.dtype) if gu is None else product(gu, u, flip_x=True)
        of_v = zeros((*s.shape, s.shape[-1]), u.dtype) if gv is None else product(gv, v, flip_x=True)
        scale = abs_(of_u) + abs_(of_v)
        even, odd = _antihermitian(of_u + of_v), _antihermitian(of_u - of_v)
        slopes = [_slope(x, node, 1) if limits else None for x in (of_u, of_v)]
        limits = slopes != [None, None]
        equal, by_gap, both_gone, by_sum = _singular_parts(s)
        if limits:
            along_u, along_v = [zeros(even.shape, even.dtype) if x is None else x for x in slopes]
            r = _steps(s)
            turn, taken = _resolved(even, _antihermitian(along_u + along_v), column(s) - row(s), column(r) - row(r), equal, scale)
            counter, taken_too = _resolved(
                odd, _antihermitian(along_u - along_v), column(s) + row(s), column(r) + row(r), both_gone, scale
            )
            inner, taken = turn + counter, logical_or(taken, taken_too)
        else:
            inner = _guarded(even * cast(-by_gap, even.dtype), equal, even, scale)
            inner = inner + _guarded(odd * cast(by_sum, odd.dtype), both_gone, odd, scale)
        if m > n and gu is not None:
            outside = product(_outside(gu, u, node, s, gone, limits), v, flip_y=True)
        if n > m and gv is not None:
            outside = product(u_conj, conjugate(_outside(gv, v, node, s, gone, limits)), flip_y=True)
    if gs is not None:
        weight = gs if limits else _moving(s, shared(gs, s))
        diagonal = _on_diagonal(weight, u.dtype)
        inner = diagonal if inner is None else inner + diagonal
    assert inner is not None
    if limits and taken is not None:
        inner = first_only(inner, s, logical_or(_touched(taken), column(gone)))
    ga = product(product(u_conj, inner, flip_y=True), v, flip_y=True)
    return (ga if outside is None else ga + outside,)


def _outside(g: Node, basis: Node, node: Node, s: Node, gone: Node, limits: bool) -> Node:
    """The part of a cotangent that the basis does not span, over s."""
    beyond = g - product(conjugate(basis), product(basis, g, flip_x=True))
    bad = logical_and(row(gone), greater(abs_(beyond), _small(g, 2)))
    quotient = beyond * cast(row(_over(s, gone)), g.dtype)
    slope = _slope(beyond, node, 1) if limits else None
    if slope is not None:
        quotient = first_only(select(row(gone), slope / cast(row(_steps(s)), g.dtype), quotient), s, _rows(gone, g))
    return _nan_where(bad, quotient)


def _rows(mask: Node, like: Node) -> Node:
    """A mask of columns for a matrix."""
    return logical_and(row(mask), constant(np.ones(like.shape, np.bool_)))


svd = General("svd", _svd_shape, resolve=_svd_resolve, jvp=_svd_jvp, vjp=_svd_vjp, batch=batch_leading)
"""u, s and v, with as many columns as there are singular values."""


def _svdvals_shape(a: Node) -> tuple[Shape, np.dtype]:
    return (*a.shape[:-2], min(a.shape[-2:])), dtypes.to_real(a.dtype)


def _svdvals_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None
    u, s, v = outputs(svd(node.inputs[0]))
    along = reduce_sum(conjugate(u) * product(da, v), axes=(u.ndim - 2,))
    return _moving(s, shared(_real(along), s))


def _svdvals_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    if not node.inputs[0].size:
        return (None,)
    u, s, v = outputs(svd(node.inputs[0]))
    return (product(conjugate(u) * cast(row(_moving(s, shared(g, s))), u.dtype), v, flip_y=True),)


svdvals = General("svdvals", _svdvals_shape, jvp=_svdvals_jvp, vjp=_svdvals_vjp, batch=batch_leading)
"""s of `svd` alone."""

_STOPS = frozenset((eigh, eig, svd))
"""Limits are taken through none of these: each would ask for a limit of its own."""
