// Compiles a sinter.kernel given as text, runs it between guard pages, and compares with the eager kernels.
#pragma once

#include "codegen/cpu/emit.h"
#include "codegen/cpu/jit.h"
#include "ir/constant.h"
#include "ir/ops.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace sinter::test {

/// Memory that ends at a page nobody may touch: reading or writing one byte past it ends the test program.
class GuardedBuffer {
public:
  explicit GuardedBuffer(std::size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + 2 * page;
    start_ = static_cast<char*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(start_, page, PROT_NONE);
    mprotect(start_ + mapped_ - page, page, PROT_NONE);
    data_ = start_ + mapped_ - page - bytes;
  }
  GuardedBuffer(GuardedBuffer&& other) noexcept
      : bytes_(other.bytes_), mapped_(other.mapped_), start_(std::exchange(other.start_, nullptr)),
        data_(other.data_) {}
  GuardedBuffer& operator=(GuardedBuffer&&) = delete;
  ~GuardedBuffer() {
    if (start_)
      munmap(start_, mapped_);
  }
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

private:
  std::size_t bytes_, mapped_ = 0;
  char* start_ = nullptr;
  char* data_ = nullptr;
};

/// The element offset of logical position `index` in memory.
inline int64_t physicalOffset(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> index) {
  auto layout = llvm::dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding());
  int64_t offset = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (!layout)
      offset = offset * type.getDimSize(static_cast<unsigned>(d)) + index[d];
    else if (static_cast<int64_t>(d) == layout.getBlocked())
      offset += index[d] / layout.getBlock() * layout.getStride(type.getShape(), static_cast<int64_t>(d)) +
                index[d] % layout.getBlock();
    else
      offset += index[d] * layout.getStride(type.getShape(), static_cast<int64_t>(d));
  }
  return offset;
}

