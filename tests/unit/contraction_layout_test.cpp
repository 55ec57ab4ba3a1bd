// Which layouts contractions are given, and which contractions are left to the loops.
#include "passes/contraction_layout.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace sinter::test {
namespace {

class ContractionLayouts : public testing::Test {
protected:
  ContractionLayouts() { context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>(); }

  // The layout for the contraction in a function of the given arguments; `body` defines %r.
  std::optional<passes::ContractionLayout> layout(const std::string& arguments, const std::string& body,
                                                  int64_t block) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @main(" + arguments + ") {\n" + body + "\n return\n}", &context);
    EXPECT_TRUE(module) << body;
    std::optional<passes::ContractionLayout> result;
    module->walk([&](ir::ContractionOpInterface op) { result = passes::contractionLayout(op, block); });
    return result;
  }

  std::optional<passes::ContractionLayout> conv(const std::string& input, const std::string& filter,
                                                int groups, const std::string& result, int64_t block = 16) {
    return layout(
        "%a: " + input + ", %b: " + filter,
        "%r = sinter.conv %a, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = "
        "array<i64: 0, 0>, pad_end = array<i64: 0, 0>, groups = " +
            std::to_string(groups) + " : i64} : (" + input + ", " + filter + ") -> " + result,
        block);
  }

