#!/usr/bin/env python3
"""Checks what every source file promises: it starts with a sentence on what it is for, and is not too long."""
import pathlib
import sys

FOLDERS = ["runtime", "ir", "passes", "codegen", "frontend", "tools", "tests", "docs/examples"]
SOURCES = (".h", ".cpp", ".td")
MOST_LINES = 500


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    for folder in FOLDERS:
        for source in sorted((root / folder).rglob("*")):
            if source.suffix not in SOURCES:
                continue
            lines = source.read_text(errors="replace").splitlines()
            name = source.relative_to(root)
            if not lines or not lines[0].startswith("//"):
                problems.append(f"{name}: does not start with a sentence on what it is for")
            if len(lines) > MOST_LINES:
                problems.append(f"{name}: {len(lines)} lines; split it ({MOST_LINES} at most)")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
