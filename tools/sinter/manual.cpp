// sinter manual: the manual page, made of what the commands say about themselves.
#include "commands.h"

#include "option_view.h"

#include <fmt/format.h>

namespace sinter::tool {

namespace {

/// Text as roff reads it: no line of it is taken for a request, no hyphen is broken at.
std::string roff(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool starts_line = result.empty() || result.back() == '\n';
    if (starts_line && (c == '.' || c == '\''))
      result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

void print_options(const CLI::App& command) {
  for (const OptionView& option : option_views(command)) {
    std::string names;
    for (const std::string& name : option.names)
      names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(name));
    if (!option.value.empty())
      names += fmt::format(" \\fI{}\\fR", roff(option.value));
    const std::string preset =
        option.preset.empty() ? "" : fmt::format(" (default: {})", roff(option.preset));
    fmt::print(".TP\n{}\n{}{}\n", names, roff(option.description), preset);
  }
}

void print_command(const CLI::App& app, const CLI::App& command) {
  std::string usage = fmt::format("\\fBsinter {}\\fR [\\fIOPTION\\fR]...", roff(command.get_name()));
  for (const OptionView& option : option_views(command))
    if (option.positional)
      usage += fmt::format(" {}\\fI{}\\fR{}", option.required ? "" : "[", roff(option.names.front()),
                           option.required ? "" : "]");
  fmt::print(".SS {}\n{}\n.PP\n{}.\n", roff(command.get_name()), usage, roff(command.get_description()));
  print_options(command);
  // Commands without a footer of their own have that of the whole.
  if (command.get_footer() != app.get_footer())
    fmt::print(".PP\n{}\n", roff(command.get_footer()));
}

constexpr const char* kStart = R"(.SH NAME
sinter \- compiler of neural networks to native code
.SH SYNOPSIS
\fBsinter\fR \fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...
.SH DESCRIPTION
Sinter compiles models in the ONNX format to fused kernels for the processor it runs on, runs and measures them, and
shows what became of them.
)";

constexpr const char* kEnd = R"(.SH ENVIRONMENT
.TP
\fBSINTER_CACHE\fR
\fIoff\fR: no kernels and weights are kept on disk, nor looked for.
.TP
\fBSINTER_CACHE_DIR\fR
The directory they are kept in.
.TP
\fBSINTER_CACHE_BYTES\fR
How much it may hold: a number that may end in K, M or G.
.TP
\fBSINTER_CPU\fR
What the processor \fInative\fR stands for: x86\-64, x86\-64\-v2, x86\-64\-v3 or x86\-64\-v4.
.SH FILES
.TP
.I ~/.cache/sinter
Compiled kernels, and weights in the layouts they read.
)";

void print_manual(const CLI::App& app) {
  fmt::print(".TH SINTER 1 \"\" \"Sinter {}\" \"User commands\"\n{}", SINTER_VERSION, kStart);
  print_options(app);
  fmt::print(".SH COMMANDS\n");
  for (const CLI::App* command : commands_of(app))
    print_command(app, *command);
  fmt::print(".SH EXIT STATUS\n{}\n{}", roff(app.get_footer()), kEnd);
}

} // namespace

Command add_manual(CLI::App& app) {
  app.add_subcommand("manual", "Print the manual page: sinter manual | man -l -");
  return [&app] {
    print_manual(app);
    return 0;
  };
}

} // namespace sinter::tool
