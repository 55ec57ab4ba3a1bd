// The gradient of convolutions with respect to their filters.
#include "ir/ops.h"

#include "ir/channels_last.h"
#include "ir/index_math.h"
#include "ir/ops/contract/accumulate.h"
#include "ir/ops/conv/window.h"
#include "sinter/runtime/eager/conv.h"

using namespace mlir;

namespace sinter::ir {

LogicalResult ConvFilterGradientOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                                     ValueRange operands, DictionaryAttr attributes,
                                                     OpaqueProperties properties, RegionRange regions,
                                                     SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  auto cotangent = staticOperand(location, name, adaptor.getCotangent(), "cotangent");
  if (failed(input) || failed(cotangent))
    return failure();
  const auto& attribute = adaptor.getProperties();
  const WindowAttributes window{attribute.strides, attribute.dilations, attribute.pad_begin,
                                attribute.pad_end};
  if (failed(checkWindow(location, name, *input, window)) ||
      failed(checkEntries(location, name, "kernel", attribute.kernel,
                          static_cast<size_t>(input->getRank() - 2), 1)))
    return failure();
  const auto misfit = [&](const Twine& why) {
    return emitOptionalError(location, name, ": input ", *input, " and cotangent ", *cotangent, ": ", why);
  };
  if (cotangent->getRank() != input->getRank())
    return misfit("they differ in rank");
  if (cotangent->getElementType() != input->getElementType())
    return misfit("element types differ");
  if (cotangent->getDimSize(0) != input->getDimSize(0))
    return misfit("batches differ");
  const auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (groups < 1)
    return emitOptionalError(location, name, ": groups is ", groups, "; at least 1 is needed");
  if (input->getDimSize(1) % groups != 0 || cotangent->getDimSize(1) % groups != 0)
    return misfit("channels cannot be divided into " + Twine(groups) + " groups");
  auto counts = windowCounts(location, name, *input, adaptor.getKernel(), window, /*ceilMode=*/false);
  if (failed(counts))
    return failure();
  const ArrayRef<int64_t> out = cotangent->getShape().drop_front(2);
  if (!llvm::equal(*counts, out))
    return misfit("a convolution of this input does not give " + text(out) + " positions");
  SmallVector<int64_t> shape{cotangent->getDimSize(1), input->getDimSize(1) / groups};
  llvm::append_range(shape, adaptor.getKernel());
  return addResult(location, name, ArrayRef<int64_t>(shape), input->getElementType(), {}, types);
}

void ConvFilterGradientOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::conv_filter_gradient(
      operands[0], operands[1], results[0],
      {Shape(getStrides()), Shape(getDilations()), Shape(getPadBegin()), static_cast<int64_t>(getGroups())});
}

Contraction ConvFilterGradientOp::getContraction() {
  const auto input = tensorType(getInput()).getShape(), output = tensorType(getCotangent()).getShape();
  Contraction result;
  result.kind = Contraction::Kind::filter_gradient;
  result.batch = input[0];
  result.groups = static_cast<int64_t>(getGroups());
  result.inChannels = input[1] / result.groups;
  result.outChannels = output[1] / result.groups;
  const auto copy = [](ArrayRef<int64_t> from, std::array<int64_t, 3>& to) {
    std::copy(from.begin(), from.end(), to.end() - from.size());
  };
  copy(input.drop_front(2), result.input);
  copy(output.drop_front(2), result.output);
  copy(getKernel(), result.kernel);
  copy(getStrides(), result.stride);
  copy(getDilations(), result.dilation);
  copy(getPadBegin(), result.padBegin);
  return result;
}

double ConvFilterGradientOp::getFlops() {
  return getContraction().flops();
}

FactorDimensions ConvFilterGradientOp::getFactorDimensions() {
  FactorDimensions dimensions;
  if (getGroups() > 1)
    return dimensions;
  const bool channelsLast = isChannelsLast(getInput().getType()) && isChannelsLast(getCotangent().getType());
  // The input's channels, then the kernel's positions; where neighbours in memory are channels, the other
  // way.
  for (int64_t d = 2; d < tensorType(getResult()).getRank(); ++d)
    dimensions.first.push_back(d);
  dimensions.first.insert(channelsLast ? dimensions.first.end() : dimensions.first.begin(), 1);
  dimensions.second = {0};
  const auto cotangent = tensorType(getCotangent()).getShape();
  dimensions.terms = cotangent[0];
  for (int64_t extent : cotangent.drop_front(2))
    dimensions.terms *= extent;
  dimensions.firstAlongSum = dimensions.secondAlongSum = !channelsLast;
  return dimensions;
}

Value ConvFilterGradientOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const auto input = tensorType(getInput()).getShape(), cotangent = tensorType(getCotangent()).getShape();
  const auto output = cotangent.drop_front(2);
  const bool padded = windowsReachOutside(input.drop_front(2), output, getKernel(), getStrides(),
                                          getDilations(), getPadBegin());
  const auto groups = static_cast<int64_t>(getGroups());
  Coord channel = at[1];
  if (groups > 1) {
    IndexMath math(emitter);
    const Coord group = math.divided(at[0], cotangent[1] / groups);
    channel = emitter.add(emitter.affine(group, input[1] / groups, 0), channel);
  }
  const Type element = tensorType(getInput()).getElementType();
  SmallVector<int64_t> extents{cotangent[0]};
  llvm::append_range(extents, output);
  return emitLongProducts(emitter, extents, element, [&](const Point& index) {
    Point source{index[0], channel}, position{index[0], at[0]};
    for (size_t d = 0; d < output.size(); ++d) {
      const Coord& out = index[d + 1];
      source.push_back(emitter.add(emitter.affine(out, getStrides()[d], -getPadBegin()[d]),
                                   emitter.affine(at[d + 2], getDilations()[d], 0)));
      position.push_back(out);
    }
    const Value value = padded ? emitter.elementOr(getInput(), source, emitter.constant(0, element))
                               : emitter.element(getInput(), source);
    return std::pair(value, emitter.element(getCotangent(), position));
  });
}

} // namespace sinter::ir
