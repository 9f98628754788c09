"""Every public function in every mode and dtype, and the page that says so.

tests/operators/ says with which inputs; table.py what a cell is. Each function's row on docs/coverage.md is what was
just found for it; `python tests/make_coverage.py` writes the page anew.
"""

import pytest
from coverage_page import checked, line, names_on_the_page, page_lines
from operators import OPERATORS

BY_NAME = {name: [row for row in OPERATORS if row.prim == name] for name in sorted({row.prim for row in OPERATORS})}


@pytest.mark.parametrize("name", BY_NAME)
def test_operator(name):
    cells, faults = checked(BY_NAME[name])
    assert not faults, "\n".join(faults)
    assert line(name, BY_NAME[name], cells) in page_lines(), "write the page anew: python tests/make_coverage.py"


def test_the_page_names_nothing_else():
    assert names_on_the_page() == set(BY_NAME)
