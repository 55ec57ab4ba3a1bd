// What the importer of one operator sees: its node's inputs and attributes, and the means to build IR.
#include "frontend/onnx/node_context.h"

#include "ir/constant.h"
#include "ir/evaluation.h"
#include "sinter/runtime/eager/elementwise.h"
#include "sinter/runtime/eager/movement.h"

#include "onnx.pb.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sinter::onnx_import {
namespace {

// Results larger than this are left to the compiler's own constant folding, unless they are shapes in the
// making.
constexpr int64_t kFoldElements = 1 << 20;
constexpr int64_t kFoldIntegerElements = 1 << 24;
constexpr double kFoldOperations = 1e9;

[[noreturn]] void wrong_kind(const char* name, const char* kind) {
  throw Error(std::string("attribute ") + name + " is not " + kind);
}

double operations_of(mlir::Operation* op) {
  auto fusion = llvm::dyn_cast<ir::FusionOpInterface>(op);
  double elements = ir::resultElements(op);
  for (Value operand : op->getOperands())
    elements += static_cast<double>(ir::tensorType(operand).getNumElements());
  return elements + (fusion ? fusion.getFlops() : 0);
}

bool worth_folding(mlir::Operation* op) {
  if (!llvm::isa<ir::EvaluateOpInterface>(op) || op->getNumResults() != 1)
    return false;
  for (Value operand : op->getOperands())
    if (!operand.getDefiningOp<ir::ConstantOp>())
      return false;
  const auto type = ir::tensorType(op->getResult(0));
  return type.getNumElements() <=
         (llvm::isa<mlir::FloatType>(type.getElementType()) ? kFoldElements : kFoldIntegerElements);
}

template <class T, class Convert>
T convert_elements(const View& view, Convert convert) {
  if (view.dtype == DType::f16 || view.dtype == DType::bf16) {
    const auto storage = Storage::allocate(static_cast<std::size_t>(view.elements()) * sizeof(float));
    const View wide = View::dense(storage->data(), DType::f32, view.shape);
    eager::cast(view, wide);
    return convert_elements<T>(wide, convert);
  }
  return visit_dtype(view.dtype, "a constant of a model", [&]<class E>(E) {
    T values;
    for (int64_t i = 0; i < view.elements(); ++i)
      values.push_back(convert(view.as<E>()[i]));
    return values;
  });
}

} // namespace

NodeContext::NodeContext(mlir::OpBuilder& builder, const ModelGraph& graph, const GraphNode& node,
                         llvm::SmallVector<Value> inputs, llvm::SmallVector<bool> outputs_used,
                         FoldBudget& budget)
    : builder_(builder), location_(mlir::NameLoc::get(builder.getStringAttr(node.label))), graph_(graph),
      node_(node), inputs_(std::move(inputs)), outputs_used_(std::move(outputs_used)),
      results_(outputs_used_.size()), budget_(budget) {}

const std::string& NodeContext::op_type() const {
  return node_.proto->op_type();
}

Value NodeContext::input(int i) const {
  if (!has_input(i))
    throw Error("input " + std::to_string(i) + " is missing");
  return inputs_[static_cast<std::size_t>(i)];
}

void NodeContext::only_first_output() const {
  for (int i = 1; i < output_count(); ++i)
    if (output_used(i))
      throw Error("output " + std::to_string(i) + " is not supported");
}

void NodeContext::output(int i, Value value) {
  if (i < output_count())
    results_[static_cast<std::size_t>(i)] = value;
}

//-- Attributes

Weight NodeContext::tensor(const char* name) const {
  const auto* attribute = find(name);
  if (!attribute || !attribute->has_t())
    throw Error(std::string("attribute ") + name + " is not a tensor");
  return read_weight(graph_.file, attribute->t());
}

const onnx::AttributeProto* NodeContext::find(const char* name) const {
  for (const auto& attribute : node_.proto->attribute())
    if (attribute.name() == name) {
      read_.push_back(&attribute);
      return &attribute;
    }
  return nullptr;
}

void NodeContext::check_all_attributes_read() const {
  // What these say concerns training, unused outputs, number formats we do not have, or nothing at all.
  static constexpr std::string_view kHarmless[] = {
      "consumed_inputs",    "is_test",    "momentum",   "ratio",         "seed",
      "saturate",           "round_mode", "stash_type", "storage_order", "cubic_coeff_a",
      "extrapolation_value"};
  for (const auto& attribute : node_.proto->attribute())
    if (!llvm::is_contained(read_, &attribute) && !llvm::is_contained(kHarmless, attribute.name()))
      throw Error("attribute " + attribute.name() + " is not supported");
}

