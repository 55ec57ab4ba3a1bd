// The files the tool writes.
#include "files.h"

#include "frontend/data/npy_writer.h"
#include "sinter/ops.h"

#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

namespace sinter::tool {

namespace fs = std::filesystem;

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
                                       const std::vector<std::pair<std::string, Tensor>>& outputs,
                                       const std::vector<std::string>& read) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    throw Error(fmt::format("cannot make the folder '{}': {}", directory, error.message()),
                ErrorKind::system);
  std::vector<std::unique_ptr<rt::FileWriter>> pending;
  std::set<std::string> used;
  for (const auto& [name, tensor] : outputs) {
    std::string file = file_name(name);
    for (int i = 2; !used.insert(file).second; ++i)
      file = fmt::format("{}-{}", file_name(name), i);
    const fs::path path = fs::path(directory) / (file + ".npy");
    for (const std::string& known : read)
      if (fs::equivalent(path, known, error))
        throw Error(fmt::format("output '{}' would be written over '{}', which was read: give --output-dir",
                                name, known));
    // NumPy has no bf16.
    data::write_npy(*pending.emplace_back(std::make_unique<rt::FileWriter>(path.string())),
                    tensor.dtype() == DType::bf16 ? cast(tensor, DType::f32) : tensor);
  }
  std::vector<std::string> paths;
  for (const auto& file : pending) {
    file->put_in_place();
    paths.push_back(file->path());
  }
  return paths;
}

void check_writable(const std::string& path) {
  rt::FileWriter::check(path);
}

void write_text(const std::string& path, const std::string& text) {
  rt::FileWriter file(path);
  file.write(text.data(), text.size());
  file.put_in_place();
}

} // namespace sinter::tool
