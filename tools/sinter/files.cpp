// Files that appear whole or not at all: written beside their place, then renamed.
#include "files.h"

#include "sinter/data/npy.h"

#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <unistd.h>

namespace sinter::tool {

namespace fs = std::filesystem;

namespace {

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
      throw Error(fmt::format("cannot write '{}': {}", place_.string(), error.message()), ErrorKind::system);
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
    save_npy(pending.back().temporary(), tensor);
  }
  std::vector<std::string> paths;
  for (PendingFile& file : pending) {
    file.commit();
    paths.push_back(file.place().string());
  }
  return paths;
}

void write_text(const std::string& path, const std::string& text) {
  auto write = [&](const std::string& place) {
    std::ofstream stream(place, std::ios::binary);
    stream << text;
    stream.close();
    if (!stream)
      throw Error(fmt::format("cannot write '{}'", path), ErrorKind::system);
  };
  // Renaming a file onto a device or a pipe would replace it.
  std::error_code ignored;
  if (const fs::file_status status = fs::status(path, ignored);
      fs::exists(status) && !fs::is_regular_file(status))
    return write(path);
  PendingFile file{fs::path(path)};
  write(file.temporary());
  file.commit();
}

} // namespace sinter::tool
