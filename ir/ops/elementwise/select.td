// Choice and conversion.
include "ir/ops/elementwise/pointwise.td"

def SelectOp : Sinter_PointwiseOp<"select"> {
  let summary = "on_true where the condition holds, else on_false; all three broadcast";
  let arguments = (ins Sinter_BoolTensor:$condition, Sinter_Tensor:$on_true, Sinter_Tensor:$on_false);
  let results = (outs Sinter_Tensor:$result);
}
def CastOp : Sinter_TensorOp<"cast", "pointwise", [
    DeclareOpInterfaceMethods<PointwiseOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "conversion to element type `to`: floats truncate to integers (saturating), x != 0 to bool";
  let arguments = (ins Sinter_Tensor:$input, TypeAttr:$to);
  let results = (outs Sinter_Tensor:$result);
}
