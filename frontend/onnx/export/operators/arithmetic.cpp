// Arithmetic and mathematical functions, element by element.
#include "frontend/onnx/export/exporters.h"

#include "ir/constant.h"

#include <algorithm>

namespace sinter::onnx_export {
namespace {

std::optional<double> scalar_of(Value value) {
  const auto data = ir::constantData(value);
  if (!data || data->view.elements() != 1)
    return std::nullopt;
  return visit_dtype(data->view.dtype, "a constant",
                     [&]<class T>(T) { return std::optional(static_cast<double>(*data->view.as<T>())); });
}

bool has_no_zero(Value value) {
  const auto data = ir::constantData(value);
  return data && visit_dtype(data->view.dtype, "a constant", [&]<class T>(T) {
           const T* elements = data->view.as<T>();
           return std::none_of(elements, elements + data->view.elements(),
                               [](T each) { return each == T{}; });
         });
}

// A divisor that is known not to be 0: a constant, or what safe_divisor has written.
bool is_safe(Value divisor) {
  auto select = divisor.getDefiningOp<ir::SelectOp>();
  if (!select)
    return has_no_zero(divisor);
  auto equal = select.getCondition().getDefiningOp<ir::EqualOp>();
  return equal && equal.getLhs() == select.getOnFalse() && scalar_of(equal.getRhs()) == 0.0 &&
         has_no_zero(select.getOnTrue());
}

// Integer division by 0 gives 0 here; ONNX does not say what, and others stop the process.
template <class Op>
void write_quotient(OpWriter& w, Op op, const char* node, OpWriter::Attributes attributes) {
  const Value a = op.getLhs(), b = op.getRhs();
  if (is_float(a) || is_safe(b))
    return w.result(node, {a, b}, attributes);
  const auto number = [&](const char* role, double value) { return w.number(role, value, element_of(b)); };
  const std::string is_zero = w.node("Equal", {b, number("zero", 0)});
  const std::string divisor = w.node("Where", {is_zero, number("one", 1), b});
  const std::string quotient = w.node(node, {a, divisor}, attributes);
  w.result("Where", {is_zero, number("zero", 0), quotient});
}

void write_div(OpWriter& w, ir::DivOp op) {
  write_quotient(w, op, "Div", {});
}

void write_fmod(OpWriter& w, ir::FmodOp op) {
  write_quotient(w, op, "Mod", {{"fmod", int64_t{1}}});
}

// Of floats ONNX has the remainder with the sign of a only: where that is not the sign of b, b is added.
void write_remainder(OpWriter& w, ir::RemainderOp op) {
  const Value a = op.getLhs(), b = op.getRhs();
  if (!is_float(a))
    return write_quotient(w, op, "Mod", {});
  const auto zero = [&] { return w.number("zero", 0, element_of(b)); };
  const std::string rest = w.node("Mod", {a, b}, {{"fmod", int64_t{1}}});
  const std::string is_zero = w.node("Equal", {rest, zero()});
  const std::string is_negative = w.node("Less", {rest, zero()});
  const std::string wants_negative = w.node("Less", {b, zero()});
  const std::string differ = w.node("Xor", {is_negative, wants_negative});
  const std::string moved = w.node("Add", {rest, b});
  const std::string chosen = w.node("Where", {differ, moved, rest});
  w.result("Where", {is_zero, rest, chosen});
}

void write_rsqrt(OpWriter& w, ir::RsqrtOp op) {
  w.result("Reciprocal", {w.node("Sqrt", {op.getInput()})});
}

template <class Op>
void write_as_operand(OpWriter& w, Op op) {
  w.alias(op.getInput());
}

} // namespace

void add_arithmetic(ExporterTable& table) {
  table.add<ir::AddOp>("Add");
  table.add<ir::SubOp>("Sub");
  table.add<ir::MulOp>("Mul");
  table.add<ir::PowOp>("Pow");
  table.add<ir::MaximumOp>("Max");
  table.add<ir::MinimumOp>("Min");
  table.add(write_div);
  table.add(write_fmod);
  table.add(write_remainder);

  table.add<ir::AbsOp>("Abs");
  table.add<ir::NegOp>("Neg");
  table.add<ir::SignOp>("Sign");
  table.add<ir::ReciprocalOp>("Reciprocal");
  table.add<ir::SqrtOp>("Sqrt");
  table.add<ir::ExpOp>("Exp");
  table.add<ir::LogOp>("Log");
  table.add<ir::SinOp>("Sin");
  table.add<ir::CosOp>("Cos");
  table.add<ir::TanhOp>("Tanh");
  table.add<ir::ErfOp>("Erf");
  table.add<ir::FloorOp>("Floor");
  table.add<ir::CeilOp>("Ceil");
  table.add<ir::RoundOp>("Round");
  table.add(write_rsqrt);
  table.add(write_as_operand<ir::StopGradientOp>);
  table.add(write_as_operand<ir::BarrierOp>);
}

} // namespace sinter::onnx_export
