// Measuring kernels one against the other.
#include "codegen/cpu/kernel_tuner.h"

#include "codegen/cpu/emit.h"
#include "sinter/runtime/storage.h"
#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <numeric>
#include <unistd.h>

namespace sinter::codegen::cpu {
namespace {

constexpr int kRounds = 7;
// What has to be read until nothing else is in the caches. Of a last level that is larger, a process on a
// shared machine has only a part.
constexpr int64_t kLeastFlushed = 8 << 20, kMostFlushed = 64 << 20;
// A variant must be better than the cost model's choice by more than the noise of a quiet machine.
constexpr double kWorthwhile = 0.985;

int64_t flushedBytes() {
  const auto last = static_cast<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE));
  return std::clamp(2 * last, kLeastFlushed, kMostFlushed);
}

class Bench {
public:
  Bench(const KernelOperands& operands, rt::ThreadPool& pool)
      : operands_(operands), pool_(pool), other_(Storage::allocate(static_cast<size_t>(flushedBytes()))) {
    std::memset(other_->data(), 0, other_->bytes());
    for (const KernelOperands::Buffer& buffer : operands_.buffers) {
      storages_.push_back(Storage::allocate(static_cast<size_t>(buffer.bytes)));
      fill(*storages_.back(), buffer.isFloat);
      pointers_.push_back(storages_.back()->data());
    }
  }

  double seconds(const rt::Kernel& kernel) {
    read(*other_);
    for (size_t i = 0; i < storages_.size(); ++i)
      if (i != operands_.filter)
        read(*storages_[i]);
    const uint64_t stride = (kernel.scratch_bytes + 63) / 64 * 64;
    if (!scratch_ || scratch_->bytes() < stride * static_cast<uint64_t>(pool_.size()))
      scratch_ = Storage::allocate(stride * static_cast<uint64_t>(pool_.size()));
    const auto start = std::chrono::steady_clock::now();
    pool_.parallel_for(kernel.tasks, kernel.grain, [&](int64_t begin, int64_t end, int worker) {
      kernel.function(pointers_.data(), begin, end,
                      kernel.scratch_bytes ? scratch_->data() + static_cast<uint64_t>(worker) * stride
                                           : nullptr);
    });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

private:
  // Numbers of a size that neither grows nor vanishes; integers and booleans are zeros.
  static void fill(const Storage& storage, bool isFloat) {
    std::memset(storage.data(), 0, storage.bytes());
    if (!isFloat)
      return;
    const std::span<float> elements(reinterpret_cast<float*>(storage.data()),
                                    storage.bytes() / sizeof(float));
    uint32_t state = 1;
    for (float& element : elements) {
      state = state * 1664525 + 1013904223;
      element = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1;
    }
  }

  void read(const Storage& storage) {
    constexpr int64_t kPiece = 64 << 10;
    const auto bytes = static_cast<int64_t>(storage.bytes());
    pool_.parallel_for((bytes + kPiece - 1) / kPiece, 1, [&](int64_t begin, int64_t end, int) {
      const auto* data = reinterpret_cast<const volatile unsigned char*>(storage.data());
      for (int64_t at = begin * kPiece; at < std::min(end * kPiece, bytes); at += 64)
        static_cast<void>(data[at]);
    });
  }

  const KernelOperands& operands_;
  rt::ThreadPool& pool_;
  std::shared_ptr<Storage> other_;
  std::shared_ptr<Storage> scratch_;
  std::vector<std::shared_ptr<Storage>> storages_;
  std::vector<void*> pointers_;
};

} // namespace

KernelOperands operandsOf(ir::KernelOp kernel) {
  KernelOperands operands;
  mlir::Block& body = kernel.getBody().front();
  const auto add = [&](mlir::Value value) {
    const mlir::RankedTensorType type = ir::tensorType(value);
    operands.buffers.push_back({ir::storedBytes(type), type.getElementType().isF32()});
  };
  for (mlir::Value argument : body.getArguments())
    add(argument);
  for (mlir::Value result : body.getTerminator()->getOperands())
    add(result);
  operands.filter = filterOperand(kernel);
  return operands;
}

size_t fastestKernel(std::span<const rt::Kernel> kernels, const KernelOperands& operands,
                     rt::ThreadPool& pool) {
  Bench bench(operands, pool);
  std::vector<double> best(kernels.size(), std::numeric_limits<double>::infinity());
  const rt::ThreadPool::Run run(pool);
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < kernels.size(); ++i)
      best[i] = std::min(best[i], bench.seconds(kernels[i]));
  const auto fastest = static_cast<size_t>(std::min_element(best.begin(), best.end()) - best.begin());
  return best[fastest] < kWorthwhile * best.front() ? fastest : 0;
}

} // namespace sinter::codegen::cpu
