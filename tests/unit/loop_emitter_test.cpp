// Kernels generated as vector loops against the eager kernels: every structure of loop nest, layout and
// remainder.
#include "kernel_harness.h"

namespace sinter::test {
namespace {

class LoopEmission : public testing::Test, public KernelHarness {};

const std::string kBlocked8 = "#sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>";

std::string blocked(const std::string& dims, const std::string& element = "f32") {
  return "tensor<" + dims + "x" + element + ", " + kBlocked8 + ">";
}

// sinter.kernel @k with one operation.
std::string single(const std::string& op, const std::vector<std::string>& operands,
                   const std::string& attributes, const std::string& result) {
  std::string arguments, names, types;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::string comma = i ? ", " : "", name = "%a" + std::to_string(i);
    arguments += comma + name + ": " + operands[i];
    names += comma + name;
    types += comma + operands[i];
  }
  return "sinter.kernel @k {\n^bb0(" + arguments + "):\n  %r = sinter." + op + " " + names + " " +
         attributes + " : (" + types + ") -> " + result + "\n  sinter.yield %r : " + result + "\n}";
}

TEST_F(LoopEmission, PointwiseOfOneShapeWithRemainders) {
  for (const char* dims : {"8", "1", "7", "64", "3x5x11", "2x1x4", "513", "40000"}) {
    const std::string t = std::string("tensor<") + dims + "xf32>";
    check(single("add", {t, t}, "", t));
  }
  check(single("add", {"tensor<f32>", "tensor<f32>"}, "", "tensor<f32>"));
}

TEST_F(LoopEmission, EveryElementType) {
  for (const char* type : {"f32", "f64", "i32", "i64", "i8", "ui8"}) {
    const std::string t = std::string("tensor<3x21x") + type + ">";
    check(single("mul", {t, t}, "", t));
    check(single("maximum", {t, t}, "", t));
    check(single("less", {t, t}, "", "tensor<3x21xi1>"));
    check(single("select", {"tensor<3x21xi1>", t, t}, "", t));
  }
}

TEST_F(LoopEmission, BroadcastOperands) {
  const std::string t = "tensor<2x6x5x7xf32>";
  for (const char* dims : {"6x1x1x", "1x", "", "7x", "5x1x", "2x1x5x1x", "1x6x5x7x", "2x1x1x1x"})
    check(single("mul", {t, "tensor<" + std::string(dims) + "f32>"}, "", t));
  // The dimension of extent 1 agrees with both its neighbours, which do not agree with each other.
  const std::string withOne = "tensor<4x3x1x7x1xf32>";
  for (const char* dims : {"1x7x1x", "4x3x1x1x1x", "3x1x7x1x", "3x1x1x1x"})
    check(single("mul", {withOne, "tensor<" + std::string(dims) + "f32>"}, "", withOne));
}

TEST_F(LoopEmission, PointwiseChainsShareTheirProducers) {
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<4x33xf32>, %b: tensor<33xf32>):
      %0 = sinter.add %a, %b : (tensor<4x33xf32>, tensor<33xf32>) -> tensor<4x33xf32>
      %1 = sinter.sigmoid %0 : (tensor<4x33xf32>) -> tensor<4x33xf32>
      %2 = sinter.mul %0, %1 : (tensor<4x33xf32>, tensor<4x33xf32>) -> tensor<4x33xf32>
      %3 = sinter.tanh %2 : (tensor<4x33xf32>) -> tensor<4x33xf32>
      sinter.yield %2, %3 : tensor<4x33xf32>, tensor<4x33xf32>
  })");
}

TEST_F(LoopEmission, ConstantsInside) {
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<3x5xf32>):
      %c = sinter.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
      %s = sinter.constant dense<0.5> : tensor<f32>
      %0 = sinter.mul %a, %c : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
      %1 = sinter.add %0, %s : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
      sinter.yield %1 : tensor<3x5xf32>
  })");
}

