// The cost model behind register tiles, and the partition of the work.
#include "codegen/cpu/contraction/plan.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace sinter::codegen::cpu::contraction {
namespace {

// Code size limits, in multiply-adds per unrolled body and code variants of a row.
constexpr int64_t kLargestBody = 512;
constexpr size_t kMostRuns = 12;
// Tasks.
constexpr double kTaskMicroseconds = 20;
constexpr double kGrainMicroseconds = 8; // the least work worth a thread; waking it costs a tenth
constexpr int64_t kTasksWanted = 32;
// Channels are summed in parts.
constexpr int64_t kMostChunks = 32;
constexpr int64_t kPassesWorthChunks = 4;
constexpr double kChainCycles = 4.4;
// Filters smaller than this come from a cache, or fast enough.
constexpr int64_t kPrefetchedBytes = 256 << 10;
constexpr double kBytesPerMicrosecond = 10000; // of one thread, from memory
// Packing pays for rows this long that this many positions read.
constexpr int64_t kPackedRowBytes = 1024;
constexpr int64_t kPackedPositions = 32;
// Candidates: the model is rarely wrong by more than this.
constexpr size_t kMostCandidates = 6;
constexpr double kWorthMeasuring = 1.3;

bool fitsRegisters(const Problem& p, const Target& target, int64_t width, int64_t blocks) {
  const int64_t spare =
      target.fma ? 1 : 3; // the value that is multiplied; without fma also the product and a copy
  if (p.depthwise)
    return width + std::min<int64_t>(p.kernel[2], 4) + spare < target.registers;
  return width * blocks + std::min(width, blocks) + spare <= target.registers;
}

struct Split {
  int64_t width, tiles, lastWidth; ///< `tiles` of `width`, then one of `lastWidth` or, if `even`, several
  int64_t lastTiles;
};

// `extent` cut into tiles of at most `most`: all but the last full, or all as equal as can be.
Split cut(int64_t extent, int64_t most, bool even) {
  if (!even) {
    const int64_t rest = extent % most;
    return {most, extent / most, rest, rest ? 1 : 0};
  }
  const int64_t tiles = llvm::divideCeilSigned(extent, most);
  const int64_t width = extent / tiles, wider = extent % tiles;
  return {width + 1, wider, width, tiles - wider};
}

// Into how many parts the channels are cut, so that a part of the filter of a tile of blocks stays in the
// second-level cache while rows go by. Between parts the sums wait in the output, which must have room for
// whole registers.
int64_t channelChunks(const Problem& p, const Target& target, int64_t blocks) {
  const int64_t filterBytes = blocks * p.reductionSteps() * p.lanes * 4;
  const int64_t channelBlocks = p.channels / p.channelBlock;
  if (2 * filterBytes <= target.l2Bytes || p.depthwise || p.filterUnpadded || p.filterTransposed ||
      p.outputUnpadded || p.channels % p.channelBlock != 0)
    return 1;
  for (int64_t chunks = 2; chunks <= kMostChunks; ++chunks)
    if (channelBlocks % chunks == 0 && 4 * filterBytes <= chunks * target.l2Bytes)
      return chunks;
  return 1;
}

// Into how many parts the kernel's outermost dimension is cut for the same end. Kernels are this large where
// they are the cotangent of a filter's gradient.
int64_t kernelChunks(const Problem& p, const Target& target, int64_t blocks) {
  const int64_t filterBytes = blocks * p.reductionSteps() * p.lanes * 4;
  if (2 * filterBytes <= target.l2Bytes || p.depthwise || p.outputUnpadded ||
      channelChunks(p, target, blocks) > 1)
    return 1;
  const int64_t depthBytes = filterBytes / p.kernel[0];
  if (2 * depthBytes > target.l2Bytes)
    return 1;
  const int64_t depths = std::max<int64_t>(1, target.l2Bytes / 4 / depthBytes);
  return llvm::divideCeilSigned(p.kernel[0], depths);
}

// Cycles per reduction step of one tile, by what limits it.
double stepCycles(const Problem& p, const Target& target, int64_t width, int64_t blocks) {
  const auto w = static_cast<double>(width), b = static_cast<double>(blocks);
  const double multiplies = w * b / 2, loads = (w + b) / 2;
  // A multiply-add can start when the one before it in its chain is done, after four cycles and a little:
  // chains never meet the pipes in perfect order.
  const auto chains = static_cast<double>(accumulatorSets(width, blocks, target.registers));
  double cycles = std::max({multiplies, loads, kChainCycles / chains});
  // What passes by once per tile comes from the second-level cache if the first does not hold it, or the
  // third: all of the filter, and of the input what the columns of the kernel do not share; strided positions
  // waste half their lines.
  const auto filterBytes = static_cast<double>(blocks * p.reductionSteps() * p.lanes * 4);
  const double filter = b * static_cast<double>(p.lanes) * 4;
  const double input =
      w * 4 * static_cast<double>(std::min<int64_t>(p.stride[2], 2)) / static_cast<double>(p.kernel[2]);
  if (filterBytes > 0.5 * static_cast<double>(target.l1Bytes))
    cycles = std::max(cycles, (filter + input) / (target.vectorBytes == 64 ? 40 : 22));
  if (filterBytes > 0.75 * static_cast<double>(target.l2Bytes) && channelChunks(p, target, blocks) == 1 &&
      kernelChunks(p, target, blocks) == 1)
    cycles = std::max(cycles, filter / 24);
  return cycles + 0.05 * loads;
}

double tileCycles(const Problem& p, const Target& target, int64_t width, int64_t blocks) {
  if (width == 0 || blocks == 0)
    return 0;
  const auto steps = static_cast<double>(p.reductionSteps());
  return steps * stepCycles(p, target, width, blocks) + 8 + 0.75 * static_cast<double>(width * blocks);
}

double rowCycles(const Problem& p, const Target& target, const Split& split, int64_t blocks) {
  return static_cast<double>(split.tiles) * tileCycles(p, target, split.width, blocks) +
         static_cast<double>(split.lastTiles) * tileCycles(p, target, split.lastWidth, blocks);
}

double problemCycles(const Problem& p, const Target& target, const TileShape& tile) {
  const int64_t blocks = p.blocks();
  const Split split = cut(p.output[2], tile.width, tile.even);
  double cycles = static_cast<double>(blocks / tile.blocks) * rowCycles(p, target, split, tile.blocks) +
                  rowCycles(p, target, split, blocks % tile.blocks);
  // Every kind of tile is code to be compiled.
  if (split.lastTiles && split.tiles)
    cycles *= 1.004;
  if (blocks % tile.blocks)
    cycles *= 1.02;
  return cycles;
}

// The positions of a tile that kernel column `column` meets.
std::array<int64_t, 2> met(const Problem& p, int64_t start, int64_t width, int64_t column) {
  const int64_t first = start * p.stride[2] - p.pad[2] + column * p.dilation[2];
  const int64_t begin = std::min(width, llvm::divideCeilSigned(std::max<int64_t>(0, -first), p.stride[2]));
  const int64_t end =
      std::min(width, llvm::divideCeilSigned(std::max<int64_t>(0, p.input[2] - first), p.stride[2]));
  return {begin, std::max(begin, end)};
}

class RowBuilder {
public:
  explicit RowBuilder(const Problem& problem) : problem_(problem) {}

