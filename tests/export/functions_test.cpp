// Functions of C++ written as ONNX, imported again: the same results; names, weights beside the model,
// errors.
#include "sinter/sinter.h"

#include "frontend/onnx/export/model_writer.h"
#include "frontend/trace/traced_program.h"
#include "support/tool.h"

#include <gmock/gmock.h>
#include <onnx.pb.h>

#include <filesystem>

namespace sinter::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double largest_difference(const Tensor& a, const Tensor& b) {
  return max(abs(cast(a, DType::f64) - cast(b, DType::f64))).item();
}

class ExportFunctions : public testing::Test {
protected:
  // Exports `f`, imports it and compares.
  template <class F, class... Args>
  void check(F f, const Args&... args) {
    const std::tuple arguments(args...);
    export_onnx(f, arguments, path_);
    std::vector<Tensor> expected = tensors_of(f(args...));
    const std::vector<Tensor> actual = Model::load(path_).run(tensors_of(arguments));
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(to_string(actual[i].shape()), to_string(expected[i].shape()));
      EXPECT_LE(largest_difference(actual[i], expected[i]), 1e-5) << "output " << i;
    }
  }

  onnx::ModelProto written() const {
    onnx::ModelProto model;
    EXPECT_TRUE(model.ParseFromString(read_file(path_)));
    return model;
  }

  template <class F>
  std::string error_of(F&& f) {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("f.onnx");
};

struct Mlp {
  Tensor w1, b1, w2;
};

TEST_F(ExportFunctions, ATrainedNetwork) {
  const auto apply = [](const Mlp& p, const Tensor& x) { return linear(tanh(linear(x, p.w1, p.b1)), p.w2); };
  Mlp params{Tensor::normal({16, 4}, 1, 0, 0.5), Tensor::zeros({16}), Tensor::normal({1, 16}, 2, 0, 0.5)};
  const Tensor x = Tensor::normal({32, 4}, 3), y = sum(x, {1}, true);
  const auto step = value_and_grad([&](Mlp p) { return mean(square(apply(p, x) - y)); });
  double first = 0, last = 0;
  for (int i = 0; i < 5; ++i) {
    const auto [loss, gradient] = step(params);
    (i == 0 ? first : last) = loss.item();
    params = map_tensors(params, gradient, [](const Tensor& p, const Tensor& g) { return p - 0.05 * g; });
  }
  EXPECT_LT(last, first);
  // Its parameters are initialisers where they are captured, inputs where they are arguments.
  check([&](Tensor input) { return apply(params, input); }, x);
  EXPECT_EQ(written().graph().input_size(), 1);
  check([&](Mlp p, Tensor input) { return apply(p, input); }, params, x);
  EXPECT_EQ(written().graph().input_size(), 4);
}

TEST_F(ExportFunctions, AConvolutionalNetwork) {
  const Tensor w1 = Tensor::normal({8, 3, 3, 3}, 1, 0, 0.2), b1 = Tensor::normal({8}, 2),
               w2 = Tensor::normal({8, 1, 3, 3}, 3, 0, 0.3), w3 = Tensor::normal({8, 4, 2, 2}, 4, 0, 0.3);
  check(
      [&](Tensor x) {
        x = silu(conv(x, w1, b1, {.strides = {2}, .padding = {1}}));
        x = x + gelu(conv(x, w2, {.padding = {1}, .groups = 8}));
        x = max_pool(x, {.kernel = {3}, .strides = {2}, .ceil_mode = true});
        x = conv_transpose(x, w3, {.strides = {2}});
        x = resize(x, {1, 4, 9, 11}, {});
        return std::tuple(softmax(global_avg_pool(x), 1), mish(x), argmax(x, 1));
      },
      Tensor::normal({1, 3, 21, 25}, 5));
}

TEST_F(ExportFunctions, AttentionIndexingAndReductions) {
  const Tensor table = Tensor::normal({50, 12}, 1), scale = Tensor::normal({12}, 2);
  check(
      [&](Tensor x, Tensor indices) {
        const Tensor rows = layer_norm(gather(table, indices), scale);
        const Tensor mixed = scaled_dot_product_attention(x, rows, rows);
        const Tensor piece = slice(mixed, 0, 4, 0, -2);
        return std::tuple(mixed, concat({piece, max(mixed, {0}, true)}, 0),
                          pad(sum(mixed, {1}), {1}, {2}, 0.5), where(less(piece, 0.0), piece, 1.0));
      },
      Tensor::normal({6, 12}, 3), Tensor::of(std::vector<int64_t>{3, -1, 49, 0, 7}, {5}));
}

