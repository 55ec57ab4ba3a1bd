// The largest error of every function of real numbers that kernels compute, in units in the last place (ulp),
// over a sample of all f32 for several instruction sets. SINTER_ULP_STRIDE=1 takes every f32 there is;
// setting it prints the table of docs/accuracy.md as well.
#include "codegen/cpu/emit.h"
#include "codegen/cpu/jit.h"
#include "ir/ops.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Operator.h"
#include "llvm/TargetParser/Host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <random>

namespace sinter::test {
namespace {

using codegen::cpu::Target;
using Real = long double;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

//===-- What is right -------------------------------------------------------------------------------===//

template <class T>
T sigmoid(T x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class T>
T softplus(T x) {
  return (x < 0 ? T(0) : x) + std::log1p(std::exp(-std::abs(x)));
}
template <class T>
T between(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}

/// A result is right if it is within `ulps` of the truth, or within `absolute` (plus `relative` |x|).
struct Bound {
  double ulps;
  double absolute = 0;
  double relative = 0;
};

struct Function {
  const char* op;
  const char* attributes;
  Bound bound;
  double (*inDouble)(double, double);
  Real (*inReal)(Real, Real);
  int operands = 1;
};

template <class F>
Function function(const char* op, const char* attributes, Bound bound, F) {
  return {op, attributes, bound, [](double x, double y) -> double { return F()(x, y); },
          [](Real x, Real y) -> Real { return F()(x, y); }};
}

// Where a composite function multiplies a subnormal number by x, or subtracts, the last digits of the result
// cannot be had from f32: an absolute bound says what is left.
std::vector<Function> functions() {
  constexpr double kSubnormal = 0x1p-142;
  std::vector<Function> all{
      function("reciprocal", "", {0.5}, [](auto x, auto) { return 1 / x; }),
      function("sqrt", "", {0.5}, [](auto x, auto) { return std::sqrt(x); }),
      function("rsqrt", "", {1.5}, [](auto x, auto) { return 1 / std::sqrt(x); }),
      function("exp", "", {1.1}, [](auto x, auto) { return std::exp(x); }),
      function("log", "", {1.3}, [](auto x, auto) { return std::log(x); }),
      function("sin", "", {1.7}, [](auto x, auto) { return std::sin(x); }),
      function("cos", "", {1.7}, [](auto x, auto) { return std::cos(x); }),
      function("tanh", "", {2.6}, [](auto x, auto) { return std::tanh(x); }),
      function("erf", "", {3}, [](auto x, auto) { return std::erf(x); }),
      function("pow", "", {0.6}, [](auto x, auto y) { return std::pow(x, y); }),
      function("sigmoid", "", {2.6}, [](auto x, auto) { return sigmoid(x); }),
      function("silu", "", {3.5, kSubnormal}, [](auto x, auto) { return x * sigmoid(x); }),
      function("softplus", "", {2.5}, [](auto x, auto) { return softplus(x); }),
      function("softsign", "", {1.6}, [](auto x, auto) { return x / (1 + std::abs(x)); }),
      function("mish", "", {4, kSubnormal}, [](auto x, auto) { return x * std::tanh(softplus(x)); }),
      function("elu", "{alpha = 1.0}", {1.3}, [](auto x, auto) { return x >= 0 ? x : std::expm1(x); }),
      function(
          "selu", "{alpha = 1.6732632423543772, gamma = 1.0507009873554805}", {3},
          [](auto x, auto) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x)); }),
      function("gelu", "", {1.7, 0, 0x1p-24},
               [](auto x, auto) { return x * std::erfc(-x / std::numbers::sqrt2_v<decltype(x)>) / 2; }),
      function("gelu", "{tanh_approximation = true}", {3, 0, 0x1p-24},
               [](auto x, auto) {
                 using T = decltype(x);
                 return x * sigmoid(2 * std::sqrt(2 / std::numbers::pi_v<T>) *
                                    (x + T(44715) / 1000000 * x * x * x));
               }),
      function("hard_swish", "", {1.5, 0, 0x1p-24},
               [](auto x, auto) {
                 using T = decltype(x);
                 return x * between<T>(x / 6 + T(0.5), 0, 1);
               }),
      function("hard_sigmoid", "{alpha = 0.2, beta = 0.5}", {1, 0x1p-24},
               [](auto x, auto) {
                 using T = decltype(x);
                 return between<T>(T(0.2) * x + T(0.5), 0, 1);
               }),
  };
  for (Function& f : all)
    if (std::string(f.op) == "pow")
      f.operands = 2;
  return all;
}

