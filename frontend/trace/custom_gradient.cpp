// Recording of functions with derivatives of their own.
#include "sinter/custom_gradient.h"

#include "ir/control_flow.h"
#include "ir/op_creation.h"
#include "trace/recorded.h"
#include "trace/traced_body.h"

#include "llvm/ADT/SetVector.h"

#include <optional>

using namespace mlir;

namespace sinter::detail {

namespace {

std::string described(Value value) {
  const RankedTensorType type = ir::tensorType(value);
  return to_string(View{nullptr, ir::dtypeOf(type.getElementType()), ir::shapeOf(type), {}});
}

} // namespace

// The function is recorded as any other, with names of its own for its inputs; no derivative of what it
// records is ever taken.
struct CustomGradientRecording::Impl {
  SourceLocation where;
  std::shared_ptr<trace::Trace> trace;
  std::vector<Tensor> inputs;
  Block* block = nullptr;
  Operation* before = nullptr;
  std::shared_ptr<const void> pin = nullptr;             // of the inputs
  std::optional<trace::TraceScope> scope = std::nullopt; // of a tape: leaves are not captured

  // What the function uses that could depend on what is differentiated by.
  void check_captured(ValueRange returned) const {
    const auto first = before ? std::next(before->getIterator()) : block->begin();
    const auto check = [&](ValueRange used) {
      for (Value operand : used)
        if (!is_inside(operand, first) && !is_constant(operand))
          throw Error("the function uses " + described(operand) +
                      ", a traced tensor that is not among its parameters, and would have no derivative by "
                      "it; pass it as a parameter, or use stop_gradient() of it");
    };
    for (Operation& op : llvm::make_range(first, block->end()))
      check(op.getOperands());
    check(returned);
  }

  bool is_inside(Value value, Block::iterator first) const {
    const auto is_input = [&](const Tensor& input) { return trace->value(input) == value; };
    if (std::any_of(inputs.begin(), inputs.end(), is_input))
      return true;
    Operation* op = value.getDefiningOp();
    return op && op->getBlock() == block && first != block->end() && !op->isBeforeInBlock(&*first);
  }

  bool is_constant(Value value) const {
    return isa_and_nonnull<ir::ConstantOp, ir::StopGradientOp>(value.getDefiningOp()) ||
           trace->is_captured(value);
  }
};

CustomGradientRecording::CustomGradientRecording(std::span<const Tensor> inputs, const SourceLocation& where)
    : impl_(new Impl{where, trace::trace_of(inputs), {}}) {
  trace::locate(where, "custom_gradient", [&] {
    if (!impl_->trace->is_open())
      throw Error(impl_->trace->finished());
    impl_->pin = impl_->trace->pin();
    for (const Tensor& input : inputs)
      impl_->inputs.push_back(impl_->trace->renamed(input));
    if (impl_->trace->is_tape())
      impl_->scope.emplace(impl_->trace);
  });
  impl_->block = impl_->trace->builder().getInsertionBlock();
  impl_->before = impl_->block->empty() ? nullptr : &impl_->block->back();
}

CustomGradientRecording::~CustomGradientRecording() = default;

const std::vector<Tensor>& CustomGradientRecording::inputs() const {
  return impl_->inputs;
}

std::vector<Tensor> CustomGradientRecording::finish(std::span<const Tensor> values, const TraceBody& rule) {
  trace::Trace& trace = *impl_->trace;
  return trace::recorded(
      trace, impl_->where, "custom_gradient", [&](OpBuilder& builder, Location location) -> Operation* {
        const auto inputs = trace::values_of(trace, impl_->inputs),
                   computed = trace::values_of(trace, values);
        impl_->scope.reset();
        impl_->check_captured(computed);
        llvm::SmallVector<Value> constant;
        for (Value value : computed)
          constant.push_back(ir::create<ir::StopGradientOp>(builder, location, value));
        llvm::SmallVector<Type> types(ValueRange(inputs).getTypes());
        for (int i = 0; i < 2; ++i)
          llvm::append_range(types, ValueRange(constant).getTypes());
        trace::TracedBody body(trace, types, rule, impl_->where);
        llvm::SetVector<Value> captured;
        body.collect_captured(captured);
        return ir::createCustomGradient(builder, location, inputs, constant, captured.getArrayRef(),
                                        body.isolated(captured.getArrayRef()));
      });
}

void check_not_recorded(std::span<const Tensor> values, const SourceLocation& where) {
  if (is_tracing(values))
    trace::fail(where, "custom_gradient",
                "the function uses a tensor that requires a gradient and is not among its parameters, and "
                "would have no derivative by it; pass it as a parameter, or use its detach()");
}

} // namespace sinter::detail
