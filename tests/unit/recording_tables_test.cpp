// Recordings with tables in them, which derivatives make: equal tables do not make another program.
#include "sinter/sinter.h"

#include "frontend/autodiff/recorder.h"
#include "ir/constant.h"
#include "ir/ops.h"

#include <gtest/gtest.h>

namespace sinter {
namespace {

int64_t compilations() {
  return autodiff::Recorder::compilations();
}

// Where samples are taken is a table of more bytes than are kept in the text of a program.
TEST(RecordingTables, SecondDerivativesOfResizeFindTheirProgram) {
  const auto loss = [](Tensor x) {
    const Tensor y = resize(x, {1, 1, 70, 90}, {.mode = ResizeMode::linear});
    return sum(y * y * y);
  };
  const auto second = grad([&](Tensor x) { return sum(square(grad(loss)(x))); });
  const Tensor x = Tensor::uniform({1, 1, 40, 50}, 1), y = Tensor::uniform({1, 1, 40, 50}, 2);
  const int64_t before = compilations();
  const Tensor first = second(x);
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_GT(max(abs(second(y) - first)).item(), 0);
  EXPECT_EQ(compilations(), before + 1) << "other elements made another program";
  EXPECT_EQ(max(abs(second(x) - first)).item(), 0);
  EXPECT_EQ(compilations(), before + 1);
}

// The numbers of classes are one, too.
TEST(RecordingTables, SecondDerivativesOfCrossEntropyFindTheirProgram) {
  const Tensor classes = Tensor::of(std::vector<int64_t>{3, 999}, {2});
  const auto second = grad([&](Tensor x) {
    return sum(square(grad([&](Tensor logits) { return cross_entropy(logits, classes); })(x)));
  });
  const Tensor x = Tensor::uniform({2, 1000}, 1);
  const int64_t before = compilations();
  (void)second(x);
  (void)second(x + 1);
  EXPECT_EQ(compilations(), before + 1);
}

TEST(RecordingTables, AreOneAttributeWhereTheyAreEqual) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<ir::SinterDialect>();
  const auto table = [&](int64_t elements, float last) {
    const auto type = mlir::RankedTensorType::get({elements}, mlir::Float32Type::get(&context));
    const auto storage = Storage::allocate(static_cast<std::size_t>(elements) * sizeof(float));
    auto* values = reinterpret_cast<float*>(storage->data());
    std::fill_n(values, elements, 1.0F);
    values[elements - 1] = last;
    return ir::makeTable(type, storage);
  };
  for (const int64_t elements : {4, 4000}) {
    EXPECT_EQ(table(elements, 2), table(elements, 2));
    EXPECT_NE(table(elements, 2), table(elements, 3));
    EXPECT_EQ(ir::readElements(table(elements, 3)).view.as<float>()[elements - 1], 3);
  }
}

} // namespace
} // namespace sinter
