// Interpreted and compiled programs must agree: random operations and chains of them, taken from the dialect
// itself.
//
// SINTER_DIFFERENTIAL_CASES: how many programs. SINTER_DIFFERENTIAL_SEED: the first seed; with one case, that
// very one.
#include "case.h"
#include "comparison.h"
#include "library.h"

#include "codegen/compile.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace sinter::differential {

namespace {

/// As denseBuffer, but permuted in memory, with gaps, some dimensions backwards.
Buffer stridedBuffer(Case& c, DType dtype, const Shape& shape) {
  Dims order;
  for (int d = 0; d < shape.rank(); ++d)
    order.insert(order.begin() + c.integer(0, d), d);
  Buffer buffer;
  buffer.view = {nullptr, dtype, shape, Shape::filled(shape.rank(), 0)};
  int64_t size = c.integer(1, 2);
  int64_t offset = 0;
  for (int64_t d : order) {
    const int dim = static_cast<int>(d);
    const bool backwards = c.chance(0.3);
    buffer.view.strides[dim] = backwards ? -size : size;
    offset += backwards ? size * std::max<int64_t>(shape[dim] - 1, 0) : 0;
    size = size * std::max<int64_t>(shape[dim], 1) + c.integer(0, 2);
  }
  buffer.storage = Storage::allocate(static_cast<std::size_t>(size + 1) * size_of(dtype));
  buffer.view.data = buffer.storage->data() + static_cast<std::size_t>(offset) * size_of(dtype);
  return buffer;
}

void copyElements(const View& from, const View& to) {
  const std::size_t size = size_of(from.dtype);
  for_each_offset<2>(from.shape, {from.strides, to.strides}, [&](const std::array<int64_t, 2>& offsets) {
    std::memcpy(static_cast<std::byte*>(to.data) + offsets[1] * static_cast<int64_t>(size),
                static_cast<const std::byte*>(from.data) + offsets[0] * static_cast<int64_t>(size), size);
  });
}

/// One random program and everything it must agree with.
class Comparison {
public:
  Comparison(mlir::MLIRContext& context, uint64_t seed) : case_(context, seed) {}

  /// Even seeds make one operation, so that all of them are met in turn; odd ones a chain.
  void build(const std::vector<mlir::RegisteredOperationName>& operations) {
    const uint64_t seed = case_.seed();
    if (seed % 2 == 0)
      append(operations[seed / 2 % operations.size()]);
    const int64_t length = seed % 2 == 0 ? 1 : case_.integer(2, 9);
    while (count_ < static_cast<std::size_t>(length)) {
      const auto last = static_cast<int64_t>(operations.size()) - 1;
      const auto name = operations[static_cast<std::size_t>(case_.integer(0, last))];
      const Maker& maker = *findMaker(name.getStringRef());
      if ((maker.common || case_.chance(0.3)) && (count_ == 0 || maker.smooth))
        append(name);
    }
    finish();
  }

  /// A program with many concatenations.
  void buildConcats() {
    growConcats(case_);
    count_ = kConcatsDepth;
    finish();
  }

  /// Branches and loops, and operations before, between and behind them.
  void buildControl(const std::vector<mlir::RegisteredOperationName>& operations) {
    for (int64_t i = case_.integer(1, 3); i > 0; --i) {
      appendCommon(operations);
      append(case_.choose<llvm::StringRef>({"sinter.cond", "sinter.while", "sinter.scan"}));
    }
    appendCommon(operations);
    finish();
  }

  void run() {
    const std::vector<Buffer> expected = interpret(false);
    check("interpreted with strides", interpret(true), expected);
    for (bool fuse : {true, false}) {
      codegen::CompileOptions options;
      options.fuse = fuse;
      mlir::OwningOpRef<mlir::ModuleOp> copy(case_.module().clone());
      const auto executable = codegen::compile(*copy, options);
      EXPECT_GE(executable->memory().arena_bytes, executable->memory().lower_bound);
      for (int threads : {1, 2})
        check(std::string(fuse ? "fused" : "unfused") + ", threads: " + std::to_string(threads),
              execute(*executable, threads), expected);
    }
  }

  /// The same as an ahead-of-time library.
  void runAsLibrary(const std::string& target) {
    std::vector<Buffer> results = outputs(false);
    mlir::OwningOpRef<mlir::ModuleOp> copy(case_.module().clone());
    differential::runAsLibrary(*copy, target, inputs_, results);
    check("a library for " + target, results, interpret(false));
  }

  const std::string& text() const { return text_; }
  uint64_t seed() const { return case_.seed(); }

private:
  static constexpr std::size_t kConcatsDepth = 8; // of what is computed from what is computed

  void finish() {
    case_.finish();
    ASSERT_TRUE(mlir::succeeded(mlir::verify(case_.module())));
    inputs_ = case_.inputs();
    text_ = print(case_.module());
  }

  void append(mlir::RegisteredOperationName name) { append(name.getStringRef()); }
  void append(llvm::StringRef name) {
    case_.setCurrent(findMaker(name)->make(case_));
    ++count_;
  }

  void appendCommon(const std::vector<mlir::RegisteredOperationName>& operations) {
    for (;;) {
      const auto last = static_cast<int64_t>(operations.size()) - 1;
      const auto name = operations[static_cast<std::size_t>(case_.integer(0, last))];
      const Maker& maker = *findMaker(name.getStringRef());
      if (maker.common && maker.smooth)
        return append(name);
    }
  }

