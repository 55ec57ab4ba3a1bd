// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace sinter {

/// Element type. `boolean` is stored as one byte, 0 or 1.
enum class DType : uint8_t { f32, f64, i32, i64, boolean, i8, u8, f16, bf16 };

/// Bytes of one element.
constexpr std::size_t size_of(DType type) {
  switch (type) {
  case DType::f64:
  case DType::i64:
    return 8;
  case DType::f32:
  case DType::i32:
    return 4;
  case DType::f16:
  case DType::bf16:
    return 2;
  case DType::boolean:
  case DType::i8:
  case DType::u8:
    return 1;
  }
  return 0;
}

/// The name users see: "f32", "i64", "bool", ...
std::string_view name_of(DType type);

constexpr bool is_floating(DType type) {
  return type == DType::f32 || type == DType::f64 || type == DType::f16 || type == DType::bf16;
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};

/// The element type that stores a C++ `T`.
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

/// Thrown by the `visit` functions; kept out of line so that this header stays light.
[[noreturn]] void throw_unsupported_dtype(DType type, std::string_view what);

/// Calls `f(T{})` with that of the types `T`, `Ts` which stores `type`; throws Error naming `what` if none
/// does.
template <class T, class... Ts, class F>
decltype(auto) visit_among(DType type, std::string_view what, F&& f) {
  if (type == dtype_of<T>)
    return f(T{});
  if constexpr (sizeof...(Ts) > 0)
    return visit_among<Ts...>(type, what, std::forward<F>(f));
  else
    throw_unsupported_dtype(type, what);
}

/// As `visit_among`, of f32, f64, i32, i64, bool, i8 and u8.
template <class F>
decltype(auto) visit_dtype(DType type, std::string_view what, F&& f) {
  return visit_among<float, double, int32_t, int64_t, bool, int8_t, uint8_t>(type, what, std::forward<F>(f));
}

/// As `visit_among`, of the floating types f32 and f64.
template <class F>
decltype(auto) visit_floating(DType type, std::string_view what, F&& f) {
  return visit_among<float, double>(type, what, std::forward<F>(f));
}

/// As `visit_among`, of the arithmetic types f32, f64, i32 and i64.
template <class F>
decltype(auto) visit_numeric(DType type, std::string_view what, F&& f) {
  return visit_among<float, double, int32_t, int64_t>(type, what, std::forward<F>(f));
}

} // namespace sinter
