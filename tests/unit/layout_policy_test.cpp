// Which tensors are given channels-last layouts, and which need none.
#include "passes/layout_policy.h"

#include "ir/channels_last.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace sinter::test {
namespace {

class ChannelsLast : public testing::Test {
protected:
  ChannelsLast() { context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>(); }

  mlir::RankedTensorType type(llvm::ArrayRef<int64_t> shape, ir::LayoutAttr layout = {}) {
    return mlir::RankedTensorType::get(shape, mlir::Float16Type::get(&context), layout);
  }
  ir::LayoutAttr attr(llvm::ArrayRef<int64_t> order, int64_t blocked = 1) {
    return ir::LayoutAttr::get(&context, order, blocked, 1);
  }

  // The layouts of `op`, the only contraction of a function of two arguments.
  std::optional<passes::ContractionLayout> layouts(const std::string& op, const std::string& attributes,
                                                   const std::string& a, const std::string& b,
                                                   const std::string& result) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @main(%a: " + a + ", %b: " + b + ") {\n  %r = sinter." + op + " %a, %b {" + attributes +
            "} : (" + a + ", " + b + ") -> " + result + "\n  return\n}",
        &context);
    EXPECT_TRUE(module);
    std::optional<passes::ContractionLayout> found;
    module->walk([&](ir::ContractionOpInterface contraction) { found = policy->of(contraction); });
    return found;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  const std::unique_ptr<passes::LayoutPolicy> policy = passes::channelsLastLayouts();
  const std::string window = "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = "
                             "array<i64: 1, 1>, pad_end = array<i64: 1, 1>";
};

TEST_F(ChannelsLast, IsAnOrder) {
  EXPECT_EQ(ir::channelsLast(&context, 3), attr({0, 2, 1}));
  EXPECT_EQ(ir::channelsLast(&context, 4), attr({0, 2, 3, 1}));
  EXPECT_EQ(ir::channelsLast(&context, 5), attr({0, 2, 3, 4, 1}));
  EXPECT_TRUE(ir::isChannelsLast(type({2, 3, 4, 5}, attr({0, 2, 3, 1}))));
  EXPECT_FALSE(ir::isChannelsLast(type({2, 3, 4, 5})));
  EXPECT_FALSE(ir::isChannelsLast(type({2, 3, 4, 5}, attr({1, 2, 3, 0}))));
  EXPECT_FALSE(ir::isChannelsLast(type({2, 8, 4, 5}, ir::LayoutAttr::channelsBlocked(&context, 4, 8))));
  // Whatever it is called.
  EXPECT_TRUE(ir::isChannelsLast(type({2, 1, 4, 5})));
  EXPECT_TRUE(ir::isChannelsLast(type({2, 3, 1, 1})));
  EXPECT_TRUE(ir::isChannelsLast(type({1, 3, 1, 5}, attr({2, 3, 1, 0}))));
  EXPECT_FALSE(ir::isChannelsLast(type({2, 3, 1, 5})));
}

TEST_F(ChannelsLast, IsNotAskedForWhereRowsAreTheSame) {
  EXPECT_EQ(policy->between(type({2, 3, 4, 5})), attr({0, 2, 3, 1}));
  EXPECT_FALSE(policy->between(type({2, 3, 1, 1})));
  EXPECT_FALSE(policy->between(type({2, 1, 4, 5})));
  EXPECT_FALSE(policy->between(type({2, 3})));
}

TEST_F(ChannelsLast, Contractions) {
  const std::string images = "tensor<2x16x8x8xf16>", filter = "tensor<16x16x3x3xf16>";
  const auto layout = ir::channelsLast(&context, 4);
  const auto expectAll = [&](const std::optional<passes::ContractionLayout>& found) {
    ASSERT_TRUE(found);
    EXPECT_EQ(found->lhs, layout);
    EXPECT_EQ(found->rhs, layout);
    EXPECT_EQ(found->result, layout);
  };
  expectAll(layouts("conv", window, images, filter, images));
  expectAll(
      layouts("conv_transpose", window + ", output_padding = array<i64: 0, 0>", images, filter, images));
  expectAll(layouts("conv_filter_gradient", "kernel = array<i64: 3, 3>, " + window, images, images, filter));
  const auto depthwise =
      layouts("conv", window + ", groups = 16 : i64", images, "tensor<16x1x3x3xf16>", images);
  ASSERT_TRUE(depthwise);
  EXPECT_EQ(depthwise->rhs, attr({1, 2, 3, 0}, 0));
  EXPECT_FALSE(layouts("matmul", "", "tensor<4x5xf16>", "tensor<5x6xf16>", "tensor<4x6xf16>"));
}

} // namespace
} // namespace sinter::test
