// Parallel compilation of kernels behind two caches keyed by their IR: the process's, and below it the one on
// disk.
#include "codegen/cpu/compile.h"

#include "codegen/cpu/emit.h"
#include "codegen/cpu/jit.h"
#include "codegen/cpu/kernel_tuner.h"
#include "codegen/kernel/kernel_store.h"
#include "codegen/kernel/kernel_text.h"
#include "codegen/kernel/worker_contexts.h"
#include "codegen/lru_cache.h"
#include "ir/ops.h"
#include "sinter/runtime/thread_pool.h"

#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

// A kernel, and whether there is more to find out about it.
struct Known {
  rt::Kernel kernel;
  uint32_t untried = 0; ///< see StoredKernel

  bool isEnough(const KernelOptions& options) const { return !options.tune || untried == 0; }
};

// The next shape of the same model shares most of its kernels with the last.
LruCache<Known>& kernelCache() {
  static auto& cache = *new LruCache<Known>; // the code it owns may run until the process ends
  return cache;
}

// What was measured is kept in the place of what was not.
void remember(const std::string& key, const Known& known) {
  kernelCache().insert(key, known, [&](const Known& before) { return before.untried <= known.untried; });
}

EmittedKernel emit(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context, size_t choice = 0) {
  if (hasMicroKernel(kernel, target))
    return emitContraction(kernel, target, context, choice);
  if (hasAttentionKernel(kernel))
    return emitAttention(kernel, target, context);
  if (hasScatter(kernel))
    return emitScatter(kernel, target, context);
  return emitLoops(kernel, target, context);
}

// All that the code of a kernel depends on: its text and every property of the target.
std::string keyOf(const Target& target, const std::string& text) {
  std::string key = target.triple + "|" + target.cpu + "|" + target.features;
  for (const int64_t number : {target.vectorBytes, target.widestBytes, target.registers, int64_t{target.fma},
                               target.l1Bytes, target.l2Bytes})
    key += "|" + std::to_string(number);
  return key + "|" + text;
}

// A kernel on its way from text to code.
struct Job {
  std::string key;
  std::string text;
  rt::Digest digest{};       // where it is kept on disk, if there is a store
  std::vector<size_t> users; // kernels of the module with this body
};

rt::Kernel describe(const StoredKernel& stored) {
  rt::Kernel kernel;
  kernel.algorithm = stored.algorithm;
  kernel.tasks = stored.tasks;
  kernel.grain = stored.grain;
  kernel.scratch_bytes = stored.scratchBytes;
  return kernel;
}

rt::Kernel link(const StoredKernel& stored) {
  Jit::Code code = Jit::instance().link({stored.object, "kernel"}, stored.symbol);
  rt::Kernel kernel = describe(stored);
  kernel.function = code.function;
  kernel.code = std::move(code.owner);
  return kernel;
}

// A name for the code of a kernel: in a library, all kernels lie side by side.
std::string symbolOf(const Job& job) {
  constexpr size_t kDigits = 24;
  return "sinter_kernel_" + rt::to_hex(rt::sha256(job.key)).substr(0, kDigits);
}

rt::Kernel keepObject(const StoredKernel& stored) {
  rt::Kernel kernel = describe(stored);
  kernel.object = std::make_shared<const rt::KernelObject>(
      rt::KernelObject{std::string(stored.symbol), std::string(stored.object)});
  return kernel;
}

std::optional<Known> load(const KernelStore& store, const rt::Digest& digest) {
  std::optional<Known> known;
  store.load(digest, [&](const StoredKernel& stored) { known = {link(stored), stored.untried}; });
  return known;
}

// One way to compute a kernel.
struct Variant {
  rt::Kernel kernel;
  std::unique_ptr<llvm::MemoryBuffer> object;
  std::string symbol;
  size_t choices = 1; ///< how many ways there are

