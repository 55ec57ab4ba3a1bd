// compile(f): traces a function once per signature, keeps the compiled programs, runs them.
#include "sinter/compile.h"

#include "codegen/compile.h"
#include "sinter/runtime/thread_pool.h"
#include "trace/errors.h"
#include "trace/trace.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <mutex>

namespace sinter {

using trace::fail;
using trace::locate;
using trace::node_of;
using trace::Trace;

namespace {

// Deep enough for any network, shallow enough for any stack.
constexpr int kMaxNesting = 200;

struct Argument {
  DType dtype;
  Shape shape;
  bool operator==(const Argument&) const = default;
};
using Signature = llvm::SmallVector<Argument, 4>;

bool matches(const Signature& signature, std::span<const Tensor> inputs) {
  return std::equal(signature.begin(), signature.end(), inputs.begin(), inputs.end(),
                    [](const Argument& argument, const Tensor& input) {
                      return argument.dtype == input.dtype() && argument.shape == input.shape();
                    });
}

Signature signature_of(std::span<const Tensor> inputs) {
  Signature signature;
  for (const Tensor& input : inputs)
    signature.push_back({input.dtype(), input.shape()});
  return signature;
}

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

std::vector<View> make_outputs(const rt::Executable& program, std::vector<Tensor>& outputs) {
  std::vector<View> views;
  outputs.reserve(program.outputs().size());
  views.reserve(program.outputs().size());
  for (const rt::TensorSpec& spec : program.outputs()) {
    outputs.push_back(trace::make_empty(spec.dtype, spec.shape));
    views.push_back(node_of(outputs.back()).view());
  }
  return views;
}

} // namespace

struct CompiledFunction::Impl {
  struct Program {
    Signature signature;
    std::shared_ptr<const rt::Executable> executable;
    uint64_t last_use = 0;
  };

  Body body;
  CompileOptions options;
  SourceLocation where;
  std::unique_ptr<rt::ThreadPool> own_pool;

  std::mutex cache_mutex; // guards programs and clock; held for moments only
  std::vector<Program> programs;
  uint64_t clock = 0;
  int64_t compilations = 0;

  // Held while tracing and compiling. Recursive: the body may call this function on concrete tensors.
  std::recursive_mutex trace_mutex;
  std::vector<Signature> in_progress; // of the thread that holds trace_mutex

  Impl(Body body, CompileOptions options, SourceLocation where)
      : body(std::move(body)), options(std::move(options)), where(where) {
    if (this->options.threads != 0)
      own_pool = locate(where, "compile",
                        [this] { return std::make_unique<rt::ThreadPool>(this->options.threads); });
  }

  codegen::CompileOptions codegen_options() const {
    return {.fuse = options.fuse, .cpu = options.cpu, .progress = {}, .precise = options.precise};
  }

  rt::ThreadPool& pool() { return own_pool ? *own_pool : rt::default_thread_pool(); }

  std::shared_ptr<const rt::Executable> find(std::span<const Tensor> inputs) {
    std::lock_guard lock(cache_mutex);
    for (Program& program : programs)
      if (matches(program.signature, inputs)) {
        program.last_use = ++clock;
        return program.executable;
      }
    return nullptr;
  }

  void keep(Signature signature, std::shared_ptr<const rt::Executable> executable) {
    std::lock_guard lock(cache_mutex);
    ++compilations;
    if (programs.size() >= std::max<std::size_t>(options.cached_signatures, 1))
      programs.erase(
          std::min_element(programs.begin(), programs.end(),
                           [](const Program& a, const Program& b) { return a.last_use < b.last_use; }));
    programs.push_back({std::move(signature), std::move(executable), ++clock});
  }

  bool is_in_progress(std::span<const Tensor> inputs) const {
    return std::any_of(in_progress.begin(), in_progress.end(),
                       [&](const Signature& signature) { return matches(signature, inputs); });
  }

  std::vector<Tensor> call_body(std::span<const Tensor> inputs, const SourceLocation& caller) {
    const Nesting nesting(caller);
    return body(inputs);
  }

  // Calls `use` with the module that the body records; whatever is thrown, the trace is closed behind it.
  template <class Use>
  auto with_trace(std::span<const Tensor> inputs, const SourceLocation& caller, Use&& use) {
    const auto trace = std::make_shared<Trace>(where);
    struct Close {
      Trace& trace;
      ~Close() { trace.close(); }
    } close{*trace};
    std::vector<Tensor> arguments;
    for (const Tensor& input : inputs)
      arguments.push_back(trace->argument(input.dtype(), input.shape()));
    const std::vector<Tensor> results = call_body(arguments, caller);
    return locate(caller, "compile", [&] { return use(trace->finish(results)); });
  }

  // The program for `inputs`; null if the calling thread is just making it.
  std::shared_ptr<const rt::Executable> program_for(std::span<const Tensor> inputs,
                                                    const SourceLocation& caller) {
    if (auto found = find(inputs))
      return found;
    std::lock_guard lock(trace_mutex);
    if (auto found = find(inputs)) // made while this thread waited
      return found;
    if (is_in_progress(inputs))
      return nullptr;
    in_progress.push_back(signature_of(inputs));
    struct Done {
      std::vector<Signature>& list;
      ~Done() { list.pop_back(); }
    } done{in_progress};
    std::shared_ptr<const rt::Executable> executable = with_trace(
        inputs, caller, [&](mlir::ModuleOp module) { return codegen::compile(module, codegen_options()); });
    keep(in_progress.back(), executable);
    return executable;
  }

  std::vector<Tensor> run(const rt::Executable& program, std::span<const Tensor> inputs,
                          const SourceLocation& caller) {
    return locate(caller, "compile", [&] {
      llvm::SmallVector<Tensor, 4> copies; // of inputs that are not dense
      llvm::SmallVector<View, 4> views;
      for (const Tensor& input : inputs) {
        copies.push_back(input.contiguous(caller));
        views.push_back(node_of(copies.back()).view());
      }
      std::vector<Tensor> outputs;
      const std::vector<View> output_views = make_outputs(program, outputs);
      program.run(views, output_views, pool());
      return outputs;
    });
  }
};

CompiledFunction::CompiledFunction(Body body, CompileOptions options, SourceLocation where)
    : impl_(std::make_shared<Impl>(std::move(body), std::move(options), where)) {}

std::vector<Tensor> CompiledFunction::call(std::span<const Tensor> inputs, SourceLocation where) const {
  for (const Tensor& input : inputs)
    if (const auto& trace = node_of(input).trace; trace && !trace->is_open())
      fail(where, "compile", trace->finished());
  const auto traced = [](const Tensor& input) { return input.is_traced(); };
  if (std::any_of(inputs.begin(), inputs.end(), traced))
    return impl_->call_body(inputs, where);
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
  std::lock_guard lock(impl_->trace_mutex);
  return impl_->with_trace(inputs, where, [&](mlir::ModuleOp module) {
    return codegen::inspect(module, impl_->codegen_options(), stage);
  });
}

int64_t CompiledFunction::compilations() const {
  std::lock_guard lock(impl_->cache_mutex);
  return impl_->compilations;
}

} // namespace sinter
