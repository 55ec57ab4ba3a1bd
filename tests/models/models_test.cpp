// Models with known answers, found under the folder SINTER_TEST_MODELS (skipped where it is not set):
//   .../CASE/model.onnx with CASE/test_data_set_N/input_I.pb and output_I.pb, as ONNX publishes its own
//   cases;
//   .../NAME.onnx with NAME[_WHAT]_input.npy and NAME[_WHAT]_output.npy beside it.
#include "sinter/data/npy.h"
#include "sinter/onnx.h"
#include "support/tool.h"

#include <gtest/gtest.h>
#include <onnx.pb.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace sinter::test {
namespace {

namespace fs = std::filesystem;

/// The tensor in one of ONNX's test files.
Tensor read_tensor(const fs::path& path) {
  onnx::TensorProto proto;
  if (!proto.ParseFromString(read_file(path.string())))
    throw Error(path.string() + " holds no tensor");
  const Shape shape{
      std::span<const int64_t>(proto.dims().data(), static_cast<std::size_t>(proto.dims_size()))};
  auto fill = [&](DType dtype, const auto& values) {
    Tensor tensor = Tensor::empty(shape, dtype);
    visit_dtype(dtype, "test data", [&](auto tag) {
      using T = decltype(tag);
      if (!proto.raw_data().empty())
        std::memcpy(tensor.view().data, proto.raw_data().data(), tensor.view().bytes());
      else
        for (int i = 0; i < values.size(); ++i)
          tensor.view().as<T>()[i] = static_cast<T>(values[i]);
    });
    return tensor;
  };
  switch (proto.data_type()) {
  case onnx::TensorProto::FLOAT:
    return fill(DType::f32, proto.float_data());
  case onnx::TensorProto::DOUBLE:
    return fill(DType::f64, proto.double_data());
  case onnx::TensorProto::INT32:
    return fill(DType::i32, proto.int32_data());
  case onnx::TensorProto::INT64:
    return fill(DType::i64, proto.int64_data());
  case onnx::TensorProto::BOOL:
    return fill(DType::boolean, proto.int32_data());
  default:
    throw Error(path.string() + " has an element type that this test does not know");
  }
}

/// The largest |actual - expected| beyond `relative` * |expected|.
double largest_error(const Tensor& actual, const Tensor& expected, double relative) {
  if (!(actual.shape() == expected.shape()) || actual.dtype() != expected.dtype())
    throw Error("the output is " + to_string(actual.view()) + ", expected " + to_string(expected.view()));
  double largest = 0;
  visit_dtype(expected.dtype(), "comparison", [&](auto tag) {
    using T = decltype(tag);
    const Tensor a = actual.contiguous(), e = expected.contiguous();
    for (int64_t i = 0; i < e.elements(); ++i) {
      const auto x = static_cast<double>(a.view().template as<T>()[i]),
                 y = static_cast<double>(e.view().template as<T>()[i]);
      if (x != y && !(std::isnan(x) && std::isnan(y)))
        largest =
            std::max(largest, std::isfinite(x - y) ? std::abs(x - y) - relative * std::abs(y) : INFINITY);
    }
  });
  return largest;
}

/// Runs a model fused, unfused and interpreted; every answer must be within `tolerance`.
void check(const fs::path& model, const std::vector<Tensor>& inputs, const std::vector<Tensor>& expected,
           double tolerance, double relative) {
  for (const char* how : {"fused", "unfused", "interpreted"}) {
    SCOPED_TRACE(how);
    ModelOptions options;
    options.fuse = std::strcmp(how, "unfused") != 0;
    Model loaded = Model::load(model.string(), options);
    const std::vector<Tensor> actual =
        std::strcmp(how, "interpreted") == 0 ? loaded.interpret(inputs) : loaded.run(inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_LE(largest_error(actual[i], expected[i], relative), tolerance) << "output " << i;
  }
}

std::vector<fs::path> models_below(const char* folder) {
  std::vector<fs::path> models;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".onnx")
      models.push_back(entry.path());
  std::sort(models.begin(), models.end());
  return models;
}

std::vector<Tensor> read_tensors(const fs::path& set, const std::string& kind) {
  std::vector<Tensor> tensors;
  for (int i = 0; fs::exists(set / (kind + std::to_string(i) + ".pb")); ++i)
    tensors.push_back(read_tensor(set / (kind + std::to_string(i) + ".pb")));
  return tensors;
}

TEST(Models, SingleLayersAgreeWithOnnx) {
  const char* folder = std::getenv("SINTER_TEST_MODELS");
  if (folder == nullptr)
    GTEST_SKIP() << "SINTER_TEST_MODELS is not set";
  int64_t cases = 0;
  int64_t unsupported = 0;
  for (const fs::path& model : models_below(folder))
    for (int n = 0; fs::exists(model.parent_path() / ("test_data_set_" + std::to_string(n))); ++n) {
      const fs::path set = model.parent_path() / ("test_data_set_" + std::to_string(n));
      SCOPED_TRACE(set.string());
      ++cases;
      try {
        check(model, read_tensors(set, "input_"), read_tensors(set, "output_"), 1e-4, 1e-5);
      } catch (const Error& error) {
        const bool clear = std::string(error.what()).find("is not supported") != std::string::npos;
        EXPECT_TRUE(clear) << error.what();
        unsupported += clear;
      }
    }
  std::printf("%lld cases, %lld of them of unsupported operators\n", static_cast<long long>(cases),
              static_cast<long long>(unsupported));
  EXPECT_LE(unsupported * 12, cases);
}

TEST(Models, WholeModelsAgreeWithStoredOutputs) {
  const char* folder = std::getenv("SINTER_TEST_MODELS");
  if (folder == nullptr)
    GTEST_SKIP() << "SINTER_TEST_MODELS is not set";
  constexpr std::string_view kInput = "_input.npy";
  for (const fs::path& model : models_below(folder)) {
    const std::string stem = model.stem().string();
    for (const auto& entry : fs::directory_iterator(model.parent_path())) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(stem + "_") || !name.ends_with(kInput))
        continue;
      const std::string output = name.substr(0, name.size() - kInput.size()) + "_output.npy";
      if (!fs::exists(model.parent_path() / output))
        continue;
      SCOPED_TRACE(entry.path().string());
      check(model, {load_npy(entry.path().string())}, {load_npy((model.parent_path() / output).string())},
            1e-3, 0);
    }
  }
}

} // namespace
} // namespace sinter::test