// Operations whose results are an operand, a choice, or one operation of the processor: nothing to
// approximate.
const std::vector<std::string> kExact = {
    "abs",        "neg",         "sign",       "relu",          "leaky_relu",    "prelu",       "clip",
    "floor",      "ceil",        "round",      "add",           "sub",           "mul",         "div",
    "maximum",    "minimum",     "remainder",  "fmod",          "select",        "cast",        "equal",
    "not_equal",  "less",        "less_equal", "greater",       "greater_equal", "logical_not", "logical_and",
    "logical_or", "logical_xor", "is_nan",     "stop_gradient", "barrier",
};

//===-- Compiled functions --------------------------------------------------------------------------===//

constexpr int64_t kCount = (1 << 16) + 5; // a partial vector at the end

struct NamedTarget {
  std::string name;
  Target target;
};

/// The widths and instruction sets this machine can run.
std::vector<NamedTarget> targets() {
  std::vector<NamedTarget> all;
  const Target host = Target::named("native");
  for (int64_t bytes : {16, 32, 64}) {
    if (bytes > host.vectorBytes)
      continue;
    all.push_back({"native, " + std::to_string(8 * bytes) + " bits", host});
    all.back().target.vectorBytes = bytes;
  }
  all.push_back({"x86-64", Target::named("x86-64")});
  return all;
}

class Accuracy : public testing::Test {
protected:
  Accuracy() { context.loadDialect<ir::SinterDialect>(); }

  codegen::cpu::EmittedKernel emit(const Function& f, const char* element, const Target& target,
                                   llvm::LLVMContext& llvmContext) {
    const std::string type = "tensor<" + std::to_string(kCount) + "x" + element + ">";
    const bool two = f.operands == 2;
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        "sinter.kernel @k {\n^bb0(%x: " + type + (two ? ", %y: " + type : "") + "):\n%0 = sinter." + f.op +
            " %x" + (two ? ", %y " : " ") + f.attributes + " : (" + type + (two ? ", " + type : "") +
            ") -> " + type + "\nsinter.yield %0 : " + type + "\n}",
        &context);
    EXPECT_TRUE(module) << f.op;
    return codegen::cpu::emitLoops(*module->getOps<ir::KernelOp>().begin(), target, llvmContext);
  }

  struct Compiled {
    codegen::cpu::Jit::Code code;
    int64_t tasks;
    int operands;
    template <class T>
    void run(const std::vector<T>& x, const std::vector<T>& y, std::vector<T>& result) const {
      std::vector<void*> buffers{const_cast<T*>(x.data())};
      if (operands == 2)
        buffers.push_back(const_cast<T*>(y.data()));
      buffers.push_back(result.data());
      code.function(buffers.data(), 0, tasks, nullptr);
    }
  };

  Compiled compile(const Function& f, const char* element, const Target& target) {
    llvm::LLVMContext llvmContext;
    codegen::cpu::EmittedKernel kernel = emit(f, element, target, llvmContext);
    auto object = codegen::cpu::compileToObject(*kernel.module, target);
    return {codegen::cpu::Jit::instance().link(std::move(object), kernel.symbol), kernel.tasks, f.operands};
  }

  mlir::MLIRContext context;
};

//===-- Errors --------------------------------------------------------------------------------------===//

