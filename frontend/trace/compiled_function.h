// What a compiled function is: its body, and the programs made of it.
#pragma once

#include "sinter/compiled_function.h"

#include "codegen/compile.h"
#include "sinter/runtime/thread_pool.h"
#include "trace/program_cache.h"
#include "trace/trace.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace sinter {

struct CompiledFunction::Impl {
  Body body;
  CompileOptions options;
  SourceLocation where;
  std::unique_ptr<rt::ThreadPool> own_pool;
  /// Throws Error for inputs that a function from a file was not saved for.
  std::function<void(std::span<const Tensor>)> check_inputs;
  std::size_t saved_inputs = 0, saved_outputs = 0; ///< of a function from a file

  trace::ProgramCache programs;
  /// Held while tracing and compiling. Recursive: the body may call this function on concrete tensors.
  std::recursive_mutex trace_mutex;
  /// Under NoGrad, tensors that require gradients may be captured.
  std::atomic<bool> ignored_gradients{false};

  Impl(Body body, CompileOptions options, SourceLocation where);

  /// `device`: where the program runs.
  codegen::CompileOptions codegen_options(Device device) const;
  /// Where a program on `inputs` runs: where they lie, or, if that is the host, where the options say. Throws
  /// Error if these name another device.
  Device place_of(std::span<const Tensor> inputs) const;
  rt::ThreadPool& pool() { return own_pool ? *own_pool : rt::default_thread_pool(); }

  std::vector<Tensor> call_body(std::span<const Tensor> inputs, const SourceLocation& caller);
  /// Calls `use` with the module that the body records; whatever is thrown, the trace is closed behind it.
  /// Errors name `caller`, except those of `use`.
  void with_trace(std::span<const Tensor> inputs, const SourceLocation& caller,
                  llvm::function_ref<void(mlir::ModuleOp)> use);
  /// The program for `inputs`; null if the calling thread is just making it.
  std::shared_ptr<const rt::Executable> program_for(std::span<const Tensor> inputs,
                                                    const SourceLocation& caller);
  std::vector<Tensor> run(const rt::Executable& program, std::span<const Tensor> inputs,
                          const SourceLocation& caller);
  void check(std::span<const Tensor> inputs, const SourceLocation& caller) const;
};

} // namespace sinter
