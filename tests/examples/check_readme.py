#!/usr/bin/env python3
"""Checks that the README shows docs/examples/first_steps.cpp as it is, and that links to files of the repository lead somewhere."""
import pathlib
import re
import sys


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    problems = []
    example = (root / "docs/examples/first_steps.cpp").read_text().split("\n", 1)[1].strip()
    if example not in (root / "README.md").read_text():
        problems.append("README.md does not show docs/examples/first_steps.cpp as it is")
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        prose = re.sub(r"^ *```.*?^ *```|`[^`]*`", "", page.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            if not (page.parent / target).exists():
                problems.append(f"{page.relative_to(root)}: link to {target}, which is not there")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
