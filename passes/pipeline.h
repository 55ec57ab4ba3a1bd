// The compiler's passes in order.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <array>
#include <cstdint>
#include <optional>

namespace sinter::passes {

/// What kernels are made for.
enum class Backend : uint8_t {
  cpu,  ///< contractions have micro-kernels, which choose layouts
  cuda, ///< tensors lie as they are written, unless PipelineOptions::channelsLast
};

/// What f32 becomes inside a program.
enum class Precision : uint8_t {
  f32,  ///< f32 throughout
  tf32, ///< f32 in memory; contractions may round their factors to the 10 bits of TF32
  f16,  ///< what contractions, and what moves and scales their results, store: see lower_precision.cpp
  bf16, ///< the same, of bfloat16
};

/// What they are called, in order.
inline constexpr std::array<llvm::StringLiteral, 4> kPrecisionNames{"f32", "tf32", "f16", "bf16"};

/// The precision of that name, if there is one.
std::optional<Precision> precisionNamed(llvm::StringRef name);

struct PipelineOptions {
  Backend backend = Backend::cpu;
  /// False: one kernel per operation, as an eager framework would run it, and what fusion is measured
  /// against: tensors and weights stay as the model has them, nothing is folded into anything, and a
  /// convolution brings its input, its filter and its result into and out of the kernel's layouts itself, at
  /// every run.
  bool fuse = true;
  /// Channel block of blocked layouts: lanes of f32 in a vector register.
  int64_t block = 8;
  /// Backend::cuda: convolutions and what lies between them have their channels innermost in memory, as
  /// tensor cores read them.
  bool channelsLast = false;
  /// True: no algorithm that reorders sums for speed at the cost of accuracy (Winograd's convolutions), or
  /// lets numbers that are not finite reach neighbours (merged groups).
  bool precise = false;
  /// What the arena may take, in bytes; 0: what it needs. What does not fit is computed again when it is
  /// read; a program that cannot do with it is an error.
  int64_t memoryLimit = 0;
  /// Other than f32 for Backend::cuda only: kernels of the processor compute in f32.
  Precision precision = Precision::f32;
};

/// How far to go.
enum class Stage : uint8_t {
  imported,  ///< as traced or imported
  optimized, ///< canonical, folded, layouts assigned
  fused,     ///< one sinter.fusion per kernel
  planned,   ///< sinter.kernel + sinter.launch with arena offsets
};

/// What the stages are called, in order.
inline constexpr std::array<llvm::StringLiteral, 4> kStageNames{"imported", "optimized", "fused", "planned"};

/// The stage of that name, if there is one.
std::optional<Stage> stageNamed(llvm::StringRef name);

/// Adds the passes that lead from Stage::imported to `stage`.
///
/// The planned module is what code generation takes: sinter.kernel symbols; one func.func @main whose body is
/// sinter.constant, sinter.launch with `offsets`, sinter.reshape (an alias, on row-major tensors only) and
/// func.return; module attributes sinter.arena_bytes, sinter.arena_lower_bound, sinter.arena_without_reuse
/// (i64). A launch result that is returned has offset -1 and lives in the program's output; no value is
/// returned twice, and no argument, constant or alias of one is returned (a copying kernel stands between).
void buildPipeline(mlir::OpPassManager& manager, const PipelineOptions& options,
                   Stage stage = Stage::planned);

/// Runs the passes on `module`, collecting diagnostics. Throws Error with the first of them on failure.
void runPipeline(mlir::ModuleOp module, const PipelineOptions& options, Stage stage = Stage::planned);

/// Registers every pass and the pipeline with MLIR's command-line machinery (for sinter-opt).
void registerPasses();

} // namespace sinter::passes
