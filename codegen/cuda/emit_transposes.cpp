// Elements that lie one way in an operand and another way in the result: what a block reads goes through its
// memory, so that neighbouring threads read neighbours, and write neighbours.
#include "codegen/cuda/kernel_frame.h"
#include "codegen/cuda/kernel_kinds.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kThreadsX = 32, kThreadsY = 8;
constexpr int64_t kSmallTile = 32, kLargeTile = 64;
constexpr int64_t kLeastExtent = 16;

// Dimensions of the result that are neighbours in the result and in the operand as well: those that are
// fastest in the operand, those that are fastest in the result, and the others.
struct Runs {
  SmallVector<int64_t> read, written, others;
  bool operator==(const Runs&) const = default;
};

// The dimensions at the end of `order` that follow each other in `other`, too.
SmallVector<int64_t> runAtEnd(ArrayRef<int64_t> order, ArrayRef<int64_t> other) {
  size_t first = order.size() - 1;
  auto place = [&](int64_t dim) { return llvm::find(other, dim) - other.begin(); };
  while (first > 0 && place(order[first - 1]) + 1 == place(order[first]))
    --first;
  return SmallVector<int64_t>(order.drop_front(first));
}

class TransposeWriter {
public:
  explicit TransposeWriter(ir::KernelOp kernel)
      : kernel(kernel), body(kernel.getBody().front()), groups(DimensionGroups::of(kernel)) {}

  bool plan();
  EmittedKernel write(StringRef symbol);

private:
  std::optional<Runs> runsOf(ArrayRef<int64_t> source);
  void consider(Value value, ArrayRef<int64_t> source);
  int64_t extentOf(ArrayRef<int64_t> dims) const;
  int64_t tilesOf(int64_t size) const;
  void writeTile(KernelFrame& frame, Value tile);
  ir::Point positionAt(ThreadEmitter& emitter, Value read, Value written);
  Value slotOf(ThreadEmitter& emitter, size_t number, Value inTile);
  void bring(KernelFrame& frame);
  void makeResults(KernelFrame& frame);
  void forThreads(KernelFrame& frame, Value alongX, int64_t xEnd, Value alongY, int64_t yEnd,
                  llvm::function_ref<void(Value x, Value y, Value inside, Value slot, Value turned)> body);

  ir::KernelOp kernel;
  Block& body;
  DimensionGroups groups;
  SmallVector<int64_t> shape, order; // of the results
  Runs runs;
  SmallVector<Value> staged; // what is read across
  int64_t tile = kSmallTile;
  Value slots, batch, firstRead, firstWritten, threadX, threadY; // where the tile begins
};

//===-- Decisions -----------------------------------------------------------------------------------===//

int64_t TransposeWriter::extentOf(ArrayRef<int64_t> dims) const {
  return total(sidesOf(shape, dims));
}

int64_t TransposeWriter::tilesOf(int64_t size) const {
  return extentOf(runs.others) * llvm::divideCeilSigned(extentOf(runs.read), size) *
         llvm::divideCeilSigned(extentOf(runs.written), size);
}

// `source`: the result's dimensions as they lie in an operand.
std::optional<Runs> TransposeWriter::runsOf(ArrayRef<int64_t> source) {
  auto longOnes = [&](ArrayRef<int64_t> dims) {
    SmallVector<int64_t> result;
    for (int64_t dim : dims)
      if (shape[static_cast<size_t>(dim)] > 1)
        result.push_back(dim);
    return result;
  };
  const SmallVector<int64_t> from = longOnes(source), to = longOnes(order);
  if (to.empty() || from.size() != to.size() || from.back() == to.back())
    return std::nullopt;
  Runs found{runAtEnd(from, to), runAtEnd(to, from), {}};
  for (int64_t dim : order)
    if (!llvm::is_contained(found.read, dim) && !llvm::is_contained(found.written, dim))
      found.others.push_back(dim);
  if (extentOf(found.read) < kLeastExtent || extentOf(found.written) < kLeastExtent)
    return std::nullopt;
  return found;
}

int64_t valueBytes(Value tensor) {
  const Type element = ir::emittedType(ir::tensorType(tensor).getElementType());
  return isa<FloatType>(element) ? std::max<int64_t>(4, element.getIntOrFloatBitWidth() / 8)
                                 : std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
}

