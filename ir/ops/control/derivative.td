// What users say about derivatives: what to keep for them, and what they are.
include "ir/dialect.td"

// The bodies are blocks of their own: whatever they use is an operand. Once derivatives are taken nothing is left of
// these operations (sinter-lower-derivatives).
class Sinter_DerivativeOp<string mnemonic, list<Trait> traits = []>
    : Sinter_Op<mnemonic, !listconcat([
        Pure, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">,
        DeclareOpInterfaceMethods<InferTypeOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>], traits)> {
  let hasVerifier = 1;
}

def CheckpointOp : Sinter_DerivativeOp<"checkpoint"> {
  let summary = "a body of which reverse mode keeps the inputs only";
  let description = [{
    What `body` gives for the inputs. Its reverse mode computes the body again, when the cotangents are there (Griewank
    and Walther, Evaluating Derivatives, ch. 12).
  }];
  let arguments = (ins Variadic<Sinter_Tensor>:$inputs);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results) $body";
}

def CustomGradientOp : Sinter_DerivativeOp<"custom_gradient", [AttrSizedOperandSegments]> {
  let summary = "values whose derivative is given by a rule";
  let description = [{
    The results are `values`, taken for functions of `inputs` with the vector-Jacobian product `rule`: a body that takes
    (inputs, results, cotangents of the results, captured) and yields a cotangent for each input; those of inputs that
    are no floats do not count. The cotangent of a result that is no float is zeros. How the values themselves depend on
    anything, and what the rule captures, does not matter to a first derivative. Forward mode transposes the rule, which
    must then be linear in the cotangents.
  }];
  let arguments = (ins Variadic<Sinter_Tensor>:$inputs, Variadic<Sinter_Tensor>:$values, Variadic<Sinter_Tensor>:$captured);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let regions = (region SizedRegion<1>:$rule);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results) $rule";
}
