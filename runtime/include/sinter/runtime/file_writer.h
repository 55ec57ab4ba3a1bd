// Files that appear whole or not at all: written beside their place, then renamed.
#pragma once

#include <cstddef>
#include <string>

namespace sinter::rt {

/// A file being written; gone again unless it is put in its place. Through symbolic links, what they point at
/// is replaced. What is there and is no file, a device or a pipe, is written to and never replaced.
class FileWriter {
public:
  /// Throws Error (system) if the file cannot be made; so do the others if they cannot do their part.
  explicit FileWriter(std::string path);
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  const std::string& path() const { return path_; }
  void write(const void* data, std::size_t bytes);
  void put_in_place();

  /// Throws Error if `path` could not be written. Leaves nothing behind, and does not wait for a pipe's
  /// reader.
  static void check(const std::string& path);

private:
  std::string path_;      // as the user knows it
  std::string place_;     // what it points at
  std::string temporary_; // "" once it is in its place, or if there is none
  int file_ = -1;
};

} // namespace sinter::rt
