// What a .prototxt says, whatever the age of its form.
#pragma once

#include "frontend/caffe/layer.h"

#include <optional>

namespace sinter::caffe_import {

/// A blob that is given from outside.
struct Input {
  std::string name;
  std::optional<std::vector<int64_t>> dims; ///< nothing: the file does not say
};

struct Description {
  Message message; ///< what the layers point to
  std::vector<Input> inputs;
  std::vector<Layer> layers; ///< those of phase TEST, without those that are inputs
};

/// Throws Error without naming the file.
Description describe_network(const std::string& text);

} // namespace sinter::caffe_import
