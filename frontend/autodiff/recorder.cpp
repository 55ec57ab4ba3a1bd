// Where functions are recorded, and the programs made of those seen before.
#include "autodiff/recorder.h"

#include "codegen/compile.h"
#include "ir/differentiate.h"
#include "ir/gradient.h"
#include "ir/ops.h"
#include "sinter/runtime/log.h"
#include "sinter/runtime/thread_pool.h"
#include "trace/trace.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OperationSupport.h"

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

using namespace mlir;

namespace sinter::autodiff {
namespace {

// Programs kept by a recorder.
constexpr std::size_t kPrograms = 64;
// Types and attributes live as long as their context: it is renewed now and then, lest a program that never
// repeats a shape grows without bound.
constexpr int64_t kRecordings = 1 << 16;

Block& body_of(ModuleOp module) {
  return cast<func::FuncOp>(module.getBody()->front()).getBody().front();
}

// Two recordings with the same hash are compared before one is taken for the other.
uint64_t hash_of(ModuleOp module, const Derivation& derivation) {
  Block& body = body_of(module);
  DenseMap<Value, unsigned> numbers;
  llvm::hash_code hash = llvm::hash_combine(static_cast<uint8_t>(derivation.mode), derivation.values,
                                            derivation.outputs, derivation.variables, derivation.memory_limit,
                                            static_cast<uint8_t>(derivation.device.kind),
                                            derivation.device.index, derivation.precision);
  for (BlockArgument argument : body.getArguments()) {
    numbers.try_emplace(argument, static_cast<unsigned>(numbers.size()));
    hash = llvm::hash_combine(hash, argument.getType().getAsOpaquePointer());
  }
  for (Operation& op : body) {
    hash = llvm::hash_combine(
        hash, OperationEquivalence::computeHash(
                  &op, [&](Value operand) { return llvm::hash_code(numbers.lookup(operand)); },
                  OperationEquivalence::ignoreHashValue, OperationEquivalence::IgnoreLocations));
    for (Value result : op.getResults())
      numbers.try_emplace(result, static_cast<unsigned>(numbers.size()));
  }
  return hash;
}

bool are_equal(ModuleOp a, ModuleOp b) {
  return OperationEquivalence::isRegionEquivalentTo(body_of(a).getParent(), body_of(b).getParent(),
                                                    OperationEquivalence::IgnoreLocations);
}

// Makes a function that gives the derivation of one that was recorded for it.
void derive(ModuleOp module, const Derivation& derivation) {
  auto function = cast<func::FuncOp>(module.getBody()->front());
  Block& body = function.getBody().front();
  Operation* end = body.getTerminator();
  const SmallVector<Value> all(end->getOperands());
  const ArrayRef<Value> given(all);
  const ArrayRef<Value> outputs = given.slice(derivation.values, derivation.outputs);
  const ArrayRef<Value> seeds = given.drop_front(derivation.values + derivation.outputs);
  const SmallVector<Value> variables(body.getArguments().take_front(derivation.variables));

  OpBuilder builder(end);
  using Mode = Derivation::Mode;
  const bool reverse = derivation.mode == Mode::reverse || derivation.mode == Mode::pullback;
  SmallVector<Value> derivatives;
  if (reverse)
    derivatives = ir::buildVjp(builder, outputs, seeds, variables);
  else if (derivation.mode == Mode::forward)
    derivatives = ir::buildJvp(builder, variables, seeds, outputs);
  // Only now: a rule may have put another loop, which keeps more, in the place of one.
  SmallVector<Value> results(
      end->getOperands().take_front(derivation.mode == Mode::pullback ? 0 : derivation.values));
  ir::GradientArithmetic arithmetic(builder, function.getLoc());
  for (auto [value, derivative] : llvm::zip(reverse ? ArrayRef<Value>(variables) : outputs, derivatives))
    results.push_back(arithmetic.materialized(derivative, ir::tensorType(value)));
  end->setOperands(results);
  if (derivation.mode == Mode::none)
    for (Value seed : seeds)
      if (auto argument = dyn_cast<BlockArgument>(seed))
        body.eraseArgument(argument.getArgNumber());
  function.setFunctionType(builder.getFunctionType(body.getArgumentTypes(), ValueRange(results).getTypes()));
  SmallVector<Attribute> names;
  for (std::size_t i = 0; i < results.size(); ++i)
    names.push_back(builder.getDictionaryAttr(
        builder.getNamedAttr("sinter.name", builder.getStringAttr("result" + std::to_string(i)))));
  function.setResAttrsAttr(builder.getArrayAttr(names));
  function.setArgAttrsAttr(ArrayAttr());
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    function.setArgAttr(i, "sinter.name", builder.getStringAttr("arg" + std::to_string(i)));
}

// Says so when one place keeps giving programs that were not seen before.
std::atomic<int64_t> all_compilations{0};

void count_compilation(const std::string& name) {
  ++all_compilations;
  static std::mutex mutex;
  static std::map<std::string, int> counts;
  const std::lock_guard lock(mutex);
  const int count = ++counts[name];
  constexpr int kOften = 16;
  if (count >= kOften && (count & (count - 1)) == 0)
    rt::log(
        name + ": " + std::to_string(count) +
        " programs have been compiled for this place; each length of a loop, each combination of shapes and "
        "each number in the code makes one");
}

std::mutex pool_mutex;
std::vector<std::unique_ptr<Recorder>>& pool() {
  // Never destroyed: compiled code and contexts would outlive what they need at exit.
  static auto* const waiting = new std::vector<std::unique_ptr<Recorder>>;
  return *waiting;
}

} // namespace

Recorder::Lease::Lease() {
  {
    const std::lock_guard lock(pool_mutex);
    if (!pool().empty()) {
      recorder_ = std::move(pool().back());
      pool().pop_back();
    }
  }
  if (!recorder_ || ++recorder_->recordings_ > kRecordings)
    recorder_ = std::make_unique<Recorder>();
}

Recorder::Lease::~Lease() {
  if (!recorder_)
    return;
  const std::lock_guard lock(pool_mutex);
  pool().push_back(std::move(recorder_));
}

int64_t Recorder::compilations() {
  return all_compilations;
}

Recorder::Recorder() : context_(trace::make_context()) {}
Recorder::~Recorder() = default;

std::shared_ptr<const rt::Executable>
Recorder::program(OwningOpRef<ModuleOp> recorded, const Derivation& derivation, const std::string& name) {
  const uint64_t hash = hash_of(*recorded, derivation);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
    if (entry->hash == hash && entry->derivation == derivation && are_equal(*entry->recorded, *recorded)) {
      entries_.splice(entries_.begin(), entries_, entry);
      return entry->program;
    }
  count_compilation(name);
  const OwningOpRef<ModuleOp> derived(recorded->clone());
  derive(*derived, derivation);
  const rt::PoolScope scope(rt::default_thread_pool());
  codegen::CompileOptions options;
  options.device = to_string(derivation.device);
  options.memoryLimit = derivation.memory_limit;
  options.precision = derivation.precision;
  auto program = codegen::compile(*derived, options);
  entries_.push_front({hash, derivation, std::move(recorded), program});
  if (entries_.size() > kPrograms)
    entries_.pop_back();
  return program;
}

} // namespace sinter::autodiff
