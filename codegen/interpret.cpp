// The interpreter: @main walked with the eager kernels. What everything compiled is compared with.
#include "codegen/compile.h"

#include "ir/constant.h"
#include "ir/control_flow.h"
#include "ir/evaluation.h"
#include "sinter/runtime/eager/movement.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sinter::codegen {
namespace {

struct Held {
  std::shared_ptr<Storage> storage; // null: somebody else's memory
  View view;
};

// Values are logical throughout: layouts do not change what a program means, so `convert_layout` is the
// identity here and constants stored under a layout are brought back to row-major order first.
class Interpreter {
public:
  explicit Interpreter(ModuleOp module) : module_(module) {}

  void bind(Value value, const View& view) { values_[value] = {nullptr, view}; }

  SmallVector<View> run(Block& block) {
    countUses(block);
    for (Operation& op : block.without_terminator())
      step(op);
    SmallVector<View> results;
    for (Value value : block.getTerminator()->getOperands())
      results.push_back(values_.at(value).view);
    return results;
  }

  SmallVector<View> run(Operation& op) {
    step(op);
    return llvm::map_to_vector(op.getResults(), [&](Value result) { return values_.at(result).view; });
  }

private:
  void countUses(Block& block) {
    for (Operation& op : block)
      for (Value operand : op.getOperands())
        ++uses_[operand];
  }

  void step(Operation& op) {
    if (auto constant = dyn_cast<ir::ConstantOp>(op))
      values_[constant.getResult()] = logicalConstant(constant);
    else if (auto fusion = dyn_cast<ir::FusionOp>(op))
      assign(op, call(fusion.getBody(), heldOf(op.getOperands())));
    else if (auto launch = dyn_cast<ir::LaunchOp>(op))
      assign(op, call(module_.lookupSymbol<ir::KernelOp>(launch.getKernel()).getBody(),
                      heldOf(op.getOperands())));
    else if (auto checkpoint = dyn_cast<ir::CheckpointOp>(op))
      assign(op, call(checkpoint.getBody(), heldOf(op.getOperands())));
    else if (auto custom = dyn_cast<ir::CustomGradientOp>(op))
      assign(op, heldOf(custom.getValues()));
    else if (auto cond = dyn_cast<ir::CondOp>(op))
      assign(op, branch(cond));
    else if (auto loop = dyn_cast<ir::WhileOp>(op))
      assign(op, repeat(loop));
    else if (auto scan = dyn_cast<ir::ScanOp>(op))
      assign(op, repeat(scan));
    else if (auto convert = dyn_cast<ir::ConvertLayoutOp>(op)) {
      Held held =
          values_.at(convert.getInput()); // by value: making room for the result may move the input's entry
      values_[convert.getResult()] = std::move(held);
    } else
      evaluate(op);
    for (Value operand : op.getOperands())
      if (--uses_[operand] == 0)
        values_[operand].storage.reset();
  }

  void evaluate(Operation& op) {
    if (!isa<ir::EvaluateOpInterface>(op))
      throw Error("the interpreter does not know " + op.getName().getStringRef().str(), ErrorKind::internal);
    SmallVector<View> operands, results;
    for (Value operand : op.getOperands())
      operands.push_back(values_.at(operand).view);
    for (Value result : op.getResults())
      results.push_back(allocate(result).view);
    ir::evaluate(&op, operands, results);
  }

  Held& allocate(Value value) {
    const auto type = ir::tensorType(value);
    const DType dtype = ir::dtypeOf(type.getElementType());
    auto storage = Storage::allocate(static_cast<size_t>(checked_bytes(type.getShape(), size_of(dtype))));
    const View view = View::dense(storage->data(), dtype, ir::shapeOf(type));
    return values_[value] = {std::move(storage), view};
  }

  // Gives what operations compute.
  using Values = SmallVector<Held>;

  Values heldOf(ValueRange values) const {
    return llvm::map_to_vector(values, [&](Value value) { return values_.at(value); });
  }

  void assign(Operation& op, const Values& results) {
    for (auto [result, held] : llvm::zip_equal(op.getResults(), results))
      values_[result] = held;
  }

  Values call(Region& body, const Values& arguments) {
    Interpreter callee(module_);
    Block& block = body.front();
    for (auto [argument, held] : llvm::zip_equal(block.getArguments(), arguments))
      callee.values_[argument] = held;
    callee.countUses(block);
    for (Value argument : block.getArguments())
      ++callee.uses_[argument]; // the caller's to free
    for (Operation& op : block.without_terminator())
      callee.step(op);
    return callee.heldOf(ir::yielded(body));
  }

