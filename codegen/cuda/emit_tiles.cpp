// Convolutions and matrix products: a block makes a tile of the result, of terms that it brings to shared
// memory, a few of the sum at a time; each of its threads a smaller tile in registers.
#include "codegen/cuda/factor_emitter.h"
#include "codegen/cuda/kernel_kinds.h"
#include "codegen/cuda/kernel_writer.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Factor = FactorEmitter::Kind;

constexpr int64_t kThreads = 16; // of a block, each way
constexpr int64_t kRun = 4;      // neighbours in the tile that a thread makes
constexpr int64_t kTerms = 16;   // of the sum at a time

class TileWriter : KernelWriter {
public:
  TileWriter(ir::KernelOp kernel, StringRef symbol, const ProductMatrix& matrix)
      : KernelWriter(kernel, symbol), matrix(matrix), factors(frame, kernel.getRoot(), matrix) {}

  EmittedKernel write();

private:
  void bring(Factor factor, Value firstTerm);
  SmallVector<Value> multiply(Value step, ValueRange sums);
  SmallVector<Value> addTerms(Value firstTerm, ValueRange sums);
  SmallVector<Value> read(Value term, bool ofRows);
  Value offset(bool ofRows, int64_t number);
  void finishTile(ValueRange sums);

  const ProductMatrix& matrix;
  FactorEmitter factors;

  int64_t tile = 64;       // rows and columns of the result
  bool rowsAlongX = false; // whose neighbours are neighbours in memory
  Value slots, thread, threadX, threadY, batch, firstRow, firstColumn;
};

// In shared memory, terms are apart by a tile's rows or columns, and a few more, lest all threads of a warp
// write to the same bank.
int64_t pitch(int64_t tile) {
  return tile + kRun;
}

// Brings kTerms terms of one factor, from `firstTerm` on, for all rows or columns of the tile.
void TileWriter::bring(Factor factor, Value firstTerm) {
  const bool ofRows = factor == Factor::first;
  const bool alongSum = ofRows ? matrix.dims.firstAlongSum : matrix.dims.secondAlongSum;
  Value start = ofRows ? firstRow : firstColumn;
  for (int64_t i = 0; i < tile * kTerms / (kThreads * kThreads); ++i) {
    // Neighbouring threads bring neighbours in memory.
    Value number = plus(thread, emitter.index(i * kThreads * kThreads));
    const int64_t inner = alongSum ? kTerms : tile;
    Value fast = rest(number, inner), slow = over(number, inner);
    Value term = alongSum ? fast : slow, position = alongSum ? slow : fast;
    // Past the end, what is there last is brought again: its product is not stored.
    Value line = least(plus(start, position), factors.lines(factor) - 1);
    Value wanted = plus(firstTerm, term);
    const bool mayPass = matrix.terms % kTerms != 0;
    Value there = mayPass ? least(wanted, matrix.terms - 1) : wanted;
    emitter.facts.set(there, {0, matrix.terms - 1, 1});
    Value value = factors.element(factor, batch, line, there);
    if (mayPass)
      value = arith::SelectOp::create(builder, loc, less(wanted, matrix.terms), value,
                                      emitter.constant(0, matrix.sum));
    Value slot = plus(times(term, pitch(tile)), position);
    frame.calls.setSlot(slots, ofRows ? slot : plus(slot, kTerms * pitch(tile)), value);
  }
}

// Of the tile's rows or columns that the thread makes, run `number`: where it begins.
Value TileWriter::offset(bool ofRows, int64_t number) {
  Value mine = times(ofRows == rowsAlongX ? threadX : threadY, kRun);
  return plus(mine, number * kThreads * kRun);
}

// One term of the factors of the thread's rows or columns.
SmallVector<Value> TileWriter::read(Value term, bool ofRows) {
  SmallVector<Value> values;
  Value line = times(term, pitch(tile));
  if (!ofRows)
    line = plus(line, kTerms * pitch(tile));
  const int64_t bytes = std::max<int64_t>(matrix.sum.getIntOrFloatBitWidth() / 8, 1);
  const int64_t width = std::min(kRun, 16 / bytes); // at once; the runs' places are multiples of it
  for (int64_t run = 0; run < tile / (kThreads * kRun); ++run)
    for (int64_t i = 0; i < kRun; i += width)
      llvm::append_range(values,
                         frame.calls.slotsFrom(slots, plus(plus(line, offset(ofRows, run)), emitter.index(i)),
                                               matrix.sum, width));
  return values;
}

SmallVector<Value> TileWriter::multiply(Value term, ValueRange sums) {
  const SmallVector<Value> rows = read(term, true), columns = read(term, false);
  SmallVector<Value> result;
  for (auto [i, row] : llvm::enumerate(rows))
    for (auto [j, column] : llvm::enumerate(columns)) {
      Value product = emitter.combine(ir::Combine::mul, matrix.sum, row, column);
      result.push_back(emitter.combine(ir::Combine::add, matrix.sum, sums[i * columns.size() + j], product));
    }
  return result;
}

