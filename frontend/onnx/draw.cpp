// Drawings of fused programs for Graphviz.
#include "frontend/onnx/draw.h"

#include "ir/ops.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

namespace sinter {

namespace {

using llvm::formatv;

/// Names come from model files: everything that means something to Graphviz is escaped.
std::string escape(llvm::StringRef text) {
  std::string result;
  for (char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return result;
}

std::string join(llvm::ArrayRef<int64_t> values, llvm::StringRef separator) {
  std::string result;
  for (int64_t value : values)
    result += (result.empty() ? "" : separator.str()) + std::to_string(value);
  return result;
}

/// "1x64x56x56" and, for channels-blocked tensors, how many channels lie together.
std::string describeType(mlir::Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  if (!type)
    return "?";
  std::string text = type.getRank() == 0 ? "scalar" : join(type.getShape(), "×");
  if (!type.getElementType().isF32()) {
    llvm::raw_string_ostream stream(text);
    stream << " " << type.getElementType();
  }
  if (auto layout = llvm::dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding()))
    text += layout.getBlock() > 1 ? " · " + std::to_string(layout.getBlock()) + "c" : " · permuted";
  return text;
}

/// The ONNX node or the source line an operation comes from, or "".
std::string sourceName(mlir::Location location) {
  if (auto name = llvm::dyn_cast<mlir::NameLoc>(location))
    return name.getName().str();
  if (auto file = llvm::dyn_cast<mlir::FileLineColLoc>(location))
    return formatv("{0}:{1}", file.getFilename().getValue().rsplit('/').second, file.getLine());
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location))
    for (mlir::Location part : fused.getLocations())
      if (std::string name = sourceName(part); !name.empty())
        return name;
  return "";
}

/// The locations a fused one is made of, in order.
llvm::SmallVector<mlir::Location> locationsOf(mlir::Location location) {
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location))
    return llvm::SmallVector<mlir::Location>(fused.getLocations());
  return {location};
}

struct Style {
  llvm::StringRef fill;
  llvm::StringRef border;
};

Style styleOf(ir::FusionClass kind) {
  switch (kind) {
  case ir::FusionClass::contraction:
    return {"#DDE9F8", "#4F7FB8"};
  case ir::FusionClass::reduction:
  case ir::FusionClass::normalization:
    return {"#E1F2E0", "#5E9E5A"};
  case ir::FusionClass::window:
    return {"#EFE5F7", "#8E68AE"};
  case ir::FusionClass::pointwise:
    return {"#FDF1D8", "#C5953B"};
  case ir::FusionClass::movement:
  case ir::FusionClass::scatter:
  case ir::FusionClass::alias:
  case ir::FusionClass::opaque:
    break;
  }
  return {"#EFEFEF", "#8A8A8A"};
}

ir::FusionClass classOf(mlir::Operation* op) {
  if (auto fusion = llvm::dyn_cast_or_null<ir::FusionOpInterface>(op))
    return fusion.getFusionClass();
  return ir::FusionClass::opaque;
}

bool allOnes(llvm::ArrayRef<int64_t> values) {
  return llvm::all_of(values, [](int64_t value) { return value == 1; });
}

/// Kernel and stride, "3×3 /2", of whatever has them.
std::string describeWindow(llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> strides) {
  std::string text = " " + join(kernel, "×");
  if (!allOnes(strides))
    text += " /" + (llvm::all_equal(strides) ? std::to_string(strides[0]) : join(strides, "×"));
  return text;
}

std::string describeContraction(ir::ContractionOpInterface op) {
  const ir::Contraction c = op.getContraction();
  if (c.kind == ir::Contraction::Kind::matmul)
    return formatv(" {0}{1}×{2}×{3}", c.batch > 1 ? std::to_string(c.batch) + "×" : "", c.input[2],
                   c.inChannels, c.outChannels);
  const auto rank = static_cast<std::size_t>(ir::tensorType(op->getResult(0)).getRank() - 2);
  std::string text =
      describeWindow(llvm::ArrayRef(c.kernel).take_back(rank), llvm::ArrayRef(c.stride).take_back(rank));
  if (c.isDepthwise())
    return text + formatv(" depthwise, {0}", c.groups).str();
  text += formatv(", {0}→{1}", c.groups * c.inChannels, c.groups * c.outChannels).str();
  return c.groups > 1 ? text + formatv(", {0} groups", c.groups).str() : text;
}

