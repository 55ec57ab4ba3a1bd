#!/usr/bin/env python3
"""Checks the directions in which the layers may include each other's headers.

tools -> frontend -> codegen -> passes -> ir, and all of them may use runtime, which uses none of them and knows nothing
of LLVM or MLIR. Prints every offending #include and exits 1.
"""
import pathlib
import re
import sys

# From the lowest to the highest.
LAYERS = ["runtime", "ir", "passes", "codegen", "frontend", "tools"]
COMPILER_LIBRARIES = ("llvm/", "llvm-c/", "mlir/", "mlir-c/", "lld/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')


def layer_of_include(root: pathlib.Path, source: pathlib.Path, include: str) -> str | None:
    """The layer a header belongs to; None for system headers."""
    if include.startswith("sinter/runtime/"):
        return "runtime"
    if include.startswith("sinter/"):
        return "frontend"
    first = include.split("/")[0]
    if "/" in include and first in LAYERS:
        return first
    beside = (source.parent / include).resolve()
    if beside.is_file() and root in beside.parents:
        return beside.relative_to(root).parts[0]
    return None


def check(root: pathlib.Path) -> list[str]:
    problems = []
    files = 0
    for height, layer in enumerate(LAYERS):
        for source in sorted((root / layer).rglob("*")):
            if source.suffix not in (".h", ".cpp", ".td", ".inc"):
                continue
            files += 1
            for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                include = match.group(1)
                where = f"{source.relative_to(root)}:{number}: includes {include}"
                if layer == "runtime" and include.startswith(COMPILER_LIBRARIES):
                    problems.append(f"{where}: runtime must not know LLVM or MLIR")
                other = layer_of_include(root, source, include)
                if other in LAYERS and LAYERS.index(other) > height:
                    problems.append(f"{where}: {layer} must not use {other}")
    if files < 50:
        problems.append(f"only {files} sources found under {root}: looking in the wrong place?")
    return problems


def main() -> int:
    problems = check(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
