"""pure_callback: a function outside, called on ndarrays, with its shapes and dtypes declared.

What it computes cannot be seen, so it has no derivative but the one that is given with it, or differences where they are asked
for: both are functions outside in their turn, joined by a custom function.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Sequence

import numpy as np

from nabla import tree
from nabla.dtypes import ShapeDtype
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, TreeError
from nabla.graph.node import is_scalar
from nabla.ops.lift import born
from nabla.primitives.custom import callback
from nabla.primitives.structure import outputs as outputs_of
from nabla.tensor import Tensor
from nabla.transforms.custom import CustomFunction
from nabla.transforms.custom_rules import Packed, is_array, pack, shown
from nabla.transforms.trace import want_bool, want_callable

Step = bool | float | None


def pure_callback(
    f: Callable[..., Any],
    result: Any,
    *args: Any,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    finite_differences: Step = None,
    vectorized: bool = False,
) -> Any:
    """Call a function that knows nothing of tensors: compiled code, a simulator, a table look-up.

    Args:
        f: gets the arguments with a read-only ndarray for each tensor, array and float among their leaves, and returns arrays (or
            numbers) of the declared shapes and dtypes. It must give the same result for the same arguments and act on
            nothing else: how often it is called is not promised.
        result: what `f` returns, declared: a pytree of `nb.ShapeDtype`, or of anything that has a shape and a dtype.
        vjp: the reverse rule, a function outside, too: `vjp(g, out, *args)` returns a tuple with the cotangent of each argument, of
            its shape and dtype; None stands for zero.
        jvp: the forward rule, likewise: `jvp(tangents, out, *args)` returns the tangent of the output. `tangents` is a tuple like
            `args`; None for what is no floating number.
        finite_differences: True, or the relative step, to differentiate by central differences where there is no rule; with a
            rule given, that is what the next order is made of. Reverse mode takes two calls for each element of the
            arguments, forward mode two for each direction. About ten digits hold for the first order, five for the second.
        vectorized: under vmap, call `f` once for all examples, with the axes of the examples first in every argument and
            result; else `f` is called for one example after the other. It holds for `vjp` and `jvp`, too.

    Outside of vmap and jit `f` runs at the call; what it raises arrives there. Differentiating it without a rule is a
    NotDifferentiableError. A result of another shape or dtype than was declared is an error, at each call.
    Where the derivative can be written with Nabla's functions, `nb.custom_vjp` around the callback gives every order.

    >>> import nabla as nb
    >>> def sinc(x):
    ...     return nb.pure_callback(np.sinc, nb.ShapeDtype((), "float64"), x, finite_differences=True)
    >>> round(sinc(0.5).item(), 6), round(nb.grad(sinc)(0.5).item(), 6)
    (0.63662, -1.27324)
    """
    what = "pure_callback"
    want_callable(what, f)
    want_bool(what, vectorized=vectorized)
    for name, rule in (("vjp", vjp), ("jvp", jvp)):
        if rule is not None and not callable(rule):
            raise ArgumentTypeError(f"{what}: {name} must be a function; got {rule!r}")
    step = _step(finite_differences)
    outside = _Outside(f, result, vectorized, getattr(f, "__name__", type(f).__name__))
    if not outside.shapes:
        raise ArgumentTypeError(f"{what}: result declares nothing: {result!r}; write nb.ShapeDtype(shape, dtype) for each array")
    if vjp is None and jvp is None and step is None:
        return outside(*args)
    function = CustomFunction(what, outside, (), ())
    function.name = outside.name
    _give_rules(function, outside, vjp, jvp, step)
    return function(*args)


def _step(given: Step) -> Step:
    if given is None or given is False:
        return None
    if given is True:
        return True
    if isinstance(given, (int, float)) and 0.0 < given < 1.0:
        return float(given)
    raise ArgumentError(f"pure_callback: finite_differences must be True, or a relative step between 0 and 1; got {given!r}")


def _declared(x: Any, place: Any) -> ShapeDtype:
    if isinstance(x, ShapeDtype):
        return x
    if is_scalar(x) or not (hasattr(x, "shape") and hasattr(x, "dtype")):
        raise ArgumentTypeError(
            f"pure_callback: {place} is {x!r}; declare what the function returns with nb.ShapeDtype(shape, dtype), or something "
            f"that has a shape and a dtype"
        )
    return ShapeDtype(x.shape, x.dtype)


class _Outside:
    """A function outside, and what it returns. Called on tensors, it makes the node."""

    __slots__ = ("errors", "f", "name", "shapes", "structure", "vectorized")

    def __init__(self, f: Callable[..., Any], result: Any, vectorized: bool, name: str) -> None:
        declared, self.structure = tree.flatten(result)
        self.shapes = [_declared(x, place) for x, place in zip(declared, tree.places(self.structure, "result"))]
        self.f = f
        self.vectorized = vectorized
        self.name = name
        self.errors = np.geterr()  # the engines run with warnings off, a function outside as its caller wants it

    def __call__(self, *args: Any) -> Any:
        """Its results as tensors."""
        nodes, packed = pack(args, lambda x: is_array(x) or isinstance(x, (float, complex)))
        node = callback(
            *nodes,
            host=_Host(self, packed),
            shapes=tuple(x.shape for x in self.shapes),
            dtypes=tuple(x.dtype for x in self.shapes),
            levels=(),
        )
        return tree.unflatten(self.structure, [born(x) for x in outputs_of(node)])


class _Host:
    """One call of a function outside, for the engines: arrays in, arrays of the declared shapes and dtypes out."""

    __slots__ = ("outside", "packed")

    def __init__(self, outside: _Outside, packed: Packed) -> None:
        self.outside = outside
        self.packed = packed

    @property
    def name(self) -> str:
        return self.outside.name

    def __repr__(self) -> str:
        return self.name

    def __call__(self, arrays: Sequence[Any], levels: Sequence[tuple[int, Sequence[bool]]]) -> tuple[np.ndarray, ...]:
        if not levels:
            return self._call(arrays, ())
        if self.outside.vectorized:
            return self._call(_lined_up(arrays, levels), tuple(size for size, _ in levels))
        (size, mapped), inner = levels[0], levels[1:]
        examples = [self([x[i] if flag else x for x, flag in zip(arrays, mapped)], inner) for i in range(size)]
        if examples:
            return tuple(np.stack(column) for column in zip(*examples))
        sizes = tuple(size for size, _ in levels)
        return tuple(np.zeros((*sizes, *x.shape), x.dtype) for x in self.outside.shapes)

    def _call(self, arrays: Sequence[Any], sizes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        outside = self.outside
        args = self.packed.fill([_read_only(x) for x in arrays])
        with np.errstate(**outside.errors):
            found = outside.f(*args)
        try:
            parts = tree.flatten_up_to(outside.structure, found)
        except ValueError:
            parts = None
        if parts is None or not all(map(tree.is_leaf, parts)):
            raise TreeError(
                f"pure_callback: {outside.name} returned {tree.structure(found)}, but its result is declared as {outside.structure}"
            )
        places = tree.places(outside.structure, "result")
        return tuple(self._checked(x, like, sizes, place) for x, like, place in zip(parts, outside.shapes, places))

    def _checked(self, x: Any, like: ShapeDtype, sizes: tuple[int, ...], place: Any) -> np.ndarray:
        """A copy, as the function may go on to use its array."""
        array = np.array(x.detach().numpy() if isinstance(x, Tensor) else x)
        if is_scalar(x) and np.can_cast(array.dtype, like.dtype, "same_kind"):
            array = array.astype(like.dtype)
        shape = (*sizes, *like.shape)
        if array.dtype != like.dtype:
            raise DTypeError(f"pure_callback: {self.name} returned dtype {array.dtype} for {place}, declared is {like.dtype}")
        if array.shape != shape:
            raise ShapeError(
                f"pure_callback: {self.name} returned shape {array.shape} for {place}, declared is {like.shape}"
                + (f", with the axes of examples {shape}" if sizes else "")
            )
        return array


def _read_only(x: Any) -> np.ndarray:
    array = np.asarray(x).view()
    array.flags.writeable = False
    return array


def _lined_up(arrays: Sequence[Any], levels: Sequence[tuple[int, Sequence[bool]]]) -> list[np.ndarray]:
    """The arrays, each with all the axes of examples first."""
    sizes = tuple(size for size, _ in levels)
    result = []
    for i, x in enumerate(arrays):
        own = [flags[i] for _, flags in levels]
        core = x.shape[sum(own) :]
        spread = tuple(size if flag else 1 for size, flag in zip(sizes, own))
        result.append(np.broadcast_to(np.reshape(x, (*spread, *core)), (*sizes, *core)))
    return result


# Rules: they are functions outside, too, from pytrees to flat lists of what is floating.


def _give_rules(function: CustomFunction, outside: _Outside, vjp: Any, jvp: Any, step: Step) -> None:
    """The rules that were given, and differences for the modes without one, if they were asked for."""

    def through(name: str, rule: Any, result: list[Tensor], *args: Any) -> list[Any]:
        """What a rule returns. Where differences were asked for, they differentiate it in its turn."""
        other = _Outside(rule, result, outside.vectorized and not isinstance(rule, _Differences), f"the {name} of {outside.name}")
        other.errors = outside.errors
        if step is None:
            return other(*args)
        further = CustomFunction("pure_callback", other, (), ())
        further.name = other.name
        _give_rules(further, other, None, None, step)
        return further(*args)

    def forward(*args: Any) -> tuple[Any, Any]:
        out = function(*args)
        return out, (out, args)

    def backward(residuals: Any, g: Any) -> Any:
        out, args = residuals
        g = tree.map(lambda x: x if x.dtype.kind in "fc" else None, g)
        if vjp is None:
            found = through("vjp", _Cotangents(outside.f, step), _floating(args), g, *args)
        else:
            found = through("vjp", partial(_flat_cotangents, vjp), _floating(args), g, out, *args)
        places = iter(found)
        leaves, structure = tree.flatten(args)
        return tree.unflatten(structure, [next(places) if _is_floating(x) else None for x in leaves])

    def along(primals: Any, tangents: Any) -> tuple[Any, Any]:
        out = function(*primals)
        dxs = tree.map(lambda x, dx: dx if _is_floating(x) else None, primals, tangents)
        if jvp is None:
            found = through("jvp", _Tangents(outside.f, step), _floating(out), dxs, *primals)
        else:
            found = through("jvp", partial(_flat_tangents, jvp), _floating(out), dxs, out, *primals)
        places = iter(found)
        leaves, structure = tree.flatten(out)
        return out, tree.unflatten(structure, [next(places) if _is_floating(x) else None for x in leaves])

    if vjp is not None or step is not None:
        function.defvjp(forward, backward)
    if jvp is not None or step is not None:
        function.defjvp(along)


def _is_floating(x: Any) -> bool:
    return isinstance(x, (Tensor, np.ndarray)) and x.dtype.kind in "fc"


def _floating(x: Any) -> list[Any]:
    return [leaf for leaf in tree.leaves(x) if _is_floating(leaf)]


def _flat_cotangents(vjp: Callable[..., Any], g: Any, out: Any, *args: Any) -> list[Any]:
    found = vjp(g, out, *args)
    if not isinstance(found, (tuple, list)) or len(found) != len(args):
        raise TreeError(
            f"pure_callback: vjp must return a tuple with the cotangent of each of the {len(args)} arguments; it returned "
            f"{shown(found)}"
        )
    parts: list[Any] = []
    for i, (x, part) in enumerate(zip(args, found)):
        parts += tree.beside(part, tree.structure(x), "pure_callback: the cotangent", f"cotangents[{i}]", f"args[{i}]")
    return _filled(parts, tree.leaves(args))


def _flat_tangents(jvp: Callable[..., Any], tangents: Any, out: Any, *args: Any) -> list[Any]:
    parts = tree.beside(jvp(tangents, out, *args), tree.structure(out), "pure_callback: the tangent", "tangent", "the output")
    return _filled(parts, tree.leaves(out))


def _filled(parts: Sequence[Any], likes: Sequence[Any]) -> list[Any]:
    """The parts that belong to something floating, with zeros for None."""
    return [np.zeros(like.shape, like.dtype) if part is None else part for part, like in zip(parts, likes) if _is_floating(like)]


class _Differences:
    """Central differences of a function outside. The error is smallest, about eps^(2/3), at steps of eps^(1/3)."""

    def __init__(self, f: Callable[..., Any], step: Step) -> None:
        self.f = f
        self.step = step

    def _relative(self, x: np.ndarray) -> float:
        return float(np.finfo(x.dtype).eps) ** (1 / 3) if self.step is True else float(self.step or 0.0)

    def _moved(self, args: Any, moved: Sequence[Any]) -> list[np.ndarray]:
        """The floating results for other floating arguments."""
        leaves, structure = tree.flatten(args)
        places = iter(moved)
        found = self.f(*tree.unflatten(structure, [next(places) if _is_floating(x) else x for x in leaves]))
        return _floating(tree.map(lambda x: np.array(x.detach().numpy() if isinstance(x, Tensor) else x), found))


class _Tangents(_Differences):
    """The tangent along one direction, of which no element moves by more than the step, relative to its size."""

    def __call__(self, tangents: Any, *args: Any) -> list[Any]:
        xs, dxs = _floating(args), _floating(tangents)
        rates = [np.max(np.abs(dx) / np.maximum(np.abs(x), 1.0), initial=0.0) / self._relative(x) for x, dx in zip(xs, dxs)]
        fastest = float(max(rates, default=0.0))
        h = 1.0 / fastest if fastest else 1.0
        ahead = self._moved(args, [np.asarray(x + h * dx, x.dtype) for x, dx in zip(xs, dxs)])
        behind = self._moved(args, [np.asarray(x - h * dx, x.dtype) for x, dx in zip(xs, dxs)])
        return [np.asarray((a - b) / (2.0 * h), a.dtype) for a, b in zip(ahead, behind)]


class _Cotangents(_Differences):
    """The cotangents, element by element. Those of a complex element are g.df/dx - i g.df/dy, in the pairing Re sum(g * t)."""

    def __call__(self, g: Any, *args: Any) -> list[Any]:
        xs, gs = _floating(args), _floating(g)
        found = []
        for k, x in enumerate(xs):
            gx = np.zeros(x.shape, x.dtype)
            for index in np.ndindex(x.shape):
                h = self._relative(x) * max(1.0, float(abs(x[index])))
                gx[index] = self._slope(args, xs, gs, k, index, h)
                if x.dtype.kind == "c":
                    gx[index] -= 1j * self._slope(args, xs, gs, k, index, 1j * h)
            found.append(gx)
        return found

    def _slope(self, args: Any, xs: list[Any], gs: list[Any], k: int, index: tuple[int, ...], h: complex) -> float:
        ahead, behind = np.array(xs[k]), np.array(xs[k])
        ahead[index] += h
        behind[index] -= h
        width = float(abs(ahead[index] - behind[index]))
        outs = [self._moved(args, [*xs[:k], x, *xs[k + 1 :]]) for x in (ahead, behind)]
        return sum(float(np.real(np.sum(g * ((a - b) / width)))) for g, a, b in zip(gs, *outs))
