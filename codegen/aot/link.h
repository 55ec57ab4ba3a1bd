// From objects to one file: LLVM's linker, objcopy and archiver, in this process.
#pragma once

#include "codegen/cpu/target.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sinter::codegen::aot {

/// A folder for the files of one link; goes with its content.
class Workshop {
public:
  /// Throws Error (system).
  Workshop();
  ~Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  /// Writes a file there and gives its path. Throws Error (system).
  std::string write(const std::string& name, std::string_view bytes) const;
  std::string path(const std::string& name) const { return folder_ / name; }

private:
  std::filesystem::path folder_;
};

/// What is linked.
struct LinkInput {
  std::vector<std::string> objects;     ///< paths
  std::vector<std::string> exportNames; ///< the symbols others see
};

/// A shared library `soname` at `output`, which needs libc, libm and the dynamic loader at most. Throws
/// Error.
void linkShared(const Workshop& workshop, const cpu::Target& target, const LinkInput& input,
                const std::string& soname, const std::string& output);

/// One relocatable object at `output`; what is not exported is local to it, so that it can be linked beside
/// others of its kind. Throws Error.
void linkObject(const Workshop& workshop, const cpu::Target& target, const LinkInput& input,
                const std::string& output);

/// An archive of one object. Throws Error.
void makeArchive(const std::string& object, const std::string& member, const std::string& output);

} // namespace sinter::codegen::aot
