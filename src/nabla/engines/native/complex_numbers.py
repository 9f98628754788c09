"""Complex numbers as pairs of real ones: what each operation is in terms of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from nabla.engines.native.values import Number, Pair

if TYPE_CHECKING:
    from nabla.engines.native.writer import Writer


def _add(w: Writer, x: Pair, y: Pair) -> Number:
    return Pair(w.op("add", x.real.dtype, x.real, y.real), w.op("add", x.real.dtype, x.imag, y.imag))


def _subtract(w: Writer, x: Pair, y: Pair) -> Number:
    return Pair(w.op("subtract", x.real.dtype, x.real, y.real), w.op("subtract", x.real.dtype, x.imag, y.imag))


def _negative(w: Writer, x: Pair) -> Number:
    return Pair(w.op("negative", x.real.dtype, x.real), w.op("negative", x.real.dtype, x.imag))


def _multiply(w: Writer, x: Pair, y: Pair) -> Number:
    dtype = x.real.dtype

    def product(a: Any, b: Any) -> Any:
        return w.op("multiply", dtype, a, b)

    real = w.op("subtract", dtype, product(x.real, y.real), product(x.imag, y.imag))
    return Pair(real, w.op("add", dtype, product(x.real, y.imag), product(x.imag, y.real)))


COMPLEX: dict[str, Callable[..., Number]] = {
    "add": _add,
    "subtract": _subtract,
    "negative": _negative,
    "multiply": _multiply,
}
