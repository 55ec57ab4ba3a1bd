// Optimisation, code generation and in-process linking through LLVM's ORC.
#include "codegen/cpu/jit.h"

#include "sinter/runtime/error.h"

#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

#include <atomic>
#include <mutex>

namespace sinter::codegen::cpu {
namespace {

[[noreturn]] void fail(const std::string& what, llvm::Error error) {
  throw sinter::Error(what + ": " + llvm::toString(std::move(error)), ErrorKind::internal);
}

void initializeLlvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
}

std::unique_ptr<llvm::TargetMachine> makeTargetMachine(const Target& target) {
  initializeLlvm();
  const llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string message;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!found)
    throw Error("LLVM cannot generate code for " + triple.str() + ": " + message, ErrorKind::internal);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(
      found->createTargetMachine(triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                 std::nullopt, llvm::CodeGenOptLevel::Default, true));
}

// Target machines are expensive to make and not thread-safe: each thread keeps its last one.
llvm::TargetMachine& targetMachine(const Target& target) {
  thread_local std::string key;
  thread_local std::unique_ptr<llvm::TargetMachine> machine;
  const std::string wanted = target.cpu + "|" + target.features;
  if (!machine || key != wanted) {
    machine = makeTargetMachine(target);
    key = wanted;
  }
  return *machine;
}

void setFunctionTarget(llvm::Module& module, const Target& target) {
  for (llvm::Function& function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBytes * 8));
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

void runPasses(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);

  // The generators emit explicit vectors and tiles; what is left is to inline epilogues, clean up addresses
  // and hoist them out of loops. No vectoriser and no unroller: both undo what was chosen on purpose, and
  // cost milliseconds.
  llvm::ModulePassManager pipeline;
  pipeline.addPass(llvm::AlwaysInlinerPass(/*InsertLifetime=*/false));
  llvm::FunctionPassManager cleanup;
  cleanup.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  cleanup.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/false));
  cleanup.addPass(llvm::InstCombinePass());
  cleanup.addPass(llvm::SimplifyCFGPass());
  cleanup.addPass(
      llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  cleanup.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  pipeline.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(cleanup)));
  pipeline.run(module, modules);
}

llvm::SmallVector<char, 0> emit(llvm::Module& module, llvm::TargetMachine& machine,
                                llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    throw Error("LLVM cannot emit code for this target", ErrorKind::internal);
  passes.run(module);
  return bytes;
}

} // namespace

void optimize(llvm::Module& module, const Target& target) {
  llvm::TargetMachine& machine = targetMachine(target);
  module.setDataLayout(machine.createDataLayout());
  module.setTargetTriple(machine.getTargetTriple());
  setFunctionTarget(module, target);
  runPasses(module, machine);
}

std::unique_ptr<llvm::MemoryBuffer> compileToObject(llvm::Module& module, const Target& target) {
  optimize(module, target);
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      emit(module, targetMachine(target), llvm::CodeGenFileType::ObjectFile),
      /*RequiresNullTerminator=*/false);
}

std::string compileToAssembly(llvm::Module& module, const Target& target) {
  optimize(module, target);
  const auto text = emit(module, targetMachine(target), llvm::CodeGenFileType::AssemblyFile);
  return std::string(text.data(), text.size());
}

struct Jit::Impl {
  std::unique_ptr<llvm::orc::LLJIT> lljit;
  llvm::orc::JITDylib* process = nullptr;
  std::atomic<uint64_t> next{0};
};

Jit& Jit::instance() {
  static Jit jit;
  return jit;
}

Jit::Jit() : impl_(new Impl) {
  initializeLlvm();
  auto lljit = llvm::orc::LLJITBuilder().create();
  if (!lljit)
    fail("cannot start the just-in-time linker", lljit.takeError());
  impl_->lljit = std::move(*lljit);
}

Jit::Code Jit::link(std::unique_ptr<llvm::MemoryBuffer> object, llvm::StringRef symbol) {
  llvm::orc::LLJIT& lljit = *impl_->lljit;
  // LLJIT gives every dylib a link order that ends in the process's own symbols.
  auto dylib = lljit.createJITDylib("kernel" + std::to_string(impl_->next++));
  if (!dylib)
    fail("cannot link a kernel", dylib.takeError());
  if (auto error = lljit.addObjectFile(*dylib, std::move(object)))
    fail("cannot link a kernel", std::move(error));
  auto address = lljit.lookup(*dylib, symbol);
  if (!address)
    fail("cannot link kernel " + symbol.str(), address.takeError());
  Code code;
  code.function = address->toPtr<rt::KernelFn>();
  code.owner = std::shared_ptr<void>(&*dylib, [&lljit](void* handle) {
    llvm::consumeError(
        lljit.getExecutionSession().removeJITDylib(*static_cast<llvm::orc::JITDylib*>(handle)));
  });
  return code;
}

} // namespace sinter::codegen::cpu
