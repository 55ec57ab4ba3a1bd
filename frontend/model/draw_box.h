// What one box of a drawing shows.
#pragma once

#include "ir/ops.h"

#include "mlir/IR/SymbolTable.h"

#include <string>

namespace sinter::drawing {

/// Names come from model files: everything that means something to Graphviz is escaped.
std::string escape(llvm::StringRef text);
/// "1x64x56x56" and, for channels-blocked tensors, how many channels lie together.
std::string describeType(mlir::Value value);
/// A null operation is opaque.
ir::FusionClass classOf(mlir::Operation* op);

struct Style {
  llvm::StringRef fill;
  llvm::StringRef border;
};

/// Of boxes that compute derivatives.
inline constexpr Style kBackwardStyle{"#F8D9D6", "#B5493F"};
Style styleOf(ir::FusionClass kind);

/// One box of the drawing.
struct Box {
  mlir::Operation* op = nullptr;             ///< the fusion, launch or single operation in @main
  llvm::SmallVector<mlir::Operation*> parts; ///< what it computes, in order
  mlir::Operation* root = nullptr;           ///< null for a purely pointwise box
  int64_t constants = 0;
  double flops = 0;
  bool backward = false; ///< it is there for derivatives only
};

Style styleOf(const Box& box);
Box makeBox(mlir::Operation* op, mlir::SymbolTable& symbols);
/// "conv 3×3 /2, 64→128", or what a box without a root is.
std::string titleOf(const Box& box);
/// "conv → add → relu", four to a line.
std::string listParts(const Box& box);
/// Where it comes from, its constants, its arithmetic, its places in the arena.
std::string footerOf(const Box& box);

} // namespace sinter::drawing
