// Data-dependent access.
include "ir/dialect.td"

def GatherOp : Sinter_TensorOp<"gather", "movement", [
    DeclareOpInterfaceMethods<LoopOpInterface>]> {
  let summary = "slices of the input at `indices` along an axis";
  let description = [{
    Result shape: input dims before the axis, dims of indices, input dims after it. Negative indices count from the end.
    An index out of range is an error when evaluated; compiled kernels clamp it.
  }];
  let arguments = (ins Sinter_Tensor:$input, Sinter_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Sinter_Tensor:$result);
  let hasVerifier = 1;
}
