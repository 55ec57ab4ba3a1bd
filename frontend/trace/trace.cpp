// Recording of a program.
#include "trace/trace.h"

#include "ir/constant.h"
#include "ir/op_creation.h"
#include "ir/ops.h"
#include "sinter/tape.h"
#include "trace/errors.h"
#include "trace/placement.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sinter::trace {
namespace {

RankedTensorType type_of(MLIRContext* context, DType dtype, const Shape& shape) {
  return RankedTensorType::get(ArrayRef(shape.begin(), shape.end()), ir::elementTypeOf(context, dtype));
}

NamedAttribute name_attribute(OpBuilder& builder, const std::string& name) {
  return builder.getNamedAttr("sinter.name", builder.getStringAttr(name));
}

} // namespace

std::unique_ptr<MLIRContext> make_context() {
  auto context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  context->loadDialect<ir::SinterDialect, func::FuncDialect>();
  return context;
}

Location mlir_location(MLIRContext* context, const SourceLocation& where) {
  return FileLineColLoc::get(context, file_of(where), where.line(), where.column());
}

Trace::Trace(MLIRContext& context, const SourceLocation& where, Values values, const std::string& what)
    : values_(values), builder_(&context), location_(mlir_location(&context, where)),
      name_(what + " at " + to_string(where)),
      finished_(
          "a tensor of the " + name_ +
          " is used after that was traced; it has no value outside of it, unless the function returns it") {
  module_ = ModuleOp::create(location_);
  builder_.setInsertionPointToEnd(module_->getBody());
  auto function = func::FuncOp::create(builder_, location_, "main", builder_.getFunctionType({}, {}));
  body_ = function.addEntryBlock();
  builder_.setInsertionPointToEnd(body_);
}

Trace::~Trace() {
  close();
}

Tensor Trace::argument(DType dtype, const Shape& shape) {
  return tensor(body_->addArgument(type_of(builder_.getContext(), dtype, shape), location_));
}

Tensor Trace::argument(const Tensor& elements) {
  const Tensor dense = trace::dense(elements);
  const Tensor argument = this->argument(dense.dtype(), dense.shape());
  const auto& storage = node_of(elements).storage;
  arguments_.push_back({dense, storage, storage->version()});
  known_[argument.node()->value] = dense;
  return argument;
}

Tensor Trace::tensor(Value value) {
  auto node = std::make_shared<Node>();
  const RankedTensorType type = ir::tensorType(value);
  node->dtype = ir::dtypeOf(type.getElementType());
  node->shape = ir::shapeOf(type);
  node->trace = shared_from_this();
  node->value = value;
  node->body_open = body_open_;
  if (values_ == Values::on_demand)
    made_.push_back(node);
  return Tensor(std::move(node));
}

Tensor Trace::renamed(const Tensor& tensor) {
  const Value same = value(tensor);
  return this->tensor(
      ir::create<ir::ReshapeOp>(builder_, location_, same, ir::tensorType(same).getShape()).getResult());
}

Value Trace::value(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  if (!node.trace)
    return capture(tensor);
  if (!node.trace->is_open())
    throw Error(node.trace->finished());
  if (node.is_left_behind())
    throw Error(
        "a tensor of the body of a branch, loop or checkpoint is used outside of it; let the body return it");
  if (node.trace.get() != this) {
    node.trace->check_thread();
    if (is_tape() || !node.trace->is_tape())
      throw Error("the operands belong to two functions that are traced at the same time");
    if (grad_enabled())
      fail_captured(node);
    ignored_gradients_ = true;
    return capture(concrete(tensor));
  }
  return node.value;
}

Value Trace::capture(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  const bool requires_grad = node.gradient && grad_enabled();
  if (requires_grad && (!is_tape() || TraceScope::innermost().get() == this))
    fail_captured(node);
  if (auto found = captured_.find(&node); found != captured_.end()) {
    if (is_current(found->second.second, requires_grad))
      return found->second.second;
    captured_.erase(found);
  }
  ignored_gradients_ |= node.gradient != nullptr;
  Value value;
  if (values_ == Values::unknown || node.literal)
    value = constant(tensor);
  else if (requires_grad)
    value = node.gradient->is_leaf() ? recorded_leaf(tensor) : recorded_released(tensor);
  else
    value = argument(tensor).node()->value;
  captured_.emplace(&node, std::pair(tensor, value));
  return value;
}

