// Sequential reads from a regular file, checked against its size.
#include "frontend/data/byte_source.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sinter::data {
namespace {

constexpr uint64_t kBufferBytes = 64 * 1024;

int64_t nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

} // namespace

ByteSource::ByteSource(const std::string& path, bool follow) : path_(path) {
  // Not blocking: opening a named pipe must fail below, not wait for a writer.
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  if (file_ < 0)
    throw Error("cannot open " + path + ": " + std::strerror(errno), ErrorKind::system);
  struct stat status{};
  if (::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file_);
    throw Error(path + " is not a regular file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
  modified_ = nanoseconds(status.st_mtim);
}

ByteSource::~ByteSource() {
  ::close(file_);
}

void ByteSource::read_at(void* to, uint64_t bytes, uint64_t position) const {
  auto* out = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(file_, out, std::min<uint64_t>(bytes, 1 << 30), static_cast<off_t>(position));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw Error("cannot read " + path_ + ": " + std::strerror(errno), ErrorKind::system);
    if (got == 0)
      throw Error(path_ + " became shorter while it was read");
    out += got;
    position += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
}

void ByteSource::check_unchanged() const {
  struct stat status{};
  if (::fstat(file_, &status) != 0 || nanoseconds(status.st_mtim) != modified_ ||
      static_cast<uint64_t>(status.st_size) != size_)
    throw Error(path_ + " was changed after it was opened");
}

void ByteSource::read_again(void* to, uint64_t bytes, uint64_t position) const {
  check_unchanged();
  if (position > size_ || bytes > size_ - position)
    throw Error(path_ + " ends too early: it is truncated or damaged");
  read_at(to, bytes, position);
}

void ByteSource::read(void* to, uint64_t bytes) {
  if (position_ > size_ || bytes > size_ - position_)
    throw Error(path_ + " ends too early: it is truncated or damaged");
  auto* out = static_cast<uint8_t*>(to);
  while (bytes > 0) {
    const bool buffered = position_ >= buffer_start_ && position_ < buffer_start_ + buffer_.size();
    if (!buffered && bytes >= kBufferBytes) { // large pieces go straight to where they belong
      read_at(out, bytes, position_);
      position_ += bytes;
      return;
    }
    if (!buffered) {
      buffer_.resize(std::min(kBufferBytes, size_ - position_));
      buffer_start_ = position_;
      read_at(buffer_.data(), buffer_.size(), position_);
    }
    const uint64_t at = position_ - buffer_start_, piece = std::min<uint64_t>(bytes, buffer_.size() - at);
    std::memcpy(out, buffer_.data() + at, piece);
    out += piece;
    position_ += piece;
    bytes -= piece;
  }
}

uint8_t ByteSource::read_byte() {
  uint8_t byte = 0;
  read(&byte, 1);
  return byte;
}

std::shared_ptr<Storage> ByteSource::read_part(uint64_t position, uint64_t bytes) const {
  auto storage = Storage::allocate(bytes);
  constexpr uint64_t kPiece = 1 << 20;
  const auto pieces = static_cast<int64_t>((bytes + kPiece - 1) / kPiece);
  rt::current_thread_pool().try_parallel_for(pieces, 1, [&](int64_t begin, int64_t end, int) {
    const uint64_t first = static_cast<uint64_t>(begin) * kPiece;
    const uint64_t last = std::min(bytes, static_cast<uint64_t>(end) * kPiece);
    read_again(storage->data() + first, last - first, position + first);
  });
  return storage;
}

std::shared_ptr<Storage> ByteSource::map() const {
  check_unchanged();
  // Vector code may read a register past the last element, as it may in Storage's own memory: one page more.
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t whole = (size_ + page - 1) / page * page + page;
  constexpr int kAccess = PROT_READ | PROT_WRITE, kPrivate = MAP_PRIVATE | MAP_NORESERVE;
  void* at = ::mmap(nullptr, whole, kAccess, kPrivate | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    throw Error("cannot map " + path_ + ": " + std::strerror(errno), ErrorKind::system);
  const std::shared_ptr<void> owner(at, [whole](void* data) { ::munmap(data, whole); });
  if (size_ > 0 && ::mmap(at, size_, kAccess, kPrivate | MAP_FIXED, file_, 0) == MAP_FAILED)
    throw Error("cannot map " + path_ + ": " + std::strerror(errno), ErrorKind::system);
  return Storage::adopt(at, size_, owner);
}

} // namespace sinter::data
