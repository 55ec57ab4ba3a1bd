// The one way operations of the C++ API run: recorded if an operand is traced, else evaluated at once.
#pragma once

#include "trace/errors.h"
#include "trace/node.h"

#include "ir/op_creation.h"
#include "ir/ops.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace sinter::trace {

class Trace;

/// One operation on its way from a call to a result. Both kinds of tensors go through the same inference and
/// the same verification, so eager and compiled code cannot disagree about what is allowed.
class Application {
public:
  Application(const SourceLocation& where, llvm::StringRef name) : where_(where), name_(name) {}

  using Create = llvm::function_ref<mlir::Operation*(mlir::OpBuilder&, mlir::Location)>;
  /// Makes an eager result of this shape that shares an operand's storage.
  using Alias = llvm::function_ref<Tensor(const Shape&)>;

  // First, every argument is seen: the operands among them decide where the operation is built.
  void see(const Tensor& operand);
  void see(const Tensor* operand) {
    if (operand)
      see(*operand);
  }
  void see(std::span<const Tensor> operands) {
    for (const Tensor& operand : operands)
      see(operand);
  }
  template <class Attribute>
  void see(const Attribute&) {}

  // Then each is turned into what the operation's builder takes.
  mlir::Value lower(const Tensor& operand);
  mlir::Value lower(const Tensor* operand) { return operand ? lower(*operand) : mlir::Value(); }
  llvm::SmallVector<mlir::Value> lower(std::span<const Tensor> operands) {
    llvm::SmallVector<mlir::Value> values;
    for (const Tensor& operand : operands)
      values.push_back(lower(operand));
    return values;
  }
  llvm::ArrayRef<int64_t> lower(const Shape& list) { return {list.begin(), list.end()}; }
  llvm::APFloat lower(double number) { return llvm::APFloat(number); }
  mlir::Type lower(DType dtype);
  template <class Attribute>
  Attribute lower(const Attribute& attribute) {
    return attribute;
  }

  Tensor run(Create create, Alias alias);

private:
  Tensor record(Create create);
  Tensor evaluate(Create create, Alias alias);
  [[noreturn]] void fail(const Error& error) const;

  const SourceLocation& where_;
  llvm::StringRef name_;
  std::shared_ptr<Trace> trace_;
  llvm::SmallVector<const Node*, 4> operands_;
  llvm::SmallVector<Tensor, 4> elements_; // by number of the scratch value that stands for it
};

/// Applies `Op` to operands (Tensor, Tensor* if optional, span if variadic) and attributes in the order of
/// its definition. `alias`, if given, takes the place of evaluation. Errors call the operation `name`.
template <class Op, class... Args>
Tensor apply_named(llvm::StringRef name, Application::Alias alias, const SourceLocation& where,
                   const Args&... args) {
  Application application(where, name);
  (application.see(args), ...);
  return application.run(
      [&](mlir::OpBuilder& builder, mlir::Location location) -> mlir::Operation* {
        return ir::create<Op>(builder, location, application.lower(args)...);
      },
      alias);
}

template <class Op, class... Args>
Tensor apply_or_alias(Application::Alias alias, const SourceLocation& where, const Args&... args) {
  return apply_named<Op>(Op::getOperationName(), alias, where, args...);
}

/// ... as part of the public function `name`, which is another than the operation's.
template <class Op, class... Args>
Tensor apply_as(llvm::StringRef name, const SourceLocation& where, const Args&... args) {
  return apply_named<Op>(name, nullptr, where, args...);
}

template <class Op, class... Args>
Tensor apply(const SourceLocation& where, const Args&... args) {
  return apply_or_alias<Op>(nullptr, where, args...);
}

} // namespace sinter::trace
