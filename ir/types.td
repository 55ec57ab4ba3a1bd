// Attributes of the sinter dialect.
#ifndef SINTER_IR_TYPES
#define SINTER_IR_TYPES

include "ir/dialect.td"
include "mlir/IR/TensorEncoding.td"

def Sinter_LayoutAttr : Sinter_Attr<"Layout", "layout", [
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "How a tensor lies in memory";
  let description = [{
    The logical dimensions from the outermost to the innermost, and one dimension of which `block` consecutive
    positions are stored innermost of all. `order = [0, 1, 2, 3], blocked = 1, block = 16` is NCHW16c;
    `order = [0, 2, 3, 1], blocked = 1, block = 1` is NHWC. A tensor without an encoding is row-major.
    The blocked dimension is padded to a multiple of `block`; what the padding holds is unspecified and never read.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$order, "int64_t":$blocked, "int64_t":$block);
  let assemblyFormat = "`<` `order` `=` `[` $order `]` `,` `blocked` `=` $blocked `,` `block` `=` $block `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Extents of the tensor as stored: the dimensions in order, then the block (omitted when it is 1).
    ::llvm::SmallVector<int64_t> getPhysicalShape(::llvm::ArrayRef<int64_t> logical) const;
    /// Elements the stored tensor takes, padding included.
    int64_t getPhysicalElements(::llvm::ArrayRef<int64_t> logical) const;
    /// Element stride of a step along logical dimension `dim`; for the blocked dimension, of a step of a whole block.
    int64_t getStride(::llvm::ArrayRef<int64_t> logical, int64_t dim) const;
    /// N, C, spatial... with `block` channels innermost.
    static LayoutAttr channelsBlocked(::mlir::MLIRContext* context, int64_t rank, int64_t block);
  }];
}

#endif // SINTER_IR_TYPES
