#!/usr/bin/env python3
"""One other inference engine, run for `sinter bench --against`.

    bench_peer.py ENGINE MODEL.onnx --threads N --folder DIR

The tool starts this with pipes. DIR holds input-0.npy, input-1.npy, ... in the order of the model's inputs. The answers are lines:

    ready VERSION<tab>SETTINGS       the model is loaded and has been run; output-0.npy, ... are in DIR
    unsupported WHAT                 the engine cannot run this model
    missing PACKAGE                  the engine is not installed
    error MESSAGE                    anything else that went wrong

Then every line `run` that comes in is answered with the nanoseconds of one inference. It is the second of two: the first
brings code, weights and threads back to where they are in a program that does nothing else. The end of the input ends it.

Every engine gets the settings that its documentation names for least latency on a given number of threads.
"""

import argparse
import gc
import importlib
import os
import pathlib
import sys
import time


def load_onnxruntime(model, inputs, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
    extents = {extent: actual for value, array in zip(session.get_inputs(), inputs)
               for extent, actual in zip(value.shape, array.shape) if isinstance(extent, str)}
    if extents:  # fixed before optimising, as the other engines have them
        for extent, actual in extents.items():
            options.add_free_dimension_override_by_name(extent, actual)
        session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    feed = dict(zip([value.name for value in session.get_inputs()], inputs))
    first = session.run(names, feed)
    # Inputs and outputs stay where they are from run to run.
    binding = session.io_binding()
    results = [ort.OrtValue.ortvalue_from_numpy(array) for array in first]
    for name, array in feed.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    for name, value in zip(names, results):
        binding.bind_ortvalue_output(name, value)
    return (lambda: session.run_with_iobinding(binding), lambda: [value.numpy() for value in results], ort.__version__,
            "all graph optimisations, bound inputs and outputs")


def load_openvino(model, inputs, threads):
    import numpy as np
    import openvino as ov

    core = ov.Core()
    graph = core.read_model(model)
    graph.reshape({index: list(array.shape) for index, array in enumerate(inputs)})
    compiled = core.compile_model(graph, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads,
                                                 "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    for index, array in enumerate(inputs):
        request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
    return (lambda: request.infer(share_outputs=True),
            lambda: [np.array(request.get_output_tensor(i).data) for i in range(len(compiled.outputs))],
            ov.__version__.split("-")[0], "latency hint, f32")


def load_torch(model, inputs, threads):
    import bench_peer_torch

    return bench_peer_torch.load(model, inputs, threads)


# The packages that each needs, and what loads a model: that returns a function that runs it, one that returns the outputs,
# the engine's version, and its settings.
ENGINES = {"onnxruntime": (("numpy", "onnxruntime"), load_onnxruntime), "openvino": (("numpy", "openvino"), load_openvino),
           "torch": (("numpy", "onnx", "torch"), load_torch)}


def first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "no message"


def serve(arguments, answer):
    packages, load = ENGINES[arguments.engine]
    # What the engines write on the way goes away with the folder.
    os.environ["TMPDIR"] = os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(arguments.folder)
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            answer(f"missing {error.name}")
            return
    import numpy as np

    inputs = []
    while (path := arguments.folder / f"input-{len(inputs)}.npy").exists():
        inputs.append(np.load(path))
    try:
        run, outputs, version, settings = load(arguments.model, inputs, arguments.threads)
        run()
        for index, array in enumerate(outputs()):
            np.save(arguments.folder / f"output-{index}.npy", array)
    except NotImplementedError as error:
        answer(f"unsupported {first_line(error)}")
        return
    except Exception as error:  # engines throw whatever they like
        answer(f"error {type(error).__name__}: {first_line(error)}")
        return
    gc.collect()
    gc.disable()
    answer(f"ready {version}\t{settings}")
    for line in sys.stdin:
        if line != "run\n":
            answer(f"error '{line.strip()}' is not a request")
            return
        run()
        start = time.perf_counter_ns()
        run()
        answer(str(time.perf_counter_ns() - start))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    # What the engines print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(arguments, lambda text: print(text, file=answers, flush=True))


if __name__ == "__main__":
    sys.exit(main())
