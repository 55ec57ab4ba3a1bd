// Activation functions.
include "ir/ops/elementwise/pointwise.td"

def ReluOp : Sinter_UnaryOp<"relu", Sinter_NumberTensor, "max(x, 0); NaN stays NaN; its derivative at 0 is 0"> {
  let function = "{relu}";
}
def SigmoidOp : Sinter_UnaryOp<"sigmoid", Sinter_FloatTensor, "1 / (1 + exp(-x))"> {
  let function = "{sigmoid}";
}
def SiluOp : Sinter_UnaryOp<"silu", Sinter_FloatTensor, "x * sigmoid(x)"> {
  let function = "{swish}";
}
def SoftplusOp : Sinter_UnaryOp<"softplus", Sinter_FloatTensor, "log(1 + exp(x))", [NeedsPrecision]> {
  let function = "{softplus}";
}
def SoftsignOp : Sinter_UnaryOp<"softsign", Sinter_FloatTensor, "x / (1 + |x|)">;
def MishOp : Sinter_UnaryOp<"mish", Sinter_FloatTensor, "x * tanh(softplus(x))">;
def HardSwishOp : Sinter_UnaryOp<"hard_swish", Sinter_FloatTensor, "x * max(0, min(1, x / 6 + 0.5)); its derivative is 0 at -3 and 1 at 3">;
def GeluOp : Sinter_PointwiseOp<"gelu"> {
  let summary = "x * Phi(x), Phi the normal distribution; with `tanh_approximation` its tanh form";
  let arguments = (ins Sinter_FloatTensor:$input, DefaultValuedAttr<BoolAttr, "false">:$tanh_approximation);
  let results = (outs Sinter_FloatTensor:$result);
  let function = "{getTanhApproximation() ? gelu_tanh : gelu}";
}
def LeakyReluOp : Sinter_PointwiseOp<"leaky_relu"> {
  let summary = "x where x >= 0, else alpha * x; its derivative at 0 is that of x < 0";
  let arguments = (ins Sinter_FloatTensor:$input, F64Attr:$alpha);
  let results = (outs Sinter_FloatTensor:$result);
  let function = "{.kind = relu, .slope = getAlpha().convertToDouble()}";
}
def EluOp : Sinter_PointwiseOp<"elu"> {
  let summary = "x where x >= 0, else alpha * (exp(x) - 1); its derivative at 0 is that of x < 0";
  let arguments = (ins Sinter_FloatTensor:$input, F64Attr:$alpha);
  let results = (outs Sinter_FloatTensor:$result);
  let function = "{.kind = elu, .alpha = getAlpha().convertToDouble()}";
}
def SeluOp : Sinter_PointwiseOp<"selu"> {
  let summary = "gamma * (x where x > 0, else alpha * (exp(x) - 1)); its derivative at 0 is that of x < 0";
  let arguments = (ins Sinter_FloatTensor:$input, F64Attr:$alpha, F64Attr:$gamma);
  let results = (outs Sinter_FloatTensor:$result);
}
def HardSigmoidOp : Sinter_PointwiseOp<"hard_sigmoid"> {
  let summary = "max(0, min(1, alpha * x + beta)); its derivative at both ends is 0";
  let arguments = (ins Sinter_FloatTensor:$input, F64Attr:$alpha, F64Attr:$beta);
  let results = (outs Sinter_FloatTensor:$result);
}
def ClipOp : Sinter_PointwiseOp<"clip"> {
  let summary = "min(max(x, low), high); NaN stays NaN; its derivative at both ends is 1";
  let arguments = (ins Sinter_NumberTensor:$input, F64Attr:$low, F64Attr:$high);
  let results = (outs Sinter_NumberTensor:$result);
  let function = "{.kind = relu, .lower = getLow().convertToDouble(), .upper = getHigh().convertToDouble()}";
}
def PreluOp : Sinter_PointwiseOp<"prelu"> {
  let summary = "x where x >= 0, else slope * x; slope broadcasts to x; its derivative at 0 is that of x < 0";
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$slope);
  let results = (outs Sinter_FloatTensor:$result);
}
