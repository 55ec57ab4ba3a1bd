// Convolutions and matrix products by tensor cores. A block makes a tile of the result: its threads bring
// terms of both factors to shared memory, some stages ahead of the one that its warps multiply. The sums go
// through shared memory, too, so that what follows them is loaded and stored as in kernels without sums.
#include "codegen/cuda/expressions.h"
#include "codegen/cuda/factor_plan.h"
#include "codegen/cuda/kernel_kinds.h"
#include "codegen/cuda/kernel_writer.h"
#include "codegen/cuda/tile_division.h"
#include "codegen/cuda/vector_trial.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Factor = FactorEmitter::Kind;
class MmaWriter : KernelWriter {
public:
  MmaWriter(ir::KernelOp kernel, StringRef symbol, const ProductMatrix& matrix);

  EmittedKernel write();

private:
  // The chunk that a thread brings in its turn `turn`: where it begins in the tile and in the stage, and in
  // the factor, inside of which it lies.
  struct Place {
    Value lineInTile, termInStage, line, term, wanted;
  };

  Value always() { return arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true)); }
  Value local(Type type, int64_t count);
  Value addressIn(Value memory, Type type, Value number);
  void repeat(int64_t count, int64_t unroll, function_ref<void(Value)> body);

  // Factors. `side`: 0 for that of the tile's rows, 1 for that of its columns.
  Factor factorOf(int side) const { return (side == 0) == columnsAreSecond ? Factor::first : Factor::second; }
  size_t number(int side) const { return factorOf(side) == Factor::second ? 1 : 0; }
  const ChunkPlan& chunkPlan(int side) const { return plan.chunks[number(side)]; }
  bool keeps(int side) const { return chunkPlan(side).kind == ChunkPlan::Kind::widened; }
  int64_t tileLines(int side) const { return side == 0 ? shape.rows : shape.columns; }
  int64_t lines(int side) const { return factors.lines(factorOf(side)); }
  int64_t turns(int side) const { return tileLines(side) * termsOfStage / inChunk / shape.threads(); }
  std::string factorType(int side) const;
  Place placeOf(int side, Value turn, Value firstTerm);
  Value elementAt(int side, Value line, Value term);
  void bring(int side, Value firstTerm, Value stage);
  void copyChunk(int side, const Place& place, Value stage);
  void widenChunk(int side, const Place& place, Value turn);
  void gatherChunk(int side, const Place& place);
  void putChunk(int side, const Place& place, Value turn, Value stage);
  void keep(int side, Value turn, Value position, Value value, Value inside);
  void putKept(int side, Value stage);

  void findThread();
  void sumUp(Value part);
  void storeTile(int64_t width);
  void storeRows(Value pass, int64_t width);
  int64_t widthOfStores();
  void emitResult(KernelFrame& into, FactorEmitter& at, Value batch, Value row, Value column, Value sum,
                  int64_t width);

  Operation* root;
  RankedTensorType type;
  Type element; // of factors in shared memory
  const ProductMatrix& matrix;
  FactorEmitter factors;
  const FactorPlan plan;
  const bool columnsAreSecond; // of the tile, whose neighbours are neighbours in the result's memory
  const TileDivision division;
  const TileShape& shape;
  const int64_t inChunk, termsOfStage;

  Value thread, warpRow, warpColumn, slice, memory, aligned, sums, batch;
  Value firstLine[2], kept[2]; // by side
};

// The result's innermost dimension in memory is one of the second factor's.
bool columnsAreOfSecond(RankedTensorType type, const ProductMatrix& matrix) {
  const SmallVector<int64_t> order = DimensionGroups().order(type);
  for (int64_t dim : llvm::reverse(order))
    if (type.getDimSize(static_cast<unsigned>(dim)) > 1)
      return !llvm::is_contained(matrix.dims.first, dim);
  return true;
}

MmaWriter::MmaWriter(ir::KernelOp kernel, StringRef symbol, const ProductMatrix& matrix)
    : KernelWriter(kernel, symbol), root(kernel.getRoot()), type(ir::tensorType(root->getResult(0))),
      element(ir::emittedType(type.getElementType())), matrix(matrix), factors(frame, root, matrix),
      plan(planFactors(kernel, matrix)), columnsAreSecond(columnsAreOfSecond(type, matrix)),
      division(TileDivision::of(lines(0), lines(1), matrix.batches, matrix.terms)), shape(division.shape),
      inChunk(kVectorBits / element.getIntOrFloatBitWidth()),
      termsOfStage(shape.lineBytes * 8 / element.getIntOrFloatBitWidth()) {
  for (size_t i = 0; i < 2; ++i)
    factors.lineOrders[i] = plan.lineOrders[i];
  factors.innermostTerm = plan.innermostTerm;
}

