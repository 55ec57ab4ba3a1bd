// Programs of attention, for its fused kernel and for what has none.
#pragma once

#include "comparison.h"

#include "sinter/runtime/executable.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace sinter::cuda_tests {

struct AttentionProgram {
  int64_t batch = 1, heads = 1, rows = 1, keys = 1, depth = 1, width = 1;
  std::string type = "f32";
  std::string mask = {};       ///< the shape of one, as "70x64x", or none
  std::string maskType = type; ///< f32 may be added to scores of f16 and bf16
  bool headsLast = false;      ///< operands and result are [batch, rows, heads, columns]
  bool keyColumns = false;     ///< the key is stored as columns
  bool oneHead = false;        ///< of key and value, for all of the query
  bool epilogue = false;       ///< something fused after it
  bool tf32 = false;
  int64_t tileRows = 64; ///< of the fused kernel; 0: there is none

  std::string text() const;
  /// Throws Error if the text is none.
  mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext& context) const;
};

/// Sizes at which the kernel does something else, then random ones.
std::vector<AttentionProgram> attentionPrograms();

/// "" if `executable`, compiled from `program`, gives what the interpreter does; else where not. Masks take
/// keys out, of some rows all.
std::string disagreement(const AttentionProgram& program, mlir::MLIRContext& context,
                         const rt::Executable& executable, rt::ThreadPool& pool);

} // namespace sinter::cuda_tests
