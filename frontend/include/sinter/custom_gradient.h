// Functions that come with a derivative of their own.
#pragma once

#include "sinter/control.h"
#include "sinter/grad.h"

namespace sinter {

namespace detail {

/// One call of such a function.
class CustomGradientRecording {
public:
  CustomGradientRecording(std::span<const Tensor> inputs, const SourceLocation& where);
  ~CustomGradientRecording();
  CustomGradientRecording(const CustomGradientRecording&) = delete;
  CustomGradientRecording& operator=(const CustomGradientRecording&) = delete;

  /// What stands for the inputs in the function.
  const std::vector<Tensor>& inputs() const;
  /// `values`, which the function returned, with the derivative `rule`: it takes inputs, values, and
  /// cotangents of these, and gives cotangents of the inputs.
  std::vector<Tensor> finish(std::span<const Tensor> values, const TraceBody& rule);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Throws Error if one of these was recorded on a tape.
void check_not_recorded(std::span<const Tensor> values, const SourceLocation& where);

template <class F, class Rule, class Signature>
class CustomGradient;

template <class F, class Rule, class R, class... Args>
class CustomGradient<F, Rule, R(Args...)> {
public:
  using Result = std::remove_cvref_t<R>;
  using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
  using Cotangents = std::conditional_t<sizeof...(Args) == 1, std::tuple_element_t<0, Arguments>, Arguments>;

  CustomGradient(F f, Rule rule, SourceLocation where)
      : function_{std::move(f), where}, rule_(std::move(rule)) {}

  Result operator()(std::remove_cvref_t<Args>... args) const {
    Arguments arguments(std::move(args)...);
    const std::vector<Tensor> inputs = tensors_of(arguments);
    if (!is_tracing(inputs)) {
      Result result = std::apply(function_.f, std::move(arguments));
      check_not_recorded(tensors_of(result), function_.where);
      return result;
    }
    CustomGradientRecording recording(inputs, function_.where);
    Result result = std::apply(function_.f, with_tensors(arguments, recording.inputs()));
    const std::vector<Tensor> values = tensors_of(result);
    const auto rule = [&](std::span<const Tensor> tensors) {
      return apply_rule(with_tensors(arguments, tensors),
                        with_tensors(result, tensors.subspan(inputs.size())),
                        with_tensors(result, tensors.subspan(inputs.size() + values.size())));
    };
    const std::vector<Tensor> outside = recording.finish(values, rule);
    return with_tensors(std::move(result), outside);
  }

private:
  std::vector<Tensor> apply_rule(Arguments arguments, Result result, Result cotangent) const {
    const std::string wanted = structure_of(arguments);
    static_assert(
        std::is_invocable_v<Rule&, std::remove_cvref_t<Args>..., Result, Result>,
        "the rule takes the parameters of the function, what it returns, and the cotangent of that");
    const Cotangents given = std::apply(
        [&](auto&&... args) { return rule_(std::move(args)..., std::move(result), std::move(cotangent)); },
        std::move(arguments));
    const std::string structure =
        sizeof...(Args) == 1 ? structure_of(std::tuple<Cotangents>(given)) : structure_of(given);
    check_structures(wanted, structure, "custom_gradient",
                     "the cotangents that the rule gives are not of the structure of the parameters",
                     function_.where);
    return tensors_of(given);
  }

  Transformed<F> function_;
  mutable Rule rule_;
};

} // namespace detail

/// `f`, whose derivative is given by `rule` instead of being derived from what `f` does. The rule takes the
/// parameters of `f`, what `f` returned, and the cotangent of that; it returns the cotangents of the
/// parameters: a tree like the parameter, or a tuple of such trees if there are several. (Those of tensors
/// that are no floats do not count.) All of them are trees of tensors (tree.h).
///
///     // What goes in is rounded down, and gradients pass as if it were not.
///     auto straight_through = custom_gradient([](Tensor x) { return floor(x); },
///                                             [](Tensor, Tensor, Tensor dy) { return dy; });
///
/// Rules are differentiated like any function where a second derivative is asked for. Forward mode (jvp, hvp)
/// transposes the rule, which must then be linear in the cotangent. A rule is traced once: elements cannot be
/// read in it. Throws Error, when called, if `f` captures a tensor that is being traced: there would be no
/// derivative by it. Pass it as a parameter, or capture stop_gradient() of it.
template <class F, class Rule>
auto custom_gradient(F f, Rule rule, SourceLocation where = SourceLocation::current()) {
  return detail::CustomGradient<F, Rule, typename detail::FunctionOf<F>::Signature>(std::move(f),
                                                                                    std::move(rule), where);
}

} // namespace sinter