TEST_F(LoopEmission, MathOnFloats) {
  for (const char* type : {"f32", "f64"}) {
    const std::string t = std::string("tensor<1000x") + type + ">";
    for (const char* op : {"exp", "tanh", "erf", "sin", "cos", "sigmoid", "silu", "softplus", "mish",
                           "hard_swish", "floor", "ceil", "round", "abs", "neg", "sign", "relu"})
      for (double range : {2.0, 20.0}) {
        low = -range;
        high = range;
        check(single(op, {t}, "", t));
      }
    low = 0.001;
    high = 50;
    for (const char* op : {"log", "sqrt", "rsqrt", "reciprocal"})
      check(single(op, {t}, "", t));
    check(single("pow", {t, t}, "", t));
  }
}

TEST_F(LoopEmission, BlockedPointwise) {
  for (const char* dims : {"1x16x3x5", "2x12x4x4", "1x5x2x2", "2x64x7x7"})
    for (const char* op : {"add", "mul"}) {
      const std::string t = blocked(dims);
      check(single(op, {t, t}, "", t));
      const std::string channels = std::string(dims).substr(2, std::string(dims).find('x', 2) - 2);
      check(single(op, {t, "tensor<" + channels + "x1x1xf32>"}, "", t));
      check(single(op, {t, "tensor<f32>"}, "", t));
      check(single(op, {t, "tensor<" + std::string(dims) + "xf32>"}, "", t)); // a row-major operand
    }
}

TEST_F(LoopEmission, LayoutConversions) {
  for (const char* dims : {"1x16x3x5", "2x12x4x9", "1x3x8x8", "2x20x1x1"}) {
    const std::string rows = "tensor<" + std::string(dims) + "xf32>";
    const std::string nhwc =
        "tensor<" + std::string(dims) + "xf32, #sinter.layout<order = [0, 2, 3, 1], blocked = 1, block = 1>>";
    for (const auto& from : {rows, blocked(dims), nhwc})
      for (const auto& to : {rows, blocked(dims), nhwc})
        if (from != to)
          check(single("convert_layout", {from}, "", to));
  }
}

TEST_F(LoopEmission, Movement) {
  check(single("transpose", {"tensor<5x19x3xf32>"}, "{permutation = array<i64: 2, 0, 1>}",
               "tensor<3x5x19xf32>"));
  check(single("transpose", {"tensor<9x21xf32>"}, "{permutation = array<i64: 1, 0>}", "tensor<21x9xf32>"));
  check(single("slice", {"tensor<9x40xf32>"},
               "{starts = array<i64: 8, 3>, sizes = array<i64: 4, 17>, steps = array<i64: -2, 2>}",
               "tensor<4x17xf32>"));
  check(single("pad", {"tensor<3x11xf32>"}, "{low = array<i64: 1, 5>, high = array<i64: 2, 7>, value = 1.5}",
               "tensor<6x23xf32>"));
  check(single("pad", {"tensor<3x11xf32>"},
               "{low = array<i64: 1, 5>, high = array<i64: 2, 7>, mode = 1 : i32}", "tensor<6x23xf32>"));
  check(single("broadcast_to", {"tensor<3x1xf32>"}, "{shape = array<i64: 2, 3, 17>}", "tensor<2x3x17xf32>"));
  check(single("reshape", {"tensor<6x14xf32>"}, "{shape = array<i64: 4, 21>}", "tensor<4x21xf32>"));
}

TEST_F(LoopEmission, ReshapeOfWhatIsNotInMemory) {
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<6x14xf32>, %b: tensor<21xf32>):
      %0 = sinter.neg %a : (tensor<6x14xf32>) -> tensor<6x14xf32>
      %1 = sinter.reshape %0 {shape = array<i64: 4, 21>} : (tensor<6x14xf32>) -> tensor<4x21xf32>
      %2 = sinter.add %1, %b : (tensor<4x21xf32>, tensor<21xf32>) -> tensor<4x21xf32>
      sinter.yield %2 : tensor<4x21xf32>
  })");
}

