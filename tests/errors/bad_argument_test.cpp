// Wrong arguments and wrong input files: one clear line each. And zero-size dimensions, which are not wrong.
#include "expect_error.h"
#include "support/model_builder.h"

#include <fcntl.h>
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
  expect_run_error(folder_, model_, {}, "input 'x' (f32[n, 3, 8, 8]) is missing: give --input x=FILE.npy");
}

TEST_F(BadArguments, InputFileIsMissing) {
  expect_run_error(folder_, model_, {"none.npy"}, "cannot open none.npy: No such file or directory");
}

TEST_F(BadArguments, InputNameIsUnknown) {
  expect_run_error(folder_, model_, {"z=" + x_}, "the model has no input 'z'; it has 'x'");
}

TEST_F(BadArguments, InputIsGivenTwice) {
  expect_run_error(folder_, model_, {"x=" + x_, "x=" + x_}, "input 'x' is given twice");
}

TEST_F(BadArguments, TooManyInputs) {
  expect_run_error(folder_, model_, {x_, x_}, "'{}/x.npy' is one input too many; the model has 'x'");
}

TEST_F(BadArguments, WrongRank) {
  expect_input_error(npy_zeros({3, 8, 8}),
                     "{}/model.onnx: input 'x' must be f32[n, 3, 8, 8], got f32[3, 8, 8]");
}

TEST_F(BadArguments, WrongShape) {
  expect_input_error(npy_zeros({2, 3, 8, 9}),
                     "{}/model.onnx: input 'x' must be f32[n, 3, 8, 8], got f32[2, 3, 8, 9]");
}

TEST_F(BadArguments, WrongElementType) {
  expect_input_error(npy_zeros({2, 3, 8, 8}, "<f8"),
                     "{}/model.onnx: input 'x' must be f32[n, 3, 8, 8], got f64[2, 3, 8, 8]");
}

TEST_F(BadArguments, UnknownElementType) {
  expect_input_error(npy_bytes("<c8", "(2, 3, 8, 8)", ""),
                     "{}/bad.npy is not a .npy file that can be read: its elements are of type '<c8', which "
                     "is not supported");
}

TEST_F(BadArguments, NpyIsSomethingElse) {
  expect_input_error("this is no NumPy file",
                     "{}/bad.npy is not a .npy file that can be read: it does not start as one");
}

TEST_F(BadArguments, NpyIsEmpty) {
  expect_input_error("", "{}/bad.npy is not a .npy file that can be read: {}/bad.npy ends too early: it is "
                         "truncated or damaged");
}

TEST_F(BadArguments, NpyIsTruncated) {
  expect_input_error(npy_zeros({2, 3, 8, 8}).substr(0, 500),
                     "{}/bad.npy is not a .npy file that can be read: it is truncated: [2, 3, 8, 8] takes "
                     "1536 bytes, 372 are there");
}

TEST_F(BadArguments, NpyIsTooLong) {
  expect_input_error(
      npy_zeros({2, 3, 8, 8}) + "more",
      "{}/bad.npy is not a .npy file that can be read: it goes on after its 1536 bytes of elements");
}

TEST_F(BadArguments, NpyShapeOverflows) {
  expect_input_error(npy_bytes("<f4", "(4611686018427387904, 4611686018427387904, 8, 8)", ""),
                     "{}/bad.npy is not a .npy file that can be read: a tensor of shape "
                     "[4611686018427387904, 4611686018427387904, 8, 8] is too large");
}

TEST_F(BadArguments, NpyShapeIsNegative) {
  expect_input_error(npy_bytes("<f4", "(-1, 3, 8, 8)", ""),
                     "{}/bad.npy is not a .npy file that can be read: its header has a bad extent");
}

TEST_F(BadArguments, NpyShapeIsNotANumber) {
  expect_input_error(npy_bytes("<f4", "(nan, 3, 8, 8)", ""),
                     "{}/bad.npy is not a .npy file that can be read: its header has a bad extent");
}

TEST_F(BadArguments, OutputFolderCannotBeMade) {
  expect_error(folder_, {"run", model_, "--input", x_, "--output-dir", x_ + "/out"},
               "cannot make the folder '{}/x.npy/out': Not a directory");
}

TEST_F(BadArguments, ExpectedFileIsMissing) {
  expect_error(folder_,
               {"run", model_, "--input", x_, "--expect", "none.npy", "--output-dir", folder_.path("out")},
               "cannot open none.npy: No such file or directory");
  EXPECT_FALSE(std::filesystem::exists(folder_.path("out")));
}

TEST_F(BadArguments, ExpectedShapeDiffers) {
  expect_error(folder_, {"run", model_, "--input", x_, "--expect", x_, "--output-dir", folder_.path("out")},
               "output 'y' has shape [2, 5], the expected file has [2, 3, 8, 8]");
}

