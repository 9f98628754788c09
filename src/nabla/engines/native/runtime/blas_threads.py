"""The threads of BLAS: a program has it work in one thread, and cuts loops around its calls in pieces for its own threads.

So the two do not fight for the processors, and results do not hang on how many threads there are. SciPy's OpenBLAS can be told;
where there is another BLAS that cannot, it is called as it is. Only large factorisations are left to its threads.

The number of its threads is one for the whole process, so it is put back: by the last program that wants one thread.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any

from nabla.engines.native.loops import NESTING, Call, For, walk
from nabla.engines.native.runtime import machine, objects
from nabla.engines.native.runtime.routines import Blas, Lapack, cython_blas

LIMIT, FREE = "nabla_limit_blas", "nabla_free_blas"
LARGE = 2_000_000
"""The time of a call, in operations, from which on it is left to the threads of BLAS, where no loop in pieces is around it."""
NAMES = [f"{prefix}openblas_{{}}_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("", "64_")]

TEXT = """
declare void @nabla_set_blas_threads(i32)
declare i32 @nabla_get_blas_threads()

@lock = internal global i32 0
@users = internal global i64 0   ; programs that want one thread
@before = internal global i32 1  ; threads before the first of them

; How many users there are with this change. Nobody else looks until the lock is free.
define internal i64 @counted(i64 %by) {
begin:
  br label %try
try:
  %both = cmpxchg ptr @lock, i32 0, i32 1 seq_cst seq_cst
  %mine = extractvalue { i32, i1 } %both, 1
  br i1 %mine, label %count, label %try
count:
  %users = load i64, ptr @users
  %now = add i64 %users, %by
  store i64 %now, ptr @users
  ret i64 %now
}

define internal void @put_back(i1 %wanted) {
begin:
  br i1 %wanted, label %do, label %end
do:
  %threads = load i32, ptr @before
  call void @nabla_set_blas_threads(i32 %threads)
  br label %end
end:
  store atomic i32 0, ptr @lock seq_cst, align 4
  ret void
}

define void @nabla_limit_blas() {
begin:
  %users = call i64 @counted(i64 1)
  %first = icmp eq i64 %users, 1
  br i1 %first, label %limit, label %end
limit:
  %threads = call i32 @nabla_get_blas_threads()
  store i32 %threads, ptr @before
  call void @nabla_set_blas_threads(i32 1)
  br label %end
end:
  store atomic i32 0, ptr @lock seq_cst, align 4
  ret void
}

define void @nabla_free_blas() {
  %users = call i64 @counted(i64 -1)
  %last = icmp eq i64 %users, 0
  call void @put_back(i1 %last)
  ret void
}

; In a process that a fork has made: what other threads of its parent wanted is nothing to it.
define void @forked() {
  %users = load i64, ptr @users
  store i64 0, ptr @users
  %some = icmp ne i64 %users, 0
  call void @put_back(i1 %some)
  ret void
}
"""


@lru_cache(maxsize=1)
def are_limited() -> bool:
    """Whether BLAS can be told to work in one thread; then what does that is known to code that is linked from now on."""
    try:
        library = ctypes.CDLL(cython_blas.__file__)
    except (ImportError, OSError):
        return False
    for name in NAMES:
        setter, getter = [machine.address_in(library, name.format(which)) for which in ("set", "get")]
        if setter and getter:
            break
    else:
        return False
    objects.ADDRESSES.update(nabla_set_blas_threads=setter, nabla_get_blas_threads=getter)
    made = objects.built(TEXT, 2, LIMIT, FREE, "forked")
    objects.ADDRESSES.update({name: made.addresses[name] for name in (LIMIT, FREE)})
    os.register_at_fork(after_in_child=made.function("forked", ctypes.CFUNCTYPE(None)))
    return True


def is_limiting(s: Any) -> bool:
    """Whether a statement calls BLAS, and would gain nothing from its threads."""
    if type(s) is not Call and type(s) not in NESTING:
        return False
    inside = walk([s])
    calls = [x for x in inside if type(x) is Call and type(x.routine) in (Blas, Lapack)]
    if not calls:
        return False
    in_pieces = any(type(x) is For and x.pieces for x in inside)
    return (in_pieces or all(x.time < LARGE for x in calls)) and are_limited()
