// compile(f): a C++ function on tensors becomes native code, specialised to the shapes it is called with.
#pragma once

#include "sinter/compiled_function.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace sinter {

namespace detail {

/// Throws Error if `given` is not `wanted`; `where` is the compile() that made the function.
void check_tensor_count(std::size_t wanted, std::size_t given, const SourceLocation& where);

template <class T>
concept IsTensor = std::same_as<std::remove_cvref_t<T>, Tensor>;
template <class T>
concept IsTensorVector = std::same_as<std::remove_cvref_t<T>, std::vector<Tensor>>;

template <class T>
struct AllTensors : std::false_type {};
template <class... T>
struct AllTensors<std::tuple<T...>> : std::bool_constant<(std::same_as<T, Tensor> && ...)> {};
template <>
struct AllTensors<std::pair<Tensor, Tensor>> : std::true_type {};
template <std::size_t N>
struct AllTensors<std::array<Tensor, N>> : std::true_type {};

template <class R>
std::vector<Tensor> to_list(R&& result) {
  using Result = std::remove_cvref_t<R>;
  if constexpr (IsTensor<Result>)
    return {std::forward<R>(result)};
  else if constexpr (IsTensorVector<Result>)
    return std::forward<R>(result);
  else {
    static_assert(
        AllTensors<Result>::value,
        "a compiled function returns Tensor, std::vector<Tensor>, or a tuple, pair or array of Tensor");
    return std::apply([](auto&&... each) { return std::vector<Tensor>{each...}; }, std::forward<R>(result));
  }
}

template <class R>
R from_list(std::vector<Tensor> list) {
  if constexpr (IsTensor<R>)
    return std::move(list[0]);
  else if constexpr (IsTensorVector<R>)
    return list;
  else
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return R{std::move(list[I])...};
    }(std::make_index_sequence<std::tuple_size_v<R>>());
}

template <class Argument>
using TensorArgument = const Tensor&;

/// The tensors that a result is made of; nothing where that is not known before.
template <class R>
constexpr std::optional<std::size_t> tensors_in() {
  if constexpr (IsTensor<R>)
    return 1;
  else if constexpr (IsTensorVector<R>)
    return std::nullopt;
  else
    return std::tuple_size_v<std::remove_cvref_t<R>>;
}

} // namespace detail

/// What compile() returns: called like the function it was made from.
template <class Signature>
class Compiled;

template <class R, class... Args>
  requires(detail::IsTensor<Args> && ...)
class Compiled<R(Args...)> {
public:
  template <class F>
  Compiled(F f, CompileOptions options, SourceLocation where)
      : function_(
            [f = std::move(f), where](std::span<const Tensor> inputs) mutable {
              detail::check_tensor_count(sizeof...(Args), inputs.size(), where);
              return [&]<std::size_t... I>(std::index_sequence<I...>) {
                return detail::to_list(f(Tensor(inputs[I])...));
              }(std::index_sequence_for<Args...>());
            },
            std::move(options), where) {}

  std::remove_cvref_t<R> operator()(detail::TensorArgument<Args>... inputs,
                                    SourceLocation where = SourceLocation::current()) const {
    return detail::from_list<std::remove_cvref_t<R>>(
        function_.call(std::array<Tensor, sizeof...(Args)>{inputs...}, where));
  }

  /// The program for inputs of these dtypes and shapes.
  std::shared_ptr<const rt::Executable> executable(detail::TensorArgument<Args>... inputs,
                                                   SourceLocation where = SourceLocation::current()) const {
    return function_.executable(std::array<Tensor, sizeof...(Args)>{inputs...}, where);
  }

  /// As CompiledFunction::inspect, for inputs like these.
  std::string inspect(const std::string& stage, detail::TensorArgument<Args>... inputs,
                      SourceLocation where = SourceLocation::current()) const {
    return function_.inspect(std::array<Tensor, sizeof...(Args)>{inputs...}, stage, where);
  }

  /// As CompiledFunction::save, for inputs like these.
  void save(const std::string& path, detail::TensorArgument<Args>... inputs, const SaveOptions& names = {},
            SourceLocation where = SourceLocation::current()) const {
    function_.save(path, std::array<Tensor, sizeof...(Args)>{inputs...}, names, where);
  }

  /// What load_compiled() makes.
  Compiled(CompiledFunction loaded, SourceLocation where) : function_(std::move(loaded)) {
    detail::check_saved(function_, sizeof...(Args), detail::tensors_in<R>(), where);
  }

  const CompiledFunction& core() const { return function_; }

private:
  CompiledFunction function_;
};

template <class R, class List>
  requires detail::IsTensorVector<List>
class Compiled<R(List)> {
public:
  template <class F>
  Compiled(F f, CompileOptions options, SourceLocation where)
      : function_(
            [f = std::move(f)](std::span<const Tensor> inputs) mutable {
              return detail::to_list(f(std::vector<Tensor>(inputs.begin(), inputs.end())));
            },
            std::move(options), where) {}

