// Matrix products, convolutions and pooling.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"

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
