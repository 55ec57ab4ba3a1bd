// Files of weights and inputs, which the benchmark's two sides read.
//
// They are safetensors: the weights are named "model." and their name in the network, inputs as the members
// below. What shapes do not say is in the metadata.
#pragma once

#include "bert.h"
#include "resnet50.h"

#include <string>

namespace sinter::bench {

struct ResNetFile {
  resnet50::Net model;
  Tensor input;  ///< images, f32[batch, 3, H, W]
  Tensor target; ///< probabilities of classes, f32[batch, classes]
};
struct BertFile {
  bert::Net model;
  Tensor input; ///< tokens, i64[batch, sequence]
  int64_t heads = 1;
};
struct ElementsFile {
  Tensor input;       ///< f32[rows, columns]
  Tensor scale, bias; ///< f32[columns]
};

// Each throws Error unless the file has just the tensors that it should.
ResNetFile read_resnet50(const std::string& path);
BertFile read_bert(const std::string& path);
ElementsFile read_elements(const std::string& path);

enum class Size {
  full, ///< as published; 16384 rows of 4096 numbers
  tiny, ///< for tests
};

/// Writes random weights and inputs, the same in every process. `kind` is "resnet50", "bert" or "elements";
/// throws Error for another.
void write_inputs(const std::string& kind, Size size, const std::string& path);

} // namespace sinter::bench
