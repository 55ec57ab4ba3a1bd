"""ONNX models in PyTorch, for bench_peer.py: each operation as the PyTorch one that its exporter makes it from."""

import math
import operator
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F

DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: torch.float64}


class Translator:
    """Builds a torch.fx graph. A value is a tensor where it is known beforehand, else a node that knows its sample."""

    def __init__(self, model, inputs):
        self.opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        self.graph, self.root = torch.fx.Graph(), torch.nn.Module()
        self.values, self.constants = {"": None}, {}
        for tensor in model.graph.initializer:
            self.values[tensor.name] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for value, array in zip((v for v in model.graph.input if v.name not in self.values), inputs):
            node = self.values[value.name] = self.graph.placeholder(f"input_{len(self.values)}")
            node.meta["sample"] = torch.from_numpy(array)
        for node in model.graph.node:
            self.translate(node)
        self.graph.output(tuple(self.as_node(self.values[value.name]) for value in model.graph.output))
        for node in self.graph.nodes:
            node.meta.clear()  # the samples

    def translate(self, node):
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type not in OPERATIONS or node.domain not in ("", "ai.onnx"):
            raise NotImplementedError(node.op_type)
        try:
            results = OPERATIONS[node.op_type](self, attributes, *(self.values[name] for name in node.input))
        except NotImplementedError as error:
            raise NotImplementedError(f"{node.op_type} with {error}") from None
        if not isinstance(results, (list, tuple)):
            results = [results]
        self.values.update(zip(node.output, results))

    def as_node(self, value):
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in self.constants:  # the module's buffers keep them, so the number stays theirs
            self.constants[id(value)] = f"constant_{len(self.constants)}"
            self.root.register_buffer(self.constants[id(value)], value)
        node = self.graph.get_attr(self.constants[id(value)])
        node.meta["sample"] = value
        return node

    def call(self, function, *arguments):
        """The function of these arguments: at once if all of them are known, else as a node."""
        if not any(isinstance(a, torch.fx.Node) for a in torch.utils._pytree.tree_leaves(arguments)):
            return function(*arguments)
        arguments = torch.utils._pytree.tree_map(self.as_node, arguments)
        node = self.graph.call_function(function, tuple(arguments))
        node.meta["sample"] = function(*torch.utils._pytree.tree_map(sample, arguments))
        return node


def sample(value):
    return value.meta["sample"] if isinstance(value, torch.fx.Node) else value


def rank(value):
    return sample(value).dim()


def known(value, what):
    """A tensor that must not depend on the input, as Python numbers."""
    if isinstance(value, torch.fx.Node):
        raise NotImplementedError(f"{what} that depends on the input")
    return value.tolist()


def setting(attributes, name, value, default=None):
    """What older operator sets have as an attribute and newer ones as an input."""
    return known(value, name) if value is not None else attributes.get(name, default)


def even_pads(attributes, spatial):
    """Padding before and after each extent; whether both are the same."""
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise NotImplementedError("auto_pad")
    pads = list(attributes.get("pads", [0] * 2 * spatial))
    before, after = pads[:spatial], pads[spatial:]
    return before, after, before == after


def padded(t, x, before, after, value=0.0):
    pairs = [pad for pair in zip(reversed(before), reversed(after)) for pad in pair]
    return t.call(F.pad, x, pairs, "constant", value)


def conv(t, a, x, w, b=None):
    spatial = rank(w) - 2
    before, after, even = even_pads(a, spatial)
    if not even:
        x, before = padded(t, x, before, after), [0] * spatial
    function = (F.conv1d, F.conv2d, F.conv3d)[spatial - 1]
    return t.call(function, x, w, b, list(a.get("strides", [1] * spatial)), before,
                  list(a.get("dilations", [1] * spatial)), a.get("group", 1))


def conv_transpose(t, a, x, w, b=None):
    before, _, even = even_pads(a, rank(w) - 2)
    if rank(w) != 4 or not even or "output_shape" in a:
        raise NotImplementedError("uneven padding, output_shape, or other than two spatial extents")
    return t.call(F.conv_transpose2d, x, w, b, list(a.get("strides", [1, 1])), before,
                  list(a.get("output_padding", [0, 0])), a.get("group", 1), list(a.get("dilations", [1, 1])))


def max_pool(t, a, x):
    kernel = list(a["kernel_shape"])
    before, after, even = even_pads(a, len(kernel))
    if len(kernel) != 2:
        raise NotImplementedError("other than two spatial extents")
    if not even:
        x, before = padded(t, x, before, after, -math.inf), [0, 0]
    return t.call(F.max_pool2d, x, kernel, list(a.get("strides", [1, 1])), before, list(a.get("dilations", [1, 1])),
                  bool(a.get("ceil_mode", 0)))


def average_pool(t, a, x):
    kernel = list(a["kernel_shape"])
    before, _, even = even_pads(a, len(kernel))
    if len(kernel) != 2 or not even:
        raise NotImplementedError("uneven padding or other than two spatial extents")
    return t.call(F.avg_pool2d, x, kernel, list(a.get("strides", [1, 1])), before, bool(a.get("ceil_mode", 0)),
                  bool(a.get("count_include_pad", 0)))


