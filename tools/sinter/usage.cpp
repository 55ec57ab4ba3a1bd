// Command lines that cannot be understood, and what values options take.
#include "usage.h"

#include "sinter/error.h"
#include "sinter/runtime/cuda/device.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace sinter::tool {

namespace {

/// How many letters must be changed, left out or put in to make one of the other.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames())
      names.push_back(name);
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// "run", of the sinter tool: "sinter run".
std::string title(const CLI::App& app, const CLI::App& command) {
  return &app == &command ? app.get_name() : app.get_name() + " " + command.get_name();
}

/// "a", "a and b", "a, b and c"
std::string enumerate(const std::vector<std::string>& names) {
  const auto last = std::prev(names.end());
  return names.size() == 1 ? *last : fmt::format("{} and {}", fmt::join(names.begin(), last, ", "), *last);
}

std::string unknown_option(const CLI::App& app, const CLI::App& command, const std::string& argument) {
  const std::string given = argument.substr(0, argument.find('='));
  const std::string name = given.substr(std::min(given.find_first_not_of('-'), given.size()));
  std::string text = fmt::format("{} has no option {}", title(app, command), given);
  std::vector<std::string> elsewhere;
  for (const CLI::App* other : app.get_subcommands([](const CLI::App*) { return true; }))
    if (has(options_of(*other), name))
      elsewhere.push_back(title(app, *other));
  if (!elsewhere.empty())
    return fmt::format("{}; {} {}", text, enumerate(elsewhere), elsewhere.size() == 1 ? "has it" : "have it");
  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1; // further off, it is a guess
  for (const std::string& known : options_of(command))
    if (const std::size_t d = distance(name, known); d < least) {
      least = d;
      nearest = known;
    }
  return nearest.empty() ? fmt::format("{} (see {} --help)", text, title(app, command))
                         : fmt::format("{}; did you mean --{}?", text, nearest);
}

/// A command line whose options are known but not how they are given; "" if that is not what is wrong. CLI11
/// names the option first, or after "Could not convert: " with its value after " = ".
std::string wrong_use(const CLI::ParseError& error) {
  const std::string text = error.what();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) {
    const std::string option = text.substr(0, text.find(": "));
    return text.find("At Most") != std::string::npos ? fmt::format("{} is given more than once", option)
                                                     : fmt::format("{} lacks its value", option);
  }
  const std::string prefix = "Could not convert: ";
  if (const std::size_t equals = text.find(" = "); text.starts_with(prefix) && equals != std::string::npos)
    return fmt::format("{}: '{}' is neither true nor false",
                       text.substr(prefix.size(), equals - prefix.size()), text.substr(equals + 3));
  return "";
}

} // namespace

std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  std::vector<const CLI::App*> given{&app};
  for (const CLI::App* command : app.get_subcommands())
    given.push_back(command);
  // An option nobody knows explains what else is wrong: its value was taken for something else.
  for (const CLI::App* command : given)
    for (const std::string& argument : command->remaining())
      if (argument.size() > 1 && argument.starts_with('-'))
        return unknown_option(app, *command, argument);
  for (const CLI::App* command : given)
    if (const std::vector<std::string> extra = command->remaining(); !extra.empty())
      return fmt::format("'{}' is one argument too many (see {} --help)", extra.front(),
                         title(app, *command));
  const bool invalid = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ValidationError);
  if (invalid)
    return error.what();
  const std::string use = wrong_use(error);
  return fmt::format("{} (see {} --help)", use.empty() ? error.what() : use, title(app, *given.back()));
}

CLI::Validator whole_number(int64_t low, int64_t high) {
  return CLI::Validator(
      [=](const std::string& text) {
        int64_t value = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool good =
            code == std::errc() && end == text.data() + text.size() && value >= low && value <= high;
        return good ? std::string()
                    : fmt::format("'{}' is not a whole number from {} to {}", text, low, high);
      },
      "");
}

CLI::Validator tolerance() {
  return CLI::Validator(
      [](const std::string& text) {
        double value = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool good =
            code == std::errc() && end == text.data() + text.size() && std::isfinite(value) && value >= 0;
        return good ? std::string() : fmt::format("'{}' is not a number from 0 on", text);
      },
      "");
}

CLI::Validator device_name() {
  return CLI::Validator(
      [](const std::string& text) {
        try {
          rt::cuda::ordinal_of(text);
          return std::string();
        } catch (const Error&) {
          return fmt::format("'{}' is none of cpu, cuda and cuda:N", text);
        }
      },
      "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  std::string name = fmt::format("{}{}", kOneOf, fmt::join(words, ","));
  return CLI::Validator(
      [words = std::move(words)](const std::string& text) {
        return has(words, text) ? std::string()
                                : fmt::format("'{}' is none of {}", text, fmt::join(words, ", "));
      },
      "", std::move(name));
}

} // namespace sinter::tool
