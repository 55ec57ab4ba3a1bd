// Runs tools/bench_peer.py beside this program and compares what it computes.
#include "bench_peers.h"

#include "compare.h"

#include "sinter/data/npy.h"
#include "sinter/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace sinter::tool {

namespace {

namespace fs = std::filesystem;

/// A folder that is gone with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "sinter-bench-XXXXXX").string();
    if (error || mkdtemp(pattern.data()) == nullptr)
      throw Error(fmt::format("cannot make a temporary folder {}", pattern), ErrorKind::system);
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// Outputs further apart than this share of the largest value are not those of the same computation.
constexpr double kSomethingElse = 0.01;
constexpr const char* kSetUp = "tools/setup_peers.sh";

/// Where the tool's scripts lie: those of the source, or what is installed of them.
fs::path scripts() {
  std::error_code error; // without an answer, there is nothing there
  return fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "share/sinter/tools";
}

/// The Python that has the engines.
std::string find_python(const std::string& given) {
  if (!given.empty()) {
    // A bare name is looked up in PATH when it is started.
    if (given.find('/') != std::string::npos && access(given.c_str(), X_OK) != 0)
      throw Error(fmt::format("cannot run {}: {}", given, std::strerror(errno)));
    return given;
  }
  const fs::path own = fs::weakly_canonical(scripts()).parent_path() / "build/peers/bin/python";
  if (!fs::exists(scripts() / "setup_peers.sh")) // not installed: it would write beside itself
    throw Error("--against needs a Python that has the engines: name it with --python");
  if (!fs::exists(own))
    throw Error(fmt::format("there is no Python with other engines at {}: run {}, or name one with --python",
                            own.string(), kSetUp));
  return own.string();
}

/// An answer quoted in a message.
std::string excerpt(const std::string& line) {
  std::string text = line.substr(0, 80);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return fmt::format("'{}{}'", text, line.size() > text.size() ? "..." : "");
}

/// "WORD REST" as "REST" if `line` starts with that word.
bool take(const std::string& line, const std::string& word, std::string& rest) {
  if (line != word && !line.starts_with(word + " "))
    return false;
  rest = line.size() > word.size() ? line.substr(word.size() + 1) : "";
  return true;
}

} // namespace

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> names{"onnxruntime", "openvino", "torch"};
  return names;
}

void check_peers(const PeerOptions& options) {
  for (auto name = options.names.begin(); name != options.names.end(); ++name)
    if (std::find(options.names.begin(), name, *name) != name)
      throw Error(fmt::format("--against names {} twice", *name));
  find_python(options.python);
}

Peer::Peer(const std::string& name, const PeerOptions& options, const std::string& model, int threads,
           const std::vector<Tensor>& inputs, const std::vector<std::pair<std::string, Tensor>>& outputs)
    : python_(find_python(options.python)), patience_(options.patience) {
  row_.name = name;
  const TemporaryFolder folder;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    save_npy(fmt::format("{}/input-{}.npy", folder.path(), i), inputs[i]);
  load(folder.path(), model, threads, outputs);
}

void Peer::load(const std::string& folder, const std::string& model, int threads,
                const std::vector<std::pair<std::string, Tensor>>& outputs) {
  process_ = std::make_unique<ChildProcess>(
      python_, std::vector<std::string>{(scripts() / "bench_peer.py").string(), row_.name,
                                        fs::absolute(model).string(), "--threads", std::to_string(threads),
                                        "--folder", folder});
  const std::string line = answer();
  std::string rest;
  if (take(line, "missing", rest))
    throw Error(fmt::format("{} has no package '{}', which {} needs; {} installs it", python_, rest,
                            row_.name, kSetUp));
  if (take(line, "unsupported", rest)) {
    row_.unsupported = rest.empty() ? "this model" : rest;
    process_.reset();
    return;
  }
  if (!take(line, "ready", rest))
    fail(fmt::format("answered {} when it was to be ready", excerpt(line)));
  const std::size_t tab = std::min(rest.find('\t'), rest.size());
  row_.version = rest.substr(0, tab);
  row_.settings = tab < rest.size() ? rest.substr(tab + 1) : "";
  for (std::size_t i = 0; i < outputs.size(); ++i)
    hold_against(fmt::format("{}/output-{}.npy", folder, i), outputs[i].first, outputs[i].second);
  settle();
}

void Peer::hold_against(const std::string& file, const std::string& name, const Tensor& ours) {
  Tensor theirs;
  try {
    theirs = load_npy(file);
  } catch (const Error& error) {
    fail(fmt::format("left no output '{}': {}", name, error.what()));
  }
  if (!(theirs.shape() == ours.shape()))
    fail(fmt::format("computed output '{}' of shape {}, not {}", name, to_string(theirs.shape()),
                     to_string(ours.shape())));
  const Difference difference = compare(name, theirs, ours, 0, 0);
  if (difference.of_largest > kSomethingElse)
    fail(fmt::format("computes something else: output '{}' is off by {:.3g}, {:.3g} of the largest value",
                     name, difference.absolute, difference.of_largest));
  row_.largest_difference = std::max(row_.largest_difference, difference.absolute);
}

double Peer::run() {
  process_->send("run");
  const std::string line = answer();
  int64_t nanoseconds = 0;
  const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), nanoseconds);
  if (code != std::errc() || end != line.data() + line.size() || nanoseconds <= 0)
    fail(fmt::format("answered {} instead of the nanoseconds of a run", excerpt(line)));
  settle();
  return static_cast<double>(nanoseconds) / 1e6;
}

std::string Peer::answer() {
  std::string line;
  switch (process_->read_line(line, patience_)) {
  case ChildProcess::Read::line:
    break;
  case ChildProcess::Read::ended:
    fail(process_->obituary());
  case ChildProcess::Read::late:
    fail(fmt::format("gave no answer in {:g} s", patience_.count()));
  case ChildProcess::Read::endless:
    fail("answered with a line that does not end");
  }
  if (std::string message; take(line, "error", message))
    fail("failed: " + message);
  return line;
}

void Peer::fail(const std::string& what) const {
  throw Error(fmt::format("{} {}", row_.name, what), ErrorKind::system);
}

void Peer::settle() {
  // Threads that spin in hope of work would take the processor from whoever is next.
  constexpr int kLongest = 50;
  for (int i = 0; i < kLongest; ++i) {
    pause_for(std::chrono::milliseconds(10));
    if (process_->asleep())
      return;
  }
  row_.restless = true;
}

} // namespace sinter::tool
