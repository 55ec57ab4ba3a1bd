// Parallel compilation of kernels behind a process-wide cache keyed by their IR.
#include "codegen/kernel/kernel_compiler.h"

#include "codegen/cpu/emit.h"
#include "codegen/cpu/jit.h"
#include "ir/ops.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/Parser/Parser.h"

#include <atomic>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

using namespace mlir;

namespace sinter::codegen {
namespace {

std::atomic<uint64_t> compiledKernels{0};

// Finished kernels by key. A bounded number is kept although no executable uses them, those asked for last:
// the next shape of the same model shares most of its kernels with the last.
class KernelCache {
public:
  std::optional<rt::Kernel> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    auto found = places_.find(key);
    if (found == places_.end())
      return std::nullopt;
    kernels_.splice(kernels_.begin(), kernels_, found->second);
    return found->second->kernel;
  }

  void insert(const std::string& key, const rt::Kernel& kernel) {
    std::list<Entry> evicted; // unloaded when the lock is gone
    const std::lock_guard lock(mutex_);
    if (places_.contains(key))
      return;
    kernels_.push_front({key, kernel});
    places_.emplace(key, kernels_.begin());
    if (kernels_.size() <= kCapacity)
      return;
    places_.erase(kernels_.back().key);
    evicted.splice(evicted.begin(), kernels_, std::prev(kernels_.end()));
  }

private:
  struct Entry {
    std::string key;
    rt::Kernel kernel;
  };

  static constexpr size_t kCapacity = 4096;
  std::mutex mutex_;
  std::list<Entry> kernels_; ///< latest first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
};

KernelCache& kernelCache() {
  static auto* cache = new KernelCache; // the code it owns may run until the process ends
  return *cache;
}

// The body without the symbol's name: kernels that differ in name only are the same code.
std::string bodyText(ir::KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto clone = cast<ir::KernelOp>(kernel->clone());
  clone.setSymName("kernel");
  clone->print(stream, OpPrintingFlags().useLocalScope());
  clone->erase();
  return text;
}

cpu::EmittedKernel emit(ir::KernelOp kernel, const cpu::Target& target, llvm::LLVMContext& context) {
  if (cpu::hasMicroKernel(kernel, target))
    return cpu::emitContraction(kernel, target, context);
  return cpu::emitLoops(kernel, target, context);
}

// A worker's own MLIR context: contexts shared between threads lock on every type and attribute.
class Emitter {
public:
  explicit Emitter(const cpu::Target& target) : target_(target), context_(MLIRContext::Threading::DISABLED) {
    context_.loadDialect<ir::SinterDialect>();
  }

  cpu::EmittedKernel emit(const std::string& text, llvm::LLVMContext& llvmContext) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&context_));
    if (!module)
      throw Error("a kernel's own text does not parse", ErrorKind::internal);
    return codegen::emit(*module->getOps<ir::KernelOp>().begin(), target_, llvmContext);
  }

  rt::Kernel compile(const std::string& text) {
    llvm::LLVMContext llvmContext;
    cpu::EmittedKernel emitted = emit(text, llvmContext);
    const std::string symbol = emitted.symbol;
    cpu::Jit::Code code = cpu::Jit::instance().link(cpu::compileToObject(*emitted.module, target_), symbol);
    ++compiledKernels;
    rt::Kernel kernel;
    kernel.algorithm = std::move(emitted.algorithm);
    kernel.function = code.function;
    kernel.code = std::move(code.owner);
    kernel.tasks = emitted.tasks;
    kernel.grain = emitted.grain;
    kernel.scratch_bytes = emitted.scratchBytes;
    return kernel;
  }

private:
  const cpu::Target& target_;
  MLIRContext context_;
};

struct Job {
  std::string key;
  std::string text;
  std::vector<size_t> users; // kernels of the module with this body
};

} // namespace

std::vector<rt::Kernel> compileKernels(ModuleOp module, const cpu::Target& target,
                                       const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<rt::Kernel> kernels;
  std::vector<Job> jobs;
  std::unordered_map<std::string, size_t> jobOf;
  std::vector<std::string> names;
  for (ir::KernelOp kernel : module.getOps<ir::KernelOp>()) {
    std::string text = bodyText(kernel);
    std::string key =
        target.cpu + "|" + target.features + "|" + std::to_string(target.vectorBytes) + "|" + text;
    names.push_back(kernel.getSymName().str());
    kernels.emplace_back();
    if (auto found = kernelCache().find(key)) {
      kernels.back() = *found;
      continue;
    }
    auto [entry, isNew] = jobOf.try_emplace(key, jobs.size());
    if (isNew)
      jobs.push_back({std::move(key), std::move(text), {}});
    jobs[entry->second].users.push_back(kernels.size() - 1);
  }

  rt::ThreadPool& pool = rt::default_thread_pool();
  std::vector<std::unique_ptr<Emitter>> emitters(static_cast<size_t>(pool.size()));
  std::mutex mutex; // guards `failure`, `done` and the user's progress callback
  std::exception_ptr failure;
  int64_t done = 0;
  const auto total = static_cast<int64_t>(jobs.size());
  pool.parallel_for(total, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t i = begin; i < end; ++i) {
      try {
        auto& emitter = emitters[static_cast<size_t>(worker)];
        if (!emitter)
          emitter = std::make_unique<Emitter>(target);
        Job& job = jobs[static_cast<size_t>(i)];
        const rt::Kernel kernel = emitter->compile(job.text);
        kernelCache().insert(job.key, kernel);
        for (size_t user : job.users)
          kernels[user] = kernel;
        const std::lock_guard lock(mutex);
        ++done;
        if (progress)
          progress(done, total);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure)
          failure = std::current_exception();
      }
    }
  });
  if (failure)
    std::rethrow_exception(failure);
  for (size_t i = 0; i < kernels.size(); ++i)
    kernels[i].name = names[i];
  return kernels;
}

std::string printKernels(ModuleOp module, const cpu::Target& target) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (ir::KernelOp kernel : module.getOps<ir::KernelOp>()) {
    llvm::LLVMContext context;
    cpu::EmittedKernel emitted = emit(kernel, target, context);
    cpu::optimize(*emitted.module, target);
    stream << "; @" << kernel.getSymName() << ": " << emitted.algorithm << ", " << emitted.tasks << " tasks\n"
           << *emitted.module << "\n";
  }
  return text;
}

uint64_t compiledKernelCount() {
  return compiledKernels;
}

} // namespace sinter::codegen
