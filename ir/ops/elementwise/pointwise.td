// Base classes of elementwise operations.
#ifndef SINTER_IR_OPS_ELEMENTWISE_POINTWISE
#define SINTER_IR_OPS_ELEMENTWISE_POINTWISE

include "ir/dialect.td"

// The gradient interface by partial derivatives.
defvar pointwiseGradient = [{
    ::sinter::ir::Partial partial(::sinter::ir::GradientArithmetic& g, unsigned operand);
    ::llvm::SmallVector<::mlir::Value> vjp(::mlir::OpBuilder& builder, ::mlir::ValueRange cotangents) {
      return ::sinter::ir::pointwiseVjp(getOperation(), builder, cotangents,
                                        [this](auto& g, unsigned operand) { return partial(g, operand); });
    }
    ::llvm::SmallVector<::mlir::Value> jvp(::mlir::OpBuilder& builder, ::mlir::ValueRange tangents) {
      return ::sinter::ir::pointwiseJvp(getOperation(), builder, tangents,
                                        [this](auto& g, unsigned operand) { return partial(g, operand); });
    }
}];

// The result has the broadcast shape of the operands (NumPy rules) and the element type of the last one, or
// `resultElement` where that is given (a C++ expression of an mlir::MLIRContext* context). Unless it is not
// `differentiable`, its rules of differentiation follow from its own `partial`, the derivative by one operand.
class Sinter_PointwiseOp<string mnemonic, list<Trait> traits = [], string resultElement = "::mlir::Type()",
                         bit differentiable = 1>
    : Sinter_ComputeOp<mnemonic, "pointwise", !listconcat([
        InferTypeOpInterface, DeclareOpInterfaceMethods<PointwiseOpInterface>,
        !if(differentiable, GradientOpInterface, NotDifferentiable)], traits)> {
  // PointwiseOpInterface::getFunction, as a C++ expression; empty: libraries have no name for the operation.
  string function = "";
  let declarations = !if(differentiable, pointwiseGradient, "") # !if(!empty(function), "", [{
    ::sinter::rt::PointwiseFunction getFunction() {
      using enum ::sinter::rt::PointwiseFunction::Kind;
      return }] # function # [{;
    }
  }]) # [{
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
    : Sinter_PointwiseOp<mnemonic, traits, "::mlir::Type()", !ne(element, Sinter_BoolTensor)> {
  let summary = text;
  let arguments = (ins element:$input);
  let results = (outs element:$result);
}

class Sinter_BinaryOp<string mnemonic, Type element, string text, list<Trait> traits = []>
    : Sinter_PointwiseOp<mnemonic, traits, "::mlir::Type()", !ne(element, Sinter_BoolTensor)> {
  let summary = text;
  let arguments = (ins element:$lhs, element:$rhs);
  let results = (outs element:$result);
}

class Sinter_CompareOp<string mnemonic, string text, list<Trait> traits = []>
    : Sinter_PointwiseOp<mnemonic, traits, "::mlir::IntegerType::get(context, 1)", /*differentiable=*/0> {
  let summary = text;
  let arguments = (ins Sinter_Tensor:$lhs, Sinter_Tensor:$rhs);
  let results = (outs Sinter_BoolTensor:$result);
}

#endif // SINTER_IR_OPS_ELEMENTWISE_POINTWISE
