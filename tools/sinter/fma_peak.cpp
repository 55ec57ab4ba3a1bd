// How fast this machine multiplies and adds: independent chains of vector multiply-adds, more than the units'
// latency needs, on every thread at once.
#include "fma_peak.h"

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sinter::tool {

namespace {

constexpr int kChains = 12;
constexpr int64_t kIterations = 20000;

/// Runs kIterations x kChains multiply-adds; the sum keeps the compiler from dropping them.
using Burst = float (*)(float factor, float addend);

float burst_baseline(float factor, float addend) {
  using Vector [[gnu::vector_size(16)]] = float;
  const Vector f = {factor, factor, factor, factor};
  const Vector a = {addend, addend, addend, addend};
  Vector chain[kChains];
  for (int i = 0; i < kChains; ++i)
    chain[i] = a * static_cast<float>(i);
  for (int64_t n = 0; n < kIterations; ++n)
#pragma clang loop unroll(full)
    for (int i = 0; i < kChains; ++i)
      chain[i] = chain[i] * f + a;
  float sum = 0;
  for (const Vector& v : chain)
    sum += v[0] + v[1] + v[2] + v[3];
  return sum;
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] float burst_avx2(float factor, float addend) {
  const __m256 f = _mm256_set1_ps(factor);
  const __m256 a = _mm256_set1_ps(addend);
  __m256 chain[kChains];
  for (int i = 0; i < kChains; ++i)
    chain[i] = _mm256_set1_ps(static_cast<float>(i));
  for (int64_t n = 0; n < kIterations; ++n)
#pragma clang loop unroll(full)
    for (int i = 0; i < kChains; ++i)
      chain[i] = _mm256_fmadd_ps(chain[i], f, a);
  __m256 sum = chain[0];
  for (int i = 1; i < kChains; ++i)
    sum = _mm256_add_ps(sum, chain[i]);
  return sum[0] + sum[7];
}

[[gnu::target("avx512f")]] float burst_avx512(float factor, float addend) {
  const __m512 f = _mm512_set1_ps(factor);
  const __m512 a = _mm512_set1_ps(addend);
  __m512 chain[kChains];
  for (int i = 0; i < kChains; ++i)
    chain[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t n = 0; n < kIterations; ++n)
#pragma clang loop unroll(full)
    for (int i = 0; i < kChains; ++i)
      chain[i] = _mm512_fmadd_ps(chain[i], f, a);
  __m512 sum = chain[0];
  for (int i = 1; i < kChains; ++i)
    sum = _mm512_add_ps(sum, chain[i]);
  return sum[0] + sum[15];
}
#endif

struct Level {
  const char* name;
  Burst burst;
  int lanes;
};

Level best_level() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {"AVX-512", burst_avx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"AVX2", burst_avx2, 8};
#endif
  return {"baseline", burst_baseline, 4};
}

double measure_one(const Level& level, double seconds) {
  volatile float sink = 0;
  const auto start = std::chrono::steady_clock::now();
  double elapsed = 0;
  int64_t bursts = 0;
  do {
    sink = level.burst(0.5F, 1.0F + static_cast<float>(bursts & 1));
    ++bursts;
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  } while (elapsed < seconds);
  (void)sink;
  return static_cast<double>(bursts) * kIterations * kChains * level.lanes * 2 / elapsed / 1e9;
}

} // namespace

double measure_fma_peak(int threads, double seconds) {
  const Level level = best_level();
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::vector<std::thread> others;
  for (std::size_t t = 1; t < rates.size(); ++t)
    others.emplace_back([&, t] { rates[t] = measure_one(level, seconds); });
  rates[0] = measure_one(level, seconds);
  for (std::thread& other : others)
    other.join();
  double sum = 0;
  for (double rate : rates)
    sum += rate;
  return sum;
}

const char* fma_instruction_set() {
  return best_level().name;
}

} // namespace sinter::tool
