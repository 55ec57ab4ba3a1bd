// Every form that opsets give an operator means what ONNX says: windows, products, reductions,
// normalisations.
#include "onnx_one_node.h"

#include <cmath>

namespace sinter::test {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

Tensor counting(const Shape& shape) {
  Floats values;
  for (int64_t i = 0; i < shape.elements(); ++i)
    values.push_back(static_cast<float>(i));
  return Tensor::of(values, shape);
}

TEST(OnnxWindows, ConvPadsAsAutoPadSays) {
  const Tensor x = Tensor::of({1, 2, 3, 4}, {1, 1, 4}), filter = Tensor::of({1, 10}, {1, 1, 2});
  auto conv = [&](const char* mode) {
    return OneNode("Conv", 11).x(x).x(filter).set("auto_pad", mode).run();
  };
  expect_tensor(conv("SAME_UPPER"), {1, 1, 4}, Floats{21, 32, 43, 4});
  expect_tensor(conv("SAME_LOWER"), {1, 1, 4}, Floats{10, 21, 32, 43});
  expect_tensor(conv("VALID"), {1, 1, 3}, Floats{21, 32, 43});
  expect_tensor(OneNode("Conv", 11).x(x).x(filter).set("pads", Ints{2, 0}).set("strides", Ints{2}).run(),
                {1, 1, 3}, Floats{0, 21, 43});
  EXPECT_EQ(OneNode("Conv", 11).x(x).x(filter).set("kernel_shape", Ints{3}).error(),
            "node 'Conv1' (Conv): kernel_shape [3] does not match the filter's shape [1, 1, 2]");
  EXPECT_EQ(OneNode("Conv", 11).x(x).x(filter).set("strides", Ints{0}).error(),
            "node 'Conv1' (Conv): strides [0] is out of range");
  EXPECT_EQ(OneNode("Conv", 11).x(x).x(filter).set("strides", Ints{1, 1}).error(),
            "node 'Conv1' (Conv): strides [1, 1] does not have 1 entries");
}

TEST(OnnxWindows, ConvTransposeReachesTheOutputShape) {
  const Tensor x = Tensor::of({1, 2}, {1, 1, 2}), filter = Tensor::of({1, 1, 1}, {1, 1, 3});
  auto node = [&] { return OneNode("ConvTranspose", 11).x(x).x(filter).set("strides", Ints{2}); };
  expect_tensor(node().run(), {1, 1, 5}, Floats{1, 1, 3, 2, 2});
  expect_tensor(node().set("output_shape", Ints{4}).run(), {1, 1, 4}, Floats{1, 3, 2, 2});
  expect_tensor(node().set("output_shape", Ints{4}).set("auto_pad", "SAME_UPPER").run(), {1, 1, 4},
                Floats{1, 1, 3, 2});
  expect_tensor(node().set("auto_pad", "SAME_UPPER").run(), {1, 1, 4}, Floats{1, 1, 3, 2});
  expect_tensor(node().set("output_padding", Ints{1}).run(), {1, 1, 6}, Floats{1, 1, 3, 2, 2, 0});
}

TEST(OnnxWindows, PoolingsKnowCeilModeAndPadding) {
  const Tensor x = counting({1, 1, 5});
  auto node = [&](const char* op) {
    return OneNode(op, 11).x(x).set("kernel_shape", Ints{2}).set("strides", Ints{2});
  };
  expect_tensor(node("MaxPool").run(), {1, 1, 2}, Floats{1, 3});
  expect_tensor(node("MaxPool").set("ceil_mode", int64_t{1}).run(), {1, 1, 3}, Floats{1, 3, 4});
  expect_tensor(node("AveragePool").set("pads", Ints{1, 0}).run(), {1, 1, 3}, Floats{0, 1.5, 3.5});
  expect_tensor(node("AveragePool").set("pads", Ints{1, 0}).set("count_include_pad", int64_t{1}).run(),
                {1, 1, 3}, Floats{0, 1.5, 3.5});
  expect_tensor(node("MaxPool").set("auto_pad", "SAME_UPPER").run(), {1, 1, 3}, Floats{1, 3, 4});
  expect_tensor(OneNode("GlobalAveragePool", 9).x(x).run(), {1, 1, 1}, Floats{2});
  expect_tensor(OneNode("GlobalMaxPool", 9).x(x).run(), {1, 1, 1}, Floats{4});
}

TEST(OnnxWindows, PoolingIndicesAreRefused) {
  OneNode node("MaxPool", 11);
  node.x(counting({1, 1, 4})).set("kernel_shape", Ints{2});
  EXPECT_THROW(node.run_all(2), Error);
}

TEST(OnnxProducts, MatMulTakesVectors) {
  const Tensor matrix = Tensor::of({1, 2, 3, 4}, {2, 2}), vector = Tensor::of({10, 1}, {2});
  expect_tensor(OneNode("MatMul", 13).x(vector).x(matrix).run(), {2}, Floats{13, 24});
  expect_tensor(OneNode("MatMul", 13).x(matrix).x(vector).run(), {2}, Floats{12, 34});
  expect_tensor(OneNode("MatMul", 13).x(vector).x(vector).run(), {}, Floats{101});
}

TEST(OnnxProducts, GemmScalesAndTransposes) {
  const Tensor a = Tensor::of({1, 2, 3, 4}, {2, 2}), b = Tensor::of({1, 1}, {1, 2}),
               c = Tensor::of({10}, {1});
  expect_tensor(OneNode("Gemm", 11)
                    .x(a)
                    .x(b)
                    .x(c)
                    .set("transA", int64_t{1})
                    .set("transB", int64_t{1})
                    .set("alpha", 2.0F)
                    .set("beta", 0.5F)
                    .run(),
                {2, 1}, Floats{13, 17});
  expect_tensor(OneNode("Gemm", 11).x(a).x(a).run(), {2, 2}, Floats{7, 10, 15, 22});
}

TEST(OnnxReductions, TakeAxesInEveryForm) {
  const Tensor x = counting({2, 3});
  expect_tensor(OneNode("ReduceSum", 11).x(x).set("axes", Ints{1}).set("keepdims", int64_t{0}).run(), {2},
                Floats{3, 12});
  expect_tensor(OneNode("ReduceSum", 13).x(x).integers({-2}).run(), {1, 3}, Floats{3, 5, 7});
  expect_tensor(OneNode("ReduceSum", 13).x(x).run(), {1, 1}, Floats{15});
  expect_tensor(OneNode("ReduceSum", 13).x(x).set("noop_with_empty_axes", int64_t{1}).run(), {2, 3},
                Floats{0, 1, 2, 3, 4, 5});
  expect_tensor(OneNode("ReduceMean", 18).x(x).integers({1}).run(), {2, 1}, Floats{1, 4});
  expect_tensor(OneNode("ReduceL1", 13).x({-1, 2}, {2}).run(), {1}, Floats{3});
  expect_tensor(OneNode("ReduceL2", 13).x({-3, 4}, {2}).run(), {1}, Floats{5});
  expect_tensor(OneNode("ReduceSumSquare", 13).x({-3, 4}, {2}).run(), {1}, Floats{25});
  EXPECT_EQ(OneNode("ReduceSum", 13).x(x).integers({2}).error(),
            "node 'ReduceSum1' (ReduceSum): axis 2 is out of range for 2 dimensions");
}

TEST(OnnxReductions, LogSumExpDoesNotOverflow) {
  expect_tensor(OneNode("ReduceLogSumExp", 13).x({1000, 1000}, {2}).run(), {1},
                Floats{1000 + std::log(2.0F)});
}

TEST(OnnxReductions, ArgMaxTakesTheFirstOrTheLast) {
  const Tensor x = Tensor::of({1, 3, 3, 2}, {4});
  auto node = [&](int64_t last) {
    return OneNode("ArgMax", 12).x(x).set("keepdims", int64_t{0}).set("select_last_index", last);
  };
  expect_tensor(node(0).run(), {}, Ints{1});
  expect_tensor(node(1).run(), {}, Ints{2});
}

TEST(OnnxNormalizations, SoftmaxBeforeOpset13RunsOverAllLaterDimensions) {
  const Tensor x = Tensor::zeros({1, 2, 2});
  expect_tensor(OneNode("Softmax", 11).x(x).run(), {1, 2, 2}, Floats{0.25, 0.25, 0.25, 0.25});
  expect_tensor(OneNode("Softmax", 13).x(x).run(), {1, 2, 2}, Floats{0.5, 0.5, 0.5, 0.5});
}

TEST(OnnxNormalizations, BatchNormalizationIsForInferenceOnly) {
  auto node = [](int64_t opset) {
    return OneNode("BatchNormalization", opset)
        .x({1, 3}, {1, 2, 1})
        .numbers({2, 1})
        .numbers({0, 1})
        .numbers({1, 1})
        .numbers({4, 4});
  };
  expect_tensor(node(9).set("epsilon", 0.0F).run(), {1, 2, 1}, Floats{0, 2});
  EXPECT_EQ(node(14).set("training_mode", int64_t{1}).error(),
            "node 'BatchNormalization1' (BatchNormalization): training mode is not supported");
}

TEST(OnnxNormalizations, InstanceGroupAndLayer) {
  const Tensor x = Tensor::of({1, 3, 10, 30}, {1, 2, 2});
  expect_tensor(
      OneNode("InstanceNormalization", 6).x(x).numbers({1, 2}).numbers({0, 5}).set("epsilon", 0.0F).run(),
      {1, 2, 2}, Floats{-1, 1, 3, 7});
  const Tensor pairs = Tensor::of({1, 3, 1, 3}, {1, 2, 2});
  expect_tensor(OneNode("GroupNormalization", 18)
                    .x(pairs)
                    .numbers({2})
                    .numbers({1})
                    .set("num_groups", int64_t{1})
                    .set("epsilon", 0.0F)
                    .run(),
                {1, 2, 2}, Floats{-1, 3, -1, 3});
  expect_tensor(
      OneNode("LayerNormalization", 17).x({1, 3}, {1, 2}).numbers({2, 2}).set("epsilon", 0.0F).run(), {1, 2},
      Floats{-2, 2});
}

TEST(OnnxNormalizations, StatisticsRootMeanSquareAndNorms) {
  const auto outputs =
      OneNode("LayerNormalization", 17).x({1, 3}, {1, 2}).numbers({2, 2}).set("epsilon", 0.0F).run_all(3);
  expect_tensor(outputs[1], {1, 1}, Floats{2});
  expect_tensor(outputs[2], {1, 1}, Floats{1});
  expect_tensor(OneNode("RMSNormalization", 23).x({1, 7}, {1, 2}).numbers({5, 10}).set("epsilon", 0.0F).run(),
                {1, 2}, Floats{1, 14});
  expect_tensor(OneNode("LpNormalization", 22).x({3, 4, 0, 0}, {2, 2}).run(), {2, 2},
                Floats{0.6F, 0.8F, 0, 0});
}

TEST(OnnxReductions, ExtremesOfBooleans) {
  const Tensor x = Tensor::of(std::vector<float>{1, 0}, {2});
  ModelBuilder model(20);
  model.input("x", {2})
      .output("any", {1}, onnx::TensorProto::BOOL)
      .output("all", {1}, onnx::TensorProto::BOOL);
  model.node("Cast", {"x"}, {"b"}).attribute("to", int64_t{onnx::TensorProto::BOOL});
  model.node("ReduceMax", {"b"}, {"any"}).node("ReduceMin", {"b"}, {"all"});
  const TemporaryFolder folder;
  model.save(folder.path("m.onnx"));
  const auto outputs = Model::load(folder.path("m.onnx")).interpret({x});
  EXPECT_TRUE(outputs[0].item());
  EXPECT_FALSE(outputs[1].item());
}

TEST(OnnxMovements, PadInEveryForm) {
  const Tensor x = Tensor::of({1, 2, 3}, {3});
  expect_tensor(OneNode("Pad", 9).x(x).set("pads", Ints{1, 0}).set("value", 9.0F).run(), {4},
                Floats{9, 1, 2, 3});
  expect_tensor(OneNode("Pad", 13).x(x).integers({0, 1}).numbers({7}, true).run(), {4}, Floats{1, 2, 3, 7});
  expect_tensor(OneNode("Pad", 18).x(counting({1, 2})).integers({0, 1}).absent().integers({-1}).run(), {1, 3},
                Floats{0, 1, 0});
  expect_tensor(OneNode("Pad", 13).x(x).integers({2, 1}).set("mode", "reflect").run(), {6},
                Floats{3, 2, 1, 2, 3, 2});
  expect_tensor(OneNode("Pad", 13).x(x).integers({2, -1}).set("mode", "edge").run(), {4}, Floats{1, 1, 1, 2});
  EXPECT_EQ(OneNode("Pad", 19).x(x).integers({1, 1}).set("mode", "wrap").error(),
            "node 'Pad1' (Pad): mode 'wrap' is not supported");
}

TEST(OnnxMovements, DepthToSpaceAndBack) {
  const Tensor x = counting({1, 4, 1, 1});
  expect_tensor(OneNode("DepthToSpace", 11).x(x).set("blocksize", int64_t{2}).run(), {1, 1, 2, 2},
                Floats{0, 1, 2, 3});
  const Tensor y = counting({1, 8, 1, 1});
  expect_tensor(OneNode("DepthToSpace", 11).x(y).set("blocksize", int64_t{2}).set("mode", "CRD").run(),
                {1, 2, 2, 2}, Floats{0, 1, 2, 3, 4, 5, 6, 7});
  expect_tensor(OneNode("SpaceToDepth", 13).x(counting({1, 1, 2, 2})).set("blocksize", int64_t{2}).run(),
                {1, 4, 1, 1}, Floats{0, 1, 2, 3});
}

TEST(OnnxMovements, ResizeInEveryForm) {
  const Tensor x = Tensor::of({1, 2}, {1, 1, 1, 2});
  const Floats doubled{1, 1, 2, 2};
  const Shape wide{1, 1, 1, 4};
  expect_tensor(OneNode("Upsample", 7).x(x).set_numbers("scales", {1, 1, 1, 2}).run(), wide, doubled);
  expect_tensor(OneNode("Upsample", 9).x(x).numbers({1, 1, 1, 2}).run(), wide, doubled);
  expect_tensor(OneNode("Resize", 10).x(x).numbers({1, 1, 1, 2}).run(), wide, doubled);
  expect_tensor(OneNode("Resize", 11).x(x).numbers({}).numbers({1, 1, 1, 2}).run(), wide, doubled);
  expect_tensor(
      OneNode("Resize", 13).x(x).absent().absent().integers({1, 1, 1, 4}).set("mode", "linear").run(), wide,
      Floats{1, 1.25, 1.75, 2});
  expect_tensor(OneNode("Resize", 18).x(x).absent().absent().integers({4}).set("axes", Ints{3}).run(), wide,
                doubled);
  EXPECT_EQ(OneNode("Resize", 13).x(x).absent().numbers({1, 1, 1, 2}).set("mode", "cubic").error(),
            "node 'Resize1' (Resize): mode 'cubic' is not supported");
  EXPECT_EQ(OneNode("Resize", 13).x(x).error(),
            "node 'Resize1' (Resize): either scales or sizes must be given");
}

} // namespace
} // namespace sinter::test