  void add(int64_t start, int64_t width) {
    PositionRun run;
    run.start = start;
    run.width = width;
    for (int64_t column = 0; column < problem_.kernel[2]; ++column) {
      run.meets.push_back(met(problem_, start, width, column));
      if (run.meets.back() != std::array<int64_t, 2>{0, width})
        run.kind = PositionRun::Kind::masked;
    }
    append(std::move(run));
  }

  void addBounded(int64_t start, int64_t end) {
    for (; start < end; ++start) {
      PositionRun run;
      run.kind = PositionRun::Kind::bounded;
      run.start = start;
      append(std::move(run));
    }
  }

  std::vector<PositionRun> runs;

private:
  void append(PositionRun run) {
    if (!runs.empty() && runs.back().kind == run.kind && runs.back().width == run.width &&
        runs.back().meets == run.meets)
      ++runs.back().tiles;
    else
      runs.push_back(std::move(run));
  }

  const Problem& problem_;
};

void addTiles(RowBuilder& row, int64_t begin, int64_t end, const TileShape& tile) {
  if (begin >= end)
    return;
  const Split split = cut(end - begin, tile.width, tile.even);
  for (int64_t i = 0; i < split.tiles; ++i, begin += split.width)
    row.add(begin, split.width);
  for (int64_t i = 0; i < split.lastTiles; ++i, begin += split.lastWidth)
    row.add(begin, split.lastWidth);
}

// The positions [begin, end) where every kernel column meets the input.
std::array<int64_t, 2> interior(const Problem& p) {
  const int64_t columns = p.output[2];
  const int64_t begin = std::min(columns, llvm::divideCeilSigned(p.pad[2], p.stride[2]));
  const int64_t room = p.input[2] + p.pad[2] - (p.kernel[2] - 1) * p.dilation[2];
  const int64_t end = std::min(columns, llvm::divideCeilSigned(std::max<int64_t>(0, room), p.stride[2]));
  return {begin, std::max(begin, end)};
}

void cutRow(const Problem& p, const TileShape& tile, Plan& plan) {
  RowBuilder row(p);
  plan.loopOverKernelColumns = p.kernel[2] > 1 && p.kernel[2] * tile.width * tile.blocks > kLargestBody;
  if (!plan.loopOverKernelColumns)
    addTiles(row, 0, p.output[2], tile);
  if (plan.loopOverKernelColumns || row.runs.size() > kMostRuns) {
    const auto [begin, end] = interior(p);
    row.runs.clear();
    row.addBounded(0, begin);
    addTiles(row, begin, end, tile);
    row.addBounded(end, p.output[2]);
  }
  plan.positions = std::move(row.runs);
}

void cutBlocks(const Problem& p, const TileShape& tile, Plan& plan) {
  const int64_t blocks = p.blocks();
  const int64_t tail = p.outputUnpadded ? p.tailLanes() : 0;
  int64_t done = 0;
  auto add = [&](int64_t tiles, int64_t width, int64_t tailLanes) {
    if (tiles && width)
      plan.blocks.push_back({done, width, tiles, tailLanes});
    done += tiles * width;
  };
  const int64_t full = blocks / tile.blocks, rest = blocks % tile.blocks;
  const bool tailInFull = tail && !rest;
  add(full - (tailInFull ? 1 : 0), tile.blocks, 0);
  add(tailInFull ? 1 : 0, tile.blocks, tail);
  add(1, rest, tail);
}

// Positions of input (all channels) that fit half the second-level cache next to the filter.
int64_t positionsPerChunk(const Problem& p, const Target& target) {
  const int64_t inputBytes = std::max<int64_t>(1, p.channels) * 4 * p.stride[1] * p.stride[2];
  return std::max<int64_t>(p.depthwise ? 256 : 96, target.l2Bytes / 2 / inputBytes);
}

// Divides `extent` into chunks of at most `most`, as equal as can be.
void chunk(int64_t extent, int64_t most, int64_t& perTask, int64_t& chunks) {
  chunks = llvm::divideCeilSigned(extent, std::clamp<int64_t>(most, 1, extent));
  perTask = llvm::divideCeilSigned(extent, chunks);
  chunks = llvm::divideCeilSigned(extent, perTask);
}

double expectedMicroseconds(const Problem& p, const Target& target) {
  const double perMicrosecond = static_cast<double>(target.lanes()) * (p.depthwise ? 1000 : 4000);
  const int64_t filters =
      llvm::all_of(p.filterBatchStrides, [](int64_t stride) { return stride == 0; }) ? 1 : p.batch();
  const auto filterBytes = static_cast<double>(4 * filters * p.groups * p.outChannels * p.reductionSteps());
  return std::max(p.multiplyAdds() / perMicrosecond, filterBytes / kBytesPerMicrosecond);
}

void cutTasks(const Problem& p, const Target& target, Plan& plan) {
  const int64_t outer = p.batch() * p.groups;
  const double microseconds = expectedMicroseconds(p, target);
  const auto wanted = static_cast<int64_t>(
      std::clamp(microseconds / kTaskMicroseconds, 1.0, static_cast<double>(kTasksWanted)));
  // For the cache: as many positions as fit. They stay while the blocks of output channels pass by.
  const int64_t most = positionsPerChunk(p, target);
  if (p.rows() == 1)
    chunk(plan.positionTiles, most / plan.tileWidth, plan.positionTilesPerTask, plan.positionChunks);
  else
    plan.positionTilesPerTask = plan.positionTiles;
  chunk(p.rows(), most / p.output[2], plan.rowsPerTask, plan.rowChunks);
  // For the threads: blocks first, which costs nothing; then positions.
  auto missing = [&] {
    return llvm::divideCeilSigned(wanted, outer * plan.rowChunks * plan.positionChunks * plan.blockChunks);
  };
  plan.blockTilesPerTask = plan.blockTiles;
  chunk(plan.blockTiles, plan.blockTiles / missing(), plan.blockTilesPerTask, plan.blockChunks);
  if (missing() > 1)
    chunk(p.rows(), p.rows() / (plan.rowChunks * missing()), plan.rowsPerTask, plan.rowChunks);
  if (missing() > 1)
    chunk(plan.positionTiles, plan.positionTiles / (plan.positionChunks * missing()),
          plan.positionTilesPerTask, plan.positionChunks);
  plan.tasks = outer * plan.rowChunks * plan.positionChunks * plan.blockChunks;
  const double taskMicroseconds = microseconds / static_cast<double>(plan.tasks);
  plan.grain = std::clamp<int64_t>(
      static_cast<int64_t>(std::ceil(kGrainMicroseconds / std::max(taskMicroseconds, 1e-3))), 1, plan.tasks);
}

} // namespace

