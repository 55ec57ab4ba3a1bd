// Branches and loops: interpreted and compiled, forward and backward.
#include "codegen/compile.h"
#include "frontend/model/draw.h"
#include "ir/control_flow.h"
#include "ir/differentiate.h"
#include "passes/differentiate.h"
#include "sinter/runtime/thread_pool.h"
#include "unit/allocation_counter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace sinter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Numbers = std::vector<double>;

// A tensor of f64 or, for one element, a bool.
struct Tensor {
  Numbers values;
  Shape shape;
};

Tensor scalar(double value) {
  return {{value}, Shape{}};
}
Tensor vector(Numbers values) {
  const auto extent = static_cast<int64_t>(values.size());
  return {std::move(values), Shape{extent}};
}

class ControlFlow : public testing::Test {
protected:
  ControlFlow() { context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>(); }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string& text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module;
  }

  static mlir::func::FuncOp mainOf(mlir::ModuleOp module) {
    return module.lookupSymbol<mlir::func::FuncOp>("main");
  }

  struct Arguments {
    std::vector<std::vector<double>> memory;
    std::vector<View> views;
  };

  static Arguments results(mlir::ModuleOp module) {
    Arguments made;
    for (mlir::Type type : mainOf(module).getResultTypes()) {
      const Shape shape = ir::shapeOf(llvm::cast<mlir::RankedTensorType>(type));
      made.memory.emplace_back(static_cast<std::size_t>(std::max<int64_t>(shape.elements(), 1)), 12345.0);
      made.views.push_back(View::dense(made.memory.back().data(), DType::f64, shape));
    }
    return made;
  }

  static std::vector<View> viewsOf(const std::vector<Tensor>& tensors) {
    std::vector<View> views;
    for (const Tensor& tensor : tensors)
      views.push_back(View::dense(const_cast<double*>(tensor.values.data()), DType::f64, tensor.shape));
    return views;
  }

  /// What the interpreter gives; compiled, fused and not, on one and on two threads, must give the same.
  std::vector<Numbers> run(mlir::ModuleOp module, const std::vector<Tensor>& inputs) {
    EXPECT_TRUE(mlir::succeeded(mlir::verify(module)));
    Arguments expected = results(module);
    codegen::interpret(module, viewsOf(inputs), expected.views);
    for (const bool fuse : {true, false}) {
      codegen::CompileOptions options;
      options.fuse = fuse;
      const mlir::OwningOpRef<mlir::ModuleOp> copy(module.clone());
      const auto program = codegen::compile(*copy, options);
      for (const int threads : {1, 2}) {
        rt::ThreadPool pool(threads);
        Arguments actual = results(module);
        for (int again = 0; again < 2; ++again)
          program->run(viewsOf(inputs), actual.views, pool);
        for (std::size_t i = 0; i < expected.memory.size(); ++i)
          for (std::size_t e = 0; e < expected.memory[i].size(); ++e)
            EXPECT_NEAR(actual.memory[i][e], expected.memory[i][e],
                        1e-12 * (1 + std::abs(expected.memory[i][e])))
                << "result " << i << ", element " << e << (fuse ? ", fused" : ", unfused");
      }
    }
    for (std::size_t i = 0; i < expected.memory.size(); ++i)
      expected.memory[i].resize(static_cast<std::size_t>(expected.views[i].elements()));
    return expected.memory;
  }

  std::vector<Numbers> run(const std::string& text, const std::vector<Tensor>& inputs) {
    const auto module = parse(text);
    return run(*module, inputs);
  }

  /// `text` and its derivative by all arguments of floats, in one program.
  mlir::OwningOpRef<mlir::ModuleOp> differentiated(const std::string& text, passes::DerivativeMode mode) {
    auto module = parse(text);
    llvm::SmallVector<int64_t> inputs;
    for (mlir::BlockArgument argument : mainOf(*module).getArguments())
      inputs.push_back(argument.getArgNumber());
    passes::differentiate(mainOf(*module), mode, inputs);
    return module;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
};

