#!/usr/bin/env python3
"""Runs tools/gpu_bench/compare.py without PyTorch at tiny sizes: on the processor, and by stand-ins for CUDA's libraries.

    gpu_bench_test.py sinter_gpu_bench FOLDER_OF_STAND_INS
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

COMPARE = pathlib.Path(__file__).resolve().parents[2] / "tools" / "gpu_bench" / "compare.py"


def compare(program, *arguments, status=0):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([sys.executable, COMPARE, "--program", program, "--folder", folder, "--size", "tiny", "--python", "none",
                              *arguments], capture_output=True, text=True, check=False)
        assert run.returncode == status, f"{arguments}: exit status {run.returncode}\n{run.stdout}\n{run.stderr}"
        return json.loads((pathlib.Path(folder) / "gpu_check.json").read_text()), (pathlib.Path(folder) / "gpu_check.md").read_text()


def figures_of(result):
    return [(row["name"], mode, row["figures"][mode]) for row in result["rows"] for mode in ("sinter", "unfused")]


def main():
    program, stand_ins = sys.argv[1:]

    # Every row, on the processor, which has f32 only.
    result, text = compare(program, "--device", "cpu", "--precision", "f32")
    assert not result["failed"] and len(result["rows"]) == 18
    for name, mode, figures in figures_of(result):
        assert figures["median_ms"] > 0 and figures["steps"] > 0, f"{name}, {mode}: {figures}"
    assert all(row["figures"]["eager"] == {"not_run": "no PyTorch was asked for"} for row in result["rows"])
    assert "| softmax of rows |" in text and "not compared" in text

    # On the device.
    os.environ["SINTER_CUDA_PATH"] = stand_ins
    result, _ = compare(program, "--device", "cuda", "--precision", "f32", "--rows", "softmax,sum_all")
    for name, mode, figures in figures_of(result):
        assert figures["median_ms"] > 0 and "sm_" in figures["device"], f"{name}, {mode}: {figures}"

    # Rows that there are not.
    run = subprocess.run([sys.executable, COMPARE, "--program", program, "--folder", "/nonexistent", "--rows", "softmax,bret"],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 2 and "'bret' is none of resnet50, " in run.stderr, run.stderr

    # What there is no time for is visible, and no failure.
    result, text = compare(program, "--device", "cpu", "--budget", "0", "--rows", "softmax")
    assert result["rows"][0]["figures"]["sinter"] == {"not_run": "time"} and "not run: time" in text

    # What Sinter does not run is one.
    os.environ["SINTER_CUDA_PATH"] = "/nonexistent"
    result, text = compare(program, "--device", "cpu:1", "--precision", "f32", "--rows", "softmax", status=1)
    assert "softmax of rows, sinter: exit status 1: sinter_gpu_bench: " in result["failed"][0], result["failed"]
    assert "**failed**" in text


if __name__ == "__main__":
    main()