  std::remove_cvref_t<R> operator()(const std::vector<Tensor>& inputs,
                                    SourceLocation where = SourceLocation::current()) const {
    return detail::from_list<std::remove_cvref_t<R>>(function_.call(inputs, where));
  }

  /// The program for inputs of these dtypes and shapes.
  std::shared_ptr<const rt::Executable> executable(const std::vector<Tensor>& inputs,
                                                   SourceLocation where = SourceLocation::current()) const {
    return function_.executable(inputs, where);
  }

  /// As CompiledFunction::inspect, for inputs like these.
  std::string inspect(const std::string& stage, const std::vector<Tensor>& inputs,
                      SourceLocation where = SourceLocation::current()) const {
    return function_.inspect(inputs, stage, where);
  }

  /// As CompiledFunction::save, for inputs like these.
  void save(const std::string& path, const std::vector<Tensor>& inputs, const SaveOptions& names = {},
            SourceLocation where = SourceLocation::current()) const {
    function_.save(path, inputs, names, where);
  }

  /// What load_compiled() makes.
  Compiled(CompiledFunction loaded, SourceLocation where) : function_(std::move(loaded)) {
    detail::check_saved(function_, std::nullopt, detail::tensors_in<R>(), where);
  }

  const CompiledFunction& core() const { return function_; }

private:
  CompiledFunction function_;
};

namespace detail {

template <class Function>
struct SignatureOf;
template <class Signature>
struct SignatureOf<std::function<Signature>> {
  using type = Signature;
};

/// Functions that have one list of parameters: neither overloaded nor templates.
template <class F>
concept HasOneSignature = requires(F f) { std::function(f); };

template <class Signature>
inline constexpr bool takes_tensors = false;
template <class R, class... Args>
inline constexpr bool takes_tensors<R(Args...)> = (IsTensor<Args> && ...);
template <class R, class List>
  requires IsTensorVector<List>
inline constexpr bool takes_tensors<R(List)> = true;

template <class R>
inline constexpr bool is_tensors =
    IsTensor<R> || IsTensorVector<R> || AllTensors<std::remove_cvref_t<R>>::value;
template <class Signature>
inline constexpr bool is_on_tensors = false;
template <class R, class... Args>
inline constexpr bool is_on_tensors<R(Args...)> = takes_tensors<R(Args...)> && is_tensors<R>;

template <class Signature>
inline constexpr bool is_on_trees = false;
template <class R, class... Args>
inline constexpr bool is_on_trees<R(Args...)> =
    (shows_all<std::remove_cvref_t<Args>>() && ...) && shows_all<std::remove_cvref_t<R>>();

} // namespace detail

/// ... of a function of trees, or that returns one (tree.h). What is no tensor is a part of the program, as
/// the structure is: other numbers make another program.
template <class Signature>
class CompiledOfTrees;

template <class R, class... Args>
class CompiledOfTrees<R(Args...)> {
public:
  using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
  using Result = std::remove_cvref_t<R>;

  template <class F>
  CompiledOfTrees(F f, CompileOptions options, SourceLocation where)
      : state_(std::make_shared<State>([f = std::move(f)](Arguments arguments) mutable
                                           -> Result { return std::apply(f, std::move(arguments)); },
                                       std::move(options), where)) {
    detail::check_target("compile", state_->options.device, state_->options.precision, where);
  }

  Result operator()(const std::remove_cvref_t<Args>&... args,
                    SourceLocation where = SourceLocation::current()) const {
    const Arguments arguments(args...);
    const std::shared_ptr<Variant> variant = variant_of(arguments);
    const std::vector<Tensor> results = variant->function.call(tensors_of(arguments), where);
    const std::lock_guard lock(state_->calling);
    return detail::with_tensors(*variant->result, results);
  }

  /// The program for arguments of this structure, these dtypes and shapes.
  std::shared_ptr<const rt::Executable> executable(const std::remove_cvref_t<Args>&... args,
                                                   SourceLocation where = SourceLocation::current()) const {
    const Arguments arguments(args...);
    return variant_of(arguments)->function.executable(tensors_of(arguments), where);
  }

  /// As CompiledFunction::inspect, for arguments of this structure, these dtypes and shapes.
  std::string inspect(const std::string& stage, const std::remove_cvref_t<Args>&... args,
                      SourceLocation where = SourceLocation::current()) const {
    const Arguments arguments(args...);
    return variant_of(arguments)->function.inspect(tensors_of(arguments), stage, where);
  }

  /// The function of tensors for arguments of this structure, these dtypes and shapes.
  CompiledFunction core(const std::remove_cvref_t<Args>&... args) const {
    // The variant's own function needs the variant and the state, and owns neither.
    return CompiledFunction([variant = variant_of(Arguments(args...)), state = state_](
                                std::span<const Tensor> tensors) { return variant->function.call(tensors); },
                            state_->options, state_->where);
  }

