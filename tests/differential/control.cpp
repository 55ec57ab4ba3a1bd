// Makers of branches and loops, with bodies of a few random smooth operations.
#include "case.h"

#include "ir/control_flow.h"

namespace sinter::differential {

namespace {

using Values = llvm::SmallVector<mlir::Value>;
using Types = llvm::SmallVector<mlir::Type>;

constexpr int kMostDepth = 2; // of bodies in bodies

/// Random operations on tensors of one type, and on single numbers of its elements.
class Body {
public:
  Body(Case& c, mlir::OpBuilder& builder, mlir::ValueRange values, mlir::RankedTensorType type, int depth)
      : c_(c), g_(builder, c.location()), type_(type), depth_(depth) {
    for (mlir::Value value : values)
      if (isNumeric(value))
        pool_.push_back(value);
  }

  /// A value of the type, not too large: as often as it is carried on.
  mlir::Value bounded() { return g_.apply<ir::TanhOp>(value()); }

  mlir::Value value() {
    for (int64_t i = c_.integer(0, 3); i > 0; --i)
      pool_.push_back(computed());
    return whole();
  }

private:
  bool isNumeric(mlir::Value value) const {
    const auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
    return type && type.getElementType() == type_.getElementType() && (type == type_ || type.getRank() == 0);
  }

  mlir::Value any() {
    return pool_.empty()
               ? g_.filled(c_.real(-1, 1), type_)
               : pool_[static_cast<std::size_t>(c_.integer(0, static_cast<int64_t>(pool_.size()) - 1))];
  }

  mlir::Value whole() { return g_.broadcastTo(any(), type_.getShape()); }

  mlir::Value computed() {
    switch (c_.integer(0, depth_ < kMostDepth ? 7 : 5)) {
    case 0:
      return g_.apply<ir::TanhOp>(any());
    case 1:
      return g_.apply<ir::SigmoidOp>(any());
    case 2:
      return g_.add(any(), any());
    case 3:
      return g_.sub(any(), c_.chance(0.5) ? ir::Term(any()) : ir::Term(c_.real(-1, 1)));
    case 4:
      return g_.mul(bounded(), any());
    case 5:
      return g_.mul(any(), c_.real(-1, 1));
    case 6:
      return innerScan();
    default:
      return innerWhile();
    }
  }

  mlir::Value innerScan();
  mlir::Value innerWhile();

