#!/usr/bin/env python3
"""Checks the tables of tools/gpu_bench: ratios, means, what was not run, what differs."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "gpu_bench"))

import report  # noqa: E402


def row(name, times, kind="resnet50", network="resnet50", difference=1e-5, **not_run):
    figures = {mode: {"median_ms": time, "steps": 3, "first_ms": 7, "device": "GPU, sm_90"} for mode, time in times.items()}
    figures |= {mode.replace("_", "-"): {"not_run": why} for mode, why in not_run.items()}
    agrees = difference is not None and difference <= 1e-4
    return {"name": name, "kind": kind, "network": network, "tolerance": 1e-4, "figures": figures,
            "agreement": {"difference": difference, "agrees": agrees}}


def result(*rows, failed=()):
    return {"about": {"size": "full", "copy": {"gbps": 4000.0}, "peer": {"torch": "2.15", "device": "GPU"}}, "rows": list(rows),
            "failed": list(failed), "seconds": 1.0, "torch_compile_first_ms": {}}


class Report(unittest.TestCase):
    def test_ratios_and_means(self):
        text = report.markdown(result(row("A", {"sinter": 2.0, "unfused": 6.0, "eager": 8.0, "compile": 3.0}),
                                      row("B", {"sinter": 1.0, "eager": 1.0, "graph": 0.5})))
        self.assertIn("| A | 2.000 | 6.000 (3.00x) | 8.000 (4.00x) | – | 3.000 (1.50x) | – | 1.50x | 1.0e-05 of 1e-04 |", text)
        self.assertIn("against PyTorch eager: 2.00 times as fast (over 2 of 2 rows)", text)  # the root of 4 and 1
        self.assertIn("against torch.compile: 1.50 times as fast (over 1 of 2 rows)", text)
        self.assertIn("row by row: 0.87 times as fast (over 2 of 2 rows)", text)  # the root of 1.5 and 0.5

    def test_what_was_not_run_is_visible(self):
        text = report.markdown(result(row("A", {"sinter": 2.0}, max_autotune="time: ended after 150 s", graph="no CUDA device")))
        self.assertIn("not run: time |", text)
        self.assertIn("not run: no CUDA device |", text)
        self.assertIn("no row has figures of both", text)

    def test_what_differs_is_visible(self):
        text = report.markdown(result(row("A", {"sinter": 2.0}, difference=0.5), row("B", {"sinter": 2.0}, difference=None),
                                      failed=["A: differs"]))
        self.assertIn("5.0e-01 of 1e-04 **differs**", text)
        self.assertIn("not finite of 1e-04 **differs**", text)
        self.assertIn("**failed**: A: differs", text)

    def test_operations_are_shares_of_a_copy(self):
        # 16384 x 4096 f32 read and written in a millisecond: 537 GB/s
        text = report.markdown(result(row("softmax", {"sinter": 1.0}, "elements", "softmax"),
                                      row("sum", {"sinter": 0.5}, "elements", "sum_rows")))
        self.assertIn("| softmax | 1.0000, 537 GB/s, 13 % |", text)
        self.assertIn("| sum | 0.5000, 537 GB/s, 13 % |", text)


if __name__ == "__main__":
    unittest.main()
