// The compiler, read as one page: the passes in order, and why each is where it is.
#include "passes/pipeline.h"

#include "ir/location.h"
#include "passes/passes.h"

#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Convolutions become such as have micro-kernels.
void suitMicroKernels(OpPassManager& functions, const PipelineOptions& options) {
  functions.addPass(createLowerOverlappingWindowsPass());
  // With more groups than blocks of channels there is no micro-kernel. Where groups become one, a number
  // that is not finite spoils its neighbours: not where that is unwanted.
  functions.addPass(createLowerGroupedConvPass(options.block, /*merge=*/!options.precise));
  // One copy makes up for many reads of scattered positions.
  functions.addPass(createCompactStridedConvPass());
}

// Algorithms and layouts for micro-kernels.
void chooseKernels(OpPassManager& functions, const PipelineOptions& options) {
  // Winograd rounds differently than a sum of products: not where that is unwanted, and not where operations
  // are kept as they are written.
  if (options.fuse && !options.precise)
    functions.addPass(createChooseAlgorithmPass());
  // Layouts come last of what changes operations: from here on a tensor type says where its elements lie.
  functions.addPass(createAssignLayoutPass(options.block, /*propagate=*/options.fuse));
}

// What holds for a function is established pass by pass.
void optimize(OpPassManager& functions, const PipelineOptions& options) {
  // Derivatives have been taken.
  functions.addPass(createLowerDerivativesPass());
  const bool hasMicroKernels = options.backend == Backend::cpu;
  // Kernels of the processor have no arithmetic on 16 bits.
  if (hasMicroKernels)
    functions.addPass(createWidenHalvesPass());
  // Shapes are known, so shape arithmetic and everything else on constants goes first: what follows matches
  // on constants.
  functions.addPass(createFoldConstantsPass());
  // What has no kernel is written in operations that have.
  functions.addPass(createDecomposeAttentionPass(options.backend));
  if (options.fuse) {
    functions.addPass(createCanonicalizePass());
    // Passes go on inside of bodies, which know nothing of the program around.
    functions.addPass(createSimplifyControlFlowPass());
    functions.addPass(createCSEPass());
    // Exporters' chains become operations while they are still whole.
    functions.addPass(createRaisePatternsPass());
    // Softmaxes may have been such chains.
    functions.addPass(createRaiseAttentionPass(options.backend));
    // Weights take in what follows them while contractions are in plain layouts; transposed convolutions keep
    // their batch-norms by being rewritten after that.
    functions.addPass(createFoldBatchNormPass());
    functions.addPass(createLowerConvTransposePass());
    if (hasMicroKernels)
      suitMicroKernels(functions, options);
    // Reshapes stand between kernels that could be one; canonical again, the transposes this leaves meet.
    functions.addPass(createSinkReshapesPass());
    functions.addPass(createCanonicalizePass());
    functions.addPass(createFoldConstantsPass());
    functions.addPass(createCSEPass());
  }
  // After what makes flags of transposes. GPUs read operands either way.
  if (options.fuse)
    functions.addPass(hasMicroKernels ? createTransposeOperandsPass() : createAbsorbTransposesPass());
  if (hasMicroKernels)
    chooseKernels(functions, options);
  functions.addPass(createCSEPass());
  // The last comparison: what is computed again on purpose stays.
  functions.addPass(createRemoveBarriersPass());
}

struct CommandLineOptions : PassPipelineOptions<CommandLineOptions> {
  Option<std::string> stage{*this, "stage", llvm::cl::desc("how far to go"), llvm::cl::init("planned")};
  Option<int64_t> block{*this, "block", llvm::cl::desc("channels in a block"), llvm::cl::init(8)};
  Option<bool> fuse{*this, "fuse", llvm::cl::desc("false: one operation per kernel"), llvm::cl::init(true)};
  Option<std::string> backend{*this, "backend", llvm::cl::desc("cpu or cuda"), llvm::cl::init("cpu")};
  Option<std::string> precision{*this, "precision", llvm::cl::desc("f32, tf32, f16 or bf16"),
                                llvm::cl::init("f32")};
  Option<bool> precise{*this, "precise", llvm::cl::desc("no Winograd, no merged groups"),
                       llvm::cl::init(false)};
  Option<bool> channelsLast{*this, "channels-last", llvm::cl::desc("for cuda: channels innermost in memory"),
                            llvm::cl::init(false)};
};

} // namespace

std::optional<Stage> stageNamed(StringRef name) {
  const auto* found = llvm::find(kStageNames, name);
  if (found == kStageNames.end())
    return std::nullopt;
  return static_cast<Stage>(found - kStageNames.begin());
}

