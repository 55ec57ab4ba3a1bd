// Statements: loops, branches, memory. Expressions are next door.
#include "codegen/cuda/printer.h"

#include "codegen/cuda/expressions.h"
#include "ir/precision.h"
#include "sinter/runtime/error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Names = SmallVector<std::string, 4>; // one for each lane

int64_t lanesOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

// MLIR's names may have dots.
std::string identifier(StringRef name) {
  std::string text = name.str();
  std::replace(text.begin(), text.end(), '.', '_');
  return text;
}

// A pointer as C++ knows it: a typed one, and elements from there.
struct Address {
  std::string base;
  Type element;
  std::string offset;

  std::string pointer() const { return offset.empty() ? base : base + " + " + offset; }
  std::string subscript() const { return base + "[" + (offset.empty() ? "0" : offset) + "]"; }
};

class Printer {
public:
  Printer(ModuleOp module, ArrayRef<Parameter> parameters, int64_t threads, int64_t resident,
          bool wideIndices)
      : module_(module), parameters_(parameters), threads_(threads), resident_(resident),
        wideIndices_(wideIndices) {}

  std::string print();

private:
  void line(const std::string& text) { out_ += std::string(indent_, ' ') + text + "\n"; }
  void block(Block& block);
  void statement(Operation& op);
  void constant(arith::ConstantOp op);
  void address(LLVM::GEPOp op);
  void load(LLVM::LoadOp op);
  void store(LLVM::StoreOp op);
  void call(LLVM::CallOp op);
  void local(LLVM::AllocaOp op);
  void loop(scf::ForOp op);
  void branch(scf::IfOp op);
  void lanes(Operation& op);
  bool rearranges(Operation& op);
  void global(LLVM::GlobalOp op);
  std::string signature(LLVM::LLVMFuncOp function);

  void assign(ValueRange to, ValueRange from);
  Names declare(Value value, bool isConst, ArrayRef<std::string> initial);
  const std::string& name(Value value, int64_t lane = 0) const {
    const auto found = names_.find(value);
    if (found == names_.end())
      throw Error("a kernel uses a value before it is made", ErrorKind::internal);
    return found->second[static_cast<size_t>(found->second.size() == 1 ? 0 : lane)];
  }
  Address addressOf(Value pointer, Type element);

  ModuleOp module_;
  ArrayRef<Parameter> parameters_;
  int64_t threads_, resident_;
  bool wideIndices_;
  std::string out_;
  unsigned indent_ = 0;
  int64_t next_ = 0;
  llvm::DenseMap<Value, Names> names_;
  llvm::DenseMap<Value, Address> addresses_;
};

// `const float v3 = initial;`, lane by lane.
Names Printer::declare(Value value, bool isConst, ArrayRef<std::string> initial) {
  const std::string base = "v" + std::to_string(next_++);
  const int64_t lanes = lanesOf(value.getType());
  Names names;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    names.push_back(lanes == 1 ? base : base + "_" + std::to_string(lane));
    const bool given = !initial.empty();
    line((isConst && !isa<LLVM::LLVMPointerType>(value.getType()) ? "const " : "") +
         valueTypeName(getElementTypeOrSelf(value.getType())) + " " + names.back() +
         (given ? " = " + initial[static_cast<size_t>(initial.size() == 1 ? 0 : lane)] : "") + ";");
  }
  names_[value] = names;
  return names;
}

// All at once: what is assigned may be read by others.
void Printer::assign(ValueRange to, ValueRange from) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (auto [target, source] : llvm::zip(to, from))
    for (int64_t lane = 0; lane < lanesOf(target.getType()); ++lane)
      if (name(target, lane) != name(source, lane))
        pairs.emplace_back(name(target, lane), name(source, lane));
  llvm::StringMap<bool> targets;
  for (const auto& pair : pairs)
    targets[pair.first] = true;
  for (auto& [target, source] : pairs)
    if (targets.count(source)) {
      const std::string copy = "v" + std::to_string(next_++);
      line("const auto " + copy + " = " + source + ";");
      source = copy;
    }
  for (const auto& [target, source] : pairs)
    line(target + " = " + source + ";");
}

void Printer::block(Block& block) {
  indent_ += 2;
  for (Operation& op : block.without_terminator())
    statement(op);
}

