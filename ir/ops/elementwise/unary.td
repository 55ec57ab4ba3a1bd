// Mathematical functions of one argument.
include "ir/ops/elementwise/pointwise.td"

def AbsOp : Sinter_UnaryOp<"abs", Sinter_NumberTensor, "|x|; its derivative at 0 is 0"> {
  let function = "{abs}";
}
def NegOp : Sinter_UnaryOp<"neg", Sinter_NumberTensor, "-x"> {
  let function = "{neg}";
}
def SignOp : Sinter_UnaryOp<"sign", Sinter_NumberTensor, "-1, 0 or 1; NaN stays NaN">;
def ReciprocalOp : Sinter_UnaryOp<"reciprocal", Sinter_FloatTensor, "1 / x", [NeedsPrecision]> {
  let function = "{reciprocal}";
}
def SqrtOp : Sinter_UnaryOp<"sqrt", Sinter_FloatTensor, "square root"> {
  let function = "{sqrt}";
}
def RsqrtOp : Sinter_UnaryOp<"rsqrt", Sinter_FloatTensor, "1 / sqrt(x)", [NeedsPrecision]> {
  let function = "{rsqrt}";
}
def ExpOp : Sinter_UnaryOp<"exp", Sinter_FloatTensor, "e^x", [NeedsPrecision]> {
  let function = "{exp}";
}
def LogOp : Sinter_UnaryOp<"log", Sinter_FloatTensor, "natural logarithm", [NeedsPrecision]> {
  let function = "{log}";
}
def SinOp : Sinter_UnaryOp<"sin", Sinter_FloatTensor, "sine of radians">;
def CosOp : Sinter_UnaryOp<"cos", Sinter_FloatTensor, "cosine of radians">;
def TanhOp : Sinter_UnaryOp<"tanh", Sinter_FloatTensor, "hyperbolic tangent"> {
  let function = "{tanh}";
}
def ErfOp : Sinter_UnaryOp<"erf", Sinter_FloatTensor, "error function"> {
  let function = "{erf}";
}
def FloorOp : Sinter_UnaryOp<"floor", Sinter_FloatTensor, "largest integer not above x">;
def CeilOp : Sinter_UnaryOp<"ceil", Sinter_FloatTensor, "smallest integer not below x">;
def RoundOp : Sinter_UnaryOp<"round", Sinter_FloatTensor, "nearest integer, halves to even">;
def StopGradientOp : Sinter_PointwiseOp<"stop_gradient", [], "::mlir::Type()", /*differentiable=*/0> {
  let summary = "x, taken for a constant by differentiation";
  let arguments = (ins Sinter_Tensor:$input);
  let results = (outs Sinter_Tensor:$result);
  let hasFolder = 1;
}
def BarrierOp : Sinter_UnaryOp<"barrier", Sinter_Tensor, "x, as another value: what is computed of it again is not taken for what was computed of x before. Kernels know nothing of it">;
def LogicalNotOp : Sinter_UnaryOp<"logical_not", Sinter_BoolTensor, "not x">;
def IsNanOp : Sinter_PointwiseOp<"is_nan", [], "::mlir::IntegerType::get(context, 1)", /*differentiable=*/0> {
  let summary = "true where x is NaN";
  let arguments = (ins Sinter_FloatTensor:$input);
  let results = (outs Sinter_BoolTensor:$result);
}