// [n] numbers; the sum of all before each, and of all.
std::string runningSums(int64_t steps, const std::string& reverse = "") {
  const std::string n = std::to_string(steps);
  return R"(func.func @main(%c: tensor<f64>, %x: tensor<)" + n + R"(xf64>) -> (tensor<f64>, tensor<)" + n +
         R"(xf64>) {
    %0:2 = sinter.scan %c, %x {)" +
         reverse + R"(operandSegmentSizes = array<i32: 1, 1, 0>, steps = )" + n + R"( : i64}
        : (tensor<f64>, tensor<)" +
         n + R"(xf64>) -> (tensor<f64>, tensor<)" + n + R"(xf64>) {
    ^bb0(%sum: tensor<f64>, %item: tensor<f64>):
      %next = sinter.add %sum, %item : (tensor<f64>, tensor<f64>) -> tensor<f64>
      sinter.yield %next, %sum : tensor<f64>, tensor<f64>
    }
    return %0#0, %0#1 : tensor<f64>, tensor<)" +
         n + R"(xf64>
  })";
}

TEST_F(ControlFlow, ScanStacksWhatStepsGive) {
  const auto found = run(runningSums(4), {scalar(10), vector({1, 2, 3, 4})});
  EXPECT_THAT(found[0], ElementsAre(20));
  EXPECT_THAT(found[1], ElementsAre(10, 11, 13, 16));
}

TEST_F(ControlFlow, ScanGoesBackwards) {
  const auto found = run(runningSums(5, "reverse, "), {scalar(0), vector({1, 2, 3, 4, 5})});
  EXPECT_THAT(found[0], ElementsAre(15));
  EXPECT_THAT(found[1], ElementsAre(14, 12, 9, 5, 0));
}

TEST_F(ControlFlow, ScanOfNoSteps) {
  const auto found = run(runningSums(0), {scalar(10), vector({})});
  EXPECT_THAT(found[0], ElementsAre(10));
  EXPECT_TRUE(found[1].empty());
}

// Carries swap places, and one goes through as it is; no sequences.
TEST_F(ControlFlow, CarriesMayChangePlaces) {
  for (const int64_t steps : {0, 1, 2, 3}) {
    const auto found = run(R"(func.func @main(%a: tensor<3xf64>, %b: tensor<3xf64>, %c: tensor<2xf64>)
        -> (tensor<3xf64>, tensor<3xf64>, tensor<2xf64>) {
      %0:3 = sinter.scan %a, %b, %c {operandSegmentSizes = array<i32: 3, 0, 0>, steps = )" +
                               std::to_string(steps) + R"( : i64}
          : (tensor<3xf64>, tensor<3xf64>, tensor<2xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<2xf64>) {
      ^bb0(%p: tensor<3xf64>, %q: tensor<3xf64>, %r: tensor<2xf64>):
        sinter.yield %q, %p, %r : tensor<3xf64>, tensor<3xf64>, tensor<2xf64>
      }
      return %0#0, %0#1, %0#2 : tensor<3xf64>, tensor<3xf64>, tensor<2xf64>
    })",
                           {vector({1, 2, 3}), vector({4, 5, 6}), vector({7, 8})});
    EXPECT_EQ(found[0], steps % 2 == 0 ? Numbers({1, 2, 3}) : Numbers({4, 5, 6}));
    EXPECT_EQ(found[1], steps % 2 == 0 ? Numbers({4, 5, 6}) : Numbers({1, 2, 3}));
    EXPECT_THAT(found[2], ElementsAre(7, 8));
  }
}

