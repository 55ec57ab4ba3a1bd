// Sliding-window pooling. (Global pooling is reduce_mean / reduce_max over the spatial axes.)
include "ir/dialect.td"

// A pool's input [N, C, spatial...] has windows [N, C, out...] with
// out = floor or ceil ((in + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride) + 1;
// with `ceil_mode`, a last window that would start past input + pad_begin is dropped (ONNX and PyTorch agree).
// The taps of a window are its positions, in row-major order.
class Sinter_WindowOp<string mnemonic, Type element, dag operands, dag extra, list<Trait> traits>
    : Sinter_TensorOp<mnemonic, "window", !listconcat([
        DeclareOpInterfaceMethods<LoopOpInterface>, LayoutOpInterface], traits)> {
  let arguments = !con(operands, (ins DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                                      DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pad_begin,
                                      DenseI64ArrayAttr:$pad_end, DefaultValuedAttr<BoolAttr, "false">:$ceil_mode),
                       extra);
  let results = (outs element:$result);
  let declarations = [{
    double getFlops();
    bool runsBlocked(int64_t) { return true; }
  }];
}

class Sinter_PoolOp<string mnemonic, Type element, dag extra>
    : Sinter_WindowOp<mnemonic, element, (ins element:$input), extra, [DeclareOpInterfaceMethods<GradientOpInterface>]>;

def MaxPoolOp : Sinter_PoolOp<"max_pool", Sinter_NumberTensor, (ins)> {
  let summary = "largest element of each window; padding never wins; the first of equal ones has the derivative";
}
def AvgPoolOp : Sinter_PoolOp<"avg_pool", Sinter_FloatTensor,
                              (ins DefaultValuedAttr<BoolAttr, "false">:$count_include_pad)> {
  let summary = "mean of each window, over its elements inside the input, or with `count_include_pad` inside input and padding";
}

// What derivatives of pools are made of. `index` holds numbers of taps, one for each window of a pool.
def Sinter_TapTensor : RankedTensorOf<[I32]>;

def MaxPoolIndexOp : Sinter_WindowOp<"max_pool_index", Sinter_TapTensor, (ins Sinter_NumberTensor:$input), (ins),
                                     [NotDifferentiable]> {
  let summary = "the tap under which the first largest element of each window is; NaN counts as largest; -1 if a window lies in padding only";
}
def WindowGatherOp : Sinter_WindowOp<"window_gather", Sinter_NumberTensor,
                                     (ins Sinter_NumberTensor:$input, Sinter_TapTensor:$index), (ins),
                                     [DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "the element under the tap `index` of each window; 0 where there is none";
}
def WindowScatterOp : Sinter_WindowOp<"window_scatter", Sinter_NumberTensor,
                                      (ins Sinter_NumberTensor:$values, Sinter_TapTensor:$index),
                                      (ins DenseI64ArrayAttr:$sizes),
                                      [DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "each position's sum of `values` over the windows whose tap `index` it is under";
  let description = [{ The transpose of window_gather, from windows back to an input of the spatial extents `sizes`. }];
}
def AvgPoolTransposeOp : Sinter_WindowOp<"avg_pool_transpose", Sinter_FloatTensor, (ins Sinter_FloatTensor:$values),
                                         (ins DenseI64ArrayAttr:$sizes,
                                              DefaultValuedAttr<BoolAttr, "false">:$count_include_pad),
                                         [DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "each position's sum of `values` over the windows it is in, each divided as avg_pool divides";
  let description = [{ The transpose of avg_pool, from windows back to an input of the spatial extents `sizes`. }];
}
