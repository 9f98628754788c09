"""A row of the table of primitives: with which inputs a primitive is checked, and what is documented of its edges.

One row is one to three lines. The modules beside this one hold `ROWS`, a list a family; test_registry.py does the rest:

    Row("sqrt", [positive(3, 4)], value=np.sqrt, edges=[Edge([0.0], [np.inf])])
    Row("sum", [normal(2, 3)], {"axes": (1,)}, value=lambda x: x.sum(1))
    Row("floor", [nonzero(5)], constant="piecewise constant")
    Row("gather", [normal(5), integers(0, 5, 3)], {"axis": 0}, label="with repeats")
    Row("cholesky", [positive_definite(3)], build=lambda p, x: p(symmetrised(x)))

Several rows may stand for one primitive: shapes that broadcast, a 0-d one, an empty one, each choice of axes. The
inputs are drawn inside the domain, well away (0.1 or more) from where the derivative jumps or ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from nabla.primitives.base import REGISTRY, Primitive
from nabla.primitives.elementwise import Elementwise

REAL = ("float32", "float64")
COMPLEX = ("complex128",)
ALL = ("float32", "float64", "complex128")
INTEGER = ("int64",)
"""The dtype of the rows of primitives that take no floats: they have values, and no derivative."""


# ---- inputs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """One example input: `draw(rng, shape, dtype)` makes it. `input(rng, dtype)` does so in its shape."""

    draw: Callable[[np.random.Generator, tuple[int, ...], np.dtype], np.ndarray]
    shape: tuple[int, ...]
    resizes: bool = True  # whether it can be drawn in another shape

    def __call__(self, rng: np.random.Generator, dtype: Any) -> np.ndarray:
        return np.asarray(self.draw(rng, self.shape, np.dtype(dtype)))

    def of(self, *shape: int) -> Input:
        """The same in another shape."""
        return replace(self, shape=shape)


def between(low: float, high: float, *shape: int) -> Input:
    """Uniform in an interval. Complex: the real part in it, the imaginary part in one half as wide around 0."""

    def draw(rng, shape, dtype):
        x = rng.uniform(low, high, shape)
        if dtype.kind == "c":
            x = x + 1j * rng.uniform(-0.25, 0.25, shape) * (high - low)
        return np.asarray(x).astype(dtype)

    return Input(draw, shape)


def normal(*shape: int) -> Input:
    """Numbers of either sign and ordinary size; a complex one has both parts so."""

    def draw(rng, shape, dtype):
        x = rng.standard_normal(shape)
        if dtype.kind == "c":
            x = x + 1j * rng.standard_normal(shape)
        return np.asarray(x).astype(dtype)

    return Input(draw, shape)


def positive(*shape: int) -> Input:
    """From 0.5 to 2; complex ones in the right half-plane."""
    return between(0.5, 2.0, *shape)


def nonzero(*shape: int) -> Input:
    """Of size 0.6 to 0.9 or 1.1 to 1.4 and either sign: away from zero, from whole numbers and from halves."""

    def draw(rng, shape, dtype):
        size = np.where(rng.random(shape) < 0.5, rng.uniform(0.6, 0.9, shape), rng.uniform(1.1, 1.4, shape))
        x = size * rng.choice([-1.0, 1.0], shape)
        if dtype.kind == "c":
            x = x + 1j * rng.uniform(0.6, 0.9, shape) * rng.choice([-1.0, 1.0], shape)
        return np.asarray(x).astype(dtype)

    return Input(draw, shape)


def distinct(*shape: int) -> Input:
    """No two elements closer than 0.25: for sorting and for extrema."""

    def draw(rng, shape, dtype):
        n = prod(shape)
        x = (rng.permutation(n) - n / 2) * 0.35 + rng.uniform(0.0, 0.1, n)
        if dtype.kind == "c":
            x = x + 1j * rng.standard_normal(n)
        return x.reshape(shape).astype(dtype)

    return Input(draw, shape)


def integers(low: int, high: int, *shape: int) -> Input:
    """int64 from `low` to `high` - 1, whatever the dtype of the row: an index."""
    return Input(lambda rng, shape, dtype: rng.integers(low, high, shape), shape)


def booleans(*shape: int) -> Input:
    """True and False, whatever the dtype of the row: a condition."""
    return Input(lambda rng, shape, dtype: rng.random(shape) < 0.5, shape)


def exactly(values: Any) -> Input:
    """These very values: floats in the dtype of the row, integers and booleans as they are."""
    array = np.asarray(values)

    def draw(rng, shape, dtype):
        return np.array(array, dtype if array.dtype.kind in "fc" else array.dtype)

    return Input(draw, array.shape, resizes=False)


def invertible(*shape: int) -> Input:
    """Square matrices, well-conditioned and not symmetric."""

    def draw(rng, shape, dtype):
        return (0.4 * normal(*shape)(rng, dtype) + 2.0 * np.eye(shape[-1])).astype(dtype)

    return Input(draw, shape)


def positive_definite(*shape: int) -> Input:
    """Hermitian positive definite matrices; where the primitive needs it, the row's `build` keeps them so."""

    def draw(rng, shape, dtype):
        x = normal(*shape)(rng, dtype)
        return (x @ np.conj(np.swapaxes(x, -1, -2)) / shape[-1] + np.eye(shape[-1])).astype(dtype)

    return Input(draw, shape)


