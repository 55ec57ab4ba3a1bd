#!/usr/bin/env python3
"""PyTorch's side of tools/gpu_bench/compare.py: answers requests, a line of JSON each, by a line of JSON.

    torch_peer.py --device cuda|cpu

A request has "do", one of
    about                                                      versions and the device
    copy       megabytes, seconds                              how fast the device copies its own memory, in GB/s read and written
    reference  network, file, batch, output                    writes what the network computes in f32
    compare    network, file, found, expected                  how far one file of results is from the other
    measure    network, file, batch, precision, mode, seconds  the time of a run, in milliseconds
Modes: eager; graph, eager in a CUDA graph; compile, torch.compile; max-autotune, the same with that mode. An answer with "error" says
why there are no figures.
"""

import argparse
import gc
import json
import os
import sys
import time

import torch

import safetensors_file
import torch_networks

DTYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
BATCH_MS, LEAST_BATCHES, WARM_UPS = 20, 3, 3


class Peer:
    def __init__(self, device):
        self.device = torch.device(device)
        self.cuda = self.device.type == "cuda"
        self.loaded = None, None

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()

    def read(self, path):
        if self.loaded[0] != path:
            self.loaded = path, safetensors_file.load(path)
        return self.loaded[1]

    def set_precision(self, precision):
        allowed = precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cudnn.benchmark = True

    def inputs(self, request, dtype):
        tensors, _ = self.read(request["file"])
        names = ("input", "target") if request["network"] == "resnet50_training" else ("input",)
        batch = request.get("batch") or tensors["input"].shape[0]
        found = [tensors[name][:batch].to(self.device) for name in names]
        if "resnet50" in request["network"]:
            found[0] = found[0].to(dtype=dtype, memory_format=torch.channels_last)
        return found

    def model(self, request, dtype):
        tensors, metadata = self.read(request["file"])
        weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
        model = torch_networks.NETWORKS[request["network"]](weights, metadata).to(self.device, dtype)
        if "resnet50" in request["network"]:
            model = model.to(memory_format=torch.channels_last)
        return model.train(request["network"] == "resnet50_training")

    def prepared(self, request, mode, precision):
        """A function of nothing that runs the workload once; what it returns is what the workload computes."""
        compiled = {"compile": None, "max-autotune": "max-autotune"}
        wrap = (lambda f: torch.compile(f, mode=compiled[mode], dynamic=False)) if mode in compiled else (lambda f: f)
        network = request["network"]
        self.set_precision(precision)
        if network in torch_networks.OPERATIONS:
            tensors, _ = self.read(request["file"])
            arguments = [tensors[name].to(self.device) for name in ("input", "scale", "bias")]
            function = wrap(torch_networks.OPERATIONS[network])
            return lambda: function(*arguments)
        if network == "resnet50_training":
            return self.training(request, precision, wrap)
        model = wrap(self.model(request, DTYPES[precision]))
        arguments = self.inputs(request, DTYPES[precision])
        return lambda: model(*arguments)

    def training(self, request, precision, wrap):
        """Master weights and the step are f32; bf16 and f16 are autocast's."""
        model = self.model(request, torch.float32)
        images, targets = self.inputs(request, torch.float32)
        optimizer = torch.optim.SGD(model.parameters(), lr=torch_networks.RATE)
        loss = wrap(torch_networks.cross_entropy)
        narrow = precision in ("f16", "bf16")

        def step():
            with torch.autocast(self.device.type, DTYPES[precision], enabled=narrow):
                value = loss(model, images, targets)
            value.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            return value.detach(), model

        return step

    def in_graph(self, function):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            function()
        return graph.replay

    def times(self, function, seconds):
        start = time.perf_counter()

        def batch(runs):
            self.wait()
            begin = time.perf_counter()
            for _ in range(runs):
                function()
            self.wait()
            return 1e3 * (time.perf_counter() - begin)

        for _ in range(WARM_UPS):  # graphs of torch.compile are recorded in the second run
            single = batch(1)
        each = max(1, min(10000, int(BATCH_MS / max(single, 1e-3))))
        batch(each)
        found = []
        while len(found) < LEAST_BATCHES or time.perf_counter() - start < seconds:
            found.append(batch(each) / each)
        found.sort()
        return {"median_ms": found[len(found) // 2], "min_ms": found[0], "runs": len(found) * each}

    def measure(self, request):
        mode = request["mode"]
        if mode == "graph" and not self.cuda:
            return {"error": "no CUDA device"}
        torch._dynamo.reset()
        grad = torch.enable_grad if request["network"] == "resnet50_training" else torch.no_grad
        with grad():
            begin = time.perf_counter()
            function = self.prepared(request, mode, request["precision"])
            self.wait()
            loaded = time.perf_counter()
            if mode == "graph":
                function = self.in_graph(function)
            function()
            self.wait()
            first = time.perf_counter()
            figures = self.times(function, request["seconds"])
        return {**figures, "load_ms": 1e3 * (loaded - begin), "first_ms": 1e3 * (first - loaded)}

    def reference(self, request):
        training = request["network"] == "resnet50_training"
        with torch.enable_grad() if training else torch.no_grad():
            result = self.prepared(request, "eager", "f32")()
        if not training:
            safetensors_file.save(request["output"], {"output": result})
            return {}
        loss, model = result
        parameters = {f"model.{name}": parameter for name, parameter in model.named_parameters()}
        safetensors_file.save(request["output"], {"loss": loss, **parameters})
        return {}

    def compare(self, request):
        """Of outputs: the largest distance, over the largest element. Of a training step: the distance of the changes of all weights,
        over their size, both in the Euclidean norm, and that of the loss over it."""
        found, expected = (safetensors_file.load(request[name])[0] for name in ("found", "expected"))
        if {n: t.shape for n, t in found.items()} != {n: t.shape for n, t in expected.items()}:
            return {"error": "the results are not of the same names and shapes"}
        finite = all(bool(tensor.isfinite().all()) for tensor in found.values())
        if not finite:
            return {"difference": None}
        if request["network"] != "resnet50_training":
            a, b = found["output"].double(), expected["output"].double()
            return {"difference": float((a - b).abs().max() / b.abs().max())}
        base, _ = self.read(request["file"])
        distance = size = 0.0
        for name in expected:
            if name != "loss":
                a, b, start = (tensors[name].double() for tensors in (found, expected, base))
                distance += float((a - b).square().sum())
                size += float((b - start).square().sum())
        loss, expected_loss = float(found["loss"]), float(expected["loss"])
        return {"difference": (distance / size) ** 0.5, "loss_difference": abs(loss - expected_loss) / abs(expected_loss)}

    def copy(self, request):
        source = torch.empty(request["megabytes"] << 18, device=self.device)
        target = torch.empty_like(source)
        figures = self.times(lambda: target.copy_(source), request["seconds"])
        return {"gbps": 2 * source.numel() * 4 / figures["median_ms"] / 1e6}

    def about(self, _):
        names = {"torch": torch.__version__, "python": sys.version.split()[0]}
        try:
            import triton
            names["triton"] = triton.__version__
        except ImportError:
            pass
        if self.cuda:
            names |= {"device": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "cudnn": str(torch.backends.cudnn.version())}
        return names

    def answer(self, request):
        try:
            return getattr(self, request["do"])(request)
        except Exception as error:  # PyTorch and its compilers throw whatever they like
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return {"error": f"{type(error).__name__}: {lines[0] if lines else 'no message'}"}
        finally:
            gc.collect()  # so that Sinter finds the memory free
            if self.cuda:
                torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    peer = Peer(parser.parse_args().device)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what PyTorch prints must not get between the answers
    for line in sys.stdin:
        print(json.dumps(peer.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
