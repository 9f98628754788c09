"""Closed graphs, their listings and pictures, and running them: the engines' contract `compile(graph) -> callable`."""

import gc
import re
import weakref

import numpy as np
import pytest

import nabla as nb
from nabla.engines.numpy.compile import compile as compile_numpy


def loss(w, x):
    return (nb.tanh(x @ w) ** 2).sum()


def test_a_graph_is_a_function_of_its_inputs():
    w, x = np.array([0.3, -0.2]), np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]])
    graph = nb.make_graph(nb.value_and_grad(loss))(w, x)
    assert len(graph.inputs) == 2 and len(graph.outputs) == 2
    value, slope = compile_numpy(graph)(w, x)
    expected_value, expected_slope = nb.value_and_grad(loss)(w, x)
    assert value == expected_value.item()
    np.testing.assert_array_equal(slope, expected_slope)


def test_a_compiled_graph_may_write_into_arrays_but_not_into_its_inputs():
    def f(x):
        y = x * 1.0
        y[1] = 5.0
        x[0] = 7.0
        return x + y

    run = compile_numpy(nb.make_graph(f)(np.zeros(3)))
    given = np.array([1.0, 2.0, 3.0])
    for _ in range(2):
        np.testing.assert_array_equal(run(given)[0], [8.0, 7.0, 6.0])
    np.testing.assert_array_equal(given, [1.0, 2.0, 3.0])


def test_a_compiled_graph_wants_one_value_per_input():
    run = compile_numpy(nb.make_graph(nb.add)(1.0, 2.0))
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        run(np.float64(1.0))


def test_constants_from_outside_are_in_the_graph():
    shift = nb.array([1.0, 2.0]) * 3.0  # pending, and free of any transform
    graph = nb.make_graph(lambda x: x + shift)(np.zeros(2))
    assert len(graph.inputs) == 1
    np.testing.assert_array_equal(compile_numpy(graph)(np.ones(2))[0], [4.0, 7.0])


def test_what_hangs_on_a_live_transform_becomes_an_input():
    seen = []

    def f(v):
        seen.append(nb.make_graph(lambda x: x * v)(1.0))
        return v

    nb.grad(f)(2.0)
    assert len(seen[0].inputs) == 2


def test_a_graph_keeps_nothing_outside_alive():
    gc.disable()
    try:
        x = nb.ones(3)
        node = weakref.ref(x._node)
        graph = nb.make_graph(nb.sin)(x)
        del x
        assert node() is None
        assert str(graph).endswith("return %1")
    finally:
        gc.enable()


def test_listing_names_inputs_and_parameters(capsys):
    text = str(nb.make_graph(lambda p: p["w"].sum(axis=0) * 2.0)({"w": np.ones((2, 3))}))
    assert re.search(r"%0: float64\[2,3\] = placeholder name=args\[0\]\['w'\]", text), text
    assert re.search(r"%1: float64\[3\] += sum %0 axes=\(0,\)", text), text
    assert text.endswith("return %2")
    x = nb.array([1.0, 2.0], requires_grad=True)
    nb.show([nb.sin(x), nb.cos(x)])
    assert capsys.readouterr().out.rstrip().endswith("return %1, %2")


def test_show_wants_tensors():
    with pytest.raises(nb.ArgumentTypeError, match="expected a tensor or a pytree of tensors; got a float"):
        nb.show([1.0])


def test_pictures_have_a_box_per_node_and_an_arrow_per_input():
    text = nb.to_dot(nb.make_graph(loss)(np.ones(2), np.ones((3, 2))))
    nodes = re.findall(r"^  n\d+ \[label=", text, re.MULTILINE)
    arrows = re.findall(r"^  n\d+ -> n\d+;$", text, re.MULTILINE)
    assert len(nodes) == 6 and len(arrows) == 5, text
    assert "args[0]" in text and "tanh" in text
    x = nb.array([1.0], requires_grad=True)
    assert "sin" in nb.to_dot(nb.sin(x).sum())


def test_make_graph_of_what_is_no_function():
    with pytest.raises(nb.ArgumentTypeError, match="make_graph takes a function"):
        nb.make_graph(3.0)
