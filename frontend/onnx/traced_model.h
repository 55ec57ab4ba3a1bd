// A model as part of a function that is traced.
#pragma once

#include "frontend/onnx/graph.h"
#include "frontend/trace/trace.h"
#include "sinter/compile.h"

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sinter::onnx_import {

using Parameters = std::map<std::string, Tensor>;

/// Records the operations of a model in programs of others. `graph` outlives it. May be used from several
/// threads. Throws Error without naming the file.
class TracedModel {
public:
  explicit TracedModel(const ModelGraph& graph);

  /// Copies of the initialisers that are learned, as far as can be told: those of floats with at least one
  /// dimension that are operands of the model's operations.
  Parameters parameters() const;
  /// Throws Error for a name that is no initialiser of floats, or a tensor unlike it.
  void check(const Parameters& parameters) const;

  /// True if the operations on one of these are recorded.
  static bool records(std::span<const Tensor> tensors);
  /// What the model gives for `inputs`, which must have been checked. `parameters` take the place of the
  /// initialisers of their names; all others are constants. Recorded where operations on one of them are,
  /// else run.
  std::vector<Tensor> call(const Parameters& parameters, const std::vector<Tensor>& inputs,
                           const CompileOptions& options);

private:
  // Where elements are read, they may have to come from the file: this keeps them.
  std::shared_ptr<Storage> elements_of(const std::string& name, const StoredWeight& weight);
  // `tensors`: those of `names`, then the inputs.
  std::vector<Tensor> record(const std::vector<std::string>& names, std::span<const Tensor> tensors);
  CompiledFunction compiled(const std::vector<std::string>& names, const CompileOptions& options);

  const ModelGraph& graph_;
  const std::string id_; // in the keys of constants: no other model has it
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Storage>> elements_;
  // Of the names it takes: the function for them.
  std::optional<std::pair<std::vector<std::string>, CompiledFunction>> function_;
};

} // namespace sinter::onnx_import