  Case& c_;
  ir::GradientArithmetic g_;
  mlir::RankedTensorType type_;
  int depth_;
  Values pool_;
};

std::unique_ptr<mlir::Region>
body(Case& c, mlir::TypeRange arguments, mlir::RankedTensorType type, int depth,
     llvm::function_ref<Values(Body&, mlir::OpBuilder&, mlir::ValueRange)> yields) {
  return ir::makeBody(c.builder().getContext(), c.location(), arguments,
                      [&](mlir::OpBuilder& builder, mlir::ValueRange values) {
                        Body inside(c, builder, values, type, depth + 1);
                        return yields(inside, builder, values);
                      });
}

/// Carries of `type`, some of which change places or stay what they are.
Values nextCarries(Case& c, Body& inside, mlir::ValueRange carries) {
  Values next;
  for (std::size_t i = 0; i < carries.size(); ++i)
    next.push_back(
        c.chance(0.25)
            ? carries[static_cast<std::size_t>(c.integer(0, static_cast<int64_t>(carries.size()) - 1))]
            : inside.bounded());
  return next;
}

mlir::Value number(Case& c, mlir::OpBuilder& builder, int64_t value) {
  return ir::GradientArithmetic(builder, c.location())
      .number(static_cast<double>(value), builder.getI32Type());
}

/// Counts an i32 carry, the last, up to `bound`, the last invariant; the other carries are of `type`.
ir::WhileOp countingWhile(Case& c, mlir::OpBuilder& builder, mlir::ValueRange carries,
                          mlir::ValueRange invariants, mlir::RankedTensorType type, int depth,
                          std::optional<int64_t> most) {
  Types types;
  llvm::append_range(types, carries.getTypes());
  llvm::append_range(types, invariants.getTypes());
  const std::size_t counter = carries.size() - 1;
  auto condition = body(c, types, type, depth, [&](Body&, mlir::OpBuilder& b, mlir::ValueRange values) {
    return Values{ir::create<ir::LessOp>(b, c.location(), values[counter], values.back())};
  });
  auto round = body(c, types, type, depth, [&](Body& inside, mlir::OpBuilder& b, mlir::ValueRange values) {
    Values next = nextCarries(c, inside, values.take_front(counter));
    next.push_back(ir::create<ir::AddOp>(b, c.location(), values[counter], number(c, b, 1)));
    return next;
  });
  return ir::createWhile(builder, c.location(), carries, invariants, std::move(condition), std::move(round),
                         most);
}

mlir::Value Body::innerScan() {
  const Values carries{whole()}, invariants{any()};
  const Types types{type_, invariants[0].getType()};
  auto round = body(c_, types, type_, depth_, [](Body& inside, mlir::OpBuilder&, mlir::ValueRange) {
    return Values{inside.bounded()};
  });
  return ir::createScan(g_.builder, c_.location(), carries, {}, invariants, c_.integer(0, 3), false,
                        std::move(round))
      .getResult(0);
}

mlir::Value Body::innerWhile() {
  const Values carries{whole(), number(c_, g_.builder, 0)};
  const Values invariants{any(), number(c_, g_.builder, c_.integer(0, 3))};
  return countingWhile(c_, g_.builder, carries, invariants, type_, depth_, c_.integer(1, 4)).getResult(0);
}

/// Returns one of the results; the others become results of the program, or stay unused.
mlir::Value offer(Case& c, mlir::Operation* op, mlir::RankedTensorType type) {
  Values fitting;
  for (mlir::Value result : op->getResults())
    if (ir::tensorType(result).getElementType() == type.getElementType())
      fitting.push_back(result);
  const auto chosen = static_cast<std::size_t>(c.integer(0, static_cast<int64_t>(fitting.size()) - 1));
  for (auto [i, result] : llvm::enumerate(fitting))
    if (i != chosen && c.chance(0.7))
      c.setCurrent(result);
  return fitting[chosen];
}

/// A tensor that the bodies compute with, and the type of most.
mlir::Value leading(Case& c) {
  return c.data(Elements::floating, 0, 3);
}

mlir::Value scalarOrLike(Case& c, mlir::RankedTensorType type) {
  return c.chance(0.3) ? c.tensor({}, type.getElementType())
                       : c.dataOf(type.getShape(), type.getElementType());
}

/// A body that takes `inputs` and gives so many tensors of `type`, or the first input.
std::unique_ptr<mlir::Region> givingResults(Case& c, mlir::ValueRange inputs, mlir::RankedTensorType type,
                                            int64_t results) {
  return body(c, inputs.getTypes(), type, 0, [&](Body& inside, mlir::OpBuilder&, mlir::ValueRange values) {
    Values given;
    for (int64_t i = 0; i < results; ++i)
      given.push_back(c.chance(0.2) ? values[0] : inside.value());
    return given;
  });
}

mlir::Value makeCond(Case& c) {
  mlir::Value first = leading(c);
  const mlir::RankedTensorType type = ir::tensorType(first);
  Values inputs{first};
  for (int64_t i = c.integer(0, 3); i > 0; --i)
    inputs.push_back(scalarOrLike(c, type));
  const int64_t results = c.integer(1, 3);
  const auto branch = [&] { return givingResults(c, inputs, type, results); };
  mlir::Value predicate = c.tensor({}, c.elementType(Elements::boolean), {}, 0.2);
  auto thenBody = branch(), elseBody = branch();
  return offer(
      c,
      ir::createCond(c.builder(), c.location(), predicate, inputs, std::move(thenBody), std::move(elseBody)),
      type);
}

mlir::Value makeWhile(Case& c) {
  mlir::Value first = leading(c);
  const mlir::RankedTensorType type = ir::tensorType(first);
  Values carries{first}, invariants;
  for (int64_t i = c.integer(0, 2); i > 0; --i)
    carries.push_back(c.dataOf(type.getShape(), type.getElementType()));
  for (int64_t i = c.integer(0, 2); i > 0; --i)
    invariants.push_back(scalarOrLike(c, type));
  carries.push_back(c.tensor({}, c.builder().getI32Type(), {0, 2}, 0.5));
  invariants.push_back(c.tensor({}, c.builder().getI32Type(), {0, 5}, 0.5));
  // Reverse mode needs a bound, which is sometimes what ends the loop.
  const bool bounded = c.purpose() == Purpose::derivatives || c.chance(0.5);
  return offer(c,
               countingWhile(c, c.builder(), carries, invariants, type, 0,
                             bounded ? std::optional(c.integer(0, 6)) : std::nullopt),
               type);
}

mlir::Value makeScan(Case& c) {
  mlir::Value first = leading(c);
  const mlir::RankedTensorType type = ir::tensorType(first);
  const int64_t steps = c.choose<int64_t>({0, 1, 2, 3, 3, 4, 5});
  Dims stacked{steps};
  llvm::append_range(stacked, type.getShape());
  Values carries, sequences, invariants;
  if (c.chance(0.8))
    carries.push_back(first);
  else
    invariants.push_back(first);
  for (int64_t i = c.integer(0, 2); i > 0; --i)
    carries.push_back(c.dataOf(type.getShape(), type.getElementType()));
  for (int64_t i = c.integer(0, 2); i > 0; --i)
    sequences.push_back(c.chance(0.2) ? c.tensor({steps}, type.getElementType())
                                      : c.dataOf(stacked, type.getElementType()));
  for (int64_t i = c.integer(0, 2); i > 0; --i)
    invariants.push_back(scalarOrLike(c, type));
  Types types;
  llvm::append_range(types, mlir::ValueRange(carries).getTypes());
  for (mlir::Value sequence : sequences)
    types.push_back(ir::sliceType(ir::tensorType(sequence)));
  llvm::append_range(types, mlir::ValueRange(invariants).getTypes());
  const int64_t outputs = c.integer(carries.empty() ? 1 : 0, 2);
  auto round = body(c, types, type, 0, [&](Body& inside, mlir::OpBuilder&, mlir::ValueRange values) {
    Values given = nextCarries(c, inside, values.take_front(carries.size()));
    for (int64_t i = 0; i < outputs; ++i)
      given.push_back(c.chance(0.2) ? values[0] : inside.value());
    return given;
  });
  return offer(c,
               ir::createScan(c.builder(), c.location(), carries, sequences, invariants, steps, c.chance(0.4),
                              std::move(round)),
               type);
}

mlir::Value makeCheckpoint(Case& c) {
  mlir::Value first = leading(c);
  const mlir::RankedTensorType type = ir::tensorType(first);
  Values inputs{first};
  for (int64_t i = c.integer(0, 3); i > 0; --i)
    inputs.push_back(scalarOrLike(c, type));
  const int64_t results = c.integer(1, 3);
  auto inner = givingResults(c, inputs, type, results);
  return offer(c, ir::createCheckpoint(c.builder(), c.location(), inputs, std::move(inner)), type);
}

/// a tanh(b), and b's sign as well, with the derivative they have: tanh(b) is captured, or computed again.
mlir::Value makeCustomGradient(Case& c) {
  mlir::Value a = leading(c);
  const mlir::RankedTensorType type = ir::tensorType(a);
  mlir::Value b = c.dataOf(type.getShape(), type.getElementType());
  ir::GradientArithmetic g(c.builder(), c.location());
  mlir::Value slope = g.apply<ir::TanhOp>(b);
  const Values inputs{a, b}, values{g.mul(a, slope), g.less(b, 0)};
  const Values captured = c.chance(0.5) ? Values{slope} : Values{};
  Types arguments{type, type};
  for (int i = 0; i < 2; ++i)
    llvm::append_range(arguments, mlir::ValueRange(values).getTypes());
  llvm::append_range(arguments, mlir::ValueRange(captured).getTypes());
  auto rule = ir::makeBody(c.builder().getContext(), c.location(), arguments,
                           [&](mlir::OpBuilder& builder, mlir::ValueRange given) {
                             ir::GradientArithmetic inside(builder, c.location());
                             mlir::Value t = captured.empty() ? inside.apply<ir::TanhOp>(given[1]) : given[6];
                             mlir::Value dy = given[4];
                             return Values{inside.mul(dy, t), inside.mul(inside.mul(dy, given[0]),
                                                                         inside.sub(1, inside.square(t)))};
                           });
  return offer(c,
               ir::createCustomGradient(c.builder(), c.location(), inputs, values, captured, std::move(rule)),
               type);
}

} // namespace

void detail::addControl(Table& table) {
  table["sinter.cond"] = {makeCond};
  table["sinter.while"] = {makeWhile};
  table["sinter.scan"] = {makeScan, true, true};
  table["sinter.checkpoint"] = {makeCheckpoint};
  table["sinter.custom_gradient"] = {makeCustomGradient};
}

} // namespace sinter::differential
