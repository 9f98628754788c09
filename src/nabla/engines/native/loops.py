"""The language between graphs and LLVM: loops over numbers in memory.

A program is a list of statements on *registers*, each of which is given its value in one place, and on *buffers*, one-dimensional
arrays of numbers. An offset into a buffer is a *form*: a constant plus registers of integers times constants. Loops hand numbers
from turn to turn through *carries*. Complex numbers are two numbers each; shapes and axes are gone.

    for i4 < 1000 carrying v7 = 0.0 -> v9 by add -> v10:
        v8 = load input0[i4]
        v9 = add v7, v8
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

BOOL, INDEX = np.dtype(np.bool_), np.dtype(np.int64)
HALF, SINGLE, DOUBLE = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)


class Reg:
    """A register: a number that a program computes, known by its identity."""

    __slots__ = ("dtype", "number")

    def __init__(self, dtype: np.dtype, number: int) -> None:
        self.dtype = dtype
        self.number = number

    def __repr__(self) -> str:
        return f"v{self.number}"


class Counter(Reg):
    """The register of a loop that counts its turns. It stands in forms alone."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"i{self.number}"


class Num:
    """A constant."""

    __slots__ = ("_bits", "dtype", "value")

    def __init__(self, value: Any, dtype: np.dtype) -> None:
        self.value = value
        self.dtype = dtype
        self._bits = b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Num) and self.dtype == other.dtype and self.bits() == other.bits()

    def __hash__(self) -> int:
        return hash(self.bits())

    def bits(self) -> bytes:
        if not self._bits:
            self._bits = np.asarray(self.value, self.dtype).tobytes()
        return self._bits

    def __repr__(self) -> str:
        return str(self.value)


Operand = Reg | Num


class Form(NamedTuple):
    """An integer: const + the sum of registers times numbers, in the order of the registers, no number zero."""

    const: int
    terms: tuple[tuple[Reg, int], ...] = ()

    def __str__(self) -> str:
        parts = [f"{reg}" if k == 1 else f"{k}*{reg}" for reg, k in self.terms]
        return "+".join([*parts, str(self.const)] if self.const or not parts else parts)


ZERO = Form(0)


def form(x: Operand) -> Form:
    """An integer as a form."""
    return Form(int(x.value)) if type(x) is Num else Form(0, ((x, 1),))  # type: ignore[arg-type]


def times(x: Form, factor: int, shift: int = 0) -> Form:
    if factor == 0:
        return Form(shift)
    if factor == 1:
        return Form(x.const + shift, x.terms) if shift else x
    return Form(x.const * factor + shift, tuple([(reg, k * factor) for reg, k in x.terms]))


def plus(*xs: Form) -> Form:
    """The sum."""
    if len(xs) == 2:
        a, b = xs
        if not b.terms:
            return Form(a.const + b.const, a.terms) if b.const else a
        if not a.terms:
            return Form(a.const + b.const, b.terms) if a.const else b
    const = 0
    sums: dict[Reg, int] = {}
    for x in xs:
        const += x.const
        for reg, k in x.terms:
            sums[reg] = sums.get(reg, 0) + k
    return Form(const, in_order(sums))


def in_order(sums: dict[Reg, int]) -> tuple[tuple[Reg, int], ...]:
    """The terms of a form."""
    terms = [t for t in sums.items() if t[1]]
    if len(terms) > 1:
        terms.sort(key=_number)
    return tuple(terms)


def _number(term: tuple[Reg, int]) -> int:
    return term[0].number


def coefficient(x: Form, reg: Reg) -> int:
    for other, k in x.terms:
        if other is reg:
            return k
    return 0


class Buffer:
    """Memory for `count` numbers. place: "input", "output", "constant" (with which one) or "arena", whose offset in bytes the
    memory plan gives. numbers: what it holds, of short constants."""

    __slots__ = ("at", "count", "dtype", "number", "numbers", "place")

    def __init__(self, dtype: np.dtype, count: int, place: str, number: int) -> None:
        self.dtype = dtype
        self.count = count
        self.place = place
        self.number = number
        self.numbers: Sequence[Num] = ()
        self.at = -1

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.place}{self.number}"


# Statements


