"""Branches and loops as operations: inside compile(), where values are not known, and wherever a loop of changing length
is to be one program. Outside of functions that are compiled or differentiated they run at once, like any Python.

Bodies are functions on trees of tensors. They are traced once; elements cannot be read inside a body that is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from . import _sinter
from ._sinter import SourceLocation, Tensor, asarray
from .errors import user_error
from .trees import flatten, map_tensors, unflatten
from .typing import TensorLike

__all__ = ["cond", "scan", "while_loop"]

T = TypeVar("T")
S = TypeVar("S")
Out = TypeVar("Out")


class _Structure:
    """That of the trees which all bodies give: what is no tensor in them cannot change from run to run."""

    def __init__(self, where: SourceLocation, operation: str, structure: Any = None) -> None:
        self.where, self.operation, self.known = where, operation, structure

    def tensors_of(self, tree: Any) -> list[Tensor]:
        tensors: list[Tensor] = []
        structure = flatten(tree, tensors)
        if self.known is not None and structure != self.known:
            raise user_error(
                self.where, self.operation, "the bodies give trees that differ in more than the elements of tensors"
            )
        self.known = structure
        return tensors


def cond(predicate: TensorLike, then: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """What `then()` returns where `predicate`, a bool of one element, holds, else what `otherwise()` does: trees of the
    same structure, dtypes and shapes."""
    where, chosen = SourceLocation.current(), asarray(predicate)
    if _sinter.is_known(chosen):
        return then() if chosen else otherwise()
    structure = _Structure(where, "cond")
    results = _sinter.trace_cond(
        chosen, lambda _: structure.tensors_of(then()), lambda _: structure.tensors_of(otherwise()), where
    )
    result: T = unflatten(structure.known, iter(results))
    return result


def while_loop(
    state: S, condition: Callable[[S], Tensor], body: Callable[[S], S], *, max_iterations: int | None = None
) -> S:
    """Replaces `state`, a tree, by `body(state)` as long as `condition(state)` gives a bool of one element that holds;
    what it is in the end. Reverse mode needs `max_iterations`, for it keeps what every round started from."""
    where = SourceLocation.current()
    carries: list[Tensor] = []
    structure = flatten(state, carries)
    if not _sinter.is_tracing(carries):
        rounds = 0
        while rounds != max_iterations and condition(state):
            state = body(state)
            rounds += 1
        return state
    same = _Structure(where, "while_loop", structure)
    results = _sinter.trace_while(
        carries,
        lambda tensors: [asarray(condition(unflatten(structure, iter(tensors))))],
        lambda tensors: same.tensors_of(body(unflatten(structure, iter(tensors)))),
        max_iterations,
        where,
    )
    result: S = unflatten(structure, iter(results))
    return result


def scan(
    body: Callable[[S, Any], tuple[S, Out]], carry: S, sequences: Any = None, *, steps: int = -1, reverse: bool = False
) -> tuple[S, Out]:
    """Calls `body(carry, slice)` for every slice of `sequences`, a tree of tensors, along their first dimension; it
    returns the next carry, a tree like `carry`, and an output, a tree. Returns the last carry and the outputs of all
    steps, stacked along a new first dimension. `steps` says how many there are where there are no sequences."""
    where = SourceLocation.current()
    carries: list[Tensor] = []
    slices: list[Tensor] = []
    of_carry, of_sequences = flatten(carry, carries), flatten(sequences, slices)
    steps = _sinter.scan_steps(slices, steps, where)
    carried, given = _Structure(where, "scan", of_carry), _Structure(where, "scan")
    if not _sinter.is_tracing(carries + slices):
        outputs: list[list[Tensor]] = []
        for step in reversed(range(steps)) if reverse else range(steps):
            carry, output = body(carry, map_tensors(lambda sequence: sequence[step], sequences))
            carried.tensors_of(carry)
            outputs.append(given.tensors_of(output))
        if not outputs:
            raise user_error(where, "scan", "without a step, the shapes of its outputs are not known")
        stacked = _sinter.scan_stack(outputs[::-1] if reverse else outputs, where)
        return carry, unflatten(given.known, iter(stacked))

    def traced(tensors: list[Tensor]) -> list[Tensor]:
        all_tensors = iter(tensors)
        following, output = body(unflatten(of_carry, all_tensors), unflatten(of_sequences, all_tensors))
        return carried.tensors_of(following) + given.tensors_of(output)

    results = iter(_sinter.trace_scan(carries, slices, traced, steps, reverse, where))
    last: S = unflatten(of_carry, results)
    return last, unflatten(given.known, results)
