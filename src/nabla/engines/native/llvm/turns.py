"""Counted loops in LLVM's assembly.

Their turns are taken one by one, or several at once: that is a loop of vectors, and one more turn for what is left, under a mask.
Reductions have several accumulators, brought together in a fixed order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Sequence

from nabla.engines.native.llvm import memory
from nabla.engines.native.llvm.text import NAMES, Code, literal, type_of
from nabla.engines.native.loops import STARTS, Carry, For, Op, Reg, size_of, summary

if TYPE_CHECKING:
    from nabla.engines.native.llvm.emission import Function

WAYS, LIGHT = 4, 40
"""Accumulators of a reduction, as additions wait for each other; the statements of a turn for which more than one are worth it."""


def one_by_one(f: Function, s: For, begin: str, end: str) -> None:
    wide = f.lanes > 1
    starts = [(c.inner, f.spread(c.start) if wide else f.name(c.start)) for c in s.carries]
    if wide:
        f.varying.update([c.inner for c in s.carries])
        f.varying.update([c.out for c in s.carries])
    phis = Phis(f, starts)

    def body() -> list[str]:
        f.block(s.body)
        return [f.spread(c.end) if wide else f.name(c.end) for c in s.carries]

    counted(f, s.counter, begin, end, 1, phis, body)
    for c in s.carries:
        f.names[c.out] = f.names[c.inner]


def counted(f: Function, counter: Reg, begin: str, end: str, step: int, phis: Phis, body: Callable[[], list[str]]) -> None:
    """Turns from `begin` to below `end`; after it the phis hold what is left."""
    code = f.code
    head, turn, done = code.label("loop"), code.label("turn"), code.label("end")
    before = code.block
    code.open()
    code.jump(head)
    code.start(head)
    number = code.name("n")
    at = len(code.lines)
    code.lines.append("")
    phis.open(before)
    code.branch(code.op(f"icmp slt i64 {number}, {end}"), turn, done)
    code.start(turn)
    code.open()
    f.names[counter] = number
    ends = body()
    following = code.op(f"add nsw i64 {number}, {step}")
    code.lines[at] = f"  {number} = phi i64 [ {begin}, %{before} ], [ {following}, %{code.block} ]"
    phis.close(ends)
    code.jump(head)
    code.close()
    code.close()
    code.start(done)


def at_once(f: Function, s: For, begin: str, end: str, carries: Sequence[Carry]) -> None:
    """Turns from begin to end, `s.lanes` of them at once, and the rest under a mask, or one by one where lanes are read or
    written so: under a mask, each would be a branch."""
    if not carries and s.count >= s.lanes and _is_repeatable(s):
        _reaching_back(f, s, begin, end)
        return
    uniform = set(f.varying)
    vectors = _Vectors(f, s, carries)
    known = begin == "0" and end.isdigit()
    middle, rest = vectors.of_known(int(end)) if known else vectors.between(begin, end)
    singly = f.scattered
    if rest != "0" and not singly:
        vectors.rest(middle, rest, known)
    f.lanes, f.vector, f.varying = 1, None, uniform
    for k, c in enumerate(carries):
        f.names[c.out] = _gathered(f, c, [xs[k] for xs in vectors.state], s.lanes)
    if rest != "0" and singly:
        one_by_one(f, For(s.counter, s.count, s.body, [_resumed(c) for c in carries], True), middle, end)


class _Vectors:
    """The turns of a loop that are taken at once. ways: how many vectors of them are taken in a turn of the code, which each have
    accumulators of their own; state: what these are by now."""

    def __init__(self, f: Function, s: For, carries: Sequence[Carry]) -> None:
        self.f, self.s, self.carries = f, s, carries
        is_light = s.count >= 2 * s.lanes * WAYS and size_of(s.body) < LIGHT
        is_wide = any(s.lanes * c.inner.dtype.itemsize > f.code.widest for c in carries)  # several vectors, that do not wait
        self.ways = WAYS if carries and is_light and not is_wide else 1
        neutral = [literal(STARTS[str(c.by)](c.inner.dtype), c.inner.dtype) for c in carries]
        self.state = [[f.code.spread(x, c.inner.dtype, s.lanes) for c, x in zip(carries, neutral)] for _ in range(self.ways)]
        f.lanes, f.vector, f.scattered = s.lanes, s.counter, False
        f.varying.update([c.inner for c in carries])

    def turns(self, begin: str, end: str, width: int) -> None:
        """Whole vectors, `width` of them in a turn."""
        f, s, code, lanes = self.f, self.s, self.f.code, self.s.lanes
        phis = [Phis(f, [(c.inner, x) for c, x in zip(self.carries, xs)]) for xs in self.state[:width]]

        def body() -> list[str]:
            number = f.names[s.counter]
            ends: list[str] = []
            for way in range(width):
                f.names[s.counter] = code.op(f"add nsw i64 {number}, {way * lanes}") if way else number
                phis[way].enter()
                f.block(s.body)
                ends.extend([f.spread(c.end) for c in self.carries])
            return ends

        counted(f, s.counter, begin, end, width * lanes, Joined(phis), body)
        self.state[:width] = [phi.names for phi in phis]

    def of_known(self, count: int) -> tuple[str, str]:
        """All whole vectors of so many turns; from where on how many are left."""
        lanes = self.s.lanes
        together = count // (self.ways * lanes) * (self.ways * lanes) if self.ways > 1 else 0
        if together:
            self.turns("0", str(together), self.ways)
        whole = count // lanes * lanes
        if whole > together:
            self.turns(str(together), str(whole), 1)
        return str(whole), str(count - whole)

    def between(self, begin: str, end: str) -> tuple[str, str]:
        """The same where it is known when the program runs."""
        code, lanes = self.f.code, self.s.lanes
        span = code.op(f"sub i64 {end}, {begin}")
        rest = code.op(f"and i64 {span}, {lanes - 1}")
        whole = code.op(f"sub i64 {end}, {rest}")
        first = begin
        if self.ways > 1:
            spare = code.op(f"and i64 {span}, {lanes * self.ways - 1}")
            first = code.op(f"sub i64 {end}, {spare}")
            self.turns(begin, first, self.ways)
        self.turns(first, whole, 1)
        return whole, rest

    def rest(self, begin: str, count: str, known: bool) -> None:
        """What is left, under a mask. Where that may be nothing, it is passed over, unless accumulators come out of it."""
        code = self.f.code
        if known or self.carries:
            self._masked(begin, count)
            return
        some, done = code.label("some"), code.label("done")
        code.branch(code.op(f"icmp ne i64 {count}, 0"), some, done)
        code.start(some)
        self._masked(begin, count)
        code.jump(done)
        code.start(done)

    def _masked(self, begin: str, count: str) -> None:
        """Fewer turns than there are lanes; none if count is zero."""
        f, state = self.f, self.state[0]
        f.taken = count
        f.names[self.s.counter] = begin
        for c, x in zip(self.carries, state):
            f.names[c.inner] = x
        f.block(self.s.body)
        for k, c in enumerate(self.carries):
            state[k] = memory.kept(f, type_of(c.inner.dtype), f.spread(c.end), state[k])
        f.taken = ""


def _reaching_back(f: Function, s: For, begin: str, end: str) -> None:
    """The last vector starts so early that it ends where the loop does: some turns are taken twice."""
    code, lanes = f.code, s.lanes
    f.lanes, f.vector = lanes, s.counter

    def body() -> list[str]:
        if s.count % lanes:
            number = f.names[s.counter]
            late = code.op(f"icmp sgt i64 {number}, {s.count - lanes}")
            f.names[s.counter] = code.op(f"select i1 {late}, i64 {s.count - lanes}, i64 {number}")
        f.block(s.body)
        return []

    counted(f, s.counter, begin, end, lanes, Phis(f, []), body)
    f.lanes, f.vector = 1, None


def _gathered(f: Function, c: Carry, vectors: list[str], lanes: int) -> str:
    """Accumulators brought together, two by two, and with what was there before."""
    kind = type_of(c.inner.dtype)
    vector = f"<{lanes} x {kind}>"

    def write(code: Code, start: str, *vectors: str) -> str:
        code.lanes = lanes
        found = _in_pairs(f, c, vectors, code)
        code.lanes = 1
        parts = [code.op(f"extractelement {vector} {found}, i64 {i}") for i in range(lanes)]
        return brought(f, c, start, _in_pairs(f, c, parts, code), code)

    given = [(kind, f.name(c.start)), *[(vector, x) for x in vectors]]
    return f.code.shared(f"gathered.{c.by}.{len(vectors)}.v{lanes}{NAMES[c.inner.dtype]}", kind, given, write)


def _in_pairs(f: Function, c: Carry, parts: Sequence[str], code: Code) -> str:
    while len(parts) > 1:
        parts = [brought(f, c, a, b, code) for a, b in zip(parts[::2], parts[1::2])]
    return parts[0]


def brought(f: Function, c: Carry, a: str, b: str, code: Code) -> str:
    return f.operation(code, Op(c.out, str(c.by), (c.inner, c.inner)), [a, b])


def _is_repeatable(s: For) -> bool:
    """Whether a turn may be taken twice: it does not read what it writes."""
    part = summary(s)
    return part.reads.isdisjoint(part.writes)


class Phis:
    """Numbers handed from turn to turn."""

    def __init__(self, f: Function, starts: Sequence[tuple[Reg, str]]) -> None:
        self.f = f
        self.starts = starts
        self.before = ""
        self.names: list[str] = []
        self.at = 0

    def open(self, before: str) -> None:
        """At the head of the loop, which is entered from the block `before`."""
        code = self.f.code
        self.before = before
        self.at = len(code.lines)
        self.kinds = [_kind(self.f, reg) for reg, _ in self.starts]
        self.names = [code.name("c") for _ in self.starts]
        code.lines.extend([""] * len(self.starts))
        self.enter()

    def enter(self) -> None:
        for (reg, _), name in zip(self.starts, self.names):
            self.f.names[reg] = name

    def close(self, ends: Sequence[str]) -> None:
        """At the end of a turn."""
        code = self.f.code
        for k, ((_, start), name, end) in enumerate(zip(self.starts, self.names, ends)):
            choices = f"[ {start}, %{self.before} ], [ {end}, %{code.block} ]"
            code.lines[self.at + k] = f"  {name} = phi {self.kinds[k]} {choices}"
        self.enter()


class Joined(Phis):
    """Those of several ways."""

    def __init__(self, phis: list[Phis]) -> None:
        self.phis = phis

    def open(self, before: str) -> None:
        for phi in self.phis:
            phi.open(before)

    def close(self, ends: Sequence[str]) -> None:
        count = len(self.phis[0].starts)
        for k, phi in enumerate(self.phis):
            phi.close(ends[k * count : (k + 1) * count])


def _resumed(c: Carry) -> Carry:
    """The carry of further turns."""
    return Carry(c.inner, c.out, c.end, c.out, c.by)


def _kind(f: Function, reg: Reg) -> str:
    single = type_of(reg.dtype)
    return f"<{f.lanes} x {single}>" if reg in f.varying else single