int64_t accumulatorSets(int64_t width, int64_t blocks, int64_t registers) {
  constexpr int64_t kAccumulatorsWanted = 8; // two pipes of latency 4
  const int64_t tile = width * blocks;
  int64_t sets = 1;
  while (sets * tile < kAccumulatorsWanted && sets * 2 * tile + std::min(width, blocks) + 1 <= registers)
    sets *= 2;
  return sets;
}

int64_t prefetchedLines(const Problem& p, int64_t blocks, int64_t tiles, int64_t filterBytes) {
  // A tile or two are over before anything has come.
  if (filterBytes < kPrefetchedBytes || tiles < 3 || p.filterUnpadded || p.filterTransposed || p.depthwise)
    return 0;
  return llvm::divideCeilSigned(blocks * p.filterBlockStride, kLine * tiles);
}

std::vector<TileShape> candidateTiles(const Problem& p, const Target& target) {
  if (p.isEmpty())
    return {TileShape()};
  const int64_t columns = p.output[2];
  // Many streams of weights from memory at once defeat the prefetchers.
  const int64_t mostBlocks = p.depthwise ? 1 : std::min<int64_t>(p.blocks(), 8);
  std::vector<std::pair<double, TileShape>> tiles;
  for (int64_t b = 1; b <= mostBlocks; ++b)
    for (int64_t w = 1; w <= columns && fitsRegisters(p, target, w, b); ++w) {
      const TileShape full{w, b, false}, even{w, b, true};
      const double ofFull = problemCycles(p, target, full), ofEven = problemCycles(p, target, even);
      tiles.emplace_back(std::min(ofFull, ofEven), ofEven < ofFull ? even : full);
    }
  llvm::sort(tiles, [](const auto& a, const auto& b) {
    return std::tuple(a.first, a.second.blocks, a.second.width) <
           std::tuple(b.first, b.second.blocks, b.second.width);
  });
  std::vector<TileShape> candidates;
  for (const auto& [cycles, tile] : tiles)
    if (candidates.size() < kMostCandidates && cycles <= kWorthMeasuring * tiles.front().first)
      candidates.push_back(tile);
  return candidates;
}

