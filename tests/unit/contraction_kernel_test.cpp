// Micro-kernels of convolutions and matrix products against naive loops in float64.
#include "codegen/cpu/contraction/winograd.h"
#include "codegen/cpu/jit.h"
#include "sinter/runtime/eager/winograd.h"

#include "llvm/IR/Intrinsics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

namespace sinter::codegen::cpu {
namespace {

using contraction::Buffers;
using contraction::Problem;
using ir::Contraction;

// Floats that end where the readable memory ends, so that a read past them is caught.
class GuardedBuffer {
public:
  explicit GuardedBuffer(int64_t count, float fill = 0)
      : count_(static_cast<size_t>(std::max<int64_t>(count, 0))) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = (count_ * sizeof(float) + page - 1) / page * page;
    mapped_ = bytes + 2 * page;
    base_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (bytes)
      mprotect(base_ + page, bytes, PROT_READ | PROT_WRITE);
    data_ = reinterpret_cast<float*>(base_ + page + bytes) - count_;
    std::fill(data_, data_ + count_, fill);
  }
  GuardedBuffer(GuardedBuffer&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), mapped_(other.mapped_), data_(other.data_),
        count_(other.count_) {}
  ~GuardedBuffer() {
    if (base_)
      munmap(base_, mapped_);
  }
  float* data() { return data_; }
  size_t size() const { return count_; }
  float& operator[](int64_t i) { return data_[i]; }

private:
  char* base_;
  size_t mapped_;
  float* data_;
  size_t count_;
};

int64_t product(llvm::ArrayRef<int64_t> values) {
  int64_t result = 1;
  for (int64_t v : values)
    result *= v;
  return result;
}

int64_t roundUpDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

class Random {
public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int64_t in(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }
  bool chance(double p) { return std::uniform_real_distribution<double>()(engine_) < p; }
  std::vector<float> floats(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values)
      v = std::uniform_real_distribution<float>(-1, 1)(engine_);
    return values;
  }

private:
  std::mt19937 engine_;
};

// The cost model's choice as often as all others together.
size_t anyChoice(const Problem& problem, const Target& target, Random& random) {
  const auto choices = static_cast<int64_t>(contraction::candidateTiles(problem, target).size());
  return random.chance(0.5) ? 0 : static_cast<size_t>(random.in(0, choices - 1));
}

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// [n, c, positions] to [n, c / block, positions]{block}; the padding is poisoned.
GuardedBuffer packChannels(const std::vector<float>& from, int64_t n, int64_t c, int64_t positions,
                           int64_t block) {
  const int64_t blocks = roundUpDiv(c, block);
  GuardedBuffer to(n * blocks * positions * block, kNaN);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < c; ++j)
      for (int64_t x = 0; x < positions; ++x)
        to[((i * blocks + j / block) * positions + x) * block + j % block] =
            from[static_cast<size_t>((i * c + j) * positions + x)];
  return to;
}

// [oc, ic, taps] to [oc / block, taps, ic]{block}
GuardedBuffer packFilter(const std::vector<float>& from, int64_t oc, int64_t ic, int64_t taps,
                         int64_t block) {
  GuardedBuffer to(roundUpDiv(oc, block) * taps * ic * block, kNaN);
  for (int64_t o = 0; o < oc; ++o)
    for (int64_t i = 0; i < ic; ++i)
      for (int64_t t = 0; t < taps; ++t)
        to[((o / block * taps + t) * ic + i) * block + o % block] =
            from[static_cast<size_t>((o * ic + i) * taps + t)];
  return to;
}

GuardedBuffer copyOf(const std::vector<float>& from) {
  GuardedBuffer to(static_cast<int64_t>(from.size()));
  std::copy(from.begin(), from.end(), to.data());
  return to;
}

