"""SciPy's functions on tensors: its ufuncs at any time, those that take any array with SCIPY_ARRAY_API=1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from make_scipy_table import PAGE, with_tables
from scipy_cases import RUNS, STOPS

import nabla as nb
from nabla.interop.ufuncs import counterpart
from nabla.testing import check_grads

ROOT = Path(__file__).resolve().parents[1]
UFUNCS = sorted({f.__name__: f for f in vars(scipy.special).values() if isinstance(f, np.ufunc)}.items())


@pytest.fixture(scope="module")
def failed():
    """What went wrong, by name, in a process that sets SCIPY_ARRAY_API before it imports SciPy."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(ROOT / "tests" / "scipy_cases.py")]
    env = {**os.environ, "PYTHONPATH": path, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [*RUNS, *STOPS])
def test_a_function_that_takes_any_array(failed, name):
    assert name not in failed, failed.get(name)


def test_the_page_lists_what_was_run():
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text, "write the page anew: python tests/make_scipy_table.py"


# Ufuncs


@pytest.mark.parametrize(("name", "ufunc"), UFUNCS, ids=[name for name, _ in UFUNCS])
def test_a_special_ufunc_has_a_counterpart_or_says_that_it_has_not(name, ufunc):
    if counterpart(ufunc) is not None:
        assert counterpart(ufunc) is getattr(nb.special, name)
        return
    with pytest.raises(
        nb.ArgumentTypeError, match=rf"scipy\.special\.{name} does not take tensors .*there is no nb\.special\.{name}"
    ):
        ufunc(*[nb.ones(2)] * ufunc.nin)


def test_special_ufuncs_have_derivatives():
    x = np.array([0.3, 0.9, 1.7])
    for name in ("erf", "gammaln", "digamma", "expit", "entr"):
        ufunc = getattr(scipy.special, name)
        found = ufunc(nb.asarray(x))
        assert isinstance(found, nb.Tensor)
        np.testing.assert_allclose(found.numpy(), ufunc(x), rtol=1e-14)
        check_grads(ufunc, (x,))
    check_grads(scipy.special.xlogy, (x, x + 1.0))
    check_grads(lambda x: scipy.special.xlogy(np.array([1.0, 2.0, 0.0]), x), (x,))
    check_grads(lambda x: scipy.special.erf(x, out=nb.zeros(3)), (x,))


def test_a_special_ufunc_does_not_fill_an_ndarray():
    kept = np.zeros(3)
    with pytest.raises(nb.TracedValueError, match=r"scipy\.special\.erf at .* would write a tensor into the ndarray given as out="):
        scipy.special.erf(nb.ones(3), out=kept)
    np.testing.assert_array_equal(kept, np.zeros(3))
