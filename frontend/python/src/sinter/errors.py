"""What is thrown where something cannot be done: one line with the cause, the operands, and the line of the caller."""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from ._sinter import SourceLocation


class Error(Exception):
    """Whatever Sinter refuses. Which of its subclasses says whose fault it is."""


class UserError(Error, ValueError):
    """What was given is wrong: a shape, a file, an operator that is not supported."""


class MachineError(Error, RuntimeError):
    """The machine refused: out of memory, a file that cannot be read."""


class InternalError(Error, RuntimeError):
    """A bug in Sinter."""


def user_error(where: SourceLocation, operation: str, message: str) -> UserError:
    """As C++ makes them, of the package's own checks."""
    return UserError(f"{where.file.rpartition('/')[2]}:{where.line}: {operation}: {message}")
