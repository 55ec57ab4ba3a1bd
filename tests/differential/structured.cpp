// Makers of contractions, windows, reductions, normalisations and losses.
#include "case.h"

#include "ir/op_creation.h"

namespace sinter::differential {

namespace {

constexpr int64_t kMaxRank = 5;

mlir::IntegerAttr integerAttr(Case& c, int64_t value) {
  return c.builder().getI64IntegerAttr(value);
}
mlir::FloatAttr numberAttr(Case& c, double low, double high) {
  return c.builder().getF64FloatAttr(c.real(low, high));
}

/// The input of a convolution, [N, C, spatial...]: the last result, or channels as models have them.
mlir::Value image(Case& c, int64_t channels) {
  Dims dims{c.integer(1, 2), channels};
  const int64_t rank = c.choose<int64_t>({1, 2, 2, 2, 2, 3});
  for (int64_t d = 0; d < rank; ++d)
    dims.push_back(rank == 3 ? c.integer(1, 6) : c.choose<int64_t>({1, 4, 5, 7, 8, 11, 14, 17}));
  return c.tensor(dims, c.elementType(Elements::floating), {}, 0);
}

mlir::Value imageOrCurrent(Case& c) {
  mlir::Value x = c.data(Elements::floating, 3, kMaxRank, {}, false);
  const int64_t channels = c.choose<int64_t>({1, 3, 6, 8, 16, 16, 24, 32, 33, 48});
  return x.getDefiningOp() != nullptr ? x : image(c, channels);
}

int64_t pickGroups(Case& c, int64_t channels) {
  if (c.chance(0.6))
    return 1;
  if (c.chance(0.4))
    return channels;
  for (int64_t groups : {4, 2, 3})
    if (channels % groups == 0)
      return groups;
  return 1;
}

mlir::Value optionalBias(Case& c, int64_t channels, mlir::Type element) {
  return c.chance(0.5) ? c.tensor({channels}, element, {}, 0.8) : mlir::Value();
}

mlir::Value conv(Case& c) {
  mlir::Value x = imageOrCurrent(c);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const Window w = window(c, type.getShape().drop_front(2), false);
  const int64_t groups = pickGroups(c, type.getDimSize(1));
  const int64_t outChannels =
      groups *
      (groups == type.getDimSize(1) && c.chance(0.8) ? 1 : c.choose<int64_t>({1, 2, 3, 8, 16, 17, 32}));
  Dims filter{outChannels, type.getDimSize(1) / groups};
  filter.append(w.kernel);
  mlir::Value f = c.tensor(filter, type.getElementType(), {-0.5, 0.5}, 0.85);
  mlir::Value bias = optionalBias(c, outChannels, type.getElementType());
  return ir::create<ir::ConvOp>(c.builder(), c.location(), x, f, bias, c.array(w.strides),
                                c.array(w.dilations), c.array(w.padBegin), c.array(w.padEnd),
                                integerAttr(c, groups));
}

/// Its operand is a constant: it folds, or nothing could compile it.
mlir::Value winogradFilter(Case& c, int64_t tile) {
  const Dims dims{c.choose<int64_t>({1, 3, 8, 17, 32}), c.choose<int64_t>({1, 5, 8, 16, 19}), 3, 3};
  mlir::Value f = c.tensor(dims, c.builder().getF32Type(), {-0.5, 0.5}, 1);
  return ir::create<ir::WinogradFilterOp>(c.builder(), c.location(), f, integerAttr(c, tile));
}

mlir::Value winogradFilter(Case& c) {
  return winogradFilter(c, c.choose<int64_t>({2, 4}));
}

/// Inputs of magnitude 1.
mlir::Value winogradConv(Case& c) {
  const auto tile = c.choose<int64_t>({2, 4});
  mlir::Value f = winogradFilter(c, tile);
  const auto filter = ir::tensorType(f).getShape();
  const Dims input{c.integer(1, 2), filter[2], c.integer(3, 17), c.integer(3, 17)};
  mlir::Value x = c.tensor(input, c.builder().getF32Type(), {-1, 1}, 0);
  mlir::Value bias = optionalBias(c, filter[1], c.builder().getF32Type());
  return ir::create<ir::WinogradConvOp>(c.builder(), c.location(), x, f, bias,
                                        c.array({c.integer(0, 2), c.integer(0, 2)}),
                                        c.array({c.integer(0, 2), c.integer(0, 2)}), integerAttr(c, tile));
}

mlir::Value convFilterGradient(Case& c) {
  mlir::Value x = imageOrCurrent(c);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const Window w = window(c, type.getShape().drop_front(2), false);
  const int64_t groups = pickGroups(c, type.getDimSize(1));
  Dims cotangent{type.getDimSize(0), groups * c.choose<int64_t>({1, 2, 3, 8, 16, 17, 32})};
  for (auto [d, extent] : llvm::enumerate(type.getShape().drop_front(2)))
    cotangent.push_back(
        (extent + w.padBegin[d] + w.padEnd[d] - w.dilations[d] * (w.kernel[d] - 1) - 1) / w.strides[d] + 1);
  mlir::Value y = c.tensor(cotangent, type.getElementType(), {-0.5, 0.5}, 0.2);
  return ir::create<ir::ConvFilterGradientOp>(c.builder(), c.location(), x, y, c.array(w.kernel),
                                              c.array(w.strides), c.array(w.dilations), c.array(w.padBegin),
                                              c.array(w.padEnd), integerAttr(c, groups));
}

mlir::Value convTranspose(Case& c) {
  mlir::Value x = imageOrCurrent(c);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const int64_t groups = pickGroups(c, type.getDimSize(1));
  const int64_t perGroup = c.choose<int64_t>({1, 2, 3, 8, 16});
  Dims filter{type.getDimSize(1), perGroup};
  Dims strides, dilations, padBegin, padEnd, outputPadding;
  for (int64_t extent : type.getShape().drop_front(2)) {
    const int64_t kernel = c.choose<int64_t>({1, 2, 3, 4});
    const int64_t stride = c.integer(1, 3);
    const int64_t dilation = c.chance(0.2) ? 2 : 1;
    const int64_t full = stride * (extent - 1) + dilation * (kernel - 1) + 1;
    filter.push_back(kernel);
    strides.push_back(stride);
    dilations.push_back(dilation);
    padBegin.push_back(c.integer(0, std::min<int64_t>(kernel - 1, (full - 1) / 2)));
    padEnd.push_back(c.integer(0, std::min<int64_t>(kernel - 1, (full - 1) / 2)));
    outputPadding.push_back(c.chance(0.3) ? c.integer(0, std::max(stride, dilation) - 1) : 0);
  }
  mlir::Value f = c.tensor(filter, type.getElementType(), {-0.5, 0.5}, 0.85);
  mlir::Value bias = optionalBias(c, groups * perGroup, type.getElementType());
  return ir::create<ir::ConvTransposeOp>(c.builder(), c.location(), x, f, bias, c.array(strides),
                                         c.array(dilations), c.array(padBegin), c.array(padEnd),
                                         c.array(outputPadding), integerAttr(c, groups));
}

mlir::Value matmul(Case& c) {
  mlir::Value a = c.data(Elements::number, 2, 4);
  const mlir::RankedTensorType type = ir::tensorType(a);
  const int64_t rank = type.getRank();
  const bool transposeLhs = c.chance(0.2);
  const bool transposeRhs = c.chance(0.3);
  const int64_t k = type.getDimSize(transposeLhs ? rank - 2 : rank - 1);
  const int64_t n = c.choose<int64_t>({1, 3, 8, 15, 16, 17, 32, 48});
  Dims rhs;
  if (c.chance(0.4))
    for (int64_t extent : type.getShape().drop_back(2))
      rhs.push_back(c.chance(0.2) ? 1 : extent == 1 && c.chance(0.5) ? c.integer(2, 3) : extent);
  rhs.push_back(transposeRhs ? n : k);
  rhs.push_back(transposeRhs ? k : n);
  mlir::Value b = c.tensor(rhs, type.getElementType(), {-1, 1}, 0.6);
  return ir::create<ir::MatmulOp>(c.builder(), c.location(), a, b, transposeLhs, transposeRhs);
}

/// `shape` with its dimensions of extent 1 or more broadcast now and then.
Dims broadcasting(Case& c, Dims shape, std::size_t dims) {
  for (std::size_t d = 0; d < dims; ++d)
    if (c.chance(0.2))
      shape[d] = 1;
  return shape;
}

mlir::Value transposed(Case& c, mlir::Value x, llvm::ArrayRef<int64_t> permutation) {
  return ir::create<ir::TransposeOp>(c.builder(), c.location(), x, c.array(permutation));
}

/// Attention as exporters write it, heads split and merged by transposes: what is raised, fused.
mlir::Value writtenAttention(Case& c, const Dims& sizes, mlir::Type element, mlir::Value mask) {
  const int64_t batch = sizes[0], heads = sizes[1], m = sizes[2], n = sizes[3], d = sizes[4], e = sizes[5];
  auto& builder = c.builder();
  mlir::Value q = transposed(c, c.tensor({batch, m, heads, d}, element, {-1, 1}, 0), {0, 2, 1, 3});
  mlir::Value k = transposed(c, c.tensor({batch, n, heads, d}, element, {-1, 1}, 0), {0, 2, 3, 1});
  mlir::Value v = transposed(c, c.tensor({batch, n, heads, e}, element, {-1, 1}, 0), {0, 2, 1, 3});
  mlir::Value scores = ir::create<ir::MatmulOp>(builder, c.location(), q, k, false, false);
  mlir::Value scale = c.tensor({}, element, {0.2, 0.5}, 1);
  if (c.chance(0.5))
    scores = ir::create<ir::MulOp>(builder, c.location(), scores, scale);
  else if (c.chance(0.5))
    scores = ir::create<ir::DivOp>(builder, c.location(), scores, scale);
  if (mask)
    scores = ir::create<ir::AddOp>(builder, c.location(), scores, mask);
  mlir::Value weights = ir::create<ir::SoftmaxOp>(builder, c.location(), scores, integerAttr(c, 3));
  mlir::Value result = ir::create<ir::MatmulOp>(builder, c.location(), weights, v, false, false);
  return c.chance(0.7) ? transposed(c, result, {0, 2, 1, 3}) : result;
}

mlir::Value attention(Case& c) {
  const mlir::Type element = c.elementType(Elements::floating);
  const int64_t batch = c.integer(1, 2), heads = c.choose<int64_t>({1, 2, 3, 5});
  const bool longKeys = c.chance(0.15); // several blocks of them, and of rows
  const auto m = longKeys ? c.choose<int64_t>({1, 65, 130}) : c.choose<int64_t>({1, 2, 7, 8, 16, 33});
  const auto n = longKeys ? c.choose<int64_t>({257, 300, 519}) : c.choose<int64_t>({1, 3, 8, 15, 16, 17, 64});
  const auto d = c.choose<int64_t>({1, 4, 8, 13, 16, 32}), e = c.choose<int64_t>({1, 5, 8, 16, 24, 33});
  mlir::Value mask;
  if (c.chance(0.5)) {
    const Dims shape = broadcasting(c, {batch, heads, m, n}, 4);
    mask = c.tensor(
        Dims(llvm::ArrayRef(shape).drop_front(static_cast<std::size_t>(c.integer(0, 1)) * (shape[0] == 1))),
        element, {-3, 3}, 0);
  }
  if (c.chance(0.5))
    return writtenAttention(c, {batch, heads, m, n, d, e}, element, mask);
  const bool transposeKey = c.chance(0.5), headsLast = c.chance(0.5);
  mlir::Value q = c.tensor(broadcasting(c, {batch, heads, m, d}, 2), element, {-1, 1}, 0);
  mlir::Value k = c.tensor(transposeKey ? Dims{batch, heads, d, n} : broadcasting(c, {batch, heads, n, d}, 2),
                           element, {-1, 1}, 0);
  mlir::Value v =
      c.tensor(headsLast ? Dims{batch, n, heads, e} : Dims{batch, heads, n, e}, element, {-1, 1}, 0);
  return ir::create<ir::AttentionOp>(c.builder(), c.location(), q, k, v, mask, numberAttr(c, -1, 1),
                                     c.array({}), c.array(transposeKey ? Dims{0, 1, 3, 2} : Dims{}),
                                     c.array(headsLast ? Dims{0, 2, 1, 3} : Dims{}),
                                     c.array(c.chance(0.5) ? Dims{0, 2, 1, 3} : Dims{}));
}

mlir::Value lrn(Case& c) {
  mlir::Value x = c.data(Elements::floating, 2, kMaxRank);
  return ir::create<ir::LrnOp>(c.builder(), c.location(), x, integerAttr(c, c.integer(1, 6)),
                               numberAttr(c, 1e-4, 0.1), numberAttr(c, 0.5, 1), numberAttr(c, 1, 2));
}

Dims someAxes(Case& c, int64_t rank) {
  Dims axes;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (c.chance(0.45))
      axes.push_back(axis);
  if (axes.empty() && rank > 0)
    axes.push_back(c.integer(0, rank - 1));
  return axes;
}

template <class Op, Elements elements>
mlir::Value reduce(Case& c) {
  mlir::Value x = c.data(elements, 1, kMaxRank);
  return ir::create<Op>(c.builder(), c.location(), x, c.array(someAxes(c, ir::tensorType(x).getRank())),
                        c.builder().getBoolAttr(c.chance(0.5)));
}

/// Factors around one, so that products neither vanish nor explode; few of them.
mlir::Value reduceProduct(Case& c) {
  Dims dims = c.shape(1, 3);
  for (int64_t& extent : dims)
    extent = std::min<int64_t>(extent, 5);
  mlir::Value x = c.tensor(dims, c.elementType(Elements::floating), {0.7, 1.3}, 0);
  return ir::create<ir::ReduceProdOp>(c.builder(), c.location(), x,
                                      c.array(someAxes(c, static_cast<int64_t>(dims.size()))),
                                      c.builder().getBoolAttr(c.chance(0.5)));
}

template <class Op>
mlir::Value argReduce(Case& c) {
  mlir::Value x = c.data(Elements::number, 1, kMaxRank, {-5, 5, c.chance(0.2)}, false);
  return ir::create<Op>(c.builder(), c.location(), x,
                        integerAttr(c, c.integer(0, ir::tensorType(x).getRank() - 1)),
                        c.builder().getBoolAttr(c.chance(0.5)));
}

template <class Op>
mlir::Value alongAxis(Case& c) {
  mlir::Value x = c.data(Elements::floating, 1, kMaxRank);
  const int64_t rank = ir::tensorType(x).getRank();
  const int64_t axis = c.chance(0.6) ? rank - 1 : c.integer(0, rank - 1);
  return ir::create<Op>(c.builder(), c.location(), x, integerAttr(c, axis));
}

mlir::Value layerNorm(Case& c) {
  mlir::Value x = c.data(Elements::floating, 1, kMaxRank);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const int64_t axis = c.chance(0.6) ? type.getRank() - 1 : c.integer(0, type.getRank() - 1);
  const auto normalized = type.getShape().drop_front(static_cast<std::size_t>(axis));
  mlir::Value scale = c.tensor(normalized, type.getElementType(), {}, 0.8);
  mlir::Value bias = c.chance(0.7) ? c.tensor(normalized, type.getElementType(), {}, 0.8) : mlir::Value();
  return ir::create<ir::LayerNormOp>(c.builder(), c.location(), x, scale, bias, integerAttr(c, axis),
                                     numberAttr(c, 1e-2, 0.1));
}

int64_t lineAxis(Case& c, mlir::Value logits) {
  const int64_t rank = ir::tensorType(logits).getRank();
  return c.chance(0.6) ? rank - 1 : c.integer(0, rank - 1);
}

/// Logits with at least one class.
mlir::Value logits(Case& c) {
  Dims dims = c.shape(1, 4, false);
  if (c.chance(0.3))
    dims.back() = c.choose<int64_t>({64, 130, 1000});
  return c.tensor(dims, c.elementType(Elements::floating), {-4, 4}, 0);
}

mlir::Value crossEntropy(Case& c) {
  mlir::Value x = logits(c);
  const mlir::RankedTensorType type = ir::tensorType(x);
  mlir::Value targets = c.tensor(type.getShape(), type.getElementType(), {0, 1}, 0.2);
  return ir::create<ir::CrossEntropyOp>(c.builder(), c.location(), x, targets, lineAxis(c, x));
}

mlir::Value sparseCrossEntropy(Case& c) {
  mlir::Value x = logits(c);
  const int64_t axis = lineAxis(c, x);
  const auto shape = ir::tensorType(x).getShape();
  Dims lines(shape);
  lines.erase(lines.begin() + axis);
  const auto last = static_cast<double>(shape[static_cast<std::size_t>(axis)] - 1);
  mlir::Value classes =
      c.tensor(lines, c.elementType(Elements::index), {c.chance(0.3) ? -2.0 : 0.0, last}, 0.2);
  return ir::create<ir::SparseCrossEntropyOp>(c.builder(), c.location(), x, classes, axis);
}

mlir::Value resize(Case& c) {
  mlir::Value x = c.data(Elements::floating, 3, 4, {}, false);
  const auto shape = ir::tensorType(x).getShape();
  Dims sizes(shape);
  llvm::SmallVector<double> scales(shape.size(), 1.0);
  const double steps[] = {0.5, 1, 1.5, 2, 3};
  for (std::size_t d = 2; d < shape.size(); ++d) {
    scales[d] = steps[c.integer(0, 4)];
    sizes[d] = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(shape[d]) * scales[d]));
    if (c.chance(0.5))
      scales[d] = static_cast<double>(sizes[d]) / static_cast<double>(shape[d]);
  }
  const bool nearest = c.chance(0.5);
  using ir::ResizeCoordinates;
  using ir::ResizeRounding;
  const auto coordinates = c.choose({ResizeCoordinates::half_pixel, ResizeCoordinates::pytorch_half_pixel,
                                     ResizeCoordinates::align_corners, ResizeCoordinates::asymmetric});
  const auto rounding = c.choose({ResizeRounding::round_prefer_floor, ResizeRounding::round_prefer_ceil,
                                  ResizeRounding::floor, ResizeRounding::ceil});
  return ir::create<ir::ResizeOp>(
      c.builder(), c.location(), x, c.array(sizes), c.builder().getDenseF64ArrayAttr(scales),
      nearest ? ir::ResizeMode::nearest : ir::ResizeMode::linear, coordinates, rounding);
}

} // namespace

