// From a checked model to the sinter dialect, at given input shapes.
#include "frontend/onnx/graph.h"
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "onnx.pb.h"

#include <unordered_set>

namespace sinter::onnx_import {
namespace {

class Importer {
public:
  Importer(mlir::OpBuilder& builder, const ModelGraph& graph, model::NamedValues given,
           model::ElementsOf elements)
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
  model::NamedValues values_;
  const model::ElementsOf elements_;
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

} // namespace

llvm::SmallVector<Value> ModelGraph::append(mlir::OpBuilder& builder, model::NamedValues given,
                                            model::ElementsOf elements) const {
  const auto at = builder.getInsertionPoint();
  mlir::Operation* before = at == builder.getInsertionBlock()->begin() ? nullptr : &*std::prev(at);
  llvm::SmallVector<Value> results = Importer(builder, *this, std::move(given), elements).run();
  erase_unused(builder, before, results);
  return results;
}

// Initialisers of floats with at least one dimension that are operands of the model's operations.
std::vector<std::string> ModelGraph::parameters() const {
  std::unordered_set<std::string> initializers;
  for (const auto& initializer : file.proto->graph().initializer())
    initializers.insert(initializer.name());
  std::vector<std::string> names;
  for (const GraphNode& node : nodes)
    for (int i = 0; i < node.proto->input_size(); ++i) {
      const std::string& name = node.proto->input(i);
      const auto found = weights.find(name);
      if (found == weights.end() || !initializers.contains(name) || is_setting(node.proto->op_type(), i) ||
          !is_floating(found->second.dtype()) || found->second.shape().rank() == 0)
        continue;
      names.push_back(name);
      initializers.erase(name); // each once
    }
  return names;
}

std::map<std::string, std::string> ModelGraph::metadata() const {
  std::map<std::string, std::string> texts;
  for (const auto& entry : file.proto->metadata_props())
    texts.emplace(entry.key(), entry.value()); // of equal keys, the first
  return texts;
}

std::string ModelGraph::name() const {
  return file.proto->graph().name();
}

} // namespace sinter::onnx_import
