// Reference-counted, aligned memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace sinter {

namespace rt {
class Device;
}

/// A block of memory aligned to 64 bytes, freed with its last owner. Storage is shared between tensors,
/// constants of compiled functions and saved models; nobody copies weights.
class Storage {
public:
  /// Uninitialised memory. Throws Error (system) when there is none.
  static std::shared_ptr<Storage> allocate(std::size_t bytes);
  /// Somebody else's memory; `owner` is kept alive as long as the storage is.
  static std::shared_ptr<Storage> adopt(void* data, std::size_t bytes, std::shared_ptr<void> owner);
  /// ... of a device.
  static std::shared_ptr<Storage> adopt(void* data, std::size_t bytes, std::shared_ptr<void> owner,
                                        std::shared_ptr<rt::Device> device);

  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();

  /// Of memory of a device, an address that means nothing to the host.
  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// Whose memory it is; null: the host's.
  const std::shared_ptr<rt::Device>& device() const { return device_; }

  /// How often somebody announced to write to it: who must not see it changed compares.
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void written() { version_.fetch_add(1, std::memory_order_relaxed); }

  /// Lets the kernel move a large block from `allocate`, which has been written, into huge pages in its own
  /// time: where several threads stream through it, that saves a few percent.
  void allow_huge_pages() const;

  /// How many blocks `allocate` has handed out in this process.
  static uint64_t allocation_count();

private:
  Storage(std::byte* data, std::size_t bytes, std::shared_ptr<void> owner);
  // An owner may be null and yet be one, of 0 bytes.
  bool is_adopted() const { return owner_.use_count() > 0; }

  std::byte* data_;
  std::size_t bytes_;
  std::atomic<uint64_t> version_{0};
  std::shared_ptr<void> owner_; // not adopted: the block is ours to free
  std::shared_ptr<rt::Device> device_;
};

} // namespace sinter
