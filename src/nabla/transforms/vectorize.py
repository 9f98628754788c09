"""Functions of single elements, rows or axes applied all over an array: `vectorize`, `apply_along_axis`, `apply_over_axes`.

The function runs once, under vmap. Where it asks for values (an `if` on an element), which it cannot have there, it is called for
one element after the other instead.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, Callable, Iterable, Sequence

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError, TracedValueError
from nabla.ops.axes import one_axis
from nabla.ops.creation import asarray, astype
from nabla.ops.joining import stack
from nabla.ops.shape import broadcast_to, expand_dims, moveaxis, reshape
from nabla.primitives.base import broadcast_shapes
from nabla.tensor import Tensor
from nabla.transforms.vmap import vmap


def _each(f: Callable[..., Any], rows: Sequence[Tensor]) -> Any:
    """f of each row of all, stacked: in one run, or where f needs values one after the other."""
    try:
        return vmap(f)(*rows)
    except TracedValueError:
        n = rows[0].shape[0]
        if not n:
            raise
    results = [f(*[row[i] for row in rows]) for i in range(n)]
    if isinstance(results[0], (tuple, list)):
        return tuple(stack([asarray(x) for x in column]) for column in zip(*results, strict=True))
    return stack([asarray(x) for x in results])


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tensor:
    """func1d(row, *args, **kwargs) of each row of `arr` along `axis`; the axes of its results stand in place of that axis.

    func1d runs once, under vmap; where it needs values (an `if` on an element), once for each row. Raises ShapeError where there
    are no rows, AxisError for an axis that arr has not.

    >>> nb.apply_along_axis(lambda row: row[0] + row[-1], 1, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).tolist()
    [4.0, 10.0]
    """
    x = asarray(arr)
    axis = one_axis("apply_along_axis", axis, x.ndim)
    rows = moveaxis(x, axis, -1)
    left = rows.shape[:-1]
    if not prod(left):
        raise ShapeError(f"apply_along_axis: there are no rows along axis {axis} of shape {x.shape}")
    out = asarray(_each(lambda row: func1d(row, *args, **kwargs), [reshape(rows, (prod(left), rows.shape[-1]))]))
    inner = out.shape[1:]
    out = reshape(out, (*left, *inner))
    ends = tuple(range(len(left), len(left) + len(inner)))
    return moveaxis(out, ends, tuple(range(axis, axis + len(inner)))) if inner else out


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Tensor:
    """func(a, axis) for one axis after the other; where it takes the axis away, an axis of length 1 is put in its place.

    Raises ShapeError where func returns something of another number of axes.

    >>> nb.apply_over_axes(nb.sum, nb.ones((2, 3, 4)), [0, 2]).tolist()
    [[[8.0], [8.0], [8.0]]]
    """
    out = asarray(a)
    ndim = out.ndim
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        place = one_axis("apply_over_axes", axis, ndim)
        found = asarray(func(out, place))
        if found.ndim == ndim - 1:
            found = expand_dims(found, place)
        if found.ndim != ndim:
            raise ShapeError(f"apply_over_axes: func made {found.ndim} axes of {ndim}; it may take away one, or none")
        out = found
    return out


_NAMES = r"\((\s*\w+\s*(,\s*\w+\s*)*,?\s*)?\)"
_SIGNATURE = re.compile(rf"^\s*{_NAMES}\s*(,\s*{_NAMES}\s*)*->\s*{_NAMES}\s*(,\s*{_NAMES}\s*)*$")


def _parsed(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The names of the core axes of inputs and outputs, from "(m,n),(n)->(m)"."""
    if not _SIGNATURE.match(signature):
        raise ArgumentError(f"vectorize: a signature is of the form '(m,n),(n)->(m)'; got {signature!r}")
    inputs, outputs = (
        [tuple(re.findall(r"\w+", part)) for part in re.findall(r"\([^)]*\)", side)] for side in signature.split("->")
    )
    return inputs, outputs


