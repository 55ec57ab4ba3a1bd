// A table from operations of arith and math to C++.
#include "codegen/cuda/expressions.h"

#include "ir/precision.h"
#include "sinter/runtime/error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

// What an operation is in C++.
struct Form {
  StringLiteral op, text;
};

// Indices are small enough for the sums and products of them that are made.
constexpr Form kIndexForms[] = {
    {"arith.addi", "%0 + %1"},
    {"arith.subi", "%0 - %1"},
    {"arith.muli", "%0 * %1"},
    {"arith.index_cast", "position_of<%T>(%0)"},
};

// Placeholders: %0 %1 %2 operands; %T and %U the result's type, the latter unsigned; %V the first operand's
// type, unsigned; %f is f after the names of functions of float. Signed integers overflow in unsigned
// arithmetic, where C++ says what comes out.
constexpr Form kForms[] = {
    {"arith.addf", "%0 + %1"},
    {"arith.subf", "%0 - %1"},
    {"arith.mulf", "%0 * %1"},
    {"arith.divf", "%0 / %1"},
    {"arith.negf", "-%0"},
    {"arith.remf", "fmod%f(%0, %1)"},
    {"arith.maximumf", "maximum(%0, %1)"},
    {"arith.minimumf", "minimum(%0, %1)"},
    {"arith.maxnumf", "fmax%f(%0, %1)"},
    {"arith.minnumf", "fmin%f(%0, %1)"},
    {"arith.addi", "(%T)((%U)%0 + (%U)%1)"},
    {"arith.subi", "(%T)((%U)%0 - (%U)%1)"},
    {"arith.muli", "(%T)((%U)%0 * (%U)%1)"},
    {"arith.divsi", "(%T)(%0 / %1)"},
    {"arith.remsi", "(%T)(%0 % %1)"},
    {"arith.divui", "(%T)((%U)%0 / (%U)%1)"},
    {"arith.remui", "(%T)((%U)%0 % (%U)%1)"},
    {"arith.andi", "(%T)(%0 & %1)"},
    {"arith.ori", "(%T)(%0 | %1)"},
    {"arith.xori", "(%T)(%0 ^ %1)"},
    {"arith.shli", "(%T)((%U)%0 << %1)"},
    {"arith.shrsi", "(%T)(%0 >> %1)"},
    {"arith.shrui", "(%T)((%U)%0 >> %1)"},
    {"arith.minsi", "%0 < %1 ? %0 : %1"},
    {"arith.maxsi", "%0 > %1 ? %0 : %1"},
    {"arith.minui", "(%U)%0 < (%U)%1 ? %0 : %1"},
    {"arith.maxui", "(%U)%0 > (%U)%1 ? %0 : %1"},
    {"arith.select", "%0 ? %1 : %2"},
    {"arith.extsi", "(%T)%0"},
    {"arith.extui", "(%T)(%V)%0"},
    {"arith.trunci", "(%T)%0"},
    {"arith.index_cast", "(%T)%0"},
    {"arith.index_castui", "(%T)(%V)%0"},
    {"arith.sitofp", "(%T)%0"},
    {"arith.uitofp", "(%T)(%V)%0"},
    {"arith.fptosi", "(%T)%0"},
    {"arith.fptoui", "(%T)(%U)%0"},
    {"arith.extf", "(%T)%0"},
    {"math.absf", "fabs%f(%0)"},
    {"math.ceil", "ceil%f(%0)"},
    {"math.floor", "floor%f(%0)"},
    {"math.roundeven", "rint%f(%0)"},
    {"math.sqrt", "sqrt%f(%0)"},
    {"math.rsqrt", "rsqrt%f(%0)"},
    {"math.exp", "exp%f(%0)"},
    {"math.expm1", "expm1%f(%0)"},
    {"math.log", "log%f(%0)"},
    {"math.log1p", "log1p%f(%0)"},
    {"math.powf", "pow%f(%0, %1)"},
    {"math.tanh", "tanh%f(%0)"},
    {"math.sin", "sin%f(%0)"},
    {"math.cos", "cos%f(%0)"},
    {"math.erf", "erf%f(%0)"},
    {"math.erfc", "erfc%f(%0)"},
    {"math.fma", "fma%f(%0, %1, %2)"},
};

llvm::StringMap<StringRef> mapOf(ArrayRef<Form> forms) {
  llvm::StringMap<StringRef> map;
  for (const Form& form : forms)
    map[form.op] = form.text;
  return map;
}

// "" if there is none.
StringRef formOf(StringRef op, bool isIndex) {
  static const llvm::StringMap<StringRef> forms = mapOf(kForms), indexForms = mapOf(kIndexForms);
  const StringRef form = isIndex ? indexForms.lookup(op) : StringRef();
  return form.empty() ? forms.lookup(op) : form;
}

std::string integerType(unsigned bits, bool isUnsigned) {
  if (bits == 1)
    return "bool";
  return (isUnsigned ? "u" : "i") + std::to_string(bits);
}

std::string unsignedType(Type type) {
  if (isa<IndexType>(type))
    return "uidx";
  if (auto integer = dyn_cast<IntegerType>(type))
    return integerType(integer.getWidth(), true);
  return valueTypeName(type);
}

std::string filled(StringRef form, Operation* op, ArrayRef<std::string> operands) {
  const Type result = getElementTypeOrSelf(op->getResult(0).getType());
  std::string text;
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '%' || i + 1 == form.size() || form[i + 1] == ' ') {
      text += form[i];
      continue;
    }
    switch (const char what = form[++i]) {
    case 'T':
      text += valueTypeName(result);
      break;
    case 'U':
      text += unsignedType(result);
      break;
    case 'V':
      text += unsignedType(getElementTypeOrSelf(op->getOperand(0).getType()));
      break;
    case 'f':
      text += result.isF64() ? "" : "f";
      break;
    default:
      text += operands[static_cast<size_t>(what - '0')];
    }
  }
  return text;
}

