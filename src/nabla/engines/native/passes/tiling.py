"""Loops over two axes that go through memory in different orders, cut into tiles that stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator

from nabla.engines.native.loops import (
    NESTING,
    Block,
    Counter,
    For,
    Form,
    Load,
    Numbering,
    Program,
    Reg,
    Rewriter,
    Store,
    blocks,
    coefficient,
    form,
    plus,
    times,
)  # fmt: skip

TILE = 4, 32
"""Turns of both axes in a tile: what lies side by side along the inner one comes in runs long enough to be fetched ahead."""
CROWDED = 16, 16
"""The same where numbers that are neighbours along an axis lie so that the cache has few places for them."""
CROWDS = 1024
"""Bytes: of what lies a multiple of these apart, a cache keeps few lines."""
LONG = 64
"""Turns of either axis from which on it pays."""


def tiled(program: Program) -> Program:
    return program._replace(body=_tiled(program.body, program.numbering))


def _tiled(block: Block, numbering: Numbering) -> Block:
    result: Block = []
    for s in block:
        if type(s) is For and s.free and len(s.body) == 1 and type(s.body[0]) is For and _pays(s, s.body[0]):
            result.extend(_in_tiles(s, s.body[0], CROWDED if _crowds(s, s.body[0]) else TILE, numbering))
            continue
        if type(s) in NESTING:
            for inner in blocks(s):
                inner[:] = _tiled(inner, numbering)
        result.append(s)
    return result


def _pays(outer: For, inner: For) -> bool:
    """Whether some neighbours in memory are neighbours along the outer axis, and some along the inner one."""
    if not inner.free or outer.carries or inner.carries or min(outer.count, inner.count) < LONG:
        return False
    if any(blocks(s) for s in inner.body):
        return False
    steps = [steps for steps, _ in _accesses(outer, inner)]
    return any(a in (1, -1) and abs(b) > 1 for a, b in steps) and any(b in (1, -1) and abs(a) > 1 for a, b in steps)


def _crowds(outer: For, inner: For) -> bool:
    return any(step and step * size % CROWDS == 0 for steps, size in _accesses(outer, inner) for step in steps)


def _accesses(outer: For, inner: For) -> Iterator[tuple[tuple[int, int], int]]:
    """Of each read and write the steps along both axes, in numbers, and the bytes of a number."""
    for s in inner.body:
        if isinstance(s, (Load, Store)):
            yield (coefficient(s.at, outer.counter), coefficient(s.at, inner.counter)), s.buffer.dtype.itemsize


def _in_tiles(outer: For, inner: For, tile: tuple[int, int], numbering: Numbering) -> Block:
    """Whole tiles, and what is left of both axes."""
    tall, wide = tile
    rows, columns = outer.count // tall * tall, inner.count // wide * wide
    found: Block = []

    def copied(i: Form, j: Form) -> Block:
        rewriter = Rewriter(numbering.fresh)
        rewriter.forms.update({outer.counter: i, inner.counter: j})
        return rewriter.block(inner.body)

    def loop(count: int, body: Block, counter: Counter) -> For:
        return For(counter, count, body, [], True)

    def counter() -> Counter:
        new: Reg = numbering.fresh(outer.counter)
        assert isinstance(new, Counter)
        return new

    a, b, c, d = (counter() for _ in range(4))
    body = copied(plus(times(form(a), tall), form(c)), plus(times(form(b), wide), form(d)))
    found.append(loop(rows // tall, [loop(columns // wide, [loop(tall, [loop(wide, body, d)], c)], b)], a))
    if inner.count > columns:
        a, b = counter(), counter()
        rest = copied(form(a), Form(columns, form(b).terms))
        found.append(loop(outer.count, [loop(inner.count - columns, rest, b)], a))
    if outer.count > rows:
        a, b = counter(), counter()
        rest = copied(Form(rows, form(a).terms), form(b))
        found.append(loop(outer.count - rows, [loop(columns, rest, b)], a))
    return found
