// Promised constants: blobs of reserved addresses that nobody can read, and what to do instead.
#include "ir/constant_deferral.h"

#include "ir/constant.h"
#include "ir/evaluation.h"
#include "ir/ops.h"

#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"

#include <sys/mman.h>

using namespace mlir;

namespace sinter::ir {
namespace {

constexpr size_t kPage = 4096;
// From a file through a scale, a transform and a layout there are half a dozen.
constexpr int64_t kMostSteps = 16;

// MLIR wants the address of a constant's elements. These take no memory, and end in a fault where somebody
// reads them without asking the deferral.
AsmResourceBlob reserve(size_t bytes, size_t alignment) {
  const size_t size = llvm::alignTo(std::max<size_t>(bytes, 1), kPage);
  void* address = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    throw Error("cannot reserve " + std::to_string(size) + " bytes of addresses", ErrorKind::system);
  return AsmResourceBlob(
      ArrayRef(static_cast<char*>(address), bytes), alignment,
      [size](void* data, size_t, size_t) { munmap(data, size); }, /*dataIsMutable=*/false);
}

std::string digestOf(ArrayRef<char> bytes) {
  const auto digest =
      llvm::BLAKE3::hash(ArrayRef(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return llvm::toHex(digest, /*LowerCase=*/true);
}

} // namespace

// An operation on constants, apart from the program it came from.
class ConstantDeferral::Evaluation {
public:
  explicit Evaluation(Operation* op) {
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      if (mapping.contains(operand))
        continue;
      constants_.push_back(operand.getDefiningOp()->clone());
      mapping.map(operand, constants_.back()->getResult(0));
    }
    op_ = op->clone(mapping);
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  ~Evaluation() {
    op_->destroy();
    for (Operation* constant : constants_)
      constant->destroy();
  }

  std::shared_ptr<Storage> run() const {
    DenseMap<Value, ConstantData> operands;
    SmallVector<View> views;
    for (Value operand : op_->getOperands()) {
      if (!operands.contains(operand))
        operands[operand] = *constantData(operand);
      views.push_back(operands[operand].view);
    }
    const RankedTensorType type = tensorType(op_->getResult(0));
    auto storage = Storage::allocate(static_cast<size_t>(storedBytes(type)));
    const View result = View::dense(storage->data(), dtypeOf(type.getElementType()), physicalShape(type));
    evaluate(op_, views, result);
    return storage;
  }

  // The operation as text, with what identifies its operands behind it.
  Identity identity() const {
    const DictionaryAttr attributes = op_->getAttrDictionary();
    if (holdsElements(attributes))
      return {};
    Identity identity;
    llvm::raw_string_ostream stream(identity.recipe);
    stream << op_->getName() << attributes << op_->getResultTypes() << op_->getNumOperands();
    for (Value operand : op_->getOperands()) {
      Identity constant = identityOf(operand.getDefiningOp<ConstantOp>().getValue());
      if (constant.recipe.empty())
        return {};
      stream << "\n" << constant.recipe;
      llvm::append_range(identity.sources, constant.sources);
    }
    return identity;
  }

private:
  // Such attributes print as a name that is not their elements'.
  static bool holdsElements(Attribute attribute) {
    return attribute.walk([](DenseResourceElementsAttr) { return WalkResult::interrupt(); }).wasInterrupted();
  }

  static Identity identityOf(ElementsAttr value) {
    const auto resource = dyn_cast<DenseResourceElementsAttr>(value);
    const auto* deferral = ConstantDeferral::of(value.getContext());
    if (resource && deferral && deferral->find(resource))
      return deferral->identityOf(resource);
    const auto bytes = static_cast<size_t>(storedBytes(cast<RankedTensorType>(value.getType())));
    Identity identity;
    llvm::raw_string_ostream(identity.recipe) << value.getType();
    identity.sources.push_back(
        [data = readElements(value), bytes] { return digestOf(ArrayRef(data.view.as<char>(), bytes)); });
    return identity;
  }

  SmallVector<Operation*> constants_;
  Operation* op_ = nullptr;
};

ConstantDeferral::ConstantDeferral(MLIRContext& context) : context_(context) {
  context.getOrLoadDialect<SinterDialect>()->deferral = this;
}

ConstantDeferral::~ConstantDeferral() {
  context_.getLoadedDialect<SinterDialect>()->deferral = nullptr;
}

ConstantDeferral* ConstantDeferral::of(MLIRContext* context) {
  auto* dialect = context->getLoadedDialect<SinterDialect>();
  return dialect ? dialect->deferral : nullptr;
}

ElementsAttr ConstantDeferral::promise(RankedTensorType type, Make make, Identity identity) {
  return promise(type, Promise{std::move(make), [identity = std::move(identity)] { return identity; }});
}

ElementsAttr ConstantDeferral::promise(RankedTensorType type, Promise promise) {
  AsmResourceBlob blob =
      reserve(static_cast<size_t>(storedBytes(type)), size_of(dtypeOf(type.getElementType())));
  promises_[blob.getData().data()] = std::move(promise);
  return DenseResourceElementsAttr::get(type, "weight", std::move(blob));
}

ElementsAttr ConstantDeferral::promiseResult(Operation* op) {
  int64_t steps = 1;
  bool relied = false;
  for (Value operand : llvm::SmallSetVector<Value, 4>(op->operand_begin(), op->operand_end()))
    if (auto attribute = dyn_cast<DenseResourceElementsAttr>(operand.getDefiningOp<ConstantOp>().getValue()))
      if (const Promise* other = promiseOf(attribute)) {
        steps += other->steps;
        relied |= other->relied;
      }
  if (steps > kMostSteps)
    return {};
  const auto evaluation = std::make_shared<Evaluation>(op);
  return promise(tensorType(op->getResult(0)),
                 Promise{[evaluation] { return evaluation->run(); },
                         [evaluation] { return evaluation->identity(); }, steps, relied});
}

const ConstantDeferral::Make* ConstantDeferral::find(DenseResourceElementsAttr attribute) const {
  const Promise* promise = promiseOf(attribute);
  return promise ? &promise->make : nullptr;
}

ConstantDeferral::Identity ConstantDeferral::identityOf(DenseResourceElementsAttr attribute) const {
  const Promise* promise = promiseOf(attribute);
  Identity identity = promise ? promise->identity() : Identity{};
  if (identity.recipe.empty())
    return {};
  llvm::raw_string_ostream(identity.recipe) << " " << attribute.getType();
  return identity;
}

std::string ConstantDeferral::Identity::text() const {
  std::string text = recipe;
  if (!recipe.empty())
    for (const auto& source : sources)
      text += "\n" + source();
  return text;
}

void ConstantDeferral::relyOn(DenseResourceElementsAttr attribute) {
  if (const AsmResourceBlob* blob = attribute.getRawHandle().getBlob())
    if (const auto found = promises_.find(blob->getData().data()); found != promises_.end())
      found->second.relied = true;
}

bool ConstantDeferral::isReliedOn(DenseResourceElementsAttr attribute) const {
  const Promise* promise = promiseOf(attribute);
  return promise && promise->relied;
}

const ConstantDeferral::Promise* ConstantDeferral::promiseOf(DenseResourceElementsAttr attribute) const {
  const AsmResourceBlob* blob = attribute.getRawHandle().getBlob();
  const auto found = blob ? promises_.find(blob->getData().data()) : promises_.end();
  return found == promises_.end() ? nullptr : &found->second;
}

} // namespace sinter::ir
