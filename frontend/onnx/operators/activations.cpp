// Activation functions.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/broadcasting.h"

namespace sinter::onnx_import {
namespace {

llvm::APFloat attribute(NodeContext& node, const char* name, double otherwise) {
  return llvm::APFloat(node.number(name, otherwise));
}

void import_leaky_relu(NodeContext& node) {
  node.output(node.make<ir::LeakyReluOp>(node.input(0), attribute(node, "alpha", 0.01)));
}

void import_elu(NodeContext& node) {
  node.output(node.make<ir::EluOp>(node.input(0), attribute(node, "alpha", 1)));
}

void import_selu(NodeContext& node) {
  node.output(node.make<ir::SeluOp>(node.input(0), attribute(node, "alpha", 1.67326319217681884765625),
                                    attribute(node, "gamma", 1.05070102214813232421875)));
}

// alpha * elu(x / alpha)
void import_celu(NodeContext& node) {
  const double alpha = node.number("alpha", 1);
  Value x = node.input(0);
  if (alpha == 0)
    throw Error("alpha is 0");
  if (alpha == 1)
    return node.output(node.make<ir::EluOp>(x, llvm::APFloat(1.0)));
  const Value scaled = node.make<ir::DivOp>(x, node.scalar_like(alpha, x));
  const Value elu = node.make<ir::EluOp>(scaled, llvm::APFloat(1.0));
  node.output(node.make<ir::MulOp>(elu, node.scalar_like(alpha, x)));
}

void import_hard_sigmoid(NodeContext& node) {
  node.output(node.make<ir::HardSigmoidOp>(node.input(0), attribute(node, "alpha", 0.2),
                                           attribute(node, "beta", 0.5)));
}

void import_gelu(NodeContext& node) {
  const std::string form = node.text("approximate", "none");
  if (form != "none" && form != "tanh")
    throw Error("approximate = '" + form + "' is not supported");
  node.output(node.make<ir::GeluOp>(node.input(0), form == "tanh"));
}

void import_prelu(NodeContext& node) {
  const Value x = node.input(0);
  Value slope = node.input(1);
  // Before opset 7 a slope of one dimension ran along the channels instead of the last dimension.
  if (node.opset() < 7 && rank_of(slope) == 1 && rank_of(x) >= 2) {
    Dims dims(static_cast<std::size_t>(rank_of(x) - 1), 1);
    dims[0] = dims_of(slope)[0];
    slope = node.reshape(slope, dims);
  }
  node.output(node.make<ir::PreluOp>(x, slope));
}

// x * sigmoid(alpha * x)
void import_swish(NodeContext& node) {
  const Value x = node.input(0);
  const double alpha = node.number("alpha", 1);
  if (alpha == 1)
    return node.output(node.make<ir::SiluOp>(x));
  const Value gate = node.make<ir::SigmoidOp>(node.make<ir::MulOp>(x, node.scalar_like(alpha, x)));
  node.output(node.make<ir::MulOp>(x, gate));
}

// x where x > alpha, else 0
void import_thresholded_relu(NodeContext& node) {
  const Value x = node.input(0);
  const Value above = node.make<ir::GreaterOp>(x, node.scalar_like(node.number("alpha", 1), x));
  node.output(node.make<ir::SelectOp>(above, x, node.scalar_like(0, x)));
}

// x + bias where x < -lambd, x - bias where x > lambd, else 0
void import_shrink(NodeContext& node) {
  const Value x = node.input(0);
  const Value lambda = node.scalar_like(node.number("lambd", 0.5), x);
  const Value bias = node.scalar_like(node.number("bias", 0), x);
  const Value above = node.make<ir::GreaterOp>(x, lambda);
  const Value below = node.make<ir::LessOp>(x, node.make<ir::NegOp>(lambda));
  const Value upper = node.make<ir::SelectOp>(above, node.make<ir::SubOp>(x, bias), node.scalar_like(0, x));
  node.output(node.make<ir::SelectOp>(below, node.make<ir::AddOp>(x, bias), upper));
}

} // namespace

void add_activations(OperatorTable& table) {
  table.add("Relu", import_unary<ir::ReluOp>);
  table.add("Sigmoid", import_unary<ir::SigmoidOp>);
  table.add("Softplus", import_unary<ir::SoftplusOp>);
  table.add("Softsign", import_unary<ir::SoftsignOp>);
  table.add("Mish", import_unary<ir::MishOp>, 18);
  table.add("Swish", import_swish, 24);
  table.add("HardSwish", import_unary<ir::HardSwishOp>, 14);
  table.add("LeakyRelu", import_leaky_relu);
  table.add("PRelu", import_prelu);
  table.add("Elu", import_elu);
  table.add("Selu", import_selu);
  table.add("Celu", import_celu, 12);
  table.add("HardSigmoid", import_hard_sigmoid);
  table.add("Gelu", import_gelu, 20);
  table.add("ThresholdedRelu", import_thresholded_relu, 10);
  table.add("Shrink", import_shrink, 9);
}

} // namespace sinter::onnx_import
