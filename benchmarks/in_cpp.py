"""What the workloads' derivatives cost in C++: published figures, to be compared by way of jax, which was measured beside them.

They are medians in milliseconds, of GradBench's programs in C++: the best by hand, by CoDiPack 2.3.1, by code that Tapenade 3.16
wrote, by Adept 2.1, by CppAD 2026 and by ADOL-C 2.7.2. They were compiled with -O3 -march=native and ran in one thread; jax was
0.10.2, jitted, in float64. The machine had two cores of an Intel Xeon with AVX-512 and was shared: a factor below 1.5 says nothing.
"""

from typing import NamedTuple


class Figure(NamedTuple):
    function: str
    by: str
    """What computed the derivative."""
    ms: float
    jax: float
    """What jitted jax took there."""


BEST: dict[tuple[str, str], Figure] = {
    ("ba", "n=10,p=2000"): Figure("jacobian", "hand", 0.355, 1.49),
    ("ba", "n=161,p=182072"): Figure("jacobian", "hand", 62.5, 149.0),
    ("det", "9"): Figure("gradient", "CoDiPack", 13.6, 12.8),
    ("gmm", "d=10,k=25"): Figure("jacobian", "hand", 3.30, 4.04),
    ("gmm", "d=64,k=100"): Figure("jacobian", "hand", 438.0, 229.0),
    ("ht", "small, 100 points"): Figure("jacobian", "hand", 0.389, 0.912),
    ("ht", "big, 100 points"): Figure("jacobian", "hand", 10.4, 28.4),
    ("kmeans", "k=100,n=10000,d=8"): Figure("dir", "hand", 2.79, 9.98),
    ("kmeans", "k=1000,n=10000,d=8"): Figure("dir", "hand", 47.6, 262.0),
    ("llsq", "n=4096,m=128"): Figure("gradient", "hand", 0.951, 4.39),
    ("lse", "n=640000"): Figure("gradient", "hand", 3.23, 6.62),
    ("lstm", "l=2,c=1024"): Figure("jacobian", "CoDiPack", 3.70, 6.80),
    ("lstm", "l=4,c=4096"): Figure("jacobian", "CoDiPack", 31.4, 74.8),
    # By hand it is the closed form of the solution, which is another program.
    ("ode", "n=10000,s=100"): Figure("gradient", "CoDiPack", 18.4, 13.7),
}
"""By workload and size."""
