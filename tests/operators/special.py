"""nb.special: special functions; those that are found at the top level are named without their room."""

import numpy as np
from rows.row import between, integers, positive
from scipy import special

from operators.operator import Operator

REAL = "defined for real numbers"
X = positive(2, 3)
UNIT = between(0.2, 0.8, 2, 3)

ORDINARY = [
    "boxcox1p", "exprel", "i0e", "i1", "i1e", "j0", "j1", "k0", "k0e", "k1", "k1e", "log_ndtr", "y0", "y1",
    "kolmogorov", "softplus", "zetac", "ber", "bei", "ker", "kei", "berp", "beip", "kerp", "keip", "exp10", "cosm1",
    "sindg", "cosdg", "tandg", "cotdg",
]  # fmt: skip
UNARY = {
    **dict.fromkeys(ORDINARY, X),
    **dict.fromkeys(["erfinv", "ndtri", "erfcinv", "kolmogi"], between(0.2, 0.8, 2, 3)),
}
ORDERS = ["iv", "ive", "jv", "jve", "kv", "kve", "yv", "yve"]
HANKEL = ["hankel1", "hankel2", "hankel1e", "hankel2e"]
SLOPES = ["jvp", "yvp", "ivp", "kvp", "h1vp", "h2vp"]
Y = positive(3)
TWO = {
    **dict.fromkeys(["beta", "betaln", "kl_div", "rel_entr", "huber", "pseudo_huber", "boxcox", "owens_t"], (X, positive(3))),
    **dict.fromkeys(["inv_boxcox", "inv_boxcox1p", "gammainc", "gammaincc", "poch", "binom"], (X, positive(3))),
    **dict.fromkeys(["gammaincinv", "gammainccinv"], (X, between(0.2, 0.8, 3))),
    **dict.fromkeys(["elliprc", "agm"], (X, positive(3))),
    **dict.fromkeys(["chdtri", "stdtrit"], (X, between(0.2, 0.8, 3))),
    "stdtr": (X, positive(3)),
    "stdtridf": (between(0.6, 0.7, 2, 3), between(0.6, 0.8, 3)),
    "chdtriv": (between(0.2, 0.8, 2, 3), positive(3)),
    "ellipj": (X, between(0.2, 0.8, 3)),
    "zeta": (between(1.5, 3.0, 2, 3), positive(3)),
    **dict.fromkeys(ORDERS, (X, positive(3))),
}
THREE = {
    **dict.fromkeys(["fdtri", "gdtrix"], (X, positive(3), between(0.2, 0.8, 3))),
    **dict.fromkeys(["gdtria", "nrdtrimn"], (between(0.2, 0.8, 3), X, positive(3))),
    **dict.fromkeys(["gdtrib", "btdtrib"], (X, between(0.2, 0.8, 3), between(0.2, 0.8, 3))),
    "btdtria": (between(0.2, 0.8, 3), X, between(0.2, 0.8, 3)),
    "nrdtrisd": (X, between(0.6, 0.8, 3), positive(3)),
    "elliprg": (X, positive(3), positive(3)),
    **dict.fromkeys(["betainc", "betaincc", "betaincinv", "betainccinv"], (X, positive(3), between(0.2, 0.8, 3))),
}


def trigamma(x):
    """SciPy's of real numbers; of complex ones, from the right half-plane, by its recurrence and asymptotic series."""
    if x.dtype.kind == "f":
        return special.polygamma(1, x).astype(x.dtype)
    far = x + 30.0
    tail = 1 / far + 1 / (2 * far**2) + 1 / (6 * far**3) - 1 / (30 * far**5) + 1 / (42 * far**7) - 1 / (30 * far**9)
    return sum([1 / (x + k) ** 2 for k in range(30)], tail)


def of_order(name, order=2):
    """A function of an integer order; SciPy computes some of them in float64 only."""
    reference = getattr(special, name)
    return Operator(
        f"special.{name}",
        [X],
        call=lambda f, x: f(order, x),
        value=lambda x: np.asarray(reference(order, x)).astype(x.dtype),
        real_only="" if name == "jn" else REAL,
    )


def of_degree(name, parameters=0):
    """A polynomial of degree 3; SciPy computes it in float64 only."""

    def value(*xs):
        return getattr(special, name)(3, *xs).astype(xs[0].dtype)

    inputs = [X] * parameters + [between(-0.8, 0.8, 3)]
    return Operator(f"special.{name}", inputs, call=lambda f, *xs: f(3, *xs), value=value, real_only=REAL)


COMPLEX_TOO = ["dawsn", "erfcx", "erfi", "exp1", "expi", "gamma", "loggamma", "ndtr", "rgamma", "spence", "psi"]