def batch_norm(t, a, x, scale, bias, mean, variance):
    return t.call(F.batch_norm, x, mean, variance, scale, bias, False, 0.0, a.get("epsilon", 1e-5))


def gemm(t, a, x, w, c=None):
    if a.get("transA", 0):
        x = t.call(torch.t, x)
    if a.get("alpha", 1.0) != 1 or a.get("beta", 1.0) != 1:
        raise NotImplementedError("alpha or beta")
    if not a.get("transB", 0):
        w = t.call(torch.Tensor.contiguous, t.call(torch.t, w))
    return t.call(F.linear, x, w, c)


def matmul(t, a, x, y):
    # A product with weights is what torch.nn.Linear is exported as.
    if isinstance(y, torch.Tensor) and y.dim() == 2:
        return t.call(F.linear, x, y.t().contiguous())
    return t.call(torch.matmul, x, y)


def softmax(t, a, x):
    if t.opset >= 13:
        return t.call(torch.softmax, x, a.get("axis", -1))
    axis, shape = a.get("axis", 1) % rank(x), list(sample(x).shape)
    if axis == rank(x) - 1:
        return t.call(torch.softmax, x, axis)
    flat = t.call(torch.softmax, t.call(torch.flatten, x, axis), axis)
    return t.call(torch.reshape, flat, shape)


def layer_norm(t, a, x, scale, bias=None):
    axis = a.get("axis", -1) % rank(x)
    return t.call(F.layer_norm, x, list(sample(x).shape)[axis:], scale, bias, a.get("epsilon", 1e-5))


def reshape(t, a, x, shape):
    extents = [sample(x).shape[i] if extent == 0 else extent for i, extent in enumerate(known(shape, "a shape"))]
    return t.call(torch.reshape, x, extents)


def flatten(t, a, x):
    axis = a.get("axis", 1)
    return t.call(torch.reshape, x, [math.prod(sample(x).shape[:axis]), -1])


def slice_(t, a, x, starts=None, ends=None, axes=None, steps=None):
    starts, ends = setting(a, "starts", starts), setting(a, "ends", ends)
    axes = setting(a, "axes", axes, list(range(len(starts))))
    steps = known(steps, "steps") if steps is not None else [1] * len(starts)
    if min(steps) < 1:
        raise NotImplementedError("negative steps")
    index = [slice(None)] * rank(x)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        index[axis] = slice(start, end, step)
    return t.call(operator.getitem, x, tuple(index))


def gather(t, a, x, indices):
    axis = a.get("axis", 0) % rank(x)
    if isinstance(indices, torch.Tensor) and indices.dim() == 0:
        return t.call(torch.select, x, axis, int(indices))
    if axis == 0 and rank(x) == 2:
        return t.call(F.embedding, indices, x)
    return t.call(operator.getitem, x, (slice(None),) * axis + (indices,))


def clip(t, a, x, low=None, high=None):
    return t.call(torch.clamp, x, setting(a, "min", low), setting(a, "max", high))