SmallVector<Value> TileWriter::addTerms(Value firstTerm, ValueRange sums) {
  bring(Factor::first, firstTerm);
  bring(Factor::second, firstTerm);
  frame.calls.barrier();
  auto loop =
      scf::ForOp::create(builder, loc, emitter.index(0), emitter.index(kTerms), emitter.index(1), sums);
  loop->setAttr("sinter.unroll", builder.getI64IntegerAttr(kTerms));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(builder, loc, multiply(loop.getInductionVar(), loop.getRegionIterArgs()));
  }
  frame.calls.barrier(); // the next terms go where these are
  return SmallVector<Value>(loop.getResults());
}

void TileWriter::finishTile(ValueRange sums) {
  const int64_t mine = tile / kThreads;
  for (int64_t i = 0; i < mine; ++i)
    for (int64_t j = 0; j < mine; ++j) {
      Value row = plus(firstRow, plus(offset(true, i / kRun), emitter.index(i % kRun)));
      Value column = plus(firstColumn, plus(offset(false, j / kRun), emitter.index(j % kRun)));
      frame.onlyIf(both(less(row, matrix.rows), less(column, matrix.columns)), [&] {
        emitter.facts.set(row, {0, matrix.rows - 1, 1});
        emitter.facts.set(column, {0, matrix.columns - 1, 1});
        const ir::Point at = factors.place(batch, row, column);
        factors.bindSum(at, sums[static_cast<size_t>(i * mine + j)]);
        frame.storeAll(at);
      });
    }
}

EmittedKernel TileWriter::write() {
  constexpr int64_t kLarge = 128;
  auto tilesOf = [&](int64_t size) {
    return llvm::divideCeilSigned(matrix.rows, size) * llvm::divideCeilSigned(matrix.columns, size) *
           matrix.batches;
  };
  // Large tiles pay where there are enough of them for all multiprocessors.
  if (matrix.sum.getIntOrFloatBitWidth() <= 32 && tilesOf(kLarge) >= kMultiprocessors)
    tile = kLarge;
  rowsAlongX = llvm::is_contained(matrix.dims.first,
                                  groups.order(ir::tensorType(kernel.getRoot()->getResult(0))).back());
  EmittedKernel out;
  out.threads[0] = out.threads[1] = kThreads;
  out.algorithm = "tiles of " + std::to_string(tile) + "x" + std::to_string(tile);
  out.blocks = tilesOf(tile);

  threadX = frame.calls.index("thread_x");
  threadY = frame.calls.index("thread_y");
  thread = plus(times(threadY, kThreads), threadX);
  emitter.facts.set(thread, {0, kThreads * kThreads - 1, 1});
  const auto bytes = static_cast<int64_t>(matrix.sum.getIntOrFloatBitWidth() / 8);
  slots = frame.calls.sharedSlots(2 * kTerms * pitch(tile) * std::max<int64_t>(bytes, 1) / 8 + 1);
  const int64_t tileColumns = llvm::divideCeilSigned(matrix.columns, tile),
                tileRows = llvm::divideCeilSigned(matrix.rows, tile);
  emitter.walk(frame.calls.index("block"), out.blocks, frame.calls.index("blocks"), [&](Value number) {
    ir::Point of(3);
    const Side all[] = {{0, 0, matrix.batches, 1}, {1, 0, tileRows, tile}, {2, 0, tileColumns, tile}};
    emitter.locate(number, all, of);
    batch = of[0].base;
    firstRow = of[1].base;
    firstColumn = of[2].base;
    const SmallVector<Value> zeros(static_cast<size_t>(tile / kThreads * tile / kThreads),
                                   emitter.constant(0, matrix.sum));
    auto loop = scf::ForOp::create(builder, loc, emitter.index(0), emitter.index(matrix.terms),
                                   emitter.index(kTerms), zeros);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(loop.getBody());
      scf::YieldOp::create(builder, loc, addTerms(loop.getInductionVar(), loop.getRegionIterArgs()));
    }
    finishTile(loop.getResults());
  });
  return frame.finish(out);
}

} // namespace

bool makesTiles(ir::KernelOp kernel) {
  constexpr int64_t kLeast = 24; // rows and columns: with fewer, most of a tile would be thrown away
  const auto matrix = ProductMatrix::of(kernel.getRoot());
  return matrix && matrix->rows >= kLeast && matrix->columns >= kLeast && matrix->terms >= kTerms / 2;
}

EmittedKernel emitTiles(ir::KernelOp kernel, StringRef symbol) {
  const auto matrix = ProductMatrix::of(kernel.getRoot());
  return TileWriter(kernel, symbol, *matrix).write();
}

} // namespace sinter::codegen::cuda
