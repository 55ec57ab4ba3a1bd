// Work on kernels by all threads.
#pragma once

#include "ir/ops.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <memory>
#include <vector>

namespace sinter::codegen {

/// An MLIR context for each thread of the current pool, made when it is needed.
class WorkerContexts {
public:
  /// Calls `body(i, context)` for every i of [0, count). Throws what the first call to fail threw.
  void forEach(size_t count, llvm::function_ref<void(size_t, mlir::MLIRContext&)> body) {
    pool_.try_parallel_for(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end, int worker) {
      for (int64_t i = begin; i < end; ++i)
        body(static_cast<size_t>(i), of(worker));
    });
  }

  mlir::MLIRContext& of(int worker) {
    auto& context = contexts_[static_cast<size_t>(worker)];
    if (!context) {
      context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
      context->loadDialect<ir::SinterDialect>();
    }
    return *context;
  }

private:
  rt::ThreadPool& pool_ = rt::current_thread_pool();
  std::vector<std::unique_ptr<mlir::MLIRContext>> contexts_ =
      std::vector<std::unique_ptr<mlir::MLIRContext>>(static_cast<size_t>(pool_.size()));
};

} // namespace sinter::codegen
