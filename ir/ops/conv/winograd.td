// Convolution by Winograd's algorithm: what the compiler makes of a 3x3 convolution whose filter is known.
include "ir/dialect.td"

def Sinter_F32Tensor : RankedTensorOf<[F32]>;

def WinogradFilterOp : Sinter_TensorOp<"winograd_filter", "opaque", [NotDifferentiable]> {
  let summary = "a 3x3 filter as winograd_conv takes it";
  let description = [{
    filter [M, C, 3, 3] gives [(tile + 2)^2, M, C]: G g G^T for every pair of channels, computed in f64; row-major over
    the (tile + 2) x (tile + 2) points. `tile` is 2 or 4. It has no kernel: its operand must be a constant, so that it folds.
  }];
  let arguments = (ins Sinter_F32Tensor:$filter, DefaultValuedAttr<I64Attr, "4">:$tile);
  let results = (outs Sinter_F32Tensor:$result);
}

def WinogradConvOp : Sinter_TensorOp<"winograd_conv", "contraction", [
    DeclareOpInterfaceMethods<ContractionOpInterface>, NotDifferentiable]> {
  let summary = "3x3 convolution of stride 1 by Winograd's algorithm F(tile x tile, 3 x 3)";
  let description = [{
    input [N, C, H, W], filter [(tile + 2)^2, M, C] as winograd_filter makes it, bias [M] (optional) give what conv gives
    for the 3x3 filter at strides 1: A^T [sum over C of (G g G^T) * (B^T d B)] A for every tile x tile piece of the
    result, where d is the input it meets. `tile` is 2 or 4; `pad_begin` and `pad_end` have two entries.

    With tiles of 4 it needs a quarter of the multiply-adds of conv, with tiles of 2 four ninths. Its FLOPs are counted as those of conv, so that rates compare.
    Sums are formed in another order and through numbers up to 100 times as large as the inputs: an element of the
    result differs from the exact one by no more than 1e-5 times the largest sum |input| * |filter| of the result.

    That holds as long as all numbers on the way are finite. Finite inputs above a hundredth of the greatest f32 may
    become infinite or NaN where conv does not overflow. An infinite input or a NaN reaches every element of the tiles
    whose d it lies in, mostly as NaN; with conv it reaches the 3 x 3 elements around it only.
  }];
  let arguments = (ins Sinter_F32Tensor:$input, Sinter_F32Tensor:$filter, Optional<Sinter_F32Tensor>:$bias,
                       DenseI64ArrayAttr:$pad_begin, DenseI64ArrayAttr:$pad_end,
                       DefaultValuedAttr<I64Attr, "4">:$tile);
  let results = (outs Sinter_F32Tensor:$result);
  let declarations = "double getFlops();";
}
