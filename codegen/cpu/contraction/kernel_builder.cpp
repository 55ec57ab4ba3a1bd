// Counted loops and vectors with dead lanes, in LLVM IR.
#include "codegen/cpu/contraction/kernel_builder.h"

#include "llvm/IR/Intrinsics.h"

namespace sinter::codegen::cpu::contraction {

KernelBuilder::KernelBuilder(llvm::Module& module, llvm::Type* element, int64_t lanes)
    : IRBuilder(module.getContext()), module(module), element(element), lanes(lanes),
      vector(llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes))) {}

llvm::Function* KernelBuilder::startFunction(const llvm::Twine& name, llvm::ArrayRef<llvm::Type*> arguments,
                                             llvm::GlobalValue::LinkageTypes linkage) {
  auto* type = llvm::FunctionType::get(getVoidTy(), arguments, false);
  auto* function = llvm::Function::Create(type, linkage, name, module);
  if (linkage == llvm::GlobalValue::InternalLinkage)
    function->addFnAttr(llvm::Attribute::NoInline);
  SetInsertPoint(llvm::BasicBlock::Create(getContext(), "entry", function));
  return function;
}

llvm::Function* KernelBuilder::startKernel(llvm::StringRef symbol) {
  return startFunction(symbol, {getPtrTy(), getInt64Ty(), getInt64Ty(), getPtrTy()},
                       llvm::GlobalValue::ExternalLinkage);
}

void KernelBuilder::forEachTask(llvm::Function* kernel,
                                llvm::function_ref<void(llvm::Value*, llvm::Value*)> body) {
  llvm::Value* begin = kernel->getArg(1);
  loop(CreateSub(kernel->getArg(2), begin), true, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
    body(CreateAdd(begin, round), round);
    return Values{};
  });
}

void KernelBuilder::branch(llvm::Value* condition, llvm::function_ref<void()> then,
                           llvm::function_ref<void()> otherwise) {
  llvm::Function* function = GetInsertBlock()->getParent();
  llvm::BasicBlock* met = llvm::BasicBlock::Create(getContext(), "then", function);
  llvm::BasicBlock* unmet = otherwise ? llvm::BasicBlock::Create(getContext(), "else", function) : nullptr;
  llvm::BasicBlock* done = llvm::BasicBlock::Create(getContext(), "done", function);
  CreateCondBr(condition, met, unmet ? unmet : done);
  SetInsertPoint(met);
  then();
  CreateBr(done);
  if (unmet) {
    SetInsertPoint(unmet);
    otherwise();
    CreateBr(done);
  }
  SetInsertPoint(done);
}

Values KernelBuilder::loop(llvm::Value* count, bool mayBeEmpty, llvm::ArrayRef<llvm::Value*> carried,
                           llvm::function_ref<Values(llvm::Value*, llvm::ArrayRef<llvm::Value*>)> body) {
  if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(count)) {
    if (constant->isZero())
      return Values(carried.begin(), carried.end());
    if (constant->isOne())
      return body(index(0), carried);
    mayBeEmpty = false;
  }
  llvm::Function* function = GetInsertBlock()->getParent();
  llvm::BasicBlock* before = GetInsertBlock();
  llvm::BasicBlock* header = llvm::BasicBlock::Create(getContext(), "loop", function);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(getContext(), "after", function);
  if (mayBeEmpty)
    CreateCondBr(CreateICmpSGT(count, index(0)), header, after);
  else
    CreateBr(header);

  SetInsertPoint(header);
  llvm::PHINode* round = CreatePHI(getInt64Ty(), 2, "round");
  round->addIncoming(index(0), before);
  llvm::SmallVector<llvm::PHINode*, 32> phis;
  for (llvm::Value* value : carried) {
    phis.push_back(CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
  }
  const Values next = body(round, Values(phis.begin(), phis.end()));
  llvm::BasicBlock* latch = GetInsertBlock();
  llvm::Value* following = CreateAdd(round, index(1), "", /*NUW=*/true, /*NSW=*/true);
  round->addIncoming(following, latch);
  for (auto [phi, value] : llvm::zip(phis, next))
    phi->addIncoming(value, latch);
  CreateCondBr(CreateICmpSLT(following, count), header, after);

  SetInsertPoint(after);
  Values results;
  for (auto [value, initial] : llvm::zip(next, carried)) {
    llvm::PHINode* result = CreatePHI(value->getType(), 2);
    result->addIncoming(value, latch);
    if (mayBeEmpty)
      result->addIncoming(initial, before);
    results.push_back(result);
  }
  return results;
}