std::vector<double> naiveConvolution(const Contraction& s, const std::vector<float>& input,
                                     const std::vector<float>& filter, const std::vector<float>& bias) {
  const int64_t out = product(s.output), in = product(s.input), taps = product(s.kernel);
  std::vector<double> result(static_cast<size_t>(s.batch * s.groups * s.outChannels * out));
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t c = 0; c < s.groups * s.outChannels; ++c)
      for (int64_t o = 0; o < out; ++o) {
        const int64_t at[3] = {o / (s.output[1] * s.output[2]), o / s.output[2] % s.output[1],
                               o % s.output[2]};
        double sum = bias.empty() ? 0 : bias[static_cast<size_t>(c)];
        for (int64_t t = 0; t < taps; ++t) {
          const int64_t tap[3] = {t / (s.kernel[1] * s.kernel[2]), t / s.kernel[2] % s.kernel[1],
                                  t % s.kernel[2]};
          int64_t x = 0;
          bool inside = true;
          for (size_t d = 0; d < 3; ++d) {
            const int64_t p = at[d] * s.stride[d] - s.padBegin[d] + tap[d] * s.dilation[d];
            inside = inside && p >= 0 && p < s.input[d];
            x = x * s.input[d] + p;
          }
          if (!inside)
            continue;
          for (int64_t i = 0; i < s.inChannels; ++i) {
            const int64_t channel = c / s.outChannels * s.inChannels + i;
            sum += double(input[static_cast<size_t>((n * s.groups * s.inChannels + channel) * in + x)]) *
                   double(filter[static_cast<size_t>((c * s.inChannels + i) * taps + t)]);
          }
        }
        result[static_cast<size_t>((n * s.groups * s.outChannels + c) * out + o)] = sum;
      }
  return result;
}

// The host's features with another vector width: LLVM splits or narrows the vectors.
Target targetOfLanes(int64_t lanes) {
  Target target = Target::host();
  target.vectorBytes = lanes * 4;
  target.registers = lanes == 16 ? 32 : 16;
  return target;
}

// Compiles and runs a kernel task by task, in pieces and out of order.
void run(const EmittedKernel& kernel, const Target& target, std::vector<void*> buffers, Random& random) {
  Jit::Code code = Jit::instance().link(compileToObject(*kernel.module, target), kernel.symbol);
  ASSERT_NE(code.function, nullptr);
  ASSERT_GE(kernel.tasks, 0);
  GuardedBuffer scratch(static_cast<int64_t>(kernel.scratchBytes / sizeof(float)), kNaN);
  const int64_t cut = kernel.tasks ? random.in(0, kernel.tasks) : 0;
  code.function(buffers.data(), cut, kernel.tasks, scratch.data());
  code.function(buffers.data(), 0, cut, scratch.data());
}

std::string describe(const Contraction& s, int64_t lanes, const EmittedKernel& kernel) {
  auto triple = [](const std::array<int64_t, 3>& t) {
    return "(" + std::to_string(t[0]) + "," + std::to_string(t[1]) + "," + std::to_string(t[2]) + ")";
  };
  return kernel.algorithm + " lanes " + std::to_string(lanes) + " batch " + std::to_string(s.batch) +
         " groups " + std::to_string(s.groups) + " ic " + std::to_string(s.inChannels) + " oc " +
         std::to_string(s.outChannels) + " in " + triple(s.input) + " out " + triple(s.output) + " kernel " +
         triple(s.kernel) + " stride " + triple(s.stride) + " dilation " + triple(s.dilation) + " pad " +
         triple(s.padBegin);
}

void expectNear(double got, double wanted, double steps, const std::string& where) {
  ASSERT_NEAR(got, wanted, 1e-5 + 2e-7 * steps) << where;
}

