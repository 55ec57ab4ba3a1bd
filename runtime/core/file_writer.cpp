// Files that appear whole or not at all: written beside their place, then renamed.
#include "sinter/runtime/file_writer.h"

#include "sinter/runtime/error.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace sinter::rt {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const std::string& path, int error = errno) {
  throw Error("cannot write '" + path + "': " + std::strerror(error), ErrorKind::system);
}

/// What `path` stands for; the last link may point at what is not there yet.
fs::path follow_links(const std::string& path) {
  constexpr int kMaxLinks = 40; // as Linux has it
  fs::path place = path;
  std::error_code error;
  for (int i = 0; fs::is_symlink(fs::symlink_status(place, error)); ++i) {
    if (i == kMaxLinks)
      cannot_write(path, ELOOP);
    place = place.parent_path() / fs::read_symlink(place, error);
    if (error)
      cannot_write(path, error.value());
  }
  return place;
}

/// Something that is there and is no file.
bool is_device(const std::string& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status))
    cannot_write(path, EISDIR);
  return fs::exists(status) && !fs::is_regular_file(status);
}

} // namespace

FileWriter::FileWriter(std::string path) : path_(std::move(path)) {
  if (is_device(path_)) {
    file_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    static std::atomic<uint64_t> number{0};
    place_ = follow_links(path_).string();
    const std::string temporary =
        place_ + ".part" + std::to_string(::getpid()) + "-" + std::to_string(number++);
    file_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file_ >= 0)
      temporary_ = temporary;
  }
  if (file_ < 0)
    cannot_write(path_);
}

FileWriter::~FileWriter() {
  if (file_ >= 0)
    ::close(file_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

void FileWriter::write(const void* data, std::size_t bytes) {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::write(file_, from, bytes);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      cannot_write(path_);
    from += put;
    bytes -= static_cast<std::size_t>(put);
  }
}

void FileWriter::put_in_place() {
  const int file = file_;
  file_ = -1;
  if (::close(file) != 0)
    cannot_write(path_);
  if (!temporary_.empty() && ::rename(temporary_.c_str(), place_.c_str()) != 0)
    cannot_write(path_);
  temporary_.clear();
}

void FileWriter::check(const std::string& path) {
  if (!is_device(path)) {
    const FileWriter file{path};
  } else if (::access(path.c_str(), W_OK) != 0) {
    cannot_write(path);
  }
}

} // namespace sinter::rt
