// Integers that wrap around, which C++ defines for unsigned numbers only.
#pragma once

#include <type_traits>

namespace sinter::eager {

namespace detail {

template <class T, bool = std::is_integral_v<T>>
struct Wrapping {
  using type = std::make_unsigned_t<T>;
};
template <class T>
struct Wrapping<T, false> {
  using type = T;
};

} // namespace detail

/// The type to compute in where arithmetic of `T` wraps around: the unsigned integer of T's width; T itself
/// if it is a float.
template <class T>
using wrapping_t = typename detail::Wrapping<T>::type;

} // namespace sinter::eager
