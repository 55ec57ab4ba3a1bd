// Derivatives of C++ functions on tensors: transforms that take a function and return a function.
//
//     struct Params { Tensor weight, bias; };
//     auto loss = [&](Params p, Tensor x) { return mean(square(linear(x, p.weight, p.bias) - target)); };
//     Params gradient = sinter::grad(loss)(params, x);
//
// The function is called, and records what it does: loops, conditions on values and recursion just work, and
// elements of tensors may be read. What was recorded is differentiated and compiled; a recording like an
// earlier one finds its program. Tensors it captures are not differentiated. Transforms compose with each
// other and with compile().
//
// Parameters and results are trees (tree.h): structures, containers and tuples of tensors. A function has one
// list of parameters: it is neither overloaded nor a template.
#pragma once

#include "sinter/compile.h"
#include "sinter/tree.h"

#include <memory>

namespace sinter {

struct GradOptions {
  /// False: a parameter that the function does not use is an error. True: its gradient is zeros.
  bool allow_unused = false;
  /// As CompileOptions::memory_limit, for the program that computes value and gradient. Throws Error where
  /// the transform is part of a larger program: that one's limit is given where that is compiled.
  int64_t memory_limit = 0;
  /// As CompileOptions::device and precision, for that program; other than these, Error as above. Unknown
  /// ones: the transform throws Error when it is made.
  std::string device = "cpu";
  std::string precision = "f32";
};

namespace detail {

/// One recording, from the arguments to derivatives.
class Recording {
public:
  /// `transform` is what errors name.
  Recording(const char* transform, const SourceLocation& where);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /// Starts it; returns what stands for `inputs` in the function. `seeds` are tangents, one for each.
  std::vector<Tensor> begin(std::span<const Tensor> inputs,
                            std::optional<std::span<const Tensor>> seeds = std::nullopt);

  // One of these ends it. All tensors that were recorded have elements then, unless this is part of a larger
  // recording.
  /// The gradients of `loss`, one number, by the inputs.
  std::vector<Tensor> gradients(const Tensor& loss, const GradOptions& options);
  /// The tangents of `outputs` from those of the inputs.
  std::vector<Tensor> tangents(std::span<const Tensor> outputs, std::span<const Tensor> seeds);
  /// What turns cotangents of `outputs` into those of the inputs.
  std::function<std::vector<Tensor>(std::span<const Tensor>)> pullback(std::span<const Tensor> outputs);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The derivative of every element of `output` by every element of `inputs`, which `pull` gives for a
/// cotangent.
std::vector<Tensor> jacobian_rows(const Tensor& output, std::span<const Tensor> inputs,
                                  const std::function<std::vector<Tensor>(std::span<const Tensor>)>& pull,
                                  const SourceLocation& where);

/// `tree` with its tensors replaced by those of `tensors` from `at` on.
template <class T>
void fill_tree(T& tree, const std::vector<Tensor>& tensors, std::size_t& at) {
  for_each_tensor(tree, [&](Tensor& tensor) { tensor = tensors[at++]; });
}
template <class R>
const Tensor& loss_of(const R& result) {
  if constexpr (std::same_as<R, Tensor>)
    return result;
  else {
    static_assert(is_tuple<R>, "the function must return a Tensor, or a pair or tuple that begins with one: "
                               "what is differentiated, then anything else");
    static_assert(std::same_as<std::tuple_element_t<0, R>, Tensor>,
                  "the first of what the function returns must be the Tensor to be differentiated");
    return std::get<0>(result);
  }
}

/// What is to be known of a function of type F.
template <class F>
struct FunctionOf {
  static_assert(HasOneSignature<F>,
                "the function's parameters must be known: write Tensor instead of auto, and "
                "wrap an overloaded function in a lambda");
  using Signature = typename SignatureOf<decltype(std::function(std::declval<F>()))>::type;
};

/// The part that all transforms share: a function, and where the transform was written.
template <class F>
struct Transformed {
  mutable F f;
  SourceLocation where;
};

template <class F, class Signature, std::size_t... I>
class ValueAndGrad;

template <class F, class R, class... Args, std::size_t... I>
class ValueAndGrad<F, R(Args...), I...> {
public:
  using Result = std::remove_cvref_t<R>;
  using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
  template <std::size_t N>
  using Argument = std::tuple_element_t<N, Arguments>;
  using First = std::tuple_element_t<0, std::tuple<Argument<I>...>>;
  using Gradient = std::conditional_t<sizeof...(I) == 1, First, std::tuple<Argument<I>...>>;

