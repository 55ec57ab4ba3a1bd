// Random programs of f32, lowered to f16 and bf16.
#include "lowered_program.h"

#include "ir/precision.h"

#include <cmath>

namespace sinter::cuda_tests {

LoweredProgram::LoweredProgram(mlir::MLIRContext& context, uint64_t seed,
                               const std::vector<mlir::RegisteredOperationName>& operations)
    : made(context, seed), precision(seed % 2 ? passes::Precision::f16 : passes::Precision::bf16),
      fuse(seed % 8 < 6) {
  auto append = [&](llvm::StringRef name) { made.setCurrent(differential::findMaker(name)->make(made)); };
  append(made.choose<llvm::StringRef>({"sinter.conv", "sinter.matmul", "sinter.conv_transpose"}));
  const auto last = static_cast<int64_t>(operations.size()) - 1;
  for (int64_t left = made.integer(1, 6); left > 0;) {
    const auto name = operations[static_cast<std::size_t>(made.integer(0, last))].getStringRef();
    const differential::Maker& maker = *differential::findMaker(name);
    if (!maker.smooth || !(maker.common || made.chance(0.3)))
      continue;
    append(name);
    --left;
  }
  made.finish();
  lowered = mlir::OwningOpRef<mlir::ModuleOp>(made.module().clone());
  passes::runPipeline(*lowered, {.backend = passes::Backend::cuda, .fuse = fuse, .precision = precision},
                      passes::Stage::optimized);
}

codegen::CompileOptions LoweredProgram::compileOptions(codegen::CompileOptions options) const {
  options.fuse = fuse;
  options.precision = passes::kPrecisionNames[static_cast<std::size_t>(precision)].str();
  return options;
}

bool LoweredProgram::isLow() {
  bool found = false;
  lowered->walk([&](mlir::Operation* op) {
    if (llvm::isa<ir::ContractionOpInterface>(op))
      found |= ir::isHalf(ir::tensorType(op->getResult(0)).getElementType());
  });
  return found;
}

namespace {

using differential::Buffer;

std::vector<Buffer> interpreted(LoweredProgram& program, mlir::ModuleOp module) {
  std::vector<Buffer> results = differential::resultBuffers(program.made.module());
  codegen::interpret(module, program.made.inputs(), differential::views(results));
  return results;
}

/// The largest difference; nothing where one has a number and the other none, or elements are no floats.
std::optional<double> distance(const View& a, const View& b) {
  double most = 0;
  for (int64_t i = 0; i < a.elements(); ++i) {
    const double x = a.dtype == DType::f32 ? a.as<float>()[i] : a.as<double>()[i],
                 y = b.dtype == DType::f32 ? b.as<float>()[i] : b.as<double>()[i];
    if (std::isfinite(x) != std::isfinite(y))
      return std::nullopt;
    if (std::isfinite(x))
      most = std::max(most, std::abs(x - y));
  }
  return most;
}

double largest(const View& view) {
  double most = 1;
  for (int64_t i = 0; i < view.elements(); ++i)
    if (const double x = view.dtype == DType::f32 ? view.as<float>()[i] : view.as<double>()[i];
        std::isfinite(x))
      most = std::max(most, std::abs(x));
  return most;
}

} // namespace

std::string disagreement(LoweredProgram& program, const rt::Executable& executable, rt::ThreadPool& pool) {
  const auto expected = interpreted(program, program.made.module());
  const auto rounded = interpreted(program, *program.lowered);
  const std::vector<Buffer> results = differential::resultBuffers(program.made.module());
  executable.run(program.made.inputs(), differential::views(results), pool);
  const double unit = program.precision == passes::Precision::f16 ? 0x1p-10 : 0x1p-7;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const View &is = results[i].view, &should = expected[i].view;
    if (is.dtype != DType::f32 && is.dtype != DType::f64)
      continue;
    const auto allowed = distance(rounded[i].view, should), error = distance(is, should);
    if (!allowed)
      continue; // too large for 16 bits
    if (!error || *error > 3 * *allowed + unit * largest(should))
      return "result " + std::to_string(i) + " is " + (error ? std::to_string(*error) : "not finite") +
             " off, where rounding every result gives " + std::to_string(*allowed);
  }
  return "";
}

} // namespace sinter::cuda_tests