TEST_F(LoopEmission, Concat) {
  const std::string a = "tensor<2x3x10xf32>", b = "tensor<2x5x10xf32>";
  check(single("concat", {a, b, a}, "{axis = 1 : i64}", "tensor<2x11x10xf32>"));
  check(single("concat", {a, a}, "{axis = 2 : i64}", "tensor<2x3x20xf32>"));
  check(single("concat", {a, a}, "{axis = 0 : i64}", "tensor<4x3x10xf32>"));
  check(
      single("concat", {blocked("1x16x3x3"), blocked("1x12x3x3")}, "{axis = 1 : i64}", blocked("1x28x3x3")));
  check(
      single("concat", {blocked("1x12x3x3"), blocked("1x16x3x3")}, "{axis = 1 : i64}", blocked("1x28x3x3")));
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<2x3xf32>, %b: tensor<2x9xf32>, %c: tensor<12xf32>):
      %0 = sinter.relu %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
      %1 = sinter.concat %0, %b {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x9xf32>) -> tensor<2x12xf32>
      %2 = sinter.mul %1, %c : (tensor<2x12xf32>, tensor<12xf32>) -> tensor<2x12xf32>
      sinter.yield %2 : tensor<2x12xf32>
  })");
}

TEST_F(LoopEmission, Gather) {
  low = 0;
  high = 1.6; // indices in [0, 4]
  check(single("gather", {"tensor<5x19xf32>", "tensor<7xi64>"}, "{axis = 0 : i64}", "tensor<7x19xf32>"));
  check(
      single("gather", {"tensor<19x5xf32>", "tensor<3x11xi32>"}, "{axis = 1 : i64}", "tensor<19x3x11xf32>"));
}

TEST_F(LoopEmission, Reductions) {
  tolerance = 1e-5;
  for (const char* op : {"reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"}) {
    check(single(op, {"tensor<5x197xf32>"}, "{axes = array<i64: 1>}", "tensor<5xf32>"));
    check(single(op, {"tensor<5x19xf32>"}, "{axes = array<i64: 0>}", "tensor<19xf32>"));
    check(single(op, {"tensor<2x11x3x9xf32>"}, "{axes = array<i64: 2, 3>, keep_dims = true}",
                 "tensor<2x11x1x1xf32>"));
    check(single(op, {"tensor<2x3x5xf32>"}, "{axes = array<i64: 0, 1, 2>}", "tensor<f32>"));
    check(single(op, {"tensor<4x3xf32>"}, "{axes = array<i64: 1>}", "tensor<4xf32>"));
    check(single(op, {blocked("2x20x3x3")}, "{axes = array<i64: 2, 3>, keep_dims = true}",
                 blocked("2x20x1x1")));
    check(single(op, {blocked("2x20x3x3")}, "{axes = array<i64: 2, 3>}", "tensor<2x20xf32>"));
    check(single(op, {blocked("2x20x3x3")}, "{axes = array<i64: 1>}", "tensor<2x3x3xf32>"));
  }
  for (const char* type : {"f64", "i32", "i64", "ui8"})
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_min"})
      check(single(op, {std::string("tensor<3x300x") + type + ">"}, "{axes = array<i64: 1>}",
                   std::string("tensor<3x") + type + ">"));
  check(single("reduce_sum", {"tensor<3x0xf32>"}, "{axes = array<i64: 1>}", "tensor<3xf32>"));
  check(single("argmax", {"tensor<3x40xf32>"}, "{axis = 1 : i64}", "tensor<3xi64>"));
  check(single("argmin", {"tensor<3x40xf32>"}, "{axis = 0 : i64}", "tensor<40xi64>"));
}

TEST_F(LoopEmission, ReductionWithPrologueAndEpilogue) {
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<6x130xf32>, %b: tensor<130xf32>, %c: tensor<6xf32>):
      %0 = sinter.mul %a, %b : (tensor<6x130xf32>, tensor<130xf32>) -> tensor<6x130xf32>
      %1 = sinter.reduce_mean %0 {axes = array<i64: 1>} : (tensor<6x130xf32>) -> tensor<6xf32>
      %2 = sinter.sub %1, %c : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
      %3 = sinter.exp %2 : (tensor<6xf32>) -> tensor<6xf32>
      sinter.yield %3 : tensor<6xf32>
  })");
}

