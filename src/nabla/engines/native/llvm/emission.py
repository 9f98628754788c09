"""From loops to LLVM's assembly.

The function takes a block with the addresses of the data of inputs and outputs, the memory for temporaries, and a table with the
address of what calls reference kernels and those of constants. It gives zero, or 1 if a reference kernel failed, or 2 if a signal
was to end the run, whose exception Python has then.
Here are functions, their operands, and all statements but reads and writes (memory.py) and counted loops (turns.py, pieces.py).
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Callable, Sequence

import numpy as np

from nabla.engines.native.llvm import arithmetic, memory, pieces, truths, turns
from nabla.engines.native.llvm.accesses import are_checked, check
from nabla.engines.native.llvm.conversions import convert, narrowed, widened
from nabla.engines.native.llvm.text import Code, in_memory, literal, type_of
from nabla.engines.native.loops import (
    BOOL,
    HALF,
    INDEX,
    SINGLE,
    Block,
    Buffer,
    Call,
    Counter,
    Cut,
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
    touched,
    walk,
)  # fmt: skip
from nabla.engines.native.runtime import blas_threads
from nabla.engines.native.runtime.machine import Machine
from nabla.engines.native.runtime.references import DONE
from nabla.engines.native.runtime.routines import Reference

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


class Module:
    """Functions, and what they declare."""

    def __init__(self, program: Program, machine: Machine) -> None:
        self.program = program
        self.machine = machine
        self.declared: dict[str, str] = {}
        self.functions: list[str] = []
        self.checked = are_checked()
        self.accesses: list[str] = []  # those that are checked

    def function(self) -> Function:
        """One to be written."""
        own = self.machine
        return Function(self, Code(own.vectors, vector_bytes(own), own.halves, own.fuses, self.declared))

    def text(self) -> str:
        parts = [list(part) for cut, part in groupby(self.program.body, lambda s: type(s) is Cut) if not cut] or [[]]
        given = "(ptr %addresses, ptr %arena, ptr %table)"
        if len(parts) == 1:
            self.define(f"define i64 @run{given}", self._written(parts[0]))
        else:
            for k, part in enumerate(parts):
                self.define(f"define internal i64 @part{k}{given}", self._written(part))
            f = self.function()
            for k in range(len(parts)):
                status = f.code.op(f"call i64 @part{k}{given} noinline")
                f.leave(f.code.op(f"icmp ne i64 {status}, 0"), status)
            f.code.do("ret i64 0")
            self.define(f"define i64 @run{given}", f.code)
        return "\n".join(
            [*self.declared.values(), *self.functions, "attributes #0 = { nobuiltin nounwind willreturn memory(none) }"]
        )

    def _written(self, body: Block) -> Code:
        f = self.function()
        code = f.code
        given: dict[tuple[str, int], Buffer] = {(b.place, b.number): b for b in self.program.buffers if b.place != "arena"}
        used = {b for s in walk(body) for b in touched(s)}
        for (place, i), buffer in given.items():
            if buffer in used:
                table, at = ("%table", i + 1) if place == "constant" else ("%addresses", i)
                f.bases[buffer] = name = f"%{place}{i}"
                code.do(f"{name}.at = getelementptr ptr, ptr {table}, i64 {at}")
                code.do(f"{name} = load ptr, ptr {name}.at")
                f.cut()
        for limits, run in groupby(body, blas_threads.is_limiting):
            f.limits = limits
            if limits:
                f.routine(blas_threads.LIMIT, "", "")
            f.block(list(run))
            if limits:
                f.routine(blas_threads.FREE, "", "")
        code.do("ret i64 0")
        return code

    def define(self, head: str, code: Code) -> None:
        self.functions.append(f"{head} {{\n{code.text()}\n}}")


def vector_bytes(machine: Machine) -> int:
    """The size of a vector, 0 for a processor that is asked to have none."""
    return 8 * machine.lanes if machine.lanes > 1 else 0


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
        self.truths: dict[Reg, truths.Tree] = {}  # registers whose lanes are computed where they are asked for
        self.taken = ""  # how many lanes are taken, the first ones, where not all are
        self.stop = ""  # in a piece: where it says that the run is to end
        self.turns = ""  # where turns are added up until the next look for signals
        self.limits = False  # whether BLAS is limited to one thread here
        self.scattered = False  # whether lanes were read or written one by one

    # Operands

    def name(self, x: Operand) -> str:
        if not isinstance(x, Reg):
            return literal(x.value, x.dtype)
        found = self.names.get(x)
        return truths.written(self, self.truths[x]) if found is None else found

    def spread(self, x: Operand) -> str:
        """A number in all lanes."""
        name = self.name(x)
        if x in self.varying:
            return name
        return self.code.spread(name, x.dtype, self.lanes)

    def parts(self, at: Form) -> tuple[int, str]:
        """The part of a form that is the same in all lanes, at the first one: a number, and the name of what is added to it, if
        anything is. Neighbours share the name."""
        code = self.code
        const, name = at.const, ""
        for reg, k in at.terms:
            if reg in self.varying:
                continue
            part = self.names[reg]
            if not part.startswith("%"):
                const += int(part) * k
                continue
            if k != 1:
                part = code.once(f"mul i64 {part}, {k}", part)
            name = part if not name else code.once(f"add i64 {name}, {part}", name, part)
        return const, name

    def sum(self, at: Form) -> str:
        const, name = self.parts(at)
        if not name:
            return str(const)
        return self.code.once(f"add i64 {name}, {const}", name) if const else name

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
        whole = self.sum(at)
        result = "" if whole == "0" else code.spread(whole, INDEX, lanes)
        for x in self.beside(at):
            result = code.once(f"add {kind} {result}, {x}", result, x) if result else x
        return result or "zeroinitializer"

    def beside(self, at: Form) -> list[str]:
        """What is added to the first lane's value of a form in the others."""
        code, lanes = self.code, self.lanes
        kind = f"<{lanes} x i64>"
        found = []
        for reg, k in at.terms:
            if reg in self.varying:
                name = self.names[reg]
                found.append(name if k == 1 else self._times(name, code.spread(str(k), INDEX, lanes)))
            elif reg is self.vector:
                found.append(code.constant(kind, f"<{', '.join([f'i64 {i * k}' for i in range(lanes)])}>"))
        return found

    def _times(self, x: str, y: str) -> str:
        """A product of vectors of integers."""
        kind = f"<{self.lanes} x i64>"

        def write(code: Code, x: str, y: str) -> str:
            return code.op(f"mul {kind} {x}, {y}")

        return self.code.shared(f"multiply.v{self.lanes}i64", kind, [(kind, x), (kind, y)], write, once=True)

    def pointer(self, buffer: Buffer, at: Form) -> str:
        """The address of buffer[at], in the first lane."""
        kind = in_memory(buffer.dtype)
        base = self.bases.get(buffer, "%arena")
        const, name = self.parts(at)
        const += buffer.at // buffer.dtype.itemsize if buffer.place == "arena" else 0
        if not name:
            return self.code.op(f"getelementptr {kind}, ptr {base}, i64 {const}", "p") if const else base
        if not const:
            return self.code.op(f"getelementptr {kind}, ptr {base}, i64 {name}", "p")
        return self.code.op(f"getelementptr [1 x {kind}], ptr {base}, i64 {const}, i64 {name}", "p")

    def distances(self, at: Form) -> str:
        """How far each lane lies from the first, counted in numbers."""
        first, *rest = self.beside(at)
        for x in rest:
            first = self.code.once(f"add <{self.lanes} x i64> {first}, {x}", first, x)
        return first

    # Statements

    def block(self, block: Block) -> None:
        done = 0
        while done < len(block):
            s = block[done]
            count = self._together(block, done) if type(s) is Op or type(s) is Store else 1
            if self.module.checked:
                for x in block[done : done + count]:
                    check(self, x)
            if count == 1:
                _WRITES[type(s)](self, s)
            elif type(s) is Store:
                memory.interleaved(self, s, block[done + 1])
            else:
                self._packed(block[done : done + count])
            done += count
            self.cut()

    def cut(self) -> None:
        """A new block begins where this one is long."""
        code = self.code
        if len(code.lines) - code.begun > CUT:
            on = code.label("on")
            code.jump(on)
            code.start(on)

    def _together(self, block: Block, start: int) -> int:
        """How many statements are written as one: stores of both parts of complex numbers; one function of several numbers."""
        s = block[start]
        if type(s) is Store and start + 1 < len(block):
            return 1 + memory.is_pair(self, s, block[start + 1])
        if type(s) is Store or s.name not in arithmetic.OF_LIBRARY or self.lanes > 1 or not self.code.vector_functions:
            return 1
        dtype = s.args[0].dtype
        if dtype.kind != "f" or dtype == HALF:
            return 1
        given: set[Any] = set()
        for count, x in enumerate(block[start : start + self.code.widest // dtype.itemsize]):
            same = type(x) is Op and (x.name, x.params, x.args[0].dtype) == (s.name, s.params, dtype)
            if not same or not given.isdisjoint(x.args):
                return count
            given.add(x.out)
        return len(given)

    def _packed(self, run: list[Op]) -> None:
        """One function of several numbers, in as many lanes of a vector."""
        code, dtype = self.code, run[0].args[0].dtype
        lanes, kind = code.widest // dtype.itemsize, type_of(dtype)
        columns = []
        for numbers in zip(*[s.args for s in run]):
            names = [self.name(x) for x in numbers]
            columns.append(code.side_by_side(kind, [*names, *names[:1] * (lanes - len(names))]))
        if run[0].name in arithmetic.SHARED:
            found = truths.shared(self, truths.of_names(run[0], columns), lanes)
        else:
            code.lanes = lanes
            found = self.operation(code, run[0], columns)
            code.lanes = 1
        for i, s in enumerate(run):
            self.names[s.out] = code.lane(f"<{lanes} x {kind}>", kind, found, i)

    def _op(self, s: Op) -> None:
        code = self.code
        if self.lanes == 1 or self.varying.isdisjoint(s.args):
            self.names[s.out] = self.operation(code, s, [self.name(x) for x in s.args])
            return
        self.varying.add(s.out)
        if s.name == "convert" and type_of(s.args[0].dtype) == type_of(s.out.dtype):
            self.names[s.out] = self.spread(s.args[0])
            return
        if s.name in arithmetic.TRUTHS or s.name in arithmetic.SHARED or (s.name == "multiply" and s.out.dtype.kind in "iu"):
            found = truths.tree(self, s)
            if s.out.dtype != BOOL:
                self.names[s.out] = truths.shared(self, found, self.lanes)
            elif len(found.given) > truths.LARGEST:
                self.names[s.out] = truths.written(self, found)
            else:
                self.truths[s.out] = found
            return
        names = [self.spread(x) for x in s.args]
        code.lanes = self.lanes
        self.names[s.out] = self.operation(code, s, names)
        code.lanes = 1

    @staticmethod
    def operation(code: Code, s: Op, names: Sequence[str]) -> str:
        dtype = s.args[0].dtype
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

    def intrinsic(self, name: str, result: str, arguments: str, kinds: str) -> str:
        self.module.declared[name] = f"declare {result} @{name}({kinds})"
        return self.code.op(f"call {result} @{name}({arguments})")

    def routine(self, name: str, arguments: str, kinds: str) -> None:
        self.module.declared[name] = f"declare void @{name}({kinds})"
        self.code.do(f"call void @{name}({arguments})")

    def _call(self, s: Call) -> None:
        code = self.code
        places = []
        for x in s.args:
            if isinstance(x, Part):
                places.append(self.pointer(x.buffer, x.at))
            else:
                places.append(self._cell(x))
        if type(s.routine) is not Reference:
            self.routine(s.routine.symbol, ", ".join([f"ptr {p}" for p in places]), ", ".join(["ptr"] * len(places)))
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
            self.look()
            return
        look, on = code.label("look"), code.label("on")
        code.branch(due, look, on)
        code.start(look)
        self.look()
        code.jump(on)
        code.start(on)

    def look(self) -> None:
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
            if self.limits:
                self.routine(blas_threads.FREE, "", "")
            code.do(f"ret i64 {status}")
        code.start(staying)

    def _cell(self, x: Num) -> str:
        """A constant in memory."""
        code, parts = self.code, [x.value.real, x.value.imag] if x.dtype.kind == "c" else [x.value]
        dtype = np.dtype(f"f{x.dtype.itemsize // 2}") if x.dtype.kind == "c" else x.dtype
        kind = in_memory(dtype)
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
            code.open()
            self.block(branch)
            code.close()
            ends.append(([self.name(xs[k]) for _, xs in s.outs], code.block))
            code.jump(joined)
        code.start(joined)
        for i, (reg, _) in enumerate(s.outs):
            choices = ", ".join([f"[ {names[i]}, %{block} ]" for names, block in ends])
            self.names[reg] = code.op(f"phi {type_of(reg.dtype)} {choices}")

    def _while(self, s: While) -> None:
        code = self.code
        head, turn, done = code.label("head"), code.label("turn"), code.label("done")
        phis = turns.Phis(self, [(c.inner, self.name(c.start)) for c in s.carries])
        before = code.block
        code.open()
        code.jump(head)
        code.start(head)
        phis.open(before)
        code.open()
        self.block(s.test)
        code.branch(self.name(s.going), turn, done)
        code.start(turn)
        self.block(s.body)
        phis.close([self.name(c.end) for c in s.carries])
        code.jump(head)
        code.close()
        code.close()
        code.start(done)
        for c in s.carries:
            self.names[c.out] = self.names[c.inner]

    def _for(self, s: For) -> None:
        if s.pieces and self.lanes == 1:
            pieces.in_pieces(self, s)
        elif s.lanes > 1 and self.lanes == 1:
            turns.at_once(self, s, "0", str(s.count), s.carries)
        else:
            turns.one_by_one(self, s, "0", str(s.count))


_WRITES: dict[type, Callable[[Function, Any], None]] = {
    Op: Function._op, Index: Function._index, Load: memory.load, Store: memory.store, Call: Function._call, Watch: Function._watch,
    If: Function._if, While: Function._while, For: Function._for,
}  # fmt: skip
"""How each kind of statement is written."""
