"""Hypergeometric functions and what is made of them: classical polynomials, elliptic integrals, Lambert's W.

Derivatives by the argument are the same function with shifted parameters, which is right at x = 0 and x = 1, too, where the
differential equations are 0/0. `orders` counts derivatives by the parameters; Leibniz' rule carries them along.

Notation: a, b, c parameters, z the argument; n the degree of a polynomial, a whole number without derivative.
"""

from __future__ import annotations

from itertools import product
from math import comb, factorial, pi
from typing import Any, Callable, Sequence

from nabla.graph.node import Node
from nabla.primitives import formulas as f
from nabla.primitives.elementwise import ZERO, Elementwise, Unary
from nabla.primitives.special import beyond, exprel

MOST = 2
"""The most derivatives by parameters, in all, that kernels give."""

Factor = Callable[[Node, int], Node | None]


def _raised(orders: Sequence[int], i: int) -> tuple[int, ...]:
    return tuple(n + (j == i) for j, n in enumerate(orders))


def _by_parameter(name: str, letters: Sequence[str], i: int, prim: Callable[..., Node]) -> Callable[..., Node]:
    def partial(out: Node, *inputs: Node, orders: tuple[int, ...]) -> Node:
        if sum(orders) == MOST:
            raise beyond(name, letters[i], MOST)
        return prim(*inputs, orders=_raised(orders, i))

    return partial


def _upper(a: Node, j: int) -> Node | None:
    """The j-th derivative of a."""
    return (a, f.like(a, 1.0))[j] if j < 2 else None


def _lower(b: Node, j: int) -> Node:
    """The j-th derivative of 1/b."""
    return (-1.0) ** j * factorial(j) * f.power_by(b, exponent=-1.0 - j)


def _series(name: str, letters: str, *factors: Factor) -> Elementwise:
    """pFq, where F' = (product of a) / (product of b) times F with all parameters one higher (DLMF 16.3.1)."""

    def by_argument(out: Node, *inputs: Node, orders: tuple[int, ...]) -> Node:
        *parameters, z = inputs
        shifted = [p + 1.0 for p in parameters]
        total: Any = 0.0
        for taken in product(*[range(n + 1) for n in orders]):  # derivatives that fall on the factors
            term: Any = prim(*shifted, z, orders=tuple(n - j for n, j in zip(orders, taken)))
            for p, factor, n, j in zip(parameters, factors, orders, taken):
                value = factor(p, j)
                term = None if term is None or value is None else term * value * comb(n, j)
            if term is not None:
                total = term + total
        return total

    prim: Any = None  # the rules name it
    partials = [_by_parameter(name, letters, i, lambda *inputs, **params: prim(*inputs, **params)) for i in range(len(letters))]
    prim = Elementwise(name, *partials, by_argument, kinds="f")
    return prim


hyp0f1 = _series("hyp0f1", "v", _lower)
hyp1f1 = _series("hyp1f1", "ab", _upper, _lower)
hyp2f1 = _series("hyp2f1", "abc", _upper, _upper, _lower)


def _later(name: str) -> Callable[..., Node]:
    return lambda *inputs, **params: globals()[name](*inputs, **params)


def _hyperu_by_argument(out: Node, a: Node, b: Node, x: Node, orders: tuple[int, int]) -> Node:
    """-a U(a + 1, b + 1, x), differentiated by a with the product rule (DLMF 13.3.22)."""
    i, j = orders
    total = -a * hyperu(a + 1.0, b + 1.0, x, orders=orders)
    return total - i * hyperu(a + 1.0, b + 1.0, x, orders=(i - 1, j)) if i else total


hyperu = Elementwise(
    "hyperu", *[_by_parameter("hyperu", "ab", i, _later("hyperu")) for i in (0, 1)], _hyperu_by_argument, kinds="f"
)


# Classical polynomials. The derivative of one of degree n is of degree n - 1 (DLMF 18.9.15 to 18.9.28).


