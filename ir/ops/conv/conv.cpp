// Convolution and transposed convolution.
#include "ir/ops.h"

#include "ir/channels_last.h"
#include "ir/index_math.h"
#include "ir/ops/contract/accumulate.h"
#include "ir/ops/conv/window.h"
#include "sinter/runtime/eager/conv.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/conv/conv.cpp.inc"

namespace sinter::ir {
namespace {

struct ConvolutionTypes {
  RankedTensorType input, filter;
};

// Checks what both operations demand: `channelsOf` is the filter's dimension of input channels, `biasOf` what
// the bias must have as its only extent.
template <class Adaptor>
FailureOr<ConvolutionTypes> checkOperands(std::optional<Location> location, StringRef op, Adaptor adaptor) {
  const auto& properties = adaptor.getProperties();
  auto input = staticOperand(location, op, adaptor.getInput(), "input");
  auto filter = staticOperand(location, op, adaptor.getFilter(), "filter");
  if (failed(input) || failed(filter))
    return failure();
  const WindowAttributes window{properties.strides, properties.dilations, properties.pad_begin,
                                properties.pad_end};
  if (failed(checkWindow(location, op, *input, window)))
    return failure();
  if (filter->getRank() != input->getRank())
    return emitOptionalError(location, op, ": filter ", *filter, " and input ", *input, " differ in rank");
  if (filter->getElementType() != input->getElementType())
    return emitOptionalError(location, op, ": element types of filter ", *filter, " and input ", *input,
                             " differ");
  const auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (groups < 1)
    return emitOptionalError(location, op, ": groups is ", groups, "; at least 1 is needed");
  if (input->getDimSize(1) % groups != 0)
    return emitOptionalError(location, op, ": ", input->getDimSize(1), " channels of input ", *input,
                             " cannot be divided into ", groups, " groups");
  if (filter->getDimSize(0) % groups != 0)
    return emitOptionalError(location, op, ": ", filter->getDimSize(0), " channels of filter ", *filter,
                             " cannot be divided into ", groups, " groups");
  return ConvolutionTypes{*input, *filter};
}

LogicalResult checkBias(std::optional<Location> location, StringRef op, Value bias, int64_t channels,
                        Type element) {
  if (!bias)
    return success();
  auto type = staticOperand(location, op, bias, "bias");
  if (failed(type))
    return failure();
  if (type->getRank() != 1 || type->getDimSize(0) != channels || type->getElementType() != element)
    return emitOptionalError(location, op, ": bias ", *type, " is not one ", element, " for each of ",
                             channels, " channels of the result");
  return success();
}

eager::ConvGeometry geometryOf(auto op) {
  return {Shape(op.getStrides()), Shape(op.getDilations()), Shape(op.getPadBegin()),
          static_cast<int64_t>(op.getGroups())};
}

void copySpatial(ArrayRef<int64_t> from, std::array<int64_t, 3>& to) {
  std::copy(from.begin(), from.end(), to.end() - from.size());
}

// All that the two operations say in the same way.
Contraction contractionOf(auto op) {
  Contraction result;
  const auto input = tensorType(op.getInput()).getShape(), output = tensorType(op.getResult()).getShape();
  result.batch = input[0];
  result.groups = static_cast<int64_t>(op.getGroups());
  result.inChannels = input[1] / result.groups;
  result.outChannels = output[1] / result.groups;
  copySpatial(input.drop_front(2), result.input);
  copySpatial(output.drop_front(2), result.output);
  copySpatial(tensorType(op.getFilter()).getShape().drop_front(2), result.kernel);
  copySpatial(op.getStrides(), result.stride);
  copySpatial(op.getDilations(), result.dilation);
  copySpatial(op.getPadBegin(), result.padBegin);
  result.hasBias = static_cast<bool>(op.getBias());
  return result;
}

double flopsOf(auto op) {
  return op.getContraction().flops() + (op.getBias() ? resultElements(op.getOperation()) : 0);
}

// The first input channel of the group that the result's channels are in.
Coord firstChannel(LoopEmitter& emitter, const Coord& channel, const Contraction& sizes) {
  if (sizes.groups == 1)
    return emitter.at(int64_t{0});
  if (sizes.isDepthwise())
    return channel;
  IndexMath math(emitter);
  return emitter.affine(math.divided(channel, sizes.outChannels), sizes.inChannels, 0);
}

// Factors lie so that channels are neighbours.
bool haveChannelsLast(auto op) {
  return isChannelsLast(op.getInput().getType()) && isChannelsLast(op.getFilter().getType());
}

// The terms of a sum, one for each channel of a group under each position of the kernel, counted so that
// neighbours are neighbours in memory: position by position where channels are innermost, else channel by
// channel.
class Terms {
public:
  Terms(auto op, int64_t channels) : channelsLast_(haveChannelsLast(op)) {
    const auto kernel = tensorType(op.getFilter()).getShape().drop_front(2);
    if (!channelsLast_)
      extents_.push_back(channels);
    llvm::append_range(extents_, kernel);
    if (channelsLast_)
      extents_.push_back(channels);
  }

