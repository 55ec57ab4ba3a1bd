// Base classes of elementwise operations.
#ifndef SINTER_IR_OPS_ELEMENTWISE_POINTWISE
#define SINTER_IR_OPS_ELEMENTWISE_POINTWISE

include "ir/dialect.td"

// The result has the broadcast shape of the operands (NumPy rules) and the element type of the last one, or
// `resultElement` where that is given (a C++ expression of an mlir::MLIRContext* context).
class Sinter_PointwiseOp<string mnemonic, list<Trait> traits = [], string resultElement = "::mlir::Type()">
    : Sinter_ComputeOp<mnemonic, "pointwise", !listconcat([
        InferTypeOpInterface, DeclareOpInterfaceMethods<PointwiseOpInterface>], traits)> {
  let declarations = [{
    static ::llvm::LogicalResult
    inferReturnTypes(::mlir::MLIRContext* context, ::std::optional<::mlir::Location> location,
                     ::mlir::ValueRange operands, ::mlir::DictionaryAttr, ::mlir::OpaqueProperties,
                     ::mlir::RegionRange, ::llvm::SmallVectorImpl<::mlir::Type>& types) {
      (void)context;
      return ::sinter::ir::inferElementwise(location, getOperationName(), operands, }] # resultElement # [{, types);
    }
  }];
}

class Sinter_UnaryOp<string mnemonic, Type element, string text, list<Trait> traits = []>
    : Sinter_PointwiseOp<mnemonic, traits> {
  let summary = text;
  let arguments = (ins element:$input);
  let results = (outs element:$result);
}

class Sinter_BinaryOp<string mnemonic, Type element, string text, list<Trait> traits = []>
    : Sinter_PointwiseOp<mnemonic, traits> {
  let summary = text;
  let arguments = (ins element:$lhs, element:$rhs);
  let results = (outs element:$result);
}

class Sinter_CompareOp<string mnemonic, string text, list<Trait> traits = []>
    : Sinter_PointwiseOp<mnemonic, traits, "::mlir::IntegerType::get(context, 1)"> {
  let summary = text;
  let arguments = (ins Sinter_Tensor:$lhs, Sinter_Tensor:$rhs);
  let results = (outs Sinter_BoolTensor:$result);
}

#endif // SINTER_IR_OPS_ELEMENTWISE_POINTWISE
