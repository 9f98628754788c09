"""nb.special: special functions; those that are found at the top level are named without their room."""

import numpy as np
from rows.row import between, positive
from scipy import special

from operators.operator import Operator

REAL = "defined for real numbers"
X = positive(2, 3)

OPERATORS = [
    *[Operator(name, [X], real_only=REAL) for name in ("erf", "erfc", "gammaln", "digamma", "entr", "special.psi")],
    Operator("polygamma", [X], call=lambda f, x: f(1, x), value=lambda x: special.polygamma(1, x).astype(x.dtype), real_only=REAL),
    Operator("xlogy", [X, positive(3)], real_only=REAL),
    Operator("xlog1py", [X, positive(3)], real_only=REAL),
    Operator("special.expit", [between(-2.0, 2.0, 2, 3)], dtypes=("float32", "float64")),
    Operator("special.expit", [between(-2.0, 2.0, 2, 3)], value=lambda x: 1 / (1 + np.exp(-x)), dtypes=("complex128",)),
]
