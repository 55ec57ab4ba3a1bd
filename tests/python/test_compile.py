"""compile(): when Python is called, what is compiled, and trees."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import sinter


def test_a_function_is_traced_once_per_signature():
    calls = []

    @sinter.compile
    def f(x):
        calls.append(x.shape)
        assert x.is_traced
        return sinter.exp(x) * 2

    a, b = np.ones((2, 3), "f4"), np.zeros(4, "f4")
    for x in (a, a + 1, b, a, b, b):
        np.testing.assert_allclose(f(x), np.exp(x) * 2, rtol=1e-6)
    assert calls == [(2, 3), (4,)]
    assert f.compilations == 2
    f(a.astype("f8"))
    assert f.compilations == 3


def test_signatures_that_were_not_used_for_long_are_forgotten():
    f = sinter.compile(lambda x, n: x * n, cached_signatures=2)
    for n in (1, 2, 3, 3, 2, 1):
        assert f(sinter.tensor(1.0), n).item() == n
    assert f.compilations == 4


@dataclasses.dataclass
class Layer:
    weight: sinter.Tensor
    bias: sinter.Tensor
    scale: float = 2.0

    @sinter.compile
    def apply(self, x):
        return (x @ self.weight + self.bias) * self.scale


class Pair(NamedTuple):
    first: sinter.Tensor
    second: sinter.Tensor


def test_trees():
    @sinter.compile
    def f(tree, *, add):
        return {"sum": tree["a"] + tree["b"][0], "pair": Pair(tree["b"][1], add), "kept": [1, "x", None]}

    a, b = sinter.ones(2), np.full(2, 3, "f4")
    result = f({"b": (b, b * 2), "a": a}, add=b)
    assert set(result) == {"sum", "pair", "kept"}
    assert result["sum"].tolist() == [4, 4] and result["kept"] == [1, "x", None]
    assert isinstance(result["pair"], Pair) and result["pair"].first.tolist() == [6, 6]
    f({"a": a, "b": (b, b)}, add=b)  # the order of keys does not matter
    assert f.compilations == 1


def test_dataclasses_and_methods():
    layer = Layer(sinter.ones((3, 2)), sinter.ones(2))
    assert layer.apply(np.ones((1, 3), "f4")).tolist() == [[8, 8]]
    layer.bias, layer.scale = sinter.zeros(2), 1.0
    assert layer.apply(np.ones((1, 3), "f4")).tolist() == [[3, 3]]


def test_plain_values_are_part_of_the_program():
    f = sinter.compile(lambda x, power: x**power)
    three = np.float32(3)
    assert f(three, 2).item() == 9 and f(three, 3).item() == 27
    assert f.compilations == 2
    assert f(three, 2.0).item() == 9 and f.compilations == 3


def test_the_structure_of_a_result_may_depend_on_shapes():
    f = sinter.compile(lambda x: [x[i] for i in range(len(x))])
    for x in ([1, 2], [1, 2, 3], [4, 5]):
        assert [y.item() for y in f(np.array(x, "f4"))] == x
    assert f.compilations == 2


def test_compiled_functions_call_each_other():
    inner = sinter.compile(lambda x: sinter.relu(x) + 1)
    outer = sinter.compile(lambda x: inner(x) * inner(-x))
    x = np.array([-1, 2], "f4")
    np.testing.assert_allclose(outer(x), (np.maximum(x, 0) + 1) * (np.maximum(-x, 0) + 1))
    assert inner.compilations == 0


def test_what_was_fused_can_be_seen():
    f = sinter.compile(lambda x, w: sinter.softmax(sinter.gelu(x @ w) * 0.5 + 1))
    x, w = np.ones((8, 16), "f4"), np.ones((16, 32), "f4")
    program = f.program(x, w)
    assert 1 <= len(program.kernels) <= 2 and program.kernels[0].name
    assert any("matmul" in step for step in program.steps)
    assert "sinter.fusion" in f.inspect("fused", x, w)
    unfused = sinter.compile(f.__wrapped__, fuse=False, threads=1)
    assert len(unfused.program(x, w).kernels) > len(program.kernels)
    np.testing.assert_allclose(f(x, w), unfused(x, w), rtol=1e-5)


def test_options_of_a_decorator():
    @sinter.compile(threads=2, precise=True)
    def doubled(x):
        """Twice x."""
        return x * 2

    assert doubled.__name__ == "doubled" and doubled.__doc__ == "Twice x."
    assert doubled(np.float32(2)).item() == 4


def test_a_compiled_function_is_let_go():
    import gc
    import weakref

    class Net:
        def __init__(self):
            self.weight = sinter.ones((2, 2))
            self.step = sinter.compile(self.forward)

        def forward(self, x):
            return x @ self.weight

    net = Net()
    net.step(np.ones((1, 2), "f4"))
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_map_tensors():
    tree = {"a": sinter.ones(2), "b": [sinter.zeros(1), 3]}
    moved = sinter.map_tensors(lambda x, y: x + y, tree, tree)
    assert moved["a"].tolist() == [2, 2] and moved["b"][1] == 3
    assert len(sinter.tensors_of(tree)) == 2
    with pytest.raises(ValueError, match="not of the same structure"):
        sinter.map_tensors(lambda x, y: x, tree, {"a": tree["a"]})


def test_precision_is_for_gpus():
    @sinter.compile(precision="f16")
    def f(x):
        return sinter.exp(x)

    with pytest.raises(sinter.Error, match="precision f16 is for GPUs, and the device is cpu"):
        f(np.ones(3, "f4"))


def test_halves_are_computed_in_f32():
    x = np.linspace(-2, 2, 12, dtype="f2").reshape(3, 4)
    expected = np.tanh(x.astype("f4") @ x.T.astype("f4"))

    def f(t):
        return sinter.tanh(t @ t.transpose(0, 1))

    for call in (f, sinter.compile(f)):
        result = np.asarray(call(sinter.asarray(x)))
        assert result.dtype == np.float16
        np.testing.assert_allclose(result.astype("f4"), expected, rtol=2e-3, atol=1e-4)
