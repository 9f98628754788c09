"""From Python to machine code: what is called is a built-in function of Python, itself machine code.

Python hands a built-in function the addresses of its arguments as they are. `DOOR` is one such function for all programs. It looks
whether each argument is what the program was compiled for: an ndarray with its elements in C order, or, where the shape is (), a
NumPy scalar. It has np.empty make the results, calls the program with the addresses of all elements, and returns a tuple of the
results. Only if an argument is something else, Python is asked to convert it. So a call costs about what it costs to make its
results; one by ctypes costs a microsecond, and more for each array.

What belongs to one program is in the tuple that the built-in function has as its `self`:

    table          numbers, see `caller`
    ndarray        the class
    convert        a function of Python, from arguments that do not fit to a tuple of those that do
    np.empty       the function
    fail           a function of Python that raises what went wrong in a program
    hot            a function of Python, called before a call, once the program has run for as long as `caller` says
    dtype, class   for each input: of its elements, of a scalar
    shape, dtype   for each output: what np.empty takes
    ...            what must live as long as the function
"""

from __future__ import annotations

import ctypes
import time
from functools import lru_cache
from typing import Any, Callable

import numpy as np

from nabla.engines.engine import Executable
from nabla.engines.native.runtime import objects
from nabla.engines.native.runtime.levels import Code
from nabla.graph.graph import Graph
from nabla.primitives.call import CALL
from nabla.primitives.conditional import COND
from nabla.primitives.cost import cost
from nabla.primitives.scan import SCAN
from nabla.primitives.while_loop import WHILE

SHORT = 50_000
"""Operations and bytes of a program for which it is not worth to give up Python's lock."""
LINE = 64
"""Bytes: where the room for temporaries starts, a multiple of this is."""

HEAD = object.__basicsize__
ITEMS = tuple.__basicsize__
CLOCK = getattr(time, "CLOCK_MONOTONIC", 0)  # Windows has none, and does not run this code
FIELDS = {"data": HEAD, "ndim": HEAD + 8, "shape": HEAD + 16, "dtype": HEAD + 40, "flags": HEAD + 48}
"""Where an ndarray has what; NumPy promises it to all that is compiled against it. Scalars have their number where arrays have the
pointer to data."""

