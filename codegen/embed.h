// Files as bytes of this program.
#pragma once

#include <string_view>

/// Defines `static std::string_view symbol()`: the bytes of the file at `path`, a string literal. The source
/// file must be compiled again when that one changes (OBJECT_DEPENDS).
#define SINTER_EMBED(symbol, path)                                                                           \
  __asm__(".pushsection .rodata\n"                                                                           \
          ".global sinter_embedded_" #symbol "\n.hidden sinter_embedded_" #symbol "\n"                       \
          ".global sinter_embedded_" #symbol "_end\n.hidden sinter_embedded_" #symbol "_end\n"               \
          "sinter_embedded_" #symbol ":\n.incbin \"" path "\"\n"                                             \
          "sinter_embedded_" #symbol "_end:\n.popsection\n");                                                \
  extern "C" const char sinter_embedded_##symbol[], sinter_embedded_##symbol##_end[];                        \
  static std::string_view symbol() {                                                                         \
    return {sinter_embedded_##symbol,                                                                        \
            static_cast<size_t>(sinter_embedded_##symbol##_end - sinter_embedded_##symbol)};                 \
  }
