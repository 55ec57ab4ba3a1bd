// The sinter dialect: everything a pass or code generator needs to read and build it.
#pragma once

#include "ir/contraction.h"
#include "ir/fusion_class.h"
#include "ir/loop_emitter.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/pointwise_function.h"
#include "sinter/runtime/storage.h"
#include "sinter/runtime/view.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace sinter::ir {

class ConstantDeferral;

/// True if the types agree in shape and element type; encodings are ignored.
bool sameLogicalTypes(mlir::TypeRange left, mlir::TypeRange right);
/// Elements of all results.
double resultElements(mlir::Operation* op);
/// Bytes of all operands and results, as stored.
double operandAndResultBytes(mlir::Operation* op);
/// Result type of an elementwise operation: the broadcast shape of the operands, and `element` or, if that is
/// null, the element type of the last operand (all but an i1 condition must agree). Emits a diagnostic where
/// they do not.
llvm::LogicalResult inferElementwise(std::optional<mlir::Location> location, llvm::StringRef name,
                                     mlir::ValueRange operands, mlir::Type element,
                                     llvm::SmallVectorImpl<mlir::Type>& types);
/// The broadcast of two shapes (NumPy rules), or failure.
llvm::FailureOr<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> a,
                                                            llvm::ArrayRef<int64_t> b);

} // namespace sinter::ir

#include "ir/dialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/types.h.inc"

#include "ir/interfaces.h.inc"

namespace sinter::ir {

/// The tensor type of a value; every value of a tensor program has one.
inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}
/// The layout of a tensor, null when it is row-major.
inline LayoutAttr layoutOf(mlir::Value value) {
  return llvm::dyn_cast_or_null<LayoutAttr>(tensorType(value).getEncoding());
}
/// Bytes a tensor of this type takes in memory, padding of its layout included.
int64_t storedBytes(mlir::RankedTensorType type);

DType dtypeOf(mlir::Type elementType);
mlir::Type elementTypeOf(mlir::MLIRContext* context, DType dtype);
Shape shapeOf(mlir::RankedTensorType type);

} // namespace sinter::ir
