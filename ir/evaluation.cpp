// Operations computed by their eager kernels.
#include "ir/evaluation.h"

#include "ir/ops.h"
#include "sinter/runtime/eager/elementwise.h"

using namespace mlir;

namespace sinter::ir {
namespace {

bool isHalfView(const View& view) {
  return view.dtype == DType::f16 || view.dtype == DType::bf16;
}

// Conversions, and what moves elements and does not look at them.
bool takesHalves(Operation* op) {
  if (isa<CastOp>(op))
    return true;
  const auto role = cast<FusionOpInterface>(op).getFusionClass();
  return role == FusionClass::movement || role == FusionClass::alias;
}

// Of the same shape, in f32, in `storages`.
View wide(const View& view, SmallVectorImpl<std::shared_ptr<Storage>>& storages) {
  storages.push_back(Storage::allocate(
      static_cast<size_t>(checked_bytes(view.shape.dims(), static_cast<int64_t>(sizeof(float))))));
  return View::dense(storages.back()->data(), DType::f32, view.shape);
}

} // namespace

void evaluate(Operation* op, ArrayRef<View> operands, ArrayRef<View> results) {
  auto evaluable = cast<EvaluateOpInterface>(op);
  if ((llvm::none_of(operands, isHalfView) && llvm::none_of(results, isHalfView)) || takesHalves(op))
    return evaluable.evaluate(operands, results);
  SmallVector<std::shared_ptr<Storage>> storages;
  SmallVector<View> given(operands), computed(results);
  for (View& view : given)
    if (isHalfView(view)) {
      const View converted = wide(view, storages);
      eager::cast(view, converted);
      view = converted;
    }
  for (View& view : computed)
    if (isHalfView(view))
      view = wide(view, storages);
  evaluable.evaluate(given, computed);
  for (auto [from, to] : llvm::zip(computed, results))
    if (isHalfView(to))
      eager::cast(from, to);
}

} // namespace sinter::ir