/// What an operation is, in a few words: "conv 3×3 /2, 64→128".
std::string describe(mlir::Operation* op) {
  std::string text = op->getName().stripDialect().str();
  std::replace(text.begin(), text.end(), '_', ' ');
  if (auto contraction = llvm::dyn_cast<ir::ContractionOpInterface>(op))
    return text + describeContraction(contraction);
  auto kernel = op->getAttrOfType<mlir::DenseI64ArrayAttr>("kernel");
  auto strides = op->getAttrOfType<mlir::DenseI64ArrayAttr>("strides");
  if (kernel && strides)
    return text + describeWindow(kernel.asArrayRef(), strides.asArrayRef());
  if (auto axes = op->getAttrOfType<mlir::DenseI64ArrayAttr>("axes"))
    return text + " over " + join(axes.asArrayRef(), ", ");
  if (auto axis = op->getAttrOfType<mlir::IntegerAttr>("axis"))
    return text + " on " + std::to_string(axis.getInt());
  return text;
}

/// One box of the drawing.
struct Box {
  mlir::Operation* op = nullptr;             ///< the fusion, launch or single operation in @main
  llvm::SmallVector<mlir::Operation*> parts; ///< what it computes, in order
  mlir::Operation* root = nullptr;           ///< null for a purely pointwise box
  int64_t constants = 0;
  double flops = 0;
};

/// The operations of a region, without constants and terminators.
void collectParts(mlir::Block& block, Box& box) {
  for (mlir::Operation& op : block.without_terminator())
    if (llvm::isa<ir::ConstantOp>(op))
      ++box.constants;
    else
      box.parts.push_back(&op);
}

Box makeBox(mlir::Operation* op, mlir::SymbolTable& symbols) {
  Box box;
  box.op = op;
  if (auto fusion = llvm::dyn_cast<ir::FusionOp>(op)) {
    collectParts(fusion.getBody().front(), box);
    box.root = fusion.getRoot();
  } else if (auto launch = llvm::dyn_cast<ir::LaunchOp>(op)) {
    if (auto kernel = symbols.lookup<ir::KernelOp>(launch.getKernel())) {
      collectParts(kernel.getBody().front(), box);
      box.root = kernel.getRoot();
    }
  } else {
    box.parts.push_back(op);
    box.root = op;
  }
  for (mlir::Value operand : op->getOperands())
    box.constants += operand.getDefiningOp<ir::ConstantOp>() != nullptr;
  for (mlir::Operation* part : box.parts)
    if (auto fusion = llvm::dyn_cast<ir::FusionOpInterface>(part))
      box.flops += fusion.getFlops();
  return box;
}

/// Several operations without a root.
bool isMixed(const Box& box) {
  return box.root == nullptr && box.parts.size() > 1;
}

std::string mixedTitle(const Box& box) {
  const bool computes =
      llvm::any_of(box.parts, [](mlir::Operation* op) { return classOf(op) == ir::FusionClass::pointwise; });
  return computes ? "pointwise" : "movement";
}

/// "conv → add → relu", four to a line.
std::string listParts(const Box& box) {
  constexpr std::size_t kPerLine = 4;
  std::string text;
  for (std::size_t i = 0; i < box.parts.size(); ++i) {
    if (i > 0)
      text += i % kPerLine == 0 ? " →<BR/>" : " → ";
    std::string name = box.parts[i]->getName().stripDialect().str();
    std::replace(name.begin(), name.end(), '_', ' ');
    text += box.parts[i] == box.root ? "<B>" + name + "</B>" : name;
  }
  return text;
}

