"""Rows of the elementwise primitives, and of softmax and its relatives."""

from math import cosh, exp, inf, log, nan, pi, sqrt, tanh

import numpy as np
from scipy import special

from rows.row import Edge, Input, Row, between, booleans, exactly, integers, nonzero, normal, positive


def drawn_from(values, *shape):
    """Each element is one of these."""
    return Input(lambda rng, shape, dtype: rng.choice(np.asarray(values, dtype), shape), shape)


def expit(x):
    return 1.0 / (1.0 + exp(-x))


def normalised(x, axes):
    """softmax by its definition."""
    parts = np.exp(x)
    return parts / parts.sum(axes, keepdims=True)


SPHERE = between(-0.8, 0.8, 3, 2)
BEYOND_1 = between(1.2, 3.0, 3, 2)
TINY, HUGE = 1e-200, 1e200
UNIT = 1 / sqrt(2)

ARITHMETIC = [
    Row("negative", [normal(2, 3)], value=np.negative),
    Row("add", [normal(2, 3), normal(2, 3)], value=np.add),
    Row("add", [normal(3), normal(2, 1)], value=np.add),
    Row("subtract", [normal(2, 3), normal(3)], value=np.subtract),
    Row("multiply", [normal(2, 3), normal(2, 3)], value=np.multiply),
    Row("multiply", [normal(3), normal()], value=np.multiply),
    Row(
        "safe_multiply",
        [normal(2, 3), normal(3)],
        value=np.multiply,
        edges=[Edge([0.0, inf], [inf, 0.0], masked=[0, 0]), Edge([nan, 0.0], [0.0, nan], masked=[0, 0])],
    ),
    Row(
        "divide",
        [normal(2, 3), positive(3)],
        value=np.divide,
        edges=[
            Edge([1.0, 0.0], [inf, None], masked=[0, None]),
            Edge([1.0, 0.0], [None, -inf], masked=[None, 0]),
            Edge([0.0, 0.0], [None, nan], masked=[None, 0]),
            Edge([1e200, 1e200], [1e-200, -1e-200]),
        ],
    ),
    Row(
        "remainder",
        [nonzero(2, 3), between(0.97, 1.03, 3)],
        value=np.remainder,
        edges=[Edge([-7.0, 3.0], [1, 3]), Edge([7.0, -3.0], [1, 3]), Edge([1.0, 0.1], [1, -9])],
    ),
    Row(
        "fmod",
        [nonzero(2, 3), between(0.97, 1.03, 3)],
        value=np.fmod,
        edges=[Edge([-7.0, 3.0], [1, 2]), Edge([7.0, -3.0], [1, 2]), Edge([1.0, 0.1], [1, -9])],
    ),
    Row("remainder", [exactly([[7.3, -7.3], [6.4, -5.2]]), exactly([3.0, -2.0])], value=np.remainder),
    Row("fmod", [exactly([[7.3, -7.3], [6.4, -5.2]]), exactly([3.0, -2.0])], value=np.fmod),
    Row("floor_divide", [nonzero(2, 3), between(0.97, 1.03, 3)], value=np.floor_divide, constant="piecewise constant"),
    Row("square", [normal(2, 3)], value=np.square),
    Row("sqrt", [positive(2, 3)], value=np.sqrt, edges=[Edge([0.0], [inf], masked=[0]), Edge([-1.0], [nan], masked=[0])]),
    Row(
        "cbrt",
        [nonzero(2, 3)],
        value=np.cbrt,
        edges=[Edge([0.0], [inf], masked=[0]), Edge([-8.0], [1 / 12], [1 / 144])],
    ),
    Row("reciprocal", [positive(2, 3)], value=np.reciprocal, edges=[Edge([0.0], [-inf], masked=[0])]),
    Row(
        "copysign",
        [nonzero(2, 3), nonzero(3)],
        value=np.copysign,
        edges=[Edge([0.0, 1.0], [0, 0]), Edge([2.0, -0.0], [-1, 0])],
    ),
    Row(
        "abs",
        [nonzero(2, 3)],
        value=np.abs,
        edges=[
            Edge([0.0], [0], [0]),
            Edge([-0.0], [0], [0]),
            Edge([0j], [0], dtype="complex128"),
            Edge([-2 + 0j], [-1], [0], dtype="complex128"),
            Edge([nan], [nan], masked=[0]),
            Edge([complex(nan, 0)], [complex(nan, nan)], masked=[0], dtype="complex128"),
        ],
    ),
    Row(
        "sign",
        [nonzero(2, 3)],
        build=lambda p, x: p(x) * x,  # real: the derivative of the sign alone is 0
        value=lambda x: np.sign(x) * x,
        edges=[Edge([0.0], [0], [0]), Edge([complex(nan, 0)], [complex(nan, nan)], masked=[0], dtype="complex128")],
    ),
    Row("sign", [nonzero(3)], label="alone", dtypes=("float32", "float64"), value=np.sign, constant="piecewise constant"),
    Row(
        "sign",
        [nonzero(3)],
        label="turning",
        dtypes=("complex128",),
        value=np.sign,
        edges=[Edge([0j], [0], [0], dtype="complex128")],
    ),
    Row(
        "hypot",
        [nonzero(2, 3), nonzero(3)],
        value=np.hypot,
        edges=[
            Edge([0.0, 0.0], [0, 0], [0, 0], masked=[0, 0]),
            Edge([3.0, 0.0], [1, 0]),
            Edge([HUGE, HUGE], [UNIT, UNIT]),
            Edge([TINY, -TINY], [UNIT, -UNIT]),
        ],
    ),
]

