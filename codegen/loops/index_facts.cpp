// Ranges and divisibility of index arithmetic.
#include "codegen/loops/index_facts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace sinter::codegen {
namespace {

int64_t limited(__int128 value) {
  const __int128 far = IndexFact::kFar;
  return static_cast<int64_t>(std::clamp(value, -far, far));
}

IndexFact sum(const IndexFact& a, const IndexFact& b, int sign) {
  IndexFact result;
  result.low = limited(static_cast<__int128>(a.low) + (sign > 0 ? b.low : -b.high));
  result.high = limited(static_cast<__int128>(a.high) + (sign > 0 ? b.high : -b.low));
  result.multiple = std::gcd(a.multiple, b.multiple);
  return result;
}

IndexFact product(const IndexFact& a, const IndexFact& b) {
  const __int128 corners[] = {static_cast<__int128>(a.low) * b.low, static_cast<__int128>(a.low) * b.high,
                              static_cast<__int128>(a.high) * b.low, static_cast<__int128>(a.high) * b.high};
  IndexFact result;
  result.low = limited(*std::min_element(std::begin(corners), std::end(corners)));
  result.high = limited(*std::max_element(std::begin(corners), std::end(corners)));
  const __int128 multiple = static_cast<__int128>(a.multiple) * b.multiple;
  result.multiple =
      multiple < IndexFact::kFar ? static_cast<int64_t>(multiple) : std::max(a.multiple, b.multiple);
  return result;
}

// Of non-negative numbers by a positive constant; anything else is unknown.
IndexFact quotient(const IndexFact& a, std::optional<int64_t> divisor) {
  if (!divisor || *divisor <= 0 || a.low < 0)
    return {};
  return {a.low / *divisor, a.high / *divisor, a.multiple % *divisor == 0 ? a.multiple / *divisor : 1};
}

IndexFact remainder(const IndexFact& a, std::optional<int64_t> divisor) {
  if (!divisor || *divisor <= 0 || a.low < 0)
    return {};
  if (a.high < *divisor)
    return a;
  return {0, *divisor - 1, std::gcd(a.multiple, *divisor)};
}

} // namespace

std::optional<int64_t> constantIndex(Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      return number.getInt();
  return std::nullopt;
}

IndexFact IndexFacts::derive(Value value) {
  if (const auto number = constantIndex(value))
    return IndexFact::constant(*number);
  Operation* op = value.getDefiningOp();
  if (!op || op->getNumOperands() != 2)
    return {};
  auto lhs = [&] { return of(op->getOperand(0)); };
  auto rhs = [&] { return of(op->getOperand(1)); };
  return llvm::TypeSwitch<Operation*, IndexFact>(op)
      .Case<arith::AddIOp>([&](auto) { return sum(lhs(), rhs(), 1); })
      .Case<arith::SubIOp>([&](auto) { return sum(lhs(), rhs(), -1); })
      .Case<arith::MulIOp>([&](auto) { return product(lhs(), rhs()); })
      .Case<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(
          [&](auto) { return quotient(lhs(), constantIndex(op->getOperand(1))); })
      .Case<arith::RemUIOp, arith::RemSIOp>(
          [&](auto) { return remainder(lhs(), constantIndex(op->getOperand(1))); })
      .Case<arith::MinSIOp>([&](auto) {
        const IndexFact a = lhs(), b = rhs();
        return IndexFact{std::min(a.low, b.low), std::min(a.high, b.high), std::gcd(a.multiple, b.multiple)};
      })
      .Case<arith::MaxSIOp>([&](auto) {
        const IndexFact a = lhs(), b = rhs();
        return IndexFact{std::max(a.low, b.low), std::max(a.high, b.high), std::gcd(a.multiple, b.multiple)};
      })
      .Default([](Operation*) { return IndexFact{}; });
}

IndexFact IndexFacts::of(Value value) {
  if (const auto found = known_.find(value); found != known_.end())
    return found->second;
  const IndexFact fact = derive(value);
  known_[value] = fact;
  return fact;
}

bool sameIndex(Value a, Value b, int depth) {
  if (a == b)
    return true;
  if (!a || !b || depth == 0)
    return false;
  Operation* left = a.getDefiningOp();
  Operation* right = b.getDefiningOp();
  if (!left || !right || left->getName() != right->getName() || a.getType() != b.getType() ||
      left->getNumOperands() != right->getNumOperands() || left->getNumResults() != 1 ||
      left->getNumRegions() != 0)
    return false;
  if (auto constant = dyn_cast<arith::ConstantOp>(left))
    return constant.getValue() == cast<arith::ConstantOp>(right).getValue();
  // Only arithmetic has no state and no attributes that matter here.
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivUIOp, arith::DivSIOp, arith::RemUIOp,
           arith::RemSIOp, arith::MinSIOp, arith::MaxSIOp>(left))
    return false;
  for (unsigned i = 0; i < left->getNumOperands(); ++i)
    if (!sameIndex(left->getOperand(i), right->getOperand(i), depth - 1))
      return false;
  return true;
}

} // namespace sinter::codegen
