"""grad and value_and_grad: the derivative of a scalar function."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla.autodiff.reverse import reverse
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.graph.tokens import cut_older
from nabla.ops.collectives import want_axes
from nabla.primitives.base import scalar
from nabla.tensor import Tensor
from nabla.transforms.directions import forward_gradient
from nabla.transforms.reduce_axes import reduced
from nabla.transforms.trace import (
    Leaf,
    Opened,
    Selection,
    Trace,
    aux_nodes,
    cut_off,
    decorator,
    give,
    hand_out,
    output_node,
    realize_free,
    realize_valued,
    split_aux,
    want_bool,
    want_callable,
    wraps,
)


def grad(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[str] | str = (),
    mode: str = "reverse",
    *,
    argnames: str | Sequence[str] | None = None,
    create_graph: bool = True,
    realize: bool = True,
) -> Callable[..., Any]:
    """The gradient of a scalar function, as a function of the same arguments.

    Args:
        fun: returns a scalar (shape ()) of floating dtype. Left out, `grad` is a decorator: `@nb.grad(argnums=1)`.
        argnums: which positional arguments to differentiate: an int gives that gradient, a tuple or list a tuple of
            gradients; negative counts from the end. 0 where neither it nor `argnames` is given.
        argnames: which keyword arguments: a string gives that gradient, a sequence a dict by name. Given both, the result
            is the pair (by position, by name).
        has_aux: `fun` returns (output, aux), and the result is (gradient, aux).
        holomorphic: `fun` is complex differentiable, from complex to complex; the result is its complex derivative.
        allow_int: integer and boolean inputs are allowed; their gradient has dtype float0.
        reduce_axes: names of axes of enclosing vmaps: the gradient of an input that is not mapped over such an axis is summed
            over it.
        mode: "reverse" or "forward", the same gradient by the other sweep.
        create_graph: False makes the gradient a constant for outer derivatives.
        realize: False leaves the results of an outermost call to be computed when they are asked for.

    The arguments may be numbers, NumPy arrays, tensors, and pytrees of these; the gradient has the argument's structure,
    shapes and dtypes. An argument that was an ndarray has an ndarray gradient, unless an outer transform still runs or
    realize=False. An argument that the output does not depend on has gradient zero. Complex z = x + iy: the gradient of a
    real function is df/dx - i df/dy. The function gets fresh handles: what it writes to its arguments is not seen outside.

    Raises:
        ShapeError: the output is not a scalar. DTypeError: an input or the output has no derivative. TracedValueError: the
            output depends on an input only through a value that Python read by float(), int() or .item().

    >>> import nabla as nb
    >>> nb.grad(lambda x: x**3)(2.0).item()
    12.0
    >>> nb.grad(nb.grad(nb.sin))(0.5).item() == -nb.sin(0.5).item()
    True
    """
    if fun is None:
        return decorator(
            grad,
            argnums=argnums,
            has_aux=has_aux,
            holomorphic=holomorphic,
            allow_int=allow_int,
            reduce_axes=reduce_axes,
            mode=mode,
            argnames=argnames,
            create_graph=create_graph,
            realize=realize,
        )
    options = _Options("grad", fun, argnums, argnames, has_aux, holomorphic, allow_int, reduce_axes, mode, create_graph, realize)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        _, grads, aux = _differentiate(options, args, kwargs)
        return (grads, aux) if has_aux else grads

    return wraps(fun, gradient)


def value_and_grad(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[str] | str = (),
    mode: str = "reverse",
    *,
    argnames: str | Sequence[str] | None = None,
    create_graph: bool = True,
    realize: bool = True,
) -> Callable[..., Any]:
    """The value of a scalar function and its gradient together, at the cost of the gradient; parameters as for `grad`.

    Returns (value, gradient), with has_aux ((value, aux), gradient). `scipy.optimize.minimize(..., jac=True)` takes the result
    as it is.

    >>> import nabla as nb
    >>> value, gradient = nb.value_and_grad(lambda x: (x * x).sum())(nb.array([1.0, 2.0]))
    >>> value.item(), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    if fun is None:
        return decorator(
            value_and_grad,
            argnums=argnums,
            has_aux=has_aux,
            holomorphic=holomorphic,
            allow_int=allow_int,
            reduce_axes=reduce_axes,
            mode=mode,
            argnames=argnames,
            create_graph=create_graph,
            realize=realize,
        )
    options = _Options(
        "value_and_grad", fun, argnums, argnames, has_aux, holomorphic, allow_int, reduce_axes, mode, create_graph, realize
    )

    def valued_gradient(*args: Any, **kwargs: Any) -> Any:
        out, grads, aux = _differentiate(options, args, kwargs)
        value = hand_out(out)
        return ((value, aux) if has_aux else value), grads

    return wraps(fun, valued_gradient)


