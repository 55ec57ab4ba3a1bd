// Counts calls of operator new, for tests that promise not to allocate.
#pragma once

#include <cstdint>

// The sanitizers bring their own operator new.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SINTER_TEST_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef SINTER_TEST_COUNTS_ALLOCATIONS
#define SINTER_TEST_COUNTS_ALLOCATIONS 1
#endif

namespace sinter::test {

/// Calls of operator new in this process so far; always 0 under a sanitizer.
uint64_t allocations();

} // namespace sinter::test
