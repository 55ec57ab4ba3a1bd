"""What tools/gpu_bench measures, in plain PyTorch: the same networks and operations as Sinter's side, of the same files."""

import torch
import torch.nn.functional as F
from torch import nn

RATE = 0.05  # of the step down the gradient


class Block(nn.Module):
    def __init__(self, weights, name, stride):
        super().__init__()

        def conv(which, **options):
            return Conv(weights[f"{name}.{which}.weight"], **options)

        def norm(which):
            return Norm(weights, f"{name}.{which}")

        self.conv1, self.bn1 = conv("conv1"), norm("bn1")
        self.conv2, self.bn2 = conv("conv2", stride=stride, padding=1), norm("bn2")
        self.conv3, self.bn3 = conv("conv3"), norm("bn3")
        self.downsample = None
        if f"{name}.downsample.0.weight" in weights:
            self.downsample = nn.Sequential(conv("downsample.0", stride=stride), norm("downsample.1"))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Conv(nn.Conv2d):
    def __init__(self, weight, **options):
        super().__init__(weight.shape[1], weight.shape[0], weight.shape[2], bias=False, device="meta", **options)
        self.weight = nn.Parameter(weight.clone())


class Norm(nn.Module):
    """Batch normalisation; in training with the batch's statistics, of which no average is kept, as in Sinter's side."""

    def __init__(self, weights, name):
        super().__init__()
        self.weight, self.bias = (nn.Parameter(weights[f"{name}.{part}"].clone()) for part in ("weight", "bias"))
        for part in ("running_mean", "running_var"):
            self.register_buffer(part, weights[f"{name}.{part}"].clone())

    def forward(self, x):
        if self.training:
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


class ResNet50(nn.Module):
    def __init__(self, weights, metadata):
        super().__init__()
        self.conv1, self.bn1 = Conv(weights["conv1.weight"], stride=2, padding=3), Norm(weights, "bn1")
        for stage, blocks in enumerate(map(int, metadata["blocks"].split(",")), 1):
            made = [Block(weights, f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1) for i in range(blocks)]
            setattr(self, f"layer{stage}", nn.Sequential(*made))
        self.fc = Dense(weights, "fc")

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Dense(nn.Linear):
    def __init__(self, weights, name):
        weight = weights[f"{name}.weight"]
        super().__init__(weight.shape[1], weight.shape[0], device="meta")
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(weights[f"{name}.bias"].clone())


class LayerNorm(nn.LayerNorm):
    def __init__(self, weights, name):
        super().__init__(weights[f"{name}.weight"].shape, eps=1e-12, device="meta")
        self.weight, self.bias = (nn.Parameter(weights[f"{name}.{part}"].clone()) for part in ("weight", "bias"))


class BertLayer(nn.Module):
    def __init__(self, weights, name, heads):
        super().__init__()
        self.heads = heads
        attention = f"{name}.attention"
        self.query, self.key, self.value = (Dense(weights, f"{attention}.self.{part}") for part in ("query", "key", "value"))
        self.attended, self.norm1 = Dense(weights, f"{attention}.output.dense"), LayerNorm(weights, f"{attention}.output.LayerNorm")
        self.inner = Dense(weights, f"{name}.intermediate.dense")
        self.outer, self.norm2 = Dense(weights, f"{name}.output.dense"), LayerNorm(weights, f"{name}.output.LayerNorm")

    def forward(self, x):
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.norm1(self.attended(y) + x)
        return self.norm2(self.outer(F.gelu(self.inner(x))) + x)


class Bert(nn.Module):
    def __init__(self, weights, metadata):
        super().__init__()
        for part in ("word", "position", "token_type"):
            setattr(self, part, nn.Parameter(weights[f"embeddings.{part}_embeddings.weight"].clone()))
        self.norm = LayerNorm(weights, "embeddings.LayerNorm")
        self.layers = nn.Sequential(*[BertLayer(weights, f"encoder.layer.{i}", int(metadata["heads"]))
                                      for i in range(int(metadata["layers"]))])

    def forward(self, tokens):
        x = F.embedding(tokens, self.word) + self.position[:tokens.shape[1]] + self.token_type[0]
        return self.layers(self.norm(x))


def cross_entropy(model, images, targets):
    return F.cross_entropy(model(images).float(), targets)


OPERATIONS = {
    "pointwise": lambda x, scale, bias: F.leaky_relu(x * scale + bias, 0.1) + 0.5 * x.square() - x.abs(),
    "softmax": lambda x, scale, bias: torch.softmax(x, -1),
    "layer_norm": lambda x, scale, bias: F.layer_norm(x, scale.shape, scale, bias, 1e-5),
    "sum_rows": lambda x, scale, bias: x.sum(1),
    "sum_columns": lambda x, scale, bias: x.sum(0),
    "sum_all": lambda x, scale, bias: x.sum(),
}
NETWORKS = {"resnet50": ResNet50, "resnet50_training": ResNet50, "bert": Bert}
