// Ahead of time: a model as a library with a C interface, which needs neither Sinter nor the model any more.
#pragma once

#include "sinter/tensor.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sinter::aot {

/// A dimension of inputs whose extent is chosen when the library is used, among those it was compiled for.
struct DynamicDimension {
  std::string name; ///< as the model names it; or any, with `input` and `axis`
  std::string input = {};
  int axis = -1; ///< which dimension of `input`, from 0; -1: all dimensions of all inputs that have the name
  std::vector<int64_t> values = {}; ///< each at least 1; the first is what a new context has
};

struct LibraryOptions {
  /// Before the names of its functions and of its header; a C identifier. "": as the file is named, without
  /// "lib" and ending.
  std::string name = {};
  /// "native": the highest level that this machine can run, tuned to its caches; "x86-64", "x86-64-v2",
  /// "x86-64-v3", "x86-64-v4": all of that microarchitecture level; "aarch64": all of Armv8-A.
  std::string target = "native";
  /// Code for the levels 2, 3 and 4 of x86-64, of which the library takes the best that the processor can
  /// run. `target` must be "native" then.
  bool multiversion = false;
  /// Weights in NAME.weights beside the library, which maps them.
  bool separate_weights = false;
  std::vector<DynamicDimension> dynamic = {};
};

/// What was written.
struct LibraryReport {
  std::string library;
  std::string header;
  std::string weights; ///< "": they are in the library
  uint64_t library_bytes = 0;
  uint64_t weights_bytes = 0;
  uint64_t kernels = 0;
  uint64_t programs = 0; ///< shapes times kinds of processors
};

/// A library of a model in this process. May be used from several threads. Once moved from, it throws Error
/// whatever it is asked.
class Model {
public:
  struct Value {
    std::string name;
    DType dtype = DType::f32;
    Shape shape; ///< with the first values of dynamic dimensions
  };

  /// Loads the shared library `path` (no search: a file, not a name), with `threads` for each run; 0: one per
  /// processor. `weights`: the file of separate weights, where it is not beside the library. Its code is run:
  /// load only what you trust. Throws Error.
  static Model load(const std::string& path, int threads = 0, const std::string& weights = "");
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  std::string name() const;
  const std::vector<Value>& inputs() const;
  const std::vector<Value>& outputs() const;

  /// Outputs in the model's order. Dynamic dimensions are taken from the inputs' shapes. Throws Error for
  /// inputs that are not the model's.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const;

private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  const Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

} // namespace sinter::aot
