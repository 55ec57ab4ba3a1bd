// The commands and options of the tool, as documentation and completion of them need them.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace sinter::tool {

struct OptionView {
  std::vector<std::string> names; ///< "-o", "--output"; the bare name of a positional argument
  std::string value;              ///< what stands for its value; "" for a flag
  std::string preset;             ///< the value it has when it is not given
  std::string description;
  std::vector<std::string> words; ///< the values it may have, where it is one of a few
  bool positional = false;
  bool required = false;
};

/// Those that are not hidden, in the order of --help.
std::vector<OptionView> option_views(const CLI::App& command);

/// All commands, in the order of --help.
std::vector<const CLI::App*> commands_of(const CLI::App& app);

} // namespace sinter::tool
