// Operations that move or rename elements.
include "ir/dialect.td"
include "mlir/IR/EnumAttr.td"

class Sinter_MovementOp<string mnemonic, string fusionClass = "movement", list<Trait> traits = []>
    : Sinter_TensorOp<mnemonic, fusionClass, !listconcat([
        DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<GradientOpInterface>], traits)> {
  let results = (outs Sinter_Tensor:$result);
  // More declarations of one operation.
  code own = "";
  let declarations = "double getFlops() { return 0; } " # own;
}

def ReshapeOp : Sinter_MovementOp<"reshape", "alias"> {
  let summary = "the same elements in row-major order under another shape (`shape` has no wildcards)";
  let arguments = (ins Sinter_Tensor:$input, DenseI64ArrayAttr:$shape);
  let hasFolder = 1;
}
def TransposeOp : Sinter_MovementOp<"transpose"> {
  let summary = "result dimension i is input dimension permutation[i]";
  let arguments = (ins Sinter_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let hasFolder = 1;
}
def SliceOp : Sinter_MovementOp<"slice", "movement", [DeclareOpInterfaceMethods<LayoutOpInterface>]> {
  let summary = "elements start + i * step along every dimension; steps may be negative, never 0";
  let own = "bool keepsNeighbours() { return true; }";
  let arguments = (ins Sinter_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$steps);
  let hasFolder = 1;
}
def ConcatOp : Sinter_MovementOp<"concat", "", [DeclareOpInterfaceMethods<LayoutOpInterface>]> {
  let summary = "the inputs one after the other along an axis";
  let description = [{
    `in_place`, set by place-concats, says that the inputs are written where they lie in the result: no kernel.
  }];
  let arguments = (ins Variadic<Sinter_Tensor>:$inputs, I64Attr:$axis, UnitAttr:$in_place);
  // As a kernel it reads several tensors, each in loops of its own.
  let own = [{
    bool isRoot() { return !getInPlace(); }
    ::sinter::ir::FusionClass getFusionClass() {
      return getInPlace() ? ::sinter::ir::FusionClass::alias : ::sinter::ir::FusionClass::movement;
    }
  }];
}
def Sinter_PadConstant : I32EnumAttrCase<"constant", 0>;
def Sinter_PadReflect : I32EnumAttrCase<"reflect", 1>;
def Sinter_PadEdge : I32EnumAttrCase<"edge", 2>;
def Sinter_PadMode : I32EnumAttr<"PadMode", "what padding is filled with",
    [Sinter_PadConstant, Sinter_PadReflect, Sinter_PadEdge]> { let cppNamespace = "::sinter::ir"; }
def PadOp : Sinter_MovementOp<"pad", "movement", [DeclareOpInterfaceMethods<LayoutOpInterface>]> {
  let summary = "low[i] and high[i] elements are added before and after dimension i; negative ones are removed";
  let own = "bool keepsNeighbours() { return true; }";
  let description = [{ Mode constant fills with `value`, reflect mirrors without repeating the border, edge repeats it. }];
  let arguments = (ins Sinter_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       DefaultValuedAttr<Sinter_PadMode, "::sinter::ir::PadMode::constant">:$mode,
                       DefaultValuedAttr<F64Attr, "0.0">:$value);
}
def BroadcastToOp : Sinter_MovementOp<"broadcast_to"> {
  let summary = "dimensions of extent 1 repeated to `shape`, aligned at the last dimension";
  let own = "bool keepsNeighbours() { return true; }";
  let arguments = (ins Sinter_Tensor:$input, DenseI64ArrayAttr:$shape);
  let hasFolder = 1;
}
// Made after differentiation.
def ConvertLayoutOp : Sinter_ComputeOp<"convert_layout", "movement", [
    DeclareOpInterfaceMethods<LoopOpInterface>, NotDifferentiable]> {
  let summary = "the same tensor, stored under the result type's layout";
  let description = [{
    The one operation whose evaluation sees layouts: operand and result views are of the physical shape
    (LayoutAttr::getPhysicalShape). Padding of a blocked result is written as zero.
  }];
  let arguments = (ins Sinter_Tensor:$input);
  let results = (outs Sinter_Tensor:$result);
  let hasVerifier = 1;
  let hasFolder = 1;
}
