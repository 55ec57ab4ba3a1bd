// What derivatives of pools are made of: which tap of a window is its maximum, and maps from windows to
// inputs.
#include "ir/element_arithmetic.h"
#include "ir/ops/pool/pool_window.h"

using namespace mlir;

namespace sinter::ir {
namespace {

//===-- Shapes --------------------------------------------------------------------------------------===//

LogicalResult checkIndex(std::optional<Location> location, StringRef name, Value index,
                         ArrayRef<Wide> windows) {
  auto type = staticOperand(location, name, index, "index");
  if (failed(type))
    return failure();
  if (llvm::equal(windows, type->getShape()))
    return success();
  return emitOptionalError(location, name, ": index ", *type, " has not one number for each window");
}

// From windows back to the input: `values` must be what a pool of such an input gives.
template <class Adaptor>
LogicalResult inferTranspose(std::optional<Location> location, StringRef name, Adaptor adaptor,
                             SmallVectorImpl<Type>& types) {
  auto values = staticOperand(location, name, adaptor.getValues(), "values");
  if (failed(values))
    return failure();
  const int64_t rank = values->getRank();
  if (rank < 3 || rank > 5)
    return emitOptionalError(location, name, ": values ", *values,
                             " are not [N, C, spatial...] of 1 to 3 spatial dimensions");
  const DenseI64ArrayAttr sizes = adaptor.getProperties().sizes;
  if (failed(checkEntries(location, name, "sizes", sizes, static_cast<size_t>(rank - 2), 0)))
    return failure();
  SmallVector<int64_t> shape(values->getShape().take_front(2));
  llvm::append_range(shape, sizes.asArrayRef());
  if (failed(addResult(location, name, ArrayRef<int64_t>(shape), values->getElementType(),
                       values->getEncoding(), types)))
    return failure();
  auto windows = poolShape(location, name, adaptor, values->clone(shape));
  if (failed(windows))
    return failure();
  if (!llvm::equal(*windows, values->getShape()))
    return emitOptionalError(location, name, ": values ", *values, " are not the windows of an input ",
                             text(shape));
  return success();
}

//===-- Loops ---------------------------------------------------------------------------------------===//

// The number of a tap, in row-major order.
Coord tapNumber(LoopEmitter& emitter, ArrayRef<int64_t> kernel, ArrayRef<Coord> tap) {
  Coord number = tap[0];
  for (size_t d = 1; d < kernel.size(); ++d)
    number = emitter.add(emitter.affine(number, kernel[d], 0), tap[d]);
  return number;
}

Coord tapNumber(LoopEmitter& emitter, ArrayRef<int64_t> kernel, ArrayRef<Value> tap) {
  return tapNumber(emitter, kernel,
                   llvm::map_to_vector(tap, [&](Value position) { return emitter.at(position); }));
}

// A position as elements of i32, at the lanes of the emitter.
Value toElements(LoopEmitter& emitter, const Coord& coord) {
  const Value position = IndexMath(emitter).of(coord);
  const Type type = shapedLike(emitter.builder.getI32Type(), position);
  return emitter.splat(arith::IndexCastOp::create(emitter.builder, emitter.loc, type, position));
}

// Where `at` lies inside of `shape`, at the lanes of the emitter.
Value emitInside(LoopEmitter& emitter, ArrayRef<int64_t> shape, const Point& at) {
  IndexMath math(emitter);
  ElementArithmetic arithmetic(emitter.builder, emitter.loc);
  Value inside;
  for (auto [extent, coord] : llvm::drop_begin(llvm::zip(shape, at), 2)) {
    const Value position = math.of(coord);
    const Value here =
        emitter.splat(math.compare(arith::CmpIPredicate::ult, position, math.number(extent, position)));
    inside = inside ? arithmetic.both(inside, here) : here;
  }
  return inside;
}

// True of NaN, too, but of a later one only if there was none.
Value emitIsLarger(ElementArithmetic& arithmetic, Value value, Value most, Type element) {
  if (isa<FloatType>(element))
    return arithmetic.both(arithmetic.compare(arith::CmpFPredicate::UGT, value, most),
                           arithmetic.compare(arith::CmpFPredicate::ORD, most, most));
  return arithmetic.compareI(
      isUnsignedElement(element) ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, value, most);
}

// One dimension of the windows that a position of the input is in. They are the last that starts at or before
// the position, and some before it.
struct Covering {
  int64_t kernel, stride, dilation, pad;

  int64_t reach() const { return (kernel - 1) * dilation + 1; }
  int64_t windows() const { return llvm::divideCeilSigned(reach(), stride); }

  struct Window {
    Coord position; ///< perhaps not a window
    Coord tap;
    Value valid; ///< null: always
  };

