// From a module of the sinter dialect to a program that runs.
#pragma once

#include "codegen/kernel/compiled_kernels.h"
#include "passes/pipeline.h"
#include "sinter/runtime/executable.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <functional>
#include <string>

namespace sinter::codegen {

struct CompileOptions {
  /// Where the program runs: "cpu", "cuda", or "cuda:N" for one of several GPUs.
  std::string device = "cpu";
  /// Makes the kernels of a planned module, for functions of the host. Not set: they are made for `device`.
  std::function<CompiledKernels(mlir::ModuleOp)> makeKernels = {};
  bool fuse = true;
  /// "native" or an x86-64 microarchitecture level; see cpu::Target::named. For libraries, see
  /// cpu::Target::ofLibrary.
  std::string cpu = "native";
  /// Called now and then while compiling: kernels done, kernels in all.
  std::function<void(int64_t done, int64_t total)> progress;
  /// On a GPU: convolutions have their channels innermost in memory (passes::PipelineOptions::channelsLast).
  bool channelsLast = false;
  /// True: no algorithm that reorders sums for speed at the cost of accuracy (Winograd's convolutions).
  bool precise = false;
  /// What a run may take for intermediate results, in bytes; 0: what is fastest. See
  /// passes::PipelineOptions::memoryLimit.
  int64_t memoryLimit = 0;
  /// What f32 becomes inside the program; its inputs and outputs stay what they are. One of
  /// passes::kPrecisionNames, "f32" for the processor.
  std::string precision = "f32";
  /// True: what the cost model cannot tell from the best is measured (KernelOptions::tune).
  bool tune = false;
  /// Not null: the program is one of a library, and cannot be run here. See KernelOptions::objects.
  KernelObjects* objects = nullptr;
  /// False: kernels and weights are neither looked for in the cache on disk nor kept there.
  bool diskCache = true;
};

/// Compiles `module`: one func.func @main over sinter operations; argument and result attributes
/// `sinter.name` name the inputs and outputs. The module is consumed: it holds the planned program
/// afterwards. Throws Error, and ir::WeightsNotFinite where the module's ir::ConstantDeferral assumes too
/// much.
std::shared_ptr<rt::Executable> compile(mlir::ModuleOp module, const CompileOptions& options = {});

/// Takes `module` from where tracing or importing left it as far as `stage`. Throws Error.
void lower(mlir::ModuleOp module, const CompileOptions& options, passes::Stage stage);

/// The stage of that name, one of passes::kStageNames. Throws Error for others.
passes::Stage stageNamed(const std::string& name);

/// The precision of that name, one of passes::kPrecisionNames. Throws Error for others.
passes::Precision precisionNamed(const std::string& name);

/// What to do with the elements of large constants in a text.
enum class Weights : uint8_t {
  elided,
  printed, ///< in full, so that sinter-opt can read the text
};

/// `module` after a stage, as text: one of passes::kStageNames, or "llvm", the optimised LLVM IR of every
/// kernel one after the other, or, for a GPU, "cuda", their CUDA C++. The module is consumed. Throws Error.
std::string inspect(mlir::ModuleOp module, const CompileOptions& options, const std::string& stage,
                    Weights weights = Weights::elided);

/// Computes one operation of a program, branches and loops among them, with the eager kernels. The views are
/// of its operands' and results' types, without layouts.
void interpret(mlir::Operation& op, std::span<const View> operands, std::span<const View> results);

/// Runs @main of `module` operation by operation with the eager kernels: the reference. `inputs` are views of
/// the arguments' types; results are written to `outputs`.
void interpret(mlir::ModuleOp module, std::span<const View> inputs, std::span<const View> outputs);

} // namespace sinter::codegen
