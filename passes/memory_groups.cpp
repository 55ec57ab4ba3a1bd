// Tensors that are slices of one another's memory, because concatenations find them in place.
#include "passes/memory_groups.h"

#include "passes/fusion_region.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Bounds the time for chains of concatenations, of which every one holds all before, and how deep they nest.
constexpr size_t kMostLeaves = 256;

ir::ConcatOp concatInPlace(Value value) {
  auto concat = value.getDefiningOp<ir::ConcatOp>();
  return concat && concat.getInPlace() ? concat : ir::ConcatOp();
}

bool isComputed(Value value) {
  Operation* op = value.getDefiningOp();
  if (!op)
    return false;
  const ir::FusionClass role = fusionClassOf(op);
  return isa<ir::LaunchOp>(op) || (role != ir::FusionClass::opaque && role != ir::FusionClass::alias);
}

bool isReturned(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation* user) {
    return isa<func::ReturnOp>(user) || (isa<ir::ReshapeOp>(user) && isReturned(user->getResult(0)));
  });
}

/// True if the elements of every operand lie together in the result, in the order they have in the operand.
bool operandsAreSlices(ir::ConcatOp concat) {
  const RankedTensorType type = ir::tensorType(concat.getResult());
  const auto axis = static_cast<int64_t>(concat.getAxis());
  const auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding());
  if (!llvm::all_of(concat.getInputs(), [&](Value input) {
        return ir::tensorType(input).getEncoding() == type.getEncoding() &&
               ir::tensorType(input).getNumElements() > 0;
      }))
    return false;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    const int64_t dim = layout ? layout.getOrder()[static_cast<size_t>(i)] : i;
    if (dim == axis)
      break;
    if ((layout ? layout.getPhysicalShape(type.getShape())[static_cast<size_t>(i)] : type.getDimSize(i)) != 1)
      return false;
  }
  // A block is of one operand; what pads the last is what pads the result.
  return !layout || layout.getBlocked() != axis ||
         llvm::all_of(concat.getInputs().drop_back(), [&](Value input) {
           return ir::tensorType(input).getDimSize(static_cast<unsigned>(axis)) % layout.getBlock() == 0;
         });
}

bool overlap(const Slice& a, const Slice& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

} // namespace

SmallVector<Slice> leavesOf(Value value, int64_t offset) {
  value = aliasRoot(value);
  auto concat = concatInPlace(value);
  if (!concat)
    return {{value, offset, ir::storedBytes(ir::tensorType(value))}};
  SmallVector<Slice> leaves;
  for (Value input : concat.getInputs()) {
    leaves.append(leavesOf(input, offset));
    offset += ir::storedBytes(ir::tensorType(input));
  }
  return leaves;
}

size_t MemoryGroups::groupOf(Value leaf) {
  const auto [place, isNew] = places.try_emplace(leaf, Place{groups.size(), 0});
  if (isNew) {
    Group group;
    group.end = ir::storedBytes(ir::tensorType(leaf));
    group.leaves.push_back({leaf, 0, group.end});
    if (isReturned(leaf))
      group.returned = leaf;
    groups.push_back(std::move(group));
  }
  return place->second.group;
}

SmallVector<bool> MemoryGroups::add(ir::ConcatOp concat) {
  SmallVector<bool> isPlaced(concat.getInputs().size(), false);
  if (!operandsAreSlices(concat))
    return isPlaced;
  SmallVector<Slice> wanted;
  SmallVector<int64_t> offsets;
  int64_t offset = 0;
  for (Value input : concat.getInputs()) {
    wanted.append(leavesOf(input, offset));
    offsets.push_back(offset);
    offset += ir::storedBytes(ir::tensorType(input));
  }
  if (wanted.size() > kMostLeaves)
    return isPlaced;
  Value result = concat.getResult();
  const size_t own = groups.size();
  Group group;
  group.end = ir::storedBytes(ir::tensorType(result));
  group.concats.push_back({result, 0, group.end});
  if (isReturned(result))
    group.returned = result;
  groups.push_back(group);
  places[result] = {own, 0};

  // What is in the way of one operand may be another: the group is complete after the last.
  for (auto [i, input] : llvm::enumerate(concat.getInputs()))
    isPlaced[i] = join(aliasRoot(input), {own, offsets[i]}, wanted, group.end);
  return isPlaced;
}

/// Moves the group of `operand` into that of `place`, so that the operand lies there. `wanted` is what the
/// first `bytes` of the group are to hold.
bool MemoryGroups::join(Value operand, Place place, ArrayRef<Slice> wanted, int64_t bytes) {
  if (!places.contains(operand)) {
    if (!isComputed(operand))
      return false;
    groupOf(operand);
  }
  const Place now = places.lookup(operand);
  if (now.group == place.group)
    return now.offset == place.offset;
  Group& into = groups[place.group];
  Group& from = groups[now.group];
  const int64_t shift = place.offset - now.offset;
  if (!mayMerge(into, from, shift, wanted, bytes))
    return false;
  const auto move = [&](SmallVector<Slice>& to, ArrayRef<Slice> slices) {
    for (const Slice& slice : slices) {
      to.push_back({slice.value, slice.offset + shift, slice.bytes});
      places[slice.value] = {place.group, slice.offset + shift};
    }
  };
  move(into.leaves, from.leaves);
  move(into.concats, from.concats);
  into.begin = std::min(into.begin, from.begin + shift);
  into.end = std::max(into.end, from.end + shift);
  if (from.returned)
    into.returned = from.returned;
  from = {};
  return true;
}

bool MemoryGroups::mayMerge(const Group& into, const Group& from, int64_t shift, ArrayRef<Slice> wanted,
                            int64_t bytes) const {
  // An output is a group's first and last byte.
  const int64_t begin = from.begin + shift, end = from.end + shift;
  if ((into.returned && from.returned) || (into.returned && (begin < into.begin || end > into.end)) ||
      (from.returned && (begin > into.begin || end < into.end)))
    return false;
  const Slice whole{{}, 0, bytes};
  return llvm::none_of(from.leaves, [&](const Slice& leaf) {
    const Slice moved{leaf.value, leaf.offset + shift, leaf.bytes};
    const bool isWanted = llvm::any_of(wanted, [&](const Slice& other) {
      return other.value == moved.value && other.offset == moved.offset;
    });
    return (overlap(moved, whole) && !isWanted) ||
           llvm::any_of(into.leaves, [&](const Slice& other) { return overlap(moved, other); });
  });
}

} // namespace sinter::passes