  ArrayRef<int64_t> extents() const { return extents_; }
  Value channel(ArrayRef<Value> index) const { return channelsLast_ ? index.back() : index.front(); }
  Value tap(ArrayRef<Value> index, size_t d) const { return index[channelsLast_ ? d : d + 1]; }

private:
  bool channelsLast_;
  SmallVector<int64_t> extents_;
};

// The input changes along images and positions, the filter along channels; groups have filters of their own.
FactorDimensions positionsAndChannels(RankedTensorType result, const Contraction& sizes) {
  FactorDimensions dimensions;
  if (sizes.groups > 1)
    return dimensions;
  for (int64_t d = 0; d < result.getRank(); ++d)
    (d == 1 ? dimensions.second : dimensions.first).push_back(d);
  dimensions.terms = sizes.inChannels;
  for (int64_t extent : sizes.kernel)
    dimensions.terms *= extent;
  return dimensions;
}

Value withBias(LoopEmitter& emitter, Value sum, Value bias, const Point& at) {
  if (!bias)
    return sum;
  return emitter.combine(Combine::add, tensorType(bias).getElementType(), sum,
                         emitter.element(bias, {at[1]}));
}

} // namespace

LogicalResult ConvOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties,
                                       RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto checked = checkOperands(location, name, adaptor);
  if (failed(checked))
    return failure();
  auto [input, filter] = *checked;
  const auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (filter.getDimSize(1) != input.getDimSize(1) / groups)
    return emitOptionalError(location, name, ": filter ", filter, " does not take the ",
                             input.getDimSize(1) / groups, " channels per group of input ", input, " in ",
                             adaptor.getGroups(), " groups");
  const WindowAttributes window{adaptor.getStridesAttr(), adaptor.getDilationsAttr(),
                                adaptor.getPadBeginAttr(), adaptor.getPadEndAttr()};
  auto counts =
      windowCounts(location, name, input, filter.getShape().drop_front(2), window, /*ceilMode=*/false);
  if (failed(counts) ||
      failed(checkBias(location, name, adaptor.getBias(), filter.getDimSize(0), input.getElementType())))
    return failure();
  SmallVector<Wide> shape{input.getDimSize(0), filter.getDimSize(0)};
  shape.append(*counts);
  return addResult(location, name, ArrayRef<Wide>(shape), input.getElementType(), {}, types);
}

void ConvOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::conv(operands[0], operands[1], operands.size() > 2 ? &operands[2] : nullptr, results[0],
              geometryOf(*this));
}

Contraction ConvOp::getContraction() {
  return contractionOf(*this);
}

double ConvOp::getFlops() {
  return flopsOf(*this);
}

FactorDimensions ConvOp::getFactorDimensions() {
  FactorDimensions dimensions = positionsAndChannels(tensorType(getResult()), getContraction());
  dimensions.firstAlongSum = haveChannelsLast(*this);
  dimensions.secondAlongSum = dimensions.firstAlongSum || !layoutOf(getFilter());
  return dimensions;
}

Value ConvOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Contraction sizes = getContraction();
  const auto input = tensorType(getInput()).getShape();
  const auto kernel = tensorType(getFilter()).getShape().drop_front(2),
             output = tensorType(getResult()).getShape().drop_front(2);
  const bool padded =
      windowsReachOutside(input.drop_front(2), output, kernel, getStrides(), getDilations(), getPadBegin());
  const Coord channel = firstChannel(emitter, at[1], sizes);
  const Type element = tensorType(getInput()).getElementType();
  const Terms terms(*this, sizes.inChannels);
  const Value sum = emitProducts(emitter, terms.extents(), element, [&](ArrayRef<Value> index) {
    const Coord inGroup = emitter.at(terms.channel(index));
    Point source{at[0], emitter.add(channel, inGroup)}, weight{at[1], inGroup};
    for (size_t d = 0; d < kernel.size(); ++d) {
      const Coord tap = emitter.at(terms.tap(index, d));
      source.push_back(emitter.add(emitter.affine(at[d + 2], getStrides()[d], -getPadBegin()[d]),
                                   emitter.affine(tap, getDilations()[d], 0)));
      weight.push_back(tap);
    }
    const Value value = padded ? emitter.elementOr(getInput(), source, emitter.constant(0, element))
                               : emitter.element(getInput(), source);
    return std::pair(value, emitter.element(getFilter(), weight));
  });
  return withBias(emitter, sum, getBias(), at);
}