Value MmaWriter::local(Type type, int64_t count) {
  return LLVM::AllocaOp::create(builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), type,
                                arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(count)));
}

Value MmaWriter::addressIn(Value memory, Type type, Value number) {
  Value position = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), number);
  return LLVM::GEPOp::create(builder, loc, memory.getType(), type, memory, ValueRange{position});
}

void MmaWriter::repeat(int64_t count, int64_t unroll, function_ref<void(Value)> body) {
  emitter.forLoop(emitter.index(0), emitter.index(count), 1, {0, count - 1, 1}, body)
      ->setAttr("sinter.unroll", builder.getI64IntegerAttr(unroll));
}

//===-- Factors -------------------------------------------------------------------------------------===//

// As tensor_cores.cuh calls it.
std::string MmaWriter::factorType(int side) const {
  return "Factor<" + memoryTypeName(element) + ", " + std::to_string(tileLines(side)) + ", " +
         std::to_string(termsOfStage) + ", " + (chunkPlan(side).alongSum ? "true" : "false") + ">";
}

MmaWriter::Place MmaWriter::placeOf(int side, Value turn, Value firstTerm) {
  const ChunkPlan& chunk = chunkPlan(side);
  const int64_t wide = chunk.alongSum ? 1 : inChunk, deep = chunk.alongSum ? inChunk : 1;
  const int64_t across = tileLines(side) / wide, along = termsOfStage / deep;
  // Neighbouring threads bring neighbours: chunks that follow each other, or one element each of the chunks
  // beside each other.
  const bool termsFirst = chunk.alongSum == (chunk.kind != ChunkPlan::Kind::elements);
  Value number = plus(thread, times(turn, shape.threads()));
  emitter.facts.set(number, {0, across * along - 1, 1});
  Value inner = rest(number, termsFirst ? along : across), outer = over(number, termsFirst ? along : across);
  Place place;
  place.lineInTile = times(termsFirst ? outer : inner, wide);
  place.termInStage = times(termsFirst ? inner : outer, deep);
  // Past the end, what is there last is brought again: its products are not stored, or terms are zero.
  const bool whole = chunk.kind != ChunkPlan::Kind::elements;
  place.line = plus(firstLine[side], place.lineInTile);
  if (lines(side) % tileLines(side) != 0)
    place.line = least(place.line, lines(side) - (whole ? wide : 1));
  place.wanted = place.term = plus(firstTerm, place.termInStage);
  if (matrix.terms % termsOfStage != 0)
    place.term = least(place.wanted, matrix.terms - (whole ? deep : 1));
  return place;
}

Value MmaWriter::elementAt(int side, Value line, Value term) {
  return factors.element(factorOf(side), batch, line, term);
}

void MmaWriter::copyChunk(int side, const Place& place, Value stage) {
  auto plain = PlainLoad::of(elementAt(side, place.line, place.term), element);
  Neighbours neighbours(emitter.facts, chunkPlan(side).alongSum ? place.term : place.line, inChunk);
  if (!plain || !neighbours.isRun(plain->load) || (plain->inside && neighbours.step(plain->inside) != 0))
    throw Error("a factor is not where it was planned to be", ErrorKind::internal);
  Value inside = plain->inside ? plain->inside : always();
  if (place.wanted != place.term)
    inside = both(inside, less(place.wanted, matrix.terms));
  frame.calls.call(
      "bring_chunk<" + factorType(side) + ">",
      {memory, stage, place.lineInTile, place.termInStage, plain->load.getAddr(), inside, aligned});
}

// Keeps `value`, or zero, as element `position` of the chunk of this turn.
void MmaWriter::keep(int side, Value turn, Value position, Value value, Value inside) {
  if (inside)
    value = arith::SelectOp::create(builder, loc, inside, value, emitter.constant(0, value.getType()));
  if (value.getType() != element)
    value = arith::TruncFOp::create(builder, loc, element, value);
  LLVM::StoreOp::create(builder, loc, value,
                        addressIn(kept[side], element, plus(times(turn, inChunk), position)));
}