def _below(n: Node, x: Node, derivative: Callable[[Node], Node]) -> Node:
    """The derivative made from the degree n - 1, and 0 for the constants."""
    constant = f.less(n, f.like(n, 1.0))
    return f.select(constant, f.zero_of(x), derivative(f.maximum(n - 1.0, f.zero_of(n))))


def _classical(out: Node, n: Node, x: Node, kind: str) -> Node:
    none = (0,)

    def derivative(m: Node) -> Node:
        if kind == "legendre":
            return gegenbauer(m, f.like(x, 1.5), x, orders=none)
        if kind == "chebyt":
            return n * classical(m, x, kind="chebyu")
        if kind == "chebyu":
            return 2.0 * gegenbauer(m, f.like(x, 2.0), x, orders=none)
        if kind == "laguerre":
            return -genlaguerre(m, f.like(x, 1.0), x, orders=none)
        return (2.0 if kind == "hermite" else 1.0) * n * classical(m, x, kind=kind)

    return _below(n, x, derivative)


def _gegenbauer(out: Node, n: Node, a: Node, x: Node, orders: tuple[int, ...]) -> Node:
    (j,) = orders

    def derivative(m: Node) -> Node:
        total = a * gegenbauer(m, a + 1.0, x, orders=(j,))
        return 2.0 * (total + j * gegenbauer(m, a + 1.0, x, orders=(j - 1,)) if j else total)

    return _below(n, x, derivative)


def _jacobi(out: Node, n: Node, a: Node, b: Node, x: Node, orders: tuple[int, ...]) -> Node:
    i, j = orders

    def derivative(m: Node) -> Node:
        def shifted(*orders: int) -> Node:
            return jacobi(m, a + 1.0, b + 1.0, x, orders=orders)

        total = (n + a + b + 1.0) * shifted(i, j)
        total = total + i * shifted(i - 1, j) if i else total
        total = total + j * shifted(i, j - 1) if j else total
        return 0.5 * total

    return _below(n, x, derivative)


def _genlaguerre(out: Node, n: Node, a: Node, x: Node, orders: tuple[int, ...]) -> Node:
    return _below(n, x, lambda m: -genlaguerre(m, a + 1.0, x, orders=orders))


classical = Elementwise("classical_polynomial", ZERO, _classical, kinds="f")
gegenbauer = Elementwise(
    "eval_gegenbauer", ZERO, _by_parameter("eval_gegenbauer", ("alpha",), 0, _later("gegenbauer")), _gegenbauer, kinds="f"
)
genlaguerre = Elementwise(
    "eval_genlaguerre", ZERO, _by_parameter("eval_genlaguerre", ("alpha",), 0, _later("genlaguerre")), _genlaguerre, kinds="f"
)
jacobi = Elementwise(
    "eval_jacobi",
    ZERO,
    *[_by_parameter("eval_jacobi", ("alpha", "beta"), i, _later("jacobi")) for i in (0, 1)],
    _jacobi,
    kinds="f",
)


# Elliptic integrals, all derivatives of which are integrals of one family (Carlson, DLMF 19.16):
#     the integral from 0 to infinity of (t + x)**(-p/2) (t + y)**(-q/2) (t + z)**(-r/2) dt    for odd p, q, r.


def _carlson_partial(i: int, name: str) -> Callable[..., Node]:
    def partial(out: Node, *inputs: Node, powers: tuple[int, ...]) -> Node:
        return (-0.5 * powers[i]) * _later(name)(*inputs, powers=tuple(p + 2 * (j == i) for j, p in enumerate(powers)))

    return partial


carlson = Elementwise("carlson", *[_carlson_partial(i, "carlson") for i in range(3)], kinds="f")


carlson_j = Elementwise("carlson_j", *[_carlson_partial(i, "carlson_j") for i in range(4)], kinds="f")


