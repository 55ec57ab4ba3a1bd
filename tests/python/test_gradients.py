"""Derivatives against differences in f64, through trees, and as in PyTorch."""

import numpy as np
import pytest

import sinter

random = np.random.default_rng(11)


def differences(f, x, step=1e-6):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        there = np.zeros_like(x)
        there[i] = step
        gradient[i] = (f(x + there) - f(x - there)) / (2 * step)
    return gradient


@pytest.mark.parametrize("f", [
    lambda x: sinter.sum(sinter.softmax(x) * sinter.exp(x)),
    lambda x: sinter.mean(sinter.tanh(x @ x.transpose(0, 1))),
    lambda x: sinter.max(x[1:] * x[:-1]),
    lambda x: sinter.sum(sinter.square(x)) / sinter.sum(abs(x)),
])
def test_against_differences(f):
    x = random.normal(size=(3, 4))
    wanted = differences(lambda a: f(sinter.asarray(a)).item(), x)
    np.testing.assert_allclose(sinter.grad(f)(x), wanted, rtol=1e-5, atol=1e-6)
    compiled = sinter.compile(sinter.grad(f))
    np.testing.assert_allclose(compiled(x), wanted, rtol=1e-5, atol=1e-6)


def loss(params, x, target):
    hidden = sinter.tanh(sinter.linear(x, params["layers"][0]["w"], params["layers"][0]["b"]))
    return sinter.mean(sinter.square(sinter.linear(hidden, params["layers"][1]["w"]) - target))


def parameters():
    return {"layers": [{"w": sinter.asarray(random.normal(size=(5, 3))), "b": sinter.zeros(5, sinter.f64)},
                       {"w": sinter.asarray(random.normal(size=(1, 5)))}]}


def test_trees():
    params, x, target = parameters(), random.normal(size=(6, 3)), random.normal(size=(6, 1))
    gradient = sinter.grad(loss)(params, x, target)
    weight = params["layers"][0]["w"]

    def along(w):
        other = {"layers": [{"w": sinter.asarray(w), "b": params["layers"][0]["b"]}, params["layers"][1]]}
        return loss(other, x, target).item()

    np.testing.assert_allclose(gradient["layers"][0]["w"], differences(along, weight.numpy().copy()), rtol=1e-5,
                               atol=1e-7)
    assert gradient["layers"][1]["w"].shape == (1, 5)


def test_training_finds_its_minimum():
    params, x = parameters(), random.normal(size=(32, 3))
    target = np.tanh(x @ np.array([[1.0], [-2.0], [0.5]]))

    @sinter.compile
    def step(params, x, target):
        value, gradient = sinter.value_and_grad(loss)(params, x, target)
        return value, sinter.map_tensors(lambda p, g: p - 0.1 * g, params, gradient)

    first, params = step(params, x, target)
    for _ in range(200):
        value, params = step(params, x, target)
    assert value.item() < first.item() / 10
    assert step.compilations == 1


def test_control_flow_by_values():
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    def f(x):
        return power(x, 3) if x.item() > 0 else -x

    assert sinter.grad(f)(sinter.tensor(2.0)).item() == 12
    assert sinter.grad(f)(sinter.tensor(-2.0)).item() == -1


def test_arguments_by_number():
    f = lambda a, b, c: sinter.sum(a * b) * c  # noqa: E731
    a, b = np.ones(2, "f4"), np.full(2, 3, "f4")
    ga, gc = sinter.grad(f, (0, 2))(a, b, sinter.tensor(2.0))
    assert ga.tolist() == [6, 6] and gc.item() == 6
    assert sinter.grad(f, 1)(a, b, 2.0).tolist() == [2, 2]
    assert sinter.grad(f, -2)(a, b, 2.0).tolist() == [2, 2]


def test_value_and_more():
    value, gradient = sinter.value_and_grad(lambda x: (sinter.sum(x * x), "more", x + 1))(np.array([1.0, 2.0]))
    assert value[0].item() == 5 and value[1] == "more" and value[2].tolist() == [2, 3]
    assert gradient.tolist() == [2, 4]


def test_higher_derivatives_and_modes():
    f = lambda x: sinter.sum(x * x * x)  # noqa: E731
    x, v = np.array([1.0, 2.0]), np.array([1.0, 0.5])
    np.testing.assert_allclose(sinter.hvp(f)(x, v), 6 * x * v)
    value, tangent = sinter.jvp(f)(x, v)
    assert value.item() == 9 and tangent.item() == pytest.approx((3 * x * x * v).sum())
    y, pull = sinter.vjp(lambda x: {"y": x * x})(x)
    np.testing.assert_allclose(pull({"y": v}), 2 * x * v)
    np.testing.assert_allclose(sinter.jacobian(lambda x: x * x)(x), np.diag(2 * x))
    second = sinter.grad(lambda x: sinter.sum(sinter.grad(f)(x)))(x)
    np.testing.assert_allclose(second, 6 * x)


@pytest.mark.parametrize("wrong, message", [
    (lambda: sinter.grad(lambda x: x)(np.ones(2)), "the gradient is of one number"),
    (lambda: sinter.grad(lambda x: sinter.tensor(1.0))(np.ones(2)), "not used"),
    (lambda: sinter.grad(lambda x: x)(2.0), "no tensor among the parameters"),
    (lambda: sinter.grad(lambda x: 1)(np.ones(2)), "must return a Tensor"),
    (lambda: sinter.grad(lambda x: x, 1)(np.ones(2)), "no argument 1"),
    (lambda: sinter.jvp(lambda x: x)(np.ones(2)), "a tangent for each"),
    (lambda: sinter.jvp(lambda x: x)(np.ones(2), [np.ones(2)]), "not of the structure"),
    (lambda: sinter.grad(lambda x: sinter.sum(x))(np.ones(2, "i4")), "not of floating-point"),
])
def test_mistakes(wrong, message):
    with pytest.raises(ValueError, match=f"^test_gradients.py:[0-9]+: .*{message}"):
        wrong()


def test_unused_parameters():
    gradient = sinter.grad(lambda p: sinter.sum(p["a"]), allow_unused=True)({"a": np.ones(2), "b": np.ones(3)})
    assert gradient["b"].tolist() == [0, 0, 0]


def test_backward():
    w = sinter.normal((3, 2), 1)
    w.requires_grad = True
    x = np.ones((4, 3), "f4")
    assert w.grad is None and w.is_leaf
    loss = sinter.mean(sinter.square(x @ w))
    assert loss.requires_grad and not loss.is_leaf
    loss.backward()
    wanted = sinter.grad(lambda w: sinter.mean(sinter.square(x @ w)))(w.detach())
    np.testing.assert_allclose(w.grad, wanted, rtol=1e-5)
    with sinter.no_grad():
        assert not sinter.grad_enabled()
        stepped = w - w.grad * 0.1
        w.assign(stepped)
    assert sinter.grad_enabled()
    np.testing.assert_array_equal(w.detach(), stepped)
    w.zero_grad()
    assert w.grad is None
