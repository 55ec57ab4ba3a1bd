// In the place of libcuda.so.1: a GPU whose memory and processor are the host's (driver.h).
//
// STAND_IN_MEMORY: how many bytes it has. STAND_IN_PINNED=off: the host has no memory to pin.
#include "driver.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace stand_in;

// What is released is used again by whoever comes after that in the order of the stream. It stays in the
// pool until this is trimmed.
struct PoolTag {
  std::size_t used = 0;       // bytes
  std::size_t unfinished = 0; // released, but not yet in the stream's order
  std::size_t reserved = 0;   // all that nobody else can have
  Gpu* gpu = nullptr;
};

// It is its own context as well.
struct stand_in::Gpu {
  std::deque<PoolTag> pools;
  std::size_t outside = 0; // bytes that are not a pool's
};

// CUmemPoolProps_v1 of CUDA 13.
struct PoolProperties {
  int allocation_type, handle_types;
  struct {
    int type, number;
  } location;
  void* security_attributes;
  std::size_t most_bytes;
  unsigned short usage;
  unsigned char reserved[54];
};

namespace {

constexpr uint64_t kDeviceBit = uint64_t{1} << 62;

struct Block {
  std::size_t bytes;
  PoolTag* pool;
};

std::mutex mutex;
using Blocks = std::map<uint64_t, Block>; // by address
Blocks allocations;                       // until they are released
Blocks present;                           // until that has been done in its order
auto& gpus = *new std::map<int, Gpu>;     // by number; tensors may end later
// The contexts that the thread has pushed.
thread_local std::array<Gpu*, 16> entered;
thread_local std::size_t depth = 0;

std::size_t total_bytes() {
  const char* memory = std::getenv("STAND_IN_MEMORY");
  return memory ? std::strtoull(memory, nullptr, 10) : std::size_t{1} << 30;
}

bool has_room(const Gpu& gpu, std::size_t bytes) {
  std::size_t sum = gpu.outside + bytes;
  for (const PoolTag& pool : gpu.pools)
    sum += pool.reserved;
  return sum <= total_bytes();
}

bool is_pool(const PoolTag* pool) {
  return std::ranges::any_of(gpus, [&](const auto& gpu) {
    return std::ranges::any_of(gpu.second.pools, [&](const PoolTag& known) { return &known == pool; });
  });
}

bool is_gpu(const void* context) {
  return std::ranges::any_of(gpus, [&](const auto& gpu) { return &gpu.second == context; });
}

using Count = int (*)();

} // namespace

void stand_in::is_entered() {
  if (depth > 0)
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
  return address + bytes <= after->first + after->second.bytes;
}

} // namespace

bool stand_in::is_allocated(uint64_t address, std::size_t bytes) {
  return is_within_one(allocations, address, bytes);
}

Gpu* stand_in::take(std::size_t bytes) {
  is_entered();
  const std::lock_guard lock(mutex);
  Gpu& gpu = *entered[depth - 1];
  if (!has_room(gpu, bytes))
    return nullptr;
  gpu.outside += bytes;
  return &gpu;
}

void stand_in::take_back(Gpu* from, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  from->outside -= bytes;
}