  std::string pack(const Target& target, uint32_t untried) const {
    const std::string targetText = target.cpu + ", " + std::to_string(target.vectorBytes * 8) + " bits";
    return codegen::pack({.symbol = symbol,
                          .algorithm = kernel.algorithm,
                          .target = targetText,
                          .tasks = kernel.tasks,
                          .grain = kernel.grain,
                          .scratchBytes = kernel.scratch_bytes,
                          .untried = untried,
                          .object = object->getBuffer()});
  }
};

// From several threads at once, in contexts of theirs.
class Compiler {
public:
  Compiler(const Target& target, bool isLinked) : target_(target), isLinked_(isLinked) {}

  Variant compile(const Job& job, MLIRContext& context, size_t choice = 0) const {
    OwningOpRef<ModuleOp> module = parseKernel(job.text, context);
    llvm::LLVMContext llvmContext;
    EmittedKernel emitted = emit(*module->getOps<ir::KernelOp>().begin(), target_, llvmContext, choice);
    if (!isLinked_)
      makeGlobal(emitted, symbolOf(job));
    Variant made;
    made.object = compileToObject(*emitted.module, target_);
    made.symbol = emitted.symbol;
    made.choices = emitted.choices;
    const StoredKernel stored{.symbol = made.symbol,
                              .algorithm = emitted.algorithm,
                              .target = "",
                              .tasks = emitted.tasks,
                              .grain = emitted.grain,
                              .scratchBytes = emitted.scratchBytes,
                              .object = made.object->getBuffer()};
    made.kernel = isLinked_ ? link(stored) : keepObject(stored);
    return made;
  }

private:
  // Seen by the other parts of a library, and by nobody else.
  static void makeGlobal(EmittedKernel& emitted, const std::string& symbol) {
    llvm::Function* function = emitted.module->getFunction(emitted.symbol);
    function->setName(symbol);
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    emitted.symbol = symbol;
  }

  const Target& target_;
  const bool isLinked_; ///< into this process
};

// Hands finished kernels to those that wait for them: the module, later modules of the process, the user.
class Delivery {
public:
  Delivery(std::vector<rt::Kernel>& kernels, size_t total, const KernelOptions& options)
      : kernels_(kernels), total_(static_cast<int64_t>(total)), options_(options) {}

  void finish(const Job& job, const Known& known) {
    if (!options_.objects)
      remember(job.key, known);
    for (size_t user : job.users)
      kernels_[user] = known.kernel;
    const std::lock_guard lock(mutex_);
    if (options_.objects)
      options_.objects->emplace(job.key, known.kernel);
    ++done_;
    if (options_.progress)
      options_.progress(done_, total_);
  }

private:
  std::vector<rt::Kernel>& kernels_;
  const int64_t total_;
  const KernelOptions& options_;
  std::mutex mutex_; // guards `done_`, the user's callback, and objects
  int64_t done_ = 0;
};

std::optional<rt::Kernel> findKnown(const std::string& key, const KernelOptions& options) {
  if (options.objects) {
    const auto found = options.objects->find(key);
    return found != options.objects->end() ? std::optional(found->second) : std::nullopt;
  }
  auto known = kernelCache().find(key);
  return known && known->isEnough(options) ? std::optional(std::move(known->kernel)) : std::nullopt;
}

// The kernels of `module` that are not known yet; those that are go to `kernels` at once.
std::vector<Job> collect(ModuleOp module, const Target& target, const KernelOptions& options,
                         std::vector<rt::Kernel>& kernels) {
  std::vector<Job> jobs;
  std::unordered_map<std::string, size_t> jobOf;
  for (ir::KernelOp kernel : module.getOps<ir::KernelOp>()) {
    std::string text = kernelText(kernel);
    std::string key = keyOf(target, text);
    kernels.emplace_back();
    if (auto found = findKnown(key, options)) {
      kernels.back() = std::move(*found);
      continue;
    }
    auto [entry, isNew] = jobOf.try_emplace(key, jobs.size());
    if (isNew)
      jobs.push_back({.key = std::move(key), .text = std::move(text), .digest = {}, .users = {}});
    jobs[entry->second].users.push_back(kernels.size() - 1);
  }
  return jobs;
}

