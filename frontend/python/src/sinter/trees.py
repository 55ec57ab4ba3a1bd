"""Trees: tensors inside lists, tuples, dictionaries and dataclasses, as parameters of a network are kept."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from ._sinter import SourceLocation, Tensor, asarray
from .errors import user_error
from .typing import Tree

__all__ = ["map_tensors", "tensors_of"]

_TENSOR = "tensor"
_PLAIN = (bool, int, float, complex, str, bytes, type(None), enum.Enum, range, type)


def _keys(tree: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(tree)
    except TypeError:  # keys of different types stay as they are
        return list(tree)


def flatten(tree: Any, tensors: list[Tensor]) -> Hashable:
    """Appends the tensors of a tree. Returns its structure: all that is no tensor, hashable and comparable."""
    kind = type(tree)
    if kind is Tensor:
        tensors.append(tree)
        return _TENSOR
    if kind is list or isinstance(tree, tuple):
        return (kind, None, tuple([flatten(part, tensors) for part in tree]))
    if hasattr(kind, "__dlpack__"):
        tensors.append(asarray(tree))
        return _TENSOR
    if isinstance(tree, dict):
        keys = _keys(tree)
        return (kind, tuple(keys), tuple([flatten(tree[key], tensors) for key in keys]))
    if kind is float:
        return (kind, tree.hex(), tree)  # to the bit: 0.0 is not -0.0
    if isinstance(tree, _PLAIN):
        return (kind, tree, tree)
    if dataclasses.is_dataclass(tree):
        names = tuple(field.name for field in dataclasses.fields(tree))
        return (kind, names, tuple([flatten(getattr(tree, name), tensors) for name in names]))
    if hasattr(kind, "__array__"):  # a number of NumPy's
        tensors.append(asarray(tree))
        return _TENSOR
    raise TypeError(
        f"a {kind.__name__} is no tree of tensors: lists, tuples, dictionaries and dataclasses of tensors and plain "
        "values are; let the function capture everything else"
    )


def unflatten(structure: Any, tensors: Iterator[Tensor]) -> Any:
    """The tree of this structure that holds the next of `tensors`."""
    if structure == _TENSOR:
        return next(tensors)
    kind, keys, parts = structure
    if kind is float or issubclass(kind, _PLAIN):
        return parts
    values = [unflatten(part, tensors) for part in parts]
    if issubclass(kind, tuple):
        return kind._make(values) if hasattr(kind, "_make") else kind(values)
    if kind is list:
        return values
    if issubclass(kind, dict):
        return kind(zip(keys, values))
    made = object.__new__(kind)  # without a constructor that takes other parameters
    for name, value in zip(keys, values):
        object.__setattr__(made, name, value)
    return made


def shape_of_structure(structure: Any) -> Any:
    """A structure without its plain values: what trees that go together have in common."""
    if structure == _TENSOR:
        return _TENSOR
    kind, keys, parts = structure
    if issubclass(kind, _PLAIN):
        return kind
    return (kind, keys, tuple([shape_of_structure(part) for part in parts]))


def tensors_of(tree: Any) -> list[Tensor]:
    """The tensors inside a tree, in order."""
    tensors: list[Tensor] = []
    flatten(tree, tensors)
    return tensors


def map_tensors(f: Callable[..., Tensor], tree: Tree, *others: Tree) -> Tree:
    """A copy of `tree` with each tensor replaced by what `f` makes of it, and of its counterparts in other trees of
    the same structure, as gradients are one:

        params = sinter.map_tensors(lambda p, g: p - rate * g, params, gradients)
    """
    tensors: list[Tensor] = []
    structure = flatten(tree, tensors)
    columns = [tensors]
    for other in others:
        columns.append([])
        if shape_of_structure(flatten(other, columns[-1])) != shape_of_structure(structure):
            raise user_error(SourceLocation.current(), "map_tensors", "the trees are not of the same structure")
    mapped: Tree = unflatten(structure, iter([f(*row) for row in zip(*columns)]))
    return mapped
