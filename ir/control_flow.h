// Building operations with bodies.
#pragma once

#include "ir/ops.h"

namespace sinter::ir {

/// What a body computes from its arguments; `builder` stands in the body.
using BodyBuilder =
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder& builder, mlir::ValueRange arguments)>;

/// A body of its own, for the functions below. Whatever it uses must be among its arguments.
std::unique_ptr<mlir::Region> makeBody(mlir::MLIRContext* context, mlir::Location loc,
                                       mlir::TypeRange arguments, BodyBuilder build);

/// Each creates the operation of its name at the builder's place: see ir/ops/control/flow.td and
/// derivative.td. Bodies end in sinter.yield. Throws Error with a one-line cause if operands and bodies do
/// not fit.
CondOp createCond(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value predicate,
                  mlir::ValueRange inputs, std::unique_ptr<mlir::Region> thenBody,
                  std::unique_ptr<mlir::Region> elseBody);
WhileOp createWhile(mlir::OpBuilder& builder, mlir::Location loc, mlir::ValueRange carries,
                    mlir::ValueRange invariants, std::unique_ptr<mlir::Region> condition,
                    std::unique_ptr<mlir::Region> body, std::optional<int64_t> maxIterations = std::nullopt);
ScanOp createScan(mlir::OpBuilder& builder, mlir::Location loc, mlir::ValueRange carries,
                  mlir::ValueRange sequences, mlir::ValueRange invariants, int64_t steps, bool reverse,
                  std::unique_ptr<mlir::Region> body);

CheckpointOp createCheckpoint(mlir::OpBuilder& builder, mlir::Location loc, mlir::ValueRange inputs,
                              std::unique_ptr<mlir::Region> body);
CustomGradientOp createCustomGradient(mlir::OpBuilder& builder, mlir::Location loc, mlir::ValueRange inputs,
                                      mlir::ValueRange values, mlir::ValueRange captured,
                                      std::unique_ptr<mlir::Region> rule);

/// Repeats the operations of `body` at the builder's place, with these arguments; what it yields.
llvm::SmallVector<mlir::Value> inlineBody(mlir::OpBuilder& builder, mlir::Region& body,
                                          mlir::ValueRange arguments);

/// True for branches and loops.
inline bool isControlFlow(mlir::Operation* op) {
  return llvm::isa<CondOp, WhileOp, ScanOp>(op);
}

/// What a step of a scan sees of a sequence of this type.
mlir::RankedTensorType sliceType(mlir::RankedTensorType sequence);

/// What a body yields.
inline mlir::ValueRange yielded(mlir::Region& body) {
  return body.front().getTerminator()->getOperands();
}

} // namespace sinter::ir
