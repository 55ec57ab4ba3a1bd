// Saved functions that are damaged, wrong or hostile: one clear line each.
#include "expect_error.h"

#include "sinter/runtime/digest.h"

#include <filesystem>

namespace sinter::test {
namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
  uint64_t length = header.size();
  std::string bytes;
  for (int i = 0; i < 8; ++i, length >>= 8)
    bytes += static_cast<char>(length);
  return bytes + header + data;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text)
    result += c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
  return result;
}

/// A saved function of version 1 without tensors, but `tensors` in its header.
std::string with_program(const std::string& text, const std::string& checksum,
                         const std::string& tensors = "", const std::string& data = "") {
  return file_of("{\"__metadata__\":{\"sinter.version\":\"1\",\"sinter.checksum\":\"" + checksum +
                     "\",\"sinter.program\":\"" + escaped(text) + "\"}" + tensors + "}",
                 data);
}

class BadSaved : public testing::Test {
protected:
  TemporaryFolder folder_;

  void expect(const std::string& bytes, const std::string& message) {
    const std::string path = folder_.write("f.sinter", bytes);
    expect_run_error(folder_, path, {folder_.write("x.npy", npy_zeros({2, 3}))},
                     "cannot read {}/f.sinter: " + message);
  }

  /// ... of a text whose checksum is right.
  void expect_program(const std::string& text, const std::string& message, const std::string& tensors = "",
                      const std::string& data = "");
};

std::string checksum_of(const std::string& text) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(rt::checksum(text)));
  return digits;
}

void BadSaved::expect_program(const std::string& text, const std::string& message, const std::string& tensors,
                              const std::string& data) {
  expect(with_program(text, checksum_of(text), tensors, data), message);
}

/// @main of one input x and one output y, both f32[2, 3].
std::string main_with(const std::string& body) {
  return "module {\n  func.func @main(%x: tensor<2x3xf32> {sinter.name = \"x\"}) -> (tensor<2x3xf32> "
         "{sinter.name = \"y\"}) {\n" +
         body + "  }\n}\n";
}

TEST_F(BadSaved, Files) {
  expect(file_of("{}"), "it holds tensors and no program: it is no saved function");
  expect(file_of("{\"__metadata__\":{\"sinter.version\":\"2\",\"sinter.program\":\"\"}}"),
         "it is a saved function of version '2'; only version 1 is understood");
  expect(with_program(main_with(""), "0123456789abcdef"), "its program was damaged: the checksum is another");
  expect(file_of("{\"__metadata__\":{}"), "its header is not as it should be: a '}' is missing (byte 18)");
}

TEST_F(BadSaved, Texts) {
  expect_program("", "its program is not well-formed: it is not one module");
  expect_program("module {", "its program is not well-formed: line 1: expected operation name in quotes");
  expect_program(main_with("    return %y : tensor<2x3xf32>\n"),
                 "its program is not well-formed: value '%y' is used before it is defined");
  expect_program(std::string(100000, '['), "its program is not well-formed: it is nested more than 96 deep");
  expect_program("module attributes {a = " + std::string(90, '[') + ">",
                 "its program is not well-formed: its brackets do not match");
  expect_program("#a = dense<0>\n", "its program is not well-formed: it defines aliases");
  expect_program("module {}\n{-# dialect_resources: {} #-}",
                 "its program is not well-formed: it has comments or resources");
}

TEST_F(BadSaved, Programs) {
  expect_program("module {}", "its program is not well-formed: it is not one function @main");
  expect_program("module {func.func private @main()}",
                 "its program is not well-formed: it is not one function @main");
  expect_program(
      main_with("    %0 = arith.addf %x, %x : tensor<2x3xf32>\n"),
      "its program is not well-formed: line 3: Dialect `arith' not found for custom op 'arith.addf'");
  expect_program(main_with("    %0 = sinter.relu %x : (tensor<2x3xf32>) -> tensor<2x4xf32>\n"
                           "    return %x : tensor<2x3xf32>\n"),
                 "its program is not well-formed: line 3: 'sinter.relu' op inferred type(s) f32[2, 3] are "
                 "incompatible "
                 "with return type(s) of operation f32[2, 4]");
  expect_program(
      main_with("    %0 = sinter.relu %x {a = 1} : (tensor<2x3xf32>) -> tensor<2x3xf32>\n"
                "    return %0 : tensor<2x3xf32>\n"),
      "its program is not well-formed: 'sinter.relu' has an attribute 'a' that does not belong there");
  expect_program(main_with("    %0 = sinter.fusion %x : (tensor<2x3xf32>) -> tensor<2x3xf32> {\n"
                           "    ^bb0(%a: tensor<2x3xf32>):\n      sinter.yield %a : tensor<2x3xf32>\n    }\n"
                           "    return %0 : tensor<2x3xf32>\n"),
                 "its program is not well-formed: 'sinter.fusion' does not belong there");
  expect_program(
      main_with("    %0 = sinter.constant dense<0.0> : tensor<1000000x1000000xf32>\n"
                "    return %x : tensor<2x3xf32>\n"),
      "its program is not well-formed: 'sinter.constant' has a tensor of shape [1000000, 1000000], which is "
      "too large");
  expect_program(
      main_with("    %0 = sinter.constant dense<0.0> : tensor<1000x1000x1000xf32>\n"
                "    return %x : tensor<2x3xf32>\n"),
      "its program is not well-formed: 'sinter.constant' is too large for one that the program holds itself");
  expect_program("module {func.func @main(%x: tensor<?xf32> {sinter.name = \"x\"}) {return}}",
                 "its program is not well-formed: 'func.func' has a value that is no row-major tensor of a "
                 "static shape");
  expect_program(
      "module {func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {return %x : tensor<2xf32>}}",
      "its program is not well-formed: 'func.func' has an input that has no name, or more than that");
}

TEST_F(BadSaved, Weights) {
  const std::string program =
      main_with("    %0 = sinter.constant {sinter.weight = \"w\"} dense<0.0> : tensor<2x3xf32>\n"
                "    return %0 : tensor<2x3xf32>\n");
  expect_program(program, "its program needs the tensor 'w', which is not in the file");
  expect_program(program, "tensor 'w' is i32[2, 3], but its program needs f32[2, 3]",
                 ",\"w\":{\"dtype\":\"I32\",\"shape\":[2,3],\"data_offsets\":[0,24]}", std::string(24, '\0'));
  expect_program(program, "tensor 'w' is f32[6], but its program needs f32[2, 3]",
                 ",\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}", std::string(24, '\0'));
}

TEST_F(BadSaved, OtherInputsThanItWasSavedFor) {
  const std::string text = main_with("    return %x : tensor<2x3xf32>\n");
  const std::string path = folder_.write("f.sinter", with_program(text, checksum_of(text)));
  expect_run_error(folder_, path, {folder_.write("x.npy", npy_zeros({2, 4}))},
                   "{}/f.sinter: input 'x' must be f32[2, 3], got f32[2, 4]");
  const ToolResult good =
      run_program(SINTER_TOOL, {"run", path, "--input", folder_.write("x.npy", npy_zeros({2, 3})),
                                "--output-dir", folder_.path("out")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_TRUE(std::filesystem::exists(folder_.path("out") + "/y.npy"));
}

} // namespace
} // namespace sinter::test