void MmaWriter::widenChunk(int side, const Place& place, Value turn) {
  Value value = narrowed(elementAt(side, place.line, place.term));
  Neighbours neighbours(emitter.facts, chunkPlan(side).alongSum ? place.term : place.line, inChunk);
  if (!neighbours.canWiden(value))
    throw Error("a factor is not what it was planned to be", ErrorKind::internal);
  const auto loadRun = [&](LLVM::LoadOp load) {
    const Type type = load.getResult().getType();
    Value run = local(type, inChunk);
    frame.calls.call("load_run<" + memoryTypeName(type) + ", " + std::to_string(inChunk) + ">",
                     {run, load.getAddr(), aligned});
    SmallVector<Value> loaded;
    for (int64_t i = 0; i < inChunk; ++i)
      loaded.push_back(LLVM::LoadOp::create(builder, loc, type, addressIn(run, type, emitter.index(i))));
    return loaded;
  };
  Value inside = place.wanted != place.term ? less(place.wanted, matrix.terms) : Value();
  for (auto [i, lane] : llvm::enumerate(neighbours.widened(builder, value, loadRun)))
    keep(side, turn, emitter.index(static_cast<int64_t>(i)), lane, inside);
}

void MmaWriter::gatherChunk(int side, const Place& place) {
  const bool alongSum = chunkPlan(side).alongSum;
  repeat(inChunk, inChunk, [&](Value i) {
    Value line = place.line, term = place.term, inside;
    if (!alongSum)
      line = least(plus(plus(firstLine[side], place.lineInTile), i), lines(side) - 1);
    Value wanted = alongSum ? plus(place.wanted, i) : place.wanted;
    if (matrix.terms % termsOfStage != 0) {
      term = least(wanted, matrix.terms - 1);
      inside = less(wanted, matrix.terms);
    } else {
      term = wanted;
    }
    keep(side, emitter.index(0), i, narrowed(elementAt(side, line, term)), inside);
  });
}

void MmaWriter::putChunk(int side, const Place& place, Value turn, Value stage) {
  frame.calls.call("put_chunk<" + factorType(side) + ">",
                   {memory, stage, place.lineInTile, place.termInStage,
                    addressIn(kept[side], element, times(turn, inChunk))});
}

// All terms of a stage, from `firstTerm` on: into the memory at `stage`, or, what was loaded, kept while the
// warps multiply. What is gathered takes too many registers for that: one chunk at a time.
void MmaWriter::bring(int side, Value firstTerm, Value stage) {
  const ChunkPlan::Kind kind = chunkPlan(side).kind;
  const auto bringChunk = [&](Value turn) {
    const Place place = placeOf(side, turn, firstTerm);
    if (kind == ChunkPlan::Kind::copies)
      return copyChunk(side, place, stage);
    if (kind == ChunkPlan::Kind::widened)
      return widenChunk(side, place, turn);
    gatherChunk(side, place);
    putChunk(side, place, emitter.index(0), stage);
  };
  repeat(turns(side), kind == ChunkPlan::Kind::elements ? 1 : turns(side), bringChunk);
}

void MmaWriter::putKept(int side, Value stage) {
  if (keeps(side))
    repeat(turns(side), turns(side),
           [&](Value turn) { putChunk(side, placeOf(side, turn, emitter.index(0)), turn, stage); });
}

//===-- Sums ----------------------------------------------------------------------------------------===//

