// Wrong arguments and wrong input files: one clear line each. And zero-size dimensions, which are not wrong.
#include "expect_error.h"
#include "support/model_builder.h"

#include <dlfcn.h>
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

TEST_F(BadArguments, InputNamesNoFile) {
  expect_run_error(folder_, model_, {"x="}, "--input x= names no file");
  expect_run_error(folder_, model_, {""}, "--input x= names no file");
  expect_error(folder_, {"run", model_, "--input", x_, "--expect", "y="}, "--expect y= names no file");
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
                     "cannot read {}/bad.npy: its elements are of type '<c8', which "
                     "is not supported");
}

TEST_F(BadArguments, NpyIsSomethingElse) {
  expect_input_error("this is no NumPy file", "cannot read {}/bad.npy: it is not a .npy file");
}

TEST_F(BadArguments, NpyIsEmpty) {
  expect_input_error("", "cannot read {}/bad.npy: it is not a .npy file");
}

TEST_F(BadArguments, NpyIsTruncated) {
  expect_input_error(npy_zeros({2, 3, 8, 8}).substr(0, 500),
                     "cannot read {}/bad.npy: it is truncated: [2, 3, 8, 8] takes "
                     "1536 bytes, 372 are there");
}

TEST_F(BadArguments, NpyEndsWithinItsHeader) {
  for (std::size_t length : {7, 11, 40, 127})
    expect_input_error(npy_zeros({2, 3, 8, 8}).substr(0, length),
                       "cannot read {}/bad.npy: it is truncated: it ends within its header");
}

TEST_F(BadArguments, NpyIsTooLong) {
  expect_input_error(npy_zeros({2, 3, 8, 8}) + "more",
                     "cannot read {}/bad.npy: it goes on after its 1536 bytes of elements");
}

TEST_F(BadArguments, NpyShapeOverflows) {
  expect_input_error(npy_bytes("<f4", "(4611686018427387904, 4611686018427387904, 8, 8)", ""),
                     "cannot read {}/bad.npy: a tensor of shape "
                     "[4611686018427387904, 4611686018427387904, 8, 8] is too large");
}

TEST_F(BadArguments, NpyShapeIsNegative) {
  expect_input_error(npy_bytes("<f4", "(-1, 3, 8, 8)", ""),
                     "cannot read {}/bad.npy: its header has a bad extent");
}

TEST_F(BadArguments, NpyShapeIsNotANumber) {
  expect_input_error(npy_bytes("<f4", "(nan, 3, 8, 8)", ""),
                     "cannot read {}/bad.npy: its header has a bad extent");
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
               "--rtol: '-1' is not a number from 0 on");
  expect_error(folder_, {"run", model_, "--input", x_, "--atol", "nan"},
               "--atol: 'nan' is not a number from 0 on");
}

TEST_F(BadArguments, Threads) {
  expect_error(folder_, {"run", model_, "--input", x_, "--threads", "-1"},
               "--threads: '-1' is not a whole number from 0 to 1024");
  expect_error(folder_, {"bench", model_, "--input", x_, "--threads", "many"},
               "--threads: 'many' is not a whole number from 0 to 1024");
}

TEST_F(BadArguments, Cpu) {
  expect_error(folder_, {"run", model_, "--input", x_, "--cpu", "6502"},
               "--cpu: '6502' is none of native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4");
}

TEST_F(BadArguments, Device) {
  expect_error(folder_, {"run", model_, "--input", x_, "--device", "gpu"},
               "--device: 'gpu' is none of cpu, cuda and cuda:N");
  expect_error(folder_, {"inspect", model_, "--device", "cuda:01"},
               "--device: 'cuda:01' is none of cpu, cuda and cuda:N");
  expect_error(folder_, {"inspect", "no such model", "--stage", "cuda"},
               "--stage cuda is of programs for a GPU: give --device cuda");
  expect_error(folder_, {"inspect", model_, "--shape", "x=1x3x8x8", "--device", "cuda", "--stage", "llvm"},
               model_ +
                   ": stage llvm is of programs for the processor; for device cuda:0 there is stage cuda");
  if (void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    dlclose(driver);
    return;
  }
  const std::string why = "there is no CUDA device: libcuda.so.1 was not found; SINTER_CUDA_PATH names "
                          "folders to look in";
  // What cannot be run is not read.
  expect_error(folder_, {"run", "no such model", "--input", x_, "--device", "cuda"}, "--device cuda: " + why);
  expect_error(folder_, {"bench", "no such model", "--device", "cuda:1"}, "--device cuda:1: " + why);
}

TEST_F(BadArguments, Precision) {
  expect_error(folder_, {"run", "no such model", "--device", "cuda", "--precision", "fp16"},
               "--precision: 'fp16' is none of f32, tf32, f16, bf16");
  for (const char* command : {"run", "inspect", "bench"})
    expect_error(folder_, {command, "no such model", "--precision", "f16"},
                 "--precision f16 is for GPUs: give --device cuda");
}

TEST_F(BadArguments, UnknownOption) {
  expect_error(folder_, {"run", model_, "--quickly"},
               "sinter run has no option --quickly (see sinter run --help)");
}

