// Attention: shapes, reference semantics and costs.
#include "ir/ops.h"

#include "ir/operand_checks.h"
#include "sinter/runtime/eager/attention.h"

#include <numeric>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/contract/attention.cpp.inc"

namespace sinter::ir {
namespace {

using Extents = SmallVector<int64_t, 4>;

Extents permuted(ArrayRef<int64_t> extents, ArrayRef<int64_t> permutation) {
  if (permutation.empty())
    return Extents(extents);
  return Extents(
      llvm::map_range(permutation, [&](int64_t dim) { return extents[static_cast<size_t>(dim)]; }));
}

// `lastMayMove`: of the last two dimensions either may be stored last.
LogicalResult checkPermutation(std::optional<Location> location, StringRef op, StringRef role,
                               ArrayRef<int64_t> permutation, int64_t rank, bool lastMayMove = false) {
  if (permutation.empty())
    return success();
  Extents sorted(permutation), counted(static_cast<size_t>(rank));
  llvm::sort(sorted);
  std::iota(counted.begin(), counted.end(), int64_t{0});
  if (sorted != counted)
    return emitOptionalError(location, op, ": ", role, " permutation ", text(permutation),
                             " does not name each of ", rank, " dimensions once");
  const int64_t last = rank - 1;
  if (permutation.back() != last && !(lastMayMove && permutation[permutation.size() - 2] == last))
    return emitOptionalError(location, op, ": ", role, " permutation ", text(permutation),
                             " moves the last dimension");
  return success();
}

FailureOr<Extents> operandShape(std::optional<Location> location, StringRef op, StringRef role, Value operand,
                                ArrayRef<int64_t> permutation, bool lastMayMove = false) {
  auto type = staticOperand(location, op, operand, role);
  if (failed(type))
    return failure();
  if (!isa<FloatType>(type->getElementType()))
    return emitOptionalError(location, op, ": ", role, " ", *type, " is not of floating-point numbers");
  if (type->getRank() < 2)
    return emitOptionalError(location, op, ": ", role, " ", *type, " has fewer than two dimensions");
  if (failed(checkPermutation(location, op, role, permutation, type->getRank(), lastMayMove)))
    return failure();
  return permuted(type->getShape(), permutation);
}

// The strides of `type`, transposed by `permutation`, aligned with `shape`.
AttentionStrides stridesOf(RankedTensorType type, ArrayRef<int64_t> permutation, ArrayRef<int64_t> shape) {
  Extents strides(static_cast<size_t>(type.getRank()));
  int64_t step = 1;
  for (size_t d = strides.size(); d-- > 0;) {
    strides[d] = step;
    step *= type.getDimSize(static_cast<unsigned>(d));
  }
  strides = permuted(strides, permutation);
  const Extents own = permuted(type.getShape(), permutation);
  Extents aligned(shape.size(), 0);
  const size_t missing = shape.size() - own.size();
  for (size_t d = 0; d < own.size(); ++d)
    aligned[missing + d] = own[d] == 1 && shape[missing + d] != 1 ? 0 : strides[d];
  AttentionStrides result;
  result.column = aligned.pop_back_val();
  result.row = aligned.pop_back_val();
  result.batch = aligned;
  return result;
}

View permuted(const View& view, ArrayRef<int64_t> permutation) {
  if (permutation.empty())
    return view;
  View result = view;
  for (auto [i, dim] : llvm::enumerate(permutation)) {
    result.shape[static_cast<int>(i)] = view.shape[static_cast<int>(dim)];
    result.strides[static_cast<int>(i)] = view.strides[static_cast<int>(dim)];
  }
  return result;
}

Extents inverse(ArrayRef<int64_t> permutation) {
  Extents result(permutation.size());
  for (auto [i, dim] : llvm::enumerate(permutation))
    result[static_cast<size_t>(dim)] = static_cast<int64_t>(i);
  return result;
}

} // namespace

LogicalResult AttentionOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr attributes,
                                            OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto query = operandShape(location, name, "query", adaptor.getQuery(), adaptor.getQueryPermutation());
  auto key = operandShape(location, name, "key", adaptor.getKey(), adaptor.getKeyPermutation(), true);
  auto value = operandShape(location, name, "value", adaptor.getValue(), adaptor.getValuePermutation());
  if (failed(query) || failed(key) || failed(value))
    return failure();
  const auto misfit = [&](const Twine& why) {
    return emitOptionalError(location, name, ": query ", text(*query), ", key ", text(*key), ", value ",
                             text(*value), ": ", why);
  };
  if (query->size() != key->size() || query->size() != value->size())
    return misfit("they have different ranks");
  const Type element = tensorType(adaptor.getQuery()).getElementType();
  if (tensorType(adaptor.getKey()).getElementType() != element ||
      tensorType(adaptor.getValue()).getElementType() != element)
    return misfit("element types differ");
  const size_t rank = query->size(), row = rank - 2, column = rank - 1;
  if ((*query)[column] != (*key)[column])
    return misfit("query and key have rows of different lengths");
  if ((*key)[row] != (*value)[row])
    return misfit("there are not as many keys as values");
  if ((*key)[row] == 0)
    return misfit("there are no keys to attend to");
  if ((*key)[column] == 0)
    return misfit("query and key have rows of no elements");
  auto batch = broadcastShapes(ArrayRef(*query).drop_back(2), ArrayRef(*key).drop_back(2));
  if (succeeded(batch))
    batch = broadcastShapes(*batch, ArrayRef(*value).drop_back(2));
  if (failed(batch))
    return misfit("batch dimensions do not broadcast");
  Extents shape(batch->begin(), batch->end());
  shape.append({(*query)[row], (*key)[row]});
  if (adaptor.getMask()) {
    auto mask = staticOperand(location, name, adaptor.getMask(), "mask");
    if (failed(mask))
      return failure();
    auto merged = broadcastShapes(shape, mask->getShape());
    const bool mayBeWide = element.getIntOrFloatBitWidth() == 16;
    const bool fits = mask->getElementType() == element || (mayBeWide && mask->getElementType().isF32());
    if (!fits || failed(merged) || ArrayRef<int64_t>(*merged) != ArrayRef(shape))
      return emitOptionalError(location, name, ": mask ", *mask, " is not ", element,
                               mayBeWide ? " or f32" : "", " that broadcasts to the scores ", text(shape));
  }
  shape.back() = (*value)[column];
  if (failed(checkPermutation(location, name, "result", adaptor.getResultPermutation(),
                              static_cast<int64_t>(rank))))
    return failure();
  const Extents result = permuted(shape, adaptor.getResultPermutation());
  return addResult(location, name, ArrayRef<int64_t>(result), element, {}, types);
}

