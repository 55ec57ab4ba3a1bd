// Programs for every way to share the work of a kernel among threads.
#pragma once

#include "comparison.h"

#include "sinter/runtime/executable.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace sinter::cuda_tests {

struct StructureProgram {
  std::string text;
  std::string algorithm = {}; ///< of one of its kernels; "" of any
  bool channelsLast = false;  ///< compiled so
  DType half = DType::f32;    ///< else that is what its f32 becomes

  /// Throws Error if the text is none.
  mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext& context) const;
};

std::vector<StructureProgram> structurePrograms();
/// Convolutions and what lies around them, channels last.
std::vector<StructureProgram> channelsLastPrograms();
/// Some of them: those of memory_programs.cpp.
std::vector<StructureProgram> memoryPrograms();

/// "" if `executable`, compiled from `program`, gives what the interpreter does, on small whole numbers,
/// whose sums are exact in whatever order; else where not.
std::string disagreement(const StructureProgram& program, mlir::MLIRContext& context,
                         const rt::Executable& executable, rt::ThreadPool& pool);

} // namespace sinter::cuda_tests
