#!/usr/bin/env python3
"""Measures Sinter against PyTorch on one device, and checks that both compute the same.

    compare.py --program sinter_gpu_bench --folder DIR [--report DIR] [--budget SECONDS]

Writes gpu_check.md and gpu_check.json to the second folder, the first by default, again after every figure, so that what there is
stays if it is ended; about a gigabyte of other files is in the first. What the budget has no time for is in them as "not run". Exits 1 if a result is not what PyTorch computes in f32, within TOLERANCES, or if
Sinter does not run something.

    --prepare         makes the files of weights and inputs, and compiles with torch.compile whatever there is time for: later runs
                      with the same folder find it in PyTorch's cache on disk
    --device cpu      Sinter on the processor; --peer-device cpu: PyTorch there
    --size tiny       networks small enough for a test
    --rows A,B        only these
    --python none     without PyTorch: then nothing is compared
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

import report
from processes import Expired, Peer, run_program

# In the order of their importance: title, network, kind of file, batch, precision.
ROWS = [
    ("ResNet-50", "resnet50", "resnet50", 64, "f16"),
    ("BERT-base", "bert", "bert", 32, "f16"),
    ("ResNet-50", "resnet50", "resnet50", 1, "f16"),
    ("BERT-base", "bert", "bert", 1, "f16"),
    ("ResNet-50 training step", "resnet50_training", "resnet50", 64, "tf32"),
    ("ResNet-50", "resnet50", "resnet50", 64, "tf32"),
    ("ResNet-50", "resnet50", "resnet50", 8, "f16"),
    ("ResNet-50", "resnet50", "resnet50", 64, "bf16"),
    ("pointwise chain", "pointwise", "elements", 0, "f32"),
    ("softmax of rows", "softmax", "elements", 0, "f32"),
    ("layer norm", "layer_norm", "elements", 0, "f32"),
    ("sum of rows", "sum_rows", "elements", 0, "f32"),
    ("sum of columns", "sum_columns", "elements", 0, "f32"),
    ("sum of all", "sum_all", "elements", 0, "f32"),
    ("ResNet-50", "resnet50", "resnet50", 64, "f32"),
    ("ResNet-50 training step", "resnet50_training", "resnet50", 64, "f32"),
    ("ResNet-50", "resnet50", "resnet50", 8, "bf16"),
    ("ResNet-50", "resnet50", "resnet50", 1, "bf16"),
]
TINY_BATCH = 2

# The largest distance from PyTorch's f32 result, over its largest element.
TOLERANCES = {"f32": 1e-4, "tf32": 1e-2, "f16": 1e-2, "bf16": 1e-1}
# ... of a training step: of the change of all weights over its size, in the Euclidean norm. Whatever takes one rectifier in a thousand to
# the other side of its kink changes a gradient by the root of that, layer by layer; so the loss has a tolerance of its own, and there is
# a row in f32.
STEP_TOLERANCES = {"f32": 5e-2, "tf32": 5e-1, "f16": 5e-1, "bf16": 9e-1}
LOSS_TOLERANCES = {"f32": 1e-4, "tf32": 1e-3, "f16": 2e-3, "bf16": 1e-2}

# When a row's turn comes for each of these, in rows: the first three go before all else, then come the others, of the important
# rows first.
TURNS = {"sinter": 0, "eager": 0.2, "graph": 0.4, "compile": 18.1, "unfused": 18.3, "max-autotune": 30.5}
LONGEST = {"sinter": 60, "unfused": 60, "eager": 40, "graph": 40, "compile": 90, "max-autotune": 150}  # seconds
LEAST_SECONDS = 2  # with less left, nothing is begun
RUN_SECONDS = {"full": 0.5, "tiny": 0.01}
PATIENCE = {"full": 1, "tiny": 5}  # times as long: tiny networks are for stand-ins, which are slow


class Comparison:
    def __init__(self, options):
        self.options = options
        self.folder = options.folder
        self.deadline = time.monotonic() + options.budget
        self.peer = Peer(options.python, options.peer_device or options.device, self.environment())
        self.references = {}
        self.result = {"about": {}, "rows": [self.row_entry(row) for row in ROWS if not options.rows or row[1] in options.rows]}
        self.failed = []

    def environment(self):
        return {**os.environ, "SINTER_CACHE": "on", "SINTER_CACHE_DIR": str(self.folder / "sinter_cache"),
                "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "torch_cache")}

    def row_entry(self, row):
        title, network, kind, batch, precision = row
        if self.options.size == "tiny":
            batch = min(batch, TINY_BATCH)
        tolerances = STEP_TOLERANCES if network == "resnet50_training" else TOLERANCES
        precision = self.options.precision or precision
        name = f"{title}, {precision}, batch {batch}" if kind != "elements" else title
        return {"name": name, "network": network, "kind": kind, "batch": batch, "precision": precision,
                "tolerance": tolerances[precision], "figures": {}}

    def left(self):
        return self.deadline - time.monotonic()

    def longest(self, mode):
        return LONGEST[mode] * PATIENCE[self.options.size]

    def program(self, arguments, seconds):
        return run_program([str(self.options.program), *map(str, arguments)], min(seconds, self.left()), self.environment())

    def file_of(self, kind):
        path = self.folder / f"{kind}-{self.options.size}.safetensors"
        if not path.exists():
            self.program(["make", kind, path, "--size", self.options.size], 120)
        return path

    def request(self, row, **more):
        return {"network": row["network"], "file": str(self.file_of(row["kind"])), "batch": row["batch"], **more}

    def run_sinter(self, row, *more):
        arguments = ["run", row["network"], self.file_of(row["kind"]), "--batch", row["batch"], "--device", self.options.device,
                     "--precision", row["precision"], "--seconds", RUN_SECONDS[self.options.size], *more]
        return json.loads(self.program(arguments, self.longest("sinter")))

    def sinter(self, row):
        output = self.folder / "found.safetensors"
        cache_was_empty = not (self.folder / "sinter_cache").exists()
        figures = self.run_sinter(row, "--output", output, "--kernels", 12)
        if cache_was_empty:
            figures["first_ms_cold"] = figures["first_ms"]
            figures["first_ms"] = self.run_sinter(row)["first_ms"]
        row["agreement"] = self.agreement(row, output)
        return figures

    def agreement(self, row, output):
        if not self.peer.available:
            return {"not_run": self.peer.why}
        key = row["network"], row["batch"]
        if key not in self.references:
            path = self.folder / f"expected-{row['network']}-{row['batch']}.safetensors"
            answer = self.peer.ask({"do": "reference", **self.request(row, output=str(path))}, min(60, self.left()))
            if "error" in answer:
                return {"not_run": answer["error"]}
            self.references[key] = path
        answer = self.peer.ask({"do": "compare", **self.request(row, found=str(output), expected=str(self.references[key]))},
                               min(60, self.left()))
        if "error" in answer:
            self.failed.append(f"{row['name']}: {answer['error']}")
            return answer
        difference, of_loss = answer["difference"], answer.get("loss_difference", 0)
        answer["agrees"] = difference is not None and difference <= row["tolerance"] and of_loss <= LOSS_TOLERANCES[row["precision"]]
        if not answer["agrees"]:
            self.failed.append(f"{row['name']}: differs from PyTorch's f32 by {difference}, allowed {row['tolerance']}" +
                               (f"; the loss by {of_loss}, allowed {LOSS_TOLERANCES[row['precision']]}" if of_loss else ""))
        return answer

    def figures(self, row, mode):
        """Of one row in one mode, or why there are none."""
        if self.left() < LEAST_SECONDS:
            return {"not_run": "time"}
        if mode not in ("sinter", "unfused") and not self.peer.available:
            return {"not_run": self.peer.why}
        try:
            if mode == "sinter":
                return self.sinter(row)
            if mode == "unfused":
                return self.run_sinter(row, "--no-fuse")
            request = self.request(row, precision=row["precision"], mode=mode, seconds=RUN_SECONDS[self.options.size])
            answer = self.peer.ask({"do": "measure", **request}, min(self.longest(mode), self.left()))
            return {"not_run": answer["error"]} if "error" in answer else answer
        except Expired as error:
            if mode == "sinter" and self.left() > LEAST_SECONDS:  # it hangs, or is much too slow
                self.failed.append(f"{row['name']}, {mode}: {error}")
            return {"not_run": f"time: {error}"}
        except subprocess.SubprocessError as error:
            self.failed.append(f"{row['name']}, {mode}: {error}")
            return {"not_run": str(error)}

    def about(self):
        about = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "host": platform.processor() or
                 platform.machine(), "cpus": os.cpu_count(), "size": self.options.size, "device": self.options.device}
        if shutil.which("nvidia-smi"):
            query = ["nvidia-smi", "--query-gpu=name,driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
            found = subprocess.run(query, capture_output=True, text=True, check=False)
            about["nvidia_smi"] = found.stdout.strip().splitlines()[:1]
        if self.peer.available:
            self.ask_about(about)
        self.result["about"] = about

    def ask_about(self, about):
        try:
            about["peer"] = self.peer.ask({"do": "about"}, min(60, self.left()))
            if any(row["kind"] == "elements" for row in self.result["rows"]):
                megabytes = 256 if self.options.size == "full" else 1
                about["copy"] = self.peer.ask({"do": "copy", "megabytes": megabytes, "seconds": 0.3}, min(60, self.left()))
        except Expired as error:
            about["peer"] = {"error": str(error)}

    def write(self):
        self.result["failed"] = self.failed
        self.result["seconds"] = round(self.options.budget - self.left(), 1)
        prepared = self.folder / "prepared.json"
        self.result["torch_compile_first_ms"] = json.loads(prepared.read_text()) if prepared.exists() else {}
        (self.options.report / "gpu_check.json").write_text(json.dumps(self.result, indent=1) + "\n")
        (self.options.report / "gpu_check.md").write_text(report.markdown(self.result))

    def compare(self):
        self.about()
        cells = sorted(((rank + turn, rank, mode) for rank in range(len(self.result["rows"])) for mode, turn in TURNS.items()))
        for _, rank, mode in cells:
            row = self.result["rows"][rank]
            if self.options.modes and mode not in self.options.modes:
                continue
            began = time.monotonic()
            row["figures"][mode] = figures = self.figures(row, mode)
            shown = f"{figures['median_ms']:.4f} ms" if "median_ms" in figures else f"not run: {figures['not_run']}"
            print(f"{row['name']}, {mode}: {shown} (took {time.monotonic() - began:.1f} s)", flush=True)
            self.write()
        return bool(self.failed)

    def prepare(self):
        for kind in dict.fromkeys(row["kind"] for row in self.result["rows"]):
            self.file_of(kind)
        first = {}
        for row in self.result["rows"]:
            if self.left() < LEAST_SECONDS or not self.peer.available:
                break
            request = self.request(row, precision=row["precision"], mode="compile", seconds=0)
            try:
                answer = self.peer.ask({"do": "measure", **request}, min(self.longest("compile"), self.left()))
            except Expired:
                continue
            if "first_ms" in answer:
                first[row["name"]] = answer["first_ms"]
                (self.folder / "prepared.json").write_text(json.dumps(first))
        return 0


def some_of(known):
    """A type for argparse: words of `known`, with commas between."""
    known = tuple(dict.fromkeys(known))

    def words(text):
        for word in text.split(","):
            if word not in known:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return text.split(",")

    return words


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--budget", type=float, default=300)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--peer-device")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    parser.add_argument("--precision", choices=TOLERANCES, help="for all rows")
    networks = [row[1] for row in ROWS]
    parser.add_argument("--rows", type=some_of(networks), help=f"of {', '.join(dict.fromkeys(networks))}")
    parser.add_argument("--modes", type=some_of(TURNS), help=f"of {', '.join(TURNS)}")
    options = parser.parse_args()
    options.program, options.folder = options.program.resolve(), options.folder.resolve()
    options.report = (options.report or options.folder).resolve()
    for folder in (options.folder, options.report):
        folder.mkdir(parents=True, exist_ok=True)
    return options


def main():
    def end(number, _):
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    comparison = Comparison(parse())
    try:
        if comparison.options.prepare:
            return comparison.prepare()
        status = comparison.compare()
    finally:
        comparison.peer.close()
    print("\n" + (comparison.options.report / "gpu_check.md").read_text())
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
