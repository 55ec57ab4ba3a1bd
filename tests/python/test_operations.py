"""Operations against NumPy's."""

import inspect

import numpy as np
import pytest

import sinter

random = np.random.default_rng(7)
A, B = random.random((3, 4), "f4") + 0.5, random.random((3, 4), "f4") + 0.5


def near(tensor, array, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(tensor), array, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("compute", [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b,
    lambda a, b: a % b, lambda a, b: -a, lambda a, b: abs(-a), lambda a, b: a + 2, lambda a, b: 2 - a,
    lambda a, b: 2 / a, lambda a, b: 2.5**a, lambda a, b: 2 % a, lambda a, b: a @ b.transpose(1, 0),
    lambda a, b: (a < b), lambda a, b: (a <= 0.7), lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: a == a,
    lambda a, b: a != b, lambda a, b: (a < 1) & (b < 1), lambda a, b: (a < 1) | (b < 1),
    lambda a, b: (a < 1) ^ (b < 1), lambda a, b: ~(a < 1), lambda a, b: a[1], lambda a, b: a[-1, 2],
    lambda a, b: a[:, 1:3], lambda a, b: a[::-1], lambda a, b: a[::-2, ::2], lambda a, b: a[..., None, 0],
    lambda a, b: a[None], lambda a, b: a[[2, 0, -1]], lambda a, b: a[:, [1, 1]], lambda a, b: a[2:1],
    lambda a, b: a.reshape(2, -1), lambda a, b: a.reshape((4, 3)), lambda a, b: a[5:], lambda a, b: a[-2:-1]])
def test_operators(compute):
    near(compute(sinter.asarray(A), sinter.asarray(B)), compute(A, B))


@pytest.mark.parametrize("name, other", [
    ("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt), ("sin", np.sin), ("cos", np.cos), ("tanh", np.tanh),
    ("floor", np.floor), ("ceil", np.ceil), ("round", np.round), ("square", np.square), ("sign", np.sign),
    ("abs", np.abs), ("neg", np.negative), ("relu", lambda x: np.maximum(x, 0)),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x))), ("is_nan", np.isnan)])
def test_functions_of_one_tensor(name, other):
    near(getattr(sinter, name)(A), other(A))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("axes", [None, 0, -1, (0, 1)])
def test_reductions(name, axes):
    near(getattr(sinter, name)(A, axes), getattr(np, name)(A, axis=axes))
    near(getattr(sinter.asarray(A), name)(axes, keep_dims=True), getattr(np, name)(A, axis=axes, keepdims=True))


def test_searches():
    assert sinter.argmax(A, 1).tolist() == A.argmax(1).tolist()
    assert sinter.asarray(A).argmin(0).tolist() == A.argmin(0).tolist()


def test_arrays_and_tensors_mix():
    total = A + sinter.asarray(B)
    assert isinstance(total, sinter.Tensor)
    near(total, A + B)
    near(sinter.maximum(A, 1), np.maximum(A, 1))
    near(sinter.where(A < B, A, 0.0), np.where(A < B, A, 0))
    near(np.float32(2) * sinter.asarray(A), 2 * A)


def test_movements():
    near(sinter.concat([A, B], 1), np.concatenate([A, B], 1))
    near(sinter.pad(A, (1, 0), (0, 2), 7), np.pad(A, ((1, 0), (0, 2)), constant_values=7))
    near(sinter.pad(A, 1 * (1, 1), (1, 1), mode="reflect"), np.pad(A, 1, mode="reflect"))
    near(sinter.gather(A, [2, 0]), A[[2, 0]])
    near(sinter.scatter_add(np.zeros((3, 4), "f4"), [1], A[:1]), np.stack([A[0] * 0, A[0], A[0] * 0]))
    near(sinter.broadcast_to(A[0], (2, 4)), np.broadcast_to(A[0], (2, 4)))
    near(sinter.slice(A, 1, 1, step=2), A[:, 1::2])
    near(sinter.unsqueeze(A, 1).squeeze(1), A)
    near(sinter.permute(A, (1, 0)).flatten(), A.T.ravel())
    near(sinter.clip(A, 0.6, 0.9), A.clip(0.6, 0.9))
    assert sinter.cast(A, "i32").dtype == sinter.i32


