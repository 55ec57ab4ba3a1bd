// A GPU by its driver: one context, one stream.
#include "sinter/runtime/cuda/device.h"

#include "cuda/graph.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <mutex>

namespace sinter::rt::cuda {
namespace {

constexpr Status kOutOfMemory = 2;
// Of cuDeviceGetAttribute.
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
constexpr int kMemoryPoolsSupported = 115;
constexpr int kReleaseThreshold = 4; // of cuMemPoolSetAttribute
// Of cuFuncSetAttribute.
constexpr int kMostDynamicSharedBytes = 8;
constexpr unsigned kNonBlocking = 1; // the stream does not wait for the default one

void* pointer(DeviceAddress address) {
  return reinterpret_cast<void*>(address);
}

DeviceAddress address(const void* pointer) {
  return reinterpret_cast<DeviceAddress>(pointer);
}

class Gpu final : public CudaDevice, public std::enable_shared_from_this<Gpu> {
public:
  explicit Gpu(int ordinal) : driver_(Driver::get()), ordinal_(ordinal) {
    int count = 0;
    check(driver_.device_count(&count), "CUDA devices cannot be counted");
    if (ordinal < 0 || ordinal >= count)
      throw Error("there is no CUDA device " + std::to_string(ordinal) + ": there are " +
                      std::to_string(count),
                  ErrorKind::system);
    DeviceNumber number = 0;
    check(driver_.device(&number, ordinal), "the CUDA device");
    std::array<char, 256> name{};
    check(driver_.device_name(name.data(), static_cast<int>(name.size()), number), "the CUDA device");
    name_ = name.data();
    int major = 0, minor = 0;
    check(driver_.device_attribute(&major, kCapabilityMajor, number), "the CUDA device");
    check(driver_.device_attribute(&minor, kCapabilityMinor, number), "the CUDA device");
    if (major * 10 + minor < 75)
      throw Error(name_ + " has compute capability " + std::to_string(major) + "." + std::to_string(minor) +
                      ", 7.5 is needed",
                  ErrorKind::system);
    architecture_ = "sm_" + std::to_string(major) + std::to_string(minor);
    std::size_t bytes = 0;
    check(driver_.total_memory(&bytes, number), "the CUDA device");
    total_bytes_ = bytes;
    check(driver_.retain_context(&context_, number), "a CUDA context");
    const Entered entered(*this);
    check(driver_.create_stream(&stream_, kNonBlocking), "a CUDA stream");
    check(driver_.create_stream(&recording_, kNonBlocking), "a CUDA stream");
    keep_released_memory(number);
  }

  const std::string& name() const override { return name_; }
  int ordinal() const override { return ordinal_; }
  const std::string& architecture() const override { return architecture_; }
  uint64_t total_bytes() const override { return total_bytes_; }

  std::shared_ptr<Storage> allocate(uint64_t bytes) override {
    const Entered entered(*this);
    if (bytes == 0)
      return Storage::adopt(nullptr, 0, nullptr, shared_from_this());
    DeviceAddress memory = 0;
    Status status = driver_.allocate(&memory, bytes, stream_);
    if (status == kOutOfMemory) { // what was released may lie in pieces
      check(driver_.synchronize(stream_), "a kernel failed");
      driver_.trim_pool(pool_, 0);
      status = driver_.allocate(&memory, bytes, stream_);
    }
    const std::string what = "no " + std::to_string(bytes) + " bytes of memory on " + name_;
    check(status, what.c_str());
    auto self = shared_from_this();
    std::shared_ptr<void> owner(pointer(memory), [self](void* held) {
      if (const EnteredIfAlive entered(*self); entered)
        self->driver_.release(address(held), self->stream_);
    });
    return Storage::adopt(pointer(memory), bytes, std::move(owner), self);
  }

  // The driver reads memory that is pinned later than the call returns, so copies are waited for; but for
  // numbers, which go by value.
  void upload(void* to, const void* from, uint64_t bytes) override {
    const Entered entered(*this);
    constexpr uint64_t kByValue = 8;
    if (bytes > kByValue) {
      check(driver_.upload(address(to), from, bytes, stream_), "a copy to the device");
      return check(driver_.synchronize(stream_), "a kernel failed");
    }
    for (uint64_t i = 0; i < bytes; ++i)
      check(driver_.set_bytes(address(to) + i, static_cast<const unsigned char*>(from)[i], 1, stream_),
            "a copy to the device");
  }

  void download(void* to, const void* from, uint64_t bytes) override {
    const Entered entered(*this);
    if (bytes > 0)
      check(driver_.download(to, address(from), bytes, stream_), "a copy from the device");
    synchronize();
  }

  void copy(void* to, const void* from, uint64_t bytes) override {
    const Entered entered(*this);
    if (bytes > 0)
      check(driver_.copy(address(to), address(from), bytes, stream_), "a copy on the device");
  }

  void launch(const DeviceKernel& kernel, void* const* buffers) override {
    const Entered entered(*this);
    if (kernel.call)
      return kernel.call->enqueue(stream_, buffers);
    KernelArguments arguments(kernel, buffers);
    check(driver_.launch(static_cast<Function>(kernel.function), static_cast<unsigned>(kernel.blocks), 1, 1,
                         static_cast<unsigned>(kernel.threads[0]), static_cast<unsigned>(kernel.threads[1]),
                         1, kernel.shared_bytes, stream_, arguments.get(), nullptr),
          "a kernel cannot be launched");
  }

