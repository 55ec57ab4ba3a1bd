// The C interface: statuses, and programs in C that are linked with libraries, archives and objects.
#include "library_fixture.h"

#include "sinter/runtime/aot/interface.h"

#include <gmock/gmock.h>

#include <dlfcn.h>
#include <filesystem>

namespace sinter::test {
namespace {

using rt::aot::Interface;
using testing::HasSubstr;

// A library's functions, as a C program sees them.
class CInterface : public Libraries {
protected:
  void SetUp() override {
    Model model = small();
    const auto report = model.compile_library(folder.path("libsmall.so"), {input().shape()},
                                              {.dynamic = {{.name = "n", .values = {2, 1}}}});
    handle_ = dlopen(report.library.c_str(), RTLD_NOW);
    ASSERT_NE(handle_, nullptr) << dlerror();
    c = static_cast<const Interface*>(dlsym(handle_, rt::aot::kInterfaceSymbol));
    ASSERT_NE(c, nullptr);
    expected_ = model.run({input()})[0];
    ASSERT_EQ(c->create(nullptr, &context), SINTER_OK) << c->error();
    for (int i = 0; i < 2 * 5; ++i)
      output_.push_back(-7);
  }

  void TearDown() override {
    c->destroy(context);
    dlclose(handle_);
  }

  int run(const void* from, size_t from_bytes, void* to, size_t to_bytes) {
    return c->run(context, &from, &from_bytes, &to, &to_bytes);
  }

  // The status, the text, and that nothing was written.
  void expect_refused(int status, const char* text) {
    EXPECT_EQ(status, SINTER_INVALID_ARGUMENT);
    EXPECT_THAT(c->error(), HasSubstr(text));
    for (const float y : output_)
      EXPECT_EQ(y, -7);
  }

