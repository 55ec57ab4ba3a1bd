#!/usr/bin/env python3
"""Checks that every C++ source is laid out as .clang-format says. Exits 77, which the test takes for skipped, where
clang-format of the toolchain's version is missing: other versions lay out differently.
"""
import pathlib
import shutil
import subprocess
import sys

FOLDERS = ["runtime", "ir", "passes", "codegen", "frontend", "tools", "tests", "docs/examples"]
TOOL = "clang-format-22"
SKIPPED = 77


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    tool = shutil.which(TOOL)
    if tool is None:
        print(f"skipped: {TOOL} is not installed; tools/setup.sh installs it")
        return SKIPPED
    sources = [
        str(source.relative_to(root))
        for folder in FOLDERS
        for source in sorted((root / folder).rglob("*"))
        if source.suffix in (".h", ".cpp")
    ]
    if len(sources) < 50:
        print(f"only {len(sources)} sources found under {root}: looking in the wrong place?")
        return 1
    run = subprocess.run([tool, "--dry-run", "--Werror", *sources], cwd=root, capture_output=True, text=True, check=False)
    unformatted = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "-Wclang-format-violations" in line})
    for name in unformatted:
        print(f"{name}: not as .clang-format says; run {TOOL} -i {name}")
    if run.returncode != 0 and not unformatted:
        print(run.stderr)
    return 0 if run.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