// Doubles x, to the limit; counts.
std::string doubling(const std::string& attributes = "") {
  return R"(func.func @main(%x: tensor<f64>, %limit: tensor<f64>) -> (tensor<f64>, tensor<f64>, tensor<f64>) {
    %zero = sinter.constant dense<0.0> : tensor<f64>
    %0:2 = sinter.while %x, %zero, %limit {)" +
         attributes + R"(operandSegmentSizes = array<i32: 2, 1>}
        : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>) {
    ^bb0(%y: tensor<f64>, %n: tensor<f64>, %most: tensor<f64>):
      %goes = sinter.less %y, %most : (tensor<f64>, tensor<f64>) -> tensor<i1>
      sinter.yield %goes : tensor<i1>
    } do {
    ^bb0(%y: tensor<f64>, %n: tensor<f64>, %most: tensor<f64>):
      %one = sinter.constant dense<1.0> : tensor<f64>
      %twice = sinter.add %y, %y : (tensor<f64>, tensor<f64>) -> tensor<f64>
      %count = sinter.add %n, %one : (tensor<f64>, tensor<f64>) -> tensor<f64>
      sinter.yield %twice, %count : tensor<f64>, tensor<f64>
    }
    %sum = sinter.add %0#0, %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
    return %0#0, %0#1, %sum : tensor<f64>, tensor<f64>, tensor<f64>
  })";
}

TEST_F(ControlFlow, WhileRunsAsLongAsItsConditionHolds) {
  for (const auto& [limit, rounds] : std::vector<std::pair<double, int>>{{0, 0}, {3, 1}, {4, 1}, {100, 6}}) {
    const auto found = run(doubling(), {scalar(2), scalar(limit)});
    const double last = 2 * std::exp2(rounds);
    EXPECT_THAT(found[0], ElementsAre(last));
    EXPECT_THAT(found[1], ElementsAre(rounds));
    EXPECT_THAT(found[2], ElementsAre(last + 2));
  }
  EXPECT_THAT(run(doubling("max_iterations = 3 : i64, "), {scalar(2), scalar(100)})[0], ElementsAre(16));
  EXPECT_THAT(run(doubling("max_iterations = 0 : i64, "), {scalar(2), scalar(100)})[0], ElementsAre(2));
}

// x where x < y, else x * y and what went in, twice.
constexpr const char* kBranch = R"(func.func @main(%x: tensor<f64>, %y: tensor<f64>)
    -> (tensor<f64>, tensor<f64>, tensor<f64>) {
  %p = sinter.less %x, %y : (tensor<f64>, tensor<f64>) -> tensor<i1>
  %0:3 = sinter.cond %p, %x, %y : (tensor<i1>, tensor<f64>, tensor<f64>)
      -> (tensor<f64>, tensor<f64>, tensor<f64>) {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %s = sinter.sub %a, %b : (tensor<f64>, tensor<f64>) -> tensor<f64>
    sinter.yield %s, %s, %a : tensor<f64>, tensor<f64>, tensor<f64>
  } else {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %m = sinter.mul %a, %b : (tensor<f64>, tensor<f64>) -> tensor<f64>
    sinter.yield %m, %b, %b : tensor<f64>, tensor<f64>, tensor<f64>
  }
  return %0#0, %0#1, %0#2 : tensor<f64>, tensor<f64>, tensor<f64>
})";

TEST_F(ControlFlow, CondRunsOneBody) {
  const auto less = run(kBranch, {scalar(2), scalar(5)}), more = run(kBranch, {scalar(5), scalar(2)});
  EXPECT_EQ(less, (std::vector<Numbers>{{-3}, {-3}, {2}}));
  EXPECT_EQ(more, (std::vector<Numbers>{{10}, {2}, {2}}));
}

