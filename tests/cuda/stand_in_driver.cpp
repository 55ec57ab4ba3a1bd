// In the place of libcuda.so.1: a GPU whose memory and processor are the host's (stand_in_driver.h).
//
// STAND_IN_MEMORY: how many bytes it has.
#include "stand_in_driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace stand_in;

namespace {

constexpr uint64_t kDeviceBit = uint64_t{1} << 62;

std::mutex mutex;
using Blocks = std::map<uint64_t, std::size_t>; // sizes by address
Blocks allocations;                             // until they are released
Blocks present;                                 // until that has been done in its order
thread_local int depth = 0;                     // of contexts that the thread has pushed

std::size_t allocated() {
  std::size_t sum = 0;
  for (const auto& [address, bytes] : allocations)
    sum += bytes;
  return sum;
}

using Count = int (*)();

} // namespace

void stand_in::is_entered() {
  if (depth >= 1)
    return;
  std::fprintf(stderr, "stand-in driver: called without a context\n");
  std::abort();
}

void* stand_in::host(uint64_t address) {
  if (!(address & kDeviceBit)) {
    std::fprintf(stderr, "stand-in driver: an address of the host where one of the device is wanted\n");
    std::abort();
  }
  return reinterpret_cast<void*>(address & ~kDeviceBit);
}

namespace {

bool is_within_one(const Blocks& blocks, uint64_t address, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin())
    return false;
  --after;
  return address + bytes <= after->first + after->second;
}

} // namespace

bool stand_in::is_allocated(uint64_t address, std::size_t bytes) {
  return is_within_one(allocations, address, bytes);
}

struct ModuleTag {
  void* library = nullptr;
};
EXPORT int cuInit(unsigned) {
  return 0;
}
EXPORT int cuGetErrorString(int status, const char** text) {
  *text = status == kOutOfMemory ? "out of memory"
          : status == kNotFound  ? "named symbol not found"
                                 : "invalid argument";
  return 0;
}
EXPORT int cuDeviceGetCount(int* count) {
  const char* gpus = std::getenv("STAND_IN_GPUS");
  *count = gpus ? std::atoi(gpus) : 1;
  return 0;
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return 0;
}
EXPORT int cuDeviceGetName(char* name, int bytes, int) {
  std::snprintf(name, static_cast<std::size_t>(bytes), "stand-in GPU");
  return 0;
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : attribute == 115 ? 1 : 0; // compute capability 9.0, with memory pools
  return 0;
}
EXPORT int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  const char* memory = std::getenv("STAND_IN_MEMORY");
  *bytes = memory ? std::strtoull(memory, nullptr, 10) : std::size_t{1} << 30;
  return 0;
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int) {
  *context = &allocations;
  return 0;
}
EXPORT int cuCtxPushCurrent_v2(void* context) {
  depth += context == &allocations ? 1 : 0;
  return context == &allocations ? 0 : kInvalidValue;
}
EXPORT int cuCtxPopCurrent_v2(void** context) {
  *context = &allocations;
  return depth-- > 0 ? 0 : kInvalidValue;
}
EXPORT int cuDeviceGetDefaultMemPool(void** pool, int) {
  *pool = &allocations;
  return 0;
}
EXPORT int cuMemPoolSetAttribute(void* pool, int attribute, void*) {
  return pool == &allocations && attribute == 4 ? 0 : kInvalidValue;
}
EXPORT int cuMemPoolTrimTo(void* pool, std::size_t) {
  return pool == &allocations ? 0 : kInvalidValue;
}
EXPORT int cuMemAllocAsync(uint64_t* address, std::size_t bytes, void*) {
  is_entered();
  std::size_t total = 0;
  cuDeviceTotalMem_v2(&total, 0);
  const std::lock_guard lock(mutex);
  if (bytes == 0)
    return kInvalidValue;
  if (allocated() + bytes > total)
    return kOutOfMemory;
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xA5, bytes);
  *address = reinterpret_cast<uint64_t>(memory) | kDeviceBit;
  allocations[*address] = present[*address] = bytes;
  return 0;
}
EXPORT int cuMemFreeAsync(uint64_t address, void* stream) {
  is_entered();
  std::size_t bytes = 0;
  {
    const std::lock_guard lock(mutex);
    const auto found = allocations.find(address);
    if (found == allocations.end())
      return kInvalidValue;
    bytes = found->second;
    allocations.erase(found);
  }
  give(stream, [=] {
    {
      const std::lock_guard lock(mutex);
      present.erase(address);
    }
    std::memset(host(address), 0xA5, bytes);
    std::free(host(address));
  });
  return 0;
}

// For the stand-ins of libraries (stand_in_memory.h).
EXPORT int stand_in_is_entered() {
  return depth >= 1 ? 1 : 0;
}
EXPORT void* stand_in_host(uint64_t address, uint64_t bytes) {
  return (address & kDeviceBit) && is_within_one(present, address, bytes) ? host(address) : nullptr;
}
EXPORT void stand_in_give(void* stream, void (*work)(void*), void* with, void (*release)(void*)) {
  give(stream, [work, kept = std::shared_ptr<void>(with, release)] { work(kept.get()); });
}

// An image has no length of its own; its sections' headers come last.
EXPORT int cuModuleLoadData(ModuleTag** module, const void* image) {
  const auto* bytes = static_cast<const char*>(image);
  uint64_t headers = 0;
  uint16_t size = 0, count = 0;
  std::memcpy(&headers, bytes + 40, sizeof(headers));
  std::memcpy(&size, bytes + 58, sizeof(size));
  std::memcpy(&count, bytes + 60, sizeof(count));
  const int file = memfd_create("stand-in-module", 0);
  std::size_t left = headers + std::size_t{size} * count;
  while (left > 0) {
    const ssize_t written = write(file, bytes, left);
    if (written <= 0)
      return kInvalidValue;
    bytes += written;
    left -= static_cast<std::size_t>(written);
  }
  // By a path of its own: the loader knows libraries by theirs.
  void* library = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "stand-in driver: %s\n", dlerror());
    return kInvalidValue;
  }
  *module = new ModuleTag{library}; // the file stays open: another must not get its number
  return 0;
}
EXPORT int cuModuleUnload(ModuleTag* module) {
  is_entered();
  delete module;
  return 0;
}
EXPORT int cuModuleGetFunction(FunctionTag** function, ModuleTag* module, const char* name) {
  const std::string symbol = std::string(name) + "_on_host";
  auto* run = reinterpret_cast<FunctionTag::Runner>(dlsym(module->library, symbol.c_str()));
  auto* count = reinterpret_cast<Count>(dlsym(module->library, (symbol + "_parameters").c_str()));
  if (!run || !count)
    return kNotFound;
  *function = new FunctionTag{run, count()};
  return 0;
}
// What a block of compute capability 9.0 may have: 227 KiB.
EXPORT int cuFuncSetAttribute(FunctionTag* function, int attribute, int value) {
  is_entered();
  if (attribute != 8 || value < 0 || value > 227 << 10)
    return kInvalidValue;
  function->shared = static_cast<unsigned>(value);
  return 0;
}
