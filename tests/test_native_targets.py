"""The same programs on lesser processors: of x86-64 as of 2013, and one number at a time."""

import platform

import pytest
from processes import TESTS, printed_by

PROGRAMS = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
import nabla as nb
from nabla.engines.native.compile import ENGINE, written
from nabla.engines.native.checking import checked
from nabla.engines.native.machine import machine
from nabla.engines.numpy.compile import ENGINE as REFERENCE
from nabla.graph.simplify import simplify
from test_native import LARGE
from test_native_levels import SMALL

for name, (f, *arrays) in {{**LARGE, **SMALL}}.items():
    graph = nb.make_graph(f)(*arrays)
    written(simplify(graph), checked)
    for a, b in zip(ENGINE.executable(graph)(*arrays), REFERENCE.executable(graph)(*arrays), strict=True):
        single = "f4" in [x.dtype.str[1:] for x in arrays]
        np.testing.assert_allclose(a, b, rtol=1e-4 if single else 1e-9, atol=1e-5 if single else 1e-11, err_msg=name)
print(machine().lanes)
"""


@pytest.mark.parametrize(("target", "lanes"), [("avx2", 4), ("scalar", 1)])
def test_programs_on_a_lesser_processor(target, lanes):
    if target == "avx2" and platform.machine() not in ("x86_64", "AMD64"):
        target, lanes = "scalar", 1
    assert printed_by(PROGRAMS.format(tests=TESTS), NABLA_TARGET=target) == f"{lanes}\n"
