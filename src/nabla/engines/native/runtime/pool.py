"""The threads that share the loops of compiled code.

Compiled code calls `void nabla_parallel(ptr function, ptr context, i64 pieces)`, which calls function(context, piece) for each
piece, by as many threads as `set_num_threads` says, the caller among them, and returns when all are done. There is one job at a
time: who finds the threads at work, or is one of them, does all pieces itself. So nothing waits for what waits for it.

The pool is a text in LLVM's assembly, for no compiler of C need be there when Nabla runs.

How it works. A job is a function, a context and a number of pieces, and `@remaining` says how many of these nobody has taken yet:
to take one is to lower it by one, in a single step. Who has taken one keeps the job from ending, so may read what it is; who takes
none reads nothing. `@unfinished` counts the pieces that are not done; the caller returns when it is 0. A thread without work looks
out for some tens of microseconds, and then sleeps until woken.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import threading
from numbers import Integral
from string import Template
from typing import Any

from nabla.engines.native.runtime import machine, objects, tiers
from nabla.errors import ArgumentError, ArgumentTypeError

MOST = 1024
"""Threads, at most."""
LOOKS = 1000
"""How many times a thread looks for work before it sleeps, with a pause of the processor between: some tens of microseconds."""
STACK = 8 * 2**20
"""Bytes of a thread's stack: what the main thread has, on most systems."""

