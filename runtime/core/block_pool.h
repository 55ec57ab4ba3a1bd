// Large blocks of memory that are used again: fresh pages cost more than what is done with them.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace sinter {

/// Hands out blocks of whole pages from mapped regions, and keeps what is freed for the next ones. A region
/// goes back to the system when all of it is free and another one is, unless that was a mistake before: as
/// many bytes as had to be mapped again after they were given back are kept from then on, as for a loop whose
/// results are large and do not outlive a round.
///
/// The kernel clears a page and updates its tables when it is first touched. That takes longer than reading a
/// weight from a file and packing it, so no page should be fresh twice.
class BlockPool {
public:
  /// Blocks of fewer bytes are better left to malloc.
  static constexpr std::size_t kLeastBytes = 256 << 10;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// At least `bytes` bytes, aligned to a page; null if there is no memory.
  void* allocate(std::size_t bytes);
  /// Takes back what `allocate` gave for the same number of bytes.
  void release(void* block, std::size_t bytes);

  /// Lets the kernel move a block that has been written, and will be read for long, into huge pages. It does
  /// so in its own time, in the background.
  static void allow_huge_pages(void* block, std::size_t bytes);

  /// Bytes mapped, free ones included.
  std::size_t mapped_bytes() const;

private:
  using Blocks = std::map<std::byte*, std::size_t>; // start -> bytes

  bool map_region(std::size_t bytes);
  bool keeps(std::size_t freed) const;
  Blocks::iterator region_of(std::byte* block);

  mutable std::mutex mutex_;
  Blocks regions_;
  Blocks free_;              ///< no two of them adjacent within a region
  std::size_t returned_ = 0; ///< given back, and not mapped again
  std::size_t spare_ = 0;    ///< bytes of free regions to keep
};

} // namespace sinter
