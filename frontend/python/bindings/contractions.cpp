// Products, convolutions, pooling.
#include "located.h"

namespace sinter::python {
namespace {

Tensor product(const Tensor& a, const Tensor& b, SourceLocation where) {
  return matmul(a, b, where);
}

Tensor affine(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
              SourceLocation where) {
  return bias ? linear(x, weight, *bias, where) : linear(x, weight, where);
}

Tensor convolved(TensorLike x, TensorLike weight, OptionalTensorLike bias, OptionalExtents strides,
                 OptionalExtents padding, OptionalExtents padding_end, OptionalExtents dilations,
                 int64_t groups) {
  const ConvOptions options{strides.shape(),   padding.shape(), padding_end.shape(),
                            dilations.shape(), groups,          {}};
  const Tensor input = x.tensor(), filter = weight.tensor();
  const std::optional<Tensor> offset = bias.tensor();
  return unlocked([&](const SourceLocation& where) {
    return offset ? conv(input, filter, *offset, options, where) : conv(input, filter, options, where);
  });
}

Tensor transposed_convolved(TensorLike x, TensorLike weight, OptionalTensorLike bias, OptionalExtents strides,
                            OptionalExtents padding, OptionalExtents padding_end, OptionalExtents dilations,
                            int64_t groups, OptionalExtents output_padding) {
  const ConvOptions options{strides.shape(),   padding.shape(), padding_end.shape(),
                            dilations.shape(), groups,          output_padding.shape()};
  const Tensor input = x.tensor(), filter = weight.tensor();
  const std::optional<Tensor> offset = bias.tensor();
  return unlocked([&](const SourceLocation& where) {
    return offset ? conv_transpose(input, filter, *offset, options, where)
                  : conv_transpose(input, filter, options, where);
  });
}

Tensor max_pooled(TensorLike x, Extents kernel, OptionalExtents strides, OptionalExtents padding,
                  OptionalExtents padding_end, OptionalExtents dilations, bool ceil_mode) {
  const PoolOptions options{
      kernel.shape(), strides.shape(), padding.shape(), padding_end.shape(), dilations.shape(), ceil_mode,
      false};
  const Tensor input = x.tensor();
  return unlocked([&](const SourceLocation& where) { return max_pool(input, options, where); });
}

Tensor avg_pooled(TensorLike x, Extents kernel, OptionalExtents strides, OptionalExtents padding,
                  OptionalExtents padding_end, OptionalExtents dilations, bool ceil_mode,
                  bool count_include_pad) {
  const PoolOptions options{kernel.shape(),    strides.shape(), padding.shape(),  padding_end.shape(),
                            dilations.shape(), ceil_mode,       count_include_pad};
  const Tensor input = x.tensor();
  return unlocked([&](const SourceLocation& where) { return avg_pool(input, options, where); });
}

Tensor attention(TensorLike q, TensorLike k, TensorLike v, OptionalTensorLike mask,
                 std::optional<double> scale) {
  const Tensor query = q.tensor(), key = k.tensor(), value = v.tensor();
  const std::optional<Tensor> given = mask.tensor();
  return unlocked([&](const SourceLocation& where) {
    return scaled_dot_product_attention(query, key, value, given, scale, where);
  });
}

} // namespace

void bind_contractions(nb::module_& module) {
  module.def(
      "matmul", located(product), "a"_a, "b"_a,
      "a [..., m, k] times b [..., k, n] gives [..., m, n]; leading dimensions broadcast. A vector counts\n"
      "as one row on the left and one column on the right.");
  module.def("linear", located(affine), "x"_a, "weight"_a, "bias"_a = nb::none(),
             "x [..., in] times the transpose of weight [out, in], plus bias [out].");
  module.def("scaled_dot_product_attention", attention, "q"_a, "k"_a, "v"_a, "mask"_a = nb::none(),
             "scale"_a = nb::none(),
             "softmax(scale * q k^T + mask) v, for every row of q [..., m, d], with k [..., n, d] and\n"
             "v [..., n, e]. `scale` is 1 / sqrt(d) unless it is given.");
  module.def(
      "conv", convolved, "x"_a, "weight"_a, "bias"_a = nb::none(), nb::kw_only(), "strides"_a = nb::none(),
      "padding"_a = nb::none(), "padding_end"_a = nb::none(), "dilations"_a = nb::none(), "groups"_a = 1,
      "x [N, C, spatial...], weight [M, C / groups, kernel...], bias [M] give [N, M, spatial...]; 1 to 3\n"
      "spatial dimensions. Lists have an entry per spatial dimension; one number is for all of them.\n"
      "`padding` is before and, unless `padding_end` says otherwise, after.");
  module.def("conv_transpose", transposed_convolved, "x"_a, "weight"_a, "bias"_a = nb::none(), nb::kw_only(),
             "strides"_a = nb::none(), "padding"_a = nb::none(), "padding_end"_a = nb::none(),
             "dilations"_a = nb::none(), "groups"_a = 1, "output_padding"_a = nb::none(),
             "x [N, C, spatial...], weight [C, M / groups, kernel...], bias [M] give [N, M, spatial...].");
  module.def("max_pool", max_pooled, "x"_a, "kernel"_a, nb::kw_only(), "strides"_a = nb::none(),
             "padding"_a = nb::none(), "padding_end"_a = nb::none(), "dilations"_a = nb::none(),
             "ceil_mode"_a = false, "`strides` are those of the kernel unless they are given.");
  module.def("avg_pool", avg_pooled, "x"_a, "kernel"_a, nb::kw_only(), "strides"_a = nb::none(),
             "padding"_a = nb::none(), "padding_end"_a = nb::none(), "dilations"_a = nb::none(),
             "ceil_mode"_a = false, "count_include_pad"_a = false,
             "`strides` are those of the kernel unless they are given.");
  module.def("global_avg_pool", located(global_avg_pool), "x"_a, "x [N, C, spatial...] gives [N, C, 1...].");
  module.def("global_max_pool", located(global_max_pool), "x"_a, "x [N, C, spatial...] gives [N, C, 1...].");
}

} // namespace sinter::python
