// Sines and cosines for all f32.
//
// Up to 2^16 the multiple of pi / 2 is taken off in steps, as Cody and Waite do. Beyond, it is found from the
// bits of 2 / pi that matter for the argument's exponent (M. Payne and R. Hanek, Radian Reduction for
// Trigonometric Functions, SIGNUM Newsletter 18, 1983), in a branch that no vector of small arguments takes.
#include "codegen/cpu/loops/vector_math.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <array>
#include <limits>
#include <numbers>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

using Predicate = arith::CmpFPredicate;

constexpr int64_t kSignBit = -(int64_t{1} << 31);
constexpr double kLarge = 0x1p16;
constexpr int64_t kLargeExponent = 127 + 16;
constexpr int64_t kExponents = 255 - kLargeExponent; // of finite numbers from kLarge on
constexpr const char* kTableName = "sinter.two_over_pi";

// x = quarters pi / 2 + rest, |rest| < pi / 4 and a bit. Arguments are not negative.
struct Reduced {
  Value rest;     ///< f32
  Value quarters; ///< i32, of which the low two bits count
};

Reduced reduceFused(VectorArithmetic& m, Value x) {
  constexpr double kRound = 12582912.0; // 1.5 * 2^23
  Value shifted = m.fma(x, 2 / std::numbers::pi, kRound);
  Value n = m.sub(shifted, kRound);
  Value rest = m.fma(n, -0x1.921fb4p0, x);
  rest = m.fma(n, -0x1.4442d0p-24, rest);
  rest = m.fma(n, -0x1.846988p-48, rest);
  return {rest, m.bits(shifted, m.i32())};
}

// Without fused multiply-adds products are rounded; in f64 the one that counts is exact.
Reduced reduceWide(VectorArithmetic& m, Value x) {
  constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52
  Value wide = m.wide(x);
  Value shifted = m.fma(wide, 2 / std::numbers::pi, kRound);
  Value turns = m.sub(shifted, kRound);
  Value rest = m.fma(turns, -1.57079632673412561417, wide);
  rest = m.fma(turns, -6.07710050650619224932e-11, rest);
  return {m.narrow(rest), arith::TruncIOp::create(m.builder, m.loc, m.i32(), m.bits(shifted, m.i64()))};
}

// For each exponent the 64 bits of 2 / pi * 2^(exponent - 150) below 4, and the 32 bits after them.
LLVM::GlobalOp tableOfTwoOverPi(VectorArithmetic& m, ModuleOp module) {
  if (auto known = module.lookupSymbol<LLVM::GlobalOp>(kTableName))
    return known;
  constexpr std::array<uint32_t, 8> kTwoOverPi{0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
                                               0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561};
  auto bit = [&](int64_t k) -> uint64_t { // of weight 2^-k
    return k < 1 ? 0 : kTwoOverPi[static_cast<size_t>((k - 1) / 32)] >> (31 - (k - 1) % 32) & 1;
  };
  std::array<uint64_t, 2 * kExponents> words{};
  for (int64_t i = 0; i < kExponents; ++i) {
    const int64_t first = kLargeExponent + i - 151; // its weight is 2
    for (int64_t k = 0; k < 64; ++k)
      words[static_cast<size_t>(2 * i)] |= bit(first + k) << (63 - k);
    for (int64_t k = 0; k < 32; ++k)
      words[static_cast<size_t>(2 * i + 1)] |= bit(first + 64 + k) << (31 - k);
  }
  OpBuilder builder(module.getBodyRegion());
  auto tensor = RankedTensorType::get({2 * kExponents}, builder.getI64Type());
  return LLVM::GlobalOp::create(
      builder, m.loc, LLVM::LLVMArrayType::get(builder.getI64Type(), 2 * kExponents), true,
      LLVM::Linkage::Internal, kTableName, DenseElementsAttr::get(tensor, ArrayRef<uint64_t>(words)), 64);
}

Value lookUp(VectorArithmetic& m, Value table, Value places) {
  Type pointer = LLVM::LLVMPointerType::get(m.builder.getContext());
  Value address =
      LLVM::GEPOp::create(m.builder, m.loc, m.shaped(pointer), m.builder.getI64Type(), table, places);
  if (!m.isVector())
    return LLVM::LoadOp::create(m.builder, m.loc, m.i64(), address, 8);
  auto flags = cast<VectorType>(m.shaped(m.builder.getI1Type()));
  Value all = arith::ConstantOp::create(m.builder, m.loc, DenseElementsAttr::get(flags, true));
  return LLVM::masked_gather::create(m.builder, m.loc, m.i64(), address, all, ValueRange(), 8);
}

