// From a checked model to the sinter dialect, at given input shapes.
#include "frontend/onnx/import.h"

#include "frontend/onnx/node_context.h"
#include "ir/constant.h"
#include "ir/constant_deferral.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "onnx.pb.h"

#include <unordered_set>

namespace sinter::onnx_import {
namespace {

class Importer {
public:
  Importer(mlir::OpBuilder& builder, const ModelGraph& graph, NamedValues given, ElementsOf elements)
      : graph_(graph), builder_(builder), values_(std::move(given)), elements_(elements) {
    for (const GraphNode& node : graph.nodes)
      used_.insert(node.proto->input().begin(), node.proto->input().end());
    for (const ModelValue& output : graph.outputs)
      used_.insert(output.name);
  }

  llvm::SmallVector<Value> run() {
    for (const GraphNode& node : graph_.nodes)
      import_node(node);
    llvm::SmallVector<Value> results;
    for (const ModelValue& output : graph_.outputs)
      results.push_back(value_of(output.name));
    return results;
  }

private:
  void import_node(const GraphNode& node) {
    llvm::SmallVector<Value> inputs;
    for (const std::string& name : node.proto->input())
      inputs.push_back(name.empty() ? Value() : value_of(name));
    llvm::SmallVector<bool> outputs_used;
    for (const std::string& name : node.proto->output())
      outputs_used.push_back(!name.empty() && used_.count(name));
    try {
      NodeContext context(builder_, graph_, node, std::move(inputs), outputs_used, budget_);
      node.import(context);
      context.check_all_attributes_read();
      for (int i = 0; i < context.output_count(); ++i) {
        const Value result = context.results()[static_cast<std::size_t>(i)];
        if (!result && context.output_used(i))
          throw Error("output " + std::to_string(i) + " is not supported");
        if (result)
          values_[node.proto->output(i)] = result;
      }
    } catch (const Error& error) {
      throw Error(describe(node) + ": " + error.what(), error.kind());
    }
  }

  // Weights become constants where they are first used.
  Value value_of(const std::string& name) {
    Value& value = values_[name];
    if (value)
      return value;
    const auto found = graph_.weights.find(name);
    if (found == graph_.weights.end())
      throw Error("value '" + name + "' is used before it is computed", ErrorKind::internal);
    const StoredWeight& weight = found->second;
    const auto type = mlir::RankedTensorType::get(weight.shape().dims(),
                                                  ir::elementTypeOf(builder_.getContext(), weight.dtype()));
    value = ir::ConstantOp::create(builder_, mlir::NameLoc::get(builder_.getStringAttr(name)), type,
                                   elements_(name, weight, type));
    return value;
  }

  const ModelGraph& graph_;
  mlir::OpBuilder& builder_;
  NamedValues values_;
  const ElementsOf elements_;
  std::unordered_set<std::string> used_;
  FoldBudget budget_;
};

// Shape arithmetic leaves constants that nobody reads. `before`: the operation in front of what is looked at.
void erase_unused(mlir::OpBuilder& builder, mlir::Operation* before, llvm::ArrayRef<Value> kept) {
  mlir::Block* block = builder.getInsertionBlock();
  for (auto at = builder.getInsertionPoint(); at != block->begin();) {
    mlir::Operation* op = &*std::prev(at);
    if (op == before)
      return;
    const auto is_kept = [&](Value result) { return llvm::is_contained(kept, result); };
    if (mlir::isOpTriviallyDead(op) && llvm::none_of(op->getResults(), is_kept))
      op->erase();
    else
      --at;
  }
}

// Large weights stay in their file where constants are promised.
mlir::ElementsAttr promised_elements(const StoredWeight& weight, mlir::RankedTensorType type) {
  auto* deferral = ir::ConstantDeferral::of(type.getContext());
  return deferral && weight.is_in_file()
             ? deferral->promise(type, [weight] { return weight.read(); }, {"weight", {weight.identify()}})
             : ir::makeElements(type, weight.read());
}

mlir::DictionaryAttr named(mlir::OpBuilder& builder, const std::string& name) {
  return builder.getDictionaryAttr(builder.getNamedAttr("sinter.name", builder.getStringAttr(name)));
}

} // namespace

llvm::SmallVector<Value> import_nodes(mlir::OpBuilder& builder, const ModelGraph& graph, NamedValues given,
                                      ElementsOf elements) {
  const auto at = builder.getInsertionPoint();
  mlir::Operation* before = at == builder.getInsertionBlock()->begin() ? nullptr : &*std::prev(at);
  llvm::SmallVector<Value> results = Importer(builder, graph, std::move(given), elements).run();
  erase_unused(builder, before, results);
  return results;
}

mlir::OwningOpRef<mlir::ModuleOp> import_graph(mlir::MLIRContext& context, const ModelGraph& graph,
                                               std::span<const rt::TensorSpec> inputs,
                                               std::span<const std::string> parameters) {
  mlir::OpBuilder builder(&context);
  const auto unknown = builder.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(unknown);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = mlir::func::FuncOp::create(builder, unknown, "main", builder.getFunctionType({}, {}));
  mlir::Block* body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  NamedValues given;
  const auto add = [&](const std::string& name, DType dtype, const Shape& shape) {
    const auto type = mlir::RankedTensorType::get(shape.dims(), ir::elementTypeOf(&context, dtype));
    if (mlir::failed(
            function.insertArgument(function.getNumArguments(), type, named(builder, name), unknown)))
      throw Error("a function takes no further argument", ErrorKind::internal);
    given[name] = body->getArguments().back();
  };
  for (const rt::TensorSpec& input : inputs)
    add(input.name, input.dtype, input.shape);
  for (const std::string& name : parameters)
    add(name, graph.weights.at(name).dtype(), graph.weights.at(name).shape());

  const auto results = import_nodes(builder, graph, std::move(given),
                                    [](const std::string&, const StoredWeight& weight, auto type) {
                                      return promised_elements(weight, type);
                                    });
  mlir::func::ReturnOp::create(builder, unknown, results);
  for (std::size_t i = 0; i < results.size(); ++i)
    if (mlir::failed(function.insertResult(static_cast<unsigned>(i), results[i].getType(),
                                           named(builder, graph.outputs[i].name))))
      throw Error("a function gives no further result", ErrorKind::internal);
  return module;
}

} // namespace sinter::onnx_import