// For every row of x: while the row's norm is below 100, the row is doubled by an inner scan that adds it to
// itself element by element.
constexpr const char* kNested = R"(func.func @main(%x: tensor<3x4xf64>, %most: tensor<f64>)
    -> (tensor<4xf64>, tensor<3x4xf64>) {
  %zero = sinter.constant dense<0.0> : tensor<4xf64>
  %0:2 = sinter.scan %zero, %x, %most {operandSegmentSizes = array<i32: 1, 1, 1>, steps = 3 : i64}
      : (tensor<4xf64>, tensor<3x4xf64>, tensor<f64>) -> (tensor<4xf64>, tensor<3x4xf64>) {
  ^bb0(%sum: tensor<4xf64>, %row: tensor<4xf64>, %m: tensor<f64>):
    %1 = sinter.while %row, %m {operandSegmentSizes = array<i32: 1, 1>, max_iterations = 9 : i64}
        : (tensor<4xf64>, tensor<f64>) -> tensor<4xf64> {
    ^bb0(%r: tensor<4xf64>, %n: tensor<f64>):
      %s = sinter.mul %r, %r : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
      %q = sinter.reduce_sum %s {axes = array<i64: 0>} : (tensor<4xf64>) -> tensor<f64>
      %p = sinter.less %q, %n : (tensor<f64>, tensor<f64>) -> tensor<i1>
      sinter.yield %p : tensor<i1>
    } do {
    ^bb0(%r: tensor<4xf64>, %n: tensor<f64>):
      %2 = sinter.scan %r {operandSegmentSizes = array<i32: 0, 1, 0>, steps = 4 : i64}
          : (tensor<4xf64>) -> tensor<4xf64> {
      ^bb0(%e: tensor<f64>):
        %t = sinter.add %e, %e : (tensor<f64>, tensor<f64>) -> tensor<f64>
        sinter.yield %t : tensor<f64>
      }
      sinter.yield %2 : tensor<4xf64>
    }
    %3 = sinter.add %sum, %1 : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
    sinter.yield %3, %1 : tensor<4xf64>, tensor<4xf64>
  }
  return %0#0, %0#1 : tensor<4xf64>, tensor<3x4xf64>
})";

const Tensor kRows{{1, 2, 0, 1, 0.5, 0.25, 1, 0, 30, 1, 1, 1}, Shape{3, 4}};

TEST_F(ControlFlow, BodiesNest) {
  const auto found = run(kNested, {kRows, scalar(100)});
  EXPECT_THAT(found[1], ElementsAre(8, 16, 0, 8, 8, 4, 16, 0, 30, 1, 1, 1));
  EXPECT_THAT(found[0], ElementsAre(46, 21, 17, 9));
}

TEST_F(ControlFlow, DerivativesOfNestedLoops) {
  auto reverse = differentiated(kNested, passes::DerivativeMode::reverse);
  const std::vector<Tensor> inputs{kRows, scalar(100), vector({1, 1, 1, 1}), {Numbers(12, 0), Shape{3, 4}}};
  const auto found = run(*reverse, inputs);
  EXPECT_THAT(found[2], ElementsAre(8, 8, 8, 8, 16, 16, 16, 16, 1, 1, 1, 1));
  EXPECT_THAT(found[3], ElementsAre(0));
}

TEST_F(ControlFlow, WhatIsWrongInABodyIsAnError) {
  const auto module = parse(R"(func.func @main(%x: tensor<4xf64>, %at: tensor<3xf64>) -> tensor<3xf64> {
    %0 = sinter.scan %at, %x {operandSegmentSizes = array<i32: 0, 1, 1>, steps = 3 : i64}
        : (tensor<3xf64>, tensor<4xf64>) -> tensor<3xf64> {
    ^bb0(%i: tensor<f64>, %y: tensor<4xf64>):
      %1 = sinter.cast %i {to = i64} : (tensor<f64>) -> tensor<i64>
      %2 = sinter.gather %y, %1 {axis = 0 : i64} : (tensor<4xf64>, tensor<i64>) -> tensor<f64>
      sinter.yield %2 : tensor<f64>
    }
    return %0 : tensor<3xf64>
  })");
  const Tensor x = vector({5, 6, 7, 8});
  EXPECT_THAT(run(*module, {x, vector({3, 0, 1})})[0], ElementsAre(8, 5, 6));
  try {
    const Arguments out = results(*module);
    codegen::interpret(*module, viewsOf({x, vector({3, 4, 1})}), out.views);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("out of range"));
  }
}

