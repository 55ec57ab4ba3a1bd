"""Mistakes are exceptions of one line, which name the line of Python."""

import inspect

import numpy as np
import pytest

import sinter


def line():
    return inspect.currentframe().f_back.f_lineno


def test_operations_name_the_callers_line():
    here = line()
    with pytest.raises(sinter.UserError) as raised:
        sinter.matmul(np.ones((2, 3), "f4"), np.ones((2, 3), "f4"))
    message = str(raised.value)
    assert message.startswith(f"test_errors.py:{here + 2}: matmul: ")
    assert "f32[2, 3]" in message and "\n" not in message


def test_operators_and_methods_name_the_callers_line():
    x = sinter.ones((2, 3))
    for wrong in (lambda: x + sinter.ones(4), lambda: x.reshape(5), lambda: x.sum(3), lambda: x.item()):
        with pytest.raises(ValueError, match=f"^test_errors.py:{line() - 1}: "):
            wrong()


def test_functions_that_are_compiled_name_their_own_lines():
    @sinter.compile
    def wrong(x):
        return x @ x

    with pytest.raises(sinter.Error, match=f"^test_errors.py:{line() - 2}: matmul: "):
        wrong(np.ones((2, 3), "f4"))


def test_kinds():
    assert issubclass(sinter.UserError, ValueError) and issubclass(sinter.UserError, sinter.Error)
    assert issubclass(sinter.MachineError, RuntimeError) and issubclass(sinter.InternalError, RuntimeError)
    with pytest.raises(sinter.UserError, match="dtype|f64"):
        sinter.ones(2) + np.ones(2)
    with pytest.raises(sinter.MachineError, match="nowhere.onnx"):
        sinter.load("/nowhere.onnx")


def test_python_asks_the_other_operand():
    with pytest.raises(TypeError):
        sinter.ones(2) + "text"
    with pytest.raises(TypeError):
        object() * sinter.ones(2)


def test_exceptions_go_through_as_they_are():
    class Own(Exception):
        pass

    def refuse(x):
        raise Own("as it is")

    for transform in (sinter.compile, sinter.grad, sinter.value_and_grad, sinter.vjp, sinter.jacobian):
        with pytest.raises(Own, match="^as it is$"):
            transform(refuse)(np.ones(2, "f4"))
    assert sinter.grad(lambda x: sinter.sum(x * x))(np.ones(2, "f4")).tolist() == [2, 2]  # nothing is left over


def test_values_inside_a_compiled_function():
    with pytest.raises(sinter.UserError, match="known only when the compiled function runs"):
        sinter.compile(lambda x: x if x.sum() > 0 else -x)(np.ones(2, "f4"))
    with pytest.raises(sinter.UserError, match="test_errors.py"):
        sinter.compile(lambda x: x.item())(np.ones(1, "f4"))


def test_indices():
    x = sinter.ones((2, 3))
    with pytest.raises(IndexError, match="out of range"):
        x[2]
    with pytest.raises(IndexError, match="3 indices"):
        x[0, 0, 0]
    with pytest.raises(sinter.UserError, match="where"):
        x[x > 0]
    with pytest.raises(TypeError):
        x["a"]


@pytest.mark.parametrize("wrong, message", [
    (lambda: sinter.pad([1.0], 1, 1, mode="other"), "none of constant, reflect, edge"),
    (lambda: sinter.resize([[1.0]], (2, 2), "other"), "none of nearest, linear"),
    (lambda: sinter.zeros(3, "f99"), "no element type"),
    (lambda: sinter.zeros((1,) * 9), "rank 9"),
    (lambda: sinter.compile(lambda x: x, threads=-1)([1.0]), "threads"),
])
def test_arguments(wrong, message):
    with pytest.raises(sinter.UserError, match=message):
        wrong()


def test_what_is_no_tree():
    with pytest.raises(TypeError, match="is no tree of tensors"):
        sinter.compile(lambda x: x)(object())
    with pytest.raises(TypeError, match="is no tree of tensors"):
        sinter.compile(lambda x: object())(np.ones(1, "f4"))
