// Caffe's layers without windows, each against its formula.
#include "caffe_one_layer.h"

#include <cmath>

namespace sinter::test {
namespace {

using std::vector;

template <class F>
Elements mapped(const Elements& x, F f) {
  Elements result = x;
  for (float& value : result.values)
    value = static_cast<float>(f(static_cast<double>(value)));
  return result;
}

template <class F>
void expect_function(const std::string& type, const std::string& settings, F f) {
  SCOPED_TRACE(type + " " + settings);
  const Elements x = some({2, 3, 4}, 1);
  expect_elements(OneLayer(type, settings).x(x).run(), mapped(x, f));
}

TEST(CaffeLayers, FunctionsOfOneElement) {
  expect_function("ReLU", "", [](double x) { return std::max(x, 0.0); });
  expect_function("ReLU", "relu_param { negative_slope: 0.25 }", [](double x) { return x > 0 ? x : x / 4; });
  expect_function("ELU", "elu_param { alpha: 0.5 }",
                  [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); });
  expect_function("Sigmoid", "", [](double x) { return 1 / (1 + std::exp(-x)); });
  expect_function("TanH", "", [](double x) { return std::tanh(x); });
  expect_function("AbsVal", "", [](double x) { return std::abs(x); });
  expect_function("BNLL", "", [](double x) { return std::log1p(std::exp(x)); });
  expect_function("Swish", "swish_param { beta: 2 }", [](double x) { return x / (1 + std::exp(-2 * x)); });
  expect_function("Swish", "", [](double x) { return x / (1 + std::exp(-x)); });
  expect_function("Clip", "clip_param { min: -0.5 max: 0.25 }",
                  [](double x) { return std::clamp(x, -0.5, 0.25); });
  expect_function("Threshold", "threshold_param { threshold: 0.25 }",
                  [](double x) { return x > 0.25 ? 1 : 0; });
  expect_function("Dropout", "dropout_param { dropout_ratio: 0.25 }", [](double x) { return x; });
  expect_function("Dropout", "dropout_param { dropout_ratio: 0.25 scale_train: false }",
                  [](double x) { return 0.75 * x; });
}

TEST(CaffeLayers, PowersAndLogarithms) {
  expect_function("Power", "power_param { scale: 0.5 shift: 2 }", [](double x) { return 2 + 0.5 * x; });
  expect_function("Power", "power_param { power: 2 scale: 3 }", [](double x) { return 9 * x * x; });
  expect_function("Power", "power_param { power: -1.5 scale: 0.5 shift: 2 }",
                  [](double x) { return std::pow(2 + x / 2, -1.5); });
  expect_function("Power", "power_param { power: 0 }", [](double) { return 1; });
  expect_function("Exp", "", [](double x) { return std::exp(x); });
  expect_function("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }",
                  [](double x) { return std::exp2(1 + x / 2); });
  expect_function("Log", "log_param { shift: 2 }", [](double x) { return std::log(x + 2); });
  expect_function("Log", "log_param { base: 10 scale: 0.5 shift: 2 }",
                  [](double x) { return std::log10(2 + x / 2); });
}

TEST(CaffeLayers, PRelu) {
  const Elements x{{1, 2, 2}, {-1, 2, -3, 4}};
  expect_elements(OneLayer("PReLU").x(x).blob({{2}, {0.5, 0.25}}).run(), {{1, 2, 2}, {-0.5, 2, -0.75, 4}});
  OneLayer shared("PReLU", "prelu_param { channel_shared: true }");
  expect_elements(shared.x(x).blob({{}, {0.5}}).run(), {{1, 2, 2}, {-0.5, 2, -1.5, 4}});
}

TEST(CaffeLayers, InnerProduct) {
  const Elements x{{2, 1, 2}, {1, 2, 3, 4}}, bias{{3}, {0, 10, 20}};
  const Elements rows{{3, 2}, {1, 0, 0, 1, 1, 1}}, columns{{2, 3}, {1, 0, 1, 0, 1, 1}};
  const auto layer = [](const std::string& more) {
    return OneLayer("InnerProduct", "inner_product_param { num_output: 3 " + more + "}");
  };
  expect_elements(layer("").x(x).blob(rows).blob(bias).run(), {{2, 3}, {1, 12, 23, 3, 14, 27}});
  expect_elements(layer("transpose: true bias_term: false ").x(x).blob(columns).run(),
                  {{2, 3}, {1, 2, 3, 3, 4, 7}});
  expect_elements(layer("axis: -1 ").x(x).blob(rows).blob(bias).run(), {{2, 1, 3}, {1, 12, 23, 3, 14, 27}});
}

TEST(CaffeLayers, Embed) {
  OneLayer layer("Embed", "embed_param { num_output: 2 input_dim: 3 }");
  layer.x({{2, 2}, {2, 0, 1, 2}}).blob({{3, 2}, {0, 1, 2, 3, 4, 5}}).blob({{2}, {10, 20}});
  expect_elements(layer.run(), {{2, 2, 2}, {14, 25, 10, 21, 12, 23, 14, 25}});
}

TEST(CaffeLayers, BatchNorm) {
  const Elements x{{1, 2, 2}, {1, 2, 3, 4}}, mean{{2}, {2, 8}}, variance{{2}, {1, 32}};
  const auto normalized = [](double value, double m, double v) {
    return static_cast<float>((value - m) / std::sqrt(v + 0.5));
  };
  OneLayer halved("BatchNorm", "batch_norm_param { eps: 0.5 }"); // blobs are sums of two
  halved.x(x).blob(mean).blob(variance).blob({{1}, {2}});
  expect_elements(halved.run(), {{1, 2, 2},
                                 {normalized(1, 1, 0.5), normalized(2, 1, 0.5), normalized(3, 4, 16),
                                  normalized(4, 4, 16)}});
  OneLayer empty("BatchNorm", "batch_norm_param { eps: 0.5 }"); // of nothing
  empty.x(x).blob(mean).blob(variance).blob({{1}, {0}});
  expect_elements(empty.run(), mapped(x, [](double value) { return value / std::sqrt(0.5); }));
  OneLayer own("BatchNorm", "batch_norm_param { eps: 0.5 use_global_stats: false }"); // its own statistics
  own.x(x).blob(mean).blob(variance).blob({{1}, {2}});
  expect_elements(own.run(), {{1, 2, 2},
                              {normalized(1, 1.5, 0.25), normalized(2, 1.5, 0.25), normalized(3, 3.5, 0.25),
                               normalized(4, 3.5, 0.25)}});
}

TEST(CaffeLayers, Scale) {
  const Elements x{{2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}};
  OneLayer channels("Scale", "scale_param { bias_term: true }");
  expect_elements(channels.x(x).blob({{2}, {1, 10}}).blob({{2}, {0.5, 0}}).run(),
                  {x.dims, {1.5, 2.5, 30, 40, 5.5, 6.5, 70, 80}});
  OneLayer first("Scale", "scale_param { axis: 0 num_axes: 2 }");
  expect_elements(first.x(x).blob({{2, 2}, {1, 2, 3, 4}}).run(), {x.dims, {1, 2, 6, 8, 15, 18, 28, 32}});
  OneLayer rest("Scale", "scale_param { axis: 1 num_axes: -1 }");
  expect_elements(rest.x(x).blob({{2, 2}, {1, 2, 3, 4}}).run(), {x.dims, {1, 4, 9, 16, 5, 12, 21, 32}});
  OneLayer scalar("Scale", "scale_param { num_axes: 0 }");
  expect_elements(scalar.x(x).blob({{}, {2}}).run(), {x.dims, {2, 4, 6, 8, 10, 12, 14, 16}});
  OneLayer computed("Scale", "scale_param { axis: 0 bias_term: true }");
  expect_elements(computed.x(x).x({{2}, {1, 2}}).blob({{2}, {0, 1}}).run(),
                  {x.dims, {1, 2, 3, 4, 11, 13, 15, 17}});
}

TEST(CaffeLayers, Bias) {
  const Elements x{{1, 2, 2}, {1, 2, 3, 4}};
  expect_elements(OneLayer("Bias").x(x).blob({{2}, {10, 20}}).run(), {x.dims, {11, 12, 23, 24}});
  OneLayer computed("Bias", "bias_param { axis: 2 }");
  expect_elements(computed.x(x).x({{2}, {10, 20}}).run(), {x.dims, {11, 22, 13, 24}});
}

TEST(CaffeLayers, Eltwise) {
  const Elements a{{2, 2}, {1, -2, 3, 4}}, b{{2, 2}, {5, 6, -7, 8}}, c{{2, 2}, {1, 1, 2, 2}};
  const auto layer = [&](const std::string& settings) {
    return OneLayer("Eltwise", settings).x(a).x(b).x(c).run();
  };
  expect_elements(layer(""), {{2, 2}, {7, 5, -2, 14}});
  expect_elements(layer("eltwise_param { coeff: 1 coeff: -1 coeff: 0.5 }"), {{2, 2}, {-3.5, -7.5, 11, -3}});
  expect_elements(layer("eltwise_param { operation: PROD }"), {{2, 2}, {5, -12, -42, 64}});
  expect_elements(layer("eltwise_param { operation: MAX }"), {{2, 2}, {5, 6, 3, 8}});
}

TEST(CaffeLayers, Softmax) {
  const double e = std::exp(1), sum = 1 + e;
  const auto low = static_cast<float>(1 / sum), high = static_cast<float>(e / sum);
  expect_elements(OneLayer("Softmax").x({{1, 2, 2}, {0, 1, 1, 0}}).run(),
                  {{1, 2, 2}, {low, high, high, low}});
  OneLayer last("Softmax", "softmax_param { axis: -1 }");
  expect_elements(last.x({{1, 2, 2}, {0, 1, 1, 1}}).run(), {{1, 2, 2}, {low, high, 0.5, 0.5}});
}

TEST(CaffeLayers, ConcatAndSlice) {
  const Elements a{{2, 1, 2}, {1, 2, 3, 4}}, b{{2, 2, 2}, {5, 6, 7, 8, 9, 10, 11, 12}};
  const Elements both{{2, 3, 2}, {1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12}};
  expect_elements(OneLayer("Concat").x(a).x(b).run(), both);
  expect_elements(OneLayer("Concat", "concat_param { concat_dim: 0 }").x(a).x(a).run(),
                  {{4, 1, 2}, {1, 2, 3, 4, 1, 2, 3, 4}});
  auto parts = OneLayer("Slice", "slice_param { slice_point: 1 }", 2).x(both).run_all();
  expect_elements(parts.at(0), a);
  expect_elements(parts.at(1), b);
  parts = OneLayer("Slice", "slice_param { axis: 0 }", 2).x(a).run_all();
  expect_elements(parts.at(0), {{1, 1, 2}, {1, 2}});
  expect_elements(parts.at(1), {{1, 1, 2}, {3, 4}});
}

TEST(CaffeLayers, Shapes) {
  const Elements x = some({2, 3, 4, 5}, 2);
  const auto shaped = [&](const std::string& type, const std::string& settings, const vector<int64_t>& dims) {
    SCOPED_TRACE(settings);
    expect_elements(OneLayer(type, settings).x(x).run(), {dims, x.values});
  };
  shaped("Flatten", "", {2, 60});
  shaped("Flatten", "flatten_param { axis: 1 end_axis: -2 }", {2, 12, 5});
  shaped("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }", {2, 60});
  shaped("Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: 2 dim: 0 dim: -1 } }", {2, 2, 2, 5, 3});
  shaped("Reshape", "reshape_param { shape { dim: 2 dim: 2 } axis: 2 num_axes: 1 }", {2, 3, 2, 2, 5});
  shaped("Reshape", "reshape_param { shape { dim: 1 } axis: -1 num_axes: 0 }", {2, 3, 4, 5, 1});
  shaped("Reshape", "reshape_param { shape { dim: 6 dim: -1 } axis: 0 num_axes: 3 }", {6, 4, 5});
  shaped("Reshape", "reshape_param { shape { dim: -1 } }", {120});
}

TEST(CaffeLayers, Movements) {
  const Elements x{{1, 4, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  OneLayer permute("Permute", "permute_param { order: 0 order: 2 }");
  expect_elements(permute.x(x).run(), {{1, 3, 4}, {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}});
  OneLayer shuffle("ShuffleChannel", "shuffle_channel_param { group: 2 }");
  expect_elements(shuffle.x(x).run(), {{1, 4, 3}, {0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11}});
  OneLayer tile("Tile", "tile_param { axis: 1 tiles: 2 }");
  expect_elements(tile.x({{2, 2}, {1, 2, 3, 4}}).run(), {{2, 4}, {1, 2, 1, 2, 3, 4, 3, 4}});
  OneLayer crop("Crop", "crop_param { axis: 1 offset: 1 offset: 0 }");
  expect_elements(crop.x(x).x({{7, 2, 2}, vector<float>(28)}).run(), {{1, 2, 2}, {3, 4, 6, 7}});
  OneLayer same("Crop", "crop_param { axis: 1 offset: 1 }");
  expect_elements(same.x(x).x({{1, 2, 2}, vector<float>(4)}).run(), {{1, 2, 2}, {4, 5, 7, 8}});
  for (const Tensor& copy : OneLayer("Split", "", 2).x(x).run_all())
    expect_elements(copy, x);
}

TEST(CaffeLayers, Reduction) {
  const Elements x{{2, 3}, {1, -2, 3, 4, 5, -6}};
  const auto reduced = [&](const std::string& settings) {
    return OneLayer("Reduction", "reduction_param { " + settings + " }").x(x).run();
  };
  expect_elements(reduced("operation: SUM"), {{}, {5}});
  expect_elements(reduced("axis: 1 coeff: 2"), {{2}, {4, 6}});
  expect_elements(reduced("axis: 1 operation: ASUM"), {{2}, {6, 15}});
  expect_elements(reduced("axis: 1 operation: SUMSQ"), {{2}, {14, 77}});
  expect_elements(reduced("axis: -1 operation: MEAN"), {{2}, {2.0F / 3, 1}});
}

// Of equal elements Caffe takes the last.
TEST(CaffeLayers, ArgMax) {
  const Elements x{{2, 2, 2}, {1, 7, 7, 0, 5, 5, 5, 4}};
  expect_elements(OneLayer("ArgMax").x(x).run(), {{2, 1, 1}, {2, 2}});
  expect_elements(OneLayer("ArgMax", "argmax_param { out_max_val: true }").x(x).run(),
                  {{2, 2, 1}, {2, 7, 2, 5}});
  expect_elements(OneLayer("ArgMax", "argmax_param { axis: 1 }").x(x).run(), {{2, 1, 2}, {1, 0, 1, 0}});
  expect_elements(OneLayer("ArgMax", "argmax_param { axis: 1 out_max_val: true }").x(x).run(),
                  {{2, 1, 2}, {7, 7, 5, 5}});
}

TEST(CaffeLayers, Mvn) {
  const Elements x{{1, 2, 2}, {1, 3, 10, 30}};
  expect_elements(OneLayer("MVN").x(x).run(), {x.dims, {-1, 1, -1, 1}});
  expect_elements(OneLayer("MVN", "mvn_param { normalize_variance: false }").x(x).run(),
                  {x.dims, {-1, 1, -10, 10}});
  OneLayer across("MVN", "mvn_param { across_channels: true eps: 1 }");
  const double deviation = std::sqrt((100 + 64 + 1 + 361) / 4.0) + 1;
  expect_elements(across.x(x).run(), mapped(x, [&](double value) { return (value - 11) / deviation; }));
}

TEST(CaffeLayers, Normalize) {
  const Elements x{{1, 2, 2}, {3, 6, 4, 8}};
  OneLayer all("Normalize", "norm_param { across_spatial: true }");
  expect_elements(all.x(x).blob({{}, {2}}).run(),
                  mapped(x, [](double value) { return 2 * value / std::sqrt(125); }));
  OneLayer each("Normalize", "norm_param { across_spatial: false channel_shared: false }");
  expect_elements(each.x(x).blob({{2}, {5, 10}}).run(), {x.dims, {3, 3, 8, 8}});
}

TEST(CaffeLayers, Parameter) {
  OneLayer layer("Parameter", "parameter_param { shape { dim: 2 } }");
  expect_elements(layer.blob({{2}, {1, 2}}).run(), {{2}, {1, 2}});
}

} // namespace
} // namespace sinter::test
