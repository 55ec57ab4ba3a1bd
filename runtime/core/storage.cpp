// Storage: aligned blocks with a count of allocations.
#include "sinter/runtime/storage.h"

#include "core/block_pool.h"
#include "sinter/runtime/error.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace sinter {
namespace {

constexpr std::size_t kAlignment = 64;
std::atomic<uint64_t> allocations{0};

// A sanitizer sees more in blocks that are malloc's own, from their first byte.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SINTER_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SINTER_ADDRESS_SANITIZER
#endif

#ifdef SINTER_ADDRESS_SANITIZER
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

BlockPool& block_pool() {
  static auto* pool = new BlockPool; // static objects may hold tensors while the program exits
  return *pool;
}

// One line of slack lets vector code read (never write) up to a full register past the last element.
std::size_t with_slack(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment + kAlignment;
}

bool is_pooled(std::size_t bytes) {
  return kPooled && bytes >= BlockPool::kLeastBytes;
}

// glibc 2.36 takes the memory for an aligned block from a chunk that is larger by the alignment, so a freed
// one never serves its successor: a loop over tensors takes ever new memory once small objects lie between
// them. A block of malloc's, with where it begins before what is aligned in it, is used again as it is.
void* allocate_small(std::size_t size) {
  if constexpr (!kPooled)
    return std::aligned_alloc(kAlignment, size);
  void* block = std::malloc(size + kAlignment);
  if (!block)
    return nullptr;
  static_assert(sizeof(void*) <= alignof(std::max_align_t), "malloc's alignment leaves room for a pointer");
  void** aligned =
      reinterpret_cast<void**>((reinterpret_cast<std::uintptr_t>(block) / kAlignment + 1) * kAlignment);
  aligned[-1] = block;
  return aligned;
}

void release_small(void* data) {
  if constexpr (kPooled)
    data = static_cast<void**>(data)[-1];
  std::free(data);
}

} // namespace

std::shared_ptr<Storage> Storage::allocate(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2)
    throw Error("cannot allocate " + std::to_string(bytes) + " bytes", ErrorKind::system);
  const std::size_t size = with_slack(bytes);
  void* data = is_pooled(bytes) ? block_pool().allocate(size) : allocate_small(size);
  if (!data)
    throw Error("out of memory: cannot allocate " + std::to_string(bytes) + " bytes", ErrorKind::system);
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::shared_ptr<Storage>(new Storage(static_cast<std::byte*>(data), bytes, nullptr));
}

std::shared_ptr<Storage> Storage::adopt(void* data, std::size_t bytes, std::shared_ptr<void> owner) {
  if (owner.use_count() == 0) // no owner would make us free memory that is not ours
    owner = std::shared_ptr<void>(data, [](void*) {});
  return std::shared_ptr<Storage>(new Storage(static_cast<std::byte*>(data), bytes, std::move(owner)));
}

std::shared_ptr<Storage> Storage::adopt(void* data, std::size_t bytes, std::shared_ptr<void> owner,
                                        std::shared_ptr<rt::Device> device) {
  auto storage = adopt(data, bytes, std::move(owner));
  storage->device_ = std::move(device);
  return storage;
}

Storage::Storage(std::byte* data, std::size_t bytes, std::shared_ptr<void> owner)
    : data_(data), bytes_(bytes), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (is_adopted())
    return;
  if (is_pooled(bytes_))
    block_pool().release(data_, with_slack(bytes_));
  else
    release_small(data_);
}

void Storage::allow_huge_pages() const {
  if (!is_adopted() && is_pooled(bytes_))
    BlockPool::allow_huge_pages(data_, with_slack(bytes_));
}

uint64_t Storage::allocation_count() {
  return allocations.load(std::memory_order_relaxed);
}

} // namespace sinter
