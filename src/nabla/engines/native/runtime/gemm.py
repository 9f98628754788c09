"""A product of matrices that lie in the cache, added to what is there or not: the routine, in LLVM's assembly.

C is cut in tiles of a few rows and two vectors of columns, whose sums stay in registers while the numbers summed over go by: for
each, two vectors of B, and one number of A for each row. So each number of C is one chain of additions, in order, wherever a tile
begins: the same bits however the matrices are cut. A may lie in any way; rows of B and C lie side by side. The columns of B may
lie in strips as wide as a tile, one strip behind the other, and the rows of A in strips as tall as one. What is summed over goes in
parts, so that what is used again soon stays near; a number of C goes to memory and back between them.

Goto and van de Geijn, Anatomy of high-performance matrix multiplication (2008), says why tiles are like this.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from nabla.engines.native.llvm.text import type_of
from nabla.engines.native.runtime import machine, objects
from nabla.engines.native.runtime.machine import Machine

VECTORS = 2
"""Vectors in a row of a tile."""
PART = 256
"""How many numbers are summed over at a time: strips of both factors are to stay in the nearest cache."""
AT_ONCE = 2
"""Numbers summed over in a turn, where both factors lie in strips: little is done besides multiplying and adding then, which counts
where another thread shares the core."""
LONG = 64
"""Numbers from which on such turns are worth it where some are left over: these go through C again."""
AHEAD = 1024
"""How many bytes before B is read it is asked for."""
AS_WRITTEN = 1
"""The level at which LLVM compiles the text: passes take as long again, and find nothing."""


class Tile(NamedTuple):
    """The size of a tile, and the numbers in a vector."""

    rows: int
    columns: int
    lanes: int


def tile(own: Machine, dtype: np.dtype) -> Tile:
    """As large as finds room in the registers: of 32 there are, or of 16."""
    lanes = max(8 * own.lanes, 16) // dtype.itemsize
    return Tile(12 if own.lanes == 8 or own.architecture == "aarch64" else 6, VECTORS * lanes, lanes)


class Gemm(NamedTuple):
    """The routine for numbers of a dtype. All its arguments are addresses; at those that are no matrices are integers of 64 bits:
    rows, columns, and how many numbers are summed over; A, and how far its strips, rows and columns are apart; B, and how far its
    strips and rows are; C, and how far its rows are; zero, or something else to add to C."""

    name: str

    def __str__(self) -> str:
        return f"gemm.{self.name}"

    @property
    def symbol(self) -> str:
        """The name under which LLVM knows the routine."""
        return _symbol(machine.machine(), np.dtype(self.name))


def _symbol(own: Machine, dtype: np.dtype) -> str:
    size = tile(own, dtype)
    return f"nabla_gemm_{dtype.name}_{size.rows}x{size.columns}"


def provide(source: str) -> None:
    """Have the routines ready that this text of LLVM calls."""
    for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
        symbol = _symbol(machine.machine(), dtype)
        if symbol in source and symbol not in objects.ADDRESSES:
            library = objects.built(text(machine.machine(), dtype), AS_WRITTEN, symbol)
            _kept.append(library)
            objects.ADDRESSES[symbol] = library.addresses[symbol]


_kept: list[objects.Library] = []


def text(own: Machine, dtype: np.dtype) -> str:
    """The routine."""
    size = tile(own, dtype)
    kinds = [_Kind(own, dtype, masked) for masked in (False, True)]
    parts = ["declare void @llvm.prefetch.p0(ptr, i32, i32, i32)", kinds[0].tile(size.rows, quick=True)]
    for kind, lower in zip(kinds, ((8, 4, 2, 1), (4, 1))):  # of the last columns fewer heights do
        heights = [size.rows, *[rows for rows in lower if rows < size.rows]]
        parts += [kind.declared(), *[kind.tile(rows) for rows in heights], kind.strip(heights)]
    head = ", ".join([f"ptr %{name}.at" if name not in "abc" else f"ptr %{name}" for name in _ARGUMENTS])
    loads = [f"  %{name} = load i64, ptr %{name}.at" for name in _ARGUMENTS if name not in "abc"]
    of_a, of_b = "ptr %a.part, i64 %a.strip, i64 %a.row, i64 %a.column", "ptr %b.here, i64 %b.row"
    given = f"i64 %m, i64 %length, {of_a}, {of_b}, ptr %c.here, i64 %c.row"
    parts.append(f"""
