// The constants of a planned program, as its kernels read them.
#pragma once

#include "ir/ops.h"

#include <memory>
#include <vector>

namespace sinter::codegen {

class KernelStore;

struct ConstantOptions {
  KernelStore* store = nullptr; ///< where large ones are kept for later processes; null: nowhere
  bool find = false;            ///< whether it is worth looking for them there
};

struct ProgramConstants {
  struct Constant {
    mlir::Value value;
    std::shared_ptr<Storage> storage;
    uint64_t byteOffset = 0;
  };
  std::vector<Constant> constants;
  uint64_t mappedBytes = 0; ///< how much of it was made by an earlier process
  /// Puts into the store what was made anew, when it is destroyed: to write weights takes longer than to make
  /// them, and nobody should wait for that before the first result. Null if there is nothing to keep.
  std::shared_ptr<void> keeper;
};

/// Makes every constant of `body`, or maps what an earlier process has made from the store's files. Throws
/// Error, and ir::WeightsNotFinite where the module's ir::ConstantDeferral assumes too much.
ProgramConstants makeConstants(mlir::Block& body, const ConstantOptions& options);

} // namespace sinter::codegen