void Printer::statement(Operation& op) {
  if (auto value = dyn_cast<arith::ConstantOp>(op))
    return constant(value);
  if (auto gep = dyn_cast<LLVM::GEPOp>(op))
    return address(gep);
  if (auto access = dyn_cast<LLVM::LoadOp>(op))
    return load(access);
  if (auto access = dyn_cast<LLVM::StoreOp>(op))
    return store(access);
  if (auto callee = dyn_cast<LLVM::CallOp>(op))
    return call(callee);
  if (auto loops = dyn_cast<scf::ForOp>(op))
    return loop(loops);
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return branch(choice);
  if (auto memory = dyn_cast<LLVM::AllocaOp>(op))
    return local(memory);
  if (auto place = dyn_cast<LLVM::AddressOfOp>(op)) {
    names_[place.getResult()] = {identifier(place.getGlobalName())};
    return;
  }
  // Subscripts may be indices: see addressOf.
  if (isa<arith::IndexCastOp>(op) &&
      llvm::all_of(op.getUsers(), [](Operation* user) { return isa<LLVM::GEPOp>(user); }) &&
      isa<IndexType>(op.getOperand(0).getType())) {
    names_[op.getResult(0)] = Names{name(op.getOperand(0))};
    return;
  }
  if (!rearranges(op))
    lanes(op);
}

void Printer::constant(arith::ConstantOp op) {
  Names names;
  if (auto dense = dyn_cast<DenseElementsAttr>(op.getValue()))
    for (Attribute element : dense.getValues<Attribute>())
      names.push_back(literal(element));
  else
    names.push_back(literal(op.getValue()));
  names_[op.getResult()] = names;
}

Address Printer::addressOf(Value pointer, Type element) {
  if (const auto known = addresses_.find(pointer); known != addresses_.end()) {
    if (known->second.element == element)
      return known->second;
    return {"((" + memoryTypeName(element) + "*)(" + known->second.pointer() + "))", element, ""};
  }
  std::string base = name(pointer);
  if (auto argument = dyn_cast<BlockArgument>(pointer)) {
    if (parameters_[argument.getArgNumber()].element != element)
      base = "((const " + memoryTypeName(element) + "*)" + base + ")";
  } else if (!pointer.getDefiningOp<LLVM::AddressOfOp>()) {
    base = "((" + memoryTypeName(element) + "*)" + base + ")";
  }
  return {base, element, ""};
}

void Printer::address(LLVM::GEPOp op) {
  Address address = addressOf(op.getBase(), op.getElemType());
  for (auto index : op.getIndices()) {
    std::string offset;
    if (auto value = dyn_cast<Value>(index))
      offset = name(value);
    else
      offset = std::to_string(cast<IntegerAttr>(index).getInt());
    address.offset += (address.offset.empty() ? "" : " + ") + offset;
  }
  addresses_[op.getResult()] = address;
}

void Printer::load(LLVM::LoadOp op) {
  const Type type = op.getResult().getType(), element = getElementTypeOrSelf(type);
  const Address address = addressOf(op.getAddr(), element);
  const bool isHalf = ir::isHalf(element);
  auto value = [&](const std::string& stored) { return isHalf ? "value_of(" + stored + ")" : stored; };
  const int64_t lanes = lanesOf(type);
  if (lanes == 1) {
    declare(op.getResult(), true, {value(address.subscript())});
    return;
  }
  Names stored;
  const int64_t bytes = lanes * element.getIntOrFloatBitWidth() / 8;
  if (static_cast<int64_t>(op.getAlignment().value_or(1)) >= bytes) {
    const std::string pack = "Pack<" + memoryTypeName(element) + ", " + std::to_string(lanes) + ">";
    const std::string packed = "p" + std::to_string(next_++);
    line("const " + pack + " " + packed + " = *(const " + pack + "*)(" + address.pointer() + ");");
    for (int64_t lane = 0; lane < lanes; ++lane)
      stored.push_back(value(packed + ".e[" + std::to_string(lane) + "]"));
  } else {
    for (int64_t lane = 0; lane < lanes; ++lane)
      stored.push_back(value("(" + address.pointer() + ")[" + std::to_string(lane) + "]"));
  }
  declare(op.getResult(), true, stored);
}

