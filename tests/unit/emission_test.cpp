// Emitted element code against the eager kernels, for every elementwise, reduction and normalisation
// operation. Wrong operations must be rejected with their cause.
#include "folding_emitter.h"
#include "ir/op_creation.h"
#include "strided_views.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <cmath>

namespace sinter::test {
namespace {

using namespace mlir;

struct Case {
  std::string op;                         ///< "sinter.clip"
  std::string attributes;                 ///< "{low = 0.0, high = 6.0}"
  std::vector<std::string> operands;      ///< shapes: "3x4x" or "" for a scalar
  std::string result;                     ///< shape
  std::vector<std::string> element_types; ///< each is tried: f32 ...
  std::string result_type;                ///< element type of the result if it is another
  std::string first_type;                 ///< element type of the first operand if it is another
};

class Emission : public testing::Test {
protected:
  Emission() {
    context_.loadDialect<ir::SinterDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect,
                         vector::VectorDialect>();
  }

  // A function around the one operation; null if it does not verify.
  OwningOpRef<ModuleOp> parse(const Case& c, const std::string& element) {
    std::string arguments, names, types;
    for (std::size_t i = 0; i < c.operands.size(); ++i) {
      const std::string& own = i == 0 && !c.first_type.empty() ? c.first_type : element;
      const std::string type = "tensor<" + c.operands[i] + own + ">", comma = i ? ", " : "";
      arguments += comma + "%a" + std::to_string(i) + ": " + type;
      names += comma + "%a" + std::to_string(i);
      types += comma + type;
    }
    const std::string result = "tensor<" + c.result + (c.result_type.empty() ? element : c.result_type) + ">";
    return parseSourceString<ModuleOp>("func.func @f(" + arguments + ") -> " + result + " {\n  %r = " + c.op +
                                           " " + names + " " + c.attributes + " : (" + types + ") -> " +
                                           result + "\n  return %r : " + result + "\n}",
                                       &context_);
  }

  static Operation* operationIn(ModuleOp module) {
    return &(*module.getOps<func::FuncOp>().begin()).front().front();
  }

  MLIRContext context_;
};

// Memory for a tensor, filled with numbers.
struct Tensor {
  std::shared_ptr<Storage> storage;
  View view;
  Tensor(RankedTensorType type, unsigned seed, bool special, bool positive) {
    view = View::dense(nullptr, ir::dtypeOf(type.getElementType()), ir::shapeOf(type));
    storage = Storage::allocate(view.bytes() + 1);
    view.data = storage->data();
    visit_dtype(view.dtype, "test", [&](auto zero) {
      using T = decltype(zero);
      Numbers<T> numbers(seed, special);
      for (int64_t i = 0; i < view.elements(); ++i) {
        T v = numbers();
        if constexpr (std::is_floating_point_v<T>)
          v = positive ? std::abs(v) : v;
        view.as<T>()[i] = v;
      }
    });
  }
};

void expectSame(const View& got, const View& wanted, const std::string& what) {
  visit_dtype(got.dtype, "test", [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0; i < got.elements(); ++i) {
      const T a = got.as<T>()[i], b = wanted.as<T>()[i];
      if constexpr (std::is_floating_point_v<T>) {
        if (std::isfinite(b)) {
          const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-12;
          EXPECT_NEAR(a, b, tolerance * (1 + std::fabs(static_cast<double>(b)))) << what << " at " << i;
        } else {
          EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b)))
              << what << " at " << i << ": " << a << ", not " << b;
        }
      } else {
        EXPECT_EQ(a, b) << what << " at " << i;
      }
    }
  });
}

const std::vector<std::string> kFloats = {"f32", "f64"};
const std::vector<std::string> kNumbers = {"f32", "f64", "i32", "i64", "i8", "ui8"};
const std::vector<std::string> kAll = {"f32", "f64", "i32", "i64", "i8", "ui8", "i1"};

