"""A product of matrices that lie in the cache, added to what is there or not: the routine, in LLVM's assembly.

C is cut in tiles of a few rows and two vectors of columns, whose sums stay in registers while the numbers summed over go by: for
each, two vectors of B, and one number of A for each row. So each number of C is one chain of additions, in order, wherever a tile
begins: the same bits however the matrices are cut. A may lie in any way; rows of B and C lie side by side. The columns of B may
lie in strips as wide as a tile, one strip behind the other, and the rows of A in strips as tall as one.

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
    heights = [size.rows, *[rows for rows in (8, 4, 2, 1) if rows < size.rows]]
    kinds = [_Kind(own, dtype, masked) for masked in (False, True)]
    parts = [kind.declared() for kind in kinds]
    for kind in kinds:
        parts += [kind.tile(rows, unrolled=rows == size.rows) for rows in heights]
        parts.append(kind.strip(heights))
    head = ", ".join([f"ptr %{name}.at" if name not in "abc" else f"ptr %{name}" for name in _ARGUMENTS])
    loads = [f"  %{name} = load i64, ptr %{name}.at" for name in _ARGUMENTS if name not in "abc"]
    given = "i64 %m, i64 %k, ptr %a, i64 %a.strip, i64 %a.row, i64 %a.column, ptr %b.here, i64 %b.row, ptr %c.here, i64 %c.row"
    parts.append(f"""
define void @{_symbol(own, dtype)}({head}) {{
begin:
{chr(10).join(loads)}
  %add = icmp ne i64 %adds, 0
  br label %look
look:
  %j = phi i64 [ 0, %begin ], [ %next, %whole ]
  %b.here = phi ptr [ %b, %begin ], [ %b.next, %whole ]
  %c.here = phi ptr [ %c, %begin ], [ %c.next, %whole ]
  %rest = sub i64 %n, %j
  %next = add i64 %j, {size.columns}
  %fits = icmp sle i64 %next, %n
  br i1 %fits, label %whole, label %less
whole:
  call void @strip({given}, i1 %add, i64 %rest)
  %b.next = getelementptr {type_of(dtype)}, ptr %b.here, i64 %b.strip
  %c.next = getelementptr {type_of(dtype)}, ptr %c.here, i64 {size.columns}
  br label %look
less:
  %some = icmp sgt i64 %rest, 0
  br i1 %some, label %masked, label %end
masked:
  call void @masked.strip({given}, i1 %add, i64 %rest)
  br label %end
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

    def tile(self, rows: int, unrolled: bool) -> str:
        vector, lanes, number = self.vector, self.lanes, self.number
        cells = list(product(range(rows), range(VECTORS)))
        lines = [
            f"define internal void @{self.prefix}tile{rows}(i64 %k, ptr %a, i64 %a.row, i64 %a.column, ptr %b, i64 %b.row, ptr %c,"
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
            "  %a.here = phi ptr [ %a, %before ], [ %a.next, %loop ]",
            "  %b.here = phi ptr [ %b, %before ], [ %b.next, %loop ]",
        ]
        for r, v in cells:
            lines.append(f"  %sum{r}.{v} = phi {vector} [ %start{r}.{v}, %before ], [ %new{r}.{v}, %loop ]")
        for v in range(VECTORS):
            lines += self.load(f"%b{v}", "%b.here", v)
        for r in range(rows):
            lines += [
                f"  %x{r}.at = getelementptr {number}, ptr %a.here, i64 %a.to{r}",
                f"  %x{r} = load {number}, ptr %x{r}.at",
                f"  %y{r} = insertelement {vector} poison, {number} %x{r}, i64 0",
                f"  %a{r} = shufflevector {vector} %y{r}, {vector} poison, <{lanes} x i32> zeroinitializer",
            ]
            for v in range(VECTORS):
                if self.fused:
                    given = f"{vector} %a{r}, {vector} %b{v}, {vector} %sum{r}.{v}"
                    lines.append(f"  %new{r}.{v} = call {vector} @llvm.fma.{self.short}({given})")
                else:
                    lines.append(f"  %term{r}.{v} = fmul {vector} %a{r}, %b{v}")
                    lines.append(f"  %new{r}.{v} = fadd {vector} %sum{r}.{v}, %term{r}.{v}")
        lines += [
            f"  %a.next = getelementptr {number}, ptr %a.here, i64 %a.column",
            f"  %b.next = getelementptr {number}, ptr %b.here, i64 %b.row",
            "  %i.next = add i64 %i, 1",
            "  %on = icmp slt i64 %i.next, %k",
            "  br i1 %on, label %loop, label %end" + ("" if unrolled and not self.masked else ", !llvm.loop !0"),
            "end:",
        ]
        for r, v in cells:
            lines += self.store(f"%new{r}.{v}", f"%c{r}", v)
        return "\n".join([*lines, "  ret void", "}"])

    def strip(self, heights: list[int]) -> str:
        """The tiles of some columns: the tallest as often as they fit, then lower ones."""
        kinds = "i64 %a.row, i64 %a.column, ptr %b, i64 %b.row"
        lines = [
            f"define internal void @{self.prefix}strip(i64 %m, i64 %k, ptr %a, i64 %a.strip, {kinds}, ptr %c, i64 %c.row, i1 %add,"
            " i64 %rest) noinline {",
            "begin:",
            "  br label %look0",
        ]
        before, i, a, c = "begin", "0", "%a", "%c"
        for q, rows in enumerate(heights):
            lines += [
                f"look{q}:",
                f"  %i{q} = phi i64 [ {i}, %{before} ], [ %end{q}, %tile{q} ]",
                f"  %a{q} = phi ptr [ {a}, %{before} ], [ %a{q}.next, %tile{q} ]",
                f"  %c{q} = phi ptr [ {c}, %{before} ], [ %c{q}.next, %tile{q} ]",
                f"  %end{q} = add i64 %i{q}, {rows}",
                f"  %fits{q} = icmp sle i64 %end{q}, %m",
                f"  br i1 %fits{q}, label %tile{q}, label %look{q + 1}",
                f"tile{q}:",
                f"  call void @{self.prefix}tile{rows}(i64 %k, ptr %a{q}, {kinds}, ptr %c{q}, i64 %c.row, i1 %add, i64 %rest)",
                f"  %a{q}.step = {'add i64 %a.strip, 0' if q == 0 else f'mul i64 %a.row, {rows}'}",
                f"  %c{q}.step = mul i64 %c.row, {rows}",
                f"  %a{q}.next = getelementptr {self.number}, ptr %a{q}, i64 %a{q}.step",
                f"  %c{q}.next = getelementptr {self.number}, ptr %c{q}, i64 %c{q}.step",
                f"  br label %look{q}",
            ]
            before, i, a, c = f"look{q}", f"%i{q}", f"%a{q}", f"%c{q}"
        return "\n".join([*lines, f"look{len(heights)}:", "  ret void", "}"])
