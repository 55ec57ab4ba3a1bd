#!/usr/bin/env python3
"""How soon a process has its first result and how much memory it takes: Sinter against ONNX Runtime.

    bench_start.py --sinter build/release/bin/sinter --threads N [--repeat 5] [--json FILE] MODEL.onnx

Sinter is timed from the start of its process to its first result, once with an empty cache of kernels on disk and once with
the kernels of an earlier process. ONNX Runtime is timed from the creation of its session to the end of the first run;
what Python takes to start and to import it is left out of the time, and of the memory is given both with and without.
Needs a Python with numpy and onnxruntime, as tools/setup_peers.sh makes one. The model's one input must have a fixed shape.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ONNXRUNTIME = """
import json, sys, time
import numpy as np, onnxruntime as ort
def memory():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM:"))
model, file, threads = sys.argv[1:]
array = np.load(file)
before = memory()
start = time.perf_counter_ns()
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
options.intra_op_num_threads, options.inter_op_num_threads = int(threads), 1
session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
made = time.perf_counter_ns()
session.run(None, {session.get_inputs()[0].name: array})
end = time.perf_counter_ns()
print(json.dumps({"version": ort.__version__, "session_ms": (made - start) / 1e6, "first_run_ms": (end - made) / 1e6,
                  "first_result_ms": (end - start) / 1e6, "peak_rss_bytes": memory(),
                  "peak_rss_bytes_without_imports": memory() - before}))
"""
STATS = re.compile(r"loading ([\d.]+) ms, compiling ([\d.]+) ms, first run ([\d.]+) ms; ([\d.]+) ms from the start of the process "
                   r"to its first result; peak RSS ([\d.]+) MiB")


def output_of(command, **environment):
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if result.returncode != 0:
        sys.exit(f"bench_start.py: {command[0]} failed: {(result.stderr.strip().splitlines() or ['no message'])[-1]}")
    return result.stdout


def run_sinter(arguments, file, cache, folder):
    text = output_of([arguments.sinter, "run", arguments.model, "--input", file, "--output-dir", folder, "--threads",
                      str(arguments.threads), "--stats"], SINTER_CACHE_DIR=cache)
    found = STATS.search(text)
    if not found:
        sys.exit("bench_start.py: sinter run --stats printed no figures")
    load, compiling, run, total, peak = map(float, found.groups())
    return {"load_ms": load, "compile_ms": compiling, "first_run_ms": run, "first_result_ms": total,
            "peak_rss_bytes": int(peak * 2**20)}


def median(results):
    """The result whose time to the first result is the middle one."""
    middle = statistics.median_low(result["first_result_ms"] for result in results)
    return next(result for result in results if result["first_result_ms"] == middle)


def measure(arguments, folder):
    import numpy as np
    import onnx

    model = onnx.load(arguments.model, load_external_data=False)
    weights = {tensor.name for tensor in model.graph.initializer}
    value = next(value for value in model.graph.input if value.name not in weights)
    shape = [extent.dim_value for extent in value.type.tensor_type.shape.dim]
    file = f"{folder}/input.npy"
    np.save(file, np.random.default_rng(1).random(shape, dtype=np.float32))
    cold, warm, other = [], [], []
    for i in range(arguments.repeat):  # in turns, so that a change of the machine's clock meets all of them
        cache = f"{folder}/cache-{i}"
        cold.append(run_sinter(arguments, file, cache, folder))
        warm.append(run_sinter(arguments, file, cache, folder))
        other.append(json.loads(output_of([sys.executable, "-c", ONNXRUNTIME, arguments.model, file,
                                           str(arguments.threads)])))
    return {"model": arguments.model, "threads": arguments.threads, "repeat": arguments.repeat,
            "sinter_empty_cache": median(cold), "sinter_filled_cache": median(warm), "onnxruntime": median(other)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--sinter", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sinter-bench-start-") as folder:
        figures = measure(arguments, folder)
    for name in ("sinter_empty_cache", "sinter_filled_cache", "onnxruntime"):
        side = figures[name]
        more = side.get("peak_rss_bytes_without_imports")
        print(f"{name.replace('_', ' ', 1).replace('_', ' '):<22} first result after {side['first_result_ms']:8.1f} ms, "
              f"peak RSS {side['peak_rss_bytes'] / 2**20:7.1f} MiB"
              + (f" ({more / 2**20:.1f} MiB of them after Python's imports)" if more is not None else ""))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
