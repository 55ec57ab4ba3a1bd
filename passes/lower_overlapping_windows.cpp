// Transposed convolutions whose windows overlap, as convolutions: what adds up at a position of the result is
// a window of the input, met by the taps in reverse order.
//
// With strides the positions of the result fall into phases by their remainder. Each phase meets taps of its
// own, and is a convolution without strides; the phases are interleaved afterwards.
#include "passes/constants.h"
#include "passes/windows.h"

using namespace mlir;

namespace sinter::passes {
namespace {

using Extents = SmallVector<int64_t>;

// More are more kernels than products.
constexpr int64_t kMostPhases = 16;

template <class Op, class... Args>
Value folded(PatternRewriter& rewriter, Location loc, Args&&... args) {
  return foldNow(rewriter, ir::create<Op>(rewriter, loc, std::forward<Args>(args)...).getOperation());
}

ArrayRef<int64_t> shapeOf(Value value) {
  return ir::tensorType(value).getShape();
}

/// Of one spatial dimension: the taps first, first - step, ... (`taps` of them), and what the input is padded
/// by, or, where that is negative, cropped.
struct PhaseAxis {
  int64_t first = 0, step = 1, taps = 0;
  int64_t dilation = 1;
  int64_t padBegin = 0, padEnd = 0;

  /// What gives the result's positions `at`, at + stride, ...: `count` of them.
  PhaseAxis(ir::ConvTransposeOp op, size_t d, int64_t at, int64_t count) {
    const int64_t kernel = shapeOf(op.getFilter())[d + 2], input = shapeOf(op.getInput())[d + 2];
    const int64_t from = at + op.getPadBegin()[d];
    step = op.getStrides()[d];
    dilation = op.getDilations()[d];
    const int64_t residue = from % step;
    taps = residue < kernel ? (kernel - 1 - residue) / step + 1 : 0;
    first = residue + (taps - 1) * step;
    const int64_t reach = dilation * (taps - 1);
    padBegin = reach - from / step;
    padEnd = count + reach - input - padBegin;
  }
};

struct LowerOverlapping : OpRewritePattern<ir::ConvTransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ir::ConvTransposeOp op, PatternRewriter& rewriter) const override {
    const ArrayRef<int64_t> strides = op.getStrides();
    int64_t phases = 1;
    for (auto [stride, dilation] : llvm::zip_equal(strides, op.getDilations())) {
      if (stride > kMostPhases || (stride > 1 && dilation > 1))
        return failure();
      phases *= stride;
    }
    const bool empty = ir::tensorType(op.getInput()).getNumElements() == 0 ||
                       ir::tensorType(op.getResult()).getNumElements() == 0 ||
                       ir::tensorType(op.getFilter()).getNumElements() == 0;
    if (empty || phases > kMostPhases || !meetsInput(op))
      return failure();
    rewriter.setInsertionPoint(op);
    if (phases == 1)
      rewriter.replaceOp(op, convolution(op, axesOf(op, 0), op.getBias(), rewriter));
    else
      rewriter.replaceOp(op, interleaved(op, phases, rewriter));
    return success();
  }

private:
  /// How many positions the phases have, of which the last may lie past the end.
  static int64_t countOf(ir::ConvTransposeOp op, size_t d) {
    return llvm::divideCeilSigned(shapeOf(op.getResult())[d + 2], op.getStrides()[d]);
  }

  static SmallVector<PhaseAxis> axesOf(ir::ConvTransposeOp op, int64_t phase) {
    SmallVector<PhaseAxis> axes;
    Extents at(op.getStrides().size());
    for (size_t d = at.size(); d-- > 0; phase /= op.getStrides()[d])
      at[d] = phase % op.getStrides()[d];
    for (size_t d = 0; d < at.size(); ++d)
      axes.emplace_back(op, d, at[d], countOf(op, d));
    return axes;
  }

