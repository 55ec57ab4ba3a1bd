// Arithmetic of two arguments.
include "ir/ops/elementwise/pointwise.td"

def AddOp : Sinter_BinaryOp<"add", Sinter_NumberTensor, "a + b", [Commutative]> {
  let function = "{add}";
}
def SubOp : Sinter_BinaryOp<"sub", Sinter_NumberTensor, "a - b"> {
  let function = "{sub}";
}
def MulOp : Sinter_BinaryOp<"mul", Sinter_NumberTensor, "a * b", [Commutative]> {
  let function = "{mul}";
}
def DivOp : Sinter_BinaryOp<"div", Sinter_NumberTensor,
                            "a / b; integers truncate towards zero and x / 0 is 0"> {
  let function = "{div}";
}
def PowOp : Sinter_BinaryOp<"pow", Sinter_NumberTensor, "a^b; the derivative by b at a = 0 is 0", [NeedsPrecision]>;
def MaximumOp : Sinter_BinaryOp<"maximum", Sinter_NumberTensor, "the larger; NaN if either is; equal operands share the derivative", [Commutative]> {
  let function = "{maximum}";
}
def MinimumOp : Sinter_BinaryOp<"minimum", Sinter_NumberTensor, "the smaller; NaN if either is; equal operands share the derivative", [Commutative]> {
  let function = "{minimum}";
}
def RemainderOp : Sinter_BinaryOp<"remainder", Sinter_NumberTensor,
                                  "a - b * floor(a / b), the sign of b (Python's %); x % 0 is 0 for integers">;
def FmodOp : Sinter_BinaryOp<"fmod", Sinter_NumberTensor,
                             "a - b * trunc(a / b), the sign of a (C's fmod); x fmod 0 is 0 for integers">;
