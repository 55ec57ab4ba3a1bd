// Files that appear whole or not at all: written beside their place, then renamed.
#include "files.h"

#include "sinter/data/npy.h"

#include <fmt/format.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <unistd.h>

namespace sinter::tool {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_write(const std::string& path,
                               std::error_code error = std::error_code(errno, std::generic_category())) {
  throw Error(fmt::format("cannot write '{}'{}", path, error ? ": " + error.message() : ""),
              ErrorKind::system);
}

/// Writes what `fill` puts into the stream to the file `place`; errors name `path`, which is what the user
/// knows.
template <class Fill>
void write_file(const std::string& place, const std::string& path, Fill&& fill) {
  errno = 0;
  std::ofstream stream(place, std::ios::binary);
  if (stream)
    fill(stream);
  stream.close();
  if (!stream)
    cannot_write(path);
}

/// Something that is there and is not a file: written to, never replaced.
bool is_device(const std::string& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

/// A file being written; removed again unless it is put in its place.
class PendingFile {
public:
  explicit PendingFile(fs::path place)
      : place_(std::move(place)), temporary_(place_.string() + fmt::format(".part{}", getpid())) {}
  PendingFile(PendingFile&& other) noexcept
      : place_(std::move(other.place_)), temporary_(std::exchange(other.temporary_, fs::path())) {}
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile() {
    std::error_code ignored;
    if (!temporary_.empty())
      fs::remove(temporary_, ignored);
  }

  std::string temporary() const { return temporary_.string(); }
  const fs::path& place() const { return place_; }

  void commit() {
    std::error_code error;
    fs::rename(temporary_, place_, error);
    if (error)
      cannot_write(place_.string(), error);
    temporary_.clear();
  }

private:
  fs::path place_;
  fs::path temporary_;
};

} // namespace

std::string file_name(const std::string& name) {
  std::string result;
  for (char c : name) {
    const bool keep = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    result += keep ? c : '_';
  }
  if (result.empty() || result[0] == '.')
    result = "_" + result;
  return result.substr(0, 200);
}

std::vector<std::string> write_outputs(const std::string& directory,
                                       const std::vector<std::pair<std::string, Tensor>>& outputs) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    throw Error(fmt::format("cannot make the folder '{}': {}", directory, error.message()),
                ErrorKind::system);
  std::vector<PendingFile> pending;
  std::set<std::string> used;
  for (const auto& [name, tensor] : outputs) {
    std::string file = file_name(name);
    for (int i = 2; !used.insert(file).second; ++i)
      file = fmt::format("{}-{}", file_name(name), i);
    pending.emplace_back(fs::path(directory) / (file + ".npy"));
    write_file(pending.back().temporary(), pending.back().place().string(),
               [&, &values = tensor](std::ostream& stream) { write_npy(stream, values); });
  }
  std::vector<std::string> paths;
  for (PendingFile& file : pending) {
    file.commit();
    paths.push_back(file.place().string());
  }
  return paths;
}

void check_writable(const std::string& path) {
  if (is_device(path)) {
    if (fs::is_directory(path))
      cannot_write(path, std::make_error_code(std::errc::is_a_directory));
    if (access(path.c_str(), W_OK) != 0)
      cannot_write(path);
    return;
  }
  const PendingFile file{fs::path(path)};
  std::ofstream stream(file.temporary(), std::ios::binary);
  if (!stream)
    cannot_write(path);
}

void write_text(const std::string& path, const std::string& text) {
  auto write = [&](const std::string& place) {
    write_file(place, path, [&](std::ostream& stream) { stream << text; });
  };
  // Renaming a file onto a device or a pipe would replace it.
  if (is_device(path))
    return write(path);
  PendingFile file{fs::path(path)};
  write(file.temporary());
  file.commit();
}

} // namespace sinter::tool
