// Asks libraries, looks up, emits, compiles, loads.
#include "codegen/cuda/compile.h"

#include "codegen/cuda/emit.h"
#include "codegen/cuda/library_calls.h"
#include "codegen/cuda/printer.h"
#include "codegen/kernel/kernel_store.h"
#include "codegen/kernel/kernel_text.h"
#include "codegen/kernel/worker_contexts.h"
#include "codegen/lru_cache.h"
#include "sinter/runtime/cuda/nvrtc.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/thread_pool.h"

#include "ir/ops.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using rt::cuda::CudaDevice;
using KernelPointer = std::shared_ptr<const rt::DeviceKernel>;

// Each kernel is a program of its own: all are called the same in it.
constexpr const char* kSymbol = "sinter_kernel";

// What a launch takes to know. Kept on disk as it is, before the code, which so begins at a multiple of 16
// bytes.
struct LaunchShape {
  int64_t blocks = 1;
  int64_t threads[2] = {1, 1};
  uint32_t parameters = 0;
  uint32_t sharedBytes = 0;

  static LaunchShape of(const EmittedKernel& emitted) {
    return {.blocks = emitted.blocks,
            .threads = {emitted.threads[0], emitted.threads[1]},
            .parameters = emitted.parameters,
            .sharedBytes = emitted.sharedBytes};
  }
};
static_assert(sizeof(LaunchShape) % 16 == 0);

// A kernel, and how it computes.
struct Finished {
  KernelPointer kernel;
  std::string algorithm;
};

// A distinct kernel of a module.
struct Job {
  std::string text; ///< all that its code depends on, but for the compiler
  rt::Digest digest{};
  std::vector<size_t> users = {}; ///< kernels of the module
  Finished made = {};
};

// A kernel that a library may know to compute; if not, or if it is to be seen who is faster, it is a job,
// too.
struct LibraryJob {
  std::string text;
  ir::KernelOp op;
  LibraryProblem problem;
  size_t user; ///< kernel of the module
  std::vector<KernelPointer> choices = {};
  std::optional<size_t> own = {}; ///< number of the job
  Finished made = {};
};

// What the process has for a device.
LruCache<Finished>& kernelCache(const CudaDevice* device) {
  static std::mutex mutex;
  // Code is not unloaded while the process ends: the driver may have gone before.
  static auto& caches = *new std::map<const CudaDevice*, LruCache<Finished>>;
  const std::lock_guard lock(mutex);
  return caches[device];
}

// Emission reads these attributes of the module that a kernel is in.
constexpr const char* kReadOfModule[] = {ir::kTf32};

std::string textOf(ModuleOp module, ir::KernelOp kernel) {
  std::string attributes;
  for (const char* name : kReadOfModule)
    if (Attribute value = module->getAttr(name)) {
      llvm::raw_string_ostream stream(attributes);
      stream << (attributes.empty() ? "" : ", ") << name << " = " << value;
    }
  return "module attributes {" + attributes + "} {\n" + kernelText(kernel) + "\n}";
}

KernelPointer load(CudaDevice& device, const LaunchShape& shape, std::span<const char> code) {
  auto kernel = std::make_shared<rt::DeviceKernel>();
  const auto lock = device.exclusive();
  kernel->code = device.load(code);
  kernel->function = device.function(kernel->code, kSymbol, shape.sharedBytes);
  kernel->blocks = shape.blocks;
  std::ranges::copy(shape.threads, kernel->threads);
  kernel->parameters = shape.parameters;
  kernel->shared_bytes = shape.sharedBytes;
  return kernel;
}

class Production {
public:
  Production(std::shared_ptr<CudaDevice> device, const KernelOptions& options)
      : device_(std::move(device)), options_(options) {}

  CompiledKernels make(ModuleOp module) {
    collect(module);
    findLoaded(libraryJobs_);
    askLibraries();
    findLoaded(jobs_);
    if (std::ranges::any_of(jobs_, [](const Job& job) { return !job.made.kernel; })) {
      findStored();
      compileMissing();
    }
    choose();
    remember();
    deliver();
    return std::move(result_);
  }

private:
  void collect(ModuleOp module) {
    const bool asks = librariesAreOn();
    for (ir::KernelOp op : module.getOps<ir::KernelOp>()) {
      const size_t user = result_.kernels.size();
      result_.kernels.emplace_back().name = op.getSymName().str();
      std::string text = textOf(module, op);
      if (auto problem = asks ? libraryProblem(op, options_.precise) : std::nullopt)
        libraryJobs_.push_back(
            {.text = libraryPrefix() + text, .op = op, .problem = std::move(*problem), .user = user});
      else
        jobs_[jobOf(std::move(text))].users.push_back(user);
    }
  }

  // What a library's choice depends on besides the kernel.
  std::string libraryPrefix() const {
    return std::string("library") + (options_.tune ? ", tuned" : "") + (options_.precise ? ", precise" : "") +
           ": ";
  }

  // The job that makes the kernel of this text.
  size_t jobOf(std::string text) {
    auto [entry, isNew] = known_.try_emplace(text, jobs_.size());
    if (isNew)
      jobs_.push_back({.text = std::move(text)});
    return entry->second;
  }

  template <class AnyJob>
  void findLoaded(std::vector<AnyJob>& jobs) {
    for (AnyJob& job : jobs)
      if (auto found = cache_.find(job.text))
        job.made = std::move(*found);
  }