void Printer::store(LLVM::StoreOp op) {
  const Type type = op.getValue().getType(), element = getElementTypeOrSelf(type);
  const Address address = addressOf(op.getAddr(), element);
  const bool isHalf = ir::isHalf(element);
  const int64_t lanes = lanesOf(type);
  auto write = [&](const std::string& place, int64_t lane) {
    const std::string& value = name(op.getValue(), lane);
    line(isHalf ? "put(" + place + ", " + value + ");" : place + " = " + value + ";");
  };
  if (lanes == 1)
    return write(address.subscript(), 0);
  const int64_t bytes = lanes * element.getIntOrFloatBitWidth() / 8;
  if (static_cast<int64_t>(op.getAlignment().value_or(1)) < bytes) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      write("(" + address.pointer() + ")[" + std::to_string(lane) + "]", lane);
    return;
  }
  const std::string pack = "Pack<" + memoryTypeName(element) + ", " + std::to_string(lanes) + ">";
  const std::string packed = "p" + std::to_string(next_++);
  line(pack + " " + packed + ";");
  for (int64_t lane = 0; lane < lanes; ++lane)
    write(packed + ".e[" + std::to_string(lane) + "]", lane);
  line("*(" + pack + "*)(" + address.pointer() + ") = " + packed + ";");
}

void Printer::call(LLVM::CallOp op) {
  std::string text = op.getCallee()->str() + "(";
  for (auto [i, operand] : llvm::enumerate(op.getArgOperands())) {
    const auto address = addresses_.find(operand);
    text += (i ? ", " : "") + (address == addresses_.end() ? name(operand) : address->second.pointer());
  }
  text += ")";
  if (op.getNumResults() == 0)
    line(text + ";");
  else
    declare(op.getResult(), true, {text});
}

// Memory of the thread; in registers where all that is known of it is known when it is compiled.
void Printer::local(LLVM::AllocaOp op) {
  const std::string base = "v" + std::to_string(next_++);
  line("alignas(16) " + memoryTypeName(op.getElemType()) + " " + base + "[" + name(op.getArraySize()) + "];");
  names_[op.getResult()] = {base};
}

void Printer::loop(scf::ForOp op) {
  for (auto [initial, carried, result] :
       llvm::zip(op.getInitArgs(), op.getRegionIterArgs(), op.getResults())) {
    Names values;
    for (int64_t lane = 0; lane < lanesOf(carried.getType()); ++lane)
      values.push_back(name(initial, lane));
    const Names declared = declare(carried, false, values);
    names_[result] = declared;
  }
  if (auto unroll = op->getAttrOfType<IntegerAttr>("sinter.unroll"))
    line("#pragma unroll " + std::to_string(unroll.getInt()));
  const std::string variable = "at" + std::to_string(next_++);
  names_[op.getInductionVar()] = {variable};
  line("for (idx " + variable + " = " + name(op.getLowerBound()) + "; " + variable + " < " +
       name(op.getUpperBound()) + "; " + variable + " += " + name(op.getStep()) + ") {");
  block(*op.getBody());
  assign(op.getRegionIterArgs(), op.getBody()->getTerminator()->getOperands());
  indent_ -= 2;
  line("}");
}

void Printer::branch(scf::IfOp op) {
  for (Value result : op.getResults())
    declare(result, false, {});
  line("if (" + name(op.getCondition()) + ") {");
  block(*op.thenBlock());
  assign(op.getResults(), op.thenBlock()->getTerminator()->getOperands());
  indent_ -= 2;
  if (op.elseBlock() && (op.getNumResults() > 0 || !op.elseBlock()->without_terminator().empty())) {
    line("} else {");
    block(*op.elseBlock());
    assign(op.getResults(), op.elseBlock()->getTerminator()->getOperands());
    indent_ -= 2;
  }
  line("}");
}

