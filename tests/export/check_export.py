#!/usr/bin/env python3
"""Checks exported models: onnx.checker accepts them, and ONNX Runtime computes what is expected of them.

    check_export.py programs FOLDER         FOLDER/NAME.onnx with NAME.in.I.npy and NAME.out.I.npy
    check_export.py models SINTER FOLDER... each model below FOLDER that SINTER imports: exported, checked, compared with the
                                            original in ONNX Runtime, imported and exported again: the same bytes

With `models`, those below the folder that SINTER_TEST_MODELS names are looked at as well.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

# Two processors at most: tests run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime

RELATIVE = 1e-4
# LRN: of an even number of channels, or of tensors that are not of rank 4.
LIMITS = ("NOT_IMPLEMENTED", "LRN<T>")


def run(model, inputs):
    """What the model gives; None where ONNX Runtime has no kernel for an operator's element type or attributes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]).run(None, inputs)
    except Exception as error:
        if any(limit in str(error) for limit in LIMITS):
            return None
        raise


def difference(actual, expected):
    """The largest error, relative to the largest element; infinite where shapes, types or infinities differ."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return float("inf")
    if expected.size == 0:
        return 0.0
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    if not (np.isfinite(a) | same).all() or not (np.isfinite(b) | same).all():
        return float("inf")
    finite = np.abs(b[np.isfinite(b)])
    return float(np.max(np.abs(np.where(same, 0, a - b))) / max(finite.max(initial=0), 1e-3))


def check(model, inputs, expected):
    """Problems of a model, and whether it could be run."""
    try:
        onnx.checker.check_model(str(model), full_check=True)
        actual = run(model, inputs)
    except Exception as error:  # whatever it is, it is a finding
        return [f"{type(error).__name__}: {str(error).splitlines()[0][:300]}"], False
    if actual is None or expected is None:
        return [], False
    problems = []
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if not difference(a, e) <= RELATIVE:
            problems.append(f"output {i} is {difference(a, e):.3g} off ({np.shape(a)} and {np.shape(e)})")
    return problems, True


def check_programs(folder):
    failures, total, ran = 0, 0, 0
    for model in sorted(pathlib.Path(folder).glob("*.onnx")):
        def tensors(kind, model=model):
            files = sorted(model.parent.glob(f"{model.stem}.{kind}.*.npy"), key=lambda file: int(file.suffixes[-2][1:]))
            return [np.load(file) for file in files]

        graph = onnx.load(str(model), load_external_data=False).graph
        inputs = dict(zip((value.name for value in graph.input), tensors("in"), strict=True))
        # ONNX does not say where the largest number is if one of them is NaN.
        is_defined = not (any(node.op_type in ("ArgMax", "ArgMin") for node in graph.node) and
                          any(np.isnan(x).any() for x in inputs.values() if np.issubdtype(x.dtype, np.floating)))
        problems, could_run = check(model, inputs, tensors("out") if is_defined else None)
        total += 1
        ran += could_run
        for problem in problems:
            print(f"{model.name}: {problem}")
        failures += bool(problems)
    print(f"{total} programs, {ran} of them run by ONNX Runtime, which lacks kernels for the others; {failures} fail")
    return failures or not total or ran * 5 < total * 4


def with_weights(model, folder):
    """ONNX publishes architectures whose weights are made by ConstantOfShape: those get random ones."""
    proto = onnx.load(str(model))
    graph = proto.graph
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    empty = [node for node in graph.node if node.op_type == "ConstantOfShape" and node.input[0] in shapes]
    if len(empty) < 5:
        return model
    random = np.random.default_rng(0)
    for node in empty:
        shape = shapes[node.input[0]]
        deviation = np.sqrt(2 / max(1, np.prod(shape[1:]))) if len(shape) > 1 else 0.1
        values = np.abs(random.standard_normal(shape) * deviation) if len(shape) == 1 else random.standard_normal(shape) * deviation
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), node.output[0]))
        graph.node.remove(node)
    onnx.save(proto, str(folder / model.name))
    return folder / model.name


def inputs_of(model, beside):
    """Stored inputs, or random ones of the declared shapes; open dimensions are 1, or what pictures have."""
    inputs = {}
    graph = onnx.load(str(model)).graph
    known = {tensor.name for tensor in graph.initializer}
    values = [value for value in graph.input if value.name not in known]
    for i, value in enumerate(values):
        stored = beside / "test_data_set_0" / f"input_{i}.pb"
        if stored.exists():
            proto = onnx.TensorProto()
            proto.ParseFromString(stored.read_bytes())
            inputs[value.name] = onnx.numpy_helper.to_array(proto)
            continue
        stored = next(beside.glob(f"{model.stem}_*input.npy"), None)
        if stored and len(values) == 1:
            inputs[value.name] = np.load(stored)
            continue
        dims = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else 0
                for dim in value.type.tensor_type.shape.dim]
        open_shape = {4: [1, 3, 48, 320] if "rec" in model.stem else [1, 3, 64, 96], 2: [1, 16]}.get(len(dims), [1] * len(dims))
        dims = [dim or other for dim, other in zip(dims, open_shape)]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        random = np.random.default_rng(i)
        inputs[value.name] = (random.integers(0, 3, dims) if np.issubdtype(dtype, np.integer) or dtype == bool
                              else random.standard_normal(dims)).astype(dtype)
    return inputs


def export(sinter, model, output, inputs):
    shapes = []
    for name, value in inputs.items():
        shapes += ["--shape", f"{name}={'x'.join(map(str, value.shape)) or 'scalar'}"]
    return subprocess.run([sinter, "export", str(model), "-o", str(output), *shapes], capture_output=True, text=True)


def check_model(sinter, model, folder):
    """Problems of one model; None if Sinter does not import it."""
    beside = model.parent
    model = with_weights(model, folder)
    inputs = inputs_of(model, beside)
    first, second = folder / "first.onnx", folder / "second.onnx"
    done = export(sinter, model, first, inputs)
    if done.returncode != 0:
        unsupported = "is not supported" in done.stderr and "cannot be written" not in done.stderr
        return None if unsupported else [done.stderr.strip()]
    expected = run(model, inputs)
    problems, _ = check(first, inputs, expected)
    done = export(sinter, first, second, inputs)
    if done.returncode != 0:
        return problems + ["again: " + done.stderr.strip()]
    if first.read_bytes() != second.read_bytes():
        problems.append("the second export differs from the first")
    return problems


def check_models(sinter, folders):
    failures, total, skipped = 0, 0, 0
    if os.environ.get("SINTER_TEST_MODELS"):
        folders = [*folders, os.environ["SINTER_TEST_MODELS"]]
    for folder in folders:
        for model in sorted(pathlib.Path(folder).rglob("*.onnx")):
            with tempfile.TemporaryDirectory() as temporary:
                problems = check_model(sinter, model, pathlib.Path(temporary))
            total += 1
            if problems is None:
                skipped += 1
                continue
            for problem in problems:
                print(f"{model}: {problem}")
            failures += bool(problems)
    print(f"{total} models, {skipped} of them with operators that are not imported; {failures} fail")
    return failures or total == skipped


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("programs", "models"):
        sys.exit(__doc__)
    sys.exit(1 if (check_programs(sys.argv[2]) if sys.argv[1] == "programs" else check_models(sys.argv[2], sys.argv[3:])) else 0)
