// Strides of contractions in the layouts the micro-kernels take.
#include "codegen/cpu/contraction/problem.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

namespace sinter::codegen::cpu::contraction {
namespace {

int64_t product(llvm::ArrayRef<int64_t> values) {
  int64_t result = 1;
  for (int64_t value : values)
    result *= value;
  return result;
}

// Strides of a dense box of `dims` whose innermost step is `unit`; 0 for dimensions of extent 1, which
// broadcast.
llvm::SmallVector<int64_t> denseStrides(llvm::ArrayRef<int64_t> dims, int64_t unit) {
  llvm::SmallVector<int64_t> strides(dims.size(), 0);
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = dims[i] == 1 ? 0 : unit;
    unit *= dims[i];
  }
  return strides;
}

Triple tripleStrides(const Triple& dims, int64_t unit) {
  return {dims[1] * dims[2] * unit, dims[2] * unit, unit};
}

// A convolution that maps positions one to one needs no rows: one long row wastes no part of a tile.
void foldPositions(Problem& p) {
  const Triple ones{1, 1, 1};
  if (p.kernel != ones || p.stride != ones || p.pad != Triple{0, 0, 0} || p.input != p.output)
    return;
  for (int64_t d = 3 - p.spatialRank; d < 3; ++d)
    p.foldedDims.push_back(p.output[static_cast<size_t>(d)]);
  p.input = p.output = {1, 1, product(p.output)};
}

} // namespace

int64_t Problem::batch() const {
  return product(batchDims);
}

int64_t Problem::reductionSteps() const {
  return product(kernel) * (depthwise ? 1 : channels);
}

double Problem::multiplyAdds() const {
  return static_cast<double>(batch()) * static_cast<double>(groups) * static_cast<double>(outChannels) *
         static_cast<double>(product(output)) * static_cast<double>(reductionSteps());
}

bool Problem::isEmpty() const {
  return batch() == 0 || groups == 0 || outChannels == 0 || product(output) == 0;
}

std::array<int64_t, 2> Problem::kernelRange(int dim, int64_t at) const {
  const auto d = static_cast<size_t>(dim);
  const int64_t start = at * stride[d] - pad[d];
  const int64_t begin = llvm::divideCeilSigned(std::max<int64_t>(0, -start), dilation[d]);
  const int64_t end =
      std::min(kernel[d], llvm::divideCeilSigned(std::max<int64_t>(0, input[d] - start), dilation[d]));
  return {std::min(begin, kernel[d]), std::max(std::min(begin, kernel[d]), end)};
}

Problem convolutionProblem(const ir::Contraction& shape, int64_t lanes, bool inputBlocked,
                           int64_t spatialRank) {
  Problem p;
  p.depthwise = shape.isDepthwise();
  p.lanes = lanes;
  p.batchDims = {shape.batch};
  p.hasBias = shape.hasBias;
  p.input = shape.input;
  p.output = shape.output;
  p.kernel = shape.kernel;
  p.stride = shape.stride;
  p.dilation = shape.dilation;
  p.pad = shape.padBegin;
  p.spatialRank = spatialRank;

  const int64_t inPositions = product(shape.input), outPositions = product(shape.output);
  const int64_t inChannels = shape.groups * shape.inChannels, outChannels = shape.groups * shape.outChannels;
  p.outputStride = tripleStrides(shape.output, lanes);
  p.outputBlockStride = outPositions * lanes;
  p.outputBatchStrides = {llvm::divideCeilSigned(outChannels, lanes) * p.outputBlockStride};
  if (inputBlocked) {
    p.inputStride = tripleStrides(shape.input, lanes);
    p.inputBlockStride = inPositions * lanes;
    p.inputBatchStrides = {llvm::divideCeilSigned(inChannels, lanes) * p.inputBlockStride};
    p.inputChannelStride = 1;
    p.channelBlock = lanes;
  } else {
    p.inputStride = tripleStrides(shape.input, 1);
    p.inputBatchStrides = {inChannels * inPositions};
    p.inputChannelStride = inPositions;
    p.channelBlock = std::max<int64_t>(1, shape.inChannels);
  }
  p.channels = shape.inChannels;
  p.filterChannelStride = lanes;
  p.filterStride = tripleStrides(shape.kernel, shape.inChannels * lanes);
  p.filterBlockStride = product(shape.kernel) * shape.inChannels * lanes;
  p.filterBatchStrides = {0};
  if (p.depthwise) {
    p.outChannels = outChannels;
    p.inputOutBlockStride = p.inputBlockStride;
  } else {
    p.groups = shape.groups;
    p.outChannels = shape.outChannels;
    p.inputGroupStride = shape.inChannels * inPositions; // channels of a group fill whole blocks
    p.outputGroupStride = shape.outChannels * outPositions;
    p.filterGroupStride = p.blocks() * p.filterBlockStride;
  }
  foldPositions(p);
  return p;
}

