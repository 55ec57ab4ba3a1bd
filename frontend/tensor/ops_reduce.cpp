// Reductions and normalisations.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"

namespace sinter {

using trace::apply;
using trace::wrap_axes;
using trace::wrap_axis;

namespace {

template <class Op>
Tensor reduce(const Tensor& x, const Axes& axes, bool keep_dims, const SourceLocation& where,
              std::string_view name) {
  Shape list = wrap_axes(where, name, axes, x.rank());
  if (list.rank() == 0)
    for (int d = 0; d < x.rank(); ++d)
      list.push_back(d);
  return apply<Op>(where, x, list, keep_dims);
}

} // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keep_dims, SourceLocation where) {
  return reduce<ir::ReduceSumOp>(x, axes, keep_dims, where, "sum");
}
Tensor mean(const Tensor& x, const Axes& axes, bool keep_dims, SourceLocation where) {
  return reduce<ir::ReduceMeanOp>(x, axes, keep_dims, where, "mean");
}
Tensor max(const Tensor& x, const Axes& axes, bool keep_dims, SourceLocation where) {
  return reduce<ir::ReduceMaxOp>(x, axes, keep_dims, where, "max");
}
Tensor min(const Tensor& x, const Axes& axes, bool keep_dims, SourceLocation where) {
  return reduce<ir::ReduceMinOp>(x, axes, keep_dims, where, "min");
}
Tensor prod(const Tensor& x, const Axes& axes, bool keep_dims, SourceLocation where) {
  return reduce<ir::ReduceProdOp>(x, axes, keep_dims, where, "prod");
}

Tensor argmax(const Tensor& x, int axis, bool keep_dims, SourceLocation where) {
  return apply<ir::ArgMaxOp>(where, x, int64_t{wrap_axis(where, "argmax", axis, x.rank())}, keep_dims);
}
Tensor argmin(const Tensor& x, int axis, bool keep_dims, SourceLocation where) {
  return apply<ir::ArgMinOp>(where, x, int64_t{wrap_axis(where, "argmin", axis, x.rank())}, keep_dims);
}

Tensor softmax(const Tensor& x, int axis, SourceLocation where) {
  return apply<ir::SoftmaxOp>(where, x, int64_t{wrap_axis(where, "softmax", axis, x.rank())});
}
Tensor log_softmax(const Tensor& x, int axis, SourceLocation where) {
  return apply<ir::LogSoftmaxOp>(where, x, int64_t{wrap_axis(where, "log_softmax", axis, x.rank())});
}

namespace {

Tensor layer_norm_over(const Tensor& x, const Tensor& scale, const Tensor* bias, double epsilon,
                       const SourceLocation& where) {
  if (scale.rank() == 0 || scale.rank() > x.rank())
    trace::fail(where, "layer_norm",
                "scale " + to_string(scale.shape()) + " does not fit the last dimensions of " +
                    to_string(x.shape()));
  return apply<ir::LayerNormOp>(where, x, scale, bias, int64_t{x.rank() - scale.rank()}, epsilon);
}

} // namespace

Tensor layer_norm(const Tensor& x, const Tensor& scale, double epsilon, SourceLocation where) {
  return layer_norm_over(x, scale, nullptr, epsilon, where);
}
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& bias, double epsilon,
                  SourceLocation where) {
  return layer_norm_over(x, scale, &bias, epsilon, where);
}

Tensor batch_norm(const Tensor& x, const Tensor& scale, const Tensor& bias, const Tensor& mean,
                  const Tensor& variance, double epsilon, SourceLocation where) {
  return apply<ir::BatchNormOp>(where, x, scale, bias, mean, variance, epsilon);
}

Tensor lrn(const Tensor& x, int64_t size, double alpha, double beta, double bias, SourceLocation where) {
  return apply<ir::LrnOp>(where, x, size, alpha, beta, bias);
}

} // namespace sinter
