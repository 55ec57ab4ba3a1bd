// Programs of concatenations: of what kernels compute, of arguments, of one another.
#include "case.h"

#include "ir/op_creation.h"

#include <algorithm>

namespace sinter::differential {
namespace {

mlir::IntegerAttr integerAttr(Case& c, int64_t value) {
  return c.builder().getI64IntegerAttr(value);
}

/// A web of tensors of one shape but for their channels.
class Web {
public:
  explicit Web(Case& c) : c_(c), axis_(static_cast<std::size_t>(c.choose<int64_t>({1, 1, 1, 1, 0, 2}))) {
    shape_ = {c.chance(0.75) ? 1 : 2, 8, c.integer(1, 9), c.integer(1, 9)};
    if (axis_ != 1 && c.chance(0.5))
      std::fill_n(shape_.begin(), axis_, 1);
  }

  void grow() {
    values_.push_back(argument());
    if (c_.chance(0.3))
      values_.push_back(argument());
    for (int64_t i = c_.integer(3, 14); i > 0; --i) {
      mlir::Value value = c_.chance(0.45) ? concat() : computed();
      c_.setCurrent(value);
      values_.push_back(value);
    }
  }

private:
  mlir::Value argument() {
    Dims dims = shape_;
    dims[axis_] = extent();
    return c_.tensor(dims, c_.builder().getF32Type());
  }

  int64_t extent() { return axis_ == 1 ? c_.choose<int64_t>({8, 16, 32, 48, 16, 5, 24}) : c_.integer(1, 5); }

  /// Mostly late ones, as in networks.
  mlir::Value any() {
    const auto last = static_cast<int64_t>(values_.size()) - 1;
    return values_[static_cast<std::size_t>(std::max(c_.integer(0, last), c_.integer(0, last)))];
  }

  mlir::Value concat() {
    llvm::SmallVector<mlir::Value> parts;
    int64_t total = 0;
    for (int64_t i = c_.integer(1, 5); i > 0; --i) {
      // A number of fresh arguments, too.
      parts.push_back(c_.chance(0.12) ? argument() : any());
      total += ir::tensorType(parts.back()).getDimSize(static_cast<unsigned>(axis_));
      constexpr int64_t kMostChannels = 400;
      if (total > kMostChannels)
        break;
    }
    return ir::create<ir::ConcatOp>(c_.builder(), c_.location(), mlir::ValueRange(parts),
                                    integerAttr(c_, static_cast<int64_t>(axis_)));
  }

  mlir::Value computed() {
    mlir::Value x = any();
    switch (c_.integer(0, 5)) {
    case 0:
      return ir::create<ir::ReluOp>(c_.builder(), c_.location(), x);
    case 1: {
      mlir::Value number = c_.tensor({}, c_.builder().getF32Type(), {}, 1);
      return ir::create<ir::MulOp>(c_.builder(), c_.location(), x, number);
    }
    case 2: { // two of one type, if there are
      mlir::Value y = x;
      for (mlir::Value other : values_)
        if (other.getType() == x.getType() && c_.chance(0.5))
          y = other;
      return ir::create<ir::SubOp>(c_.builder(), c_.location(), x, y);
    }
    case 3:
      return ir::create<ir::MaxPoolOp>(c_.builder(), c_.location(), x, c_.array({3, 3}), c_.array({1, 1}),
                                       c_.array({1, 1}), c_.array({1, 1}), c_.array({1, 1}),
                                       c_.builder().getBoolAttr(false));
    default:
      return conv(x);
    }
  }

  mlir::Value conv(mlir::Value x) {
    const mlir::RankedTensorType type = ir::tensorType(x);
    const int64_t channels = axis_ == 1 ? extent() : type.getDimSize(1);
    mlir::Value filter =
        c_.tensor({channels, type.getDimSize(1), 1, 1}, type.getElementType(), {-0.3, 0.3}, 1);
    return ir::create<ir::ConvOp>(c_.builder(), c_.location(), x, filter, mlir::Value(), c_.array({1, 1}),
                                  c_.array({1, 1}), c_.array({0, 0}), c_.array({0, 0}), integerAttr(c_, 1));
  }

  Case& c_;
  std::size_t axis_;
  Dims shape_;
  std::vector<mlir::Value> values_;
};

} // namespace

void growConcats(Case& c) {
  Web(c).grow();
}

} // namespace sinter::differential