/// Where a box comes from. Launches share kernels, whose operations carry the locations of the first launch:
/// the root's place among those is its place among the launch's own.
mlir::Location sourceOf(const Box& box) {
  if (box.root == nullptr)
    return box.op->getLoc();
  if (!llvm::isa<ir::LaunchOp>(box.op))
    return box.root->getLoc();
  const auto own = locationsOf(box.op->getLoc());
  const auto first = locationsOf(box.root->getParentOp()->getLoc());
  const auto* root = llvm::find(first, locationsOf(box.root->getLoc()).front());
  return root != first.end() && own.size() == first.size()
             ? own[static_cast<std::size_t>(root - first.begin())]
             : box.op->getLoc();
}

/// Where a launch's results lie: "arena 0 … 4096" in bytes, or "output".
std::string describePlaces(ir::LaunchOp launch) {
  std::string text;
  for (auto [result, offset] :
       llvm::zip(launch.getResults(), launch.getOffsets().value_or(llvm::ArrayRef<int64_t>())))
    text +=
        (text.empty() ? "" : ", ") +
        (offset < 0
             ? std::string("output")
             : formatv("arena {0} … {1}", offset, offset + ir::storedBytes(ir::tensorType(result))).str());
  return text;
}

/// "arena 3.75 MiB, at least 3.50 MiB, 16.68 MiB without reuse" of a planned module, else "".
std::string describePlan(mlir::ModuleOp module) {
  auto mebibytes = [&](llvm::StringRef name) {
    auto bytes = module->getAttrOfType<mlir::IntegerAttr>(name);
    return formatv("{0:F2} MiB", bytes ? static_cast<double>(bytes.getInt()) / (1 << 20) : 0.0).str();
  };
  if (!module->hasAttr("sinter.arena_bytes"))
    return "";
  return "arena " + mebibytes("sinter.arena_bytes") + ", at least " + mebibytes("sinter.arena_lower_bound") +
         ", " + mebibytes("sinter.arena_without_reuse") + " without reuse";
}

std::string footer(const Box& box) {
  llvm::SmallVector<std::string> items;
  std::string name = sourceName(sourceOf(box));
  if (name.size() > 44)
    name = "…" + escape(llvm::StringRef(name).take_back(42));
  else
    name = escape(name);
  if (!name.empty())
    items.push_back(name);
  if (box.constants > 0)
    items.push_back(formatv("{0} constant{1}", box.constants, box.constants == 1 ? "" : "s"));
  if (box.flops >= 1e8)
    items.push_back(formatv("{0:F2} GFLOP", box.flops / 1e9));
  else if (box.flops >= 1e4)
    items.push_back(formatv("{0:F2} MFLOP", box.flops / 1e6));
  if (auto launch = llvm::dyn_cast<ir::LaunchOp>(box.op))
    if (std::string places = describePlaces(launch); !places.empty())
      items.push_back(places);
  return llvm::join(items, " · ");
}

/// The values that are made before boxes[i] and needed by it or later ones, for every i. Constants do not
/// count.
llvm::SmallVector<llvm::SmallSetVector<mlir::Value, 4>> liveValues(mlir::func::FuncOp main,
                                                                   llvm::ArrayRef<Box> boxes) {
  llvm::SmallVector<llvm::SmallSetVector<mlir::Value, 4>> live(boxes.size() + 1);
  auto need = [](auto& set, mlir::ValueRange values) {
    for (mlir::Value value : values)
      if (!value.getDefiningOp<ir::ConstantOp>())
        set.insert(value);
  };
  need(live.back(), main.getBody().front().getTerminator()->getOperands());
  for (std::size_t i = boxes.size(); i-- > 0;) {
    live[i] = live[i + 1];
    for (mlir::Value result : boxes[i].op->getResults())
      live[i].remove(result);
    need(live[i], boxes[i].op->getOperands());
  }
  return live;
}

/// Writes the graph; every statement of the output is made here. Long programs are drawn in several columns,
/// cut where few values cross; a numbered disc stands for such a value at the end of one column and at the
/// head of the next.
class Drawing {
public:
  explicit Drawing(mlir::ModuleOp module) : symbols_(module), out_(text_) {}

