// Running programs made of recordings.
#pragma once

#include "sinter/runtime/executable.h"
#include "sinter/tensor.h"
#include "trace/trace.h"

#include <memory>
#include <span>
#include <vector>

namespace sinter::autodiff {

/// What `program` gives for `inputs`, in tensors of their own.
std::vector<Tensor> run_program(const rt::Executable& program, std::span<const Tensor> inputs);

/// The tensors of a trace that anybody still holds when it ends, which get elements.
class LiveTensors {
public:
  explicit LiveTensors(trace::Trace& trace);

  /// What the program must give for those of which the elements are not known, each value once.
  llvm::ArrayRef<mlir::Value> values() const { return values_; }
  unsigned results() const { return static_cast<unsigned>(values_.size()); }
  /// The first of `computed` are those elements.
  void become(std::span<const Tensor> computed) const;

private:
  struct Live {
    std::shared_ptr<trace::Node> node;
    unsigned result;
  };
  llvm::SmallVector<mlir::Value> values_;
  std::vector<Live> live_;
};

} // namespace sinter::autodiff
