// From a checked model to the sinter dialect, at given input shapes.
#include "frontend/onnx/import.h"

#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"
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
  Importer(mlir::MLIRContext& context, const ModelGraph& graph) : graph_(graph), builder_(&context) {
    for (const GraphNode& node : graph.nodes)
      used_.insert(node.proto->input().begin(), node.proto->input().end());
    for (const ModelValue& output : graph.outputs)
      used_.insert(output.name);
  }

  mlir::OwningOpRef<mlir::ModuleOp> run(std::span<const rt::TensorSpec> inputs) {
    const auto unknown = builder_.getUnknownLoc();
    mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(unknown);
    builder_.setInsertionPointToEnd(module->getBody());
    llvm::SmallVector<Type> argument_types;
    for (const rt::TensorSpec& input : inputs)
      argument_types.push_back(mlir::RankedTensorType::get(
          input.shape.dims(), ir::elementTypeOf(builder_.getContext(), input.dtype)));
    auto function =
        mlir::func::FuncOp::create(builder_, unknown, "main", builder_.getFunctionType(argument_types, {}));
    mlir::Block* body = function.addEntryBlock();
    builder_.setInsertionPointToEnd(body);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values_[inputs[i].name] = body->getArgument(static_cast<unsigned>(i));
      function.setArgAttr(static_cast<unsigned>(i), "sinter.name", builder_.getStringAttr(inputs[i].name));
    }

    for (const GraphNode& node : graph_.nodes)
      import_node(node);
    finish(function, argument_types);
    return module;
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
      find_operator(node.proto->op_type(), graph_.opset)(context);
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
    auto* deferral = ir::ConstantDeferral::of(builder_.getContext());
    const mlir::ElementsAttr elements =
        deferral && weight.is_in_file()
            ? deferral->promise(type, [weight] { return weight.read(); }, {"weight", {weight.identify()}})
            : ir::makeElements(type, weight.read());
    value =
        ir::ConstantOp::create(builder_, mlir::NameLoc::get(builder_.getStringAttr(name)), type, elements);
    return value;
  }

  void finish(mlir::func::FuncOp function, llvm::ArrayRef<Type> argument_types) {
    llvm::SmallVector<Value> results;
    llvm::SmallVector<Type> result_types;
    for (const ModelValue& output : graph_.outputs) {
      results.push_back(value_of(output.name));
      result_types.push_back(results.back().getType());
    }
    mlir::func::ReturnOp::create(builder_, builder_.getUnknownLoc(), results);
    function.setFunctionType(builder_.getFunctionType(argument_types, result_types));
    for (std::size_t i = 0; i < results.size(); ++i)
      function.setResultAttr(static_cast<unsigned>(i), "sinter.name",
                             builder_.getStringAttr(graph_.outputs[i].name));
    // Shape arithmetic leaves constants that nobody reads any more.
    for (mlir::Operation& op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (mlir::isOpTriviallyDead(&op))
        op.erase();
  }

  const ModelGraph& graph_;
  mlir::OpBuilder builder_;
  std::unordered_map<std::string, Value> values_;
  std::unordered_set<std::string> used_;
  FoldBudget budget_;
};

} // namespace

mlir::OwningOpRef<mlir::ModuleOp> import_graph(mlir::MLIRContext& context, const ModelGraph& graph,
                                               std::span<const rt::TensorSpec> inputs) {
  return Importer(context, graph).run(inputs);
}

} // namespace sinter::onnx_import
