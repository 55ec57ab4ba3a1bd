// The program of docs/using.md on a model, and on what is wrong.
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

namespace sinter::test {
namespace {

TEST(UsingSinter, RunsAModelAndSaysWhatIsWrong) {
  TemporaryFolder folder;
  const std::string model = folder.path("model.onnx"), x = folder.write("x.npy", npy_zeros({2, 3, 8, 8}));
  small_classifier().save(model);
  const ToolResult good = run_program(SINTER_USING_APP, {model, x});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, testing::StartsWith("i64[2] ["));
  const ToolResult wrong = run_program(SINTER_USING_APP, {model, folder.write("y.npy", npy_zeros({2, 3}))});
  EXPECT_EQ(wrong.status, 1) << wrong.out;
  EXPECT_EQ(wrong.err, model + ": input 'x' must be f32[n, 3, 8, 8], got f32[2, 3]\n");
}

} // namespace
} // namespace sinter::test