  // The one `back` windows before the last.
  Window emit(LoopEmitter& emitter, const Coord& at, Value back) const {
    IndexMath math(emitter);
    const Coord padded = emitter.affine(at, 1, pad);
    Coord last = padded, inside = emitter.at(int64_t{0}); // in the last window
    if (stride > 1) {
      const Value position = math.of(padded);
      last = math.coord(math.div(position, stride));
      inside = math.coord(math.rem(position, stride));
    }
    Window window;
    window.position = emitter.add(last, emitter.affine(emitter.at(back), -1, 0));
    const Coord offset = emitter.add(inside, emitter.affine(emitter.at(back), stride, 0));
    window.tap = offset;
    if (dilation > 1) {
      const Value value = math.of(offset);
      window.tap = math.coord(math.div(value, dilation));
      window.valid = math.compare(arith::CmpIPredicate::eq, math.rem(value, dilation), math.number(0, value));
    }
    if (stride > 1 && windows() * stride > reach()) {
      const Value value = math.of(window.tap);
      const Value exists = math.compare(arith::CmpIPredicate::ult, value, math.number(kernel, value));
      window.valid = window.valid ? arith::AndIOp::create(emitter.builder, emitter.loc,
                                                          emitter.splat(window.valid), emitter.splat(exists))
                                        .getResult()
                                  : exists;
    }
    return window;
  }
};

SmallVector<Covering> coveringOf(auto op) {
  SmallVector<Covering> dims;
  for (size_t d = 0; d < op.getKernel().size(); ++d)
    dims.push_back({op.getKernel()[d], op.getStrides()[d], op.getDilations()[d], op.getPadBegin()[d]});
  return dims;
}

double transposeFlops(auto op) {
  double flops = resultElements(op.getOperation());
  for (const Covering& dim : coveringOf(op))
    flops *= static_cast<double>(dim.windows());
  return flops;
}

// The sum of share(window, tap number) over the windows that the position `at` of the input is in. A share is
// 0 for windows that do not exist.
Value emitCovering(LoopEmitter& emitter, auto op, const Point& at,
                   function_ref<Value(const Point& window, const Coord& tap)> share) {
  const Type element = tensorType(op.getResult()).getElementType();
  const SmallVector<Covering> dims = coveringOf(op);
  const auto counts = llvm::map_to_vector(dims, [](const Covering& dim) { return dim.windows(); });
  ElementArithmetic arithmetic(emitter.builder, emitter.loc);
  return emitter.loop(counts, {emitter.constant(0, element)},
                      [&](ArrayRef<Value> back, ValueRange sum) -> SmallVector<Value> {
                        Point window{at[0], at[1]};
                        SmallVector<Coord> tap;
                        Value valid;
                        for (size_t d = 0; d < dims.size(); ++d) {
                          const auto one = dims[d].emit(emitter, at[d + 2], back[d]);
                          window.push_back(one.position);
                          tap.push_back(one.tap);
                          if (!one.valid)
                            continue;
                          const Value here = emitter.splat(one.valid);
                          valid = valid ? arithmetic.both(valid, here) : here;
                        }
                        Value value = share(window, tapNumber(emitter, op.getKernel(), tap));
                        if (valid)
                          value = arithmetic.choose(valid, value, emitter.constant(0, element));
                        return {emitter.combine(Combine::add, element, sum[0], value)};
                      })[0];
}

} // namespace

//===-- max_pool_index ------------------------------------------------------------------------------===//

LogicalResult MaxPoolIndexOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                               ValueRange operands, DictionaryAttr attributes,
                                               OpaqueProperties properties, RegionRange regions,
                                               SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  if (failed(inferPool(location, getOperationName(), adaptor, types, IntegerType::get(context, 32))))
    return failure();
  Wide taps = 1;
  for (int64_t extent : adaptor.getKernel())
    taps *= extent;
  if (taps > std::numeric_limits<int32_t>::max())
    return emitOptionalError(location, getOperationName(), ": kernel ", text(adaptor.getKernel()),
                             " has more taps than an index can number");
  return success();
}

void MaxPoolIndexOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::max_pool_index(operands[0], results[0], geometryOf(*this));
}

double MaxPoolIndexOp::getFlops() {
  return windowFlops(*this);
}

Value MaxPoolIndexOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const RankedTensorType input = tensorType(getInput());
  const Type element = input.getElementType(), i32 = emitter.builder.getI32Type();
  const Value least = emitter.neutral(Combine::max, element);
  const bool outside = reachesOutside(*this);
  return emitter.loop(
      getKernel(), {least, emitter.constant(-1, i32)},
      [&](ArrayRef<Value> tap, ValueRange carried) -> SmallVector<Value> {
        ElementArithmetic arithmetic(emitter.builder, emitter.loc);
        const Point source = underTap(emitter, *this, at, tap);
        const Value value =
            outside ? emitter.elementOr(getInput(), source, least) : emitter.element(getInput(), source);
        Value better = arithmetic.either(arithmetic.compareI(arith::CmpIPredicate::slt, carried[1], 0),
                                         emitIsLarger(arithmetic, value, carried[0], element));
        if (outside)
          better = arithmetic.both(better, emitInside(emitter, input.getShape(), source));
        const Value number = toElements(emitter, tapNumber(emitter, getKernel(), tap));
        return {arithmetic.choose(better, value, carried[0]), arithmetic.choose(better, number, carried[1])};
      })[1];
}