TEST_F(LoopEmission, Normalisations) {
  tolerance = 1e-5;
  for (const char* op : {"softmax", "log_softmax"}) {
    check(single(op, {"tensor<5x197xf32>"}, "{axis = 1 : i64}", "tensor<5x197xf32>"));
    check(single(op, {"tensor<5x3xf32>"}, "{axis = 1 : i64}", "tensor<5x3xf32>"));
    check(single(op, {"tensor<2x7x19xf32>"}, "{axis = 1 : i64}", "tensor<2x7x19xf32>"));
    check(single(op, {"tensor<7x2x3xf32>"}, "{axis = 0 : i64}", "tensor<7x2x3xf32>"));
    check(single(op, {blocked("2x20x3x3")}, "{axis = 1 : i64}", blocked("2x20x3x3")));
    check(single(op, {blocked("2x20x3x3")}, "{axis = 3 : i64}", blocked("2x20x3x3")));
  }
  check(single("layer_norm", {"tensor<3x5x67xf32>", "tensor<67xf32>", "tensor<67xf32>"},
               "{axis = 2 : i64, epsilon = 1.0e-5}", "tensor<3x5x67xf32>"));
  check(single("layer_norm", {"tensor<3x5x6xf32>", "tensor<5x6xf32>"}, "{axis = 1 : i64, epsilon = 1.0e-5}",
               "tensor<3x5x6xf32>"));
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<4x50xf32>, %m: tensor<50xf32>):
      %0 = sinter.add %a, %m : (tensor<4x50xf32>, tensor<50xf32>) -> tensor<4x50xf32>
      %1 = sinter.softmax %0 {axis = 1 : i64} : (tensor<4x50xf32>) -> tensor<4x50xf32>
      %2 = sinter.mul %1, %a : (tensor<4x50xf32>, tensor<4x50xf32>) -> tensor<4x50xf32>
      sinter.yield %2 : tensor<4x50xf32>
  })");
}

TEST_F(LoopEmission, BatchNormAndLrn) {
  low = 0.1;
  const std::string c = "tensor<20xf32>";
  const std::string attributes = "{epsilon = 1.0e-5}";
  tolerance = 1e-5;
  check(single("batch_norm", {"tensor<2x20x5x7xf32>", c, c, c, c}, attributes, "tensor<2x20x5x7xf32>"));
  check(single("batch_norm", {blocked("2x20x5x7"), c, c, c, c}, attributes, blocked("2x20x5x7")));
  const std::string lrn = "{size = 5 : i64, alpha = 0.1, beta = 0.75, bias = 1.0}";
  check(single("lrn", {"tensor<1x20x3x9xf32>"}, lrn, "tensor<1x20x3x9xf32>"));
  check(single("lrn", {blocked("1x20x3x3")}, lrn, blocked("1x20x3x3")));
}

TEST_F(LoopEmission, Pooling) {
  const std::string window =
      "kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, "
      "pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>";
  for (const char* op : {"max_pool", "avg_pool"}) {
    check(single(op, {"tensor<1x3x14x14xf32>"}, "{" + window + "}", "tensor<1x3x7x7xf32>"));
    check(single(op, {"tensor<1x3x40x40xf32>"}, "{" + window + "}", "tensor<1x3x20x20xf32>"));
    check(single(op, {blocked("1x12x14x14")}, "{" + window + "}", blocked("1x12x7x7")));
    check(single(op, {blocked("1x16x14x14")}, "{" + window + "}", blocked("1x16x7x7")));
  }
  const std::string same =
      "{kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, "
      "pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>}";
  check(single("max_pool", {"tensor<1x3x14x30xf32>"}, same, "tensor<1x3x14x30xf32>"));
  check(single("avg_pool", {"tensor<1x3x14x30xf32>"}, same, "tensor<1x3x14x30xf32>"));
}

TEST_F(LoopEmission, Resize) {
  for (const char* mode : {"0", "1"})
    for (const char* coordinates : {"0", "2", "3"}) {
      const std::string attributes =
          std::string("{sizes = array<i64: 1, 12, 10, 14>, scales = array<f64: 1.0, 1.0, "
                      "2.0, 2.0>, mode = ") +
          mode + " : i32, coordinates = " + coordinates + " : i32}";
      check(single("resize", {"tensor<1x12x5x7xf32>"}, attributes, "tensor<1x12x10x14xf32>"));
      check(single("resize", {blocked("1x12x5x7")}, attributes, blocked("1x12x10x14")));
    }
}

