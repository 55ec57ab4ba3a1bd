// Making and evaluating constants inside passes.
#include "passes/constants.h"

#include "ir/constant_deferral.h"
#include "ir/evaluation.h"
#include "sinter/runtime/eager/elementwise.h"
#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr int64_t kMostFoldedBytes = 64 << 20; // what grows beyond this is better computed
constexpr int64_t kMostGrowth = 8;
constexpr int64_t kSmallBytes = 4096;
constexpr int64_t kLargeBytes = 64 << 10;

bool allEqual(const std::byte* data, size_t bytes, size_t element) {
  return bytes <= element || std::memcmp(data, data + element, bytes - element) == 0;
}

// Equal elements become a splat, which fusion can make an immediate of.
ElementsAttr elementsOf(RankedTensorType type, const std::shared_ptr<Storage>& storage) {
  const size_t element = size_of(ir::dtypeOf(type.getElementType()));
  const auto bytes = static_cast<size_t>(ir::storedBytes(type));
  const bool splat = bytes > 0 && !type.getEncoding() && !type.getElementType().isInteger(1) &&
                     allEqual(storage->data(), bytes, element);
  if (splat)
    return DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef(reinterpret_cast<const char*>(storage->data()), element));
  return ir::makeElements(type, storage);
}

bool worthFolding(Operation* op) {
  int64_t read = 0, written = 0;
  for (Value operand : op->getOperands())
    read += ir::storedBytes(ir::tensorType(operand));
  for (Value result : op->getResults())
    written += ir::storedBytes(ir::tensorType(result));
  return written <= std::max({kSmallBytes, read, std::min(kMostFoldedBytes, kMostGrowth * read)});
}

// True if `op` on constants may be evaluated later, which cannot fail: what computes floats from floats takes
// all values. Splats and small constants are better known at once: passes match on them.
bool canBePromised(Operation* op) {
  if (!ir::ConstantDeferral::of(op->getContext()) || op->getNumResults() != 1 ||
      ir::storedBytes(ir::tensorType(op->getResult(0))) < kLargeBytes)
    return false;
  const auto isFloat = [](Type type) {
    return isa<FloatType>(cast<RankedTensorType>(type).getElementType());
  };
  const auto isLarge = [](Value value) {
    return ir::storedBytes(ir::tensorType(value)) >= kLargeBytes && !splatOf(value);
  };
  return llvm::all_of(op->getOperandTypes(), isFloat) && isFloat(op->getResult(0).getType()) &&
         llvm::any_of(op->getOperands(), isLarge);
}

// Without their signs, floats are ordered as their bits are, and what is not finite is above all that is.
template <class T, class Bits>
std::optional<Magnitudes> magnitudesIn(ArrayRef<T> elements) {
  constexpr Bits kMagnitude = std::numeric_limits<Bits>::max() >> 1;
  constexpr int64_t kElementsPerPiece = 1 << 16;
  if (elements.empty())
    return Magnitudes{};
  std::mutex mutex;
  Bits least = kMagnitude, most = 0;
  rt::current_thread_pool().parallel_for(
      static_cast<int64_t>(elements.size()), kElementsPerPiece, [&](int64_t begin, int64_t end, int) {
        Bits low = kMagnitude, high = 0;
        for (const T element : elements.slice(static_cast<size_t>(begin), static_cast<size_t>(end - begin))) {
          const Bits magnitude = std::bit_cast<Bits>(element) & kMagnitude;
          low = std::min(low, magnitude);
          high = std::max(high, magnitude);
        }
        const std::lock_guard lock(mutex);
        least = std::min(least, low);
        most = std::max(most, high);
      });
  if (!std::isfinite(std::bit_cast<T>(most)))
    return std::nullopt;
  return Magnitudes{static_cast<double>(std::bit_cast<T>(least)),
                    static_cast<double>(std::bit_cast<T>(most))};
}

DenseResourceElementsAttr resourceOf(Value value) {
  auto constant = value.getDefiningOp<ir::ConstantOp>();
  return constant ? dyn_cast<DenseResourceElementsAttr>(constant.getValue()) : DenseResourceElementsAttr();
}

bool isReliedOn(Value value) {
  const auto* deferral = ir::ConstantDeferral::of(value.getContext());
  const auto resource = resourceOf(value);
  return deferral && resource && deferral->isReliedOn(resource);
}

} // namespace

Value makeSplat(OpBuilder& builder, Location loc, RankedTensorType type, double value) {
  Type element = type.getElementType();
  Attribute attribute = isa<FloatType>(element)
                            ? Attribute(FloatAttr::get(element, value))
                            : Attribute(IntegerAttr::get(element, static_cast<int64_t>(value)));
  return ir::ConstantOp::create(builder, loc, type, DenseElementsAttr::get(type, attribute));
}

