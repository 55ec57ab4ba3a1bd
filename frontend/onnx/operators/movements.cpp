// Padding, and channels to space and back.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

namespace sinter::onnx_import {
namespace {

ir::PadMode pad_mode(const std::string& name) {
  if (name == "constant")
    return ir::PadMode::constant;
  if (name == "reflect")
    return ir::PadMode::reflect;
  if (name == "edge")
    return ir::PadMode::edge;
  throw Error("mode '" + name + "' is not supported");
}

double pad_value(NodeContext& node) {
  if (node.opset() < 11)
    return node.number("value", 0);
  return node.has_input(2) ? node.constant_number(2, "the value") : 0.0;
}

// `pads` holds what goes before each axis, then what goes after.
void import_pad(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t rank = rank_of(value);
  const auto pads = node.integers_from("pads", 1, "the pads");
  if (!pads)
    throw Error("the pads are missing");
  Dims axes;
  for (int64_t i = 0; i < rank; ++i)
    axes.push_back(i);
  if (node.has_input(3))
    axes = node.constant_integers(3, "the axes");
  NodeContext::normalize_axes(axes, rank); // no axis twice
  if (pads->size() != 2 * axes.size())
    throw Error("pads " + to_text(*pads) + " do not give two numbers for each of " +
                std::to_string(axes.size()) + " axes");
  Dims low(static_cast<std::size_t>(rank), 0), high = low;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(NodeContext::normalize_axis(axes[i], rank));
    low[axis] = (*pads)[i];
    high[axis] = (*pads)[i + axes.size()];
  }
  constexpr int64_t kMost = int64_t{1} << 40;
  for (int64_t pad : *pads)
    if (pad > kMost || pad < -kMost)
      throw Error("pads " + to_text(*pads) + " are out of range");
  const ir::PadMode mode = pad_mode(node.text("mode", "constant"));
  const double given = pad_value(node), fill = mode == ir::PadMode::constant ? given : 0.0;
  node.output(node.make<ir::PadOp>(value, low, high, mode, llvm::APFloat(fill)));
}

// The input as [N, C, H, W] and the block size, checked.
struct Blocks {
  int64_t n, c, h, w, block;
};
Blocks blocks_of(NodeContext& node) {
  const Dims dims = dims_of(node.input(0));
  const int64_t block = node.required_integer("blocksize");
  if (dims.size() != 4)
    throw Error("the input has shape " + to_text(dims) + " instead of [N, C, H, W]");
  if (block < 1 || block > int64_t{1} << 20)
    throw Error("blocksize " + std::to_string(block) + " is out of range");
  return {dims[0], dims[1], dims[2], dims[3], block};
}

void import_depth_to_space(NodeContext& node) {
  const auto [n, c, h, w, b] = blocks_of(node);
  const std::string mode = node.text("mode", "DCR");
  if (c % (b * b) != 0)
    throw Error(std::to_string(c) + " channels do not divide into blocks of " + std::to_string(b) + " x " +
                std::to_string(b));
  if (mode != "DCR" && mode != "CRD")
    throw Error("mode '" + mode + "' is not supported");
  const int64_t channels = c / (b * b);
  Value value = node.input(0);
  if (mode == "DCR")
    value = node.transpose(node.reshape(value, {n, b, b, channels, h, w}), {0, 3, 4, 1, 5, 2});
  else
    value = node.transpose(node.reshape(value, {n, channels, b, b, h, w}), {0, 1, 4, 2, 5, 3});
  node.output(node.reshape(value, {n, channels, h * b, w * b}));
}

void import_space_to_depth(NodeContext& node) {
  const auto [n, c, h, w, b] = blocks_of(node);
  if (h % b != 0 || w % b != 0)
    throw Error("an input of shape " + to_text(dims_of(node.input(0))) + " does not divide into blocks of " +
                std::to_string(b) + " x " + std::to_string(b));
  const std::string mode = node.text("mode", "DCR"); // an attribute since opset 28
  if (mode != "DCR" && mode != "CRD")
    throw Error("mode '" + mode + "' is not supported");
  const Dims order = mode == "DCR" ? Dims{0, 3, 5, 1, 2, 4} : Dims{0, 1, 3, 5, 2, 4};
  const Value blocks = node.reshape(node.input(0), {n, c, h / b, b, w / b, b});
  node.output(node.reshape(node.transpose(blocks, order), {n, c * b * b, h / b, w / b}));
}

} // namespace

void add_movements(OperatorTable& table) {
  table.add("Pad", import_pad);
  table.add("DepthToSpace", import_depth_to_space);
  table.add("SpaceToDepth", import_space_to_depth);
}

} // namespace sinter::onnx_import
