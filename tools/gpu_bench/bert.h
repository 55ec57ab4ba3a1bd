// BERT (Devlin et al., 2019), the encoder. Its tensors are named as Hugging Face's models name them.
#pragma once

#include <sinter/sinter.h>

#include <cstdint>
#include <vector>

namespace sinter::bench::bert {

struct Sizes {
  int64_t layers = 12;
  int64_t hidden = 768;
  int64_t heads = 12;
  int64_t inner = 3072; ///< between the two products of a feed-forward layer
  int64_t vocabulary = 30522;
  int64_t positions = 512;
};

struct Linear {
  Tensor weight, bias;
};
struct Norm {
  Tensor weight, bias;
};
struct Table {
  Tensor weight;
};
struct Embeddings {
  Table word_embeddings, position_embeddings, token_type_embeddings;
  Norm LayerNorm;
};
struct SelfAttention {
  Linear query, key, value;
};
struct Product {
  Linear dense;
};
struct Output {
  Linear dense;
  Norm LayerNorm;
};
struct Attention {
  SelfAttention self;
  Output output;
};
struct Layer {
  Attention attention;
  Product intermediate;
  Output output;
};
struct Encoder {
  std::vector<Layer> layer;
};
struct Net {
  Embeddings embeddings;
  Encoder encoder;
};

/// The structure of a network of so many layers; its tensors are empty.
Net structure(int64_t layers);

Net random_weights(const Sizes& sizes, uint64_t seed);

/// The last hidden state, f32[N, sequence, hidden], of the tokens i64[N, sequence], all of the first type,
/// and all of which attend to each other.
Tensor encode(const Net& net, int64_t heads, const Tensor& tokens);

} // namespace sinter::bench::bert
