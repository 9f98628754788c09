"""Writing LLVM's assembly: instructions, blocks, types, literals. What a program means is not known here."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

TYPES = {
    "float64": "double", "float32": "float", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint64": "i64", "uint32": "i32", "uint16": "i16", "uint8": "i8", "bool": "i1",
}  # fmt: skip
"""The type of one number of a dtype in a register. In memory a boolean is a byte."""


def type_of(dtype: np.dtype) -> str:
    return TYPES[dtype.name]


def in_memory(dtype: np.dtype) -> str:
    return "i8" if dtype.kind == "b" else TYPES[dtype.name]


def literal(value: Any, dtype: np.dtype) -> str:
    """A number as LLVM writes it."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iu":
        return str(int(value))
    return "0x" + struct.pack(">d", float(value)).hex().upper()  # single precision, too, is written as a double


class Code:
    """One function being written: blocks of instructions, in static single assignment form."""

    def __init__(self) -> None:
        self.entry: list[str] = []  # what stands before everything else: space on the stack
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.block = "begin"
        self._count = 0

    def name(self, hint: str = "v") -> str:
        self._count += 1
        return f"%{hint}{self._count}"

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

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def space(self, kind: str, count: int) -> str:
        """Room for `count` numbers on the stack, for the whole call."""
        name = self.name("room")
        self.entry.append(f"  {name} = alloca [{max(count, 1)} x {kind}], align 64")
        return name

    def call(self, function: str, kind: str, *arguments: str) -> str:
        """A call of a function of numbers of one type."""
        types = ", ".join([kind] * len(arguments))
        self.declared[function] = f"declare {kind} @{function}({types}) #0"
        given = ", ".join(f"{kind} {x}" for x in arguments)
        return self.op(f"call {kind} @{function}({given})")
