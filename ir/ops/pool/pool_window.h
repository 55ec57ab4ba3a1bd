// What pools and their transposes share: inference, and windows as loops.
#pragma once

#include "ir/index_math.h"
#include "ir/ops.h"
#include "ir/ops/conv/window.h"
#include "sinter/runtime/eager/pool.h"

namespace sinter::ir {

/// The shape of the windows of a pool over an input of type `input`, or a diagnostic.
template <class Adaptor>
llvm::FailureOr<llvm::SmallVector<Wide>> poolShape(std::optional<mlir::Location> location,
                                                   llvm::StringRef name, Adaptor adaptor,
                                                   mlir::RankedTensorType input) {
  const auto& properties = adaptor.getProperties();
  const WindowAttributes window{properties.strides, properties.dilations, properties.pad_begin,
                                properties.pad_end};
  if (failed(checkWindow(location, name, input, window)) ||
      failed(checkEntries(location, name, "kernel", properties.kernel,
                          static_cast<size_t>(input.getRank() - 2), 1)))
    return mlir::failure();
  auto counts = windowCounts(location, name, input, adaptor.getKernel(), window, adaptor.getCeilMode());
  if (failed(counts))
    return mlir::failure();
  llvm::SmallVector<Wide> shape{input.getDimSize(0), input.getDimSize(1)};
  shape.append(*counts);
  return shape;
}

/// The result of a pool: its windows, of type `element` or, if that is null, of the input's.
template <class Adaptor>
llvm::LogicalResult inferPool(std::optional<mlir::Location> location, llvm::StringRef name, Adaptor adaptor,
                              llvm::SmallVectorImpl<mlir::Type>& types, mlir::Type element = {}) {
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  if (failed(input))
    return mlir::failure();
  auto shape = poolShape(location, name, adaptor, *input);
  if (failed(shape))
    return mlir::failure();
  return addResult(location, name, llvm::ArrayRef<Wide>(*shape), element ? element : input->getElementType(),
                   input->getEncoding(), types);
}

eager::PoolGeometry geometryOf(auto op) {
  return {Shape(op.getKernel()), Shape(op.getStrides()), Shape(op.getDilations()), Shape(op.getPadBegin()),
          Shape(op.getPadEnd())};
}

/// One operation for every tap of every window.
double windowFlops(auto op) {
  double flops = resultElements(op.getOperation());
  for (int64_t extent : op.getKernel())
    flops *= static_cast<double>(extent);
  return flops;
}

/// The position in the input under a tap of the window at `at`.
Point underTap(LoopEmitter& emitter, auto op, const Point& at, llvm::ArrayRef<mlir::Value> tap) {
  Point source{at[0], at[1]};
  for (size_t d = 0; d < tap.size(); ++d)
    source.push_back(emitter.add(emitter.affine(at[d + 2], op.getStrides()[d], -op.getPadBegin()[d]),
                                 emitter.affine(emitter.at(tap[d]), op.getDilations()[d], 0)));
  return source;
}

/// True if some window of a pool over op.getInput() reaches outside of it.
bool reachesOutside(auto op) {
  return windowsReachOutside(tensorType(op.getInput()).getShape().drop_front(2),
                             tensorType(op.getResult()).getShape().drop_front(2), op.getKernel(),
                             op.getStrides(), op.getDilations(), op.getPadBegin());
}

/// Folds the elements of the window at `at`, from `start` on; `start` stands for elements outside, too.
mlir::Value emitWindow(LoopEmitter& emitter, auto op, const Point& at, mlir::Value start,
                       llvm::function_ref<mlir::Value(mlir::Value carried, mlir::Value element)> fold) {
  const bool outside = reachesOutside(op);
  return emitter.loop(
      op.getKernel(), {start},
      [&](llvm::ArrayRef<mlir::Value> tap, mlir::ValueRange carried) -> llvm::SmallVector<mlir::Value> {
        const Point source = underTap(emitter, op, at, tap);
        const mlir::Value element = outside ? emitter.elementOr(op.getInput(), source, start)
                                            : emitter.element(op.getInput(), source);
        return {fold(carried[0], element)};
      })[0];
}

/// The number an averaging pool divides the sum of a window by.
class TapCounter {
public:
  /// `input` and `output` are the shapes of the pool's input and of its windows.
  TapCounter(auto op, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> output) {
    for (size_t d = 0; d < op.getKernel().size(); ++d)
      dims.push_back({op.getKernel()[d], op.getStrides()[d], op.getDilations()[d], op.getPadBegin()[d],
                      input[d + 2], op.getCountIncludePad() ? op.getPadBegin()[d] : 0,
                      op.getCountIncludePad() ? op.getPadEnd()[d] : 0, output[d + 2]});
  }

  /// True if it is the same for all windows.
  bool isConstant() const;
  /// For the window at `window`, as numbers of type `element`.
  mlir::Value emit(LoopEmitter& emitter, const Point& window, mlir::Type element) const;

private:
  // One dimension of windows, whose taps count where they lie in [-before, extent + after).
  struct Dim {
    int64_t kernel, stride, dilation, pad, extent, before, after, windows;

    bool allInside() const;
    mlir::Value count(IndexMath& math, mlir::Value window) const;
  };

  llvm::SmallVector<Dim, 3> dims;
};

} // namespace sinter::ir
