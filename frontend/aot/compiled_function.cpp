// Compiled functions as libraries.
#include "trace/compiled_function.h"

#include "aot/build_library.h"
#include "trace/errors.h"

namespace sinter {

aot::LibraryReport CompiledFunction::compile_library(const std::string& path, std::span<const Tensor> inputs,
                                                     const aot::LibraryOptions& options,
                                                     SourceLocation where) const {
  impl_->check(inputs, where);
  const std::lock_guard lock(impl_->trace_mutex);
  const rt::PoolScope scope(impl_->pool());
  std::vector<libraries::LibraryInput> wanted;
  for (const Tensor& input : inputs)
    wanted.push_back({"arg" + std::to_string(wanted.size()), input.dtype(), input.shape(), {}});
  const auto compile = [&](const std::vector<Tensor>& tensors, const std::string& cpu,
                           codegen::KernelObjects& objects) {
    impl_->check(tensors, where);
    codegen::CompileOptions code = impl_->codegen_options(Device::cpu);
    code.precision = "f32";
    code.cpu = cpu;
    code.tune = false;
    code.objects = &objects;
    std::shared_ptr<const rt::Executable> program;
    impl_->with_trace(tensors, where,
                      [&](mlir::ModuleOp module) { program = codegen::compile(module, code); });
    return program;
  };
  return trace::locate(where, "compile_library",
                       [&] { return libraries::build_library(path, options, wanted, compile); });
}

} // namespace sinter