//===-- window_gather -------------------------------------------------------------------------------===//

LogicalResult WindowGatherOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                               ValueRange operands, DictionaryAttr attributes,
                                               OpaqueProperties properties, RegionRange regions,
                                               SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  if (failed(inferPool(location, getOperationName(), adaptor, types)))
    return failure();
  const SmallVector<Wide> windows(cast<RankedTensorType>(types.back()).getShape());
  return checkIndex(location, getOperationName(), adaptor.getIndex(), windows);
}

void WindowGatherOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::window_gather(operands[0], operands[1], results[0], geometryOf(*this));
}

double WindowGatherOp::getFlops() {
  return windowFlops(*this);
}

Value WindowGatherOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Type element = tensorType(getInput()).getElementType();
  const Value zero = emitter.constant(0, element), index = emitter.element(getIndex(), at);
  const bool outside = reachesOutside(*this);
  return emitter.loop(getKernel(), {zero},
                      [&](ArrayRef<Value> tap, ValueRange carried) -> SmallVector<Value> {
                        ElementArithmetic arithmetic(emitter.builder, emitter.loc);
                        const Point source = underTap(emitter, *this, at, tap);
                        const Value value = outside ? emitter.elementOr(getInput(), source, zero)
                                                    : emitter.element(getInput(), source);
                        const Value number = toElements(emitter, tapNumber(emitter, getKernel(), tap));
                        const Value found = arithmetic.compareI(arith::CmpIPredicate::eq, index, number);
                        return {arithmetic.choose(found, value, carried[0])};
                      })[0];
}

//===-- window_scatter ------------------------------------------------------------------------------===//

LogicalResult WindowScatterOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                                ValueRange operands, DictionaryAttr attributes,
                                                OpaqueProperties properties, RegionRange regions,
                                                SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  if (failed(inferTranspose(location, getOperationName(), adaptor, types)))
    return failure();
  const SmallVector<Wide> windows(tensorType(adaptor.getValues()).getShape());
  return checkIndex(location, getOperationName(), adaptor.getIndex(), windows);
}

void WindowScatterOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::window_scatter(operands[0], operands[1], results[0], geometryOf(*this));
}

double WindowScatterOp::getFlops() {
  return transposeFlops(*this);
}

Value WindowScatterOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Value zero = emitter.constant(0, tensorType(getValues()).getElementType());
  const Value none = emitter.constant(-1, emitter.builder.getI32Type());
  return emitCovering(emitter, *this, at, [&](const Point& window, const Coord& tap) {
    ElementArithmetic arithmetic(emitter.builder, emitter.loc);
    const Value index = emitter.elementOr(getIndex(), window, none);
    const Value value = emitter.elementOr(getValues(), window, zero);
    const Value found = arithmetic.compareI(arith::CmpIPredicate::eq, index, toElements(emitter, tap));
    return arithmetic.choose(found, value, zero);
  });
}

//===-- avg_pool_transpose --------------------------------------------------------------------------===//

LogicalResult AvgPoolTransposeOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                                   ValueRange operands, DictionaryAttr attributes,
                                                   OpaqueProperties properties, RegionRange regions,
                                                   SmallVectorImpl<Type>& types) {
  return inferTranspose(location, getOperationName(), Adaptor(operands, attributes, properties, regions),
                        types);
}

void AvgPoolTransposeOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::avg_pool_transpose(operands[0], results[0], geometryOf(*this), getCountIncludePad());
}

double AvgPoolTransposeOp::getFlops() {
  return transposeFlops(*this);
}

Value AvgPoolTransposeOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Type element = tensorType(getValues()).getElementType();
  const Value zero = emitter.constant(0, element);
  const TapCounter taps(*this, tensorType(getResult()).getShape(), tensorType(getValues()).getShape());
  ElementArithmetic arithmetic(emitter.builder, emitter.loc);
  const Value sum = emitCovering(emitter, *this, at, [&](const Point& window, const Coord&) {
    const Value value = emitter.elementOr(getValues(), window, zero);
    return taps.isConstant() ? value : arithmetic.div(value, taps.emit(emitter, window, element));
  });
  return taps.isConstant() ? arithmetic.div(sum, taps.emit(emitter, at, element)) : sum;
}

} // namespace sinter::ir
