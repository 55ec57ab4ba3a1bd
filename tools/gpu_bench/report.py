"""The figures of tools/gpu_bench/compare.py as tables."""

import math

PEERS = {"eager": "PyTorch eager", "graph": "eager in a CUDA graph", "compile": "torch.compile", "max-autotune": "max-autotune"}
SIDES = {"sinter": "Sinter", "unfused": "Sinter, not fused", **PEERS}


def milliseconds(row, mode):
    return row["figures"].get(mode, {}).get("median_ms")


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def ratios(rows, mode):
    """How many times as fast as the peer Sinter is, row by row."""
    return [milliseconds(row, mode) / milliseconds(row, "sinter") for row in rows
            if milliseconds(row, mode) and milliseconds(row, "sinter")]


def fastest_peer(row):
    found = [milliseconds(row, mode) for mode in PEERS if milliseconds(row, mode)]
    return min(found, default=None)


def cell(row, mode, show):
    if mode not in row["figures"]:
        return "–"
    time = milliseconds(row, mode)
    return show(time) if time else "not run: " + row["figures"][mode]["not_run"].split(":")[0]


def table(header, lines):
    text = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return "\n".join(text + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def agreement(row):
    found = row.get("agreement", {})
    if "agrees" not in found:
        return "not compared"
    difference = "not finite" if found["difference"] is None else f"{found['difference']:.1e}"
    if "loss_difference" in found:
        difference += f" (loss: {found['loss_difference']:.1e})"
    return f"{difference} of {row['tolerance']:.0e}" + ("" if found["agrees"] else " **differs**")


def networks(rows):
    lines = []
    for row in rows:
        def show(time, own=milliseconds(row, "sinter")):
            return f"{time:.3f}" + (f" ({time / own:.2f}x)" if own and time != own else "")
        best, own = fastest_peer(row), milliseconds(row, "sinter")
        lines.append([row["name"], *[cell(row, mode, show) for mode in SIDES], f"{best / own:.2f}x" if best and own else "–", agreement(row)])
    return table(["", *SIDES.values(), "Sinter against the fastest of PyTorch", "largest difference, of what is allowed"], lines)


def means(rows):
    lines = []
    for mode, title in [*PEERS.items(), ("unfused", SIDES["unfused"])]:
        found = ratios(rows, mode)
        if found:
            lines.append(f"- against {title}: {geometric_mean(found):.2f} times as fast (over {len(found)} of {len(rows)} rows)")
    best = [fastest_peer(row) / milliseconds(row, "sinter") for row in rows if fastest_peer(row) and milliseconds(row, "sinter")]
    if best:
        lines.append(f"- against the fastest of PyTorch, row by row: {geometric_mean(best):.2f} times as fast (over {len(best)} of {len(rows)} rows)")
    return "\n".join(lines) + "\n" if lines else "no row has figures of both\n"


def operations(rows, copy, elements):
    lines = []
    for row in rows:
        moved = 4 * elements * (1 if row["network"].startswith("sum") else 2)

        def show(time, moved=moved):
            rate = moved / time / 1e6
            return f"{time:.4f}, {rate:.0f} GB/s" + (f", {100 * rate / copy:.0f} %" if copy else "")
        lines.append([row["name"], *[cell(row, mode, show) for mode in SIDES], agreement(row)])
    return table(["", *SIDES.values(), "largest difference, of what is allowed"], lines)


def starting(result):
    lines = []
    for row in result["rows"]:
        own = row["figures"].get("sinter", {})
        if "first_ms" not in own:
            continue
        cold, prepared = own.get("first_ms_cold"), result["torch_compile_first_ms"].get(row["name"])
        peers = [row["figures"].get(mode, {}).get("first_ms") for mode in ("compile", "max-autotune")]
        lines.append([row["name"], *[f"{time:.0f}" if time else "–" for time in (cold, own["first_ms"], prepared, *peers)]])
    return table(["", "Sinter, empty cache on disk", "Sinter, kernels of earlier rows or this one in the cache", "torch.compile, in preparation beside the tests",
                  "torch.compile, later", "max-autotune"], lines)


def kernels(rows):
    parts = []
    for row in rows:
        found = row["figures"].get("sinter", {}).get("kernels", [])
        if found and row["kind"] != "elements":
            lines = [[f"{k['ms']:.4f}", k["algorithm"], k["operations"][:90], f"{k['flops'] / max(k['ms'], 1e-9) / 1e9:.1f}"] for k in found]
            parts.append(f"\n{row['name']} ({row['figures']['sinter']['steps']} launches):\n\n" +
                         table(["ms", "algorithm", "operations", "TFLOP/s"], lines))
    return "".join(parts)


def heading(result):
    about, peer = result["about"], result["about"].get("peer", {})
    devices = {row["figures"]["sinter"]["device"] for row in result["rows"] if "device" in row["figures"].get("sinter", {})}
    versions = ", ".join(f"{name} {peer[name]}" for name in ("torch", "triton", "cuda", "cudnn", "python") if name in peer)
    lines = [f"# Sinter and PyTorch on {', '.join(sorted(devices)) or 'no device'}", "",
             f"- {about.get('date', '')}; nvidia-smi: {', '.join(about.get('nvidia_smi', [])) or 'none'}; {about.get('cpus')} CPUs",
             f"- PyTorch: {versions or peer.get('error', 'none')}; on {peer.get('device', 'the processor')}",
             f"- sizes: {about.get('size')}; took {result['seconds']} s"]
    return "\n".join(lines + [f"- **failed**: {text}" for text in result["failed"]]) + "\n"


def markdown(result):
    whole = [row for row in result["rows"] if row["kind"] != "elements"]
    single = [row for row in result["rows"] if row["kind"] == "elements"]
    text = heading(result)
    if whole:
        text += "\n## Networks\n\nMilliseconds of a run: median over batches of runs, each waited for once, inputs and weights on the device. " \
                "Beside them how many times as fast Sinter is. Sinter's inputs and outputs are f32: it converts them in its time; " \
                "PyTorch's are of the row's precision.\n\n" + networks(whole)
        text += "\nGeometric means:\n\n" + means(whole)
    if single:
        copy = result["about"].get("copy", {}).get("gbps")
        elements = 16384 * 4096 if result["about"].get("size") == "full" else 24 * 80
        text += f"\n## Operations on {elements} f32 elements\n\nMilliseconds; bytes read and written, and, against a copy on this device " \
                f"({f'{copy:.0f} GB/s' if copy else 'not measured'}), the share of it.\n\n" + operations(single, copy, elements)
    text += "\n## First run, ms\n\nWith compiling, recording, and copying weights to the device; reading files is not in it.\n\n" + starting(result)
    text += "\n## Slowest kernels\n\nEach waited for, so that their sum is more than a run.\n" + kernels(whole)
    return text