// Its value is taken for the model then, and the model for one argument too many.
TEST_F(BadArguments, AMisspeltOptionIsNamedAndSetRight) {
  expect_error(folder_, {"run", "--inptu", "x=" + x_, model_},
               "sinter run has no option --inptu; did you mean --input?");
  expect_error(folder_, {"bench", model_, "--thread=2"},
               "sinter bench has no option --thread; did you mean --threads?");
  expect_error(folder_, {"--versoin"}, "sinter has no option --versoin; did you mean --version?");
}

TEST_F(BadArguments, AnOptionOfAnotherCommand) {
  expect_error(folder_, {"bench", model_, "--no-fuse"},
               "sinter bench has no option --no-fuse; sinter run, sinter inspect and sinter compile have it");
  expect_error(folder_, {"inspect", model_, "--threads", "2"},
               "sinter inspect has no option --threads; sinter run, sinter bench and sinter compile have it");
  expect_error(folder_, {"run", model_, "--json", "x"},
               "sinter run has no option --json; sinter bench has it");
}

TEST_F(BadArguments, OptionsWithoutTheirValueOrGivenTwice) {
  expect_error(folder_, {"bench", model_, "--runs"}, "--runs lacks its value (see sinter bench --help)");
  expect_error(folder_, {"bench", model_, "--runs="}, "--runs lacks its value (see sinter bench --help)");
  expect_error(folder_, {"run", model_, "--input"}, "--input lacks its value (see sinter run --help)");
  expect_error(folder_, {"bench", model_, "--runs", "1", "--runs", "2"},
               "--runs is given more than once (see sinter bench --help)");
  expect_error(folder_, {"run", model_, "--precise=maybe"},
               "--precise: 'maybe' is neither true nor false (see sinter run --help)");
}

TEST_F(BadArguments, TwoModels) {
  expect_error(folder_, {"run", model_, "other.onnx"},
               "'other.onnx' is one argument too many (see sinter run --help)");
}

TEST_F(BadArguments, NoModel) {
  expect_error(folder_, {"run"}, "MODEL is required (see sinter run --help)");
}

TEST_F(BadArguments, UnknownCommand) {
  expect_error(folder_, {"jump"},
               "there is no command 'jump'; there are run, bench, inspect, compile, export, cache, manual "
               "and completion");
}

TEST_F(BadArguments, UnknownShell) {
  expect_error(folder_, {"completion", "ksh"}, "SHELL: 'ksh' is none of bash, zsh, fish");
}

TEST_F(BadArguments, NoCommand) {
  expect_error(folder_, {},
               "no command is given; there are run, bench, inspect, compile, export, cache, manual and "
               "completion (see sinter --help)");
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
               "--runs: '0' is not a whole number from 1 to 1000000");
}

// Before the model is read, which lacks a shape here: not after minutes of measuring.
TEST_F(BadArguments, FiguresCannotBeWritten) {
  expect_error(folder_, {"bench", model_, "--json", folder_.path("none/x.json")},
               "cannot write '{}/none/x.json': No such file or directory");
  expect_error(folder_, {"inspect", model_, "-o", folder_.path("")}, "cannot write '{}/': Is a directory");
}

TEST_F(BadArguments, OutputsCannotBeWritten) {
  expect_error(folder_, {"run", model_, "--input", x_, "--output-dir", "/proc"},
               "cannot write '/proc/y.npy': No such file or directory");
  expect_error(folder_, {"inspect", model_, "--shape", "x=1x3x8x8", "-o", "/dev/full"},
               "cannot write '/dev/full': No space left on device");
}

TEST_F(BadArguments, StandardOutputCannotBeWritten) {
  const std::string tool = std::string("'") + SINTER_TOOL + "' ";
  for (const std::string& command :
       {"inspect '" + model_ + "' --shape x=1x3x8x8 --stage planned",
        "run '" + model_ + "' --input '" + x_ + "' --output-dir '" + folder_.path("out") + "'",
        std::string("--help")}) {
    const ToolResult result = run_program("/bin/sh", {"-c", tool + command + " > /dev/full"});
    EXPECT_EQ(result.status, 2) << command;
    EXPECT_EQ(result.err, "sinter: error: cannot write standard output: No space left on device\n");
  }
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
               "--stage: 'molten' is none of imported, optimized, fused, planned, llvm, cuda");
}

TEST_F(BadArguments, WeightsOfWhatHasNone) {
  expect_error(folder_, {"inspect", model_, "--weights", "--stage", "llvm"},
               "--weights is for the text of a stage, not for --stage llvm");
  expect_error(folder_, {"inspect", model_, "--weights", "--format", "dot"},
               "--weights is for the text of a stage, not for --format dot");
}

TEST_F(BadArguments, DrawingOfAStageThatIsNotDrawn) {
  expect_error(folder_, {"inspect", model_, "--shape", "x=1x3x8x8", "--stage", "llvm", "--format", "svg"},
               "--format svg draws the stages fused and planned, not llvm");
}

TEST_F(BadArguments, BeyondToleranceIsStatusOne) {
  ToolResult result =
      run_program(SINTER_TOOL, {"run", model_, "--input", x_, "--output-dir", folder_.path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  result = run_program(SINTER_TOOL, {"run", model_, "--input", x_, "--output-dir", folder_.path("again"),
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
