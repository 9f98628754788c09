"""What runs machine code, and what machine code runs.

machine.py        the processor that code is written for
objects.py        from assembly to object code, and to functions in memory
cache.py          object code on disk
tiers.py          compiling in the background
levels.py         how much LLVM tries, and when
calling.py        the call from Python
pool.py           threads that share loops
gemm.py           products of matrices that lie in the cache
routines.py       routines of BLAS, LAPACK and SciPy, by address
references.py     kernels of the NumPy engine, called from machine code
blas_threads.py   how many threads BLAS has meanwhile
"""
