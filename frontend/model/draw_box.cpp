// What one box of a drawing shows.
#include "frontend/model/draw_box.h"

#include "ir/location.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

namespace sinter::drawing {

using llvm::formatv;

namespace {

std::string join(llvm::ArrayRef<int64_t> values, llvm::StringRef separator) {
  std::string result;
  for (int64_t value : values)
    result += (result.empty() ? "" : separator.str()) + std::to_string(value);
  return result;
}

} // namespace

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

namespace {

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

/// The locations a fused one is made of, in order; one with a mark is one.
llvm::SmallVector<mlir::Location> locationsOf(mlir::Location location) {
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location); fused && !fused.getMetadata())
    return llvm::SmallVector<mlir::Location>(fused.getLocations());
  return {location};
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

/// The operations of a region, without constants and terminators.
void collectParts(mlir::Block& block, Box& box) {
  for (mlir::Operation& op : block.without_terminator())
    if (llvm::isa<ir::ConstantOp>(op))
      ++box.constants;
    else
      box.parts.push_back(&op);
}

/// The operation a box is named after, if it has any.
mlir::Operation* leadOf(const Box& box) {
  return box.root != nullptr ? box.root : box.parts.empty() ? nullptr : box.parts.front();
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

} // namespace

Box makeBox(mlir::Operation* op, mlir::SymbolTable& symbols) {
  Box box;
  box.op = op;
  box.backward = ir::isBackward(op->getLoc());
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

Style styleOf(const Box& box) {
  return box.backward ? kBackwardStyle : styleOf(classOf(leadOf(box)));
}

std::string titleOf(const Box& box) {
  mlir::Operation* lead = leadOf(box);
  return lead == nullptr ? "empty" : isMixed(box) ? mixedTitle(box) : describe(lead);
}

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

std::string footerOf(const Box& box) {
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

} // namespace sinter::drawing
