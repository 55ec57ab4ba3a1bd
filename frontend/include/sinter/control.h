// Branches and loops as operations: inside compile(), where values are not known, and wherever a loop of
// changing length is to be one program. Outside of functions that are compiled or differentiated they run at
// once, like any C++.
//
// Bodies are C++ functions on trees of tensors (tree.h). They are traced once; what they capture is handed to
// them. Elements cannot be read inside a body that is traced.
#pragma once

#include "sinter/tree.h"

#include <concepts>
#include <functional>
#include <optional>
#include <span>

namespace sinter {

struct WhileOptions {
  /// The loop ends after that many rounds at the latest, if it is given: reverse mode needs a bound, for it
  /// keeps what every round started from.
  std::optional<int64_t> max_iterations = std::nullopt;
};

struct ScanOptions {
  int64_t steps = -1;   ///< default: the first extent of the sequences, of which all have the same
  bool reverse = false; ///< from the last slice to the first
};

namespace detail {

using TraceBody = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

/// True if an operation on these tensors is recorded, or may be because a function is being traced.
bool is_tracing(std::span<const Tensor> tensors);

/// True if `predicate` has elements, and what depends on it is not recorded.
bool is_known(const Tensor& predicate);

std::vector<Tensor> trace_cond(const Tensor& predicate, const TraceBody& then_body,
                               const TraceBody& else_body, const SourceLocation& where);
std::vector<Tensor> trace_while(std::span<const Tensor> carries, const TraceBody& condition,
                                const TraceBody& body, const WhileOptions& options,
                                const SourceLocation& where);
std::vector<Tensor> trace_scan(std::span<const Tensor> carries, std::span<const Tensor> sequences,
                               const TraceBody& body, const ScanOptions& options,
                               const SourceLocation& where);
/// The number of steps. Throws Error unless the sequences agree on it.
int64_t scan_steps(std::span<const Tensor> sequences, const ScanOptions& options,
                   const SourceLocation& where);
Tensor scan_slice(const Tensor& sequence, int64_t step, const SourceLocation& where);
/// The outputs of all steps, one on the other.
std::vector<Tensor> scan_stack(const std::vector<std::vector<Tensor>>& steps, const SourceLocation& where);
[[noreturn]] void fail_no_steps(const SourceLocation& where);

/// Throws Error unless the trees are alike in everything but tensors: what is no tensor cannot change from
/// run to run of a body that is recorded once.
template <class T>
void check_bodies(const T& a, const T& b, const char* operation, const char* what,
                  const SourceLocation& where) {
  check_structures(structure_of(a, true), structure_of(b, true), operation,
                   (std::string(what) +
                    " trees that differ in more than the elements of tensors: in structure, or in "
                    "numbers that are no tensors; make those tensors")
                       .c_str(),
                   where);
}

} // namespace detail

/// What `then()` returns where `predicate`, a bool of one element, holds, else what `otherwise()` does: trees
/// of the same structure, dtypes and shapes.
template <class Then, class Else>
auto cond(const Tensor& predicate, Then then, Else otherwise,
          SourceLocation where = SourceLocation::current()) {
  using Result = std::remove_cvref_t<decltype(then())>;
  static_assert(std::same_as<Result, std::remove_cvref_t<decltype(otherwise())>>,
                "both branches return the same type");
  if (detail::is_known(predicate))
    return static_cast<bool>(predicate) ? then() : otherwise();
  std::optional<Result> structure;
  const auto body = [&](auto& branch) {
    return [&](std::span<const Tensor>) {
      Result result = branch();
      if (structure)
        detail::check_bodies(*structure, result, "cond", "the branches give", where);
      structure = result;
      return tensors_of(result);
    };
  };
  const std::vector<Tensor> results = detail::trace_cond(predicate, body(then), body(otherwise), where);
  return detail::with_tensors(std::move(*structure), results);
}

/// Replaces `state`, a tree, by `body(state)` as long as `condition(state)` gives a bool of one element that
/// holds; what it is in the end.
template <class State, class Condition, class Body>
State while_loop(State state, Condition condition, Body body, WhileOptions options = {},
                 SourceLocation where = SourceLocation::current()) {
  const std::vector<Tensor> carries = tensors_of(state);
  if (!detail::is_tracing(carries)) {
    for (int64_t round = 0;
         round != options.max_iterations.value_or(-1) && static_cast<bool>(condition(state)); ++round)
      state = body(std::move(state));
    return state;
  }
  const auto traced_condition = [&](std::span<const Tensor> tensors) {
    return std::vector<Tensor>{condition(detail::with_tensors(state, tensors))};
  };
  const auto traced_body = [&](std::span<const Tensor> tensors) {
    const State next = body(detail::with_tensors(state, tensors));
    detail::check_bodies(state, next, "while_loop", "the body takes and gives", where);
    return tensors_of(next);
  };
  return detail::with_tensors(state,
                              detail::trace_while(carries, traced_condition, traced_body, options, where));
}

/// Calls `body(carry, slice)` for every slice of `sequences`, a tree of tensors, along their first dimension;
/// it returns a pair: the next carry, a tree like `carry`, and an output, a tree. Returns the last carry and
/// the outputs of all steps, stacked along a new first dimension. Memory and the size of the program do not
/// depend on the number of steps, but what reverse mode keeps does: the carry of every step.
template <class Carry, class Sequences, class Body>
auto scan(Body body, Carry carry, const Sequences& sequences, ScanOptions options = {},
          SourceLocation where = SourceLocation::current()) {
  using Pair = std::remove_cvref_t<decltype(body(carry, sequences))>;
  using Output = typename Pair::second_type;
  const std::vector<Tensor> carries = tensors_of(carry), slices_of = tensors_of(sequences);
  options.steps = detail::scan_steps(slices_of, options, where);
  std::optional<Output> structure;
  std::vector<Tensor> all(carries);
  all.insert(all.end(), slices_of.begin(), slices_of.end());
  if (!detail::is_tracing(all)) {
    std::vector<std::vector<Tensor>> steps(static_cast<std::size_t>(options.steps));
    for (int64_t i = 0; i < options.steps; ++i) {
      const int64_t step = options.reverse ? options.steps - 1 - i : i;
      Pair next = body(carry, map_tensors(sequences, [&](const Tensor& sequence) {
                         return detail::scan_slice(sequence, step, where);
                       }));
      detail::check_bodies(carry, next.first, "scan", "the body takes and gives", where);
      if (structure)
        detail::check_bodies(*structure, next.second, "scan", "steps give", where);
      carry = std::move(next.first);
      structure = std::move(next.second);
      steps[static_cast<std::size_t>(step)] = tensors_of(*structure);
    }
    if (!structure) // the shapes of outputs are not known without a step
      detail::fail_no_steps(where);
    return Pair{std::move(carry),
                detail::with_tensors(std::move(*structure), detail::scan_stack(steps, where))};
  }
  const auto traced_body = [&](std::span<const Tensor> tensors) {
    Pair next = body(detail::with_tensors(carry, tensors),
                     detail::with_tensors(sequences, tensors.subspan(carries.size())));
    detail::check_bodies(carry, next.first, "scan", "the body takes and gives", where);
    std::vector<Tensor> results = tensors_of(next.first),
                        outputs = tensors_of(structure.emplace(next.second));
    results.insert(results.end(), outputs.begin(), outputs.end());
    return results;
  };
  const std::vector<Tensor> results = detail::trace_scan(carries, slices_of, traced_body, options, where);
  return Pair{detail::with_tensors(std::move(carry), results),
              detail::with_tensors(std::move(*structure), std::span(results).subspan(carries.size()))};
}

} // namespace sinter
