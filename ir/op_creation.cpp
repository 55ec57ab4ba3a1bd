// Shape inference and verification of operations whose input may be wrong.
#include "ir/op_creation.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <string>

using namespace mlir;

namespace sinter::ir {
namespace {

// The first error reported in `context` while this lives, without MLIR's "'sinter.conv' op " in front.
class DiagnosticCapture {
public:
  explicit DiagnosticCapture(MLIRContext* context)
      : handler_(context, [this](Diagnostic& diagnostic) {
          if (text_.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
            text_ = diagnostic.str();
        }) {}

  // Throws what was captured. `op` is named if nothing was.
  [[noreturn]] void raise(StringRef op) const {
    StringRef text = text_;
    if (text.consume_front(("'" + op + "' op ").str()) || text.consume_front((op + ": ").str()) ||
        !text.empty())
      throw Error(text.str());
    throw Error(op.str() + ": invalid operands");
  }

private:
  std::string text_;
  ScopedDiagnosticHandler handler_;
};

} // namespace

void detail::checkResultType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    throw Error("the result has no static shape", ErrorKind::internal);
  if (checked_bytes(Shape(tensor.getShape()).dims(), size_of(dtypeOf(tensor.getElementType()))) >
      kMaxTensorBytes)
    throw Error("a result of shape " + to_string(Shape(tensor.getShape())) + " is too large");
}

Operation* detail::inferAndCreate(OpBuilder& builder, OperationState& state) {
  MLIRContext* context = builder.getContext();
  const StringRef name = state.name.getStringRef();
  DiagnosticCapture diagnostics(context);
  auto info = state.name.getRegisteredInfo();
  auto* infer = info ? info->getInterface<InferTypeOpInterface>() : nullptr;
  if (!infer)
    throw Error(name.str() + ": cannot infer the result's type", ErrorKind::internal);
  SmallVector<Type> types;
  if (failed(infer->inferReturnTypes(context, state.location, state.operands,
                                     state.attributes.getDictionary(context), state.getRawProperties(),
                                     state.regions, types)))
    diagnostics.raise(name);
  for (Type type : types)
    checkResultType(type);
  state.types.assign(types.begin(), types.end());
  Operation* op = builder.create(state);
  if (failed(verify(op, /*verifyRecursively=*/false))) {
    op->erase();
    diagnostics.raise(name);
  }
  return op;
}

} // namespace sinter::ir