  std::vector<Buffer> outputs(bool strided) {
    std::vector<Buffer> buffers = resultBuffers(case_.module());
    if (strided)
      for (Buffer& buffer : buffers)
        buffer = stridedBuffer(case_, buffer.view.dtype, buffer.view.shape);
    return buffers;
  }

  std::vector<Buffer> interpret(bool strided) {
    std::vector<Buffer> inputs;
    for (const View& input : inputs_) {
      inputs.push_back(strided ? stridedBuffer(case_, input.dtype, input.shape)
                               : denseBuffer(input.dtype, input.shape));
      copyElements(input, inputs.back().view);
    }
    std::vector<Buffer> results = outputs(strided);
    codegen::interpret(case_.module(), views(inputs), views(results));
    return results;
  }

  std::vector<Buffer> execute(const rt::Executable& executable, int threads) {
    std::vector<Buffer> results = outputs(false);
    rt::ThreadPool pool(threads);
    for (const Buffer& result : results) // what is not written shows
      std::memset(result.view.data, 0x5A, result.view.dtype == DType::boolean ? 0 : result.view.bytes());
    executable.run(inputs_, views(results), pool);
    return results;
  }

  void check(const std::string& how, const std::vector<Buffer>& actual, const std::vector<Buffer>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (std::string text = disagreement(actual[i].view, expected[i].view, count_); !text.empty())
        ADD_FAILURE() << how << ": result " << i << ": " << text;
  }

  Case case_;
  std::size_t count_ = 0;
  std::string text_;
  std::vector<View> inputs_;
};

class Differential : public testing::Test {
protected:
  Differential() {
    context_.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
    operations_ = evaluableOperations(context_);
  }
  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  std::vector<mlir::RegisteredOperationName> operations_;
};

TEST_F(Differential, EveryOperationHasAMaker) {
  EXPECT_GT(operations_.size(), 50U);
  for (mlir::RegisteredOperationName name : operations_)
    EXPECT_NE(findMaker(name.getStringRef()), nullptr)
        << name.getStringRef().str()
        << " can be evaluated, but no random operands are known for it: add a maker";
}

// A crash in generated code must name the program that did it.
volatile std::sig_atomic_t current_seed = 0;

void nameTheSeed(int signal) {
  char text[] = "crashed with SINTER_DIFFERENTIAL_SEED=0000000000\n";
  std::size_t at = sizeof(text) - 3;
  for (long seed = current_seed; seed > 0; seed /= 10)
    text[at--] = static_cast<char>('0' + seed % 10);
  [[maybe_unused]] const auto ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

using OnProgram = llvm::function_ref<void(Comparison&)>;

void runCompiled(Comparison& comparison) {
  comparison.run();
}

/// Compares programs that `build` makes, as `compare` does it, one `share`th of as many as are asked for.
void compareMany(mlir::MLIRContext& context, uint64_t share, OnProgram build,
                 OnProgram compare = runCompiled) {
  const uint64_t asked = fromEnvironment("SINTER_DIFFERENTIAL_CASES", 400);
  const uint64_t cases = std::max<uint64_t>(1, asked / share);
  const uint64_t first = fromEnvironment("SINTER_DIFFERENTIAL_SEED", 1);
  constexpr int kShownFailures = 20;
  for (int signal : {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGABRT})
    std::signal(signal, nameTheSeed);
  int failures = 0;
  for (uint64_t seed = first; seed < first + cases && failures < kShownFailures; ++seed) {
    const auto* result = testing::UnitTest::GetInstance()->current_test_info()->result();
    const int before = result->total_part_count();
    current_seed = static_cast<std::sig_atomic_t>(seed);
    Comparison comparison(context, seed);
    try {
      build(comparison);
      if (asked == 1)
        std::printf("%s\n", comparison.text().c_str());
      std::fflush(stdout);
      compare(comparison);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "exception: " << error.what();
    }
    if (result->total_part_count() == before)
      continue;
    ++failures;
    ADD_FAILURE() << "the program of SINTER_DIFFERENTIAL_SEED=" << seed << " SINTER_DIFFERENTIAL_CASES=1:\n"
                  << comparison.text();
  }
}

TEST_F(Differential, CompiledAgreesWithInterpreted) {
  if (!HasFailure())
    compareMany(context_, 1, [&](Comparison& comparison) { comparison.build(operations_); });
}

TEST_F(Differential, BranchesAndLoopsAgree) {
  if (!HasFailure())
    compareMany(context_, 10, [&](Comparison& comparison) { comparison.buildControl(operations_); });
}

TEST_F(Differential, LibrariesAgree) {
  if (HasFailure())
    return;
  const auto build = [&](Comparison& comparison) {
    comparison.seed() % 4 == 0 ? comparison.buildControl(operations_) : comparison.build(operations_);
  };
  compareMany(context_, 20, build, [](Comparison& comparison) { comparison.runAsLibrary("native"); });
#ifdef SINTER_AARCH64_RUNNER
  compareMany(context_, 25, build, [](Comparison& comparison) { comparison.runAsLibrary("aarch64"); });
#endif
}

TEST_F(Differential, ConcatenationsAgree) {
  compareMany(context_, 5, [](Comparison& comparison) { comparison.buildConcats(); });
}

} // namespace

} // namespace sinter::differential