// In step i, stage i is begun, and stage i - stages + 1 is multiplied: all of its copies are waited for, and
// all warps have multiplied the one before, in whose place the new one goes.
void MmaWriter::sumUp(Value part) {
  const int64_t stages = llvm::divideCeilSigned(matrix.terms, termsOfStage), ahead = shape.stages - 1;
  const int64_t steps = llvm::divideCeilSigned(stages, division.parts);
  const bool uneven = steps * division.parts != stages;
  const int64_t secondFactor = shape.rows * shape.lineBytes; // where it begins in a stage
  Value first = times(part, steps);
  // Whether the part has a stage `step`.
  const auto has = [&](Value step) {
    Value inPart = less(step, steps);
    return uneven ? both(inPart, less(plus(first, step), stages)) : inPart;
  };
  const auto body = [&](Value step) {
    frame.calls.call("wait_copies<" + std::to_string(ahead - 1) + ">");
    frame.calls.barrier();
    Value stage = times(rest(step, shape.stages), shape.stageBytes());
    Value begins = has(step);
    frame.onlyIf(begins, [&] {
      Value firstTerm = times(plus(first, step), termsOfStage);
      emitter.facts.set(firstTerm, {0, (stages - 1) * termsOfStage, termsOfStage});
      bring(0, firstTerm, stage);
      bring(1, firstTerm, plus(stage, secondFactor));
    });
    frame.calls.call("commit_copies");
    Value ready = compare(arith::CmpIPredicate::sge, step, ahead);
    if (uneven)
      ready = both(ready, less(plus(first, plus(step, -ahead)), stages));
    frame.onlyIf(ready, [&] {
      frame.calls.call("multiply_stage<" + factorType(0) + ", " + factorType(1) + ", " +
                           std::to_string(shape.rowsOfWarp()) + ", " + std::to_string(shape.columnsOfWarp()) +
                           ", " + std::to_string(shape.slices) + ">",
                       {sums, memory, times(rest(plus(step, 1), shape.stages), shape.stageBytes()),
                        times(warpRow, shape.rowsOfWarp()), times(warpColumn, shape.columnsOfWarp()), slice});
    });
    if (keeps(0) || keeps(1))
      frame.onlyIf(begins, [&] {
        putKept(0, stage);
        putKept(1, plus(stage, secondFactor));
      });
  };
  repeat(steps + ahead, 1, body); // the few steps of a short sum are not unrolled, either
  frame.calls.call("wait_copies<0>");
  frame.calls.barrier();
}

//===-- Results -------------------------------------------------------------------------------------===//

// What the results are at `row` and `column`, from `width` neighbouring sums.
void MmaWriter::emitResult(KernelFrame& into, FactorEmitter& at, Value batch, Value row, Value column,
                           Value sum, int64_t width) {
  ir::Point point = at.place(batch, columnsAreSecond ? row : column, columnsAreSecond ? column : row);
  if (width > 1)
    point[static_cast<size_t>(at.lineOrders[number(1)].back())].laneStride = 1;
  into.emitter.setLanes(width, width);
  at.bindSum(point, sum);
  into.storeAll(point);
  into.emitter.setLanes(1, 1);
}

int64_t MmaWriter::widthOfStores() {
  const auto last = static_cast<size_t>(plan.lineOrders[number(1)].back());
  return storeWidth(kernel, groups, frame.results, last, type.getShape()[last],
                    [&](KernelFrame& trial, int64_t width) {
                      FactorEmitter at(trial, root, matrix);
                      for (size_t i = 0; i < 2; ++i)
                        at.lineOrders[i] = plan.lineOrders[i];
                      Value row = trial.calls.index("row"), column = trial.calls.index("column");
                      Value batch = trial.calls.index("batch");
                      trial.emitter.facts.set(row, {0, lines(0) - 1, 1});
                      trial.emitter.facts.set(column, {0, lines(1) - width, width});
                      trial.emitter.facts.set(batch, {0, matrix.batches - 1, 1});
                      emitResult(trial, at, batch, row, column, trial.emitter.constant(0, matrix.sum), width);
                    });
}

// The rows of the warps of row `pass`, whose sums are in shared memory.
void MmaWriter::storeRows(Value pass, int64_t width) {
  const int64_t rows = shape.rowsOfWarp(), across = shape.columns / width;
  emitter.walk(thread, rows * across, emitter.index(shape.threads()), [&](Value number) {
    Value row = over(number, across), column = times(rest(number, across), width);
    Value from = plus(times(row, shape.pitch()), column);
    row = plus(plus(firstLine[0], times(pass, rows)), row);
    column = plus(firstLine[1], column);
    frame.onlyIf(both(less(row, lines(0)), less(column, lines(1))), [&] {
      emitter.facts.set(row, {0, lines(0) - 1, 1});
      emitter.facts.set(column, {0, lines(1) - width, width});
      const Type vector = width == 1 ? matrix.sum : VectorType::get({width}, matrix.sum);
      const auto bytes = static_cast<unsigned>(width * int64_t{sizeof(float)});
      Value sum = LLVM::LoadOp::create(builder, loc, vector, addressIn(memory, matrix.sum, from), bytes);
      emitResult(frame, factors, batch, row, column, sum, width);
    });
  });
}

