"""nb.special: special functions, under SciPy's names. Those that are found at the top level, too, are the same functions."""

from nabla.ops.activations import log_expit, log_softmax, logit, logsumexp, sigmoid as expit, softmax
from nabla.ops.elementwise import cbrt, exp2, expm1, log1p, sinc
from nabla.ops.special.elementary import digamma, digamma as psi, entr, erf, erfc, gammaln, polygamma, xlog1py, xlogy
from nabla.ops.special.error_functions import erfcx
from nabla.ops.special.gamma import gamma, rgamma

__all__ = [
    "cbrt",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "exp2",
    "expit",
    "expm1",
    "gamma",
    "gammaln",
    "log1p",
    "log_expit",
    "log_softmax",
    "logit",
    "logsumexp",
    "polygamma",
    "psi",
    "rgamma",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]