  std::string draw(mlir::func::FuncOp main) {
    out_ << "digraph sinter {\n"
            "  graph [rankdir=TB, nodesep=0.35, ranksep=0.42, bgcolor=white, pad=0.4, charset=\"UTF-8\",\n"
            "         fontname=\"Helvetica\", fontsize=13, fontcolor=\"#444444\", labelloc=t];\n"
            "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, "
            "fontcolor=\"#222222\",\n"
            "        penwidth=1.2, margin=\"0.12,0.06\"];\n"
            "  edge [fontname=\"Helvetica\", fontsize=9, fontcolor=\"#555555\", color=\"#777777\", "
            "arrowsize=0.6];\n";
    drawInputs(main);
    llvm::SmallVector<Box> boxes;
    for (mlir::Operation& op : main.getBody().front().without_terminator())
      if (!llvm::isa<ir::ConstantOp>(op))
        boxes.push_back(makeBox(&op, symbols_));
    const auto live = liveValues(main, boxes);
    const std::size_t perColumn = boxesPerColumn(boxes.size());
    int64_t kernels = 0;
    double flops = 0;
    std::size_t columnStart = 0;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      if (mayCut(i - columnStart, perColumn, boxes.size() - i, live[i].size())) {
        nextColumn(live[i].getArrayRef());
        columnStart = i;
      }
      kernels += classOf(boxes[i].root) != ir::FusionClass::alias;
      flops += boxes[i].flops;
      drawBox(boxes[i]);
    }
    drawOutputs(main);
    alignColumns();
    const std::string plan = describePlan(main->getParentOfType<mlir::ModuleOp>());
    out_ << formatv("  label=\"{0} kernel{1}, {2:F2} GFLOP{3}\\n \";\n}\n", kernels, kernels == 1 ? "" : "s",
                    flops / 1e9, plan.empty() ? "" : "; " + plan);
    return text_;
  }