POWERS = [
    Row("power", [positive(2, 3), normal(3)], value=np.power),
    Row("power", [nonzero(3), exactly([-2.0, 2.0, 3.0])], wrt=(0,), value=np.power, label="of negative numbers"),
    Row(
        "power",
        [positive(3), positive(3)],
        label="at edges",
        edges=[
            Edge([0.0, 0.0], [0, 0], masked=[0, 0]),
            Edge([0.0, 1.0], [1, 0]),
            Edge([0.0, 2.0], [0, 0]),
            Edge([0.0, 2.0], [0, None], [2, None]),
            Edge([0.0, 0.5], [inf, None], masked=[0, None]),
            Edge([0.0, 0.5], [None, 0], [None, 0], masked=[None, 0]),
            Edge([0.0, -1.0], [-inf, None], masked=[0, None]),
            Edge([0.0, -1.0], [None, -inf], masked=[None, 0]),
            Edge([2.0, 0.0], [0, log(2)], [0.5, 0.5 + log(2) ** 2]),
            Edge([-2.0, 3.0], [12, None], [-12, None]),
            Edge([-2.0, 0.5], [nan, nan], masked=[0, 0]),
            Edge([inf, 2.0], [inf, None], masked=[0, None]),
        ],
    ),
    Row("power_by", [nonzero(2, 3)], {"exponent": 3.0}, value=lambda x: x**3),
    Row("power_by", [nonzero(2, 3)], {"exponent": 4.0}, value=lambda x: x**4),
    Row("power_by", [nonzero(3)], {"exponent": -2.0}, value=lambda x: x**-2),
    Row(
        "power_by",
        [positive(3)],
        {"exponent": 1.5},
        value=lambda x: x**1.5,
        edges=[Edge([0.0], [0], masked=[0]), Edge([-1.0], [nan], masked=[0])],
    ),
    Row(
        "power_by",
        [positive(3)],
        {"exponent": 0.3},
        value=lambda x: x**0.3,
        edges=[Edge([0.0], [inf], masked=[0])],
    ),
    Row("power_by", [between(-1.0, 1.0, 3)], {"exponent": 5.0}, label="at 0", edges=[Edge([0.0], [0], [0])]),
]

