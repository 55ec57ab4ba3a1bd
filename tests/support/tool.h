// Running the sinter tool as users do.
#pragma once

#include <string>
#include <vector>

namespace sinter::test {

struct ToolResult {
  int status = -1; ///< exit status; 128 + signal if it was killed
  std::string out;
  std::string err;
};

/// Runs a program with arguments; no shell in between.
ToolResult run_program(const std::string& program, const std::vector<std::string>& arguments);

/// An empty folder, gone with the object.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file; returns its path.
  std::string write(const std::string& name, const std::string& content) const;

private:
  std::string path_;
};

std::string read_file(const std::string& path);

/// A NumPy file, version 1.0: `descr` as NumPy has it ("<f4"), `shape` as a tuple ("(1, 3)"), the elements'
/// bytes.
std::string npy_bytes(const std::string& descr, const std::string& shape, const std::string& data);
/// ... of zeros.
std::string npy_zeros(const std::vector<int64_t>& dims, const std::string& descr = "<f4");

} // namespace sinter::test
