// ResNet-50 (He et al., Deep Residual Learning, 2016; the stride is in the 3x3 convolution, as PyTorch's has
// it), for inference and for training. Its tensors are named as torchvision names them.
#pragma once

#include <sinter/sinter.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sinter::bench::resnet50 {

struct Sizes {
  std::vector<int64_t> blocks = {3, 4, 6, 3}; ///< of each of the four stages
  int64_t width = 64;                         ///< channels after the first convolution
  int64_t classes = 1000;
  int64_t image = 224;
};

struct Conv {
  Tensor weight;
};
struct Norm {
  Tensor weight, bias;
  std::optional<Tensor> running_mean, running_var; ///< none: the statistics of the batch are taken
};
struct Block {
  Conv conv1;
  Norm bn1;
  Conv conv2;
  Norm bn2;
  Conv conv3;
  Norm bn3;
  std::optional<std::pair<Conv, Norm>> downsample;
  int64_t stride = 1;
};
struct Linear {
  Tensor weight, bias;
};
struct Net {
  Conv conv1;
  Norm bn1;
  std::vector<Block> layer1, layer2, layer3, layer4;
  Linear fc;
};

/// The structure of a network of so many blocks in each stage, with statistics; its tensors are empty.
Net structure(const std::vector<int64_t>& blocks);

/// The same network, which takes the statistics of the batch.
Net for_training(Net net);

/// Random weights that keep activations at about the same size from layer to layer, with statistics.
Net random_weights(const Sizes& sizes, uint64_t seed);

/// images f32[N, 3, H, W] give f32[N, classes].
Tensor logits(const Net& net, const Tensor& images);

/// The mean cross-entropy over the batch; targets f32[N, classes] are probabilities.
Tensor loss(const Net& net, const Tensor& images, const Tensor& targets);

} // namespace sinter::bench::resnet50
