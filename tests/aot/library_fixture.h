// Libraries of small models, made in folders of their own.
#pragma once

#include "sinter/aot.h"
#include "sinter/onnx.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace sinter::test {

class Libraries : public testing::Test {
protected:
  /// The small classifier, loaded.
  Model small() {
    const std::string path = folder.path("small.onnx");
    small_classifier().save(path);
    return Model::load(path, {.threads = 1});
  }

  static Tensor input(int64_t batch = 2, uint64_t seed = 5) {
    return Tensor::uniform({batch, 3, 8, 8}, seed, -1.0, 1.0);
  }

  static std::string bytes_of(const Tensor& tensor) {
    return {static_cast<const char*>(tensor.view().data), tensor.view().bytes()};
  }

  TemporaryFolder folder;
};

} // namespace sinter::test