LogicalResult ConvTransposeOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                                ValueRange operands, DictionaryAttr attributes,
                                                OpaqueProperties properties, RegionRange regions,
                                                SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto checked = checkOperands(location, name, adaptor);
  if (failed(checked))
    return failure();
  auto [input, filter] = *checked;
  const auto spatial = static_cast<size_t>(input.getRank() - 2);
  if (failed(
          checkEntries(location, name, "output_padding", adaptor.getProperties().output_padding, spatial, 0)))
    return failure();
  if (filter.getDimSize(0) != input.getDimSize(1))
    return emitOptionalError(location, name, ": filter ", filter, " does not take the ", input.getDimSize(1),
                             " channels of input ", input);
  const Wide channels = Wide{filter.getDimSize(1)} * static_cast<int64_t>(adaptor.getGroups());
  SmallVector<Wide> shape{input.getDimSize(0), channels};
  constexpr Wide limit = Wide{1} << 48; // positions are computed in 64 bits
  for (size_t d = 0; d < spatial; ++d) {
    const Wide in = input.getShape()[d + 2], kernel = filter.getShape()[d + 2];
    if (kernel < 1)
      return emitOptionalError(location, name, ": filter ", filter, " has a kernel extent below 1");
    const Wide full = Wide{adaptor.getStrides()[d]} * (in - 1) + adaptor.getOutputPadding()[d] +
                      Wide{adaptor.getDilations()[d]} * (kernel - 1) + 1;
    const Wide extent = full - adaptor.getPadBegin()[d] - adaptor.getPadEnd()[d];
    if (in < 1 || extent < 1)
      return emitOptionalError(location, name, ": nothing is left of input ", input, " in spatial dimension ",
                               d, " with filter ", filter, " and paddings ", text(adaptor.getPadBegin()),
                               " and ", text(adaptor.getPadEnd()));
    if (full > limit || adaptor.getStrides()[d] > limit || adaptor.getPadBegin()[d] > limit)
      return emitOptionalError(location, name, ": spatial dimension ", d, " of the result for input ", input,
                               " is too large");
    shape.push_back(extent);
  }
  if (failed(addResult(location, name, ArrayRef<Wide>(shape), input.getElementType(), {}, types)))
    return failure();
  return checkBias(location, name, adaptor.getBias(), static_cast<int64_t>(channels), input.getElementType());
}

void ConvTransposeOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::conv_transpose(operands[0], operands[1], operands.size() > 2 ? &operands[2] : nullptr, results[0],
                        geometryOf(*this));
}

Contraction ConvTransposeOp::getContraction() {
  Contraction result = contractionOf(*this);
  result.kind = Contraction::Kind::transposed_convolution;
  return result;
}

double ConvTransposeOp::getFlops() {
  return flopsOf(*this);
}

FactorDimensions ConvTransposeOp::getFactorDimensions() {
  FactorDimensions dimensions = positionsAndChannels(tensorType(getResult()), getContraction());
  dimensions.firstAlongSum = haveChannelsLast(*this);
  return dimensions;
}

Value ConvTransposeOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  IndexMath math(emitter);
  const Contraction sizes = getContraction();
  const size_t spatial = getStrides().size();
  const Coord channel = firstChannel(emitter, at[1], sizes);
  // The filter's second dimension counts the channels of one group.
  const Coord inGroup = sizes.groups == 1 ? at[1] : math.coord(math.rem(math.of(at[1]), sizes.outChannels));
  const Type element = tensorType(getInput()).getElementType();
  const Terms terms(*this, sizes.inChannels);
  const Value sum = emitProducts(emitter, terms.extents(), element, [&](ArrayRef<Value> index) {
    const Coord from = emitter.add(channel, emitter.at(terms.channel(index)));
    Point source{at[0], from}, weight{from, inGroup};
    for (size_t d = 0; d < spatial; ++d) {
      const Coord tap = emitter.at(terms.tap(index, d));
      const int64_t stride = getStrides()[d];
      Coord position = emitter.add(emitter.affine(at[d + 2], 1, getPadBegin()[d]),
                                   emitter.affine(tap, -getDilations()[d], 0));
      if (stride != 1) {
        // Positions between the strides meet nothing: they are sent outside.
        const Value value = math.of(position), zero = math.number(0, value), outside = math.number(-1, value);
        const Value whole = math.compare(arith::CmpIPredicate::eq, math.rem(value, stride), zero);
        const Value divided = math.select(whole, math.div(value, stride), outside);
        position =
            math.coord(math.select(math.compare(arith::CmpIPredicate::sge, value, zero), divided, outside));
      }
      source.push_back(position);
      weight.push_back(tap);
    }
    const Value value = emitter.elementOr(getInput(), source, emitter.constant(0, element));
    return std::pair(value, emitter.element(getFilter(), weight));
  });
  return withBias(emitter, sum, getBias(), at);
}

} // namespace sinter::ir
