// Compiled functions on lists of tensors, and what can be seen of programs.
#include "program.h"
#include "callback.h"

#include "sinter/compile.h"

namespace sinter::python {
namespace {

void make_function(CompiledFunction* self, nb::callable body, const SourceLocation& where, bool fuse,
                   int threads, std::string cpu, std::string device, std::size_t cached_signatures,
                   bool precise, int64_t memory_limit, bool disk_cache, bool tune, std::string precision) {
  const CompileOptions options{.fuse = fuse,
                               .threads = threads,
                               .cpu = std::move(cpu),
                               .device = std::move(device),
                               .cached_signatures = cached_signatures,
                               .precise = precise,
                               .memory_limit = memory_limit,
                               .disk_cache = disk_cache,
                               .tune = tune,
                               .precision = std::move(precision)};
  auto function = Callback::of(std::move(body));
  const nb::gil_scoped_release release;
  new (self) CompiledFunction(std::move(function), options, where);
}

void bind_function(nb::module_& module) {
  nb::class_<CompiledFunction>(module, "CompiledFunction", "A compiled function of lists of tensors.")
      .def(
          "__init__", make_function, "body"_a, "where"_a, nb::kw_only(), "fuse"_a = true, "threads"_a = 0,
          "cpu"_a = "native", "device"_a = "cpu", "cached_signatures"_a = 16, "precise"_a = false,
          "memory_limit"_a = 0, "disk_cache"_a = true, "tune"_a = false, "precision"_a = "f32",
          nb::sig(
              "def __init__(self, body: collections.abc.Callable[[list[Tensor]], list[Tensor]], where: "
              "SourceLocation, *, fuse: bool = True, threads: int = 0, cpu: str = 'native', device: str = "
              "'cpu', "
              "cached_signatures: int = 16, precise: bool = False, memory_limit: int = 0, disk_cache: bool = "
              "True, tune: bool = False, precision: str = 'f32') -> None"))
      .def(
          "call",
          [](const CompiledFunction& self, const std::vector<Tensor>& inputs) {
            return unlocked([&](const SourceLocation& where) { return self.call(inputs, where); });
          },
          "inputs"_a)
      .def(
          "executable",
          [](const CompiledFunction& self, const std::vector<Tensor>& inputs) {
            return unlocked(
                [&](const SourceLocation& where) { return Program{self.executable(inputs, where)}; });
          },
          "inputs"_a)
      .def(
          "inspect",
          [](const CompiledFunction& self, const std::vector<Tensor>& inputs, const std::string& stage) {
            return unlocked([&](const SourceLocation& where) { return self.inspect(inputs, stage, where); });
          },
          "inputs"_a, "stage"_a)
      .def_prop_ro("compilations", [](const CompiledFunction& self) {
        return unlocked([&](const SourceLocation&) { return self.compilations(); });
      });
}

std::vector<std::string> labels(const Program& program) {
  std::vector<std::string> labels;
  for (const rt::Step& step : program.executable->steps())
    labels.push_back(step.label);
  return labels;
}

} // namespace

void bind_program(nb::module_& module) {
  nb::class_<rt::Kernel>(module, "Kernel", "A kernel of a program.")
      .def_ro("name", &rt::Kernel::name)
      .def_ro("algorithm", &rt::Kernel::algorithm, "How it computes: 'direct conv 6x16', 'loops', ...")
      .def("__repr__", [](const rt::Kernel& kernel) { return kernel.name + " (" + kernel.algorithm + ")"; });
  nb::class_<Program>(module, "Program", "A compiled program, to look at.")
      .def_prop_ro("kernels", [](const Program& program) { return program.executable->kernels(); })
      .def_prop_ro("steps", labels, "What is launched, in order: operations and where they come from.")
      .def_prop_ro(
          "arena_bytes", [](const Program& program) { return program.executable->memory().arena_bytes; },
          "The memory of all intermediate results.")
      .def_prop_ro("compile_ms", [](const Program& program) { return program.executable->compile_ms(); })
      .def_prop_ro("kernels_compiled",
                   [](const Program& program) { return program.executable->kernels_compiled(); })
      .def_prop_ro(
          "kernels_loaded", [](const Program& program) { return program.executable->kernels_loaded(); },
          "Those that were read from the cache on disk.")
      .def("__repr__", [](const Program& program) {
        return "<program of " + std::to_string(program.executable->kernels().size()) + " kernels, " +
               std::to_string(program.executable->steps().size()) + " steps>";
      });
  bind_function(module);
}

} // namespace sinter::python
