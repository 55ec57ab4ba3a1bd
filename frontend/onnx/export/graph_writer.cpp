// A program of the dialect becomes the nodes and initialisers of an ONNX graph.
#include "frontend/onnx/export/graph_writer.h"

#include "frontend/onnx/export/exporters.h"
#include "frontend/onnx/export/op_writer.h"
#include "ir/location.h"

#include "onnx.pb.h"

namespace sinter::onnx_export {
namespace {

void set_attribute(onnx::AttributeProto& proto, const Attribute& attribute) {
  proto.set_name(attribute.name);
  if (const auto* integer = std::get_if<int64_t>(&attribute.value)) {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(*integer);
  } else if (const auto* number = std::get_if<float>(&attribute.value)) {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(*number);
  } else if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(*text);
  } else if (const auto* list = std::get_if<Dims>(&attribute.value)) {
    proto.set_type(onnx::AttributeProto::INTS);
    proto.mutable_ints()->Add(list->begin(), list->end());
  } else {
    proto.set_type(onnx::AttributeProto::GRAPH);
    *proto.mutable_g() = *std::get<const onnx::GraphProto*>(attribute.value);
  }
}

std::string result_name(mlir::func::FuncOp main, unsigned i) {
  return main.getResultAttrOfType<mlir::StringAttr>(i, "sinter.name").getValue().str();
}

} // namespace

int onnx_type_of(Type element) {
  switch (ir::dtypeOf(element)) {
  case DType::f32:
    return onnx::TensorProto::FLOAT;
  case DType::f64:
    return onnx::TensorProto::DOUBLE;
  case DType::f16:
    return onnx::TensorProto::FLOAT16;
  case DType::bf16:
    return onnx::TensorProto::BFLOAT16;
  case DType::i64:
    return onnx::TensorProto::INT64;
  case DType::i32:
    return onnx::TensorProto::INT32;
  case DType::i8:
    return onnx::TensorProto::INT8;
  case DType::u8:
    return onnx::TensorProto::UINT8;
  case DType::boolean:
    return onnx::TensorProto::BOOL;
  }
  throw Error("an element type that ONNX does not have", ErrorKind::internal);
}

void declare(onnx::ValueInfoProto& info, const std::string& name, RankedTensorType type) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx_type_of(type.getElementType()));
  tensor.mutable_shape(); // rank 0 is a shape, too
  for (int64_t extent : type.getShape())
    tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

std::string base_name(Operation& op) {
  const auto sources = ir::sourcesOf(op.getLoc());
  const std::string kind = llvm::isa<ir::ConstantOp>(op) ? "weight" : op.getName().stripDialect().str();
  bool is_name = false; // of a node or weight, as a model calls it
  op.getLoc()->walk([&](mlir::Location location) {
    is_name |= llvm::isa<mlir::NameLoc>(location);
    return mlir::WalkResult::advance();
  });
  if (sources.empty())
    return kind;
  return is_name ? sources.front() : kind + "@" + sources.front();
}

void GraphWriter::write(mlir::func::FuncOp main) {
  mlir::Block& body = main.getBody().front();
  for (mlir::BlockArgument argument : body.getArguments()) {
    const auto name = main.getArgAttrOfType<mlir::StringAttr>(argument.getArgNumber(), "sinter.name").str();
    if (!values_.reserve(name))
      throw Error("two inputs are called '" + name + "'");
    names_[argument] = name;
    declare(*graph_->add_input(), name, ir::tensorType(argument));
  }
  mlir::ValueRange results = body.getTerminator()->getOperands();
  for (unsigned i = 0; i < results.size(); ++i) {
    const std::string name = result_name(main, i);
    if (!values_.reserve(name) && names_.lookup(results[i]) != name)
      throw Error("two inputs or outputs are called '" + name + "'");
    if (results[i].getDefiningOp() && !results[i].getDefiningOp<ir::ConstantOp>())
      wanted_.try_emplace(results[i], name);
  }
  write_operations(body);
  write_outputs(main);
}

