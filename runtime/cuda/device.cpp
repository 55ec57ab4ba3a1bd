// A GPU by its driver: one context, one stream.
#include "sinter/runtime/cuda/device.h"

#include "cuda/driver.h"
#include "sinter/runtime/error.h"

#include <array>
#include <map>
#include <mutex>

namespace sinter::rt::cuda {
namespace {

// Of cuDeviceGetAttribute.
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
constexpr unsigned kNonBlocking = 1; // the stream does not wait for the default one

void* pointer(DeviceAddress address) {
  return reinterpret_cast<void*>(address);
}

DeviceAddress address(const void* pointer) {
  return reinterpret_cast<DeviceAddress>(pointer);
}

class Gpu final : public CudaDevice, public std::enable_shared_from_this<Gpu> {
public:
  explicit Gpu(int ordinal) : driver_(Driver::get()) {
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
  }

  const std::string& name() const override { return name_; }
  const std::string& architecture() const override { return architecture_; }
  uint64_t total_bytes() const override { return total_bytes_; }

  std::shared_ptr<Storage> allocate(uint64_t bytes) override {
    const Entered entered(*this);
    if (bytes == 0)
      return Storage::adopt(nullptr, 0, nullptr);
    DeviceAddress memory = 0;
    const std::string what = "no " + std::to_string(bytes) + " bytes of memory on " + name_;
    check(driver_.allocate(&memory, bytes), what.c_str());
    auto self = shared_from_this();
    std::shared_ptr<void> owner(pointer(memory), [self](void* held) {
      const Entered entered(*self);
      self->driver_.release(address(held)); // waits for what is under way
    });
    return Storage::adopt(pointer(memory), bytes, std::move(owner));
  }

  void upload(void* to, const void* from, uint64_t bytes) override {
    const Entered entered(*this);
    if (bytes > 0) // pageable memory is staged before the call returns
      check(driver_.upload(address(to), from, bytes, stream_), "a copy to the device");
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
    // The driver wants the address of every argument.
    constexpr std::size_t kMostArguments = 512;
    if (kernel.parameters > kMostArguments)
      throw Error("a kernel takes " + std::to_string(kernel.parameters) + " buffers", ErrorKind::internal);
    std::array<void*, kMostArguments> arguments;
    for (uint32_t i = 0; i < kernel.parameters; ++i)
      arguments[i] = const_cast<void**>(buffers + i);
    check(driver_.launch(static_cast<Function>(kernel.function), static_cast<unsigned>(kernel.blocks), 1, 1,
                         static_cast<unsigned>(kernel.threads[0]), static_cast<unsigned>(kernel.threads[1]),
                         1, kernel.shared_bytes, stream_, arguments.data(), nullptr),
          "a kernel cannot be launched");
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
              const Entered entered(*self);
              self->driver_.unload_module(static_cast<Module>(held));
            }};
  }

  void* function(const std::shared_ptr<void>& code, const std::string& symbol) override {
    const Entered entered(*this);
    Function function = nullptr;
    check(driver_.function(&function, static_cast<Module>(code.get()), symbol.c_str()), symbol.c_str());
    return function;
  }

private:
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

  void check(Status status, const char* what) const { driver_.check(status, what); }

  const Driver& driver_;
  std::string name_, architecture_;
  uint64_t total_bytes_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr; // both live as long as the process
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
