// Comparisons, logic, choice and conversion.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

// ONNX orders numbers only: false and true are 0 and 1.
template <class Op>
void write_order(OpWriter& w, Op op, const char* node) {
  if (!element_of(op.getLhs()).isInteger(1))
    return w.result(node, {op.getLhs(), op.getRhs()});
  const auto as_number = [&](Value value) {
    const int64_t i32 = onnx_type_of(mlir::IntegerType::get(op.getContext(), 32));
    return w.node("Cast", {value}, {{"to", i32}});
  };
  const std::string lhs = as_number(op.getLhs()), rhs = as_number(op.getRhs());
  w.result(node, {lhs, rhs});
}

void write_less(OpWriter& w, ir::LessOp op) {
  write_order(w, op, "Less");
}
void write_less_equal(OpWriter& w, ir::LessEqualOp op) {
  write_order(w, op, "LessOrEqual");
}
void write_greater(OpWriter& w, ir::GreaterOp op) {
  write_order(w, op, "Greater");
}
void write_greater_equal(OpWriter& w, ir::GreaterEqualOp op) {
  write_order(w, op, "GreaterOrEqual");
}

void write_not_equal(OpWriter& w, ir::NotEqualOp op) {
  w.result("Not", {w.node("Equal", {op.getLhs(), op.getRhs()})});
}

void write_cast(OpWriter& w, ir::CastOp op) {
  if (op.getTo() == element_of(op.getInput()))
    return w.alias(op.getInput());
  w.result("Cast", {op.getInput()}, {{"to", int64_t{onnx_type_of(op.getTo())}}});
}

} // namespace

void add_logic(ExporterTable& table) {
  table.add<ir::EqualOp>("Equal");
  table.add(write_not_equal);
  table.add(write_less);
  table.add(write_less_equal);
  table.add(write_greater);
  table.add(write_greater_equal);
  table.add<ir::LogicalAndOp>("And");
  table.add<ir::LogicalOrOp>("Or");
  table.add<ir::LogicalXorOp>("Xor");
  table.add<ir::LogicalNotOp>("Not");
  table.add<ir::SelectOp>("Where");
  table.add<ir::IsNanOp>("IsNaN");
  table.add(write_cast);
}

} // namespace sinter::onnx_export
