// What a program of a file may be.
#include "frontend/saved/program_check.h"

#include "frontend/saved/program_text.h"
#include "ir/ops.h"
#include "sinter/error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"

#include "llvm/ADT/StringExtras.h"

#include <set>
#include <vector>

using namespace mlir;

namespace sinter::saved {
namespace {

// Deeper than any bodies in bodies that people write; each level takes a few frames of the parser's stack.
constexpr std::size_t kMaxNesting = 96;
// Below it, sizes never overflow: as for a Model's inputs.
constexpr int64_t kMaxElements = int64_t{1} << 38;
// Constants that the program spells out take memory when it is compiled, however short the text.
constexpr int64_t kMaxConstantBytes = int64_t{1} << 28;

[[noreturn]] void fail(const std::string& what) {
  throw Error("its program is not well-formed: " + what);
}

[[noreturn]] void fail(Operation* op, const std::string& what) {
  fail("'" + op->getName().getStringRef().str() + "' " + what);
}

// The position after a string that begins at `at`, as MLIR reads it.
std::size_t after_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    at += text[at] == '\\';
  return at + 1;
}

// What an argument list of a function or a block is among the open brackets.
constexpr char kArguments = 'a';

bool is_in_name(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.' || c == '-';
}

// True for the bracket at `at` of "@main(" and "^bb0(".
bool begins_arguments(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && is_in_name(text[begin - 1]))
    --begin;
  return begin > 0 && begin < at && (text[begin - 1] == '^' || text[begin - 1] == '@');
}

// The values of a text: each must be defined before it is used. A parser that gives up while an operation
// uses a value of a body further on frees the body first, and the operation then writes to what is gone.
class Names {
public:
  void open() { scopes_.emplace_back(); }
  void close() {
    if (scopes_.size() > 1)
      scopes_.pop_back();
  }

  // Reads the name that begins at `at`; returns the position after it.
  std::size_t read(std::string_view text, std::size_t at, bool in_arguments) {
    std::size_t end = at + 1;
    while (end < text.size() && is_in_name(text[end]))
      ++end;
    const std::string_view name = text.substr(at, end - at);
    const auto known = [&](const auto& scope) { return scope.contains(name); };
    if ((in_arguments && text.substr(end, 1) == ":") || is_assigned(text.substr(end)))
      scopes_.back().insert(name);
    else if (llvm::none_of(scopes_, known))
      fail("value '" + std::string(name.substr(0, 40)) + "' is used before it is defined");
    return end;
  }

private:
  // After the name of a result: " = " or ":2 = ".
  static bool is_assigned(std::string_view rest) {
    if (rest.starts_with(':')) {
      rest.remove_prefix(1);
      while (!rest.empty() && llvm::isDigit(rest.front()))
        rest.remove_prefix(1);
    }
    return rest.starts_with(" = ");
  }

  std::vector<std::set<std::string_view>> scopes_ = std::vector<std::set<std::string_view>>(1);
};

void check_type(Operation* op, Type type) {
  const auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() || tensor.getEncoding())
    fail(op, "has a value that is no row-major tensor of a static shape");
  if (tensor.getRank() > kMaxRank)
    fail(op, "has a tensor of more than " + std::to_string(kMaxRank) + " dimensions");
  const Type element = tensor.getElementType();
  const bool known = element.isF32() || element.isF64() || element.isF16() || element.isBF16() ||
                     element.isSignlessInteger(1) || element.isSignlessInteger(8) ||
                     element.isUnsignedInteger(8) || element.isSignlessInteger(32) ||
                     element.isSignlessInteger(64);
  if (!known)
    fail(op, "has a tensor of an element type that does not exist");
  if (checked_bytes(tensor.getShape(), 1) > kMaxElements)
    fail(op, "has a tensor of shape " + to_string(Shape(tensor.getShape())) + ", which is too large");
}

// Operations that tracing makes, where it makes them. Those of fused programs are left out, and so is what
// planning writes down.
bool is_allowed(Operation* op) {
  Operation* parent = op->getParentOp();
  if (isa<ModuleOp>(op))
    return parent == nullptr;
  if (isa<func::FuncOp>(op))
    return isa_and_nonnull<ModuleOp>(parent);
  return isa<func::ReturnOp>(op) || (isa_and_nonnull<ir::SinterDialect>(op->getDialect()) &&
                                     !isa<ir::FusionOp, ir::KernelOp, ir::LaunchOp>(op) &&
                                     !op->getInherentAttr("offsets").value_or(nullptr));
}