void TransposeWriter::consider(Value value, ArrayRef<int64_t> source) {
  const auto found = runsOf(source);
  if (!found || (!staged.empty() && (*found != runs || valueBytes(value) != valueBytes(staged[0]))))
    return;
  const int64_t bytes = kSmallTile * (kSmallTile + 1) * valueBytes(value);
  if ((static_cast<int64_t>(staged.size()) + 1) * bytes >= kSharedBytes)
    return;
  runs = *found;
  staged.push_back(value);
}

bool TransposeWriter::plan() {
  auto yielded = body.getTerminator()->getOperands();
  const SmallVector<Piece> pieces = splitResults(kernel, groups);
  if (pieces.size() != 1 || pieces[0].concat || llvm::is_contained(pieces[0].extents, 0))
    return false;
  const RankedTensorType type = ir::tensorType(yielded[0]);
  shape = pieces[0].extents;
  order = groups.order(type);
  auto isPlain = [](Value value) { return !ir::layoutOf(value) || ir::layoutOf(value).getBlock() == 1; };
  if (!llvm::all_of(yielded, isPlain))
    return false;
  for (Operation& op : body.without_terminator()) {
    auto transpose = dyn_cast<ir::TransposeOp>(op);
    if (!transpose || !isPlain(transpose.getInput()) || !isFollowedByPointwise(body, &op) ||
        ir::tensorType(transpose.getResult()).getShape() != type.getShape())
      continue;
    consider(transpose.getResult(), memoryOrder(transpose.getResult()));
  }
  // Operands in another layout, of kernels whose operations stay at their position.
  const bool stay = llvm::all_of(body.without_terminator(), [](Operation& op) {
    return isa<ir::ConstantOp, ir::ConvertLayoutOp, ir::PointwiseOpInterface>(op);
  });
  for (BlockArgument argument : body.getArguments())
    if (stay && isPlain(argument) && ir::tensorType(argument).getShape() == type.getShape())
      consider(argument, groups.order(ir::tensorType(argument)));
  const bool fits = static_cast<int64_t>(staged.size()) * kLargeTile * (kLargeTile + 1) *
                        (staged.empty() ? 1 : valueBytes(staged[0])) <
                    kSharedBytes;
  if (!staged.empty() && fits && extentOf(runs.read) % kLargeTile == 0 &&
      extentOf(runs.written) % kLargeTile == 0 && tilesOf(kLargeTile) >= kResidentBlocks / 2)
    tile = kLargeTile;
  return !staged.empty();
}

//===-- Code ----------------------------------------------------------------------------------------===//

// For all elements of the tile that are the thread's: their places along both runs (of which the first lies
// along the threads' x), if they are inside, and their slots, of a tile whose lines lie along x, and of one
// across.
void TransposeWriter::forThreads(
    KernelFrame& frame, Value alongX, int64_t xEnd, Value alongY, int64_t yEnd,
    llvm::function_ref<void(Value x, Value y, Value inside, Value slot, Value turned)> body) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  const Location loc = emitter.loc;
  auto plus = [&](Value a, Value b) -> Value { return arith::AddIOp::create(builder, loc, a, b); };
  auto times = [&](Value a, int64_t b) -> Value {
    return arith::MulIOp::create(builder, loc, a, emitter.index(b));
  };
  auto place = [&](Value first, Value inTile, int64_t end, Value& inside) {
    Value position = plus(first, inTile);
    if (end % tile != 0) {
      Value isThere =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, position, emitter.index(end));
      inside = inside ? arith::AndIOp::create(builder, loc, inside, isThere).getResult() : isThere;
      position = arith::MinSIOp::create(builder, loc, position, emitter.index(end - 1));
    }
    emitter.facts.set(position, {0, end - 1, 1});
    return position;
  };
  for (int64_t line = 0; line < tile; line += kThreadsY)
    for (int64_t run = 0; run < tile; run += kThreadsX) {
      Value x = plus(threadX, emitter.index(run)), y = plus(threadY, emitter.index(line)), inside;
      Value atX = place(alongX, x, xEnd, inside), atY = place(alongY, y, yEnd, inside);
      body(atX, atY, inside, plus(times(y, tile + 1), x), plus(times(x, tile + 1), y));
    }
}

