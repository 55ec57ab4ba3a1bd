// What a failing call of the tool must look like.
#pragma once

#include "support/tool.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace sinter::test {

/// Runs the tool and expects status 2 and exactly one line on standard error, "sinter: error: MESSAGE", in
/// which every
/// "{}" stands for `folder`.
inline void expect_error(const TemporaryFolder& folder, const std::vector<std::string>& arguments,
                         std::string message) {
  const std::string here = folder.path("");
  for (std::size_t at = 0; (at = message.find("{}", at)) != std::string::npos; at += here.size())
    message.replace(at, 2, here.substr(0, here.size() - 1));
  const ToolResult result = run_program(SINTER_TOOL, arguments);
  EXPECT_EQ(result.status, 2) << result.out;
  EXPECT_EQ(result.err, "sinter: error: " + message + "\n");
}

/// `sinter run MODEL --input x.npy --output-dir out` must fail with `message` and leave nothing behind.
inline void expect_run_error(const TemporaryFolder& folder, const std::string& model,
                             const std::vector<std::string>& inputs, const std::string& message) {
  std::vector<std::string> arguments{"run", model, "--output-dir", folder.path("out")};
  for (const std::string& input : inputs) {
    arguments.push_back("--input");
    arguments.push_back(input);
  }
  expect_error(folder, arguments, message);
  const bool clean =
      !std::filesystem::exists(folder.path("out")) || std::filesystem::is_empty(folder.path("out"));
  EXPECT_TRUE(clean) << "files were written although the run failed";
}

} // namespace sinter::test
