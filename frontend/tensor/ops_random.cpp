// Random numbers as parts of programs.
#include "sinter/ops.h"

#include "trace/apply.h"
#include "trace/errors.h"
#include "trace/placement.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <sstream>
#include <string>

namespace sinter {

using trace::apply_as;
using trace::fail;

namespace {

std::string text(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

void check_seed(std::string_view name, const Tensor& seed, const SourceLocation& where) {
  if (seed.rank() != 0 || (seed.dtype() != DType::i32 && seed.dtype() != DType::i64))
    fail(where, name,
         "the seed " + to_string(View{nullptr, seed.dtype(), seed.shape(), {}}) +
             " is not one number, of rank 0, of i32 or i64");
}

// A seed's streams, for samples that are to be independent of each other.
Tensor unit_samples(std::string_view name, const Shape& shape, const Seed& seed, int64_t stream,
                    const SourceLocation& where) {
  check_seed(name, seed.tensor(), where);
  return apply_as<ir::RandomUniformOp>(name, where, seed.tensor(), shape, stream);
}

// Samples for the elements of `x`, recorded where `x` is, computed where it lies: a seed that is a number on
// the host says neither.
Tensor unit_samples_for(const Tensor& x, const Seed& seed, const SourceLocation& where) {
  check_seed("dropout", seed.tensor(), where);
  const bool is_number =
      !x.is_traced() && !seed.tensor().is_traced() && seed.tensor().device() == Device::cpu;
  const Tensor placed = is_number ? seed.tensor().to(x.device(), where) : seed.tensor();
  trace::Application application(where, "dropout");
  application.see(x);
  application.see(placed);
  return application.run(
      [&](mlir::OpBuilder& builder, mlir::Location location) -> mlir::Operation* {
        return ir::create<ir::RandomUniformOp>(builder, location, application.lower(placed),
                                               application.lower(x.shape()), int64_t{0});
      },
      nullptr);
}

// What f32 cannot hold would become infinite, or all the same.
bool fits(double number) {
  return std::abs(number) <= std::numeric_limits<float>::max();
}

} // namespace

Tensor Seed::of(int64_t seed) {
  return Tensor::of(std::span<const int64_t>(&seed, 1), {});
}

Tensor random_uniform(const Shape& shape, const Seed& seed, double low, double high, SourceLocation where) {
  if (!(low <= high) || !fits(low) || !fits(high) || !fits(high - low))
    fail(where, "random_uniform", "no range of f32 from " + text(low) + " to " + text(high));
  const Tensor samples = unit_samples("random_uniform", shape, seed, 0, where);
  if (low == 0 && high == 1)
    return samples;
  // The largest samples may be rounded to what is no longer in the range.
  const float past = static_cast<float>(high), last = std::nextafter(past, static_cast<float>(low));
  return minimum(add(mul(samples, high - low, where), low, where), last, where);
}

Tensor random_normal(const Shape& shape, const Seed& seed, double mean, double deviation,
                     SourceLocation where) {
  if (!fits(mean))
    fail(where, "random_normal", "a mean of " + text(mean) + " is no number of f32");
  if (!(deviation >= 0) || !fits(deviation))
    fail(where, "random_normal", "a deviation of " + text(deviation) + " is no number of f32 from 0 on");
  const Tensor first = unit_samples("random_normal", shape, seed, 0, where);
  const Tensor second = unit_samples("random_normal", shape, seed, 1, where);
  // 1 - u is never 0.
  const Tensor radius = sqrt(mul(log(sub(1, first, where), where), -2, where), where);
  const Tensor angle = cos(mul(second, 2 * std::numbers::pi, where), where);
  return add(mul(mul(radius, angle, where), deviation, where), mean, where);
}

Tensor dropout(const Tensor& x, double probability, const Seed& seed, SourceLocation where) {
  if (!(probability >= 0 && probability <= 1))
    fail(where, "dropout", "a probability of " + text(probability) + " is not from 0 to 1");
  if (!is_floating(x.dtype()))
    fail(where, "dropout", std::string(name_of(x.dtype())) + " elements; floats are needed");
  const std::array operands{&trace::node_of(x), &trace::node_of(seed.tensor())};
  trace::locate(where, "dropout", [&] { trace::check_places(operands); });
  const Tensor keep = greater_equal(unit_samples_for(x, seed, where), probability, where);
  return sinter::where(keep, mul(x, probability < 1 ? 1 / (1 - probability) : 0, where), 0, where);
}

} // namespace sinter
