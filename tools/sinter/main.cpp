// The sinter tool: run, measure and look into ONNX models.
#include "commands.h"
#include "usage.h"

#include "sinter/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>
#include <system_error>

namespace {

constexpr int kUserError = 2;

/// Errors are one line, whatever they are made of.
int fail(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  while (!message.empty() && message.back() == ' ')
    message.pop_back();
  std::fflush(stdout);
  fmt::print(stderr, "sinter: error: {}\n", message);
  return kUserError;
}

/// Output that is not written is an error: what `command` printed may still be in the buffer.
int run(const sinter::tool::Command& command) {
  const auto cannot_write = [](int error) {
    return fail(fmt::format("cannot write standard output: {}", std::strerror(error)));
  };
  try {
    const int status = command();
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? status : cannot_write(errno);
  } catch (const std::system_error& error) { // fmt's
    if (std::ferror(stdout) == 0)
      throw;
    return cannot_write(error.code().value());
  }
}

/// "run, bench and cache"
std::string list_of(std::span<const std::pair<const char*, sinter::tool::Command>> commands) {
  std::string names = commands.front().first;
  for (const auto& [name, command] : commands.subspan(1))
    names += fmt::format("{}{}", name == commands.back().first ? " and " : ", ", name);
  return names;
}

} // namespace

int main(int argc, char** argv) {
  using namespace sinter;
  CLI::App app("Sinter: compiles ONNX models to fused native kernels and runs them", "sinter");
  app.footer("Exit status: 0 success, 1 an output is beyond the tolerance, 2 an error, told in one line on "
             "standard error.");
  app.require_subcommand(1);
  app.set_version_flag("--version", "sinter " SINTER_VERSION);
  const std::pair<const char*, tool::Command> commands[] = {
      {"run", tool::add_run(app)},         {"bench", tool::add_bench(app)},
      {"inspect", tool::add_inspect(app)}, {"compile", tool::add_compile(app)},
      {"export", tool::add_export(app)},   {"cache", tool::add_cache(app)},
      {"manual", tool::add_manual(app)},   {"completion", tool::add_completion(app)}};
  const std::string known = list_of(commands);
  try {
    // CLI11 would only say that a command is missing.
    if (argc == 1)
      return fail(fmt::format("no command is given; there are {} (see sinter --help)", known));
    if (argc > 1 && argv[1][0] != '-' &&
        std::none_of(std::begin(commands), std::end(commands),
                     [&](const auto& command) { return std::string(command.first) == argv[1]; }))
      return fail(fmt::format("there is no command '{}'; there are {}", argv[1], known));
    app.parse(argc, argv);
    for (const auto& [name, command] : commands)
      if (app.got_subcommand(name))
        return run(command);
    return fail(fmt::format("no command is given; there are {}", known));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return run([&] { return app.exit(error); }); // --help, --version
    return fail(tool::explain(app, error));
  } catch (const Error& error) {
    const bool internal = error.kind() == ErrorKind::internal;
    return fail(fmt::format("{}{}", internal ? "internal error, please report it: " : "", error.what()));
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(fmt::format("internal error, please report it: {}", error.what()));
  }
}
