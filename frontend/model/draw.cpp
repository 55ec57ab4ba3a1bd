// Drawings of fused programs for Graphviz.
#include "frontend/model/draw.h"

#include "frontend/model/draw_box.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

namespace sinter {

namespace {

using namespace drawing;
using llvm::formatv;

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

/// What only derivatives use is theirs, too: copies of operands in other layouts come from where those come
/// from.
void spreadBackward(llvm::MutableArrayRef<Box> boxes) {
  llvm::SmallPtrSet<mlir::Operation*, 16> backward;
  for (Box& box : llvm::reverse(boxes)) {
    const auto isBackward = [&](mlir::Operation* user) { return backward.contains(user); };
    box.backward |= !box.op->use_empty() && llvm::all_of(box.op->getUsers(), isBackward);
    if (box.backward)
      backward.insert(box.op);
  }
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
    spreadBackward(boxes);
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
    if (llvm::any_of(boxes, [](const Box& box) { return box.backward; }))
      drawLegend();
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

  /// What the colours say; drawn where that is more than the boxes' own titles do.
  void drawLegend() {
    const auto cell = [&](const Style& style, llvm::StringRef text) {
      out_ << formatv("<TR><TD BGCOLOR=\"{0}\" COLOR=\"{1}\" BORDER=\"1\" WIDTH=\"16\"></TD>"
                      "<TD ALIGN=\"LEFT\"> {2}</TD></TR>",
                      style.fill, style.border, text);
    };
    out_ << "  legend [shape=plaintext, style=\"\", fontsize=10, label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" "
            "CELLSPACING=\"3\">";
    cell(kBackwardStyle, "backward");
    cell(styleOf(ir::FusionClass::contraction), "forward: contractions");
    cell(styleOf(ir::FusionClass::reduction), "forward: reductions, norms");
    cell(styleOf(ir::FusionClass::window), "forward: windows");
    cell(styleOf(ir::FusionClass::pointwise), "forward: pointwise");
    cell(styleOf(ir::FusionClass::movement), "forward: movement");
    out_ << "</TABLE>>];\n";
  }

  void drawBox(const Box& box) {
    const std::string node = "k" + std::to_string(count_++);
    for (mlir::Value result : box.op->getResults())
      nodes_[result] = node;
    if (classOf(box.root) == ir::FusionClass::alias) {
      out_ << formatv("  {0} [style=\"rounded\", color=\"{2}\", fontcolor=\"#666666\", fontsize=9, "
                      "margin=\"0.08,0.03\", "
                      "label=<{1}>];\n",
                      node, box.root->getName().stripDialect(),
                      box.backward ? kBackwardStyle.border : "#AAAAAA");
    } else {
      drawKernel(node, box);
    }
    llvm::SmallSetVector<mlir::Value, 8> operands(box.op->operand_begin(), box.op->operand_end());
    for (mlir::Value operand : operands)
      drawEdge(operand, node);
  }

  void drawKernel(const std::string& node, const Box& box) {
    const Style style = styleOf(box);
    out_ << formatv("  {0} [fillcolor=\"{1}\", color=\"{2}\", label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" "
                    "CELLSPACING=\"0\" "
                    "CELLPADDING=\"1\"><TR><TD><B>{3}</B></TD></TR>",
                    node, style.fill, style.border, titleOf(box));
    if (box.parts.size() > 1)
      out_ << "<TR><TD><FONT POINT-SIZE=\"10\">" << listParts(box) << "</FONT></TD></TR>";
    if (std::string small = footerOf(box); !small.empty())
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
