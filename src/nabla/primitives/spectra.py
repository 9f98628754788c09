"""Eigenvalues and singular values with their vectors, of stacks of matrices (..., n, n) and (..., m, n).

The derivative of an eigenvector has 1 / (w_j - w_i) in it, and eigenvectors are determined only up to a gauge: a phase
each, and where eigenvalues are equal, a rotation among them. What follows is arranged so that a function that does not
see the gauge has its derivative at equal eigenvalues too, and so that the others are NaN there, not a number that
depends on the gauge. Two eigenvalues count as equal within a few units of rounding of the largest.

- Vectors, forwards: vectors of equal eigenvalues do not turn into each other (the gauge is free, so this is a choice).
- Vectors, backwards: a cotangent that would see them turn is NaN. With omega = v^H dv, which is antihermitian, the
  cotangent of omega is the antihermitian part of g^T v: a function that does not see the gauge has zeros there.
- Values: that they are sorted makes a kink at equal ones; like the ties of a maximum they share the derivative evenly.
- Values beside their vectors: where the tangent parts equal values, and backwards where there are equal values and both
  they and the vectors are used, it is NaN. In v diag(f(w)) v^H the derivative needs f' off the diagonal, and neither
  tangents nor cotangents tell whether that is so.
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
from nabla.graph.node import Node
from nabla.primitives.base import Shape, constant, scalar, zeros
from nabla.primitives.formulas import abs_, greater, less_equal, logical_and, logical_or, select
from nabla.primitives.kinds import General
from nabla.primitives.linalg import _stacked, adjoint, identity, inverse, product
from nabla.primitives.reductions import reduce_any, reduce_max
from nabla.primitives.shape import cast, conjugate, real, reduce_sum, reshape, spread, swap_last
from nabla.primitives.structure import outputs

_ULPS = 16.0


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
    return less_equal(gap, column(most) * (_ULPS * max(w.shape[-1], 4) * _eps(w)))


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


def _antihermitian(x: Node) -> Node:
    return 0.5 * (x - adjoint(x))


def _crowded(w: Node) -> Node:
    """Which values are equal to another."""
    others = constant(np.logical_not(np.eye(w.shape[-1], dtype=np.bool_)))
    return reduce_any(logical_and(_equal(w), others), axes=(w.ndim,))


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


def _shared_shape(x: Node, w: Node) -> tuple[Shape, np.dtype]:
    return x.shape, x.dtype


def _shared_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    w = node.inputs[1]
    dx, dw = tangents
    if dx is None:
        return None
    out = shared(dx, w)
    return out if dw is None else out + cast(0.0 * dw, out.dtype)


def _shared_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    w = node.inputs[1]
    if not wants[0]:
        return None, None
    gx = shared(g, w)
    return _nan_where(_crowded(w), gx) if wants[1] and g.size else gx, None


def _shared_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, w = (spread(x, there, size) for x, there in zip(inputs, mapped))
    return shared(x, w), True


shared = General("shared", _shared_shape, jvp=_shared_jvp, vjp=_shared_vjp, batch=_shared_batch)
"""The mean of x over equal w, from x and w of shape (..., n)."""


def equal_values(w: Any) -> Any:
    """For engines: what `_equal` says, of their arrays."""
    most = abs(w).max(axis=-1, initial=0.0)[..., None, None]
    return abs(w[..., None, :] - w[..., :, None]) <= most * (_ULPS * max(w.shape[-1], 4) * float(np.finfo(w.dtype).eps))


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


def _eigh_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    gw, gv = g.get(0), g.get(1)
    if not node.inputs[0].size:
        return (None,)
    w, v = outputs(node)
    inner = None
    if gv is not None:
        seen = product(gv, v, flip_x=True)
        part = _antihermitian(seen)
        equal, over = _reciprocal_gaps(w)
        inner = _guarded(part * cast(-over, part.dtype), equal, part, seen)
    if gw is not None:
        weight = shared(gw, w)
        if gv is not None:
            weight = _nan_where(_crowded(w), weight)
        diagonal = _on_diagonal(weight, v.dtype)
        inner = diagonal if inner is None else inner + diagonal
    if inner is None:
        return (None,)
    v_conj = conjugate(v)
    return (product(product(v_conj, inner, flip_y=True), v, flip_y=True),)


eigh = General("eigh", _eigh_shape, jvp=_eigh_jvp, vjp=_eigh_vjp, batch=_stacked)
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


eigvalsh = General("eigvalsh", _eigvalsh_shape, jvp=_eigvalsh_jvp, vjp=_eigvalsh_vjp, batch=_stacked)
"""w of `eigh` alone."""


# Square matrices: a v = v diag(w), columns of v of length 1. With dt = v^-1 da v and omega = dt_ij / (w_j - w_i):
# dw = diag(dt), dv = v (omega - diag(m omega)), m = v^H v, which keeps the length and does not turn the phase.


def _eig_shape(a: Node) -> tuple[Any, Any]:
    dtype = dtypes.promote(a.dtype, dtypes.complex64)
    return (a.shape[:-1], a.shape), (dtype, dtype)


_NO_VECTORS = "the derivative of eig (the eigenvectors)"


def _eig_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None, None
    w, v = outputs(node)
    dt = product(inverse(v, _NO_VECTORS), product(cast(da, v.dtype), v))
    equal, over = _reciprocal_gaps(w)
    omega = dt * over
    stretch = reduce_sum(swap_last(product(adjoint(v), v)) * omega, axes=(v.ndim - 2,))
    return _nan_where(_split(dt, equal), _diagonal(dt)), product(v, omega) - v * row(stretch)


def _eig_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    a = node.inputs[0]
    gw, gv = g.get(0), g.get(1)
    if not a.size or (gw is None and gv is None):
        return (None,)
    w, v = outputs(node)
    inner = None
    if gv is not None:
        seen = product(gv, v, flip_x=True)
        here = seen - column(_diagonal(seen)) * product(adjoint(v), v)
        phase = cast(_diagonal(_antihermitian(seen)), seen.dtype)
        equal, over = _reciprocal_gaps(w)
        part = here + column(phase) * identity(here)
        inner = _guarded(here * -over, equal, part, seen)
    if gw is not None:
        weight = shared(gw, w)
        if gv is not None:
            weight = _nan_where(_crowded(w), weight)
        diagonal = _on_diagonal(weight, v.dtype)
        inner = diagonal if inner is None else inner + diagonal
    assert inner is not None
    back = product(inverse(v, _NO_VECTORS), product(inner, v, flip_x=True, flip_y=True), flip_x=True)
    return (back if a.dtype.kind == "c" else real(back),)


eig = General("eig", _eig_shape, jvp=_eig_jvp, vjp=_eig_vjp, batch=_stacked)
"""w and v of square matrices, both complex."""


def _eigvals_shape(a: Node) -> tuple[Shape, np.dtype]:
    return a.shape[:-1], dtypes.promote(a.dtype, dtypes.complex64)


def _eigvals_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None
    w, v = outputs(eig(node.inputs[0]))
    left = swap_last(inverse(v, _NO_VECTORS))
    return shared(reduce_sum(left * product(cast(da, v.dtype), v), axes=(v.ndim - 2,)), w)


def _eigvals_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    a = node.inputs[0]
    if not g.size:
        return (None,)
    w, v = outputs(eig(a))
    back = product(swap_last(inverse(v, _NO_VECTORS)) * row(shared(g, w)), v, flip_y=True)
    return (back if a.dtype.kind == "c" else real(back),)


eigvals = General("eigvals", _eigvals_shape, jvp=_eigvals_jvp, vjp=_eigvals_vjp, batch=_stacked)
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
    return less_equal(s, _largest(s, 1) * (_ULPS * max(s.shape[-1], 4) * _eps(s)))


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


def _svd_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    gu, gs, gv = g.get(0), g.get(1), g.get(2)
    if not node.inputs[0].size or (gu is None and gs is None and gv is None):
        return (None,)
    u, s, v = outputs(node)
    m, n = u.shape[-2], v.shape[-2]
    u_conj = conjugate(u)
    inner = None
    outside = None
    if gu is not None or gv is not None:
        of_u = zeros((*s.shape, s.shape[-1]), u.dtype) if gu is None else product(gu, u, flip_x=True)
        of_v = zeros((*s.shape, s.shape[-1]), u.dtype) if gv is None else product(gv, v, flip_x=True)
        scale = abs_(of_u) + abs_(of_v)
        equal, by_gap, both_gone, by_sum = _singular_parts(s)
        even, odd = _antihermitian(of_u + of_v), _antihermitian(of_u - of_v)
        inner = _guarded(even * cast(-by_gap, even.dtype), equal, even, scale)
        inner = inner + _guarded(odd * cast(by_sum, odd.dtype), both_gone, odd, scale)
        gone = row(_vanishing(s))
        over = row(_over(s, _vanishing(s)))
        if m > n and gu is not None:
            beyond = gu - product(u_conj, product(u, gu, flip_x=True))
            bad = logical_and(gone, greater(abs_(beyond), _small(gu, 2)))
            outside = product(_nan_where(bad, beyond * cast(over, u.dtype)), v, flip_y=True)
        if n > m and gv is not None:
            beyond = gv - product(conjugate(v), product(v, gv, flip_x=True))
            bad = logical_and(gone, greater(abs_(beyond), _small(gv, 2)))
            outside = product(u_conj, _nan_where(bad, conjugate(beyond) * cast(over, u.dtype)), flip_y=True)
    if gs is not None:
        weight = shared(gs, s)
        if gu is not None or gv is not None:
            weight = _nan_where(_crowded(s), weight)
        diagonal = _on_diagonal(_moving(s, weight), u.dtype)
        inner = diagonal if inner is None else inner + diagonal
    assert inner is not None
    ga = product(product(u_conj, inner, flip_y=True), v, flip_y=True)
    return (ga if outside is None else ga + outside,)


svd = General("svd", _svd_shape, jvp=_svd_jvp, vjp=_svd_vjp, batch=_stacked)
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


svdvals = General("svdvals", _svdvals_shape, jvp=_svdvals_jvp, vjp=_svdvals_vjp, batch=_stacked)
"""s of `svd` alone."""