def _carlson_g_partial(i: int) -> Callable[..., Node]:
    """A quarter of the integral of t / (t + x) / 2 over the roots, by which t = (t + x) - x is of the family."""

    def partial(out: Node, *inputs: Node) -> Node:
        x = inputs[i]
        rest = carlson(*inputs, powers=tuple(1 + 2 * (j == i) for j in range(3)))
        at_zero = f.equal(x, f.zero_of(x))
        return 0.125 * (carlson(*inputs, powers=(1, 1, 1)) - f.select(at_zero, f.zero_of(x), x * rest))

    return partial


elliprg = Elementwise("elliprg", *[_carlson_g_partial(i) for i in range(3)], kinds="f")


def carlson_of(m: Node, sine: Node, cosine: Node, powers: tuple[int, int, int]) -> Node:
    """The member at (cos**2, 1 - m sin**2, 1)."""
    return carlson(f.square(cosine), 1.0 - m * f.square(sine), f.like(m, 1.0), powers=powers)


# E' = (E - K) / (2 m) = -R_D(0, 1 - m, 1) / 6, which is no 0/0 at m = 0 (DLMF 19.4.2, 19.25.1).
ellipe = Unary("ellipe", lambda out, m: -0.25 * carlson_of(m, f.like(m, 1.0), f.zero_of(m), (1, 1, 3)), kinds="f")


def _root(phi: Node, m: Node) -> Node:
    return f.sqrt(1.0 - m * f.square(f.sin(phi)))


def _by_m(phi: Node, m: Node, powers: tuple[int, int, int], sign: float) -> Node:
    """sin(phi)**3 times a member of the family; beyond pi/2, by phi = turns pi + rest (DLMF 19.2.10, 19.25.5, 19.25.10)."""
    turns = f.rint(phi / pi)
    rest = phi - turns * pi
    sine = f.sin(rest)
    whole = carlson_of(m, f.like(m, 1.0), f.zero_of(m), powers)
    part = sine * f.square(sine) * carlson_of(m, sine, f.cos(rest), powers)
    none = f.equal(turns, f.zero_of(turns))  # there the whole may be infinite
    return sign * 0.25 * (part + f.select(none, f.zero_of(part), 2.0 * turns * whole))


ellipkinc = Elementwise(
    "ellipkinc", lambda out, phi, m: 1.0 / _root(phi, m), lambda out, phi, m: _by_m(phi, m, (1, 3, 1), 1.0), kinds="f"
)
ellipeinc = Elementwise(
    "ellipeinc", lambda out, phi, m: _root(phi, m), lambda out, phi, m: _by_m(phi, m, (1, 1, 3), -1.0), kinds="f"
)


def _amplitude_slope(out: Node, u: Node, m: Node) -> Node:
    """dn(u, m): of two squares, which near m = 1 keep the digits that 1 - m sin**2 loses."""
    return f.sqrt(f.square(f.cos(out)) + (1.0 - m) * f.square(f.sin(out)))


amplitude = Elementwise(
    "amplitude",
    _amplitude_slope,
    lambda out, u, m: -_amplitude_slope(out, u, m) * _by_m(out, m, (1, 3, 1), 1.0),
    kinds="f",
)
"""Jacobi's amplitude, the phi for which ellipkinc(phi, m) = u."""


# Lambert's W: from w exp(w) = z follows w' = exp(-w) / (1 + w), which is right at 0, where w / (z (1 + w)) is 0/0.

lambertw = f.Family("lambertw", lambda out, z, k: f.exp(-out) / (1.0 + out), kinds="c")


# Integrals of circular and hyperbolic functions


def _integrand(out: Node, x: Node, kind: str) -> Node:
    if kind == "si":
        return f.sinc(x, n=0)
    if kind == "ci":
        return f.cos(x) / x
    if kind == "shi":  # sinh(x) / x
        return 0.5 * (exprel(x, n=0) + exprel(-x, n=0))
    if kind == "chi":
        return f.cosh(x) / x
    return (f.sin if kind == "fresnel_s" else f.cos)((0.5 * pi) * f.square(x))


circular_integral = f.Family("circular_integral", _integrand, kinds="f")
