// The tensors of a tree by name: "layers.0.weight", as in PyTorch.
#pragma once

#include "sinter/tree.h"

#include <source_location>
#include <string_view>

namespace sinter {

namespace detail {

/// Room for a T that is never made: its members have addresses, which the compiler knows by name.
template <class T>
union Room {
  char none;
  T value;
  constexpr Room() : none() {}
  constexpr ~Room() {}
};
template <class T>
struct RoomOf {
  static inline Room<T> room{};
};

template <class Pointer>
struct MemberAddress {
  Pointer pointer;
};

// What compilers call a function that has a member's address as its argument ends in "...value.weight}]" or
// "...Layer::weight)}]".
template <auto Member>
constexpr const char* text_with_member() {
  return std::source_location::current().function_name();
}

template <auto Member>
constexpr std::string_view member_name() {
  std::string_view text = text_with_member<Member>();
  text = text.substr(0, text.rfind('}'));
  if (text.ends_with(')'))
    text.remove_suffix(1);
  return text.substr(text.find_last_of(".:)") + 1);
}

/// The names of the members of an aggregate, as they are in the source.
template <class T>
constexpr auto member_names() {
  constexpr auto members = with_members(
      RoomOf<T>::room.value, [](auto&... each) { return std::tuple<decltype(&each)...>(&each...); });
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{
        member_name<MemberAddress<decltype(&*std::get<I>(members))>{std::get<I>(members)}>()...};
  }(std::make_index_sequence<std::tuple_size_v<decltype(members)>>());
}

struct NameCheck {
  int first, second_1;
};
static_assert(member_names<NameCheck>() == std::array<std::string_view, 2>{"first", "second_1"},
              "this compiler does not tell the names of members as others do");

inline std::string joined(const std::string& outer, const std::string& inner) {
  return outer.empty() || inner.empty() ? outer + inner : outer + '.' + inner;
}

template <class T, class Visit>
void visit_named(T& tree, const std::string& name, Visit& visit) {
  using Type = std::remove_const_t<T>;
  [[maybe_unused]] std::size_t number = 0;
  [[maybe_unused]] const auto numbered = [&](auto& element) {
    visit_named(element, joined(name, std::to_string(number++)), visit);
  };
  if constexpr (std::same_as<Type, Tensor>)
    visit(name, tree);
  else if constexpr (requires { tree.for_each_named_tensor([](const std::string&, auto&) {}); })
    tree.for_each_named_tensor(
        [&](const std::string& inner, auto& element) { visit_named(element, joined(name, inner), visit); });
  else if constexpr (requires { tree.for_each_tensor([](auto&) {}); })
    tree.for_each_tensor(numbered);
  else if constexpr (is_sequence<Type>)
    for (auto& element : tree)
      numbered(element);
  else if constexpr (is_map<Type>)
    for (auto& [key, element] : tree) {
      if constexpr (std::is_convertible_v<decltype(key), std::string>)
        visit_named(element, joined(name, key), visit);
      else
        visit_named(element, joined(name, std::to_string(key)), visit);
    }
  else if constexpr (is_tuple<Type>)
    std::apply([&](auto&... elements) { (numbered(elements), ...); }, tree);
  else if constexpr (is_optional<Type>) {
    if (tree)
      visit_named(*tree, name, visit);
  } else if constexpr (std::is_aggregate_v<Type> && !std::is_array_v<Type> && !is_plain<Type>) {
    constexpr auto names = member_names<Type>();
    std::size_t at = 0;
    for_each_member(
        tree, [&](auto& member) { visit_named(member, joined(name, std::string(names[at++])), visit); });
  } else
    static_assert(is_plain<Type>, "not a tree of named tensors: give the type a member function template "
                                  "for_each_named_tensor(visit)");
}

/// Throws Error for a name that two tensors have.
[[noreturn]] void fail_same_name(const std::string& name, const SourceLocation& where);

} // namespace detail

/// Calls `visit` with the name and every Tensor (Tensor&) inside `tree`, in the order of for_each_tensor().
/// Members of structures have their names, elements of vectors, arrays and tuples their numbers, those of
/// maps their keys, all joined by dots. A type of another kind has a member function template
/// `for_each_named_tensor(visit)` that calls visit(name, member) for its members, tensors or trees of them:
///
///     template <class Visit> void for_each_named_tensor(Visit&& visit) { visit("weight", weight_); }
///
/// If it has `for_each_tensor` only, its tensors are numbered.
template <class T, class Visit>
void for_each_named_tensor(T& tree, Visit&& visit) {
  detail::visit_named(tree, std::string(), visit);
}

/// The tensors inside a tree by name. Throws Error if two have the same, as keys with dots in them can.
template <class T>
std::map<std::string, Tensor> named_tensors(const T& tree, SourceLocation where = SourceLocation::current()) {
  std::map<std::string, Tensor> tensors;
  for_each_named_tensor(tree, [&](const std::string& name, const Tensor& tensor) {
    if (!tensors.emplace(name, tensor).second)
      detail::fail_same_name(name, where);
  });
  return tensors;
}

} // namespace sinter
