// Names that are all different, made from readable ones.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace sinter::onnx_export {

/// Hands out each name once. What comes out depends on what was asked before and on nothing else, and a name
/// that came out stays as it is when it is asked for in the same order again: exported models that are
/// imported and exported once more keep their names.
class Names {
public:
  /// `wanted`, or "wanted.1", "wanted.2", ..., the first that is free.
  std::string unique(const std::string& wanted) {
    if (taken_.insert(wanted).second)
      return wanted;
    int64_t& next = next_[wanted];
    std::string name;
    do
      name = wanted + "." + std::to_string(++next);
    while (!taken_.insert(name).second);
    return name;
  }
  /// What unique() will hand out.
  std::string next(const std::string& wanted) const {
    std::string name = wanted;
    for (int64_t i = 1; taken_.contains(name); ++i)
      name = wanted + "." + std::to_string(i);
    return name;
  }
  /// False if it has been handed out.
  bool reserve(const std::string& name) { return taken_.insert(name).second; }

private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int64_t> next_; // free ones are not below
};

} // namespace sinter::onnx_export