void checkConvolution(const Contraction& s, int64_t lanes, bool inputBlocked, int64_t rank, Random& random) {
  const int64_t out = product(s.output), in = product(s.input), taps = product(s.kernel);
  const int64_t oc = s.groups * s.outChannels, ic = s.groups * s.inChannels;
  const std::vector<float> input = random.floats(s.batch * ic * in),
                           filter = random.floats(oc * s.inChannels * taps);
  const std::vector<float> bias = s.hasBias ? random.floats(oc) : std::vector<float>();
  GuardedBuffer packedInput = inputBlocked ? packChannels(input, s.batch, ic, in, lanes) : copyOf(input);
  GuardedBuffer packedFilter = packFilter(filter, oc, s.inChannels, taps, lanes), packedBias = copyOf(bias);
  const int64_t blocks = roundUpDiv(oc, lanes);
  GuardedBuffer output(s.batch * blocks * out * lanes, 12345);

  Target target = targetOfLanes(lanes);
  if (random.chance(0.3)) // sums in parts, as they are where a filter outgrows the cache
    target.l2Bytes = random.in(1, 8) << 10;
  llvm::LLVMContext context;
  const Problem problem = contraction::convolutionProblem(s, lanes, inputBlocked, rank);
  EmittedKernel kernel = contraction::generate(problem, Buffers{0, 1, 2, 3}, target, "kernel", context,
                                               nullptr, "", false, anyChoice(problem, target, random));
  run(kernel, target, {packedInput.data(), packedFilter.data(), packedBias.data(), output.data()}, random);

  const std::vector<double> wanted = naiveConvolution(s, input, filter, bias);
  const std::string where = describe(s, lanes, kernel);
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t c = 0; c < oc; ++c)
      for (int64_t x = 0; x < out; ++x)
        expectNear(output[((n * blocks + c / lanes) * out + x) * lanes + c % lanes],
                   wanted[static_cast<size_t>((n * oc + c) * out + x)], double(s.inChannels * taps),
                   where + " at n " + std::to_string(n) + " c " + std::to_string(c) + " x " +
                       std::to_string(x));
}

// Sizes that follow from input, kernel, stride, dilation and padding; false if nothing is left.
bool finishShape(Contraction& s, const std::array<int64_t, 3>& padEnd) {
  for (size_t d = 0; d < 3; ++d) {
    const int64_t room = s.input[d] + s.padBegin[d] + padEnd[d] - s.dilation[d] * (s.kernel[d] - 1) - 1;
    if (room < 0)
      return false;
    s.output[d] = room / s.stride[d] + 1;
  }
  return true;
}

Contraction randomConvolution(Random& random, int64_t lanes, int64_t rank, bool& inputBlocked) {
  while (true) {
    Contraction s;
    s.batch = random.chance(0.05) ? 0 : random.in(1, 3);
    s.hasBias = random.chance(0.5);
    inputBlocked = true;
    const int64_t kind = random.in(0, 3);
    if (kind == 0) { // depthwise
      s.groups = random.in(2, 3 * lanes);
    } else if (kind == 1) { // grouped
      s.groups = random.in(2, 3);
      s.inChannels = lanes * random.in(1, 2);
      s.outChannels = lanes * random.in(1, 3);
    } else {
      s.inChannels = random.in(1, 3 * lanes);
      s.outChannels = random.in(1, 5 * lanes);
      inputBlocked = random.chance(0.7);
    }
    std::array<int64_t, 3> padEnd{0, 0, 0};
    for (auto d = static_cast<size_t>(3 - rank); d < 3; ++d) {
      s.input[d] = random.in(1, rank == 1 ? 60 : rank == 2 ? 20 : 9);
      s.kernel[d] = random.chance(0.3) ? 1 : random.in(1, rank == 3 ? 3 : 5);
      s.stride[d] = random.chance(0.5) ? 1 : random.in(1, 3);
      s.dilation[d] = random.in(1, 2);
      s.padBegin[d] = random.chance(0.3) ? 0 : random.in(0, 3);
      padEnd[d] = random.chance(0.3) ? 0 : random.in(0, 3);
    }
    if (finishShape(s, padEnd))
      return s;
  }
}

class ContractionKernel : public testing::TestWithParam<int64_t> {};

