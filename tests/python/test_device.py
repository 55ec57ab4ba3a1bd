"""Tensors on devices. Where there is no GPU, what says so."""

import re

import numpy
import pytest

import sinter


def test_tensors_lie_on_the_host():
    x = sinter.tensor([1.0, 2.0])
    assert x.device == "cpu"
    assert x.to("cpu").tolist() == [1.0, 2.0]
    assert sinter.is_available("cpu")
    sinter.synchronize("cpu")


def test_unknown_devices_are_named():
    with pytest.raises(sinter.Error, match="unknown device 'gpu'"):
        sinter.tensor([1.0]).to("gpu")
    with pytest.raises(sinter.Error, match="unknown device"):
        sinter.is_available("tpu:0")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:01", "cuda:+1"])
def test_transforms_know_devices(name):
    unknown = rf"test_device.py:\d+: \w+: unknown device '{re.escape(name)}'"
    with pytest.raises(sinter.Error, match=unknown):
        sinter.compile(lambda x: x, device=name)
    with pytest.raises(sinter.Error, match=unknown):
        sinter.compile(device=name)  # of a decorator
    for transform in (sinter.grad, sinter.value_and_grad):
        with pytest.raises(sinter.Error, match=unknown):
            transform(lambda x: sinter.sum(x), device=name)
    with pytest.raises(sinter.Error, match="^unknown device"):
        sinter.load("no such file", device=name)


def test_transforms_know_precisions():
    for transform in (sinter.compile, sinter.grad, sinter.value_and_grad):
        with pytest.raises(sinter.Error, match=r"test_device.py:\d+: \w+: there is no precision 'f8'"):
            transform(lambda x: sinter.sum(x), device="cuda", precision="f8")
    with pytest.raises(sinter.Error, match="^there is no precision 'fp16'; there are f32"):
        sinter.load("no such file", precision="fp16")


@pytest.mark.skipif(sinter.is_available("cuda"), reason="there is a GPU")
def test_without_a_gpu_the_first_use_says_so():
    with pytest.raises(sinter.errors.MachineError, match="there is no CUDA device"):
        sinter.tensor([1.0]).to("cuda")
    with pytest.raises(sinter.errors.MachineError, match="there is no CUDA device"):
        sinter.synchronize()


@pytest.mark.skipif(not sinter.is_available("cuda"), reason="there is no GPU")
def test_tensors_stay_on_a_gpu():
    x = numpy.random.default_rng(0).random((3, 4), dtype=numpy.float32)
    there = sinter.tensor(x).to("cuda")
    assert there.device == "cuda:0"
    doubled = sinter.compile(lambda y: y * 2)(there)
    assert doubled.device == "cuda:0"
    numpy.testing.assert_allclose(doubled.to("cpu").numpy(), x * 2)
    for reads in (lambda: doubled.numpy(), lambda: doubled.__dlpack__(), lambda: numpy.asarray(doubled)):
        with pytest.raises(sinter.Error, match=r"^f32\[3, 4\] lies on cuda:0: bring it to the host with .to\(\"cpu\"\)$"):
            reads()


@pytest.mark.skipif(not sinter.is_available("cuda"), reason="there is no GPU")
def test_elements_on_a_gpu_can_be_listed():
    for dtype in ("f32", "f64", "f16", "i64", "i32", "u8", "bool"):
        x = sinter.cast(sinter.tensor([[0.0, 1.0], [3.0, 0.0]]), dtype)
        assert x.to("cuda").tolist() == x.tolist()
    leaf = sinter.tensor([1.0, 2.0]).to("cuda")
    leaf.requires_grad = True
    assert (leaf * 2).tolist() == [2.0, 4.0]
    assert leaf.tolist() == [1.0, 2.0]
    loss = (leaf * leaf).sum()
    loss.backward()
    assert loss.tolist() == 5.0

    def f(x):
        assert x.tolist() == [1.0, 2.0]
        assert sinter.cast(x, "f16").tolist() == [1.0, 2.0]
        return sinter.sum(x * x)

    assert sinter.grad(f)(sinter.tensor([1.0, 2.0]).to("cuda")).tolist() == [2.0, 4.0]
    with pytest.raises(sinter.Error, match="reading a value inside compile"):
        sinter.compile(f)(leaf.detach())


def test_dlpack_names_the_device():
    x = sinter.tensor([1.0, 2.0])
    assert x.__dlpack_device__() == (1, 0)
    for index in range(2):
        if sinter.is_available(f"cuda:{index}"):
            assert x.to(f"cuda:{index}").__dlpack_device__() == (2, index)
