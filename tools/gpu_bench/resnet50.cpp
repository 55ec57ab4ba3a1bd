// ResNet-50: structure, random weights, what it computes.
#include "resnet50.h"

#include <array>
#include <cmath>

namespace sinter::bench::resnet50 {

namespace {

constexpr int64_t kExpansion = 4; // of the channels, by the last convolution of a block

Norm empty_norm() {
  return {Tensor(), Tensor(), Tensor(), Tensor()};
}

std::vector<Block> empty_stage(int64_t blocks, int64_t stride) {
  std::vector<Block> stage;
  for (int64_t i = 0; i < blocks; ++i) {
    Block block;
    block.bn1 = block.bn2 = block.bn3 = empty_norm();
    if (i == 0) {
      block.stride = stride;
      block.downsample = std::pair(Conv(), empty_norm());
    }
    stage.push_back(std::move(block));
  }
  return stage;
}

class Random {
public:
  explicit Random(uint64_t seed) : seed_(seed) {}

  Conv conv(int64_t out, int64_t in, int64_t kernel) {
    const double deviation = std::sqrt(2.0 / static_cast<double>(in * kernel * kernel));
    return {Tensor::normal({out, in, kernel, kernel}, ++seed_, 0, deviation)};
  }
  // `scale` is that of the result: small ones keep sums over many blocks from growing.
  Norm norm(int64_t channels, double scale) {
    return {Tensor::uniform({channels}, ++seed_, 0.5 * scale, 1.5 * scale),
            Tensor::normal({channels}, ++seed_, 0, 0.1), Tensor::normal({channels}, ++seed_, 0, 0.1),
            Tensor::uniform({channels}, ++seed_, 0.5, 1.5)};
  }
  Linear linear(int64_t out, int64_t in) {
    const double deviation = 1 / std::sqrt(static_cast<double>(in));
    return {Tensor::normal({out, in}, ++seed_, 0, deviation), Tensor::normal({out}, ++seed_, 0, 0.1)};
  }

private:
  uint64_t seed_;
};

Tensor normalize(const Tensor& x, const Norm& norm) {
  if (norm.running_mean)
    return batch_norm(x, norm.weight, norm.bias, *norm.running_mean, *norm.running_var);
  const Shape channels{1, x.size(1), 1, 1};
  const Tensor centered = x - mean(x, {0, 2, 3}, true);
  const Tensor variance = mean(square(centered), {0, 2, 3}, true);
  return centered * rsqrt(variance + 1e-5) * reshape(norm.weight, channels) + reshape(norm.bias, channels);
}

Tensor run_block(const Block& block, const Tensor& x) {
  Tensor y = relu(normalize(conv(x, block.conv1.weight), block.bn1));
  y = relu(normalize(conv(y, block.conv2.weight, {.strides = {block.stride}, .padding = {1}}), block.bn2));
  y = normalize(conv(y, block.conv3.weight), block.bn3);
  if (!block.downsample)
    return relu(y + x);
  const auto& [projection, norm] = *block.downsample;
  return relu(y + normalize(conv(x, projection.weight, {.strides = {block.stride}}), norm));
}

template <class Net>
auto stages(Net& net) {
  return std::array{&net.layer1, &net.layer2, &net.layer3, &net.layer4};
}

} // namespace

Net structure(const std::vector<int64_t>& blocks) {
  if (blocks.size() != 4)
    throw Error("a ResNet has four stages, not " + std::to_string(blocks.size()));
  Net net;
  net.bn1 = empty_norm();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    *stages(net)[i] = empty_stage(blocks[i], i == 0 ? 1 : 2);
  return net;
}

Net for_training(Net net) {
  const auto drop = [](Norm& norm) { norm.running_mean = norm.running_var = std::nullopt; };
  drop(net.bn1);
  for (std::vector<Block>* stage : stages(net))
    for (Block& block : *stage) {
      for (Norm* norm : {&block.bn1, &block.bn2, &block.bn3})
        drop(*norm);
      if (block.downsample)
        drop(block.downsample->second);
    }
  return net;
}

Net random_weights(const Sizes& sizes, uint64_t seed) {
  Random random(seed);
  Net net = structure(sizes.blocks);
  net.conv1 = random.conv(sizes.width, 3, 7);
  net.bn1 = random.norm(sizes.width, 1);
  int64_t in = sizes.width, inner = sizes.width;
  for (std::vector<Block>* stage : stages(net)) {
    for (Block& block : *stage) {
      block.conv1 = random.conv(inner, in, 1);
      block.bn1 = random.norm(inner, 1);
      block.conv2 = random.conv(inner, inner, 3);
      block.bn2 = random.norm(inner, 1);
      block.conv3 = random.conv(kExpansion * inner, inner, 1);
      block.bn3 = random.norm(kExpansion * inner, 0.3);
      if (block.downsample)
        block.downsample = {random.conv(kExpansion * inner, in, 1), random.norm(kExpansion * inner, 0.7)};
      in = kExpansion * inner;
    }
    inner *= 2;
  }
  net.fc = random.linear(sizes.classes, in);
  return net;
}

Tensor logits(const Net& net, const Tensor& images) {
  Tensor x = relu(normalize(conv(images, net.conv1.weight, {.strides = {2}, .padding = {3}}), net.bn1));
  x = max_pool(x, {.kernel = {3, 3}, .strides = {2, 2}, .padding = {1, 1}});
  for (const std::vector<Block>* stage : stages(net))
    for (const Block& block : *stage)
      x = run_block(block, x);
  return linear(mean(x, {2, 3}), net.fc.weight, net.fc.bias);
}

Tensor loss(const Net& net, const Tensor& images, const Tensor& targets) {
  return cross_entropy(logits(net, images), targets);
}

} // namespace sinter::bench::resnet50