TEXT = """
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
$DECLARE_PAUSE

; What one thread writes while others look has a cache line, or two, of its own.
@remaining = internal global i64 0, align 128
@unfinished = internal global i64 0, align 128
@owned = internal global i32 0, align 128     ; 1 while there is a job, or while threads are started and ended
@function = internal global ptr null, align 128
@context = internal global ptr null
@pieces = internal global i64 0
@limit = internal global i64 1                ; threads, the caller among them
@started = internal global i64 0              ; threads there are, without the caller
@sleepers = internal global i64 0
@waiting = internal global i32 0              ; whether the caller sleeps until the last piece is done
@ending = internal global i32 0
@threads = internal global [$MOST x i64] zeroinitializer
; What POSIX leaves to each system takes 64 bytes at most on those there are.
@mutex = internal global [128 x i8] zeroinitializer, align 128
@work = internal global [128 x i8] zeroinitializer, align 128
@done = internal global [128 x i8] zeroinitializer, align 128
@attributes = internal global [128 x i8] zeroinitializer, align 128
@signals = internal global [128 x i8] zeroinitializer, align 128

; All pieces, by who calls this.
define internal void @plain(ptr %function, ptr %context, i64 %pieces) {
begin:
  %some = icmp sgt i64 %pieces, 0
  br i1 %some, label %loop, label %end
loop:
  %piece = phi i64 [ 0, %begin ], [ %next, %loop ]
  call void %function(ptr %context, i64 %piece)
  %next = add i64 %piece, 1
  %more = icmp slt i64 %next, %pieces
  br i1 %more, label %loop, label %end
end:
  ret void
}

; How many pieces were left before this thread took one; 0 if there was none.
define internal i64 @take() {
begin:
  %first = load atomic i64, ptr @remaining seq_cst, align 8
  br label %look
look:
  %seen = phi i64 [ %first, %begin ], [ %newer, %try ]
  %none = icmp eq i64 %seen, 0
  br i1 %none, label %end, label %try
try:
  %less = sub i64 %seen, 1
  %both = cmpxchg ptr @remaining, i64 %seen, i64 %less seq_cst seq_cst
  %newer = extractvalue { i64, i1 } %both, 0
  %mine = extractvalue { i64, i1 } %both, 1
  br i1 %mine, label %end, label %look
end:
  ret i64 %seen
}

; Pieces until there are no more.
define internal void @take_part() {
begin:
  br label %again
again:
  %left = call i64 @take()
  %none = icmp eq i64 %left, 0
  br i1 %none, label %end, label %one
one:
  %function = load ptr, ptr @function
  %context = load ptr, ptr @context
  %pieces = load i64, ptr @pieces
  %piece = sub i64 %pieces, %left
  call void %function(ptr %context, i64 %piece)
  %before = atomicrmw sub ptr @unfinished, i64 1 seq_cst
  %last = icmp eq i64 %before, 1
  br i1 %last, label %tell, label %again
tell:
  %waiting = load atomic i32, ptr @waiting seq_cst, align 4
  %asleep = icmp ne i32 %waiting, 0
  br i1 %asleep, label %wake, label %again
wake:
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  call i32 @pthread_cond_signal(ptr @done)
  br label %again
end:
  ret void
}

; What a thread of the pool does.
define internal ptr @serve(ptr %unused) {
begin:
  call i32 @pthread_sigmask(i32 $SETMASK, ptr @signals, ptr null)
  br label %again
again:
  call void @take_part()
  br label %look
look:
  %i = phi i64 [ 0, %again ], [ %next, %idle ]
  %remaining = load atomic i64, ptr @remaining seq_cst, align 8
  %some = icmp ne i64 %remaining, 0
  br i1 %some, label %again, label %idle
idle:
  $PAUSE
  %next = add i64 %i, 1
  %on = icmp ult i64 %next, $LOOKS
  br i1 %on, label %look, label %sleep
sleep:
  call i32 @pthread_mutex_lock(ptr @mutex)
  atomicrmw add ptr @sleepers, i64 1 seq_cst
  br label %asleep
asleep:
  %came = load atomic i64, ptr @remaining seq_cst, align 8
  %ending = load atomic i32, ptr @ending seq_cst, align 4
  %work = icmp ne i64 %came, 0
  %end = icmp ne i32 %ending, 0
  %up = or i1 %work, %end
  br i1 %up, label %awake, label %wait
wait:
  call i32 @pthread_cond_wait(ptr @work, ptr @mutex)
  br label %asleep
awake:
  atomicrmw sub ptr @sleepers, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br i1 %end, label %gone, label %again
gone:
  ret ptr null
}

; The owner alone calls the next two.
define internal void @start(i64 %wanted) {
begin:
  %first = load i64, ptr @started
  br label %look
look:
  %i = phi i64 [ %first, %begin ], [ %next, %made ]
  %enough = icmp sge i64 %i, %wanted
  br i1 %enough, label %end, label %make
make:
  %place = getelementptr i64, ptr @threads, i64 %i
  %failed = call i32 @pthread_create(ptr %place, ptr @attributes, ptr @serve, ptr null)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %made, label %end
made:
  %next = add i64 %i, 1
  store i64 %next, ptr @started
  br label %look
end:
  ret void
}

define internal void @stop() {
begin:
  store atomic i32 1, ptr @ending seq_cst, align 4
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  call i32 @pthread_cond_broadcast(ptr @work)
  %count = load i64, ptr @started
  br label %look
look:
  %i = phi i64 [ 0, %begin ], [ %next, %join ]
  %all = icmp sge i64 %i, %count
  br i1 %all, label %end, label %join
join:
  %place = getelementptr i64, ptr @threads, i64 %i
  %thread = load i64, ptr %place
  call i32 @pthread_join(i64 %thread, ptr null)
  %next = add i64 %i, 1
  br label %look
end:
  store i64 0, ptr @started
  store atomic i32 0, ptr @ending seq_cst, align 4
  ret void
}

define void @nabla_parallel(ptr %function, ptr %context, i64 %pieces) {
begin:
  %limit = load atomic i64, ptr @limit seq_cst, align 8
  %others = sub i64 %limit, 1
  %further = sub i64 %pieces, 1
  %fewer = icmp slt i64 %further, %others
  %wanted = select i1 %fewer, i64 %further, i64 %others
  %alone = icmp slt i64 %wanted, 1
  br i1 %alone, label %plain, label %own
own:
  %both = cmpxchg ptr @owned, i32 0, i32 1 seq_cst seq_cst
  %mine = extractvalue { i32, i1 } %both, 1
  br i1 %mine, label %count, label %plain
plain:
  call void @plain(ptr %function, ptr %context, i64 %pieces)
  ret void
count:
  %started = load i64, ptr @started
  %excess = icmp sgt i64 %started, %others
  br i1 %excess, label %fresh, label %begun
fresh:
  call void @stop()
  br label %begun
begun:
  call void @start(i64 %wanted)
  store ptr %function, ptr @function
  store ptr %context, ptr @context
  store i64 %pieces, ptr @pieces
  store atomic i64 %pieces, ptr @unfinished seq_cst, align 8
  store atomic i64 %pieces, ptr @remaining seq_cst, align 8
  %sleepers = load atomic i64, ptr @sleepers seq_cst, align 8
  %asleep = icmp ne i64 %sleepers, 0
  br i1 %asleep, label %wake, label %work
wake:
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %signal
signal:
  %i = phi i64 [ 0, %wake ], [ %next, %signal ]
  call i32 @pthread_cond_signal(ptr @work)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %wanted
  br i1 %more, label %signal, label %work
work:
  call void @take_part()
  br label %look
look:
  %k = phi i64 [ 0, %work ], [ %later, %idle ]
  %unfinished = load atomic i64, ptr @unfinished seq_cst, align 8
  %all = icmp eq i64 %unfinished, 0
  br i1 %all, label %end, label %idle
idle:
  $PAUSE
  %later = add i64 %k, 1
  %on = icmp ult i64 %later, $LOOKS
  br i1 %on, label %look, label %sleep
sleep:
  call i32 @pthread_mutex_lock(ptr @mutex)
  store atomic i32 1, ptr @waiting seq_cst, align 4
  br label %check
check:
  %rest = load atomic i64, ptr @unfinished seq_cst, align 8
  %over = icmp eq i64 %rest, 0
  br i1 %over, label %awake, label %wait
wait:
  call i32 @pthread_cond_wait(ptr @done, ptr @mutex)
  br label %check
awake:
  store atomic i32 0, ptr @waiting seq_cst, align 4
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %end
end:
  store atomic i32 0, ptr @owned seq_cst, align 4
  ret void
}

; As it is at the beginning, and in a process that a fork has made: it has none of the threads.
define void @reset() {
  store i32 0, ptr @waiting
  store i32 0, ptr @ending
  store i64 0, ptr @remaining
  store i64 0, ptr @unfinished
  store i64 0, ptr @started
  store i64 0, ptr @sleepers
  call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  call i32 @pthread_cond_init(ptr @work, ptr null)
  call i32 @pthread_cond_init(ptr @done, ptr null)
  call i32 @pthread_attr_init(ptr @attributes)
  call i32 @pthread_attr_setstacksize(ptr @attributes, i64 $STACK)
  store i64 $SIGNALS, ptr @signals
  store atomic i32 0, ptr @owned seq_cst, align 4
  ret void
}

define void @set_limit(i64 %limit) {
  store atomic i64 %limit, ptr @limit seq_cst, align 8
  ret void
}

; Ends all threads, and keeps the pool from starting others until @open. 0 if there is a job: then nothing happens.
define i32 @close() {
begin:
  %both = cmpxchg ptr @owned, i32 0, i32 1 seq_cst seq_cst
  %mine = extractvalue { i32, i1 } %both, 1
  br i1 %mine, label %free, label %end
free:
  call void @stop()
  br label %end
end:
  %closed = zext i1 %mine to i32
  ret i32 %closed
}

define void @open() {
  store atomic i32 0, ptr @owned seq_cst, align 4
  ret void
}

; How many threads there are, without the caller.
define i64 @count() {
  %started = load i64, ptr @started
  ret i64 %started
}
"""

