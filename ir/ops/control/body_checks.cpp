// What operations with bodies check of them.
#include "ir/ops/control/body_checks.h"

#include "ir/operand_checks.h"

using namespace mlir;

namespace sinter::ir {

YieldOp yieldOf(Region& body) {
  return body.empty() || body.front().empty() ? YieldOp() : dyn_cast<YieldOp>(body.front().back());
}

FailureOr<SmallVector<Type>> yieldedTypes(std::optional<Location> location, StringRef op, Region& body) {
  YieldOp yield = yieldOf(body);
  if (!yield)
    return emitOptionalError(location, op, ": a body does not end in sinter.yield");
  for (Value value : yield.getOperands())
    if (failed(staticOperand(location, op, value, "what a body yields")))
      return failure();
  return SmallVector<Type>(yield.getOperandTypes());
}

std::string textOf(TypeRange types) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "(";
  llvm::interleaveComma(types, stream, [&](Type type) { stream << "'" << type << "'"; });
  stream << ")";
  return text;
}

LogicalResult checkArguments(Operation* op, Region& body, StringRef name, TypeRange wanted, StringRef what) {
  if (body.empty() || !yieldOf(body))
    return op->emitOpError() << name << " does not end in sinter.yield";
  if (body.getArgumentTypes() != wanted)
    return op->emitOpError() << name << " takes " << textOf(body.getArgumentTypes()) << ", but " << what
                             << " are " << textOf(wanted);
  return success();
}

} // namespace sinter::ir