EXPONENTIALS = [
    Row("exp", [normal(2, 3)], value=np.exp, edges=[Edge([1000.0], [inf], masked=[0])]),
    Row("exp2", [normal(2, 3)], value=np.exp2),
    Row("expm1", [normal(2, 3)], value=np.expm1, edges=[Edge([1e-20], [1], [1]), Edge([-50.0], [exp(-50)], [exp(-50)])]),
    Row("log", [positive(2, 3)], value=np.log, edges=[Edge([0.0], [inf], masked=[0]), Edge([-1.0], [-1])]),
    Row("log2", [positive(2, 3)], value=np.log2),
    Row("log10", [positive(2, 3)], value=np.log10),
    Row(
        "log1p",
        [positive(2, 3)],
        value=np.log1p,
        edges=[Edge([1e-20], [1], [-1]), Edge([-1.0], [inf], masked=[0]), Edge([2.0**-52 - 1], [2.0**52])],
    ),
    Row(
        "sigmoid",
        [normal(2, 3)],
        edges=[
            Edge([40.0], [exp(-40)], [-exp(-40)]),
            Edge([-40.0], [exp(-40)], [exp(-40)]),
            Edge([-700.0], [exp(-700)], [exp(-700)]),
            Edge([1000.0], [0], [0]),
            Edge([-1000.0], [0], [0]),
            Edge([-1000.0 + 1j], [0], [0], dtype="complex128"),
        ],
        value=lambda x: 1 / (1 + np.exp(-x)),
    ),
    Row(
        "softplus",
        [normal(2, 3)],
        value=lambda x: np.log1p(np.exp(x)),
        edges=[Edge([-40.0], [expit(-40)], [expit(-40)]), Edge([1000.0], [1], [0]), Edge([-1000.0], [0], [0])],
    ),
    Row(
        "logit",
        [between(0.2, 0.8, 2, 3)],
        value=special.logit,
        edges=[Edge([0.0], [inf], masked=[0]), Edge([1e-100], [1e100])],
    ),
    Row(
        "logaddexp",
        [normal(2, 3), normal(3)],
        value=np.logaddexp,
        edges=[
            Edge([1000.0, -1000.0], [1, 0], [0, 0]),
            Edge([40.0, 0.0], [1, exp(-40)]),
            Edge([3.0, 3.0], [0.5, 0.5], [0, 0]),
            Edge([3.0, 3.0], [0.5, None], [0.25, None]),
            Edge([inf, inf], [0.5, 0.5]),
            Edge([-inf, -inf], [0.5, 0.5]),
            Edge([-inf, 1.0], [0, 1], [0, 0]),
            Edge([inf, 1.0], [1, 0], [0, 0]),
            Edge([inf, -inf], [1, 0], [0, 0]),
            Edge([1e10, 1e10 + 1], [expit(-1), expit(1)]),
        ],
    ),
]

CIRCULAR = [
    Row("sin", [normal(2, 3)], value=np.sin),
    Row("cos", [normal(2, 3)], value=np.cos),
    Row("tan", [between(-1.2, 1.2, 2, 3)], value=np.tan),
    Row(
        "arcsin",
        [SPHERE],
        value=np.arcsin,
        edges=[
            Edge([1.0], [inf], masked=[0]),
            Edge([2.0], [nan], masked=[0]),
            Edge([1 - 2.0**-53], [1 / sqrt(2.0**-53 * (2 - 2.0**-53))]),
        ],
    ),
    Row(
        "arccos",
        [SPHERE],
        value=np.arccos,
        edges=[Edge([-1.0], [-inf], masked=[0]), Edge([2.0**-53 - 1], [-1 / sqrt(2.0**-53 * (2 - 2.0**-53))])],
    ),
    Row("arctan", [SPHERE], value=np.arctan, edges=[Edge([1e200], [0], [0])]),
    Row("arctan", [normal(3)], value=np.arctan, dtypes=("float32", "float64")),
    Row(
        "arctan2",
        [nonzero(2, 3), nonzero(3)],
        value=np.arctan2,
        edges=[
            Edge([0.0, 0.0], [0, 0], [0, 0], masked=[0, 0]),
            Edge([0.0, 2.0], [0.5, 0]),
            Edge([HUGE, HUGE], [0.5 / HUGE, -0.5 / HUGE]),
            Edge([TINY, TINY], [0.5 / TINY, -0.5 / TINY]),
        ],
    ),
    Row("sinc", [nonzero(2, 3)], {"n": 0}, value=lambda x: np.sin(x) / x, edges=[Edge([0.0], [0], [-1 / 3])]),
    Row(
        "sinc",
        [normal(3)],
        {"n": 1},
        edges=[
            Edge([0.0], [-1 / 3], [0]),
            Edge([1e-9], [-1 / 3], [1e-9 / 5]),
            Edge([1e-3], [1e-7 - 1 / 3 - 1e-12 / 168]),
        ],
    ),
    Row("sinc", [between(-30, 30, 4)], {"n": 2}),
]

