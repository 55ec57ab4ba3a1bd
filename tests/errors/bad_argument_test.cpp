// Wrong arguments and wrong input files: one clear line each. And zero-size dimensions, which are not wrong.
#include "expect_error.h"
#include "support/model_builder.h"

#include <sys/stat.h>
#include <unistd.h>

namespace sinter::test {
namespace {

class BadArguments : public testing::Test {
protected:
  BadArguments() {
    small_classifier().save(model_);
    folder_.write("x.npy", npy_zeros({2, 3, 8, 8}));
  }

  void expect_input_error(const std::string& npy, const std::string& message) {
    expect_run_error(folder_, model_, {folder_.write("bad.npy", npy)}, message);
  }

  TemporaryFolder folder_;
  std::string model_ = folder_.path("model.onnx");
  std::string x_ = folder_.path("x.npy");
};

TEST_F(BadArguments, InputIsMissing) {
  expect_run_error(folder_, model_, {}, "?");
}

TEST_F(BadArguments, InputFileIsMissing) {
  expect_run_error(folder_, model_, {"none.npy"}, "?");
}

TEST_F(BadArguments, InputNameIsUnknown) {
  expect_run_error(folder_, model_, {"z=" + x_}, "?");
}

TEST_F(BadArguments, InputIsGivenTwice) {
  expect_run_error(folder_, model_, {"x=" + x_, "x=" + x_}, "?");
}

TEST_F(BadArguments, TooManyInputs) {
  expect_run_error(folder_, model_, {x_, x_}, "?");
}

TEST_F(BadArguments, WrongRank) {
  expect_input_error(npy_zeros({3, 8, 8}), "?");
}

TEST_F(BadArguments, WrongShape) {
  expect_input_error(npy_zeros({2, 3, 8, 9}), "?");
}

TEST_F(BadArguments, WrongElementType) {
  expect_input_error(npy_zeros({2, 3, 8, 8}, "<f8"), "?");
}

TEST_F(BadArguments, UnknownElementType) {
  expect_input_error(npy_bytes("<c8", "(2, 3, 8, 8)", ""), "?");
}

TEST_F(BadArguments, NpyIsSomethingElse) {
  expect_input_error("this is no NumPy file", "?");
}

TEST_F(BadArguments, NpyIsEmpty) {
  expect_input_error("", "?");
}

TEST_F(BadArguments, NpyIsTruncated) {
  expect_input_error(npy_zeros({2, 3, 8, 8}).substr(0, 500), "?");
}

TEST_F(BadArguments, NpyIsTooLong) {
  expect_input_error(npy_zeros({2, 3, 8, 8}) + "more", "?");
}

TEST_F(BadArguments, NpyShapeOverflows) {
  expect_input_error(npy_bytes("<f4", "(4611686018427387904, 4611686018427387904, 8, 8)", ""), "?");
}

TEST_F(BadArguments, NpyShapeIsNegative) {
  expect_input_error(npy_bytes("<f4", "(-1, 3, 8, 8)", ""), "?");
}

TEST_F(BadArguments, NpyShapeIsNotANumber) {
  expect_input_error(npy_bytes("<f4", "(nan, 3, 8, 8)", ""), "?");
}

TEST_F(BadArguments, OutputFolderCannotBeMade) {
  expect_error(folder_, {"run", model_, "--input", x_, "--output-dir", x_ + "/out"}, "?");
}

TEST_F(BadArguments, ExpectedFileIsMissing) {
  expect_error(folder_,
               {"run", model_, "--input", x_, "--expect", "none.npy", "--output-dir", folder_.path("out")},
               "?");
  EXPECT_FALSE(std::filesystem::exists(folder_.path("out")));
}

TEST_F(BadArguments, ExpectedShapeDiffers) {
  expect_error(folder_, {"run", model_, "--input", x_, "--expect", x_, "--output-dir", folder_.path("out")},
               "?");
}

TEST_F(BadArguments, ExpectedNameIsUnknown) {
  expect_error(folder_,
               {"run", model_, "--input", x_, "--expect", "z=" + x_, "--output-dir", folder_.path("out")},
               "?");
}

TEST_F(BadArguments, Tolerance) {
  expect_error(folder_, {"run", model_, "--input", x_, "--rtol", "-1"}, "?");
  expect_error(folder_, {"run", model_, "--input", x_, "--atol", "nan"}, "?");
}

TEST_F(BadArguments, Threads) {
  expect_error(folder_, {"run", model_, "--input", x_, "--threads", "-1"}, "?");
  expect_error(folder_, {"run", model_, "--input", x_, "--threads", "many"}, "?");
}

TEST_F(BadArguments, Cpu) {
  expect_error(folder_, {"run", model_, "--input", x_, "--cpu", "6502"}, "?");
}

TEST_F(BadArguments, UnknownOption) {
  expect_error(folder_, {"run", model_, "--fast"}, "?");
}

TEST_F(BadArguments, UnknownCommand) {
  expect_error(folder_, {"jump"}, "?");
}

TEST_F(BadArguments, NoCommand) {
  expect_error(folder_, {}, "?");
}

TEST_F(BadArguments, ShapeIsOpen) {
  expect_error(folder_, {"bench", model_}, "?");
}

TEST_F(BadArguments, ShapeIsNoShape) {
  for (const char* shape : {"1x", "1x-3", "3,4", "one", "1x2x3x4x5x6x7x8x9", "99999999999999999999"})
    expect_error(folder_, {"bench", model_, "--shape", std::string("x=") + shape},
                 std::string("'") + shape +
                     "' is not a shape: up to 8 extents are written as in 1x3x224x224");
}

TEST_F(BadArguments, ShapeIsAbsurd) {
  expect_error(folder_, {"bench", model_, "--shape", "x=4611686018427387904x4611686018427387904x8x8"}, "?");
}

TEST_F(BadArguments, Runs) {
  expect_error(folder_, {"bench", model_, "--shape", "x=1x3x8x8", "--runs", "0"}, "?");
}

TEST_F(BadArguments, Stage) {
  expect_error(folder_, {"inspect", model_, "--stage", "molten"}, "?");
}

TEST_F(BadArguments, DrawingOfAStageThatIsNotDrawn) {
  expect_error(folder_, {"inspect", model_, "--shape", "x=1x3x8x8", "--stage", "llvm", "--format", "svg"},
               "?");
}

TEST_F(BadArguments, BeyondToleranceIsStatusOne) {
  ToolResult result =
      run_program(SINTER_TOOL, {"run", model_, "--input", x_, "--output-dir", folder_.path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  result = run_program(SINTER_TOOL, {"run", model_, "--input", x_, "--output-dir", folder_.path("out"),
                                     "--expect", "y=" + folder_.path("out/y.npy")});
  EXPECT_EQ(result.status, 0) << result.err;
  result = run_program(SINTER_TOOL, {"run", model_, "--input", x_, "--output-dir", folder_.path("out"),
                                     "--expect", folder_.write("zeros.npy", npy_zeros({2, 5}))});
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_NE(result.out.find("10 of 10 elements are beyond"), std::string::npos) << result.out;
}

TEST(ZeroSize, BatchOfNoneRuns) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const ToolResult result = run_program(SINTER_TOOL, {"run", folder.path("model.onnx"), "--input",
                                                      folder.write("x.npy", npy_zeros({0, 3, 8, 8})),
                                                      "--output-dir", folder.path("out")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(read_file(folder.path("out/y.npy")), npy_zeros({0, 5}));
}

TEST(ZeroSize, ProductOverNothingIsZero) {
  TemporaryFolder folder;
  ModelBuilder model;
  model.input("x", {2, -1}).input("z", {-1, 3}).output("y", {2, 3}).node("MatMul", {"x", "z"}, {"y"});
  model.save(folder.path("model.onnx"));
  const ToolResult result = run_program(
      SINTER_TOOL,
      {"run", folder.path("model.onnx"), "--input", "x=" + folder.write("x.npy", npy_zeros({2, 0})),
       "--input", "z=" + folder.write("z.npy", npy_zeros({0, 3})), "--output-dir", folder.path("out")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(read_file(folder.path("out/y.npy")), npy_zeros({2, 3}));
}

} // namespace
} // namespace sinter::test
