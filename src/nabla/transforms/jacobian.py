"""jacrev, jacfwd, jacobian, hessian, hvp: all derivatives of a function of many outputs."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from nabla import tree
from nabla.dtypes import float0
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError
from nabla.graph.node import Node
from nabla.primitives.base import constant
from nabla.tensor import Tensor
from nabla.transforms.directions import forward_jacobian, reverse_jacobian
from nabla.transforms.grad import grad
from nabla.transforms.jvp import along, as_arguments
from nabla.transforms.trace import (
    Leaf,
    Opened,
    Path,
    Selection,
    Trace,
    aux_nodes,
    decorator,
    flatten_outputs,
    give,
    numpy_kind,
    realize_free,
    split_aux,
    want_bool,
    want_callable,
    wraps,
)


def jacrev(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian by reverse sweeps: one batched sweep over the outputs. Best for few outputs and many inputs.

    Args:
        fn: returns an array or a pytree of arrays. Left out, `jacrev` is a decorator.
        argnums, argnames: which arguments, as for `grad`; where neither is given, all positional arguments that hold tensors or
            inexact arrays (where there is none, the Python floats): one gives its Jacobian, several a tuple.
        has_aux: `fn` returns (output, aux), and the result is (jacobian, aux).
        holomorphic: `fn` is complex differentiable.
        allow_int: integer inputs are allowed; their Jacobian has dtype float0.
        chunk_size: at most so many sweeps at once, which bounds the memory.

    Each leaf has shape (*out_shape, *in_shape) and the dtype of the input, complex where the output is. The tree is the structure
    of the output with that of the input at its leaves. An argument that was an ndarray has an ndarray Jacobian, unless an outer
    transform still runs.

    >>> import nabla as nb
    >>> nb.jacrev(lambda x: x**2)(nb.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    return _transform(jacrev, "jacrev", _reverse, fn, argnums, has_aux, holomorphic, allow_int, argnames, chunk_size)


def jacfwd(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian by forward sweeps: one batched sweep over the inputs. Best for few inputs and many outputs.

    Parameters and result as for `jacrev`; chunk_size bounds the number of input directions at once.

    >>> import nabla as nb
    >>> nb.jacfwd(lambda x: x**2)(nb.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    return _transform(jacfwd, "jacfwd", _forward, fn, argnums, has_aux, holomorphic, allow_int, argnames, chunk_size)


def jacobian(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian, by whichever of jacfwd and jacrev is cheaper for the shapes at hand; parameters as for `jacrev`.

    Forward where the inputs have at most as many elements as the outputs, else reverse.

    >>> import nabla as nb
    >>> nb.jacobian(lambda x: (x**2).sum())(nb.array([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """
    return _transform(jacobian, "jacobian", _cheaper, fn, argnums, has_aux, holomorphic, allow_int, argnames, chunk_size)


