"""docs/engines.md says what runs where; what it says of the calls to the host is what XLA's programs hold."""

import jax
import pytest
from engines_page import PAGE, page
from rows import ROWS
from sweeps import values
from table import Case
from test_xla import FIRST, Inputs

from nabla.autodiff.closing import close
from nabla.engines.xla.compile import Program
from nabla.engines.xla.table import HOST, PARTLY_ON_HOST


def graph_of(row, dtype):
    case, inputs = Case(row, dtype), Inputs()
    graph, captured = close(list(case.of(*inputs.of(case.xs))), inputs.nodes)
    return graph, [*inputs.arrays, *values(captured)]


def calls_host(graph, arrays):
    program = Program(graph)
    with jax.enable_x64(True):
        return "pure_callback" in str(jax.make_jaxpr(program)(*arrays, *[x.value for x in program.passed]))


WHOLE = [row for row in FIRST.values() if row.primitive not in PARTLY_ON_HOST]


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "write the page anew: python tests/make_engines.py"


@pytest.mark.parametrize("row", WHOLE, ids=str)
def test_what_calls_the_host_is_marked(row):
    graph, arrays = graph_of(row, row.all_dtypes()[-1])
    assert calls_host(graph, arrays) == any(node.prim in HOST for node in graph.nodes)


@pytest.mark.parametrize("prim", PARTLY_ON_HOST, ids=lambda prim: prim.name)
def test_what_is_marked_as_partly_on_the_host_is_so(prim):
    rows = [row for row in ROWS if row.prim == prim.name and row.all_dtypes()]
    assert {calls_host(*graph_of(row, row.all_dtypes()[-1])) for row in rows} == {False, True}
