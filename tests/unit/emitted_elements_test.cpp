// What windows, contractions and movement emit as loops is what they evaluate to.
#include "immediate_emitter.h"
#include "naive_windows.h"
#include "strided_views.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"

namespace sinter::test {
namespace {

// A dense tensor of random numbers of moderate size; indices lie in [-3, 2].
struct Tensor {
  Tensor(mlir::RankedTensorType type, std::mt19937& engine) {
    const DType dtype = ir::dtypeOf(type.getElementType());
    const Shape shape = ir::shapeOf(type);
    storage = Storage::allocate(static_cast<std::size_t>(shape.elements()) * 8 + 8);
    view = View::dense(storage->data(), dtype, shape);
    visit_dtype(dtype, "random", [&](auto zero) {
      using T = decltype(zero);
      for (int64_t i = 0; i < shape.elements(); ++i)
        view.as<T>()[i] = std::is_floating_point_v<T>
                              ? static_cast<T>(static_cast<double>(engine() % 64) / 8 - 4)
                          : std::is_same_v<T, bool> ? static_cast<T>(engine() % 2)
                                                    : static_cast<T>(static_cast<int64_t>(engine() % 6) - 3);
    });
  }
  std::shared_ptr<Storage> storage;
  View view;
};

double number(mlir::Attribute attribute, bool is_unsigned) {
  if (auto real = mlir::dyn_cast<mlir::FloatAttr>(attribute))
    return real.getValueAsDouble();
  const llvm::APInt integer = mlir::cast<mlir::IntegerAttr>(attribute).getValue();
  return is_unsigned || integer.getBitWidth() == 1 ? static_cast<double>(integer.getZExtValue())
                                                   : static_cast<double>(integer.getSExtValue());
}

class EmittedElements : public testing::Test {
protected:
  EmittedElements() {
    context.loadDialect<ir::SinterDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                        mlir::vector::VectorDialect, mlir::func::FuncDialect>();
  }

