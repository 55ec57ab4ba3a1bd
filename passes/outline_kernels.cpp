// Fusions become kernels; those that are alike become one.
#include "passes/fusion_region.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr size_t kMostNamedOperations = 5;

/// "conv_add_relu": the operations of a kernel, for people.
std::string nameOf(Block& body) {
  SmallVector<StringRef> names;
  for (Operation& op : body.without_terminator())
    if (!isa<ir::ConstantOp>(op) && (names.empty() || names.back() != op.getName().stripDialect()))
      names.push_back(op.getName().stripDialect());
  if (names.empty())
    return "copy";
  if (names.size() <= kMostNamedOperations)
    return llvm::join(names, "_");
  return llvm::join(ArrayRef(names).take_front(kMostNamedOperations - 1), "_") + "_and_" +
         std::to_string(names.size() - kMostNamedOperations + 1) + "_more";
}

// Where order does not matter, what is computed in the body comes before what is read: x + f(y) and f(y) + x
// are one kernel.
void orderCommutedOperands(Block& body) {
  for (Operation& op : body.without_terminator())
    if (op.hasTrait<OpTrait::IsCommutative>() && op.getNumOperands() == 2 &&
        !op.getOperand(0).getDefiningOp() && op.getOperand(1).getDefiningOp())
      op.setOperands({op.getOperand(1), op.getOperand(0)});
}

struct OutlineKernels : ModulePass<OutlineKernels> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OutlineKernels)
  StringRef getArgument() const final { return "sinter-outline-kernels"; }
  StringRef getDescription() const final { return "make kernels of fusions, one for all that are alike"; }

  void runOnOperation() override {
    kernels.clear();
    counts.clear();
    SmallVector<ir::FusionOp> fusions;
    getOperation().walk([&](ir::FusionOp fusion) { fusions.push_back(fusion); });
    for (ir::FusionOp fusion : fusions)
      outline(fusion);
  }

private:
  void outline(ir::FusionOp fusion) {
    orderCommutedOperands(fusion.getBody().front());
    const std::string name = nameOf(fusion.getBody().front());
    OpBuilder builder(fusion->getParentOfType<func::FuncOp>());
    auto kernel = ir::KernelOp::create(builder, fusion.getLoc(), name);
    kernel.getBody().takeBody(fusion.getBody());
    // Printed without locations and under the same name, like kernels read alike.
    std::string text;
    llvm::raw_string_ostream stream(text);
    kernel->print(stream, OpPrintingFlags().useLocalScope());
    auto [entry, isNew] = kernels.try_emplace(text, kernel);
    if (isNew)
      kernel.setSymName(uniqueName(name));
    else
      kernel.erase();
    builder.setInsertionPoint(fusion);
    auto launch = ir::LaunchOp::create(builder, fusion.getLoc(), fusion.getResultTypes(),
                                       FlatSymbolRefAttr::get(entry->second.getSymNameAttr()),
                                       fusion.getInputs(), DenseI64ArrayAttr());
    fusion.replaceAllUsesWith(launch.getResults());
    fusion.erase();
  }

  std::string uniqueName(const std::string& base) { return base + "_" + std::to_string(counts[base]++); }

  llvm::StringMap<ir::KernelOp> kernels;
  llvm::StringMap<int64_t> counts;
};

} // namespace

std::unique_ptr<Pass> createOutlineKernelsPass() {
  return std::make_unique<OutlineKernels>();
}

} // namespace sinter::passes