int64_t NodeContext::integer(const char* name, int64_t otherwise) const {
  const auto* attribute = find(name);
  if (attribute && !attribute->has_i())
    wrong_kind(name, "an integer");
  return attribute ? attribute->i() : otherwise;
}

int64_t NodeContext::required_integer(const char* name) const {
  if (!has(name))
    throw Error(std::string("attribute ") + name + " is missing");
  return integer(name, 0);
}

double NodeContext::number(const char* name, double otherwise) const {
  const auto* attribute = find(name);
  if (attribute && !attribute->has_f())
    wrong_kind(name, "a number");
  return attribute ? static_cast<double>(attribute->f()) : otherwise;
}

std::string NodeContext::text(const char* name, const std::string& otherwise) const {
  const auto* attribute = find(name);
  if (attribute && !attribute->has_s())
    wrong_kind(name, "a string");
  return attribute ? attribute->s() : otherwise;
}

std::optional<Dims> NodeContext::integers(const char* name) const {
  const auto* attribute = find(name);
  if (!attribute)
    return std::nullopt;
  if (attribute->has_i() || attribute->floats_size() > 0)
    wrong_kind(name, "a list of integers");
  return Dims(attribute->ints().begin(), attribute->ints().end());
}

std::optional<llvm::SmallVector<double>> NodeContext::numbers(const char* name) const {
  const auto* attribute = find(name);
  if (!attribute)
    return std::nullopt;
  if (attribute->has_f() || attribute->ints_size() > 0)
    wrong_kind(name, "a list of numbers");
  return llvm::SmallVector<double>(attribute->floats().begin(), attribute->floats().end());
}

//-- Constants

Dims NodeContext::constant_integers(int i, const char* role) const {
  const Value value = input(i);
  if (!llvm::isa<mlir::IntegerType>(element_of(value)))
    throw Error(std::string(role) + " (input " + std::to_string(i) + ") is not a tensor of integers");
  const auto data = ir::constantData(value);
  if (!data)
    throw Error(std::string(role) + " (input " + std::to_string(i) +
                ") depends on the model's inputs; it must be known from their shapes alone");
  return convert_elements<Dims>(data->view, [](auto element) { return static_cast<int64_t>(element); });
}

llvm::SmallVector<double> NodeContext::constant_numbers(int i, const char* role) const {
  const auto data = ir::constantData(input(i));
  if (!data)
    throw Error(std::string(role) + " (input " + std::to_string(i) +
                ") depends on the model's inputs; it must be known from their shapes alone");
  return convert_elements<llvm::SmallVector<double>>(
      data->view, [](auto element) { return static_cast<double>(element); });
}

std::optional<Dims> NodeContext::integers_from(const char* name, int i, const char* role) const {
  if (auto values = integers(name))
    return values;
  if (has_input(i))
    return constant_integers(i, role);
  return std::nullopt;
}

int64_t NodeContext::constant_integer(int i, const char* role) const {
  const Dims values = constant_integers(i, role);
  if (values.size() != 1)
    throw Error(std::string(role) + " (input " + std::to_string(i) + ") is not one number");
  return values.front();
}

double NodeContext::constant_number(int i, const char* role) const {
  const auto values = constant_numbers(i, role);
  if (values.size() != 1)
    throw Error(std::string(role) + " (input " + std::to_string(i) + ") is not one number");
  return values.front();
}

Value NodeContext::splat(const View& element, llvm::ArrayRef<int64_t> shape) {
  const auto type =
      mlir::RankedTensorType::get(shape, ir::elementTypeOf(builder_.getContext(), element.dtype));
  ir::detail::checkResultType(type);
  mlir::DenseElementsAttr elements;
  if (type.getNumElements() == 0)
    elements = mlir::DenseElementsAttr::get(type, llvm::ArrayRef<mlir::Attribute>());
  else if (element.dtype == DType::boolean)
    elements = mlir::DenseElementsAttr::get(type, *element.as<bool>());
  else
    elements = mlir::DenseElementsAttr::getFromRawBuffer(type, {element.as<char>(), size_of(element.dtype)});
  return ir::ConstantOp::create(builder_, location_, type, elements);
}

Value NodeContext::splat(double value, Type element, llvm::ArrayRef<int64_t> shape) {
  std::array<std::byte, sizeof(double)> bytes{};
  const View typed = View::dense(bytes.data(), ir::dtypeOf(element), {});
  eager::fill(typed, value);
  return splat(typed, shape);
}

