// Branches and loops: operations whose bodies are regions.
include "ir/dialect.td"

// The bodies are blocks of their own: whatever they use is an operand. Operands and results are row-major. `offsets` is
// what it is for `sinter.launch`.
class Sinter_ControlOp<string mnemonic, list<Trait> traits = []>
    : Sinter_Op<mnemonic, !listconcat([
        Pure, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">,
        DeclareOpInterfaceMethods<InferTypeOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>], traits)> {
  let hasVerifier = 1;
}

def CondOp : Sinter_ControlOp<"cond"> {
  let summary = "one of two bodies, by a predicate";
  let description = [{
    Runs `then_body` on the inputs where the predicate holds, else `else_body`; both take all inputs and give tensors of
    the same types. The derivative is that of the body that runs.
  }];
  let arguments = (ins Sinter_BoolTensor:$predicate, Variadic<Sinter_Tensor>:$inputs, OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let regions = (region SizedRegion<1>:$then_body, SizedRegion<1>:$else_body);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results) $then_body `else` $else_body";
}

def WhileOp : Sinter_ControlOp<"while", [AttrSizedOperandSegments]> {
  let summary = "a body, as long as a condition holds of what it gives";
  let description = [{
    Starts with `carries`; while `condition` of (carries, invariants) gives true, replaces the carries by what `body` of
    (carries, invariants) yields. The results are the carries in the end. With `max_iterations`, the loop ends after that
    many rounds at the latest; reverse mode needs it, for it keeps the carries of every round.
  }];
  let arguments = (ins Variadic<Sinter_Tensor>:$carries, Variadic<Sinter_Tensor>:$invariants,
                       OptionalAttr<I64Attr>:$max_iterations, OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let regions = (region SizedRegion<1>:$condition, SizedRegion<1>:$body);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results) $condition `do` $body";
}

def ScanOp : Sinter_ControlOp<"scan", [AttrSizedOperandSegments]> {
  let summary = "a body, a number of times, over slices of sequences";
  let description = [{
    `body` takes (carries, slices, invariants) and yields (carries, outputs). Step t gets the slice [t] of every sequence
    along its first dimension, of extent `steps`, and the carries of the step before; the first gets `carries`. The
    results are the carries in the end, then each output of all steps, stacked along a new first dimension. With
    `reverse`, steps run from the last slice to the first; what step t gives is stacked at [t] all the same. No steps:
    the carries as they came, and empty stacks.
  }];
  let arguments = (ins Variadic<Sinter_Tensor>:$carries, Variadic<Sinter_Tensor>:$sequences,
                       Variadic<Sinter_Tensor>:$invariants, I64Attr:$steps, UnitAttr:$reverse,
                       OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results) $body";
}