template <class F>
void forEachPosition(llvm::ArrayRef<int64_t> shape, F&& visit) {
  llvm::SmallVector<int64_t> index(shape.size(), 0);
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  for (int64_t i = 0; i < count; ++i) {
    visit(i, llvm::ArrayRef<int64_t>(index));
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
}

class KernelHarness {
public:
  KernelHarness() { context.loadDialect<ir::SinterDialect>(); }

  mlir::MLIRContext context;
  double tolerance = 2e-6;
  double low = -2, high = 2; ///< of random inputs

  /// Runs the kernel in `text` on random operands, for several vector widths and ways of splitting its tasks.
  void check(const std::string& text) {
    std::vector<codegen::cpu::Target> targets(3, codegen::cpu::Target::host());
    targets[0].vectorBytes = 32;
    targets[1].vectorBytes = 64;
    targets[2].vectorBytes = 16;
    check(text, targets);
  }

  void check(const std::string& text, const std::vector<codegen::cpu::Target>& targets) {
    SCOPED_TRACE(text);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    ir::KernelOp kernel = *module->getOps<ir::KernelOp>().begin();
    for (const codegen::cpu::Target& target : targets) {
      SCOPED_TRACE("vectors of " + std::to_string(target.vectorBytes) + " bytes");
      checkOn(kernel, target);
      if (testing::Test::HasFailure())
        return;
    }
  }

  static void fill(void* data, DType dtype, int64_t count, std::mt19937& random, double low, double high) {
    std::uniform_real_distribution<double> reals(low, high);
    visit_dtype(dtype, "fill", [&](auto zero) {
      using T = decltype(zero);
      for (int64_t i = 0; i < count; ++i) {
        const double value = reals(random);
        if constexpr (std::is_same_v<T, bool>)
          static_cast<T*>(data)[i] = value > 0;
        else if constexpr (std::is_floating_point_v<T>)
          static_cast<T*>(data)[i] = static_cast<T>(value);
        else if constexpr (std::is_unsigned_v<T>)
          static_cast<T*>(data)[i] = static_cast<T>(std::abs(value) * 60);
        else
          static_cast<T*>(data)[i] = static_cast<T>(value * 3);
      }
    });
  }

private:
  struct Logical {
    std::vector<char> bytes;
    View view;
  };

  Logical allocate(mlir::Value value) {
    const auto type = ir::tensorType(value);
    Logical result;
    const DType dtype = ir::dtypeOf(type.getElementType());
    result.bytes.resize(static_cast<std::size_t>(type.getNumElements()) * size_of(dtype) + 1);
    result.view = View::dense(result.bytes.data(), dtype, ir::shapeOf(type));
    return result;
  }

  // Padding holds what must not be looked at.
  GuardedBuffer pack(const Logical& logical, mlir::RankedTensorType type) {
    GuardedBuffer buffer(static_cast<std::size_t>(ir::storedBytes(type)));
    std::memset(buffer.data(), 0xFF, buffer.bytes());
    const std::size_t size = size_of(logical.view.dtype);
    forEachPosition(type.getShape(), [&](int64_t i, llvm::ArrayRef<int64_t> index) {
      std::memcpy(static_cast<char*>(buffer.data()) +
                      static_cast<std::size_t>(physicalOffset(type, index)) * size,
                  logical.bytes.data() + static_cast<std::size_t>(i) * size, size);
    });
    return buffer;
  }

  void compare(const Logical& expected, const GuardedBuffer& actual, mlir::RankedTensorType type) {
    visit_dtype(expected.view.dtype, "compare", [&](auto zero) {
      using T = decltype(zero);
      forEachPosition(type.getShape(), [&](int64_t i, llvm::ArrayRef<int64_t> index) {
        if (testing::Test::HasFailure())
          return;
        T want, have;
        std::memcpy(&want, expected.view.as<T>() + i, sizeof(T));
        std::memcpy(&have, static_cast<const T*>(actual.data()) + physicalOffset(type, index), sizeof(T));
        const double a = static_cast<double>(want), b = static_cast<double>(have);
        if (a == b || (std::isnan(a) && std::isnan(b)))
          return;
        const double allowed = std::is_floating_point_v<T> ? tolerance * (1 + std::abs(a)) : 0;
        if (!(std::abs(a - b) <= allowed))
          ADD_FAILURE() << "element " << i << ": expected " << a << ", got " << b;
      });
    });
  }

  void checkOn(ir::KernelOp kernel, const codegen::cpu::Target& target) {
    mlir::Block& block = kernel.getBody().front();
    std::mt19937 random(7);
    llvm::DenseMap<mlir::Value, Logical> values;
    std::vector<GuardedBuffer> buffers;
    for (mlir::Value argument : block.getArguments()) {
      Logical logical = allocate(argument);
      fill(logical.view.data, logical.view.dtype, logical.view.elements(), random, low, high);
      buffers.push_back(pack(logical, ir::tensorType(argument)));
      values[argument] = std::move(logical);
    }
    for (mlir::Operation& op : block.without_terminator())
      evaluate(&op, values);

    llvm::LLVMContext llvmContext;
    codegen::cpu::EmittedKernel emitted = codegen::cpu::emitLoops(kernel, target, llvmContext);
    if (std::getenv("SINTER_TEST_DUMP"))
      emitted.module->print(llvm::errs(), nullptr);
    auto code = codegen::cpu::Jit::instance().link(codegen::cpu::compileToObject(*emitted.module, target),
                                                   emitted.symbol);
    if (std::getenv("SINTER_TEST_DUMP"))
      llvm::errs() << codegen::cpu::compileToAssembly(*emitted.module, target);
    auto yielded = block.getTerminator()->getOperands();
    const std::size_t inputs = buffers.size();
    for (bool oneByOne : {false, true}) {
      SCOPED_TRACE(oneByOne ? "task by task" : "all tasks at once");
      while (buffers.size() > inputs)
        buffers.pop_back();
      for (mlir::Value result : yielded) {
        buffers.emplace_back(static_cast<std::size_t>(ir::storedBytes(ir::tensorType(result))));
        std::memset(buffers.back().data(), 0x5A, buffers.back().bytes());
      }
      std::vector<void*> addresses;
      for (const GuardedBuffer& buffer : buffers)
        addresses.push_back(buffer.data());
      const int64_t piece = oneByOne ? 1 : emitted.tasks;
      for (int64_t begin = 0; begin < emitted.tasks; begin += piece)
        code.function(addresses.data(), begin, begin + piece, nullptr);
      for (std::size_t i = 0; i < yielded.size(); ++i)
        compare(values[yielded[i]], buffers[inputs + i], ir::tensorType(yielded[i]));
    }
  }

  void evaluate(mlir::Operation* op, llvm::DenseMap<mlir::Value, Logical>& values) {
    mlir::Value result = op->getResult(0);
    Logical logical = allocate(result);
    if (auto data = ir::constantData(result)) {
      std::memcpy(logical.view.data, data->view.data, logical.view.bytes());
    } else if (isa<ir::ConvertLayoutOp>(op)) {
      std::memcpy(logical.view.data, values[op->getOperand(0)].view.data, logical.view.bytes());
    } else {
      std::vector<View> operands;
      for (mlir::Value operand : op->getOperands())
        operands.push_back(values[operand].view);
      cast<ir::EvaluateOpInterface>(op).evaluate(operands, {logical.view});
    }
    values[result] = std::move(logical);
  }
};

} // namespace sinter::test
