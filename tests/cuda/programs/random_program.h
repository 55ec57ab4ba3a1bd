// Random programs of what CUDA kernels are emitted for.
#pragma once

#include "case.h"
#include "comparison.h"

#include "sinter/runtime/executable.h"
#include "sinter/runtime/thread_pool.h"

#include <vector>

namespace sinter::cuda_tests {

/// All operations but Winograd's convolutions, which are chosen for the processor's micro-kernels.
inline std::vector<mlir::RegisteredOperationName> cudaOperations(mlir::MLIRContext& context) {
  auto operations = differential::evaluableOperations(context);
  std::erase_if(operations, [](const auto& name) { return name.getStringRef().contains("winograd"); });
  return operations;
}

/// A chain of operations; of one for even seeds, so that all are met.
struct RandomProgram {
  differential::Case made;
  std::size_t count = 0;

  RandomProgram(mlir::MLIRContext& context, uint64_t seed,
                const std::vector<mlir::RegisteredOperationName>& operations)
      : made(context, seed) {
    const auto last = static_cast<int64_t>(operations.size()) - 1;
    auto append = [&](llvm::StringRef name) {
      made.setCurrent(differential::findMaker(name)->make(made));
      ++count;
    };
    if (seed % 2 == 0)
      append(operations[seed / 2 % operations.size()].getStringRef());
    const auto length = static_cast<std::size_t>(seed % 2 == 0 ? 1 : made.integer(2, 7));
    while (count < length) {
      const auto name = operations[static_cast<std::size_t>(made.integer(0, last))].getStringRef();
      const differential::Maker& maker = *differential::findMaker(name);
      if ((maker.common || made.chance(0.3)) && (count == 0 || maker.smooth))
        append(name);
    }
    made.finish();
  }
};

/// "" if `executable`, compiled from `program`, gives what the interpreter does; else where not.
std::string disagreement(RandomProgram& program, const rt::Executable& executable, rt::ThreadPool& pool);

} // namespace sinter::cuda_tests
