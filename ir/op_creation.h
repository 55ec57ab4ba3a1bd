// Building operations from input that may be wrong: a bad shape is a sinter::Error, not the end of the
// process.
#pragma once

#include "ir/dialect.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <string>

namespace sinter::ir {

/// No tensor of a program may be larger: what lies above is a mistake or an attack, and sizes below it never
/// overflow.
inline constexpr int64_t kMaxTensorBytes = int64_t{1} << 40;

namespace detail {

/// The first error reported in `context` while this lives, without MLIR's "'sinter.conv' op " in front.
class DiagnosticCapture {
public:
  explicit DiagnosticCapture(mlir::MLIRContext* context)
      : handler_(context, [this](mlir::Diagnostic& diagnostic) {
          if (text_.empty() && diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
            text_ = diagnostic.str();
        }) {}

  /// Throws what was captured. `op` is named if nothing was.
  [[noreturn]] void raise(llvm::StringRef op) const {
    llvm::StringRef text = text_;
    if (text.consume_front(("'" + op + "' op ").str()) || text.consume_front((op + ": ").str()) ||
        !text.empty())
      throw Error(text.str());
    throw Error(op.str() + ": invalid operands");
  }

private:
  std::string text_;
  mlir::ScopedDiagnosticHandler handler_;
};

/// Throws unless `type` is a static tensor of a rank and size that Sinter can hold.
inline void checkResultType(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    throw Error("the result has no static shape", ErrorKind::internal);
  if (checked_bytes(Shape(tensor.getShape()).dims(), size_of(dtypeOf(tensor.getElementType()))) >
      kMaxTensorBytes)
    throw Error("a result of shape " + to_string(Shape(tensor.getShape())) + " is too large");
}

/// Infers the result types of `state`, creates the operation at the builder's place and verifies it.
inline mlir::Operation* inferAndCreate(mlir::OpBuilder& builder, mlir::OperationState& state) {
  mlir::MLIRContext* context = builder.getContext();
  const llvm::StringRef name = state.name.getStringRef();
  DiagnosticCapture diagnostics(context);
  auto info = state.name.getRegisteredInfo();
  auto* infer = info ? info->getInterface<mlir::InferTypeOpInterface>() : nullptr;
  if (!infer)
    throw Error(name.str() + ": cannot infer the result's type", ErrorKind::internal);
  llvm::SmallVector<mlir::Type> types;
  if (failed(infer->inferReturnTypes(context, state.location, state.operands,
                                     state.attributes.getDictionary(context), state.getRawProperties(),
                                     state.regions, types)))
    diagnostics.raise(name);
  for (mlir::Type type : types)
    checkResultType(type);
  state.types.assign(types.begin(), types.end());
  mlir::Operation* op = builder.create(state);
  if (failed(mlir::verify(op, /*verifyRecursively=*/false))) {
    op->erase();
    diagnostics.raise(name);
  }
  return op;
}

} // namespace detail

/// Creates an `Op` whose result types are inferred; `args` are those of the builder of `Op` that follows the
/// result type (operands, then attributes). Throws Error with the one-line cause if the operands or
/// attributes do not fit: the builders that ODS generates would abort the process instead.
template <class Op, class... Args>
Op create(mlir::OpBuilder& builder, mlir::Location location, Args&&... args) {
  mlir::OperationState state(location, Op::getOperationName());
  Op::build(builder, state, mlir::Type(), std::forward<Args>(args)...);
  return llvm::cast<Op>(detail::inferAndCreate(builder, state));
}

} // namespace sinter::ir
