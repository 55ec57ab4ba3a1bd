// Random numbers.
include "ir/dialect.td"

def RandomUniformOp : Sinter_TensorOp<"random_uniform", "movement", [
    DeclareOpInterfaceMethods<LoopOpInterface>, NotDifferentiable, NeedsPrecision]> {
  let summary = "samples of the uniform distribution on [0, 1), multiples of 2^-24, by `seed`";
  let description = [{
    Philox4x32-10 with the seed for its key: element i in row-major order is made of number i % 4 of those for the
    counter (i / 4, `stream`), 64 bits each. It depends on nothing else, so it may be computed again wherever it is
    read. Streams of one seed are independent of each other, and so are seeds.
  }];
  let arguments = (ins Sinter_IndexTensor:$seed, DenseI64ArrayAttr:$shape, DefaultValuedAttr<I64Attr, "0">:$stream);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let declarations = "double getFlops();";
}
