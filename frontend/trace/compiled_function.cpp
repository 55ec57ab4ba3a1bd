// compile(f): traces a function once per signature, keeps the compiled programs, runs them.
#include "trace/compiled_function.h"

#include "sinter/compile.h"
#include "sinter/tape.h"
#include "trace/errors.h"
#include "trace/placement.h"
#include "trace/traced_program.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>

namespace sinter {

using trace::fail;
using trace::locate;
using trace::node_of;
using trace::Trace;

namespace {

// Deep enough for any network, shallow enough for any stack.
constexpr int kMaxNesting = 200;

// Counts compiled functions that call each other while they are traced.
class Nesting {
public:
  explicit Nesting(const SourceLocation& where) {
    if (depth_ >= kMaxNesting)
      fail(where, "compile",
           "compiled functions call each other more than " + std::to_string(kMaxNesting) +
               " deep while they are traced; a recursion must end on something known while tracing, such as "
               "a shape");
    ++depth_;
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

private:
  inline static thread_local int depth_ = 0;
};

} // namespace

CompiledFunction::Impl::Impl(Body body, CompileOptions options, SourceLocation where)
    : body(std::move(body)), options(std::move(options)), where(where),
      programs(this->options.cached_signatures) {
  detail::check_target("compile", this->options.device, this->options.precision, where);
  if (this->options.threads != 0)
    own_pool =
        locate(where, "compile", [this] { return std::make_unique<rt::ThreadPool>(this->options.threads); });
}

codegen::CompileOptions CompiledFunction::Impl::codegen_options(Device device) const {
  return {.device = to_string(device),
          .fuse = options.fuse,
          .cpu = options.cpu,
          .progress = {},
          .precise = options.precise,
          .memoryLimit = options.memory_limit,
          .precision = options.precision,
          .tune = options.tune,
          .diskCache = options.disk_cache};
}

Device CompiledFunction::Impl::place_of(std::span<const Tensor> inputs) const {
  return trace::place_for(options.device, inputs);
}

void CompiledFunction::Impl::check(std::span<const Tensor> inputs, const SourceLocation& caller) const {
  if (check_inputs)
    locate(caller, "compile", [&] { check_inputs(inputs); });
}

std::vector<Tensor> CompiledFunction::Impl::call_body(std::span<const Tensor> inputs,
                                                      const SourceLocation& caller) {
  const Nesting nesting(caller);
  return body(inputs);
}

void CompiledFunction::Impl::with_trace(std::span<const Tensor> inputs, const SourceLocation& caller,
                                        llvm::function_ref<void(mlir::ModuleOp)> use) {
  const auto context = trace::make_context();
  const trace::TraceScope trace(
      std::make_shared<Trace>(*context, where, trace::Values::unknown, "function compiled"));
  locate(caller, "compile", [&] { trace->run_on(place_of(inputs)); });
  std::vector<Tensor> arguments;
  for (const Tensor& input : inputs)
    arguments.push_back(trace->argument(input.dtype(), input.shape()));
  const std::vector<Tensor> results = call_body(arguments, caller);
  use(locate(caller, "compile", [&] {
    llvm::SmallVector<mlir::Value> values;
    for (const Tensor& result : results)
      values.push_back(trace->value(result));
    if (trace->ignored_gradients())
      ignored_gradients = true;
    return trace->finish(values);
  }));
}

std::shared_ptr<const rt::Executable> CompiledFunction::Impl::program_for(std::span<const Tensor> inputs,
                                                                          const SourceLocation& caller) {
  const Device device = locate(caller, "compile", [&] { return place_of(inputs); });
  if (auto found = programs.find(inputs, device))
    return found;
  check(inputs, caller);
  const std::lock_guard lock(trace_mutex);
  return programs.get(inputs, device, [&] {
    const rt::PoolScope scope(pool()); // compiling takes no more threads than running
    std::shared_ptr<const rt::Executable> program;
    with_trace(inputs, caller, [&](mlir::ModuleOp module) {
      program = locate(caller, "compile", [&] { return codegen::compile(module, codegen_options(device)); });
    });
    return program;
  });
}

std::vector<Tensor> CompiledFunction::Impl::run(const rt::Executable& program, std::span<const Tensor> inputs,
                                                const SourceLocation& caller) {
  return locate(caller, "compile", [&] { return trace::run_program(program, inputs, pool()); });
}

void detail::check_target(const char* transform, const std::string& device, const std::string& precision,
                          const SourceLocation& where) {
  locate(where, transform, [&] { trace::check_target(device, precision); });
}

void detail::check_tensor_count(std::size_t wanted, std::size_t given, const SourceLocation& where) {
  if (given != wanted)
    fail(where, "compile",
         "the function takes " + std::to_string(wanted) + (wanted == 1 ? " tensor" : " tensors") + ", got " +
             std::to_string(given));
}

CompiledFunction::CompiledFunction(Body body, CompileOptions options, SourceLocation where)
    : impl_(std::make_shared<Impl>(std::move(body), std::move(options), where)) {}

std::vector<Tensor> CompiledFunction::call(std::span<const Tensor> inputs, SourceLocation where) const {
  for (const Tensor& input : inputs)
    if (const auto& trace = node_of(input).trace; trace && !trace->is_open())
      fail(where, "compile", trace->finished());
  const auto traced = [](const Tensor& input) {
    const trace::Node& node = node_of(input);
    return node.may_record() && trace::trace_for(node);
  };
  if (std::any_of(inputs.begin(), inputs.end(), traced)) {
    impl_->check(inputs, where);
    return impl_->call_body(inputs, where);
  }
  if (impl_->ignored_gradients && grad_enabled())
    fail(where, "compile",
         "the function captured a tensor that requires a gradient when it was compiled under NoGrad: call it "
         "under NoGrad, or make the tensor a parameter");
  if (const auto program = impl_->program_for(inputs, where))
    return impl_->run(*program, inputs, where);
  return impl_->call_body(
      inputs, where); // the body called itself on values that are known: they are computed at once
}

std::shared_ptr<const rt::Executable> CompiledFunction::executable(std::span<const Tensor> inputs,
                                                                   SourceLocation where) const {
  auto program = impl_->program_for(inputs, where);
  if (!program)
    fail(where, "compile", "a function asks for its own program while it is traced");
  return program;
}

std::string CompiledFunction::inspect(std::span<const Tensor> inputs, const std::string& stage,
                                      SourceLocation where) const {
  impl_->check(inputs, where);
  std::lock_guard lock(impl_->trace_mutex);
  std::string text;
  impl_->with_trace(inputs, where, [&](mlir::ModuleOp module) {
    text = locate(where, "inspect", [&] {
      return codegen::inspect(module, impl_->codegen_options(impl_->place_of(inputs)), stage);
    });
  });
  return text;
}

void detail::TracedProgram::use(const CompiledFunction& function, std::span<const Tensor> inputs,
                                const SourceLocation& where, llvm::function_ref<void(mlir::ModuleOp)> use) {
  function.impl_->check(inputs, where);
  const std::lock_guard lock(function.impl_->trace_mutex);
  function.impl_->with_trace(inputs, where, use);
}

int64_t CompiledFunction::compilations() const {
  return impl_->programs.compilations();
}

} // namespace sinter
