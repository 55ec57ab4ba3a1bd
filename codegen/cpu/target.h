// The processor kernels are generated for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sinter::codegen::cpu {

struct Target {
  std::string triple;       ///< architecture and system, as LLVM names them
  std::string cpu;          ///< LLVM's name of the processor: "znver3", "x86-64-v3"
  std::string features;     ///< LLVM feature string: "+avx2,-avx512f,..."
  int64_t vectorBytes = 16; ///< width of the vector registers used: 64, 32 or 16
  int64_t widestBytes =
      16; ///< width of the widest that the processor has; may be less than what is used: LLVM splits
  int64_t registers = 16; ///< how many of them there are
  bool fma = false;
  int64_t l1Bytes = 32 << 10;
  int64_t l2Bytes = 512 << 10;

  bool isX86() const { return triple.starts_with("x86_64"); }

  /// Lanes of f32 in one register; also the channel block of blocked layouts.
  int64_t lanes() const { return vectorBytes / 4; }

  /// The machine this runs on, or the one SINTER_CPU names ("x86-64", "x86-64-v2", "-v3", "-v4").
  static const Target& host();
  /// "native" or a microarchitecture level as above. Throws Error for other names, and for levels this
  /// machine cannot run.
  static Target named(std::string_view name);
  /// What libraries can be made for: what named() knows, whether or not this machine can run it, and
  /// "aarch64", any processor of the Armv8-A architecture. "native" is the highest level of x86-64 that this
  /// machine can run, with its caches: a library says what it needs by its level. The others are the same on
  /// every machine.
  static Target ofLibrary(std::string_view name);
  /// Of a target of libraries: the x86-64 microarchitecture level, 1 to 4; 0 for other architectures.
  int level() const;
};

} // namespace sinter::codegen::cpu