// The product of 24 bits of x and the bits of 2 / pi is a fixed-point number of quarter turns, 62 bits after
// the point; what was cut off is below 2^-61.
Reduced reduceLarge(VectorArithmetic& m, Value x, ModuleOp module) {
  Value table = LLVM::AddressOfOp::create(m.builder, m.loc, tableOfTwoOverPi(m, module));
  // Small numbers, infinities and NaN are looked up as something else; their results are not used.
  Value magnitude = m.atMost(m.atLeast(x, kLarge), std::numeric_limits<float>::max());
  Value finite = m.select(m.compare(Predicate::ORD, x, x), magnitude, kLarge);
  Value raw = arith::ExtUIOp::create(m.builder, m.loc, m.i64(), m.bits(finite, m.i32()));
  Value place = m.shiftLeft(m.subI(m.shiftRight(raw, 23), kLargeExponent), 1);
  Value digits = m.orI(m.andI(raw, 0x7fffff), 0x800000);
  auto times = [&](Value word) -> Value { return arith::MulIOp::create(m.builder, m.loc, digits, word); };
  Value low = m.shiftRight(times(lookUp(m, table, m.addI(place, 1))), 32);
  Value turns = m.addI(times(lookUp(m, table, place)), low);
  Value quarters = m.shiftRight(m.addI(turns, int64_t{1} << 61), 62);
  Value fraction = m.subI(turns, m.shiftLeft(quarters, 62));
  Value rest =
      m.mul(arith::SIToFPOp::create(m.builder, m.loc, m.f64(), fraction), std::numbers::pi * 0x1p-63);
  return {m.narrow(rest), arith::TruncIOp::create(m.builder, m.loc, m.i32(), quarters)};
}

Reduced reduce(VectorArithmetic& m, Value x, ModuleOp module, const Target& target) {
  const Reduced usual = target.fma ? reduceFused(m, x) : reduceWide(m, x);
  Value large = m.compare(Predicate::OGT, x, kLarge);
  Value any =
      m.isVector()
          ? vector::ReductionOp::create(m.builder, m.loc, vector::CombiningKind::OR, large).getResult()
          : large;
  auto branch = scf::IfOp::create(m.builder, m.loc, TypeRange{m.f32(), m.i32()}, any, true);
  OpBuilder::InsertionGuard guard(m.builder);
  m.builder.setInsertionPointToEnd(branch.thenBlock());
  const Reduced beyond = reduceLarge(m, x, module);
  Value notFinite = m.compare(Predicate::OEQ, x, std::numeric_limits<double>::infinity());
  Value rest = m.select(notFinite, std::numeric_limits<double>::quiet_NaN(), beyond.rest);
  scf::YieldOp::create(
      m.builder, m.loc,
      ValueRange{m.select(large, rest, usual.rest), m.select(large, beyond.quarters, usual.quarters)});
  m.builder.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(m.builder, m.loc, ValueRange{usual.rest, usual.quarters});
  return {branch.getResult(0), branch.getResult(1)};
}

} // namespace

Value approximation::sine(VectorArithmetic& m, Value x, bool quarterTurn, ModuleOp module,
                          const Target& target) {
  const auto [r, quarters] = reduce(m, m.abs(x), module, target);
  Value quadrant = quarterTurn ? m.addI(quarters, 1) : quarters;
  Value square = m.mul(r, r);
  Value sine =
      m.fma(m.mul(square, r),
            m.polynomial(square, {-0.16666653752326965, 0.0083321062847971916, -0.0001950787554960698}), r);
  Value cosine =
      m.fma(m.mul(square, square),
            m.polynomial(square, {0.041666645556688309, -0.0013887307140976191, 2.4431879865005612e-5}),
            m.fma(square, -0.5, 1.0));
  Value odd = arith::CmpIOp::create(m.builder, m.loc, arith::CmpIPredicate::ne, m.andI(quadrant, 1),
                                    m.integer(0, m.i32()));
  Value sign = m.shiftLeft(m.andI(quadrant, 2), 30);
  if (!quarterTurn)
    sign = m.xorI(sign, m.andI(m.bits(x, m.i32()), kSignBit));
  Value magnitude = m.bits(m.select(odd, cosine, sine), m.i32());
  return m.bits(m.xorI(magnitude, sign), m.f32());
}

} // namespace sinter::codegen::cpu
