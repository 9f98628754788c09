"""A large product of matrices in blocks, for threads and so that what is used often stays in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from nabla.engines.native.loops import INDEX, ZERO, Buffer, Call, Form, Num, Part, Store, plus, times
from nabla.engines.native.lowering.values import Indices
from nabla.engines.native.runtime import gemm, machine

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer

PART = 1024
"""How many numbers are summed over at a time, about, so that strips do not take the memory of both factors again."""
NEAR = 1 << 18
"""Bytes of the left factor that are to stay in the cache, while the right one goes by."""
FAR = 4096
"""Numbers of the left factor from which on its rows are put into strips: where they lie they would be on many pages."""
OFTEN = 4
"""Tiles of the one factor for which the numbers of the other are put side by side."""
BLOCK = 1_000_000
"""Multiplications that a thread is given at least, of a large product."""
TALL, WIDE = 8, 4
"""Tiles in what a thread is given, at least: of blocks of rows, and of columns."""
ENOUGH, WANTED = 6, 10
"""Blocks of rows of which not to cut columns instead, and at which blocks need not be smaller for the sake of threads."""
AT_ONCE = 6
"""Multiplications and additions in the time of an operation."""


class Matrix(NamedTuple):
    """A matrix in memory, as lines: the rows of A and C, the columns of B. line: how far neighbours are apart; number: the numbers
    of a line. Lines may be in strips, whose beginnings are as many times `strip` apart as a strip has lines."""

    buffer: Buffer
    at: Form
    line: int
    number: int
    strip: int

    def part(self, start: Form, count: int, width: int, length: int) -> Part:
        """So many lines from one on at which a strip begins; width: lines of a strip; length: numbers of a line."""
        strips, lines = divmod(count - 1, width)
        reach = strips * width * self.strip + lines * self.line + (length - 1) * self.number + 1
        return Part(self.buffer, plus(self.at, times(start, self.strip)), reach)


def multiply(w: Writer, sizes: tuple[int, int, int], a: Matrix, b: Matrix, c: Matrix, adds: bool = False) -> None:
    """C = A B, or that is added to C. sizes: m, n, k, where A is m x k and B is k x n. c: the rows of C, whose numbers lie side by
    side. What is summed over is cut in parts."""
    m, n, k = sizes
    parts = -(-k // PART)
    before = w.buffer(INDEX, 1) if parts > 1 and not adds else None

    def part(start: Form, length: int) -> None:
        x, y = [z._replace(at=plus(z.at, times(start, z.number))) for z in (a, b)]
        if before is None:
            _multiply(w, (m, n, length), x, y, c, Num(int(adds), INDEX))
        else:
            w.block.append(Store(before, ZERO, w.index(start)))
            _multiply(w, (m, n, length), x, y, c, Part(before, ZERO, 1))

    in_blocks(w, k, parts, part, apart=False)


def _multiply(w: Writer, sizes: tuple[int, int, int], a: Matrix, b: Matrix, c: Matrix, before: Part | Num) -> None:
    """before: how many numbers have been summed over."""
    m, n, k = sizes
    rows, columns, _ = gemm.tile(machine.machine(), c.buffer.dtype)
    if b.line > 1 or (n > columns and m >= OFTEN * rows):
        b = _in_strips(w, b, (n, k), columns)
    if n >= OFTEN * columns and (a.number > 1 or m * k > FAR):
        a = _in_strips(w, a, (m, k), rows)

    def block(row: Form, height: int, column: Form, width: int) -> None:
        def size(v: int) -> Num:
            return Num(v, INDEX)

        x = a._replace(at=plus(a.at, times(row, a.strip)))
        args: list[Part | Num] = [size(height), size(width), size(k)]
        args += [x.part(ZERO, height, rows, k), size(x.strip * rows), size(x.line), size(x.number)]
        args += [b.part(column, width, columns, k), size(b.strip * columns), size(b.number)]
        args += [Part(c.buffer, plus(c.at, times(row, c.line), column), (height - 1) * c.line + width), size(c.line), before]
        w.block.append(Call(gemm.Gemm(c.buffer.dtype.name), args, [c.buffer], time=height * width * k / AT_ONCE))

    count = m * n * k // BLOCK
    down = max(-(-m * min(k, gemm.PART) * c.buffer.dtype.itemsize // NEAR), min(count, WANTED, m // (TALL * rows)))
    across = min(count, n // (WIDE * columns))
    if down < ENOUGH and down < across:
        in_blocks(w, n, across, lambda column, width: block(ZERO, m, column, width), columns)
    else:
        in_blocks(w, m, down, lambda row, height: block(row, height, ZERO, n), rows)


def _in_strips(w: Writer, x: Matrix, sizes: tuple[int, int], width: int) -> Matrix:
    """The same lines in strips, the first numbers of all lines of a strip side by side, then the second ones, and so on."""
    count, length = sizes
    room = w.buffer(x.buffer.dtype, -(-count // width) * width * length)

    def strip(i: Form, lines: int) -> None:
        def move(index: Indices) -> None:
            p, l = index
            number = w.read(x.buffer, plus(x.at, times(i, width * x.line), times(l, x.line), times(p, x.number)))
            w.block.append(Store(room, plus(times(i, width * length), times(p, width), l), number))

        w.nest((length, lines), move)

    whole, rest = divmod(count, width)
    w.loop(whole, lambda i: strip(i, width))
    if rest:
        strip(Form(whole), rest)
    return Matrix(room, ZERO, 1, width, length)


def in_blocks(w: Writer, count: int, least: int, body: Callable[[Form, int], None], unit: int = 1, apart: bool = True) -> None:
    """body(start, length) for `least` or more blocks of `count`, of whole units but the last, so many that little is left over.
    apart: they may run at the same time, and are so many that two threads are ready at the same time."""
    if least <= 1:
        body(ZERO, count)
        return
    units = count // unit

    def time(n: int) -> tuple[int, int]:
        return -(-n // 2) * (units // n) + units % n if apart else 0, units % n

    blocks = min(range(least, least + max(1, least // 3 if apart else least)), key=time)
    size = units // blocks * unit
    w.loop(blocks, lambda i: body(times(i, size), size), free=apart, apart=apart)
    if count > blocks * size:
        body(Form(blocks * size), count - blocks * size)
