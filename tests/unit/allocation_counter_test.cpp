// Replaces operator new by one that counts; the executable of unit tests has one such file.
#include "unit/allocation_counter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

namespace {

std::atomic<uint64_t> calls{0};

} // namespace

uint64_t sinter::test::allocations() {
  return calls.load(std::memory_order_relaxed);
}

#if SINTER_TEST_COUNTS_ALLOCATIONS

namespace {

void* counted(void* memory) {
  calls.fetch_add(1, std::memory_order_relaxed);
  if (!memory)
    throw std::bad_alloc();
  return memory;
}

void* aligned(std::size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(unit, (bytes + unit) / unit * unit);
}

} // namespace

void* operator new(std::size_t bytes) {
  return counted(std::malloc(bytes ? bytes : 1));
}
void* operator new[](std::size_t bytes) {
  return counted(std::malloc(bytes ? bytes : 1));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(aligned(bytes, alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return counted(aligned(bytes, alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

TEST(AllocationCounter, Counts) {
  const uint64_t before = sinter::test::allocations();
  auto memory = std::make_unique<int>(1);
  EXPECT_GT(sinter::test::allocations(), before);
  EXPECT_EQ(*memory, 1);
}

#endif
