// Random numbers as parts of programs.
#include "sinter/ops.h"

#include "trace/apply.h"
#include "trace/errors.h"

#include <cmath>
#include <numbers>
#include <string>

namespace sinter {

using trace::apply_as;
using trace::fail;

namespace {

// A seed's streams, for samples that are to be independent of each other.
Tensor unit_samples(std::string_view name, const Shape& shape, const Seed& seed, int64_t stream,
                    const SourceLocation& where) {
  return apply_as<ir::RandomUniformOp>(name, where, seed.tensor(), shape, stream);
}

} // namespace

Tensor Seed::of(int64_t seed) {
  return Tensor::of(std::span<const int64_t>(&seed, 1), {});
}

Tensor random_uniform(const Shape& shape, const Seed& seed, double low, double high, SourceLocation where) {
  if (!(low <= high) || !std::isfinite(high - low))
    fail(where, "random_uniform", "no range from " + std::to_string(low) + " to " + std::to_string(high));
  const Tensor samples = unit_samples("random_uniform", shape, seed, 0, where);
  if (low == 0 && high == 1)
    return samples;
  // The largest samples may be rounded to what is no longer in the range.
  const float past = static_cast<float>(high), last = std::nextafter(past, static_cast<float>(low));
  return minimum(add(mul(samples, high - low, where), low, where), last, where);
}

Tensor random_normal(const Shape& shape, const Seed& seed, double mean, double deviation,
                     SourceLocation where) {
  if (!(deviation >= 0) || !std::isfinite(deviation) || !std::isfinite(mean))
    fail(where, "random_normal",
         "a mean of " + std::to_string(mean) + " and a deviation of " + std::to_string(deviation));
  const Tensor first = unit_samples("random_normal", shape, seed, 0, where);
  const Tensor second = unit_samples("random_normal", shape, seed, 1, where);
  // 1 - u is never 0.
  const Tensor radius = sqrt(mul(log(sub(1, first, where), where), -2, where), where);
  const Tensor angle = cos(mul(second, 2 * std::numbers::pi, where), where);
  return add(mul(mul(radius, angle, where), deviation, where), mean, where);
}

Tensor dropout(const Tensor& x, double probability, const Seed& seed, SourceLocation where) {
  if (!(probability >= 0 && probability <= 1))
    fail(where, "dropout", "a probability of " + std::to_string(probability));
  if (!is_floating(x.dtype()))
    fail(where, "dropout", std::string(name_of(x.dtype())) + " elements; floats are needed");
  // A number may lie on the processor whatever it meets; samples of it would lie there, too.
  const bool is_number =
      !x.is_traced() && !seed.tensor().is_traced() && seed.tensor().device() == Device::cpu;
  const Seed there = is_number ? seed.tensor().to(x.device(), where) : seed.tensor();
  const Tensor keep = greater_equal(unit_samples("dropout", x.shape(), there, 0, where), probability, where);
  return sinter::where(keep, mul(x, probability < 1 ? 1 / (1 - probability) : 0, where), 0, where);
}

} // namespace sinter