  ValueAndGrad(F f, GradOptions options, SourceLocation where)
      : function_{std::move(f), where}, options_(options) {}

  std::pair<Result, Gradient> operator()(std::remove_cvref_t<Args>... args) const {
    return run("value_and_grad", args...);
  }

  std::pair<Result, Gradient> run(const char* name, std::remove_cvref_t<Args>&... args) const {
    Arguments arguments(args...);
    std::tuple<Argument<I>...> trees(std::get<I>(arguments)...);
    Recording recording(name, function_.where);
    const std::vector<Tensor> variables = recording.begin(tensors_of(trees));
    std::size_t at = 0;
    (fill_tree(std::get<I>(arguments), variables, at), ...);
    Result result = std::apply(function_.f, arguments);
    trees = with_tensors(std::move(trees), recording.gradients(loss_of(result), options_));
    if constexpr (sizeof...(I) == 1)
      return {std::move(result), std::move(std::get<0>(trees))};
    else
      return {std::move(result), std::move(trees)};
  }

private:
  Transformed<F> function_;
  GradOptions options_;
};

template <class F, class Signature, std::size_t... I>
class Grad;

template <class F, class R, class... Args, std::size_t... I>
class Grad<F, R(Args...), I...> {
  using Inner = ValueAndGrad<F, R(Args...), I...>;
  static_assert(
      std::same_as<typename Inner::Result, Tensor>,
      "grad() takes a function that returns one Tensor; for one that returns more use value_and_grad()");

public:
  Grad(F f, GradOptions options, SourceLocation where) : inner_(std::move(f), options, where) {}
  typename Inner::Gradient operator()(std::remove_cvref_t<Args>... args) const {
    return inner_.run("grad", args...).second;
  }

private:
  Inner inner_;
};

template <class F, class Signature>
class Vjp;

template <class F, class R, class... Args>
class Vjp<F, R(Args...)> {
public:
  using Result = std::remove_cvref_t<R>;
  using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
  using Cotangents = std::conditional_t<sizeof...(Args) == 1, std::tuple_element_t<0, Arguments>, Arguments>;

  Vjp(F f, SourceLocation where) : function_{std::move(f), where} {}

  std::pair<Result, std::function<Cotangents(Result)>> operator()(std::remove_cvref_t<Args>... args) const {
    Arguments arguments(args...);
    Recording recording("vjp", function_.where);
    arguments = with_tensors(std::move(arguments), recording.begin(tensors_of(Arguments(args...))));
    Result result = std::apply(function_.f, arguments);
    auto pull = recording.pullback(tensors_of(result));
    const std::string of_result = structure_of(result); // before it is moved
    return {std::move(result),
            [pull, structure = Arguments(args...), of_result,
             where = function_.where](const Result& cotangent) -> Cotangents {
              check_structures(of_result, structure_of(cotangent), "vjp",
                               "the cotangents are not of the structure of what they belong to", where);
              Arguments filled = with_tensors(structure, pull(tensors_of(cotangent)));
              if constexpr (sizeof...(Args) == 1)
                return std::get<0>(std::move(filled));
              else
                return filled;
            }};
  }

private:
  Transformed<F> function_;
};

template <class F, class Signature>
class Jvp;

template <class F, class R, class... Args>
class Jvp<F, R(Args...)> {
public:
  using Result = std::remove_cvref_t<R>;

  Jvp(F f, SourceLocation where) : function_{std::move(f), where} {}

  std::pair<Result, Result> operator()(std::remove_cvref_t<Args>... args,
                                       std::remove_cvref_t<Args>... tangents) const {
    return run("jvp", args..., tangents...);
  }

