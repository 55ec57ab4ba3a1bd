// sinter bench --against: what it makes of other engines that answer, fail, hang, or talk nonsense. The
// engines are shell scripts in the place of Python.
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>

namespace sinter::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

namespace fs = std::filesystem;

class Peers : public testing::Test {
protected:
  Peers() {
    small_classifier().save(folder_.path("model.onnx"));
    folder_.write("x.npy", npy_zeros({1, 3, 8, 8}));
    // What the engines are to compute, y.npy.
    run_program(SINTER_TOOL, {"run", folder_.path("model.onnx"), "--input", folder_.path("x.npy"),
                              "--output-dir", folder_.path("")});
  }

  /// Adds `error` to the last number of y.npy.
  void spoil_output(float error) {
    std::string bytes = read_file(folder_.path("y.npy"));
    float value = 0;
    ASSERT_GE(bytes.size(), sizeof value);
    char* last = bytes.data() + bytes.size() - sizeof value;
    std::memcpy(&value, last, sizeof value);
    value += error;
    std::memcpy(last, &value, sizeof value);
    folder_.write("y.npy", bytes);
  }

  /// Runs bench against `engines`, for which `script` answers. In it $engine, $threads and $folder are what
  /// it is called with, and $here is the test's folder.
  ToolResult bench(const std::string& script, const std::string& engines = "onnxruntime",
                   const std::vector<std::string>& more = {}) {
    const std::string python = folder_.write("python", "#!/bin/sh\nengine=$2 threads=$5 folder=$7 here='" +
                                                           folder_.path("") + "'\necho $$ >> $here/pids\n" +
                                                           "echo $folder >> $here/folders\n" + script);
    fs::permissions(python, fs::perms::owner_all);
    std::vector<std::string> arguments{"bench",     folder_.path("model.onnx"),
                                       "--input",   folder_.path("x.npy"),
                                       "--runs",    "2",
                                       "--threads", "1",
                                       "--json",    folder_.path("figures.json"),
                                       "--against", engines,
                                       "--python",  python};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ToolResult result = run_program(SINTER_TOOL, arguments);
    expect_nothing_is_left();
    return result;
  }

  void expect_failure(const std::string& script, const std::string& message,
                      const std::vector<std::string>& more = {}) {
    const ToolResult result = bench(script, "onnxruntime", more);
    EXPECT_EQ(result.status, 2) << script;
    EXPECT_THAT(result.err, AllOf(HasSubstr("sinter: error: " + message), MatchesRegex("[^\n]*\n")))
        << script;
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(folder_.path("figures.json")));
  }

  /// Every process that wrote itself down is gone, and so is every folder.
  void expect_nothing_is_left() {
    std::istringstream pids(read_file(folder_.path("pids")));
    for (pid_t pid = 0; pids >> pid;) {
      // What the engine itself started is reaped by init, in its own time.
      for (int i = 0; i < 500 && kill(pid, 0) == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      EXPECT_TRUE(kill(pid, 0) != 0 && errno == ESRCH) << "process " << pid;
    }
    std::istringstream folders(read_file(folder_.path("folders")));
    for (std::string folder; std::getline(folders, folder);)
      EXPECT_FALSE(fs::exists(folder)) << folder;
  }

  TemporaryFolder folder_;
};

constexpr const char* kReady = "cp $here/y.npy $folder/output-0.npy\n"
                               "printf 'ready 9.9\\tall settings\\n'\n";
constexpr const char* kRuns = "while read -r line; do [ \"$line\" = run ] && echo 2500000; done\n";

// All of it before the model is read, which does not exist.
TEST_F(Peers, WrongArguments) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--against", "tvm"}, "--against: 'tvm' is none of onnxruntime, openvino, torch"},
      {{"--against", "torch,openvino,torch"}, "--against names torch twice"},
      {{"--against"}, "--against lacks its value (see sinter bench --help)"},
      {{"--python", "python3"}, "--python requires --against (see sinter bench --help)"},
      {{"--against", "torch", "--patience", "0"}, "--patience: '0' is not a whole number from 1 to 86400"},
      {{"--against", "torch", "--python", folder_.path("none")},
       "cannot run " + folder_.path("none") + ": No such file or directory"},
      {{"--against", "torch", "--python", folder_.path("y.npy")},
       "cannot run " + folder_.path("y.npy") + ": Permission denied"},
  };
  for (const auto& [more, message] : cases) {
    std::vector<std::string> arguments{"bench", folder_.path("none.onnx")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ToolResult result = run_program(SINTER_TOOL, arguments);
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.err, "sinter: error: " + message + "\n");
  }
}