std::vector<Case> pointwiseCases() {
  std::vector<Case> cases;
  const auto unary = [&](const char* name, const std::vector<std::string>& types,
                         const char* attributes = "") {
    cases.push_back({std::string("sinter.") + name, attributes, {""}, "", types, "", ""});
  };
  const auto binary = [&](const char* name, const std::vector<std::string>& types, const char* result = "") {
    cases.push_back({std::string("sinter.") + name, "", {"", ""}, "", types, result, ""});
  };
  for (const char* name : {"abs", "neg", "sign", "relu"})
    unary(name, kNumbers);
  for (const char* name :
       {"reciprocal", "sqrt", "rsqrt", "exp", "log", "sin", "cos", "tanh", "erf", "floor", "ceil", "round",
        "sigmoid", "silu", "softplus", "softsign", "mish", "hard_swish", "gelu"})
    unary(name, kFloats);
  unary("gelu", kFloats, "{tanh_approximation = true}");
  unary("leaky_relu", kFloats, "{alpha = 0.1}");
  unary("elu", kFloats, "{alpha = 1.5}");
  unary("selu", kFloats, "{alpha = 1.67, gamma = 1.05}");
  unary("hard_sigmoid", kFloats, "{alpha = 0.2, beta = 0.5}");
  unary("clip", kNumbers, "{low = -1.5, high = 2.5}");
  unary("clip", kNumbers, "{low = 2.0, high = 1.0e300}");
  unary("stop_gradient", kAll);
  unary("barrier", kAll);
  unary("logical_not", {"i1"});
  cases.push_back({"sinter.is_nan", "", {""}, "", kFloats, "i1", ""});
  for (const char* name : {"add", "sub", "mul", "div", "pow", "maximum", "minimum", "remainder", "fmod"})
    binary(name, kNumbers);
  binary("prelu", kFloats);
  for (const char* name : {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})
    binary(name, kAll, "i1");
  for (const char* name : {"logical_and", "logical_or", "logical_xor"})
    binary(name, {"i1"});
  cases.push_back({"sinter.select", "", {"", "", ""}, "", kAll, "", "i1"});
  for (const std::string& to : kAll)
    cases.push_back({"sinter.cast", "{to = " + to + "}", {""}, "", kAll, to, ""});
  return cases;
}

// The cases above name every pointwise operation, or a new one would go untested.
TEST_F(Emission, CoversEveryPointwiseOperation) {
  std::vector<std::string> known;
  for (const Case& c : pointwiseCases())
    known.push_back(c.op);
  for (RegisteredOperationName name : context_.getRegisteredOperations())
    if (name.getDialectNamespace() == "sinter" && name.hasInterface<ir::PointwiseOpInterface>())
      EXPECT_TRUE(llvm::is_contained(known, name.getStringRef().str())) << name.getStringRef().str();
}

TEST_F(Emission, ScalarsOfPointwiseOperations) {
  for (const Case& c : pointwiseCases())
    for (const std::string& element : c.element_types) {
      const std::string what = c.op + " " + c.attributes + " of " + element;
      OwningOpRef<ModuleOp> module = parse(c, element);
      ASSERT_TRUE(module) << what;
      Operation* op = operationIn(*module);
      OpBuilder builder(op);
      for (unsigned seed = 1; seed <= 150; ++seed) {
        FoldingEmitter emitter(builder, op->getLoc());
        SmallVector<View> views;
        SmallVector<Value> elements;
        std::vector<Tensor> tensors;
        for (Value operand : op->getOperands()) {
          tensors.emplace_back(ir::tensorType(operand), seed * 5 + static_cast<unsigned>(views.size()), true,
                               false);
          views.push_back(tensors.back().view);
          elements.push_back(emitter.load(views.back(), 0));
        }
        const Tensor got(ir::tensorType(op->getResult(0)), 0, false, false);
        const Tensor wanted(ir::tensorType(op->getResult(0)), 0, false, false);
        emitter.store(cast<ir::PointwiseOpInterface>(op).emitPointwise(builder, op->getLoc(), elements),
                      got.view, 0);
        cast<ir::EvaluateOpInterface>(op).evaluate(views, wanted.view);
        expectSame(got.view, wanted.view, what + " seed " + std::to_string(seed));
        if (HasFailure())
          return;
      }
    }
}

// The same code must be valid for vectors; values were checked above.
TEST_F(Emission, VectorsOfPointwiseOperations) {
  for (const Case& c : pointwiseCases())
    for (const std::string& element : c.element_types) {
      OwningOpRef<ModuleOp> module = parse(c, element);
      ASSERT_TRUE(module);
      Operation* op = operationIn(*module);
      OpBuilder builder(op);
      SmallVector<Value> elements;
      const auto signless = [&](Type type) -> Type {
        return type.isInteger() ? builder.getIntegerType(type.getIntOrFloatBitWidth()) : type;
      };
      for (Value operand : op->getOperands()) {
        const auto type = VectorType::get({8}, signless(ir::tensorType(operand).getElementType()));
        elements.push_back(arith::ConstantOp::create(builder, op->getLoc(), builder.getZeroAttr(type)));
      }
      Value result = cast<ir::PointwiseOpInterface>(op).emitPointwise(builder, op->getLoc(), elements);
      EXPECT_EQ(result.getType(),
                Type(VectorType::get({8}, signless(ir::tensorType(op->getResult(0)).getElementType()))))
          << c.op << " of " << element;
      EXPECT_TRUE(succeeded(verify(*module))) << c.op << " of " << element;
    }
}