PAUSES = {"x86_64": ("@llvm.x86.sse2.pause()", ""), "aarch64": ("@llvm.aarch64.isb(i32 immarg)", "i32 15")}
"""What lets a processor rest for a moment: its declaration, and the argument."""

CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP")
"""The signals that a thread of the pool takes itself. All others go to the threads of Python, which waits for them."""


def text(architecture: str) -> str:
    """The pool, in LLVM's assembly."""
    name, argument = PAUSES.get(architecture, ("", ""))
    taken = sum(1 << getattr(signal, name) - 1 for name in CRASHES)
    values = {
        "DECLARE_PAUSE": f"declare void {name}" if name else "",
        "PAUSE": f"call void {name.partition('(')[0]}({argument})" if name else "",
        "MOST": MOST,
        "LOOKS": LOOKS,
        "STACK": STACK,
        "SETMASK": int(signal.SIG_SETMASK),
        "SIGNALS": ~taken,
    }
    return Template(TEXT).substitute(values)


class Pool:
    """The functions of the text."""

    def __init__(self) -> None:
        kinds: dict[str, Any] = {
            "reset": ctypes.CFUNCTYPE(None),
            "set_limit": ctypes.CFUNCTYPE(None, ctypes.c_int64),
            "close": ctypes.CFUNCTYPE(ctypes.c_int32),
            "open": ctypes.CFUNCTYPE(None),
            "count": ctypes.CFUNCTYPE(ctypes.c_int64),
        }
        library = objects.built(text(machine.machine().architecture), 2, "nabla_parallel", *kinds)
        self.parallel = library.addresses["nabla_parallel"]
        functions = [library.function(name, kind) for name, kind in kinds.items()]
        self.reset, self.set_limit, self.close, self.open, self.count = functions
        self.closed_by: int | None = None
        self.reset()

    def before_fork(self) -> None:
        if self.close():
            self.closed_by = threading.get_ident()

    def in_parent(self) -> None:
        if self.closed_by == threading.get_ident():
            self.closed_by = None
            self.open()

    def in_child(self) -> None:
        self.closed_by = None
        self.reset()

    def end(self) -> None:
        self.set_limit(1)
        if self.close():
            self.open()


