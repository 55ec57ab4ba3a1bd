// Random programs of every operation, written as ONNX: what is imported again must compute the same, and be
// written as the same bytes. The files stay in SINTER_EXPORT_FOLDER, for other readers of ONNX to run.
//
// SINTER_EXPORT_CASES: how many programs. SINTER_EXPORT_SEED: the first seed.
#include "case.h"
#include "comparison.h"

#include "codegen/compile.h"
#include "frontend/onnx/export/exporters.h"
#include "frontend/onnx/export/model_writer.h"
#include "sinter/data/npy.h"
#include "sinter/onnx.h"
#include "support/tool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace sinter::differential {
namespace {

Tensor copy_of(const View& view) {
  Tensor tensor = Tensor::empty(view.shape, view.dtype);
  if (view.elements() > 0)
    std::memcpy(tensor.view().data, view.data, tensor.view().bytes());
  return tensor;
}

bool has_bodies(mlir::ModuleOp module) {
  bool found = false;
  module.walk([&](mlir::Operation* op) { found |= llvm::isa<ir::CondOp, ir::WhileOp, ir::ScanOp>(op); });
  return found;
}

class Export : public testing::Test {
protected:
  Export() {
    context_.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
    operations_ = evaluableOperations(context_);
    if (const char* folder = std::getenv("SINTER_EXPORT_FOLDER")) {
      folder_ = folder;
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directories(folder_);
    } else {
      folder_ = own_.path("");
    }
  }

  void append(Case& c, mlir::RegisteredOperationName name) {
    c.setCurrent(findMaker(name.getStringRef())->make(c));
    ++count_;
  }

  // Even seeds make one operation, so that all of them are met in turn; odd ones a chain.
  void build(Case& c, uint64_t seed) {
    count_ = 0;
    if (seed % 2 == 0)
      append(c, operations_[seed / 2 % operations_.size()]);
    const std::size_t length = seed % 2 == 0 ? 1 : static_cast<std::size_t>(c.integer(2, 6));
    while (count_ < length) {
      const auto last = static_cast<int64_t>(operations_.size()) - 1;
      const auto name = operations_[static_cast<std::size_t>(c.integer(0, last))];
      if (const Maker& maker = *findMaker(name.getStringRef()); maker.common && (count_ == 0 || maker.smooth))
        append(c, name);
    }
    c.finish();
  }

  // False if the program has no counterpart in ONNX.
  bool write(Case& c, const std::string& path, int64_t opset) {
    mlir::OwningOpRef<mlir::ModuleOp> copy(c.module().clone());
    try {
      onnx_export::WriteOptions options;
      options.opset = opset;
      onnx_export::write_model(*copy, path, options);
      return true;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("cannot be written as ONNX"), std::string::npos)
          << error.what();
      EXPECT_EQ(error.kind(), ErrorKind::user) << error.what();
      return false;
    }
  }

  void read_again(const std::string& path, int64_t opset, const std::vector<Tensor>& inputs,
                  const std::vector<Buffer>& expected) {
    Model model = Model::load(path);
    const std::vector<Tensor> actual = model.interpret(inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (const std::string text =
              disagreement(actual[i].view(), expected[i].view, 2 * count_ + 2, DType::f32);
          !text.empty())
        ADD_FAILURE() << "imported again: result " << i << ": " << text;
    // What is several nodes on constants is evaluated when it is imported: the second time it is as it stays.
    ExportOptions options;
    options.opset = opset;
    const std::string again = own_.path("second.onnx"), third = own_.path("third.onnx");
    model.export_onnx(inputs, again, options);
    stable_ += test::read_file(path) == test::read_file(again);
    ++compared_;
    Model::load(again).export_onnx(inputs, third, options);
    EXPECT_TRUE(test::read_file(third) == test::read_file(again))
        << "the third export differs from the second";
  }

  // Returns whether there is a file now.
  bool check(Case& c, const std::string& stem) {
    // Every now and then in the newest form of operators.
    const int64_t opset = c.seed() % 5 == 0 ? kLastExportOpset : kFirstExportOpset;
    const std::string path = folder_ + "/" + stem + ".onnx";
    if (!write(c, path, opset))
      return false;
    const std::vector<View> views = c.inputs();
    const std::vector<Buffer> expected = resultBuffers(c.module());
    codegen::interpret(c.module(), views, differential::views(expected));
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < views.size(); ++i) {
      inputs.push_back(copy_of(views[i]));
      save_npy(folder_ + "/" + stem + ".in." + std::to_string(i) + ".npy", inputs.back());
    }
    for (std::size_t i = 0; i < expected.size(); ++i)
      save_npy(folder_ + "/" + stem + ".out." + std::to_string(i) + ".npy", copy_of(expected[i].view));
    if (!has_bodies(c.module()))
      read_again(path, opset, inputs, expected);
    return true;
  }

  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  std::vector<mlir::RegisteredOperationName> operations_;
  test::TemporaryFolder own_;
  std::string folder_;
  std::size_t count_ = 0;
  uint64_t compared_ = 0, stable_ = 0; // files, and those that a second export leaves as they are
};

TEST_F(Export, EveryOperationIsWrittenOrHasAReason) {
  const auto all = context_.getRegisteredOperationsByDialect("sinter");
  EXPECT_GT(all.size(), 50U);
  for (mlir::RegisteredOperationName name : all) {
    const auto* exporter = onnx_export::find_exporter(name.getStringRef());
    ASSERT_NE(exporter, nullptr) << name.getStringRef().str()
                                 << " is neither written as ONNX nor refused: add an exporter";
    EXPECT_NE(exporter->write == nullptr, exporter->refusal == nullptr) << name.getStringRef().str();
  }
}

TEST_F(Export, RandomProgramsComputeTheSame) {
  const uint64_t cases = fromEnvironment("SINTER_EXPORT_CASES", 300);
  const uint64_t first = fromEnvironment("SINTER_EXPORT_SEED", 1);
  uint64_t refused = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    Case c(context_, seed);
    build(c, seed);
    SCOPED_TRACE("the program of SINTER_EXPORT_SEED=" + std::to_string(seed) + " SINTER_EXPORT_CASES=1:\n" +
                 print(c.module()));
    try {
      refused += check(c, std::to_string(seed)) ? 0 : 1;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "exception: " << error.what();
    }
  }
  EXPECT_LE(refused * 8, cases) << "programs without a counterpart";
  EXPECT_GE(stable_ * 10, compared_ * 9) << "programs whose second export is the first";
}

} // namespace
} // namespace sinter::differential
