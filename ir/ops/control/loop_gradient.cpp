// Derivatives of loops: rounds are differentiated as programs of their own.
#include "ir/location.h"
#include "ir/ops/control/derived_body.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sinter::ir {

using namespace derived;

namespace {

//===-- scan ----------------------------------------------------------------------------------------===//

// What each of `carries` was at the beginning of each step, where `op` gives that among its outputs; null for
// others.
Values stacksOf(ScanOp op, ArrayRef<size_t> carries) {
  Block& body = op.getBody().front();
  const Values yielded(body.getTerminator()->getOperands());
  Values stacks;
  for (size_t carry : carries) {
    Value stack;
    for (size_t i = op.getCarries().size(); i < yielded.size() && !stack; ++i)
      if (yielded[i] == body.getArgument(static_cast<unsigned>(carry)))
        stack = op.getResult(static_cast<unsigned>(i));
    stacks.push_back(stack);
  }
  return stacks;
}

// The same where all are wanted: for those that are missing, `op` once more, before it and in its place, with
// them as further outputs. Other sweeps through it find them there.
Values stackCarries(ScanOp op, ArrayRef<size_t> carries) {
  if (Values stacks = stacksOf(op, carries); !llvm::is_contained(stacks, Value()))
    return stacks;
  OpBuilder builder(op);
  auto body = std::make_unique<Region>();
  IRMapping mapping;
  op.getBody().cloneInto(body.get(), mapping);
  Operation* yield = body->front().getTerminator();
  Values results(yield->getOperands());
  for (auto [carry, stack] : llvm::zip_equal(carries, stacksOf(op, carries)))
    if (!stack)
      results.push_back(body->getArgument(static_cast<unsigned>(carry)));
  yield->setOperands(results);
  ScanOp stacking = createScan(builder, op.getLoc(), op.getCarries(), op.getSequences(), op.getInvariants(),
                               static_cast<int64_t>(op.getSteps()), op.getReverse(), std::move(body));
  op.replaceAllUsesWith(stacking.getResults().take_front(op.getNumResults()));
  return stacksOf(stacking, carries);
}

// The scan that runs against the steps of another and carries cotangents.
class Transposition {
public:
  Transposition(ScanOp op, ValueRange cotangents) : op_(op) {
    const size_t carries = op.getCarries().size();
    carried_.assign(cotangents.begin(), cotangents.begin() + static_cast<std::ptrdiff_t>(carries));
    stacked_.assign(cotangents.begin() + static_cast<std::ptrdiff_t>(carries), cotangents.end());
    for (Value cotangent : carried_)
      live_.push_back(bool(cotangent));
  }

  // Cotangents of all operands.
  Values build(OpBuilder& builder) {
    // A carry's cotangent that is zero in the end may come from other carries and outputs on the way.
    Attempt attempt = tryBody();
    while (spread(attempt))
      attempt = tryBody();
    const size_t carries = op_.getCarries().size(), sequences = op_.getSequences().size();
    if (!any(attempt.found) && !llvm::is_contained(live_, true))
      return attempt.found;
    const ArrayRef<Value> found = attempt.found;
    const Values sums = finish(attempt, found.drop_front(carries + sequences));
    return create(builder, attempt, sums);
  }

private:
  struct Attempt {
    Body body;
    Values carried; ///< arguments: cotangents of the carries, null where dead
    Values primal;  ///< arguments: carries, slices, invariants
    Values found;   ///< cotangents of `primal`
    Values results; ///< what else is yielded: cotangents of slices
  };

  Attempt tryBody() {
    Attempt attempt{Body(op_), {}, {}, {}, {}};
    Body& body = attempt.body;
    for (auto [carry, live] : llvm::zip_equal(op_.getCarries(), live_))
      attempt.carried.push_back(live ? body.argument(carry.getType()) : Value());
    const Values carries = body.arguments(op_.getCarries().getTypes());
    const auto slice = [](Value value) -> Type { return sliceType(tensorType(value)); };
    const Values slices = body.arguments(llvm::map_to_vector(op_.getSequences(), slice));
    const Values seeds = inPlaces(stacked_, body.arguments(llvm::map_to_vector(present(stacked_), slice)));
    const Values invariants = body.arguments(op_.getInvariants().getTypes());
    attempt.primal = joined({carries, slices, invariants});
    const Values outputs = inlineBody(body.builder(), op_.getBody(), attempt.primal);
    attempt.found = vjpOf(body, outputs, joined({attempt.carried, seeds}), attempt.primal);
    return attempt;
  }

  // True if carries that were taken for dead are not.
  bool spread(const Attempt& attempt) {
    bool changed = false;
    for (size_t i = 0; i < live_.size(); ++i)
      if (attempt.found[i] && !live_[i])
        live_[i] = changed = true;
    return changed;
  }

