// Attention: what a block computes is written in attention.cuh; here it is told the sizes, and what becomes
// of the result.
#include "codegen/cuda/expressions.h"
#include "codegen/cuda/kernel_kinds.h"
#include "codegen/cuda/kernel_writer.h"
#include "codegen/cuda/vector_trial.h"
#include "passes/attention_kernels.h"
#include "sinter/runtime/error.h"

#include <bit>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kWarps = 4;
constexpr int64_t kResident = 2;                 // which leaves each thread all the registers it can have
constexpr int64_t kTileRows = 16, kTileKeys = 8; // of multiply_add
constexpr int64_t kChunkBytes = 16;
constexpr int64_t kShortRow = 64;     // longer ones leave no registers for a second tile below the first
constexpr int64_t kPaddingOfSums = 4; // floats, see attention_results
// About as many as run at a time: batches, heads and rows are often powers of two.
constexpr int64_t kManyBlocks = std::bit_floor(uint64_t{kMultiprocessors});

// How many tiles of scores a warp has at a time, and which way they are multiplied.
struct Plan {
  std::string products;
  int64_t rowTiles = 1, keyTiles = 8;
  int64_t sharedBytes = 0;
  int64_t sumsPitch = 0; // floats between rows of the result in shared memory

  Plan(const ir::Attention& sizes, Type element, bool tf32);
  int64_t rows() const { return kWarps * rowTiles * kTileRows; }
};

// Rows in shared memory are as Padded of attention.cuh says.
int64_t padded(int64_t columns, int64_t bytes) {
  const int64_t step = 2 * kChunkBytes / bytes;
  return llvm::divideCeilSigned(columns, step) * step;
}

Plan::Plan(const ir::Attention& sizes, Type element, bool tf32) {
  const bool isHalf = element.getIntOrFloatBitWidth() == 16;
  const bool isShort = std::max(sizes.depth, sizes.width) <= kShortRow;
  const auto blocksOfTwo =
      static_cast<int64_t>(sizes.batches()) * llvm::divideCeilSigned(sizes.rows, 2 * kWarps * kTileRows);
  if (isShort && blocksOfTwo >= kManyBlocks)
    rowTiles = 2;
  if (!isHalf)
    keyTiles = isShort ? 4 : 2; // shared memory is 64 KiB on the oldest GPUs
  products = (isHalf ? "HalfProducts<" + memoryTypeName(element) + ", "
              : tf32 ? std::string("Tf32Products<")
                     : std::string("FloatProducts<float, ")) +
             std::to_string(rowTiles) + ", " + std::to_string(keyTiles) + ", " + std::to_string(sizes.depth) +
             ", " + std::to_string(sizes.width) + ">";
  const auto bytes = static_cast<int64_t>(element.getIntOrFloatBitWidth() / 8);
  const auto pitch = [&](int64_t columns) { return padded(columns, bytes) * bytes + kChunkBytes; };
  sumsPitch = padded(sizes.width, bytes) + kPaddingOfSums;
  sharedBytes =
      std::max(rows() * pitch(sizes.depth) + keyTiles * kTileKeys * (pitch(sizes.depth) + pitch(sizes.width)),
               rows() * sumsPitch * static_cast<int64_t>(sizeof(float)));
}

class AttentionWriter : KernelWriter {
public:
  AttentionWriter(ir::KernelOp kernel, StringRef symbol, ir::AttentionOp op)
      : KernelWriter(kernel, symbol), op(op), sizes(op.getAttention()),
        plan(sizes, element(), ir::mayRoundFactors(kernel)) {}

  EmittedKernel write();

private:
  Type element() { return ir::tensorType(op.getResult()).getElementType(); }
  Value pointer(Value operand);
  Value offset(const ir::AttentionStrides& strides, const ir::Point& batch);
  std::string matrix(const ir::AttentionStrides& strides, int64_t columns);
  std::string mask();
  void attend(const ir::Point& of);
  void emitResult(KernelFrame& into, const ir::Point& whole, Value sum, int64_t width);
  int64_t widthOfStores();
  Value sumsAt(Value sums, Value place, int64_t width);
  void storeTile(const ir::Point& of, int64_t width);