  static bool hasTaps(ArrayRef<PhaseAxis> axes) {
    return llvm::all_of(axes, [](const PhaseAxis& axis) { return axis.taps > 0; });
  }

  /// False where some phase would be left nothing of the input.
  static bool meetsInput(ir::ConvTransposeOp op) {
    const ArrayRef<int64_t> input = shapeOf(op.getInput());
    for (size_t d = 0; d < op.getStrides().size(); ++d)
      for (int64_t at = 0; at < op.getStrides()[d]; ++at) {
        const PhaseAxis axis(op, d, at, countOf(op, d));
        if (axis.taps > 0 &&
            input[d + 2] + std::min<int64_t>(axis.padBegin, 0) + std::min<int64_t>(axis.padEnd, 0) < 1)
          return false;
      }
    return true;
  }

  /// The filter [C, M / groups, kernel...] with the phase's taps in reverse order, as [M, C / groups,
  /// taps...].
  static Value reversedFilter(ir::ConvTransposeOp op, ArrayRef<PhaseAxis> axes, PatternRewriter& rewriter) {
    Value filter = op.getFilter();
    const Location loc = filter.getLoc();
    const auto groups = static_cast<int64_t>(op.getGroups());
    const int64_t channels = shapeOf(filter)[0] / groups, outChannels = shapeOf(filter)[1];
    Extents starts{0, 0}, sizes{groups * channels, outChannels}, steps{1, 1};
    for (const PhaseAxis& axis : axes) {
      starts.push_back(axis.first);
      sizes.push_back(axis.taps);
      steps.push_back(-axis.step);
    }
    filter = folded<ir::SliceOp>(rewriter, loc, filter, starts, sizes, steps);
    Extents split{groups, channels, outChannels}, order{0, 2, 1}, joined{groups * outChannels, channels};
    for (const PhaseAxis& axis : axes) {
      order.push_back(static_cast<int64_t>(split.size()));
      split.push_back(axis.taps);
      joined.push_back(axis.taps);
    }
    if (groups == 1) {
      order.erase(order.begin());
      for (int64_t& dim : order)
        --dim;
      return folded<ir::TransposeOp>(rewriter, loc, filter, order);
    }
    filter = folded<ir::ReshapeOp>(rewriter, loc, filter, split);
    filter = folded<ir::TransposeOp>(rewriter, loc, filter, order);
    return folded<ir::ReshapeOp>(rewriter, loc, filter, joined);
  }

  static Value convolution(ir::ConvTransposeOp op, ArrayRef<PhaseAxis> axes, Value bias,
                           PatternRewriter& rewriter) {
    const Location loc = op.getLoc();
    Value input = op.getInput();
    Extents starts{0, 0}, sizes(shapeOf(input)), dilations, padBegin, padEnd;
    for (auto [d, axis] : llvm::enumerate(axes)) {
      starts.push_back(std::max<int64_t>(-axis.padBegin, 0));
      sizes[d + 2] -= starts.back() + std::max<int64_t>(-axis.padEnd, 0);
      dilations.push_back(axis.dilation);
      padBegin.push_back(std::max<int64_t>(axis.padBegin, 0));
      padEnd.push_back(std::max<int64_t>(axis.padEnd, 0));
    }
    if (ArrayRef(sizes) != shapeOf(input))
      input = ir::create<ir::SliceOp>(rewriter, loc, input, starts, sizes, Extents(sizes.size(), 1));
    return ir::create<ir::ConvOp>(rewriter, loc, input, reversedFilter(op, axes, rewriter), bias,
                                  Extents(axes.size(), 1), dilations, padBegin, padEnd, op.getGroups());
  }