TEST_P(ContractionKernel, RandomConvolutions) {
  const int64_t lanes = GetParam();
  Random random(static_cast<uint32_t>(lanes) * 7919);
  for (int i = 0; i < 60 && !HasFatalFailure(); ++i) {
    const int64_t rank = random.chance(0.5) ? 2 : random.in(1, 3);
    bool inputBlocked = true;
    const Contraction s = randomConvolution(random, lanes, rank, inputBlocked);
    checkConvolution(s, lanes, inputBlocked, rank, random);
  }
}

Contraction convolution2d(int64_t ic, int64_t oc, int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
  Contraction s;
  s.inChannels = ic;
  s.outChannels = oc;
  s.input = {1, size, size};
  s.kernel = {1, kernel, kernel};
  s.stride = {1, stride, stride};
  s.padBegin = {0, pad, pad};
  s.output = s.input;
  EXPECT_TRUE(finishShape(s, {0, pad, pad}));
  return s;
}

TEST_P(ContractionKernel, KnownLayers) {
  const int64_t lanes = GetParam();
  Random random(5);
  checkConvolution(convolution2d(3, 64, 34, 7, 2, 3), lanes, false, 2, random);
  checkConvolution(convolution2d(64, 64, 28, 3, 1, 1), lanes, true, 2, random);
  checkConvolution(convolution2d(64, 128, 28, 1, 1, 0), lanes, true, 2, random);
  checkConvolution(convolution2d(48, 96, 28, 1, 2, 0), lanes, true, 2, random);
  Contraction depthwise = convolution2d(1, 1, 30, 5, 2, 2);
  depthwise.groups = 96;
  depthwise.hasBias = true;
  checkConvolution(depthwise, lanes, true, 2, random);
}

TEST_P(ContractionKernel, LongKernelsAndWideDilations) {
  const int64_t lanes = GetParam();
  Random random(6);
  Contraction s;
  s.inChannels = 5;
  s.outChannels = 2 * lanes + 3;
  s.input = {1, 1, 150};
  s.kernel = {1, 1, 100};
  s.padBegin = {0, 0, 60};
  ASSERT_TRUE(finishShape(s, {0, 0, 70}));
  checkConvolution(s, lanes, true, 1, random);
  s.kernel = {1, 1, 5};
  s.dilation = {1, 1, 23};
  ASSERT_TRUE(finishShape(s, {0, 0, 70}));
  checkConvolution(s, lanes, false, 1, random);
  s.inChannels = s.outChannels = 1;
  s.groups = lanes + 1;
  s.kernel = {1, 1, 71};
  s.dilation = {1, 1, 1};
  ASSERT_TRUE(finishShape(s, {0, 0, 5}));
  checkConvolution(s, lanes, true, 1, random);
  Contraction outside = convolution2d(4, 4, 2, 3, 1, 4); // whole rows and tiles see padding only
  checkConvolution(outside, lanes, true, 2, random);
}

struct Product {
  int64_t m, k, n;
  std::vector<int64_t> lhsBatch, rhsBatch, batch;
  bool packed, transposed;
};

