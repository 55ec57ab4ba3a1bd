// Programs to a library: the last step of the ahead-of-time compiler.
#pragma once

#include "codegen/aot/tables.h"
#include "codegen/cpu/target.h"

#include <string>

namespace sinter::codegen::aot {

enum class LibraryKind : uint8_t {
  shared,  ///< .so
  object,  ///< .o
  archive, ///< .a, of one object
};

struct LibraryOutput {
  LibraryKind kind = LibraryKind::shared;
  std::string path;
  std::string header;      ///< where NAME.h goes
  std::string weightsFile; ///< where the weights go; empty: into the library
};

/// How large the parts of a library are, in bytes.
struct LibrarySize {
  uint64_t file = 0;
  uint64_t weights = 0; ///< wherever they are
  uint64_t kernels = 0; ///< how many
};

/// Writes the library, its header and, if they go into a file of their own, the weights; each appears whole,
/// the library last. Throws Error. The same contents give the same bytes. All programs were compiled for
/// `target`'s architecture; `targetName` is for people.
LibrarySize writeLibrary(const LibraryContents& contents, const cpu::Target& target,
                         const std::string& targetName, const LibraryOutput& output);

/// Throws Error unless `name` can begin the names of C functions.
void checkName(const std::string& name);

} // namespace sinter::codegen::aot