  // Ends the body. Returns the invariants' cotangents, null for none: their sums are further carries.
  Values finish(Attempt& attempt, ArrayRef<Value> invariants) {
    Body& body = attempt.body;
    Values results;
    for (auto [i, carry] : llvm::enumerate(op_.getCarries()))
      if (live_[i])
        results.push_back(body.arithmetic().materialized(attempt.found[i], tensorType(carry)));
    Values sums;
    for (Value cotangent : invariants) {
      sums.push_back(cotangent);
      if (cotangent)
        results.push_back(
            body.arithmetic().add(body.insertArgument(results.size(), cotangent.getType()), cotangent));
    }
    const size_t carries = op_.getCarries().size();
    attempt.results = Values(ArrayRef(attempt.found).slice(carries, op_.getSequences().size()));
    llvm::append_range(results, present(attempt.results));
    body.yield(results);
    return sums;
  }

  Values create(OpBuilder& builder, Attempt& attempt, const Values& sums) {
    GradientArithmetic g(builder, op_.getLoc());
    Values initial;
    for (auto [i, carry] : llvm::enumerate(op_.getCarries()))
      if (live_[i])
        initial.push_back(g.materialized(carried_[i], tensorType(carry)));
    for (Value sum : present(sums))
      initial.push_back(g.filled(0, tensorType(sum)));

    // Of the carries, only what the derivative reads is kept.
    SmallVector<size_t> kept;
    size_t at = initial.size();
    for (size_t i = 0; i < op_.getCarries().size(); ++i)
      if (attempt.body.isUsed(at + i))
        kept.push_back(i);
    for (size_t i = op_.getCarries().size(); i-- > 0;)
      if (!llvm::is_contained(kept, i))
        attempt.body.eraseArgument(at + i);
    Values sequences = kept.empty() ? Values() : stackCarries(op_, kept);
    llvm::append_range(sequences, joined({op_.getSequences(), present(stacked_)}));
    MutableArrayRef<Body> bodies(attempt.body);
    Values invariants(op_.getInvariants());
    dropUnused(bodies, invariants, at + sequences.size());
    dropUnused(bodies, sequences, at);

    ScanOp scan = createScan(builder, op_.getLoc(), initial, sequences, invariants,
                             static_cast<int64_t>(op_.getSteps()), !op_.getReverse(), attempt.body.take());
    return cotangents(scan.getResults(), attempt.results, sums);
  }

  Values cotangents(ValueRange results, const Values& slices, const Values& sums) const {
    Values all;
    size_t next = 0;
    for (const bool live : live_)
      all.push_back(live ? results[next++] : Value());
    const Values summed = inPlaces(sums, results.drop_front(next));
    next += present(sums).size();
    llvm::append_range(all, inPlaces(slices, results.drop_front(next)));
    llvm::append_range(all, summed);
    return all;
  }

  ScanOp op_;
  Values carried_, stacked_; // cotangents of results
  SmallVector<bool> live_;   // the carries whose cotangents are not zero throughout
};

//===-- Forward mode of loops -----------------------------------------------------------------------===//

// Operands of a loop and what goes with them.
struct Tangents {
  Values carries, sequences, invariants;
};

// A loop's body that carries tangents, too. `live`: the carries that have them.
struct ForwardBody {
  Body body;
  Values found; ///< tangents of what it yields
};

ForwardBody tryForward(Operation* op, Region& region, size_t carries, size_t sequences,
                       const Tangents& tangents, ArrayRef<bool> live) {
  ForwardBody attempt{Body(op), {}};
  Body& body = attempt.body;
  const auto types = region.getArgumentTypes();
  const auto part = [&](size_t from, size_t count) {
    return body.arguments(TypeRange(types).slice(from, count));
  };
  const auto seeds = [&](ValueRange values, ValueRange given) {
    Values result;
    for (auto [value, tangent] : llvm::zip_equal(values, given))
      result.push_back(tangent ? body.argument(value.getType()) : Value());
    return result;
  };
  const Values c = part(0, carries);
  Values tc;
  for (auto [value, isLive] : llvm::zip_equal(c, live))
    tc.push_back(isLive ? body.argument(value.getType()) : Value());
  const Values x = part(carries, sequences);
  const Values tx = seeds(x, tangents.sequences);
  const Values w = part(carries + sequences, types.size() - carries - sequences);
  const Values tw = seeds(w, tangents.invariants);
  const Values outputs = inlineBody(body.builder(), region, joined({c, x, w}));
  attempt.found = jvpOf(body, joined({c, x, w}), joined({tc, tx, tw}), outputs);
  Values results(ArrayRef(outputs).take_front(carries));
  for (size_t i = 0; i < carries; ++i)
    if (live[i])
      results.push_back(body.arithmetic().materialized(attempt.found[i], tensorType(c[i])));
  llvm::append_range(results, present(ArrayRef(attempt.found).drop_front(carries)));
  body.yield(results);
  return attempt;
}

// As above, for the carries that turn out to have tangents; `live` says which.
ForwardBody forwardBody(Operation* op, Region& region, const Tangents& tangents, SmallVector<bool>& live) {
  const size_t carries = tangents.carries.size(), sequences = tangents.sequences.size();
  for (Value tangent : tangents.carries)
    live.push_back(bool(tangent));
  for (;;) {
    ForwardBody attempt = tryForward(op, region, carries, sequences, tangents, live);
    bool spread = false;
    for (size_t i = 0; i < carries; ++i)
      if (attempt.found[i] && !live[i])
        live[i] = spread = true;
    if (!spread)
      return attempt;
  }
}

// The carries, and the tangents of those that are live.
Values withTangents(OpBuilder& builder, Location loc, ValueRange carries, const Values& tangents,
                    ArrayRef<bool> live) {
  Values all(carries);
  for (auto [carry, tangent, isLive] : llvm::zip_equal(carries, tangents, live))
    if (isLive)
      all.push_back(GradientArithmetic(builder, loc).materialized(tangent, tensorType(carry)));
  return all;
}

Values carriedTangents(ValueRange results, ArrayRef<bool> live) {
  Values found;
  size_t next = live.size();
  for (const bool isLive : live)
    found.push_back(isLive ? results[next++] : Value());
  return found;
}

// `op` as a scan, before it and in its place: rounds after the last change nothing.
ScanOp boundedScan(WhileOp op) {
  const auto limit = op.getMaxIterations();
  if (!limit) {
    const auto sources = sourcesOf(op.getLoc());
    throw Error(
        (sources.empty() ? "" : sources.front() + ": ") +
        "while_loop has no reverse mode unless a bound on its iterations is stated; state one, or use "
        "scan");
  }
  OpBuilder builder(op);
  const size_t carries = op.getCarries().size();
  auto round = makeBody(
      op.getContext(), op.getLoc(), op.getBody().getArgumentTypes(),
      [&](OpBuilder& inside, ValueRange arguments) -> Values {
        const auto branch = [&](bool goesOn) {
          return makeBody(op.getContext(), op.getLoc(), TypeRange(arguments),
                          [&](OpBuilder& deep, ValueRange values) -> Values {
                            return goesOn ? inlineBody(deep, op.getBody(), values)
                                          : Values(values.take_front(carries));
                          });
        };
        Value goesOn = inlineBody(inside, op.getCondition(), arguments).front();
        return createCond(inside, op.getLoc(), goesOn, arguments, branch(true), branch(false)).getResults();
      });
  ScanOp scan = createScan(builder, op.getLoc(), op.getCarries(), {}, op.getInvariants(),
                           static_cast<int64_t>(*limit), /*reverse=*/false, std::move(round));
  op.replaceAllUsesWith(scan.getResults());
  return scan;
}

} // namespace

