// Reads commands and options off the parser of the command line.
#include "option_view.h"

#include "usage.h"

namespace sinter::tool {

namespace {

/// The words of an option that is checked by one_of().
std::vector<std::string> words_of(const CLI::Option& option) {
  std::vector<std::string> words;
  try {
    const std::string name = const_cast<CLI::Option&>(option).get_validator(0)->get_name();
    if (name.starts_with(kOneOf))
      words = CLI::detail::split(name.substr(std::char_traits<char>::length(kOneOf)), ',');
  } catch (const CLI::OptionNotFound&) {
    // It takes any value.
  }
  return words;
}

OptionView view(const CLI::Option& option) {
  OptionView result;
  for (const std::string& name : option.get_snames())
    result.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    result.names.push_back("--" + name);
  result.positional = option.get_positional();
  if (result.positional)
    result.names = {option.get_name(true)};
  else if (option.get_items_expected_max() > 0)
    result.value = option.get_type_name();
  result.preset = option.get_default_str();
  result.description = option.get_description();
  result.words = words_of(option);
  result.required = option.get_required();
  return result;
}

} // namespace

std::vector<OptionView> option_views(const CLI::App& command) {
  std::vector<OptionView> result;
  for (const CLI::Option* option : command.get_options())
    if (!option->get_group().empty())
      result.push_back(view(*option));
  return result;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

} // namespace sinter::tool