TEST_F(LoopEmission, Contractions) {
  tolerance = 1e-5;
  check(single("matmul", {"tensor<5x40xf32>", "tensor<40x19xf32>"}, "", "tensor<5x19xf32>"));
  check(single("matmul", {"tensor<5x40xf32>", "tensor<19x40xf32>"}, "{transpose_rhs = true}",
               "tensor<5x19xf32>"));
  check(single("matmul", {"tensor<3x5x9xf64>", "tensor<3x9x4xf64>"}, "", "tensor<3x5x4xf64>"));
  const std::string conv =
      "{strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, "
      "pad_end = array<i64: 1, 1>}";
  check(single("conv", {"tensor<1x3x9x17xf32>", "tensor<4x3x3x3xf32>", "tensor<4xf32>"}, conv,
               "tensor<1x4x9x17xf32>"));
  check(single("conv", {blocked("1x12x9x9"), "tensor<20x12x3x3xf32>"}, conv, blocked("1x20x9x9")));
}

TEST_F(LoopEmission, SmallTypesThroughEveryStructure) {
  const std::string window =
      "{kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, "
      "pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>}";
  for (const std::string type : {"ui8", "i8", "i64", "i1"}) {
    check(single("transpose", {"tensor<9x21x" + type + ">"}, "{permutation = array<i64: 1, 0>}",
                 "tensor<21x9x" + type + ">"));
    check(single("concat", {"tensor<9x21x" + type + ">", "tensor<9x5x" + type + ">"}, "{axis = 1 : i64}",
                 "tensor<9x26x" + type + ">"));
    check(single("pad", {"tensor<3x11x" + type + ">"},
                 "{low = array<i64: 1, 5>, high = array<i64: 2, 7>, value = 1.0}",
                 "tensor<6x23x" + type + ">"));
    check(single("convert_layout", {"tensor<1x12x3x3x" + type + ">"}, "", blocked("1x12x3x3", type)));
    if (type == "i1")
      continue;
    check(single("max_pool", {"tensor<1x2x9x19x" + type + ">"}, window, "tensor<1x2x9x19x" + type + ">"));
    check(single("clip", {"tensor<37x" + type + ">"}, "{low = 1.0, high = 20.0}", "tensor<37x" + type + ">"));
    for (const std::string to : {"ui8", "i8", "i64", "i1", "f32", "f64"})
      check(single("cast", {"tensor<37x" + type + ">"}, "{to = " + to + "}", "tensor<37x" + to + ">"));
  }
}

TEST_F(LoopEmission, ProcessorsWithoutFusedMultiplyAdd) {
  const auto target = codegen::cpu::Target::named("x86-64");
  EXPECT_EQ(target.vectorBytes, 16);
  EXPECT_FALSE(target.fma);
  EXPECT_THROW(codegen::cpu::Target::named("pentium"), Error);
  for (const char* op : {"exp", "tanh", "erf", "sin", "sigmoid"})
    check(single(op, {"tensor<100xf32>"}, "", "tensor<100xf32>"), {target});
}

TEST_F(LoopEmission, EmptyResults) {
  check(single("add", {"tensor<0x3xf32>", "tensor<0x3xf32>"}, "", "tensor<0x3xf32>"));
}

TEST_F(LoopEmission, ResultsOfSeveralShapes) {
  check(R"(sinter.kernel @k {
    ^bb0(%a: tensor<4x50xf32>):
      %0 = sinter.exp %a : (tensor<4x50xf32>) -> tensor<4x50xf32>
      %1 = sinter.reduce_sum %0 {axes = array<i64: 1>} : (tensor<4x50xf32>) -> tensor<4xf32>
      sinter.yield %0, %1 : tensor<4x50xf32>, tensor<4xf32>
  })");
}

} // namespace
} // namespace sinter::test
