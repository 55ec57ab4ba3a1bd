// "[INPUT=]DIMENSION:VALUES".
#include "dynamic_dimension.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace sinter::tool {

namespace {

constexpr int64_t kMostValues = 1024;

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

[[noreturn]] void refuse(const std::string& text) {
  throw Error(
      fmt::format("--dynamic {}: write [INPUT=]DIMENSION:EXTENTS, as in batch:1..8 or x=0:1,4,16", text));
}

std::vector<int64_t> parse_values(std::string_view values, const std::string& text) {
  std::vector<int64_t> all;
  while (true) {
    const std::size_t comma = values.find(',');
    const std::string_view item = values.substr(0, comma);
    const std::size_t dots = item.find("..");
    const auto low = number(item.substr(0, dots));
    const auto high = dots == std::string_view::npos ? low : number(item.substr(dots + 2));
    if (!low || !high)
      refuse(text);
    if (*low < 1 || *high < *low || *high - *low >= kMostValues)
      throw Error(
          fmt::format("--dynamic {}: '{}' are not extents from 1 on, {} at most", text, item, kMostValues));
    for (int64_t value = *low; value <= *high; ++value)
      if (std::find(all.begin(), all.end(), value) == all.end())
        all.push_back(value);
    if (comma == std::string_view::npos)
      return all;
    values.remove_prefix(comma + 1);
  }
}

bool has_dimension(const Model& model, const std::string& name) {
  return std::ranges::any_of(model.inputs(), [&](const ModelValue& input) {
    return std::ranges::find(input.dim_names, name) != input.dim_names.end();
  });
}

} // namespace

aot::DynamicDimension parse_dynamic(const std::string& text, const Model& model) {
  const std::size_t colon = text.rfind(':'); // names may hold some
  if (colon == std::string::npos)
    refuse(text);
  std::string name = text.substr(0, colon);
  aot::DynamicDimension dimension;
  dimension.values = parse_values(std::string_view(text).substr(colon + 1), text);
  for (const ModelValue& input : model.inputs())
    if (name.starts_with(input.name + "=") && input.name.size() >= dimension.input.size())
      dimension.input = input.name;
  if (!dimension.input.empty())
    name.erase(0, dimension.input.size() + 1);
  else if (!has_dimension(model, name) && name.find('=') != std::string::npos)
    throw Error(
        fmt::format("--dynamic {}: the model has no input '{}'", text, name.substr(0, name.find('='))));
  if (name.empty())
    refuse(text);
  dimension.name = name;
  if (const auto axis = number(name); axis && !has_dimension(model, name)) {
    if (dimension.input.empty())
      throw Error(fmt::format("--dynamic {}: a dimension by its number needs the input it is of, as in x={}",
                              text, text));
    dimension.name = dimension.input + "=" + name; // there may be others of that number
    dimension.axis = static_cast<int>(std::clamp<int64_t>(*axis, 0, kMaxRank));
  }
  return dimension;
}

} // namespace sinter::tool
