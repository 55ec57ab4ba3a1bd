// Attention row by row: what blocks of rows and keys are measured against.
#include "sinter/runtime/eager/attention.h"

#include "eager/elementwise_loops.h"
#include "eager/parallel.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/half.h"

#include <cmath>
#include <limits>
#include <vector>

namespace sinter::eager {
namespace {

int64_t rows_of(const View& view) {
  return view.shape[view.rank() - 2];
}
int64_t columns_of(const View& view) {
  return view.shape[view.rank() - 1];
}

// `view` repeated to the batch dimensions of `result`.
View over_batch(const View& view, const View& result) {
  Shape shape = result.shape;
  shape[shape.rank() - 2] = rows_of(view);
  shape[shape.rank() - 1] = columns_of(view);
  return broadcast_to(view, shape);
}

// Row number `row` of all rows of `view`, those of all batches counted.
int64_t offset_of_row(const View& view, int64_t row) {
  return offset_of(view, view.rank() - 1, row);
}

// Elements in memory, and the numbers they are.
struct F16 {
  uint16_t bits;
  explicit F16(double x = 0) : bits(rt::f16_bits(rt::to_odd_float(x))) {}
  explicit operator double() const { return static_cast<double>(rt::from_f16_bits(bits)); }
};
struct BF16 {
  uint16_t bits;
  explicit BF16(double x = 0) : bits(rt::bf16_bits(rt::to_odd_float(x))) {}
  explicit operator double() const { return static_cast<double>(rt::from_bf16_bits(bits)); }
};

template <class F>
void visit_element(DType dtype, const F& f) {
  if (dtype == DType::f16)
    return f(F16());
  if (dtype == DType::bf16)
    return f(BF16());
  visit_floating(dtype, "attention", f);
}

template <class T>
class Rows {
public:
  Rows(const View& query, const View& key, const View& value, const View* mask, const View& result,
       double scale)
      : query_(query), key_(key), value_(value), mask_(mask), result_(result), scale_(scale) {}

  void compute(int64_t begin, int64_t end) const {
    std::vector<double> weights(static_cast<std::size_t>(rows_of(key_))),
        sums(static_cast<std::size_t>(columns_of(value_)));
    for (int64_t row = begin; row < end; ++row)
      compute(row, weights, sums);
  }

private:
  void compute(int64_t row, std::vector<double>& weights, std::vector<double>& sums) const {
    const int64_t batch = row / rows_of(result_) * rows_of(key_);
    const T* query = query_.as<T>() + offset_of_row(query_, row);
    const T* key = key_.as<T>() + offset_of_row(key_, batch);
    const T* value = value_.as<T>() + offset_of_row(value_, batch);
    double max = -std::numeric_limits<double>::infinity();
    if (mask_)
      read_mask(row, weights);
    for (std::size_t n = 0; n < weights.size(); ++n) {
      double score = 0;
      for (int64_t d = 0; d < columns_of(key_); ++d)
        score += at(query, d * column(query_)) *
                 at(key, static_cast<int64_t>(n) * key_.strides[key_.rank() - 2] + d * column(key_));
      score *= scale_;
      if (mask_)
        score += weights[n];
      weights[n] = score;
      max = score > max || score != score ? score : max;
    }
    double sum = 0;
    std::fill(sums.begin(), sums.end(), 0);
    for (std::size_t n = 0; n < weights.size(); ++n) {
      const double weight = std::exp(weights[n] - max);
      const T* from = value + static_cast<int64_t>(n) * value_.strides[value_.rank() - 2];
      sum += weight;
      for (std::size_t e = 0; e < sums.size(); ++e)
        sums[e] += weight * at(from, static_cast<int64_t>(e) * column(value_));
    }
    T* result = result_.as<T>() + offset_of_row(result_, row);
    for (std::size_t e = 0; e < sums.size(); ++e)
      result[static_cast<int64_t>(e) * column(result_)] = static_cast<T>(sums[e] / sum);
  }

  void read_mask(int64_t row, std::vector<double>& numbers) const {
    visit_element(mask_->dtype, [&](auto zero) {
      const auto* from = mask_->as<decltype(zero)>() + offset_of_row(*mask_, row);
      for (std::size_t n = 0; n < numbers.size(); ++n)
        numbers[n] = static_cast<double>(from[static_cast<int64_t>(n) * column(*mask_)]);
    });
  }

  static double at(const T* from, int64_t offset) { return static_cast<double>(from[offset]); }
  static int64_t column(const View& view) { return view.strides[view.rank() - 1]; }

  const View &query_, &key_, &value_;
  const View* mask_;
  const View& result_;
  double scale_;
};

} // namespace

void attention(const View& query, const View& key, const View& value, const View* mask, const View& result,
               double scale) {
  const bool is_wide = mask && mask->dtype == DType::f32 && size_of(query.dtype) == 2;
  require_same_dtype("attention", {query, key, value, mask && !is_wide ? *mask : query, result});
  const int rank = query.rank();
  if (rank < 2 || key.rank() != rank || value.rank() != rank || result.rank() != rank ||
      columns_of(query) != columns_of(key) || rows_of(key) != rows_of(value) ||
      rows_of(result) != rows_of(query) || columns_of(result) != columns_of(value))
    throw Error("attention: query " + to_string(query) + ", key " + to_string(key) + ", value " +
                to_string(value) + " do not give " + to_string(result));
  if (result.elements() == 0)
    return;
  Shape scores = result.shape;
  scores[rank - 1] = rows_of(key);
  const View all_queries = over_batch(query, result), all_keys = over_batch(key, result),
             all_values = over_batch(value, result);
  const View all_masks = mask ? broadcast_to(*mask, scores) : query;
  visit_element(query.dtype, [&](auto zero) {
    const Rows<decltype(zero)> rows(all_queries, all_keys, all_values, mask ? &all_masks : nullptr, result,
                                    scale);
    for_parts(result.elements() / columns_of(result), rows_of(key) * columns_of(key),
              [&](int64_t begin, int64_t end) { rows.compute(begin, end); });
  });
}

} // namespace sinter::eager
