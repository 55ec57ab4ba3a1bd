// Blobs of bytes kept between processes: a bounded directory of files, each named by the digest of what it is
// for.
#pragma once

#include "sinter/runtime/digest.h"
#include "sinter/runtime/storage.h"

#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

struct stat;

namespace sinter::rt {

/// Where the user wants the cache, if at all.
struct DiskCacheSettings {
  std::string directory; ///< absolute
  uint64_t capacity = uint64_t{1} << 30;
  std::string off; ///< why there is to be no cache, in one line; empty: there is to be one

  /// SINTER_CACHE (on, off), SINTER_CACHE_DIR (else $XDG_CACHE_HOME/sinter, else ~/.cache/sinter) and
  /// SINTER_CACHE_BYTES (a number, or one with K, M or G behind it). Throws Error for values it does not
  /// understand.
  static DiskCacheSettings from_environment();
};

/// One file per key. Any number of processes may use a directory at the same time, without locks: a file
/// appears whole, under its name, by renaming. Whatever is wrong with a file when it is read (a machine may
/// have lost power, a disk may have failed) is found before anybody sees its bytes, and the file is removed.
///
/// Blobs may be code that is run, so the directory and its files must belong to the user, and nobody else may
/// have the right to write to them: others are refused.
///
/// Nothing here throws for what the file system does: what cannot be read is not there, and what cannot be
/// written is not kept. May be used from several threads.
class DiskCache {
public:
  /// Of `capacity` bytes in all, counting this process's writes; others can add a sixteenth each. Touches
  /// nothing yet: the directory is made by the first store().
  DiskCache(std::string directory, uint64_t capacity);

  const std::string& directory() const { return directory_; }
  uint64_t capacity() const { return capacity_; }

  /// Why the directory is not used, in one line; empty if it is, or is only to be made yet.
  std::string refusal() const;

  /// The blob of `key` into `blob`, whose memory is reused. False if there is none.
  bool find(const Digest& key, std::vector<char>& blob) const;

  /// Whether there is an entry of `key`, whole or not.
  bool contains(const Digest& key) const;

  /// As find(), but does not count as use.
  bool peek(const Digest& key, std::vector<char>& blob) const;

  /// The blob of `key` as memory that is only read: the file's own pages, which processes share. At a
  /// multiple of 64 bytes, and with as many readable bytes behind it. Null if there is none, where can_map()
  /// says no, and if the process may map no more.
  std::shared_ptr<Storage> map(const Digest& key) const;

  /// False if the directory lies on another machine, as far as can be told (NFS, SMB, 9p, AFS, FUSE): there,
  /// pages that are in use can be taken away. It need not exist yet.
  bool can_map() const;

  /// Larger blobs are not kept.
  uint64_t most_blob_bytes() const;

  /// Keeps `blob`, in place of what `key` had before. False if it could not. Blobs above a quarter of the
  /// capacity are not kept. Now and then removes what was not used for the longest time.
  bool store(const Digest& key, std::string_view blob);

  void remove(const Digest& key) const;

  struct Entry {
    Digest key{};
    uint64_t bytes = 0; ///< of the file
    timespec used{};    ///< about an hour's accuracy
  };

  /// All that is there, what was used last first.
  std::vector<Entry> entries() const;

  struct Removed {
    uint64_t files = 0;
    uint64_t bytes = 0;
  };

  /// Removes the least recently used entries until there is room for a sixteenth of the capacity, and files
  /// that writers left unfinished when they were killed.
  Removed evict() const;

  /// Removes everything that store() made; other files stay.
  Removed clear() const;

private:
  enum class Finding : uint8_t { whole, damaged, unavailable };
  using Accept = std::function<Finding(int file, const struct ::stat& status)>;
  bool read(const Digest& key, std::vector<char>& blob, bool touch) const;
  bool use(const Digest& key, bool touch, const Accept& accept) const;

  std::string directory_;
  uint64_t capacity_;
  std::atomic<uint64_t> unswept_; ///< bytes written since evict() ran last
};

} // namespace sinter::rt
