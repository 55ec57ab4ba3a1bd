// Activation functions.
#include "frontend/onnx/export/exporters.h"

#include <cmath>

namespace sinter::onnx_export {
namespace {

// x * sigmoid(x)
void write_silu(OpWriter& w, ir::SiluOp op) {
  const std::string gate = w.node("Sigmoid", {op.getInput()});
  w.result("Mul", {op.getInput(), gate});
}

// x * tanh(softplus(x))
void write_mish(OpWriter& w, ir::MishOp op) {
  if (w.opset() >= 18)
    return w.result("Mish", {op.getInput()});
  const std::string softplus = w.node("Softplus", {op.getInput()});
  const std::string tanh = w.node("Tanh", {softplus});
  w.result("Mul", {op.getInput(), tanh});
}

// x * 0.5 * (1 + erf(x / sqrt(2))), or x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
void write_gelu(OpWriter& w, ir::GeluOp op) {
  const Value x = op.getInput();
  if (w.opset() >= 20)
    return w.result("Gelu", {x}, {{"approximate", op.getTanhApproximation() ? "tanh" : "none"}});
  const auto number = [&](const char* role, double value) { return w.number(role, value, element_of(x)); };
  std::string inner;
  if (op.getTanhApproximation()) {
    const std::string square = w.node("Mul", {x, x});
    const std::string cube = w.node("Mul", {square, x});
    const std::string bent = w.node("Mul", {cube, number("factor", 0.044715)});
    const std::string sum = w.node("Add", {x, bent});
    inner = w.node("Tanh", {w.node("Mul", {sum, number("factor", 0.79788456080286535588)})});
  } else {
    inner = w.node("Erf", {w.node("Mul", {x, number("factor", 0.70710678118654752440)})});
  }
  const std::string twice = w.node("Add", {inner, number("one", 1)});
  const std::string whole = w.node("Mul", {x, twice});
  w.result("Mul", {whole, number("half", 0.5)});
}

void write_leaky_relu(OpWriter& w, ir::LeakyReluOp op) {
  w.result("LeakyRelu", {op.getInput()}, {{"alpha", to_float(op.getAlpha())}});
}

void write_elu(OpWriter& w, ir::EluOp op) {
  w.result("Elu", {op.getInput()}, {{"alpha", to_float(op.getAlpha())}});
}

void write_selu(OpWriter& w, ir::SeluOp op) {
  w.result("Selu", {op.getInput()}, {{"alpha", to_float(op.getAlpha())}, {"gamma", to_float(op.getGamma())}});
}

void write_hard_sigmoid(OpWriter& w, ir::HardSigmoidOp op) {
  w.result("HardSigmoid", {op.getInput()},
           {{"alpha", to_float(op.getAlpha())}, {"beta", to_float(op.getBeta())}});
}

// Bounds that bound nothing are left out; of integers, they are operands that the importer knows as such.
void write_clip(OpWriter& w, ir::ClipOp op) {
  const Value x = op.getInput();
  const double low = op.getLow().convertToDouble(), high = op.getHigh().convertToDouble();
  const auto bound = [&](const char* role, double value) { return w.number(role, value, element_of(x)); };
  if (!is_float(x)) {
    const std::string above = w.node("Max", {x, bound("low", low)});
    return w.result("Min", {above, bound("high", high)});
  }
  w.result("Clip", {x, std::isinf(low) ? Input() : bound("low", low),
                    std::isinf(high) ? Input() : bound("high", high)});
}

} // namespace

void add_activations(ExporterTable& table) {
  table.add<ir::ReluOp>("Relu");
  table.add<ir::SigmoidOp>("Sigmoid");
  table.add<ir::SoftplusOp>("Softplus");
  table.add<ir::SoftsignOp>("Softsign");
  table.add<ir::HardSwishOp>("HardSwish");
  table.add<ir::PreluOp>("PRelu");
  table.add(write_silu);
  table.add(write_mish);
  table.add(write_gelu);
  table.add(write_leaky_relu);
  table.add(write_elu);
  table.add(write_selu);
  table.add(write_hard_sigmoid);
  table.add(write_clip);
}

} // namespace sinter::onnx_export