llvm::Value* KernelBuilder::advance(llvm::Value* pointer, llvm::Value* elements) {
  // Not inbounds: tiles at the left edge start before the first column, of which they load nothing.
  if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(elements); constant && constant->isZero())
    return pointer;
  return CreateGEP(element, pointer, elements);
}

llvm::Value* KernelBuilder::loadBroadcast(llvm::Value* pointer) {
  return CreateVectorSplat(static_cast<unsigned>(lanes), CreateAlignedLoad(element, pointer, alignment()));
}

llvm::Constant* KernelBuilder::firstLanes(int64_t count) {
  llvm::SmallVector<llvm::Constant*> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back(getInt1(lane < count));
  return llvm::ConstantVector::get(mask);
}

llvm::Value* KernelBuilder::loadVector(llvm::Value* pointer, int64_t valid) {
  if (valid == 0 || valid >= lanes)
    return CreateAlignedLoad(vector, pointer, alignment());
  return CreateMaskedLoad(vector, pointer, alignment(), firstLanes(valid),
                          llvm::Constant::getNullValue(vector));
}

llvm::Value* KernelBuilder::loadVector(llvm::Value* pointer, llvm::Value* valid) {
  llvm::SmallVector<llvm::Constant*> numbers;
  for (int64_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(getInt32(static_cast<uint32_t>(lane)));
  // Clamped first, so that 32 bits hold it.
  llvm::Value* clamped = maximum(index(0), minimum(valid, index(lanes)));
  llvm::Value* limit = CreateVectorSplat(static_cast<unsigned>(lanes), CreateTrunc(clamped, getInt32Ty()));
  llvm::Value* mask = CreateICmpSLT(llvm::ConstantVector::get(numbers), limit);
  return CreateMaskedLoad(vector, pointer, alignment(), mask, llvm::Constant::getNullValue(vector));
}

void KernelBuilder::storeVector(llvm::Value* value, llvm::Value* pointer, int64_t valid) {
  if (valid == 0 || valid >= lanes)
    CreateAlignedStore(value, pointer, alignment());
  else
    CreateMaskedStore(value, pointer, alignment(), firstLanes(valid));
}

llvm::Value* KernelBuilder::multiplyAdd(llvm::Value* a, llvm::Value* b, llvm::Value* c) {
  return CreateIntrinsic(llvm::Intrinsic::fmuladd, {c->getType()}, {a, b, c});
}

void KernelBuilder::prefetch(llvm::Value* pointer) {
  constexpr uint32_t kRead = 0, kSecondLevel = 2, kData = 1;
  CreateIntrinsic(getVoidTy(), llvm::Intrinsic::prefetch,
                  {pointer, getInt32(kRead), getInt32(kSecondLevel), getInt32(kData)});
}

void KernelBuilder::keepLoadsBelow() {
  CreateFence(llvm::AtomicOrdering::AcquireRelease, llvm::SyncScope::SingleThread);
}

llvm::Value* KernelBuilder::maximum(llvm::Value* a, llvm::Value* b) {
  return CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, b);
}

llvm::Value* KernelBuilder::minimum(llvm::Value* a, llvm::Value* b) {
  return CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b);
}

} // namespace sinter::codegen::cpu::contraction
