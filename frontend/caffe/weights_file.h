// Reading a .caffemodel file so that large weights stay there until they are asked for.
#pragma once

#include "frontend/onnx/weight.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace sinter::caffe_import {

/// A tensor of a layer, of f32. Old files write every shape with four dimensions, of which the first are 1.
struct Blob {
  std::vector<int64_t> dims;
  onnx_import::StoredWeight elements; ///< its shape is that of one dimension
};

/// What a .caffemodel file holds.
struct WeightsFile {
  std::string path;
  std::unordered_map<std::string, std::vector<Blob>> layers; ///< those with blobs, by name
  std::vector<std::string> ambiguous;                        ///< names of several layers with blobs
};

/// Throws Error, naming the path, if the file cannot be read or is no .caffemodel.
WeightsFile read_weights_file(const std::string& path);

} // namespace sinter::caffe_import