void checkMatmul(const Product& s, int64_t lanes, Random& random) {
  const int64_t batch = product(s.batch), lhsSize = s.m * s.k, rhsSize = s.k * s.n;
  const std::vector<float> lhs = random.floats(product(s.lhsBatch) * lhsSize);
  const std::vector<float> rhs = random.floats(product(s.rhsBatch) * rhsSize);
  auto element = [&](int64_t row, int64_t column, int64_t number = 0) {
    return rhs[static_cast<size_t>(number * rhsSize +
                                   (s.transposed ? column * s.k + row : row * s.n + column))];
  };
  GuardedBuffer left = copyOf(lhs),
                right = s.packed ? GuardedBuffer(roundUpDiv(s.n, lanes) * lanes * s.k, kNaN) : copyOf(rhs);
  if (s.packed)
    for (int64_t i = 0; i < s.k; ++i)
      for (int64_t j = 0; j < s.n; ++j)
        right[(j / lanes * s.k + i) * lanes + j % lanes] = element(i, j);
  GuardedBuffer output(batch * s.m * s.n, 12345);

  Contraction shape;
  shape.kind = Contraction::Kind::matmul;
  shape.batch = batch;
  shape.inChannels = s.k;
  shape.outChannels = s.n;
  shape.input = shape.output = {1, 1, s.m};
  shape.transposeRhs = s.transposed;
  const Target target = targetOfLanes(lanes);
  llvm::LLVMContext context;
  const Problem problem = contraction::matmulProblem(shape, lanes, s.packed, s.lhsBatch, s.rhsBatch, s.batch);
  EmittedKernel kernel = contraction::generate(problem, Buffers{0, 1, 0, 2}, target, "kernel", context,
                                               nullptr, "", false, anyChoice(problem, target, random));
  run(kernel, target, {left.data(), right.data(), output.data()}, random);

  for (int64_t b = 0; b < batch; ++b) {
    int64_t l = 0, r = 0, rest = b, lUnit = 1, rUnit = 1;
    for (size_t d = s.batch.size(); d-- > 0;) {
      const int64_t at = rest % s.batch[d];
      rest /= s.batch[d];
      l += (s.lhsBatch[d] == 1 ? 0 : at) * lUnit;
      r += (s.rhsBatch[d] == 1 ? 0 : at) * rUnit;
      lUnit *= s.lhsBatch[d];
      rUnit *= s.rhsBatch[d];
    }
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j) {
        double sum = 0;
        for (int64_t x = 0; x < s.k; ++x)
          sum += double(lhs[static_cast<size_t>(l * lhsSize + i * s.k + x)]) * double(element(x, j, r));
        expectNear(output[(b * s.m + i) * s.n + j], sum, double(s.k),
                   describe(shape, lanes, kernel) + (s.packed ? " packed" : ""));
      }
  }
}

TEST_P(ContractionKernel, Matmuls) {
  const int64_t lanes = GetParam();
  Random random(static_cast<uint32_t>(lanes));
  for (int i = 0; i < 50 && !HasFatalFailure(); ++i) {
    Product s{random.in(1, 40), random.in(1, 90), random.in(1, 6 * lanes), {}, {}, {}, false, false};
    if (random.chance(0.2))
      s.m = 1;
    if (random.chance(0.05))
      s.k = 0;
    for (int64_t d = random.in(0, 2); d > 0; --d) {
      s.batch.push_back(random.chance(0.05) ? 0 : random.in(1, 4));
      s.lhsBatch.push_back(random.chance(0.7) ? s.batch.back() : 1);
      s.rhsBatch.push_back(s.lhsBatch.back() == s.batch.back() && random.chance(0.5) ? 1 : s.batch.back());
    }
    if (random.chance(0.3)) // long enough to be copied first
      s.m += 40, s.n += 256;
    s.transposed = random.chance(0.3);
    s.packed = product(s.rhsBatch) == 1 && random.chance(0.6);
    checkMatmul(s, lanes, random);
  }
}

