"""From loops to LLVM's assembly.

The function takes a block with the addresses of the data of inputs and outputs, the memory for temporaries, and a table with the
address of what calls reference kernels and those of constants. It gives zero, or 1 if a reference kernel failed, or 2 if a signal
was to end the run, whose exception Python has then.
A loop whose turns are taken several at once is a loop of vectors, and one more turn for what is left, under a mask; reductions
have several accumulators, brought together in a fixed order. A loop in pieces is a function of its own, which the pool of
threads calls.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla.engines.native import arithmetic
from nabla.engines.native.accesses import are_checked, check
from nabla.engines.native.conversions import HALF, SINGLE, convert, narrowed, widened
from nabla.engines.native.loops import (
    INDEX,
    Block,
    Buffer,
    Call,
    Carry,
    Counter,
    For,
    Form,
    If,
    Index,
    Load,
    Num,
    Op,
    Operand,
    Part,
    Program,
    Reg,
    Store,
    Watch,
    While,
    summary,
    walk,
)  # fmt: skip
from nabla.engines.native.machine import Machine
from nabla.engines.native.recipes import STARTS
from nabla.engines.native.references import DONE
from nabla.engines.native.routines import Reference
from nabla.engines.native.text import Code, in_memory, literal, type_of
from nabla.engines.native.values import part_of_complex

CUT = 300
"""Lines of straight code in a block: what LLVM does within one grows faster than it."""
POLL = """
define internal i64 @poll() {
  %lock = call i32 @PyGILState_Ensure()
  %failed = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %lock)
  %is.failed = icmp ne i32 %failed, 0
  %status = select i1 %is.failed, i64 2, i64 0
  ret i64 %status
}"""
"""Look for signals, as Python does; 2 if what was to be done about one raised something."""
WAYS = 4
"""Accumulators of a reduction: additions wait for each other."""


class Module:
    """Functions, and what they declare."""

    def __init__(self, program: Program, machine: Machine) -> None:
        self.program = program
        self.machine = machine
        self.declared: dict[str, str] = {}
        self.functions: list[str] = []
        self.checked = are_checked()
        self.accesses: list[str] = []  # those that are checked

    def code(self) -> Code:
        code = Code(self.machine.vectors, vector_bytes(self.machine), self.machine.halves)
        code.declared = self.declared
        return code

    def text(self) -> str:
        f = Function(self, self.code())
        code = f.code
        given: dict[tuple[str, int], Buffer] = {(b.place, b.number): b for b in self.program.buffers if b.place != "arena"}
        used = {b for s in walk(self.program.body) for b in _buffers(s)}
        for (place, i), buffer in given.items():
            if buffer in used:
                table, at = ("%table", i + 1) if place == "constant" else ("%addresses", i)
                f.bases[buffer] = code.op(f"load ptr, ptr {code.op(f'getelementptr ptr, ptr {table}, i64 {at}')}", "data")
        f.block(self.program.body)
        code.do("ret i64 0")
        self.functions.append(_function("define i64 @run(ptr %addresses, ptr %arena, ptr %table)", code))
        return "\n".join(
            [*self.declared.values(), *self.functions, "attributes #0 = { nobuiltin nounwind willreturn memory(none) }"]
        )


def vector_bytes(machine: Machine) -> int:
    """The size of a vector, 0 for a processor that is asked to have none."""
    return 8 * machine.lanes if machine.lanes > 1 else 0


def _function(head: str, code: Code) -> str:
    return "\n".join([head + " {", "begin:", *code.entry, *code.lines, "}"])


def _buffers(s: Any) -> list[Buffer]:
    if type(s) in (Load, Store):
        return [s.buffer]
    return [x.buffer for x in s.args if type(x) is Part] if type(s) is Call else []


class Function:
    """One function being written."""

    def __init__(self, module: Module, code: Code) -> None:
        self.module = module
        self.code = code
        self.bases: dict[Buffer, str] = {}
        self.names: dict[Reg, str] = {}
        self.varying: set[Reg] = set()  # registers that hold a vector
        self.lanes = 1
        self.vector: Counter | None = None  # the counter of the loop several of whose turns are taken at once
        self.mask = ""  # of the lanes that are taken
        self.stop = ""  # in a piece: where it says that the run is to end
        self.turns = ""  # where turns are added up until the next look for signals
        self.scattered = False  # whether lanes were read or written one by one

    # Operands

    def name(self, x: Operand) -> str:
        return self.names[x] if isinstance(x, Reg) else literal(x.value, x.dtype)

    def spread(self, x: Operand) -> str:
        """A number in all lanes."""
        name = self.name(x)
        if x in self.varying:
            return name
        return self.code.spread(name, x.dtype, self.lanes)

    def base(self, buffer: Buffer) -> str:
        if buffer.place == "arena":
            return self.code.op(f"getelementptr i8, ptr %arena, i64 {buffer.at}", "room") if buffer.at else "%arena"
        return self.bases[buffer]

    def sum(self, at: Form) -> str:
        """The part of a form that is the same in all lanes, at the first one."""
        code = self.code
        text = str(at.const) if at.const else ""
        for reg, k in at.terms:
            if reg in self.varying:
                continue
            part = self.names[reg]
            if part.lstrip("-").isdigit():
                part = str(int(part) * k)
            elif k != 1:
                part = code.op(f"mul i64 {part}, {k}")
            text = part if not text else code.op(f"add i64 {text}, {part}")
        return text or "0"

    def step(self, at: Form) -> int | None:
        """How far apart neighbouring lanes lie; None if that is not known."""
        step = 0
        for reg, k in at.terms:
            if reg in self.varying:
                return None
            if reg is self.vector:
                step = k
        return step

    def offsets(self, at: Form) -> str:
        """The value of a form in each lane."""
        code, lanes = self.code, self.lanes
        kind = f"<{lanes} x i64>"
        result = code.spread(self.sum(at), INDEX, lanes)
        for reg, k in at.terms:
            if reg in self.varying:
                result = code.op(f"add {kind} {result}, {code.op(f'mul {kind} {self.names[reg]}, splat (i64 {k})')}")
            elif reg is self.vector:
                steps = ", ".join([f"i64 {i * k}" for i in range(lanes)])
                result = code.op(f"add {kind} {result}, <{steps}>")
        return result

    def pointer(self, buffer: Buffer, offset: str) -> str:
        base = self.base(buffer)
        if offset == "0":
            return base
        return self.code.op(f"getelementptr {in_memory(buffer.dtype)}, ptr {base}, i64 {offset}", "p")

    # Statements

    def block(self, block: Block) -> None:
        code = self.code
        paired = False
        for s, following in zip(block, [*block[1:], None]):
            if paired:
                paired = False
                continue
            paired = self._is_pair(s, following)
            if self.module.checked:
                for x in (s, following) if paired else (s,):
                    check(self, x)
            if paired:
                self._interleaved(s, following)
            else:
                getattr(self, f"_{type(s).__name__.lower()}")(s)
            if len(code.lines) - code.begun > CUT:
                on = code.label("on")
                code.jump(on)
                code.start(on)

    def _op(self, s: Op) -> None:
        wide = self.lanes > 1 and any(x in self.varying for x in s.args)
        code = self.code
        code.lanes = self.lanes if wide else 1
        names = [self.spread(x) if wide else self.name(x) for x in s.args]
        self.names[s.out] = self.operation(s, names)
        if wide:
            self.varying.add(s.out)
        code.lanes = 1

    def operation(self, s: Op, names: list[str]) -> str:
        code, dtype = self.code, s.args[0].dtype
        if s.name == "convert":
            return convert(code, names[0], dtype, s.out.dtype)
        if s.name == "where":
            return arithmetic.select(code, names[0], dtype, s.args[1].dtype, names[1], names[2])
        row = arithmetic.OPERATIONS[s.name]
        if dtype == HALF and s.name not in arithmetic.OF_HALVES:
            found = row(code, SINGLE, *[widened(code, x) for x in names], **dict(s.params))
            return narrowed(code, found) if s.out.dtype == HALF else found
        return row(code, dtype, *names, **dict(s.params))

    def _index(self, s: Index) -> None:
        if self.lanes > 1 and self.step(s.at) != 0:
            self.names[s.out] = self.offsets(s.at)
            self.varying.add(s.out)
        else:
            name = self.sum(s.at)
            self.names[s.out] = name if name.startswith("%") else self.code.op(f"add i64 {name}, 0")

    def _load(self, s: Load) -> None:
        step = self.step(s.at) if self.lanes > 1 else 0
        self.names[s.out] = self._loaded(s.buffer, s.at, step)
        if step != 0:
            self.varying.add(s.out)

    def _loaded(self, buffer: Buffer, at: Form, step: int | None) -> str:
        code, lanes, dtype = self.code, self.lanes, buffer.dtype
        kind = in_memory(dtype)
        vector = f"<{lanes} x {kind}>"
        if step == 0:
            found = code.op(f"load {kind}, ptr {self.pointer(buffer, self.sum(at))}")
            return code.op(f"trunc i8 {found} to i1") if dtype.kind == "b" else found
        if step in (1, -1):
            first = at if step == 1 else Form(at.const - lanes + 1, at.terms)
            pointer = self.pointer(buffer, self.sum(first))
            if self.mask:
                mask = self.mask if step == 1 else self._reversed(self.mask, "i1")
                arguments = f"ptr {pointer}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}, {vector} splat ({kind} {_one(kind)})"
                kinds = f"ptr, i32, <{lanes} x i1>, {vector}"
                found = self._intrinsic(f"llvm.masked.load.v{lanes}{_short(kind)}.p0", vector, arguments, kinds)
            else:
                found = code.op(f"load {vector}, ptr {pointer}, align {dtype.itemsize}")
            if step == -1:
                found = self._reversed(found, kind)
        elif step == 2 and not self.mask:
            self.scattered = True
            found = self._every_second(buffer, at)
        else:
            self.scattered = True
            pointers = code.op(f"getelementptr {kind}, ptr {self.base(buffer)}, <{lanes} x i64> {self.offsets(at)}")
            mask = self.mask or "splat (i1 true)"
            found = self._intrinsic(
                f"llvm.masked.gather.v{lanes}{_short(kind)}.v{lanes}p0", vector,
                f"<{lanes} x ptr> {pointers}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}, {vector} splat ({kind} {_one(kind)})",
                f"<{lanes} x ptr>, i32, <{lanes} x i1>, {vector}",
            )  # fmt: skip
        return code.op(f"trunc {vector} {found} to <{lanes} x i1>") if dtype.kind == "b" else found

    def _every_second(self, buffer: Buffer, at: Form) -> str:
        """A vector of numbers two apart, as the parts of complex numbers are, from two vectors of all that end with the last."""
        code, lanes, kind = self.code, self.lanes, in_memory(buffer.dtype)
        parts = []
        for start in (0, lanes - 1):
            pointer = self.pointer(buffer, self.sum(Form(at.const + start, at.terms)))
            parts.append(code.op(f"load <{lanes} x {kind}>, ptr {pointer}, align {buffer.dtype.itemsize}"))
        order = ", ".join([f"i32 {2 * i if 2 * i < lanes else 2 * i + 1}" for i in range(lanes)])
        return code.op(f"shufflevector <{lanes} x {kind}> {parts[0]}, <{lanes} x {kind}> {parts[1]}, <{lanes} x i32> <{order}>")

    def _is_pair(self, s: Any, following: Any) -> bool:
        """Whether these store both parts of complex numbers, in whole vectors."""
        if self.lanes == 1 or self.mask or type(s) is not Store or type(following) is not Store:
            return False
        if s.buffer is not following.buffer or following.at != Form(s.at.const + 1, s.at.terms):
            return False
        return s.buffer.dtype.kind == "f" and self.step(s.at) == 2

    def _interleaved(self, s: Store, following: Store) -> None:
        """Two stores of numbers two apart, one beside the other."""
        code, lanes, kind = self.code, self.lanes, in_memory(s.buffer.dtype)
        self.scattered = True
        values = [self.spread(x.value) for x in (s, following)]
        order = ", ".join([f"i32 {i + part * lanes}" for i in range(lanes) for part in (0, 1)])
        vector = f"<{lanes} x {kind}>"
        both = code.op(f"shufflevector {vector} {values[0]}, {vector} {values[1]}, <{2 * lanes} x i32> <{order}>")
        pointer = self.pointer(s.buffer, self.sum(s.at))
        code.do(f"store <{2 * lanes} x {kind}> {both}, ptr {pointer}, align {s.buffer.dtype.itemsize}")

    def _store(self, s: Store) -> None:
        code, lanes, buffer, dtype = self.code, self.lanes, s.buffer, s.buffer.dtype
        kind = in_memory(dtype)
        step = self.step(s.at) if lanes > 1 else 0
        if step == 0:
            value = self.name(s.value)
            if dtype.kind == "b":
                value = code.op(f"zext i1 {value} to i8")
            code.do(f"store {kind} {value}, ptr {self.pointer(buffer, self.sum(s.at))}")
            return
        vector = f"<{lanes} x {kind}>"
        value = self.spread(s.value)
        if dtype.kind == "b":
            value = code.op(f"zext <{lanes} x i1> {value} to {vector}")
        if step in (1, -1):
            first = s.at if step == 1 else Form(s.at.const - lanes + 1, s.at.terms)
            pointer = self.pointer(buffer, self.sum(first))
            if step == -1:
                value = self._reversed(value, kind)
            if self.mask:
                mask = self.mask if step == 1 else self._reversed(self.mask, "i1")
                arguments = f"{vector} {value}, ptr {pointer}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}"
                self._routine(f"llvm.masked.store.v{lanes}{_short(kind)}.p0", arguments, f"{vector}, ptr, i32, <{lanes} x i1>")
            else:
                code.do(f"store {vector} {value}, ptr {pointer}, align {dtype.itemsize}")
            return
        self.scattered = True
        pointers = code.op(f"getelementptr {kind}, ptr {self.base(buffer)}, <{lanes} x i64> {self.offsets(s.at)}")
        mask = self.mask or "splat (i1 true)"
        self._routine(
            f"llvm.masked.scatter.v{lanes}{_short(kind)}.v{lanes}p0",
            f"{vector} {value}, <{lanes} x ptr> {pointers}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}",
            f"{vector}, <{lanes} x ptr>, i32, <{lanes} x i1>",
        )  # fmt: skip

    def _reversed(self, value: str, kind: str) -> str:
        lanes = self.lanes
        order = ", ".join([f"i32 {lanes - 1 - i}" for i in range(lanes)])
        return self.code.op(f"shufflevector <{lanes} x {kind}> {value}, <{lanes} x {kind}> poison, <{lanes} x i32> <{order}>")

    def _intrinsic(self, name: str, result: str, arguments: str, kinds: str) -> str:
        self.module.declared[name] = f"declare {result} @{name}({kinds})"
        return self.code.op(f"call {result} @{name}({arguments})")

    def _routine(self, name: str, arguments: str, kinds: str) -> None:
        self.module.declared[name] = f"declare void @{name}({kinds})"
        self.code.do(f"call void @{name}({arguments})")

    def _call(self, s: Call) -> None:
        code = self.code
        places = []
        for x in s.args:
            if isinstance(x, Part):
                places.append(self.pointer(x.buffer, self.sum(x.at)))
            else:
                places.append(self._cell(x))
        if type(s.routine) is not Reference:
            self._routine(s.routine.symbol, ", ".join([f"ptr {p}" for p in places]), ", ".join(["ptr"] * len(places)))
            return
        addresses = code.space("ptr", len(places))
        for i, p in enumerate(places):
            code.do(f"store ptr {p}, ptr {code.op(f'getelementptr ptr, ptr {addresses}, i64 {i}')}")
        kernel = code.op("load ptr, ptr %table")
        status = code.op(f"call i64 {kernel}(i64 {s.routine.number}, ptr {addresses})")
        # Zero would also be what is there after an exception before the first line of Python.
        self.leave(code.op(f"icmp ne i64 {status}, {DONE}"), "1")

    def _watch(self, s: Watch) -> None:
        code = self.code
        at = self.sum(s.at)
        if s.adds:
            if not self.turns:
                self.turns = code.space("i64", 1)
                code.entry.append(f"  store i64 0, ptr {self.turns}")
            at = code.op(f"add i64 {code.op(f'load i64, ptr {self.turns}')}, {at}")
            due = code.op(f"icmp sge i64 {at}, {s.every}")
            at = code.op(f"select i1 {due}, i64 0, i64 {at}")
            code.do(f"store i64 {at}, ptr {self.turns}")
        elif s.every > 1:
            step = self.lanes if self.step(s.at) else 1
            due = code.op(f"icmp slt i64 {code.op(f'and i64 {at}, {s.every * step - 1}')}, {step}")
        else:
            self._look()
            return
        look, on = code.label("look"), code.label("on")
        code.branch(due, look, on)
        code.start(look)
        self._look()
        code.jump(on)
        code.start(on)

    def _look(self) -> None:
        """End the run if a signal says so, or, in a piece, if one has told another piece so."""
        code, declared = self.code, self.module.declared
        declared["PyGILState_Ensure"] = "declare i32 @PyGILState_Ensure()"
        declared["PyGILState_Release"] = "declare void @PyGILState_Release(i32)"
        declared["PyErr_CheckSignals"] = "declare i32 @PyErr_CheckSignals()"
        declared["poll"] = POLL
        status = code.op("call i64 @poll()")
        if self.stop:
            before = code.op(f"load atomic i64, ptr {self.stop} monotonic, align 8")
            status = code.op(f"or i64 {before}, {status}")
        self.leave(code.op(f"icmp ne i64 {status}, 0"), status)

    def leave(self, condition: str, status: str) -> None:
        """End the run under a condition."""
        code = self.code
        leaving, staying = code.label("leaving"), code.label("staying")
        code.branch(condition, leaving, staying)
        code.start(leaving)
        if self.stop:
            code.do(f"store atomic i64 {status}, ptr {self.stop} monotonic, align 8")
            code.do("ret void")
        else:
            code.do(f"ret i64 {status}")
        code.start(staying)

    def _cell(self, x: Num) -> str:
        """A constant in memory."""
        code, dtype = self.code, part_of_complex(x.dtype)
        kind, parts = in_memory(dtype), [x.value] if dtype == x.dtype else [x.value.real, x.value.imag]
        cell = code.space(kind, len(parts))
        for i, part in enumerate(parts):
            code.do(f"store {kind} {literal(part, dtype)}, ptr {code.op(f'getelementptr {kind}, ptr {cell}, i64 {i}')}")
        return cell

    # Loops and branches

    def _if(self, s: If) -> None:
        code = self.code
        which = self.name(s.which)
        labels = [code.label("branch") for _ in s.branches]
        joined = code.label("joined")
        for k, label in enumerate(labels[:-1]):
            other = code.label("else")
            code.branch(code.op(f"icmp sle i64 {which}, {k}"), label, other)
            code.start(other)
        code.jump(labels[-1])
        ends = []
        for k, (branch, label) in enumerate(zip(s.branches, labels)):
            code.start(label)
            self.block(branch)
            ends.append(([self.name(xs[k]) for _, xs in s.outs], code.block))
            code.jump(joined)
        code.start(joined)
        for i, (reg, _) in enumerate(s.outs):
            choices = ", ".join([f"[ {names[i]}, %{block} ]" for names, block in ends])
            self.names[reg] = code.op(f"phi {type_of(reg.dtype)} {choices}")

    def _while(self, s: While) -> None:
        code = self.code
        head, turn, done = code.label("head"), code.label("turn"), code.label("done")
        phis = Phis(self, [(c.inner, self.name(c.start)) for c in s.carries])
        before = code.block
        code.jump(head)
        code.start(head)
        phis.open(before)
        self.block(s.test)
        code.branch(self.name(s.going), turn, done)
        code.start(turn)
        self.block(s.body)
        phis.close([self.name(c.end) for c in s.carries])
        code.jump(head)
        code.start(done)
        for c in s.carries:
            self.names[c.out] = self.names[c.inner]

    def _for(self, s: For) -> None:
        if s.pieces and self.lanes == 1:
            self._in_pieces(s)
        elif s.lanes > 1 and self.lanes == 1:
            self._at_once(s, "0", str(s.count), s.carries)
        else:
            self._one_by_one(s, "0", str(s.count))

    def _one_by_one(self, s: For, begin: str, end: str) -> None:
        wide = self.lanes > 1
        starts = [(c.inner, self.spread(c.start) if wide else self.name(c.start)) for c in s.carries]
        if wide:
            self.varying.update([c.inner for c in s.carries])
            self.varying.update([c.out for c in s.carries])
        phis = Phis(self, starts)

        def body() -> list[str]:
            self.block(s.body)
            return [self.spread(c.end) if wide else self.name(c.end) for c in s.carries]

        self._counted(s.counter, begin, end, 1, phis, body)
        for c in s.carries:
            self.names[c.out] = self.names[c.inner]

    def _counted(self, counter: Reg, begin: str, end: str, step: int, phis: Phis, body: Callable[[], list[str]]) -> None:
        """Turns from `begin` to below `end`; after it the phis hold what is left."""
        code = self.code
        head, turn, done = code.label("loop"), code.label("turn"), code.label("end")
        before = code.block
        code.jump(head)
        code.start(head)
        number = code.name("n")
        at = len(code.lines)
        code.lines.append("")
        phis.open(before)
        code.branch(code.op(f"icmp slt i64 {number}, {end}"), turn, done)
        code.start(turn)
        self.names[counter] = number
        ends = body()
        following = code.op(f"add nsw i64 {number}, {step}")
        code.lines[at] = f"  {number} = phi i64 [ {begin}, %{before} ], [ {following}, %{code.block} ]"
        phis.close(ends)
        code.jump(head)
        code.start(done)

    def _at_once(self, s: For, begin: str, end: str, carries: Sequence[Carry]) -> None:
        """Turns from begin to end, `s.lanes` of them at once, and the rest under a mask, or one by one where lanes are read or
        written so: under a mask, each would be a branch."""
        code, lanes = self.code, s.lanes
        if not carries and s.count >= lanes and _is_repeatable(s):
            self._reaching_back(s, begin, end)
            return
        known = begin == "0" and end.isdigit()
        count = int(end) if known else 0
        is_light = s.count >= 2 * lanes * WAYS and sum(1 for _ in walk(s.body)) < 40
        ways = WAYS if carries and is_light else 1
        neutral = [literal(STARTS[str(c.by)](c.inner.dtype), c.inner.dtype) for c in carries]
        starts = [[code.spread(x, c.inner.dtype, lanes) for c, x in zip(carries, neutral)] for _ in range(ways)]
        uniform = set(self.varying)
        self.lanes, self.vector, self.scattered = lanes, s.counter, False
        self.varying.update([c.inner for c in carries])
        state = starts

        def turns(from_: str, to: str, width: int) -> None:
            """Whole vectors, `width` of them in a turn."""
            nonlocal state
            phis = [Phis(self, [(c.inner, x) for c, x in zip(carries, xs)]) for xs in state[:width]]
            together = Joined(phis)

            def body() -> list[str]:
                number = self.names[s.counter]
                ends: list[str] = []
                for way in range(width):
                    self.names[s.counter] = code.op(f"add nsw i64 {number}, {way * lanes}") if way else number
                    phis[way].enter()
                    self.block(s.body)
                    ends.extend([self.spread(c.end) for c in carries])
                return ends

            self._counted(s.counter, from_, to, width * lanes, together, body)
            state = [phi.names for phi in phis] + state[width:]

        if known:
            whole = count // (ways * lanes) * (ways * lanes) if ways > 1 else 0
            if whole:
                turns("0", str(whole), ways)
            singles = count // lanes * lanes
            if singles > whole:
                turns(str(whole), str(singles), 1)
            middle, rest = str(singles), str(count - singles)
        else:
            span = code.op(f"sub i64 {end}, {begin}")
            rest = code.op(f"and i64 {span}, {lanes - 1}")
            middle = code.op(f"sub i64 {end}, {rest}")
            first = begin
            if ways > 1:
                spare = code.op(f"and i64 {span}, {lanes * ways - 1}")
                first = code.op(f"sub i64 {end}, {spare}")
                turns(begin, first, ways)
            turns(first, middle, 1)
        single = self.scattered
        if rest != "0" and not single:
            self._rest(s, middle, rest, carries, state)
        self.lanes, self.vector, self.varying = 1, None, uniform
        for k, c in enumerate(carries):
            self.names[c.out] = self._gathered(c, [xs[k] for xs in state], lanes)
        if rest != "0" and single:
            self._one_by_one(For(s.counter, s.count, s.body, [_resumed(c) for c in carries], True), middle, end)

    def _reaching_back(self, s: For, begin: str, end: str) -> None:
        """The last vector starts so early that it ends where the loop does: some turns are taken twice."""
        code, lanes = self.code, s.lanes
        self.lanes, self.vector = lanes, s.counter

        def body() -> list[str]:
            if s.count % lanes:
                number = self.names[s.counter]
                late = code.op(f"icmp sgt i64 {number}, {s.count - lanes}")
                self.names[s.counter] = code.op(f"select i1 {late}, i64 {s.count - lanes}, i64 {number}")
            self.block(s.body)
            return []

        self._counted(s.counter, begin, end, lanes, Phis(self, []), body)
        self.lanes, self.vector = 1, None

    def _rest(self, s: For, begin: str, count: str, carries: Sequence[Carry], state: list[list[str]]) -> None:
        """Fewer turns than there are lanes; none if count is zero."""
        code, lanes = self.code, s.lanes
        kind = f"<{lanes} x i64>"
        numbers = ", ".join([f"i64 {i}" for i in range(lanes)])
        self.mask = code.op(f"icmp ult {kind} <{numbers}>, {code.spread(count, INDEX, lanes)}")
        self.names[s.counter] = begin
        for c, x in zip(carries, state[0]):
            self.names[c.inner] = x
        self.block(s.body)
        for k, c in enumerate(carries):
            vector = f"<{lanes} x {type_of(c.inner.dtype)}>"
            new = self.spread(c.end)
            state[0][k] = code.op(f"select <{lanes} x i1> {self.mask}, {vector} {new}, {vector} {state[0][k]}")
        self.mask = ""

    def _gathered(self, c: Carry, vectors: list[str], lanes: int) -> str:
        """Accumulators brought together, two by two, and with what was there before."""
        code, dtype = self.code, c.inner.dtype
        code.lanes = lanes
        while len(vectors) > 1:
            vectors = [self._brought(c, a, b) for a, b in zip(vectors[::2], vectors[1::2])]
        code.lanes = 1
        vector = f"<{lanes} x {type_of(dtype)}>"
        parts = [code.op(f"extractelement {vector} {vectors[0]}, i64 {i}") for i in range(lanes)]
        while len(parts) > 1:
            parts = [self._brought(c, a, b) for a, b in zip(parts[::2], parts[1::2])]
        return self._brought(c, self.name(c.start), parts[0])

    def _brought(self, c: Carry, a: str, b: str) -> str:
        return self.operation(Op(c.out, str(c.by), (c.inner, c.inner)), [a, b])

    def _in_pieces(self, s: For) -> None:
        """The loop as a function of a context and the number of a piece."""
        code, module = self.code, self.module
        partials = [code.space(in_memory(c.inner.dtype), s.pieces) for c in s.carries]
        inner = Function(module, module.code())
        own = inner.code
        places: list[tuple[str, str]] = [("ptr", "%arena"), ("ptr", "%table")]
        part = summary(s)
        for buffer in sorted(part.reads | part.writes, key=lambda b: (b.place, b.number)):
            if buffer.place != "arena":
                inner.bases[buffer] = f"%c{len(places)}"
                places.append(("ptr", self.bases[buffer]))
        for reg in sorted(part.uses, key=lambda r: r.number):
            inner.names[reg] = f"%c{len(places)}"
            places.append((type_of(reg.dtype), self.names[reg]))
        rooms = []
        for p in partials:
            rooms.append(f"%c{len(places)}")
            places.append(("ptr", p))
        long = module.checked or any(type(x) is Watch for x in walk(s.body))
        if long:
            stop = code.space("i64", 1)
            code.do(f"store i64 0, ptr {stop}")
            inner.stop = f"%c{len(places)}"
            places.append(("ptr", stop))
        context = code.space("i64", len(places))
        for i, (kind, name) in enumerate(places):
            code.do(f"store {kind} {name}, ptr {code.op(f'getelementptr i64, ptr {context}, i64 {i}')}")
        for i, (kind, _) in enumerate(places):
            where = own.op(f"getelementptr i64, ptr %context, i64 {i}")
            name = {0: "%arena", 1: "%table"}.get(i, f"%c{i}")
            own.lines.append(f"  {name} = load {kind}, ptr {where}")
        if long:
            inner._look()
        size = -(-s.count // s.pieces)
        size = -(-size // s.lanes) * s.lanes
        begin = own.op(f"mul i64 %piece, {size}")
        end = own.op(f"add i64 {begin}, {size}")
        end = own.op(f"select i1 {own.op(f'icmp slt i64 {end}, {s.count}')}, i64 {end}, i64 {s.count}")
        begin = own.op(f"select i1 {own.op(f'icmp slt i64 {begin}, {end}')}, i64 {begin}, i64 {end}")
        neutral = [
            Carry(c.inner, Num(STARTS[str(c.by)](c.inner.dtype), c.inner.dtype), c.end, c.out, c.by) for c in s.carries
        ]  # fmt: skip
        whole = For(s.counter, s.count, s.body, neutral, True)
        whole.lanes = s.lanes
        if s.lanes > 1:
            inner._at_once(whole, begin, end, neutral)
        else:
            inner._one_by_one(whole, begin, end)
        for c, room in zip(s.carries, rooms):
            inner._put(c, room, "%piece", inner.names[c.out])
        own.do("ret void")
        number = len(module.functions)
        module.functions.append(_function(f"define internal void @piece{number}(ptr %context, i64 %piece)", own))
        self._routine("nabla_parallel", f"ptr @piece{number}, ptr {context}, i64 {s.pieces}", "ptr, ptr, i64")
        if long:
            status = code.op(f"load i64, ptr {stop}")
            self.leave(code.op(f"icmp ne i64 {status}, 0"), status)
        for c, partial in zip(s.carries, partials):
            self._bring(c, partial, s.pieces)

    def _put(self, c: Carry, room: str, place: str, value: str) -> None:
        code, kind = self.code, in_memory(c.inner.dtype)
        if c.inner.dtype.kind == "b":
            value = code.op(f"zext i1 {value} to i8")
        code.do(f"store {kind} {value}, ptr {code.op(f'getelementptr {kind}, ptr {room}, i64 {place}')}")

    def _bring(self, c: Carry, partial: str, pieces: int) -> None:
        """What the pieces found, in their order."""
        code, kind = self.code, in_memory(c.inner.dtype)
        phis = Phis(self, [(c.inner, self.name(c.start))])

        def body() -> list[str]:
            place = code.op(f"getelementptr {kind}, ptr {partial}, i64 {self.names[number]}")
            value = code.op(f"load {kind}, ptr {place}")
            if c.inner.dtype.kind == "b":
                value = code.op(f"trunc i8 {value} to i1")
            return [self._brought(c, self.names[c.inner], value)]

        number = Counter(INDEX, 0)
        self._counted(number, "0", str(pieces), 1, phis, body)
        self.names[c.out] = self.names[c.inner]


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


def _one(kind: str) -> str:
    """What lanes hold that are not taken: a number at which functions are not slow."""
    return {"double": "1.0", "float": "1.0", "half": "0xH3C00"}.get(kind, "1")


def _short(kind: str) -> str:
    return {"double": "f64", "float": "f32", "half": "f16"}.get(kind, kind)