// Compiles, on all threads; measures, alone on the machine as far as that is up to us; delivers and keeps.
class Production {
public:
  Production(const Target& target, const KernelOptions& options, KernelStore* store, Delivery& delivery)
      : target_(target), options_(options), store_(store), delivery_(delivery) {}

  void run(const std::vector<Job>& jobs) {
    std::vector<std::vector<Variant>> variants(jobs.size());
    contexts_.forEach(jobs.size(),
                      [&](size_t i, MLIRContext& context) { variants[i] = compile(jobs[i], context); });
    for (size_t i = 0; i < jobs.size(); ++i)
      if (!variants[i].empty())
        finishFastest(jobs[i], variants[i]);
  }

  int64_t tuned() const { return tuned_; }

private:
  // The variants that are still to be measured; none if the kernel is finished.
  std::vector<Variant> compile(const Job& job, MLIRContext& context) {
    std::vector<Variant> made;
    made.push_back(compiler_.compile(job, context));
    const size_t choices = made.front().choices;
    if (!options_.tune || choices == 1) {
      finish(job, made.front(), static_cast<uint32_t>(choices - 1));
      return {};
    }
    for (size_t choice = 1; choice < choices; ++choice)
      made.push_back(compiler_.compile(job, context, choice));
    return made;
  }

  void finishFastest(const Job& job, std::vector<Variant>& variants) {
    std::vector<rt::Kernel> kernels;
    for (const Variant& variant : variants)
      kernels.push_back(variant.kernel);
    OwningOpRef<ModuleOp> module = parseKernel(job.text, contexts_.of(0));
    const KernelOperands operands = operandsOf(*module->getOps<ir::KernelOp>().begin());
    Variant& best = variants[fastestKernel(kernels, operands, rt::current_thread_pool())];
    best.kernel.algorithm += ", tuned";
    finish(job, best, 0);
    ++tuned_;
  }

  void finish(const Job& job, const Variant& made, uint32_t untried) {
    if (store_)
      store_->cache().store(job.digest, made.pack(target_, untried));
    delivery_.finish(job, {made.kernel, untried});
  }

  const Target& target_;
  const KernelOptions& options_;
  KernelStore* store_; ///< may be null
  Delivery& delivery_;
  const Compiler compiler_{target_, !options_.objects};
  WorkerContexts contexts_;
  int64_t tuned_ = 0;
};

} // namespace

CompiledKernels compileKernels(ModuleOp module, const Target& target, const KernelOptions& options) {
  CompiledKernels result;
  std::vector<Job> jobs = collect(module, target, options, result.kernels);
  Delivery delivery(result.kernels, jobs.size(), options);
  const bool isKept = options.diskCache && !options.objects;
  KernelStore* store = isKept && !jobs.empty() ? KernelStore::ifOn() : nullptr;

  std::vector<Job> missing;
  if (store) {
    // On one thread: it takes 35 microseconds a kernel, and two threads take longer for the same, since each
    // link maps memory, which a process does one at a time.
    for (Job& job : jobs) {
      job.digest = store->digestOf(job.key);
      if (const auto known = load(*store, job.digest); known && known->isEnough(options)) {
        delivery.finish(job, *known);
        ++result.loaded;
      } else {
        missing.push_back(std::move(job));
      }
    }
  } else {
    missing = std::move(jobs);
  }
  Production production(target, options, store, delivery);
  production.run(missing);
  result.compiled = static_cast<int64_t>(missing.size());
  result.tuned = production.tuned();

  for (auto [kernel, op] : llvm::zip(result.kernels, module.getOps<ir::KernelOp>()))
    kernel.name = op.getSymName().str();
  return result;
}

std::string printKernels(ModuleOp module, const Target& target) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (ir::KernelOp kernel : module.getOps<ir::KernelOp>()) {
    llvm::LLVMContext context;
    EmittedKernel emitted = emit(kernel, target, context);
    optimize(*emitted.module, target);
    stream << "; @" << kernel.getSymName() << ": " << emitted.algorithm << ", " << emitted.tasks << " tasks\n"
           << *emitted.module << "\n";
  }
  return text;
}

} // namespace sinter::codegen::cpu
