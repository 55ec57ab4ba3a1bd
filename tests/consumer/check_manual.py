#!/usr/bin/env python3
"""Checks that the manual page and the shells' completions name the commands and options that --help names, and that bash
completes them.

    check_manual.py PREFIX
"""
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^  (?:(-\w),)?(--[\w-]+)", re.MULTILINE)


def help_of(tool: pathlib.Path, *command: str) -> str:
    return subprocess.run([tool, *command, "--help"], capture_output=True, text=True, check=True).stdout


def options(text: str) -> set[str]:
    return {name for names in OPTION.findall(text) for name in names if name}


def manual_options(page: str) -> set[str]:
    """The options that entries of a part of the page are about."""
    names = re.findall(r"^\.TP\n(.*)$", page, re.MULTILINE)
    return {name.replace("\\-", "-") for line in names for name in re.findall(r"\\fB((?:\\-)+[^\\]*(?:\\-[^\\]+)*)\\fR", line)}


def complete(script: pathlib.Path, *words: str) -> set[str]:
    """What bash offers for the last of these words."""
    line = " ".join(f"'{word}'" for word in ("sinter", *words))
    code = f"source '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _sinter; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    run = subprocess.run(["bash", "-eu", "-c", code], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return {f"bash: {run.stderr}"}
    return set(run.stdout.split())


def main() -> int:
    prefix = pathlib.Path(sys.argv[1])
    tool = prefix / "bin/sinter"
    page = (prefix / "share/man/man1/sinter.1").read_text()
    bash = prefix / "share/bash-completion/completions/sinter"
    zsh = (prefix / "share/zsh/vendor-completions/_sinter").read_text()
    fish = (prefix / "share/fish/vendor_completions.d/sinter.fish").read_text()
    problems = []

    def same(what: str, expected: set[str], actual: set[str]) -> None:
        if expected != actual:
            problems.append(f"{what}: lacks {sorted(expected - actual)}, has {sorted(actual - expected)}")

    whole = help_of(tool)
    commands = re.findall(r"^  (\w[\w-]*) {2,}\w", whole.split("Subcommands:")[1], re.MULTILINE)
    if len(commands) < 4:
        problems.append(f"--help names only {commands}")
    parts = dict(re.findall(r"^\.SS (\S+)\n(.*?)(?=^\.S[SH] )", page, re.MULTILINE | re.DOTALL))
    same("commands in the manual page", set(commands), {name.replace("\\-", "-") for name in parts})
    same("sinter in the manual page", options(whole), manual_options(page.split(".SH COMMANDS")[0]))
    same("sinter in bash", options(whole) | set(commands), complete(bash, ""))
    for command in commands:
        expected = options(help_of(tool, command))
        same(f"sinter {command} in the manual page", expected, manual_options(parts.get(command.replace("-", "\\-"), "")))
        same(f"sinter {command} in bash", expected, complete(bash, command, "-"))
        part = zsh.split(f"\n  {command})\n")[-1].split(";;")[0]
        same(f"sinter {command} in zsh", expected, set(re.findall(r"^ +'\*(-[\w-]+)\[", part, re.MULTILINE)))
        lines = [line for line in fish.splitlines() if f"-n '__fish_seen_subcommand_from {command}'" in line]
        same(f"sinter {command} in fish", expected,
             {("--" if kind == "l" else "-") + name for line in lines for kind, name in re.findall(r" -([ls]) (\S+)", line.split(" -d ")[0])})
    same("values of --format in bash", {"text", "svg", "dot"}, complete(bash, "inspect", "--format", ""))
    same("actions of cache in bash", {"clear"}, complete(bash, "cache", "c"))
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
