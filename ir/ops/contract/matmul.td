// Matrix products.
include "ir/dialect.td"

def MatmulOp : Sinter_TensorOp<"matmul", "contraction", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>,
    DeclareOpInterfaceMethods<ContractionOpInterface, ["getFactorDimensions"]>]> {
  let summary = "batched matrix product";
  let description = [{
    lhs [batch..., m, k] times rhs [batch..., k, n] gives [batch..., m, n]. The rhs may have rank 2 and then serves
    every batch; otherwise the batch dimensions broadcast NumPy-style. `transpose_lhs` and `transpose_rhs` say that the
    last two dimensions of that operand are stored the other way round. Ranks are at least 2.
  }];
  let arguments = (ins Sinter_NumberTensor:$lhs, Sinter_NumberTensor:$rhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_lhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_rhs);
  let results = (outs Sinter_NumberTensor:$result);
  let declarations = "double getFlops();";
}
