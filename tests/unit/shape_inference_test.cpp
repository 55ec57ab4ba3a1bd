// Windows, contractions and movement: the type of the result, and one line about what is wrong where there is
// none.
#include "ir/ops.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>

namespace sinter::test {
namespace {

using testing::HasSubstr;

class ShapeInference : public testing::Test {
protected:
  ShapeInference() { context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>(); }

  // The inferred type of an operation in generic form, or the first diagnostic. Operands are %0, %1, ... of
  // `types`.
  std::string infer(const std::string& name, const std::vector<std::string>& types,
                    const std::string& attributes) {
    std::string error;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic& diagnostic) {
      if (error.empty())
        error = diagnostic.str();
    });
    mlir::Block block;
    llvm::SmallVector<mlir::Value> operands;
    for (const std::string& type : types)
      operands.push_back(block.addArgument(mlir::parseType(type, &context), mlir::UnknownLoc::get(&context)));
    mlir::OperationState state(mlir::UnknownLoc::get(&context), "sinter." + name);
    auto dictionary = mlir::cast<mlir::DictionaryAttr>(mlir::parseAttribute(attributes, &context));
    const mlir::RegisteredOperationName registered = *state.name.getRegisteredInfo();
    state.addOperands(operands);
    auto* infer = registered.getInterface<mlir::InferTypeOpInterface>();
    // A detached operation owns properties of the right kind.
    mlir::OperationState shell(state.location, state.name, {},
                               mlir::TypeRange{mlir::parseType("tensor<f32>", &context)},
                               dictionary.getValue());
    mlir::Operation* op = mlir::Operation::create(shell);
    llvm::SmallVector<mlir::Type> results;
    const bool inferred = succeeded(infer->inferReturnTypes(&context, state.location, operands, dictionary,
                                                            op->getPropertiesStorage(), {}, results));
    op->destroy();
    if (!inferred)
      return error;
    EXPECT_EQ(results.size(), 1u);
    std::string text;
    llvm::raw_string_ostream(text) << results.front();
    return text;
  }

  std::string conv(const std::vector<std::string>& types, const std::string& strides = "1, 1",
                   const std::string& dilations = "1, 1", const std::string& begin = "0, 0",
                   const std::string& end = "0, 0", const std::string& groups = "1") {
    return infer("conv", types,
                 "{strides = array<i64: " + strides + ">, dilations = array<i64: " + dilations +
                     ">, pad_begin = array<i64: " + begin + ">, pad_end = array<i64: " + end +
                     ">, groups = " + groups + " : i64}");
  }
  std::string pool(const std::string& type, const std::string& kernel, const std::string& stride,
                   const std::string& pads = "0", const std::string& more = "") {
    return infer("max_pool", {type},
                 "{kernel = array<i64: " + kernel + ">, strides = array<i64: " + stride +
                     ">, dilations = array<i64: 1>, pad_begin = array<i64: " + pads +
                     ">, pad_end = array<i64: " + pads + ">" + more + "}");
  }

  mlir::MLIRContext context;
};

const std::string kImage = "tensor<2x4x8x9xf32>";

