"""Sinter, a deep-learning compiler: ONNX models and functions on tensors become fused native code.

    y = sinter.load("model.onnx")(x)           # x: a NumPy array, a torch tensor, a sinter.Tensor
    fast = sinter.compile(lambda x: sinter.softmax(x @ weight))
    gradient = sinter.grad(loss)(parameters)
"""

from . import errors, typing
from ._sinter import *  # noqa: F403: every operation
from ._sinter import DType, Kernel, Model, ModelValue, Program, Tensor, no_grad
from .compiling import Compiled, compile
from .control import cond, scan, while_loop
from .errors import Error, InternalError, MachineError, UserError
from .gradients import grad, hvp, jacobian, jvp, value_and_grad, vjp
from .trees import map_tensors, tensors_of

f32, f64, f16, bf16 = DType.f32, DType.f64, DType.f16, DType.bf16
i32, i64, i8, u8, boolean = DType.i32, DType.i64, DType.i8, DType.u8, DType.boolean