def hard_sigmoid(t, a, x):
    alpha, beta = a.get("alpha", 0.2), a.get("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return t.call(F.hardsigmoid, x)
    return t.call(torch.clamp, t.call(operator.add, t.call(operator.mul, x, alpha), beta), 0.0, 1.0)


def resize(t, a, x, region=None, scales=None, sizes=None):
    mode, place = a.get("mode", b"nearest"), a.get("coordinate_transformation_mode", b"half_pixel")
    size = known(sizes, "sizes") if sizes is not None else [
        math.floor(extent * scale) for extent, scale in zip(sample(x).shape, known(scales, "scales"))]
    if rank(x) != 4 or size[:2] != list(sample(x).shape[:2]):
        raise NotImplementedError("other than two spatial extents")
    if mode == b"nearest" and place == b"asymmetric" and a.get("nearest_mode") == b"floor":
        return t.call(lambda v, s: F.interpolate(v, s, mode="nearest"), x, size[2:])
    if mode == b"linear" and place in (b"half_pixel", b"pytorch_half_pixel", b"align_corners"):
        corners = place == b"align_corners"
        return t.call(lambda v, s: F.interpolate(v, s, mode="bilinear", align_corners=corners), x, size[2:])
    raise NotImplementedError(f"{mode.decode()} {place.decode()}")


def reduce_mean(t, a, x, axes=None):
    axes = setting(a, "axes", axes, list(range(rank(x))))
    return t.call(torch.mean, x, list(axes), bool(a.get("keepdims", 1)))


def squeeze(t, a, x, axes=None):
    return t.call(torch.squeeze, x, tuple(setting(a, "axes", axes)))


def unsqueeze(t, a, x, axes=None):
    axes = setting(a, "axes", axes)
    for axis in sorted(axis % (rank(x) + len(axes)) for axis in axes):
        x = t.call(torch.unsqueeze, x, axis)
    return x


def constant(t, a):
    if "value" in a:
        return torch.from_numpy(onnx.numpy_helper.to_array(a["value"]).copy())
    return torch.tensor(next(iter(a.values())))


def cast(t, a, x):
    if a["to"] not in DTYPES:
        raise NotImplementedError(f"element type {a['to']}")
    return t.call(torch.Tensor.to, x, DTYPES[a["to"]])


def pairwise(function):
    # One known element stays a tensor: torch 2.15 folds a number wrongly into the convolution before it.
    return lambda t, a, x, y: t.call(function, x, y)


def plain(function):
    return lambda t, a, x: t.call(function, x)


OPERATIONS = {
    "Add": pairwise(operator.add), "Sub": pairwise(operator.sub), "Mul": pairwise(operator.mul),
    "Div": pairwise(operator.truediv), "Pow": pairwise(operator.pow), "Relu": plain(F.relu), "Erf": plain(torch.erf),
    "Sigmoid": plain(torch.sigmoid), "Tanh": plain(torch.tanh), "Sqrt": plain(torch.sqrt), "HardSwish": plain(F.hardswish),
    "Identity": lambda t, a, x: x, "Dropout": lambda t, a, x, *rest: [x, None],
    "GlobalAveragePool": lambda t, a, x: t.call(F.adaptive_avg_pool2d, x, [1, 1]),
    "Sum": lambda t, a, x, *rest: sum_of(t, x, rest), "Concat": lambda t, a, *xs: t.call(torch.cat, list(xs), a["axis"]),
    "Transpose": lambda t, a, x: t.call(torch.permute, x, list(a.get("perm", range(rank(x))[::-1]))),
    "Shape": lambda t, a, x: torch.tensor(sample(x).shape), "Constant": constant, "Cast": cast, "Conv": conv,
    "ConvTranspose": conv_transpose, "MaxPool": max_pool, "AveragePool": average_pool, "BatchNormalization": batch_norm,
    "Gemm": gemm, "MatMul": matmul, "Softmax": softmax, "LayerNormalization": layer_norm, "Reshape": reshape,
    "Flatten": flatten, "Slice": slice_, "Gather": gather, "Clip": clip, "HardSigmoid": hard_sigmoid, "Resize": resize,
    "ReduceMean": reduce_mean, "Squeeze": squeeze, "Unsqueeze": unsqueeze,
}


def sum_of(t, x, rest):
    for y in rest:
        x = t.call(operator.add, x, y)
    return x


def frozen(module, tensors):
    """TorchScript with constants folded in and the passes for inference."""
    traced = torch.jit.trace(module, tensors, check_trace=False)
    return torch.jit.optimize_for_inference(torch.jit.freeze(traced.eval()))


def compiled(module, tensors):
    """TorchInductor, with constants folded in and packed."""
    torch._inductor.config.freezing = True
    return torch.compile(module, dynamic=False)


def fastest_ms(run, expected, runs=5):
    """The fastest of some runs; throws if the first does not give what is expected."""
    for actual, wanted in zip(run(), expected):
        if (actual - wanted).abs().max() > 1e-3 * max(1.0, wanted.abs().max()):
            raise ArithmeticError
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return min(times[1:])


def load(model, inputs, threads):
    """Tries PyTorch's ways to run a model and keeps the fastest of those that compute what the eager one does."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    translator = Translator(onnx.load(model), inputs)
    module = torch.fx.GraphModule(translator.root, translator.graph).eval()
    tensors = [torch.from_numpy(array) for array in inputs]
    images = any(tensor.dim() == 4 for tensor in tensors)
    best, tried = None, []
    with torch.inference_mode():
        expected = module(*tensors)
        for layout in ("", ", channels last") if images else ("",):
            if layout:
                module = module.to(memory_format=torch.channels_last)
                tensors = [tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
                           for tensor in tensors]
            for way, prepare in (("eager", lambda m, _: m), ("TorchScript", frozen), ("torch.compile", compiled)):
                try:
                    ready, given = prepare(module, tuple(tensors)), tuple(tensors)
                    milliseconds = fastest_ms(lambda: ready(*given), expected)
                except ArithmeticError:
                    tried.append(f"{way}{layout} computes something else")
                    continue
                except Exception as error:  # a way that does not work on this machine or for this model
                    tried.append(f"{way}{layout} failed ({type(error).__name__})")
                    continue
                tried.append(f"{way}{layout} {milliseconds:.1f} ms")
                if best is None or milliseconds < best[0]:
                    best = milliseconds, f"{way}{layout}", ready, given
    if best is None:
        raise RuntimeError("; ".join(tried))
    _, name, ready, given = best
    last = []

    def run():
        with torch.inference_mode():
            last[:] = ready(*given)

    return (run, lambda: [np.ascontiguousarray(tensor.numpy()) for tensor in last], torch.__version__.split("+")[0],
            f"{name}; tried: {', '.join(tried)}")
