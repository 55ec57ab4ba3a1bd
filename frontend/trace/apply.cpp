// Recording and immediate evaluation of operations.
#include "trace/apply.h"

#include "ir/evaluation.h"
#include "trace/placement.h"
#include "trace/trace.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace sinter::trace {
namespace {

// Where operations are built for the moment it takes to infer, verify and evaluate them. One per thread.
class Scratch {
public:
  Scratch() : context_(MLIRContext::Threading::DISABLED), builder_(&context_) {
    context_.loadDialect<ir::SinterDialect>();
    builder_.setInsertionPointToEnd(&block_);
  }

  OpBuilder& builder() { return builder_; }
  Location location() { return builder_.getUnknownLoc(); }

  // The `number`-th value, as a tensor of this type.
  Value value(unsigned number, DType dtype, const Shape& shape) {
    const auto type =
        RankedTensorType::get(ArrayRef(shape.begin(), shape.end()), ir::elementTypeOf(&context_, dtype));
    if (number == block_.getNumArguments())
      return block_.addArgument(type, location());
    Value value = block_.getArgument(number);
    value.setType(type);
    return value;
  }

  // Types and attributes live as long as their context: it is renewed now and then, lest a program that
  // never repeats a shape grows without bound.
  static Scratch& renewed() {
    constexpr int kLifetime = 1 << 20;
    if (!instance_ || ++uses_ >= kLifetime) {
      instance_.reset();
      instance_ = std::make_unique<Scratch>();
      uses_ = 0;
    }
    return *instance_;
  }
  static Scratch& current() { return *instance_; }

private:
  inline static thread_local std::unique_ptr<Scratch> instance_;
  inline static thread_local int uses_ = 0;

  MLIRContext context_;
  Block block_; // before the builder goes, after its operations
  OpBuilder builder_;
};

std::string operand_list(ArrayRef<const Node*> operands) {
  constexpr size_t kMost = 8;
  std::string text;
  for (const Node* node : operands.take_front(kMost))
    text += (text.empty() ? "" : ", ") + to_string(View{nullptr, node->dtype, node->shape, {}});
  return operands.size() > kMost ? text + ", ..." : text;
}

} // namespace

void Application::see(const Tensor& operand) {
  const Node& node = node_of(operand);
  operands_.push_back(&node);
  if (node.may_record() && (!trace_ || !trace_->is_open()))
    if (auto found = trace_for(node))
      trace_ = std::move(found);
}

Value Application::lower(const Tensor& operand) {
  if (trace_)
    return trace_->value(operand);
  elements_.push_back(concrete(operand));
  const Node& node = node_of(elements_.back());
  return Scratch::current().value(static_cast<unsigned>(elements_.size()) - 1, node.dtype, node.shape);
}

Type Application::lower(DType dtype) {
  OpBuilder& builder = trace_ ? trace_->builder() : Scratch::current().builder();
  return ir::elementTypeOf(builder.getContext(), dtype);
}

Tensor Application::run(Create create, Alias alias) {
  try {
    return trace_ ? record(create) : evaluate(create, alias);
  } catch (const Error& error) {
    fail(error);
  } catch (const std::bad_alloc&) {
    fail(Error("out of memory", ErrorKind::system));
  }
}

Tensor Application::record(Create create) {
  if (!trace_->is_open())
    throw Error(trace_->finished());
  trace_->check_thread();
  trace_->tidy();
  if (trace_->values() == Values::on_demand) // what runs the program would complain at another line
    check_places(operands_);
  OpBuilder& builder = trace_->builder();
  return trace_->tensor(create(builder, mlir_location(builder.getContext(), where_))->getResult(0));
}

Tensor Application::evaluate(Create create, Alias alias) {
  Scratch& scratch = Scratch::renewed();
  Operation* op = create(scratch.builder(), scratch.location());
  const llvm::scope_exit erase([op] { op->erase(); });
  const RankedTensorType type = ir::tensorType(op->getResult(0));
  const Device device = common_device(elements_);
  const auto in_memory = [](const Node* node) { return !node->trace; };
  if (alias && llvm::all_of(operands_, in_memory))
    if (Tensor shared = alias(ir::shapeOf(type)); device == Device::cpu || shared.is_dense())
      return shared;
  llvm::SmallVector<Tensor, 4> operands;
  for (Value operand : op->getOperands())
    operands.push_back(elements_[cast<BlockArgument>(operand).getArgNumber()]);
  if (device != Device::cpu)
    return run_operation(*op, operands, device).front();
  const Tensor result = make_empty(ir::dtypeOf(type.getElementType()), ir::shapeOf(type));
  llvm::SmallVector<View, 4> views;
  for (const Tensor& operand : operands)
    views.push_back(node_of(operand).view());
  ir::evaluate(op, views, node_of(result).view());
  return result;
}

void Application::fail(const Error& error) const {
  StringRef name = name_;
  name.consume_front("sinter.");
  name.consume_front("reduce_");
  std::string message = in_user_terms(error.what());
  // Attributes alone seldom tell what is wrong.
  if (message.find('[') == std::string::npos && !operands_.empty())
    message += " (operands " + operand_list(operands_) + ")";
  trace::fail(where_, name.str(), message, error.kind());
}

} // namespace sinter::trace
