// Convolutions.
include "ir/dialect.td"

// Spatial attributes have one entry per spatial dimension (1, 2 or 3 of them); `pad_begin` and `pad_end` are >= 0.
class Sinter_ConvolutionOp<string mnemonic> : Sinter_TensorOp<mnemonic, "contraction", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>,
    DeclareOpInterfaceMethods<ContractionOpInterface, ["getFactorDimensions"]>]> {
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = "double getFlops();";
}

def ConvOp : Sinter_ConvolutionOp<"conv"> {
  let summary = "convolution (cross-correlation) over 1 to 3 spatial dimensions";
  let description = [{
    input [N, C, spatial...], filter [M, C / groups, kernel...], bias [M] (optional) give [N, M, out...], where
    out = floor((in + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride) + 1. Padding is with zeros.
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$filter, Optional<Sinter_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$pad_begin, DenseI64ArrayAttr:$pad_end,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
}

def ConvTransposeOp : Sinter_ConvolutionOp<"conv_transpose"> {
  let summary = "transposed convolution: the gradient of conv with respect to its input";
  let description = [{
    input [N, C, spatial...], filter [C, M / groups, kernel...], bias [M] (optional) give [N, M, out...], where
    out = stride * (in - 1) + output_padding + dilation * (kernel - 1) + 1 - pad_begin - pad_end.
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$filter, Optional<Sinter_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$pad_begin, DenseI64ArrayAttr:$pad_end,
                       DenseI64ArrayAttr:$output_padding,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
}

def ConvFilterGradientOp : Sinter_ConvolutionOp<"conv_filter_gradient"> {
  let summary = "the gradient of conv with respect to its filter";
  let description = [{
    input [N, C, spatial...] and cotangent [N, M, out...], of the shape conv would give for this input, a filter
    [M, C / groups, kernel...] and the same attributes, give what has the shape of that filter: for every tap the sum,
    over n and the positions of out, of the cotangent times the input that the tap meets there. Padding is with zeros;
    of no positions the sum is zero.
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$cotangent, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$pad_begin, DenseI64ArrayAttr:$pad_end,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
}
