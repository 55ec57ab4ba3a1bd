// Runs emitted element code by constant folding: the loop generator of the tests.
#pragma once

#include "ir/ops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sinter::test {

/// Scalar emission whose positions and elements are constants as soon as they are made.
class FoldingEmitter : public ir::LoopEmitter {
public:
  FoldingEmitter(mlir::OpBuilder& builder, mlir::Location loc) : LoopEmitter(builder, loc) {}

  /// Where `element` finds the elements of `tensor`.
  void bind(mlir::Value tensor, const View& view) { views_[tensor] = view; }

  /// What `value` comes to. Fails the test and returns zero of its type if an operation does not fold.
  mlir::TypedAttr fold(mlir::Value value) {
    mlir::Operation* op = value.getDefiningOp();
    if (auto constant = llvm::dyn_cast<mlir::arith::ConstantOp>(op))
      return constant.getValue();
    if (auto known = folded_.find(value); known != folded_.end())
      return known->second;
    llvm::SmallVector<mlir::Attribute> operands;
    for (mlir::Value operand : op->getOperands())
      operands.push_back(fold(operand));
    llvm::SmallVector<mlir::OpFoldResult> results;
    mlir::TypedAttr attribute;
    if (succeeded(op->fold(operands, results)) && results.size() == 1) {
      if (auto alias = llvm::dyn_cast<mlir::Value>(results[0]))
        attribute = fold(alias);
      else
        attribute = llvm::cast<mlir::TypedAttr>(llvm::cast<mlir::Attribute>(results[0]));
    } else if (std::optional<double> number = callLibrary(op, operands)) {
      attribute = mlir::FloatAttr::get(value.getType(), *number);
    } else {
      ADD_FAILURE() << op->getName().getStringRef().str() << " does not fold";
      attribute = llvm::cast<mlir::TypedAttr>(builder.getZeroAttr(value.getType()));
    }
    folded_[value] = attribute;
    return attribute;
  }

  mlir::Value constantOf(mlir::Value value) {
    return mlir::arith::ConstantOp::create(builder, loc, fold(value));
  }

  /// An element of a view as a constant; integers become signless, as generators make them.
  mlir::Value load(const View& view, int64_t offset) {
    return visit_dtype(view.dtype, "load", [&](auto zero) -> mlir::Value {
      using T = decltype(zero);
      const T v = view.as<T>()[offset];
      if constexpr (std::is_same_v<T, float>)
        return mlir::arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(v));
      else if constexpr (std::is_same_v<T, double>)
        return mlir::arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(v));
      else {
        const unsigned bits = std::is_same_v<T, bool> ? 1 : sizeof(T) * 8;
        const llvm::APInt number =
            llvm::APInt(64, static_cast<uint64_t>(static_cast<int64_t>(v))).trunc(bits);
        return mlir::arith::ConstantOp::create(builder, loc,
                                               mlir::IntegerAttr::get(builder.getIntegerType(bits), number));
      }
    });
  }

  /// Writes what `value` comes to into a view.
  void store(mlir::Value value, const View& view, int64_t offset) {
    const mlir::TypedAttr attribute = fold(value);
    visit_dtype(view.dtype, "store", [&](auto zero) {
      using T = decltype(zero);
      if constexpr (std::is_floating_point_v<T>)
        view.as<T>()[offset] = static_cast<T>(llvm::cast<mlir::FloatAttr>(attribute).getValueAsDouble());
      else
        view.as<T>()[offset] =
            static_cast<T>(llvm::cast<mlir::IntegerAttr>(attribute).getValue().getSExtValue());
    });
  }

  int64_t width() const override { return 1; }

  mlir::Value element(mlir::Value tensor, const ir::Point& at) override {
    const std::optional<int64_t> offset = offsetOf(tensor, at);
    if (!offset) {
      ADD_FAILURE() << "a position outside of the tensor";
      return load(views_[tensor], 0);
    }
    return load(views_[tensor], *offset);
  }

  mlir::Value elementOr(mlir::Value tensor, const ir::Point& at, mlir::Value outside) override {
    const std::optional<int64_t> offset = offsetOf(tensor, at);
    return offset ? load(views_[tensor], *offset) : outside;
  }

  mlir::Value reduce(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, const ir::Point& at,
                     ir::Combine how, mlir::Type elementType,
                     llvm::function_ref<mlir::Value(const ir::Point&)> element) override {
    llvm::SmallVector<int64_t> extents;
    for (int64_t axis : axes)
      extents.push_back(shape[axis]);
    return loop(extents, neutral(how, elementType),
                [&](llvm::ArrayRef<mlir::Value> index, mlir::ValueRange carried) {
                  ir::Point p = at;
                  for (auto [axis, value] : llvm::zip(axes, index))
                    p[axis] = this->at(value);
                  return llvm::SmallVector<mlir::Value>{combine(how, elementType, carried[0], element(p))};
                })[0];
  }

  llvm::SmallVector<mlir::Value>
  loop(llvm::ArrayRef<int64_t> extents, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, mlir::ValueRange)> body)
      override {
    llvm::SmallVector<mlir::Value> carried(init);
    for_each_offset(Shape(extents), std::array<Shape, 1>{Shape(extents).row_major_strides()},
                    [&](const auto& position) {
                      llvm::SmallVector<mlir::Value> indices;
                      int64_t rest = position[0];
                      for (int64_t extent : llvm::reverse(extents)) {
                        indices.insert(indices.begin(), index(rest % extent));
                        rest /= extent;
                      }
                      carried = body(indices, carried);
                      for (mlir::Value& value : carried)
                        value = constantOf(value);
                    });
    return carried;
  }

private:
  // MLIR folds these only where the result is a number, or exact.
  static std::optional<double> callLibrary(mlir::Operation* op, llvm::ArrayRef<mlir::Attribute> operands) {
    const auto argument = operands.empty() ? mlir::FloatAttr() : llvm::dyn_cast<mlir::FloatAttr>(operands[0]);
    if (!argument)
      return std::nullopt;
    const double x = argument.getValueAsDouble();
    if (llvm::isa<mlir::arith::TruncFOp>(op))
      return x; // FloatAttr rounds
    if (llvm::isa<mlir::math::SqrtOp>(op))
      return std::sqrt(x);
    if (llvm::isa<mlir::math::RsqrtOp>(op))
      return 1 / std::sqrt(x);
    if (llvm::isa<mlir::math::LogOp>(op))
      return std::log(x);
    if (llvm::isa<mlir::math::Log1pOp>(op))
      return std::log1p(x);
    if (llvm::isa<mlir::math::ErfcOp>(op))
      return std::erfc(x);
    return std::nullopt;
  }

  std::optional<int64_t> offsetOf(mlir::Value tensor, const ir::Point& at) {
    const View& view = views_.at(tensor);
    EXPECT_EQ(static_cast<int>(at.size()), view.rank());
    int64_t offset = 0;
    for (int d = 0; d < view.rank(); ++d) {
      const auto position = llvm::cast<mlir::IntegerAttr>(fold(at[static_cast<size_t>(d)].base)).getInt();
      if (position < 0 || position >= view.shape[d])
        return std::nullopt;
      offset += position * view.strides[d];
    }
    return offset;
  }

  llvm::DenseMap<mlir::Value, View> views_;
  llvm::DenseMap<mlir::Value, mlir::TypedAttr> folded_;
};

} // namespace sinter::test