// The position of the elements at `read` and `written` of both runs.
ir::Point TransposeWriter::positionAt(ThreadEmitter& emitter, Value read, Value written) {
  ir::Point at(shape.size());
  emitter.locate(batch, sidesOf(shape, runs.others), at);
  emitter.locate(read, sidesOf(shape, runs.read), at);
  emitter.locate(written, sidesOf(shape, runs.written), at);
  return at;
}

// Of the tile of the operand `number` of those staged.
Value TransposeWriter::slotOf(ThreadEmitter& emitter, size_t number, Value inTile) {
  Value first = emitter.index(static_cast<int64_t>(number) * tile * (tile + 1));
  return arith::AddIOp::create(emitter.builder, emitter.loc, inTile, first);
}

void TransposeWriter::bring(KernelFrame& frame) {
  ThreadEmitter& emitter = frame.emitter;
  SmallVector<std::pair<Value, Value>> brought;
  forThreads(frame, firstRead, extentOf(runs.read), firstWritten, extentOf(runs.written),
             [&](Value read, Value written, Value, Value slot, Value) {
               const ir::Point at = positionAt(emitter, read, written);
               for (const auto& [i, value] : llvm::enumerate(staged))
                 brought.emplace_back(slotOf(emitter, i, slot), emitter.element(value, at));
             });
  for (const auto& [number, value] : brought)
    frame.calls.setSlot(slots, number, value);
}

void TransposeWriter::makeResults(KernelFrame& frame) {
  ThreadEmitter& emitter = frame.emitter;
  struct Made {
    ir::Point at;
    Value inside;
    SmallVector<Value> values;
  };
  SmallVector<Made> made;
  const SmallVector<unsigned> all = frame.allResults();
  forThreads(frame, firstWritten, extentOf(runs.written), firstRead, extentOf(runs.read),
             [&](Value written, Value read, Value inside, Value, Value turned) {
               const ir::Point at = positionAt(emitter, read, written);
               for (const auto& [i, value] : llvm::enumerate(staged)) {
                 const Type element = ir::emittedType(ir::tensorType(value).getElementType());
                 emitter.bindElement(value, frame.calls.slot(slots, slotOf(emitter, i, turned), element));
               }
               made.push_back({at, inside, frame.elements(all, at)});
             });
  for (const Made& element : made) {
    auto store = [&] { frame.store(all, element.at, element.values); };
    element.inside ? frame.onlyIf(element.inside, store) : store();
  }
}

void TransposeWriter::writeTile(KernelFrame& frame, Value number) {
  ThreadEmitter& emitter = frame.emitter;
  ir::Point of(3);
  const Side all[] = {{0, 0, extentOf(runs.others), 1},
                      {1, 0, llvm::divideCeilSigned(extentOf(runs.written), tile), tile},
                      {2, 0, llvm::divideCeilSigned(extentOf(runs.read), tile), tile}};
  emitter.locate(number, all, of);
  batch = of[0].base;
  firstWritten = of[1].base;
  firstRead = of[2].base;
  bring(frame);
  frame.calls.barrier();
  makeResults(frame);
  frame.calls.barrier(); // the next tile goes where this one is
}

EmittedKernel TransposeWriter::write(StringRef symbol) {
  EmittedKernel out;
  out.threads[0] = kThreadsX;
  out.threads[1] = kThreadsY;
  out.algorithm = "transposed " + std::to_string(tile) + "x" + std::to_string(tile);
  out.blocks = tilesOf(tile);
  KernelFrame frame(kernel, symbol, groups);
  threadX = frame.calls.index("thread_x");
  threadY = frame.calls.index("thread_y");
  const int64_t bytes = static_cast<int64_t>(staged.size()) * tile * (tile + 1) * valueBytes(staged[0]);
  slots = frame.calls.sharedSlots(llvm::divideCeilSigned(bytes, 8));
  frame.emitter.walk(frame.calls.index("block"), out.blocks, frame.calls.index("blocks"),
                     [&](Value number) { writeTile(frame, number); });
  return frame.finish(out);
}

} // namespace

std::optional<EmittedKernel> emitTransposes(ir::KernelOp kernel, StringRef symbol) {
  TransposeWriter writer(kernel);
  if (!writer.plan())
    return std::nullopt;
  return writer.write(symbol);
}

} // namespace sinter::codegen::cuda
