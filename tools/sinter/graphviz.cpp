// Drawings by Graphviz: the graph goes to `dot` through a file, the picture comes back through a pipe.
#include "graphviz.h"

#include "sinter/error.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sys/wait.h>
#include <unistd.h>

namespace sinter::tool {

namespace {

/// A file in the temporary folder with the given content, gone with the object.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string& content) {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder != nullptr && *folder != 0 ? folder : "/tmp") + "/sinter-XXXXXX";
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0)
      throw Error("cannot make a file in the temporary folder", ErrorKind::system);
    std::FILE* file = fdopen(descriptor, "wb");
    const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
    if (std::fclose(file) != 0 || !written) {
      unlink(path_.c_str());
      throw Error("cannot write to the temporary folder", ErrorKind::system);
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

} // namespace

std::string draw_svg(const std::string& dot) {
  if (std::system("command -v dot >/dev/null 2>&1") != 0)
    throw Error(
        "--format svg needs Graphviz, whose program dot was not found; --format dot writes its input");
  const TemporaryFile source(dot);
  std::string quoted = "'";
  for (char c : source.path())
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  std::FILE* pipe = popen(("dot -Tsvg " + quoted + "' 2>/dev/null").c_str(), "r");
  if (pipe == nullptr)
    throw Error("cannot start Graphviz's dot", ErrorKind::system);
  std::string svg;
  std::array<char, 65536> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    svg.append(buffer.data(), n);
  const int status = pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error("Graphviz's dot could not draw the graph", ErrorKind::internal);
  return svg;
}

} // namespace sinter::tool
