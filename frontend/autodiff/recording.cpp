// From a call of a transformed function to its derivatives.
#include "sinter/grad.h"

#include "autodiff/recorder.h"
#include "autodiff/run_program.h"
#include "ir/differentiate.h"
#include "ir/gradient.h"
#include "ir/ops.h"
#include "trace/errors.h"
#include "trace/placement.h"
#include "trace/trace.h"

#include "llvm/ADT/STLExtras.h"

#include <optional>

using namespace mlir;

namespace sinter {

using autodiff::Derivation;
using trace::node_of;
using trace::Trace;

namespace {

std::string described(const Tensor& tensor) {
  return to_string(View{nullptr, tensor.dtype(), tensor.shape(), {}});
}

// "parameter 2, f32[3]"; the number only where there are several.
std::string parameter(std::span<const Tensor> inputs, std::size_t i) {
  return (inputs.size() > 1 ? "tensor " + std::to_string(i + 1) + " of " + std::to_string(inputs.size()) +
                                  " of the parameters, "
                            : std::string("the parameter, ")) +
         described(inputs[i]);
}

std::vector<uint64_t> versions_of(std::span<const Tensor> tensors) {
  std::vector<uint64_t> versions;
  for (const Tensor& tensor : tensors)
    versions.push_back(node_of(tensor).storage->version());
  return versions;
}

} // namespace

// A function called on its own is recorded in a trace of its own, which becomes a program. One that is called
// while another is traced is part of that: its derivative is built there, at once.
struct detail::Recording::Impl {
  const char* transform;
  SourceLocation where;
  std::vector<Tensor> inputs;
  std::vector<Tensor> variables;
  std::shared_ptr<Trace> trace;
  std::optional<autodiff::Recorder::Lease> lease; // of the trace's context, if it is ours
  std::optional<trace::TraceScope> scope;
  std::shared_ptr<const void> pin = nullptr; // of the variables

  bool is_outermost() const { return lease.has_value(); }
  std::string name() const { return std::string(transform) + " at " + trace::to_string(where); }
  [[noreturn]] void fail(const std::string& message) const { trace::fail(where, transform, message); }

  template <class Body>
  decltype(auto) locate(Body&& body) const {
    return trace::locate(where, transform, std::forward<Body>(body));
  }

  // The trace of the first tensor that has one, else the one this is called within.
  std::shared_ptr<Trace> surrounding(std::span<const Tensor> seeds) const {
    for (const auto& tensors : {std::span<const Tensor>(inputs), seeds})
      for (const Tensor& tensor : tensors)
        if (const trace::Node& node = node_of(tensor); node.may_record())
          if (auto found = trace::trace_for(node)) {
            if (!found->is_open())
              throw Error(found->finished());
            found->check_thread();
            return found;
          }
    return trace::TraceScope::innermost();
  }

  void check_inputs() const {
    if (inputs.empty())
      fail("there is no tensor among the parameters to differentiate by");
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (!is_floating(inputs[i].dtype()))
        fail(
            parameter(inputs, i) +
            ", is not of floating-point numbers: keep it out of what is differentiated, as another parameter "
            "or captured");
  }

  void begin(std::span<const Tensor> seeds) {
    trace = surrounding(seeds);
    if (!trace) {
      lease.emplace();
      trace = std::make_shared<Trace>((*lease)->context(), where, trace::Values::on_demand,
                                      "function differentiated");
      scope.emplace(trace);
    }
    pin = trace->pin();
    for (const Tensor& input : inputs)
      variables.push_back(is_outermost() ? trace->argument(trace::concrete(input)) : trace->renamed(input));
    if (trace->is_tape()) // transforms that the function calls are part of it, too
      scope.emplace(trace);
  }

  llvm::SmallVector<Value> values_of(std::span<const Tensor> tensors) {
    llvm::SmallVector<Value> values;
    for (const Tensor& tensor : tensors)
      values.push_back(trace->value(tensor));
    return values;
  }

  void check_number(const Tensor& loss) const {
    if (locate([&] { return loss.elements(); }) != 1)
      fail("the function returns " + described(loss) +
           "; the gradient is of one number: reduce it, with sum() or mean(), or use vjp() or jacobian()");
    check_outputs(std::span(&loss, 1));
  }

  // A tensor may have been moved from.
  void check_there(std::span<const Tensor> tensors) const {
    locate([&] {
      for (const Tensor& tensor : tensors)
        (void)node_of(tensor);
    });
  }

  void check_outputs(std::span<const Tensor> outputs) const {
    check_there(outputs);
    for (const Tensor& output : outputs)
      if (!is_floating(output.dtype()))
        fail("the function returns " + described(output) + ", which is not of floating-point numbers");
  }

