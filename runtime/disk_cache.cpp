// Blobs kept between processes: files that are whole or not there, and the removal of those not used.
#include "sinter/runtime/disk_cache.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <linux/magic.h>
#include <new>
#include <optional>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace sinter::rt {
namespace {

// What a file starts with. It is written and read by the same build of the same program on the same kind of
// machine (keys see to that), so it is this struct as it lies in memory.
struct Header {
  std::array<char, 8> magic{'s', 'i', 'n', 't', 'e', 'r', '\r', '\n'};
  uint32_t version = 1;
  uint32_t reserved = 0;
  Digest key{};
  uint64_t blob_bytes = 0;
  uint64_t sum = 0; ///< of this header with 0 here, then the blob

  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 64);

constexpr std::string_view kUnfinished = "unfinished-";
constexpr time_t kUnfinishedSeconds = 3600; // a writer that takes longer was killed
constexpr time_t kTouchSeconds = 3600;      // one write an hour is enough for an order of use
constexpr uint64_t kMostUnswept = uint64_t{64} << 20;

Header header_of(const Digest& key, std::string_view blob) {
  Header header;
  header.key = key;
  header.blob_bytes = blob.size();
  header.sum = checksum(blob, checksum({reinterpret_cast<const char*>(&header), sizeof header}));
  return header;
}

class File {
public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ >= 0)
      close(descriptor_);
  }
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

private:
  int descriptor_;
};

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;

struct Opened {
  File directory;
  std::string refusal; ///< if it is not open though it exists
};