  ir::LayoutAttr attr(llvm::ArrayRef<int64_t> order, int64_t blocked, int64_t block) {
    return ir::LayoutAttr::get(&context, order, blocked, block);
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(ContractionLayouts, Convolution) {
  auto plain = conv("tensor<1x3x8x8xf32>", "tensor<10x3x3x3xf32>", 1, "tensor<1x10x6x6xf32>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->lhs, attr({0, 1, 2, 3}, 1, 16));
  EXPECT_EQ(plain->rhs, attr({0, 2, 3, 1}, 0, 16));
  EXPECT_EQ(plain->result, attr({0, 1, 2, 3}, 1, 16));
  EXPECT_TRUE(plain->lhsMayBeRowMajor);
  auto depthwise = conv("tensor<1x10x8x8xf32>", "tensor<10x1x3x3xf32>", 10, "tensor<1x10x6x6xf32>", 8);
  ASSERT_TRUE(depthwise);
  EXPECT_EQ(depthwise->rhs, attr({0, 2, 3, 1}, 0, 8));
  EXPECT_FALSE(depthwise->lhsMayBeRowMajor);
  EXPECT_TRUE(conv("tensor<1x32x8x8xf32>", "tensor<64x16x3x3xf32>", 2, "tensor<1x64x6x6xf32>"));
}

TEST_F(ContractionLayouts, FilterGradient) {
  const auto gradient = [&](int groups, const std::string& filter) {
    return layout(
        "%a: tensor<4x32x8x8xf32>, %b: tensor<4x24x6x6xf32>",
        "%r = sinter.conv_filter_gradient %a, %b {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, "
        "dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>, groups = " +
            std::to_string(groups) + " : i64} : (tensor<4x32x8x8xf32>, tensor<4x24x6x6xf32>) -> " + filter,
        8);
  };
  const auto whole = gradient(1, "tensor<24x32x3x3xf32>");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->lhs, attr({1, 2, 3, 0}, 0, 1));
  EXPECT_EQ(whole->rhs, attr({1, 2, 3, 0}, 1, 8));
  EXPECT_EQ(whole->result, attr({0, 2, 3, 1}, 0, 8));
  EXPECT_FALSE(gradient(2, "tensor<24x16x3x3xf32>")) << "groups of 12 do not fill blocks of 8";
}

TEST_F(ContractionLayouts, ConvolutionsLeftToLoops) {
  EXPECT_FALSE(conv("tensor<1x32x8x8xf32>", "tensor<48x16x3x3xf32>", 2, "tensor<1x48x6x6xf32>"));
  EXPECT_FALSE(conv("tensor<1x4x8x8xf32>", "tensor<8x1x3x3xf32>", 4, "tensor<1x8x6x6xf32>"));
  EXPECT_FALSE(conv("tensor<1x3x8x8xf64>", "tensor<10x3x3x3xf64>", 1, "tensor<1x10x6x6xf64>"));
  EXPECT_FALSE(conv("tensor<0x3x8x8xf32>", "tensor<10x3x3x3xf32>", 1, "tensor<0x10x6x6xf32>"));
  EXPECT_FALSE(layout(
      "%a: tensor<1x16x4xf32>, %b: tensor<16x16x2xf32>",
      "%r = sinter.conv_transpose %a, %b {strides = array<i64: 1>, dilations = array<i64: 1>, pad_begin = "
      "array<i64: 0>, pad_end = array<i64: 0>, output_padding = array<i64: 0>} : (tensor<1x16x4xf32>, "
      "tensor<16x16x2xf32>) -> tensor<1x16x5xf32>",
      16));
}

TEST_F(ContractionLayouts, Matmul) {
  const std::string constant = "%b = sinter.constant dense<1.0> : tensor<4x5xf32>\n";
  auto packed = layout("%a: tensor<2x3x4xf32>",
                       constant + "%r = sinter.matmul %a, %b : (tensor<2x3x4xf32>, tensor<4x5xf32>) "
                                  "-> tensor<2x3x5xf32>",
                       8);
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->rhs, attr({1, 0}, 1, 8));
  EXPECT_FALSE(packed->lhs || packed->result);
  auto transposed = layout("%a: tensor<3x5xf32>",
                           constant + "%r = sinter.matmul %a, %b {transpose_rhs = true} : "
                                      "(tensor<3x5xf32>, tensor<4x5xf32>) -> tensor<3x4xf32>",
                           8);
  ASSERT_TRUE(transposed);
  EXPECT_EQ(transposed->rhs, attr({0, 1}, 0, 8));
  auto batched =
      layout("%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>",
             "%r = sinter.matmul %a, %b : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>", 8);
  ASSERT_TRUE(batched);
  EXPECT_FALSE(batched->rhs);
  EXPECT_TRUE(layout(
      "%a: tensor<2x1x3x4xf32>, %b: tensor<5x4x5xf32>",
      "%r = sinter.matmul %a, %b : (tensor<2x1x3x4xf32>, tensor<5x4x5xf32>) -> tensor<2x5x3x5xf32>", 8));
}

TEST_F(ContractionLayouts, MatmulsLeftToLoops) {
  EXPECT_FALSE(
      layout("%a: tensor<3x5xf32>, %b: tensor<4x5xf32>",
             "%r = sinter.matmul %a, %b {transpose_rhs = true} : (tensor<3x5xf32>, tensor<4x5xf32>) -> "
             "tensor<3x4xf32>",
             8));
  EXPECT_FALSE(
      layout("%a: tensor<5x3xf32>, %b: tensor<5x4xf32>",
             "%r = sinter.matmul %a, %b {transpose_lhs = true} : (tensor<5x3xf32>, tensor<5x4xf32>) -> "
             "tensor<3x4xf32>",
             8));
  EXPECT_FALSE(layout("%a: tensor<3x4xi32>, %b: tensor<4x5xi32>",
                      "%r = sinter.matmul %a, %b : (tensor<3x4xi32>, tensor<4x5xi32>) -> tensor<3x5xi32>",
                      8));
}

// Folding: an operation that changes nothing is its operand.
TEST_F(ContractionLayouts, MovementThatChangesNothingFolds) {
  const std::string blocked = "tensor<2x3xf32, #sinter.layout<order = [0, 1], blocked = 1, block = 8>>";
  for (const std::string& op :
       {std::string("reshape %a {shape = array<i64: 2, 3>}"),
        std::string("transpose %a {permutation = array<i64: 0, 1>}"),
        std::string(
            "slice %a {starts = array<i64: 0, 0>, sizes = array<i64: 2, 3>, steps = array<i64: 1, 1>}"),
        std::string("broadcast_to %a {shape = array<i64: 2, 3>}"), std::string("convert_layout %a")}) {
    (void)layout("%a: tensor<2x3xf32>", "%r = sinter." + op + " : (tensor<2x3xf32>) -> tensor<2x3xf32>", 8);
    mlir::Operation& first = (*module->getOps<mlir::func::FuncOp>().begin()).getBody().front().front();
    llvm::SmallVector<mlir::OpFoldResult> results;
    EXPECT_TRUE(succeeded(first.fold(results))) << op;
    EXPECT_EQ(results.size(), 1u) << op;
  }
  (void)layout("%a: tensor<2x3xf32>",
               "%b = sinter.convert_layout %a : (tensor<2x3xf32>) -> " + blocked +
                   "\n%r = sinter.convert_layout %b : (" + blocked + ") -> tensor<2x3xf32>",
               8);
  mlir::Operation* second =
      (*module->getOps<mlir::func::FuncOp>().begin()).getBody().front().front().getNextNode();
  llvm::SmallVector<mlir::OpFoldResult> results;
  EXPECT_TRUE(succeeded(second->fold(results)));
  EXPECT_EQ(results.size(), 1u);
}

} // namespace
} // namespace sinter::test
