// Which lines there are, how long they are, how many neighbours may be taken at once, and so which threads
// share them.
#include "codegen/cuda/fold_plan.h"

#include "codegen/cuda/launch_limits.h"
#include "codegen/cuda/product_matrix.h"
#include "codegen/cuda/vector_trial.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Kind = ThreadGroup::Kind;

constexpr int64_t kRowOfWarp = 512;       // up to so many elements, a row is one warp's
constexpr int64_t kRowOfBusyWarp = 1024;  // or so many, where there are enough of them
constexpr int64_t kLongColumn = 64;       // from so many products on, they are a row
constexpr int64_t kFewProducts = 1 << 15; // threads below which an element's products are shared
constexpr int64_t kPartOfRow = 8192;      // elements for which a block of its own pays
constexpr int64_t kPartOfColumn = 16;     // likewise, for each of its threads
constexpr int64_t kHeldBytes = 64;        // of a line that a thread keeps in registers
constexpr int64_t kFewRounds = 4;
constexpr int64_t kVectorsOfThread = 8; // at least, of a row that a block goes over in a loop
constexpr int64_t kMostParts = 1 << 12; // of a line
constexpr int64_t kPartWords = 1 << 18; // memory for parts

class FoldPlanner : public FoldPlan {
public:
  FoldPlanner(ir::KernelOp kernel, const DimensionGroups& groups)
      : kernel(kernel), yielded(kernel.getBody().front().getTerminator()->getOperands()), groups(groups) {}

  /// False if there is nothing to share.
  bool plan();

private:
  bool planStatistics(Operation* op);
  bool planProducts(Operation* op);
  bool planReduction(Operation* op);
  void planRows(int64_t lines, bool mayPart);
  void planColumns(int64_t columns, bool mayPart);
  void shareAmongBlocks(int64_t lines, int64_t most);
  VectorTrial alongResults();
  SmallVector<Value> sources() const;
  VectorTrial alongSources();
  bool fits(int64_t rounds) const;

  ir::KernelOp kernel;
  Operation::operand_range yielded;
  const DimensionGroups& groups;
  bool foldsAgain = false; // what was folded once
  int64_t tensors = 1;     // that are folded together
  int64_t elementBytes = 4;
};

// The dimension whose neighbours are neighbours in memory, or -1.
int64_t fastest(ArrayRef<int64_t> order, RankedTensorType type) {
  for (int64_t dim : llvm::reverse(order))
    if (type.getDimSize(static_cast<unsigned>(dim)) > 1)
      return dim;
  return -1;
}
int64_t fastest(Value tensor) {
  return fastest(memoryOrder(tensor), ir::tensorType(tensor));
}

bool FoldPlanner::plan() {
  if (Operation* op = statisticsRoot(kernel))
    return planStatistics(op);
  Operation* op = kernel.getRoot();
  if (!op || !resultsAreRoots(kernel, op))
    return false;
  return termsOf(op) > 0 ? planProducts(op) : planReduction(op);
}

bool FoldPlanner::planStatistics(Operation* op) {
  root = op;
  hasStatistics = true;
  const RankedTensorType type = ir::tensorType(op->getResult(0));
  axes = cast<ir::LoopOpInterface>(op).getStatisticsAxes();
  for (int64_t axis : axes)
    count *= type.getDimSize(static_cast<unsigned>(axis));
  if (count <= 1 || type.getNumElements() == 0)
    return false;
  elementBytes = std::max<int64_t>(4, ir::emittedType(type.getElementType()).getIntOrFloatBitWidth() / 8);
  const int64_t lines = type.getNumElements() / count;
  const VectorTrial found = alongResults();
  way.lanes = found.lanes;
  const int64_t fast = fastest(op->getOperand(0));
  if (llvm::is_contained(axes, fast) || fast < 0)
    planRows(lines, false);
  else
    planColumns(lines, false);
  return true;
}

// Sums of products that are too few for tiles.
bool FoldPlanner::planProducts(Operation* op) {
  const int64_t results = ir::tensorType(op->getResult(0)).getNumElements();
  count = termsOf(op);
  if (count < kLongColumn || results >= kFewProducts || results == 0)
    return false;
  root = op;
  planRows(results, true);
  return true;
}

bool FoldPlanner::planReduction(Operation* op) {
  auto fusion = dyn_cast<ir::FusionOpInterface>(op);
  if (!fusion || fusion.getFusionClass() != ir::FusionClass::reduction ||
      ir::tensorType(op->getOperand(0)).getNumElements() == 0)
    return false;
  root = op;
  VectorTrial found = alongResults();
  if (found.folds == 0)
    return false;
  axes = found.axes;
  foldsAgain = found.folds > 1;
  tensors = static_cast<int64_t>(sources().size());
  const RankedTensorType type = ir::tensorType(op->getOperand(0));
  for (int64_t axis : axes)
    count *= type.getDimSize(static_cast<unsigned>(axis));
  if (count < kWarp)
    return false;
  elementBytes = std::max<int64_t>(4, ir::emittedType(type.getElementType()).getIntOrFloatBitWidth() / 8);
  const int64_t lines = type.getNumElements() / count, fast = fastest(op->getOperand(0));
  const bool isRow = fast < 0 || llvm::is_contained(axes, fast);
  way.lanes = isRow ? alongSources().lanes : found.lanes;
  if (isRow)
    planRows(lines, found.folds == 1);
  else
    planColumns(lines, found.folds == 1);
  return true;
}