// False for the argument that stands for a tensor as it was before it was written to, or made a leaf or none.
bool Trace::is_current(Value captured, bool requires_grad) const {
  const auto argument = dyn_cast<BlockArgument>(captured);
  if (!argument || argument.getArgNumber() >= arguments_.size())
    return true;
  const Argument& known = arguments_[argument.getArgNumber()];
  const bool recorded = argument.getArgNumber() < leaves_.size() || released_.contains(captured);
  return recorded == requires_grad && known.storage->version() == known.version;
}

bool Trace::is_captured(Value value) const {
  return std::ranges::any_of(captured_, [&](const auto& entry) { return entry.second.second == value; });
}

Value Trace::constant(const Tensor& tensor) {
  if (const Device device = trace::device_of(tensor); device != Device::cpu && device != device_)
    throw Error("a captured tensor, " + to_string(View{nullptr, tensor.dtype(), tensor.shape(), {}}) +
                ", lies on " + to_string(device) + ", but the function runs on " + to_string(device_) +
                ", where its inputs lie");
  // The compiler reads constants, and brings what is left of them to the device.
  const Tensor dense = placed(tensor, Device::cpu);
  const Node& node = node_of(dense);
  // At the function's start, so that every use is dominated wherever the first one is.
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToStart(body_);
  return ir::ConstantOp::create(builder_, location_,
                                ir::makeElements(type_of(builder_.getContext(), node.dtype, node.shape),
                                                 node.storage, node.byte_offset));
}

std::vector<Tensor> Trace::arguments() const {
  std::vector<Tensor> elements;
  for (const Argument& argument : arguments_)
    elements.push_back(checked(argument));
  return elements;
}

const Tensor& Trace::checked(const Argument& argument) {
  const Node& node = node_of(argument.elements);
  if (argument.storage->version() != argument.version)
    throw Error(
        to_string(View{nullptr, node.dtype, node.shape, {}}) +
        " was written to (mutable_data) after it was recorded and before its use; read what depends on "
        "it first, or "
        "write to a clone() of it");
  return argument.elements;
}

void Trace::fail_captured(const Node& node) const {
  throw Error(to_string(View{nullptr, node.dtype, node.shape, {}}) +
              " requires a gradient, but is captured by the " + name_ +
              ", not listed among its parameters, so its gradient would be lost; make it a parameter, or "
              "capture its detach()");
}

std::vector<std::shared_ptr<Node>> Trace::live() const {
  std::vector<std::shared_ptr<Node>> nodes;
  for (const auto& made : made_)
    if (auto node = made.lock(); node && node->trace) // else it has become concrete
      nodes.push_back(std::move(node));
  return nodes;
}

ModuleOp Trace::finish(ArrayRef<Value> values) {
  func::ReturnOp::create(builder_, location_, values);
  auto function = cast<func::FuncOp>(module_->getBody()->front());
  function.setFunctionType(
      builder_.getFunctionType(body_->getArgumentTypes(), ValueRange(values).getTypes()));
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    function.setArgAttrs(i, name_attribute(builder_, "arg" + std::to_string(i)));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    function.setResultAttrs(i, name_attribute(builder_, "result" + std::to_string(i)));
  return *module_;
}

OwningOpRef<ModuleOp> Trace::release() {
  OwningOpRef<ModuleOp> module = std::move(module_);
  close();
  return module;
}

void Trace::close() {
  module_ = nullptr;
  captured_.clear();
  known_.clear();
  places_.clear();
  arguments_.clear();
  made_.clear();
  leaves_.clear();
  released_.clear();
}

namespace {

std::vector<std::shared_ptr<Trace>>& open_scopes() {
  thread_local std::vector<std::shared_ptr<Trace>> scopes;
  return scopes;
}

} // namespace

TraceScope::TraceScope(std::shared_ptr<Trace> trace) : trace_(std::move(trace)) {
  open_scopes().push_back(trace_);
}

TraceScope::~TraceScope() {
  if (!trace_->is_tape())
    trace_->close();
  open_scopes().pop_back();
}

std::shared_ptr<Trace> TraceScope::innermost() {
  return open_scopes().empty() ? nullptr : open_scopes().back();
}

} // namespace sinter::trace