  const Interface* c = nullptr;
  sinter_aot_context* context = nullptr;
  Tensor x_ = input();
  Tensor expected_;
  std::vector<float> output_;
  size_t x_bytes_ = sizeof(float) * 2 * 3 * 8 * 8;
  size_t y_bytes_ = sizeof(float) * 2 * 5;

private:
  void* handle_ = nullptr;
};

TEST_F(CInterface, Runs) {
  ASSERT_EQ(run(x_.view().data, x_bytes_, output_.data(), y_bytes_), SINTER_OK) << c->error();
  EXPECT_EQ(std::memcmp(output_.data(), expected_.view().data, y_bytes_), 0);
  EXPECT_EQ(c->input(context, 0)->bytes, x_bytes_);
  EXPECT_EQ(c->output(nullptr, 0)->bytes, y_bytes_);
  EXPECT_EQ(c->input(context, 1), nullptr);
  EXPECT_EQ(c->output(context, 1), nullptr);
}

TEST_F(CInterface, RefusesWrongArguments) {
  void* x = x_.view().data;
  float* y = output_.data();
  expect_refused(run(x, x_bytes_ - 4, y, y_bytes_), "input 'x' has 1532 bytes, expected 1536");
  expect_refused(run(x, x_bytes_, y, y_bytes_ + 4), "output 'y' has 44 bytes, expected 40");
  expect_refused(run(nullptr, x_bytes_, y, y_bytes_), "input 'x' is a null pointer");
  expect_refused(run(x, x_bytes_, nullptr, y_bytes_), "output 'y' is a null pointer");
  expect_refused(run(static_cast<char*>(x) + 1, x_bytes_, y, y_bytes_), "not a multiple of the element size");
  expect_refused(run(x, x_bytes_, x, y_bytes_), "output 'y' shares memory with input 'x'");
  expect_refused(c->run(context, nullptr, nullptr, nullptr, nullptr), "a null pointer");
  expect_refused(c->run(nullptr, nullptr, nullptr, nullptr, nullptr), "no context");
  expect_refused(c->set_dimension(context, "n", 3), "was not compiled for 'n' of 3");
  expect_refused(c->set_dimension(context, "m", 1), "no dynamic dimension 'm'");
  expect_refused(c->set_dimension(context, nullptr, 1), "null pointer");
  expect_refused(c->create(nullptr, nullptr), "null pointer");
  const sinter_options options{.threads = -1, .weights = nullptr, .workspace = nullptr, .workspace_bytes = 0};
  sinter_aot_context* other = context;
  expect_refused(c->create(&options, &other), "-1 threads");
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(c->workspace_bytes(-1), 0U);
}

TEST_F(CInterface, ChangesDimensions) {
  ASSERT_EQ(c->set_dimension(context, "n", 1), SINTER_OK);
  EXPECT_EQ(c->input(context, 0)->bytes, x_bytes_ / 2);
  EXPECT_EQ(c->input(nullptr, 0)->bytes, x_bytes_);
  ASSERT_EQ(run(x_.view().data, x_bytes_ / 2, output_.data(), y_bytes_ / 2), SINTER_OK);
  EXPECT_EQ(output_[5], -7);
  ASSERT_EQ(c->set_dimension(context, "n", 2), SINTER_OK);
  ASSERT_EQ(run(x_.view().data, x_bytes_, output_.data(), y_bytes_), SINTER_OK);
  EXPECT_EQ(std::memcmp(output_.data(), expected_.view().data, y_bytes_), 0);
}

TEST_F(CInterface, WorksInTheCallersMemory) {
  for (const int32_t threads : {1, 3}) {
    const size_t bytes = c->workspace_bytes(threads);
    std::vector<char> memory(bytes + 1, 'm');
    sinter_options options{.threads = threads,
                           .weights = nullptr,
                           .workspace = memory.data() + 1,
                           .workspace_bytes = bytes - 64};
    sinter_aot_context* other = nullptr;
    if (reinterpret_cast<uintptr_t>(options.workspace) % 64 != 0)
      expect_refused(c->create(&options, &other), "the workspace has");
    options.workspace_bytes = bytes;
    ASSERT_EQ(c->create(&options, &other), SINTER_OK) << c->error();
    std::vector<float> y(10);
    const void* from = x_.view().data;
    void* to = y.data();
    EXPECT_EQ(c->run(other, &from, &x_bytes_, &to, &y_bytes_), SINTER_OK);
    EXPECT_EQ(std::memcmp(y.data(), expected_.view().data, y_bytes_), 0);
    EXPECT_EQ(memory[0], 'm');
    c->destroy(other);
  }
}

class CPrograms : public Libraries {
protected:
  // The C compiler's options, beside the files; then runs the program.
  ToolResult build_and_run(const std::string& source, const std::vector<std::string>& files,
                           const std::vector<std::string>& arguments) {
    std::vector<std::string> options{std::string(SINTER_AOT_PROGRAMS) + "/" + source,
                                     "-o",
                                     folder.path("program"),
                                     "-std=c11",
                                     "-Wall",
                                     "-Wextra",
                                     "-Werror",
                                     "-I" + folder.path(""),
                                     "-Wl,-rpath," + folder.path("")};
    options.insert(options.end(), files.begin(), files.end());
    options.emplace_back("-lm");
    options.emplace_back("-pthread");
    if (std::string(SINTER_AOT_C_FLAGS) != "")
      options.emplace_back(SINTER_AOT_C_FLAGS);
    const ToolResult built = run_program(SINTER_AOT_C_COMPILER, options);
    EXPECT_EQ(built.status, 0) << built.err;
    return run_program(folder.path("program"), arguments);
  }

