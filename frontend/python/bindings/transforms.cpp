// What derivatives of functions are made with; the package has the functions themselves.
#include "located.h"

#include "sinter/grad.h"
#include "sinter/tape.h"

#include <nanobind/stl/function.h>

#include <memory>
#include <optional>

namespace sinter::python {
namespace {

using Pull = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

/// What turns cotangents of results into those of the inputs.
struct Pullback {
  Pull pull;
};

/// A recording for a `with` statement: it ends there, whatever happens.
class ScopedRecording {
public:
  ScopedRecording(const char* transform, const SourceLocation& where)
      : transform_(transform), where_(where) {}

  ScopedRecording& enter() {
    recording_ = std::make_unique<detail::Recording>(transform_.c_str(), where_);
    return *this;
  }
  void exit(const nb::args&) { recording_.reset(); }
  detail::Recording& recording() {
    if (!recording_)
      throw Error("a recording is used outside of its `with` statement", ErrorKind::internal);
    return *recording_;
  }

  std::vector<Tensor> begin(const std::vector<Tensor>& inputs,
                            const std::optional<std::vector<Tensor>>& seeds) {
    const nb::gil_scoped_release release;
    return seeds ? recording().begin(inputs, std::span<const Tensor>(*seeds)) : recording().begin(inputs);
  }
  std::vector<Tensor> gradients(const Tensor& loss, bool allow_unused, int64_t memory_limit,
                                std::string device, std::string precision) {
    const nb::gil_scoped_release release;
    return recording().gradients(
        loss, GradOptions{allow_unused, memory_limit, std::move(device), std::move(precision)});
  }
  std::vector<Tensor> tangents(const std::vector<Tensor>& outputs, const std::vector<Tensor>& seeds) {
    const nb::gil_scoped_release release;
    return recording().tangents(outputs, seeds);
  }
  Pullback pullback(const std::vector<Tensor>& outputs) {
    const nb::gil_scoped_release release;
    return {recording().pullback(outputs)};
  }

private:
  std::string transform_; // the recording refers to it
  SourceLocation where_;
  std::unique_ptr<detail::Recording> recording_;
};

class ScopedNoGrad {
public:
  ScopedNoGrad() = default;
  ScopedNoGrad(const ScopedNoGrad&) = delete;
  ScopedNoGrad& operator=(const ScopedNoGrad&) = delete;

  void enter() { scopes_.push_back(std::make_unique<NoGrad>(caller())); }
  void exit(const nb::args&) { scopes_.pop_back(); }

private:
  std::vector<std::unique_ptr<NoGrad>> scopes_; // one object may be entered several times
};

std::vector<Tensor> jacobian_rows(const Tensor& output, const std::vector<Tensor>& inputs,
                                  const Pullback& pullback, const SourceLocation& where) {
  const nb::gil_scoped_release release;
  return detail::jacobian_rows(output, inputs, pullback.pull, where);
}

} // namespace

void bind_transforms(nb::module_& module) {
  nb::class_<Pullback>(module, "Pullback", "Turns cotangents of results into those of the inputs.")
      .def(
          "__call__",
          [](const Pullback& self, const std::vector<Tensor>& cotangents) {
            const nb::gil_scoped_release release;
            return self.pull(cotangents);
          },
          "cotangents"_a);
  nb::class_<ScopedRecording>(module, "Recording",
                              "One recording of a function, from its arguments to derivatives.")
      .def(nb::init<const char*, const SourceLocation&>(), "transform"_a, "where"_a)
      .def("__enter__", &ScopedRecording::enter, nb::rv_policy::reference,
           nb::sig("def __enter__(self) -> Recording"))
      .def("__exit__", &ScopedRecording::exit, nb::sig("def __exit__(self, *exception: object) -> None"))
      .def("begin", &ScopedRecording::begin, "inputs"_a, "seeds"_a = nb::none())
      .def("gradients", &ScopedRecording::gradients, "loss"_a, "allow_unused"_a = false, "memory_limit"_a = 0,
           "device"_a = "cpu", "precision"_a = "f32")
      .def("tangents", &ScopedRecording::tangents, "outputs"_a, "seeds"_a)
      .def("pullback", &ScopedRecording::pullback, "outputs"_a);
  module.def("jacobian_rows", jacobian_rows, "output"_a, "inputs"_a, "pullback"_a, "where"_a);
  nb::class_<ScopedNoGrad>(module, "no_grad",
                           "A context in which operations of this thread are not recorded for backward().")
      .def(nb::init<>())
      .def("__enter__", &ScopedNoGrad::enter)
      .def("__exit__", &ScopedNoGrad::exit, nb::sig("def __exit__(self, *exception: object) -> None"));
  module.def("grad_enabled", grad_enabled, "False inside of no_grad().");
}

} // namespace sinter::python
