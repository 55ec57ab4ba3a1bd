// Command lines that cannot be understood, and what values options take.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace sinter::tool {

/// What is wrong with the command line that `app` threw `error` for, in one line.
std::string explain(const CLI::App& app, const CLI::ParseError& error);

// What the value of an option must be. Anything else is an error that quotes the value.

/// A whole number from `low` to `high`, both included.
CLI::Validator whole_number(int64_t low, int64_t high);
/// A finite number, not below 0.
CLI::Validator tolerance();
/// A device: cpu, cuda or cuda:N. Whether there is such a GPU is not looked at.
CLI::Validator device_name();
/// One of `words`. The name of the validator is this prefix and the words, separated by commas.
constexpr const char* kOneOf = "one of ";
CLI::Validator one_of(std::vector<std::string> words);

} // namespace sinter::tool
