// Every form that opsets give an operator means what ONNX says: elementwise, shapes and slices.
#include "onnx_one_node.h"

#include <cmath>
#include <limits>

namespace sinter::test {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

const Shape kTwoByThree{2, 3};

Tensor counting(const Shape& shape) {
  Floats values;
  for (int64_t i = 0; i < shape.elements(); ++i)
    values.push_back(static_cast<float>(i));
  return Tensor::of(values, shape);
}

Tensor integers(const Ints& values) {
  return Tensor::of(values, {static_cast<int64_t>(values.size())});
}

TEST(OnnxElementwise, AddBroadcastsLikeNumPySinceOpset7) {
  expect_tensor(OneNode("Add", 7).x(counting(kTwoByThree)).x({10, 20, 30}, {3}).run(), kTwoByThree,
                Floats{10, 21, 32, 13, 24, 35});
}

TEST(OnnxElementwise, AddBeforeOpset7AlignsAtItsAxis) {
  expect_tensor(OneNode("Add", 6)
                    .x(counting(kTwoByThree))
                    .x({10, 20}, {2})
                    .set("broadcast", int64_t{1})
                    .set("axis", int64_t{0})
                    .run(),
                kTwoByThree, Floats{10, 11, 12, 23, 24, 25});
}

TEST(OnnxElementwise, VariadicOnes) {
  auto three = [](const char* op) {
    return OneNode(op, 13).x({1, 5}, {2}).x({2, 4}, {2}).x({6, 0}, {2}).run();
  };
  expect_tensor(three("Max"), {2}, Floats{6, 5});
  expect_tensor(three("Min"), {2}, Floats{1, 0});
  expect_tensor(three("Sum"), {2}, Floats{9, 9});
  expect_tensor(three("Mean"), {2}, Floats{3, 3});
}

TEST(OnnxElementwise, PowOfMixedTypesHasTheTypeOfTheBase) {
  expect_tensor(OneNode("Pow", 13).x({2, 3}, {2}).integers({3, 2}).run(), {2}, Floats{8, 9});
  expect_tensor(OneNode("Pow", 13).x(integers({4, 9})).numbers({0.5F}, true).run(), {2}, Ints{2, 3});
}

TEST(OnnxElementwise, ModFollowsTheDivisorAndFmodTheDividend) {
  expect_tensor(OneNode("Mod", 13).x(integers({-4, 7})).integers({3, -3}).run(), {2}, Ints{2, -2});
  expect_tensor(OneNode("Mod", 13).x({-4, 7}, {2}).numbers({3, -3}).set("fmod", int64_t{1}).run(), {2},
                Floats{-1, 1});
  EXPECT_EQ(OneNode("Mod", 13).x({-4}, {1}).numbers({3}).error(),
            "node 'Mod1' (Mod): floating-point operands need fmod = 1");
}

TEST(OnnxElementwise, ClipTakesBoundsInEveryForm) {
  const Tensor x = Tensor::of({-2, 0.5, 2}, {3});
  expect_tensor(OneNode("Clip", 6).x(x).set("min", -1.0F).set("max", 1.0F).run(), {3}, Floats{-1, 0.5, 1});
  expect_tensor(OneNode("Clip", 11).x(x).numbers({-1}, true).numbers({1}, true).run(), {3},
                Floats{-1, 0.5, 1});
  expect_tensor(OneNode("Clip", 12).x(x).absent().numbers({1}, true).run(), {3}, Floats{-2, 0.5, 1});
  expect_tensor(OneNode("Clip", 13).x(x).x(Tensor(-1.0F)).run(), {3}, Floats{-1, 0.5, 2});
  const Ints large{std::numeric_limits<int64_t>::max() - 1};
  expect_tensor(OneNode("Clip", 13).x(integers({7})).integers(large, true).run(), {1}, large);
}

TEST(OnnxElementwise, Activations) {
  const Tensor x = Tensor::of({-1, 0, 2}, {3});
  const float e = std::exp(-1.0F);
  expect_tensor(OneNode("LeakyRelu", 6).x(x).set("alpha", 0.1F).run(), {3}, Floats{-0.1F, 0, 2});
  expect_tensor(OneNode("Elu", 6).x(x).run(), {3}, Floats{e - 1, 0, 2});
  expect_tensor(OneNode("Celu", 12).x(x).set("alpha", 2.0F).run(), {3},
                Floats{2 * (std::exp(-0.5F) - 1), 0, 2});
  expect_tensor(OneNode("HardSigmoid", 6).x(x).run(), {3}, Floats{0.3F, 0.5, 0.9F});
  expect_tensor(OneNode("ThresholdedRelu", 10).x(x).run(), {3}, Floats{0, 0, 2});
  expect_tensor(OneNode("Shrink", 9).x(x).set("bias", 0.25F).run(), {3}, Floats{-0.75, 0, 1.75});
  expect_tensor(OneNode("HardSwish", 14).x(x).run(), {3}, Floats{-1 / 3.0F, 0, 2 * 5 / 6.0F});
}

TEST(OnnxElementwise, PReluSlopesRunAlongChannelsBeforeOpset7) {
  const Tensor x = Tensor::of({-1, -1, -1, -1}, {1, 2, 2});
  expect_tensor(OneNode("PRelu", 6).x(x).numbers({0.5, 0.25}).run(), {1, 2, 2},
                Floats{-0.5, -0.5, -0.25, -0.25});
  expect_tensor(OneNode("PRelu", 9).x(x).numbers({0.5, 0.25}).run(), {1, 2, 2},
                Floats{-0.5, -0.25, -0.5, -0.25});
}

TEST(OnnxElementwise, ComparisonsFeedWhere) {
  ModelBuilder model(13);
  model.input("x", {3}).output("y", {3}).weight("zero", {1});
  model.last_weight().set_raw_data(std::string(4, '\0'));
  model.node("GreaterOrEqual", {"x", "zero"}, {"c"})
      .node("Neg", {"x"}, {"n"})
      .node("Where", {"c", "x", "n"}, {"y"});
  const TemporaryFolder folder;
  model.save(folder.path("m.onnx"));
  expect_tensor(Model::load(folder.path("m.onnx")).interpret({Tensor::of({-1, 0, 2}, {3})}).front(), {3},
                Floats{1, 0, 2});
}

TEST(OnnxShapes, ReshapeKnowsZeroAndMinusOne) {
  const Tensor x = counting({2, 3, 4});
  EXPECT_EQ(to_string(OneNode("Reshape", 13).x(x).integers({0, -1}).run().shape()), "[2, 12]");
  EXPECT_EQ(to_string(OneNode("Reshape", 14)
                          .x(Tensor::empty({0, 3}))
                          .integers({3, 0})
                          .set("allowzero", int64_t{1})
                          .run()
                          .shape()),
            "[3, 0]");
  EXPECT_EQ(OneNode("Reshape", 13).x(x).integers({5, -1}).error(),
            "node 'Reshape1' (Reshape): cannot reshape [2, 3, 4] to [5, -1]");
  EXPECT_EQ(OneNode("Reshape", 13).x(x).integers({-1, -1}).error(),
            "node 'Reshape1' (Reshape): shape [-1, -1] has more than one -1");
  EXPECT_EQ(
      OneNode("Reshape", 13).x(x).x(integers({4, 6})).error(),
      "node 'Reshape1' (Reshape): the shape (input 1) depends on the model's inputs; it must be known from "
      "their shapes alone");
}

TEST(OnnxShapes, SqueezeAndUnsqueezeTakeAxesInBothForms) {
  const Tensor x = counting({1, 3, 1});
  EXPECT_EQ(to_string(OneNode("Squeeze", 11).x(x).set("axes", Ints{0}).run().shape()), "[3, 1]");
  EXPECT_EQ(to_string(OneNode("Squeeze", 13).x(x).integers({-1}).run().shape()), "[1, 3]");
  EXPECT_EQ(to_string(OneNode("Squeeze", 13).x(x).run().shape()), "[3]");
  EXPECT_EQ(to_string(OneNode("Unsqueeze", 11).x(x).set("axes", Ints{0, 4}).run().shape()),
            "[1, 1, 3, 1, 1]");
  EXPECT_EQ(to_string(OneNode("Unsqueeze", 13).x(x).integers({-1}).run().shape()), "[1, 3, 1, 1]");
  EXPECT_EQ(OneNode("Squeeze", 13).x(x).integers({1}).error(),
            "node 'Squeeze1' (Squeeze): cannot squeeze dimension 1 of [1, 3, 1]");
}

TEST(OnnxShapes, FlattenTransposeExpandTile) {
  const Tensor x = counting(kTwoByThree);
  EXPECT_EQ(to_string(OneNode("Flatten", 13).x(counting({2, 3, 4})).set("axis", int64_t{-1}).run().shape()),
            "[6, 4]");
  EXPECT_EQ(to_string(OneNode("Flatten", 9).x(x).set("axis", int64_t{2}).run().shape()), "[6, 1]");
  expect_tensor(OneNode("Transpose", 13).x(x).run(), {3, 2}, Floats{0, 3, 1, 4, 2, 5});
  EXPECT_EQ(OneNode("Transpose", 13).x(x).set("perm", Ints{0, 0}).error(),
            "node 'Transpose1' (Transpose): axes [0, 0] name a dimension twice");
  expect_tensor(OneNode("Expand", 8).x({1, 2}, {2, 1}).integers({2, 1, 2}).run(), {2, 2, 2},
                Floats{1, 1, 2, 2, 1, 1, 2, 2});
  expect_tensor(OneNode("Tile", 13).x({1, 2}, {1, 2}).integers({2, 2}).run(), {2, 4},
                Floats{1, 2, 1, 2, 1, 2, 1, 2});
}

TEST(OnnxSlices, SliceClampsAndStepsBack) {
  const Tensor x = counting({5});
  expect_tensor(OneNode("Slice", 9).x(x).set("starts", Ints{1}).set("ends", Ints{-1}).run(), {3},
                Floats{1, 2, 3});
  expect_tensor(OneNode("Slice", 13)
                    .x(x)
                    .integers({-1})
                    .integers({std::numeric_limits<int64_t>::min()})
                    .integers({0})
                    .integers({-2})
                    .run(),
                {3}, Floats{4, 2, 0});
  expect_tensor(OneNode("Slice", 13).x(x).integers({1}).integers({std::numeric_limits<int64_t>::max()}).run(),
                {4}, Floats{1, 2, 3, 4});
  expect_tensor(OneNode("Slice", 13)
                    .x(x)
                    .integers({4})
                    .integers({0})
                    .integers({0})
                    .integers({std::numeric_limits<int64_t>::min()})
                    .run(),
                {1}, Floats{4});
  EXPECT_EQ(to_string(OneNode("Slice", 13).x(x).integers({9}).integers({99}).run().shape()), "[0]");
  EXPECT_EQ(OneNode("Slice", 13).x(x).integers({0}).integers({1}).integers({0}).integers({0}).error(),
            "node 'Slice1' (Slice): a step is 0");
}

TEST(OnnxSlices, SplitInEveryForm) {
  const Tensor x = counting({5});
  auto pieces = OneNode("Split", 11).x(x).set("split", Ints{2, 3}).run_all(2);
  expect_tensor(pieces[1], {3}, Floats{2, 3, 4});
  pieces = OneNode("Split", 13).x(x).integers({4, 1}).run_all(2);
  expect_tensor(pieces[1], {1}, Floats{4});
  pieces = OneNode("Split", 18).x(x).set("num_outputs", int64_t{2}).run_all(2);
  expect_tensor(pieces[1], {2}, Floats{3, 4});
  EXPECT_EQ(OneNode("Split", 13).x(x).integers({6}).error(),
            "node 'Split1' (Split): split [6] does not add up to 5");
}

TEST(OnnxSlices, GatherConcatOneHot) {
  expect_tensor(
      OneNode("Gather", 13).x(counting(kTwoByThree)).integers({-1, 0}).set("axis", int64_t{1}).run(), {2, 2},
      Floats{2, 0, 5, 3});
  expect_tensor(OneNode("Concat", 13).x({1}, {1, 1}).x({2, 3}, {1, 2}).set("axis", int64_t{-1}).run(), {1, 3},
                Floats{1, 2, 3});
  expect_tensor(OneNode("OneHot", 11).x(integers({1, -1})).integers({3}).numbers({0, 5}).run(), {2, 3},
                Floats{0, 5, 0, 0, 0, 5});
}

TEST(OnnxSlices, TriluKeepsATriangle) {
  const Tensor x = Tensor::of({1, 2, 3, 4}, {2, 2});
  expect_tensor(OneNode("Trilu", 14).x(x).run(), {2, 2}, Floats{1, 2, 0, 4});
  expect_tensor(OneNode("Trilu", 14).x(x).integers({-1}, true).set("upper", int64_t{0}).run(), {2, 2},
                Floats{0, 0, 3, 0});
}

TEST(OnnxAttributes, ThatAreUnknownOrOfTheWrongKindAreRefused) {
  EXPECT_EQ(OneNode("Relu", 13).x({1}, {1}).set("ceiling", 6.0F).error(),
            "node 'Relu1' (Relu): attribute ceiling is not supported");
  EXPECT_EQ(OneNode("Flatten", 13).x({1}, {1}).set("axis", 1.0F).error(),
            "node 'Flatten1' (Flatten): attribute axis is not an integer");
  EXPECT_EQ(OneNode("Elu", 13).x({1}, {1}).set("alpha", int64_t{1}).error(),
            "node 'Elu1' (Elu): attribute alpha is not a number");
  EXPECT_EQ(OneNode("Transpose", 13).x({1}, {1}).set("perm", int64_t{0}).error(),
            "node 'Transpose1' (Transpose): attribute perm is not a list of integers");
  EXPECT_EQ(OneNode("Concat", 13).x({1}, {1}).error(), "node 'Concat1' (Concat): attribute axis is missing");
  EXPECT_EQ(OneNode("Add", 13).x({1}, {1}).error(), "node 'Add1' (Add): input 1 is missing");
}

TEST(OnnxConstants, ShapesBecomeConstants) {
  const Tensor x = counting({2, 3, 4});
  expect_tensor(OneNode("Shape", 13).x(x).run(), {3}, Ints{2, 3, 4});
  expect_tensor(OneNode("Shape", 15).x(x).set("start", int64_t{-2}).set("end", int64_t{2}).run(), {1},
                Ints{3});
  expect_tensor(OneNode("Size", 13).x(x).run(), {}, Ints{24});
  expect_tensor(OneNode("ConstantOfShape", 9).integers({2, 1}).run(), {2, 1}, Floats{0, 0});
  expect_tensor(OneNode("Range", 11).integers({5}, true).integers({0}, true).integers({-2}, true).run(), {3},
                Ints{5, 3, 1});
  const int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  expect_tensor(
      OneNode("Range", 11).integers({low}, true).integers({high}, true).integers({high}, true).run(), {3},
      Ints{low, -1, high - 1});
  EXPECT_EQ(OneNode("Range", 11).integers({low}, true).integers({high}, true).integers({1}, true).error(),
            "node 'Range1' (Range): the range has no end or too many elements");
}

TEST(OnnxConstants, CastAndDropout) {
  expect_tensor(OneNode("Cast", 13).x({-1.7F, 2.2F}, {2}).set("to", int64_t{onnx::TensorProto::INT64}).run(),
                {2}, Ints{-1, 2});
  EXPECT_EQ(OneNode("Cast", 13).x({1}, {1}).set("to", int64_t{onnx::TensorProto::STRING}).error(),
            "node 'Cast1' (Cast): element type string is not supported");
  const auto outputs = OneNode("Dropout", 13).x({1, 2}, {2}).run_all(2);
  expect_tensor(outputs[0], {2}, Floats{1, 2});
  EXPECT_EQ(outputs[1].dtype(), DType::boolean);
  EXPECT_THAT(outputs[1].to_vector<bool>(), testing::ElementsAre(true, true));
}

} // namespace
} // namespace sinter::test
