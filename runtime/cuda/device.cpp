// A GPU by its driver: one context, one stream.
#include "sinter/runtime/cuda/device.h"

#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/staging.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace sinter::rt::cuda {
namespace {

// Of cuDeviceGetAttribute.
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
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
    memory_.emplace(driver_, number, name_, stream_);
    staging_.emplace(driver_, stream_);
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
    const Status status = memory_->allocate(&memory, bytes);
    const std::string what = "no " + std::to_string(bytes) + " bytes of memory on " + name_;
    check(status, what.c_str());
    auto self = shared_from_this();
    std::shared_ptr<void> owner(pointer(memory), [self](void* held) {
      if (const EnteredIfAlive entered(*self); entered)
        self->memory_->release(address(held));
    });
    return Storage::adopt(pointer(memory), bytes, std::move(owner), self);
  }

  // Numbers go by value.
  void upload(void* to, const void* from, uint64_t bytes) override {
    const Entered entered(*this);
    constexpr uint64_t kByValue = 8;
    if (bytes > kByValue)
      return staging_->upload(address(to), from, bytes);
    for (uint64_t i = 0; i < bytes; ++i)
      check(driver_.set_bytes(address(to) + i, static_cast<const unsigned char*>(from)[i], 1, stream_),
            "a copy to the device");
  }

  void download(void* to, const void* from, uint64_t bytes) override {
    const Entered entered(*this);
    if (bytes == 0)
      return synchronize();
    staging_->download(to, address(from), bytes);
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
    const Status status = memory_->with_room([&] { // the driver may load code as late as this
      return driver_.launch(static_cast<Function>(kernel.function), static_cast<unsigned>(kernel.blocks), 1,
                            1, static_cast<unsigned>(kernel.threads[0]),
                            static_cast<unsigned>(kernel.threads[1]), 1, kernel.shared_bytes, stream_,
                            arguments.get(), nullptr);
    });
    check(status, "a kernel cannot be launched");
  }

  std::unique_ptr<DeviceGraph> record(std::span<const DeviceLaunch> launches) override {
    if (!std::ranges::all_of(launches, can_be_recorded))
      return nullptr;
    const Entered entered(*this);
    auto graph = cuda::record(driver_, *memory_, stream_, recording_, launches);
    return graph ? std::make_unique<EnteredGraph>(shared_from_this(), std::move(graph)) : nullptr;
  }

  void synchronize() override {
    const Entered entered(*this);
    check(driver_.synchronize(stream_), "a kernel failed");
  }

  std::shared_ptr<void> load(std::span<const char> cubin) override {
    const Entered entered(*this);
    Module module = nullptr;
    check(memory_->with_room([&] { return driver_.load_module(&module, cubin.data()); }),
          "kernels cannot be loaded");
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
    const auto module = static_cast<Module>(code.get());
    check(memory_->with_room([&] { return driver_.function(&function, module, symbol.c_str()); }),
          symbol.c_str());
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

  void check(Status status, const char* what) const { driver_.check(status, what); }

  const Driver& driver_;
  const int ordinal_;
  std::string name_, architecture_;
  uint64_t total_bytes_ = 0;
  // All live as long as the process.
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  Stream recording_ = nullptr; // for what libraries do in graphs: work given meanwhile is not in them
  std::optional<DeviceMemory> memory_;
  std::optional<Staging> staging_;
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
