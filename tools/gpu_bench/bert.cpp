// BERT: structure, random weights, what it computes.
#include "bert.h"

#include <cmath>

namespace sinter::bench::bert {

namespace {

constexpr double kEpsilon = 1e-12; // of the normalisations, as published

class Random {
public:
  explicit Random(uint64_t seed) : seed_(seed) {}

  Linear linear(int64_t out, int64_t in) {
    const double deviation = 1 / std::sqrt(static_cast<double>(in));
    return {Tensor::normal({out, in}, ++seed_, 0, deviation), Tensor::normal({out}, ++seed_, 0, 0.1)};
  }
  Norm norm(int64_t hidden) {
    return {Tensor::uniform({hidden}, ++seed_, 0.5, 1.5), Tensor::normal({hidden}, ++seed_, 0, 0.1)};
  }
  Table table(int64_t rows, int64_t hidden) { return {Tensor::normal({rows, hidden}, ++seed_)}; }

private:
  uint64_t seed_;
};

Tensor apply(const Linear& layer, const Tensor& x) {
  return linear(x, layer.weight, layer.bias);
}
Tensor apply(const Norm& norm, const Tensor& x) {
  return layer_norm(x, norm.weight, norm.bias, kEpsilon);
}

Tensor attend(const SelfAttention& self, int64_t heads, const Tensor& x) {
  const auto split = [&](const Tensor& y) { // [N, sequence, hidden] to [N, heads, sequence, hidden / heads]
    return permute(reshape(y, {y.size(0), y.size(1), heads, y.size(2) / heads}), {0, 2, 1, 3});
  };
  const Tensor y = scaled_dot_product_attention(split(apply(self.query, x)), split(apply(self.key, x)),
                                                split(apply(self.value, x)));
  return reshape(permute(y, {0, 2, 1, 3}), x.shape());
}

} // namespace

Net structure(int64_t layers) {
  Net net;
  net.encoder.layer.resize(static_cast<std::size_t>(layers));
  return net;
}

Net random_weights(const Sizes& sizes, uint64_t seed) {
  Random random(seed);
  Net net = structure(sizes.layers);
  net.embeddings = {random.table(sizes.vocabulary, sizes.hidden), random.table(sizes.positions, sizes.hidden),
                    random.table(2, sizes.hidden), random.norm(sizes.hidden)};
  for (Layer& layer : net.encoder.layer) {
    const auto square = [&] { return random.linear(sizes.hidden, sizes.hidden); };
    layer.attention.self = {square(), square(), square()};
    layer.attention.output = {square(), random.norm(sizes.hidden)};
    layer.intermediate.dense = random.linear(sizes.inner, sizes.hidden);
    layer.output = {random.linear(sizes.hidden, sizes.inner), random.norm(sizes.hidden)};
  }
  return net;
}

Tensor encode(const Net& net, int64_t heads, const Tensor& tokens) {
  const Embeddings& embeddings = net.embeddings;
  Tensor x = gather(embeddings.word_embeddings.weight, tokens) +
             slice(embeddings.position_embeddings.weight, 0, 0, tokens.size(1)) +
             slice(embeddings.token_type_embeddings.weight, 0, 0, 1);
  x = apply(embeddings.LayerNorm, x);
  for (const Layer& layer : net.encoder.layer) {
    const Output& attended = layer.attention.output;
    x = apply(attended.LayerNorm, apply(attended.dense, attend(layer.attention.self, heads, x)) + x);
    const Tensor inner = gelu(apply(layer.intermediate.dense, x));
    x = apply(layer.output.LayerNorm, apply(layer.output.dense, inner) + x);
  }
  return x;
}

} // namespace sinter::bench::bert
