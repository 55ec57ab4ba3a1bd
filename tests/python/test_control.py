"""Branches and loops, at once and in programs."""

import numpy as np
import pytest

import sinter


def clamp(x):
    return sinter.cond(sinter.sum(x) > 0, lambda: {"y": x * 2, "n": 1}, lambda: {"y": -x, "n": 1})


@pytest.mark.parametrize("f", [clamp, sinter.compile(clamp)])
def test_cond(f):
    assert f(np.array([1, 2], "f4"))["y"].tolist() == [2, 4]
    assert f(np.array([1, -2], "f4"))["y"].tolist() == [-1, 2]


def doubled(x, limit):
    state = {"x": x, "rounds": sinter.tensor(0)}
    return sinter.while_loop(state, lambda s: sinter.max(s["x"]) < limit,
                             lambda s: {"x": s["x"] * 2, "rounds": s["rounds"] + 1}, max_iterations=20)


@pytest.mark.parametrize("f", [doubled, sinter.compile(doubled)])
def test_while_loop(f):
    for first in (1.0, 3.0, 200.0):
        result = f(np.array([first], "f4"), np.float32(100))
        rounds = max(0, int(np.ceil(np.log2(100 / first))))
        assert result["x"].item() == first * 2**rounds and result["rounds"].item() == rounds


def running(carry, xs, reverse=False):
    return sinter.scan(lambda c, x: (c * 0.5 + x, {"sum": c + x}), carry, xs, reverse=reverse)


@pytest.mark.parametrize("f", [running, sinter.compile(running)])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan(f, reverse):
    carry, xs = np.zeros(2, "f4"), np.arange(10, dtype="f4").reshape(5, 2)
    last, outputs = f(carry, xs, reverse)
    wanted = []
    for x in xs[::-1] if reverse else xs:
        wanted.append(carry + x)
        carry = carry * 0.5 + x
    np.testing.assert_allclose(last, carry, rtol=1e-6)
    np.testing.assert_allclose(outputs["sum"], wanted[::-1] if reverse else wanted, rtol=1e-6)


def test_loops_are_differentiated():
    def power(x):
        last, _ = sinter.scan(lambda c, _: (c * x, c), sinter.ones((), "f64"), steps=3)
        return last

    x = sinter.tensor(2.0, "f64")
    assert sinter.compile(sinter.grad(power))(x).item() == pytest.approx(12)
    assert sinter.grad(lambda x: doubled(x, sinter.tensor(100.0))["x"])(sinter.tensor(1.0)).item() == 128


def test_bodies_that_do_not_fit():
    f = sinter.compile(lambda x: sinter.cond(sinter.sum(x) > 0, lambda: [x], lambda: (x,)))
    with pytest.raises(sinter.UserError, match="^test_control.py:[0-9]+: cond: the bodies give trees that differ"):
        f(np.ones(2, "f4"))
    with pytest.raises(sinter.UserError, match="^test_control.py:[0-9]+: scan: "):
        sinter.scan(lambda c, x: (c, x), sinter.ones(1), sinter.ones((0, 2)))