TEST_F(ControlFlow, AllocatesNothingOnceWarm) {
  const auto module = parse(kNested);
  const auto program = codegen::compile(*module, {});
  rt::ThreadPool pool(2);
  Arguments out = results(*module);
  const std::vector<Tensor> inputs{kRows, scalar(100)};
  const std::vector<View> in = viewsOf(inputs);
  program->run(in, out.views, pool);
  const uint64_t blocks = Storage::allocation_count(), news = test::allocations();
  for (int i = 0; i < 20; ++i)
    program->run(in, out.views, pool);
  EXPECT_EQ(test::allocations(), news);
  EXPECT_EQ(Storage::allocation_count(), blocks);
}

TEST_F(ControlFlow, AStepIsNamedAndTimed) {
  const auto module = parse(runningSums(4));
  const auto program = codegen::compile(*module, {});
  ASSERT_EQ(program->steps().size(), 1U);
  EXPECT_THAT(program->steps()[0].label, HasSubstr("scan x4"));
  EXPECT_GT(program->steps()[0].flops, 0);
  rt::Profiler profiler(1);
  rt::ThreadPool pool(1);
  Arguments out = results(*module);
  const std::vector<Tensor> inputs{scalar(0), vector({1, 2, 3, 4})};
  program->run(viewsOf(inputs), out.views, pool, &profiler);
  EXPECT_GT(profiler.samples()[0].min_ms, 0);
}

TEST_F(ControlFlow, IsShownAtEveryStage) {
  for (const std::string stage : {"imported", "optimized", "fused", "planned", "llvm"}) {
    const auto module = parse(kNested);
    const std::string text = codegen::inspect(*module, {}, stage);
    EXPECT_THAT(text, HasSubstr(stage == "llvm" ? "define" : "sinter.scan")) << stage;
    if (stage == "fused" || stage == "planned")
      EXPECT_THAT(draw_dot(*module), HasSubstr("scan"));
  }
}

// h <- tanh(h * w + x[t]), y[t] = h * h.
std::string recurrence(int64_t steps) {
  const std::string n = std::to_string(steps);
  return R"(func.func @main(%h: tensor<2xf64>, %x: tensor<)" + n + R"(x2xf64>, %w: tensor<2xf64>)
      -> (tensor<2xf64>, tensor<)" +
         n + R"(x2xf64>) {
    %0:2 = sinter.scan %h, %x, %w {operandSegmentSizes = array<i32: 1, 1, 1>, steps = )" +
         n + R"( : i64} : (tensor<2xf64>, tensor<)" + n +
         R"(x2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<)" + n +
         R"(x2xf64>) {
    ^bb0(%c: tensor<2xf64>, %i: tensor<2xf64>, %v: tensor<2xf64>):
      %1 = sinter.mul %c, %v : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
      %2 = sinter.add %1, %i : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
      %3 = sinter.tanh %2 : (tensor<2xf64>) -> tensor<2xf64>
      %4 = sinter.mul %3, %c : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
      sinter.yield %3, %4 : tensor<2xf64>, tensor<2xf64>
    }
    return %0#0, %0#1 : tensor<2xf64>, tensor<)" +
         n + R"(x2xf64>
  })";
}