Attention AttentionOp::getAttention() {
  const Extents query = permuted(tensorType(getQuery()).getShape(), getQueryPermutation());
  const Extents value = permuted(tensorType(getValue()).getShape(), getValuePermutation());
  const Extents result = permuted(tensorType(getResult()).getShape(), inverse(getResultPermutation()));
  Attention a;
  a.batch.assign(result.begin(), result.end() - 2);
  a.rows = result[result.size() - 2];
  a.width = result.back();
  a.depth = query.back();
  a.keys = value[value.size() - 2];
  const auto shape = [&](int64_t rows, int64_t columns) {
    Extents all(a.batch);
    all.append({rows, columns});
    return all;
  };
  a.query = stridesOf(tensorType(getQuery()), getQueryPermutation(), shape(a.rows, a.depth));
  a.key = stridesOf(tensorType(getKey()), getKeyPermutation(), shape(a.keys, a.depth));
  a.value = stridesOf(tensorType(getValue()), getValuePermutation(), shape(a.keys, a.width));
  a.result = stridesOf(tensorType(getResult()), inverse(getResultPermutation()), shape(a.rows, a.width));
  if (getMask())
    a.mask = stridesOf(tensorType(getMask()), {}, shape(a.rows, a.keys));
  else
    a.mask.batch.assign(a.batch.size(), 0);
  return a;
}

// Beside the products: scale, mask, maximum, exponential and sum of every score.
double AttentionOp::getFlops() {
  const Attention a = getAttention();
  return a.scores() * (2 * static_cast<double>(a.depth + a.width) + 5);
}

void AttentionOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::attention(permuted(operands[0], getQueryPermutation()), permuted(operands[1], getKeyPermutation()),
                   permuted(operands[2], getValuePermutation()), getMask() ? &operands[3] : nullptr,
                   permuted(results[0], inverse(getResultPermutation())), getScale().convertToDouble());
}

} // namespace sinter::ir
