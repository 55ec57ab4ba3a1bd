// Branches and loops: their bodies become graphs that read the values around them by name.
#include "frontend/onnx/export/exporters.h"

#include "ir/control_flow.h"

#include "onnx.pb.h"

namespace sinter::onnx_export {
namespace {

class BodyWriter {
public:
  BodyWriter(OpWriter& w, const char* name) : writer_(w) { graph_.set_name(name); }

  /// A further input of the body; returns its name.
  std::string input(const std::string& wanted, RankedTensorType type) {
    std::string name = writer_.graph().fresh_name(wanted);
    declare(*graph_.add_input(), name, type);
    return name;
  }
  /// ... which an argument stands for.
  void input(mlir::BlockArgument argument, const std::string& wanted) {
    writer_.graph().name(argument, input(wanted, ir::tensorType(argument)));
  }
  /// An argument that is nothing but a value around.
  void outer(mlir::BlockArgument argument, Value value) {
    writer_.graph().name(argument, writer_.graph().name_of(value));
  }
  void write(mlir::Region& body) {
    writer_.graph().inside(graph_, [&] { writer_.graph().write_operations(body.front()); });
  }
  /// A further output. It must be made inside, under a name of its own.
  void output(const std::string& value, RankedTensorType type) {
    writer_.graph().inside(graph_, [&] {
      const std::string name = writer_.node("Identity", {value});
      declare(*graph_.add_output(), name, type);
    });
  }
  void output(Value value) { output(writer_.graph().name_of(value), ir::tensorType(value)); }
  onnx::GraphProto* graph() { return &graph_; }

private:
  OpWriter& writer_;
  onnx::GraphProto graph_;
};

void write_cond(OpWriter& w, ir::CondOp op) {
  BodyWriter then_graph(w, "then"), else_graph(w, "else");
  for (auto [graph, region] :
       {std::pair(&then_graph, &op.getThenBody()), std::pair(&else_graph, &op.getElseBody())}) {
    for (auto [argument, value] : llvm::zip(region->getArguments(), op.getInputs()))
      graph->outer(argument, value);
    graph->write(*region);
    for (Value value : ir::yielded(*region))
      graph->output(value);
  }
  w.graph().add_node(w.base(), "If", {op.getPredicate()},
                     {{"then_branch", then_graph.graph()}, {"else_branch", else_graph.graph()}},
                     op->getNumResults(), op->getResults());
}

// The condition on the values that `names` holds; its name.
std::string write_condition(OpWriter& w, ir::WhileOp op, llvm::ArrayRef<std::string> carries) {
  mlir::Block& block = op.getCondition().front();
  for (auto [i, argument] : llvm::enumerate(block.getArguments()))
    w.graph().name(argument, i < carries.size() ? carries[i]
                                                : w.graph().name_of(op.getInvariants()[i - carries.size()]));
  w.graph().write_operations(block);
  return w.graph().name_of(block.getTerminator()->getOperand(0));
}

void write_while(OpWriter& w, ir::WhileOp op) {
  auto* context = op.getContext();
  const auto i64 = RankedTensorType::get({}, mlir::IntegerType::get(context, 64));
  llvm::SmallVector<std::string> carries;
  for (Value carry : op.getCarries())
    carries.push_back(w.graph().name_of(carry));
  const std::string first = write_condition(w, op, carries);
  BodyWriter body(w, "body");
  const auto boolean = ir::tensorType(ir::yielded(op.getCondition()).front());
  body.input(w.base() + ".round", i64);
  body.input(w.base() + ".condition", boolean);
  for (auto [i, argument] : llvm::enumerate(op.getBody().getArguments()))
    if (i < carries.size())
      body.input(argument, w.base() + ".carry");
    else
      body.outer(argument, op.getInvariants()[i - carries.size()]);
  body.write(op.getBody());
  llvm::SmallVector<std::string> next;
  for (Value value : ir::yielded(op.getBody()))
    next.push_back(w.graph().name_of(value));
  std::string again;
  w.graph().inside(*body.graph(), [&] { again = write_condition(w, op, next); });
  body.output(again, boolean);
  for (auto [name, value] : llvm::zip(next, ir::yielded(op.getBody())))
    body.output(name, ir::tensorType(value));
  const auto most = op.getMaxIterations();
  llvm::SmallVector<Input> inputs{
      most ? w.number("rounds", static_cast<double>(*most), i64.getElementType()) : Input(), first};
  inputs.append(op.getCarries().begin(), op.getCarries().end());
  w.graph().add_node(w.base(), "Loop", inputs, {{"body", body.graph()}}, op->getNumResults(),
                     op->getResults());
}

void write_scan(OpWriter& w, ir::ScanOp op) {
  const std::size_t carries = op.getCarries().size(), sequences = op.getSequences().size();
  if (sequences == 0 || op.getSteps() == 0)
    throw Error("a scan over no sequence, or of no steps, has no counterpart");
  BodyWriter body(w, "body");
  for (auto [i, argument] : llvm::enumerate(op.getBody().getArguments()))
    if (i < carries)
      body.input(argument, w.base() + ".carry");
    else if (i < carries + sequences)
      body.input(argument, w.base() + ".slice");
    else
      body.outer(argument, op.getInvariants()[i - carries - sequences]);
  body.write(op.getBody());
  for (Value value : ir::yielded(op.getBody()))
    body.output(value);
  llvm::SmallVector<Input> inputs(op.getCarries().begin(), op.getCarries().end());
  inputs.append(op.getSequences().begin(), op.getSequences().end());
  // 1: from the last to the first, and stacked in front of what is there.
  const Dims read(sequences, op.getReverse() ? 1 : 0),
      stacked(op->getNumResults() - carries, op.getReverse() ? 1 : 0);
  llvm::SmallVector<Attribute> attributes{{"body", body.graph()},
                                          {"num_scan_inputs", static_cast<int64_t>(sequences)},
                                          {"scan_input_directions", read}};
  if (!stacked.empty())
    attributes.push_back({"scan_output_directions", stacked});
  w.graph().add_node(w.base(), "Scan", inputs, attributes, op->getNumResults(), op->getResults());
}

} // namespace

void add_control_flow(ExporterTable& table) {
  table.add(write_cond);
  table.add(write_while);
  table.add(write_scan);
}

} // namespace sinter::onnx_export
