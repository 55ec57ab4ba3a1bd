// What goes into every library, compiled when Sinter was: see CMakeLists.txt beside this file's folder.
#pragma once

#include "codegen/cpu/target.h"

#include <string_view>

namespace sinter::codegen::aot {

struct EmbeddedFiles {
  std::string_view runtime; ///< a relocatable object: runtime/aot and runtime/program
  /// Shared objects that have the symbols and versions of the system's, and no code: what libraries are
  /// linked with, so that they need nothing of the machine they are made on.
  std::string_view libc;
  std::string_view libm;
  std::string_view ld; ///< the dynamic loader; empty where no code calls it
};

EmbeddedFiles embeddedFiles(const cpu::Target& target);

/// runtime/include/sinter/runtime/aot/abi.h
std::string_view abiHeader();

} // namespace sinter::codegen::aot