def hessian(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The matrix of second derivatives, forward over reverse; parameters as for `jacrev`.

    For an input of shape s the result has shape (*out_shape, *s, *s); for pytrees it is a tree of trees.

    >>> import nabla as nb
    >>> nb.hessian(lambda x: x[0] ** 2 * x[1])(nb.array([3.0, 2.0])).tolist()
    [[4.0, 6.0], [6.0, 0.0]]
    """
    if fn is None:
        return decorator(
            hessian, argnums=argnums, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int, argnames=argnames,
            chunk_size=chunk_size,
        )  # fmt: skip
    options = (argnums, has_aux, holomorphic, allow_int, argnames)
    inner = _jacobian("hessian", _reverse, fn, *options, None)
    return wraps(fn, _jacobian("hessian", _forward, inner, *options, chunk_size))


def hvp(fn: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The product of the Hessian of a scalar function with a vector, forward over reverse: about the cost of two gradients.

    primals, tangents: tuples or lists of the function's arguments and of directions of the same structure; a lone array or dict
    is the single argument. The direction of an integer is None or of dtype float0, and so is its product. Returns the product in
    the structure of the primals; NumPy's where they were.

    >>> import nabla as nb
    >>> nb.hvp(lambda x: (x**3).sum(), nb.array([1.0, 2.0]), nb.array([1.0, 0.0])).tolist()
    [6.0, 0.0]
    """
    want_callable("hvp", fn)
    alone = not isinstance(primals, (tuple, list)) or hasattr(primals, "_fields")
    args = as_arguments(primals)
    gradient = grad(fn, argnums=tuple(range(len(args))), allow_int=True)
    _, product, _ = along("hvp", gradient, args, (tangents,) if alone else tangents, False, True)
    values, structure = tree.flatten(product)
    given = [give(x._node, Leaf(x._node, None, numpy_kind(leaf), ""), True) for x, leaf in zip(values, tree.leaves(args))]
    product = tree.unflatten(structure, given)
    return product[0] if alone else product


def _reverse(trace: Trace, outputs: Sequence[Node], chunk_size: int | None, holomorphic: bool) -> list[list[Node]]:
    return reverse_jacobian(trace, outputs, chunk_size, holomorphic)


def _forward(trace: Trace, outputs: Sequence[Node], chunk_size: int | None, holomorphic: bool) -> list[list[Node]]:
    return forward_jacobian(trace, outputs, chunk_size, holomorphic)


def _cheaper(trace: Trace, outputs: Sequence[Node], chunk_size: int | None, holomorphic: bool) -> list[list[Node]]:
    inputs = sum(v.size for v in trace.variables)
    way = _forward if inputs <= sum(out.size for out in outputs) else _reverse
    return way(trace, outputs, chunk_size, holomorphic)


Way = Callable[[Trace, Sequence[Node], "int | None", bool], list[list[Node]]]


def _transform(
    transform: Callable[..., Any], what: str, way: Way, fn: Any, argnums: Any, has_aux: bool, holomorphic: bool,
    allow_int: bool, argnames: Any, chunk_size: Any,
) -> Callable[..., Any]:  # fmt: skip
    if fn is None:
        return decorator(
            transform, argnums=argnums, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int, argnames=argnames,
            chunk_size=chunk_size,
        )  # fmt: skip
    return wraps(fn, _jacobian(what, way, fn, argnums, has_aux, holomorphic, allow_int, argnames, chunk_size))


def _jacobian(
    what: str, way: Way, fn: Any, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool, argnames: Any, chunk_size: Any
) -> Callable[..., Any]:
    """The Jacobian of `fn` as a function; `what` is the transform that messages name."""
    want_callable(what, fn)
    want_bool(what, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int)
    want_chunk_size(what, chunk_size)
    selection = Selection(what, argnums, argnames, default=None)

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        chosen = selection if selection.argnums is not None or selection.argnames is not None else _all_arrays(what, args)
        with Trace(what, forward=way is _forward) as trace:
            opened = Opened(trace, chosen, args, kwargs, allow_int)
            result, aux = split_aux(fn(*opened.args, **opened.kwargs), has_aux, what)
            outputs, structure, paths = flatten_outputs(result, what)
            _check_dtypes(what, trace.leaves, outputs, paths, holomorphic)
            trace.returned()
            live = [out for out in outputs if out.dtype != float0]
            blocks = way(trace, live, chunk_size, holomorphic) if trace.variables and live else [[] for _ in live]
            trace.check_connected(outputs)
        found = iter(blocks)
        rows = [_with_float0(trace.leaves, out, None if out.dtype == float0 else next(found)) for out in outputs]
        realize_free([node for row in rows for node in row] + (aux_nodes(aux) if has_aux else []))
        jac = tree.unflatten(
            structure,
            [chosen.arrange(*opened.collect([give(node, leaf, True) for node, leaf in zip(row, trace.leaves)])) for row in rows],
        )
        return (jac, aux) if has_aux else jac

    return jacobian_of


def want_chunk_size(what: str, chunk_size: Any) -> None:
    if chunk_size is None:
        return
    if not isinstance(chunk_size, (int, np.integer)) or isinstance(chunk_size, bool):
        raise ArgumentTypeError(f"{what}: chunk_size must be a positive int or None; got {chunk_size!r}")
    if chunk_size < 1:
        raise ArgumentError(f"{what}: chunk_size must be at least 1; got {chunk_size}")


def _with_float0(leaves: Sequence[Leaf], out: Node, row: Sequence[Node] | None) -> list[Node]:
    """One node per leaf: float0 zeros where the leaf is an integer, or the output the derivative by one."""
    found = iter(row or ())
    result = []
    for leaf in leaves:
        if leaf.variable is None or row is None:
            result.append(constant(np.zeros((*out.shape, *leaf.node.shape), float0), float0))
        else:
            result.append(next(found))
    return result


def _all_arrays(what: str, args: Sequence[Any]) -> Selection:
    """All arguments with a tensor or an inexact array in them; where there is none, the Python floats."""

    def holds(x: Any, kinds: tuple[Any, ...]) -> bool:
        return any(
            isinstance(leaf, kinds) and (isinstance(leaf, (float, complex)) or leaf.dtype.kind in "fc") for leaf in tree.leaves(x)
        )

    found = [i for i, x in enumerate(args) if holds(x, (Tensor, np.ndarray, np.generic))]
    found = found or [i for i, x in enumerate(args) if holds(x, (float, complex))]
    if not found:
        raise ArgumentTypeError(
            f"{what}: none of the {len(args)} positional arguments holds a floating tensor, array or number; "
            f"name what to differentiate with argnums= or argnames="
        )
    return Selection(what, found[0] if len(found) == 1 else tuple(found), None, None)


def _check_dtypes(what: str, leaves: Sequence[Leaf], outputs: Sequence[Node], paths: Sequence[Path], holomorphic: bool) -> None:
    for out, path in zip(outputs, paths):
        if out.dtype.kind not in "fc" and out.dtype != float0:
            raise DTypeError(f"{what}: {path} has dtype {out.dtype}, which has no derivative; return floating numbers")
        if holomorphic and out.dtype.kind == "f":
            raise DTypeError(f"{what}: with holomorphic=True the outputs must be complex; {path} has dtype {out.dtype}")
    complex_out = next((path for out, path in zip(outputs, paths) if out.dtype.kind == "c"), None)
    for leaf in leaves:
        kind = leaf.node.dtype.kind
        if holomorphic and leaf.variable is not None and kind != "c":
            raise DTypeError(f"{what}: with holomorphic=True the inputs must be complex; {leaf.path} has dtype {leaf.node.dtype}")
        if not holomorphic and kind == "c" and complex_out is not None:
            raise DTypeError(
                f"{what}: {leaf.path} and {complex_out} are complex. Pass holomorphic=True if the function is complex "
                f"differentiable, else differentiate its real and imaginary parts."
            )
