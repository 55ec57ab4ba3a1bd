"""Tensors on devices. Where there is no GPU, what says so."""

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
    with pytest.raises(sinter.Error, match="lie on cuda:0"):
        doubled.numpy()
