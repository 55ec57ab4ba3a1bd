// What compile() makes of a function, but for the C++ types of its arguments and results; and what it may be
// told.
#pragma once

#include "sinter/aot.h"
#include "sinter/named_tensors.h"
#include "sinter/runtime/executable.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sinter {

struct CompileOptions {
  bool fuse = true;           ///< false: one kernel per operation, to compare with
  int threads = 0;            ///< 0: the pool shared by the process, one thread per processor
  std::string cpu = "native"; ///< or an x86-64 microarchitecture level such as "x86-64-v3"
  /// Where programs run on tensors in the host's memory: "cpu", or a GPU, "cuda" or "cuda:N", by kernels for
  /// CUDA. On tensors that lie on a GPU (Tensor::to) they run there. `cpu` says nothing there; `precise`
  /// and `tune` are about NVIDIA's libraries. Another text: making the function throws Error. Where there is
  /// no such GPU, its first call does.
  std::string device = "cpu";
  std::size_t cached_signatures = 16; ///< programs kept, 0: none; the least recently used goes first
  bool precise = false; ///< no algorithm that trades accuracy for speed (Winograd, merged groups)
  /// What a run may take for intermediate results, in bytes, besides inputs, outputs and weights; 0: what is
  /// fastest. What does not fit is computed again where it is read. Compiling throws Error where that is not
  /// enough.
  int64_t memory_limit = 0;
  /// False: kernels and weights are neither looked for in the cache on disk nor kept there.
  bool disk_cache = true;
  /// Measures several ways to compute each contraction instead of trusting the cost model: compiling takes
  /// some seconds. What is found out is kept with the kernels, for programs compiled without this as well.
  bool tune = false;
  /// What f32 becomes inside a program; inputs and outputs stay f32. For a GPU: "tf32", by which matrix
  /// products and convolutions round their factors, or "f16" or "bf16", in which they and what moves or
  /// scales their results are stored. docs/cuda.md says which operations stay f32. Sums are f32 always.
  /// For another text, making the function throws Error; for one of these, the first call does, if the
  /// program would run on the processor.
  std::string precision = "f32";
};

class CompiledFunction;

namespace detail {

/// Throws Error, which names `transform`, unless options may name this device and this precision.
void check_target(const char* transform, const std::string& device, const std::string& precision,
                  const SourceLocation& where);

struct TracedProgram;

/// Throws Error unless `function`, which was loaded, has so many inputs and outputs; nothing: any number.
void check_saved(const CompiledFunction& function, std::optional<std::size_t> inputs,
                 std::optional<std::size_t> outputs, const SourceLocation& where);

} // namespace detail

/// What a saved function goes by.
struct SaveOptions {
  std::vector<std::string> inputs = {};       ///< names; none: "arg0", ...
  std::vector<std::string> outputs = {};      ///< names; none: "result0", ...
  std::map<std::string, Tensor> weights = {}; ///< names of tensors that the function captures (named_tensors)
  std::map<std::string, std::string> metadata = {}; ///< texts that go with it
};

/// A function with the C++ types of its arguments and results taken away. Copies share the compiled programs.
/// May be called from several threads; the function itself is traced by one at a time.
///
/// The function is called once per combination of dtypes and shapes, with traced tensors: what it does with
/// plain C++ values happens then and only then, and tensors that it captures become constants, their storage
/// shared.
class CompiledFunction {
public:
  using Body = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

  CompiledFunction(Body body, CompileOptions options, SourceLocation where);

  /// Runs the program for these inputs, compiling it first if need be. On traced inputs, records the
  /// function's operations in the program being traced.
  std::vector<Tensor> call(std::span<const Tensor> inputs,
                           SourceLocation where = SourceLocation::current()) const;

  /// The program for these inputs' dtypes and shapes: its steps say what was fused.
  std::shared_ptr<const rt::Executable> executable(std::span<const Tensor> inputs,
                                                   SourceLocation where = SourceLocation::current()) const;

  /// The program for these inputs after a stage, as text, large constants elided: "imported" (as traced),
  /// "optimized", "fused", "planned", or every kernel as "llvm" (LLVM IR), for a GPU as "cuda" (CUDA C++).
  std::string inspect(std::span<const Tensor> inputs, const std::string& stage,
                      SourceLocation where = SourceLocation::current()) const;

  /// Compiles the function for these inputs' dtypes and shapes into a library with a C interface, which does
  /// not need Sinter; see Model::compile_library. Its inputs and outputs are named arg0, arg1, ..., result0,
  /// ...
  aot::LibraryReport compile_library(const std::string& path, std::span<const Tensor> inputs,
                                     const aot::LibraryOptions& options = {},
                                     SourceLocation where = SourceLocation::current()) const;

  /// Programs compiled so far.
  int64_t compilations() const;

  /// Writes the program for inputs of these dtypes and shapes, and the weights that it captured, to a file
  /// that load(), Model::load and the sinter tool read without the function's source. It is a safetensors
  /// file, by custom named x.sinter: the weights are its tensors. It appears whole or not at all.
  void save(const std::string& path, std::span<const Tensor> example_inputs, const SaveOptions& names = {},
            SourceLocation where = SourceLocation::current()) const;
  /// The function saved in a file, for inputs of the dtypes and shapes it was saved for; it throws Error for
  /// others. It may be differentiated, and called by functions that are compiled. Weights stay in the file,
  /// which is kept open, until it is compiled. Throws Error for anything but a well-formed file.
  static CompiledFunction load(const std::string& path, CompileOptions options = {},
                               SourceLocation where = SourceLocation::current());

private:
  friend struct detail::TracedProgram;
  struct Impl;
  explicit CompiledFunction(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  friend void detail::check_saved(const CompiledFunction&, std::optional<std::size_t>,
                                  std::optional<std::size_t>, const SourceLocation&);
  std::shared_ptr<Impl> impl_;
};

} // namespace sinter