Plan makePlan(const Problem& problem, const Target& target, const TileShape& tile) {
  Plan plan;
  if (problem.isEmpty()) {
    plan.tasks = 0;
    return plan;
  }
  plan.tileWidth = tile.width;
  plan.tileBlocks = tile.blocks;
  cutRow(problem, tile, plan);
  cutBlocks(problem, tile, plan);
  plan.positionTiles = plan.blockTiles = 0;
  for (const PositionRun& run : plan.positions)
    plan.positionTiles += run.tiles;
  for (const BlockRun& run : plan.blocks)
    plan.blockTiles += run.tiles;
  cutTasks(problem, target, plan);
  const int64_t passes = plan.rowsPerTask * plan.positionTilesPerTask;
  if (passes >= kPassesWorthChunks)
    plan.channelChunks = channelChunks(problem, target, plan.tileBlocks);
  if (passes > 1)
    chunk(problem.kernel[0], problem.kernel[0] / kernelChunks(problem, target, plan.tileBlocks),
          plan.depthsPerChunk, plan.kernelChunks);
  if (plan.sumParts() == 1)
    plan.prefetchedLines =
        prefetchedLines(problem, plan.tileBlocks, plan.positionTilesPerTask * plan.rowsPerTask,
                        problem.groups * problem.blocks() * problem.filterBlockStride * 4);
  const int64_t positions = plan.positionTilesPerTask * plan.tileWidth;
  plan.packFilter = problem.filterTransposed ||
                    (problem.filterUnpadded && positions >= kPackedPositions &&
                     problem.channels >= kPackedPositions && problem.outChannels * 4 >= kPackedRowBytes);
  return plan;
}

Plan makePlan(const Problem& problem, const Target& target) {
  return makePlan(problem, target, candidateTiles(problem, target).front());
}

} // namespace sinter::codegen::cpu::contraction
