"""compile(f): a Python function on tensors becomes native code, specialised to the shapes it is called with."""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ._sinter import CompiledFunction, Program, SourceLocation, Tensor, check_target
from .trees import flatten, unflatten

__all__ = ["Compiled", "compile"]

P = ParamSpec("P")
R = TypeVar("R")


def _signature(tensors: list[Tensor]) -> Hashable:
    return tuple([(tensor.dtype, tensor.shape) for tensor in tensors])


class _Variant:
    """The function for one structure of its arguments, and the structure of what it returns, by dtypes and shapes."""

    def __init__(self, compiled: Compiled[..., Any], structure: Hashable) -> None:
        self.results: dict[Hashable, Hashable] = {}
        results, owner = self.results, weakref.ref(compiled)  # what C++ holds must not hold what holds it

        def body(tensors: list[Tensor]) -> list[Tensor]:
            args, kwargs = unflatten(structure, iter(tensors))
            compiled = owner()
            assert compiled is not None, "it is being called"
            outputs: list[Tensor] = []
            results[_signature(tensors)] = flatten(compiled.__wrapped__(*args, **kwargs), outputs)
            return outputs

        self.function = CompiledFunction(body, compiled._where, **compiled._options)


class Compiled(Generic[P, R]):
    """What compile() returns: called like the function it was made from."""

    __wrapped__: Callable[P, R]

    def __init__(self, f: Callable[P, R], options: dict[str, Any], where: SourceLocation) -> None:
        functools.update_wrapper(self, f)
        self.__wrapped__ = f
        self._options = options
        self._where = where
        self._lock = threading.Lock()
        self._variants: OrderedDict[Hashable, _Variant] = OrderedDict()  # the one used last is the last
        self._forgotten = 0  # programs of variants that are no more

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        tensors, variant = self._variant(args, kwargs)
        outputs = variant.function.call(tensors)
        result: R = unflatten(variant.results[_signature(tensors)], iter(outputs))
        return result

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def program(self, *args: P.args, **kwargs: P.kwargs) -> Program:
        """The program for arguments of this structure, these dtypes and shapes."""
        tensors, variant = self._variant(args, kwargs)
        return variant.function.executable(tensors)

    def inspect(self, stage: str, *args: P.args, **kwargs: P.kwargs) -> str:
        """The program for these arguments after a stage, as text: 'imported', 'optimized', 'fused', 'planned', or
        'llvm', the LLVM IR of every kernel."""
        tensors, variant = self._variant(args, kwargs)
        return variant.function.inspect(tensors, stage)

    @property
    def compilations(self) -> int:
        """Programs compiled so far."""
        with self._lock:
            return self._forgotten + sum(variant.function.compilations for variant in self._variants.values())

    def _variant(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Tensor], _Variant]:
        tensors: list[Tensor] = []
        structure = flatten((args, kwargs), tensors)
        with self._lock:
            variant = self._variants.get(structure)
            if variant is None:
                variant = self._variants[structure] = _Variant(self, structure)
                if len(self._variants) > max(1, self._options["cached_signatures"]):
                    _, oldest = self._variants.popitem(last=False)
                    self._forgotten += oldest.function.compilations
            self._variants.move_to_end(structure)
        return tensors, variant


@overload
def compile(
    f: Callable[P, R],
    *,
    fuse: bool = True,
    threads: int = 0,
    cpu: str = "native",
    device: str = "cpu",
    cached_signatures: int = 16,
    precise: bool = False,
    memory_limit: int = 0,
    disk_cache: bool = True,
    tune: bool = False,
    precision: str = "f32",
) -> Compiled[P, R]: ...
@overload
def compile(
    f: None = None,
    *,
    fuse: bool = True,
    threads: int = 0,
    cpu: str = "native",
    device: str = "cpu",
    cached_signatures: int = 16,
    precise: bool = False,
    memory_limit: int = 0,
    disk_cache: bool = True,
    tune: bool = False,
    precision: str = "f32",
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...


def compile(
    f: Callable[P, R] | None = None,
    *,
    fuse: bool = True,
    threads: int = 0,
    cpu: str = "native",
    device: str = "cpu",
    cached_signatures: int = 16,
    precise: bool = False,
    memory_limit: int = 0,
    disk_cache: bool = True,
    tune: bool = False,
    precision: str = "f32",
) -> Any:
    """Makes a compiled function of `f`, which takes and returns trees of tensors: lists, tuples, dictionaries and
    dataclasses. Nothing is compiled before the first call.

    `f` is called once per combination of structures, dtypes and shapes, with traced tensors: what it does with plain
    values happens then and only then, and tensors that it captures become constants. Plain values among its arguments
    are part of the program: another number is another program.

        step = sinter.compile(lambda x: sinter.relu(x @ weight))

    fuse: False for one kernel per operation, to compare with. threads: 0 for the pool shared by the process.
    cpu: "native", or a level such as "x86-64-v3". device: "cpu", or a GPU, "cuda" or "cuda:N".
    cached_signatures: programs kept; the least recently used goes first. precise: no algorithm that trades accuracy for
    speed. memory_limit: bytes that intermediate results may take; 0 for what is fastest. disk_cache: False to neither
    read nor write the cache on disk. tune: measure several ways to compute each contraction.
    precision: what f32 becomes inside programs for a GPU, "f32", "tf32", "f16" or "bf16".
    """
    options = {
        "fuse": fuse,
        "threads": threads,
        "cpu": cpu,
        "device": device,
        "cached_signatures": cached_signatures,
        "precise": precise,
        "memory_limit": memory_limit,
        "disk_cache": disk_cache,
        "tune": tune,
        "precision": precision,
    }
    where = SourceLocation.current()
    check_target("compile", device, precision, where)
    if f is None:
        return lambda function: Compiled(function, options, where)
    return Compiled(f, options, where)
