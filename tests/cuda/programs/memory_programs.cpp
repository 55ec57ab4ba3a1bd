// Ways to share what is bound by memory, at sizes where they are chosen and at their edges.
#include "structure_programs.h"

namespace sinter::cuda_tests {
namespace {

std::string program(const std::string& inputs, const std::string& result, const std::string& body) {
  return "func.func @main(" + inputs + ") -> " + result + " {\n" + body + "  func.return %r : " + result +
         "\n}\n";
}

std::string reduction(const std::string& op, const std::string& input, const std::string& axes,
                      const std::string& result) {
  return program("%x: " + input, result,
                 "  %r = sinter." + op + " %x {axes = array<i64: " + axes + ">, keep_dims = false} : (" +
                     input + ") -> " + result + "\n");
}

std::string softmax(const std::string& tensor, int64_t axis) {
  return program("%x: " + tensor, tensor,
                 "  %r = sinter.softmax %x {axis = " + std::to_string(axis) + " : i64} : (" + tensor +
                     ") -> " + tensor + "\n");
}

// The mean of what is multiplied before, and a root after.
std::string meanOfProducts(const std::string& input, const std::string& axes, const std::string& result) {
  return program("%x: " + input + ", %y: " + input, result,
                 "  %0 = sinter.mul %x, %y : (" + input + ", " + input + ") -> " + input +
                     "\n  %1 = sinter.reduce_mean %0 {axes = array<i64: " + axes + ">} : (" + input +
                     ") -> " + result + "\n  %r = sinter.sqrt %1 : (" + result + ") -> " + result + "\n");
}

// With a residual before.
std::string layerNorm(const std::string& tensor, const std::string& normalised, int64_t axis) {
  return program("%x: " + tensor + ", %y: " + tensor + ", %s: " + normalised + ", %b: " + normalised, tensor,
                 "  %0 = sinter.add %x, %y : (" + tensor + ", " + tensor + ") -> " + tensor +
                     "\n  %r = sinter.layer_norm %0, %s, %b {axis = " + std::to_string(axis) +
                     " : i64, epsilon = 1.0e-5 : f64} : (" + tensor + ", " + normalised + ", " + normalised +
                     ") -> " + tensor + "\n");
}

// Between operations on elements, of which the last takes an operand that lies as the result does.
std::string transposed(const std::string& input, const std::string& permutation, const std::string& result) {
  return program("%x: " + input + ", %y: " + result, result,
                 "  %0 = sinter.neg %x : (" + input + ") -> " + input +
                     "\n  %1 = sinter.transpose %0 {permutation = array<i64: " + permutation + ">} : (" +
                     input + ") -> " + result + "\n  %r = sinter.add %1, %y : (" + result + ", " + result +
                     ") -> " + result + "\n");
}

std::string scatter(const std::string& table, const std::string& indices, const std::string& updates,
                    int64_t axis) {
  return program("%x: " + table + ", %i: " + indices + ", %u: " + updates, table,
                 "  %r = sinter.scatter_add %x, %i, %u {axis = " + std::to_string(axis) + "} : (" + table +
                     ", " + indices + ", " + updates + ") -> " + table + "\n");
}

std::string argmax(const std::string& input, int64_t axis, const std::string& result) {
  return program("%x: " + input, result,
                 "  %r = sinter.argmax %x {axis = " + std::to_string(axis) +
                     " : i64, keep_dims = false} : (" + input + ") -> " + result + "\n");
}

// Of logits that are computed before, and a bias for each class.
std::string crossEntropy(const std::string& logits, const std::string& bias, const std::string& targets,
                         int64_t axis, const std::string& result) {
  const std::string op = targets == logits ? "cross_entropy" : "sparse_cross_entropy";
  return program("%x: " + logits + ", %b: " + bias + ", %t: " + targets, result,
                 "  %0 = sinter.add %x, %b : (" + logits + ", " + bias + ") -> " + logits +
                     "\n  %r = sinter." + op + " %0, %t {axis = " + std::to_string(axis) + " : i64} : (" +
                     logits + ", " + targets + ") -> " + result + "\n");
}

std::string sum(const std::string& tensor) {
  return program("%x: " + tensor + ", %y: " + tensor, tensor,
                 "  %r = sinter.add %x, %y : (" + tensor + ", " + tensor + ") -> " + tensor + "\n");
}

} // namespace

std::vector<StructureProgram> memoryPrograms() {
  std::vector<StructureProgram> programs = {
      // Rows that a thread keeps its elements of, and those that are too long for that.
      {softmax("tensor<9x48xf32>", 1), "rows by warps x4"},
      {softmax("tensor<7x36xf32>", 1), "rows by warps x4"},
      {softmax("tensor<5x512xf32>", 1), "rows by warps x4"},
      {softmax("tensor<3x516xf32>", 1), "rows by blocks x4"},
      {softmax("tensor<2x2046xf32>", 1), "rows by blocks x2"},
      {softmax("tensor<2x4095xf32>", 1), "rows by blocks"},
      {softmax("tensor<2x8192xf32>", 1), "rows by blocks x4"},
      {softmax("tensor<1x16384xf32>", 1), "rows by blocks x4"},
      {softmax("tensor<1x16388xf32>", 1), "rows by blocks x4"},
      {softmax("tensor<2x4100xf64>", 1), "rows by blocks x2"},
      {layerNorm("tensor<3x5x64xf32>", "tensor<5x64xf32>", 1), "rows by warps x4"},
      {layerNorm("tensor<4x1026xf32>", "tensor<1026xf32>", 1), "rows by blocks x2"},
      // Neighbours are of other lines.
      {softmax("tensor<2x21x70xf32>", 1), "columns x2"},
      {softmax("tensor<2x300x64xf32>", 1), "columns x4"},
      {softmax("tensor<3x40x5xf64>", 1), "columns"},
      {softmax("tensor<70x1x33xf32>", 0), "columns"},
      {reduction("reduce_sum", "tensor<1x300x1xf32>", "1", "tensor<1x1xf32>"), "rows by warps x4"},
      // Lines that blocks share.
      {reduction("reduce_sum", "tensor<40000xf32>", "0", "tensor<f32>"), "rows by blocks, shared x4"},
      {reduction("reduce_sum", "tensor<3x40001xf64>", "1", "tensor<3xf64>"), "rows by blocks, shared"},
      {reduction("reduce_max", "tensor<20000xui8>", "0", "tensor<ui8>"), "rows by blocks, shared x8"},
      {reduction("reduce_min", "tensor<2x5x100x99xi32>", "1, 2, 3", "tensor<2xi32>"),
       "rows by blocks, shared"},
      {reduction("reduce_prod", "tensor<16390xi64>", "0", "tensor<i64>"), "rows by blocks, shared x2"},
      {meanOfProducts("tensor<200x200xf32>", "0, 1", "tensor<f32>"), "rows by blocks, shared x4"},
      {meanOfProducts("tensor<2000x24xf32>", "0", "tensor<24xf32>"), "columns, shared x4"},
      {reduction("reduce_sum", "tensor<3001x7xf64>", "0", "tensor<7xf64>"), "columns, shared"},
      {reduction("reduce_max", "tensor<2x3000x70xi32>", "1", "tensor<2x70xi32>"), "columns, shared x2"},
      {reduction("reduce_sum", "tensor<4097x129xf32>", "0", "tensor<129xf32>"), "columns, shared"},
      {argmax("tensor<3x600xf32>", 1, "tensor<3xi64>"), "rows by blocks x4"},
      {argmax("tensor<2x20001xi32>", 1, "tensor<2xi64>"), "rows by blocks"},
      {argmax("tensor<2x100x36xf32>", 1, "tensor<2x36xi64>"), "columns x2"},
      // Several folds of the same elements, of two tensors, and one element more.
      {crossEntropy("tensor<5x60xf32>", "tensor<60xf32>", "tensor<5xi64>", 1, "tensor<5xf32>"),
       "rows by warps x4"},
      {crossEntropy("tensor<5x1003xf32>", "tensor<1003xf32>", "tensor<5xi32>", 1, "tensor<5xf32>"),
       "rows by blocks"},
      {crossEntropy("tensor<2x20000xf32>", "tensor<20000xf32>", "tensor<2xi64>", 1, "tensor<2xf32>"),
       "rows by blocks x4"},
      {crossEntropy("tensor<2x100x36xf32>", "tensor<100x1xf32>", "tensor<2x36xi64>", 1, "tensor<2x36xf32>"),
       "columns"},
      {crossEntropy("tensor<6x500xf32>", "tensor<500xf32>", "tensor<6x500xf32>", 1, "tensor<6xf32>"),
       "rows by warps x4"},
      {crossEntropy("tensor<6x600xf64>", "tensor<600xf64>", "tensor<6x600xf64>", 1, "tensor<6xf64>"),
       "rows by blocks x2"},
      {crossEntropy("tensor<3x40x8xf32>", "tensor<40x1xf32>", "tensor<3x40x8xf32>", 1, "tensor<3x8xf32>"),
       "columns x4"},
      // Read one way, written another.
      {transposed("tensor<65x70xf32>", "1, 0", "tensor<70x65xf32>"), "transposed 32x32"},
      {transposed("tensor<3x33x16xf64>", "0, 2, 1", "tensor<3x16x33xf64>"), "transposed 32x32"},
      {transposed("tensor<2x24x5x7xi32>", "0, 2, 3, 1", "tensor<2x5x7x24xi32>"), "transposed 32x32"},
      {transposed("tensor<2x5x7x24xi8>", "0, 3, 1, 2", "tensor<2x24x5x7xi8>"), "transposed 32x32"},
      {transposed("tensor<40x9x8xf32>", "2, 1, 0", "tensor<8x9x40xf32>"), "elements"},
      {transposed("tensor<1472x1536xf32>", "1, 0", "tensor<1536x1472xf32>"), "transposed 64x64"},
      // Updates of the same position, of positions of several threads, of a last dimension.
      {scatter("tensor<50x24xf32>", "tensor<300xi64>", "tensor<300x24xf32>", 0), "scatter x4"},
      {scatter("tensor<50x7xf64>", "tensor<3x40xi64>", "tensor<3x40x7xf64>", 0), "scatter"},
      {scatter("tensor<3x45xi32>", "tensor<2500xi64>", "tensor<3x2500xi32>", 1), "scatter"},
      {scatter("tensor<2x40x300xf32>", "tensor<5xi64>", "tensor<2x5x300xf32>", 1), "scatter x4"},
      {scatter("tensor<3000x2xf32>", "tensor<9xi64>", "tensor<9x2xf32>", 0), "scatter x2"},
      {scatter("tensor<40x1030xf32>", "tensor<4xi64>", "tensor<4x1030xf32>", 0), "scatter x2"},
      {scatter("tensor<64xf32>", "tensor<1100xi64>", "tensor<1100xf32>", 0), "scatter"},
      // Several vectors of a thread.
      {sum("tensor<1056x2048xf32>"), "elements x4"},
  };
  const StructureProgram halves[] = {
      {softmax("tensor<5x72xf32>", 1), "rows by warps x8"},
      {softmax("tensor<2x1000xf32>", 1), "rows by blocks x8"},
      {layerNorm("tensor<2x1028xf32>", "tensor<1028xf32>", 1), "rows by blocks x4"},
      {softmax("tensor<2x30x80xf32>", 1), "columns x8"},
      {reduction("reduce_max", "tensor<20000xf32>", "0", "tensor<f32>"), "rows by blocks, shared x8"},
      {meanOfProducts("tensor<4000x24xf32>", "0", "tensor<24xf32>"), "columns, shared x8"},
      {transposed("tensor<65x70xf32>", "1, 0", "tensor<70x65xf32>"), "transposed 32x32"},
      {crossEntropy("tensor<5x64xf32>", "tensor<64xf32>", "tensor<5xi64>", 1, "tensor<5xf32>"),
       "rows by warps x8"},
      {crossEntropy("tensor<5x64xf32>", "tensor<64xf32>", "tensor<5x64xf32>", 1, "tensor<5xf32>"),
       "rows by warps x8"},
      {scatter("tensor<50x24xf32>", "tensor<60xi64>", "tensor<60x24xf32>", 0), "scatter x8"},
      {sum("tensor<3x17xf32>"), "elements"},
  };
  for (DType half : {DType::f16, DType::bf16})
    for (StructureProgram program : halves) {
      program.half = half;
      programs.push_back(program);
    }
  return programs;
}

} // namespace sinter::cuda_tests
