// Differentiation of functions.
#include "passes/differentiate.h"

#include "ir/gradient.h"
#include "ir/ops.h"
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
void differentiate(func::FuncOp function, DerivativeMode mode, ArrayRef<int64_t> inputs) {
  Block& body = function.getBody().front();
  Operation* end = body.getTerminator();
  SmallVector<Value> variables, outputs, seeds;
  for (int64_t input : inputs)
    variables.push_back(body.getArgument(static_cast<unsigned>(input)));
  for (Value value : end->getOperands())
    if (ir::isDifferentiable(value))
      outputs.push_back(value);
  OpBuilder builder(end);
  const auto named = [&](const char* kind, size_t number) {
    return builder.getDictionaryAttr(
        builder.getNamedAttr("sinter.name", builder.getStringAttr(kind + std::to_string(number))));
  };
  const bool reverse = mode == DerivativeMode::reverse;
  for (Value value : reverse ? outputs : variables) {
    const unsigned at = function.getNumArguments();
    if (failed(function.insertArgument(at, value.getType(), named("seed", seeds.size()), value.getLoc())))
      throw Error("a function takes no further argument", ErrorKind::internal);
    seeds.push_back(body.getArgument(at));
  }

  const SmallVector<Value> found = reverse ? ir::buildVjp(builder, outputs, seeds, variables)
                                           : ir::buildJvp(builder, variables, seeds, outputs);
  SmallVector<Value> results(end->getOperands());
  for (auto [value, derivative] : llvm::zip_equal(reverse ? variables : outputs, found)) {
    results.push_back(
        ir::GradientArithmetic(builder, function.getLoc()).materialized(derivative, ir::tensorType(value)));
    const unsigned at = function.getNumResults();
    if (failed(function.insertResult(at, value.getType(), named("derivative", at - end->getNumOperands()))))
      throw Error("a function gives no further result", ErrorKind::internal);
  }
  end->setOperands(results);
}

namespace {

struct DifferentiatePass : ModulePass<DifferentiatePass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DifferentiatePass)
  DifferentiatePass() = default;
  DifferentiatePass(const DifferentiatePass& other) : ModulePass<DifferentiatePass>(other) {}

  Option<bool> forward{*this, "forward", llvm::cl::desc("forward mode instead of reverse"),
                       llvm::cl::init(false)};
  ListOption<int64_t> inputs{*this, "inputs", llvm::cl::desc("arguments to differentiate by; default all")};

  StringRef getArgument() const final { return "sinter-differentiate"; }
  StringRef getDescription() const final { return "adds a derivative to the results of functions"; }

  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      SmallVector<int64_t> chosen(inputs.begin(), inputs.end());
      if (chosen.empty())
        for (BlockArgument argument : function.getArguments())
          if (ir::isDifferentiable(argument))
            chosen.push_back(argument.getArgNumber());
      for (int64_t input : chosen)
        if (input < 0 || input >= function.getNumArguments() ||
            !ir::isDifferentiable(function.getArgument(static_cast<unsigned>(input)))) {
          function.emitError("argument ") << input << " is not one of floating-point numbers";
          return signalPassFailure();
        }
      try {
        differentiate(function, forward ? DerivativeMode::forward : DerivativeMode::reverse, chosen);
      } catch (const Error& error) {
        function.emitError(error.what());
        return signalPassFailure();
      }
    }
  }
};

} // namespace

std::unique_ptr<Pass> createDifferentiatePass() {
  return std::make_unique<DifferentiatePass>();
}

} // namespace sinter::passes