  // `op` is "name {attributes} : (types) -> type".
  void check(const std::string& op) {
    SCOPED_TRACE(op);
    auto module = parse(op);
    ASSERT_TRUE(module);
    auto function = *module->getOps<mlir::func::FuncOp>().begin();
    mlir::Operation& operation = function.getBody().front().front();
    std::mt19937 engine(17);
    std::vector<Tensor> tensors;
    std::vector<View> views;
    llvm::DenseMap<mlir::Value, View> operands;
    for (mlir::Value operand : operation.getOperands()) {
      tensors.emplace_back(ir::tensorType(operand), engine);
      views.push_back(tensors.back().view);
      operands[operand] = views.back();
    }
    const Tensor expected(ir::tensorType(operation.getResult(0)), engine);
    mlir::cast<ir::EvaluateOpInterface>(operation).evaluate(views, {expected.view});
    compare(operation, operands, expected.view, -1, 1);
    for (int d = 0; d < expected.view.rank(); ++d)
      compare(operation, operands, expected.view, d, 3);
  }

private:
  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string& op) {
    const auto colon = op.rfind(" : (");
    const auto brace = std::min(op.find(" {"), colon);
    const std::string types = op.substr(colon + 4, op.rfind(") -> ") - colon - 4),
                      result = op.substr(op.rfind("-> ") + 3);
    // Operands are named after their place among the types.
    std::string arguments, names;
    int depth = 0, count = 0;
    std::string type;
    auto flush = [&] {
      const std::string name = "%a" + std::to_string(count++);
      arguments += (count > 1 ? ", " : "") + name + ": " + type;
      names += (count > 1 ? ", " : "") + name;
      type.clear();
    };
    for (char c : types) {
      depth += c == '<' ? 1 : c == '>' ? -1 : 0;
      if (c == ',' && depth == 0)
        flush();
      else if (c != ' ' || depth > 0)
        type += c;
    }
    flush();
    const std::string text = "func.func @main(" + arguments + ") -> " + result + " {\n  %r = sinter." +
                             op.substr(0, brace) + " " + names + op.substr(brace) +
                             "\n  return %r : " + result + "\n}";
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  // Lanes along `dim`; positions where they do not fit are left out.
  void compare(mlir::Operation& operation, const llvm::DenseMap<mlir::Value, View>& operands,
               const View& expected, int dim, int64_t width) {
    FoldingListener folder(&context);
    mlir::Block block;
    mlir::OpBuilder builder(&context, &folder);
    builder.setInsertionPointToEnd(&block);
    ImmediateEmitter emitter(builder, operation.getLoc(), folder, operands, width);
    auto loops = mlir::cast<ir::LoopOpInterface>(operation);
    const bool is_unsigned = ir::tensorType(operation.getResult(0)).getElementType().isUnsignedInteger();
    for_each_index(expected.shape, [&](const Shape& index) {
      if (testing::Test::HasFailure() || (dim >= 0 && index[dim] + width > expected.shape[dim]))
        return;
      ir::Point at;
      for (int d = 0; d < expected.rank(); ++d)
        at.push_back({emitter.index(index[d]), d == dim ? 1 : 0, {}});
      const auto statistics = loops.emitStatistics(emitter, at);
      const mlir::Value result = loops.emitElement(emitter, at, statistics);
      ASSERT_EQ(static_cast<int64_t>(folder.lanes(result).size()), width);
      for (int64_t lane = 0; lane < width; ++lane) {
        Shape position = index;
        if (dim >= 0)
          position[dim] += lane;
        double wanted = 0;
        visit_dtype(expected.dtype, "compare", [&](auto zero) {
          wanted = static_cast<double>(expected.as<decltype(zero)>()[offset_of(position, expected.strides)]);
        });
        const double got = number(folder.lanes(result)[static_cast<size_t>(lane)], is_unsigned);
        ASSERT_NEAR(got, wanted, 1e-4 * (1 + std::abs(wanted)))
            << "at " << to_string(position) << " with " << width << " lanes along " << dim;
      }
      folder.clear();
      block.clear();
    });
  }

  mlir::MLIRContext context;
};

TEST_F(EmittedElements, Conv) {
  check("conv {strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, pad_begin = array<i64: 1, 0>, "
        "pad_end = "
        "array<i64: 0, 3>, groups = 2 : i64} : (tensor<2x4x5x6xf32>, tensor<6x2x3x2xf32>, tensor<6xf32>) -> "
        "tensor<2x6x2x7xf32>");
  check("conv {strides = array<i64: 1>, dilations = array<i64: 1>, pad_begin = array<i64: 1>, pad_end = "
        "array<i64: 1>, "
        "groups = 4 : i64} : (tensor<1x4x5xf64>, tensor<4x1x3xf64>) -> tensor<1x4x5xf64>");
  check("conv {strides = array<i64: 1, 1, 1>, dilations = array<i64: 1, 1, 1>, pad_begin = array<i64: 0, 0, "
        "0>, "
        "pad_end = array<i64: 0, 0, 0>} : (tensor<1x2x2x3x4xf32>, tensor<3x2x1x2x2xf32>) -> "
        "tensor<1x3x2x2x3xf32>");
}

TEST_F(EmittedElements, ConvTranspose) {
  check("conv_transpose {strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, pad_begin = array<i64: 1, "
        "0>, "
        "pad_end = array<i64: 0, 1>, output_padding = array<i64: 1, 0>, groups = 2 : i64} : "
        "(tensor<2x4x3x4xf32>, "
        "tensor<4x3x3x2xf32>, tensor<6xf32>) -> tensor<2x6x7x5xf32>");
  check("conv_transpose {strides = array<i64: 3>, dilations = array<i64: 1>, pad_begin = array<i64: 0>, "
        "pad_end = "
        "array<i64: 0>, output_padding = array<i64: 0>} : (tensor<1x2x4xf64>, tensor<2x3x2xf64>) -> "
        "tensor<1x3x11xf64>");
}

TEST_F(EmittedElements, Matmul) {
  check("matmul : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>");
  check("matmul {transpose_lhs = true} : (tensor<2x1x4x3xf64>, tensor<3x4x5xf64>) -> tensor<2x3x3x5xf64>");
  check("matmul {transpose_rhs = true} : (tensor<2x3x4xi32>, tensor<5x4xi32>) -> tensor<2x3x5xi32>");
  check("matmul : (tensor<3x2xui8>, tensor<2x4xui8>) -> tensor<3x4xui8>");
}

TEST_F(EmittedElements, Pools) {
  const std::string window =
      "{kernel = array<i64: 3, 2>, strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, "
      "pad_begin = array<i64: 1, 0>, pad_end = array<i64: 1, 1>, ceil_mode = true";
  check("max_pool " + window + "} : (tensor<1x2x6x5xf32>) -> tensor<1x2x4x4xf32>");
  check("max_pool " + window + "} : (tensor<1x2x6x5xui8>) -> tensor<1x2x4x4xui8>");
  check("max_pool " + window + "} : (tensor<1x2x6x5xi64>) -> tensor<1x2x4x4xi64>");
  check("avg_pool " + window + "} : (tensor<1x2x6x5xf32>) -> tensor<1x2x4x4xf32>");
  check("avg_pool " + window + ", count_include_pad = true} : (tensor<1x2x6x5xf64>) -> tensor<1x2x4x4xf64>");
  check("avg_pool {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, pad_begin = "
        "array<i64: 0>, "
        "pad_end = array<i64: 0>} : (tensor<1x3x8xf32>) -> tensor<1x3x4xf32>");
  // Windows that lie in the padding only.
  check("avg_pool {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 3>, pad_begin = "
        "array<i64: 2>, "
        "pad_end = array<i64: 2>} : (tensor<1x3x1xf32>) -> tensor<1x3x2xf32>");
}

TEST_F(EmittedElements, Reshape) {
  check("reshape {shape = array<i64: 6, 4>} : (tensor<2x3x4xf32>) -> tensor<6x4xf32>");
  check("reshape {shape = array<i64: 2, 2, 3, 2>} : (tensor<4x6xi64>) -> tensor<2x2x3x2xi64>");
  check("reshape {shape = array<i64: 3, 8>} : (tensor<4x6xi1>) -> tensor<3x8xi1>");
  check("reshape {shape = array<i64: 1, 6, 1>} : (tensor<2x1x3xf32>) -> tensor<1x6x1xf32>");
  check("reshape {shape = array<i64>} : (tensor<1x1xf32>) -> tensor<f32>");
  check("reshape {shape = array<i64: 5, 0>} : (tensor<0x3xf32>) -> tensor<5x0xf32>");
}

TEST_F(EmittedElements, Movement) {
  check("transpose {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>");
  check("slice {starts = array<i64: 1, 5>, sizes = array<i64: 2, 3>, steps = array<i64: 1, -2>} : "
        "(tensor<4x6xi32>) -> "
        "tensor<2x3xi32>");
  check("concat {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x0xf32>, tensor<2x4xf32>) -> tensor<2x7xf32>");
  check("concat {axis = 0 : i64} : (tensor<2x3xui8>, tensor<1x3xui8>) -> tensor<3x3xui8>");
  check("broadcast_to {shape = array<i64: 2, 3, 4>} : (tensor<3x1xf32>) -> tensor<2x3x4xf32>");
  check("pad {low = array<i64: 1, -1>, high = array<i64: 2, 3>, value = 2.5} : (tensor<3x4xf32>) -> "
        "tensor<6x6xf32>");
  check("pad {low = array<i64: 1>, high = array<i64: 2>, value = 200.0} : (tensor<4xui8>) -> tensor<7xui8>");
  check("pad {low = array<i64: 2, -1>, high = array<i64: -1, 3>, mode = 1 : i32} : (tensor<3x4xf32>) -> "
        "tensor<4x6xf32>");
  check("pad {low = array<i64: 2, 5>, high = array<i64: 4, 1>, mode = 2 : i32} : (tensor<3x2xi64>) -> "
        "tensor<9x8xi64>");
}

TEST_F(EmittedElements, Gather) {
  check("gather {axis = 1 : i64} : (tensor<2x3x4xf32>, tensor<5xi64>) -> tensor<2x5x4xf32>");
  check("gather {axis = 0 : i64} : (tensor<3xf32>, tensor<2x4xi32>) -> tensor<2x4xf32>");
  check("gather {axis = 1 : i64} : (tensor<4x3xi64>, tensor<i64>) -> tensor<4xi64>");
}

TEST_F(EmittedElements, Resize) {
  for (const char* coordinates : {"0", "1", "2", "3"})
    for (const char* rounding : {"0", "1", "2", "3"})
      for (const char* mode : {"0", "1"}) {
        const std::string rest = std::string(", mode = ") + mode + " : i32, coordinates = " + coordinates +
                                 " : i32, rounding = " + rounding + " : i32} : ";
        check("resize {sizes = array<i64: 1, 6, 4>, scales = array<f64: 1.0, 2.0, 0.8>" + rest +
              "(tensor<1x3x5xf32>) -> tensor<1x6x4xf32>");
        check("resize {sizes = array<i64: 1, 7, 1>, scales = array<f64: 1.0, 3.0, 0.2>" + rest +
              "(tensor<1x2x5xf64>) -> tensor<1x7x1xf64>");
      }
}

} // namespace
} // namespace sinter::test
