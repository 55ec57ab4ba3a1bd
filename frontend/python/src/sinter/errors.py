"""What is thrown where something cannot be done: one line with the cause, the operands, and the line of the caller."""


class Error(Exception):
    """Whatever Sinter refuses. Which of its subclasses says whose fault it is."""


class UserError(Error, ValueError):
    """What was given is wrong: a shape, a file, an operator that is not supported."""


class MachineError(Error, RuntimeError):
    """The machine refused: out of memory, a file that cannot be read."""


class InternalError(Error, RuntimeError):
    """A bug in Sinter."""