// Opened anew for each use: the user may remove the directory, or give it to others, at any time.
Opened open_directory(const std::string& path) {
  File file(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto refuse = [&](const std::string& why) { return Opened{File(-1), path + " " + why}; };
  if (!file)
    return errno == ENOENT ? Opened{File(-1), ""}
                           : refuse(std::string("cannot be opened: ") + std::strerror(errno));
  struct stat status{};
  if (fstat(file.get(), &status) != 0)
    return refuse(std::string("cannot be opened: ") + std::strerror(errno));
  if (status.st_uid != geteuid())
    return refuse("belongs to another user (number " + std::to_string(status.st_uid) +
                  "), who could put any code there");
  if (status.st_mode & kOthersMayWrite)
    return refuse("can be written to by other users, who could put any code there (chmod go-w helps)");
  return {std::move(file), ""};
}

void make_directory(const std::string& path) {
  std::string parent; // as the XDG base directory specification wants it
  for (const auto& part : std::filesystem::path(path)) {
    parent = (std::filesystem::path(parent) / part).string();
    mkdir(parent.c_str(), S_IRWXU);
  }
}

bool write_all(int file, const Header& header, std::string_view blob) {
  std::array<iovec, 2> parts{iovec{const_cast<Header*>(&header), sizeof header},
                             iovec{const_cast<char*>(blob.data()), blob.size()}};
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    const ssize_t written = writev(file, parts.data(), static_cast<int>(parts.size()));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    auto left = static_cast<std::size_t>(written);
    for (iovec& part : parts) {
      const std::size_t step = std::min(left, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + step;
      part.iov_len -= step;
      left -= step;
    }
  }
  return true;
}

bool read_all(int file, void* to, std::size_t bytes) {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::read(file, at, bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

std::string unfinished_name() {
  std::array<char, 16> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return "";
  return std::string(kUnfinished) + to_hex(sha256({random.data(), random.size()}));
}

std::optional<Digest> key_of(std::string_view name) {
  Digest key{};
  if (name.size() != 2 * key.size())
    return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < key.size(); ++i) {
    const int high = digit(name[2 * i]);
    const int low = digit(name[2 * i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    key[i] = static_cast<uint8_t>(16 * high + low);
  }
  return key;
}

// The header of `file`, read, if it can be the entry of `key`.
std::optional<Header> read_header(int file, const struct stat& status, const Digest& key,
                                  uint64_t most_bytes) {
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & kOthersMayWrite))
    return std::nullopt;
  const auto bytes = static_cast<uint64_t>(status.st_size);
  Header header;
  if (bytes < sizeof header || bytes > most_bytes || !read_all(file, &header, sizeof header) ||
      header.blob_bytes != bytes - sizeof header || header.key != key)
    return std::nullopt;
  return header;
}

// Reads `file` into `blob` if it is all that the entry of `key` must be.
bool read_entry(int file, const struct stat& status, const Digest& key, uint64_t most_bytes,
                std::vector<char>& blob) {
  const auto header = read_header(file, status, key, most_bytes);
  if (!header)
    return false;
  try {
    blob.resize(header->blob_bytes);
  } catch (const std::bad_alloc&) { // what the header says is not known to be true yet
    return false;
  }
  return read_all(file, blob.data(), blob.size()) && *header == header_of(key, {blob.data(), blob.size()});
}

// Address space that is given back when nobody uses it any more.
std::shared_ptr<void> reserve_addresses(std::size_t bytes) {
  void* start = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED)
    return nullptr;
  return {start, [bytes](void* address) { munmap(address, bytes); }};
}

// All of `file` in memory, and its blob; null where the process may map no more.
std::shared_ptr<Storage> map_file(int file, std::size_t blob_bytes) {
  static_assert(sizeof(Header) == 64, "blobs lie at multiples of 64 bytes");
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t bytes = sizeof(Header) + blob_bytes;
  // What lies behind the file in its last page may be nothing; the page after that is always there.
  auto addresses = reserve_addresses((bytes + page - 1) / page * page + page);
  if (!addresses || mmap(addresses.get(), bytes, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file, 0) !=
                        addresses.get())
    return nullptr;
  char* blob = static_cast<char*>(addresses.get()) + sizeof(Header);
  return Storage::adopt(blob, blob_bytes, std::move(addresses));
}

bool is_remote(int file) {
  struct statfs status{};
  if (fstatfs(file, &status) != 0)
    return true;
  const auto type = static_cast<uint64_t>(status.f_type) & 0xffffffff;
  return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == SMB2_SUPER_MAGIC ||
         type == CIFS_SUPER_MAGIC || type == FUSE_SUPER_MAGIC || type == V9FS_MAGIC ||
         type == AFS_SUPER_MAGIC || type == AFS_FS_MAGIC;
}

// Calls `visit(name, status)` for every file of ours.
template <class F>
void for_each_file(File directory, F&& visit) {
  DIR* stream = directory ? fdopendir(directory.get()) : nullptr;
  if (stream == nullptr)
    return;
  directory.release();
  while (const dirent* item = readdir(stream)) {
    const std::string_view name = item->d_name;
    struct stat status{};
    if ((key_of(name) || name.starts_with(kUnfinished)) &&
        fstatat(dirfd(stream), item->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
      visit(dirfd(stream), item->d_name, status);
  }
  closedir(stream);
}

bool earlier(const timespec& a, const timespec& b) {
  return std::tie(a.tv_sec, a.tv_nsec) < std::tie(b.tv_sec, b.tv_nsec);
}

// One entry must not drive out all others; nor must reading a damaged one take all memory.
uint64_t most_entry_bytes(uint64_t capacity) {
  return capacity / 4;
}

// How much may be written before the directory is looked through again.
uint64_t sweep_bytes(uint64_t capacity) {
  return std::min(capacity / 16, kMostUnswept);
}

} // namespace

DiskCache::DiskCache(std::string directory, uint64_t capacity)
    : directory_(std::move(directory)), capacity_(capacity),
      unswept_(sweep_bytes(capacity)) // processes before this one may have left it full
{}

std::string DiskCache::refusal() const {
  return open_directory(directory_).refusal;
}

bool DiskCache::find(const Digest& key, std::vector<char>& blob) const {
  return read(key, blob, /*touch=*/true);
}

bool DiskCache::peek(const Digest& key, std::vector<char>& blob) const {
  return read(key, blob, /*touch=*/false);
}

bool DiskCache::read(const Digest& key, std::vector<char>& blob, bool touch) const {
  return use(key, touch, [&](int file, const struct stat& status) {
    return read_entry(file, status, key, most_entry_bytes(capacity_), blob) ? Finding::whole
                                                                            : Finding::damaged;
  });
}

bool DiskCache::contains(const Digest& key) const {
  const File directory = open_directory(directory_).directory;
  return directory && faccessat(directory.get(), to_hex(key).c_str(), F_OK, 0) == 0;
}

std::shared_ptr<Storage> DiskCache::map(const Digest& key) const {
  std::shared_ptr<Storage> blob;
  const bool isWhole = use(key, /*touch=*/true, [&](int file, const struct stat& status) {
    if (is_remote(file))
      return Finding::unavailable;
    const auto header = read_header(file, status, key, most_entry_bytes(capacity_));
    if (!header)
      return Finding::damaged;
    blob = map_file(file, header->blob_bytes);
    if (!blob)
      return Finding::unavailable;
    const std::string_view bytes(reinterpret_cast<const char*>(blob->data()), blob->bytes());
    return *header == header_of(key, bytes) ? Finding::whole : Finding::damaged;
  });
  return isWhole ? blob : nullptr;
}

bool DiskCache::can_map() const {
  const File directory = open_directory(directory_).directory;
  return !directory || !is_remote(directory.get());
}

uint64_t DiskCache::most_blob_bytes() const {
  const uint64_t most = most_entry_bytes(capacity_);
  return most - std::min<uint64_t>(most, sizeof(Header));
}

// True if there is an entry that `accept` finds whole; one that it finds damaged is removed.
bool DiskCache::use(const Digest& key, bool touch, const Accept& accept) const {
  const File directory = open_directory(directory_).directory;
  if (!directory)
    return false;
  const std::string name = to_hex(key);
  // O_NONBLOCK: a pipe of that name must not hold us up.
  const File file(openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file || fstat(file.get(), &status) != 0)
    return false;
  const Finding finding = accept(file.get(), status);
  if (finding == Finding::unavailable)
    return false;
  if (finding == Finding::damaged) {
    // Another process may have put a good one in its place by now.
    struct stat now{};
    if (fstatat(directory.get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == status.st_ino)
      unlinkat(directory.get(), name.c_str(), 0);
    return false;
  }
  const time_t now = time(nullptr);
  if (touch && (now - status.st_mtim.tv_sec > kTouchSeconds || now < status.st_mtim.tv_sec))
    futimens(file.get(), nullptr);
  return true;
}

bool DiskCache::store(const Digest& key, std::string_view blob) {
  if (blob.size() > most_blob_bytes())
    return false;
  const Header header = header_of(key, blob);
  const uint64_t bytes = sizeof header + blob.size();
  Opened opened = open_directory(directory_);
  if (!opened.directory && opened.refusal.empty()) {
    make_directory(directory_);
    opened = open_directory(directory_);
  }
  const File& directory = opened.directory;
  const std::string unfinished = unfinished_name();
  if (!directory || unfinished.empty())
    return false;
  const File file(openat(directory.get(), unfinished.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file)
    return false;
  if (!write_all(file.get(), header, blob) ||
      renameat(directory.get(), unfinished.c_str(), directory.get(), to_hex(key).c_str()) != 0) {
    unlinkat(directory.get(), unfinished.c_str(), 0);
    return false;
  }
  // Who brings the count above the limit sets it back and sweeps; nobody else does meanwhile.
  const uint64_t limit = sweep_bytes(capacity_);
  if (const uint64_t before = unswept_.fetch_add(bytes); before <= limit && before + bytes > limit) {
    unswept_ = 0;
    evict();
  }
  return true;
}

void DiskCache::remove(const Digest& key) const {
  if (const File directory = open_directory(directory_).directory)
    unlinkat(directory.get(), to_hex(key).c_str(), 0);
}

std::vector<DiskCache::Entry> DiskCache::entries() const {
  std::vector<Entry> entries;
  for_each_file(open_directory(directory_).directory, [&](int, const char* name, const struct stat& status) {
    if (const auto key = key_of(name))
      entries.push_back({*key, static_cast<uint64_t>(status.st_size), status.st_mtim});
  });
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return earlier(b.used, a.used); });
  return entries;
}

DiskCache::Removed DiskCache::evict() const {
  Removed removed;
  struct Candidate {
    std::string name;
    uint64_t bytes;
    timespec used;
  };
  std::vector<Candidate> candidates;
  uint64_t total = 0;
  const auto take = [&](int directory, const char* name, uint64_t bytes) {
    if (unlinkat(directory, name, 0) != 0)
      return;
    ++removed.files;
    removed.bytes += bytes;
  };
  const time_t now = time(nullptr);
  for_each_file(open_directory(directory_).directory,
                [&](int directory, const char* name, const struct stat& status) {
                  const auto bytes = static_cast<uint64_t>(status.st_size);
                  if (!key_of(name)) {
                    if (now - status.st_mtim.tv_sec > kUnfinishedSeconds)
                      take(directory, name, bytes);
                    return;
                  }
                  candidates.push_back({name, bytes, status.st_mtim});
                  total += bytes;
                });
  // With room for what is written before the next time, the bound holds in between.
  const uint64_t wanted = capacity_ - sweep_bytes(capacity_);
  if (total <= wanted)
    return removed;
  const File directory = open_directory(directory_).directory;
  if (!directory)
    return removed;
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return earlier(a.used, b.used); });
  for (const Candidate& candidate : candidates) {
    if (total <= wanted)
      break;
    take(directory.get(), candidate.name.c_str(), candidate.bytes);
    total -= candidate.bytes;
  }
  return removed;
}

DiskCache::Removed DiskCache::clear() const {
  Removed removed;
  for_each_file(open_directory(directory_).directory,
                [&](int directory, const char* name, const struct stat& status) {
                  if (unlinkat(directory, name, 0) != 0)
                    return;
                  ++removed.files;
                  removed.bytes += static_cast<uint64_t>(status.st_size);
                });
  return removed;
}

} // namespace sinter::rt