  void check_seeds(std::span<const Tensor> of, std::span<const Tensor> seeds, const char* kind) const {
    if (of.size() != seeds.size())
      fail("expected " + std::to_string(of.size()) + " " + kind + "s, got " + std::to_string(seeds.size()));
    for (std::size_t i = 0; i < of.size(); ++i)
      if (of[i].dtype() != seeds[i].dtype() || !(of[i].shape() == seeds[i].shape()))
        fail("the " + std::string(kind) + " " + described(seeds[i]) + " of " + described(of[i]) +
             " must be of the same dtype and shape");
  }

  void check_use(std::span<const Tensor> outputs) const {
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const Value value = node_of(variables[i]).value;
      const auto is_result = [&](const Tensor& output) { return node_of(output).value == value; };
      if (value.use_empty() && std::none_of(outputs.begin(), outputs.end(), is_result))
        fail(parameter(inputs, i) +
             ", is not used by the function; set GradOptions::allow_unused if its gradient is to be zeros");
    }
  }

  // What a derivative is as a tensor of the surrounding trace.
  Tensor traced(Value derivative, const Tensor& like) {
    ir::GradientArithmetic arithmetic(trace->builder(),
                                      trace::mlir_location(trace->builder().getContext(), where));
    return trace->tensor(arithmetic.materialized(derivative, ir::tensorType(node_of(like).value)));
  }

  std::vector<Tensor> traced(ArrayRef<Value> derivatives, std::span<const Tensor> like) {
    std::vector<Tensor> tensors;
    for (auto [derivative, tensor] : llvm::zip_equal(derivatives, like))
      tensors.push_back(traced(derivative, tensor));
    return tensors;
  }

  Value ones(const Tensor& like) {
    const Location location = trace::mlir_location(trace->builder().getContext(), where);
    return ir::GradientArithmetic(trace->builder(), location).filled(1, ir::tensorType(node_of(like).value));
  }

  // Tensors that do not come from the trace become part of it.
  std::vector<Tensor> in_trace(std::span<const Tensor> tensors) {
    std::vector<Tensor> traced;
    for (const Tensor& tensor : tensors)
      traced.push_back(node_of(tensor).trace == trace ? tensor : trace->tensor(trace->value(tensor)));
    return traced;
  }

  // Ends the trace: what is held gets its elements, the derivatives are returned.
  std::vector<Tensor> run(Derivation derivation, ArrayRef<Value> outputs, ArrayRef<Value> seeds,
                          const std::string& device = "cpu") {
    autodiff::LiveTensors live(*trace);
    derivation.values = live.results();
    derivation.outputs = static_cast<unsigned>(outputs.size());
    derivation.variables = static_cast<unsigned>(variables.size());
    const std::vector<Tensor> arguments = trace->arguments();
    derivation.device = trace::place_for(device, arguments);
    llvm::SmallVector<Value> results(live.values());
    llvm::append_range(results, outputs);
    llvm::append_range(results, seeds);
    trace->finish(results);
    const auto program = (*lease)->program(trace->release(), derivation, name());
    std::vector<Tensor> computed = autodiff::run_program(*program, arguments);
    live.become(computed);
    computed.erase(computed.begin(), computed.begin() + derivation.values);
    return computed;
  }
};

detail::Recording::Recording(const char* transform, const SourceLocation& where)
    : impl_(new Impl{transform, where, {}, {}, nullptr, std::nullopt, std::nullopt}) {}
detail::Recording::~Recording() = default;

std::vector<Tensor> detail::Recording::begin(std::span<const Tensor> inputs,
                                             std::optional<std::span<const Tensor>> seeds) {
  impl_->inputs.assign(inputs.begin(), inputs.end());
  impl_->check_there(inputs);
  impl_->check_inputs();
  if (seeds) {
    impl_->check_there(*seeds);
    impl_->check_seeds(inputs, *seeds, "tangent");
  }
  return impl_->locate([&] {
    impl_->begin(seeds.value_or(std::span<const Tensor>()));
    return impl_->variables;
  });
}