// "a < b": what has no operator of its own is the opposite of one that has. `bool` is whether NaN makes it
// true.
std::string comparison(arith::CmpFPredicate predicate, const std::string& a, const std::string& b) {
  using P = arith::CmpFPredicate;
  auto is = [&](const char* sign) { return a + " " + sign + " " + b; };
  auto isNot = [&](const char* sign) { return "!(" + is(sign) + ")"; };
  switch (predicate) {
  case P::AlwaysFalse:
    return "false";
  case P::AlwaysTrue:
    return "true";
  case P::OEQ:
    return is("==");
  case P::OGT:
    return is(">");
  case P::OGE:
    return is(">=");
  case P::OLT:
    return is("<");
  case P::OLE:
    return is("<=");
  case P::ONE:
    return is("<") + " || " + is(">");
  case P::ORD:
    return a + " == " + a + " && " + b + " == " + b;
  case P::UEQ:
    return "!(" + is("<") + " || " + is(">") + ")";
  case P::UGT:
    return isNot("<=");
  case P::UGE:
    return isNot("<");
  case P::ULT:
    return isNot(">=");
  case P::ULE:
    return isNot(">");
  case P::UNE:
    return is("!=");
  case P::UNO:
    return a + " != " + a + " || " + b + " != " + b;
  }
  return "";
}

std::string comparison(arith::CmpIOp op, const std::string& a, const std::string& b) {
  const std::string cast = "(" + unsignedType(getElementTypeOrSelf(op.getLhs().getType())) + ")";
  using P = arith::CmpIPredicate;
  switch (op.getPredicate()) {
  case P::eq:
    return a + " == " + b;
  case P::ne:
    return a + " != " + b;
  case P::slt:
    return a + " < " + b;
  case P::sle:
    return a + " <= " + b;
  case P::sgt:
    return a + " > " + b;
  case P::sge:
    return a + " >= " + b;
  case P::ult:
    return cast + a + " < " + cast + b;
  case P::ule:
    return cast + a + " <= " + cast + b;
  case P::ugt:
    return cast + a + " > " + cast + b;
  case P::uge:
    return cast + a + " >= " + cast + b;
  }
  return "";
}

std::string floatLiteral(const APFloat& value, Type type) {
  const bool isDouble = type.isF64();
  APFloat number = value;
  bool lost = false;
  number.convert(isDouble ? APFloat::IEEEdouble() : APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                 &lost);
  if (!number.isFinite()) {
    const uint64_t bits = number.bitcastToAPInt().getZExtValue();
    return isDouble ? llvm::formatv("same_bits<double>({0:x}ull)", bits).str()
                    : llvm::formatv("same_bits<float>({0:x}u)", bits).str();
  }
  char text[40];
  std::snprintf(text, sizeof(text), isDouble ? "%.17g" : "%.9g",
                isDouble ? number.convertToDouble() : static_cast<double>(number.convertToFloat()));
  std::string result = text;
  if (result.find_first_of(".e") == std::string::npos)
    result += ".0";
  result += isDouble ? "" : "f";
  return number.isNegative() ? "(" + result + ")" : result;
}

std::string integerLiteral(const APInt& value, Type type) {
  if (type.isInteger(1))
    return value.isZero() ? "false" : "true";
  const int64_t number = value.getSExtValue();
  if (number == INT64_MIN)
    return "(-9223372036854775807ll - 1)";
  std::string text = std::to_string(number);
  if (number == INT32_MIN)
    text = "-2147483647 - 1";
  else if (number != static_cast<int32_t>(number))
    text += "ll";
  return number < 0 ? "(" + text + ")" : text;
}

} // namespace

std::string valueTypeName(Type type) {
  if (isa<IndexType>(type))
    return "idx";
  if (auto integer = dyn_cast<IntegerType>(type))
    return integerType(integer.getWidth(), false);
  if (type.isF64())
    return "double";
  if (isa<FloatType>(type))
    return "float";
  return "u64*";
}

std::string memoryTypeName(Type type) {
  if (type.isF16())
    return "f16";
  if (type.isBF16())
    return "bf16";
  return valueTypeName(type.isInteger(1) ? IntegerType::get(type.getContext(), 8) : type);
}

std::string literal(Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value))
    return floatLiteral(number.getValue(), number.getType());
  if (auto number = dyn_cast<IntegerAttr>(value))
    return integerLiteral(number.getValue(), number.getType());
  throw Error("a kernel has a constant that is no number", ErrorKind::internal);
}

std::string expression(Operation* op, ArrayRef<std::string> operands) {
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return comparison(compare.getPredicate(), operands[0], operands[1]);
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return comparison(compare, operands[0], operands[1]);
  const Type result = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<arith::TruncFOp>(op) && !result.isF32() && !op->hasAttr(ir::kUnrounded))
    return "rounded_to<" + memoryTypeName(result) + ">((float)" + operands[0] + ")";
  if (isa<arith::TruncFOp>(op))
    return "(float)" + operands[0];
  if (isa<arith::TruncIOp>(op) && result.isInteger(1))
    return "(" + operands[0] + " & 1) != 0";
  const StringRef form = formOf(op->getName().getStringRef(), isa<IndexType>(result));
  if (form.empty())
    throw Error("CUDA kernels have no " + op->getName().getStringRef().str(), ErrorKind::internal);
  return filled(form, op, operands);
}

} // namespace sinter::codegen::cuda