TEST_F(Emission, PowersByConstantsAreProducts) {
  OwningOpRef<ModuleOp> module = parse({"sinter.pow", "", {"", ""}, "", {}, "", ""}, "f32");
  Operation* op = operationIn(*module);
  OpBuilder builder(op);
  const auto type = VectorType::get({8}, builder.getF32Type());
  const Value base = arith::ConstantOp::create(builder, op->getLoc(), builder.getZeroAttr(type));
  const auto power = [&](float exponent) {
    const Value constant =
        arith::ConstantOp::create(builder, op->getLoc(), DenseElementsAttr::get(type, exponent));
    return cast<ir::PointwiseOpInterface>(op).emitPointwise(builder, op->getLoc(), {base, constant});
  };
  EXPECT_TRUE(power(2).getDefiningOp<arith::MulFOp>());
  EXPECT_TRUE(power(0.5F).getDefiningOp<math::SqrtOp>());
  EXPECT_TRUE(power(2.5F).getDefiningOp<math::PowFOp>());
}

std::vector<Case> loopCases() {
  std::vector<Case> cases;
  for (const char* name : {"reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"}) {
    const std::string op = std::string("sinter.") + name;
    const auto& types = op == "sinter.reduce_mean" ? kFloats : kNumbers;
    cases.push_back({op, "{axes = array<i64: 1>}", {"3x5x2x"}, "3x2x", types, "", ""});
    cases.push_back({op, "{axes = array<i64: 0, 2>, keep_dims = true}", {"3x5x2x"}, "1x5x1x", types, "", ""});
    cases.push_back({op, "{axes = array<i64: 0, 1, 2>}", {"3x5x2x"}, "", types, "", ""});
    cases.push_back({op, "{axes = array<i64>}", {"3x5x"}, "3x5x", types, "", ""});
    cases.push_back({op, "{axes = array<i64: 1>}", {"3x0x"}, "3x", types, "", ""});
  }
  for (const char* name : {"argmax", "argmin"}) {
    const std::string op = std::string("sinter.") + name;
    cases.push_back({op, "{axis = 1 : i64}", {"4x7x3x"}, "4x3x", kNumbers, "i64", ""});
    cases.push_back({op, "{axis = 2 : i64, keep_dims = true}", {"4x2x9x"}, "4x2x1x", kNumbers, "i64", ""});
  }
  for (const char* name : {"softmax", "log_softmax"})
    for (const char* axis : {"0", "1", "2"})
      cases.push_back({std::string("sinter.") + name,
                       std::string("{axis = ") + axis + " : i64}",
                       {"3x5x2x"},
                       "3x5x2x",
                       kFloats,
                       "",
                       ""});
  cases.push_back({"sinter.layer_norm",
                   "{axis = 1 : i64, epsilon = 1.0e-3}",
                   {"3x5x2x", "5x2x", "5x2x"},
                   "3x5x2x",
                   kFloats,
                   "",
                   ""});
  cases.push_back({"sinter.layer_norm",
                   "{axis = 2 : i64, epsilon = 1.0e-3}",
                   {"3x2x6x", "6x"},
                   "3x2x6x",
                   kFloats,
                   "",
                   ""});
  cases.push_back({"sinter.batch_norm",
                   "{epsilon = 1.0e-3}",
                   {"2x3x4x", "3x", "3x", "3x", "3x"},
                   "2x3x4x",
                   kFloats,
                   "",
                   ""});
  for (const char* size : {"1", "4", "5", "99"})
    for (const char* beta : {"0.75", "0.6"})
      cases.push_back(
          {"sinter.lrn",
           std::string("{size = ") + size + " : i64, alpha = 0.3, bias = 1.5, beta = " + beta + "}",
           {"2x6x3x"},
           "2x6x3x",
           kFloats,
           "",
           ""});
  return cases;
}

