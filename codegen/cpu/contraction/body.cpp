// Bodies as LLVM IR, and as x86 assembly.
#include "codegen/cpu/contraction/body.h"

#include "llvm/IR/InlineAsm.h"

#include <limits>
#include <vector>

namespace sinter::codegen::cpu::contraction {
namespace {

class IrBody final : public Body {
public:
  IrBody(KernelBuilder& builder, const BodyOperands& operands)
      : b_(builder), operands_(operands), registers_(operands.registers) {}

  void beginStep() override { b_.keepLoadsBelow(); }

  void loadInput(size_t to, int64_t offset) override {
    registers_[to] = b_.loadBroadcast(b_.advance(operands_.input, offset));
  }

  void loadFilter(size_t to, int64_t offset, int64_t valid, size_t) override {
    registers_[to] = b_.loadVector(b_.advance(operands_.filter, offset), valid);
  }

  void multiplyAdd(size_t input, size_t filter, size_t accumulator) override {
    llvm::Value*& sum = operands_.accumulators[accumulator];
    sum = b_.multiplyAdd(registers_[input], registers_[filter], sum);
  }

  void finish() override {}

private:
  KernelBuilder& b_;
  const BodyOperands operands_;
  std::vector<llvm::Value*> registers_;
};

// One statement of inline assembly in AT&T syntax. Its operands, by number: the accumulators, then the
// registers, then the pointers. LLVM writes their names, so that the text is the same for 256 and for 512
// bits.
class AssemblyBody final : public Body {
public:
  AssemblyBody(KernelBuilder& builder, const BodyOperands& operands)
      : b_(builder), operands_(operands), inMemory_(operands.registers) {}

  void beginStep() override {}

  void loadInput(size_t to, int64_t offset) override {
    inMemory_[to].clear();
    text_ += "vbroadcastss " + memory(offset, 0) + ", " + inRegister(to) + "\n";
  }

  void loadFilter(size_t to, int64_t offset, int64_t, size_t uses) override {
    inMemory_[to].clear();
    if (uses == 1) // by the multiply-add itself
      inMemory_[to] = memory(offset, 1);
    else
      text_ += "vmovups " + memory(offset, 1) + ", " + inRegister(to) + "\n";
  }

  void multiplyAdd(size_t input, size_t filter, size_t accumulator) override {
    const std::string& place = inMemory_[filter];
    text_ += "vfmadd231ps " + (place.empty() ? inRegister(filter) : place) + ", " + inRegister(input) + ", " +
             operand(accumulator) + "\n";
  }

  void finish() override {
    const size_t sums = operands_.accumulators.size();
    const size_t outputs = sums + operands_.registers;
    llvm::SmallVector<llvm::Type*> types(outputs, b_.vector);
    llvm::SmallVector<llvm::Value*> arguments{operands_.input, operands_.filter};
    std::string constraints;
    // Written before the last input is read, all of them.
    for (size_t i = 0; i < outputs; ++i)
      constraints += "=&v,";
    constraints += "r,r";
    for (auto [i, sum] : llvm::enumerate(operands_.accumulators)) {
      constraints += "," + std::to_string(i);
      arguments.push_back(sum);
    }
    constraints += ",~{memory}";
    llvm::SmallVector<llvm::Type*> parameters;
    for (llvm::Value* argument : arguments)
      parameters.push_back(argument->getType());
    llvm::Type* result = llvm::StructType::get(b_.getContext(), types);
    auto* type = llvm::FunctionType::get(result, parameters, false);
    llvm::Value* results =
        b_.CreateCall(llvm::InlineAsm::get(type, text_, constraints, /*hasSideEffects=*/true), arguments);
    for (auto [i, sum] : llvm::enumerate(operands_.accumulators))
      sum = b_.CreateExtractValue(results, static_cast<unsigned>(i));
  }

private:
  static std::string operand(size_t number) { return "$" + std::to_string(number); }
  std::string inRegister(size_t number) const { return operand(operands_.accumulators.size() + number); }

  std::string memory(int64_t elements, size_t pointer) const {
    const size_t number = operands_.accumulators.size() + operands_.registers + pointer;
    return std::to_string(elements * static_cast<int64_t>(sizeof(float))) + "(" + operand(number) + ")";
  }

  KernelBuilder& b_;
  const BodyOperands operands_;
  std::vector<std::string> inMemory_; ///< registers that were not loaded: where their value is
  std::string text_;
};

} // namespace

std::unique_ptr<Body> makeBody(KernelBuilder& builder, const Target& target, const BodyOperands& operands) {
  constexpr int64_t kFarthest = std::numeric_limits<int32_t>::max() / static_cast<int64_t>(sizeof(float));
  const bool namesRegisters = target.isX86() && target.fma && target.vectorBytes <= target.widestBytes;
  // More operands than registers, LLVM would refuse; of values, it spills some.
  const bool fits =
      static_cast<int64_t>(operands.accumulators.size() + operands.registers) <= target.registers;
  if (namesRegisters && fits && operands.allLanesValid && operands.farthest <= kFarthest)
    return std::make_unique<AssemblyBody>(builder, operands);
  return std::make_unique<IrBody>(builder, operands);
}

} // namespace sinter::codegen::cpu::contraction