TEST_F(BadArguments, ExpectedNameIsUnknown) {
  expect_error(folder_,
               {"run", model_, "--input", x_, "--expect", "z=" + x_, "--output-dir", folder_.path("out")},
               "the model has no output 'z'; it has 'y'");
}

TEST_F(BadArguments, Tolerance) {
  expect_error(folder_, {"run", model_, "--input", x_, "--rtol", "-1"},
               "--rtol and --atol are numbers not below 0");
  expect_error(folder_, {"run", model_, "--input", x_, "--atol", "nan"},
               "--rtol and --atol are numbers not below 0");
}

TEST_F(BadArguments, Threads) {
  expect_error(folder_, {"run", model_, "--input", x_, "--threads", "-1"},
               "--threads -1 is outside 0 ... 1024 (0: one per processor)");
  expect_error(folder_, {"run", model_, "--input", x_, "--threads", "many"},
               "Could not convert: --threads = many (see sinter --help)");
}

TEST_F(BadArguments, Cpu) {
  expect_error(
      folder_, {"run", model_, "--input", x_, "--cpu", "6502"},
      "{}/model.onnx: unknown processor \"6502\": use native, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4");
}

TEST_F(BadArguments, UnknownOption) {
  expect_error(folder_, {"run", model_, "--fast"},
               "The following argument was not expected: --fast (see sinter --help)");
}

TEST_F(BadArguments, UnknownCommand) {
  expect_error(folder_, {"jump"}, "there is no command 'jump'; there are run, bench and inspect");
}

TEST_F(BadArguments, NoCommand) {
  expect_error(folder_, {}, "A subcommand is required (see sinter --help)");
}

TEST_F(BadArguments, ShapeIsOpen) {
  expect_error(folder_, {"bench", model_},
               "input 'x' (f32[n, 3, 8, 8]) has no fixed shape: give --shape x=1x3x... or --input");
}

TEST_F(BadArguments, ShapeIsNoShape) {
  for (const char* shape : {"1x", "1x-3", "3,4", "one", "1x2x3x4x5x6x7x8x9", "99999999999999999999"})
    expect_error(folder_, {"bench", model_, "--shape", std::string("x=") + shape},
                 std::string("'") + shape +
                     "' is not a shape: up to 8 extents are written as in 1x3x224x224");
}

TEST_F(BadArguments, ShapeIsAbsurd) {
  expect_error(folder_, {"bench", model_, "--shape", "x=4611686018427387904x4611686018427387904x8x8"},
               "a tensor of shape [4611686018427387904, 4611686018427387904, 8, 8] is too large");
}

TEST_F(BadArguments, Runs) {
  expect_error(folder_, {"bench", model_, "--shape", "x=1x3x8x8", "--runs", "0"},
               "--runs is a number from 1 to 1000000");
}

TEST_F(BadArguments, ADeviceIsWrittenToNotReplaced) {
  const std::string pipe = folder_.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader = open(pipe.c_str(), O_RDWR);
  const ToolResult result = run_program(
      SINTER_TOOL, {"inspect", model_, "--shape", "x=1x3x8x8", "--stage", "imported", "--output", pipe});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  close(reader);
}

TEST_F(BadArguments, AnOptionTakesOneValueSoThatTheModelMayFollow) {
  const ToolResult result =
      run_program(SINTER_TOOL, {"run", "--input", "x=" + x_, model_, "--output-dir", folder_.path("out")});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(BadArguments, Stage) {
  expect_error(folder_, {"inspect", model_, "--stage", "molten"},
               "--stage: molten not in {imported,optimized,fused,planned,llvm} (see sinter --help)");
}

TEST_F(BadArguments, DrawingOfAStageThatIsNotDrawn) {
  expect_error(folder_, {"inspect", model_, "--shape", "x=1x3x8x8", "--stage", "llvm", "--format", "svg"},
               "--format svg draws the stages fused and planned, not llvm");
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
  ModelBuilder model;
  model.input("x", {-1, 3, 8, 8}).output("y", {-1, 4}).weight("w", {4, 3, 3, 3});
  model.node("Conv", {"x", "w"}, {"c"}).node("Relu", {"c"}, {"r"}).node("GlobalMaxPool", {"r"}, {"p"});
  model.node("Flatten", {"p"}, {"f"}).node("Softmax", {"f"}, {"y"});
  model.save(folder.path("model.onnx"));
  const ToolResult result = run_program(SINTER_TOOL, {"run", folder.path("model.onnx"), "--input",
                                                      folder.write("x.npy", npy_zeros({0, 3, 8, 8})),
                                                      "--output-dir", folder.path("out")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(read_file(folder.path("out/y.npy")), npy_zeros({0, 4}));
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
