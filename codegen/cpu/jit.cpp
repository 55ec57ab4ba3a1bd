// Optimisation, code generation and in-process linking through LLVM's JITLink.
#include "codegen/cpu/jit.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/half.h"

#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/SymbolStringPool.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Process.h"
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

#include <dlfcn.h>
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
    LLVMInitializeX86AsmParser(); // of inline assembly
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
  });
}

std::unique_ptr<llvm::TargetMachine> makeTargetMachine(const Target& target) {
  initializeLlvm();
  const llvm::Triple triple(target.triple);
  std::string message;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!found)
    throw Error("LLVM cannot generate code for " + target.triple + ": " + message, ErrorKind::internal);
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
  const std::string wanted = target.triple + "|" + target.cpu + "|" + target.features;
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

// LLVM's code generator without three of its passes, which take much of its time and gain nothing here. Loop
// strength reduction and what prepares for it: the generators step one pointer per stream and reach
// everything else by constant offsets, as it would. Scheduling after register allocation: processors wide
// enough for these vectors reorder instructions themselves.
class CodeGenerator : public llvm::legacy::PassManager {
public:
  void add(llvm::Pass* pass) override {
    const llvm::StringRef name = pass->getPassName();
    if (name == "Loop Strength Reduction" || name == "Canonicalize Freeze Instructions in Loops" ||
        name == "Post RA top-down list latency scheduler")
      delete pass;
    else
      PassManager::add(pass);
  }
};

// Keeps the first error that LLVM reports, which by default ends the process.
class ErrorKeeper : public llvm::DiagnosticHandler {
public:
  explicit ErrorKeeper(std::string& error) : error_(error) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
    if (info.getSeverity() == llvm::DS_Error && error_.empty()) {
      llvm::raw_string_ostream stream(error_);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }

private:
  std::string& error_;
};

llvm::SmallVector<char, 0> emit(llvm::Module& module, llvm::TargetMachine& machine,
                                llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  CodeGenerator passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    throw Error("LLVM cannot emit code for this target", ErrorKind::internal);
  std::string error;
  module.getContext().setDiagnosticHandler(std::make_unique<ErrorKeeper>(error));
  passes.run(module);
  module.getContext().setDiagnosticHandler(nullptr);
  if (!error.empty())
    throw Error("LLVM cannot compile a kernel: " + error, ErrorKind::internal);
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

namespace {

using llvm::orc::ExecutorAddr;
using llvm::orc::ExecutorSymbolDef;
using llvm::orc::SymbolStringPool;
namespace jitlink = llvm::jitlink;

struct Linked {
  jitlink::JITLinkMemoryManager::FinalizedAlloc memory;
  ExecutorAddr function;
  llvm::Error error = llvm::Error::success();
};

// One object on its way into memory: JITLink calls these one after the other on the thread that links. ORC,
// which is usually above JITLink, has dylibs, dependences between objects and lazy lookups; kernels need none
// of that, and it takes several times as long as the linking itself.
class LinkContext final : public jitlink::JITLinkContext {
public:
  LinkContext(jitlink::JITLinkMemoryManager& manager, SymbolStringPool& names, llvm::StringRef symbol,
              Linked& linked)
      : JITLinkContext(nullptr), manager_(manager), names_(names), symbol_(symbol), linked_(linked) {}

  jitlink::JITLinkMemoryManager& getMemoryManager() override { return manager_; }

  void notifyFailed(llvm::Error error) override {
    linked_.error = llvm::joinErrors(std::move(linked_.error), std::move(error));
  }

  void lookup(const LookupMap& symbols,
              std::unique_ptr<jitlink::JITLinkAsyncLookupContinuation> next) override {
    jitlink::AsyncLookupResult found;
    for (const auto& [name, flags] : symbols) {
      const std::string text = (*name).str();
      void* address = rt::find_half_conversion(text.c_str());
      if (!address)
        address = dlsym(RTLD_DEFAULT, text.c_str());
      if (!address && flags == jitlink::SymbolLookupFlags::RequiredSymbol)
        return next->run(llvm::createStringError("the process has no " + *name));
      found[name] = ExecutorSymbolDef(ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported);
    }
    next->run(std::move(found));
  }

  llvm::Error notifyResolved(jitlink::LinkGraph& graph) override {
    const jitlink::Symbol* symbol = graph.findDefinedSymbolByName(names_.intern(symbol_));
    if (!symbol)
      return llvm::createStringError("the object does not define it");
    linked_.function = symbol->getAddress();
    return llvm::Error::success();
  }

  void notifyFinalized(jitlink::JITLinkMemoryManager::FinalizedAlloc memory) override {
    linked_.memory = std::move(memory);
  }

private:
  jitlink::JITLinkMemoryManager& manager_;
  SymbolStringPool& names_;
  llvm::StringRef symbol_;
  Linked& linked_;
};

} // namespace

struct Jit::Impl {
  jitlink::InProcessMemoryManager memory{llvm::sys::Process::getPageSizeEstimate()};
  std::shared_ptr<SymbolStringPool> names = std::make_shared<SymbolStringPool>();
};

Jit& Jit::instance() {
  static Jit jit;
  return jit;
}

Jit::Jit() : impl_(new Impl) {}

Jit::Code Jit::link(std::unique_ptr<llvm::MemoryBuffer> object, llvm::StringRef symbol) {
  return link(object->getMemBufferRef(), symbol);
}

Jit::Code Jit::link(llvm::MemoryBufferRef object, llvm::StringRef symbol) {
  const std::string what = "cannot link kernel " + symbol.str();
  auto graph = jitlink::createLinkGraphFromObject(object, impl_->names);
  if (!graph)
    fail(what, graph.takeError());
  Linked linked;
  jitlink::link(std::move(*graph),
                std::make_unique<LinkContext>(impl_->memory, *impl_->names, symbol, linked));
  if (linked.error)
    fail(what, std::move(linked.error));
  struct Memory {
    jitlink::JITLinkMemoryManager& manager;
    jitlink::JITLinkMemoryManager::FinalizedAlloc memory;
    ~Memory() { llvm::consumeError(manager.deallocate(std::move(memory))); }
  };
  Code code;
  code.function = linked.function.toPtr<rt::KernelFn>();
  code.owner = std::shared_ptr<Memory>(new Memory{impl_->memory, std::move(linked.memory)});
  return code;
}

} // namespace sinter::codegen::cpu
