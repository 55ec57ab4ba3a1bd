// What stand-ins of libraries know of the memory of the stand-in for the driver.
#pragma once

#include "sinter/runtime/half.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <utility>

namespace stand_in {

/// A call that no library would take: the test ends.
[[noreturn]] inline void refuse(const char* what) {
  std::fprintf(stderr, "stand-in library: %s\n", what);
  std::abort();
}

inline void expect(bool holds, const char* what) {
  if (!holds)
    refuse(what);
}

template <class Function>
Function* of_driver(const char* name) {
  static void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  expect(driver != nullptr, "no driver is loaded");
  auto* found = reinterpret_cast<Function*>(dlsym(driver, name));
  expect(found != nullptr, "the driver is not the stand-in");
  return found;
}

/// The calling thread has pushed a context.
inline void is_entered() {
  static auto* entered = of_driver<int()>("stand_in_is_entered");
  expect(entered() != 0, "called without a context");
}

/// Where `bytes` of the device's memory lie on the host. Libraries want multiples of 16.
inline void* host(const void* address, uint64_t bytes) {
  static auto* find = of_driver<void*(uint64_t, uint64_t)>("stand_in_host");
  void* found = find(reinterpret_cast<uint64_t>(address), bytes);
  expect(found != nullptr, "memory that is not the device's, or too little of it");
  expect(reinterpret_cast<uint64_t>(address) % 16 == 0, "memory that does not begin at a multiple of 16");
  return found;
}

/// Work for a stream of the driver's, done in its order: as often as a graph that it is in is launched.
inline void give(void* stream, std::function<void()> work) {
  using Work = std::function<void()>;
  static auto* put = of_driver<void(void*, void (*)(void*), void*, void (*)(void*))>("stand_in_give");
  put(
      stream, [](void* with) { (*static_cast<Work*>(with))(); }, new Work(std::move(work)),
      [](void* with) { delete static_cast<Work*>(with); });
}

enum class Element { f32, f16, bf16 };

inline uint64_t size_of(Element element) {
  return element == Element::f32 ? 4 : 2;
}

inline float load(const void* memory, int64_t index, Element element) {
  if (element == Element::f32)
    return static_cast<const float*>(memory)[index];
  const uint16_t bits = static_cast<const uint16_t*>(memory)[index];
  return element == Element::f16 ? sinter::rt::from_f16_bits(bits) : sinter::rt::from_bf16_bits(bits);
}

inline void store(void* memory, int64_t index, Element element, float value) {
  if (element == Element::f32)
    static_cast<float*>(memory)[index] = value;
  else
    static_cast<uint16_t*>(memory)[index] =
        element == Element::f16 ? sinter::rt::f16_bits(value) : sinter::rt::bf16_bits(value);
}

/// What tensor cores leave of a factor of f32: 10 bits of the mantissa.
inline float tf32(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  bits &= ~0x1FFFU;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

inline float gelu_tanh(float x) {
  return 0.5F * x * (1 + std::tanh(0.7978845608F * (x + 0.044715F * x * x * x)));
}

} // namespace stand_in

#define EXPORT extern "C" __attribute__((visibility("default")))
