// From LLVM IR to machine code in this process.
#pragma once

#include "codegen/cpu/target.h"
#include "sinter/runtime/executable.h"

#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace sinter::codegen::cpu {

/// Inlines, optimises and compiles `module` for `target` into a relocatable object. Throws Error (internal).
std::unique_ptr<llvm::MemoryBuffer> compileToObject(llvm::Module& module, const Target& target);

/// The same as assembly text, for people.
std::string compileToAssembly(llvm::Module& module, const Target& target);

/// Runs the optimisation pipeline only; `module` is ready for the code generator afterwards.
void optimize(llvm::Module& module, const Target& target);

/// The process's linker of compiled kernels.
class Jit {
public:
  static Jit& instance();

  struct Code {
    rt::KernelFn function = nullptr;
    std::shared_ptr<void> owner; ///< the machine code lives as long as this
  };

  /// Links one object and finds `symbol` in it. Objects do not see each other's symbols, only the process's
  /// (libm). `object` is not needed afterwards. Throws Error (internal). May be called by several threads.
  Code link(llvm::MemoryBufferRef object, llvm::StringRef symbol);
  Code link(std::unique_ptr<llvm::MemoryBuffer> object, llvm::StringRef symbol);

private:
  Jit();
  struct Impl;
  Impl* impl_; // never freed: code may run until the process ends
};

} // namespace sinter::codegen::cpu
