// Winograd's convolution, compiled for every vector width, against a direct convolution in f64.
#include "codegen/compile.h"
#include "codegen/cpu/target.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/winograd.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sinter::codegen {
namespace {

struct Sizes {
  int64_t batch, in, out, height, width, top, left, bottom, right;
  bool residual = false;
  int64_t tile = 4;
  int64_t points() const { return (tile + 2) * (tile + 2); }
  int64_t outHeight() const { return height + top + bottom - 2; }
  int64_t outWidth() const { return width + left + right - 2; }
};

std::vector<float> randomNumbers(int64_t count, std::mt19937& engine) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& number : numbers)
    number = std::uniform_real_distribution<float>(-1, 1)(engine);
  return numbers;
}

std::string program(const Sizes& s) {
  auto n = [](int64_t value) { return std::to_string(value); };
  const std::string x = "tensor<" + n(s.batch) + "x" + n(s.in) + "x" + n(s.height) + "x" + n(s.width) +
                        "xf32>",
                    f = "tensor<" + n(s.points()) + "x" + n(s.out) + "x" + n(s.in) + "xf32>",
                    b = "tensor<" + n(s.out) + "xf32>",
                    r = "tensor<" + n(s.batch) + "x" + n(s.out) + "x" + n(s.outHeight()) + "x" +
                        n(s.outWidth()) + "xf32>";
  std::string text = "func.func @main(%x: " + x + ", %f: " + f + ", %b: " + b + ", %o: " + r + ") -> " + r +
                     " {\n  %0 = sinter.winograd_conv %x, %f, %b {pad_begin = array<i64: " + n(s.top) + ", " +
                     n(s.left) + ">, pad_end = array<i64: " + n(s.bottom) + ", " + n(s.right) +
                     ">, tile = " + n(s.tile) + " : i64} : (" + x + ", " + f + ", " + b + ") -> " + r + "\n";
  if (!s.residual)
    return text + "  func.return %0 : " + r + "\n}\n";
  return text + "  %1 = sinter.add %0, %o : (" + r + ", " + r + ") -> " + r + "\n  %2 = sinter.relu %1 : (" +
         r + ") -> " + r + "\n  func.return %2 : " + r + "\n}\n";
}

void check(const Sizes& s, const std::string& cpu) {
  SCOPED_TRACE(cpu + "\n" + program(s));
  std::mt19937 engine(7);
  const Shape resultShape{s.batch, s.out, s.outHeight(), s.outWidth()};
  std::vector<float> x = randomNumbers(s.batch * s.in * s.height * s.width, engine),
                     f = randomNumbers(s.out * s.in * 9, engine), b = randomNumbers(s.out, engine),
                     other = randomNumbers(resultShape.elements(), engine),
                     transformed(static_cast<std::size_t>(s.points() * s.out * s.in)),
                     got(other.size(), 12345);
  eager::winograd_filter(View::dense(f.data(), DType::f32, {s.out, s.in, 3, 3}),
                         View::dense(transformed.data(), DType::f32, {s.points(), s.out, s.in}), s.tile);
  const View inputs[] = {View::dense(x.data(), DType::f32, {s.batch, s.in, s.height, s.width}),
                         View::dense(transformed.data(), DType::f32, {s.points(), s.out, s.in}),
                         View::dense(b.data(), DType::f32, {s.out}),
                         View::dense(other.data(), DType::f32, resultShape)};
  const View output = View::dense(got.data(), DType::f32, resultShape);

  mlir::MLIRContext context;
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(program(s), &context);
  ASSERT_TRUE(module);
  CompileOptions options;
  options.cpu = cpu;
  auto executable = compile(*module, options);
  bool found = false;
  for (const rt::Kernel& kernel : executable->kernels())
    found = found || kernel.algorithm.starts_with(s.tile == 4 ? "winograd 4x4" : "winograd 2x2");
  ASSERT_TRUE(found);
  rt::ThreadPool pool(2);
  executable->run(inputs, std::span(&output, 1), pool);

  std::vector<double> wanted;
  double largest = 1; // sum of |x| |w|
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t m = 0; m < s.out; ++m)
      for (int64_t h = 0; h < s.outHeight(); ++h)
        for (int64_t w = 0; w < s.outWidth(); ++w) {
          double sum = static_cast<double>(b[static_cast<std::size_t>(m)]), absolute = 0;
          for (int64_t c = 0; c < s.in; ++c)
            for (int64_t tap = 0; tap < 9; ++tap) {
              const int64_t y = h + tap / 3 - s.top, z = w + tap % 3 - s.left;
              if (y < 0 || y >= s.height || z < 0 || z >= s.width)
                continue;
              const double product =
                  static_cast<double>(
                      x[static_cast<std::size_t>(((n * s.in + c) * s.height + y) * s.width + z)]) *
                  static_cast<double>(f[static_cast<std::size_t>((m * s.in + c) * 9 + tap)]);
              sum += product;
              absolute += std::abs(product);
            }
          largest = std::max(largest, absolute);
          if (s.residual)
            sum = std::max(0.0, sum + static_cast<double>(other[wanted.size()]));
          wanted.push_back(sum);
        }
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(static_cast<double>(got[i]), wanted[i], 1e-5 * largest) << "element " << i;
}

void check(Sizes sizes, int64_t tile) {
  sizes.tile = tile;
  check(sizes, "native");
  check(sizes, "x86-64");
  try {
    cpu::Target::named("x86-64-v4"); // throws where there are no vectors of 16 lanes
  } catch (const Error&) {
    return;
  }
  check(sizes, "x86-64-v4");
}

void check(const Sizes& sizes) {
  for (int64_t tile : eager::kWinogradTiles)
    check(sizes, tile);
}

TEST(Winograd, OddSizesAndChannelTails) {
  check({1, 19, 21, 7, 9, 1, 1, 1, 1});
  check({2, 5, 35, 13, 3, 0, 2, 1, 0});
  check({1, 16, 16, 8, 8, 1, 1, 1, 1});
  check({1, 8, 1, 3, 3, 0, 0, 0, 0});
  check({1, 1, 3, 1, 1, 2, 1, 0, 1});
}

TEST(Winograd, ManyTilesAndTasks) {
  check({1, 24, 40, 37, 41, 1, 1, 1, 1});
  check({2, 64, 72, 14, 14, 1, 1, 1, 1});
}

TEST(Winograd, EmptyBatch) {
  check({0, 8, 8, 8, 8, 1, 1, 1, 1});
}

TEST(Winograd, ResidualAndRelu) {
  check({2, 17, 24, 14, 15, 1, 1, 1, 1, true});
  check({1, 32, 33, 12, 16, 1, 0, 2, 1, true});
}

} // namespace
} // namespace sinter::codegen