class Op:
    """out = the operation `name` of `args`. It never fails, and does nothing else."""

    __slots__ = ("args", "name", "out", "params", "summary")

    def __init__(self, out: Reg, name: str, args: tuple[Operand, ...], params: tuple[tuple[str, Any], ...] = ()) -> None:
        self.out = out
        self.name = name
        self.args = args
        self.params = params
        self.summary: Summary | None = None


class Index:
    """out = the value of a form."""

    __slots__ = ("at", "out", "summary")

    def __init__(self, out: Reg, at: Form) -> None:
        self.out = out
        self.at = at
        self.summary: Summary | None = None


class Load:
    """out = buffer[at]"""

    __slots__ = ("at", "buffer", "out", "summary")

    def __init__(self, out: Reg, buffer: Buffer, at: Form) -> None:
        self.out = out
        self.buffer = buffer
        self.at = at
        self.summary: Summary | None = None


class Store:
    """buffer[at] = value"""

    __slots__ = ("at", "buffer", "summary", "value")

    def __init__(self, buffer: Buffer, at: Form, value: Operand) -> None:
        self.buffer = buffer
        self.at = at
        self.value = value
        self.summary: Summary | None = None


class Carry:
    """A number handed from turn to turn: `inner` is what a turn finds, `end` what it leaves, `out` what is left in the end. by: the
    operation by which turns add to it, where these may be taken in any order."""

    __slots__ = ("by", "end", "inner", "out", "start")

    def __init__(self, inner: Reg, start: Operand, end: Operand, out: Reg, by: str | None = None) -> None:
        self.inner = inner
        self.start = start
        self.end = end
        self.out = out
        self.by = by


STARTS: dict[str, Callable[[np.dtype], Any]] = {
    "add": lambda dtype: 0,
    "multiply": lambda dtype: 1,
    "maximum": lambda dtype: -np.inf if dtype.kind == "f" else 0 if dtype.kind == "b" else np.iinfo(dtype.name).min,
    "minimum": lambda dtype: np.inf if dtype.kind == "f" else 1 if dtype.kind == "b" else np.iinfo(dtype.name).max,
    "logical_or": lambda dtype: False,
    "logical_and": lambda dtype: True,
}
"""Operations that bring numbers together, and what they begin with."""


class For:
    """`count` turns. free: their order does not matter. apart: who wrote it says that they may run at the same time, but for memory
    that is touched nowhere else. lanes: how many turns are taken at once. pieces: into how many pieces the turns are cut for
    threads, 0 for none. own: buffers that each piece has one of; at: where these begin in the arena, and the bytes of a piece."""

    __slots__ = ("apart", "at", "body", "carries", "count", "counter", "free", "lanes", "own", "pieces", "summary", "time")

    def __init__(
        self, counter: Counter, count: int, body: list[Any], carries: list[Carry], free: bool, apart: bool = False
    ) -> None:
        self.counter = counter
        self.count = count
        self.body = body
        self.carries = carries
        self.free = free
        self.apart = apart
        self.lanes = 1
        self.pieces = 0
        self.own: frozenset[Buffer] = frozenset()
        self.at = (0, 0)
        self.summary: Summary | None = None
        self.time: float | None = None  # by time_of


class While:
    """Turns as long as `going`, which `test` computes, is true."""

    __slots__ = ("body", "carries", "going", "summary", "test")

    def __init__(self, carries: list[Carry], test: list[Any], going: Operand, body: list[Any]) -> None:
        self.carries = carries
        self.test = test
        self.going = going
        self.body = body
        self.summary: Summary | None = None


class If:
    """The branch with the number `which`, the last where there is none. outs: a register, and its value at the end of each."""

    __slots__ = ("branches", "outs", "summary", "which")

    def __init__(self, which: Operand, branches: list[list[Any]], outs: list[tuple[Reg, list[Operand]]]) -> None:
        self.which = which
        self.branches = branches
        self.outs = outs
        self.summary: Summary | None = None


class Part(NamedTuple):
    """The address of buffer[at], for a routine that touches as many as `reach` numbers from there on."""

    buffer: Buffer
    at: Form
    reach: int

    def __str__(self) -> str:
        return f"&{self.buffer}[{self.at}]"


