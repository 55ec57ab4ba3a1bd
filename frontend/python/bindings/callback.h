// Functions of Python's that C++ calls.
#pragma once

#include "located.h"

#include <memory>
#include <span>
#include <vector>

namespace sinter::python {

/// A Python function of a list of tensors that returns one. It may be called, and let go, by any thread.
class Callback {
public:
  explicit Callback(nb::callable function) : function_(std::move(function)) {}
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  ~Callback() {
    if (Py_IsInitialized()) {
      const nb::gil_scoped_acquire acquire;
      function_.reset();
    } else
      function_.release();
  }

  /// What it throws goes on to Python as it is.
  std::vector<Tensor> operator()(std::span<const Tensor> inputs) const {
    const nb::gil_scoped_acquire acquire;
    nb::list arguments;
    for (const Tensor& input : inputs)
      arguments.append(input);
    return nb::cast<std::vector<Tensor>>(function_(arguments));
  }

  /// `function` as C++ keeps functions.
  static auto of(nb::callable function) {
    return [callback = std::make_shared<const Callback>(std::move(function))](
               std::span<const Tensor> inputs) { return (*callback)(inputs); };
  }

private:
  nb::callable function_;
};

} // namespace sinter::python
