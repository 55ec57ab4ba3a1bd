// Jacobians, and what trees of tensors have in common.
#include "sinter/grad.h"
#include "sinter/ops.h"

#include "trace/errors.h"
#include "trace/node.h"

namespace sinter::detail {
namespace {

// Where `like` lies, 1 at element `at`, else 0.
Tensor unit_vector(const Tensor& like, int64_t at) {
  Tensor unit = Tensor::zeros(like.shape(), like.dtype());
  visit_dtype(like.dtype(), "jacobian", [&](auto zero) {
    using T = decltype(zero);
    trace::node_of(unit).view().as<T>()[at] = static_cast<T>(1);
  });
  return unit.to(like.device());
}

Shape followed_by(Shape shape, const Shape& other) {
  for (int64_t extent : other)
    shape.push_back(extent);
  return shape;
}

} // namespace

void check_structures(const std::string& a, const std::string& b, const char* operation, const char* message,
                      const SourceLocation& where) {
  if (a != b)
    trace::fail(where, operation, message);
}

std::vector<Tensor> jacobian_rows(const Tensor& output, std::span<const Tensor> inputs,
                                  const std::function<std::vector<Tensor>(std::span<const Tensor>)>& pull,
                                  const SourceLocation& where) {
  return trace::locate(where, "jacobian", [&] {
    std::vector<std::vector<Tensor>> rows(inputs.size());
    for (int64_t row = 0; row < output.elements(); ++row) {
      const std::vector<Tensor> derivatives = pull(std::array{unit_vector(output, row)});
      for (std::size_t i = 0; i < inputs.size(); ++i)
        rows[i].push_back(unsqueeze(derivatives[i], 0, where));
    }
    std::vector<Tensor> result;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Shape shape = followed_by(output.shape(), inputs[i].shape());
      result.push_back(rows[i].empty() ? Tensor::zeros(shape, inputs[i].dtype(), where).to(inputs[i].device())
                                       : reshape(concat(rows[i], 0, where), shape, where));
    }
    return result;
  });
}

} // namespace sinter::detail
