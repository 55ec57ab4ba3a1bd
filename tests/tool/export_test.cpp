// sinter export: what it writes is read again, by itself and by sinter-opt.
#include "sinter/onnx.h"
#include "sinter/ops.h"
#include "sinter/safetensors.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace sinter::test {
namespace {

using ::testing::HasSubstr;

class ExportTool : public testing::Test {
protected:
  ExportTool() { small_classifier().save(model_); }

  ToolResult tool(const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"export", model_, "--shape", "2x3x8x8"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_program(SINTER_TOOL, arguments);
  }

  TemporaryFolder folder_;
  std::string model_ = folder_.path("model.onnx");
};

TEST_F(ExportTool, ASecondExportIsTheSameFile) {
  const std::string first = folder_.path("first.onnx"), second = folder_.path("second.onnx");
  EXPECT_EQ(tool({"-o", first}).status, 0);
  const ToolResult again = run_program(SINTER_TOOL, {"export", first, "-o", second});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(read_file(first) == read_file(second));
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(read_file(first)));
  EXPECT_EQ(model.graph().input(0).name(), "x");
  EXPECT_EQ(model.graph().output(0).name(), "y");
}

TEST_F(ExportTool, WeightsBesideTheModel) {
  const std::string path = folder_.path("out.onnx");
  EXPECT_EQ(tool({"-o", path, "--external-data", "--opset", "20"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path + ".data"));
}

TEST_F(ExportTool, TextIsReadBySinterOpt) {
  const std::string path = folder_.path("out.mlir");
  const ToolResult done = tool({"-o", path});
  EXPECT_EQ(done.status, 0) << done.err;
  const ToolResult read = run_program(SINTER_OPT, {path, "--sinter-pipeline=stage=optimized"});
  EXPECT_EQ(read.status, 0) << read.err;
  EXPECT_THAT(read.out, HasSubstr("sinter."));
}

TEST_F(ExportTool, WeightsAreSafetensors) {
  const std::string path = folder_.path("out.safetensors");
  const ToolResult done = tool({"-o", path});
  EXPECT_EQ(done.status, 0) << done.err;
  const std::map<std::string, Tensor> read = load_safetensors(path),
                                      weights = Model::load(model_).parameters();
  ASSERT_FALSE(weights.empty());
  ASSERT_EQ(read.size(), weights.size());
  for (const auto& [name, tensor] : weights) {
    ASSERT_TRUE(read.contains(name)) << name;
    EXPECT_EQ(max(abs(read.at(name) - tensor)).item(), 0) << name;
  }
}

TEST_F(ExportTool, WhatItCannotDoIsOneLine) {
  EXPECT_THAT(tool({"-o", folder_.path("out.txt")}).err,
              HasSubstr("ends in none of .onnx, .mlir and .safetensors"));
  EXPECT_THAT(tool({"-o", folder_.path("out.mlir"), "--opset", "18"}).err,
              HasSubstr("--external-data and --opset are for ONNX"));
  EXPECT_THAT(tool({"-o", folder_.path("out.onnx"), "--opset", "12"}).err,
              HasSubstr("'12' is not a whole number from 17 to 22"));
  EXPECT_THAT(tool({"-o", folder_.path("no/out.onnx")}).err, HasSubstr("cannot write"));
}

} // namespace
} // namespace sinter::test
