// Attention.
include "ir/dialect.td"

def AttentionOp : Sinter_TensorOp<"attention", "contraction", [
    DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "softmax(scale * query key^T + mask) value, without the matrix of scores";
  let description = [{
    query [batch..., m, d], key [batch..., n, d], value [batch..., n, e] and mask (optional, broadcasts to
    [batch..., m, n]) give [batch..., m, e]: every row of the result is the mean of the rows of value, weighted by the
    softmax over n of that row of scale * query key^T + mask. Query, key and value have the same rank, at least 2; where
    an extent of their batch dimensions is 1, it broadcasts. There is at least one key, and d is at least 1. All have one
    element type; where that is f16 or bf16, the softmax and all sums are computed in f32, and the mask may be of f32.
    What there is no kernel for is compiled as the products and the softmax it stands for; between them, scores and
    weights are of the element type.

    An operand may be stored in another order: with `query_permutation`, `key_permutation` or `value_permutation` the
    operand is transposed by it first, and with `result_permutation` the result is transposed by it last; empty is as it
    is. The last dimension stays the last; of the key, one of the last two becomes it.

    Minus infinity in the mask takes a key out. A row that has no key left, or a score that is NaN or infinity, is NaN.
  }];
  let arguments = (ins Sinter_FloatTensor:$query, Sinter_FloatTensor:$key, Sinter_FloatTensor:$value,
                       Optional<Sinter_FloatTensor>:$mask, F64Attr:$scale,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$query_permutation,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$key_permutation,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$value_permutation,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$result_permutation);
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = [{
    double getFlops();
    /// What is computed: shapes after the permutations of operands, before that of the result.
    ::sinter::ir::Attention getAttention();
  }];
}
