"""Types of arguments, for annotations."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence

from . import _sinter

if typing.TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[typing.Any, typing.Any]


class SupportsDLPack(typing.Protocol):
    """An array of any library that hands out its memory."""

    def __dlpack__(self) -> typing.Any: ...

    def __dlpack_device__(self) -> tuple[typing.Any, int]: ...


#: What is taken for a tensor.
TensorLike = typing.Union[_sinter.Tensor, "numpy.ndarray", SupportsDLPack, float, int, bool, Sequence[typing.Any]]

#: Element types: `sinter.f32`, "f32", `numpy.float32`, `float`.
DTypeLike = typing.Union[_sinter.DType, str, type, "numpy.dtype"]

_Part = typing.Union[int, slice, None, "types.EllipsisType", _sinter.Tensor, "numpy.ndarray", Sequence[int]]
#: What stands in brackets after a tensor.
Index = typing.Union[_Part, tuple[_Part, ...]]

Tree = typing.TypeVar("Tree")
