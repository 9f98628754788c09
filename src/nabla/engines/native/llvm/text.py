"""Writing LLVM's assembly: instructions, blocks, types, literals. What a program means is not known here."""

from __future__ import annotations

import struct
from typing import Any, Callable, Mapping, NamedTuple, Sequence

import numpy as np

TYPES = {
    "float64": "double", "float32": "float", "float16": "half", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint64": "i64", "uint32": "i32", "uint16": "i16", "uint8": "i8", "bool": "i1",
}  # fmt: skip
"""The type of one number of a dtype in a register. In memory a boolean is a byte."""


_OF_DTYPES = {np.dtype(name): kind for name, kind in TYPES.items()}  # to ask a dtype for its name takes microseconds
NAMES = {np.dtype(name): name for name in TYPES}


def type_of(dtype: np.dtype) -> str:
    return _OF_DTYPES[dtype]


def in_memory(dtype: np.dtype) -> str:
    return "i8" if dtype.kind == "b" else _OF_DTYPES[dtype]


def literal(value: Any, dtype: np.dtype) -> str:
    """A number as LLVM writes it."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iu":
        return str(int(value))
    if dtype.itemsize == 2:
        return "0xH" + struct.pack(">e", np.float16(value)).hex().upper()
    # Single precision, too, is written as a double.
    return "0x" + struct.pack(">d", float(np.float32(value) if dtype.itemsize == 4 else value)).hex().upper()


OF_ZERO = frozenset(["sin", "tan", "atan"])
"""Functions of C that are x itself where x is zero. Those of vectors for AArch64 lose the sign of it."""


class _Scope(NamedTuple):
    """A function, a loop in it, or the turns of that: the lines at its beginning, and what is known by `once` there alone."""

    early: list[str]
    known: list[str]


class Code:
    """One function being written: blocks of instructions, in static single assignment form. alone: one that programs share, in
    which all stands that it needs.

    Without passes, LLVM chooses instructions fast as long as it meets none that takes vectors apart, puts them together, or has
    constant ones. So the first two are shared functions, and constant vectors are read from memory. With passes all this goes.
    """

    def __init__(
        self,
        vector_functions: Mapping[tuple[str, int], str],
        widest: int,
        halves: bool,
        fuses: bool,
        declared: dict[str, str],
        alone: bool = False,
    ) -> None:
        self.lanes = 1
        self.alone = alone
        self.vector_functions = vector_functions
        self.widest = widest  # bytes of a vector
        self.halves = halves  # whether the processor converts numbers of half precision
        self.fuses = fuses  # whether it multiplies and adds at once
        self.entry: list[str] = []  # what stands before everything else: space on the stack, what is given
        self.lines: list[str | list[str]] = []
        self.declared = declared
        self.block = "begin"
        self.begun = 0  # the line where the block begins
        self._count = 0
        self._known: dict[str, str] = {}  # instructions, and the names of their results
        self._since: dict[str, int] = {}  # how many scopes are around the outermost place where a name is known
        self._scopes: list[_Scope] = []
        self.open()

    def text(self) -> str:
        """All lines."""
        lines = ["begin:", *self.entry]
        for x in self.lines:
            if type(x) is str:
                lines.append(x)
            else:
                lines.extend(x)
        return "\n".join(lines)

    def name(self, hint: str = "v") -> str:
        self._count += 1
        name = f"%{hint}{self._count}"
        self._since[name] = len(self._scopes)
        return name

    def open(self) -> None:
        """Here begins what runs many times, or perhaps not at all."""
        self._scopes.append(_Scope([], []))
        self.lines.append(self._scopes[-1].early)

    def close(self) -> None:
        for text in self._scopes.pop().known:
            del self._known[text]

    def once(self, text: str, *operands: str) -> str:
        """The result of an instruction that has to do with nothing but its operands: computed once, and outside of the loops
        whose turns have nothing to do with it."""
        name = self._known.get(text)
        if name is None:
            name = self.name()
            since = max([self._since.get(x, 0) for x in operands], default=0)
            if since < len(self._scopes):
                scope = self._scopes[since]
                scope.early.append(f"  {name} = {text}")
                self._since[name] = since
            else:
                scope = self._scopes[-1]
                self.lines.append(f"  {name} = {text}")
            scope.known.append(text)
            self._known[text] = name
        return name

    def op(self, text: str, hint: str = "v") -> str:
        """An instruction with a result."""
        name = self.name(hint)
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction without one."""
        self.lines.append(f"  {text}")

    def label(self, hint: str) -> str:
        self._count += 1
        return f"{hint}{self._count}"

    def start(self, label: str) -> None:
        """A new block begins."""
        self.lines.append(f"{label}:")
        self.block = label
        self.begun = len(self.lines)

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def space(self, kind: str, count: int) -> str:
        """Room for `count` numbers on the stack, for the whole call."""
        name = self.name("room")
        self.entry.append(f"  {name} = alloca [{max(count, 1)} x {kind}], align 64")
        return name

    # Numbers, or as many side by side as there are lanes

    def kind(self, dtype: np.dtype) -> str:
        """The type of a number of that dtype, or of `lanes` of them."""
        single = type_of(dtype)
        return single if self.lanes == 1 else f"<{self.lanes} x {single}>"

    @property
    def truth(self) -> str:
        return "i1" if self.lanes == 1 else f"<{self.lanes} x i1>"

    def number(self, value: Any, dtype: np.dtype) -> str:
        """A constant, in all lanes."""
        return self.spread(literal(value, dtype), dtype, self.lanes)

    def intrinsic(self, name: str, dtype: np.dtype, *arguments: str) -> str:
        """One of LLVM's own functions."""
        suffix = "f64" if dtype.itemsize == 8 else "f32"
        return self._call(f"llvm.{name}.{suffix}" if self.lanes == 1 else f"llvm.{name}.v{self.lanes}{suffix}", dtype, arguments)

    def all(self, condition: str) -> str:
        """Whether a condition holds in all lanes."""
        if self.lanes == 1:
            return condition
        name = f"llvm.vector.reduce.and.v{self.lanes}i1"
        self.declared[name] = f"declare i1 @{name}({self.truth})"
        return self.op(f"call i1 @{name}({self.truth} {condition})")

    def function(self, name: str, dtype: np.dtype, *arguments: str) -> str:
        """A function of the C library: of all lanes at once where there is such a one, which then serves single numbers too,
        so that the same number always has the same value."""
        own = name if dtype.itemsize == 8 else name + "f"
        width = max(self.widest // dtype.itemsize, 1)
        symbol = self.vector_functions.get((own, width))
        if symbol is None:
            return self._each(own, dtype, arguments)
        found = self._in_vectors(symbol, width, dtype, arguments)
        if name not in OF_ZERO or not symbol.startswith("_ZGVn"):
            return found
        kind, (x,) = self.kind(dtype), arguments
        zero = self.op(f"fcmp oeq {kind} {x}, {self.number(0, dtype)}")
        return self.op(f"select {self.truth} {zero}, {kind} {x}, {kind} {found}")

    def _in_vectors(self, found: str, width: int, dtype: np.dtype, arguments: Sequence[str]) -> str:
        """A function of `width` numbers at once, of however many there are."""
        lanes = self.lanes
        if lanes == width:
            return self._call(found, dtype, arguments)
        kind = type_of(dtype)
        parts = []
        for start in range(0, lanes, width):
            taken = [start + i % min(lanes, width) for i in range(width)]
            given = [self._taken(x, dtype, taken) for x in arguments]
            self.lanes = width
            parts.append(self._call(found, dtype, given))
            self.lanes = lanes
        if lanes == 1:
            return self.lane(f"<{width} x {kind}>", kind, parts[0], 0)
        while len(parts) > 1:
            size = width
            order = ", ".join([f"i32 {i}" for i in range(2 * size)])
            parts = [
                self.op(f"shufflevector <{size} x {kind}> {a}, <{size} x {kind}> {b}, <{2 * size} x i32> <{order}>")
                for a, b in zip(parts[::2], parts[1::2])
            ]
            width = 2 * size
        if lanes < width:
            order = ", ".join([f"i32 {i}" for i in range(lanes)])
            return self.op(f"shufflevector <{width} x {kind}> {parts[0]}, <{width} x {kind}> poison, <{lanes} x i32> <{order}>")
        return parts[0]

    def _taken(self, x: str, dtype: np.dtype, lanes: Sequence[int]) -> str:
        """A vector of the lanes of x with these numbers."""
        kind = type_of(dtype)
        if self.lanes == 1:
            return self.spread(x, dtype, len(lanes))
        order = ", ".join([f"i32 {i}" for i in lanes])
        return self.op(f"shufflevector <{self.lanes} x {kind}> {x}, <{self.lanes} x {kind}> poison, <{len(lanes)} x i32> <{order}>")

    def _each(self, function: str, dtype: np.dtype, arguments: Sequence[str]) -> str:
        """A function of single numbers, lane by lane."""
        return self.lane_by_lane(lambda *xs: self._call(function, dtype, xs), dtype, arguments)

    def lane_by_lane(self, of_numbers: Callable[..., str], dtype: np.dtype, arguments: Sequence[str]) -> str:
        """A function of single numbers of a dtype, in each lane."""
        if self.lanes == 1:
            return of_numbers(*arguments)
        lanes, kind = self.lanes, self.kind(dtype)
        result = "poison"
        for i in range(lanes):
            parts = [self.op(f"extractelement {kind} {x}, i64 {i}") for x in arguments]
            self.lanes = 1
            one = of_numbers(*parts)
            self.lanes = lanes
            result = self.op(f"insertelement {kind} {result}, {type_of(dtype)} {one}, i64 {i}")
        return result

    def outside(self, symbol: str, dtype: np.dtype, *arguments: str, skip: bool = False) -> str:
        """A function of that symbol, of single numbers of one dtype. skip: it takes one more number, for Cython, that is zero."""
        kind = type_of(dtype)
        kinds = [kind] * len(arguments) + ["i32"] * skip

        def call(*xs: str) -> str:
            self.declared[symbol] = f"declare {kind} @{symbol}({', '.join(kinds)}) #0"
            given = [f"{kind} {x}" for x in xs] + ["i32 0"] * skip
            return self.op(f"call {kind} @{symbol}({', '.join(given)})")

        return self.lane_by_lane(call, dtype, arguments)

    def part(self, symbol: str, which: int, *arguments: str, skip: bool = False) -> str:
        """The real (0) or imaginary (1) part of a function of complex numbers in double precision; the arguments are parts, too."""
        kinds = ["double"] * len(arguments) + ["i32"] * skip

        def call(*xs: str) -> str:
            self.declared[symbol] = f"declare {{ double, double }} @{symbol}({', '.join(kinds)}) #0"
            given = [f"double {x}" for x in xs] + ["i32 0"] * skip
            both = self.op(f"call {{ double, double }} @{symbol}({', '.join(given)})")
            return self.op(f"extractvalue {{ double, double }} {both}, {which}")

        return self.lane_by_lane(call, np.dtype(np.float64), arguments)

    def helper(self, symbol: str, dtype: np.dtype, body: str, *arguments: str) -> str:
        """A function of one or two single numbers that stands in the text itself, where they are %x and %y."""
        kind = type_of(dtype)
        given = ", ".join([f"{kind} {name}" for name in ("%x", "%y")[: len(arguments)]])
        self.declared[symbol] = f"define internal {kind} @{symbol}({given}) #0 {{\n{body}}}"
        return self.lane_by_lane(
            lambda *xs: self.op(f"call {kind} @{symbol}({', '.join([f'{kind} {x}' for x in xs])})"), dtype, arguments
        )  # fmt: skip

    def spread(self, name: str, dtype: np.dtype, lanes: int) -> str:
        """A number in all of so many lanes."""
        kind = type_of(dtype)
        if lanes == 1:
            return name
        vector = f"<{lanes} x {kind}>"
        if not name.startswith("%"):
            return self.constant(vector, f"splat ({kind} {name})")

        def write(code: Code, name: str) -> str:
            first = code.once(f"insertelement {vector} poison, {kind} {name}, i64 0", name)
            return code.once(f"shufflevector {vector} {first}, {vector} poison, <{lanes} x i32> zeroinitializer", first)

        if self.alone or kind == "i1":
            return write(self, name)
        return self.shared(f"spread.v{lanes}{kind}", vector, [(kind, name)], write, once=True)

    def side_by_side(self, kind: str, names: Sequence[str]) -> str:
        """Numbers as a vector."""
        vector = f"<{len(names)} x {kind}>"

        def write(code: Code, *names: str) -> str:
            found = "poison"
            for i, name in enumerate(names):
                found = code.op(f"insertelement {vector} {found}, {kind} {name}, i64 {i}")
            return found

        given = [(kind, name) for name in names]
        return write(self, *names) if self.alone else self.shared(f"side.by.side.v{len(names)}{kind}", vector, given, write)

    def lane(self, vector: str, kind: str, name: str, i: int) -> str:
        """A number of a vector."""
        if self.alone:
            return self.op(f"extractelement {vector} {name}, i64 {i}")
        symbol = f"lane.v{vector.partition(' ')[0][1:]}{kind}"
        return self.shared(
            symbol, kind, [(vector, name), ("i64", str(i))], lambda code, x, i: code.op(f"extractelement {vector} {x}, i64 {i}")
        )

    def constant(self, vector: str, numbers: str) -> str:
        """A constant vector of that type."""
        if self.alone or vector.endswith("i1>"):
            return numbers
        name = f'@"{numbers} {vector}"'
        self.declared[name] = f"{name} = private unnamed_addr constant {vector} {numbers}"
        return self.once(f"load {vector}, ptr {name}")

    def own(self, name: str, write: Callable[..., str], dtype: np.dtype, *arguments: str, rare: bool = False) -> str:
        """A function of numbers of one dtype whose instructions `write` writes. Loops of vectors have them inside; for single
        numbers, of which there may be hundreds in a row, it is called, as it is where it is needed rarely."""
        if self.alone and not rare:
            return write(self, dtype, *arguments)
        lanes, kind = self.lanes, self.kind(dtype)

        def write_alone(code: Code, *names: str) -> str:
            code.lanes = lanes
            return write(code, dtype, *names)

        given = [(kind, x) for x in arguments]
        attributes = "noinline cold" if rare else "alwaysinline" if lanes > 1 else "noinline"
        return self.shared(f"{name}.v{lanes}{dtype}", kind, given, write_alone, attributes=attributes)

    def shared(
        self,
        symbol: str,
        result: str,
        given: Sequence[tuple[str, str]],
        write: Callable[..., str],
        once: bool = False,
        attributes: str = "alwaysinline",
    ) -> str:
        """What a function of these operands, each a type and a name, gives. It stands in the text once, for all who need the same.
        once: it has to do with nothing but its operands; attributes: whether its instructions are put where it is called, if there
        are passes."""
        if symbol not in self.declared:
            self.declared[symbol] = ""  # its place: before what it needs
            code = Code(self.vector_functions, self.widest, self.halves, self.fuses, self.declared, alone=True)
            names = [f"%x{i}" for i in range(len(given))]
            code.do(f"ret {result} {write(code, *names)}")
            head = ", ".join([f"{kind} {name}" for (kind, _), name in zip(given, names)])
            self.declared[symbol] = f"define internal {result} @{symbol}({head}) {attributes} {{\n{code.text()}\n}}"
        call = f"call {result} @{symbol}({', '.join([f'{kind} {name}' for kind, name in given])})"
        if once:
            return self.once(call, *[name for _, name in given])
        if result != "void":
            return self.op(call)
        self.do(call)
        return ""

    def _call(self, function: str, dtype: np.dtype, arguments: Sequence[str]) -> str:
        kind = self.kind(dtype)
        self.declared[function] = f"declare {kind} @{function}({', '.join([kind] * len(arguments))}) #0"
        return self.op(f"call {kind} @{function}({', '.join([f'{kind} {x}' for x in arguments])})")
