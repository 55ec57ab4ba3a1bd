// Command-line values that name tensors: files, shapes, and what they belong to in the model.
#pragma once

#include "sinter/onnx.h"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

namespace sinter::tool {

/// The model that a command takes, from one file or from two.
struct ModelFiles {
  std::string model;
  std::string caffemodel;

  void add_to(CLI::App& command);
  Model load(ModelOptions options) const;
};

/// Options of every command that generates code.
struct CodeOptions {
  std::string cpu = "native";
  std::string device = "cpu";
  std::string precision = "f32";
  bool precise = false;
  int64_t memory_limit = 0; // bytes
  bool no_cache = false;
  bool tune = false;

  void add_to(CLI::App& command);
  /// Of those, what does not say for which processor.
  void add_choices_to(CLI::App& command);
  /// --no-cache and --tune, for commands whose code is run.
  void add_running_to(CLI::App& command);
  /// --device and --precision.
  void add_device_to(CLI::App& command);
  /// To be called before anything is read. Throws Error that names the option: a precision without a GPU, or,
  /// where code is run, a GPU that cannot be used.
  void check_device(bool code_runs) const;
  void apply(ModelOptions& options) const;
};

/// A "[NAME=]TEXT" argument matched to one of a model's values.
struct Assignment {
  std::size_t index = 0; ///< which of the values
  std::string text;      ///< what is behind the name
};

/// Matches arguments to `values`: named ones by name, the others in order to the values not named. Throws
/// Error for an unknown name, a value given twice, and more arguments than values. `kind` is "input" or
/// "output".
std::vector<Assignment> assign(const std::vector<std::string>& arguments,
                               const std::vector<ModelValue>& values, const std::string& kind);

/// "f32[n, 3, 224, 224]", as the model declares it.
std::string describe(const ModelValue& value);

/// "1x3x224x224" as a shape; throws Error for anything else. "" and "scalar" are rank 0.
Shape parse_shape(const std::string& text);

/// Reads the .npy file that `option` gives for `value`.
Tensor load_file(const std::string& option, const ModelValue& value, const std::string& path);

/// Tensors for every input of `model`: from files (--input), or random ones of a given shape (--shape). Where
/// neither is given and `fill_in` is set, inputs of fixed shape are made up; else Error names the missing
/// input.
std::vector<Tensor> gather_inputs(const Model& model, const std::vector<std::string>& files,
                                  const std::vector<std::string>& shapes, bool fill_in);

/// Adds the option --threads.
void add_threads(CLI::App& command, int& threads);

} // namespace sinter::tool