Value NodeContext::scalar_like(double value, Value like) {
  return splat(value, element_of(like));
}

Value NodeContext::constant(const Weight& weight) {
  const auto type = mlir::RankedTensorType::get(weight.shape.dims(),
                                                ir::elementTypeOf(builder_.getContext(), weight.dtype));
  return ir::ConstantOp::create(builder_, location_, type, ir::makeTable(type, weight.storage));
}

Value NodeContext::integers_constant(llvm::ArrayRef<int64_t> values) {
  Weight weight{
      Storage::allocate(values.size() * sizeof(int64_t)), DType::i64, {static_cast<int64_t>(values.size())}};
  std::copy(values.begin(), values.end(), reinterpret_cast<int64_t*>(weight.storage->data()));
  return constant(weight);
}

Value NodeContext::integer_constant(int64_t value) {
  return splat(View::dense(&value, DType::i64, {}), {});
}

//-- Building

Value NodeContext::finish(mlir::Operation* op) {
  if (!worth_folding(op))
    return op->getResult(0);
  const double operations = operations_of(op);
  if (operations > kFoldOperations || operations > budget_.operations)
    return op->getResult(0);
  budget_.operations -= operations;

  llvm::SmallVector<ir::ConstantData> data;
  llvm::SmallVector<View> operands;
  for (Value operand : op->getOperands()) {
    data.push_back(*ir::constantData(operand));
    operands.push_back(data.back().view);
  }
  const auto type = ir::tensorType(op->getResult(0));
  Weight result{nullptr, ir::dtypeOf(type.getElementType()), ir::shapeOf(type)};
  result.storage = Storage::allocate(static_cast<std::size_t>(ir::storedBytes(type)));
  const View view = result.view();
  ir::evaluate(op, operands, view);
  op->erase();
  return constant(result);
}

Value NodeContext::reshape(Value value, llvm::ArrayRef<int64_t> shape) {
  if (ir::tensorType(value).getShape() == shape)
    return value;
  // Shapes come from the model: their product is checked before anything multiplies them.
  if (shape.size() > static_cast<std::size_t>(kMaxRank) ||
      checked_bytes({shape.data(), shape.size()}, 1) != ir::tensorType(value).getNumElements())
    throw Error("cannot reshape " + to_text(dims_of(value)) + " to " + to_text(shape));
  return make<ir::ReshapeOp>(value, shape);
}

Value NodeContext::transpose(Value value, llvm::ArrayRef<int64_t> permutation) {
  bool identity = static_cast<int64_t>(permutation.size()) == rank_of(value);
  for (std::size_t i = 0; i < permutation.size(); ++i)
    identity &= permutation[i] == static_cast<int64_t>(i);
  return identity ? value : make<ir::TransposeOp>(value, permutation);
}

Value NodeContext::broadcast_to(Value value, llvm::ArrayRef<int64_t> shape) {
  return ir::tensorType(value).getShape() == shape ? value : make<ir::BroadcastToOp>(value, shape);
}

Value NodeContext::cast(Value value, Type element) {
  return element_of(value) == element ? value : make<ir::CastOp>(value, element);
}

Value NodeContext::slice(Value value, int64_t axis, int64_t start, int64_t size, int64_t step) {
  Dims starts(static_cast<std::size_t>(rank_of(value)), 0), steps(starts.size(), 1), sizes = dims_of(value);
  const auto at = static_cast<std::size_t>(axis);
  if (size == 0) // an empty range may start anywhere; 0 is always inside
    start = 0;
  if (start == 0 && size == sizes[at] && (step == 1 || size <= 1))
    return value;
  starts[at] = start;
  sizes[at] = size;
  steps[at] = step;
  return make<ir::SliceOp>(value, starts, sizes, steps);
}

int64_t NodeContext::normalize_axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    throw Error("axis " + std::to_string(axis) + " is out of range for " + std::to_string(rank) +
                " dimensions");
  return axis < 0 ? axis + rank : axis;
}

Dims NodeContext::normalize_axes(llvm::ArrayRef<int64_t> axes, int64_t rank) {
  Dims result;
  for (int64_t axis : axes)
    result.push_back(normalize_axis(axis, rank));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    throw Error("axes " + to_text(axes) + " name a dimension twice");
  return result;
}

int64_t product(llvm::ArrayRef<int64_t> dims) {
  int64_t result = 1;
  for (int64_t dim : dims)
    result *= dim;
  return result;
}

std::string to_text(llvm::ArrayRef<int64_t> values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

} // namespace sinter::onnx_import
