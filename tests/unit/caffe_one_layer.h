// Caffe networks of one layer, run by the reference interpreter.
#pragma once

#include "sinter/onnx.h"
#include "support/caffe_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <numeric>

namespace sinter::test {

/// The elements a layer is applied to and gives, with their extents: what naive implementations work on.
struct Elements {
  std::vector<int64_t> dims;
  std::vector<float> values;

  int64_t count() const { return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>()); }
};

inline Elements some(const std::vector<int64_t>& dims, uint64_t seed) {
  const CaffeBlob blob = made_up_blob(dims, seed);
  return {blob.dims, blob.values};
}

/// Builds a network of one layer. Inputs are x0, x1, ... in the order of the calls, tops y0, y1, ...
class OneLayer {
public:
  explicit OneLayer(std::string type, std::string settings = "", int tops = 1)
      : type_(std::move(type)), settings_(std::move(settings)), tops_(tops) {}

  OneLayer& x(const Elements& value) {
    inputs_.push_back(value);
    return *this;
  }
  OneLayer& blob(const Elements& value) {
    blobs_.push_back({value.dims, value.values});
    return *this;
  }

  std::vector<Tensor> run_all() const {
    CaffeNet net;
    std::vector<std::string> bottoms, tops;
    std::vector<Tensor> inputs;
    for (const Elements& input : inputs_) {
      bottoms.push_back("x" + std::to_string(inputs.size()));
      net.input(bottoms.back(), input.dims);
      inputs.push_back(Tensor::of(input.values, Shape(input.dims)));
    }
    for (int i = 0; i < tops_; ++i)
      tops.push_back("y" + std::to_string(i));
    net.layer(type_, "layer", bottoms, tops, settings_, blobs_);
    const TemporaryFolder folder;
    net.save(folder);
    ModelOptions options;
    if (!blobs_.empty())
      options.caffemodel = folder.path("net.caffemodel");
    return Model::load(folder.path("net.prototxt"), options).interpret(inputs);
  }
  Tensor run() const { return run_all().front(); }

  /// The message of the error that running throws, behind the path.
  std::string error() const {
    try {
      run();
    } catch (const Error& error) {
      const std::string text = error.what(), file = "net.prototxt: ";
      return text.substr(text.find(file) + file.size());
    }
    return "no error";
  }

private:
  std::string type_, settings_;
  int tops_;
  std::vector<Elements> inputs_;
  std::vector<CaffeBlob> blobs_;
};

inline void expect_elements(const Tensor& actual, const Elements& expected, float tolerance = 1e-5F) {
  EXPECT_EQ(to_string(actual.shape()), to_string(Shape(expected.dims)));
  ASSERT_EQ(actual.dtype(), DType::f32);
  EXPECT_THAT(actual.to_vector<float>(), testing::Pointwise(testing::FloatNear(tolerance), expected.values));
}

} // namespace sinter::test