class Call:
    """A routine from outside, of addresses and of constants that it takes by address too. writes: the buffers it writes to. time:
    what it takes, about, in operations on vectors."""

    __slots__ = ("args", "routine", "summary", "time", "writes")

    def __init__(self, routine: Any, args: Sequence[Part | Num], writes: Iterable[Buffer], time: float = 1000.0) -> None:
        self.routine = routine
        self.args = list(args)
        self.writes = frozenset(writes)
        self.time = time
        self.summary: Summary | None = None


class Watch:
    """Look for signals where `at` is a multiple of `every`, a power of two. adds: where the sum of all `at` reaches it."""

    __slots__ = ("adds", "at", "every", "summary")

    def __init__(self, at: Form, every: int, adds: bool = False) -> None:
        self.at = at
        self.every = every
        self.adds = adds
        self.summary: Summary | None = None


class Cut:
    """Between statements of the whole: no register that is given before is used behind."""

    __slots__ = ()


Statement = Op | Index | Load | Store | For | While | If | Call | Watch | Cut
Block = list[Any]
NESTING = frozenset([For, While, If])
"""What has statements inside."""


def blocks(s: Any) -> tuple[Block, ...]:
    """The blocks inside a statement."""
    if type(s) is For:
        return (s.body,)
    if type(s) is While:
        return (s.test, s.body)
    if type(s) is If:
        return tuple(s.branches)
    return ()


def walk(block: Block) -> list[Any]:
    """All statements, those inside others too."""
    found: list[Any] = []
    _walk(block, found)
    return found


def _walk(block: Block, found: list[Any]) -> None:
    for s in block:
        found.append(s)
        if type(s) in NESTING:
            for inner in blocks(s):
                _walk(inner, found)


def touched(s: Any) -> list[Buffer]:
    """The buffers that a statement itself reads or writes."""
    if type(s) in (Load, Store):
        return [s.buffer]
    return [x.buffer for x in s.args if type(x) is Part] if type(s) is Call else []


def size_of(block: Block) -> int:
    """How many statements these are, with those inside others."""
    return len(block) + sum([size_of(inner) for s in block if type(s) in NESTING for inner in blocks(s)])


# What a statement has to do with others


class Summary(NamedTuple):
    """Registers that a statement uses from outside and gives, and buffers that it reads and writes."""

    uses: frozenset[Reg]
    gives: frozenset[Reg]
    reads: frozenset[Buffer]
    writes: frozenset[Buffer]


NOTHING: frozenset[Any] = frozenset()


def _operands(xs: Iterable[Any]) -> list[Reg]:
    return [x for x in xs if type(x) is Reg]


def regs_of(x: Form) -> list[Reg]:
    return [reg for reg, _ in x.terms]


def summary(s: Any) -> Summary:
    found: Summary | None = s.summary
    if found is None:
        found = s.summary = _summary(s)
    return found


def _summary(s: Any) -> Summary:
    kind = type(s)
    if kind is Op:
        return Summary(frozenset(_operands(s.args)), frozenset([s.out]), NOTHING, NOTHING)
    if kind is Load:
        return Summary(frozenset(regs_of(s.at)), frozenset([s.out]), frozenset([s.buffer]), NOTHING)
    if kind is Store:
        return Summary(frozenset([*regs_of(s.at), *_operands([s.value])]), NOTHING, NOTHING, frozenset([s.buffer]))
    if kind is Index:
        return Summary(frozenset(regs_of(s.at)), frozenset([s.out]), NOTHING, NOTHING)
    if kind is Call:
        parts = [x for x in s.args if type(x) is Part]
        uses = frozenset([reg for x in parts for reg in regs_of(x.at)])
        return Summary(uses, NOTHING, frozenset([x.buffer for x in parts]), s.writes)
    if kind is Watch:
        return Summary(frozenset(regs_of(s.at)), NOTHING, NOTHING, NOTHING)
    if kind is Cut:
        return Summary(NOTHING, NOTHING, NOTHING, NOTHING)
    return _of_blocks(s)