void detail::addStructured(Table& table) {
  using enum Elements;
  constexpr bool kCommon = true;
  table["sinter.conv"] = {conv, true, kCommon};
  table["sinter.winograd_filter"] = {winogradFilter, true};
  table["sinter.winograd_conv"] = {winogradConv, true};
  table["sinter.conv_transpose"] = {convTranspose, true, kCommon};
  table["sinter.conv_filter_gradient"] = {convFilterGradient, true, kCommon};
  table["sinter.matmul"] = {matmul, true, kCommon};
  table["sinter.attention"] = {attention, true};
  table["sinter.lrn"] = {lrn, true};
  table["sinter.resize"] = {resize, true, kCommon};
  table["sinter.softmax"] = {alongAxis<ir::SoftmaxOp>, true, kCommon};
  table["sinter.log_softmax"] = {alongAxis<ir::LogSoftmaxOp>, true};
  table["sinter.layer_norm"] = {layerNorm, true, kCommon};
  table["sinter.cross_entropy"] = {crossEntropy, true};
  table["sinter.sparse_cross_entropy"] = {sparseCrossEntropy, true};
  table["sinter.reduce_sum"] = {reduce<ir::ReduceSumOp, number>, true};
  table["sinter.reduce_mean"] = {reduce<ir::ReduceMeanOp, floating>, true, kCommon};
  table["sinter.reduce_max"] = {reduce<ir::ReduceMaxOp, number>, true};
  table["sinter.reduce_min"] = {reduce<ir::ReduceMinOp, number>, true};
  table["sinter.reduce_prod"] = {reduceProduct, true};
  table["sinter.argmax"] = {argReduce<ir::ArgMaxOp>, false};
  table["sinter.argmin"] = {argReduce<ir::ArgMinOp>, false};
}

} // namespace sinter::differential
