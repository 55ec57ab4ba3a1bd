// Sliding-window pooling.
#include "ir/ops.h"

#include "ir/index_math.h"
#include "ir/ops/conv/window.h"
#include "sinter/runtime/eager/pool.h"

#include <numeric>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/pool/pool.cpp.inc"

namespace sinter::ir {
namespace {

template <class Adaptor>
LogicalResult inferPool(std::optional<Location> location, StringRef name, Adaptor adaptor,
                        SmallVectorImpl<Type>& types) {
  const auto& properties = adaptor.getProperties();
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  if (failed(input))
    return failure();
  const WindowAttributes window{properties.strides, properties.dilations, properties.pad_begin,
                                properties.pad_end};
  if (failed(checkWindow(location, name, *input, window)) ||
      failed(checkEntries(location, name, "kernel", properties.kernel,
                          static_cast<size_t>(input->getRank() - 2), 1)))
    return failure();
  auto counts = windowCounts(location, name, *input, adaptor.getKernel(), window, adaptor.getCeilMode());
  if (failed(counts))
    return failure();
  SmallVector<Wide> shape{input->getDimSize(0), input->getDimSize(1)};
  shape.append(*counts);
  return addResult(location, name, ArrayRef<Wide>(shape), input->getElementType(), input->getEncoding(),
                   types);
}

eager::PoolGeometry geometryOf(auto op) {
  return {Shape(op.getKernel()), Shape(op.getStrides()), Shape(op.getDilations()), Shape(op.getPadBegin()),
          Shape(op.getPadEnd())};
}

double flopsOf(auto op) {
  double flops = resultElements(op.getOperation());
  for (int64_t extent : op.getKernel())
    flops *= static_cast<double>(extent);
  return flops;
}

// Folds the elements of the window at `at`, from `start` on; `start` stands for elements outside, too.
Value emitWindow(LoopEmitter& emitter, auto op, const Point& at, Value start,
                 function_ref<Value(Value carried, Value element)> fold) {
  const auto input = tensorType(op.getInput()).getShape(), output = tensorType(op.getResult()).getShape();
  const bool outside = windowsReachOutside(input.drop_front(2), output.drop_front(2), op.getKernel(),
                                           op.getStrides(), op.getDilations(), op.getPadBegin());
  return emitter.loop(
      op.getKernel(), {start}, [&](ArrayRef<Value> tap, ValueRange carried) -> SmallVector<Value> {
        Point source{at[0], at[1]};
        for (size_t d = 0; d < tap.size(); ++d)
          source.push_back(emitter.add(emitter.affine(at[d + 2], op.getStrides()[d], -op.getPadBegin()[d]),
                                       emitter.affine(emitter.at(tap[d]), op.getDilations()[d], 0)));
        const Value element = outside ? emitter.elementOr(op.getInput(), source, start)
                                      : emitter.element(op.getInput(), source);
        return {fold(carried[0], element)};
      })[0];
}

// How many taps of each window lie in [-before, extent + after) of one dimension; null where it is all of
// them for every window, which is what most positions of most pools say.
struct TapCounts {
  int64_t kernel, stride, dilation, pad, extent, before, after;

  bool allInside(int64_t windows) const {
    return pad <= before && (windows - 1) * stride - pad + (kernel - 1) * dilation < extent + after;
  }

  Value emit(IndexMath& math, Value position) const {
    // Tap t of the window is at position * stride - pad + t * dilation.
    auto firstNotBelow = [&](int64_t bound) {
      const Value start = math.mul(position, math.number(stride, position));
      const Value distance = math.max(math.sub(math.number(bound + pad, position), start), 0);
      return math.min(math.div(math.add(distance, math.number(dilation - 1, position)), dilation), kernel);
    };
    return math.sub(firstNotBelow(extent + after), firstNotBelow(-before));
  }
};

} // namespace

LogicalResult MaxPoolOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties,
                                          RegionRange regions, SmallVectorImpl<Type>& types) {
  return inferPool(location, getOperationName(), Adaptor(operands, attributes, properties, regions), types);
}

void MaxPoolOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::max_pool(operands[0], results[0], geometryOf(*this));
}

double MaxPoolOp::getFlops() {
  return flopsOf(*this);
}

Value MaxPoolOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Type element = tensorType(getInput()).getElementType();
  return emitWindow(emitter, *this, at, emitter.neutral(Combine::max, element), [&](Value most, Value value) {
    return emitter.combine(Combine::max, element, most, value);
  });
}

LogicalResult AvgPoolOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties,
                                          RegionRange regions, SmallVectorImpl<Type>& types) {
  return inferPool(location, getOperationName(), Adaptor(operands, attributes, properties, regions), types);
}

void AvgPoolOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::avg_pool(operands[0], results[0], geometryOf(*this), getCountIncludePad());
}

double AvgPoolOp::getFlops() {
  return flopsOf(*this);
}

Value AvgPoolOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Type element = tensorType(getInput()).getElementType();
  const Value sum =
      emitWindow(emitter, *this, at, emitter.constant(0, element), [&](Value total, Value value) {
        return emitter.combine(Combine::add, element, total, value);
      });
  IndexMath math(emitter);
  const auto input = tensorType(getInput()).getShape(), output = tensorType(getResult()).getShape();
  double constantCount = 1;
  Value count;
  for (size_t d = 0; d < getKernel().size(); ++d) {
    const TapCounts taps{getKernel()[d],
                         getStrides()[d],
                         getDilations()[d],
                         getPadBegin()[d],
                         input[d + 2],
                         getCountIncludePad() ? getPadBegin()[d] : 0,
                         getCountIncludePad() ? getPadEnd()[d] : 0};
    if (taps.allInside(output[d + 2])) {
      constantCount *= static_cast<double>(taps.kernel);
      continue;
    }
    const Value some = taps.emit(math, math.of(at[d + 2]));
    count = count ? math.mul(count, some) : some;
  }
  Value divisor = emitter.constant(constantCount, element);
  if (count) {
    const auto total = static_cast<int64_t>(constantCount);
    count = math.max(total == 1 ? count : math.mul(count, math.number(total, count)), 1);
    const double most =
        std::accumulate(getKernel().begin(), getKernel().end(), 1.0, std::multiplies<double>());
    const bool wide = most > std::numeric_limits<int32_t>::max();
    divisor = emitter.splat(math.toFloat(count, element, wide));
  }
  return arith::DivFOp::create(emitter.builder, emitter.loc, sum, divisor);
}

} // namespace sinter::ir
