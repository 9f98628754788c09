"""custom_vjp, custom_jvp, custom_vmap: functions with derivatives and batching of the user's own.

All three make the same object, which takes rules for both modes and for batching; a missing mode is derived from the other. A
call whose arguments hang on nothing live runs the function itself. Else it makes a node that keeps the arguments, the values of
the results without their history, and the residuals (primitives/custom.py); its rules are in custom_rules.py.
"""

from __future__ import annotations

import inspect
from functools import update_wrapper
from itertools import accumulate
from types import MethodType
from typing import Any, Callable, Mapping, Sequence, overload

import numpy as np

from nabla import tree
from nabla.errors import ArgumentError, ArgumentTypeError, NotDifferentiableError
from nabla.graph.node import Node
from nabla.graph.tokens import EMPTY, Token
from nabla.ops.collectives import axes as open_axes
from nabla.ops.lift import born
from nabla.primitives.base import zeros
from nabla.primitives.custom import custom
from nabla.primitives.elementwise import add
from nabla.primitives.leaves import LeafToken
from nabla.primitives.shape import cast
from nabla.primitives.structure import detach, leave, outputs as outputs_of
from nabla.tensor import Tensor
from nabla.transforms.custom_rules import (
    CallRule,
    Packed,
    Point,
    at,
    built,
    derivative_tokens,
    fitting,
    is_array,
    pack,
    pack_residuals,
    points,
    shown,
    want_no_closure,
)
from nabla.transforms.trace import decorator, flatten_outputs, want_bool, want_callable

Rules = Callable[..., Any]


