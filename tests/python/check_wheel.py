#!/usr/bin/env python3
"""Makes a wheel of what is built, installs it into a fresh environment, and runs the tests of the package there.

Nothing is fetched: NumPy, pytest and what builds wheels are those of the environment that tools/setup.sh has made.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)}\nexited with {done.returncode}:\n{done.stdout}")


def pip(python: pathlib.Path, *arguments: object) -> None:
    run(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", *arguments)


def test(python: pathlib.Path, folder: pathlib.Path, tests: pathlib.Path, **variables: str) -> int:
    return subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests], cwd=folder,
                          env={**os.environ, **variables}).returncode


def check(source: pathlib.Path, build: pathlib.Path, environment: pathlib.Path, stand_ins: pathlib.Path, folder: pathlib.Path) -> int:
    python = environment / "bin/python"
    if not python.exists():
        sys.exit(f"there is no {python}: run tools/setup.sh, which makes it")
    pip(python, "wheel", source / "frontend/python", "--wheel-dir", folder, "--no-deps", "--no-build-isolation",
        "--config-settings", f"cmake.define.SINTER_BUILD_DIR={build}", "--config-settings", f"build-dir={folder / 'build'}")
    [wheel] = folder.glob("sinter-*.whl")

    fresh = folder / "environment"
    run(python, "-m", "venv", "--without-pip", fresh)
    [packages] = (fresh / "lib").glob("python3*/site-packages")
    [others] = (environment / "lib").glob("python3*/site-packages")
    (packages / "others.pth").write_text(f"{others}\n")
    pip(fresh / "bin/python", "install", "--no-index", "--no-deps", wheel)
    tests = source / "tests/python"
    return test(fresh / "bin/python", folder, tests) or \
        test(fresh / "bin/python", folder, tests / "test_device.py", SINTER_CUDA_PATH=str(stand_ins), STAND_IN_GPUS="2")


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("source", "build", "python", "stand-ins"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return check(given.source, given.build, given.python, given.stand_ins, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
