// Attention of all forms that the operation has.
#include "attention_programs.h"

#include "half_program.h"

#include "codegen/compile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <limits>
#include <random>

namespace sinter::cuda_tests {
namespace {

std::string tensor(std::initializer_list<int64_t> shape, const std::string& type) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + type + ">";
}

constexpr const char* kSwapHeads = "array<i64: 0, 2, 1, 3>";

} // namespace

std::string AttentionProgram::text() const {
  const int64_t kept = oneHead ? 1 : heads;
  const auto operand = [&](int64_t all, int64_t count, int64_t columns) {
    return headsLast ? tensor({batch, count, all, columns}, type)
                     : tensor({batch, all, count, columns}, type);
  };
  const std::string query = operand(heads, rows, depth), value = operand(kept, keys, width),
                    result = operand(heads, rows, width),
                    key = keyColumns ? tensor({batch, kept, depth, keys}, type) : operand(kept, keys, depth),
                    added = "tensor<" + mask + maskType + ">";
  std::string attributes = "scale = 3.000000e-01 : f64";
  if (headsLast)
    for (const char* name : {"query", "value", "result"})
      attributes += std::string(", ") + name + "_permutation = " + kSwapHeads;
  if (keyColumns)
    attributes += ", key_permutation = array<i64: 0, 1, 3, 2>";
  else if (headsLast)
    attributes += std::string(", key_permutation = ") + kSwapHeads;
  std::string text = "func.func @main(%q: " + query + ", %k: " + key + ", %v: " + value;
  if (!mask.empty())
    text += ", %m: " + added;
  if (epilogue)
    text += ", %y: " + result;
  text += ") -> " + result + " {\n  %0 = sinter.attention %q, %k, %v" + (mask.empty() ? "" : ", %m") + " {" +
          attributes + "} : (" + query + ", " + key + ", " + value + (mask.empty() ? "" : ", " + added) +
          ") -> " + result + "\n";
  if (epilogue)
    text += "  %1 = sinter.add %0, %y : (" + result + ", " + result + ") -> " + result +
            "\n  %2 = sinter.relu %1 : (" + result + ") -> " + result + "\n";
  text += std::string("  func.return ") + (epilogue ? "%2" : "%0") + " : " + result + "\n}\n";
  return tf32 ? "module attributes {sinter.tf32} {\n" + text + "}\n" : text;
}

mlir::OwningOpRef<mlir::ModuleOp> AttentionProgram::parse(mlir::MLIRContext& context) const {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text(), &context);
  if (!module)
    throw Error("not a program: " + text());
  return module;
}

namespace {

AttentionProgram randomProgram(uint64_t seed) {
  std::mt19937_64 engine(seed);
  const auto number = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() % static_cast<uint64_t>(high - low + 1));
  };
  AttentionProgram program;
  program.type = std::vector<std::string>{"f32", "f16", "bf16"}[seed % 3];
  program.batch = number(1, 2);
  program.heads = number(1, 2);
  program.rows = number(8, 140);
  program.keys = number(1, 150);
  program.depth = number(1, 8) * (engine() % 2 ? 8 : 16) - (engine() % 3 ? 0 : 3);
  program.width = number(1, 8) * (engine() % 2 ? 8 : 16) - (engine() % 3 ? 0 : 3);
  const bool isMasked = engine() % 2 != 0;
  if (isMasked)
    program.mask = (engine() % 2 ? "" : std::to_string(program.heads) + "x") +
                   std::to_string(engine() % 2 ? program.rows : 1) + "x" + std::to_string(program.keys) + "x";
  program.maskType = engine() % 2 ? "f32" : program.type;
  program.headsLast = engine() % 2 != 0;
  program.keyColumns = engine() % 4 == 0;
  program.oneHead = engine() % 4 == 0;
  program.epilogue = program.type == "f32" && engine() % 2;
  program.tf32 = program.type == "f32" && engine() % 2;
  return program;
}

} // namespace

std::vector<AttentionProgram> attentionPrograms() {
  using Program = AttentionProgram;
  std::vector<Program> programs;
  for (const char* type : {"f16", "bf16", "f32", "tf32"}) {
    const bool tf32 = type == std::string("tf32");
    const auto add = [&](Program program) {
      program.type = tf32 ? "f32" : type;
      program.maskType = program.type;
      program.tf32 = tf32;
      programs.push_back(program);
    };
    add({.heads = 2, .rows = 65, .keys = 70, .depth = 64, .width = 64, .headsLast = true});
    add({.rows = 64, .keys = 130, .depth = 128, .width = 128, .mask = "64x130x"});
    add({.heads = 2, .rows = 9, .keys = 1, .depth = 13, .width = 9, .oneHead = true});
    add({.batch = 2, .rows = 8, .keys = 65, .depth = 1, .width = 1, .mask = "65x"});
    // Two tiles below each other.
    if (type != std::string("bf16"))
      add({.batch = 64, .rows = 129, .keys = 20, .depth = 8, .width = 16, .tileRows = 128});
    // Decomposed.
    add({.heads = 2, .rows = 1, .keys = 40, .depth = 64, .width = 64, .tileRows = 0});
    add({.rows = 10, .keys = 9, .depth = 136, .width = 8, .mask = "10x9x", .tileRows = 0});
  }
  for (uint64_t seed = 1; seed <= 6; ++seed)
    programs.push_back(randomProgram(seed));
  return programs;
}

namespace {

void fill(const View& view, uint64_t seed) {
  std::mt19937_64 engine(seed);
  for (int64_t i = 0; i < view.elements(); ++i)
    view.as<float>()[i] = static_cast<float>(static_cast<int64_t>(engine() % 4001) - 2000) / 1000;
}

// Every fourth key; of every fifth row the first 70, of every seventh all.
void takeOut(const View& mask) {
  const int64_t keys = mask.shape[mask.rank() - 1];
  for (int64_t i = 0; i < mask.elements(); ++i) {
    const int64_t row = i / keys, key = i % keys;
    const bool isRow = mask.rank() > 1 && mask.shape[mask.rank() - 2] > 1;
    if (key % 4 == 3 || (isRow && ((row % 5 == 1 && key < 70) || row % 7 == 4)))
      mask.as<float>()[i] = -std::numeric_limits<float>::infinity();
  }
}

} // namespace

std::string disagreement(const AttentionProgram& program, mlir::MLIRContext& context,
                         const rt::Executable& executable, rt::ThreadPool& pool) {
  std::vector<differential::Buffer> inputs;
  for (const rt::TensorSpec& input : executable.inputs()) {
    differential::Buffer numbers = differential::denseBuffer(DType::f32, input.shape);
    fill(numbers.view, inputs.size());
    if (inputs.size() == 3 && !program.mask.empty())
      takeOut(numbers.view);
    inputs.push_back(converted(numbers.view, input.dtype));
  }
  const auto module = program.parse(context);
  const auto expected = differential::resultBuffers(*module), results = differential::resultBuffers(*module);
  codegen::interpret(*module, differential::views(inputs), differential::views(expected));
  executable.run(differential::views(inputs), differential::views(results), pool);
  // As exact as f16, but for factors that are rounded, too.
  const DType rounding = program.tf32 ? DType::f16 : results[0].view.dtype;
  const std::size_t steps = (program.depth > 64 ? 4 : 2) + (program.tf32 ? 4 : 0);
  return differential::disagreement(converted(results[0].view, DType::f32).view,
                                    converted(expected[0].view, DType::f32).view, steps, rounding);
}

} // namespace sinter::cuda_tests