HYPERBOLIC = [
    Row("sinh", [normal(2, 3)], value=np.sinh),
    Row("cosh", [normal(2, 3)], value=np.cosh),
    Row(
        "tanh",
        [between(-1.5, 1.5, 2, 3)],
        value=np.tanh,
        edges=[
            Edge([20.0], [cosh(20) ** -2], [-2 * tanh(20) * cosh(20) ** -2]),
            Edge([-20.0], [cosh(20) ** -2], [2 * tanh(20) * cosh(20) ** -2]),
            Edge([300.0], [cosh(300) ** -2]),
            Edge([400.0], [0], [0]),
            Edge([inf], [0], [0]),
            Edge([20.0 + 0j], [cosh(20) ** -2], dtype="complex128"),
            Edge([800.0 + 1j], [0], [0], dtype="complex128"),
        ],
    ),
    Row("sech2", [between(-1.5, 1.5, 2, 3)], value=lambda x: np.cosh(x) ** -2),
    Row("arcsinh", [SPHERE], value=np.arcsinh, edges=[Edge([1e200], [1e-200]), Edge([0.0], [1], [0])]),
    Row("arcsinh", [normal(3)], value=np.arcsinh, dtypes=("float32", "float64")),
    Row(
        "arccosh",
        [BEYOND_1],
        value=np.arccosh,
        edges=[
            Edge([1.0], [inf], masked=[0]),
            Edge([1e200], [1e-200]),
            Edge([1 + 2.0**-52], [sqrt(2.0**52 / (2 + 2.0**-52))]),
        ],
    ),
    Row(
        "arctanh",
        [SPHERE],
        value=np.arctanh,
        edges=[Edge([1.0], [inf], masked=[0]), Edge([1 - 2.0**-53], [2.0**53 / (2 - 2.0**-53)])],
    ),
]

SPECIAL = [
    Row(
        "erf",
        [normal(2, 3)],
        value=special.erf,
        edges=[Edge([0.0], [2 / sqrt(pi)], [0]), Edge([6.0], [2 / sqrt(pi) * exp(-36)], [-24 / sqrt(pi) * exp(-36)])],
    ),
    Row(
        "erfc",
        [normal(2, 3)],
        value=special.erfc,
        edges=[
            Edge([6.0], [-2 / sqrt(pi) * exp(-36)]),
            Edge([-6.0], [-2 / sqrt(pi) * exp(-36)]),
            Edge([30.0], [0], [0]),
        ],
    ),
    Row(
        "gammaln",
        [positive(2, 3)],
        value=special.gammaln,
        edges=[Edge([1.0], [-np.euler_gamma], [pi**2 / 6]), Edge([1e10], [log(1e10) - 0.5e-10])],
    ),
    Row("gammaln", [exactly([-0.4, -1.7, -2.2])], label="of negative numbers", value=special.gammaln),
    Row("polygamma", [positive(2, 3)], {"n": 0}, value=special.digamma),
    Row("polygamma", [positive(3)], {"n": 2}, value=lambda x: special.polygamma(2, x).astype(x.dtype)),
]

PIECEWISE_CONSTANT = [
    Row(name, [nonzero(2, 3)], value=function, constant="piecewise constant", edges=[Edge([2.0], [0], [0])])
    for name, function in {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint}.items()
]

NO_DERIVATIVE = [
    *[
        Row(name, [drawn_from([0, 1, 2], 2, 3), drawn_from([0, 1], 3)], value=function, constant="a truth")
        for name, function in {
            "equal": np.equal,
            "not_equal": np.not_equal,
            "less": np.less,
            "less_equal": np.less_equal,
            "greater": np.greater,
            "greater_equal": np.greater_equal,
            "logical_and": np.logical_and,
            "logical_or": np.logical_or,
            "logical_xor": np.logical_xor,
        }.items()
    ],
    *[
        Row(name, [drawn_from([0.0, -0.0, 2.0, -2.0, inf, -inf, nan], 9)], value=function, constant="a truth")
        for name, function in {
            "isfinite": np.isfinite,
            "isinf": np.isinf,
            "isnan": np.isnan,
            "signbit": np.signbit,
            "logical_not": np.logical_not,
        }.items()
    ],
    *[
        Row(name, [integers(0, 50, 2, 3), integers(0, 9, 3)], value=function, constant="of integers")
        for name, function in {
            "bitwise_and": np.bitwise_and,
            "bitwise_or": np.bitwise_or,
            "bitwise_xor": np.bitwise_xor,
            "gcd": np.gcd,
            "bitwise_left_shift": np.left_shift,
            "bitwise_right_shift": np.right_shift,
        }.items()
    ],
    Row("bitwise_invert", [integers(0, 50, 2, 3)], value=np.invert, constant="of integers"),
]

