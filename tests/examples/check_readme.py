#!/usr/bin/env python3
"""Checks that pages show the programs of docs/examples as they are, and that links to files of the repository lead somewhere."""
import pathlib
import re
import sys

SHOWN = [
    ("README.md", "docs/examples/first_steps.cpp"),
    ("docs/using.md", "docs/examples/using/main.cpp"),
    ("docs/using.md", "docs/examples/using/CMakeLists.txt"),
]


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    problems = []
    for page, source in SHOWN:
        example = (root / source).read_text()
        if source == "docs/examples/first_steps.cpp":  # but for its first line, which says where it is shown
            example = example.split("\n", 1)[1]
        if example.strip() not in (root / page).read_text():
            problems.append(f"{page} does not show {source} as it is")
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        prose = re.sub(r"^ *```.*?^ *```|`[^`]*`", "", page.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            if not (page.parent / target).exists():
                problems.append(f"{page.relative_to(root)}: link to {target}, which is not there")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