template <class T>
std::string shown(T x) {
  char text[64];
  std::snprintf(text, sizeof text, "%.9g (%a)", static_cast<double>(x), static_cast<double>(x));
  return text;
}

/// The worst result seen.
template <class T>
struct Worst {
  double ulps = 0; ///< of those beyond the absolute bound
  T x = 0, y = 0, got = 0;
  std::string wrong; ///< not a matter of rounding: a NaN, an infinity, a zero's sign

  template <class R>
  void add(T at, T andAt, T result, R truth, const Bound& bound) {
    using Limits = std::numeric_limits<T>;
    if (std::isnan(truth) || std::isnan(result)) {
      if (std::isnan(truth) != std::isnan(result))
        note(at, andAt, result, truth);
      return;
    }
    if (truth == 0) {
      if (result != 0 || std::signbit(result) != std::signbit(truth))
        note(at, andAt, result, truth);
      return;
    }
    // Infinity is where the next number would be.
    const R beyond = std::ldexp(R(1), Limits::max_exponent);
    const R value = std::isinf(result) ? std::copysign(beyond, static_cast<R>(result)) : result;
    const R wanted = std::abs(truth) > beyond ? std::copysign(beyond, truth) : truth;
    const R error = std::abs(value - wanted);
    const double allowed = bound.absolute + bound.relative * std::min<double>(std::abs(at), Limits::max());
    if (error == 0 || error <= allowed)
      return;
    int exponent = 0;
    std::frexp(wanted, &exponent);
    const R unit = std::ldexp(R(1), std::max(exponent, Limits::min_exponent) - Limits::digits);
    if (error / unit > ulps) {
      ulps = static_cast<double>(error / unit);
      x = at, y = andAt, got = result;
    }
  }

private:
  template <class R>
  void note(T at, T andAt, T result, R truth) {
    if (wrong.empty())
      wrong = "f(" + shown(at) + ", " + shown(andAt) + ") is " + shown(result) + ", not " + shown(truth);
  }
};

/// Hands out the sample: all f32 with a stride, then the neighbourhoods of points where functions or their
/// approximations change.
class Sample {
public:
  explicit Sample(uint64_t stride) : stride_(stride) {
    std::vector<double> points{0x1p-126,
                               0x1p-149,
                               1,
                               2,
                               std::numbers::sqrt2,
                               std::numbers::sqrt2 / 2,
                               3.95,
                               10,
                               18,
                               20,
                               0x1p16,
                               0x1p24,
                               87.336,
                               88.376,
                               88.7228,
                               89,
                               103.972,
                               105.4,
                               0x1p-25,
                               0x1p-12,
                               3,
                               2.5,
                               3.4e38,
                               3.95 * std::numbers::sqrt2,
                               9.01};
    for (int k = 0; k <= 310; ++k)
      points.push_back(k * std::numbers::ln2 / 2);
    for (int k = 1; k <= 400; ++k)
      points.push_back(k * std::numbers::pi / 2);
    for (int k = 1; k <= 128; ++k)
      points.push_back(std::ldexp(std::numbers::pi / 2, k - 1));
    for (double point : points)
      for (int32_t step = -kNeighbours; step <= kNeighbours; ++step) {
        const auto bits = static_cast<int64_t>(std::bit_cast<uint32_t>(static_cast<float>(point))) + step;
        if (bits >= 0)
          for (uint32_t sign : {0U, 1U << 31})
            near_.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits) | sign));
      }
    for (float x : {0.0F, kInfinity, kNaN})
      near_.insert(near_.end(), {x, -x});
  }

  /// Fills `x`; false when there is nothing left.
  bool next(std::vector<float>& x) {
    std::size_t filled = 0;
    for (; filled < x.size() && at_ < (uint64_t{1} << 32); at_ += stride_)
      x[filled++] = std::bit_cast<float>(static_cast<uint32_t>(at_));
    for (; filled < x.size() && inNear_ < near_.size(); ++inNear_)
      x[filled++] = near_[inNear_];
    const bool any = filled > 0;
    for (; filled < x.size(); ++filled)
      x[filled] = 1;
    return any;
  }

