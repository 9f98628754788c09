"""The checking mode: with NABLA_CHECK=accesses, a program looks before each read and write whether that lies inside its buffer, and
ends with an error that names the access if it does not. It is for those who work on this engine: all offsets should lie inside.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nabla.engines.native.llvm.memory import first
from nabla.engines.native.loops import INDEX, Buffer, Call, Form, Load, Part, Store, printed
from nabla.errors import ArgumentError

if TYPE_CHECKING:
    from nabla.engines.native.llvm.emission import Function


def are_checked() -> bool:
    wanted = os.environ.get("NABLA_CHECK") or "off"
    if wanted not in ("accesses", "off"):
        raise ArgumentError(f"the environment variable NABLA_CHECK is {wanted!r}; it may be accesses or off")
    return wanted == "accesses"


def check(f: Function, s: Any) -> None:
    """Code before a statement that ends the run if its offsets do not lie inside."""
    if type(s) in (Load, Store):
        _check(f, s, s.buffer, s.at, s.buffer.count - 1)
    elif type(s) is Call:
        for x in s.args:
            if type(x) is Part:
                _check(f, s, x.buffer, x.at, x.buffer.count - x.reach)


def _check(f: Function, s: Any, buffer: Buffer, at: Form, last: int) -> None:
    code, lanes, accesses = f.code, f.lanes, f.module.accesses
    if lanes == 1 or f.step(at) == 0:
        wrong = code.op(f"icmp ugt i64 {f.sum(at)}, {last}")
    else:
        kind = f"<{lanes} x i64>"
        each = code.op(f"icmp ugt {kind} {f.offsets(at)}, {code.spread(str(last), INDEX, lanes)}")
        if f.taken:
            each = code.op(f"and <{lanes} x i1> {each}, {first(code, lanes, f.taken)}")
        wrong = code.op(f"icmp ne i{lanes} {code.op(f'bitcast <{lanes} x i1> {each} to i{lanes}')}, 0")
    tell, on = code.label("tell"), code.label("on")
    code.branch(wrong, tell, on)
    code.start(tell)
    kernel = code.op("load ptr, ptr %table")
    accesses.append(f"{printed(s)}, where {buffer} holds {buffer.count} numbers")
    code.do(f"call i64 {kernel}(i64 {-len(accesses)}, ptr null)")
    f.leave("true", "1")
    code.jump(on)
    code.start(on)
