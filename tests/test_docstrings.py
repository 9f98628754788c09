"""Every example in a docstring runs and shows what it says; every public name has a docstring.

The examples find `nb` and `np` imported. They are looked for on every object of every module, rather than by pytest's
own search, because many functions here are made by other functions, which that search passes over.
"""

import doctest
import importlib
import inspect
import io
import pkgutil
import types

import numpy as np
import pytest

import nabla as nb

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    found = [nb]
    for info in pkgutil.walk_packages(nb.__path__, "nabla."):
        found.append(importlib.import_module(info.name))
    return found


def docstrings():
    """Each docstring with an example in it, once, under a name that says where it stands."""
    found: dict[str, str] = {}

    def add(name, thing):
        text = inspect.getdoc(thing)
        if text and ">>>" in text:
            found.setdefault(text, name)

    for module in modules():
        add(module.__name__, module)
        for name, thing in vars(module).items():
            if not (getattr(thing, "__module__", None) or "").startswith("nabla"):
                continue
            add(f"{thing.__module__}.{name}", thing)
            if inspect.isclass(thing):
                for member, value in vars(thing).items():
                    add(f"{thing.__module__}.{name}.{member}", value)
    return sorted((name, text) for text, name in found.items())


EXAMPLES = docstrings()


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_examples_show_what_they_say(name, text):
    test = doctest.DocTestParser().get_doctest(text, {"nb": nb, "np": np}, name, None, 0)
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    assert runner.run(test, out=report.write).failed == 0, report.getvalue()


def public():
    return [name for name in nb.__all__ if not isinstance(getattr(nb, name), types.ModuleType)]


def test_public_functions_and_classes_are_documented():
    bare = [name for name in public() if callable(getattr(nb, name)) and not (getattr(nb, name).__doc__ or "").strip()]
    assert not bare, f"no docstring: {bare}"


def test_each_transform_shows_an_example():
    transforms = ["grad", "value_and_grad", "vjp", "jvp", "backward", "vmap"]
    transforms += ["jacrev", "jacfwd", "jacobian", "hessian", "hvp"]
    bare = [name for name in transforms if ">>>" not in (getattr(nb, name).__doc__ or "")]
    assert not bare, f"no example in the docstring: {bare}"