void check_attributes(Operation* op) {
  for (const NamedAttribute& attribute : op->getDiscardableAttrs())
    if (!isa<ir::ConstantOp>(op) || attribute.getName() != kWeight || !isa<StringAttr>(attribute.getValue()))
      fail(op, "has an attribute '" + attribute.getName().str() + "' that does not belong there");
  const auto is_resource = [](DenseResourceElementsAttr) { return WalkResult::interrupt(); };
  if (op->getAttrDictionary().walk(is_resource).wasInterrupted())
    fail(op, "has elements that the text does not hold");
}

void check_constant(ir::ConstantOp constant) {
  const auto value =
      dyn_cast_or_null<DenseElementsAttr>(constant->getInherentAttr("value").value_or(nullptr));
  if (!value)
    fail(constant, "does not hold its elements");
  check_type(constant, value.getType());
  if (value.isSplat() && !constant->hasAttr(kWeight) &&
      ir::storedBytes(cast<RankedTensorType>(value.getType())) > kMaxConstantBytes)
    fail(constant, "is too large for one that the program holds itself");
}

void check_operation(Operation* op) {
  if (!is_allowed(op))
    fail(op, "does not belong there");
  if (op->getNumSuccessors() > 0)
    fail(op, "branches");
  check_attributes(op);
  for (Type type : op->getResultTypes())
    check_type(op, type);
  for (Region& region : op->getRegions())
    for (Block& block : region)
      for (Type type : block.getArgumentTypes())
        check_type(op, type);
  if (auto constant = dyn_cast<ir::ConstantOp>(op))
    check_constant(constant);
}

void check_names(func::FuncOp main, unsigned count, llvm::function_ref<DictionaryAttr(unsigned)> attributes,
                 const char* what) {
  std::set<std::string> names;
  for (unsigned i = 0; i < count; ++i) {
    const DictionaryAttr dictionary = attributes(i);
    const auto name = dictionary ? dictionary.getAs<StringAttr>(kName) : StringAttr();
    if (!name || name.empty() || dictionary.size() != 1)
      fail(main, "has an " + std::string(what) + " that has no name, or more than that");
    if (!names.insert(name.str()).second)
      fail(main, "has two " + std::string(what) + "s of the name '" + name.str() + "'");
  }
}

} // namespace

void check_text(std::string_view text) {
  std::vector<char> open;
  Names names;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (c == '"') {
      at = after_string(text, at);
      continue;
    }
    if (c == '%') {
      at = names.read(text, at, !open.empty() && open.back() == kArguments);
      continue;
    }
    if (c == '-' && next == '>') {
      at += 2;
      continue;
    }
    if (c == '\0' || (c == '/' && next == '/') || (c == '{' && next == '-'))
      fail("it has comments or resources");
    if (open.empty() && (c == '#' || c == '!'))
      fail("it defines aliases");
    constexpr std::string_view kOpening = "([{<", kClosing = ")]}>";
    if (kOpening.find(c) != std::string_view::npos) {
      open.push_back(c == '(' && begins_arguments(text, at) ? kArguments : c);
      if (open.size() > kMaxNesting)
        fail("it is nested more than " + std::to_string(kMaxNesting) + " deep");
    } else if (const auto kind = kClosing.find(c); kind != std::string_view::npos) {
      if (open.empty() || (open.back() == kArguments ? '(' : open.back()) != kOpening[kind])
        fail("its brackets do not match");
      open.pop_back();
    }
    if (c == '{')
      names.open();
    else if (c == '}')
      names.close();
    ++at;
  }
}

void check_operations(ModuleOp module) {
  module->walk<WalkOrder::PreOrder>(check_operation);
}

void check_structure(ModuleOp module) {
  func::FuncOp main;
  if (llvm::hasSingleElement(*module.getBody()))
    main = dyn_cast<func::FuncOp>(module.getBody()->front());
  if (!main || main.getSymName() != "main" || main.isExternal() || module.getSymName())
    fail("it is not one function @main");
  if (!llvm::hasSingleElement(main.getBody()))
    fail("@main has several blocks");
  check_names(main, main.getNumArguments(), [&](unsigned i) { return main.getArgAttrDict(i); }, "input");
  check_names(main, main.getNumResults(), [&](unsigned i) { return main.getResultAttrDict(i); }, "output");
  if (main.getNumResults() == 0)
    fail("@main has no outputs");
}

} // namespace sinter::saved