private:
  static constexpr int32_t kNeighbours = 48;
  uint64_t stride_, at_ = 0;
  std::size_t inNear_ = 0;
  std::vector<float> near_;
};

/// Second operands: small and large, whole, odd, negative, and everything that is special.
class Exponents {
public:
  Exponents() {
    values_ = {0.0F,   -0.0F,     1,    -1,         2,      3,           -3,          0.5F,  -0.5F,
               2.5F,   1.0F / 3,  127,  -127,       1e-3,   16777215.0F, 33554432.0F, 1e10,  1e38F,
               -1e38F, kInfinity, kNaN, -kInfinity, 1e-38F, 7,           -8,          0.75F, 12.5F};
    std::mt19937 random(1);
    std::uniform_real_distribution<float> near(-40, 40), tiny(-1, 1);
    while (values_.size() < 211)
      values_.push_back(values_.size() % 2 ? near(random) : tiny(random));
  }
  void fill(std::vector<float>& y) {
    for (float& value : y)
      value = values_[at_++ % values_.size()];
  }

private:
  std::vector<float> values_;
  std::size_t at_ = 0;
};

uint64_t sampleStride() {
  const char* stride = std::getenv("SINTER_ULP_STRIDE");
  return stride ? std::max(1ULL, std::strtoull(stride, nullptr, 10)) : 1021;
}

//===-- Tests ---------------------------------------------------------------------------------------===//

TEST_F(Accuracy, EveryPointwiseOperationIsExactOrHasABound) {
  std::vector<std::string> known = kExact;
  for (const Function& f : functions())
    known.emplace_back(f.op);
  for (mlir::RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "sinter" && name.hasInterface<ir::PointwiseOpInterface>())
      EXPECT_TRUE(llvm::is_contained(known, name.stripDialect().str())) << name.getStringRef().str();
}

TEST_F(Accuracy, LargestErrorOfEachFunction) {
  const bool print = std::getenv("SINTER_ULP_STRIDE") != nullptr;
  const std::vector<NamedTarget> all = targets();
  for (const Function& f : functions()) {
    SCOPED_TRACE(std::string(f.op) + f.attributes);
    std::vector<Compiled> compiled;
    for (const NamedTarget& target : all)
      compiled.push_back(compile(f, "f32", target.target));
    std::vector<Worst<float>> worst(all.size());
    Sample sample(sampleStride());
    Exponents exponents;
    std::vector<float> x(kCount), y(kCount), got(kCount);
    std::vector<double> truth(kCount);
    while (sample.next(x)) {
      exponents.fill(y);
      for (std::size_t i = 0; i < x.size(); ++i)
        truth[i] = f.inDouble(x[i], y[i]);
      for (std::size_t t = 0; t < all.size(); ++t) {
        compiled[t].run(x, y, got);
        for (std::size_t i = 0; i < x.size(); ++i)
          worst[t].add(x[i], y[i], got[i], truth[i], f.bound);
      }
    }
    for (std::size_t t = 0; t < all.size(); ++t) {
      EXPECT_EQ(worst[t].wrong, "") << all[t].name;
      EXPECT_LE(worst[t].ulps, f.bound.ulps) << all[t].name << ": f(" << shown(worst[t].x) << ", "
                                             << shown(worst[t].y) << ") is " << shown(worst[t].got);
      if (print)
        std::printf("%-12s %-28s %-18s %.3f ulp at %a\n", f.op, f.attributes, all[t].name.c_str(),
                    worst[t].ulps, static_cast<double>(worst[t].x));
    }
  }
}

