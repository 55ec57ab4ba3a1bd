// sinter run --stats: what the first run took.
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <string>

namespace sinter::test {
namespace {

TEST(Run, StatsAddUp) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const std::vector<std::string> arguments{
      "run",          folder.path("model.onnx"), "--input", folder.write("x.npy", npy_zeros({1, 3, 8, 8})),
      "--output-dir", folder.path(""),           "--stats"};
  const ToolResult result = run_program(SINTER_TOOL, arguments);
  ASSERT_EQ(result.status, 0) << result.err;
  double load = 0;
  double compile = 0;
  double run = 0;
  double total = 0;
  double peak = 0;
  const std::string line = result.out.substr(result.out.find("loading "));
  ASSERT_EQ(std::sscanf(
                line.c_str(),
                "loading %lf ms, compiling %lf ms, first run %lf ms; %lf ms from the start of the process to "
                "its first result; peak RSS %lf MiB",
                &load, &compile, &run, &total, &peak),
            5)
      << result.out;
  EXPECT_GT(compile, 0);
  // Starting the program and reading the input come on top; each figure is rounded.
  EXPECT_GE(total, load + compile + run - 0.3);
  EXPECT_LT(total, 60000);
  EXPECT_GT(peak, 5) << "less than the program itself";
  EXPECT_LT(peak, 4096);
}

TEST(Run, SaysNothingMoreWithoutStats) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const ToolResult result = run_program(SINTER_TOOL, {"run", folder.path("model.onnx"), "--input",
                                                      folder.write("x.npy", npy_zeros({1, 3, 8, 8})),
                                                      "--output-dir", folder.path("")});
  EXPECT_EQ(result.out, "wrote " + folder.path("") + "y.npy f32[1, 5]\n");
}

// An output named like the file it is compared with, in the same folder.
TEST(Run, DoesNotWriteOverWhatItRead) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const std::string expected = folder.write("y.npy", npy_zeros({1, 5}));
  const std::string before = read_file(expected);
  const ToolResult result = run_program(SINTER_TOOL, {"run", folder.path("model.onnx"), "--input",
                                                      folder.write("x.npy", npy_zeros({1, 3, 8, 8})),
                                                      "--expect", expected, "--output-dir", folder.path("")});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, testing::HasSubstr("output 'y' would be written over"));
  EXPECT_EQ(read_file(expected), before);
}

} // namespace
} // namespace sinter::test
