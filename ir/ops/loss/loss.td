// Losses.
include "ir/dialect.td"

class Sinter_LossOp<string mnemonic> : Sinter_TensorOp<mnemonic, "reduction", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = "double getFlops();";
}

def CrossEntropyOp : Sinter_LossOp<"cross_entropy"> {
  let summary = "-sum(targets * log_softmax(logits)) along one axis";
  let description = [{
    Targets are of the type of the logits: a weight, such as a probability, for every class. The result has the shape of the
    logits without the axis. It is NaN where a logit is infinite, even if its target is 0.
  }];
  let arguments = (ins Sinter_FloatTensor:$logits, Sinter_FloatTensor:$targets, I64Attr:$axis);
}
def SparseCrossEntropyOp : Sinter_LossOp<"sparse_cross_entropy"> {
  let summary = "-log_softmax(logits) along one axis, at the position that `classes` says";
  let description = [{
    Classes and result have the shape of the logits without the axis. Where a class is negative the result is 0. One past the
    last is an error when evaluated; compiled kernels give NaN.
  }];
  let arguments = (ins Sinter_FloatTensor:$logits, Sinter_IndexTensor:$classes, I64Attr:$axis);
  let hasVerifier = 1;
}