private:
  /// So many that the drawing comes out wider than high: a column is about four times as wide as a box is
  /// high.
  static std::size_t boxesPerColumn(std::size_t boxes) {
    constexpr std::size_t kOneColumn = 20;
    const double columns = std::round(std::sqrt(static_cast<double>(boxes) * 1.5 / 4));
    return boxes <= kOneColumn ? boxes : static_cast<std::size_t>(static_cast<double>(boxes) / columns) + 1;
  }

  /// Where one value crosses, a column may be cut as soon as it is nearly full; where two do, only once it is
  /// more than full.
  static bool mayCut(std::size_t inColumn, std::size_t perColumn, std::size_t left, std::size_t crossing) {
    const std::size_t leastBoxes = crossing <= 1 ? perColumn - perColumn / 5 : perColumn + perColumn / 4;
    return crossing <= 2 && inColumn >= leastBoxes && left > perColumn / 4;
  }

  /// Ends the column: `crossing` continue in a later one.
  void nextColumn(llvm::ArrayRef<mlir::Value> crossing) {
    for (mlir::Value value : crossing) {
      if (waiting_.contains(value))
        continue; // this column had no use for it
      const std::string number = std::to_string(++discs_);
      drawDisc("to" + number, number);
      drawEdge(value, "to" + number);
      waiting_[value] = number;
    }
    ++column_;
  }

  void drawDisc(const std::string& node, const std::string& number) {
    out_ << formatv(
        "  {0} [shape=circle, style=filled, fillcolor=\"#E5E9F0\", color=\"#8A93A5\", fontsize=9, "
        "width=0.26, fixedsize=true, label=\"{1}\"];\n",
        node, number);
  }

  /// The node `value` comes from, in this column; "" for constants.
  std::string nodeOf(mlir::Value value) {
    if (auto waiting = waiting_.find(value); waiting != waiting_.end()) {
      const std::string node = formatv("from{0}in{1}", waiting->second, column_);
      drawDisc(node, waiting->second);
      heads_.push_back(node);
      nodes_[value] = node;
      waiting_.erase(waiting);
    }
    return nodes_.lookup(value);
  }

  /// Columns stand side by side, in order, their heads at the same height.
  void alignColumns() {
    if (heads_.size() > 1)
      out_ << "  {rank=same; " << llvm::join(heads_, " -> ") << " [style=invis]}\n";
  }

  void drawInputs(mlir::func::FuncOp main) {
    for (mlir::BlockArgument argument : main.getArguments()) {
      const unsigned number = argument.getArgNumber();
      nodes_[argument] = "input" + std::to_string(number);
      auto name = main.getArgAttrOfType<mlir::StringAttr>(number, "sinter.name");
      drawEnd(nodes_[argument], name ? name.getValue() : "input");
    }
    if (main.getNumArguments() > 0)
      heads_.push_back("input0");
  }

  void drawOutputs(mlir::func::FuncOp main) {
    mlir::Operation* terminator = main.getBody().front().getTerminator();
    for (auto [number, value] : llvm::enumerate(terminator->getOperands())) {
      const std::string node = "output" + std::to_string(number);
      auto name = main.getResultAttrOfType<mlir::StringAttr>(static_cast<unsigned>(number), "sinter.name");
      drawEnd(node, name ? name.getValue() : "output");
      drawEdge(value, node);
    }
  }

  void drawEnd(const std::string& node, llvm::StringRef name) {
    out_ << formatv(
        "  {0} [shape=ellipse, style=filled, fillcolor=\"#3B4252\", color=\"#3B4252\", fontcolor=white, "
        "label=<<B>{1}</B>>];\n",
        node, escape(name));
  }

  void drawBox(const Box& box) {
    const std::string node = "k" + std::to_string(count_++);
    for (mlir::Value result : box.op->getResults())
      nodes_[result] = node;
    if (classOf(box.root) == ir::FusionClass::alias) {
      out_ << formatv("  {0} [style=\"rounded\", color=\"#AAAAAA\", fontcolor=\"#666666\", fontsize=9, "
                      "margin=\"0.08,0.03\", "
                      "label=<{1}>];\n",
                      node, box.root->getName().stripDialect());
    } else {
      drawKernel(node, box);
    }
    llvm::SmallSetVector<mlir::Value, 8> operands(box.op->operand_begin(), box.op->operand_end());
    for (mlir::Value operand : operands)
      drawEdge(operand, node);
  }

  void drawKernel(const std::string& node, const Box& box) {
    mlir::Operation* lead =
        box.root != nullptr ? box.root : (box.parts.empty() ? nullptr : box.parts.front());
    const Style style = styleOf(classOf(lead));
    const std::string title = lead == nullptr ? "empty" : isMixed(box) ? mixedTitle(box) : describe(lead);
    out_ << formatv("  {0} [fillcolor=\"{1}\", color=\"{2}\", label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" "
                    "CELLSPACING=\"0\" "
                    "CELLPADDING=\"1\"><TR><TD><B>{3}</B></TD></TR>",
                    node, style.fill, style.border, title);
    if (box.parts.size() > 1)
      out_ << "<TR><TD><FONT POINT-SIZE=\"10\">" << listParts(box) << "</FONT></TD></TR>";
    if (std::string small = footer(box); !small.empty())
      out_ << "<TR><TD><FONT POINT-SIZE=\"8\" COLOR=\"#6B6B6B\">" << small << "</FONT></TD></TR>";
    out_ << "</TABLE>>];\n";
  }

  void drawEdge(mlir::Value value, const std::string& to) {
    if (const std::string from = nodeOf(value); !from.empty())
      out_ << formatv("  {0} -> {1} [label=\"  {2}\"];\n", from, to, describeType(value));
  }

  mlir::SymbolTable symbols_;
  llvm::DenseMap<mlir::Value, std::string> nodes_;
  llvm::SmallVector<std::string> heads_;             ///< where the columns begin
  llvm::DenseMap<mlir::Value, std::string> waiting_; ///< values between columns, by the number of their disc
  int64_t column_ = 0;
  int64_t discs_ = 0;
  int64_t count_ = 0;
  std::string text_;
  llvm::raw_string_ostream out_;
};

} // namespace

std::string draw_dot(mlir::ModuleOp module) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  if (!main || main.isExternal())
    throw Error("there is no function @main to draw", ErrorKind::internal);
  return Drawing(module).draw(main);
}

} // namespace sinter
