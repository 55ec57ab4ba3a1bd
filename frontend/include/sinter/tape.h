// Gradients as they are taken in PyTorch: tensors that require a gradient, and backward().
//
//     Tensor w = Tensor::normal({4, 3}, 1).set_requires_grad();
//     for (...) {
//       const Tensor loss = mean(square(linear(x, w) - target)); // recorded while it runs
//       loss.backward();                                         // adds to w.grad()
//       const NoGrad no_grad;
//       w.assign(w - w.grad() * 0.1);
//       w.zero_grad();
//     }
//
// Operations on a tensor that requires a gradient, or was computed from one, are recorded on the tape of the
// thread. Their elements are there when they are asked for. backward() differentiates and compiles what was
// recorded, as grad() does; a training step like an earlier one finds its program.
#pragma once

#include "sinter/tree.h"

namespace sinter {

/// While it lives, operations of this thread are not recorded for backward(): what they give is not connected
/// to its operands. May be nested. Inside a function that is compiled or differentiated it throws Error:
/// there, stop_gradient() says what is a constant.
class NoGrad {
public:
  explicit NoGrad(SourceLocation where = SourceLocation::current());
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
};

/// False while a NoGrad lives on this thread.
bool grad_enabled();

/// Tensor::set_requires_grad() for every tensor of a tree.
template <class T>
  requires(!std::same_as<T, Tensor>)
void set_requires_grad(T& tree, bool on = true, SourceLocation where = SourceLocation::current()) {
  for_each_tensor(tree, [&](Tensor& tensor) { tensor.set_requires_grad(on, where); });
}

/// Tensor::zero_grad() for every tensor of a tree.
template <class T>
  requires(!std::same_as<T, Tensor>)
void zero_grad(T& tree) {
  for_each_tensor(tree, [](Tensor& tensor) { tensor.zero_grad(); });
}

} // namespace sinter