void checkWinograd(const Contraction& s, int64_t lanes, Random& random) {
  const int64_t out = product(s.output), in = product(s.input), oc = s.outChannels, ic = s.inChannels;
  std::vector<float> input = random.floats(s.batch * ic * in), filter = random.floats(oc * ic * 9);
  const std::vector<float> bias = random.floats(oc);
  const int64_t count = eager::winograd_points(s.winogradTile);
  std::vector<float> points(static_cast<size_t>(count * oc * ic));
  eager::winograd_filter(View::dense(filter.data(), DType::f32, {oc, ic, 3, 3}),
                         View::dense(points.data(), DType::f32, {count, oc, ic}), s.winogradTile);
  const int64_t blocks = roundUpDiv(oc, lanes);
  GuardedBuffer packedFilter(count * blocks * ic * lanes, kNaN);
  for (int64_t e = 0; e < count; ++e)
    for (int64_t m = 0; m < oc; ++m)
      for (int64_t c = 0; c < ic; ++c)
        packedFilter[((e * blocks + m / lanes) * ic + c) * lanes + m % lanes] =
            points[static_cast<size_t>((e * oc + m) * ic + c)];
  GuardedBuffer packedInput = packChannels(input, s.batch, ic, in, lanes), packedBias = copyOf(bias);
  GuardedBuffer output(s.batch * blocks * out * lanes, 12345);

  const Target target = targetOfLanes(lanes);
  llvm::LLVMContext context;
  EmittedKernel kernel =
      contraction::generateWinograd(s, Buffers{0, 1, 2, 3}, target, "kernel", context, nullptr, "");
  run(kernel, target, {packedInput.data(), packedFilter.data(), packedBias.data(), output.data()}, random);

  const std::vector<double> wanted = naiveConvolution(s, input, filter, bias);
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t c = 0; c < oc; ++c)
      for (int64_t x = 0; x < out; ++x)
        ASSERT_NEAR(output[((n * blocks + c / lanes) * out + x) * lanes + c % lanes],
                    wanted[static_cast<size_t>((n * oc + c) * out + x)], 1e-4 + 1e-5 * double(ic))
            << describe(s, lanes, kernel) << " at n " << n << " c " << c << " x " << x;
}

TEST_P(ContractionKernel, RandomWinograd) {
  Random random(11);
  for (int i = 0; i < 20; ++i) {
    Contraction s;
    s.winogradTile = eager::kWinogradTiles[i % 2];
    s.batch = random.in(0, 2);
    s.hasBias = true;
    s.inChannels = random.in(1, 3 * GetParam());
    s.outChannels = random.in(1, 7 * GetParam());
    s.kernel = {1, 3, 3};
    s.input = {1, random.in(1, 30), random.in(1, 30)};
    s.padBegin = {0, random.in(0, 2), random.in(0, 2)};
    if (finishShape(s, {0, random.in(0, 2), random.in(0, 2)}))
      checkWinograd(s, GetParam(), random);
  }
}

// Enough tiles and weights for a third tile to ask for what the first will need next.
TEST_P(ContractionKernel, WinogradWithPrefetchedFilter) {
  Random random(12);
  Contraction s;
  s.winogradTile = 4;
  s.hasBias = true;
  s.inChannels = 64;
  s.outChannels = 72;
  s.kernel = {1, 3, 3};
  s.input = {1, 20, 24};
  s.padBegin = {0, 1, 1};
  ASSERT_TRUE(finishShape(s, {0, 1, 1}));
  checkWinograd(s, GetParam(), random);
}

// How many prefetches the code of `s` holds.
size_t prefetches(const Contraction& s, int64_t lanes) {
  const Target target = targetOfLanes(lanes);
  llvm::LLVMContext context;
  const Problem problem = contraction::convolutionProblem(s, lanes, true, 2);
  const EmittedKernel kernel = contraction::generate(problem, {0, 1, 2, 3}, target, "kernel", context);
  size_t found = 0;
  for (const llvm::Function& function : *kernel.module)
    if (function.getIntrinsicID() == llvm::Intrinsic::prefetch)
      found += function.getNumUses();
  return found;
}

TEST_P(ContractionKernel, PrefetchesFiltersThatComeFromMemory) {
  const int64_t lanes = GetParam();
  EXPECT_GT(prefetches(convolution2d(512, 512, 7, 1, 1, 0), lanes), 0U);
  EXPECT_GT(prefetches(convolution2d(256, 256, 14, 3, 1, 1), lanes), 0U);
  EXPECT_EQ(prefetches(convolution2d(64, 64, 56, 1, 1, 0), lanes), 0U);  // 16 KiB
  EXPECT_EQ(prefetches(convolution2d(512, 512, 1, 1, 1, 0), lanes), 0U); // over before anything has come
}

INSTANTIATE_TEST_SUITE_P(Lanes, ContractionKernel, testing::Values(4, 8, 16));

} // namespace
} // namespace sinter::codegen::cpu