class _Options:
    """The parameters of grad, checked when the transform is made."""

    __slots__ = (
        "allow_int", "create_graph", "forward", "fun", "has_aux", "holomorphic", "realize", "reduce_axes", "selection", "valued",
        "what",
    )  # fmt: skip

    def __init__(
        self, what: str, fun: Any, argnums: Any, argnames: Any, has_aux: Any, holomorphic: Any, allow_int: Any,
        reduce_axes: Any, mode: Any, create_graph: Any, realize: Any,
    ) -> None:  # fmt: skip
        want_callable(what, fun)
        want_bool(what, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int, create_graph=create_graph, realize=realize)
        if mode not in ("reverse", "forward"):
            raise ArgumentError(f"{what}: mode must be 'reverse' or 'forward'; got {mode!r}")
        self.what = what
        self.valued = what == "value_and_grad"  # the value is asked for; the gradient may do without it
        self.fun = fun
        self.selection = Selection(what, argnums, argnames, default=0)
        self.has_aux = has_aux
        self.holomorphic = holomorphic
        self.allow_int = allow_int
        self.reduce_axes = want_axes(what, reduce_axes)
        self.forward = mode == "forward"
        self.create_graph = create_graph
        self.realize = realize


def _differentiate(options: _Options, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Node, Any, Any]:
    """The output node, the gradients as the user arranged them, and aux."""
    what = options.what
    with Trace(what, forward=options.forward) as trace:
        opened = Opened(trace, options.selection, args, kwargs, options.allow_int)
        result = options.fun(*opened.args, **opened.kwargs)
        aux = None
        if options.has_aux:
            result, aux = split_aux(result, True, what)
        out = output_node(result, "output", what) if type(result) is Tensor else _scalar_output(result, what)
        _check_output(out, options, trace.leaves)
        trace.returned()
        if options.create_graph:
            grads = _gradients(trace, out, options)
        else:
            with cut_older():
                grads = [cut_off(g) for g in _gradients(trace, out, options)]
        if trace.token.reads:
            trace.check_connected([out])
    if options.realize:
        nodes = [out, *grads] if options.valued else list(grads)
        if aux is not None:
            nodes += aux_nodes(aux)
        realize_free(nodes)
        if not options.create_graph:
            realize_valued(grads)
    values = [give(node, leaf, options.realize) for node, leaf in zip(grads, trace.leaves)]
    return out, options.selection.arrange(*opened.collect(values)), aux


def _gradients(trace: Trace, out: Node, options: _Options) -> list[Node]:
    """The gradient of each leaf."""
    if options.forward:
        grads = forward_gradient(trace, out, options.holomorphic)
    elif trace.token in out.tokens.members:
        found, _ = reverse([out], [scalar(1.0, out.dtype)], {trace.token})
        grads = []
        for leaf in trace.leaves:
            g = None if leaf.variable is None else found.get(leaf.variable)
            grads.append(trace.zero(leaf) if g is None else g)
    else:
        grads = [trace.zero(leaf) for leaf in trace.leaves]
    if options.reduce_axes:
        grads = [reduced(g, leaf.node, options.reduce_axes) for g, leaf in zip(grads, trace.leaves)]
    return grads


def _scalar_output(result: Any, what: str) -> Node:
    if isinstance(result, (tuple, list, dict)) or result is None:
        shown = "None" if result is None else f"a {type(result).__name__}"
        raise ArgumentTypeError(
            f"{what}: the function must return one scalar; it returned {shown}. "
            + ("Is a return statement missing?" if result is None else "Use has_aux=True for (output, aux), or jacrev.")
        )
    return output_node(result, "output", what)


def _check_output(out: Node, options: _Options, leaves: Sequence[Leaf]) -> None:
    what = options.what
    if out.shape:
        raise ShapeError(
            f"{what}: the function must return a scalar, of shape (); it returned shape {out.shape}. "
            f"Reduce it, for example with .sum(), or use nb.jacrev for all its derivatives."
        )
    kind = out.dtype.kind
    if kind not in "fc":
        raise DTypeError(f"{what}: the function must return a real floating number; it returned dtype {out.dtype}")
    if options.holomorphic:
        if kind != "c":
            raise DTypeError(f"{what}: with holomorphic=True the function must return a complex number; it returned {out.dtype}")
        for leaf in leaves:
            if leaf.variable is not None and leaf.node.dtype.kind != "c":
                raise DTypeError(
                    f"{what}: with holomorphic=True the inputs must be complex; {leaf.path} has dtype {leaf.node.dtype}"
                )
    elif kind == "c":
        raise DTypeError(
            f"{what}: the function returned a complex number ({out.dtype}). Pass holomorphic=True if it is complex "
            f"differentiable, else take .real, .imag or abs() of the result."
        )
