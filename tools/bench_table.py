#!/usr/bin/env python3
"""Writes the figures that tools/bench_suite.sh took into the page about performance, between its two markers.

    bench_table.py FOLDER PAGE.md

FOLDER holds ROW-THREADS.json of `sinter bench` and start-THREADS.json of tools/bench_start.py.
"""

import datetime
import json
import math
import os
import pathlib
import re
import sys

BEGIN, END = "<!-- figures: begin, written by tools/bench_suite.sh -->", "<!-- figures: end -->"
TITLES = {"resnet50": "ResNet-50", "vgg19": "VGG-19", "densenet121": "DenseNet-121", "inception_v2": "Inception-v2",
          "squeezenet": "SqueezeNet 1.1", "shufflenet": "ShuffleNet v1", "mobilenet_v2": "MobileNetV2",
          "bert_base": "BERT-base, 128 tokens", "ppocr_det": "PP-OCRv4 detection, 640x640",
          "ppocr_rec": "PP-OCRv4 recognition, 48x320"}
ENGINES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch"}


def load(folder):
    """{(row, threads): figures} and {threads: figures of starting}, with the day each was measured on."""
    rows, starts = {}, {}
    for path in folder.glob("*.json"):
        name, threads = re.fullmatch(r"(.+)-(\d+)", path.stem).groups()
        figures = json.loads(path.read_text())
        figures["day"] = datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()
        if name == "start":
            starts[int(threads)] = figures
        elif name in TITLES:
            rows[name, int(threads)] = figures
    return rows, starts


def peers_of(figures):
    """{engine: figures} of the engines that ran the model."""
    return {peer["name"]: peer for peer in figures.get("peers", []) if "ratio" in peer}


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", text)
    return f"{os.cpu_count()} processors of {'an ' if name and name[1][0] in 'AEIOU' else 'a '}{name[1] if name else 'machine'}"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def summary(rows):
    days = sorted({figures["day"] for figures in rows.values()})
    versions = {}
    for figures in rows.values():
        for name, peer in peers_of(figures).items():
            versions.setdefault(name, set()).add(peer["version"])
    engines = ", ".join(f"{ENGINES[name]} {' and '.join(sorted(versions[name]))}" for name in ENGINES if name in versions)
    peaks = [f"{max(f['peak_gflops'] for (_, count), f in rows.items() if count == threads):.1f} GFLOP/s with "
             f"{threads} thread{'s' if threads > 1 else ''}" for threads in sorted({count for _, count in rows})]
    instructions = sorted({figures["instruction_set"] for figures in rows.values()})
    return (f"Of {' to '.join(dict.fromkeys((days[0], days[-1])))}, on {processor()} ({', '.join(instructions)}), f32, batch 1, in "
            f"milliseconds, fastest of {min(f['runs'] for f in rows.values())} runs in turns. Peak in the same runs: "
            f"{', '.join(peaks)}. Against {engines}.\n")


def table(rows):
    lines = ["| model | threads | fused | unfused | " + " | ".join(ENGINES.values())
             + " | fused, against the best of them | unfused / fused | share of the peak |", "|---" * (7 + len(ENGINES)) + "|"]
    for name, title in TITLES.items():
        shown = title
        for threads in sorted(count for row, count in rows if row == name):
            figures = rows[name, threads]
            peers = peers_of(figures)
            fused = figures["fused"]
            best = min(peers.values(), key=lambda peer: peer["min_ms"], default=None)
            cells = [shown, threads, f"{fused['min_ms']:.2f}", f"{figures['unfused']['min_ms']:.2f}"]
            cells += [f"{peers[engine]['min_ms']:.2f}" if engine in peers else "–" for engine in ENGINES]
            cells += [f"{best['ratio']:.2f} times as fast as {ENGINES[best['name']]}" if best else "–",
                      f"{figures['unfused']['min_ms'] / fused['min_ms']:.2f}", f"{100 * fused['peak_share']:.0f} %"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
            shown = ""
    return "\n".join(lines) + "\n"


def means(rows):
    lines = []
    for threads in sorted({count for _, count in rows}):
        of_count = [figures for (_, count), figures in rows.items() if count == threads and peers_of(figures)]
        if not of_count:
            continue
        parts = []
        for engine, title in ENGINES.items():
            ratios = [peers_of(f)[engine]["ratio"] for f in of_count if engine in peers_of(f)]
            if ratios:
                some = f" (over {len(ratios)})" if len(ratios) < len(of_count) else ""
                parts.append(f"{geometric_mean(ratios):.2f} times as fast as {title}{some}")
        best = geometric_mean([min(peer["ratio"] for peer in peers_of(f).values()) for f in of_count])
        parts.append(f"{best:.2f} times as fast as the best of them, model by model")
        lines.append(f"- {threads} thread{'s' if threads > 1 else ''}, geometric mean over {len(of_count)} models: fused is "
                     f"{', '.join(parts)}.")
    return "\n".join(lines) + "\n"


def starting(starts):
    def mebibytes(side, key="peak_rss_bytes"):
        return f"{side[key] / 2**20:.0f}"

    lines = ["\nResNet-50, from nothing to the first result (`tools/bench_start.py`, median of "
             f"{min(figures['repeat'] for figures in starts.values())} processes each):\n",
             "| | threads | first result, ms | of it compiling or making the session | peak RSS, MiB |", "|---|---|---|---|---|"]
    for threads, figures in sorted(starts.items()):
        for key, title in (("sinter_empty_cache", "Sinter, empty cache on disk"),
                           ("sinter_filled_cache", "Sinter, kernels and weights in the cache on disk")):
            side = figures[key]
            lines.append(f"| {title} | {threads} | {side['first_result_ms']:.0f} | {side['compile_ms']:.0f} | {mebibytes(side)} |")
        side = figures["onnxruntime"]
        lines.append(f"| ONNX Runtime's session creation plus first run | {threads} | {side['first_result_ms']:.0f} | "
                     f"{side['session_ms']:.0f} | {mebibytes(side)}, of which {mebibytes(side, 'peak_rss_bytes_without_imports')} "
                     "after Python's imports |")
    lines.append("\nSinter's time starts with its process; that of ONNX Runtime does not hold the start of Python and the import of the package.")
    return "\n".join(lines) + "\n"


def commands(rows):
    runs = min(figures["runs"] for figures in rows.values())
    measured = [engine for engine in ENGINES if any(engine in peers_of(figures) for figures in rows.values())]
    return ("\nThe commands: `tools/bench_suite.sh` (`--rows NAME,...` measures some of them again). A row is "
            f"`sinter bench build/models/ROW.onnx --threads N --runs {runs} --against {','.join(measured)}`, PP-OCR with `--shape`. "
            "PP-OCR's weights are the trained ones, those of the others are random (`tools/make_models.py`).\n")


def main():
    folder, page = map(pathlib.Path, sys.argv[1:])
    rows, starts = load(folder)
    if not rows:
        sys.exit(f"bench_table.py: there are no figures in {folder}")
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"bench_table.py: {page} lacks its two markers")
    figures = "\n".join([summary(rows), table(rows), means(rows)]) + (starting(starts) if starts else "") + commands(rows)
    page.write_text(text[:text.index(BEGIN)] + BEGIN + "\n\n" + figures + "\n" + text[text.index(END):])
    print(f"wrote the figures of {len(rows)} rows to {page}")


if __name__ == "__main__":
    main()