TEST_F(ShapeInference, Conv) {
  EXPECT_EQ(conv({kImage, "tensor<6x4x3x3xf32>"}), "tensor<2x6x6x7xf32>");
  EXPECT_EQ(conv({kImage, "tensor<6x2x3x3xf32>", "tensor<6xf32>"}, "2, 2", "1, 2", "1, 1", "0, 1", "2"),
            "tensor<2x6x4x4xf32>");
  EXPECT_EQ(conv({"tensor<0x4x8x9xf32>", "tensor<6x4x3x3xf32>"}), "tensor<0x6x6x7xf32>");
  EXPECT_THAT(conv({"tensor<4x8xf32>", "tensor<6x4x3x3xf32>"}), HasSubstr("is not [N, C, spatial...]"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3xf32>"}), HasSubstr("differ in rank"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf64>"}), HasSubstr("differ"));
  EXPECT_THAT(conv({kImage, "tensor<6x3x3x3xf32>"}), HasSubstr("does not take the 4 channels per group"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "1"),
              HasSubstr("strides [1] has 1 entries; 2 are needed"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "0, 1"), HasSubstr("has an entry below 1"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "1, 1", "1, -1"), HasSubstr("dilations [1, -1]"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "1, 1", "1, 1", "-1, 0"), HasSubstr("below 0"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x9x3xf32>"}),
              HasSubstr("kernel [9, 3] with dilations [1, 1] is larger than input"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x0x3xf32>"}), HasSubstr("below 1"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "1, 1", "1, 1", "0, 0", "0, 0", "3"),
              HasSubstr("3 groups"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "1, 1", "1, 1", "0, 0", "0, 0", "-2"),
              HasSubstr("groups is -2"));
  EXPECT_THAT(conv({kImage, "tensor<5x2x3x3xf32>"}, "1, 1", "1, 1", "0, 0", "0, 0", "2"),
              HasSubstr("2 groups"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>", "tensor<5xf32>"}), HasSubstr("bias 'tensor<5xf32>'"));
  EXPECT_THAT(
      conv({kImage, "tensor<6x4x3x3xf32>"}, "1, 1", "9223372036854775807, 1", "9223372036854775807, 0"),
      HasSubstr("too large"));
  EXPECT_THAT(conv({kImage, "tensor<6x4x3x3xf32>"}, "1, 1", "1, 1", "200000000000000, 200000000000000"),
              HasSubstr("too large"));
  EXPECT_THAT(conv({"tensor<2x4x?x9xf32>", "tensor<6x4x3x3xf32>"}), HasSubstr("static shape"));
  EXPECT_THAT(infer("conv", {kImage, "tensor<6x4x3x3xf32>"}, "{}"),
              HasSubstr("attribute strides is missing"));
}

TEST_F(ShapeInference, ConvTranspose) {
  auto transposed = [&](const std::string& filter, const std::string& stride, const std::string& dilation,
                        const std::string& pad, const std::string& output_padding) {
    auto pair = [](const std::string& n) { return "array<i64: " + n + ", " + n + ">"; };
    return infer("conv_transpose", {kImage, filter},
                 "{strides = " + pair(stride) + ", dilations = " + pair(dilation) +
                     ", pad_begin = " + pair(pad) + ", pad_end = " + pair(pad) +
                     ", output_padding = " + pair(output_padding) + "}");
  };
  EXPECT_EQ(transposed("tensor<4x5x3x3xf32>", "2", "1", "1", "1"), "tensor<2x5x16x18xf32>");
  EXPECT_THAT(transposed("tensor<3x5x3x3xf32>", "2", "1", "1", "1"),
              HasSubstr("does not take the 4 channels"));
  EXPECT_THAT(transposed("tensor<4x5x3x3xf32>", "1", "1", "9", "0"), HasSubstr("nothing is left"));
  EXPECT_THAT(transposed("tensor<4x5x3x3xf32>", "9223372036854775807", "9223372036854775807", "1", "0"),
              HasSubstr("too large"));
  EXPECT_THAT(transposed("tensor<4x5x3x3xf32>", "1", "1", "1", "-1"), HasSubstr("output_padding"));
}

TEST_F(ShapeInference, Pools) {
  EXPECT_EQ(pool("tensor<1x3x7xf32>", "2", "2"), "tensor<1x3x3xf32>");
  EXPECT_EQ(pool("tensor<1x3x7xf32>", "2", "2", "0", ", ceil_mode = true"), "tensor<1x3x4xf32>");
  // The last window would start in the padding at the end.
  EXPECT_EQ(pool("tensor<1x3x5xf32>", "2", "3", "1", ", ceil_mode = true"), "tensor<1x3x2xf32>");
  EXPECT_EQ(pool("tensor<1x16x7xf32, #sinter.layout<order = [0, 1, 2], blocked = 1, block = 8>>", "2", "2"),
            "tensor<1x16x3xf32, #sinter.layout<order = [0, 1, 2], blocked = 1, block = 8>>");
  EXPECT_THAT(pool("tensor<1x3x7xf32>", "8", "1"), HasSubstr("larger than input"));
  EXPECT_THAT(pool("tensor<1x3x7xf32>", "0", "1"), HasSubstr("kernel [0] has an entry below 1"));
  EXPECT_THAT(pool("tensor<1x3x7xf32>", "2, 2", "1"), HasSubstr("2 entries; 1 are needed"));
  EXPECT_THAT(pool("tensor<3x7xf32>", "2", "1"), HasSubstr("is not [N, C, spatial...]"));
}

TEST_F(ShapeInference, Matmul) {
  EXPECT_EQ(infer("matmul", {"tensor<2x1x3x4xf32>", "tensor<5x4x6xf32>"}, "{}"), "tensor<2x5x3x6xf32>");
  EXPECT_EQ(
      infer("matmul", {"tensor<4x3xi32>", "tensor<6x4xi32>"}, "{transpose_lhs = true, transpose_rhs = true}"),
      "tensor<3x6xi32>");
  EXPECT_THAT(infer("matmul", {"tensor<4xf32>", "tensor<4x3xf32>"}, "{}"),
              HasSubstr("at least two dimensions"));
  EXPECT_THAT(infer("matmul", {"tensor<3x4xf32>", "tensor<3x4xf32>"}, "{}"),
              HasSubstr("'tensor<3x4xf32>' times 'tensor<3x4xf32>': 4 columns do not meet 3 rows"));
  EXPECT_THAT(infer("matmul", {"tensor<2x3x4xf32>", "tensor<3x4x5xf32>"}, "{}"),
              HasSubstr("do not broadcast"));
  EXPECT_THAT(infer("matmul", {"tensor<3x4xf32>", "tensor<4x5xf64>"}, "{}"), HasSubstr("differ"));
}

TEST_F(ShapeInference, Movement) {
  const std::string x = "tensor<2x3xf32>";
  EXPECT_EQ(infer("reshape", {x}, "{shape = array<i64: 6>}"), "tensor<6xf32>");
  EXPECT_THAT(infer("reshape", {x}, "{shape = array<i64: 7>}"), HasSubstr("6 elements"));
  EXPECT_THAT(infer("reshape", {x}, "{shape = array<i64: -1>}"), HasSubstr("below 0"));
  EXPECT_THAT(infer("reshape", {x}, "{shape = array<i64: 4294967296, 4294967296, 4294967296>}"),
              HasSubstr("too large"));
  EXPECT_THAT(infer("reshape", {x}, "{shape = array<i64: 1, 1, 1, 1, 1, 1, 1, 1, 6>}"),
              HasSubstr("9 dimensions"));
  EXPECT_EQ(infer("transpose", {x}, "{permutation = array<i64: 1, 0>}"), "tensor<3x2xf32>");
  EXPECT_THAT(infer("transpose", {x}, "{permutation = array<i64: 1, 1>}"),
              HasSubstr("does not name every dimension"));
  EXPECT_THAT(infer("transpose", {x}, "{permutation = array<i64: 0, 2>}"),
              HasSubstr("does not name every dimension"));
  auto slice = [&](const std::string& starts, const std::string& sizes, const std::string& steps) {
    return infer("slice", {"tensor<4xf32>"},
                 "{starts = array<i64: " + starts + ">, sizes = array<i64: " + sizes +
                     ">, steps = array<i64: " + steps + ">}");
  };
  EXPECT_EQ(slice("3", "2", "-3"), "tensor<2xf32>");
  EXPECT_EQ(slice("7", "0", "1"), "tensor<0xf32>");
  EXPECT_EQ(slice("0", "1", "9223372036854775807"), "tensor<1xf32>");
  EXPECT_THAT(slice("3", "2", "1"), HasSubstr("leave dimension 0"));
  EXPECT_THAT(slice("0", "9223372036854775807", "9223372036854775807"), HasSubstr("leave dimension 0"));
  EXPECT_THAT(slice("0", "1", "0"), HasSubstr("zero"));
  EXPECT_THAT(slice("0", "-1", "1"), HasSubstr("below 0"));
  EXPECT_EQ(infer("concat", {x, "tensor<2x0xf32>"}, "{axis = 1 : i64}"), "tensor<2x3xf32>");
  EXPECT_THAT(infer("concat", {x, "tensor<3x3xf32>"}, "{axis = 1 : i64}"),
              HasSubstr("does not continue input 0"));
  EXPECT_THAT(infer("concat", {x, "tensor<2x3xi32>"}, "{axis = 1 : i64}"),
              HasSubstr("does not continue input 0"));
  EXPECT_THAT(infer("concat", {x}, "{axis = 2 : i64}"), HasSubstr("axis 2"));
  EXPECT_THAT(infer("concat", {}, "{axis = 0 : i64}"), HasSubstr("nothing to concatenate"));
  EXPECT_EQ(infer("broadcast_to", {"tensor<3x1xf32>"}, "{shape = array<i64: 2, 3, 0>}"), "tensor<2x3x0xf32>");
  EXPECT_THAT(infer("broadcast_to", {x}, "{shape = array<i64: 3>}"), HasSubstr("does not broadcast to [3]"));
  EXPECT_THAT(infer("broadcast_to", {x}, "{shape = array<i64: 2, 1>}"), HasSubstr("does not broadcast"));
}

TEST_F(ShapeInference, Pad) {
  auto pad = [&](const std::string& type, const std::string& low, const std::string& high,
                 const std::string& rest) {
    return infer("pad", {type},
                 "{low = array<i64: " + low + ">, high = array<i64: " + high + ">" + rest + "}");
  };
  EXPECT_EQ(pad("tensor<4xf32>", "-1", "3", ""), "tensor<6xf32>");
  EXPECT_EQ(pad("tensor<4xf32>", "3", "3", ", mode = 1 : i32"), "tensor<10xf32>");
  EXPECT_THAT(pad("tensor<4xf32>", "4", "0", ", mode = 1 : i32"), HasSubstr("in mode reflect"));
  EXPECT_THAT(pad("tensor<0xf32>", "1", "0", ", mode = 2 : i32"), HasSubstr("in mode edge"));
  EXPECT_THAT(pad("tensor<4xf32>", "-3", "-2", ""), HasSubstr("remove more than"));
  EXPECT_THAT(pad("tensor<4xi32>", "1", "1", ", value = 1.0e300"),
              HasSubstr("value 1.000000e+300 is not a number of type 'i32'"));
  EXPECT_THAT(pad("tensor<4xui8>", "1", "1", ", value = -1.0"), HasSubstr("not a number of type 'ui8'"));
  EXPECT_THAT(pad("tensor<4xf32>", "-9223372036854775808", "9223372036854775807", ""),
              HasSubstr("too large"));
}

TEST_F(ShapeInference, GatherAndResize) {
  EXPECT_EQ(infer("gather", {"tensor<2x3x4xf32>", "tensor<5x6xi64>"}, "{axis = 1 : i64}"),
            "tensor<2x5x6x4xf32>");
  EXPECT_THAT(infer("gather", {"tensor<2x3xf32>", "tensor<5xi64>"}, "{axis = -1 : i64}"),
              HasSubstr("axis -1"));
  EXPECT_THAT(infer("gather", {"tensor<2x0xf32>", "tensor<5xi64>"}, "{axis = 1 : i64}"),
              HasSubstr("has no positions for indices"));
  EXPECT_THAT(infer("gather", {"tensor<1x1x1x1x1xf32>", "tensor<1x1x1x1x1xi64>"}, "{axis = 0 : i64}"),
              HasSubstr("9 dimensions"));
  auto resize = [&](const std::string& sizes, const std::string& scales, const std::string& mode) {
    return infer("resize", {"tensor<1x2x3x4xf32>"},
                 "{sizes = array<i64: " + sizes + ">, scales = array<f64: " + scales + ">, mode = " + mode +
                     " : i32, coordinates = 0 : i32}");
  };
  EXPECT_EQ(resize("1, 2, 6, 8", "1.0, 1.0, 2.0, 2.0", "1"), "tensor<1x2x6x8xf32>");
  EXPECT_THAT(resize("1, 2, 6", "1.0, 1.0, 2.0, 2.0", "1"), HasSubstr("3 entries; 4 are needed"));
  EXPECT_THAT(resize("1, 2, 6, 8", "1.0, 1.0, 2.0", "1"), HasSubstr("scales has 3 entries"));
  EXPECT_THAT(resize("1, 2, 6, 8", "1.0, 1.0, 2.0, 0.0", "0"), HasSubstr("not a positive number"));
  EXPECT_THAT(resize("1, 2, 6, 8", "1.0, 1.0, 2.0, 1.0e300", "0"), HasSubstr("not a positive number"));
  EXPECT_THAT(resize("2, 4, 6, 8", "2.0, 2.0, 2.0, 2.0", "1"), HasSubstr("changes 4 dimensions"));
}

TEST_F(ShapeInference, ConvertLayoutIsVerified) {
  auto verify = [&](const std::string& from, const std::string& to) {
    std::string error;
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic& diagnostic) { error += diagnostic.str(); });
    const auto module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @main(%a: " + from + ") -> " + to + " {\n %r = sinter.convert_layout %a : (" + from +
            ") -> " + to + "\n return %r : " + to + "\n}",
        &context);
    return module ? "" : error;
  };
  const std::string layout = "#sinter.layout<order = [0, 1], blocked = 1, block = 8>";
  EXPECT_EQ(verify("tensor<2x3xf32>", "tensor<2x3xf32, " + layout + ">"), "");
  EXPECT_THAT(verify("tensor<2x3xf32>", "tensor<2x4xf32, " + layout + ">"),
              HasSubstr("more than the layout"));
  EXPECT_THAT(verify("tensor<2x3xf32>", "tensor<2x3xf32, \"other\">"), HasSubstr("encoding"));
  EXPECT_THAT(verify("tensor<4294967296x1073741823xf32>",
                     "tensor<4294967296x1073741823xf32, #sinter.layout<order = "
                     "[0, 1], blocked = 1, block = 4294967296>>"),
              HasSubstr("too large"));
}

} // namespace
} // namespace sinter::test