// What moves lanes about is a matter of names.
bool Printer::rearranges(Operation& op) {
  auto lanesIn = [&](Value value) {
    Names names;
    for (int64_t lane = 0; lane < lanesOf(value.getType()); ++lane)
      names.push_back(name(value, lane));
    return names;
  };
  auto number = [](Value value) {
    IntegerAttr constant;
    if (auto op = value.getDefiningOp<arith::ConstantOp>())
      constant = dyn_cast<IntegerAttr>(op.getValue());
    if (!constant)
      throw Error("a kernel takes a lane whose number is not known", ErrorKind::internal);
    return static_cast<size_t>(constant.getInt());
  };
  if (auto spread = dyn_cast<vector::BroadcastOp>(op)) {
    names_[spread.getResult()] =
        Names(static_cast<size_t>(lanesOf(spread.getResult().getType())), name(spread.getSource()));
  } else if (auto insert = dyn_cast<LLVM::InsertElementOp>(op)) {
    Names names = lanesIn(insert.getVector());
    names[number(insert.getPosition())] = name(insert.getValue());
    names_[insert.getResult()] = names;
  } else if (auto extract = dyn_cast<LLVM::ExtractElementOp>(op)) {
    names_[extract.getResult()] = {lanesIn(extract.getVector())[number(extract.getPosition())]};
  } else if (auto taken = dyn_cast<vector::ExtractOp>(op)) {
    names_[taken.getResult()] = {
        lanesIn(taken.getSource())[static_cast<size_t>(taken.getStaticPosition()[0])]};
  } else {
    return false;
  }
  return true;
}

void Printer::lanes(Operation& op) {
  if (op.getNumResults() != 1)
    throw Error("CUDA kernels have no " + op.getName().getStringRef().str(), ErrorKind::internal);
  Names texts;
  for (int64_t lane = 0; lane < lanesOf(op.getResult(0).getType()); ++lane) {
    SmallVector<std::string> operands;
    for (Value operand : op.getOperands())
      operands.push_back(name(operand, lane));
    texts.push_back(expression(&op, operands));
  }
  declare(op.getResult(0), true, texts);
}

void Printer::global(LLVM::GlobalOp op) {
  if (!op.getValue()) { // memory of the kernel's own, zero when it is loaded
    auto array = cast<LLVM::LLVMArrayType>(op.getGlobalType());
    const std::string type =
        array.getElementType().isInteger(64) ? "u64" : memoryTypeName(array.getElementType());
    return line("alignas(16) __device__ " + type + " " + identifier(op.getSymName()) + "[" +
                std::to_string(array.getNumElements()) + "];");
  }
  auto values = cast<DenseElementsAttr>(*op.getValue());
  const Type element = values.getElementType();
  const bool isHalf = ir::isHalf(element);
  // Vectors of it are loaded at once.
  std::string text = "alignas(16) __device__ const " + memoryTypeName(element) + " " +
                     identifier(op.getSymName()) + "[] = {";
  bool first = true;
  auto add = [&](const std::string& value) {
    text += (first ? "" : ", ") + value;
    first = false;
  };
  if (isHalf)
    for (const APFloat& value : values.getValues<APFloat>())
      add("{" + std::to_string(value.bitcastToAPInt().getZExtValue()) + "}");
  else
    for (Attribute value : values.getValues<Attribute>())
      add(literal(value));
  line(text + "};");
}

std::string Printer::signature(LLVM::LLVMFuncOp function) {
  std::string text = "extern \"C\" __global__ void __launch_bounds__(" + std::to_string(threads_) +
                     (resident_ > 0 ? ", " + std::to_string(resident_) : "") + ") " +
                     identifier(function.getSymName()) + "(";
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    const Parameter& parameter = parameters_[i];
    names_[argument] = {"a" + std::to_string(i)};
    text += (i ? ", " : "") + std::string(parameter.invariant ? "const " : "") +
            memoryTypeName(parameter.element) + (parameter.invariant ? "* __restrict__ " : "* ") +
            name(argument);
  }
  return text + ") {";
}

std::string Printer::print() {
  auto function = *module_.getOps<LLVM::LLVMFuncOp>().begin();
  line("namespace of_" + identifier(function.getSymName()) + " {");
  line(wideIndices_ ? "typedef i64 idx;" : "typedef i32 idx;");
  line(wideIndices_ ? "typedef u64 uidx;" : "typedef u32 uidx;");
  for (LLVM::GlobalOp op : module_.getOps<LLVM::GlobalOp>())
    global(op);
  line(signature(function));
  block(function.getBody().front());
  indent_ -= 2;
  line("}");
  line("}");
  return out_;
}

} // namespace

std::string printKernel(ModuleOp module, ArrayRef<Parameter> parameters, int64_t threads, int64_t resident,
                        bool wideIndices) {
  return Printer(module, parameters, threads, resident, wideIndices).print();
}

} // namespace sinter::codegen::cuda
