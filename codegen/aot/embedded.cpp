// Files as bytes of this program.
#include "codegen/aot/embedded.h"

#include "codegen/embed.h"

// SINTER_AOT_FILES is the folder that CMake has put them into.
SINTER_EMBED(runtime_x86_64, SINTER_AOT_FILES "/runtime.x86_64.o")
SINTER_EMBED(runtime_aarch64, SINTER_AOT_FILES "/runtime.aarch64.o")
SINTER_EMBED(libc_x86_64, SINTER_AOT_FILES "/libc.x86_64.so")
SINTER_EMBED(libc_aarch64, SINTER_AOT_FILES "/libc.aarch64.so")
SINTER_EMBED(libm_x86_64, SINTER_AOT_FILES "/libm.x86_64.so")
SINTER_EMBED(libm_aarch64, SINTER_AOT_FILES "/libm.aarch64.so")
SINTER_EMBED(ld_x86_64, SINTER_AOT_FILES "/ld.x86_64.so")
SINTER_EMBED(model_abi, SINTER_AOT_FILES "/model_abi.h")

namespace sinter::codegen::aot {

EmbeddedFiles embeddedFiles(const cpu::Target& target) {
  if (target.isX86())
    return {runtime_x86_64(), libc_x86_64(), libm_x86_64(), ld_x86_64()};
  return {runtime_aarch64(), libc_aarch64(), libm_aarch64(), {}};
}

std::string_view abiHeader() {
  return model_abi();
}

} // namespace sinter::codegen::aot