  static void expect_near(const std::string& bytes, const Tensor& expected) {
    ASSERT_EQ(bytes.size(), expected.view().bytes());
    std::vector<float> actual(bytes.size() / sizeof(float));
    std::memcpy(actual.data(), bytes.data(), bytes.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_NEAR(actual[i], expected.view().as<float>()[i], 1e-5);
  }
};

TEST_F(CPrograms, LinkWithEveryKindOfLibrary) {
  Model model = small();
  const std::string expected = bytes_of(model.run({input()})[0]);
  const std::string in = folder.write("in", bytes_of(input()));
  for (const char* file : {"libsmall.so", "small.a", "small.o"}) {
    const auto report = model.compile_library(folder.path(file), {input().shape()});
    const ToolResult result = build_and_run("run_model.c", {report.library}, {in, folder.path("out")});
    EXPECT_EQ(result.status, 0) << file << ": " << result.err;
    EXPECT_TRUE(read_file(folder.path("out")) == expected) << file;
  }
}

TEST_F(CPrograms, HoldSeveralModels) {
  Model model = small();
  const auto first = model.compile_library(folder.path("first.o"), {input().shape()});
  const auto second = model.compile_library(folder.path("libsecond.a"), {input(1).shape()});
  const ToolResult result = build_and_run("two_models.c", {first.library, second.library}, {});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "no context: a null pointer|\n");
}

#ifndef SINTER_AOT_SANITIZED
TEST_F(CPrograms, NeedOnlyTheSystem) {
  Model model = small();
  const auto report =
      model.compile_library(folder.path("libsmall.so"), {input().shape()}, {.multiversion = true});
  const ToolResult result = run_program(SINTER_AOT_READELF, {"--needed-libs", report.library});
  ASSERT_EQ(result.status, 0) << result.err;
  std::string rest = result.out;
  for (const char* known :
       {"NeededLibraries [", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "]", " ", "\n"})
    for (size_t at = rest.find(known); at != std::string::npos; at = rest.find(known))
      rest.erase(at, std::strlen(known));
  EXPECT_EQ(rest, "");
}

// Each version, on a processor that has no better one.
TEST_F(CPrograms, RunEveryVersion) {
  Model model = small();
  const auto report =
      model.compile_library(folder.path("libsmall.so"), {input().shape()}, {.multiversion = true});
  const std::string in = folder.write("in", bytes_of(input()));
  const Tensor expected = model.interpret({input()})[0];
  ASSERT_EQ(build_and_run("run_model.c", {report.library}, {in, folder.path("out")}).status, 0);
  for (const char* processor : {"Nehalem", "Haswell"}) {
    std::filesystem::remove(folder.path("out"));
    const ToolResult result =
        run_program(SINTER_AOT_QEMU_X86, {"-cpu", processor, folder.path("program"), in, folder.path("out")});
    ASSERT_EQ(result.status, 0) << processor << ": " << result.err;
    expect_near(read_file(folder.path("out")), expected);
  }
  const ToolResult refused =
      run_program(SINTER_AOT_QEMU_X86,
                  {"-cpu", "qemu64,-sse3,-ssse3,-cx16", folder.path("program"), in, folder.path("out")});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err,
              HasSubstr("small was compiled for x86-64-v2 and above, this processor is an x86-64-v1"));
}

// Another architecture's code runs in an emulator.
TEST_F(CPrograms, RunOnAarch64) {
  Model model = small();
  const auto report =
      model.compile_library(folder.path("libsmall.so"), {input().shape()}, {.target = "aarch64"});
  const ToolResult built =
      run_program(SINTER_AOT_CLANG,
                  {"--target=aarch64-linux-gnu", "-fuse-ld=lld",
                   std::string(SINTER_AOT_PROGRAMS) + "/run_model.c", report.library, "-I" + folder.path(""),
                   "-Wl,-rpath," + folder.path(""), "-o", folder.path("program")});
  ASSERT_EQ(built.status, 0) << built.err;
  const ToolResult result =
      run_program(SINTER_AOT_QEMU, {"-L", "/usr/aarch64-linux-gnu", folder.path("program"),
                                    folder.write("in", bytes_of(input())), folder.path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  expect_near(read_file(folder.path("out")), model.interpret({input()})[0]);
}
#endif

} // namespace
} // namespace sinter::test
