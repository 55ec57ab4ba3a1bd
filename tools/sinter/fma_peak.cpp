// How fast this machine multiplies and adds: independent chains of vector multiply-adds, more than the units'
// latency needs, on every thread at once.
#include "fma_peak.h"

#include <algorithm>
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

using Clock = std::chrono::steady_clock;

/// GFLOP/s in each of the `rates.size()` slices of time from `start` on.
void measure_slices(const Level& level, Clock::time_point start, double slice_seconds,
                    std::vector<double>& rates) {
  volatile float sink = 0;
  int64_t bursts = 0;
  auto seconds_since_start = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (seconds_since_start() < 0) {
  }
  for (std::size_t slice = 0; slice < rates.size(); ++slice) {
    const double begin = seconds_since_start();
    const double end = static_cast<double>(slice + 1) * slice_seconds;
    const int64_t before = bursts;
    double now = begin;
    for (; now < end; now = seconds_since_start())
      sink = level.burst(0.5F, 1.0F + static_cast<float>(bursts++ & 1));
    const double flops = static_cast<double>(bursts - before) * kIterations * kChains * level.lanes * 2;
    rates[slice] = now > begin ? flops / (now - begin) / 1e9 : 0;
  }
  (void)sink;
}

} // namespace

double measure_fma_peak(int threads, double seconds) {
  constexpr double kSliceSeconds = 0.003;
  const auto slices = static_cast<std::size_t>(std::max(1.0, seconds / kSliceSeconds));
  const Level level = best_level();
  std::vector<std::vector<double>> rates(static_cast<std::size_t>(threads), std::vector<double>(slices));
  std::vector<std::thread> others;
  const auto start = Clock::now() + std::chrono::microseconds(100) * threads; // all are there by then
  for (std::size_t t = 1; t < rates.size(); ++t)
    others.emplace_back([&, t] { measure_slices(level, start, kSliceSeconds, rates[t]); });
  measure_slices(level, start, kSliceSeconds, rates[0]);
  for (std::thread& other : others)
    other.join();
  double best = 0;
  for (std::size_t slice = 0; slice < slices; ++slice) {
    double sum = 0;
    for (const std::vector<double>& own : rates)
      sum += own[slice];
    best = std::max(best, sum);
  }
  return best;
}

const char* fma_instruction_set() {
  return best_level().name;
}

} // namespace sinter::tool
