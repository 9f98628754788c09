"""Elementwise primitives of special functions: a name and its partial derivatives, one per argument.

A primitive that is named as a ufunc of scipy.special is computed by it: engines/numpy/special.py lists them. Static
parameters (a whole-number order) come before the inputs, as in SciPy: expn(n, x) is the primitive `expn` with n=2.

The functions that rules are made of most often (exp, erf, gammaln, polygamma) stand in formulas.py; those whose
derivatives in a parameter are functions of their own, in incomplete.py.

Notation: x, y inputs, out result; n, order static parameters.
"""

from __future__ import annotations

from math import pi, sqrt as root

from nabla.errors import NotDifferentiableError, user_line
from nabla.graph.node import Node
from nabla.primitives.elementwise import Unary
from nabla.primitives.formulas import Family, exp, polygamma, square


def beyond(name: str, argument: str, known: int) -> NotDifferentiableError:
    """The error of a partial derivative of higher order than is known: raise it inside the partial."""
    order = {0: "has no derivative", 1: "has its first derivative only", 2: "has its first and second derivative only"}[known]
    return NotDifferentiableError(
        f"{name} {order} in its argument {argument}; one more was asked for (at {user_line()}). "
        f"Write nb.detach({argument}) if the derivative should not flow through it."
    )


# fmt: off
# Gamma
gamma  = Unary("gamma", lambda out, x: out * polygamma(x, n=0), kinds="f")
rgamma = Family("rgamma", lambda out, x, n: rgamma(x, n=n + 1), kinds="f")  # the n-th derivative of 1/gamma, entire

# Error functions
erfcx  = Unary("erfcx", lambda out, x: 2.0 * (x * out) - 2.0 / root(pi), kinds="f")
# fmt: on


def gauss(x: Node) -> Node:
    """exp(-x**2) * 2/sqrt(pi), the derivative of erf."""
    return exp(-square(x)) * (2.0 / root(pi))
