// Tensors that require gradients, and the tape they are recorded on.
#include "sinter/tape.h"

#include "autodiff/tape.h"
#include "sinter/ops.h"
#include "trace/errors.h"
#include "trace/placement.h"

#include <mutex>
#include <utility>

namespace sinter {

using autodiff::Tape;
using trace::fail;
using trace::node_of;

namespace {

thread_local int no_grad_depth = 0;

std::string described(const trace::Node& node) {
  return to_string(View{nullptr, node.dtype, node.shape, {}});
}

bool is_on_tape(const trace::Node& node) {
  return node.trace && node.trace->is_tape();
}

void check_alike(const Tensor& given, const Tensor& wanted, const char* operation, const char* what,
                 const SourceLocation& where) {
  if (given.dtype() != wanted.dtype() || !(given.shape() == wanted.shape()))
    fail(where, operation,
         std::string(what) + ", " + described(node_of(given)) + ", is not of the dtype and shape of " +
             described(node_of(wanted)));
}

// The open tape that `tensor` is recorded on.
Tape& tape_of(const Tensor& tensor, const SourceLocation& where) {
  const trace::Node& node = node_of(tensor);
  if (!node.trace)
    fail(where, "backward",
         node.gradient
             ? described(node) + " was recorded, but the backward() at " + node.gradient->released_at +
                   " has released that; give the first one {.retain_graph = true}, or compute it again"
             : described(node) + " does not depend on a tensor that requires a gradient; call "
                                 "set_requires_grad() on parameters before they are used, outside "
                                 "of NoGrad");
  if (!node.trace->is_tape() || trace::TraceScope::innermost())
    fail(where, "backward",
         "called inside a function that is compiled or differentiated: return the value, and use grad()");
  trace::locate(where, "backward", [&] {
    node.trace->check_thread();
    if (!node.trace->is_open())
      throw Error(node.trace->finished());
    if (!node.trace->has_elements(node.value))
      throw Error("called inside the body of a branch or loop: let the body return the value");
  });
  return static_cast<Tape&>(*node.trace);
}

void run_backward(const Tensor& output, const std::optional<Tensor>& cotangent,
                  const BackwardOptions& options, const SourceLocation& where) {
  const trace::Node& node = node_of(output);
  if (!is_floating(node.dtype))
    fail(where, "backward", described(node) + " is not of floating-point numbers");
  if (!cotangent && node.shape.elements() != 1)
    fail(where, "backward",
         described(node) + " is not one number: reduce it, with sum() or mean(), or give a cotangent");
  if (cotangent)
    check_alike(*cotangent, output, "backward", "the cotangent", where);
  if (trace::locate(where, "backward", [&] { return output.requires_grad() && output.is_leaf(); })) {
    // It depends on itself alone.
    autodiff::add_to_gradient(node, cotangent
                                        ? trace::concrete(*cotangent).clone(where)
                                        : Tensor::ones(node.shape, node.dtype, where).to(output.device()));
    return;
  }
  Tape& tape = tape_of(output, where);
  trace::locate(where, "backward",
                [&] { tape.backward(node.value, cotangent, options.retain_graph, where); });
}

} // namespace

bool grad_enabled() {
  return no_grad_depth == 0;
}

NoGrad::NoGrad(SourceLocation where) {
  if (trace::TraceScope::innermost())
    fail(where, "NoGrad",
         "inside a function that is compiled or differentiated: use stop_gradient() on what is a constant");
  ++no_grad_depth;
}
NoGrad::~NoGrad() {
  --no_grad_depth;
}

Tensor& Tensor::set_requires_grad(bool on, SourceLocation where) {
  const trace::Node& node =
      trace::locate(where, "set_requires_grad", [&]() -> auto& { return node_of(*this); });
  const char* const operation = "set_requires_grad";
  if (!is_floating(node.dtype))
    fail(where, operation, described(node) + " is not of floating-point numbers, which have no gradient");
  if (node.trace && !node.trace->is_tape())
    fail(where, operation,
         "inside a function that is compiled or differentiated: gradients are by its parameters");
  if (node.literal)
    fail(where, operation, "a number in the program's text is a constant");
  trace::locate(where, operation, [&] { trace::leave_tape(*this); });
  if (!is_leaf()) {
    if (on)
      return *this;
    fail(where, operation, described(node) + " is the result of what was recorded; use its detach()");
  }
  if (!on)
    node_->gradient = nullptr;
  else if (!node.gradient) {
    if (node_ == Tensor().node_) // which all tensors without elements share
      node_ = trace::make_empty(node.dtype, node.shape).node_;
    node_->gradient = std::make_shared<trace::GradientState>();
  }
  return *this;
}

bool Tensor::requires_grad() const {
  const trace::Node& node = node_of(*this);
  if (is_on_tape(node) && node.trace->is_open()) {
    node.trace->check_thread();
    return static_cast<const Tape&>(*node.trace).requires_grad(node.value);
  }
  return node.gradient != nullptr;
}

bool Tensor::is_leaf() const {
  const trace::Node& node = node_of(*this);
  return node.trace ? is_on_tape(node) && !requires_grad() : !node.gradient || node.gradient->is_leaf();
}

void Tensor::backward(BackwardOptions options, SourceLocation where) const {
  run_backward(*this, std::nullopt, options, where);
}

void Tensor::backward(const Tensor& cotangent, BackwardOptions options, SourceLocation where) const {
  run_backward(*this, cotangent, options, where);
}

Tensor Tensor::grad(SourceLocation where) const {
  const trace::Node& node = node_of(*this);
  if (!trace::locate(where, "grad", [&] { return is_leaf(); }))
    fail(where, "grad",
         described(node) + " is not a leaf but the result of an operation that was recorded; gradients are "
                           "kept for tensors made by set_requires_grad()");
  if (!node.gradient)
    fail(where, "grad", described(node) + " does not require a gradient; call set_requires_grad()");
  if (auto sum = autodiff::gradient_of(node))
    return *sum;
  fail(where, "grad",
       described(node) + " has no gradient: no backward() went through it since it was made or zero_grad()");
}

bool Tensor::has_grad() const {
  return autodiff::gradient_of(node_of(*this)).has_value();
}

void Tensor::zero_grad() {
  autodiff::forget_gradient(node_of(*this));
}

Tensor Tensor::detach(SourceLocation where) const {
  return trace::locate(where, "detach", [&] {
    const trace::Node& node = node_of(*this);
    if (node.trace && !(is_on_tape(node) && !grad_enabled()))
      return stop_gradient(*this, where);
    const trace::Node& elements = node_of(trace::concrete(*this));
    return trace::make_concrete(elements.storage, elements.dtype, elements.shape, elements.strides,
                                elements.byte_offset);
  });
}

void Tensor::assign(const Tensor& value, SourceLocation where) {
  trace::locate(where, "assign", [&] { return std::pair(&node_of(*this), &node_of(value)); });
  const trace::Node& node = node_of(*this);
  if (!trace::locate(where, "assign", [&] { return trace::leave_tape(*this); }))
    fail(where, "assign", "to " + described(node) + ", which is computed by what is being recorded");
  check_alike(value, *this, "assign", "the value", where);
  for (int i = 0; i < node.shape.rank(); ++i)
    if (node.strides[i] == 0 && node.shape[i] > 1)
      fail(where, "assign",
           "to " + described(node) +
               ", of which several elements are one in memory (broadcast_to); assign to a clone()");
  if (node_of(value).may_record() && grad_enabled())
    fail(where, "assign",
         "the value, " + described(node_of(value)) +
             ", is recorded, and gradients cannot go through an assignment; compute it under NoGrad, or "
             "assign its detach()");
  trace::locate(where, "assign", [&] {
    const Tensor copy = trace::concrete(value).clone(where); // it may share elements with this
    node.storage->written();
    trace::copy_elements(copy, *this);
  });
}

namespace trace {

bool leave_tape(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  if (node.trace && is_on_tape(node) && !node.trace->is_pinned() && !tensor.requires_grad())
    tensor.node()->become(node_of(concrete(tensor).clone()));
  return !node.trace;
}

std::shared_ptr<Trace> trace_for(const Node& node) {
  if (node.trace ? !node.trace->is_tape() : !node.gradient)
    return node.trace;
  if (!grad_enabled())
    return nullptr;
  if (auto scope = TraceScope::innermost())
    return scope;
  return node.trace ? node.trace : Tape::current();
}

} // namespace trace

namespace autodiff {
namespace {

// Leaves may be shared by threads, each of which has its tape.
std::mutex gradient_mutex;

} // namespace

void add_to_gradient(const trace::Node& leaf, const Tensor& derivative) {
  const std::lock_guard lock(gradient_mutex);
  if (!leaf.gradient) // it was made no leaf since it was recorded
    return;
  auto& sum = leaf.gradient->sum;
  sum = sum ? *sum + derivative : derivative;
}

std::optional<Tensor> gradient_of(const trace::Node& leaf) {
  const std::lock_guard lock(gradient_mutex);
  return leaf.gradient ? leaf.gradient->sum : std::nullopt;
}

void forget_gradient(const trace::Node& leaf) {
  const std::lock_guard lock(gradient_mutex);
  if (leaf.gradient)
    leaf.gradient->sum.reset();
}

Tape::Tape()
    : Trace(TapeContext::lease->context(), SourceLocation::current(), trace::Values::on_demand, "tape") {
  owner_ = std::this_thread::get_id();
  // All others have elements when it ends.
  finished_ = "a tensor of the body of a branch or loop is used outside of it; let the body return it";
}

std::shared_ptr<Tape> Tape::current() {
  thread_local std::weak_ptr<Tape> last;
  auto tape = last.lock();
  if (!tape || !tape->is_open())
    last = tape = std::make_shared<Tape>();
  return tape;
}

bool Tape::requires_grad(mlir::Value value) const {
  return requiring_gradient().contains(value);
}

} // namespace autodiff
} // namespace sinter