@overload
def custom_vjp(
    fun: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ..., nondiff_argnames: str | Sequence[str] = ...
) -> CustomFunction: ...
@overload
def custom_vjp(
    fun: None = None, nondiff_argnums: int | Sequence[int] = ..., nondiff_argnames: str | Sequence[str] = ...
) -> Callable[[Callable[..., Any]], CustomFunction]: ...
def custom_vjp(
    fun: Callable[..., Any] | None = None,
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> Any:
    """A function whose reverse rule is your own.

    Args:
        fun: takes arrays, numbers and pytrees, and returns a pytree of arrays. Left out, `custom_vjp` is a decorator.
        nondiff_argnums, nondiff_argnames: arguments that are not differentiated. They come first in the call of the reverse rule,
            and have no cotangent.

    The rule is given by `f.defvjp(fwd, bwd)`: `fwd(*args)` returns the pair (output, residuals), and `bwd(residuals, g)` takes
    the cotangent of the output to a tuple with the cotangent of each argument, None where it is zero. See
    `CustomFunction.defvjp`. Forward mode is derived from it, or given by `f.defjvp`; batching is derived, or given by `f.defvmap`.

    >>> import nabla as nb
    >>> @nb.custom_vjp
    ... def log1pexp(x):
    ...     return nb.log(1.0 + nb.exp(x))
    >>> log1pexp.defvjp(
    ...     lambda x: (log1pexp(x), x),
    ...     lambda x, g: (g * (1.0 - 1.0 / (1.0 + nb.exp(x))),),
    ... )
    >>> nb.grad(log1pexp)(100.0).item(), nb.jvp(log1pexp, (100.0,), (2.0,))[1].item()
    (1.0, 2.0)
    """
    return _made("custom_vjp", custom_vjp, fun, nondiff_argnums, nondiff_argnames)


@overload
def custom_jvp(
    fun: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ..., nondiff_argnames: str | Sequence[str] = ...
) -> CustomFunction: ...
@overload
def custom_jvp(
    fun: None = None, nondiff_argnums: int | Sequence[int] = ..., nondiff_argnames: str | Sequence[str] = ...
) -> Callable[[Callable[..., Any]], CustomFunction]: ...
def custom_jvp(
    fun: Callable[..., Any] | None = None,
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> Any:
    """A function whose forward rule is your own.

    Args:
        fun: takes arrays, numbers and pytrees, and returns a pytree of arrays. Left out, `custom_jvp` is a decorator.
        nondiff_argnums, nondiff_argnames: arguments that are not differentiated. They come first in the call of the rule, and
            have no tangent.

    The rule is given by `f.defjvp(rule)`: `rule(primals, tangents)` returns the pair (output, tangent of the output), and is
    linear in the tangents; or by `f.defjvps`, a rule for each argument. Reverse mode is derived from it, or given by
    `f.defvjp`; batching is derived, or given by `f.defvmap`.

    >>> import nabla as nb
    >>> @nb.custom_jvp
    ... def log1pexp(x):
    ...     return nb.log(1.0 + nb.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (dx,) = primals, tangents
    ...     return log1pexp(x), dx * (1.0 - 1.0 / (1.0 + nb.exp(x)))
    >>> nb.grad(log1pexp)(100.0).item(), nb.jvp(log1pexp, (100.0,), (2.0,))[1].item()
    (1.0, 2.0)
    """
    return _made("custom_jvp", custom_jvp, fun, nondiff_argnums, nondiff_argnames)


@overload
def custom_vmap(fun: Callable[..., Any]) -> CustomFunction: ...
@overload
def custom_vmap(fun: None = None) -> Callable[[Callable[..., Any]], CustomFunction]: ...
def custom_vmap(fun: Callable[..., Any] | None = None) -> Any:
    """A function whose batching rule is your own.

    The rule is given by `f.defvmap(rule)`: `rule(axis_size, in_batched, *args)` gets the arguments with the axis of examples
    first where `in_batched` (a bool for each leaf) says so, and returns the pair (output, which leaves of it are batched).
    Derivatives are those of the function and of the rule as they are written, unless `f.defvjp` or `f.defjvp` gives others.

    >>> import nabla as nb
    >>> @nb.custom_vmap
    ... def shifted(x):
    ...     return x + 1.0
    >>> @shifted.defvmap
    ... def rule(axis_size, in_batched, x):
    ...     print(axis_size, in_batched)
    ...     return x + 1.0, True
    >>> nb.vmap(shifted)(nb.array([1.0, 2.0])).tolist()
    2 (True,)
    [2.0, 3.0]
    """
    return _made("custom_vmap", custom_vmap, fun, (), ())


def _made(what: str, transform: Any, fun: Any, nondiff_argnums: Any, nondiff_argnames: Any) -> Any:
    if fun is None:
        return decorator(transform, nondiff_argnums=nondiff_argnums, nondiff_argnames=nondiff_argnames)
    want_callable(what, fun)
    return CustomFunction(what, fun, nondiff_argnums, nondiff_argnames)


class _Rules:
    """What the user gave, and whether in it None stands for zero."""

    __slots__ = ("bwd", "fwd", "jvp", "jvp_symbolic", "vjp_symbolic", "vmap")

    def __init__(self) -> None:
        self.fwd: Rules | None = None
        self.bwd: Rules | None = None
        self.jvp: Rules | None = None
        self.vmap: Rules | None = None
        self.jvp_symbolic = False
        self.vjp_symbolic = False

    @property
    def derivative(self) -> bool:
        return self.jvp is not None or self.bwd is not None


class CustomFunction:
    """What `custom_vjp`, `custom_jvp` and `custom_vmap` make of a function: it is called like it, and takes rules.

    A function may have a reverse rule, a forward rule, or both, and a batching rule. A missing mode is derived from the other by
    transposing it; for that the rule must be linear in its tangents or cotangents, which is checked. Derivatives of higher
    order are those of the code of the rules. All arguments and results may be pytrees. What is no array or float passes
    through as it is: integers of Python, strings, objects such as the `self` of a method.

    Inside the rules, and inside `fwd`, a call of the function at the same arguments gives the results that are there already. In
    such rules the function must not close over what is being differentiated, which is an error. Keyword arguments are put
    in their places by the signature; keyword-only ones are options, which are passed on to all but the reverse rule.
    """

    def __init__(self, what: str, fun: Callable[..., Any], nondiff_argnums: Any, nondiff_argnames: Any) -> None:
        update_wrapper(self, fun)
        self._fun = fun
        self.name: str = getattr(fun, "__name__", type(fun).__name__)
        self.rules = _Rules()
        try:
            self._signature: inspect.Signature | None = None if isinstance(fun, np.ufunc) else inspect.signature(fun)
        except (TypeError, ValueError):  # a builtin without a signature
            self._signature = None
        parameters = list(self._signature.parameters.values()) if self._signature else []
        self._names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._plain = len(self._names) == len(parameters) or all(p.kind == p.VAR_POSITIONAL for p in parameters[len(self._names) :])
        self._fixed = _fixed(what, nondiff_argnums, nondiff_argnames, self._names)

    # Giving rules

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any], symbolic_zeros: bool = False) -> None:
        """Give the reverse rule.

        Args:
            fwd: `fwd(*args)` returns the pair (output, residuals). It runs in place of the function where an argument is being
                differentiated or mapped. The residuals are a pytree of whatever `bwd` wants.
            bwd: `bwd(residuals, g)` gets the cotangent of the output, in its structure, and returns a tuple with the cotangent
                of each argument, of its structure, shapes and dtypes; None stands for zero, alone or within a pytree. What
                is returned for integers is not looked at. Arguments in `nondiff_argnums` come before `residuals`.
            symbolic_zeros: `fwd` is called as `fwd(perturbed, *args)`, where `perturbed` says of each leaf of each
                argument whether it is differentiated, and an output that has no cotangent is None in `g`.

        Complex numbers: cotangents are paired with tangents by Re sum(g * t), without conjugation.

        >>> import nabla as nb
        >>> @nb.custom_vjp
        ... def clipped(x):
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (nb.clip(g, -1.0, 1.0),))
        >>> nb.grad(lambda x: 10.0 * clipped(x))(2.0).item()
        1.0
        """
        self._want_first("defvjp", "a reverse rule", self.rules.bwd)
        want_callable("defvjp", fwd)
        want_callable("defvjp", bwd)
        want_bool("defvjp", symbolic_zeros=symbolic_zeros)
        self.rules.fwd, self.rules.bwd, self.rules.vjp_symbolic = fwd, bwd, bool(symbolic_zeros)

    def defjvp(self, rule: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Give the forward rule; returns it, so that it can be used as a decorator.

        Args:
            rule: `rule(primals, tangents)` returns the pair (output, tangent of the output), linear in the tangents, which are
                a tuple like the primals. The tangent has the structure, shapes and dtypes of the output; None
                stands for zero. The tangent of an integer is zero of dtype float0. Arguments in `nondiff_argnums` come first.
            symbolic_zeros: a tangent that is zero because nothing moves there is None.

        >>> import nabla as nb
        >>> @nb.custom_jvp
        ... def cube(x):
        ...     return x**3
        >>> @cube.defjvp
        ... def rule(primals, tangents):
        ...     (x,), (dx,) = primals, tangents
        ...     return cube(x), 3.0 * x**2 * dx
        >>> nb.grad(nb.grad(cube))(2.0).item()
        12.0
        """
        self._want_first("defjvp", "a forward rule", self.rules.jvp)
        want_callable("defjvp", rule)
        want_bool("defjvp", symbolic_zeros=symbolic_zeros)
        self.rules.jvp, self.rules.jvp_symbolic = rule, bool(symbolic_zeros)
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Give the forward rule by a rule for each argument: `rule(tangent, output, *primals)` returns what this argument
        contributes to the tangent of the output; None in place of a rule says that it contributes nothing.

        >>> import nabla as nb
        >>> @nb.custom_jvp
        ... def product(x, y):
        ...     return x * y
        >>> product.defjvps(lambda dx, out, x, y: dx * y, lambda dy, out, x, y: x * dy)
        >>> [g.item() for g in nb.grad(product, argnums=(0, 1))(3.0, 4.0)]
        [4.0, 3.0]
        """
        for one in rules:
            if one is not None:
                want_callable("defjvps", one)
        self.defjvp(_ByArgument(self, rules), symbolic_zeros=True)

    def defvmap(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Give the batching rule; returns it, so that it can be used as a decorator.

        rule(axis_size, in_batched, *args): `in_batched` has the structure of `args`, with a bool for each leaf: whether its
        first axis is that of the examples. It returns the pair (output, batched), where `batched` is a bool, or a pytree
        of bools like the output.

        >>> import nabla as nb
        >>> @nb.custom_vmap
        ... def total(x, y):
        ...     return x.sum() * y
        >>> @total.defvmap
        ... def rule(axis_size, in_batched, x, y):
        ...     return x.sum(axis=-1) * y, True
        >>> nb.vmap(total, in_axes=(0, None))(nb.ones((2, 3)), 2.0).tolist()
        [6.0, 6.0]
        """
        self._want_first("defvmap", "a batching rule", self.rules.vmap)
        want_callable("defvmap", rule)
        self.rules.vmap = rule
        return rule

    def _want_first(self, method: str, what: str, given: Any) -> None:
        if given is not None:
            raise ArgumentError(f"{method}: {self.name} has {what} already; make another custom function for other rules")

    # Calling

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<custom function {self.name}>"

    def __reduce__(self) -> str:
        """Pickled as functions are, by where it stands."""
        return str(getattr(self, "__qualname__", self.name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        rules = self.rules
        if not rules.derivative and rules.vmap is None:
            raise ArgumentError(
                f"{self.name} has no rule yet. Give it one: {self.name}.defvjp(fwd, bwd), {self.name}.defjvp(rule) or "
                f"{self.name}.defvmap(rule)"
            )
        if kwargs or not (self._plain and len(args) >= len(self._names)):
            args, kwargs = self._in_places(args, kwargs)
        nodes, packed = pack(args, _is_number, self._fixed_leaves(args))
        point = points.get().get(self)
        if point is not None and point.node is not None and point.is_at(nodes, packed, kwargs):
            return built(point.structure, [born(x) for x in outputs_of(point.node)])
        if not _are_live(nodes):
            out = self._fun(*packed.open(nodes), **kwargs)
            found, structure, _ = flatten_outputs(out, self.name)
            if rules.derivative:
                want_no_closure(self, [self._fun], found, nodes, "it")
            return built(structure, [born(x) for x in found])
        self._want_undifferentiated(args, kwargs)
        return self._call(nodes, packed, kwargs, rules.fwd is not None and (point is None or not point.lazy))

    def _call(self, nodes: list[Node], packed: Packed, options: Mapping[str, Any], runs_forward: bool) -> Any:
        """The node of a call with live arguments."""
        residuals, kept = None, None
        if runs_forward:
            with at(self, Point(nodes, packed, options, None, None, True)):
                out, residuals = self.forward(packed.open(nodes), packed, nodes, options)
        else:
            out = self._fun(*packed.open(self.valued(nodes) if self.rules.derivative else nodes), **options)
        found, structure, _ = flatten_outputs(out, self.name)
        held: list[Node] = []
        if runs_forward:
            held, kept = pack_residuals(residuals, any(x.tokens.placeholder for x in nodes))
        if self.rules.derivative:
            which, called = ("fwd", self.rules.fwd) if runs_forward else ("it", self._fun)
            want_no_closure(self, [called], [*found, *held], nodes, which)
            found = self.valued(found)
        axes = _axes_along(nodes)
        rule = CallRule(self, packed, options, structure, kept, [(name, x.params["size"]) for name, x in axes])
        lanes = [x for _, x in axes]
        node = custom(*nodes, *found, *_shortened(held, nodes), *lanes, rule=rule, arguments=len(nodes), results=len(found))
        return built(structure, [born(x) for x in outputs_of(node)])

    def forward(self, args: Sequence[Any], packed: Packed, nodes: Sequence[Node], options: Mapping[str, Any]) -> tuple[Any, Any]:
        """The output and the residuals, by the user's forward function."""
        rules = self.rules
        assert rules.fwd is not None
        if rules.vjp_symbolic:
            moves = packed.map(lambda i: nodes[i].dtype.kind in "fc" and bool(nodes[i].tokens.inside().members), False)
            args = (self.split(moves)[0], *args)
        result = rules.fwd(*args, **options)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise ArgumentTypeError(f"{self.name}: fwd must return a pair (output, residuals); it returned {shown(result)}")
        return result[0], result[1]

    def run_later(self) -> list[Callable[..., Any]]:
        """The rules, which run when a call is differentiated or batched."""
        rules = self.rules
        return [f for f in (rules.fwd, rules.bwd, rules.jvp, rules.vmap) if f is not None]

    def valued(self, nodes: Sequence[Node]) -> list[Node]:
        """The same values without derivatives, those included of what placeholders will stand for."""
        return [detach(x) if x.tokens.members else x for x in nodes]

    # The arguments

    @property
    def has_fixed(self) -> bool:
        """Whether there are arguments that are not differentiated."""
        return bool(self._fixed)

    def _in_places(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """All positional parameters by position, defaults too, and the options."""
        if self._signature is None:
            raise ArgumentTypeError(f"{self.name} has no signature that could be read; give its arguments by position")
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def names(self, count: int) -> tuple[str, ...]:
        """The names of the first `count` positional arguments, for messages."""
        known = self._names[:count]
        return (*known, *[f"argument {i}" for i in range(len(known), count)])

    def split(self, args: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """One entry per argument: those of the arguments that are differentiated, and those of the others."""
        if not self._fixed:
            return tuple(args), ()
        return tuple(x for i, x in enumerate(args) if i not in self._fixed), tuple(args[i] for i in self._fixed if i < len(args))

    def _fixed_leaves(self, args: Sequence[Any]) -> set[int]:
        """The numbers of the leaves of arguments that are not differentiated: those stay what they are, but for tensors."""
        if not self._fixed:
            return set()
        ends = list(accumulate(len(tree.leaves(x)) for x in args))
        return {i for k in self._fixed if k < len(ends) for i in range(ends[k - 1] if k else 0, ends[k])}

    def _want_undifferentiated(self, args: Sequence[Any], options: Mapping[str, Any]) -> None:
        if not (self._fixed or options):
            return
        _, fixed = self.split(args)
        _, names = self.split(self.names(len(args)))
        for name, x in [*zip(names, fixed), *options.items()]:
            tokens = derivative_tokens(x._node for x in tree.leaves(x) if isinstance(x, Tensor) and x._node.dtype.kind in "fc")
            if tokens:
                how = "a keyword-only argument" if name in options else "among its nondiff_argnums"
                raise NotDifferentiableError(
                    f"{self.name}: {name} is {how}, but it is being differentiated ({next(iter(tokens)).what}). Make it an "
                    f"ordinary argument, or write nb.detach(...) for it."
                )


def _fixed(what: str, nondiff_argnums: Any, nondiff_argnames: Any, names: Sequence[str]) -> list[int]:
    """The positions of the arguments that are not differentiated."""
    positions = [nondiff_argnums] if isinstance(nondiff_argnums, int) else list(nondiff_argnums)
    for i in positions:
        if not isinstance(i, int) or isinstance(i, bool):
            raise ArgumentTypeError(f"{what}: nondiff_argnums must be an int or a tuple of ints; got {nondiff_argnums!r}")
    for name in [nondiff_argnames] if isinstance(nondiff_argnames, str) else nondiff_argnames:
        if name not in names:
            known = ", ".join(names) or "none"
            raise ArgumentError(f"{what}: nondiff_argnames names {name!r}; the positional parameters are {known}")
        positions.append(names.index(name))
    found = [i + len(names) if i < 0 else i for i in positions]
    if len(set(found)) < len(found):
        raise ArgumentError(f"{what}: an argument is named twice among nondiff_argnums and nondiff_argnames")
    return sorted(found)


def _axes_along(arguments: Sequence[Node]) -> list[tuple[str, Node]]:
    """The named axes of vmaps around the call that the arguments may differ along: in the body of a loop, all."""
    named = open_axes.get()
    if not named:
        return []
    lanes = {token for x in arguments for token in x.tokens.members if token.placeholder}
    last = max([token.id for token in lanes if token.traces], default=0)
    return [(name, axis) for name, axis in named.items() if any(token in lanes or token.id < last for token in axis.tokens.members)]


def _is_number(x: Any) -> bool:
    """What becomes a tensor: arrays, and the floats of Python; integers and booleans of Python stay what they are."""
    return is_array(x) or isinstance(x, (float, complex))


def _are_live(nodes: Sequence[Node]) -> bool:
    """Whether somebody may still differentiate or map one of the nodes."""
    for x in nodes:
        tokens = x.tokens
        if tokens is not EMPTY:
            for token in tokens.inside().members:
                if token.running:
                    return True
    return False


def _shortened(residuals: list[Node], arguments: Sequence[Node]) -> list[Node]:
    """The residuals without the history that nobody can use.

    The youngest transform sweeps first, and once; those around it differentiate what it wrote. So the residuals need not hang on
    it. But a leaf may be swept again and again, before younger transforms and after; and a placeholder may stand for something
    that hangs on a younger transform.
    """
    youngest: Token | None = None
    for x in arguments:
        if x.tokens.placeholder:
            return residuals
        for token in x.tokens.members:
            if token.running and not token.placeholder:
                if isinstance(token, LeafToken):
                    return residuals
                if youngest is None or token.id > youngest.id:
                    youngest = token
    if youngest is None:
        return residuals
    return [leave(x, youngest) for x in residuals]


class _ByArgument:
    """The forward rule that is the sum of a rule for each argument."""

    def __init__(self, function: CustomFunction, rules: Sequence[Rules | None]) -> None:
        self.function = function
        self.rules = rules

    def __call__(self, *args: Any, **options: Any) -> tuple[Any, Any]:
        *fixed, primals, tangents = args
        function = self.function
        if len(self.rules) != len(primals):
            names, _ = function.split(function.names(len(fixed) + len(primals)))
            raise ArgumentError(
                f"{function.name}: defjvps was given {len(self.rules)} rules for {len(primals)} arguments ({', '.join(names)}); "
                f"write None for one that contributes nothing"
            )
        whole: list[Any] = list(primals)
        for i, x in zip(sorted(function._fixed), fixed):
            whole.insert(i, x)
        out = function(*whole, **options)
        nodes, structure, places = flatten_outputs(out, function.name)
        total: list[Node | None] = [None] * len(nodes)
        for i, (rule, x, dx) in enumerate(zip(self.rules, primals, tangents)):
            if rule is None or not tree.leaves(dx):
                continue
            what = f"{function.name}: rule {i} of defjvps"
            term = rule(_filled(x, dx), out, *primals, **options)
            parts = tree.beside(term, structure, f"{what}: the tangent", "tangent", "the output")
            for j, (part, node, place) in enumerate(zip(parts, nodes, places)):
                found = fitting(part, node, tree.under(place, "tangent"), place, what)
                old = total[j]
                total[j] = found if old is None or found is None else cast(add(old, found), node.dtype)
                if found is None:
                    total[j] = old
        return out, tree.unflatten(structure, [None if dx is None else born(dx) for dx in total])


def _filled(x: Any, dx: Any) -> Any:
    """A tangent with zeros where nothing moves."""
    if isinstance(dx, Tensor):
        return dx
    primals, structure = tree.flatten(x)
    parts = tree.flatten_up_to(structure, dx)
    whole = [
        born(zeros(p.shape, p._node.dtype)) if part is None and isinstance(p, Tensor) else part for p, part in zip(primals, parts)
    ]
    return tree.unflatten(structure, whole)