std::optional<double> splatOf(Value value) {
  auto constant = value.getDefiningOp<ir::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!dense || !dense.isSplat())
    return std::nullopt;
  Type element = dense.getElementType();
  if (isa<FloatType>(element)) {
    APFloat number = dense.getSplatValue<APFloat>();
    bool inexact = false;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
    return number.convertToDouble();
  }
  const APInt number = dense.getSplatValue<APInt>();
  return ir::isUnsignedElement(element) ? static_cast<double>(number.getZExtValue())
                                        : static_cast<double>(number.getSExtValue());
}

std::optional<Magnitudes> magnitudesOf(Value value) {
  const auto data = ir::constantData(value);
  return data ? magnitudesOf(data->view) : std::nullopt;
}

std::optional<Magnitudes> magnitudesOf(const View& view) {
  const auto elements = static_cast<size_t>(view.elements());
  if (view.dtype == DType::f32)
    return magnitudesIn<float, uint32_t>(ArrayRef(view.as<float>(), elements));
  if (view.dtype == DType::f64)
    return magnitudesIn<double, uint64_t>(ArrayRef(view.as<double>(), elements));
  if (is_floating(view.dtype)) {
    const auto storage = Storage::allocate(elements * sizeof(float));
    const View wide = View::dense(storage->data(), DType::f32, view.shape);
    eager::cast(view, wide);
    return magnitudesOf(wide);
  }
  return std::nullopt;
}

bool assumeFinite(Value value) {
  auto* deferral = ir::ConstantDeferral::of(value.getContext());
  const auto resource = resourceOf(value);
  if (!deferral || !deferral->assumesFinite || !resource || !deferral->find(resource))
    return false;
  deferral->relyOn(resource);
  return true;
}

std::optional<SmallVector<ElementsAttr>> evaluateConstants(Operation* op, bool bounded) {
  if (!isa<ir::EvaluateOpInterface>(op) || op->getNumOperands() == 0)
    return std::nullopt;
  const bool physical = isa<ir::ConvertLayoutOp>(op);
  const auto fits = [&](Value value) { return isConstant(value) && (physical || !ir::layoutOf(value)); };
  if (!llvm::all_of(op->getOperands(), fits) || (bounded && !worthFolding(op)))
    return std::nullopt;
  const auto isStored = [&](Value result) { return physical || !ir::layoutOf(result); };
  if (!llvm::all_of(op->getResults(), isStored))
    return std::nullopt;
  if (canBePromised(op))
    if (const ElementsAttr promise = ir::ConstantDeferral::of(op->getContext())->promiseResult(op))
      return SmallVector<ElementsAttr>{promise};
  SmallVector<ir::ConstantData> operands;
  SmallVector<View> views;
  for (Value operand : op->getOperands()) {
    operands.push_back(*ir::constantData(operand));
    views.push_back(operands.back().view);
  }
  SmallVector<std::shared_ptr<Storage>> storages;
  SmallVector<View> results;
  for (Value result : op->getResults()) {
    const RankedTensorType type = ir::tensorType(result);
    storages.push_back(Storage::allocate(static_cast<size_t>(ir::storedBytes(type))));
    results.push_back(
        View::dense(storages.back()->data(), ir::dtypeOf(type.getElementType()), ir::physicalShape(type)));
  }
  ir::evaluate(op, views, results);
  // What is no promise nobody will look at again.
  if (llvm::any_of(op->getOperands(), isReliedOn))
    for (const View& result : results)
      if (is_floating(result.dtype) && !magnitudesOf(result))
        ir::ConstantDeferral::of(op->getContext())->contradicted = true;
  SmallVector<ElementsAttr> attributes;
  for (auto [result, storage] : llvm::zip(op->getResults(), storages))
    attributes.push_back(elementsOf(ir::tensorType(result), storage));
  return attributes;
}

Value foldNow(RewriterBase& rewriter, Operation* op, bool bounded) {
  std::optional<SmallVector<ElementsAttr>> values;
  try {
    values = evaluateConstants(op, bounded);
  } catch (const Error&) {
    // Wrong values are reported where the program evaluates them: by the fold-constants pass, or when it
    // runs.
  }
  if (!values)
    return op->getResult(0);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Value constant =
      ir::ConstantOp::create(rewriter, op->getLoc(), op->getResult(0).getType(), values->front());
  rewriter.replaceOp(op, constant);
  return constant;
}

Value reshaped(Value value, ArrayRef<int64_t> shape, RewriterBase& rewriter) {
  const RankedTensorType type = ir::tensorType(value);
  if (type.getShape() == shape)
    return value;
  return createFolded<ir::ReshapeOp>(rewriter, value.getLoc(),
                                     RankedTensorType::get(shape, type.getElementType()), value, shape);
}

} // namespace sinter::passes
