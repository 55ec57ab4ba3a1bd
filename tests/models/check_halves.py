#!/usr/bin/env python3
"""Checks models whose tensors are float16 or bfloat16 against ONNX Runtime.

    check_halves.py SINTER STAND_INS     STAND_INS: libcuda and libnvrtc that run on the processor

Each model is written three times: in float16, in bfloat16, and in float with the same weights, for ONNX Runtime. Sinter
interprets the first two, compiles them for the processor, and for a GPU.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

TYPES = {
    "float16": (TensorProto.FLOAT16, np.float16, 4e-3),
    "bfloat16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, 3e-2),
    "float": (TensorProto.FLOAT, np.float32, None),
}


class Graph:
    """Appends nodes to a graph of one element type, whose weights are what `held` can hold."""

    def __init__(self, element, held):
        self.element, self.dtype, _ = TYPES[element]
        self.held = TYPES[held][1]
        self.random = np.random.default_rng(5)
        self.nodes, self.weights = [], []

    def node(self, operator, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def tensor(self, values, name, raw=True):
        values = np.asarray(values).astype(self.held).astype(self.dtype)
        if raw:
            return helper.make_tensor(name, self.element, values.shape, values.tobytes(), raw=True)
        # In the typed field, 16 bits are stored as they are in 32.
        numbers = values.astype(np.float32).ravel()
        return helper.make_tensor(name, self.element, values.shape, numbers)

    def weight(self, *shape, scale=1.0, raw=True):
        name = f"w{len(self.weights)}"
        values = self.random.standard_normal(shape) * scale
        self.weights.append(self.tensor(values, name, raw))
        return name

    def number(self, value):
        return self.node("Constant", value=self.tensor(value, ""))

    def integers(self, *values):
        name = f"w{len(self.weights)}"
        self.weights.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def model(self, shape, output, result):
        self.nodes.append(helper.make_node("Identity", [output], ["y"]))
        x, y = (helper.make_tensor_value_info(n, self.element, s) for n, s in (("x", shape), ("y", result)))
        graph = helper.make_graph(self.nodes, "halves", [x], [y], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def convolutions(g):
    x = g.node("Conv", "x", g.weight(16, 3, 3, 3, scale=0.2), g.weight(16, scale=0.1, raw=False), pads=[1, 1, 1, 1])
    scale, bias, mean = g.weight(16, scale=0.3), g.weight(16), g.weight(16, scale=0.1)
    variance = g.node("Add", g.node("Mul", scale, scale), g.number(0.5))
    x = g.node("Relu", g.node("BatchNormalization", x, scale, bias, mean, variance))
    short = x
    x = g.node("Conv", x, g.weight(16, 16, 3, 3, scale=0.08), pads=[1, 1, 1, 1])
    x = g.node("HardSigmoid", g.node("Add", x, short))
    x = g.node("Concat", x, g.node("Clip", short, g.number(0.1), g.number(2.5)), axis=1)
    x = g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Pad", x, g.integers(0, 0, 1, 0, 0, 0, 0, 1), g.number(0.25))
    x = g.node("AveragePool", x, kernel_shape=[3, 3])
    x = g.node("Flatten", g.node("GlobalAveragePool", x))
    x = g.node("Gemm", x, g.weight(10, 32, scale=0.3), g.weight(10), alpha=0.5, beta=2.0, transB=1)
    return g.model([2, 3, 12, 14], g.node("Softmax", x, axis=1), [2, 10])


def attention(g):
    x = g.node("LayerNormalization", "x", g.weight(24, raw=False), g.weight(24, scale=0.1), axis=-1)
    q, k, v = (g.node("MatMul", x, g.weight(24, 24, scale=0.2)) for _ in range(3))
    scores = g.node("MatMul", q, g.node("Transpose", k, perm=[0, 2, 1]))
    scores = g.node("Mul", scores, g.number(24**-0.5))
    x = g.node("Add", "x", g.node("MatMul", g.node("Softmax", scores, axis=-1), v))
    mean = g.node("ReduceMean", x, axes=[2])
    centered = g.node("Sub", x, mean)
    squares = g.node("ReduceMean", g.node("Pow", centered, g.number(2.0)), axes=[2])
    x = g.node("Div", centered, g.node("Sqrt", g.node("Add", squares, g.number(1e-4))))
    h = g.node("MatMul", x, g.weight(24, 48, scale=0.2))
    gate = g.node("Add", g.node("Erf", g.node("Div", h, g.number(2**0.5))), g.number(1.0))
    h = g.node("Mul", g.node("Mul", h, gate), g.number(0.5))
    h = g.node("Cast", g.node("Cast", h, to=TensorProto.FLOAT), to=g.element)
    above = g.node("Greater", h, g.node("ConstantOfShape", g.integers(1), value=g.tensor([-9.0], "")))
    h = g.node("Where", above, h, g.node("Exp", h))
    return g.model([2, 9, 24], g.node("MatMul", h, g.weight(48, 24, scale=0.1)), [2, 9, 24])


def sinter(tool, model, folder, options, environment):
    """y of the model, as an array of float."""
    command = [tool, "run", model, "--input", folder / "x.npy", "--output-dir", folder, "--no-cache", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    y = np.load(folder / "y.npy")
    (folder / "y.npy").unlink()
    return y


def main():
    tool, stand_ins = sys.argv[1:3]
    environment = {**os.environ, "SINTER_CUDA_PATH": stand_ins}
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for make in (convolutions, attention):
            for element in ("float16", "bfloat16"):
                _, dtype, tolerance = TYPES[element]
                model = make(Graph(element, element))
                onnx.save(model, folder / "half.onnx")
                shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
                x = np.random.default_rng(3).standard_normal(shape).astype(dtype)
                reference = make(Graph("float", element)).SerializeToString()
                session = onnxruntime.InferenceSession(reference, providers=["CPUExecutionProvider"])
                expected = session.run(None, {"x": x.astype(np.float32)})[0]
                # NumPy has no bfloat16.
                np.save(folder / "x.npy", x if element == "float16" else x.astype(np.float32))
                for options in (["--interpret"], [], ["--no-fuse"], ["--device", "cuda"]):
                    y = sinter(tool, folder / "half.onnx", folder, options, environment)
                    error = np.abs(y.astype(np.float32) - expected).max() / np.abs(expected).max()
                    kept = y.dtype == (np.float16 if element == "float16" else np.float32)
                    good = kept and y.shape == expected.shape and error <= tolerance
                    failures += not good
                    print(f"{make.__name__} {element} {' '.join(options) or 'cpu'}: {y.dtype}, error {error:.2g} of the",
                          "largest" if good else f"largest (more than {tolerance})")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
