// The passes, one function each; pipeline.cpp says in which order they run and why.
#pragma once

#include "ir/constant.h"
#include "ir/ops.h"
#include "passes/pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace sinter::passes {

/// A pass over one operation that makes sinter operations.
template <class Derived, class Op>
struct PassOver : mlir::PassWrapper<Derived, mlir::OperationPass<Op>> {
  void getDependentDialects(mlir::DialectRegistry& registry) const override {
    registry.insert<ir::SinterDialect>();
  }
};
template <class Derived>
using FunctionPass = PassOver<Derived, mlir::func::FuncOp>;
template <class Derived>
using ModulePass = PassOver<Derived, mlir::ModuleOp>;

/// Adds to every function a derivative of its results: see differentiate.h.
std::unique_ptr<mlir::Pass> createDifferentiatePass();
/// Puts the bodies of checkpoints, and what custom gradients and stop_gradient are the derivatives of, in
/// their place.
std::unique_ptr<mlir::Pass> createLowerDerivativesPass();
/// Simplifications that leave less to do: neutral elements, chained movements, explicit transposes for matmul
/// flags.
std::unique_ptr<mlir::Pass> createCanonicalizePass();
/// Drops what branches and loops do not need, and puts constants inside: bodies are compiled alone.
std::unique_ptr<mlir::Pass> createSimplifyControlFlowPass();
/// Evaluates operations whose operands are constants.
std::unique_ptr<mlir::Pass> createFoldConstantsPass();
/// Recognises what exporters decompose: hard-swish, SiLU, GELU, layer-norm, softmax, ...
std::unique_ptr<mlir::Pass> createRaisePatternsPass();
/// Makes one operation of attention written out as products and a softmax, and of the transposes around it,
/// where `backend` has a kernel for it (attention_kernels.h).
std::unique_ptr<mlir::Pass> createRaiseAttentionPass(Backend backend = Backend::cpu);
/// Writes attention that `backend` has no kernel for as products and a softmax.
std::unique_ptr<mlir::Pass> createDecomposeAttentionPass(Backend backend = Backend::cpu);
/// Writes batch-norms as a multiplication and an addition per channel, and folds per-channel constants into
/// the weights of the contraction before them.
std::unique_ptr<mlir::Pass> createFoldBatchNormPass();
/// Turns transposed convolutions whose windows do not overlap into a 1x1 convolution and a depth-to-space.
std::unique_ptr<mlir::Pass> createLowerConvTransposePass();
/// Turns other transposed convolutions into convolutions: with strides, one for every phase of the result.
std::unique_ptr<mlir::Pass> createLowerOverlappingWindowsPass();
/// Turns grouped convolutions whose groups do not fill blocks of `block` channels into matrix products, where
/// the kernel is 1x1, or, with `merge`, into convolutions of fewer groups, with zeros in their filters.
std::unique_ptr<mlir::Pass> createLowerGroupedConvPass(int64_t block = 8, bool merge = true);
/// Turns 1x1 convolutions with strides into a slice and one without.
std::unique_ptr<mlir::Pass> createCompactStridedConvPass();
/// Turns 3x3 convolutions with constant filters into Winograd's, where that pays.
std::unique_ptr<mlir::Pass> createChooseAlgorithmPass();
/// Transposes operands of matrix products that no micro-kernel reads as they are stored.
std::unique_ptr<mlir::Pass> createTransposeOperandsPass();
/// The other way round: makes transposes of factors flags of matrix products.
std::unique_ptr<mlir::Pass> createAbsorbTransposesPass();
/// Moves reshapes behind what follows them, so that kernels meet.
std::unique_ptr<mlir::Pass> createSinkReshapesPass();
/// Chooses channels-blocked layouts around contractions that have micro-kernels, or with `channelsLast`,
/// channels-last ones around convolutions; with `propagate`, lets the operations between them compute in that
/// layout too.
std::unique_ptr<mlir::Pass> createAssignLayoutPass(int64_t block = 8, bool propagate = true,
                                                   bool channelsLast = false);
/// Computes in f32 what is written in f16 and bf16; what functions take and give keeps its type.
std::unique_ptr<mlir::Pass> createWidenHalvesPass();
/// Has contractions, and what moves and scales their results, work on elements of 16 bits, or notes on the
/// module that they may round their factors to TF32.
std::unique_ptr<mlir::Pass> createLowerPrecisionPass(Precision precision = Precision::f16);
/// Puts what barriers stand for in their place; from here on equal operations must not be merged.
std::unique_ptr<mlir::Pass> createRemoveBarriersPass();
/// Has the operands of concatenations written where they lie in the result, where that saves copies.
std::unique_ptr<mlir::Pass> createPlaceConcatsPass();
/// Repeats sums and products of a large tensor and a small one for each user, where none needs them stored.
std::unique_ptr<mlir::Pass> createRepeatCheapProducersPass();
/// Gathers operations into sinter.fusion regions, one per kernel; with `fuse` off, one per operation.
std::unique_ptr<mlir::Pass> createFusePass(bool fuse = true);
/// Makes a sinter.kernel of every distinct sinter.fusion, and a sinter.launch of every fusion.
std::unique_ptr<mlir::Pass> createOutlineKernelsPass();
/// Launches kernels again whose results would have to be kept, until the arena takes at most `bytes`; fails
/// where that cannot be reached.
std::unique_ptr<mlir::Pass> createLimitMemoryPass(int64_t bytes = 0);
/// Gives every launch result a place in one arena.
std::unique_ptr<mlir::Pass> createPlanMemoryPass();

} // namespace sinter::passes
