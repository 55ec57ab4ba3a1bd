// Trees: tensors inside structures, containers and tuples, as parameters of a network are kept.
#pragma once

#include "sinter/tensor.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace sinter {

namespace detail {

template <class T>
inline constexpr bool is_plain =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string> || std::same_as<T, Shape> ||
    std::same_as<T, DType>;

template <class T>
inline constexpr bool is_sequence = false;
template <class T, class A>
inline constexpr bool is_sequence<std::vector<T, A>> = true;
template <class T, std::size_t N>
inline constexpr bool is_sequence<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_map = false;
template <class... T>
inline constexpr bool is_map<std::map<T...>> = true;

template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// Converts to whatever a member of an aggregate is initialised from.
struct AnyMember {
  template <class T>
  constexpr operator T&() const&& noexcept;
  template <class T>
  constexpr operator T&&() const&& noexcept;
};

template <class T, std::size_t... I>
constexpr bool has_members(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyMember{})...}; };
}

inline constexpr std::size_t kMostMembers = 16;

/// How many members an aggregate has; kMostMembers + 1 stands for more.
template <class T, std::size_t N = kMostMembers + 1>
constexpr std::size_t count_members() {
  if constexpr (N == 0 || has_members<T>(std::make_index_sequence<N>()))
    return N;
  else
    return count_members<T, N - 1>();
}

/// Calls `all` with the members of an aggregate, and returns what it returns.
template <class T, class Use>
constexpr auto with_members(T& tree, Use&& all) {
  constexpr std::size_t count = count_members<std::remove_const_t<T>>();
  static_assert(count <= kMostMembers,
                "this structure has too many members to be taken apart: group them in smaller structures");
  // clang-format off
  if constexpr (count == 1) { auto& [a] = tree; return all(a); }
  else if constexpr (count == 2) { auto& [a, b] = tree; return all(a, b); }
  else if constexpr (count == 3) { auto& [a, b, c] = tree; return all(a, b, c); }
  else if constexpr (count == 4) { auto& [a, b, c, d] = tree; return all(a, b, c, d); }
  else if constexpr (count == 5) { auto& [a, b, c, d, e] = tree; return all(a, b, c, d, e); }
  else if constexpr (count == 6) { auto& [a, b, c, d, e, f] = tree; return all(a, b, c, d, e, f); }
  else if constexpr (count == 7) { auto& [a, b, c, d, e, f, g] = tree; return all(a, b, c, d, e, f, g); }
  else if constexpr (count == 8) { auto& [a, b, c, d, e, f, g, h] = tree; return all(a, b, c, d, e, f, g, h); }
  else if constexpr (count == 9) { auto& [a, b, c, d, e, f, g, h, i] = tree; return all(a, b, c, d, e, f, g, h, i); }
  else if constexpr (count == 10) { auto& [a, b, c, d, e, f, g, h, i, j] = tree; return all(a, b, c, d, e, f, g, h, i, j); }
  else if constexpr (count == 11) { auto& [a, b, c, d, e, f, g, h, i, j, k] = tree; return all(a, b, c, d, e, f, g, h, i, j, k); }
  else if constexpr (count == 12) { auto& [a, b, c, d, e, f, g, h, i, j, k, l] = tree; return all(a, b, c, d, e, f, g, h, i, j, k, l); }
  else if constexpr (count == 13) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = tree; return all(a, b, c, d, e, f, g, h, i, j, k, l, m); }
  else if constexpr (count == 14) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = tree; return all(a, b, c, d, e, f, g, h, i, j, k, l, m, n); }
  else if constexpr (count == 15) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = tree; return all(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o); }
  else if constexpr (count == 16) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = tree; return all(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p); }
  else return all();
  // clang-format on
}

/// Calls `visit` with every member of an aggregate.
template <class T, class Visit>
void for_each_member(T& tree, Visit&& visit) {
  with_members(tree, [&](auto&... members) { (visit(members), ...); });
}

} // namespace detail

namespace detail {

/// False for types that are no trees, and for those that show their tensors but nothing else that they hold;
/// members of structures and elements of tuples are not looked at.
template <class T>
constexpr bool shows_all() {
  if constexpr (is_sequence<T> || is_optional<T>)
    return shows_all<typename T::value_type>();
  else if constexpr (is_map<T>)
    return shows_all<typename T::mapped_type>();
  else
    return !requires(T& tree) { tree.for_each_tensor([](Tensor&) {}); } &&
           (std::same_as<T, Tensor> || is_tuple<T> || is_plain<T> || std::is_aggregate_v<T>);
}

} // namespace detail

