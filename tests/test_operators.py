"""Every public function in every mode and dtype, and the page that says so.

tests/operators/ says with which inputs; table.py what a cell is. Each function's row on docs/coverage.md is what was
just found for it; `python tests/make_coverage.py` writes the page anew.
"""

import inspect

import pytest
from coverage_page import CAN_NOT, checked, line, names_on_the_page, page_lines
from operators import OPERATORS
from sweeps import node_of
from table import Case

import nabla as nb

BY_NAME = {name: [row for row in OPERATORS if row.prim == name] for name in sorted({row.prim for row in OPERATORS})}


@pytest.mark.parametrize("name", BY_NAME)
def test_operator(name):
    cells, faults = checked(BY_NAME[name])
    assert not faults, "\n".join(faults)
    assert line(name, BY_NAME[name], cells) in page_lines(), "write the page anew: python tests/make_coverage.py"


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.real_only], ids=str)
def test_what_takes_real_numbers_only_refuses_others(row):
    arrays = [x.astype(complex) if x.dtype.kind == "f" else x for x in Case(row, "float64").arrays]
    with pytest.raises(nb.DTypeError):
        row(*[node_of(x) for x in arrays])


def public_functions():
    """The names of all public functions, those of the namespaces with theirs before them."""
    for room in ("", "fft", "linalg", "nn", "random", "special"):
        space = getattr(nb, room, None) if room else nb
        for name in getattr(space, "__all__", ()):
            if inspect.isroutine(getattr(space, name)):
                yield f"{room}.{name}" if room else name


def test_every_public_function_is_in_the_table_or_says_why_not():
    top = {name for name in public_functions() if "." not in name}
    functions = {name for name in public_functions() if name in top or _of_its_own(name)}
    missing = sorted(functions - set(BY_NAME) - set(CAN_NOT))
    assert not missing, f"add a row to tests/operators/ for: {', '.join(missing)}"


def _of_its_own(name):
    """Whether a namespace's function is not found at the top level, too."""
    room, _, last = name.rpartition(".")
    return getattr(nb, last, None) is not getattr(getattr(nb, room), last)


def test_the_page_names_nothing_else():
    assert names_on_the_page() == set(BY_NAME)
