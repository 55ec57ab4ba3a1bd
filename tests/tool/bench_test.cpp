// sinter bench: the report and its JSON.
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

namespace sinter::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Bench, ReportsBothSidesAndEveryKernel) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const ToolResult result =
      run_program(SINTER_TOOL, {"bench", folder.path("model.onnx"), "--shape", "x=1x3x8x8", "--runs", "1",
                                "--threads", "1", "--json", folder.path("figures.json")});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("1 thread, one run of each in turns"), HasSubstr("unfused"),
                                HasSubstr("lower bound")));
  EXPECT_THAT(result.out, HasSubstr("conv")) << "operations";
  EXPECT_THAT(result.out, HasSubstr(" @ Conv")) << "nodes they come from";
  EXPECT_THAT(read_file(folder.path("figures.json")),
              AllOf(HasSubstr("\"peak_gflops\": "), HasSubstr("\"kernels\": ["), HasSubstr("\"runs\": 1,")));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path("")))
    EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << entry.path();
}

// Threads that take turns on a processor would each count its whole speed.
TEST(Bench, ThePeakHasNoMoreThreadsThanProcessors) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const std::string threads = std::to_string(std::thread::hardware_concurrency() + 1);
  const ToolResult result = run_program(SINTER_TOOL, {"bench", folder.path("model.onnx"), "--shape",
                                                      "x=1x3x8x8", "--runs", "1", "--threads", threads});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr(threads + " threads, one run"), HasSubstr(", one per processor)")));
}

// Stand-ins for CUDA's libraries run it here; the processor's peak says nothing of a device.
TEST(Bench, OnADeviceThereIsNoPeak) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const std::vector<std::string> arguments = {
      "bench",  folder.path("model.onnx"),  "--shape", "x=1x3x8x8", "--runs", "1", "--device", "cuda",
      "--json", folder.path("figures.json")};
  setenv("SINTER_CUDA_PATH", SINTER_CUDA_STAND_INS, 1);
  const ToolResult result = run_program(SINTER_TOOL, arguments);
  unsetenv("SINTER_CUDA_PATH");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("where inputs and outputs lie"), HasSubstr("conv"),
                                testing::Not(HasSubstr("peak of the machine"))));
  EXPECT_THAT(read_file(folder.path("figures.json")),
              AllOf(HasSubstr("\"peak_gflops\": 0,"), testing::Not(HasSubstr("\"device\": \"\""))));
}

TEST(Bench, OtherEnginesRunOnTheProcessor) {
  TemporaryFolder folder;
  small_classifier().save(folder.path("model.onnx"));
  const ToolResult result = run_program(SINTER_TOOL, {"bench", folder.path("model.onnx"), "--shape",
                                                      "x=1x3x8x8", "--device", "cuda", "--against", "torch"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--against compares on the processor, not on cuda"));
}

} // namespace
} // namespace sinter::test