  std::unique_ptr<DeviceGraph> record(std::span<const DeviceLaunch> launches) override {
    if (!std::ranges::all_of(launches, can_be_recorded))
      return nullptr;
    const Entered entered(*this);
    auto graph = cuda::record(driver_, stream_, recording_, launches);
    return graph ? std::make_unique<EnteredGraph>(shared_from_this(), std::move(graph)) : nullptr;
  }

  void synchronize() override {
    const Entered entered(*this);
    check(driver_.synchronize(stream_), "a kernel failed");
  }

  std::shared_ptr<void> load(std::span<const char> cubin) override {
    const Entered entered(*this);
    Module module = nullptr;
    check(driver_.load_module(&module, cubin.data()), "kernels cannot be loaded");
    auto self = shared_from_this();
    return {module, [self](void* held) {
              const EnteredIfAlive entered(*self);
              if (!entered)
                return;
              self->driver_.synchronize(self->stream_); // a kernel of it may wait to be run
              self->driver_.unload_module(static_cast<Module>(held));
            }};
  }

  void* function(const std::shared_ptr<void>& code, const std::string& symbol,
                 uint32_t shared_bytes) override {
    const Entered entered(*this);
    Function function = nullptr;
    check(driver_.function(&function, static_cast<Module>(code.get()), symbol.c_str()), symbol.c_str());
    if (shared_bytes > 0) { // without, 48 KiB together with what the code declares
      const std::string what = std::to_string(shared_bytes) + " bytes of shared memory on " + name_;
      check(driver_.set_attribute(function, kMostDynamicSharedBytes, static_cast<int>(shared_bytes)),
            what.c_str());
    }
    return function;
  }

  std::shared_ptr<Storage> workspace(uint64_t bytes) override {
    const std::lock_guard lock(workspace_mutex_);
    if (!workspace_ || workspace_->bytes() < bytes) // the next power of two: not every call brings a new one
      workspace_ = allocate(std::bit_ceil(std::max<uint64_t>(bytes, kLeastWorkspace)));
    return workspace_;
  }

  void with_context(const std::function<void()>& body) override {
    const Entered entered(*this);
    body();
  }

private:
  static constexpr uint64_t kLeastWorkspace = uint64_t{1} << 20;

  // The calling thread's context is this one's, until the thread has its own back.
  class Entered {
  public:
    explicit Entered(const Gpu& gpu) : gpu_(gpu) {
      gpu.check(gpu.driver_.push_context(gpu.context_), "a CUDA context");
    }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;
    ~Entered() {
      Context own = nullptr;
      gpu_.driver_.pop_context(&own);
    }

  private:
    const Gpu& gpu_;
  };

  // ... false, and nothing to go back to, where the driver has ended before what is released, or is another
  // process's, before a fork.
  class EnteredIfAlive {
  public:
    explicit EnteredIfAlive(const Gpu& gpu)
        : driver_(gpu.driver_), entered_(driver_.push_context(gpu.context_) == 0) {}
    EnteredIfAlive(const EnteredIfAlive&) = delete;
    EnteredIfAlive& operator=(const EnteredIfAlive&) = delete;
    ~EnteredIfAlive() {
      Context own = nullptr;
      if (entered_)
        driver_.pop_context(&own);
    }
    explicit operator bool() const { return entered_; }

  private:
    const Driver& driver_;
    bool entered_;
  };

  // A graph that whoever launches it need not know the context for.
  class EnteredGraph final : public DeviceGraph {
  public:
    EnteredGraph(std::shared_ptr<const Gpu> gpu, std::unique_ptr<DeviceGraph> graph)
        : gpu_(std::move(gpu)), graph_(std::move(graph)) {}
    ~EnteredGraph() override {
      const EnteredIfAlive entered(*gpu_);
      if (entered)
        graph_.reset(); // one that is under way ends later
      else
        static_cast<void>(graph_.release());
    }
    bool launch() override {
      const Entered entered(*gpu_);
      return graph_->launch();
    }

  private:
    std::shared_ptr<const Gpu> gpu_;
    std::unique_ptr<DeviceGraph> graph_;
  };

  // Or every program would get its memory from the system anew, and wait for that.
  void keep_released_memory(DeviceNumber number) {
    int supported = 0;
    check(driver_.device_attribute(&supported, kMemoryPoolsSupported, number), "the CUDA device");
    if (supported == 0)
      throw Error(name_ + " has no memory pools (cuMemAllocAsync)", ErrorKind::system);
    check(driver_.default_pool(&pool_, number), "the memory pool of the CUDA device");
    uint64_t threshold = UINT64_MAX;
    check(driver_.set_pool_attribute(pool_, kReleaseThreshold, &threshold),
          "the memory pool of the CUDA device");
  }

  void check(Status status, const char* what) const { driver_.check(status, what); }

  const Driver& driver_;
  const int ordinal_;
  std::string name_, architecture_;
  uint64_t total_bytes_ = 0;
  // All live as long as the process.
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  Stream recording_ = nullptr; // for what libraries do in graphs: work given meanwhile is not in them
  MemoryPool pool_ = nullptr;
  std::mutex workspace_mutex_;
  std::shared_ptr<Storage> workspace_; // the largest
};

} // namespace

std::shared_ptr<CudaDevice> CudaDevice::open(int ordinal) {
  static std::mutex mutex;
  static auto& opened = *new std::map<int, std::shared_ptr<Gpu>>; // never closed: tensors may end later
  const std::lock_guard lock(mutex);
  std::shared_ptr<Gpu>& device = opened[ordinal];
  if (!device)
    device = std::make_shared<Gpu>(ordinal);
  return device;
}

} // namespace sinter::rt::cuda