  static Value interleaved(ir::ConvTransposeOp op, int64_t phases, PatternRewriter& rewriter) {
    SmallVector<Value> parts;
    Value only;
    int64_t onlyPhase = 0, full = 0;
    for (int64_t phase = 0; phase < phases; ++phase) {
      const SmallVector<PhaseAxis> axes = axesOf(op, phase);
      parts.push_back(hasTaps(axes) ? convolution(op, axes, Value(), rewriter) : Value());
      if (!parts.back())
        continue;
      ++full;
      only = parts.back();
      onlyPhase = phase;
    }
    Value result = full == 1 ? spread(op, only, onlyPhase, rewriter) : joined(op, parts, rewriter);
    const ArrayRef<int64_t> shape = shapeOf(op.getResult());
    if (shapeOf(result) != shape)
      result = ir::create<ir::SliceOp>(rewriter, op.getLoc(), result, Extents(shape.size(), 0), shape,
                                       Extents(shape.size(), 1));
    if (!op.getBias())
      return result;
    Extents column(shape.size(), 1);
    column[1] = shape[1];
    return ir::create<ir::AddOp>(rewriter, op.getLoc(), result, reshaped(op.getBias(), column, rewriter));
  }

  /// [N, M, q...] of one phase to [N, M, (q * stride)...], with zeros at the others.
  static Value spread(ir::ConvTransposeOp op, Value part, int64_t phase, PatternRewriter& rewriter) {
    const Location loc = op.getLoc();
    Extents split(shapeOf(part).take_front(2)), low{0, 0}, high{0, 0}, whole(split);
    Extents at(op.getStrides().size());
    for (size_t d = at.size(); d-- > 0; phase /= op.getStrides()[d])
      at[d] = phase % op.getStrides()[d];
    for (auto [d, stride] : llvm::enumerate(op.getStrides())) {
      const int64_t count = shapeOf(part)[d + 2];
      split.append({count, 1});
      low.append({0, at[d]});
      high.append({0, stride - 1 - at[d]});
      whole.push_back(count * stride);
    }
    Value value = ir::create<ir::ReshapeOp>(rewriter, loc, part, split);
    value = ir::create<ir::PadOp>(rewriter, loc, value, low, high, ir::PadMode::constant, APFloat(0.0));
    return ir::create<ir::ReshapeOp>(rewriter, loc, value, whole);
  }

  /// [N, M, q...] of every phase (null: zeros) to [N, M, (q * stride)...].
  static Value joined(ir::ConvTransposeOp op, MutableArrayRef<Value> parts, PatternRewriter& rewriter) {
    const Location loc = op.getLoc();
    const auto found = *llvm::find_if(parts, [](Value part) { return bool(part); });
    const RankedTensorType type = ir::tensorType(found);
    for (Value& part : parts)
      if (!part)
        part = makeSplat(rewriter, loc, type, 0);
    // Outermost, the phases are written where they lie.
    Value all = ir::create<ir::ConcatOp>(rewriter, loc, ValueRange(parts), uint64_t{0}, false);
    const auto spatial = static_cast<int64_t>(op.getStrides().size());
    Extents split(op.getStrides()), order{spatial, spatial + 1}, whole(type.getShape().take_front(2));
    llvm::append_range(split, type.getShape());
    for (int64_t d = 0; d < spatial; ++d) {
      order.append({spatial + 2 + d, d});
      whole.push_back(type.getDimSize(static_cast<unsigned>(d + 2)) *
                      op.getStrides()[static_cast<size_t>(d)]);
    }
    all = ir::create<ir::ReshapeOp>(rewriter, loc, all, split);
    all = ir::create<ir::TransposeOp>(rewriter, loc, all, order);
    return ir::create<ir::ReshapeOp>(rewriter, loc, all, whole);
  }
};

struct LowerOverlappingWindows : FunctionPass<LowerOverlappingWindows> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerOverlappingWindows)
  StringRef getArgument() const final { return "sinter-lower-overlapping-windows"; }
  StringRef getDescription() const final { return "transposed convolutions as convolutions, one a phase"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerOverlapping>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerOverlappingWindowsPass() {
  return std::make_unique<LowerOverlappingWindows>();
}

} // namespace sinter::passes