// The same, step by step.
std::string unrolled(int64_t steps) {
  const std::string n = std::to_string(steps);
  const std::string two = "(tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>\n";
  std::string text = "func.func @main(%h0: tensor<2xf64>, %x: tensor<" + n +
                     "x2xf64>, %w: tensor<2xf64>) -> (tensor<2xf64>, tensor<" + n + "x2xf64>) {\n";
  std::string rows, types;
  for (int64_t t = 0; t < steps; ++t) {
    const std::string i = std::to_string(t), next = std::to_string(t + 1);
    text += "%s" + i + " = sinter.slice %x {starts = array<i64: " + i +
            ", 0>, sizes = array<i64: 1, 2>, steps = array<i64: 1, 1>} : (tensor<" + n +
            "x2xf64>) -> tensor<1x2xf64>\n";
    text += "%i" + i + " = sinter.reshape %s" + i +
            " {shape = array<i64: 2>} : (tensor<1x2xf64>) -> tensor<2xf64>\n";
    text += "%m" + i + " = sinter.mul %h" + i + ", %w : " + two;
    text += "%a" + i + " = sinter.add %m" + i + ", %i" + i + " : " + two;
    text += "%h" + next + " = sinter.tanh %a" + i + " : (tensor<2xf64>) -> tensor<2xf64>\n";
    text += "%y" + i + " = sinter.mul %h" + next + ", %h" + i + " : " + two;
    text += "%r" + i + " = sinter.reshape %y" + i +
            " {shape = array<i64: 1, 2>} : (tensor<2xf64>) -> tensor<1x2xf64>\n";
    rows += (t == 0 ? "%r" : ", %r") + i;
    types += t == 0 ? "tensor<1x2xf64>" : ", tensor<1x2xf64>";
  }
  return text + "%y = sinter.concat " + rows + " {axis = 0 : i64} : (" + types + ") -> tensor<" + n +
         "x2xf64>\nreturn %h" + n + ", %y : tensor<2xf64>, tensor<" + n + "x2xf64>\n}";
}

TEST_F(ControlFlow, ReverseOverAScanIsReverseOverItsSteps) {
  const int64_t steps = 5;
  const auto numbers = [](std::size_t count, double scale) {
    Numbers all(count);
    for (std::size_t i = 0; i < count; ++i)
      all[i] = scale * std::sin(1.7 * static_cast<double>(i) + scale);
    return all;
  };
  const Shape rows{steps, 2};
  const std::vector<Tensor> inputs{vector(numbers(2, 0.5)),
                                   {numbers(10, 1), rows},
                                   vector(numbers(2, 0.9)),
                                   vector(numbers(2, 1.1)),
                                   {numbers(10, 0.7), rows}};
  const auto byScan = run(*differentiated(recurrence(steps), passes::DerivativeMode::reverse), inputs);
  const auto bySteps = run(*differentiated(unrolled(steps), passes::DerivativeMode::reverse), inputs);
  ASSERT_EQ(byScan.size(), 5U);
  for (std::size_t i = 0; i < byScan.size(); ++i)
    EXPECT_THAT(byScan[i], testing::Pointwise(testing::DoubleNear(1e-13), bySteps[i])) << "result " << i;
}

TEST_F(ControlFlow, DerivativesOfAWhile) {
  // Six rounds of doubling: 64.
  auto forward = differentiated(doubling(), passes::DerivativeMode::forward);
  EXPECT_THAT(run(*forward, {scalar(2), scalar(100), scalar(1), scalar(0)})[3], ElementsAre(64));
  auto reverse = differentiated(doubling("max_iterations = 8 : i64, "), passes::DerivativeMode::reverse);
  const auto found = run(*reverse, {scalar(2), scalar(100), scalar(1), scalar(0), scalar(0)});
  EXPECT_THAT(found[0], ElementsAre(128));
  EXPECT_THAT(found[3], ElementsAre(64));
  EXPECT_THAT(found[4], ElementsAre(0));
}

TEST_F(ControlFlow, ReverseOverAWhileNeedsABound) {
  try {
    differentiated(doubling(), passes::DerivativeMode::reverse);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("while_loop has no reverse mode unless a bound on its iterations is stated; "
                          "state one, or use scan"));
  }
}

TEST_F(ControlFlow, DerivativeOfABranchIsThatOfTheBodyThatRuns) {
  auto reverse = differentiated(kBranch, passes::DerivativeMode::reverse);
  const auto less = run(*reverse, {scalar(2), scalar(5), scalar(1), scalar(0), scalar(0)});
  EXPECT_THAT(less[3], ElementsAre(1));
  EXPECT_THAT(less[4], ElementsAre(-1));
  const auto more = run(*reverse, {scalar(5), scalar(2), scalar(1), scalar(0), scalar(0)});
  EXPECT_THAT(more[3], ElementsAre(2));
  EXPECT_THAT(more[4], ElementsAre(5));
}

} // namespace
} // namespace sinter
