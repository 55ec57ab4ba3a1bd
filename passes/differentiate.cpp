// Differentiation of functions.
#include "passes/differentiate.h"

#include "ir/gradient.h"
#include "ir/location.h"
#include "ir/ops.h"
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Stands at the end of a block for a moment, to tell what is there from what is added.
class Mark {
public:
  explicit Mark(OpBuilder& builder)
      : op_(ir::GradientArithmetic(builder, builder.getUnknownLoc())
                .number(0, builder.getF32Type())
                .getDefiningOp()) {}
  ~Mark() { op_->erase(); }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  void markBackwardUntil(Operation* end) {
    for (Operation* op = op_->getNextNode(); op != end; op = op->getNextNode())
      op->walk([](Operation* made) { made->setLoc(ir::asBackward(made->getLoc())); });
  }

private:
  Operation* op_;
};

constexpr StringLiteral kName = "sinter.name";

// The name of what belongs to something of the name `of`, if that has one.
DictionaryAttr named(Builder& builder, Attribute of, StringRef kind, size_t number) {
  const auto name = dyn_cast_or_null<StringAttr>(of);
  const std::string text =
      name ? name.getValue().str() + " " + kind.str() : kind.str() + std::to_string(number);
  return builder.getDictionaryAttr(builder.getNamedAttr(kName, builder.getStringAttr(text)));
}

} // namespace

void differentiate(func::FuncOp function, DerivativeMode mode, ArrayRef<int64_t> inputs) {
  Block& body = function.getBody().front();
  Operation* end = body.getTerminator();
  SmallVector<Value> variables, outputs, seeds;
  SmallVector<Attribute> variableNames, outputNames;
  for (int64_t input : inputs) {
    variables.push_back(body.getArgument(static_cast<unsigned>(input)));
    variableNames.push_back(function.getArgAttr(static_cast<unsigned>(input), kName));
  }
  for (OpOperand& result : end->getOpOperands())
    if (ir::isDifferentiable(result.get())) {
      outputs.push_back(result.get());
      outputNames.push_back(function.getResultAttr(result.getOperandNumber(), kName));
    }
  OpBuilder builder(end);
  const bool reverse = mode == DerivativeMode::reverse;
  const StringRef kind = reverse ? "cotangent" : "tangent";
  for (auto [value, name] :
       llvm::zip_equal(reverse ? outputs : variables, reverse ? outputNames : variableNames)) {
    const unsigned at = function.getNumArguments();
    if (failed(function.insertArgument(at, value.getType(), named(builder, name, kind, seeds.size()),
                                       value.getLoc())))
      throw Error("a function takes no further argument", ErrorKind::internal);
    seeds.push_back(body.getArgument(at));
  }

  Mark mark(builder);
  const SmallVector<Value> found = reverse ? ir::buildVjp(builder, outputs, seeds, variables)
                                           : ir::buildJvp(builder, variables, seeds, outputs);
  SmallVector<Value> results(end->getOperands());
  for (auto [value, name, derivative] :
       llvm::zip_equal(reverse ? variables : outputs, reverse ? variableNames : outputNames, found)) {
    results.push_back(
        ir::GradientArithmetic(builder, function.getLoc()).materialized(derivative, ir::tensorType(value)));
    const unsigned at = function.getNumResults();
    if (failed(function.insertResult(at, value.getType(),
                                     named(builder, name, kind, at - end->getNumOperands()))))
      throw Error("a function gives no further result", ErrorKind::internal);
  }
  end->setOperands(results);
  mark.markBackwardUntil(end);
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
