// A loop generator that computes while it emits: every emitted operation is folded to constants at once.
// Tests compare what an operation emits with what it evaluates to, without a code generator in between.
#pragma once

#include "ir/ops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseMap.h"

#include <gtest/gtest.h>

namespace sinter::test {

/// Folds every operation that is inserted, lane by lane.
class FoldingListener : public mlir::OpBuilder::Listener {
public:
  explicit FoldingListener(mlir::MLIRContext* context) : scratch_(context) {
    scratch_.setInsertionPointToEnd(&block_);
  }

  void notifyOperationInserted(mlir::Operation* op, mlir::OpBuilder::InsertPoint) override {
    if (auto constant = mlir::dyn_cast<mlir::arith::ConstantOp>(op))
      values_[op->getResult(0)] = lanesOf(constant.getValue());
    else if (auto broadcast = mlir::dyn_cast<mlir::vector::BroadcastOp>(op))
      values_[op->getResult(0)] = repeated(broadcast);
    else if (auto extract = mlir::dyn_cast<mlir::vector::ExtractOp>(op))
      values_[op->getResult(0)] = {
          lanes(extract->getOperand(0))[static_cast<size_t>(extract.getStaticPosition()[0])]};
    else
      foldLanes(op);
  }

  /// The value as constants, one per lane.
  llvm::ArrayRef<mlir::Attribute> lanes(mlir::Value value) { return values_[value]; }
  int64_t integer(mlir::Value value, int64_t lane = 0) {
    const auto attributes = lanes(value);
    return mlir::cast<mlir::IntegerAttr>(attributes[attributes.size() == 1 ? 0 : static_cast<size_t>(lane)])
        .getInt();
  }
  void clear() { values_.clear(); }

private:
  using Lanes = llvm::SmallVector<mlir::Attribute, 4>;

  static Lanes lanesOf(mlir::TypedAttr attribute) {
    Lanes result;
    if (auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(attribute))
      result.append(dense.value_begin<mlir::Attribute>(), dense.value_end<mlir::Attribute>());
    else
      result.push_back(attribute);
    return result;
  }

  Lanes repeated(mlir::vector::BroadcastOp op) {
    const Lanes source = values_[op->getOperand(0)];
    const auto count =
        static_cast<size_t>(mlir::cast<mlir::VectorType>(op->getResult(0).getType()).getNumElements());
    return source.size() == count ? source : Lanes(count, source[0]);
  }

  void foldLanes(mlir::Operation* op) {
    size_t count = 1;
    for (mlir::Value operand : op->getOperands())
      count = std::max(count, values_[operand].size());
    Lanes result;
    for (size_t lane = 0; lane < count; ++lane)
      result.push_back(foldLane(op, lane));
    values_[op->getResult(0)] = result;
  }

  mlir::Attribute foldLane(mlir::Operation* op, size_t lane) {
    mlir::OperationState state(op->getLoc(), op->getName());
    llvm::SmallVector<mlir::Attribute> constants;
    for (mlir::Value operand : op->getOperands()) {
      const Lanes& source = values_[operand];
      constants.push_back(source.size() == 1 ? source[0] : source[lane]);
      state.operands.push_back(mlir::arith::ConstantOp::create(
          scratch_, op->getLoc(), mlir::cast<mlir::TypedAttr>(constants.back())));
    }
    state.addTypes(mlir::getElementTypeOrSelf(op->getResult(0).getType()));
    state.addAttributes(op->getAttrs());
    mlir::Operation* scalar = scratch_.create(state);
    mlir::Attribute result;
    // Folding in place leaves no result, but something that folds further.
    for (int attempt = 0; attempt < 3 && !result; ++attempt) {
      llvm::SmallVector<mlir::Attribute> now;
      for (mlir::Value operand : scalar->getOperands())
        now.push_back(operand.getDefiningOp<mlir::arith::ConstantOp>().getValue());
      llvm::SmallVector<mlir::OpFoldResult> folded;
      if (failed(scalar->fold(now, folded)) || folded.empty())
        continue;
      result = mlir::dyn_cast<mlir::Attribute>(folded[0]);
      if (auto value = mlir::dyn_cast<mlir::Value>(folded[0]))
        result = value.getDefiningOp<mlir::arith::ConstantOp>().getValue();
    }
    block_.clear();
    if (!result)
      throw Error("the emitted operation " + op->getName().getStringRef().str() + " does not fold");
    return result;
  }

