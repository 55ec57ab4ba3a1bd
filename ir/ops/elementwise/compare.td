// Comparisons and logic.
include "ir/ops/elementwise/pointwise.td"

def EqualOp : Sinter_CompareOp<"equal", "a == b", [Commutative]>;
def NotEqualOp : Sinter_CompareOp<"not_equal", "a != b; true if either is NaN", [Commutative]>;
def LessOp : Sinter_CompareOp<"less", "a < b">;
def LessEqualOp : Sinter_CompareOp<"less_equal", "a <= b">;
def GreaterOp : Sinter_CompareOp<"greater", "a > b">;
def GreaterEqualOp : Sinter_CompareOp<"greater_equal", "a >= b">;
def LogicalAndOp : Sinter_BinaryOp<"logical_and", Sinter_BoolTensor, "a and b", [Commutative]>;
def LogicalOrOp : Sinter_BinaryOp<"logical_or", Sinter_BoolTensor, "a or b", [Commutative]>;
def LogicalXorOp : Sinter_BinaryOp<"logical_xor", Sinter_BoolTensor, "a xor b", [Commutative]>;