  static bool isTrue(const Held& decision) { return *decision.view.as<bool>(); }

  Values branch(ir::CondOp op) {
    const bool holds = isTrue(values_.at(op.getPredicate()));
    return call(holds ? op.getThenBody() : op.getElseBody(), heldOf(op.getInputs()));
  }

  Values repeat(ir::WhileOp op) {
    Values state = heldOf(op->getOperands());
    const size_t carries = op.getCarries().size();
    const auto limit = op.getMaxIterations();
    for (uint64_t round = 0; !limit || round < *limit; ++round) {
      if (!isTrue(call(op.getCondition(), state).front()))
        break;
      llvm::copy(call(op.getBody(), state), state.begin());
    }
    state.truncate(carries);
    return state;
  }

  Values repeat(ir::ScanOp op) {
    const size_t carries = op.getCarries().size(), sequences = op.getSequences().size();
    const Values operands = heldOf(op->getOperands());
    Values state = operands, stacks;
    for (Value stack : op.getResults().drop_front(carries))
      stacks.push_back(allocate(stack));
    const auto steps = static_cast<int64_t>(op.getSteps());
    for (int64_t round = 0; round < steps; ++round) {
      const int64_t step = op.getReverse() ? steps - 1 - round : round;
      for (size_t i = carries; i < carries + sequences; ++i)
        state[i].view = slice(operands[i].view, step);
      const Values given = call(op.getBody(), state);
      std::copy_n(given.begin(), carries, state.begin());
      for (auto [stack, held] : llvm::zip_equal(stacks, ArrayRef(given).drop_front(carries)))
        eager::copy(held.view, slice(stack.view, step));
    }
    state.truncate(carries);
    llvm::append_range(state, stacks);
    return state;
  }

  // [number] along the first dimension.
  static View slice(const View& view, int64_t number) {
    const auto drop = [](const Shape& shape) { return Shape(shape.dims().subspan(1)); };
    auto* data = static_cast<std::byte*>(view.data);
    return {data + number * view.strides[0] * static_cast<int64_t>(size_of(view.dtype)), view.dtype,
            drop(view.shape), drop(view.strides)};
  }

  Held logicalConstant(ir::ConstantOp constant) {
    ir::ConstantData data = ir::readElements(constant.getValue());
    const auto type = cast<RankedTensorType>(constant.getType());
    if (!type.getEncoding())
      return {std::move(data.storage), data.view};
    const auto plain = RankedTensorType::get(type.getShape(), type.getElementType());
    OpBuilder builder(constant);
    auto convert = ir::ConvertLayoutOp::create(builder, constant.getLoc(), plain, constant.getResult());
    auto storage = Storage::allocate(static_cast<size_t>(ir::storedBytes(plain)));
    const View view = View::dense(storage->data(), data.view.dtype, ir::shapeOf(plain));
    convert.evaluate(data.view, view);
    convert.erase();
    return {std::move(storage), view};
  }

  ModuleOp module_;
  llvm::DenseMap<Value, Held> values_;
  llvm::DenseMap<Value, int64_t> uses_;
};

} // namespace

void interpret(Operation& op, std::span<const View> operands, std::span<const View> results) {
  Interpreter interpreter(op.getParentOfType<ModuleOp>());
  for (auto [operand, view] : llvm::zip_equal(op.getOperands(), operands))
    interpreter.bind(operand, view);
  const SmallVector<View> computed = interpreter.run(op);
  for (auto [result, view] : llvm::zip_equal(computed, results))
    eager::copy(result, view);
}

void interpret(ModuleOp module, std::span<const View> inputs, std::span<const View> outputs) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal())
    throw Error("the module has no function @main", ErrorKind::internal);
  Block& body = main.getBody().front();
  if (inputs.size() != body.getNumArguments() || outputs.size() != body.getTerminator()->getNumOperands())
    throw Error("the program takes " + std::to_string(body.getNumArguments()) + " inputs and gives " +
                std::to_string(body.getTerminator()->getNumOperands()) + " outputs, not " +
                std::to_string(inputs.size()) + " and " + std::to_string(outputs.size()));
  Interpreter interpreter(module);
  for (auto [argument, view] : llvm::zip(body.getArguments(), inputs))
    interpreter.bind(argument, view);
  const SmallVector<View> results = interpreter.run(body);
  for (auto [result, view] : llvm::zip(results, outputs))
    eager::copy(result, view);
}

} // namespace sinter::codegen