void buildPipeline(OpPassManager& manager, const PipelineOptions& options, Stage stage) {
  if (stage == Stage::imported)
    return;
  optimize(manager.nest<func::FuncOp>(), options);
  // Weights have taken in what they could, in f32, and no pass from here on makes equal operations one: each
  // operation keeps its own conversion. Before layouts and kernels, which may depend on the size of elements.
  if (options.precision != Precision::f32)
    manager.addPass(createLowerPrecisionPass(options.precision));
  if (options.backend == Backend::cuda && options.channelsLast)
    manager.addNestedPass<func::FuncOp>(
        createAssignLayoutPass(options.block, options.fuse, /*channelsLast=*/true));
  if (stage == Stage::optimized)
    return;
  // What a concatenation would copy joins the kernel that computes it; now it is known what lies together.
  if (options.fuse)
    manager.addNestedPass<func::FuncOp>(createPlaceConcatsPass());
  // Kernels have one result each and share nothing; no pass after this one makes equal operations one.
  if (options.fuse)
    manager.addNestedPass<func::FuncOp>(createRepeatCheapProducersPass());
  manager.addNestedPass<func::FuncOp>(createFusePass(options.fuse));
  if (stage == Stage::fused)
    return;
  // Kernels that are alike are compiled once; only then is it known how often each runs.
  manager.addPass(createOutlineKernelsPass());
  // On the program as it will run, so that what is needed is known to the byte.
  if (options.memoryLimit > 0)
    manager.addPass(createLimitMemoryPass(options.memoryLimit));
  manager.addPass(createPlanMemoryPass());
}

void runPipeline(ModuleOp module, const PipelineOptions& options, Stage stage) {
  auto manager = PassManager::on<ModuleOp>(module.getContext());
  std::string first;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic& diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && first.empty()) {
      const auto sources = ir::sourcesOf(diagnostic.getLocation());
      first = (sources.empty() ? "" : sources.front() + ": ") + diagnostic.str();
    }
    return success();
  });
  buildPipeline(manager, options, stage);
  if (failed(manager.run(module)))
    throw Error(first.empty() ? "the program cannot be compiled" : first,
                first.empty() ? ErrorKind::internal : ErrorKind::user);
}

void registerPasses() {
  registerCSEPass();
  registerPass(createDifferentiatePass);
  registerPass(createLowerDerivativesPass);
  registerPass(createCanonicalizePass);
  registerPass(createFoldConstantsPass);
  registerPass(createSimplifyControlFlowPass);
  registerPass(createRaisePatternsPass);
  registerPass([] { return createRaiseAttentionPass(); });
  registerPass([] { return createDecomposeAttentionPass(); });
  registerPass(createFoldBatchNormPass);
  registerPass(createLowerConvTransposePass);
  registerPass(createLowerOverlappingWindowsPass);
  registerPass([] { return createLowerGroupedConvPass(); });
  registerPass(createCompactStridedConvPass);
  registerPass(createSinkReshapesPass);
  registerPass(createTransposeOperandsPass);
  registerPass(createAbsorbTransposesPass);
  registerPass(createChooseAlgorithmPass);
  registerPass([] { return createAssignLayoutPass(); });
  registerPass(createRemoveBarriersPass);
  registerPass(createWidenHalvesPass);
  registerPass([] { return createLowerPrecisionPass(); });
  registerPass(createPlaceConcatsPass);
  registerPass(createRepeatCheapProducersPass);
  registerPass([] { return createFusePass(); });
  registerPass(createOutlineKernelsPass);
  registerPass([] { return createLimitMemoryPass(); });
  registerPass(createPlanMemoryPass);
  PassPipelineRegistration<CommandLineOptions>(
      "sinter-pipeline", "the compiler up to `stage`",
      [](OpPassManager& manager, const CommandLineOptions& options) {
        const auto stage = stageNamed(options.stage);
        if (!stage)
          llvm::reportFatalUsageError("sinter-pipeline: there is no stage '" + Twine(options.stage) +
                                      "'; there are " + llvm::join(kStageNames, ", "));
        if (options.backend != "cpu" && options.backend != "cuda")
          llvm::reportFatalUsageError("sinter-pipeline: there is no backend '" + Twine(options.backend) +
                                      "'; there are cpu, cuda");
        const auto precision = precisionNamed(options.precision);
        if (!precision)
          llvm::reportFatalUsageError("sinter-pipeline: there is no precision '" + Twine(options.precision) +
                                      "'; there are " + llvm::join(kPrecisionNames, ", "));
        buildPipeline(manager,
                      {.backend = options.backend == "cuda" ? Backend::cuda : Backend::cpu,
                       .fuse = options.fuse,
                       .block = options.block,
                       .channelsLast = options.channelsLast,
                       .precise = options.precise,
                       .precision = *precision},
                      *stage);
      });
}

} // namespace sinter::passes