  mlir::Block block_;
  mlir::OpBuilder scratch_;
  llvm::DenseMap<mlir::Value, Lanes> values_;
};

/// The emitter itself: operands are views.
class ImmediateEmitter : public ir::LoopEmitter {
public:
  ImmediateEmitter(mlir::OpBuilder& builder, mlir::Location loc, FoldingListener& folder,
                   llvm::DenseMap<mlir::Value, View> operands, int64_t width)
      : LoopEmitter(builder, loc), folder_(folder), operands_(std::move(operands)), width_(width) {}

  int64_t width() const override { return width_; }

  mlir::Value element(mlir::Value tensor, const ir::Point& at) override { return read(tensor, at, {}); }
  mlir::Value elementOr(mlir::Value tensor, const ir::Point& at, mlir::Value outside) override {
    return read(tensor, at, outside);
  }

  mlir::Value reduce(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, const ir::Point& at,
                     ir::Combine how, mlir::Type elementType,
                     llvm::function_ref<mlir::Value(const ir::Point&)> element) override {
    llvm::SmallVector<int64_t> extents;
    for (int64_t axis : axes)
      extents.push_back(shape[static_cast<size_t>(axis)]);
    auto body = [&](llvm::ArrayRef<mlir::Value> index,
                    mlir::ValueRange carried) -> llvm::SmallVector<mlir::Value> {
      ir::Point point = at;
      for (auto [axis, position] : llvm::zip(axes, index))
        point[static_cast<size_t>(axis)] = this->at(position);
      return {combine(how, elementType, carried[0], splat(element(point)))};
    };
    return loop(extents, {neutral(how, elementType)}, body)[0];
  }

  llvm::SmallVector<mlir::Value>
  loop(llvm::ArrayRef<int64_t> extents, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, mlir::ValueRange)> body)
      override {
    llvm::SmallVector<mlir::Value> carried(init);
    int64_t total = 1;
    for (int64_t extent : extents)
      total *= extent;
    for (int64_t i = 0; i < total; ++i) {
      llvm::SmallVector<mlir::Value> position(extents.size());
      int64_t rest = i;
      for (size_t d = extents.size(); d-- > 0; rest /= extents[d])
        position[d] = index(rest % extents[d]);
      carried = body(position, carried);
    }
    return carried;
  }

private:
  mlir::Attribute load(const View& view, int64_t offset, mlir::Type type) {
    if (auto real = mlir::dyn_cast<mlir::FloatType>(type))
      return mlir::FloatAttr::get(real, view.dtype == DType::f32
                                            ? static_cast<double>(view.as<float>()[offset])
                                            : view.as<double>()[offset]);
    int64_t number = 0;
    visit_dtype(view.dtype, "load",
                [&](auto zero) { number = static_cast<int64_t>(view.as<decltype(zero)>()[offset]); });
    const unsigned bits = type.getIntOrFloatBitWidth();
    return mlir::IntegerAttr::get(type, llvm::APInt(64, static_cast<uint64_t>(number)).trunc(bits));
  }

  mlir::Value read(mlir::Value tensor, const ir::Point& at, mlir::Value outside) {
    const View& view = operands_.at(tensor);
    mlir::Type type = ir::tensorType(tensor).getElementType();
    if (auto integer = mlir::dyn_cast<mlir::IntegerType>(type))
      type = builder.getIntegerType(integer.getWidth()); // emitted code knows no signs
    EXPECT_EQ(static_cast<int>(at.size()), view.rank());
    llvm::SmallVector<mlir::Attribute> lanes;
    for (int64_t lane = 0; lane < width_; ++lane) {
      int64_t offset = 0;
      bool inside = true;
      for (int d = 0; d < view.rank(); ++d) {
        const ir::Coord& coord = at[static_cast<size_t>(d)];
        const int64_t position = coord.perLane ? folder_.integer(coord.perLane, lane)
                                               : folder_.integer(coord.base) + lane * coord.laneStride;
        inside = inside && position >= 0 && position < view.shape[d];
        offset += position * view.strides[d];
      }
      if (!inside && !outside)
        throw Error("an element outside of operand " + to_string(view) + " is read");
      if (inside)
        lanes.push_back(load(view, offset, type));
      else
        lanes.push_back(
            folder_.lanes(outside)[folder_.lanes(outside).size() == 1 ? 0 : static_cast<size_t>(lane)]);
    }
    if (width_ == 1)
      return mlir::arith::ConstantOp::create(builder, loc, mlir::cast<mlir::TypedAttr>(lanes[0]));
    return mlir::arith::ConstantOp::create(
        builder, loc, mlir::DenseElementsAttr::get(mlir::VectorType::get({width_}, type), lanes));
  }

  FoldingListener& folder_;
  llvm::DenseMap<mlir::Value, View> operands_;
  int64_t width_;
};

} // namespace sinter::test