// f64 calls the C library: composite functions are then as exact as their formulas.
TEST_F(Accuracy, DoublesAgreeWithLongDoubles) {
  const std::vector<NamedTarget> all = targets();
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> wide(-750, 750), usual(-6, 6), exponent(-40, 40);
  std::vector<double> x(kCount), y(kCount), got(kCount);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 3 == 0 ? wide(random) : i % 3 == 1 ? usual(random) : std::ldexp(usual(random), -(int(i) % 60));
    y[i] = exponent(random);
  }
  const std::array<double, 6> special{0.0, -0.0, kInfinity, -kInfinity, kNaN, 1};
  std::copy(special.begin(), special.end(), x.begin());
  for (const Function& f : functions()) {
    SCOPED_TRACE(std::string(f.op) + f.attributes);
    const Bound bound{f.bound.ulps + 1.5, f.bound.absolute * 0x1p-29, f.bound.relative * 0x1p-29};
    compile(f, "f64", all.back().target).run(x, y, got);
    Worst<double> worst;
    for (std::size_t i = 0; i < x.size(); ++i)
      worst.add(x[i], y[i], got[i], f.inReal(x[i], y[i]), bound);
    EXPECT_EQ(worst.wrong, "");
    EXPECT_LE(worst.ulps, bound.ulps)
        << "f(" << shown(worst.x) << ", " << shown(worst.y) << ") is " << shown(worst.got);
  }
}

// f16 goes through f32: to be rounded once more is all that may happen to it.
TEST_F(Accuracy, HalvesAreComputedInSingles) {
  const Target target = Target::named("native");
  std::vector<uint16_t> x(kCount), y(kCount), got(kCount);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<uint16_t>(i);
  const auto asNumber = [](uint16_t bits) {
    llvm::APFloat number(llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits));
    bool lost = false;
    number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
    return number.convertToDouble();
  };
  for (const Function& f : functions()) {
    if (!llvm::is_contained({"exp", "log", "sin", "cos", "tanh", "erf"}, llvm::StringRef(f.op)))
      continue;
    compile(f, "f16", target).run(x, y, got);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double truth = f.inDouble(asNumber(x[i]), 0), result = asNumber(got[i]);
      if (std::isnan(truth) || std::isinf(result) || truth == 0) {
        const bool overflows = result == kInfinity && truth >= 65520; // halfway past the greatest f16
        ASSERT_TRUE((std::isnan(truth) && std::isnan(result)) || truth == result || overflows)
            << f.op << " of " << shown(asNumber(x[i])) << ": " << shown(result);
        continue;
      }
      const double unit = std::ldexp(1.0, std::max(std::ilogb(truth), -14) - 10);
      ASSERT_LE(std::abs(result - truth), 0.501 * unit) << f.op << " of " << shown(asNumber(x[i]));
    }
  }
}

// Neither a call for each lane, nor flags under which a NaN, an infinity or the order of a sum would not
// count.
TEST_F(Accuracy, CodeCallsNothingAndKeepsSpecialNumbers) {
  for (const char* level : {"x86-64", "x86-64-v3", "x86-64-v4"}) {
    const Target target = Target::ofLibrary(level);
    for (const Function& f : functions()) {
      llvm::LLVMContext llvmContext;
      codegen::cpu::EmittedKernel kernel = emit(f, "f32", target, llvmContext);
      for (llvm::Function& function : *kernel.module)
        for (llvm::Instruction& instruction : llvm::instructions(function))
          if (const auto* math = llvm::dyn_cast<llvm::FPMathOperator>(&instruction)) {
            EXPECT_FALSE(math->hasNoNaNs() || math->hasNoInfs() || math->hasAllowReassoc() ||
                         math->hasAllowReciprocal() || math->hasApproxFunc())
                << f.op << " for " << level;
          }
      const std::string assembly = codegen::cpu::compileToAssembly(*kernel.module, target);
      EXPECT_EQ(assembly.find("call"), std::string::npos)
          << f.op << " for " << level << ": " << assembly.substr(assembly.find("call"), 40);
    }
  }
}

} // namespace
} // namespace sinter::test
