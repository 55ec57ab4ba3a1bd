// Reductions, normalisations and losses.
#include "choices.h"
#include "located.h"

namespace sinter::python {
namespace {

using Fold = Tensor (*)(const Tensor&, const Axes&, bool, SourceLocation);
using Search = Tensor (*)(const Tensor&, int, bool, SourceLocation);

Tensor normalised(const Tensor& x, const Tensor& scale, const std::optional<Tensor>& bias, double epsilon,
                  SourceLocation where) {
  return bias ? layer_norm(x, scale, *bias, epsilon, where) : layer_norm(x, scale, epsilon, where);
}

constexpr std::array kLossReductions{Named<Reduction>{"mean", Reduction::mean},
                                     Named<Reduction>{"sum", Reduction::sum},
                                     Named<Reduction>{"none", Reduction::none}};

Tensor cross_entropy_reduced(const Tensor& logits, const Tensor& targets, int axis,
                             const std::string& reduction, SourceLocation where) {
  return cross_entropy(logits, targets, axis,
                       choice(reduction, kLossReductions, "cross_entropy: the reduction"), where);
}

struct NamedReduction {
  const char* name;
  Fold function;
};
constexpr NamedReduction kReductions[] = {
    {"sum", sum}, {"mean", mean}, {"max", max}, {"min", min}, {"prod", prod}};
struct NamedSearch {
  const char* name;
  Search function;
};
constexpr NamedSearch kSearches[] = {{"argmax", argmax}, {"argmin", argmin}};

} // namespace

void bind_reductions(nb::module_& module) {
  auto tensor = nb::borrow<nb::class_<Tensor>>(module.attr("Tensor"));
  for (const auto& [name, function] : kReductions) {
    constexpr const char* doc =
        "Without axes, over all dimensions. With `keep_dims`, reduced ones stay as extent 1.";
    module.def(name, located(function), "x"_a, "axes"_a = nb::none(), "keep_dims"_a = false, doc);
    tensor.def(name, located(function), "axes"_a = nb::none(), "keep_dims"_a = false, doc);
  }
  for (const auto& [name, function] : kSearches) {
    constexpr const char* doc = "Index (i64) of the first such element along an axis.";
    module.def(name, located(function), "x"_a, "axis"_a, "keep_dims"_a = false, doc);
    tensor.def(name, located(function), "axis"_a, "keep_dims"_a = false, doc);
  }
  module.def("softmax", located(softmax), "x"_a, "axis"_a = -1);
  module.def("log_softmax", located(log_softmax), "x"_a, "axis"_a = -1);
  module.def("layer_norm", located(normalised), "x"_a, "scale"_a, "bias"_a = nb::none(), "epsilon"_a = 1e-5,
             "(x - mean) / sqrt(variance + epsilon) * scale + bias over the last dimensions, as many as\n"
             "`scale` has.");
  module.def("batch_norm", located(batch_norm), "x"_a, "scale"_a, "bias"_a, "mean"_a, "variance"_a,
             "epsilon"_a = 1e-5, "Per channel (dimension 1), with given statistics.");
  module.def("lrn", located(lrn), "x"_a, "size"_a, "alpha"_a = 1e-4, "beta"_a = 0.75, "bias"_a = 1.0,
             "x / (bias + alpha / size * sum of x^2 over `size` channels around)^beta");
  module.def(
      "cross_entropy", located(cross_entropy_reduced), "logits"_a, "targets"_a, "axis"_a = -1,
      "reduction"_a = "mean",
      "-log_softmax(logits) along an axis, at the class of each line. `targets`: a class (int32 or\n"
      "int64) for each line, or a weight for every class. Lines whose class is negative count nothing.\n"
      "`reduction`: mean, sum or none.");
}

} // namespace sinter::python
