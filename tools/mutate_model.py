#!/usr/bin/env python3
"""Runs `sinter run` on damaged copies of a model and reports what is neither a result nor a clean error.

    tools/mutate_model.py --tool build/asan/bin/sinter --make-model build/asan/bin/sinter_small_model --count 10000
    tools/mutate_model.py --tool build/release/bin/sinter --model m.onnx --input x=x.npy --count 1000

Bits are flipped, files cut off, fields of the protocol buffer exchanged, removed, doubled, and numbers made absurd.
A copy passes if the tool ends with status 0, 1 or 2 in time, and if an error is exactly one line. Copies that do not
are kept in --keep. Needs nothing but Python.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ABSURD = [0, 1, 2, 3, 7, 64, 1 << 16, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2]


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("bad varint")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Field:
    """A field of a message: a number, bytes, or a message of its own."""

    def __init__(self, number: int, wire: int, value, children=None):
        self.number, self.wire, self.value, self.children = number, wire, value, children

    def encode(self) -> bytes:
        tag = write_varint(self.number << 3 | self.wire)
        if self.wire == 0:
            return tag + write_varint(self.value)
        if self.wire == 2:
            content = self.value if self.children is None else encode(self.children)
            return tag + write_varint(len(content)) + content
        return tag + self.value


def encode(fields: list[Field]) -> bytes:
    return b"".join(field.encode() for field in fields)


def parse(data: bytes, depth: int = 0) -> list[Field]:
    """The fields of a message. Bytes that look like a message are taken for one."""
    fields, at = [], 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0 or number > 100:
            raise ValueError("not a message")
        if wire == 0:
            value, at = read_varint(data, at)
            fields.append(Field(number, wire, value))
            continue
        length = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            length, at = read_varint(data, at)
        if length is None or at + length > len(data):
            raise ValueError("not a message")
        content = data[at:at + length]
        at += length
        children = None
        if wire == 2 and depth < 8 and content:
            try:
                children = parse(content, depth + 1)
            except ValueError:
                pass
        fields.append(Field(number, wire, content, children))
    return fields


def all_lists(fields: list[Field]) -> list[list[Field]]:
    found = [fields]
    for field in fields:
        if field.children:
            found += all_lists(field.children)
    return found


def damage_fields(model: bytes, rng: random.Random) -> bytes:
    top = parse(model)
    for _ in range(rng.randint(1, 3)):
        lists = [fields for fields in all_lists(top) if fields]
        here, there = rng.choice(lists), rng.choice(lists)
        i, j = rng.randrange(len(here)), rng.randrange(len(there))
        kind = rng.randrange(5)
        if kind == 0:  # two fields of one message change places
            k = rng.randrange(len(here))
            here[i], here[k] = here[k], here[i]
        elif kind == 1:  # two contents anywhere change places
            a, b = here[i], there[j]
            if a.children is None and b.children is None:
                (a.wire, a.value), (b.wire, b.value) = (b.wire, b.value), (a.wire, a.value)
        elif kind == 2:
            del here[i]
        elif kind == 3:
            here.insert(j % (len(here) + 1), here[i])
        else:
            numbers = [field for fields in lists for field in fields if field.wire == 0]
            rng.choice(numbers).value = rng.choice(ABSURD)
    return encode(top)


def damage_bytes(model: bytes, rng: random.Random) -> bytes:
    data = bytearray(model)
    if rng.random() < 0.3:
        return bytes(data[:rng.randrange(len(data))])
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def write_zeros(path: pathlib.Path, shape: tuple[int, ...]) -> None:
    count = 1
    for extent in shape:
        count *= extent
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(4 * count))


class Trial:
    def __init__(self, options: argparse.Namespace, folder: pathlib.Path, model: bytes, inputs: list[str]):
        self.options, self.folder, self.model, self.inputs = options, folder, model, inputs

    def run(self, seed: int) -> tuple[int, str, float]:
        """The status, what is wrong ("" if nothing), and the seconds it took."""
        rng = random.Random(seed)
        damage = damage_bytes if rng.random() < 0.35 else damage_fields
        path = self.folder / f"{seed}.onnx"
        path.write_bytes(damage(self.model, rng))
        out = self.folder / f"{seed}.out"
        command = [self.options.tool, "run", str(path), "--threads", "1", "--output-dir", str(out)]
        for text in self.inputs:
            command += ["--input", text]
        start = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, timeout=self.options.timeout)
            status, message = done.returncode, done.stderr.decode(errors="replace")
        except subprocess.TimeoutExpired:
            status, message = -1, ""
        seconds = time.monotonic() - start
        wrong = self.judge(status, message, out)
        if wrong and self.options.keep:
            self.options.keep.mkdir(parents=True, exist_ok=True)
            (self.options.keep / path.name).write_bytes(path.read_bytes())
        path.unlink()
        if out.exists():
            for file in out.iterdir():
                file.unlink()
            out.rmdir()
        return status, wrong, seconds

    def judge(self, status: int, message: str, out: pathlib.Path) -> str:
        if status == -1 and not message:
            return f"still running after {self.options.timeout} s"
        if status not in (0, 1, 2):
            tail = [line for line in message.splitlines() if line.strip()][-1:]
            summary = [line for line in message.splitlines() if "ERROR" in line or "runtime error" in line][:1]
            return f"ended with status {status}: {(summary or tail or [''])[0]}"
        if status == 2:
            if not message.startswith("sinter: error: ") or message.count("\n") != 1:
                return f"error is not one line: {message!r}"
            if "internal error" in message:
                return message.strip()
            if out.exists() and any(out.iterdir()):
                return "left files behind although it failed"
        return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True, help="the sinter program")
    parser.add_argument("--model", type=pathlib.Path, help="the model to damage")
    parser.add_argument("--make-model", help="sinter_small_model, which writes the model to damage")
    parser.add_argument("--input", action="append", default=[], help="[NAME=]FILE.npy, handed to the tool")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds a run may take")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the copies that fail")
    options = parser.parse_args()
    if bool(options.model) == bool(options.make_model):
        parser.error("give one of --model and --make-model")

    with tempfile.TemporaryDirectory(prefix="sinter-mutate-") as name:
        folder = pathlib.Path(name)
        inputs = list(options.input)
        if options.make_model:
            options.model = folder / "model.onnx"
            subprocess.run([options.make_model, str(options.model)], check=True)
            write_zeros(folder / "x.npy", (2, 3, 8, 8))
            inputs.append(str(folder / "x.npy"))
        trial = Trial(options, folder, options.model.read_bytes(), inputs)
        counts, bad, slowest = {}, 0, (0.0, 0)
        terminal = sys.stderr.isatty()
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            seeds = range(options.seed, options.seed + options.count)
            for done, (seed, (status, wrong, seconds)) in enumerate(zip(seeds, pool.map(trial.run, seeds)), 1):
                counts[status] = counts.get(status, 0) + 1
                slowest = max(slowest, (seconds, seed))
                if wrong:
                    bad += 1
                    print(f"seed {seed}: {wrong}", flush=True)
                if terminal and done % 20 == 0:
                    print(f"\r{done}/{options.count}, {bad} bad", end="", file=sys.stderr, flush=True)
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr)
    text = ", ".join(f"{count} with status {status}" for status, count in sorted(counts.items()))
    print(f"{options.count} damaged copies: {text}; slowest {slowest[0]:.1f} s (seed {slowest[1]}); {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
