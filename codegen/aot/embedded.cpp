// Files as bytes of this program.
#include "codegen/aot/embedded.h"

// SINTER_AOT_FILES is the folder that CMake has put them into.
#define SINTER_EMBED(symbol, file)                                                                           \
  __asm__(".pushsection .rodata\n"                                                                           \
          ".global sinter_embedded_" #symbol "\n.hidden sinter_embedded_" #symbol "\n"                       \
          ".global sinter_embedded_" #symbol "_end\n.hidden sinter_embedded_" #symbol "_end\n"               \
          "sinter_embedded_" #symbol ":\n.incbin \"" SINTER_AOT_FILES "/" file "\"\n"                        \
          "sinter_embedded_" #symbol "_end:\n.popsection\n");                                                \
  extern "C" const char sinter_embedded_##symbol[], sinter_embedded_##symbol##_end[];                        \
  static std::string_view symbol() {                                                                         \
    return {sinter_embedded_##symbol,                                                                        \
            static_cast<size_t>(sinter_embedded_##symbol##_end - sinter_embedded_##symbol)};                 \
  }

SINTER_EMBED(runtime_x86_64, "runtime.x86_64.o")
SINTER_EMBED(runtime_aarch64, "runtime.aarch64.o")
SINTER_EMBED(libc_x86_64, "libc.x86_64.so")
SINTER_EMBED(libc_aarch64, "libc.aarch64.so")
SINTER_EMBED(libm_x86_64, "libm.x86_64.so")
SINTER_EMBED(libm_aarch64, "libm.aarch64.so")
SINTER_EMBED(ld_x86_64, "ld.x86_64.so")
SINTER_EMBED(model_abi, "model_abi.h")

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
