// What branches and loops are recorded with; the package has the functions themselves.
#include "callback.h"

#include "sinter/control.h"

namespace sinter::python {
namespace {

using Tensors = std::vector<Tensor>;

Tensors traced_cond(const Tensor& predicate, nb::callable then, nb::callable otherwise,
                    const SourceLocation& where) {
  const detail::TraceBody first = Callback::of(std::move(then)), second = Callback::of(std::move(otherwise));
  const nb::gil_scoped_release release;
  return detail::trace_cond(predicate, first, second, where);
}

Tensors traced_while(const Tensors& carries, nb::callable condition, nb::callable body,
                     std::optional<int64_t> max_iterations, const SourceLocation& where) {
  const detail::TraceBody holds = Callback::of(std::move(condition)), round = Callback::of(std::move(body));
  const nb::gil_scoped_release release;
  return detail::trace_while(carries, holds, round, WhileOptions{max_iterations}, where);
}

Tensors traced_scan(const Tensors& carries, const Tensors& sequences, nb::callable body, int64_t steps,
                    bool reverse, const SourceLocation& where) {
  const detail::TraceBody step = Callback::of(std::move(body));
  const nb::gil_scoped_release release;
  return detail::trace_scan(carries, sequences, step, ScanOptions{steps, reverse}, where);
}

} // namespace

void bind_control(nb::module_& module) {
  module.def(
      "is_tracing",
      [](const Tensors& tensors) {
        const nb::gil_scoped_release release;
        return detail::is_tracing(tensors);
      },
      "tensors"_a, "True if an operation on these tensors is recorded, or may be.");
  module.def(
      "is_known",
      [](const Tensor& predicate) {
        const nb::gil_scoped_release release;
        return detail::is_known(predicate);
      },
      "predicate"_a, "True if it has elements, and what depends on it is not recorded.");
  constexpr const char* body = "collections.abc.Callable[[list[Tensor]], list[Tensor]]";
  const auto signature = [&](std::string text) {
    for (std::size_t at; (at = text.find("BODY")) != std::string::npos;)
      text.replace(at, 4, body);
    return text;
  };
  module.def("trace_cond", traced_cond, "predicate"_a, "then"_a, "otherwise"_a, "where"_a,
             nb::sig(signature("def trace_cond(predicate: Tensor, then: BODY, otherwise: BODY, where: "
                               "SourceLocation) -> list[Tensor]")
                         .c_str()));
  module.def("trace_while", traced_while, "carries"_a, "condition"_a, "body"_a, "max_iterations"_a.none(),
             "where"_a,
             nb::sig(signature("def trace_while(carries: list[Tensor], condition: BODY, body: BODY, "
                               "max_iterations: int | None, where: SourceLocation) -> list[Tensor]")
                         .c_str()));
  module.def("trace_scan", traced_scan, "carries"_a, "sequences"_a, "body"_a, "steps"_a, "reverse"_a,
             "where"_a,
             nb::sig(signature("def trace_scan(carries: list[Tensor], sequences: list[Tensor], body: BODY, "
                               "steps: int, reverse: bool, where: SourceLocation) -> list[Tensor]")
                         .c_str()));
  module.def(
      "scan_steps",
      [](const Tensors& sequences, int64_t steps, const SourceLocation& where) {
        return detail::scan_steps(sequences, ScanOptions{steps, false}, where);
      },
      "sequences"_a, "steps"_a, "where"_a);
  module.def(
      "scan_stack",
      [](const std::vector<Tensors>& steps, const SourceLocation& where) {
        const nb::gil_scoped_release release;
        return detail::scan_stack(steps, where);
      },
      "steps"_a, "where"_a);
}

} // namespace sinter::python