std::vector<Tensor> detail::Recording::gradients(const Tensor& loss, const GradOptions& options) {
  Impl& impl = *impl_;
  impl.check_number(loss);
  const std::vector<Tensor> output = impl.locate([&] { return impl.in_trace(std::span(&loss, 1)); });
  if (!options.allow_unused)
    impl.check_use(output);
  return impl.locate([&] {
    const Value value = node_of(output[0]).value, one = impl.ones(output[0]);
    if (impl.is_outermost())
      return impl.run({.mode = Derivation::Mode::reverse,
                       .memory_limit = options.memory_limit,
                       .precision = options.precision},
                      {value}, {one}, options.device);
    const GradOptions presets;
    const char* given = options.memory_limit != presets.memory_limit ? "memory_limit"
                        : options.device != presets.device           ? "device"
                        : options.precision != presets.precision     ? "precision"
                                                                     : nullptr;
    if (given)
      throw Error(std::string(given) + " is that of a whole program, and this is a part of one; give it to "
                                       "the outermost transform, or to compile()");
    return impl.traced(ir::buildVjp(impl.trace->builder(), value, one, impl.values_of(impl.variables)),
                       impl.variables);
  });
}

std::vector<Tensor> detail::Recording::tangents(std::span<const Tensor> outputs,
                                                std::span<const Tensor> seeds) {
  Impl& impl = *impl_;
  impl.check_outputs(outputs);
  return impl.locate([&] {
    const std::vector<Tensor> results = impl.in_trace(outputs);
    const auto values = impl.values_of(results), directions = impl.values_of(seeds);
    if (impl.is_outermost())
      return impl.run({.mode = Derivation::Mode::forward}, values, directions);
    return impl.traced(
        ir::buildJvp(impl.trace->builder(), impl.values_of(impl.variables), directions, values), results);
  });
}

std::function<std::vector<Tensor>(std::span<const Tensor>)>
detail::Recording::pullback(std::span<const Tensor> outputs) {
  Impl& impl = *impl_;
  impl.check_outputs(outputs);
  return impl.locate([&]() -> std::function<std::vector<Tensor>(std::span<const Tensor>)> {
    const std::vector<Tensor> results = impl.in_trace(outputs);
    if (!impl.is_outermost())
      return [impl = std::shared_ptr<Impl>(new Impl{impl.transform, impl.where, impl.inputs, impl.variables,
                                                    impl.trace, std::nullopt, std::nullopt, impl.pin}),
              results](std::span<const Tensor> cotangents) {
        impl->check_seeds(results, cotangents, "cotangent");
        return impl->locate([&] {
          if (!impl->trace->is_open())
            throw Error(impl->trace->finished());
          return impl->traced(ir::buildVjp(impl->trace->builder(), impl->values_of(results),
                                           impl->values_of(cotangents), impl->values_of(impl->variables)),
                              impl->variables);
        });
      };

    // Two programs: one gives the values now, the other takes cotangents later.
    const auto values = impl.values_of(results);
    autodiff::LiveTensors live(*impl.trace);
    const std::vector<Tensor> arguments = impl.trace->arguments();
    llvm::SmallVector<Value> ends(live.values());
    llvm::append_range(ends, values);
    for (const Tensor& result : results)
      ends.push_back(node_of(impl.trace->argument(result.dtype(), result.shape())).value);
    impl.trace->finish(ends);
    const auto count = static_cast<unsigned>(results.size());
    const auto variables = static_cast<unsigned>(impl.variables.size());
    OwningOpRef<ModuleOp> recorded = impl.trace->release();
    Derivation derivation{.values = live.results(),
                          .outputs = count,
                          .variables = variables,
                          .device = trace::common_device(arguments)};
    const auto forward =
        (*impl.lease)->program(OwningOpRef<ModuleOp>(recorded->clone()), derivation, impl.name());
    derivation.mode = Derivation::Mode::pullback;
    const auto backward = (*impl.lease)->program(std::move(recorded), derivation, impl.name());
    live.become(autodiff::run_program(*forward, arguments));
    return [backward, arguments, versions = versions_of(arguments), name = impl.transform, where = impl.where,
            results](std::span<const Tensor> cotangents) {
      Impl check{name, where, {}, {}, nullptr, std::nullopt, std::nullopt};
      check.check_seeds(results, cotangents, "cotangent");
      for (const Tensor& cotangent : cotangents)
        if (const trace::Node& node = node_of(cotangent); node.may_record() && trace::trace_for(node))
          check.fail(
              "the cotangent " + described(cotangent) +
              " is recorded, but what the function did was not recorded with it: pass its detach(), or "
              "call vjp() where the cotangent is recorded");
      if (versions_of(arguments) != versions)
        check.fail(
            "a tensor that the function reads was written to (mutable_data) since; write to a clone() of it");
      std::vector<Tensor> all = arguments;
      all.insert(all.end(), cotangents.begin(), cotangents.end());
      return check.locate([&] { return autodiff::run_program(*backward, all); });
    };
  });
}

} // namespace sinter