Problem filterGradientProblem(const ir::Contraction& shape, int64_t lanes) {
  Problem p;
  const int64_t images = shape.batch;
  p.algorithm = "filter gradient";
  p.lanes = lanes;
  p.batchDims = {1};
  p.inputBatchStrides = p.filterBatchStrides = p.outputBatchStrides = {0};
  p.groups = shape.groups;
  p.channels = p.channelBlock = images;
  p.inputChannelStride = 1;
  p.filterChannelStride = lanes;
  p.outChannels = shape.outChannels;

  // What strides and dilations are to the convolution is the other way round here.
  const auto rotated = [](const Triple& extents, int64_t last) {
    return Triple{extents[1], extents[2], last};
  };
  p.input = rotated(shape.input, shape.inChannels);
  p.output = rotated(shape.kernel, shape.inChannels);
  p.kernel = rotated(shape.output, 1);
  p.stride = rotated(shape.dilation, 1);
  p.dilation = rotated(shape.stride, 1);
  p.pad = rotated(shape.padBegin, 0);
  p.spatialRank = 3;

  p.inputStride = {shape.input[2] * images, images, product(shape.input) * images};
  p.filterStride = {shape.output[2] * images * lanes, images * lanes, 0};
  p.filterBlockStride = product(shape.output) * images * lanes;
  p.outputStride = tripleStrides(p.output, lanes);
  p.outputBlockStride = product(p.output) * lanes;
  p.inputGroupStride = shape.inChannels * p.inputStride[2];
  p.filterGroupStride = p.blocks() * p.filterBlockStride;
  p.outputGroupStride = p.blocks() * p.outputBlockStride;
  return p;
}

Problem matmulProblem(const ir::Contraction& shape, int64_t lanes, bool rhsPacked,
                      llvm::ArrayRef<int64_t> lhsBatch, llvm::ArrayRef<int64_t> rhsBatch,
                      llvm::ArrayRef<int64_t> resultBatch) {
  Problem p;
  const int64_t rows = shape.input[2], k = shape.inChannels, n = shape.outChannels;
  p.lanes = lanes;
  p.channels = k;
  p.channelBlock = std::max<int64_t>(1, k);
  p.outChannels = n;
  p.channelLast = true;
  p.input = p.output = {1, 1, rows};
  p.inputStride = {0, 0, k};
  p.outputStride = {0, 0, n};
  p.inputChannelStride = 1;
  p.outputBlockStride = lanes;
  p.filterTransposed = !rhsPacked && shape.transposeRhs;
  p.filterChannelStride = rhsPacked ? lanes : p.filterTransposed ? 1 : n;
  p.filterBlockStride = rhsPacked || p.filterTransposed ? lanes * k : lanes;
  p.outputUnpadded = true;
  p.filterUnpadded = !rhsPacked;

  const int64_t filterSize = rhsPacked ? p.blocks() * p.filterBlockStride : k * n;
  if (lhsBatch == resultBatch && product(rhsBatch) == 1) { // one product with more rows
    p.foldedDims.assign(resultBatch.begin(), resultBatch.end());
    p.foldedDims.push_back(rows);
    p.input[2] = p.output[2] = product(resultBatch) * rows;
    return p;
  }
  p.batchDims.assign(resultBatch.begin(), resultBatch.end());
  p.inputBatchStrides = denseStrides(lhsBatch, rows * k);
  p.filterBatchStrides = denseStrides(rhsBatch, filterSize);
  p.outputBatchStrides = denseStrides(resultBatch, rows * n);
  return p;
}

} // namespace sinter::codegen::cpu::contraction
