// The sinter dialect and the base classes of its operations.
#ifndef SINTER_IR_DIALECT
#define SINTER_IR_DIALECT

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "ir/interfaces.td"

def Sinter_Dialect : Dialect {
  let name = "sinter";
  let cppNamespace = "::sinter::ir";
  let summary = "Tensor programs: what is traced, fused, differentiated and compiled";
  let description = [{
    Operations on dense tensors of static shape. Every operation says through interfaces how its shape is
    inferred, how it is evaluated, how it is fused and emitted, and what it costs; passes ask the interfaces.
    A tensor type may carry a `#sinter.layout` encoding: the same logical tensor, ordered differently in memory.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerOperations();
    /// Set while there is one; see ConstantDeferral::of.
    ::sinter::ir::ConstantDeferral* deferral = nullptr;
  }];
}

class Sinter_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Sinter_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

//===-- Types ---------------------------------------------------------------------------------------===//

def Sinter_Element : AnyTypeOf<[F32, F64, F16, BF16, I1, I8, UI8, I32, I64], "tensor element">;
def Sinter_FloatElement : AnyTypeOf<[F32, F64, F16, BF16], "floating-point element">;
def Sinter_NumberElement : AnyTypeOf<[F32, F64, F16, BF16, I8, UI8, I32, I64], "number element">;

def Sinter_Tensor : RankedTensorOf<[Sinter_Element]>;
def Sinter_FloatTensor : RankedTensorOf<[Sinter_FloatElement]>;
def Sinter_NumberTensor : RankedTensorOf<[Sinter_NumberElement]>;
def Sinter_BoolTensor : RankedTensorOf<[I1]>;
def Sinter_IndexTensor : RankedTensorOf<[I32, I64]>;

//===-- Operations ----------------------------------------------------------------------------------===//

// Every operation prints as `sinter.name %a, %b {attributes} : (types) -> types`.
class Sinter_Op<string mnemonic, list<Trait> traits = []> : Op<Sinter_Dialect, mnemonic, traits> {
  // Declarations of one operation; appended to those that all operations share.
  code declarations = "";
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

// An operation that computes tensors from tensors. A family sets its fusion class (empty: an operation's own
// `getFusionClass`) and, where the default of one operation per result element is wrong, declares
// `double getFlops();` in `declarations`.
class Sinter_ComputeOp<string mnemonic, string fusionClass, list<Trait> traits = []>
    : Sinter_Op<mnemonic, !listconcat([
        Pure, DeclareOpInterfaceMethods<EvaluateOpInterface>, FusionOpInterface], traits)> {
  let extraClassDeclaration = !if(!empty(fusionClass), "", [{
    ::sinter::ir::FusionClass getFusionClass() { return ::sinter::ir::FusionClass::}] # fusionClass # "; }") # [{
    /// Layouts are chosen after shapes are inferred: types that differ in encoding only are compatible.
    static bool isCompatibleReturnTypes(::mlir::TypeRange left, ::mlir::TypeRange right) {
      return ::sinter::ir::sameLogicalTypes(left, right);
    }
  }] # declarations;
}

// ... whose result type is inferred by its own `inferReturnTypes`.
class Sinter_TensorOp<string mnemonic, string fusionClass, list<Trait> traits = []>
    : Sinter_ComputeOp<mnemonic, fusionClass, !listconcat([DeclareOpInterfaceMethods<InferTypeOpInterface>], traits)>;

#endif // SINTER_IR_DIALECT