CHOICES = [
    Row("where", [booleans(2, 3), normal(2, 3), normal(2, 3)], value=np.where),
    Row("where", [booleans(3), normal(), normal(2, 1)], value=np.where),
    Row("where", [exactly(True), normal(3), normal(2, 1)], value=np.where, wrt=(1,)),
    Row("where", [exactly([True, False, True]), normal(), normal(3)], value=np.where, wrt=(1,), label="first alone"),
    Row(
        "where",
        [booleans(2), normal(2), normal(2)],
        label="at edges",
        edges=[Edge([[True, False], [1.0, nan], [inf, 2.0]], [None, [1, 0], [0, 1]], [None, [0, 0], [0, 0]])],
    ),
    Row(
        "maximum",
        [nonzero(2, 3), between(-0.4, 0.4, 3)],
        value=np.maximum,
        edges=[
            Edge([1.0, 1.0], [0.5, 0.5], [0, 0]),
            Edge([0.0, -0.0], [0.5, 0.5]),
            Edge([inf, inf], [0.5, 0.5]),
            Edge([2.0, 1.0], [1, 0], [0, 0]),
        ],
    ),
    Row(
        "minimum",
        [nonzero(2, 3), between(-0.4, 0.4, 3)],
        value=np.minimum,
        edges=[Edge([1.0, 1.0], [0.5, 0.5], [0, 0]), Edge([2.0, 1.0], [0, 1], [0, 0])],
    ),
    Row("nextafter", [nonzero(2, 3), normal(3)], value=np.nextafter),
]

REAL = "an order is needed to take out the maximum"
SOFTMAX = [
    Row("softmax", [normal(4)], {"axes": (0,)}, value=lambda x: normalised(x, 0), real_only=REAL),
    Row("softmax", [normal(2, 3, 2)], {"axes": (0, 2)}, value=lambda x: normalised(x, (0, 2)), real_only=REAL),
    Row("softmax", [normal()], {"axes": ()}, value=np.ones_like, constant="it is 1", real_only=REAL),
    Row(
        "softmax",
        [normal(0, 3)],
        {"axes": (0,)},
        value=lambda x: x,
        real_only=REAL,
    ),
    Row("log_softmax", [normal(4)], {"axes": (0,)}, value=lambda x: np.log(normalised(x, 0)), real_only=REAL),
    Row(
        "log_softmax",
        [normal(2, 3, 2)],
        {"axes": (0, 2)},
        value=lambda x: np.log(normalised(x, (0, 2))),
        real_only=REAL,
    ),
    Row(
        "logsumexp",
        [normal(4)],
        {"axes": (0,)},
        value=lambda x: np.log(np.exp(x).sum()),
        real_only=REAL,
        edges=[
            Edge([[1000.0, -1000.0]], [[1, 0]], [[0, 0]]),
            Edge([[0.0, -80.0]], [[1, exp(-80)]]),
            Edge([[-inf, 0.0]], [[0, 1]], [[0, 0]]),
            Edge([[-inf, -inf]], [[0.5, 0.5]], masked=[[0, 0]]),
            Edge([[inf, 0.0]], [[1, 0]], [[0, 0]], masked=[[0, 0]]),
            Edge([[inf, inf, 1.0]], [[0.5, 0.5, 0]]),
            Edge([[nan, 0.0]], [[nan, nan]], masked=[[0, 0]]),
        ],
    ),
    Row(
        "logsumexp",
        [normal(2, 3, 2)],
        {"axes": (0, 2)},
        value=lambda x: np.log(np.exp(x).sum((0, 2))),
        real_only=REAL,
    ),
    Row("logsumexp", [normal(0, 3)], {"axes": (1,)}, value=lambda x: np.zeros(0, x.dtype), real_only=REAL),
]

ROWS = [
    *ARITHMETIC,
    *POWERS,
    *EXPONENTIALS,
    *CIRCULAR,
    *HYPERBOLIC,
    *SPECIAL,
    *PIECEWISE_CONSTANT,
    *NO_DERIVATIVE,
    *CHOICES,
    *SOFTMAX,
]
