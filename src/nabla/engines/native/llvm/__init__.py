"""Loops become LLVM's assembly.

text.py          instructions, types, literals: what lines of assembly look like
truths.py        operations that programs share as functions, and vectors of truth values
emission.py      functions, operands, statements
memory.py        reads and writes
turns.py         counted loops
pieces.py        loops that several threads share
accesses.py      the checking mode: every access is looked at first
arithmetic.py    the table of elementwise functions; what takes more lines is in conversions.py, divisions.py, powers.py,
                 exponentials.py, hyperbolic.py
"""