// An output that no node gives under its name is a copy of what it is.
void GraphWriter::write_outputs(mlir::func::FuncOp main) {
  mlir::ValueRange results = main.getBody().front().getTerminator()->getOperands();
  for (unsigned i = 0; i < results.size(); ++i) {
    const std::string name = result_name(main, i);
    const std::string value = name_of(results[i]);
    if (value != name) {
      onnx::NodeProto& node = *graph_->add_node();
      node.set_op_type("Identity");
      node.set_name(nodes_.unique(name));
      node.add_input(value);
      node.add_output(name);
    }
    declare(*graph_->add_output(), name, ir::tensorType(results[i]));
  }
}

void GraphWriter::write_operations(mlir::Block& block) {
  for (Operation& op : block.without_terminator())
    if (!llvm::isa<ir::ConstantOp>(op))
      write_operation(op);
}

void GraphWriter::write_operation(Operation& op) {
  const std::string name = op.getName().stripDialect().str();
  const auto fail = [&](const std::string& why, ErrorKind kind) {
    const std::string text = name + " cannot be written as ONNX: " + why;
    if (const auto sources = ir::sourcesOf(op.getLoc()); !sources.empty())
      throw RefusedOperation(sources.front() + ": " + text, kind);
    throw Error(text, kind);
  };
  const Exporter* exporter = find_exporter(op.getName().getStringRef());
  if (!exporter)
    fail("nobody has said how", ErrorKind::internal);
  if (exporter->refusal)
    fail(exporter->refusal, ErrorKind::user);
  try {
    OpWriter writer(*this, op);
    exporter->write(writer, op);
  } catch (const Error& error) {
    fail(error.what(), error.kind());
  }
}

std::string GraphWriter::add_initializer(const std::string& wanted, Initializer made) {
  made.name = values_.unique(wanted);
  initializers_.push_back(std::move(made));
  return initializers_.back().name;
}

std::string GraphWriter::name_of(Value value) {
  if (auto found = names_.find(value); found != names_.end())
    return found->second;
  auto constant = value.getDefiningOp<ir::ConstantOp>();
  if (!constant)
    throw Error("a value is used before it is written", ErrorKind::internal);
  std::string name =
      add_initializer(base_name(*constant),
                      {"", ir::tensorType(value), llvm::cast<mlir::ElementsAttr>(constant.getValue()), {}});
  names_[value] = name;
  return name;
}

std::string GraphWriter::name_of_input(const std::string& node, const Input& input) {
  if (const auto* name = std::get_if<std::string>(&input))
    return *name;
  if (const auto* value = std::get_if<Value>(&input))
    return *value ? name_of(*value) : "";
  if (const auto* setting = std::get_if<Setting>(&input))
    return add_initializer(node + "." + setting->role, {"", setting->type, {}, setting->storage});
  return "";
}

llvm::SmallVector<std::string> GraphWriter::add_node(const std::string& base, const char* type,
                                                     llvm::ArrayRef<Input> inputs,
                                                     llvm::ArrayRef<Attribute> attributes,
                                                     std::size_t outputs, mlir::ValueRange results) {
  const std::string name = nodes_.unique(base);
  onnx::NodeProto node;
  node.set_op_type(type);
  node.set_name(name);
  for (const Input& input : inputs)
    node.add_input(name_of_input(name, input));
  while (node.input_size() > 0 && node.input(node.input_size() - 1).empty())
    node.mutable_input()->RemoveLast();
  for (const Attribute& attribute : attributes)
    set_attribute(*node.add_attribute(), attribute);
  llvm::SmallVector<std::string> names;
  for (std::size_t i = 0; i < outputs; ++i) {
    const Value result = i < results.size() ? results[i] : Value();
    const auto wanted = result ? wanted_.find(result) : wanted_.end();
    names.push_back(wanted != wanted_.end() ? wanted->second : values_.unique(name));
    if (result)
      names_[result] = names.back();
    node.add_output(names.back());
  }
  *graph_->add_node() = std::move(node);
  return names;
}

} // namespace sinter::onnx_export