struct ModuleTag {
  void* library = nullptr;
  Gpu* gpu = nullptr;
  std::size_t bytes = 0; // of its memory
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
EXPORT int cuDriverGetVersion(int* version) {
  const char* wanted = std::getenv("STAND_IN_VERSION");
  *version = wanted ? std::atoi(wanted) : 13000;
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
  *bytes = total_bytes();
  return 0;
}
EXPORT int cuDevicePrimaryCtxRetain(Gpu** context, int device) {
  const std::lock_guard lock(mutex);
  *context = &gpus[device];
  return 0;
}
EXPORT int cuCtxPushCurrent_v2(Gpu* context) {
  const std::lock_guard lock(mutex);
  if (!is_gpu(context) || depth == entered.size())
    return kInvalidValue;
  entered[depth++] = context;
  return 0;
}
EXPORT int cuCtxPopCurrent_v2(Gpu** context) {
  if (depth == 0)
    return kInvalidValue;
  *context = entered[--depth];
  return 0;
}
EXPORT int cuMemPoolCreate(PoolTag** pool, const PoolProperties* wanted) {
  int devices = 0;
  cuDeviceGetCount(&devices);
  const auto is_zero = [](unsigned char byte) { return byte == 0; };
  if (wanted->allocation_type != 1 || wanted->handle_types != 0 || wanted->location.type != 1 ||
      wanted->location.number < 0 || wanted->location.number >= devices || wanted->security_attributes ||
      wanted->most_bytes != 0 || wanted->usage != 0 || !std::ranges::all_of(wanted->reserved, is_zero))
    return kInvalidValue;
  const std::lock_guard lock(mutex);
  Gpu& gpu = gpus[wanted->location.number];
  *pool = &gpu.pools.emplace_back();
  (*pool)->gpu = &gpu;
  return 0;
}
EXPORT int cuMemPoolSetAttribute(PoolTag* pool, int attribute, const uint64_t* value) {
  const std::lock_guard lock(mutex);
  return is_pool(pool) && attribute == 4 && *value == UINT64_MAX ? 0 : kInvalidValue; // it keeps all
}
EXPORT int cuMemPoolTrimTo(PoolTag* pool, std::size_t least) {
  const std::lock_guard lock(mutex);
  if (!is_pool(pool))
    return kInvalidValue;
  pool->reserved = std::min(pool->reserved, std::max(least, pool->used + pool->unfinished));
  return 0;
}
EXPORT int cuMemAllocFromPoolAsync(uint64_t* address, std::size_t bytes, PoolTag* pool, void*) {
  is_entered();
  const std::lock_guard lock(mutex);
  if (bytes == 0 || !is_pool(pool))
    return kInvalidValue;
  const std::size_t reserved = std::max(pool->reserved, pool->used + bytes);
  if (!has_room(*pool->gpu, reserved - pool->reserved))
    return kOutOfMemory;
  pool->reserved = reserved;
  pool->used += bytes;
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xA5, bytes);
  *address = reinterpret_cast<uint64_t>(memory) | kDeviceBit;
  allocations[*address] = present[*address] = {bytes, pool};
  return 0;
}
EXPORT int cuMemFreeAsync(uint64_t address, void* stream) {
  is_entered();
  Block block{};
  {
    const std::lock_guard lock(mutex);
    const auto found = allocations.find(address);
    if (found == allocations.end())
      return kInvalidValue;
    block = found->second;
    allocations.erase(found);
    block.pool->used -= block.bytes;
    block.pool->unfinished += block.bytes;
  }
  give(stream, [=] {
    {
      const std::lock_guard lock(mutex);
      present.erase(address);
      block.pool->unfinished -= block.bytes;
    }
    std::memset(host(address), 0xA5, block.bytes);
    std::free(host(address));
  });
  return 0;
}

// The device reads and writes it as late as its stream comes to that.
EXPORT int cuMemHostAlloc(void** memory, std::size_t bytes, unsigned flags) {
  is_entered();
  if (bytes == 0 || flags != 0)
    return kInvalidValue;
  if (const char* pinned = std::getenv("STAND_IN_PINNED"); pinned && std::string(pinned) == "off")
    return kOutOfMemory;
  *memory = std::malloc(bytes);
  return 0;
}

// For the stand-ins of libraries (memory.h).
EXPORT int stand_in_is_entered() {
  return depth > 0 ? 1 : 0;
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
  const std::size_t all = headers + std::size_t{size} * count;
  Gpu* const gpu = take(all);
  if (!gpu)
    return kOutOfMemory;
  std::size_t left = all;
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
  *module = new ModuleTag{library, gpu, all}; // the file stays open: another must not get its number
  return 0;
}
EXPORT int cuModuleUnload(ModuleTag* module) {
  is_entered();
  take_back(module->gpu, module->bytes);
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
