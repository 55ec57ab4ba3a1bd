#!/usr/bin/env python3
"""Writes the benchmark's models as ONNX files: the published architectures, with seeded random weights.

    make_models.py [--out DIR] [MODEL...]        (all of them by default; needs numpy and onnx)

What a model computes with such weights means nothing, but it costs what the trained one costs: the shapes, the operations and
the order of them are those that converters of trained nets leave. Weights are scaled so that activations neither vanish nor
explode, since denormals and infinities have speeds of their own.
"""

import argparse
import math
import os
import pathlib
import sys
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Net:
    """Appends nodes to a graph. A tensor is its name; `channels` knows the second extent of those that have one."""

    def __init__(self, name):
        self.name = name
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.channels = {}
        self.shared = {}

    def input(self, name, shape, dtype=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        self.channels[name] = shape[1]
        return name

    def output(self, tensor, name, shape):
        """Names a tensor as one of the model's results."""
        self.nodes.append(helper.make_node("Identity", [tensor], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, values, dtype=np.float32):
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def once(self, values, dtype=np.float32):
        """A small constant that several nodes share."""
        key = (repr(values), np.dtype(dtype).name)
        if key not in self.shared:
            self.shared[key] = self.constant(values, dtype)
        return self.shared[key]

    def normal(self, shape, deviation):
        return self.constant(self.random.standard_normal(shape, dtype=np.float32) * np.float32(deviation))

    def uniform(self, shape, low, high):
        return self.constant(self.random.uniform(low, high, shape))

    def op(self, kind, *inputs, channels=None, outputs=1, **attributes):
        results = [f"t{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), results, f"{kind}_{len(self.nodes)}", **attributes))
        self.channels[results[0]] = channels if channels is not None else self.channels.get(inputs[0])
        return results[0]

    # Layers of convolutional nets, on tensors [N, C, H, W].

    def conv(self, x, channels, kernel, stride=1, pad=None, groups=1, bias=True, gain=2.0):
        fan_in = self.channels[x] // groups * kernel * kernel
        weight = self.normal([channels, self.channels[x] // groups, kernel, kernel], math.sqrt(gain / fan_in))
        pad = kernel // 2 if pad is None else pad
        return self.op("Conv", x, weight, *([self.uniform([channels], -0.1, 0.1)] if bias else []), channels=channels,
                       kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def batch_norm(self, x, scale=1.0):
        """A batch-norm of trained statistics, as one node."""
        c = [self.channels[x]]
        return self.op("BatchNormalization", x, self.uniform(c, 0.8 * scale, 1.2 * scale), self.uniform(c, -0.1, 0.1),
                       self.uniform(c, -0.1, 0.1), self.uniform(c, 0.8, 1.2), epsilon=1e-5)

    def caffe_norm(self, x):
        """A batch-norm as Caffe writes it: normalisation, then scale and bias as operations of their own."""
        c = self.channels[x]
        x = self.op("BatchNormalization", x, self.constant(np.ones(c)), self.constant(np.zeros(c)),
                    self.uniform([c], -0.1, 0.1), self.uniform([c], 0.8, 1.2), epsilon=1e-5)
        return self.op("Add", self.op("Mul", x, self.uniform([c, 1, 1], 0.8, 1.2)), self.uniform([c, 1, 1], -0.1, 0.1))

    def relu(self, x):
        return self.op("Relu", x)

    def pool(self, kind, x, kernel, stride, pads=(0, 0, 0, 0)):
        return self.op(kind, x, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=list(pads))

    def concat(self, *tensors):
        return self.op("Concat", *tensors, axis=1, channels=sum(self.channels[t] for t in tensors))

    def reshape(self, x, shape, channels=None):
        return self.op("Reshape", x, self.once(shape, np.int64), channels=channels)

    def dense(self, x, features, inputs, gain=2.0):
        return self.op("Gemm", x, self.normal([features, inputs], math.sqrt(gain / inputs)),
                       self.uniform([features], -0.1, 0.1), channels=features, transB=1)

    def save(self, path):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, producer_name="sinter-benchmark", opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8
        part = f"{path}.part"
        onnx.save(model, part)
        os.replace(part, path)  # a file of this name is a whole one


def classifier(net, x, size):
    """Average over what is left of the image, then a thousand probabilities."""
    x = net.reshape(net.pool("AveragePool", x, size, 1), [1, net.channels[x]], net.channels[x])
    net.output(net.op("Softmax", net.dense(x, 1000, net.channels[x], 0.2), axis=1), "probabilities", [1, 1000])


def resnet50():
    """He et al. 2015 (arXiv:1512.03385), the stride in the 3x3 convolutions; batch-norms as nodes."""
    net = Net("resnet50")

    def unit(x, channels, kernel, stride=1, scale=1.0):
        return net.batch_norm(net.conv(x, channels, kernel, stride, bias=False), scale)

    x = net.relu(unit(net.input("data", [1, 3, 224, 224]), 64, 7, 2))
    x = net.pool("MaxPool", x, 3, 2, (1, 1, 1, 1))
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            inner = net.relu(unit(x, width, 1))
            inner = unit(net.relu(unit(inner, width, 3, stride)), 4 * width, 1, scale=0.5)
            shortcut = unit(x, 4 * width, 1, stride, scale=0.7) if block == 0 else x
            x = net.relu(net.op("Sum", inner, shortcut))
    classifier(net, x, 7)
    return net


def vgg19():
    """Simonyan and Zisserman 2014 (arXiv:1409.1556), configuration E."""
    net = Net("vgg19")
    x = net.input("data", [1, 3, 224, 224])
    for channels, convolutions in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(convolutions):
            x = net.relu(net.conv(x, channels, 3))
        x = net.pool("MaxPool", x, 2, 2)
    x = net.reshape(x, [1, 512 * 7 * 7], 512 * 7 * 7)
    for _ in range(2):
        x = net.relu(net.dense(x, 4096, net.channels[x]))
    net.output(net.op("Softmax", net.dense(x, 1000, 4096, 0.5), axis=1), "probabilities", [1, 1000])
    return net


def densenet121():
    """Huang et al. 2016 (arXiv:1608.06993), norms before convolutions, as Caffe's conversion leaves them."""
    net = Net("densenet121")

    def unit(x, channels, kernel):
        return net.conv(net.relu(net.caffe_norm(x)), channels, kernel, bias=False)

    x = net.conv(net.input("data", [1, 3, 224, 224]), 64, 7, 2, bias=False)
    x = net.pool("MaxPool", net.relu(net.caffe_norm(x)), 3, 2, (1, 1, 1, 1))
    for stage, layers in enumerate((6, 12, 24, 16)):
        for _ in range(layers):
            x = net.concat(x, unit(unit(x, 128, 1), 32, 3))
        if stage < 3:
            x = net.pool("AveragePool", unit(x, net.channels[x] // 2, 1), 2, 2)
    x = net.op("GlobalAveragePool", net.relu(net.caffe_norm(x)))
    net.output(net.conv(x, 1000, 1, gain=1.0), "scores", [1, 1000, 1, 1])
    return net


def inception_v2():
    """Ioffe and Szegedy 2015 (arXiv:1502.03167), the widths of the Caffe model; norms as Caffe's conversion leaves them."""
    net = Net("inception_v2")

    def unit(x, channels, kernel, stride=1):
        return net.relu(net.caffe_norm(net.conv(x, channels, kernel, stride)))

    def half(x):
        return net.pool("MaxPool", x, 3, 2, (0, 0, 1, 1))

    def block(x, straight, reduce3, out3, reduce5, out5, projection, pool="AveragePool"):
        """Four branches side by side: 1x1, 3x3, two 3x3, pooled."""
        branches = [unit(x, straight, 1), unit(unit(x, reduce3, 1), out3, 3),
                    unit(unit(unit(x, reduce5, 1), out5, 3), out5, 3),
                    unit(net.pool(pool, x, 3, 1, (1, 1, 1, 1)), projection, 1)]
        return net.concat(*branches)

    def halving_block(x, reduce3, out3, reduce5, out5):
        return net.concat(unit(unit(x, reduce3, 1), out3, 3, 2),
                          unit(unit(unit(x, reduce5, 1), out5, 3), out5, 3, 2), half(x))

    x = half(unit(net.input("data", [1, 3, 224, 224]), 64, 7, 2))
    x = half(unit(unit(x, 64, 1), 192, 3))
    x = block(x, 64, 64, 64, 64, 96, 32)
    x = block(x, 64, 64, 96, 64, 96, 64)
    x = halving_block(x, 128, 160, 64, 96)
    x = block(x, 224, 64, 96, 96, 128, 128)
    x = block(x, 192, 96, 128, 96, 128, 128)
    x = block(x, 160, 128, 160, 128, 160, 96)
    x = block(x, 96, 128, 192, 160, 192, 96)
    x = halving_block(x, 128, 192, 192, 256)
    x = block(x, 352, 192, 320, 160, 224, 128)
    x = block(x, 352, 192, 320, 192, 224, 128, pool="MaxPool")
    classifier(net, x, 7)
    return net


def squeezenet():
    """Iandola et al. 2016 (arXiv:1602.07360), version 1.1."""
    net = Net("squeezenet")

    def fire(x, squeezed, expanded):
        x = net.relu(net.conv(x, squeezed, 1))
        return net.concat(net.relu(net.conv(x, expanded, 1)), net.relu(net.conv(x, expanded, 3)))

    x = net.relu(net.conv(net.input("data", [1, 3, 224, 224]), 64, 3, 2, pad=0))
    for stage in (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256))):
        x = net.pool("MaxPool", x, 3, 2)
        for squeezed, expanded in stage:
            x = fire(x, squeezed, expanded)
    x = net.op("GlobalAveragePool", net.relu(net.conv(x, 1000, 1)))
    net.output(net.op("Softmax", x, axis=1), "probabilities", [1, 1000, 1, 1])
    return net


def shufflenet():
    """Zhang et al. 2017 (arXiv:1707.01083), version 1 with three groups; batch-norms as nodes."""
    net = Net("shufflenet")
    groups = 3

    def unit(x, channels, kernel, stride=1, split=groups, gain=2.0):
        return net.batch_norm(net.conv(x, channels, kernel, stride, groups=split, bias=False, gain=gain))

    def shuffle(x, size):
        c = net.channels[x]
        x = net.op("Transpose", net.reshape(x, [1, groups, c // groups, size, size], c), perm=[0, 2, 1, 3, 4])
        return net.reshape(x, [1, c, size, size], c)

    x = net.relu(unit(net.input("data", [1, 3, 224, 224]), 24, 3, 2, split=1))
    x = net.pool("MaxPool", x, 3, 2, (1, 1, 1, 1))
    size = 56
    for stage, repeats in enumerate((4, 8, 4)):
        width = 240 << stage
        for block in range(repeats):
            first = block == 0
            # The very first product is over 24 channels only, which the paper does not split.
            inner = net.relu(unit(x, width // 4, 1, split=1 if stage == 0 and first else groups))
            inner = shuffle(inner, size)
            size //= 2 if first else 1
            inner = unit(inner, width // 4, 3, 2 if first else 1, split=width // 4)
            inner = unit(inner, width - net.channels[x] if first else width, 1, gain=0.2)
            if first:
                x = net.relu(net.concat(net.pool("AveragePool", x, 3, 2, (1, 1, 1, 1)), inner))
            else:
                x = net.relu(net.op("Sum", inner, x))
    classifier(net, x, 7)
    return net


def mobilenet_v2():
    """Sandler et al. 2018 (arXiv:1801.04381); batch-norms folded and ReLU6 as Clip, as PyTorch exports it."""
    net = Net("mobilenet_v2")

    def unit(x, channels, kernel, stride=1, groups=1):
        return net.op("Clip", net.conv(x, channels, kernel, stride, groups=groups), net.once(0.0), net.once(6.0))

    x = unit(net.input("data", [1, 3, 224, 224]), 32, 3, 2)
    for expansion, channels, repeats, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                                 (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for block in range(repeats):
            inner = unit(x, expansion * net.channels[x], 1) if expansion > 1 else x
            inner = unit(inner, net.channels[inner], 3, stride if block == 0 else 1, groups=net.channels[inner])
            inner = net.conv(inner, channels, 1, gain=1.0)
            x = net.op("Add", x, inner) if block > 0 else inner
    x = net.op("GlobalAveragePool", unit(x, 1280, 1))
    x = net.op("Flatten", x, axis=1, channels=1280)
    net.output(net.dense(x, 1000, 1280, 1.0), "scores", [1, 1000])
    return net


def bert_base(length=128, width=768, layers=12, heads=12, vocabulary=30522):
    """Devlin et al. 2018 (arXiv:1810.04805), one sentence; attention and GELU in the operations that PyTorch exports."""
    net = Net("bert_base")
    head = width // heads

    def linear(x, inputs, features):
        """[1, L, inputs] -> [1, L, features]."""
        x = net.op("MatMul", x, net.normal([inputs, features], 1 / math.sqrt(inputs)))
        return net.op("Add", net.uniform([features], -0.1, 0.1), x)

    def norm(x):
        return net.op("LayerNormalization", x, net.uniform([width], 0.8, 1.2), net.uniform([width], -0.1, 0.1),
                      axis=-1, epsilon=1e-12)

    def split(x, order):
        return net.op("Transpose", net.reshape(x, [1, length, heads, head]), perm=order)

    def attention(x):
        query = split(linear(x, width, width), [0, 2, 1, 3])
        key = split(linear(x, width, width), [0, 2, 3, 1])
        value = split(linear(x, width, width), [0, 2, 1, 3])
        scores = net.op("Div", net.op("MatMul", query, key), net.once(math.sqrt(head)))
        mixed = net.op("MatMul", net.op("Softmax", scores, axis=-1), value)
        mixed = net.reshape(net.op("Transpose", mixed, perm=[0, 2, 1, 3]), [1, length, width])
        return linear(mixed, width, width)

    def gelu(x):
        erf = net.op("Erf", net.op("Div", x, net.once(math.sqrt(2))))
        return net.op("Mul", net.op("Mul", x, net.op("Add", erf, net.once(1.0))), net.once(0.5))

    ids = net.input("input_ids", [1, length], TensorProto.INT64)
    words = net.op("Gather", net.normal([vocabulary, width], 1.0), ids, axis=0)
    kinds = net.op("Gather", net.normal([2, width], 0.5), net.constant(np.zeros([1, length]), np.int64), axis=0)
    places = net.op("Gather", net.normal([512, width], 0.5), net.constant([np.arange(length)], np.int64), axis=0)
    x = norm(net.op("Add", net.op("Add", words, kinds), places))
    for _ in range(layers):
        x = norm(net.op("Add", attention(x), x))
        x = norm(net.op("Add", linear(gelu(linear(x, width, 4 * width)), 4 * width, width), x))
    net.output(x, "last_hidden_state", [1, length, width])
    first = net.op("Gather", x, net.constant(0, np.int64), axis=1)
    net.output(net.op("Tanh", net.dense(first, width, width, 1.0)), "pooler_output", [1, width])
    return net


MODELS = {build.__name__: build for build in
          (resnet50, vgg19, densenet121, inception_v2, squeezenet, shufflenet, mobilenet_v2, bert_base)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/models"), help="folder for the files")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.models if name not in MODELS]
    if unknown:
        sys.exit(f"make_models.py: there is no model '{unknown[0]}'; there are {', '.join(MODELS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.models or MODELS:
        path = arguments.out / f"{name}.onnx"
        MODELS[name]().save(path)
        print(f"wrote {path}, {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
