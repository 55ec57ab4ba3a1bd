#!/usr/bin/env python3
"""Checks an installed tree: nothing in it names the folders it was built in, headers need nothing but the standard library, and
libsinter.so shows the public API alone.

    check_tree.py PREFIX --source DIR --build DIR --nm NM
"""
import argparse
import pathlib
import re
import subprocess
import sys

INCLUDE = re.compile(r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]", re.MULTILINE)
INTERNAL = re.compile(r"\b(?:(?:llvm|mlir|google|onnx|testing|fmt)::|sinter::(?!(?:aot|detail|data|rt|eager)::)[a-z_]+::)")
OTHERS = re.compile(r"lib(LLVM|MLIR|lld)")


def check_paths(prefix: pathlib.Path, folders: list[str]) -> list[str]:
    problems = []
    for path in sorted(prefix.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        problems += [f"{path.relative_to(prefix)}: names {folder}" for folder in folders if folder.encode() + b"/" in content]
    return problems


def check_headers(prefix: pathlib.Path) -> list[str]:
    include = prefix / "include"
    headers = sorted(include.rglob("*.h"))
    problems = [] if len(headers) > 20 else [f"only {len(headers)} headers"]
    for header in headers:
        for name in INCLUDE.findall(header.read_text()):
            own = name.startswith("sinter/") and (include / name).is_file()
            if not own and name not in ("stddef.h", "stdint.h") and ("/" in name or "." in name):
                problems.append(f"{header.relative_to(prefix)}: includes {name}, which is neither installed nor the C++ library's")
    return problems


def check_symbols(library: pathlib.Path, nm: str) -> list[str]:
    def listed(*options: str) -> list[str]:
        return subprocess.run([nm, "-D", "-C", *options, str(library)], capture_output=True, text=True, check=True).stdout.splitlines()

    names = [line.split(maxsplit=2)[2] for line in listed("--defined-only")]
    problems = [] if len(names) > 200 else [f"{library.name} shows only {len(names)} symbols"]
    for name in names:
        # The node of the library's version is a symbol, too.
        if INTERNAL.search(name) or "sinter" not in name.lower():
            problems.append(f"{library.name} shows {name}")
    return problems


def check_needs(files: list[pathlib.Path]) -> list[str]:
    problems = []
    for path in files:
        text = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=True).stdout
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
        problems += [f"{path.name} needs {name}" for name in needed if OTHERS.match(name)]
        problems += [] if needed else [f"{path.name} needs no library at all?"]
        problems += [f"{path.name} looks for libraries in {where}" for where in re.findall(r"\(R(?:UN)?PATH\).*\[(.*)\]", text)]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--nm", default="nm")
    arguments = parser.parse_args()
    prefix = arguments.prefix.resolve()
    libraries = [path for path in prefix.rglob("libsinter.so.*.*.*")]
    if len(libraries) != 1:
        print(f"{len(libraries)} files libsinter.so.X.Y.Z below {prefix}")
        return 1
    problems = check_paths(prefix, [arguments.source, arguments.build])
    problems += check_headers(prefix)
    problems += check_symbols(libraries[0], arguments.nm)
    problems += check_needs([libraries[0], prefix / "bin/sinter", prefix / "bin/sinter-opt"])
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