  ir::AttentionOp op;
  const ir::Attention sizes;
  const Plan plan;
};

Value AttentionWriter::pointer(Value operand) {
  auto argument = dyn_cast<BlockArgument>(operand);
  if (!argument)
    throw Error("the attention of a kernel reads what is not in memory", ErrorKind::internal);
  return frame.buffer(argument.getArgNumber());
}

// Of the first element of a matrix of the batch.
Value AttentionWriter::offset(const ir::AttentionStrides& strides, const ir::Point& batch) {
  Value sum = emitter.index(0);
  for (auto [stride, coord] : llvm::zip(strides.batch, batch))
    if (stride != 0)
      sum = plus(sum, times(coord.base, emitter.index(stride)));
  return sum;
}

std::string AttentionWriter::matrix(const ir::AttentionStrides& strides, int64_t columns) {
  const int64_t chunk = kChunkBytes * 8 / element().getIntOrFloatBitWidth();
  const bool vector = strides.column == 1 && strides.row % chunk == 0 && columns % chunk == 0;
  return "Matrix<" + std::to_string(columns) + ", " + std::to_string(strides.row) + ", " +
         std::to_string(strides.column) + ", " + (vector ? "true" : "false") + ">";
}

std::string AttentionWriter::mask() {
  if (!op.getMask())
    return "NoMask";
  const ir::AttentionStrides& strides = sizes.mask;
  const bool pairs = strides.column == 1 && strides.row % 2 == 0;
  return "Mask<" + std::to_string(strides.row) + ", " + std::to_string(strides.column) + ", " +
         (pairs ? "true" : "false") + ">";
}

void AttentionWriter::attend(const ir::Point& of) {
  const std::string callee = "attend<" + plan.products + ", " + std::to_string(sizes.rows) + ", " +
                             std::to_string(sizes.keys) + ", " + std::to_string(kWarps) + ", " +
                             matrix(sizes.query, sizes.depth) + ", " + matrix(sizes.key, sizes.depth) + ", " +
                             matrix(sizes.value, sizes.width) + ", " + mask() + ">";
  Value query = pointer(op.getQuery());
  SmallVector<Value> operands = {query,
                                 offset(sizes.query, of),
                                 pointer(op.getKey()),
                                 offset(sizes.key, of),
                                 pointer(op.getValue()),
                                 offset(sizes.value, of),
                                 op.getMask() ? pointer(op.getMask()) : query,
                                 offset(sizes.mask, of)};
  operands.push_back(emitter.constant(op.getScale().convertToDouble(), builder.getF32Type()));
  operands.push_back(of.back().base);
  frame.calls.call(callee, operands);
}

// What the results are at `whole`: batch dimensions, row, column, of which `width` neighbours are made.
void AttentionWriter::emitResult(KernelFrame& into, const ir::Point& whole, Value sum, int64_t width) {
  ir::Point at = whole;
  for (auto [i, dim] : llvm::enumerate(op.getResultPermutation()))
    at[i] = whole[static_cast<size_t>(dim)];
  if (width > 1)
    at.back().laneStride = 1;
  into.emitter.setLanes(width, width);
  into.emitter.bindElement(op.getResult(), sum);
  into.storeAll(at);
  into.emitter.setLanes(1, 1);
}

int64_t AttentionWriter::widthOfStores() {
  const auto last = static_cast<size_t>(ir::tensorType(op.getResult()).getRank()) - 1;
  return storeWidth(kernel, groups, frame.results, last, sizes.width, [&](KernelFrame& trial, int64_t width) {
    ir::Point whole;
    const auto add = [&](StringRef name, IndexFact fact) {
      whole.push_back({trial.calls.index(name), 0, {}});
      trial.emitter.facts.set(whole.back().base, fact);
    };
    for (int64_t extent : sizes.batch)
      add("batch", {0, extent - 1, 1});
    add("row", {0, sizes.rows - 1, 1});
    add("column", {0, sizes.width - width, width});
    emitResult(trial, whole, trial.emitter.constant(0, element()), width);
  });
}

