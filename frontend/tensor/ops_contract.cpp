// Matrix products, convolutions and pooling.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"

#include <cmath>
#include <limits>

namespace sinter {

using trace::apply;
using trace::per_dimension;

Tensor matmul(const Tensor& a, const Tensor& b, SourceLocation where) {
  if (a.rank() == 0 || b.rank() == 0)
    trace::fail(where, "matmul",
                "a scalar is not a matrix: operands " + to_string(a.shape()) + " and " +
                    to_string(b.shape()) + "; use mul");
  const Tensor row = a.rank() == 1 ? unsqueeze(a, 0, where) : a;
  const Tensor column = b.rank() == 1 ? unsqueeze(b, 1, where) : b;
  Tensor result = apply<ir::MatmulOp>(where, row, column, false, false);
  if (b.rank() == 1)
    result = squeeze(result, -1, where);
  if (a.rank() == 1)
    result = squeeze(result, b.rank() == 1 ? -1 : -2, where);
  return result;
}

Tensor linear(const Tensor& x, const Tensor& weight, SourceLocation where) {
  if (x.rank() == 0 || weight.rank() != 2)
    trace::fail(where, "linear",
                "expected x [..., in] and weight [out, in], got " + to_string(x.shape()) + " and " +
                    to_string(weight.shape()));
  const Tensor rows = x.rank() == 1 ? unsqueeze(x, 0, where) : x;
  const Tensor result = trace::apply_as<ir::MatmulOp>("linear", where, rows, weight, false, true);
  return x.rank() == 1 ? squeeze(result, 0, where) : result;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, SourceLocation where) {
  if (weight.rank() != 2 || bias.rank() != 1 || bias.shape()[0] != weight.shape()[0])
    trace::fail(where, "linear",
                "expected weight [out, in] and bias [out], got " + to_string(weight.shape()) + " and " +
                    to_string(bias.shape()));
  return trace::apply_as<ir::AddOp>("linear", where, linear(x, weight, where), bias);
}

namespace {

constexpr std::string_view kAttention = "scaled_dot_product_attention";

// `x` with leading dimensions of extent 1, up to `rank`.
Tensor with_rank(const Tensor& x, int rank, const SourceLocation& where) {
  if (x.rank() == rank)
    return x;
  Shape shape = Shape::filled(rank - x.rank(), 1);
  for (int64_t extent : x.shape())
    shape.push_back(extent);
  return reshape(x, shape, where);
}

// What is added to the scores.
Tensor additive_mask(const Tensor& mask, const SourceLocation& where) {
  if (mask.dtype() != DType::boolean)
    return mask;
  return sinter::where(mask, Tensor(0.0F), Tensor(-std::numeric_limits<float>::infinity()), where);
}

} // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const std::optional<Tensor>& mask, std::optional<double> scale,
                                    SourceLocation where) {
  const int rank = std::max({q.rank(), k.rank(), v.rank()});
  if (std::min({q.rank(), k.rank(), v.rank()}) < 2)
    trace::fail(where, kAttention,
                "expected q [..., m, d], k [..., n, d] and v [..., n, e], got " + to_string(q.shape()) +
                    ", " + to_string(k.shape()) + " and " + to_string(v.shape()));
  const double factor = scale ? *scale : 1 / std::sqrt(static_cast<double>(q.shape()[q.rank() - 1]));
  const std::optional<Tensor> added = mask ? std::optional(additive_mask(*mask, where)) : std::nullopt;
  const Tensor* operand = added ? &*added : nullptr;
  return trace::apply_as<ir::AttentionOp>(kAttention, where, with_rank(q, rank, where),
                                          with_rank(k, rank, where), with_rank(v, rank, where), operand,
                                          factor, Shape{}, Shape{}, Shape{}, Shape{});
}

namespace {

int spatial_dimensions(const Tensor& x) {
  return x.rank() - 2;
}

// Padding at the end is that at the beginning unless it is given.
Shape end_padding(const Shape& begin, const Shape& end, int dimensions) {
  return per_dimension(end.rank() == 0 ? begin : end, dimensions, 0);
}

Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor* bias, const ConvOptions& options,
                const SourceLocation& where) {
  const int n = spatial_dimensions(x);
  if (options.output_padding.rank() > 0)
    trace::fail(where, "conv", "output_padding is an option of conv_transpose");
  return apply<ir::ConvOp>(where, x, weight, bias, per_dimension(options.strides, n, 1),
                           per_dimension(options.dilations, n, 1), per_dimension(options.padding, n, 0),
                           end_padding(options.padding, options.padding_end, n), options.groups);
}

Tensor convolve_transposed(const Tensor& x, const Tensor& weight, const Tensor* bias,
                           const ConvOptions& options, const SourceLocation& where) {
  const int n = spatial_dimensions(x);
  return apply<ir::ConvTransposeOp>(
      where, x, weight, bias, per_dimension(options.strides, n, 1), per_dimension(options.dilations, n, 1),
      per_dimension(options.padding, n, 0), end_padding(options.padding, options.padding_end, n),
      per_dimension(options.output_padding, n, 0), options.groups);
}

template <class Op, class... Extra>
Tensor pool(const Tensor& x, const PoolOptions& options, const SourceLocation& where, std::string_view name,
            Extra... extra) {
  const int n = spatial_dimensions(x);
  if (options.kernel.rank() == 0)
    trace::fail(where, name, "no kernel is given");
  const Shape kernel = per_dimension(options.kernel, n, 1);
  const Shape strides = options.strides.rank() == 0 ? kernel : per_dimension(options.strides, n, 1);
  return apply<Op>(where, x, kernel, strides, per_dimension(options.dilations, n, 1),
                   per_dimension(options.padding, n, 0), end_padding(options.padding, options.padding_end, n),
                   options.ceil_mode, extra...);
}

Axes spatial_axes(const Tensor& x, std::string_view name, const SourceLocation& where) {
  if (spatial_dimensions(x) < 1)
    trace::fail(where, name, "expected [N, C, spatial...], got " + to_string(x.shape()));
  Shape axes;
  for (int d = 2; d < x.rank(); ++d)
    axes.push_back(d);
  return Axes(axes);
}

} // namespace

Tensor conv(const Tensor& x, const Tensor& weight, const ConvOptions& options, SourceLocation where) {
  return convolve(x, weight, nullptr, options, where);
}
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
            SourceLocation where) {
  return convolve(x, weight, &bias, options, where);
}
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const ConvOptions& options,
                      SourceLocation where) {
  return convolve_transposed(x, weight, nullptr, options, where);
}
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
                      SourceLocation where) {
  return convolve_transposed(x, weight, &bias, options, where);
}

Tensor max_pool(const Tensor& x, const PoolOptions& options, SourceLocation where) {
  return pool<ir::MaxPoolOp>(x, options, where, "max_pool");
}
Tensor avg_pool(const Tensor& x, const PoolOptions& options, SourceLocation where) {
  return pool<ir::AvgPoolOp>(x, options, where, "avg_pool", options.count_include_pad);
}
Tensor global_avg_pool(const Tensor& x, SourceLocation where) {
  return mean(x, spatial_axes(x, "global_avg_pool", where), true, where);
}
Tensor global_max_pool(const Tensor& x, SourceLocation where) {
  return max(x, spatial_axes(x, "global_max_pool", where), true, where);
}

} // namespace sinter