def test_contractions():
    x, weight = random.random((2, 3, 6, 6), "f4"), random.random((4, 3, 3, 3), "f4")
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    wanted = np.einsum("nchwij,mcij->nmhw", windows[:, :, ::2, ::2], weight)
    near(sinter.conv(x, weight, np.ones(4, "f4"), strides=2, padding=1), wanted + 1, 1e-4)
    blocks = x.reshape(2, 3, 3, 2, 3, 2)
    near(sinter.max_pool(x, 2), blocks.max((3, 5)))
    near(sinter.avg_pool(x, (2, 2)), blocks.mean((3, 5)))
    near(sinter.global_avg_pool(x), x.mean((2, 3), keepdims=True))
    near(sinter.linear(A, B, np.ones(3, "f4")), A @ B.T + 1)
    back = sinter.conv_transpose(np.ones((1, 1, 2, 2), "f4"), np.ones((1, 1, 2, 2), "f4"), strides=2)
    near(back, np.ones((1, 1, 4, 4)))
    near(sinter.resize(A, (6, 8)), A.repeat(2, 0).repeat(2, 1))


def test_normalisations():
    e = np.exp(A - A.max(-1, keepdims=True))
    near(sinter.softmax(A), e / e.sum(-1, keepdims=True))
    near(sinter.log_softmax(A), np.log(e / e.sum(-1, keepdims=True)))
    normal = (A - A.mean(-1, keepdims=True)) / np.sqrt(A.var(-1, keepdims=True) + 1e-5)
    near(sinter.layer_norm(A, B[0]), normal * B[0], 1e-4)
    near(sinter.layer_norm(A, B[0], B[1], 1e-5), normal * B[0] + B[1], 1e-4)
    scores = A @ B.T / 2
    e = np.exp(scores)
    near(sinter.scaled_dot_product_attention(A, B, B), (e / e.sum(-1, keepdims=True)) @ B, 1e-4)


def test_losses():
    e = np.exp(A - A.max(-1, keepdims=True))
    logs = np.log(e / e.sum(-1, keepdims=True))
    classes = np.arange(len(A)) % A.shape[-1]
    picked = -logs[np.arange(len(A)), classes]
    near(sinter.cross_entropy(A, classes), picked.mean())
    near(sinter.cross_entropy(A, classes, reduction="none"), picked)
    near(sinter.cross_entropy(A, e, -1, "sum"), -(e * logs).sum())
    classes[0] = -1
    near(sinter.cross_entropy(A, classes), picked[1:].mean())
    with pytest.raises(sinter.Error, match="'max' is none of mean, sum, none"):
        sinter.cross_entropy(A, classes, reduction="max")


def test_creation():
    assert sinter.zeros((2, 2)).dtype == sinter.f32
    near(sinter.full(3, 2.5), [2.5] * 3)
    near(sinter.ones((1, 2), sinter.i64), [[1, 1]])
    samples = sinter.normal((10000,), seed=3, mean=2, deviation=0.5)
    assert abs(samples.mean().item() - 2) < 0.05
    near(samples, sinter.normal((10000,), 3, 2, 0.5))
    assert 0 <= sinter.uniform((100,), 1).min().item()


def test_a_tensor_alone():
    x = sinter.tensor([[1.0, 2.0]])
    assert repr(x).startswith("f32[1, 2]")
    assert (len(x), x.ndim, x.elements) == (1, 2, 2)
    assert float(x[0, 1]) == 2 and int(x[0, 1]) == 2 and bool(x[0, 0])
    assert [row.tolist() for row in x] == [[1, 2]]
    assert x in {x} and (x == None) is False  # noqa: E711
    assert isinstance(sinter.tensor(3).item(), int) and sinter.tensor(True).item() is True


def test_every_operation_is_documented_by_its_parameters():
    for name in ("conv", "softmax", "sum", "add"):
        assert "TensorLike" in getattr(sinter, name).__doc__
    assert inspect.signature(sinter.compile).parameters["threads"].default == 0


def test_random_numbers_follow_from_the_seed():
    x = sinter.ones((1000,))
    dropped = sinter.compile(lambda x, seed: sinter.dropout(x, 0.5, seed))
    first = dropped(x, sinter.tensor(1))
    assert np.array_equal(np.array(first), np.array(sinter.dropout(x, 0.5, 1)))
    assert not np.array_equal(np.array(first), np.array(dropped(x, sinter.tensor(2))))
    assert 0 <= sinter.random_uniform((100,), 1).min().item()
    assert abs(sinter.random_normal((10000,), 1, mean=3.0).mean().item() - 3) < 0.1