def triangular(*shape: int) -> Input:
    """Lower triangular matrices with a diagonal away from zero."""

    def draw(rng, shape, dtype):
        x = 0.5 * normal(*shape)(rng, dtype)
        return (np.tril(x, -1) + positive(*shape)(rng, dtype) * np.eye(shape[-1])).astype(dtype)

    return Input(draw, shape)


# ---- rows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edge:
    """A point at the edge of the domain, at a kink, a tie or far out, and the derivatives that are documented there.

    inputs: one per input (numbers, lists or arrays; floats take the row's dtype).
    gradient: of the sum of the output, one per input, None for an input that is not differentiated. Checked in both
    modes.
    second: where given, the gradient of the sum of all elements of that gradient. Checked in all four nestings.
    masked: where given, the gradient as it is when the output stands in the branch of a `where` that is not taken. Zero
    in most cases: the promise of where-safety. dtype: the only dtype this is checked in, float64 if not said.
    """

    inputs: Sequence[Any]
    gradient: Sequence[Any]
    second: Sequence[Any] | None = None
    masked: Sequence[Any] | None = None
    dtype: str = "float64"
    rtol: float = 1e-12


@dataclass(frozen=True)
class Row:
    """How one primitive is checked.

    prim: its name. inputs: what it is called with. params: its static parameters.
    label: tells it from other rows of the primitive, where shapes and parameters do not.
    build: from the primitive and its input nodes to a node, or a tuple of nodes where it has several outputs; without
    it, the primitive is called with inputs and params.
    value: the expected value, a function of the ndarrays (NumPy's own, usually).
    dtypes: those of this row; without it, all that the primitive takes.
    real_only, complex_only: why it takes only these (elementwise primitives say it themselves).
    wrt: positions of the inputs that are differentiated; without it, all that are floating.
    constant: why the derivative is zero everywhere, where it is.
    edges: points at the boundary, each with its documented derivative.
    rtol, rtol32: tolerance against numerical derivatives, and of float32 against float64; `why` says why it is not
    the usual one.
    exhaustive: only for `make test-all` (large sizes, further permutations).
    """

    prim: str
    inputs: Sequence[Input] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    build: Callable[..., Any] | None = None
    value: Callable[..., Any] | None = None
    dtypes: tuple[str, ...] | None = None
    real_only: str = ""
    complex_only: str = ""
    wrt: tuple[int, ...] | None = None
    constant: str = ""
    edges: Sequence[Edge] = ()
    rtol: float = 1e-6
    rtol32: float = 2e-4
    why: str = ""
    exhaustive: bool = False

    def __post_init__(self) -> None:
        if (self.rtol > 1e-6 or self.rtol32 > 2e-4) and not self.why:
            raise ValueError(f"{self.prim}: a wider tolerance needs a reason, why=...")

    @property
    def primitive(self) -> Primitive:
        return REGISTRY[self.prim]

    def all_dtypes(self) -> tuple[str, ...]:
        """The dtypes in which this row is checked."""
        if self.dtypes is not None:
            return self.dtypes
        taken = REAL if self.real_only else COMPLEX if self.complex_only else ALL
        return tuple(name for name in dtypes_of(self.primitive) if name in taken or name in INTEGER)

    def __call__(self, *nodes: Any) -> Any:
        """The node, or the tuple of nodes."""
        if self.build is not None:
            return self.build(self.primitive, *nodes)
        return self.primitive(*nodes, **self.params)

    def resizes(self) -> bool:
        """Whether it can be checked in other shapes: it is elementwise, and its inputs can be drawn so."""
        return isinstance(self.primitive, Elementwise) and all(x.resizes for x in self.inputs)

    def with_inputs(self, inputs: Sequence[Input]) -> Row:
        """The same primitive with other inputs, without a reference or edges of its own."""
        return replace(self, inputs=inputs, edges=())

    def draw(self, rng: np.random.Generator, dtype: Any) -> list[np.ndarray]:
        return [x(rng, dtype) for x in self.inputs]

    def __str__(self) -> str:
        """The id of its tests: "sum (2,3) axes=(1,)"."""
        shapes = [str(list(x.shape)).replace(" ", "") for x in self.inputs]
        params = [f"{name}={value}".replace(" ", "") for name, value in self.params.items()]
        return " ".join([self.prim, *shapes, *params, *([self.label] if self.label else [])])


def dtypes_of(prim: Primitive) -> tuple[str, ...]:
    """What a primitive takes: elementwise ones say so, the others take all that their rows do not exclude."""
    if isinstance(prim, Elementwise):
        found = tuple(name for name in ALL if np.dtype(name).kind in prim.kinds)
        return found or INTEGER
    return ALL
