"""Every public function of NumPy on tensors: NumPy's value, the right derivative, or a refusal with its reason."""

import numpy as np
import pytest
from numpy_examples import EXAMPLES
from numpy_table import (
    DISPATCHED,
    PAGE,
    REFUSED,
    example_of as example,
    lines,
    page,
    public,
    same,
    state,
    theirs,
    ufuncs,
    undispatched,
)

import nabla as nb

NAMES = [*public(), *public("linalg."), *public("fft."), *ufuncs()]
PLAIN = "write it with nb functions"


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_right_or_refused_for_a_reason(name):
    what, note = state(name)
    assert what != REFUSED or (note and PLAIN not in note), f"np.{name} is refused and no reason is given: {note}"
    (line,) = lines([(name, what, note)])
    assert line in PAGE.read_text(encoding="utf-8").splitlines(), (
        "docs/numpy.md is out of date: run python tests/make_numpy_table.py"
    )


def test_the_page_is_as_the_functions_are():
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/numpy.md is out of date: run python tests/make_numpy_table.py"


def test_no_public_function_is_forgotten():
    known = {*EXAMPLES, *ufuncs(), *undispatched()}
    for prefix, room in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name in room.__all__:
            found = getattr(room, name, None)
            if callable(found) and not isinstance(found, type):
                assert prefix + name in known, f"np.{prefix}{name} has no example"
                asks = isinstance(found, (DISPATCHED, np.ufunc))
                assert asks != (prefix + name in undispatched()), f"np.{prefix}{name} is in the wrong list"


def test_a_wrong_result_is_noticed():
    right = theirs("sum", example("sum"))
    for wrong in (nb.asarray(right + 1e-6), nb.asarray(np.float32(right)), nb.asarray([right])):
        with pytest.raises(AssertionError, match="sum"):
            same("sum", wrong, right, example("sum"))
