// sinter completion: what a shell needs to complete the tool's commands and options.
#include "commands.h"

#include "option_view.h"
#include "usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sinter::tool {

namespace {

std::string names_of(const CLI::App& command) {
  std::string names;
  for (const OptionView& option : option_views(command))
    if (!option.positional)
      names += fmt::format("{}{}", names.empty() ? "" : " ", fmt::join(option.names, " "));
  return names;
}

std::string commands(const CLI::App& app) {
  std::string names;
  for (const CLI::App* command : commands_of(app))
    names += (names.empty() ? "" : " ") + command->get_name();
  return names;
}

/// Without words, the shell's own completion of files is used.
void print_bash(const CLI::App& app) {
  fmt::print(R"(# bash completion of sinter, printed by sinter completion bash
_sinter() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{} {}"
  elif [[ $current == -* ]]; then
    case ${{COMP_WORDS[1]}} in
)",
             commands(app), names_of(app));
  for (const CLI::App* command : commands_of(app))
    fmt::print("    {}) words=\"{}\" ;;\n", command->get_name(), names_of(*command));
  fmt::print("    esac\n  else\n    case \"${{COMP_WORDS[1]}} $previous\" in\n");
  for (const CLI::App* command : commands_of(app))
    for (const OptionView& option : option_views(*command))
      if (!option.words.empty() && (option.positional || !option.value.empty()))
        for (const std::string& name : option.names)
          fmt::print("    \"{} {}\") words=\"{}\" ;;\n", command->get_name(),
                     option.positional ? command->get_name() : name, fmt::join(option.words, " "));
  fmt::print(R"(    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -o bashdefault -F _sinter sinter
)");
}

/// Text between single quotes of a shell in which `special` are escaped as well.
std::string quoted(const std::string& text, const std::string& special) {
  std::string result;
  for (const char c : text) {
    if (c == '\'')
      result += "'\\''";
    else {
      if (special.find(c) != std::string::npos)
        result += '\\';
      result += c;
    }
  }
  return result;
}

/// How zsh completes the value of an option or an argument: `what` it is called there, then its words or
/// files.
std::string zsh_value(const OptionView& option, const std::string& what) {
  const std::string words =
      option.words.empty() ? "_files" : fmt::format("({})", fmt::join(option.words, " "));
  return fmt::format(":{}:{}", quoted(what, ":[]\\"), words);
}

void print_zsh(const CLI::App& app) {
  fmt::print("#compdef sinter\n# zsh completion of sinter, printed by sinter completion zsh\n_sinter() {{\n"
             "  local -a commands=(\n");
  for (const CLI::App* command : commands_of(app))
    fmt::print("    '{}:{}'\n", command->get_name(), quoted(command->get_description(), ":\\"));
  for (const OptionView& option : option_views(app))
    fmt::print("    '{}:{}'\n", option.names.back(), quoted(option.description, ":\\"));
  fmt::print("  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
             "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n");
  for (const CLI::App* command : commands_of(app)) {
    fmt::print("  {})\n    _arguments", command->get_name());
    for (const OptionView& option : option_views(*command)) {
      if (option.positional)
        fmt::print(" \\\n      '{}'", zsh_value(option, option.names.front()));
      else
        for (const std::string& name : option.names)
          fmt::print(" \\\n      '*{}[{}]{}'", name, quoted(option.description, ":[]\\"),
                     option.value.empty() ? "" : zsh_value(option, option.value));
    }
    fmt::print("\n    ;;\n");
  }
  fmt::print("  esac\n}}\n_sinter \"$@\"\n");
}

void print_fish(const CLI::App& app) {
  const std::string none = fmt::format("not __fish_seen_subcommand_from {}", commands(app));
  fmt::print("# fish completion of sinter, printed by sinter completion fish\n");
  const auto print_options = [](const CLI::App& command, const std::string& condition) {
    for (const OptionView& option : option_views(command)) {
      const bool takes_word = !option.words.empty() && (option.positional || !option.value.empty());
      if (option.positional && !takes_word)
        continue; // a file
      std::string line = fmt::format("complete -c sinter -n '{}'", condition);
      if (!option.positional)
        for (const std::string& name : option.names)
          line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (takes_word)
        line += fmt::format(" -x -a '{}'", fmt::join(option.words, " "));
      else if (!option.value.empty())
        line += " -r";
      fmt::print("{} -d '{}'\n", line, quoted(option.description, "\\"));
    }
  };
  print_options(app, none);
  for (const CLI::App* command : commands_of(app)) {
    fmt::print("complete -c sinter -f -n '{}' -a {} -d '{}'\n", none, command->get_name(),
               quoted(command->get_description(), "\\"));
    print_options(*command, "__fish_seen_subcommand_from " + command->get_name());
  }
}

} // namespace

Command add_completion(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("completion", "Print what a shell completes this program's options by");
  sub->footer("For bash, once: sinter completion bash > ~/.local/share/bash-completion/completions/sinter");
  auto shell = std::make_shared<std::string>();
  sub->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(one_of({"bash", "zsh", "fish"}))
      ->type_name("");
  return [&app, shell] {
    *shell == "bash" ? print_bash(app) : *shell == "zsh" ? print_zsh(app) : print_fish(app);
    return 0;
  };
}

} // namespace sinter::tool