VectorTrial FoldPlanner::alongResults() {
  const SmallVector<Piece> pieces = splitResults(kernel, groups);
  VectorTrial narrowest{.lanes = 8};
  for (const Piece& piece : pieces) {
    if (llvm::is_contained(piece.extents, 0))
      continue;
    SmallVector<Value> values;
    for (unsigned result : piece.results)
      values.push_back(yielded[result]);
    const RankedTensorType type = ir::tensorType(values[0]);
    const SmallVector<int64_t> order = groups.order(type);
    VectorTrial found =
        tryVectors(kernel, groups, &piece, values, longOnesLast(sidesOf(piece, order)), piece.extents.size());
    if (hasStatistics && fastest(order, type) != fastest(root->getOperand(0)))
      found.lanes = 1;
    found.lanes = std::min(narrowest.lanes, found.lanes);
    found.folds = std::max(narrowest.folds, found.folds);
    narrowest = found;
  }
  return narrowest;
}

// What is folded, and what is along with it.
SmallVector<Value> FoldPlanner::sources() const {
  const auto shape = ir::tensorType(root->getOperand(0)).getShape();
  return llvm::filter_to_vector(root->getOperands(),
                                [&](Value operand) { return ir::tensorType(operand).getShape() == shape; });
}

VectorTrial FoldPlanner::alongSources() {
  Value source = root->getOperand(0);
  const RankedTensorType type = ir::tensorType(source);
  return tryVectors(kernel, groups, nullptr, sources(),
                    longOnesLast(sidesOf(type.getShape(), memoryOrder(source))),
                    static_cast<size_t>(type.getRank()));
}

// If a thread has code of its own for each of so many vectors of its line.
bool FoldPlanner::fits(int64_t rounds) const {
  if (!hasStatistics && !foldsAgain) // no element is asked for again: enough that some loads are on their way
    return termsOf(root) == 0 && rounds <= kFewRounds;
  const int64_t held = rounds * way.lanes * elementBytes * tensors;
  if (elementBytes > 4) // functions of f64 take many registers
    return held <= kHeldBytes / 2;
  return held <= (group.kind == Kind::warp ? 2 * kHeldBytes : kHeldBytes);
}

void FoldPlanner::planRows(int64_t lines, bool mayPart) {
  const int64_t vectors = count / way.lanes;
  tiles = lines;
  if (count <= kRowOfWarp || (count <= kRowOfBusyWarp && way.lanes > 1 && lines >= kResidentBlocks)) {
    group.kind = Kind::warp;
    group.size =
        std::min<int64_t>(kWarp, static_cast<int64_t>(llvm::PowerOf2Ceil(static_cast<uint64_t>(vectors))));
    threads[0] = kBlock;
    algorithm = "rows by warps";
    way.holds = fits(llvm::divideCeilSigned(vectors, group.size));
    return;
  }
  group.kind = Kind::block;
  algorithm = "rows by blocks";
  group.size = std::clamp(llvm::divideCeilSigned(vectors, kVectorsOfThread * kWarp) * kWarp, kBlock,
                          kMostBlockThreads);
  for (int64_t most = kBlock; most <= kMostBlockThreads && !way.holds; most *= 2) {
    const int64_t rounds = llvm::divideCeilSigned(vectors, most);
    way.holds = fits(rounds);
    if (way.holds)
      group.size = llvm::divideCeilSigned(llvm::divideCeilSigned(vectors, rounds), kWarp) * kWarp;
  }
  if (mayPart)
    shareAmongBlocks(lines, count / kPartOfRow);
  if (group.parts.count > 1) {
    group.size = kBlock;
    way.holds = false;
  }
  threads[0] = group.size;
}

void FoldPlanner::planColumns(int64_t columns, bool mayPart) {
  const int64_t wide = columns / way.lanes;
  group.kind = Kind::column;
  group.width = std::min<int64_t>(kWarp, wide);
  // As many threads for a column as keep all multiprocessors busy, and as make a block.
  const int64_t wanted = llvm::divideCeilSigned(kResidentBlocks * kBlock, wide);
  const int64_t most = std::min({kWarp, kBlock / group.width, wanted, std::max<int64_t>(1, count / 4)});
  group.size = static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(most)));
  tiles = llvm::divideCeilSigned(wide, group.width);
  threads[0] = group.width;
  threads[1] = group.size;
  algorithm = "columns";
  way.holds = fits(llvm::divideCeilSigned(count, group.size));
  if (mayPart)
    shareAmongBlocks(tiles, count / (group.size * kPartOfColumn));
  if (group.parts.count > 1)
    way.holds = false;
}

// Where `lines` blocks leave multiprocessors idle, up to `most` blocks share a line.
void FoldPlanner::shareAmongBlocks(int64_t lines, int64_t most) {
  const int64_t memory = kPartWords / std::max<int64_t>(1, lines * group.width * way.lanes);
  const int64_t parts = std::min({kResidentBlocks / lines, most, memory, kMostParts});
  if (parts < 2)
    return;
  group.parts.count = parts;
  algorithm += ", shared";
}

} // namespace

std::optional<FoldPlan> planFolds(ir::KernelOp kernel, const DimensionGroups& groups) {
  FoldPlanner planner(kernel, groups);
  if (!planner.plan())
    return std::nullopt;
  return std::move(planner);
}

} // namespace sinter::codegen::cuda