class vectorize:
    """A function of single elements as a function of arrays, which broadcast against each other.

    signature: of the axes that belong to one call, such as "(m,n),(n)->(m)"; without it all are single elements. otypes: the dtypes
    of the outputs, as a string of characters or a list. excluded: positions or names of arguments that are passed on as they are.
    cache is taken and does nothing: the function runs once, under vmap; where it needs values (an `if` on an element), once for
    each element.

    >>> f = nb.vectorize(lambda a, b: a - b if a > b else a + b)
    >>> f([1.0, 2.0, 3.0], 2.0).tolist()
    [3.0, 4.0, 1.0]
    >>> nb.vectorize(nb.matmul, signature="(n),(n)->()")(np.ones((2, 3)), np.ones(3)).tolist()
    [3.0, 3.0]
    """

    def __init__(
        self,
        pyfunc: Callable[..., Any],
        otypes: Any = None,
        doc: str | None = None,
        excluded: Iterable[int | str] | None = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        if not callable(pyfunc):
            raise ArgumentTypeError(f"vectorize takes a function; got {type(pyfunc).__name__}")
        self.pyfunc = pyfunc
        self.signature = signature
        self.excluded = frozenset(excluded or ())
        self.cache = cache
        self.otypes = None if otypes is None else [dtypes.canonical(o) for o in otypes]
        self._core = None if signature is None else _parsed(signature)
        self.__name__ = getattr(pyfunc, "__name__", "vectorized")
        self.__doc__ = doc or getattr(pyfunc, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        places = [i for i in range(len(args)) if i not in self.excluded]
        names = [name for name in kwargs if name not in self.excluded]
        given = [asarray(args[i]) for i in places] + [asarray(kwargs[name]) for name in names]
        cores = [()] * len(given) if self._core is None else self._core[0]
        if len(cores) != len(given):
            raise ArgumentTypeError(f"vectorize: the signature {self.signature!r} has {len(cores)} inputs; got {len(given)}")
        _want_core_axes(self.signature, cores, given)
        outer = [x.shape[: x.ndim - len(core)] for x, core in zip(given, cores)]
        shape = broadcast_shapes("vectorize", outer)

        def one(*elements: Any) -> Any:
            positional, named = list(args), dict(kwargs)
            for i, x in zip(places, elements):
                positional[i] = x
            for name, x in zip(names, elements[len(places) :]):
                named[name] = x
            return self.pyfunc(*positional, **named)

        rows = []
        for x, own in zip(given, outer):
            core = x.shape[len(own) :]
            rows.append(reshape(broadcast_to(x, (*shape, *core)), (prod(shape), *core)))
        found = _each(one, rows) if rows else one()
        return self._dressed(found, shape)

    def _dressed(self, found: Any, shape: tuple[int, ...]) -> Any:
        several = isinstance(found, (tuple, list))
        outs = [asarray(x) for x in (found if several else (found,))]
        if self._core is not None and len(outs) != len(self._core[1]):
            raise ShapeError(f"vectorize: the signature {self.signature!r} has {len(self._core[1])} outputs; got {len(outs)}")
        outs = [reshape(x, (*shape, *x.shape[1:])) for x in outs]
        if self.otypes is not None:
            if len(self.otypes) != len(outs):
                raise ArgumentError(f"vectorize: otypes names {len(self.otypes)} dtypes, but there are {len(outs)} outputs")
            outs = [astype(x, dtype) for x, dtype in zip(outs, self.otypes)]
        return tuple(outs) if several else outs[0]


def _want_core_axes(signature: str | None, cores: Sequence[tuple[str, ...]], given: Sequence[Tensor]) -> None:
    """Each input has its core axes, and axes of one name have one length."""
    lengths: dict[str, int] = {}
    for i, (core, x) in enumerate(zip(cores, given)):
        if x.ndim < len(core):
            raise ShapeError(f"vectorize: input {i} of shape {x.shape} has not the axes {core} of the signature {signature!r}")
        for name, n in zip(core, x.shape[x.ndim - len(core) :]):
            if lengths.setdefault(name, n) != n:
                raise ShapeError(f"vectorize: the axis {name!r} of {signature!r} has lengths {lengths[name]} and {n}")
