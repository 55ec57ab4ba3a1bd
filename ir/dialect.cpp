// Registration of the dialect, and what all operations share.
#include "ir/ops.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "ir/dialect.cpp.inc"
#include "ir/interfaces.cpp.inc"

namespace sinter::ir {

void SinterDialect::initialize() {
  registerAttributes();
  registerOperations();
}

void SinterDialect::registerOperations() {
  addOperations<
#define GET_OP_LIST
#include "ir/ops/control/program.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/control/flow.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/control/derivative.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/contract/matmul.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/contract/attention.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/conv/conv.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/conv/winograd.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/elementwise/activation.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/elementwise/binary.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/elementwise/compare.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/elementwise/select.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/elementwise/unary.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/index/gather.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/loss/loss.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/norm/norm.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/pool/pool.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/random/random.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/reduce/reduce.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/shape/resize.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ops/shape/shape.cpp.inc"
      >();
}

bool sameLogicalTypes(TypeRange left, TypeRange right) {
  if (left.size() != right.size())
    return false;
  for (auto [a, b] : llvm::zip(left, right)) {
    auto x = dyn_cast<RankedTensorType>(a), y = dyn_cast<RankedTensorType>(b);
    if (!x || !y || x.getShape() != y.getShape() || x.getElementType() != y.getElementType())
      return false;
  }
  return true;
}

double resultElements(Operation* op) {
  double elements = 0;
  for (Value result : op->getResults())
    elements += static_cast<double>(tensorType(result).getNumElements());
  return elements;
}

double operandAndResultBytes(Operation* op) {
  double bytes = 0;
  for (Value operand : op->getOperands())
    bytes += static_cast<double>(storedBytes(tensorType(operand)));
  for (Value result : op->getResults())
    bytes += static_cast<double>(storedBytes(tensorType(result)));
  return bytes;
}

int64_t storedBytes(RankedTensorType type) {
  const auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
  const int64_t elements = layout ? layout.getPhysicalElements(type.getShape()) : type.getNumElements();
  return elements * static_cast<int64_t>(size_of(dtypeOf(type.getElementType())));
}

FailureOr<SmallVector<int64_t>> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return failure();
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

LogicalResult inferElementwise(std::optional<Location> location, StringRef name, ValueRange operands,
                               Type element, SmallVectorImpl<Type>& types) {
  SmallVector<int64_t> shape;
  Type common;
  Attribute encoding;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type)
      return emitOptionalError(location, name, ": operand ", i, " is not a ranked tensor");
    auto merged = broadcastShapes(shape, type.getShape());
    if (failed(merged))
      return emitOptionalError(location, name, ": shapes do not broadcast: ", TypeRange(operands));
    shape = *merged;
    const bool condition = operands.size() == 3 && i == 0;
    if (!condition && common && common != type.getElementType())
      return emitOptionalError(location, name, ": element types differ: ", TypeRange(operands));
    if (!condition)
      common = type.getElementType();
  }
  for (Value operand : operands)
    if (auto type = cast<RankedTensorType>(operand.getType());
        type.getEncoding() && type.getShape() == ArrayRef(shape))
      encoding = type.getEncoding();
  types.push_back(RankedTensorType::get(shape, element ? element : common, encoding));
  return success();
}

DType dtypeOf(Type type) {
  if (type.isF32())
    return DType::f32;
  if (type.isF64())
    return DType::f64;
  if (type.isF16())
    return DType::f16;
  if (type.isBF16())
    return DType::bf16;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    switch (integer.getWidth()) {
    case 1:
      return DType::boolean;
    case 8:
      return integer.isUnsigned() ? DType::u8 : DType::i8;
    case 32:
      return DType::i32;
    case 64:
      return DType::i64;
    }
  }
  std::string text;
  llvm::raw_string_ostream(text) << type;
  throw Error("element type " + text + " has no storage type", ErrorKind::internal);
}

Type elementTypeOf(MLIRContext* context, DType dtype) {
  switch (dtype) {
  case DType::f32:
    return Float32Type::get(context);
  case DType::f64:
    return Float64Type::get(context);
  case DType::f16:
    return Float16Type::get(context);
  case DType::bf16:
    return BFloat16Type::get(context);
  case DType::boolean:
    return IntegerType::get(context, 1);
  case DType::i8:
    return IntegerType::get(context, 8);
  case DType::u8:
    return IntegerType::get(context, 8, IntegerType::Unsigned);
  case DType::i32:
    return IntegerType::get(context, 32);
  case DType::i64:
    return IntegerType::get(context, 64);
  }
  return {};
}

Shape shapeOf(RankedTensorType type) {
  return Shape(type.getShape());
}

} // namespace sinter::ir
