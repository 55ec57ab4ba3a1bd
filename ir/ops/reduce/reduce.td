// Reductions over axes.
include "ir/dialect.td"

// `axes` are distinct, in [0, rank), ascending. With `keep_dims` they stay as extent 1.
class Sinter_ReduceOp<string mnemonic, Type element, string text> : Sinter_TensorOp<mnemonic, "reduction", [
    DeclareOpInterfaceMethods<LoopOpInterface>, ReductionOpInterface,
    DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = text;
  let arguments = (ins element:$input, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs element:$result);
  let declarations = "double getFlops();";
}

def ReduceSumOp : Sinter_ReduceOp<"reduce_sum", Sinter_NumberTensor, "sum; 0 of nothing">;
def ReduceMeanOp : Sinter_ReduceOp<"reduce_mean", Sinter_FloatTensor, "arithmetic mean; NaN of nothing">;
def ReduceMaxOp : Sinter_ReduceOp<"reduce_max", Sinter_NumberTensor, "largest; NaN if any is; lowest value of nothing; equal ones share the derivative">;
def ReduceMinOp : Sinter_ReduceOp<"reduce_min", Sinter_NumberTensor, "smallest; NaN if any is; highest value of nothing; equal ones share the derivative">;
def ReduceProdOp : Sinter_ReduceOp<"reduce_prod", Sinter_NumberTensor, "product; 1 of nothing">;

// Index (i64) of the first largest or smallest element along one axis.
class Sinter_ArgReduceOp<string mnemonic, string text> : Sinter_TensorOp<mnemonic, "reduction", [
    DeclareOpInterfaceMethods<LoopOpInterface>, NotDifferentiable]> {
  let summary = text;
  let arguments = (ins Sinter_NumberTensor:$input, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let declarations = "double getFlops();";
}
def ArgMaxOp : Sinter_ArgReduceOp<"argmax", "index of the first largest element along an axis; NaN counts as largest">;
def ArgMinOp : Sinter_ArgReduceOp<"argmin", "index of the first smallest element along an axis; NaN counts as smallest">;