  /// As CompiledFunction::save, for arguments of this structure: their tensors, in order, are the inputs of
  /// what is saved, the tensors of what it returns its outputs. Inputs that are not named are named by the
  /// number of their argument and their place in it: "0.layers.1.weight".
  void save(const std::string& path, const std::remove_cvref_t<Args>&... args, SaveOptions names = {},
            SourceLocation where = SourceLocation::current()) const {
    const Arguments arguments(args...);
    if (names.inputs.empty())
      for_each_named_tensor(arguments,
                            [&](const std::string& name, const Tensor&) { names.inputs.push_back(name); });
    variant_of(arguments)->function.save(path, tensors_of(arguments), names, where);
  }

private:
  // The function for one structure of the arguments, of one combination of dtypes and shapes, and the tree it
  // returns then, without its tensors.
  struct Variant {
    std::string structure;
    std::optional<Result> result;
    CompiledFunction function;

    Variant(std::string structure, CompiledFunction::Body body, const CompileOptions& options,
            SourceLocation where)
        : structure(std::move(structure)), function(std::move(body), options, where) {}
  };

  struct State {
    std::function<Result(Arguments)> f;
    CompileOptions options;
    SourceLocation where;
    std::mutex mutex;             // of the variants, the one used last first
    std::recursive_mutex calling; // of `f`, and of what it returned
    std::vector<std::shared_ptr<Variant>> variants;

    State(std::function<Result(Arguments)> f, CompileOptions options, SourceLocation where)
        : f(std::move(f)), options(std::move(options)), where(where) {}
  };

  std::shared_ptr<Variant> variant_of(const Arguments& arguments) const {
    std::string structure = detail::structure_of(arguments, true);
    for_each_tensor(arguments, [&](const Tensor& tensor) {
      structure.append(name_of(tensor.dtype())).append(to_string(tensor.shape()));
    });
    const std::lock_guard lock(state_->mutex);
    auto& variants = state_->variants;
    auto found = std::find_if(variants.begin(), variants.end(),
                              [&](const auto& variant) { return variant->structure == structure; });
    if (found == variants.end()) {
      if (variants.size() >= std::max<std::size_t>(1, state_->options.cached_signatures))
        variants.pop_back();
      found = variants.insert(variants.end(), make(std::move(structure), arguments));
    }
    std::rotate(variants.begin(), found, std::next(found));
    return variants.front();
  }

  std::shared_ptr<Variant> make(std::string structure, const Arguments& arguments) const {
    const auto without_tensors = [](const Tensor&) { return Tensor(); };
    // The variant holds the function, so that the function does not own the variant.
    auto slot = std::make_shared<std::weak_ptr<Variant>>();
    auto body = [state = std::weak_ptr<State>(state_), slot, without_tensors,
                 tree = map_tensors(arguments, without_tensors)](std::span<const Tensor> tensors) {
      const auto own = state.lock();
      const std::lock_guard lock(own->calling);
      Result result = own->f(detail::with_tensors(tree, tensors));
      std::vector<Tensor> list = tensors_of(result);
      slot->lock()->result = map_tensors(std::move(result), without_tensors);
      return list;
    };
    auto variant =
        std::make_shared<Variant>(std::move(structure), std::move(body), state_->options, state_->where);
    *slot = variant;
    return variant;
  }

  std::shared_ptr<State> state_;
};

/// Makes a compiled function of `f`, which takes and returns Tensors, or trees of them (tree.h): structures
/// of parameters, vectors, tuples. Nothing is compiled before the first call. `f` is copied; what it captures
/// by reference must live as long as the result. In trees, what is no tensor is part of the program: another
/// number is another program.
///
///     auto f = sinter::compile([&](Tensor x) { return relu(linear(x, weight, bias)); });
///     Tensor y = f(x);
template <class F>
auto compile(F f, CompileOptions options = {}, SourceLocation where = SourceLocation::current()) {
  static_assert(detail::HasOneSignature<F>,
                "compile() must know the function's parameters: write Tensor instead of auto, and wrap an "
                "overloaded function in a lambda");
  if constexpr (detail::HasOneSignature<F>) {
    using Signature = typename detail::SignatureOf<decltype(std::function(std::declval<F>()))>::type;
    if constexpr (detail::is_on_tensors<Signature>)
      return Compiled<Signature>(std::move(f), std::move(options), where);
    static_assert(detail::is_on_trees<Signature>,
                  "a compiled function takes and returns Tensors, or structures, containers and tuples of "
                  "tensors and numbers; capture everything else");
    if constexpr (!detail::is_on_tensors<Signature> && detail::is_on_trees<Signature>)
      return CompiledOfTrees<Signature>(std::move(f), std::move(options), where);
  }
}

/// The function saved in a file, as what compile() returns for functions on tensors of this type. See
/// CompiledFunction::load.
///
///     auto f = sinter::load_compiled<Tensor(Tensor)>("f.sinter");
template <class Signature>
  requires detail::is_on_tensors<Signature>
Compiled<Signature> load_compiled(const std::string& path, CompileOptions options = {},
                                  SourceLocation where = SourceLocation::current()) {
  return Compiled<Signature>(CompiledFunction::load(path, std::move(options), where), where);
}

} // namespace sinter