TEST_F(Peers, AreReportedWithTheirRatio) {
  spoil_output(0.001F);
  const std::string script =
      std::string("test -s $folder/input-0.npy || exit 5\ntest $threads = 1 || exit 6\n") + kReady +
      "test $engine = torch && line=4000000 || line=2500000\n" +
      "while read -r request; do echo $line; done\n";
  const ToolResult result = bench(script, "torch,openvino");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("openvino 9.9"), HasSubstr("2.500"), HasSubstr("torch 9.9"), HasSubstr("4.000"),
                    HasSubstr("all settings"), HasSubstr("the best of them: fused is "),
                    HasSubstr(" times as fast as openvino\n")));
  const std::string json = read_file(folder_.path("figures.json"));
  EXPECT_THAT(json,
              AllOf(HasSubstr("\"peers\": ["),
                    HasSubstr("{\"name\": \"torch\", \"version\": \"9.9\", \"settings\": \"all settings\", "
                              "\"min_ms\": 4, \"median_ms\": 4, \"ratio\": "),
                    HasSubstr("{\"name\": \"openvino\""), HasSubstr("\"peak_rss_bytes\": ")));
  const std::string key = "\"max_abs_difference\": ";
  EXPECT_NEAR(std::stod(json.substr(json.find(key) + key.size())), 0.001, 1e-6);
}

TEST_F(Peers, ThatDoNotSupportTheModelAreSaidSo) {
  const ToolResult result =
      bench("if [ $engine = torch ]; then echo unsupported Einsum; exit; fi\n" + std::string(kReady) + kRuns,
            "torch,openvino");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("does not support Einsum"), HasSubstr("openvino 9.9")));
  EXPECT_THAT(read_file(folder_.path("figures.json")),
              AllOf(HasSubstr("\"unsupported\": \"Einsum\"}"),
                    HasSubstr("\"name\": \"openvino\", \"version\": \"9.9\"")));
}

TEST_F(Peers, ThatAreNotInstalled) {
  expect_failure(
      "echo missing onnxruntime\n",
      folder_.path("python") +
          " has no package 'onnxruntime', which onnxruntime needs; tools/setup_peers.sh installs it");
}

// The script that talks to the engines says itself what it lacks: here everything.
TEST_F(Peers, PythonWithoutPackages) {
  expect_failure("exec python3 -I -S \"$@\"\n",
                 folder_.path("python") +
                     " has no package 'numpy', which onnxruntime needs; tools/setup_peers.sh");
}

TEST_F(Peers, ThatCrashWhileTheyLoad) {
  expect_failure("echo what >&2\necho went wrong >&2\nexit 3\n",
                 "onnxruntime ended with status 3: went wrong");
  expect_failure("kill -TERM $$\n", "onnxruntime was killed by signal 15 (Terminated)");
  expect_failure("exec >&-\nsleep 1000\n", "onnxruntime closed its output");
  expect_failure("echo error ValueError: no such file\n", "onnxruntime failed: ValueError: no such file");
}

TEST_F(Peers, ThatCrashInARun) {
  expect_failure(std::string(kReady) + "read -r line\nexit 4\n", "onnxruntime ended with status 4");
  expect_failure(std::string(kReady) + "read -r line\necho 1000\nread -r line\nkill -KILL $$\n",
                 "onnxruntime was killed by signal 9 (Killed)");
}

TEST_F(Peers, ThatTalkNonsense) {
  expect_failure("echo 'hello\t\033[1m'\n", "onnxruntime answered 'hello??[1m' when it was to be ready");
  expect_failure("echo readyish\n", "onnxruntime answered 'readyish' when it was to be ready");
  for (const char* answer : {"fast", "-5", "0", "12ms", ""})
    expect_failure(std::string(kReady) + "read -r line\necho " + answer + "\nread -r line\n",
                   "onnxruntime answered '" + std::string(answer) + "' instead of the nanoseconds of a run");
  expect_failure("yes | tr -d '\\n'\n", "onnxruntime answered with a line that does not end");
}

TEST_F(Peers, ThatComputeSomethingElse) {
  expect_failure("echo ready 1\nread -r line\n", "onnxruntime left no output 'y': cannot open");
  spoil_output(0.1F);
  expect_failure(kReady, "onnxruntime computes something else: output 'y' is off by 0.1, 0.");
  folder_.write("y.npy", npy_zeros({1, 4}));
  expect_failure(kReady, "onnxruntime computed output 'y' of shape [1, 4], not [1, 5]");
}

TEST_F(Peers, ThatHang) {
  expect_failure("sleep 1000 &\necho $! >> $here/pids\nwait\n", "onnxruntime gave no answer in 1 s",
                 {"--patience", "1"});
  expect_failure(std::string(kReady) + "read -r line\nsleep 1000\n", "onnxruntime gave no answer in 1 s",
                 {"--patience", "1"});
}

TEST_F(Peers, AreClearedAwayWhenTheUserInterrupts) {
  for (const char* signal : {"INT", "TERM"})
    expect_failure("sleep 1000 &\necho $! >> $here/pids\nkill -" + std::string(signal) + " $PPID\nwait\n",
                   "interrupted");
}

} // namespace
} // namespace sinter::test