define void @{_symbol(own, dtype)}({head}) {{
begin:
{chr(10).join(loads)}
  %a.row.apart = icmp ne i64 %a.row, 1
  %a.column.apart = icmp ne i64 %a.column, {size.rows}
  %b.apart = icmp ne i64 %b.row, {size.columns}
  %a.apart = or i1 %a.row.apart, %a.column.apart
  %apart = or i1 %a.apart, %b.apart
  br label %part
part:
  %p = phi i64 [ 0, %begin ], [ %p.next, %done ]
  %a.part = phi ptr [ %a, %begin ], [ %a.next, %done ]
  %b.part = phi ptr [ %b, %begin ], [ %b.next, %done ]
  %added = phi i64 [ %adds, %begin ], [ 1, %done ]
  %add = icmp ne i64 %added, 0
  %left = sub i64 %k, %p
  %last = icmp slt i64 %left, {PART}
  %most = select i1 %last, i64 %left, i64 {PART}
  %whole.turns = and i64 %most, {-AT_ONCE}
  %over = icmp ne i64 %most, %whole.turns
  %short = icmp slt i64 %whole.turns, {LONG}
  %few = and i1 %over, %short
  %length = select i1 %few, i64 %most, i64 %whole.turns
  %slow = or i1 %few, %apart
  %tall = select i1 %slow, ptr @tile{size.rows}, ptr @quick.tile{size.rows}
  br label %look
look:
  %j = phi i64 [ 0, %part ], [ %next, %whole ]
  %b.here = phi ptr [ %b.part, %part ], [ %b.after, %whole ]
  %c.here = phi ptr [ %c, %part ], [ %c.after, %whole ]
  %rest = sub i64 %n, %j
  %next = add i64 %j, {size.columns}
  %fits = icmp sle i64 %next, %n
  br i1 %fits, label %whole, label %less
whole:
  call void @strip({given}, i1 %add, i64 %rest, ptr %tall)
  %b.after = getelementptr {type_of(dtype)}, ptr %b.here, i64 %b.strip
  %c.after = getelementptr {type_of(dtype)}, ptr %c.here, i64 {size.columns}
  br label %look
less:
  %some = icmp sgt i64 %rest, 0
  br i1 %some, label %masked, label %done
masked:
  call void @masked.strip({given}, i1 %add, i64 %rest, ptr @masked.tile{size.rows})
  br label %done
done:
  %p.next = add i64 %p, %length
  %a.past = mul i64 %a.column, %length
  %b.past = mul i64 %b.row, %length
  %a.next = getelementptr {type_of(dtype)}, ptr %a.part, i64 %a.past
  %b.next = getelementptr {type_of(dtype)}, ptr %b.part, i64 %b.past
  %more = icmp slt i64 %p.next, %k
  br i1 %more, label %part, label %end
end:
  ret void
}}
!0 = distinct !{{!0, !1}}
!1 = !{{!"llvm.loop.unroll.disable"}}""")
    return "\n".join(parts)


_ARGUMENTS = ("m", "n", "k", "a", "a.strip", "a.row", "a.column", "b", "b.strip", "b.row", "c", "c.row", "adds")


class _Kind:
    """Tiles, and strips of them; masked: of whose columns there are only the first."""

    def __init__(self, own: Machine, dtype: np.dtype, masked: bool) -> None:
        self.masked = masked
        self.prefix = "masked." if masked else ""
        self.lanes = lanes = tile(own, dtype).lanes
        self.number = type_of(dtype)
        self.vector = f"<{lanes} x {self.number}>"
        self.mask = f"<{lanes} x i1>"
        self.bytes = dtype.itemsize
        self.short = f"v{lanes}f{8 * dtype.itemsize}"
        self.fused = own.fuses

    def declared(self) -> str:
        if self.masked:
            return (
                f"declare {self.vector} @llvm.masked.load.{self.short}.p0(ptr, i32, {self.mask}, {self.vector})\n"
                f"declare void @llvm.masked.store.{self.short}.p0({self.vector}, ptr, i32, {self.mask})"
            )
        return f"declare {self.vector} @llvm.fma.{self.short}({self.vector}, {self.vector}, {self.vector})" if self.fused else ""

    def load(self, name: str, row: str, v: int) -> list[str]:
        """Vector v of a row."""
        at = f"  {name}.at = getelementptr {self.number}, ptr {row}, i64 {v * self.lanes}"
        if not self.masked:
            return [at, f"  {name} = load {self.vector}, ptr {name}.at, align {self.bytes}"]
        given = f"ptr {name}.at, i32 {self.bytes}, {self.mask} %mask{v}, {self.vector} zeroinitializer"
        return [at, f"  {name} = call {self.vector} @llvm.masked.load.{self.short}.p0({given})"]

    def store(self, value: str, row: str, v: int) -> list[str]:
        at = f"  {value}.at = getelementptr {self.number}, ptr {row}, i64 {v * self.lanes}"
        if not self.masked:
            return [at, f"  store {self.vector} {value}, ptr {value}.at, align {self.bytes}"]
        given = f"{self.vector} {value}, ptr {value}.at, i32 {self.bytes}, {self.mask} %mask{v}"
        return [at, f"  call void @llvm.masked.store.{self.short}.p0({given})"]

    def tile(self, rows: int, quick: bool = False) -> str:
        """quick: both factors lie in strips, and what is summed over goes in turns of AT_ONCE."""
        times = AT_ONCE if quick else 1
        vector, lanes, number = self.vector, self.lanes, self.number
        cells = list(product(range(rows), range(VECTORS)))
        name = f"{self.prefix}{'quick.' * quick}tile{rows}"
        lines = [
            f"define internal void @{name}(i64 %k, ptr %a, i64 %a.row, i64 %a.column, ptr %b, i64 %b.row, ptr %c,"
            " i64 %c.row, i1 %add, i64 %rest) noinline {",
            "begin:",
        ]
        for v in range(VECTORS if self.masked else 0):
            numbers = ", ".join([f"i64 {v * lanes + i}" for i in range(lanes)])
            lines += [
                f"  %first{v} = insertelement <{lanes} x i64> poison, i64 %rest, i64 0",
                f"  %rest{v} = shufflevector <{lanes} x i64> %first{v}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer",
                f"  %mask{v} = icmp sgt <{lanes} x i64> %rest{v}, <{numbers}>",
            ]
        for r in range(rows):
            lines += [
                f"  %a.to{r} = mul i64 %a.row, {r}",
                f"  %c.to{r} = mul i64 %c.row, {r}",
                f"  %c{r} = getelementptr {number}, ptr %c, i64 %c.to{r}",
            ]
        for r in range(rows):  # the tile below is asked for
            lines += [
                f"  %to.below{r} = mul i64 %c.row, {rows + r}",
                f"  %to.end{r} = add i64 %to.below{r}, {VECTORS * lanes - 1}",
                f"  %below{r} = getelementptr {number}, ptr %c, i64 %to.end{r}",
                f"  call void @llvm.prefetch.p0(ptr %below{r}, i32 1, i32 3, i32 1)",
            ]
        lines += ["  br i1 %add, label %there, label %before", "there:"]
        for r, v in cells:
            lines += self.load(f"%there{r}.{v}", f"%c{r}", v)
        lines += ["  br label %before", "before:"]
        for r, v in cells:
            lines.append(f"  %start{r}.{v} = phi {vector} [ zeroinitializer, %begin ], [ %there{r}.{v}, %there ]")
        lines += [
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %before ], [ %i.next, %loop ]",
            "  %a0 = phi ptr [ %a, %before ], [ %a.next, %loop ]",
            "  %b0 = phi ptr [ %b, %before ], [ %b.next, %loop ]",
        ]
        for r, v in cells:
            lines.append(f"  %sum0.{r}.{v} = phi {vector} [ %start{r}.{v}, %before ], [ %sum{times}.{r}.{v}, %loop ]")
        for u in range(times):
            if u:
                lines.append(f"  %a{u} = getelementptr {number}, ptr %a0, i64 {u * rows}")
                lines.append(f"  %b{u} = getelementptr {number}, ptr %b0, i64 {u * VECTORS * lanes}")
            lines += [
                f"  %far{u} = getelementptr i8, ptr %b{u}, i64 {AHEAD}",
                f"  call void @llvm.prefetch.p0(ptr %far{u}, i32 0, i32 3, i32 1)",
            ]
            for v in range(VECTORS):
                lines += self.load(f"%b{u}.{v}", f"%b{u}", v)
            for r in range(rows):
                lines += [
                    f"  %x{u}.{r}.at = getelementptr {number}, ptr %a{u}, i64 {r if quick else f'%a.to{r}'}",
                    f"  %x{u}.{r} = load {number}, ptr %x{u}.{r}.at",
                    f"  %y{u}.{r} = insertelement {vector} poison, {number} %x{u}.{r}, i64 0",
                    f"  %a{u}.{r} = shufflevector {vector} %y{u}.{r}, {vector} poison, <{lanes} x i32> zeroinitializer",
                ]
                for v in range(VECTORS):
                    new = f"%sum{u + 1}.{r}.{v}"
                    if self.fused:
                        given = f"{vector} %a{u}.{r}, {vector} %b{u}.{v}, {vector} %sum{u}.{r}.{v}"
                        lines.append(f"  {new} = call {vector} @llvm.fma.{self.short}({given})")
                    else:
                        lines.append(f"  %term{u}.{r}.{v} = fmul {vector} %a{u}.{r}, %b{u}.{v}")
                        lines.append(f"  {new} = fadd {vector} %sum{u}.{r}.{v}, %term{u}.{r}.{v}")
        lines += [
            f"  %a.next = getelementptr {number}, ptr %a0, i64 {times * rows if quick else '%a.column'}",
            f"  %b.next = getelementptr {number}, ptr %b0, i64 {times * VECTORS * lanes if quick else '%b.row'}",
            f"  %i.next = add i64 %i, {times}",
            "  %on = icmp slt i64 %i.next, %k",
            "  br i1 %on, label %loop, label %end, !llvm.loop !0",
            "end:",
        ]
        for r, v in cells:
            lines += self.store(f"%sum{times}.{r}.{v}", f"%c{r}", v)
        return "\n".join([*lines, "  ret void", "}"])

    def strip(self, heights: list[int]) -> str:
        """The tiles of some columns: the tallest as often as they fit, then lower ones."""
        kinds = "i64 %a.row, i64 %a.column, ptr %b, i64 %b.row"
        lines = [
            f"define internal void @{self.prefix}strip(i64 %m, i64 %k, ptr %a, i64 %a.strip, {kinds}, ptr %c, i64 %c.row, i1 %add,"
            " i64 %rest, ptr %tall) noinline {",
            "begin:",
            "  br label %look0",
        ]
        before, i, a, c = "begin", "0", "%a", "%c"
        for q, rows in enumerate(heights):
            tile = f"@{self.prefix}tile{rows}" if q else "%tall"
            lines += [
                f"look{q}:",
                f"  %i{q} = phi i64 [ {i}, %{before} ], [ %end{q}, %tile{q} ]",
                f"  %a{q} = phi ptr [ {a}, %{before} ], [ %a{q}.next, %tile{q} ]",
                f"  %c{q} = phi ptr [ {c}, %{before} ], [ %c{q}.next, %tile{q} ]",
                f"  %end{q} = add i64 %i{q}, {rows}",
                f"  %fits{q} = icmp sle i64 %end{q}, %m",
                f"  br i1 %fits{q}, label %tile{q}, label %look{q + 1}",
                f"tile{q}:",
                f"  call void {tile}(i64 %k, ptr %a{q}, {kinds}, ptr %c{q}, i64 %c.row, i1 %add, i64 %rest)",
                f"  %a{q}.step = {'add i64 %a.strip, 0' if q == 0 else f'mul i64 %a.row, {rows}'}",
                f"  %c{q}.step = mul i64 %c.row, {rows}",
                f"  %a{q}.next = getelementptr {self.number}, ptr %a{q}, i64 %a{q}.step",
                f"  %c{q}.next = getelementptr {self.number}, ptr %c{q}, i64 %c{q}.step",
                f"  br label %look{q}",
            ]
            before, i, a, c = f"look{q}", f"%i{q}", f"%a{q}", f"%c{q}"
        return "\n".join([*lines, f"look{len(heights)}:", "  ret void", "}"])
