// Large blocks of memory that are used again: first address first, so that regions at the end become free.
#include "core/block_pool.h"

#include <algorithm>
#include <iterator>
#include <sys/mman.h>

namespace sinter {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kRegion = std::size_t{32} << 20;
constexpr std::size_t kLargestSpare = 8 * kRegion;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

} // namespace

BlockPool::~BlockPool() {
  for (const auto& [start, bytes] : regions_)
    munmap(start, bytes);
}

void* BlockPool::allocate(std::size_t bytes) {
  const std::size_t wanted = round_up(std::max(bytes, kPage), kPage);
  if (wanted < bytes)
    return nullptr;
  const std::lock_guard lock(mutex_);
  const auto fits = [&](const auto& block) { return block.second >= wanted; };
  auto found = std::find_if(free_.begin(), free_.end(), fits);
  if (found == free_.end()) {
    if (!map_region(wanted))
      return nullptr;
    found = std::find_if(free_.begin(), free_.end(), fits);
  }
  const auto [start, size] = *found;
  free_.erase(found);
  if (size > wanted)
    free_.emplace(start + wanted, size - wanted);
  return start;
}

void BlockPool::release(void* block, std::size_t bytes) {
  auto* start = static_cast<std::byte*>(block);
  std::size_t size = round_up(std::max(bytes, kPage), kPage);
  const std::lock_guard lock(mutex_);
  const auto region = region_of(start);
  const auto next = free_.lower_bound(start);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == start && before->first >= region->first) {
      start = before->first;
      size += before->second;
      free_.erase(before);
    }
  }
  if (next != free_.end() && start + size == next->first && next->first < region->first + region->second) {
    size += next->second;
    free_.erase(next);
  }
  const bool whole = size == region->second;
  if (whole && !keeps(size)) {
    munmap(start, size);
    regions_.erase(region);
    returned_ += size;
  } else {
    free_.emplace(start, size);
  }
}

// One free region is kept anyway.
bool BlockPool::keeps(std::size_t freed) const {
  std::size_t others = 0;
  for (const auto& [start, bytes] : regions_)
    if (const auto space = free_.find(start); space != free_.end() && space->second == bytes)
      others += bytes;
  return freed <= kLargestSpare && (others == 0 || others + freed <= spare_);
}

std::size_t BlockPool::mapped_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [start, bytes] : regions_)
    sum += bytes;
  return sum;
}

void BlockPool::allow_huge_pages(void* block, std::size_t bytes) {
  madvise(block, round_up(std::max(bytes, kPage), kPage), MADV_HUGEPAGE); // advice: failure changes nothing
}

// Maps more than needed and gives back what lies outside of whole huge pages. They are not wanted yet:
// where a hypervisor takes back what its guest does not use, it is whole huge pages that it takes, and the
// first touch of one brings 512 pages back, one by one, which takes longer than making what is written there.
bool BlockPool::map_region(std::size_t bytes) {
  const std::size_t size = round_up(std::max(bytes, kRegion), kHugePage);
  if (size < bytes || size + kHugePage < size)
    return false;
  void* memory = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return false;
  auto* begin = static_cast<std::byte*>(memory);
  const std::size_t skipped = (kHugePage - reinterpret_cast<std::size_t>(begin) % kHugePage) % kHugePage;
  if (skipped > 0)
    munmap(begin, skipped);
  if (skipped < kHugePage)
    munmap(begin + skipped + size, kHugePage - skipped);
  begin += skipped;
  madvise(begin, size, MADV_NOHUGEPAGE); // advice: failure changes nothing
  const std::size_t again = std::min(returned_, size);
  returned_ -= again;
  spare_ = std::min(spare_ + again, kLargestSpare);
  regions_.emplace(begin, size);
  free_.emplace(begin, size);
  return true;
}

BlockPool::Blocks::iterator BlockPool::region_of(std::byte* block) {
  return std::prev(regions_.upper_bound(block));
}

} // namespace sinter
