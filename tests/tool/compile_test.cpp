// sinter compile: what it writes and what it refuses.
#include "sinter/aot.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace sinter::test {
namespace {

using testing::HasSubstr;

class CompileCommand : public testing::Test {
protected:
  CompileCommand() { small_classifier().save(folder.path("small.onnx")); }

  ToolResult compile(std::vector<std::string> options) {
    options.insert(options.begin(), {"compile", folder.path("small.onnx")});
    return run_program(SINTER_TOOL, options);
  }

  void expect_refused(const std::vector<std::string>& options, const std::string& text) {
    const ToolResult result = compile(options);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }

  std::string library() const { return folder.path("libsmall.so"); }

  TemporaryFolder folder;
};

TEST_F(CompileCommand, WritesALibraryAndItsHeader) {
  const ToolResult result = compile({"-o", library(), "--shape", "2x3x8x8"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("wrote " + library()));
  EXPECT_THAT(result.out, HasSubstr("wrote " + folder.path("small.h")));
  EXPECT_THAT(read_file(folder.path("small.h")), HasSubstr("input 0: x, f32[2, 3, 8, 8]"));
  EXPECT_EQ(aot::Model::load(library()).outputs()[0].shape, (Shape{2, 5}));
}

TEST_F(CompileCommand, TakesDynamicDimensionsByNameAndNumber) {
  for (const std::string dynamic : {"n:1..3", "x=n:1..3", "x=0:1,2,3"}) {
    const ToolResult result = compile({"-o", library(), "--dynamic", dynamic, "--shape", "1x3x8x8"});
    ASSERT_EQ(result.status, 0) << dynamic << ": " << result.err;
    EXPECT_THAT(result.out, HasSubstr("3 programs"));
    const aot::Model model = aot::Model::load(library());
    for (const int64_t batch : {3, 1})
      EXPECT_EQ(model.run({Tensor::ones({batch, 3, 8, 8})})[0].shape(), (Shape{batch, 5}));
  }
  // The model's own name for the dimension is enough to know the shape.
  EXPECT_EQ(compile({"-o", library(), "--dynamic", "n:2"}).status, 0);
}

TEST_F(CompileCommand, WritesSeparateWeightsAndOtherNames) {
  const ToolResult result = compile({"-o", folder.path("model.a"), "--name", "net", "--shape", "1x3x8x8",
                                     "--weights", "separate", "--target", "x86-64-v2"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(std::filesystem::exists(folder.path("net.weights")));
  EXPECT_THAT(read_file(folder.path("net.h")), HasSubstr("int net_create("));
}

TEST_F(CompileCommand, RefusesWhatItCannotDo) {
  expect_refused({"-o", library()}, "input 'x' (f32[n, 3, 8, 8]) has no fixed shape: give --shape x=1x3x...");
  expect_refused({"-o", folder.path("small"), "--shape", "1x3x8x8"}, "its name must end in .so");
  expect_refused({"-o", library(), "--shape", "1x4x8x8"},
                 "input 'x' must be f32[n, 3, 8, 8], got f32[1, 4, 8, 8]");
  expect_refused({"-o", library(), "--dynamic", "n"}, "write [INPUT=]DIMENSION:EXTENTS");
  expect_refused({"-o", library(), "--dynamic", "n:3..1"}, "'3..1' are not extents from 1 on");
  expect_refused({"-o", library(), "--dynamic", "n:0"}, "'0' are not extents from 1 on");
  expect_refused({"-o", library(), "--dynamic", "k:1", "--shape", "1x3x8x8"}, "no input has it");
  expect_refused({"-o", library(), "--dynamic", "z=k:1", "--shape", "1x3x8x8"}, "the model has no input 'z'");
  expect_refused({"-o", library(), "--dynamic", "0:1", "--shape", "1x3x8x8"}, "needs the input it is of");
  expect_refused({"-o", library(), "--shape", "1x3x8x8", "--target", "riscv"}, "riscv");
  expect_refused({"-o", library(), "--shape", "1x3x8x8", "--target", "aarch64", "--multiversion"},
                 "no target of its own");
  EXPECT_FALSE(std::filesystem::exists(library()));
}

} // namespace
} // namespace sinter::test
