// The derivatives of every operation of the dialect: reverse mode against central differences and against
// forward mode, twice over, compiled against interpreted, and compiled in f32 against interpreted in f64.
//
// SINTER_GRADIENT_CASES: how many cases an operation. SINTER_GRADIENT_OP: only the one of this name ("conv").
// SINTER_GRADIENT_SEED: the first case.
#include "derivative_check.h"

#include "codegen/compile.h"
#include "sinter/runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace sinter::gradients {

using differential::Buffer;
using differential::Case;
using differential::fromEnvironment;

namespace {

using Operation = mlir::RegisteredOperationName;

/// Numbers on a coarse grid, so that maxima have ties and clipped numbers lie on the bound.
void roundToGrid(const View& view) {
  if (view.dtype == DType::f64)
    for (int64_t i = 0; i < view.elements(); ++i)
      view.as<double>()[i] = std::round(view.as<double>()[i] * 2) / 2;
}

Program programOf(Case& random, bool atTies) {
  Program program{random.module().clone(), {}};
  for (const View& input : random.inputs()) {
    program.inputs.push_back(differential::denseBuffer(input.dtype, input.shape));
    if (input.bytes() > 0)
      std::memcpy(program.inputs.back().view.data, input.data, input.bytes());
    if (atTies)
      roundToGrid(program.inputs.back().view);
  }
  return program;
}

/// How many cases of an operation were told something.
struct Tally {
  int first = 0;    ///< derivatives that agree with differences
  int second = 0;   ///< their derivatives, too
  int single = 0;   ///< derivatives in f32 that agree with those in f64
  int failures = 0; ///< anything else that is wrong
};

void fail(const Program& program, uint64_t seed, const std::string& problem) {
  ADD_FAILURE() << problem << "\nSINTER_GRADIENT_SEED=" << seed << "\n"
                << differential::print(program.module.get());
}

/// The same program a little away, where no kink is that was there.
Program nudged(const Program& program, Case& random) {
  Program moved = program.clone();
  for (Buffer& input : moved.inputs) {
    const Buffer old = input;
    input = differential::denseBuffer(old.view.dtype, old.view.shape);
    if (old.view.bytes() > 0)
      std::memcpy(input.view.data, old.view.data, old.view.bytes());
    if (old.view.dtype == DType::f64)
      for (int64_t i = 0; i < old.view.elements(); ++i)
        input.view.as<double>()[i] += random.real(-0.01, 0.01);
  }
  return moved;
}

/// What `check` finds, asked again elsewhere before it says that differences disagree: so close to a kink
/// that no step notices it, they do.
DerivativeCheck::Verdict verdictOf(DerivativeCheck& check, const Program& program, Case& random,
                                   bool atTies) {
  using Verdict = DerivativeCheck::Verdict;
  const Verdict verdict = check.run(atTies);
  if (verdict != Verdict::unlike_differences)
    return verdict;
  constexpr int kTries = 20;
  int right = 0, unlike = 0;
  for (int i = 0; i < kTries; ++i) {
    const Program elsewhere = nudged(program, random);
    const Verdict other = DerivativeCheck(elsewhere, random).run(false);
    right += other == Verdict::right ? 1 : 0;
    unlike += other == Verdict::unlike_differences ? 1 : 0;
  }
  return right > 4 * unlike ? Verdict::kink : verdict;
}

bool isWrong(DerivativeCheck::Verdict verdict) {
  return verdict == DerivativeCheck::Verdict::modes_disagree ||
         verdict == DerivativeCheck::Verdict::unlike_differences;
}

void compareCompiled(const Program& program, uint64_t seed, Tally& tally) {
  const std::vector<Buffer> expected = program.run();
  const std::size_t length = program.length();
  rt::ThreadPool pool(2);
  for (bool fuse : {true, false}) {
    codegen::CompileOptions options;
    options.fuse = fuse;
    const Program copy = program.clone();
    const auto executable = codegen::compile(*copy.module, options);
    const std::vector<Buffer> actual = differential::resultBuffers(program.module.get());
    executable->run(differential::views(program.inputs), differential::views(actual), pool);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (std::string text = differential::disagreement(actual[i].view, expected[i].view, length);
          !text.empty()) {
        ++tally.failures;
        fail(program, seed, (fuse ? "fused: result " : "unfused: result ") + std::to_string(i) + ": " + text);
      }
  }
}

/// The program in f32 as compiled, against f64 as interpreted, at numbers that f32 has: as far apart as
/// results of f32 may be by rounding (differential::disagreement). Those of a program on kinks may be further
/// apart.
void compareSinglePrecision(DerivativeCheck& check, uint64_t seed, Tally& tally) {
  const Program& program = check.reverse();
  const Program single = check.reverseInSinglePrecision();
  const Program exact{program.module.get().clone(), inDoublePrecision(single.inputs)};
  const std::vector<Buffer> expected = exact.run();
  std::vector<Buffer> actual = differential::resultBuffers(single.module.get());
  const Program copy = single.clone();
  rt::ThreadPool pool(2);
  codegen::compile(*copy.module)->run(differential::views(single.inputs), differential::views(actual), pool);
  actual = inDoublePrecision(actual);
  ++tally.single;
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (std::string text =
            differential::disagreement(actual[i].view, expected[i].view, program.length(), DType::f32);
        !text.empty()) {
      ++tally.failures;
      fail(program, seed, "f32: result " + std::to_string(i) + ": " + text);
    }
}

void checkCase(mlir::MLIRContext& context, Operation operation, uint64_t seed, Tally& tally) {
  Case random(context, seed, differential::Purpose::derivatives);
  random.setCurrent(differential::findMaker(operation.getStringRef())->make(random));
  random.finish();
  const bool atTies = seed % 4 == 3;
  const Program program = programOf(random, atTies);
  DerivativeCheck first(program, random);
  if (!first.hasDerivative())
    return;
  const auto verdict = verdictOf(first, program, random, atTies);
  if (isWrong(verdict)) {
    ++tally.failures;
    return fail(program, seed, "first derivative: " + first.problem());
  }
  if (seed % 2 == 1)
    compareCompiled(first.reverse(), seed, tally);
  if (verdict != DerivativeCheck::Verdict::right || atTies)
    return;
  ++tally.first;
  compareSinglePrecision(first, seed, tally);
  DerivativeCheck second(first.reverse(), random);
  const auto again = verdictOf(second, first.reverse(), random, false);
  if (isWrong(again)) {
    ++tally.failures;
    fail(first.reverse(), seed, "second derivative: " + second.problem());
  }
  if (again == DerivativeCheck::Verdict::right)
    ++tally.second;
}

/// Operations whose gradient is asked for: those of floats.
bool isDifferentiable(Operation operation) {
  return operation.hasInterface<ir::GradientOpInterface>();
}

class Gradients : public testing::Test {
protected:
  Gradients() {
    context_.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
    operations_ = differential::evaluableOperations(context_);
  }
  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  std::vector<Operation> operations_;
};

TEST_F(Gradients, EveryOperationHasARuleOrIsDeclaredToHaveNone) {
  for (Operation operation : operations_)
    EXPECT_NE(isDifferentiable(operation), operation.hasTrait<ir::NotDifferentiable>())
        << operation.getStringRef().str()
        << " needs rules of differentiation (GradientOpInterface) or NotDifferentiable, not both";
}

TEST_F(Gradients, ReverseModeAgreesWithDifferencesAndForwardMode) {
  const uint64_t cases = fromEnvironment("SINTER_GRADIENT_CASES", 8);
  const uint64_t seed = fromEnvironment("SINTER_GRADIENT_SEED", 1);
  const char* only = std::getenv("SINTER_GRADIENT_OP");
  constexpr int kMostFailures = 3;
  for (Operation operation : operations_) {
    if (!isDifferentiable(operation) ||
        (only && *only && operation.getStringRef() != std::string("sinter.") + only))
      continue;
    SCOPED_TRACE(operation.getStringRef().str());
    Tally tally;
    // Cases that tell nothing (kinks, empty tensors) are made up for.
    for (uint64_t i = 0; i < 10 * cases && (i < cases || tally.first == 0 || tally.second == 0); ++i) {
      try {
        checkCase(context_, operation, seed + i, tally);
      } catch (const std::exception& error) {
        ++tally.failures;
        ADD_FAILURE() << "SINTER_GRADIENT_SEED=" << seed + i << ": " << error.what();
      }
      if (tally.failures >= kMostFailures)
        break;
    }
    EXPECT_GT(tally.first, 0) << "no case was compared with differences";
    EXPECT_GT(tally.single, 0) << "no case was compared in f32";
    EXPECT_GT(tally.second, 0) << "no case was compared with second differences";
  }
}

} // namespace

} // namespace sinter::gradients