TEST_F(ExportFunctions, AGradient) {
  const Tensor w = Tensor::normal({4, 2, 3, 3}, 1, 0, 0.3);
  const auto loss = [](Tensor x, Tensor filter) {
    return sum(square(avg_pool(conv(x, filter, {.strides = {2}, .padding = {1}}), {.kernel = {2}})));
  };
  check([&](Tensor x) { return grad([&](Tensor filter) { return loss(x, filter); })(w); },
        Tensor::normal({2, 2, 9, 8}, 2));
}

TEST_F(ExportFunctions, WhatIsCompiledAlready) {
  const auto f = compile([](Tensor a, Tensor b) { return relu(a) + b; });
  check(f, Tensor::normal({3, 4}, 1), Tensor::normal({4}, 2));
}

TEST_F(ExportFunctions, NamesAreThoseAskedFor) {
  const auto f = [](Tensor a, Tensor b) { return std::tuple(relu(a + b), a); };
  const std::tuple arguments(Tensor::ones({2}), Tensor::ones({2}));
  export_onnx(f, arguments, path_, {.input_names = {"left", "right"}, .output_names = {"sum", "same"}});
  const Model model = Model::load(path_);
  EXPECT_EQ(model.inputs()[1].name, "right");
  EXPECT_EQ(model.outputs()[1].name, "same");
  EXPECT_THAT(written().graph().node(0).name(), HasSubstr("add@functions_test.cpp:"));

  EXPECT_THAT(error_of([&] { export_onnx(f, arguments, path_, {.input_names = {"one"}}); }),
              HasSubstr("functions_test.cpp:"));
  EXPECT_THAT(error_of([&] { export_onnx(f, arguments, path_, {.input_names = {"one"}}); }),
              HasSubstr("there are 2 inputs, and names for 1"));
  EXPECT_THAT(error_of([&] { export_onnx(f, arguments, path_, {.input_names = {"a", "a"}}); }),
              HasSubstr("two inputs are called 'a'"));
  EXPECT_THAT(error_of([&] { export_onnx(f, arguments, path_, {.output_names = {"a", ""}}); }),
              HasSubstr("has an empty name"));
}

TEST_F(ExportFunctions, ErrorsNameTheLine) {
  const auto gradient = [](Tensor x) {
    return grad([](Tensor t) { return sum(max_pool(t, {.kernel = {2}})); })(x);
  };
  const std::tuple arguments(Tensor::ones({1, 1, 4, 4}));
  const std::string refused = error_of([&] { export_onnx(gradient, arguments, path_); });
  EXPECT_THAT(refused, testing::StartsWith("functions_test.cpp:"));
  EXPECT_EQ(refused.find("functions_test.cpp:", 1), std::string::npos) << refused; // once
  EXPECT_THAT(refused, HasSubstr("max_pool_index cannot be written as ONNX: ONNX does not number the taps"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  const auto f = [](Tensor x) { return relu(x); };
  EXPECT_THAT(error_of([&] { export_onnx(f, arguments, path_, {.opset = 16}); }),
              HasSubstr("opset 16 is not written"));
  EXPECT_THAT(error_of([&] { export_onnx(f, arguments, folder_.path("no/where.onnx")); }),
              HasSubstr("cannot write"));
}

TEST_F(ExportFunctions, WeightsMayLieBesideTheModel) {
  const Tensor w = Tensor::normal({64, 64}, 1);
  const Tensor x = Tensor::normal({2, 64}, 2);
  const auto f = [&](Tensor input) { return linear(input, w); };
  export_onnx(f, std::tuple(x), path_, {.external_data = true});
  EXPECT_LT(std::filesystem::file_size(path_), 1024U);
  EXPECT_EQ(std::filesystem::file_size(path_ + ".data"), 64U * 64 * 4);
  EXPECT_LE(largest_difference(Model::load(path_).run({x})[0], f(x)), 1e-5);
}

// As a model of 2 GiB would be.
TEST_F(ExportFunctions, LargeModelsHaveTheirWeightsBeside) {
  const Tensor w = Tensor::normal({64, 64}, 1), x = Tensor::normal({2, 64}, 2);
  const auto f = compile([&](Tensor input) { return linear(input, w); });
  onnx_export::WriteOptions options;
  options.most_bytes = 10000;
  detail::TracedProgram::use(f.core(), std::array{x}, SourceLocation::current(), [&](mlir::ModuleOp module) {
    onnx_export::write_model(module, path_, options);
  });
  EXPECT_TRUE(std::filesystem::exists(path_ + ".data"));
  EXPECT_LE(largest_difference(Model::load(path_).run({x})[0], f(x)), 1e-5);
}

} // namespace
} // namespace sinter::test