TEST_F(Emission, LoopsOfReductionsAndNormalisations) {
  for (const Case& c : loopCases())
    for (const std::string& element : c.element_types) {
      const std::string what = c.op + " " + c.attributes + " of " + element;
      OwningOpRef<ModuleOp> module = parse(c, element);
      ASSERT_TRUE(module) << what;
      Operation* op = operationIn(*module);
      OpBuilder builder(op);
      FoldingEmitter emitter(builder, op->getLoc());
      std::vector<Tensor> tensors;
      SmallVector<View> views;
      const bool reduces = cast<ir::FusionOpInterface>(op).getFusionClass() == ir::FusionClass::reduction;
      for (Value operand : op->getOperands()) {
        // The fifth operand is a variance.
        tensors.emplace_back(ir::tensorType(operand), static_cast<unsigned>(views.size()) + 3, reduces,
                             views.size() == 4);
        views.push_back(tensors.back().view);
        emitter.bind(operand, views.back());
      }
      const RankedTensorType type = ir::tensorType(op->getResult(0));
      const Tensor got(type, 0, false, false), wanted(type, 0, false, false);
      cast<ir::EvaluateOpInterface>(op).evaluate(views, wanted.view);
      auto loop = cast<ir::LoopOpInterface>(op);
      const SmallVector<int64_t> shared = loop.getStatisticsAxes();
      for (int64_t i = 0; i < got.view.elements(); ++i) {
        ir::Point at, anywhere;
        for (int64_t d = 0, strides = got.view.elements(); d < type.getRank(); ++d) {
          strides /= type.getDimSize(d);
          at.push_back(emitter.at(i / strides % type.getDimSize(d)));
          anywhere.push_back(llvm::is_contained(shared, d) ? ir::Coord{} : at.back());
        }
        const SmallVector<Value> statistics = loop.emitStatistics(emitter, anywhere);
        emitter.store(loop.emitElement(emitter, at, statistics), got.view, i);
      }
      expectSame(got.view, wanted.view, what);
    }
}

TEST_F(Emission, WrongOperationsAreErrorsThatSayWhy) {
  OpBuilder builder(&context_);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, builder.getUnknownLoc());
  builder.setInsertionPointToStart(module->getBody());
  const Location loc = builder.getUnknownLoc();
  const auto tensor = [&](ArrayRef<int64_t> shape) -> Value {
    const auto type = RankedTensorType::get(shape, builder.getF32Type());
    return UnrealizedConversionCastOp::create(builder, loc, type, ValueRange()).getResult(0);
  };
  const auto message = [](auto&& make) -> std::string {
    try {
      make();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const auto reduce = [&](ArrayRef<int64_t> axes) {
    return message([&] { ir::create<ir::ReduceSumOp>(builder, loc, tensor({2, 3}), axes, false); });
  };
  EXPECT_EQ(reduce({0, 1}), "no error");
  EXPECT_EQ(reduce({2}), "axis 2 is out of range for 'tensor<2x3xf32>'");
  EXPECT_EQ(reduce({-1}), "axis -1 is out of range for 'tensor<2x3xf32>'");
  EXPECT_EQ(reduce({1, 0}), "axes must be distinct and ascending, got [1, 0] for 'tensor<2x3xf32>'");
  EXPECT_EQ(reduce({1, 1}), "axes must be distinct and ascending, got [1, 1] for 'tensor<2x3xf32>'");
  EXPECT_EQ(message([&] { ir::create<ir::ArgMaxOp>(builder, loc, tensor({2, 0}), int64_t{1}, false); }),
            "axis 1 of 'tensor<2x0xf32>' is empty");
  EXPECT_EQ(message([&] { ir::create<ir::SoftmaxOp>(builder, loc, tensor({2, 3}), int64_t{7}); }),
            "axis 7 is out of range for 'tensor<2x3xf32>'");
  EXPECT_EQ(message([&] {
              ir::create<ir::LayerNormOp>(builder, loc, tensor({2, 3}), tensor({2}), Value(), int64_t{1},
                                          llvm::APFloat(1e-5));
            }),
            "scale is 'tensor<2xf32>' where 'tensor<3xf32>' is expected for an input 'tensor<2x3xf32>'");
  EXPECT_EQ(message([&] {
              const Value three = tensor({3});
              ir::create<ir::BatchNormOp>(builder, loc, tensor({2, 3}), three, three, tensor({4}), three,
                                          llvm::APFloat(1e-5));
            }),
            "mean is 'tensor<4xf32>' where 'tensor<3xf32>' is expected for an input 'tensor<2x3xf32>'");
  EXPECT_EQ(message([&] {
              ir::create<ir::LrnOp>(builder, loc, tensor({2, 3}), int64_t{0}, llvm::APFloat(1.0),
                                    llvm::APFloat(1.0), llvm::APFloat(1.0));
            }),
            "the window `size` must be at least 1");
  EXPECT_EQ(message([&] { ir::create<ir::CastOp>(builder, loc, tensor({2}), builder.getIndexType()); }),
            "'index' is not an element type of tensors");
  EXPECT_NE(message([&] { ir::create<ir::AddOp>(builder, loc, tensor({2, 3}), tensor({2})); }), "no error");
}

} // namespace
} // namespace sinter::test
