// Normalisations.
include "ir/dialect.td"

class Sinter_NormOp<string mnemonic, list<Trait> traits = []> : Sinter_TensorOp<mnemonic, "normalization", !listconcat([
    DeclareOpInterfaceMethods<LoopOpInterface, ["getStatisticsAxes", "emitStatistics"]>,
    DeclareOpInterfaceMethods<GradientOpInterface>], traits)> {
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = "double getFlops();";
}

def SoftmaxOp : Sinter_NormOp<"softmax"> {
  let summary = "exp(x - max) / sum(exp(x - max)) along one axis";
  let arguments = (ins Sinter_FloatTensor:$input, I64Attr:$axis);
}
def LogSoftmaxOp : Sinter_NormOp<"log_softmax", [NeedsPrecision]> {
  let summary = "x - max - log(sum(exp(x - max))) along one axis";
  let arguments = (ins Sinter_FloatTensor:$input, I64Attr:$axis);
}
def LayerNormOp : Sinter_NormOp<"layer_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) over the dimensions from `axis` on, times scale, plus bias";
  let description = [{ The variance is the biased one. scale and bias have the shape of the normalised dimensions. }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$scale, Optional<Sinter_FloatTensor>:$bias,
                       I64Attr:$axis, F64Attr:$epsilon);
  let hasVerifier = 1;
}
def BatchNormOp : Sinter_TensorOp<"batch_norm", "normalization", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "scale * (x - mean) / sqrt(variance + epsilon) + bias per channel (dimension 1), with given statistics";
  let description = [{
    Scale, bias, mean and variance are [C]. Not a pointwise operation: they do not broadcast NumPy-style. Where operations are
    fused, fold-batch-norm writes it as a multiplication and an addition that do.
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$scale, Sinter_FloatTensor:$bias,
                       Sinter_FloatTensor:$mean, Sinter_FloatTensor:$variance, F64Attr:$epsilon);
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = "double getFlops();";
  let hasVerifier = 1;
}
def LrnOp : Sinter_TensorOp<"lrn", "window", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "x / (bias + alpha / size * sum of x^2 over `size` channels around)^beta (AlexNet's local response normalisation)";
  let description = [{ Channel c sums over [c - floor((size - 1) / 2), c + ceil((size - 1) / 2)], clipped (ONNX LRN). }];
  let arguments = (ins Sinter_FloatTensor:$input, I64Attr:$size, F64Attr:$alpha, F64Attr:$beta, F64Attr:$bias);
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = "double getFlops();";
}
