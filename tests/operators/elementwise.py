"""Functions that act on each element."""

from rows.row import COMPLEX, REAL, between, booleans, integers, nonzero, normal, positive

from operators.operator import Operator

STEPS = "piecewise constant"
ORDER = "complex numbers have no order"
REAL_FUNCTION = "defined for real numbers"
INSIDE = between(-0.8, 0.8, 2, 3)

UNARY = {
    **dict.fromkeys(["acos", "arccos", "asin", "arcsin", "atanh", "arctanh", "atan", "arctan", "tan"], INSIDE),
    **dict.fromkeys(["acosh", "arccosh"], between(1.5, 3.0, 2, 3)),
    **dict.fromkeys(["asinh", "arcsinh", "sin", "cos", "sinh", "cosh", "tanh", "exp", "expm1", "exp2", "square"], INSIDE),
    **dict.fromkeys(["negative", "positive", "conj", "conjugate", "real", "sinc", "nan_to_num"], normal(2, 3)),
    **dict.fromkeys(["log", "log10", "log2", "log1p", "sqrt"], positive(2, 3)),
    **dict.fromkeys(["abs", "absolute", "reciprocal"], nonzero(2, 3)),
}

UNARY_REAL = {
    **dict.fromkeys(["cbrt", "fabs"], nonzero(2, 3)),
    **dict.fromkeys(["deg2rad", "radians", "rad2deg", "degrees"], normal(2, 3)),
}

STEP_FUNCTIONS = ["ceil", "floor", "trunc"]
TESTS = ["isfinite", "isinf", "isnan", "logical_not"]

BINARY = {
    **dict.fromkeys(["add", "subtract", "multiply"], (normal(2, 3), normal(3))),
    **dict.fromkeys(["divide", "true_divide"], (normal(2, 3), nonzero(3))),
    **dict.fromkeys(["pow", "power", "float_power"], (positive(2, 3), normal(3))),
}

BINARY_REAL = {
    **dict.fromkeys(["maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2"], (normal(2, 3), normal(3))),
    **dict.fromkeys(["atan2", "arctan2", "copysign"], (nonzero(2, 3), nonzero(3))),
    **dict.fromkeys(["mod", "remainder", "fmod"], (between(2.1, 2.4, 2, 3), between(0.6, 0.9, 3))),
}

COMPARISONS = ["equal", "not_equal", "logical_and", "logical_or", "logical_xor"]
ORDERED = ["less", "less_equal", "greater", "greater_equal"]
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift"]

OPERATORS = [
    *[Operator(name, [x]) for name, x in UNARY.items()],
    *[Operator(name, [x], real_only=REAL_FUNCTION) for name, x in UNARY_REAL.items()],
    *[Operator(name, [nonzero(2, 3)], constant=STEPS, real_only=ORDER) for name in STEP_FUNCTIONS],
    *[Operator(name, [nonzero(2, 3)], constant=STEPS) for name in ("rint", "round", "around")],
    *[Operator(name, [nonzero(2, 3)], constant="true or false") for name in TESTS],
    *[Operator(name, list(xs)) for name, xs in BINARY.items()],
    *[Operator(name, list(xs), real_only=REAL_FUNCTION) for name, xs in BINARY_REAL.items()],
    *[Operator(name, [normal(2, 3), normal(3)], constant="true or false") for name in COMPARISONS],
    *[Operator(name, [normal(2, 3), normal(3)], constant="true or false", real_only=ORDER) for name in ORDERED],
    *[Operator(name, [integers(0, 9, 2, 3), integers(0, 4, 3)], dtypes=("int64",)) for name in BITS],
    *[Operator(name, [integers(0, 9, 2, 3)], dtypes=("int64",)) for name in ("invert", "bitwise_not", "bitwise_invert")],
    Operator("imag", [normal(2, 3)], dtypes=COMPLEX),
    Operator("imag", [normal(2, 3)], dtypes=REAL, constant="zero for real numbers"),
    Operator("angle", [nonzero(2, 3)], dtypes=COMPLEX),
    Operator("angle", [nonzero(2, 3)], dtypes=REAL, constant=STEPS),
    Operator("sign", [nonzero(2, 3)], dtypes=REAL, constant=STEPS),
    Operator("sign", [nonzero(2, 3)], dtypes=COMPLEX),
    Operator("signbit", [nonzero(2, 3)], constant="true or false", real_only=ORDER),
    Operator("floor_divide", [between(2.1, 2.4, 2, 3), between(0.6, 0.9, 3)], constant=STEPS, real_only=ORDER),
    Operator("divmod", [between(2.1, 2.4, 2, 3), between(0.6, 0.9, 3)], real_only=ORDER),
    Operator("heaviside", [nonzero(2, 3), normal(3)], wrt=(0,), constant=STEPS, real_only=ORDER),
    Operator("nextafter", [nonzero(2, 3), normal(3)], real_only=ORDER, wrt=(0,)),
    Operator("isclose", [normal(2, 3), normal(3)], constant="true or false"),
    Operator("clip", [normal(2, 3)], real_only=ORDER, call=lambda f, x: f(x, -0.5, 0.5)),
    Operator("where", [booleans(2, 3), normal(3), normal(2, 3)]),
]
