// Emits, looks up, compiles, loads.
#include "codegen/cuda/compile.h"

#include "codegen/cuda/emit.h"
#include "codegen/cuda/printer.h"
#include "codegen/kernel/kernel_store.h"
#include "sinter/runtime/cuda/nvrtc.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/thread_pool.h"

#include "ir/ops.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <unordered_map>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using rt::cuda::CudaDevice;
using KernelPointer = std::shared_ptr<const rt::DeviceKernel>;

// Kernels go by their text: all are called the same in it.
constexpr const char* kSymbol = "sinter_kernel";

// A distinct kernel of a module.
struct Job {
  std::string key;
  EmittedKernel emitted;
  rt::Digest digest{};
  std::vector<size_t> users = {}; // kernels of the module
  KernelPointer made = {};
};

// What the process has, for each device.
struct Loaded {
  std::mutex mutex;
  std::map<const CudaDevice*, std::unordered_map<std::string, KernelPointer>> kernels;

  static Loaded& instance() {
    static auto& loaded =
        *new Loaded; // code is not unloaded while the process ends: the driver may have gone before
    return loaded;
  }
};

KernelPointer load(const std::shared_ptr<CudaDevice>& device, const EmittedKernel& emitted,
                   std::span<const char> cubin) {
  auto kernel = std::make_shared<rt::DeviceKernel>();
  const auto lock = device->exclusive();
  kernel->code = device->load(cubin);
  kernel->function = device->function(kernel->code, emitted.symbol);
  kernel->blocks = emitted.blocks;
  kernel->threads[0] = emitted.threads[0];
  kernel->threads[1] = emitted.threads[1];
  kernel->parameters = emitted.parameters;
  return kernel;
}

class Production {
public:
  Production(std::shared_ptr<CudaDevice> device, const KernelOptions& options)
      : device_(std::move(device)), options_(options) {}

  CompiledKernels make(ModuleOp module) {
    collect(module);
    findLoaded();
    if (std::ranges::any_of(jobs_, [](const Job& job) { return !job.made; })) {
      findStored();
      compileMissing();
      remember();
    }
    deliver();
    return std::move(result_);
  }

private:
  void collect(ModuleOp module) {
    std::unordered_map<std::string, size_t> known;
    for (ir::KernelOp op : module.getOps<ir::KernelOp>()) {
      EmittedKernel emitted = emit(op, kSymbol);
      std::string key = emitted.source + "|" + std::to_string(emitted.blocks);
      auto [entry, isNew] = known.try_emplace(key, jobs_.size());
      if (isNew)
        jobs_.push_back({.key = std::move(key), .emitted = std::move(emitted)});
      jobs_[entry->second].users.push_back(result_.kernels.size());
      result_.kernels.emplace_back().name = op.getSymName().str();
    }
  }

  void findLoaded() {
    Loaded& loaded = Loaded::instance();
    const std::lock_guard lock(loaded.mutex);
    auto& mine = loaded.kernels[device_.get()];
    for (Job& job : jobs_)
      if (const auto found = mine.find(job.key); found != mine.end())
        job.made = found->second;
  }

  void findStored() {
    if (!options_.diskCache || !KernelStore::instance().off().empty())
      return;
    store_ = &KernelStore::instance();
    const auto [major, minor] = rt::cuda::nvrtc_version();
    const std::string compiler = "cuda|" + device_->architecture() + "|" + std::to_string(major) + "." +
                                 std::to_string(minor) + "|" + std::string(prelude());
    std::vector<char> bytes;
    for (Job& job : jobs_) {
      if (job.made)
        continue;
      job.digest = store_->digestOf(compiler + job.key);
      if (!store_->cache().find(job.digest, bytes))
        continue;
      try {
        if (const auto stored = unpack({bytes.data(), bytes.size()})) {
          job.made = load(device_, job.emitted, stored->object);
          ++result_.loaded;
          continue;
        }
      } catch (const Error&) { // whole, but the driver does not take it; compiled anew, it may
      }
      store_->cache().remove(job.digest);
    }
  }

  void compileMissing() {
    std::vector<Job*> missing;
    for (Job& job : jobs_)
      if (!job.made)
        missing.push_back(&job);
    rt::current_thread_pool().try_parallel_for(
        static_cast<int64_t>(missing.size()), 1, [&](int64_t begin, int64_t end, int) {
          for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
            compile(*missing[i], missing.size());
        });
    result_.compiled = static_cast<int64_t>(missing.size());
  }

  void compile(Job& job, size_t total) {
    const rt::cuda::DeviceCode code =
        rt::cuda::compile_for_device(std::string(prelude()) + job.emitted.source, device_->architecture());
    job.made = load(device_, job.emitted, code.cubin);
    if (store_)
      store_->cache().store(job.digest, pack({.symbol = job.emitted.symbol,
                                              .algorithm = job.emitted.algorithm,
                                              .target = device_->architecture(),
                                              .object = {code.cubin.data(), code.cubin.size()}}));
    const std::lock_guard lock(mutex_);
    ++done_;
    if (options_.progress)
      options_.progress(done_, static_cast<int64_t>(total));
  }

  void remember() {
    Loaded& loaded = Loaded::instance();
    const std::lock_guard lock(loaded.mutex);
    auto& mine = loaded.kernels[device_.get()];
    constexpr size_t kMost = 4096; // then those go that no program has
    if (mine.size() + jobs_.size() > kMost)
      std::erase_if(mine, [](const auto& entry) { return entry.second.use_count() == 1; });
    for (const Job& job : jobs_)
      mine.emplace(job.key, job.made);
  }

  void deliver() {
    for (const Job& job : jobs_)
      for (const size_t user : job.users) {
        rt::Kernel& kernel = result_.kernels[user];
        kernel.algorithm = job.emitted.algorithm;
        kernel.device = job.made;
      }
  }

  std::shared_ptr<CudaDevice> device_;
  const KernelOptions& options_;
  std::vector<Job> jobs_;
  CompiledKernels result_;
  KernelStore* store_ = nullptr;
  std::mutex mutex_; // guards done_ and the user's callback
  int64_t done_ = 0;
};

} // namespace

std::optional<int> ordinalOf(const std::string& name) {
  if (name == "cpu")
    return std::nullopt;
  if (name == "cuda")
    return 0;
  constexpr std::string_view kPrefix = "cuda:";
  int ordinal = -1;
  const char* end = name.data() + name.size();
  if (!name.starts_with(kPrefix) || std::from_chars(name.data() + kPrefix.size(), end, ordinal).ptr != end ||
      ordinal < 0)
    throw Error("unknown device '" + name + "': use cpu, cuda or cuda:N");
  return ordinal;
}

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