OPERATORS = [
    *[Operator(name, [X]) for name in ("erf", "erfc", "digamma", *[f"special.{name}" for name in COMPLEX_TOO])],
    Operator("special.wofz", [X], dtypes=("float64", "complex128")),
    Operator("special.voigt_profile", [X, positive(3), positive(3)], real_only=REAL),
    Operator("special.zeta", [between(-2.0, 0.8, 2, 3)], real_only=REAL),
    *[Operator(f"special.{name}", [x], real_only=REAL) for name, x in UNARY.items() if name != "boxcox1p"],
    *[Operator(f"special.{name}", list(xs), real_only=REAL) for name, xs in {**TWO, **THREE}.items()],
    Operator("special.boxcox1p", [X, positive(3)], real_only=REAL),
    Operator("special.gammasgn", [X], real_only=REAL, constant="piecewise constant"),
    *[of_order(name) for name in ("expn", "jn", "yn", "kn", "spherical_jn", "spherical_yn", "spherical_in", "spherical_kn")],
    *[Operator(f"special.{name}", [X], call=lambda f, x: f(1.5, x), dtypes=("float64",)) for name in HANKEL],
    *[Operator(f"special.{name}", [X], call=lambda f, x: f(1.5, x), dtypes=("complex128",)) for name in ORDERS],
    *[Operator(f"special.{name}", [X, Y], real_only=REAL) for name in ("struve", "modstruve")],
    *[Operator(f"special.{name}", [X], call=lambda f, x: f(2, x), dtypes=("float64", "complex128")) for name in SLOPES],
    Operator("special.kelvin", [X], dtypes=("float64",)),
    Operator("special.powm1", [X, Y], real_only=REAL),
    Operator("special.radian", [X, Y, Y], real_only=REAL),
    Operator("special.diric", [X], {"n": 3}, dtypes=("float64",)),
    Operator("special.perm", [between(3.2, 4.8, 2, 3), Y], value=lambda n, k: special.poch(n - k + 1, k), dtypes=("float64",)),
    Operator("special.factorial2", [integers(0, 6, 4)], value=lambda n: special.factorial2(n, exact=False), dtypes=("int64",)),
    Operator("special.lpmv", [between(-0.8, 0.8, 2, 3)], call=lambda f, x: f(2, 3, x), dtypes=("float64",)),
    Operator("special.airy", [X]),
    Operator("special.airye", [X]),
    Operator("special.multigammaln", [between(2.0, 3.0, 3)], call=lambda f, x: f(x, 2), dtypes=("float64",)),
    Operator("special.factorial", [integers(0, 6, 4)], dtypes=("int64",)),
    Operator("special.comb", [integers(3, 6, 4), integers(0, 3, 4)], dtypes=("int64",)),
    *[Operator(name, [X], real_only=REAL) for name in ("gammaln", "i0", "entr")],
    Operator("polygamma", [X], call=lambda f, x: f(1, x), value=trigamma),
    Operator("xlogy", [X, positive(3)]),
    Operator("xlog1py", [X, positive(3)]),
    Operator("special.expit", [between(-2.0, 2.0, 2, 3)], dtypes=("float32", "float64")),
    Operator("special.expit", [between(-2.0, 2.0, 2, 3)], value=lambda x: 1 / (1 + np.exp(-x)), dtypes=("complex128",)),
    *[
        Operator(f"special.{name}", [between(0.2, 0.8, 2, 3)], real_only=REAL)
        for name in ("ellipk", "ellipkm1", "ellipe", "sici", "shichi", "fresnel")
    ],
    *[Operator(f"special.{name}", [X, between(0.2, 0.8, 3)], real_only=REAL) for name in ("ellipkinc", "ellipeinc")],
    *[Operator(f"special.{name}", [X, X, positive(3)], real_only=REAL) for name in ("elliprf", "elliprd")],
    *[
        of_degree(f"eval_{name}")
        for name in (
            "chebyt",
            "chebyu",
            "legendre",
            "laguerre",
            "hermite",
            "hermitenorm",
            "chebyc",
            "chebys",
            "sh_chebyt",
            "sh_chebyu",
            "sh_legendre",
        )
    ],
    *[of_degree(f"eval_{name}", 1) for name in ("gegenbauer", "genlaguerre")],
    of_degree("eval_jacobi", 2),
    of_degree("eval_sh_jacobi", 2),
    *[Operator(f"special.{name}", [X, positive(3)], real_only=REAL) for name in ("hyp0f1", "chdtr", "chdtrc", "pdtr", "pdtrc")],
    Operator("special.hyp1f1", [X, positive(3), positive(3)], real_only=REAL),
    Operator("special.hyperu", [X, positive(3), positive(3)], real_only=REAL),
    Operator("special.elliprj", [X, positive(3), positive(3), positive(3)], real_only=REAL),
    Operator("special.ndtri_exp", [between(-3.0, -0.2, 2, 3)], real_only=REAL),
    *[
        Operator(f"special.{name}", [between(0.2, 0.8, 2, 3)], call=lambda f, p: f(2, 5, p), dtypes=("float64",))
        for name in ("bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri")
    ],
    Operator("special.pdtri", [between(0.2, 0.8, 2, 3)], call=lambda f, p: f(2, p), dtypes=("float64",)),
    Operator("special.sph_harm_y", [X, positive(3)], call=lambda f, x, y: f(3, 2, x, y), dtypes=("float64",)),
    Operator("special.hyp2f1", [X, positive(3), positive(3), between(0.2, 0.8, 3)], real_only=REAL),
    *[Operator(f"special.{name}", [X, positive(3), positive(3)], real_only=REAL) for name in ("fdtr", "fdtrc", "gdtr", "gdtrc")],
    Operator("special.lambertw", [X], dtypes=("float64", "complex128")),
]
