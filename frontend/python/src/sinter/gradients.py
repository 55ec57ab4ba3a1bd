"""Derivatives of Python functions on tensors: transforms that take a function and return a function.

    loss = lambda params, x: sinter.mean(sinter.square(x @ params["weight"] - target))
    gradient = sinter.grad(loss)(params, x)  # a dictionary like params

The function is called, and records what it does: loops, conditions on values and recursion just work, and elements of
tensors may be read. A recording like an earlier one finds its program. Transforms compose with each other and with
compile().
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from . import _sinter
from ._sinter import Recording, SourceLocation, Tensor
from .errors import user_error
from .trees import flatten, shape_of_structure, tensors_of, unflatten

__all__ = ["grad", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

P = ParamSpec("P")
R = TypeVar("R")


def _loss_of(result: Any, transform: str, where: SourceLocation) -> Tensor:
    loss = result[0] if transform == "value_and_grad" and isinstance(result, tuple) and result else result
    if not isinstance(loss, Tensor):
        also = ", or a tuple that begins with one" if transform == "value_and_grad" else ""
        raise user_error(where, transform, f"the function must return a Tensor{also}, not a {type(loss).__name__}")
    return loss


def _gradient_function(
    transform: str,
    f: Callable[..., Any],
    argnums: int | Sequence[int],
    allow_unused: bool,
    memory_limit: int,
    device: str,
    precision: str,
) -> Callable[..., tuple[Any, Any]]:
    where = SourceLocation.current()
    _sinter.check_target(transform, device, precision, where)
    single = isinstance(argnums, int)
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        for number in numbers:
            if not -len(args) <= number < len(args):
                raise user_error(where, transform, f"there is no argument {number} among {len(args)}")
        inputs: list[Tensor] = []
        structure = flatten(tuple([args[number] for number in numbers]), inputs)
        with Recording(transform, where) as recording:
            variables = unflatten(structure, iter(recording.begin(inputs)))
            replaced = list(args)
            for number, variable in zip(numbers, variables):
                replaced[number] = variable
            result = f(*replaced, **kwargs)
            loss = _loss_of(result, transform, where)
            derivatives = recording.gradients(loss, allow_unused, memory_limit, device, precision)
        gradient = unflatten(structure, iter(derivatives))
        return result, gradient[0] if single else gradient

    return run


def value_and_grad(
    f: Callable[P, R],
    argnums: int | Sequence[int] = 0,
    *,
    allow_unused: bool = False,
    memory_limit: int = 0,
    device: str = "cpu",
    precision: str = "f32",
) -> Callable[P, tuple[R, Any]]:
    """A function of the same parameters that returns what `f` returns, then the gradient: for the argument that
    `argnums` names, a tree of its structure that holds the derivatives; for several, a tuple of those. `f` returns one
    number (a Tensor of one element), or a tuple that begins with it; the rest may be anything.

    allow_unused: gradients of tensors that `f` does not use are zeros, not an error. memory_limit: bytes that
    intermediate results may take, as compile() has it. device, precision: where and in what the program computes, as
    compile() has them.
    """
    run = _gradient_function("value_and_grad", f, argnums, allow_unused, memory_limit, device, precision)
    return functools.wraps(f)(run)


def grad(
    f: Callable[P, Tensor],
    argnums: int | Sequence[int] = 0,
    *,
    allow_unused: bool = False,
    memory_limit: int = 0,
    device: str = "cpu",
    precision: str = "f32",
) -> Callable[P, Any]:
    """As value_and_grad(), but returns the gradient alone."""
    run = _gradient_function("grad", f, argnums, allow_unused, memory_limit, device, precision)

    @functools.wraps(f)
    def gradient(*args: P.args, **kwargs: P.kwargs) -> Any:
        return run(*args, **kwargs)[1]

    return gradient


def _alike(where: SourceLocation, transform: str, what: str, tree: Any, other: Any) -> list[Tensor]:
    tensors: list[Tensor] = []
    if shape_of_structure(flatten(other, tensors)) != shape_of_structure(flatten(tree, [])):
        raise user_error(where, transform, f"the {what} are not of the structure of what they belong to")
    return tensors


def vjp(f: Callable[P, R]) -> Callable[P, tuple[R, Callable[[R], Any]]]:
    """Reverse mode: a function of the same parameters that returns what `f` returns and a function, which takes
    cotangents, a tree like the result, and returns those of the arguments (of several, a tuple)."""
    where = SourceLocation.current()

    @functools.wraps(f)
    def run(*args: P.args, **kwargs: P.kwargs) -> tuple[R, Callable[[R], Any]]:
        inputs: list[Tensor] = []
        structure = flatten(args, inputs)
        with Recording("vjp", where) as recording:
            result = f(*unflatten(structure, iter(recording.begin(inputs))), **kwargs)
            pull = recording.pullback(tensors_of(result))
        skeleton = flatten(result, [])

        def pullback(cotangents: R) -> Any:
            given: list[Tensor] = []
            if shape_of_structure(flatten(cotangents, given)) != shape_of_structure(skeleton):
                raise user_error(where, "vjp", "the cotangents are not of the structure of what they belong to")
            filled = unflatten(structure, iter(pull(given)))
            return filled[0] if len(filled) == 1 else filled

        return result, pullback

    return run


def _forward(
    transform: str, where: SourceLocation, f: Callable[..., R], primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[R, R]:
    seeds = _alike(where, transform, "tangents", primals, tangents)
    inputs: list[Tensor] = []
    structure = flatten(primals, inputs)
    with Recording(transform, where) as recording:
        result = f(*unflatten(structure, iter(recording.begin(inputs, seeds))))
        outputs: list[Tensor] = []
        of_result = flatten(result, outputs)
        derivative = recording.tangents(outputs, seeds)
    return result, unflatten(of_result, iter(derivative))


def jvp(f: Callable[..., R]) -> Callable[..., tuple[R, R]]:
    """Forward mode: a function of the parameters of `f`, then of tangents for them, trees like them. Returns what `f`
    returns and its tangent."""
    where = SourceLocation.current()

    @functools.wraps(f)
    def run(*args: Any) -> tuple[R, R]:
        half = len(args) // 2
        if len(args) % 2:
            raise user_error(where, "jvp", f"takes a tangent for each parameter, got {len(args)} arguments")
        return _forward("jvp", where, f, args[:half], args[half:])

    return run


def jacobian(f: Callable[[Any], Tensor]) -> Callable[[Any], Any]:
    """A function that returns, for each tensor of the one parameter of `f`, the derivative of every element of the
    result by every element of it, of the result's shape followed by its own."""
    where = SourceLocation.current()

    @functools.wraps(f)
    def run(x: Any) -> Any:
        inputs: list[Tensor] = []
        structure = flatten(x, inputs)
        with Recording("jacobian", where) as recording:
            y = _loss_of(f(unflatten(structure, iter(recording.begin(inputs)))), "jacobian", where)
            pull = recording.pullback([y])
        return unflatten(structure, iter(_sinter.jacobian_rows(y, inputs, pull, where)))

    return run


def hvp(f: Callable[[Any], Tensor]) -> Callable[[Any, Any], Any]:
    """A function of the parameter of `f` and of a direction, a tree like it: the product of the Hessian of `f` and the
    direction, by forward mode over reverse mode."""
    where = SourceLocation.current()
    gradient = grad(f, allow_unused=True)

    @functools.wraps(f)
    def run(x: Any, direction: Any) -> Any:
        return _forward("hvp", where, gradient, (x,), (direction,))[1]

    return run
