// Links the pointwise operations of a kernel into its module and calls them.
#include "codegen/cpu/contraction/epilogue.h"

#include "sinter/runtime/error.h"

#include "llvm/Linker/Linker.h"

namespace sinter::codegen::cpu::contraction {
namespace {

// Vector instructions of an epilogue that is copied to every accumulator: a residual addition, a hard-swish.
constexpr int64_t kSmall = 12;

// Straight-line code with little work on vectors; addresses are shared between copies and do not count.
bool isSmall(const llvm::Function& function) {
  return function.size() == 1 && llvm::count_if(function.front(), [](const llvm::Instruction& instruction) {
                                   return instruction.getType()->isVectorTy();
                                 }) <= kSmall;
}

// `at` as coordinates in `dims`, appended to `indices`.
void split(KernelBuilder& b, llvm::Value* at, llvm::ArrayRef<int64_t> dims, Values& indices) {
  Values reversed;
  for (size_t i = dims.size(); i-- > 0;) {
    if (i == 0) {
      reversed.push_back(at);
    } else {
      reversed.push_back(b.CreateURem(at, b.index(dims[i])));
      at = b.CreateUDiv(at, b.index(dims[i]));
    }
  }
  indices.append(reversed.rbegin(), reversed.rend());
}

// The table of buffers never changes while a kernel runs; said here so that its loads are shared between
// copies.
void markTableLoads(llvm::Value* table, llvm::LLVMContext& context) {
  for (llvm::User* user : table->users()) {
    if (auto* load = llvm::dyn_cast<llvm::LoadInst>(user))
      load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context, {}));
    else if (llvm::isa<llvm::GetElementPtrInst>(user))
      markTableLoads(user, context);
  }
}

} // namespace

llvm::Function* linkFunction(std::unique_ptr<llvm::Module> module, llvm::StringRef name,
                             llvm::Module& target) {
  llvm::Function* function = module->getFunction(name);
  if (!function)
    throw Error("a module lacks its function " + name.str(), ErrorKind::internal);
  // The linker drops internal functions that nothing refers to yet.
  function->setLinkage(llvm::GlobalValue::ExternalLinkage);
  module->setDataLayout(target.getDataLayout());
  module->setTargetTriple(target.getTargetTriple());
  if (llvm::Linker::linkModules(target, std::move(module)))
    throw Error("cannot link a part of a kernel", ErrorKind::internal);
  function = target.getFunction(name);
  function->setLinkage(llvm::GlobalValue::InternalLinkage);
  function->addFnAttr(llvm::Attribute::AlwaysInline);
  return function;
}

Epilogue::Epilogue(std::unique_ptr<llvm::Module> module, llvm::StringRef name, bool flatPositions,
                   llvm::Module& target)
    : flatPositions_(flatPositions) {
  if (!module)
    return;
  function_ = linkFunction(std::move(module), name, target);
  small_ = contraction::isSmall(*function_);
  markTableLoads(function_->getArg(1), target.getContext());
}

llvm::Value* Epilogue::apply(KernelBuilder& b, const Problem& p, llvm::Value* value, llvm::Value* buffers,
                             const ResultIndex& at) const {
  Values indices, positions;
  if (p.foldedDims.empty()) {
    const std::array<llvm::Value*, 3> all{at.d, at.h, at.w};
    positions.append(all.end() - p.spatialRank, all.end());
  } else if (flatPositions_) {
    // On the last dimension that has an extent: where it is 1, operands are read at 0 whatever is passed.
    positions.assign(p.foldedDims.size(), b.index(0));
    size_t last = p.foldedDims.size() - 1;
    while (last > 0 && p.foldedDims[last] == 1)
      --last;
    positions[last] = at.w;
  } else {
    split(b, at.w, p.foldedDims, positions);
  }
  split(b, at.batch, p.batchDims, indices);
  if (p.channelLast) {
    indices.append(positions);
    indices.push_back(at.channel);
  } else {
    indices.push_back(at.channel);
    indices.append(positions);
  }
  return apply(b, value, buffers, indices);
}

llvm::Value* Epilogue::apply(KernelBuilder& b, llvm::Value* value, llvm::Value* buffers,
                             llvm::ArrayRef<llvm::Value*> indices) const {
  Values arguments{value, buffers};
  arguments.append(indices.begin(), indices.end());
  return b.CreateCall(function_, arguments);
}

} // namespace sinter::codegen::cpu::contraction
