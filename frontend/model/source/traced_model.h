// A model as part of a function that is traced.
#pragma once

#include "frontend/model/source/program_source.h"
#include "frontend/trace/trace.h"
#include "sinter/compile.h"

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sinter::model {

using Parameters = std::map<std::string, Tensor>;

/// Records the operations of a model in programs of others. `source` outlives it. May be used from several
/// threads. Throws Error without naming the file.
class TracedModel {
public:
  explicit TracedModel(const ProgramSource& source);

  /// Copies of the weights that are learned (ProgramSource::parameters).
  Parameters parameters() const;
  /// Throws Error for a name that is no weight of floats, or a tensor unlike it.
  void check(const Parameters& parameters) const;

  /// True if the operations on one of these are recorded.
  static bool records(std::span<const Tensor> tensors);
  /// What the model gives for `inputs`, which must have been checked. `parameters` take the place of the
  /// weights of their names; all others are constants. Recorded where operations on one of them are,
  /// else run.
  std::vector<Tensor> call(const Parameters& parameters, const std::vector<Tensor>& inputs,
                           const CompileOptions& options);

private:
  // Where elements are read, they may have to come from the file. What is recorded again and again, to
  // differentiate it, keeps them; a program that is compiled has them in layouts of its own.
  std::shared_ptr<Storage> elements_of(const std::string& name, const StoredWeight& weight, bool keep);
  // `tensors`: those of `names`, then the inputs.
  std::vector<Tensor> record(const std::vector<std::string>& names, std::span<const Tensor> tensors);
  CompiledFunction compiled(const std::vector<std::string>& names, const CompileOptions& options);

  const ProgramSource& source_;
  const std::string id_; // in the keys of constants: no other model has it
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Storage>> elements_;
  std::map<std::string, std::shared_ptr<Storage>> kept_;
  // Of the names it takes: the function for them.
  std::optional<std::pair<std::vector<std::string>, CompiledFunction>> function_;
};

} // namespace sinter::model