void MmaWriter::storeTile(int64_t width) {
  const int64_t rows = shape.rowsOfWarp(), columns = shape.columnsOfWarp();
  emitter.forLoop(
      emitter.index(0), emitter.index(shape.warpRows), 1, {0, shape.warpRows - 1, 1}, [&](Value pass) {
        for (int64_t i = 0; i < shape.slices; ++i) {
          Value mine = compare(arith::CmpIPredicate::eq, warpRow, pass);
          if (shape.slices > 1)
            mine = both(mine, compare(arith::CmpIPredicate::eq, slice, i));
          frame.onlyIf(mine, [&] {
            frame.calls.call("put_sums<" + std::to_string(rows) + ", " + std::to_string(columns) + ", " +
                                 std::to_string(shape.pitch()) + ", " + (i > 0 ? "true" : "false") + ">",
                             {addressIn(memory, matrix.sum, times(warpColumn, columns)), sums});
          });
          frame.calls.barrier();
        }
        frame.withLanes(width, [&](int64_t lanes) { storeRows(pass, lanes); }, aligned);
        frame.calls.barrier();
      });
}

// What a thread does of every tile, and what it has for that.
void MmaWriter::findThread() {
  thread = frame.calls.index("thread_x");
  emitter.facts.set(thread, {0, shape.threads() - 1, 1});
  Value warp = over(thread, kWarp);
  warpColumn = rest(warp, shape.warpColumns);
  warpRow = rest(over(warp, shape.warpColumns), shape.warpRows);
  slice = over(warp, shape.warpColumns * shape.warpRows);
  memory = frame.calls.call("dynamic_slots", LLVM::LLVMPointerType::get(builder.getContext()));
  aligned = frame.buffersAreAligned();
  sums = local(matrix.sum, shape.sumsOfThread());
  for (int side : {0, 1})
    if (chunkPlan(side).kind != ChunkPlan::Kind::copies)
      kept[side] = local(element, (keeps(side) ? turns(side) : 1) * inChunk);
}

EmittedKernel MmaWriter::write() {
  const int64_t tileRows = llvm::divideCeilSigned(lines(0), shape.rows),
                tileColumns = llvm::divideCeilSigned(lines(1), shape.columns), width = widthOfStores();
  const int64_t tiles = matrix.batches * tileRows * tileColumns;
  EmittedKernel out;
  out.threads[0] = shape.threads();
  out.sharedBytes = static_cast<uint32_t>(shape.sharedBytes());
  out.algorithm =
      "tensor cores, tiles of " + std::to_string(shape.rows) + "x" + std::to_string(shape.columns);
  if (division.parts > 1)
    out.algorithm += " in " + std::to_string(division.parts) + " parts";
  out.blocks = tiles * division.parts;

  findThread();
  Value parts, arrived;
  if (division.parts > 1) {
    parts = frame.deviceMemory("parts", matrix.sum, out.blocks * shape.threads() * shape.sumsOfThread());
    arrived = frame.deviceMemory("arrived", builder.getI64Type(), tiles);
  }
  emitter.walk(frame.calls.index("block"), out.blocks, frame.calls.index("blocks"), [&](Value number) {
    ir::Point of(4);
    const Side all[] = {{0, 0, division.parts, 1},
                        {1, 0, matrix.batches, 1},
                        {2, 0, tileRows, shape.rows},
                        {3, 0, tileColumns, shape.columns}};
    emitter.locate(number, all, of);
    Value part = of[0].base;
    batch = of[1].base;
    firstLine[0] = of[2].base;
    firstLine[1] = of[3].base;
    frame.calls.call("clear<" + std::to_string(shape.sumsOfThread()) + ">", {sums});
    sumUp(part);
    if (division.parts == 1)
      return storeTile(width);
    Value isLast = frame.calls.call("join_sums<" + std::to_string(shape.sumsOfThread()) + ", " +
                                        std::to_string(shape.threads()) + ">",
                                    builder.getI1Type(),
                                    {sums, parts, arrived, rest(number, tiles), emitter.index(tiles), part,
                                     emitter.index(division.parts)});
    frame.onlyIf(isLast, [&] { storeTile(width); });
    frame.calls.barrier(); // the next tile's stages go where this one's sums are
  });
  return frame.finish(out);
}

} // namespace

bool makesTensorCoreTiles(ir::KernelOp kernel) {
  const Type element = ir::emittedType(ir::tensorType(kernel.getRoot()->getResult(0)).getElementType());
  return ir::isHalf(element) || (element.isF32() && ir::mayRoundFactors(kernel));
}

EmittedKernel emitTensorCoreTiles(ir::KernelOp kernel, StringRef symbol) {
  const auto matrix = ProductMatrix::of(kernel.getRoot());
  return MmaWriter(kernel, symbol, *matrix).write();
}

} // namespace sinter::codegen::cuda
