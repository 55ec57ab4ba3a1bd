// Derivatives of random networks in less memory: to the bit what they are without a limit.
//
// SINTER_LIMIT_CASES: how many networks. SINTER_GRADIENT_SEED: the first.
#include "derivative_check.h"

#include "codegen/compile.h"
#include "sinter/runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <cstring>

namespace sinter::gradients {

using differential::Buffer;
using differential::Case;
using differential::fromEnvironment;

namespace {

std::vector<Buffer> results(const rt::Executable& executable, const Program& program) {
  rt::ThreadPool pool(2);
  std::vector<Buffer> found = differential::resultBuffers(program.module.get());
  executable.run(differential::views(program.inputs), differential::views(found), pool);
  return found;
}

bool areSame(const std::vector<Buffer>& a, const std::vector<Buffer>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].view.bytes() > 0 && std::memcmp(a[i].view.data, b[i].view.data, a[i].view.bytes()) != 0)
      return false;
  return true;
}

/// Limits that are met, from what the program takes downwards; adds steps that are there for them.
int checkLimits(const Program& program, int64_t& furtherSteps) {
  const Program whole = program.clone();
  const auto unlimited = codegen::compile(*whole.module);
  const std::vector<Buffer> expected = results(*unlimited, program);
  int met = 0;
  for (double share : {0.9, 0.75, 0.6}) {
    codegen::CompileOptions options;
    options.memoryLimit = std::max<int64_t>(
        1, static_cast<int64_t>(share * static_cast<double>(unlimited->memory().arena_bytes)));
    std::shared_ptr<rt::Executable> limited;
    const Program copy = program.clone();
    try {
      limited = codegen::compile(*copy.module, options);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("memory_limit is"), std::string::npos) << error.what();
      break;
    }
    ++met;
    furtherSteps +=
        static_cast<int64_t>(limited->steps().size()) - static_cast<int64_t>(unlimited->steps().size());
    EXPECT_LE(limited->memory().arena_bytes, static_cast<uint64_t>(options.memoryLimit));
    EXPECT_TRUE(areSame(results(*limited, program), expected)) << share << " of its memory";
  }
  return met;
}

/// A chain as networks are: products with matrices and what stands between them, with connections to what was
/// before.
Program randomNetwork(Case& random) {
  mlir::OpBuilder& builder = random.builder();
  ir::GradientArithmetic g(builder, random.location());
  const int64_t rows = random.integer(8, 40), columns = random.integer(8, 40);
  const auto tensor = [&](llvm::ArrayRef<int64_t> shape) {
    return random.tensor(shape, builder.getF64Type(), {-0.5, 0.5, false}, 0);
  };
  llvm::SmallVector<mlir::Value> made{tensor({rows, columns})};
  for (int64_t i = random.integer(6, 16); i > 0; --i) {
    mlir::Value x = made.back();
    mlir::Value earlier =
        made[static_cast<std::size_t>(random.integer(0, static_cast<int64_t>(made.size()) - 1))];
    switch (random.integer(0, 5)) {
    case 0:
    case 1:
      made.push_back(g.apply<ir::MatmulOp>(x, tensor({columns, columns}), false, false));
      break;
    case 2:
      made.push_back(g.apply<ir::TanhOp>(x));
      break;
    case 3:
      made.push_back(g.add(x, g.apply<ir::SigmoidOp>(earlier)));
      break;
    case 4:
      made.push_back(g.mul(x, g.sum(earlier, {1}, true)));
      break;
    default:
      made.push_back(g.apply<ir::SoftmaxOp>(x, builder.getI64IntegerAttr(1)));
    }
  }
  random.setCurrent(made.back());
  random.finish();
  Program program{random.module().clone(), {}};
  for (const View& input : random.inputs()) {
    program.inputs.push_back(differential::denseBuffer(input.dtype, input.shape));
    std::memcpy(program.inputs.back().view.data, input.data, input.bytes());
  }
  return program;
}

TEST(LimitMemory, ChangesNothingThatIsComputed) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const uint64_t cases = fromEnvironment("SINTER_LIMIT_CASES", 30);
  const uint64_t first = fromEnvironment("SINTER_GRADIENT_SEED", 1);
  int met = 0;
  int64_t furtherSteps = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE("SINTER_GRADIENT_SEED=" + std::to_string(seed));
    Case random(context, seed, differential::Purpose::derivatives);
    const Program program = randomNetwork(random);
    DerivativeCheck check(program, random);
    (void)check.run(true); // builds the reverse program
    met += checkLimits(check.reverse(), furtherSteps);
  }
  EXPECT_GT(met, static_cast<int>(cases)) << "of three limits for each program";
  EXPECT_GT(furtherSteps, 0) << "nothing was computed again";
}

} // namespace

} // namespace sinter::gradients
