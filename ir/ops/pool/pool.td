// Sliding-window pooling. (Global pooling is reduce_mean / reduce_max over the spatial axes.)
include "ir/dialect.td"

// input [N, C, spatial...] gives [N, C, out...] with
// out = floor or ceil ((in + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride) + 1;
// with `ceil_mode`, a last window that would start past input + pad_begin is dropped (ONNX and PyTorch agree).
class Sinter_PoolOp<string mnemonic, Type element, dag extra> : Sinter_TensorOp<mnemonic, "window", [
    DeclareOpInterfaceMethods<LoopOpInterface>, LayoutOpInterface]> {
  let arguments = !con((ins element:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                            DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pad_begin, DenseI64ArrayAttr:$pad_end,
                            DefaultValuedAttr<BoolAttr, "false">:$ceil_mode), extra);
  let results = (outs element:$result);
  let declarations = [{
    double getFlops();
    bool runsBlocked(int64_t) { return true; }
  }];
}

def MaxPoolOp : Sinter_PoolOp<"max_pool", Sinter_NumberTensor, (ins)> {
  let summary = "largest element of each window; padding never wins";
}
def AvgPoolOp : Sinter_PoolOp<"avg_pool", Sinter_FloatTensor,
                              (ins DefaultValuedAttr<BoolAttr, "false">:$count_include_pad)> {
  let summary = "mean of each window, over its elements inside the input, or with `count_include_pad` inside input and padding";
}
