// Recording of a program.
#include "trace/trace.h"

#include "ir/constant.h"
#include "ir/op_creation.h"
#include "ir/ops.h"
#include "trace/errors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sinter::trace {
namespace {

std::unique_ptr<MLIRContext> make_context() {
  auto context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  context->loadDialect<ir::SinterDialect, func::FuncDialect>();
  return context;
}

RankedTensorType type_of(MLIRContext* context, DType dtype, const Shape& shape) {
  return RankedTensorType::get(ArrayRef(shape.begin(), shape.end()), ir::elementTypeOf(context, dtype));
}

NamedAttribute name_attribute(OpBuilder& builder, const std::string& name) {
  return builder.getNamedAttr("sinter.name", builder.getStringAttr(name));
}

} // namespace

Location mlir_location(MLIRContext* context, const SourceLocation& where) {
  return FileLineColLoc::get(context, file_of(where), where.line(), where.column());
}

Trace::Trace(const SourceLocation& where)
    : context_(make_context()), builder_(context_.get()), location_(mlir_location(context_.get(), where)),
      finished_(
          "a tensor of the function compiled at " + to_string(where) +
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
  return tensor(body_->addArgument(type_of(context_.get(), dtype, shape), location_));
}

Tensor Trace::tensor(Value value) {
  auto node = std::make_shared<Node>();
  const RankedTensorType type = ir::tensorType(value);
  node->dtype = ir::dtypeOf(type.getElementType());
  node->shape = ir::shapeOf(type);
  node->trace = shared_from_this();
  node->value = value;
  return Tensor(std::move(node));
}

Value Trace::value(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  if (!node.trace)
    return constant(tensor);
  if (!node.trace->is_open())
    throw Error(node.trace->finished());
  if (node.trace.get() != this)
    throw Error("the operands belong to two functions that are traced at the same time");
  return node.value;
}

Value Trace::constant(const Tensor& tensor) {
  if (auto found = constants_.find(tensor.node().get()); found != constants_.end())
    return found->second.second;
  const Tensor dense = tensor.contiguous();
  const Node& node = node_of(dense);
  // At the function's start, so that every use is dominated wherever the first one is.
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToStart(body_);
  const auto elements =
      ir::makeElements(type_of(context_.get(), node.dtype, node.shape), node.storage, node.byte_offset);
  const Value value = ir::ConstantOp::create(builder_, location_, elements);
  constants_.emplace(tensor.node().get(), std::pair(tensor, value));
  return value;
}

ModuleOp Trace::finish(std::span<const Tensor> results) {
  llvm::SmallVector<Value> values;
  for (const Tensor& result : results)
    values.push_back(value(result));
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

void Trace::close() {
  module_ = nullptr;
  constants_.clear();
  context_.reset();
}

} // namespace sinter::trace