  std::pair<Result, Result> run(const char* name, const std::remove_cvref_t<Args>&... args,
                                const std::remove_cvref_t<Args>&... tangents) const {
    using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
    Arguments arguments(args...);
    check_structures(structure_of(arguments), structure_of(Arguments(tangents...)), name,
                     "the tangents are not of the structure of what they belong to", function_.where);
    const std::vector<Tensor> seeds = tensors_of(Arguments(tangents...));
    Recording recording(name, function_.where);
    arguments = with_tensors(std::move(arguments), recording.begin(tensors_of(Arguments(args...)), seeds));
    Result result = std::apply(function_.f, arguments);
    Result derivative = with_tensors(result, recording.tangents(tensors_of(result), seeds));
    return {std::move(result), std::move(derivative)};
  }

private:
  Transformed<F> function_;
};

template <class F, class Signature>
class Hvp;

template <class F, class R, class... Args>
class Hvp<F, R(Args...)> {
  using Gradient = Grad<F, R(Args...), 0>;
  static_assert(sizeof...(Args) == 1, "hvp() takes a function of one tree; capture the others");

public:
  Hvp(F f, SourceLocation where) : jvp_(Gradient(std::move(f), GradOptions{true}, where), where) {}
  typename ValueAndGrad<F, R(Args...), 0>::Gradient
  operator()(std::remove_cvref_t<Args>... args, std::remove_cvref_t<Args>... directions) const {
    return jvp_.run("hvp", args..., directions...).second;
  }

private:
  Jvp<Gradient, typename FunctionOf<Gradient>::Signature> jvp_;
};

template <class F, class Signature>
class Jacobian;

template <class F, class R, class Arg>
class Jacobian<F, R(Arg)> {
  using Argument = std::remove_cvref_t<Arg>;
  static_assert(std::same_as<std::remove_cvref_t<R>, Tensor>,
                "jacobian() takes a function that returns one Tensor");

public:
  Jacobian(F f, SourceLocation where) : function_{std::move(f), where} {}
  Argument operator()(Argument x) const {
    Recording recording("jacobian", function_.where);
    Argument variables = with_tensors(x, recording.begin(tensors_of(x)));
    const Tensor y = function_.f(variables);
    return with_tensors(x,
                        jacobian_rows(y, tensors_of(x), recording.pullback(std::array{y}), function_.where));
  }

private:
  Transformed<F> function_;
};

} // namespace detail

/// The gradient of `f`, which returns one number (a Tensor of one element): a function of the same parameters
/// that returns, for the first of them, a tree of the same structure that holds the derivatives. `grad<0,
/// 2>(f)` returns a tuple with those for the first and the third. Parameters it is not asked for may be of
/// any type. Throws Error, naming the line of this call, if what `f` returns is not one floating-point
/// number, if a tensor among the parameters is not one of floats or is not used, or if an operation on the
/// way has no derivative.
template <std::size_t... I, class F>
auto grad(F f, GradOptions options = {}, SourceLocation where = SourceLocation::current()) {
  using Signature = typename detail::FunctionOf<F>::Signature;
  detail::check_target("grad", options.device, options.precision, where);
  if constexpr (sizeof...(I) == 0)
    return detail::Grad<F, Signature, 0>(std::move(f), options, where);
  else
    return detail::Grad<F, Signature, I...>(std::move(f), options, where);
}

/// As grad(), but returns a pair: what `f` returns, then the gradient. `f` may return a pair or tuple that
/// begins with the number to be differentiated; the rest may be of any type.
template <std::size_t... I, class F>
auto value_and_grad(F f, GradOptions options = {}, SourceLocation where = SourceLocation::current()) {
  using Signature = typename detail::FunctionOf<F>::Signature;
  detail::check_target("value_and_grad", options.device, options.precision, where);
  if constexpr (sizeof...(I) == 0)
    return detail::ValueAndGrad<F, Signature, 0>(std::move(f), options, where);
  else
    return detail::ValueAndGrad<F, Signature, I...>(std::move(f), options, where);
}

/// Reverse mode: a function of the same parameters that returns what `f` returns and a function, which takes
/// cotangents, a tree like the result, and returns those of the parameters (of several, a tuple). It may be
/// called any number of times; it computes `f` again each time.
template <class F>
auto vjp(F f, SourceLocation where = SourceLocation::current()) {
  return detail::Vjp<F, typename detail::FunctionOf<F>::Signature>(std::move(f), where);
}

/// Forward mode: a function of the parameters of `f`, then of tangents for them, of the same types. Returns
/// what `f` returns and its tangent, a tree like it.
template <class F>
auto jvp(F f, SourceLocation where = SourceLocation::current()) {
  return detail::Jvp<F, typename detail::FunctionOf<F>::Signature>(std::move(f), where);
}

/// A function that returns, for each tensor of the one parameter of `f`, the derivative of every element of
/// the result by every element of it, of the result's shape followed by its own. One reverse sweep per
/// element of the result.
template <class F>
auto jacobian(F f, SourceLocation where = SourceLocation::current()) {
  return detail::Jacobian<F, typename detail::FunctionOf<F>::Signature>(std::move(f), where);
}

/// A function of the parameter of `f` and of a direction, a tree like it: the product of the Hessian of `f`
/// and the direction, by forward mode over reverse mode (Pearlmutter 1994).
template <class F>
auto hvp(F f, SourceLocation where = SourceLocation::current()) {
  return detail::Hvp<F, typename detail::FunctionOf<F>::Signature>(std::move(f), where);
}

} // namespace sinter
