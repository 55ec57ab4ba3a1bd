// A program being recorded: one function, and the tensors it captured.
#pragma once

#include "trace/node.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace sinter::trace {

/// The location the compiler carries from the user's line to profiles and errors.
mlir::Location mlir_location(mlir::MLIRContext* context, const SourceLocation& where);

/// A context for traces, with the dialects they need.
std::unique_ptr<mlir::MLIRContext> make_context();

/// What is known of the values of a program while it is recorded.
enum class Values : uint8_t {
  unknown,   ///< dtype and shape: the program is compiled for any values; tensors it captures are constants
  on_demand, ///< elements too, computed when they are asked for; tensors it captures are arguments like
             ///< others
};

/// Used by one thread. Operations on traced tensors append to it until it is finished or abandoned; after
/// that, the traced tensors that the user may still hold are refused.
class Trace : public std::enable_shared_from_this<Trace> {
public:
  /// `context` lives until the trace is closed. `what` it is that is traced at `where` ("function compiled").
  Trace(mlir::MLIRContext& context, const SourceLocation& where, Values values, const std::string& what);
  ~Trace();

  /// A further argument of the function.
  Tensor argument(DType dtype, const Shape& shape);
  /// A further argument, and its elements while the function is recorded. For Values::on_demand.
  Tensor argument(const Tensor& elements);
  /// The value that stands for `tensor`: its own; a constant that shares its storage; or, where values are
  /// had on demand, an argument. Throws Error for tensors of other traces.
  mlir::Value value(const Tensor& tensor);
  /// True for what stands for a tensor that does not belong to the program.
  bool is_captured(mlir::Value value) const;
  /// The traced tensor for a value of this program.
  Tensor tensor(mlir::Value value);
  /// A tensor equal to `tensor`, but another value, by which a derivative can be taken alone.
  Tensor renamed(const Tensor& tensor);

  /// The elements of a value, computed with the eager kernels if they were not before. For Values::on_demand.
  const Tensor& elements(mlir::Value value);
  /// ... if they were computed before, else null.
  const Tensor* known(mlir::Value value) const;
  /// Where a value's elements lie, or are computed.
  Device device_of(mlir::Value value) { return place_of(value).value_or(Device::cpu); }
  /// The same; nothing if it depends on nothing but numbers on the host, which go with any device.
  std::optional<Device> place_of(mlir::Value value);
  /// For Values::unknown: where the program is to run.
  void run_on(Device device) { device_ = device; }
  /// From here on they are known.
  void know(mlir::Value value, const Tensor& elements) { known_[value] = elements; }
  Values values() const { return values_; }
  /// False for values of bodies of branches and loops.
  bool has_elements(mlir::Value value) const { return value.getParentBlock() == body_; }

  /// True for what is recorded while eager operations run, for backward().
  bool is_tape() const { return owner_ != std::thread::id(); }
  /// False for the tape of another thread.
  bool is_mine() const { return !is_tape() || owner_ == std::this_thread::get_id(); }
  /// Throws Error if this is one.
  void check_thread() const {
    if (!is_mine())
      fail_other_thread();
  }
  /// True if it captured a tensor that requires a gradient, which NoGrad allowed.
  bool ignored_gradients() const { return ignored_gradients_; }

  /// While it lives, what is recorded is the body of a branch, loop or checkpoint: the tensors made are of
  /// use in it only.
  class BodyScope {
  public:
    explicit BodyScope(Trace& trace) : trace_(trace), outer_(trace.body_open_) {
      trace.body_open_ = open_ = std::make_shared<bool>(true);
    }
    ~BodyScope() {
      *open_ = false;
      trace_.body_open_ = outer_;
    }
    BodyScope(const BodyScope&) = delete;
    BodyScope& operator=(const BodyScope&) = delete;

  private:
    Trace& trace_;
    std::shared_ptr<const bool> outer_;
    std::shared_ptr<bool> open_;
  };

  /// Keeps elements of constants alive until this is gone, which is after the program has been compiled.
  void keep(const std::shared_ptr<const Storage>& storage) { kept_.insert(storage); }

