// Sequential reads from a regular file, checked against its size.
#pragma once

#include "sinter/runtime/storage.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sinter::data {

/// A regular file opened for reading. Never follows a symbolic link in the last component if `follow` is
/// false.
class ByteSource {
public:
  /// Throws Error (system) if `path` cannot be opened, Error if it is not a regular file.
  explicit ByteSource(const std::string& path, bool follow = true);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  uint64_t size() const { return size_; }
  uint64_t position() const { return position_; }
  /// Where the next read starts; within the file.
  void seek(uint64_t position) { position_ = position; }

  /// Reads exactly `bytes` bytes at `position`, whatever else is read meanwhile. Throws Error if the file has
  /// fewer, or is not as it was when it was opened.
  void read_again(void* to, uint64_t bytes, uint64_t position) const;
  /// Reads exactly `bytes` bytes. Throws Error if the file has fewer.
  void read(void* to, uint64_t bytes);
  uint8_t read_byte();

  /// `bytes` bytes from `position` on in memory of their own, read by the threads of the current pool. Throws
  /// as read_again() does.
  std::shared_ptr<Storage> read_part(uint64_t position, uint64_t bytes) const;
  /// The whole file without reading it: its pages come when they are touched. What is written to them stays
  /// in this process. Whoever makes the file shorter meanwhile ends those that read what is gone (SIGBUS).
  /// Throws Error if the file is not as it was when it was opened.
  std::shared_ptr<Storage> map() const;

private:
  void check_unchanged() const;
  void read_at(void* to, uint64_t bytes, uint64_t position) const;

  std::string path_;
  int file_ = -1;
  uint64_t size_ = 0;
  int64_t modified_ = 0; ///< nanoseconds
  uint64_t position_ = 0;
  std::vector<uint8_t> buffer_; // bytes [buffer_start_, buffer_start_ + buffer_.size()) of the file
  uint64_t buffer_start_ = 0;
};

} // namespace sinter::data