DOOR = f"""
declare ptr @PyTuple_New(i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyMem_RawMalloc(i64)
declare void @PyMem_RawFree(ptr)
declare ptr @PyErr_NoMemory()
declare void @PyErr_BadInternalCall()
declare i32 @clock_gettime(i32, ptr)

define i64 @now() {{
  %time = alloca [2 x i64]
  %status = call i32 @clock_gettime(i32 {CLOCK}, ptr %time)
  %seconds = load i64, ptr %time
  %parts.at = getelementptr i64, ptr %time, i64 1
  %parts = load i64, ptr %parts.at
  %whole = mul i64 %seconds, 1000000000
  %all = add i64 %whole, %parts
  ret i64 %all
}}

define ptr @call(ptr %self, ptr %args, i64 %count) {{
begin:
  %items = getelementptr i8, ptr %self, i64 {ITEMS}
  %table.array = load ptr, ptr %items
  %table.data = getelementptr i8, ptr %table.array, i64 {FIELDS["data"]}
  %table = load ptr, ptr %table.data
  %code = load ptr, ptr %table
  %inputs.at = getelementptr i64, ptr %table, i64 1
  %inputs = load i64, ptr %inputs.at
  %outputs.at = getelementptr i64, ptr %table, i64 2
  %outputs = load i64, ptr %outputs.at
  %bytes.at = getelementptr i64, ptr %table, i64 3
  %bytes = load i64, ptr %bytes.at
  %short.at = getelementptr i64, ptr %table, i64 4
  %short = load i64, ptr %short.at
  %spare.at = getelementptr i64, ptr %table, i64 5
  %busy = getelementptr i64, ptr %table, i64 6
  %extra.at = getelementptr ptr, ptr %table, i64 7
  %extra = load ptr, ptr %extra.at
  %left.at = getelementptr i64, ptr %table, i64 8
  %left = load i64, ptr %left.at
  %shapes = getelementptr i64, ptr %table, i64 9
  %ndarray.at = getelementptr ptr, ptr %items, i64 1
  %ndarray = load ptr, ptr %ndarray.at
  %kinds = getelementptr ptr, ptr %items, i64 6
  %total = add i64 %inputs, %outputs
  %addresses = alloca ptr, i64 %total
  %is.count = icmp eq i64 %count, %inputs
  %is.timed = icmp sgt i64 %left, 0
  %is.hot = icmp slt i64 %left, 0
  br i1 %is.hot, label %heat, label %count.known

heat:
  store i64 0, ptr %left.at
  %hot.at = getelementptr ptr, ptr %items, i64 5
  %hot = load ptr, ptr %hot.at
  %heated = call ptr @PyObject_Vectorcall(ptr %hot, ptr null, i64 0, ptr null)
  %is.cold = icmp eq ptr %heated, null
  br i1 %is.cold, label %nothing, label %hotter

hotter:
  call void @Py_DecRef(ptr %heated)
  br label %count.known

count.known:
  br i1 %is.count, label %arguments, label %convert

; Are the arguments what they should be?

arguments:
  %given = phi ptr [ %args, %count.known ], [ %converted.items, %again ]
  %converted = phi ptr [ null, %count.known ], [ %converted.new, %again ]
  br label %argument

argument:
  %i = phi i64 [ 0, %arguments ], [ %i.next, %found ]
  %shape = phi ptr [ %shapes, %arguments ], [ %shape.next, %found ]
  %is.more = icmp ult i64 %i, %inputs
  br i1 %is.more, label %look, label %make

look:
  %x.at = getelementptr ptr, ptr %given, i64 %i
  %x = load ptr, ptr %x.at
  %class.at = getelementptr i8, ptr %x, i64 {HEAD - 8}
  %class = load ptr, ptr %class.at
  %data.at = getelementptr i8, ptr %x, i64 {FIELDS["data"]}
  %ndim = load i64, ptr %shape
  %lengths = getelementptr i64, ptr %shape, i64 1
  %shape.next = getelementptr i64, ptr %lengths, i64 %ndim
  %kind = shl i64 %i, 1
  %wanted.at = getelementptr ptr, ptr %kinds, i64 %kind
  %is.array = icmp eq ptr %class, %ndarray
  br i1 %is.array, label %array, label %scalar

scalar:
  %scalar.at = getelementptr ptr, ptr %wanted.at, i64 1
  %scalar.class = load ptr, ptr %scalar.at
  %is.number = icmp eq ptr %class, %scalar.class
  %is.single = icmp eq i64 %ndim, 0
  %is.scalar = and i1 %is.number, %is.single
  br i1 %is.scalar, label %found, label %other

array:
  %dtype.at = getelementptr i8, ptr %x, i64 {FIELDS["dtype"]}
  %dtype = load ptr, ptr %dtype.at
  %wanted = load ptr, ptr %wanted.at
  %is.dtype = icmp eq ptr %dtype, %wanted
  %flags.at = getelementptr i8, ptr %x, i64 {FIELDS["flags"]}
  %flags = load i32, ptr %flags.at
  %order = and i32 %flags, 257            ; in C order, and aligned
  %is.order = icmp eq i32 %order, 257
  %x.ndim.at = getelementptr i8, ptr %x, i64 {FIELDS["ndim"]}
  %x.ndim.short = load i32, ptr %x.ndim.at
  %x.ndim = sext i32 %x.ndim.short to i64
  %is.ndim = icmp eq i64 %x.ndim, %ndim
  %is.usual = and i1 %is.dtype, %is.order
  %is.fitting = and i1 %is.usual, %is.ndim
  %x.lengths.at = getelementptr i8, ptr %x, i64 {FIELDS["shape"]}
  %x.lengths = load ptr, ptr %x.lengths.at
  %data = load ptr, ptr %data.at
  br i1 %is.fitting, label %axes, label %other

axes:
  %axis = phi i64 [ 0, %array ], [ %axis.next, %axis.look ]
  %is.axis = icmp ult i64 %axis, %ndim
  br i1 %is.axis, label %axis.look, label %found

axis.look:
  %length.at = getelementptr i64, ptr %lengths, i64 %axis
  %length = load i64, ptr %length.at
  %x.length.at = getelementptr i64, ptr %x.lengths, i64 %axis
  %x.length = load i64, ptr %x.length.at
  %is.length = icmp eq i64 %length, %x.length
  %axis.next = add i64 %axis, 1
  br i1 %is.length, label %axes, label %other

found:
  %address = phi ptr [ %data.at, %scalar ], [ %data, %axes ]
  %address.at = getelementptr ptr, ptr %addresses, i64 %i
  store ptr %address, ptr %address.at
  %i.next = add i64 %i, 1
  br label %argument

other:
  %is.first = icmp eq ptr %converted, null
  br i1 %is.first, label %convert, label %broken

convert:
  %converter.at = getelementptr ptr, ptr %items, i64 2
  %converter = load ptr, ptr %converter.at
  %converted.new = call ptr @PyObject_Vectorcall(ptr %converter, ptr %args, i64 %count, ptr null)
  %is.refused = icmp eq ptr %converted.new, null
  br i1 %is.refused, label %nothing, label %again

again:
  %converted.items = getelementptr i8, ptr %converted.new, i64 {ITEMS}
  br label %arguments

broken:
  call void @PyErr_BadInternalCall()
  br label %no.results

; The results.

make:
  %results = call ptr @PyTuple_New(i64 %outputs)
  %is.none = icmp eq ptr %results, null
  br i1 %is.none, label %no.results, label %results.begin

results.begin:
  %results.items = getelementptr i8, ptr %results, i64 {ITEMS}
  %empty.at = getelementptr ptr, ptr %items, i64 3
  %empty = load ptr, ptr %empty.at
  %outs.skipped = shl i64 %inputs, 1
  %outs = getelementptr ptr, ptr %kinds, i64 %outs.skipped
  br label %result

result:
  %j = phi i64 [ 0, %results.begin ], [ %j.next, %result.made ]
  %is.result = icmp ult i64 %j, %outputs
  br i1 %is.result, label %result.make, label %room

result.make:
  %out.kind = shl i64 %j, 1
  %out.at = getelementptr ptr, ptr %outs, i64 %out.kind
  %out = call ptr @PyObject_Vectorcall(ptr %empty, ptr %out.at, i64 2, ptr null)
  %is.no.out = icmp eq ptr %out, null
  br i1 %is.no.out, label %failed, label %result.made

result.made:
  %item.at = getelementptr ptr, ptr %results.items, i64 %j
  store ptr %out, ptr %item.at
  %out.data.at = getelementptr i8, ptr %out, i64 {FIELDS["data"]}
  %out.data = load ptr, ptr %out.data.at
  %out.place = add i64 %inputs, %j
  %out.address.at = getelementptr ptr, ptr %addresses, i64 %out.place
  store ptr %out.data, ptr %out.address.at
  %j.next = add i64 %j, 1
  br label %result

; Room for temporaries: a little on the stack, more in the program's own buffer, or, while that is in use, in a new one.

room:
  %is.little = icmp ule i64 %bytes, 8192
  br i1 %is.little, label %room.stack, label %room.own

room.stack:
  %stack = alloca i8, i64 %bytes, align {LINE}
  br label %run

room.own:
  %taken = cmpxchg ptr %busy, i64 0, i64 1 acquire monotonic
  %is.free = extractvalue {{ i64, i1 }} %taken, 1
  br i1 %is.free, label %room.spare, label %room.new

room.spare:
  %spare = load ptr, ptr %spare.at
  br label %run

room.new:
  %bytes.more = add i64 %bytes, {LINE - 1}
  %new = call ptr @PyMem_RawMalloc(i64 %bytes.more)
  %is.full = icmp eq ptr %new, null
  br i1 %is.full, label %no.memory, label %room.aligned

room.aligned:
  %new.number = ptrtoint ptr %new to i64
  %new.above = add i64 %new.number, {LINE - 1}
  %new.line = and i64 %new.above, {-LINE}
  %new.room = inttoptr i64 %new.line to ptr
  br label %run

no.memory:
  %ignored = call ptr @PyErr_NoMemory()
  br label %failed

; The program. If it is a long one, other threads of Python run meanwhile.

run:
  %temporaries = phi ptr [ %stack, %room.stack ], [ %spare, %room.spare ], [ %new.room, %room.aligned ]
  %allocated = phi ptr [ null, %room.stack ], [ null, %room.spare ], [ %new, %room.aligned ]
  %borrowed = phi i1 [ false, %room.stack ], [ true, %room.spare ], [ false, %room.aligned ]
  br i1 %is.timed, label %run.timed, label %run.begin

run.timed:
  %begun.now = call i64 @now()
  br label %run.begin

run.begin:
  %begun = phi i64 [ 0, %run ], [ %begun.now, %run.timed ]
  %is.short = icmp ne i64 %short, 0
  br i1 %is.short, label %run.short, label %run.long

run.short:
  %status.short = call i64 %code(ptr %addresses, ptr %temporaries, ptr %extra)
  br label %done

run.long:
  %thread = call ptr @PyEval_SaveThread()
  %status.long = call i64 %code(ptr %addresses, ptr %temporaries, ptr %extra)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %done

done:
  %status = phi i64 [ %status.short, %run.short ], [ %status.long, %run.long ]
  br i1 %is.timed, label %done.timed, label %room.back

; What it took is taken off, and leaves less than 0 in the end: 0 says that nobody counts.

done.timed:
  %ended = call i64 @now()
  %taken.time = sub i64 %ended, %begun
  %left.then = load i64, ptr %left.at
  %left.now = sub i64 %left.then, %taken.time
  %left.odd = or i64 %left.now, 1
  store i64 %left.odd, ptr %left.at
  br label %room.back

room.back:
  br i1 %borrowed, label %give.back, label %free

give.back:
  store atomic i64 0, ptr %busy release, align 8
  br label %ran

free:
  %is.allocated = icmp ne ptr %allocated, null
  br i1 %is.allocated, label %free.new, label %ran

free.new:
  call void @PyMem_RawFree(ptr %allocated)
  br label %ran

ran:
  switch i64 %status, label %raise [
    i64 0, label %end
    i64 2, label %failed                   ; a signal: the exception is set
  ]

raise:
  %fail.at = getelementptr ptr, ptr %items, i64 4
  %fail = load ptr, ptr %fail.at
  %raised = call ptr @PyObject_Vectorcall(ptr %fail, ptr null, i64 0, ptr null)
  br label %failed

failed:
  call void @Py_DecRef(ptr %results)
  br label %no.results

no.results:
  br label %end

end:
  %returned = phi ptr [ %results, %ran ], [ null, %no.results ]
  %is.converted = icmp ne ptr %converted, null
  br i1 %is.converted, label %drop, label %return

drop:
  call void @Py_DecRef(ptr %converted)
  br label %return

return:
  ret ptr %returned

nothing:
  ret ptr null
}}
"""