  mlir::OpBuilder& builder() { return builder_; }
  bool is_open() const { return module_.get() != nullptr; }
  /// To be called where an operation begins: drops, now and then, what a tape holds for nobody.
  void tidy() {
    if (made_.size() >= prune_at_ && is_tape() && !body_open_ && !is_pinned())
      prune();
  }
  /// As long as a token lives, tensors of a tape stay the values they are: for what refers to them by value.
  std::shared_ptr<const void> pin() const { return pins_; }
  bool is_pinned() const { return pins_.use_count() > 1; }
  /// What errors say of a tensor of this trace that is used when the trace is over.
  const std::string& finished() const { return finished_; }

  /// Where values are had on demand: the elements of all arguments, those captured among them, in order.
  /// Throws Error if one was changed since.
  std::vector<Tensor> arguments() const;
  /// ... and the traced tensors that anybody still holds.
  std::vector<std::shared_ptr<Node>> live() const;

  /// Ends the function with `results`. The module is complete then.
  mlir::ModuleOp finish(llvm::ArrayRef<mlir::Value> results);
  /// The finished module; the trace is closed.
  mlir::OwningOpRef<mlir::ModuleOp> release();
  /// Frees the program. Called on abandonment too; traced tensors may outlive it.
  void close();

protected:
  struct Argument {
    Tensor elements;
    std::shared_ptr<Storage> storage; // what they come from
    uint64_t version;                 // of that, when they became an argument
  };

  static const Tensor& checked(const Argument& argument);
  /// The argument that stands for a tensor that requires a gradient. For tapes.
  mlir::Value recorded_leaf(const Tensor& tensor);
  mlir::Value recorded_released(const Tensor& tensor);
  /// All values that depend on a leaf, or on what was released, by operations that are differentiated.
  llvm::DenseSet<mlir::Value> requiring_gradient() const;
  /// Drops what no tensor refers to any more. For tapes.
  void prune();

private:
  mlir::Value constant(const Tensor& tensor);
  mlir::Value capture(const Tensor& tensor);
  bool is_current(mlir::Value captured, bool requires_grad) const;
  void check_argument(mlir::Value value) const;
  void evaluate(mlir::Operation* op);
  void settle();
  [[noreturn]] void fail_captured(const Node& node) const;
  [[noreturn]] static void fail_other_thread();

protected:
  const Values values_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::OpBuilder builder_;
  mlir::Location location_;
  std::string name_; // "function compiled at file.cpp:12"
  std::string finished_;
  bool ignored_gradients_ = false;
  Device device_;
  std::shared_ptr<const bool> body_open_; // of the innermost body being traced
  mlir::Block* body_ = nullptr;
  std::set<std::shared_ptr<const Storage>> kept_;
  // Captured tensors, which are kept alive, and what stands for them.
  std::unordered_map<const Node*, std::pair<Tensor, mlir::Value>> captured_;
  // Of values on demand.
  std::vector<Argument> arguments_;
  llvm::DenseMap<mlir::Value, Tensor> known_;
  llvm::DenseMap<mlir::Value, std::optional<Device>> places_; // as far as they were asked for
  std::vector<std::weak_ptr<Node>> made_;
  const std::shared_ptr<const char> pins_ = std::make_shared<const char>();
  // Of tapes.
  std::thread::id owner_;
  std::vector<Tensor> leaves_; // what the first arguments stand for
  // Arguments in place of what a backward() has released, and the line of that.
  llvm::DenseMap<mlir::Value, std::string> released_;
  static constexpr std::size_t kFirstPrune = 512;
  std::size_t prune_at_ = kFirstPrune; // so many tensors are made before the next look
};

/// While it lives, functions traced on this thread are part of this trace: derivatives of them are recorded
/// here. The trace is closed at the end, unless it is a tape.
class TraceScope {
public:
  explicit TraceScope(std::shared_ptr<Trace> trace);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  Trace& operator*() const { return *trace_; }
  Trace* operator->() const { return trace_.get(); }
  /// The trace of the innermost scope on this thread, or null.
  static std::shared_ptr<Trace> innermost();

private:
  std::shared_ptr<Trace> trace_;
};

} // namespace sinter::trace
