// sinter inspect: texts that sinter-opt reads, drawings that say which launch is which.
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

namespace sinter::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Inspect : public testing::Test {
protected:
  std::string inspect(const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"inspect", model_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ToolResult result = run_program(SINTER_TOOL, arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  void make_classifier() { small_classifier().save(model_); }

  TemporaryFolder folder_;
  std::string model_ = folder_.path("model.onnx");
};

TEST_F(Inspect, TextWithWeightsIsReadBySinterOpt) {
  make_classifier();
  const std::vector<std::string> imported{"--shape", "2x3x8x8", "--stage", "imported"};
  const std::string elided = folder_.write("elided.mlir", inspect(imported));
  EXPECT_NE(run_program(SINTER_OPT, {elided, "--sinter-fold-constants"}).status, 0);

  std::vector<std::string> options = imported;
  options.emplace_back("--weights");
  const std::string whole = folder_.write("whole.mlir", inspect(options));
  const ToolResult folded = run_program(SINTER_OPT, {whole, "--sinter-fold-batch-norm"});
  EXPECT_EQ(folded.status, 0) << folded.err;
  EXPECT_THAT(read_file(whole), HasSubstr("sinter.batch_norm"));
  EXPECT_THAT(folded.out, AllOf(HasSubstr("sinter.conv"), Not(HasSubstr("sinter.batch_norm"))));
}

// The commands of docs/adding-a-pass.md, as they stand there.
TEST_F(Inspect, TheWalkOfAddingAPassWorks) {
  ModelBuilder model;
  model.input("x", {1, 3, 8, 8}).output("y", {1, 4, 6, 6}).weight("w", {4, 3, 3, 3});
  for (const char* name : {"scale", "shift", "mean", "variance"})
    model.weight(name, {4});
  model.node("Conv", {"x", "w"}, {"c"});
  model.node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"}).save(model_);
  const std::string page = read_file(SINTER_SOURCE_DIR "/docs/adding-a-pass.md");
  const std::string start = "```sh\n";
  const std::size_t begin = page.find(start + "sinter inspect model.onnx");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = page.find("```", begin + start.size());
  const std::string commands = page.substr(begin + start.size(), end - begin - start.size());
  std::filesystem::create_symlink(SINTER_TOOL, folder_.path("sinter"));
  std::filesystem::create_symlink(SINTER_OPT, folder_.path("sinter-opt"));
  const ToolResult result = run_program("/bin/sh", {"-ec", "cd '" + folder_.path("") + "'\nPATH='" +
                                                               folder_.path("") + "':$PATH\n" + commands});
  ASSERT_EQ(result.status, 0) << result.err << commands;
  EXPECT_THAT(read_file(folder_.path("m.mlir")), HasSubstr("sinter.batch_norm"));
  EXPECT_THAT(read_file(folder_.path("folded.mlir")),
              AllOf(HasSubstr("sinter.conv"), Not(HasSubstr("sinter.batch_norm"))));
  EXPECT_THAT(read_file(folder_.path("fused.mlir")), HasSubstr("sinter.fusion"));
  EXPECT_THAT(read_file(folder_.path("passes.log")), HasSubstr("IR Dump After"));
}

TEST_F(Inspect, EveryStageIsForTheProcessorOfTheEnvironment) {
  ModelBuilder model;
  model.input("x", {1, 16, 8, 8}).output("y", {1, 16, 8, 8}).weight("w", {16, 16, 1, 1});
  model.node("Conv", {"x", "w"}, {"y"}).save(model_);
  setenv("SINTER_CPU", "x86-64", 1); // vectors of four
  for (const char* stage : {"optimized", "fused", "planned"})
    EXPECT_THAT(inspect({"--stage", stage}), AllOf(HasSubstr("block = 4>"), Not(HasSubstr("block = 8>"))))
        << stage;
  EXPECT_THAT(inspect({"--stage", "llvm"}), AllOf(HasSubstr("<4 x float>"), Not(HasSubstr("<8 x float>"))));
  unsetenv("SINTER_CPU");
}

TEST_F(Inspect, PlannedTextHasThePlansSizes) {
  make_classifier();
  const std::string text = inspect({"--shape", "2x3x8x8", "--stage", "planned"});
  EXPECT_THAT(text, AllOf(HasSubstr("sinter.arena_bytes = "), HasSubstr("sinter.arena_lower_bound = "),
                          HasSubstr("offsets = array<i64: ")));
}

// Launches that share a kernel are told apart, and say where in the arena they write.
TEST_F(Inspect, PlannedDrawingNamesEveryLaunch) {
  ModelBuilder model;
  model.input("x", {1, 16, 8, 8}).output("y", {1, 16, 8, 8});
  model.weight("u", {16, 16, 1, 1}, 1).weight("v", {16, 16, 1, 1}, 2).weight("w", {16, 16, 1, 1}, 3);
  model.node("Conv", {"x", "u"}, {"a"}).node("Relu", {"a"}, {"b"});
  model.node("Conv", {"b", "v"}, {"c"}).node("Relu", {"c"}, {"d"});
  model.node("Conv", {"d", "w"}, {"e"}).node("Relu", {"e"}, {"y"});
  model.save(model_);
  const std::string text = inspect({"--stage", "planned"});
  EXPECT_THAT(text, Not(HasSubstr("sinter.kernel @conv_relu_3"))) << "the layers no longer share a kernel";
  const std::string dot = inspect({"--stage", "planned", "--format", "dot"});
  for (const char* name : {"Conv1", "Conv3", "Conv5"})
    EXPECT_THAT(dot, HasSubstr(name));
  EXPECT_THAT(dot, AllOf(HasSubstr("arena 0 … 4096"), HasSubstr("arena 4096 … 8192")));
  EXPECT_THAT(dot, HasSubstr("GFLOP; arena 0.01 MiB, at least 0.01 MiB"));
}

// The backward program, from the cotangents of the outputs to those of what is asked for.
TEST_F(Inspect, EveryStageShowsTheGradient) {
  make_classifier();
  const std::vector<std::string> shape{"--shape", "2x3x8x8"};
  const auto of = [&](std::vector<std::string> options) {
    options.insert(options.end(), shape.begin(), shape.end());
    return inspect(options);
  };
  EXPECT_THAT(of({"--stage", "imported"}), Not(HasSubstr("cotangent")));
  for (const char* stage : {"imported", "optimized", "fused", "planned"}) {
    SCOPED_TRACE(stage);
    const std::string by_inputs = of({"--grad", "--stage", stage});
    EXPECT_THAT(by_inputs, AllOf(HasSubstr("sinter.name = \"x\""), HasSubstr("sinter.name = \"y cotangent\""),
                                 HasSubstr("sinter.name = \"x cotangent\""), Not(HasSubstr("w1 cotangent"))));
    const std::string by_weights = of({"--grad=weights", "--stage", stage});
    EXPECT_THAT(by_weights,
                AllOf(HasSubstr("sinter.name = \"w1\""), HasSubstr("sinter.name = \"w1 cotangent\""),
                      HasSubstr("sinter.name = \"fcb cotangent\""), HasSubstr("sinter.conv_filter_gradient"),
                      Not(HasSubstr("x cotangent"))));
  }
  EXPECT_GT(of({"--grad", "--stage", "llvm"}).size(), of({"--stage", "llvm"}).size());
}

TEST_F(Inspect, DrawingsTellBackwardFromForward) {
  make_classifier();
  const std::string backward = "fillcolor=\"#F8D9D6\"";
  for (const char* stage : {"fused", "planned"}) {
    SCOPED_TRACE(stage);
    const std::vector<std::string> options{"--shape", "2x3x8x8", "--format", "dot", "--stage", stage};
    const std::string forward = inspect(options);
    EXPECT_THAT(forward, AllOf(Not(HasSubstr(backward)), Not(HasSubstr("legend"))));
    std::vector<std::string> with_gradient = options;
    with_gradient.emplace_back("--grad");
    const std::string both = inspect(with_gradient);
    EXPECT_THAT(both, AllOf(HasSubstr("legend ["), HasSubstr("> backward<"), HasSubstr(backward),
                            HasSubstr("y cotangent"), HasSubstr("x cotangent")));
    // Kernels of the function itself keep their colours: the first convolution comes before any of the
    // others.
    EXPECT_LT(both.find("fillcolor=\"#DDE9F8\""), both.find(backward));
  }
}

TEST_F(Inspect, GradientsByNothingAreErrors) {
  ModelBuilder integers;
  integers.input("x", {4}, onnx::TensorProto::INT64).output("y", {4}).node("Cast", {"x"}, {"y"});
  integers.attribute("to", int64_t{onnx::TensorProto::FLOAT}).save(model_);
  const auto message = [&](const char* option) {
    const ToolResult result = run_program(SINTER_TOOL, {"inspect", model_, option});
    EXPECT_EQ(result.status, 2);
    return result.err;
  };
  EXPECT_THAT(message("--grad"), HasSubstr("the model has no inputs of floating-point numbers"));
  EXPECT_THAT(message("--grad=weights"), HasSubstr("the model has no weights of floating-point numbers"));
  EXPECT_THAT(message("--grad=outputs"), AllOf(HasSubstr("--grad"), HasSubstr("outputs")));
}

} // namespace
} // namespace sinter::test