/// Calls `visit` with every Tensor (Tensor&) inside `tree`, always in the same order. A tree is a Tensor; a
/// vector, array, pair, tuple, optional or map (by its values) of trees; an aggregate, that is a structure
/// without constructors or base classes, of up to 16 trees; or a number, string or enumerator, in which there
/// are none. A type of another kind is a tree if it has a member function template `for_each_tensor(visit)`.
template <class T, class Visit>
void for_each_tensor(T& tree, Visit&& visit) {
  using Type = std::remove_const_t<T>;
  if constexpr (std::same_as<Type, Tensor>)
    visit(tree);
  else if constexpr (requires { tree.for_each_tensor(visit); })
    tree.for_each_tensor(visit);
  else if constexpr (detail::is_sequence<Type>)
    for (auto& element : tree)
      for_each_tensor(element, visit);
  else if constexpr (detail::is_map<Type>)
    for (auto& [key, element] : tree)
      for_each_tensor(element, visit);
  else if constexpr (detail::is_tuple<Type>)
    std::apply([&](auto&... elements) { (for_each_tensor(elements, visit), ...); }, tree);
  else if constexpr (detail::is_optional<Type>) {
    if (tree)
      for_each_tensor(*tree, visit);
  } else if constexpr (std::is_aggregate_v<Type> && !std::is_array_v<Type> && !detail::is_plain<Type>)
    detail::for_each_member(tree, [&](auto& member) { for_each_tensor(member, visit); });
  else
    static_assert(detail::is_plain<Type>, "not a tree of tensors: give the type a member function template "
                                          "for_each_tensor(visit), or keep it out of what is differentiated");
}

namespace detail {

/// What numbers, strings and enumerators are, as text.
template <class T>
std::string plain_text(const T& value) {
  if constexpr (std::same_as<T, std::string>)
    return std::to_string(value.size()) + '"' + value;
  else if constexpr (std::same_as<T, Shape>)
    return to_string(value);
  else if constexpr (std::is_enum_v<T>)
    return std::to_string(static_cast<int64_t>(value));
  else if constexpr (std::is_floating_point_v<T>) { // to the bit
    char text[64];
    std::snprintf(text, sizeof(text), "%La", static_cast<long double>(value));
    return text;
  } else
    return std::to_string(value);
}

/// A text that differs for trees of different structure: sizes of containers, keys of maps, absent optionals.
/// With `numbers`, what is no tensor counts as well.
template <class T>
void append_structure(std::string& text, const T& tree, bool numbers) {
  if constexpr (std::same_as<T, Tensor>)
    text += 'T';
  else if constexpr (requires { tree.for_each_tensor([](const Tensor&) {}); })
    tree.for_each_tensor([&](const Tensor&) { text += 'T'; });
  else if constexpr (is_sequence<T>) {
    text += '[';
    for (const auto& element : tree)
      append_structure(text, element, numbers);
    text += ']';
  } else if constexpr (is_map<T>) {
    text += '{';
    for (const auto& [key, element] : tree) {
      if constexpr (is_plain<std::remove_cvref_t<decltype(key)>>)
        text += plain_text(key) + ':';
      append_structure(text, element, numbers);
    }
    text += '}';
  } else if constexpr (is_tuple<T>)
    std::apply([&](const auto&... elements) { (append_structure(text, elements, numbers), ...); }, tree);
  else if constexpr (is_optional<T>) {
    text += tree ? '1' : '0';
    if (tree)
      append_structure(text, *tree, numbers);
  } else if constexpr (std::is_aggregate_v<T> && !is_plain<T>) {
    text += '(';
    for_each_member(tree, [&](const auto& member) { append_structure(text, member, numbers); });
    text += ')';
  } else if (numbers) {
    if constexpr (is_plain<T>)
      text += plain_text(tree) + ',';
  }
}

template <class T>
std::string structure_of(const T& tree, bool numbers = false) {
  std::string text;
  append_structure(text, tree, numbers);
  return text;
}

/// Throws Error if these are not equal, for the function `operation`.
void check_structures(const std::string& a, const std::string& b, const char* operation, const char* message,
                      const SourceLocation& where);

} // namespace detail

/// The tensors inside a tree, in order.
template <class T>
std::vector<Tensor> tensors_of(const T& tree) {
  std::vector<Tensor> tensors;
  for_each_tensor(tree, [&](const Tensor& tensor) { tensors.push_back(tensor); });
  return tensors;
}

namespace detail {

/// `tree` with its tensors replaced by the first of `tensors`.
template <class T>
T with_tensors(T tree, std::span<const Tensor> tensors) {
  std::size_t at = 0;
  for_each_tensor(tree, [&](Tensor& tensor) { tensor = tensors[at++]; });
  return tree;
}

} // namespace detail

/// A copy of `tree` with each Tensor replaced by what `f` makes of it.
template <class T, class F>
T map_tensors(T tree, F&& f) {
  for_each_tensor(tree, [&](Tensor& tensor) { tensor = f(std::as_const(tensor)); });
  return tree;
}

/// ... of it and its counterpart in `other`, a tree of the same structure, as gradients are one:
///
///     params = sinter::map_tensors(params, gradients, [&](Tensor p, Tensor g) { return p - rate * g; });
///
/// Throws Error if their structures differ: sizes of containers, keys of maps.
template <class T, class F>
T map_tensors(T tree, const T& other, F&& f, SourceLocation where = SourceLocation::current());

template <class T, class F>
T map_tensors(T tree, const T& other, F&& f, SourceLocation where) {
  detail::check_structures(detail::structure_of(tree), detail::structure_of(other), "map_tensors",
                           "the trees are not of the same structure", where);
  const std::vector<Tensor> a = tensors_of(tree), b = tensors_of(other);
  std::size_t at = 0;
  for_each_tensor(tree, [&](Tensor& tensor) {
    tensor = f(a[at], b[at]);
    ++at;
  });
  return tree;
}

} // namespace sinter
