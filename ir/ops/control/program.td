// The frame of a program: constants, fused regions, kernels and their launches.
include "ir/dialect.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def ConstantOp : Sinter_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a tensor known at compile time";
  let description = [{
    Small values are stored inline; weights as `dense_resource`, whose blob is shared with the Storage it came from.
    A value with a layout holds its elements in physical order.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Sinter_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def FusionOp : Sinter_Op<"fusion", [Pure, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "one kernel: at most one root (contraction, reduction, normalisation, window, concatenation) with its pointwise prologue and epilogue";
  let description = [{ The block's arguments stand for the operands one by one; the yielded values for the results. }];
  let arguments = (ins Variadic<Sinter_Tensor>:$inputs);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results) $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The operation that sets the kernel's structure (FusionOpInterface::isRoot), or null.
    ::mlir::Operation* getRoot();
  }];
}

def YieldOp : Sinter_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["FusionOp", "KernelOp", "CondOp", "WhileOp", "ScanOp", "CheckpointOp", "CustomGradientOp"]>]> {
  let summary = "ends a fusion, a kernel or another body with its results";
  let arguments = (ins Variadic<Sinter_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ }]>];
}

def KernelOp : Sinter_Op<"kernel", [IsolatedFromAbove, Symbol, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "the body of a fusion, outlined: identical bodies are one kernel";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    /// As FusionOp::getRoot.
    ::mlir::Operation* getRoot();
  }];
}

def LaunchOp : Sinter_Op<"launch", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel on tensors";
  let description = [{ `offsets`, set by plan-memory, are the byte offsets of the results in the arena; -1 stands for a result that lives in a program output. }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Sinter_Tensor>:$inputs, OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let results = (outs Variadic<Sinter_Tensor>:$results);
  let assemblyFormat = "$kernel `(` $inputs `)` attr-dict `:` functional-type($inputs, results)";
}
