// ResNet-18 (He et al., Deep Residual Learning, 2016) for training: parameters as a tree, and the loss as a
// function of them.
#pragma once

#include <sinter/sinter.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace resnet18 {

using sinter::Tensor;

inline constexpr int64_t kClasses = 1000;

struct Norm {
  Tensor scale, bias;
};
struct Block {
  Tensor first, second;
  Norm first_norm, second_norm;
  std::optional<Tensor> shortcut;
  std::optional<Norm> shortcut_norm;
  int64_t stride = 1;
};
struct ResNet {
  Tensor stem;
  Norm stem_norm;
  std::vector<Block> blocks;
  Tensor classifier, classifier_bias;
};

// Weights with the variance that keeps activations at theirs.
class Initializer {
public:
  Tensor filter(int64_t out, int64_t in, int64_t kernel) {
    const double deviation = std::sqrt(2.0 / static_cast<double>(in * kernel * kernel));
    return Tensor::normal({out, in, kernel, kernel}, ++seed_, 0, deviation);
  }
  Norm norm(int64_t channels) { return {Tensor::ones({channels}), Tensor::zeros({channels})}; }
  Tensor matrix(int64_t out, int64_t in) { return Tensor::normal({out, in}, ++seed_, 0, 0.05); }

private:
  uint64_t seed_ = 0;
};

inline ResNet make_net() {
  Initializer make;
  ResNet net;
  net.stem = make.filter(64, 3, 7);
  net.stem_norm = make.norm(64);
  int64_t in = 64;
  for (const int64_t out : {64, 64, 128, 128, 256, 256, 512, 512}) {
    Block block{make.filter(out, in, 3), make.filter(out, out, 3), make.norm(out), make.norm(out), {}, {}, 1};
    if (out != in) {
      block.stride = 2;
      block.shortcut = make.filter(out, in, 1);
      block.shortcut_norm = make.norm(out);
    }
    net.blocks.push_back(std::move(block));
    in = out;
  }
  net.classifier = make.matrix(kClasses, 512);
  net.classifier_bias = Tensor::zeros({kClasses});
  return net;
}

/// What follows a normalisation. Smooth: SiLU instead of ReLU, average pooling instead of maxima, so that the
/// gradient has no kinks.
enum class Activations { rectified, smooth };

// Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015).
inline Tensor normalize(const Tensor& x, const Norm& norm) {
  const sinter::Shape channels{1, x.size(1), 1, 1};
  const Tensor centered = x - mean(x, {0, 2, 3}, true);
  const Tensor variance = mean(centered * centered, {0, 2, 3}, true);
  return centered * rsqrt(variance + 1e-5) * reshape(norm.scale, channels) + reshape(norm.bias, channels);
}

inline Tensor activate(const Tensor& x, Activations kind) {
  return kind == Activations::smooth ? silu(x) : relu(x);
}

inline Tensor run_block(const Block& block, const Tensor& x, Activations kind) {
  Tensor y = activate(
      normalize(conv(x, block.first, {.strides = {block.stride}, .padding = {1}}), block.first_norm), kind);
  y = normalize(conv(y, block.second, {.padding = {1}}), block.second_norm);
  return activate(y + (block.shortcut ? normalize(conv(x, *block.shortcut, {.strides = {block.stride}}),
                                                  *block.shortcut_norm)
                                      : x),
                  kind);
}

/// The cross-entropy of the classes of `images`, f32[N, 3, H, W], and `targets`, f32[N, kClasses]: the mean
/// over the batch.
inline Tensor loss(const ResNet& net, const Tensor& images, const Tensor& targets,
                   Activations kind = Activations::rectified) {
  Tensor x =
      activate(normalize(conv(images, net.stem, {.strides = {2}, .padding = {3}}), net.stem_norm), kind);
  const sinter::PoolOptions pool{.kernel = {3, 3}, .strides = {2, 2}, .padding = {1, 1}};
  x = kind == Activations::smooth ? avg_pool(x, pool) : max_pool(x, pool);
  for (const Block& block : net.blocks)
    x = run_block(block, x, kind);
  const Tensor logits = linear(mean(x, {2, 3}), net.classifier, net.classifier_bias);
  return cross_entropy(logits, targets);
}

} // namespace resnet18
