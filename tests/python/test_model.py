"""ONNX models: a small one made by the onnx package."""

import threading

import numpy as np
import onnx
import onnx.helper as make
import pytest
from onnx import TensorProto, numpy_helper

import sinter

random = np.random.default_rng(3)
WEIGHT, BIAS = random.normal(size=(4, 3)).astype("f4"), random.normal(size=3).astype("f4")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    nodes = [make.make_node("MatMul", ["x", "weight"], ["product"]),
             make.make_node("Add", ["product", "bias"], ["scores"]),
             make.make_node("Softmax", ["scores"], ["y"], axis=-1)]
    graph = make.make_graph(
        nodes, "small", [make.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [make.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("y", "scores")],
        [numpy_helper.from_array(WEIGHT, "weight"), numpy_helper.from_array(BIAS, "bias")])
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    make.set_model_props(model, {"labels": "a b c"})
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(model, path)
    return path


def reference(x):
    scores = x @ WEIGHT + BIAS
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True), scores


def test_a_model_is_run(path):
    model = sinter.load(path)
    x = random.normal(size=(5, 4)).astype("f4")
    wanted = reference(x)
    for outputs in (model(x), model(x=x), model({"x": x}), tuple(model.run([x]).values()),
                    tuple(model.run({"x": sinter.asarray(x)}).values()), tuple(model.interpret([x]).values())):
        assert len(outputs) == 2
        for output, array in zip(outputs, wanted):
            np.testing.assert_allclose(output, array, rtol=1e-5, atol=1e-6)
    assert list(model.run([x])) == ["y", "scores"]


def test_what_a_model_says_of_itself(path):
    model = sinter.load(str(path), threads=1, fuse=False)
    [value] = model.inputs
    assert (value.name, value.dtype, value.shape) == ("x", sinter.f32, ("batch", 4))
    assert [output.name for output in model.outputs] == ["y", "scores"]
    assert model.metadata("labels") == "a b c" and model.metadata("none") == ""
    assert "x" in repr(model)
    x = np.ones((2, 4), "f4")
    assert len(model.compile(x).kernels) > len(sinter.load(path).compile(x).kernels)
    assert "sinter." in model.inspect([x], "imported")
    assert model.inspect([x], format="dot").startswith("digraph")


def test_a_model_is_differentiated(path):
    model = sinter.load(path)
    x = random.normal(size=(2, 4)).astype("f4")
    weights = model.parameters()
    assert set(weights) == {"weight", "bias"}
    gradient = sinter.grad(lambda p: sinter.sum(model.run([x], p)["scores"]))(weights)
    np.testing.assert_allclose(gradient["weight"], np.repeat(x.sum(0)[:, None], 3, 1), rtol=1e-5)
    assert gradient["bias"].tolist() == [2, 2, 2]


@pytest.mark.parametrize("wrong, message", [
    (lambda m: m(np.ones((1, 5), "f4")), "x"),
    (lambda m: m(np.ones((1, 4), "f8")), "f64"),
    (lambda m: m(), "input"),
    (lambda m: m(z=np.ones((1, 4), "f4")), "no input 'z'; it has x"),
    (lambda m: m({}), "input 'x' is missing"),
    (lambda m: m.inspect([np.ones((1, 4), "f4")], "nowhere"), "nowhere"),
    (lambda m: m.inspect([np.ones((1, 4), "f4")], format="png"), "png"),
])
def test_mistakes(path, wrong, message):
    with pytest.raises(sinter.UserError, match=message):
        wrong(sinter.load(path))


def test_a_file_that_is_no_model(tmp_path):
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"no model")
    with pytest.raises(sinter.UserError):
        sinter.load(file)


def in_threads(work, count=6):
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_threads_share_a_model(path):
    model = sinter.load(path)

    def work(number):
        for round in range(30):
            x = np.full((1 + (number + round) % 3, 4), number, "f4")
            np.testing.assert_allclose(model(x)[0], reference(x)[0], rtol=1e-5, atol=1e-6)

    in_threads(work)


def test_threads_share_a_compiled_function():
    calls = []

    @sinter.compile
    def f(tree):
        calls.append(1)
        return {"y": sinter.tanh(tree["x"]) * 2}

    def work(number):
        for round in range(30):
            x = np.full((1 + round % 4,), number, "f4")
            np.testing.assert_allclose(f({"x": x})["y"], np.tanh(x) * 2, rtol=1e-5)

    in_threads(work)
    assert len(calls) == f.compilations == 4


def test_threads_differentiate():
    f = sinter.grad(lambda x: sinter.sum(sinter.exp(x) * x))

    def work(number):
        for _ in range(5):
            x = np.full(3, number / 4, "f4")
            np.testing.assert_allclose(f(x), np.exp(x) * (x + 1), rtol=1e-5)

    in_threads(work, 4)