def _of_blocks(s: Any) -> Summary:
    uses: set[Reg] = set()
    inside: set[Reg] = set()
    reads: set[Buffer] = set()
    writes: set[Buffer] = set()
    for inner in [x for block in blocks(s) for x in block]:
        kind = type(inner)
        if kind is Op:
            uses.update([x for x in inner.args if type(x) is Reg])
            inside.add(inner.out)
        elif kind is Load:
            uses.update([reg for reg, _ in inner.at.terms])
            inside.add(inner.out)
            reads.add(inner.buffer)
        else:
            part = summary(inner)
            uses |= part.uses
            inside |= part.gives
            reads |= part.reads
            writes |= part.writes
    if type(s) is If:
        uses.update(_operands([s.which, *[x for _, ends in s.outs for x in ends]]))
        gives = frozenset([reg for reg, _ in s.outs])
    else:
        if type(s) is For:
            inside.add(s.counter)
        else:
            uses.update(_operands([s.going]))
        inside.update([c.inner for c in s.carries])
        uses.update(_operands([c.end for c in s.carries]))
        uses -= inside
        uses.update(_operands([c.start for c in s.carries]))
        gives = frozenset([c.out for c in s.carries])
    return Summary(frozenset(uses - inside), gives, frozenset(reads), frozenset(writes))


# Rewriting


class Rewriter:
    """Copies statements with other registers: `forms` stand for counters, `operands` for the rest. fresh: makes a new register for
    each that a copied statement gives; None keeps them."""

    def __init__(self, fresh: Callable[[Reg], Reg] | None = None) -> None:
        self.forms: dict[Reg, Form] = {}
        self.operands: dict[Reg, Operand] = {}
        self.fresh = fresh

    def operand(self, x: Any) -> Any:
        return self.operands.get(x, x) if type(x) is Reg else x

    def form(self, x: Form) -> Form:
        const, terms = x
        forms, operands = self.forms, self.operands
        kept = []
        for term in terms:
            reg, k = term
            if reg in operands:
                break
            if reg not in forms:
                kept.append(term)
            elif not forms[reg].terms:
                const += forms[reg].const * k
            else:
                break
        else:
            return x if len(kept) == len(terms) else Form(const, tuple(kept))
        parts = [times(forms[reg] if reg in forms else form(operands.get(reg, reg)), k) for reg, k in terms]
        return plus(Form(x.const), *parts)

    def given(self, reg: Reg) -> Reg:
        if self.fresh is None:
            return reg
        new = self.operands[reg] = self.fresh(reg)
        return new

    def block(self, block: Block) -> Block:
        return [self.statement(s) for s in block]

    def carries(self, carries: Sequence[Carry], inner: Callable[[], Any]) -> tuple[list[Carry], Any]:
        starts = [self.operand(c.start) for c in carries]
        inners = [self.given(c.inner) for c in carries]
        found = inner()
        ends = [self.operand(c.end) for c in carries]
        outs = [self.given(c.out) for c in carries]
        return [Carry(i, s, e, o, c.by) for c, i, s, e, o in zip(carries, inners, starts, ends, outs)], found

    def statement(self, s: Any) -> Any:
        kind = type(s)
        if kind is Op:
            args = s.args
            for x in args:
                if type(x) is Reg and x in self.operands:
                    args = tuple([self.operands.get(x, x) if type(x) is Reg else x for x in args])
                    break
            else:
                if self.fresh is None:
                    return s
            return Op(self.given(s.out), s.name, args, s.params)
        if kind is Load:
            at = self.form(s.at)
            return s if at is s.at and self.fresh is None else Load(self.given(s.out), s.buffer, at)
        if kind is Store:
            return Store(s.buffer, self.form(s.at), self.operand(s.value))
        if kind is Index:
            at = self.form(s.at)
            return Index(self.given(s.out), at)
        if kind is Call:
            places = [Part(x.buffer, self.form(x.at), x.reach) if type(x) is Part else x for x in s.args]
            return Call(s.routine, places, s.writes, s.time)
        if kind is For:
            counter = s.counter
            if self.fresh is not None:
                counter = self.fresh(counter)
                self.forms[s.counter] = form(counter)
            carries, body = self.carries(s.carries, lambda: self.block(s.body))
            new = For(counter, s.count, body, carries, s.free, s.apart)
            new.lanes, new.pieces, new.own, new.at = s.lanes, s.pieces, s.own, s.at
            return new
        if kind is While:

            def inner() -> tuple[Block, Operand, Block]:
                test = self.block(s.test)
                return test, self.operand(s.going), self.block(s.body)

            carries, (test, going, body) = self.carries(s.carries, inner)
            return While(carries, test, going, body)
        branches = [self.block(b) for b in s.branches]
        ends = [[self.operand(x) for x in xs] for _, xs in s.outs]
        return If(self.operand(s.which), branches, [(self.given(reg), xs) for (reg, _), xs in zip(s.outs, ends)])


