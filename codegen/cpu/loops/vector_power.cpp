// Powers: x^y = 2^(y log2(x)) in f64, where it is exact enough to be rounded once.
#include "codegen/cpu/loops/vector_math.h"

#include <limits>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

using Predicate = arith::CmpFPredicate;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMantissaBits = 52;
constexpr double kRound = 0x1.8p52; // adding it rounds to an integer and leaves it in the low bits

// log2(a) for a finite a > 0 whose reciprocal is finite: all positive f32. With the mantissa in
// [sqrt(1/2), sqrt(2)) and s = (mantissa - 1) / (mantissa + 1) it is n + 2 artanh(s) / log(2).
Value binaryLogarithm(VectorArithmetic& m, Value a) {
  constexpr int64_t kSqrtHalf = 0x3fe6a09e667f3bcd, kOne = int64_t{1023} << kMantissaBits;
  Value raw = m.bits(a, m.i64());
  Value biased = m.addI(raw, kOne - kSqrtHalf);
  Value exponent = m.andI(biased, -(int64_t{1} << kMantissaBits));
  Value mantissa = m.bits(m.addI(m.subI(raw, exponent), kOne), m.f64());
  // Below 2^52 integers are the low bits of the number 2^52 + n: no conversion from 64 bits is needed.
  Value n =
      m.sub(m.bits(m.orI(m.shiftRight(biased, kMantissaBits), 0x4330000000000000), m.f64()), 0x1p52 + 1023);
  Value s = m.div(m.sub(mantissa, 1), m.add(mantissa, 1));
  Value p = m.polynomial(m.mul(s, s), {2.8853900817900815, 0.9617966733483488, 0.5770835835888315,
                                       0.41167280746454704, 0.34072837887068236});
  return m.fma(s, p, n);
}

// 2^z, for |z| < 1000.
Value binaryPower(VectorArithmetic& m, Value z) {
  Value shifted = m.add(z, kRound);
  Value f = m.sub(z, m.sub(shifted, kRound));
  Value p =
      m.polynomial(f, {1.0000000005632208, 0.6931472060367663, 0.24022646843694132, 0.055503281243153665,
                       0.009618491955608021, 0.0013400195236514328, 0.00015345545655483166});
  Value n = m.shiftLeft(m.bits(shifted, m.i64()), kMantissaBits);
  return m.bits(m.addI(m.bits(p, m.i64()), n), m.f64());
}

} // namespace

Value approximation::power(VectorArithmetic& m, Value x, Value y) {
  constexpr double kEven = 0x1p26;   // f32 from 2^25 on are even numbers, and so are infinities to pow
  constexpr double kBeyondF32 = 300; // 2^z is then zero or infinity when it is rounded
  Value base = m.wide(x), a = m.abs(base), exponent = m.wide(y);
  Value log = binaryLogarithm(m, a);
  log = m.select(m.compare(Predicate::OEQ, a, 0), -kInfinity, log);
  log = m.select(m.compare(Predicate::OLT, a, kInfinity), log, a);
  Value z = m.mul(exponent, log);
  // To an infinite power, 1 and -1 are 1, not infinity times zero.
  Value zero = m.select(m.compare(Predicate::ORD, exponent, exponent), m.number(0, m.f64()), exponent);
  z = m.select(m.compare(Predicate::OEQ, a, 1), zero, z);
  z = m.clamp(z, -kBeyondF32, kBeyondF32);
  Value result = m.select(m.compare(Predicate::ORD, z, z), binaryPower(m, z), z);

  Value bounded = m.clamp(exponent, -kEven, kEven);
  Value shifted = m.add(bounded, kRound);
  Value whole = m.compare(Predicate::OEQ, m.sub(shifted, kRound), bounded);
  Value zeroBits = m.integer(0, m.i64());
  Value odd = m.select(whole, m.shiftLeft(m.bits(shifted, m.i64()), 63), zeroBits);
  Value sign = m.andI(odd, m.bits(base, m.i64()));
  result = m.bits(m.xorI(m.bits(result, m.i64()), sign), m.f64());
  Value negative = m.andI(m.compare(Predicate::OLT, base, 0), m.compare(Predicate::OGT, base, -kInfinity));
  result =
      m.select(m.andI(negative, m.compare(Predicate::UNE, m.sub(shifted, kRound), bounded)), kNaN, result);
  Value one = m.orI(m.compare(Predicate::OEQ, base, 1), m.compare(Predicate::OEQ, exponent, 0));
  return m.narrow(m.select(one, 1.0, result));
}

} // namespace sinter::codegen::cpu