  void askLibraries() {
    std::vector<LibraryJob*> missing;
    for (LibraryJob& job : libraryJobs_)
      if (!job.made.kernel)
        missing.push_back(&job);
    constexpr size_t kMeasured = 4;
    pool_.try_parallel_for(static_cast<int64_t>(missing.size()), 1, [&](int64_t begin, int64_t end, int) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
        missing[i]->choices =
            libraryKernels(*device_, missing[i]->op, missing[i]->problem, options_.tune ? kMeasured : 1);
    });
    for (LibraryJob* job : missing) {
      std::erase_if(job->choices,
                    [&](const KernelPointer& choice) { return !runs(*device_, job->op, *choice); });
      if (options_.tune || job->choices.empty())
        job->own = jobOf(textOf(job->op->getParentOfType<ModuleOp>(), job->op));
    }
  }

  // Of what libraries have and the kernel of Sinter's.
  void choose() {
    for (LibraryJob& job : libraryJobs_) {
      if (job.made.kernel)
        continue;
      std::vector<KernelPointer> choices = job.choices;
      if (job.own)
        choices.push_back(jobs_[*job.own].made.kernel);
      const size_t chosen = choices.size() > 1 ? fastest(*device_, job.op, choices) : 0;
      result_.tuned += choices.size() > 1 ? 1 : 0;
      job.made = {choices[chosen],
                  chosen < job.choices.size() ? algorithmOf(job.problem) : jobs_[*job.own].made.algorithm};
    }
  }

  void findStored() {
    store_ = options_.diskCache ? KernelStore::ifOn() : nullptr;
    if (!store_)
      return;
    const auto [major, minor] = rt::cuda::nvrtc_version();
    const std::string compiler =
        "cuda|" + device_->architecture() + "|" + std::to_string(major) + "." + std::to_string(minor) + "|";
    for (Job& job : jobs_) {
      if (job.made.kernel)
        continue;
      job.digest = store_->digestOf(compiler + job.text);
      if (store_->load(job.digest, [&](const StoredKernel& stored) { job.made = link(stored); }))
        ++result_.loaded;
    }
  }

  Finished link(const StoredKernel& stored) {
    LaunchShape shape;
    if (stored.object.size() <= sizeof shape)
      throw Error("this is no kernel for a GPU", ErrorKind::internal);
    std::memcpy(&shape, stored.object.data(), sizeof shape);
    return {load(*device_, shape, stored.object.substr(sizeof shape)), std::string(stored.algorithm)};
  }

  void compileMissing() {
    std::vector<Job*> missing;
    for (Job& job : jobs_)
      if (!job.made.kernel)
        missing.push_back(&job);
    WorkerContexts().forEach(missing.size(), [&](size_t i, MLIRContext& context) {
      compile(*missing[i], missing.size(), context);
    });
    result_.compiled = static_cast<int64_t>(missing.size());
  }

  void compile(Job& job, size_t total, MLIRContext& context) {
    OwningOpRef<ModuleOp> module = parseKernel(job.text, context);
    const EmittedKernel emitted = emit(*module->getOps<ir::KernelOp>().begin(), kSymbol);
    const rt::cuda::DeviceCode made =
        rt::cuda::compile_for_device(std::string(prelude()) + emitted.source, device_->architecture());
    const LaunchShape shape = LaunchShape::of(emitted);
    job.made = {load(*device_, shape, made.code), emitted.algorithm};
    if (store_) {
      std::string object(reinterpret_cast<const char*>(&shape), sizeof shape);
      object.append(made.code.data(), made.code.size());
      store_->cache().store(job.digest, pack({.symbol = kSymbol,
                                              .algorithm = emitted.algorithm,
                                              .target = device_->architecture(),
                                              .object = object}));
    }
    const std::lock_guard lock(mutex_);
    ++done_;
    if (options_.progress)
      options_.progress(done_, static_cast<int64_t>(total));
  }

  void remember() {
    for (const Job& job : jobs_)
      cache_.insert(job.text, job.made);
    for (const LibraryJob& job : libraryJobs_)
      cache_.insert(job.text, job.made);
  }

  void deliver() {
    auto give = [&](size_t user, const Finished& made) {
      result_.kernels[user].algorithm = made.algorithm;
      result_.kernels[user].device = made.kernel;
    };
    for (const Job& job : jobs_)
      for (const size_t user : job.users)
        give(user, job.made);
    for (const LibraryJob& job : libraryJobs_)
      give(job.user, job.made);
  }

  std::shared_ptr<CudaDevice> device_;
  const KernelOptions& options_;
  LruCache<Finished>& cache_ = kernelCache(device_.get());
  rt::ThreadPool& pool_ = rt::current_thread_pool();
  std::vector<Job> jobs_;
  std::unordered_map<std::string, size_t> known_; ///< jobs by their texts
  std::vector<LibraryJob> libraryJobs_;
  CompiledKernels result_;
  KernelStore* store_ = nullptr;
  std::mutex mutex_; // guards done_ and the user's callback
  int64_t done_ = 0;
};

} // namespace

CompiledKernels compileKernels(ModuleOp module, const std::shared_ptr<CudaDevice>& device,
                               const KernelOptions& options) {
  return Production(device, options).make(module);
}

std::string printKernels(ModuleOp module) {
  std::string text;
  for (ir::KernelOp kernel : module.getOps<ir::KernelOp>()) {
    const EmittedKernel emitted = emit(kernel, "sinter_" + kernel.getSymName().str());
    text += "// @" + kernel.getSymName().str() + ": " + emitted.algorithm + ", " +
            std::to_string(emitted.blocks) + " blocks of " + std::to_string(emitted.threads[0]) + "x" +
            std::to_string(emitted.threads[1]) + " threads\n" + emitted.source + "\n";
  }
  return text;
}

} // namespace sinter::codegen::cuda