_making = threading.Lock()
_pool: Pool | None = None
_limit: int | None = None


def pool() -> Pool:
    """The pool of this process. Its `nabla_parallel` is known to what is linked from now on."""
    global _pool
    with tiers.compiling, _making:  # in this order: no fork finds the lock taken
        if _pool is None:
            made = Pool()
            made.set_limit(get_num_threads())
            objects.ADDRESSES["nabla_parallel"] = made.parallel
            os.register_at_fork(before=made.before_fork, after_in_parent=made.in_parent, after_in_child=made.in_child)
            atexit.register(made.end)
            _pool = made
        return _pool


def get_num_threads() -> int:
    """How many threads share the large loops of a function compiled by the native engine.

    The default is what the environment variable NABLA_NUM_THREADS says, else the number of processors that this process may use.

    >>> nb.get_num_threads() >= 1
    True
    """
    global _limit
    if _limit is None:
        _limit = _default()
    return _limit


def set_num_threads(n: int) -> None:
    """Let n threads share the large loops of functions compiled by the native engine, from the next loop on.

    n: from 1, which is the calling thread alone, to 1024. The results are the same bits for every n. Large factorisations are left
    to the threads of SciPy's BLAS, and so are all where SciPy is not from its wheels; these follow the environment variables
    OPENBLAS_NUM_THREADS and the like.

    >>> before = nb.get_num_threads()
    >>> nb.set_num_threads(1)
    >>> nb.get_num_threads()
    1
    >>> nb.set_num_threads(before)
    """
    global _limit
    if isinstance(n, bool) or not isinstance(n, Integral):
        raise ArgumentTypeError(f"set_num_threads takes a whole number of threads; got {n!r}")
    if not 1 <= n <= MOST:
        raise ArgumentError(f"set_num_threads takes from 1 to {MOST} threads; got {n}")
    with _making:
        _limit = int(n)
        if _pool is not None:
            _pool.set_limit(_limit)


def _default() -> int:
    wanted = os.environ.get("NABLA_NUM_THREADS")
    if wanted:
        if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= MOST):
            raise ArgumentError(f"the environment variable NABLA_NUM_THREADS is {wanted!r}; it takes a number from 1 to {MOST}")
        return int(wanted)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, MOST)