class Numbering:
    """Gives registers numbers that a program does not have yet. last: the largest one that it has."""

    def __init__(self, last: int) -> None:
        self._last = last

    def new(self, dtype: np.dtype) -> Reg:
        self._last += 1
        return Reg(dtype, self._last)

    def fresh(self, reg: Reg) -> Reg:
        """Another one of that kind."""
        self._last += 1
        return type(reg)(reg.dtype, self._last)


def given_by(s: Any) -> list[Reg]:
    """The registers that a statement gives, itself or to what is inside it."""
    kind = type(s)
    if kind in (Op, Index, Load):
        return [s.out]
    if kind is If:
        return [reg for reg, _ in s.outs]
    if kind is For or kind is While:
        found = [reg for c in s.carries for reg in (c.inner, c.out)]
        return [*found, s.counter] if kind is For else found
    return []


# Printing


class Program(NamedTuple):
    """A whole: its statements, its buffers, and what numbers new registers."""

    body: Block
    buffers: list[Buffer]
    numbering: Numbering

    def __str__(self) -> str:
        local = [b for b in self.buffers if b.place == "arena"]
        head = [f"{b}: {b.count} x {b.dtype}" + (f" at {b.at}" if b.at >= 0 else "") for b in local]
        return "\n".join([*head, *_printed(self.body, "")])


def _printed(block: Block, indent: str) -> Iterator[str]:
    deeper = indent + "    "
    for s in block:
        kind = type(s)
        if kind is Op:
            params = "".join([f", {k}={v}" for k, v in s.params])
            yield f"{indent}{s.out} = {s.name} {', '.join(map(str, s.args))}{params}"
        elif kind is Index:
            yield f"{indent}{s.out} = {s.at}"
        elif kind is Load:
            yield f"{indent}{s.out} = load {s.buffer}[{s.at}]"
        elif kind is Store:
            yield f"{indent}store {s.buffer}[{s.at}] = {s.value}"
        elif kind is Call:
            yield f"{indent}call {s.routine}({', '.join(map(str, s.args))})"
        elif kind is Cut:
            yield f"{indent}cut"
        elif kind is Watch:
            yield f"{indent}watch {'sum of ' if s.adds else ''}{s.at} by {s.every}"
        elif kind is If:
            for k, branch in enumerate(s.branches):
                yield f"{indent}{'if' if k == 0 else 'or if'} {s.which} is {k}:" if k < len(s.branches) - 1 else f"{indent}else:"
                yield from _printed(branch, deeper)
                yield from [f"{deeper}{reg} = {ends[k]}" for reg, ends in s.outs]
        else:
            carrying = ", ".join([
                f"{c.inner} = {c.start} -> {c.end}{f' by {c.by}' if c.by else ''} -> {c.out}" for c in s.carries
            ])  # fmt: skip
            tail = f" carrying {carrying}" if carrying else ""
            if kind is For:
                how = f", {s.lanes} at once" if s.lanes > 1 else ""
                how += f", in {s.pieces} pieces" if s.pieces else ""
                how += f" with their own {', '.join(sorted(map(str, s.own)))}" if s.own else ""
                yield f"{indent}for {s.counter} < {s.count}{'' if s.free else ' in order'}{how}{tail}:"
            else:
                yield f"{indent}while {s.going}{tail}:"
                yield from _printed(s.test, indent + "  ? ")
            yield from _printed(s.body, deeper)


def printed(s: Any) -> str:
    """The first line of a statement."""
    return next(_printed([s], ""))


def substituted(block: Block, operands: Mapping[Reg, Operand], forms: Mapping[Reg, Form]) -> Block:
    """The block with other operands."""
    rewriter = Rewriter()
    rewriter.operands.update(operands)
    rewriter.forms.update(forms)
    return rewriter.block(block)
