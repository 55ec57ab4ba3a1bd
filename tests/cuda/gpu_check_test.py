#!/usr/bin/env python3
"""Runs tools/gpu_check.sh as if its bundle had been unpacked: without a GPU, and by stand-ins for CUDA's libraries.

    gpu_check_test.py FOLDER_OF_PROGRAMS FOLDER_OF_STAND_INS
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


def unpacked(folder, programs):
    """What is in a bundle, but for the libraries of the programs."""
    shutil.copy(TOOLS / "gpu_check.sh", folder)
    (folder / "gpu_bench").symlink_to(TOOLS / "gpu_bench")
    for program in ("sinter_gpu_tests", "sinter_gpu_bench", "sinter"):
        (folder / program).symlink_to(programs / program)
    return folder / "gpu_check.sh"


def call(script, *arguments, **variables):
    return subprocess.run([script, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **variables})


def check_is_one_line(done, *words):
    assert done.returncode != 0 and not done.stdout, f"exit status {done.returncode}\n{done.stdout}"
    [line] = done.stderr.splitlines()
    for word in words:
        assert word in line, line


def main():
    programs, stand_ins = map(pathlib.Path, sys.argv[1:])
    check_is_one_line(call(TOOLS / "gpu_check.sh", "bundle"), "gpu_check.sh bundle FILE")
    check_is_one_line(call(TOOLS / "gpu_check.sh", "run"), "this is no unpacked bundle")

    with tempfile.TemporaryDirectory() as folder:
        script = unpacked(pathlib.Path(folder), programs)
        report = pathlib.Path(folder) / "gpu_check.md"
        for parts in ([], ["tests"], ["bench"]):  # a machine that runs this may have a GPU
            check_is_one_line(call(script, "run", *parts, CUDA_VISIBLE_DEVICES="", SINTER_CUDA_PATH="/nonexistent"), "CUDA device")
        assert not report.exists()
        (script.parent / "sinter_gpu_bench").unlink()
        (script.parent / "sinter_gpu_bench").write_text("#!/bin/sh\nkill -SEGV $$\n")
        (script.parent / "sinter_gpu_bench").chmod(0o755)
        check_is_one_line(call(script, "run"), "ended with exit status 139")
        (script.parent / "sinter_gpu_bench").unlink()
        (script.parent / "sinter_gpu_bench").symlink_to(programs / "sinter_gpu_bench")

        on_stand_ins = {"SINTER_CUDA_PATH": str(stand_ins), "GPU_BENCH_ARGUMENTS": "--size tiny --precision f32 --rows softmax"}
        done = call(script, "run", "bench", **on_stand_ins, PYTHON="no-such-python")
        assert done.returncode == 2 and "there is no 'no-such-python'" in done.stderr, done.stderr
        on_stand_ins["GPU_BENCH_ARGUMENTS"] += " --python none"
        done = call(script, "run", "bench", **on_stand_ins, PYTHON=sys.executable)
        assert done.returncode == 0, done.stdout + done.stderr
        device, peer, *_ = done.stdout.splitlines()
        assert "sm_" in device and f"{sys.executable} has " in peer, done.stdout
        assert "softmax of rows" in report.read_text()


if __name__ == "__main__":
    main()
