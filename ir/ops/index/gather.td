// Data-dependent access.
include "ir/dialect.td"

def GatherOp : Sinter_TensorOp<"gather", "movement", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "slices of the input at `indices` along an axis";
  let description = [{
    Result shape: input dims before the axis, dims of indices, input dims after it. Negative indices count from the end.
    An index out of range is an error when evaluated; compiled kernels clamp it.
  }];
  let arguments = (ins Sinter_Tensor:$input, Sinter_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Sinter_Tensor:$result);
  let hasVerifier = 1;
}
def ScatterAddOp : Sinter_TensorOp<"scatter_add", "scatter", [DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "the input with slices of `updates` added at `indices` along an axis, one after the other";
  let description = [{
    The transpose of gather, and of the shapes that it has: updates are input dims before the axis, dims of indices,
    input dims after it. Slices whose indices are equal are all added, in their order. Negative indices count from
    the end. An index out of range is an error when evaluated; compiled kernels clamp it.
  }];
  let arguments = (ins Sinter_NumberTensor:$input, Sinter_IndexTensor:$indices, Sinter_NumberTensor:$updates,
                       I64Attr:$axis);
  let results = (outs Sinter_NumberTensor:$result);
  let declarations = [{
    double getFlops();
    /// Where in the result the update at a position is added.
    ::sinter::ir::Point target(::sinter::ir::LoopEmitter& emitter, const ::sinter::ir::Point& update);
  }];
  let hasVerifier = 1;
}
