// The table of ONNX operators: from a name to the function that imports it.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace sinter::onnx_import {

class NodeContext;

/// The oldest opset whose operators are understood. (ONNX's own guarantee of compatibility starts at 7.)
inline constexpr int64_t kFirstOpset = 6;
/// The newest opset there is. What later ones will mean by the same names nobody can know.
inline constexpr int64_t kLastOpset = 28;

/// Imports one node: reads its inputs and attributes, sets its outputs.
using Handler = void (*)(NodeContext&);

class OperatorTable {
public:
  /// `handler` imports `name` in opsets from `first` to `last`.
  void add(const std::string& name, Handler handler, int64_t first = kFirstOpset,
           int64_t last = std::numeric_limits<int64_t>::max());
  /// Input `input` of `name` is no operand but says what is computed: it must be known.
  void add_setting(const std::string& name, int input) { settings_.emplace(name, input); }
  /// Null if there is none.
  Handler find(const std::string& name, int64_t opset) const;
  bool is_setting(const std::string& name, int input) const { return settings_.contains({name, input}); }

private:
  struct Entry {
    Handler handler;
    int64_t first, last;
  };
  std::unordered_multimap<std::string, Entry> entries_;
  std::set<std::pair<std::string, int>> settings_;
};

/// The handler of an operator of ONNX's own domain, null if it is not supported at `opset`.
Handler find_operator(const std::string& name, int64_t opset);
/// True for inputs of numbers that are no operands, such as the scales of Resize.
bool is_setting(const std::string& name, int input);

// One function a file of operators/, each of which adds its operators.
void add_activations(OperatorTable& table);
void add_arithmetic(OperatorTable& table);
void add_constants(OperatorTable& table);
void add_convolutions(OperatorTable& table);
void add_logic(OperatorTable& table);
void add_matrix_products(OperatorTable& table);
void add_movements(OperatorTable& table);
void add_normalizations(OperatorTable& table);
void add_poolings(OperatorTable& table);
void add_reductions(OperatorTable& table);
void add_resampling(OperatorTable& table);
void add_shapes(OperatorTable& table);
void add_slices(OperatorTable& table);

} // namespace sinter::onnx_import