SmallVector<Value> ScanOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return Transposition(*this, cotangents).build(builder);
}

SmallVector<Value> ScanOp::jvp(OpBuilder& builder, ValueRange tangents) {
  const size_t carries = getCarries().size(), sequences = getSequences().size();
  const Tangents given{Values(tangents.take_front(carries)), Values(tangents.slice(carries, sequences)),
                       Values(tangents.drop_front(carries + sequences))};
  SmallVector<bool> live;
  ForwardBody forward = forwardBody(*this, getBody(), given, live);
  if (!any(forward.found) && !llvm::is_contained(live, true))
    return forward.found;
  const Values initial = withTangents(builder, getLoc(), getCarries(), given.carries, live);
  Values slices = joined({getSequences(), present(given.sequences)});
  Values others = joined({getInvariants(), present(given.invariants)});
  MutableArrayRef<Body> bodies(forward.body);
  dropUnused(bodies, others, initial.size() + slices.size());
  dropUnused(bodies, slices, initial.size());
  ScanOp scan = createScan(builder, getLoc(), initial, slices, others, static_cast<int64_t>(getSteps()),
                           getReverse(), forward.body.take());
  Values found = carriedTangents(scan.getResults(), live);
  llvm::append_range(found, inPlaces(ArrayRef(forward.found).drop_front(carries),
                                     scan.getResults().drop_front(initial.size())));
  return found;
}

SmallVector<Value> WhileOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return boundedScan(*this).vjp(builder, cotangents);
}

SmallVector<Value> WhileOp::jvp(OpBuilder& builder, ValueRange tangents) {
  const size_t carries = getCarries().size();
  const Tangents given{Values(tangents.take_front(carries)), {}, Values(tangents.drop_front(carries))};
  SmallVector<bool> live;
  ForwardBody forward = forwardBody(*this, getBody(), given, live);
  if (!any(forward.found) && !llvm::is_contained(live, true))
    return forward.found;
  const Values initial = withTangents(builder, getLoc(), getCarries(), given.carries, live);
  const Values others = joined({getInvariants(), present(given.invariants)});
  Body decision(*this);
  const Values arguments = decision.arguments(TypeRange(ValueRange(joined({initial, others}))));
  const ArrayRef<Value> all(arguments);
  decision.yield(
      inlineBody(decision.builder(), getCondition(),
                 joined({all.take_front(carries), all.slice(initial.size(), getInvariants().size())})));
  WhileOp loop = createWhile(builder, getLoc(), initial, others, decision.take(), forward.body.take(),
                             getMaxIterations());
  return carriedTangents(loop.getResults(), live);
}

} // namespace sinter::ir
