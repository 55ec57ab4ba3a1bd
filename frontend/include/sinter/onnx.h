// Models in files, ONNX's, Caffe's and saved functions: load, look at, compile, run.
#pragma once

#include "sinter/aot.h"
#include "sinter/export.h"
#include "sinter/runtime/executable.h"
#include "sinter/tensor.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter {

/// An input or output as the model declares it.
struct ModelValue {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> dims;          ///< -1 where the extent is not fixed
  std::vector<std::string> dim_names; ///< the name of each dimension that has one, else ""
  bool has_shape = true;              ///< false: the model does not say
  bool dims_may_differ = false;       ///< `dims` are what the model proposes: others of that rank do as well
};

struct ModelOptions {
  bool fuse = true;
  int threads = 0; ///< 0: one per processor
  std::string cpu = "native";
  /// Where the model runs on tensors in the host's memory: "cpu", or a GPU, "cuda" or "cuda:N", by kernels
  /// for CUDA. On tensors that lie on a GPU (Tensor::to) it runs there, and results stay there. `cpu` says
  /// nothing there; `precise` and `tune` are about NVIDIA's libraries. Another text: load() throws Error.
  /// Where there is no such GPU, compiling does.
  std::string device = "cpu";
  std::size_t cached_shapes = 16; ///< programs kept, 0: none; the least recently used goes first
  /// Called now and then while a program is compiled, with the kernels done so far and in all, from whichever
  /// thread compiled one: one call at a time for each program, others wait. What it throws fails the
  /// compilation. Must not use the model. Starts again where a model has weights that overflow when a
  /// batch-norm is folded into them, since it is then compiled without.
  std::function<void(int64_t done, int64_t total)> progress = {};
  bool precise = false;     ///< no algorithm that trades accuracy for speed (Winograd, merged groups)
  int64_t memory_limit = 0; ///< as CompileOptions::memory_limit
  /// False: kernels and weights are neither looked for in the cache on disk nor kept there.
  bool disk_cache = true;
  /// Measures several ways to compute each contraction instead of trusting the cost model: compiling takes
  /// some seconds. What is found out is kept with the kernels, for programs compiled without this as well.
  bool tune = false;
  std::string precision = "f32"; ///< as CompileOptions::precision
  std::string caffemodel = {};   ///< the .caffemodel file with the weights of a Caffe network
};

/// How Model::inspect shows a program.
enum class InspectFormat : uint8_t {
  text,              ///< large constants elided
  text_with_weights, ///< in full, as sinter-opt reads it
  dot,               ///< a drawing, for Graphviz
};

/// By what Model::inspect differentiates a program before it shows it.
enum class InspectGradient : uint8_t {
  none,    ///< not at all
  inputs,  ///< by the inputs of floating-point numbers
  weights, ///< by parameters(), which are further inputs then
};

/// A loaded model, or a saved function (CompiledFunction::save). Every combination of input shapes is
/// compiled once, when it is first seen. May be used from several threads. Once moved from, it throws Error
/// whatever it is asked.
class Model {
public:
  /// Reads an ONNX file (opsets 6 to 28); or, if `path` ends in .prototxt or `options` names a .caffemodel, a
  /// Caffe network; or what CompiledFunction::save wrote, whose shapes are those it was saved for. Throws
  /// Error for an unknown device or precision, before the file is read, and for anything that is not a
  /// well-formed model. Large weights stay in the file, which is kept open, until a shape is compiled: it may
  /// be deleted meanwhile; if it was changed, compiling throws Error.
  static Model load(const std::string& path, ModelOptions options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::vector<ModelValue>& inputs() const;
  const std::vector<ModelValue>& outputs() const;

  /// The text the model's maker stored under `key` (labels, characters, ...); "" if there is none.
  std::string metadata(const std::string& key) const;

  /// Checks names, dtypes and shapes against the declaration; throws Error naming the input.
  void check_inputs(const std::vector<Tensor>& inputs) const;

  /// Compiled code for these inputs' shapes, from the cache if it is there.
  std::shared_ptr<const rt::Executable> compile(const std::vector<Tensor>& inputs);

  /// Outputs in the model's order. Inputs in the order of inputs(). On tensors of a function that is
  /// differentiated or compiled, the model's operations become part of that function, its weights constants.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);

  /// Copies of the weights, by name, that training would change: initialisers of floating-point numbers with
  /// at least one dimension that are operands of the model's operations. The running statistics of batch
  /// normalisations are among them.
  std::map<std::string, Tensor> parameters() const;
  /// As run(), with these tensors in the place of the weights of their names: all of parameters(), or some,
  /// those to differentiate by. Throws Error for names and shapes that are not the model's.
  std::vector<Tensor> run(const std::map<std::string, Tensor>& parameters, const std::vector<Tensor>& inputs);

  /// As run(), by the reference interpreter, on the processor; not on tensors without elements. With
  /// ModelOptions::precision f16 or bf16, which needs a `device` that is a GPU but not the GPU, what every
  /// operation gives is rounded to that.
  std::vector<Tensor> interpret(const std::vector<Tensor>& inputs);

  /// The program for these inputs after a stage: "imported", "optimized", "fused", "planned", or "llvm", the
  /// LLVM IR of every kernel, for a GPU "cuda", their CUDA C++ (not drawn, and without weights). With a
  /// gradient, it takes a cotangent of each output of floats as a further input, and gives the cotangents of
  /// what it is differentiated by beside its outputs.
  std::string inspect(const std::vector<Tensor>& inputs, const std::string& stage,
                      InspectFormat format = InspectFormat::text,
                      InspectGradient gradient = InspectGradient::none);

  /// Compiles the model into a library that needs neither Sinter nor the model any more, and its C header
  /// beside it. `shapes` are those of inputs(); the extents of dynamic dimensions do not count. The ending of
  /// `path` says what is written: a shared library (.so), an archive (.a) or an object (.o).
  /// ModelOptions::cpu, tune and disk_cache do not matter. Throws Error.
  aot::LibraryReport compile_library(const std::string& path, const std::vector<Shape>& shapes,
                                     const aot::LibraryOptions& options = {});

  /// Writes the model for inputs of these shapes to `path`, in the opset that is asked for (export.h). Names
  /// of inputs, outputs, weights and nodes stay as they are, and so does what metadata() tells.
  void export_onnx(const std::vector<Tensor>& inputs, const std::string& path,
                   const ExportOptions& options = {});

private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

} // namespace sinter
