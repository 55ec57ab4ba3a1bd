// Functions of which reverse mode keeps what they are called with, and nothing else.
#pragma once

#include "sinter/control.h"
#include "sinter/grad.h"

namespace sinter {

namespace detail {

/// What a function records while it lives, which becomes the body of a checkpoint.
class CheckpointRecording {
public:
  CheckpointRecording(std::span<const Tensor> inputs, const SourceLocation& where);
  ~CheckpointRecording();
  CheckpointRecording(const CheckpointRecording&) = delete;
  CheckpointRecording& operator=(const CheckpointRecording&) = delete;

  /// What stands for `results`, which the function returned, outside of it.
  std::vector<Tensor> finish(std::span<const Tensor> results);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <class F, class Signature>
class Checkpoint;

template <class F, class R, class... Args>
class Checkpoint<F, R(Args...)> {
public:
  using Result = std::remove_cvref_t<R>;
  Checkpoint(F f, SourceLocation where) : function_{std::move(f), where} {}

  Result operator()(std::remove_cvref_t<Args>... args) const {
    std::vector<Tensor> inputs;
    (append_tensors(inputs, args), ...);
    if (!is_tracing(inputs))
      return function_.f(std::move(args)...);
    CheckpointRecording recording(inputs, function_.where);
    Result result = function_.f(std::move(args)...);
    const std::vector<Tensor> outside = recording.finish(tensors_of(result));
    return with_tensors(std::move(result), outside);
  }

private:
  // A parameter that is no tree holds no tensor that counts.
  template <class T>
  static void append_tensors(std::vector<Tensor>& all, const T& tree) {
    for_each_tensor(tree, [&](const Tensor& tensor) { all.push_back(tensor); });
  }

  Transformed<F> function_;
};

} // namespace detail

/// `f`, but where it is differentiated in reverse mode, what it computes on the way is not kept: it is
/// computed again from its parameters and from what it captures, when the derivative needs it. Costs the time
/// of one more `f`, and saves the memory of what it keeps. Parameters and the result are trees (tree.h).
/// Tensors that `f` makes exist inside of it only, unless it returns them; their elements may be read there
/// where grad() allows it. With backward(), a call whose parameters are not recorded, such as data, is a call
/// of `f` as it is: pass it the tensors that require gradients.
///
///     auto block = checkpoint([&](Tensor x) { return relu(conv(relu(conv(x, a)), b)); });
///
/// Chen et al., Training Deep Nets with Sublinear Memory Cost (2016).
template <class F>
auto checkpoint(F f, SourceLocation where = SourceLocation::current()) {
  return detail::Checkpoint<F, typename detail::FunctionOf<F>::Signature>(std::move(f), where);
}

} // namespace sinter