// `width` sums from `place` on, as elements: of 16 bits, those are floats outside of memory.
Value AttentionWriter::sumsAt(Value sums, Value place, int64_t width) {
  if (width == 1)
    return frame.calls.slot(sums, place, element());
  const auto type = VectorType::get({width}, element());
  Value vector = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  const int64_t loaded = std::min(width, kPaddingOfSums);
  for (int64_t first = 0; first < width; first += loaded)
    for (auto [i, value] : llvm::enumerate(
             frame.calls.slotsFrom(sums, plus(place, emitter.index(first)), builder.getF32Type(), loaded))) {
      Value lane = arith::ConstantOp::create(
          builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(first) + static_cast<int32_t>(i)));
      vector = LLVM::InsertElementOp::create(builder, loc, type, vector, value, lane);
    }
  return vector;
}

// The rows of a tile whose sums are in shared memory.
void AttentionWriter::storeTile(const ir::Point& of, int64_t width) {
  Value sums = frame.calls.call("attention_results", LLVM::LLVMPointerType::get(builder.getContext()));
  const Side sides[] = {{0, 0, plan.rows(), 1}, {1, 0, sizes.width / width, width}};
  emitter.walk(frame.calls.index("thread_x"), total(sides), emitter.index(kWarps * kWarp), [&](Value number) {
    ir::Point in(2); // the tile
    emitter.locate(number, sides, in);
    Value row = plus(of.back().base, in[0].base);
    frame.onlyIf(less(row, sizes.rows), [&] {
      Value line = times(in[0].base, plan.sumsPitch);
      emitter.facts.set(row, {0, sizes.rows - 1, 1});
      ir::Point whole(of);
      whole.back().base = row;
      whole.push_back(in[1]);
      emitResult(frame, whole, sumsAt(sums, plus(line, in[1].base), width), width);
    });
  });
}

EmittedKernel AttentionWriter::write() {
  EmittedKernel out;
  out.threads[0] = kWarps * kWarp;
  out.algorithm = "attention in tiles of " + std::to_string(plan.rows()) + "x" +
                  std::to_string(plan.keyTiles * kTileKeys);
  out.resident = kResident;
  out.sharedBytes = static_cast<uint32_t>(plan.sharedBytes);
  if (ir::tensorType(op.getResult()).getNumElements() == 0)
    return frame.finish(out);
  SmallVector<Side> tiles;
  for (auto [i, extent] : llvm::enumerate(sizes.batch))
    tiles.push_back({static_cast<int64_t>(i), 0, extent, 1});
  // Neighbouring blocks read the same keys.
  tiles.push_back(
      {static_cast<int64_t>(tiles.size()), 0, llvm::divideCeilSigned(sizes.rows, plan.rows()), plan.rows()});
  out.blocks = total(tiles);
  const int64_t width = widthOfStores();
  Value aligned = frame.buffersAreAligned();
  emitter.walk(frame.calls.index("block"), out.blocks, frame.calls.index("blocks"), [&](Value number) {
    ir::Point of(tiles.size());
    emitter.locate(number, tiles, of);
    frame.calls.barrier(); // the tile before has been read
    attend(of);
    frame.calls.barrier();
    frame.withLanes(width, [&](int64_t lanes) { storeTile(of, lanes); }, aligned);
  });
  return frame.finish(out);
}

} // namespace

bool makesAttention(ir::KernelOp kernel) {
  return isa_and_nonnull<ir::AttentionOp>(kernel.getRoot());
}

EmittedKernel emitAttention(ir::KernelOp kernel, StringRef symbol) {
  auto op = cast<ir::AttentionOp>(kernel.getRoot());
  if (!passes::hasAttentionKernel(op, passes::Backend::cuda) || !resultsAreRoots(kernel, op))
    throw Error("there is no CUDA kernel for this attention", ErrorKind::internal);
  return AttentionWriter(kernel, symbol, op).write();
}

} // namespace sinter::codegen::cuda