def caller(graph: Graph, code: Code, room: int, short: bool, extra: int, fail: Callable[[], None], kept: Any) -> Executable:
    """A program as a function of Python. room: the bytes of its temporaries; short: it keeps Python's lock while it runs; extra:
    the address of what else it takes; fail: raises what went wrong, where the program says that something did; kept: what must
    live as long."""
    dtypes = [np.dtype(x.dtype.name) for x in graph.inputs]
    shapes = [x.shape for x in graph.inputs]
    spare = np.empty(room + LINE - 1 if room > 8192 else 0, np.uint8)
    where = -(-_data(spare) // LINE) * LINE
    numbers = [code.address, len(graph.inputs), len(graph.outputs), room, short, where, 0, extra, code.left]
    table = np.array([*numbers, *[n for shape in shapes for n in (len(shape), *shape)]], np.int64)
    code.table = table
    kinds = [y for dtype in dtypes for y in (dtype, dtype.type)]
    made = [y for x in graph.outputs for y in (x.shape, np.dtype(x.dtype.name))]

    def convert(*values: Any) -> tuple[Any, ...]:
        if len(values) != len(dtypes):
            raise TypeError(f"this graph has {len(dtypes)} inputs; got {len(values)} values")
        # astype always gives the very dtype that it is asked for; np.array may leave one that is only equal to it.
        arrays = tuple([np.asarray(x).astype(dtype, order="C") for x, dtype in zip(values, dtypes)])
        for i, (x, shape) in enumerate(zip(arrays, shapes)):
            if x.shape != shape:
                raise TypeError(f"input {i} of this graph has the shape {shape}; got {x.shape}")
        return arrays

    door, method = _door()
    fixed = (table, np.ndarray, convert, np.empty, fail, code.hot)
    return _NEW(ctypes.addressof(method), (*fixed, *kinds, *made, spare, door, method, kept), None)


class _Method(ctypes.Structure):
    """What Python wants to know of a built-in function: PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("address", ctypes.c_void_p), ("kind", ctypes.c_int), ("text", ctypes.c_char_p))


FASTCALL = 0x0080
_NEW: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)


@lru_cache(maxsize=1)
def _door() -> tuple[Any, _Method]:
    """The door as machine code, and what Python wants to know of it."""
    _check_fields()
    library = objects.built(DOOR, 2, "call")
    return library, _Method(b"program", library.addresses["call"], FASTCALL, b"A compiled program.")


def _data(x: np.ndarray) -> int:
    return int(x.__array_interface__["data"][0])


def _check_fields() -> None:
    """That arrays, scalars and tuples of this Python and this NumPy are as the door takes them to be."""
    x = np.empty((2, 3))
    scalar = np.float64(1.5)
    pair = (x, scalar)
    there = {name: id(x) + offset for name, offset in FIELDS.items()}
    read = ctypes.c_int64.from_address
    assert read(there["data"]).value == _data(x)
    assert ctypes.c_int.from_address(there["ndim"]).value == 2
    assert [read(read(there["shape"]).value + 8 * i).value for i in range(2)] == [2, 3]
    assert read(there["dtype"]).value == id(x.dtype)
    assert ctypes.c_int.from_address(there["flags"]).value & 257 == 257
    assert ctypes.c_double.from_address(id(scalar) + FIELDS["data"]).value == 1.5
    assert read(id(x) + HEAD - 8).value == id(np.ndarray)
    assert read(id(pair) + ITEMS + 8).value == id(scalar)


def is_short(graph: Graph) -> bool:
    """Whether to give up Python's lock would cost more than others gain."""
    if not {CALL, COND, WHILE, SCAN}.isdisjoint([node.prim for node in graph.nodes]):
        return False
    return sum(cost(graph)) <= SHORT
