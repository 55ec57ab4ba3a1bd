// What passes and code generators may ask of an operation.
#ifndef SINTER_IR_INTERFACES
#define SINTER_IR_INTERFACES

include "mlir/IR/OpBase.td"

def EvaluateOpInterface : OpInterface<"EvaluateOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{ Computes the operation with the eager kernels of the runtime: the reference semantics. }];
  let methods = [
    InterfaceMethod<[{
      Reads `operands` (any strides), writes `results` (of the operation's result shapes, any strides).
      Layout encodings are not applied here: all views are logical, except for `sinter.convert_layout`.
      Throws sinter::Error for values that are wrong, such as an index out of range.
    }], "void", "evaluate", (ins "::llvm::ArrayRef<::sinter::View>":$operands,
                                 "::llvm::ArrayRef<::sinter::View>":$results)>
  ];
}

def FusionOpInterface : OpInterface<"FusionOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{ How an operation takes part in fusion, and what it costs. }];
  let methods = [
    InterfaceMethod<"The role the operation plays in a fused kernel.",
      "::sinter::ir::FusionClass", "getFusionClass", (ins)>,
    InterfaceMethod<"True for what sets the structure of a kernel: a kernel has at most one such operation.",
      "bool", "isRoot", (ins), [{}], [{
        return ::sinter::ir::isRootClass($_op.getFusionClass());
      }]>,
    InterfaceMethod<[{
      True for a movement under which neighbours stay neighbours: reading through it several times costs little more
      than reading memory.
    }], "bool", "keepsNeighbours", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<"Arithmetic operations (a multiply-add counts two).",
      "double", "getFlops", (ins), [{}], [{
        return ::sinter::ir::resultElements($_op.getOperation());
      }]>,
    InterfaceMethod<"Least memory traffic in bytes: every operand read once, every result written once.",
      "double", "getBytes", (ins), [{}], [{
        return ::sinter::ir::operandAndResultBytes($_op.getOperation());
      }]>
  ];
}

def PointwiseOpInterface : OpInterface<"PointwiseOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{
    An operation whose result element depends on the (broadcast) operand elements at the same position only.
  }];
  let methods = [
    InterfaceMethod<[{
      Emits the operation on elements. `operands` are scalars, or vectors of one length, of the operands'
      element types (i1 for bool); returns a value of the result's element type, of the same length.
      Uses the arith and math dialects only, so that every target can take it.
    }], "::mlir::Value", "emitPointwise", (ins "::mlir::OpBuilder&":$builder, "::mlir::Location":$loc,
                                               "::mlir::ValueRange":$operands)>,
    InterfaceMethod<"The function by which libraries of fused kernels know the operation, if they do.",
      "::sinter::rt::PointwiseFunction", "getFunction", (ins), [{}], [{ return {}; }]>
  ];
}

def LoopOpInterface : OpInterface<"LoopOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{
    An operation that can be emitted as loops: one element (or one vector of lanes) of the result at a time, pulling
    the operand elements it needs. See ir/loop_emitter.h.
  }];
  let methods = [
    InterfaceMethod<[{
      The dimensions of the result along which `emitStatistics` is constant: softmax's axis, the normalised axes
      of a layer-norm. Empty for operations without statistics.
    }], "::llvm::SmallVector<int64_t>", "getStatisticsAxes", (ins), [{}], [{ return {}; }]>,
    InterfaceMethod<[{
      Emits what all elements along the statistics axes share (a row's maximum and sum). Coordinates of `at`
      on those axes are not to be used.
    }], "::llvm::SmallVector<::mlir::Value>", "emitStatistics",
      (ins "::sinter::ir::LoopEmitter&":$emitter, "const ::sinter::ir::Point&":$at), [{}], [{ return {}; }]>,
    InterfaceMethod<"Emits the result element(s) at `at`.",
      "::mlir::Value", "emitElement",
      (ins "::sinter::ir::LoopEmitter&":$emitter, "const ::sinter::ir::Point&":$at,
           "::mlir::ValueRange":$statistics)>
  ];
}

def ReductionOpInterface : OpInterface<"ReductionOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{ An operation that folds the elements of its one operand along axes. }];
  let methods = [
    InterfaceMethod<"The dimensions folded, distinct and ascending.", "::llvm::ArrayRef<int64_t>", "getAxes", (ins)>,
    InterfaceMethod<"True if they stay in the result, as extent 1.", "bool", "getKeepDims", (ins)>,
    InterfaceMethod<"Changes that; the result's type is the caller's to change.",
      "void", "setKeepDims", (ins "bool":$keep)>
  ];
}

def LayoutOpInterface : OpInterface<"LayoutOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{ An operation, neither pointwise nor a contraction, that can compute on channels-blocked tensors. }];
  let methods = [
    InterfaceMethod<[{
      True if the operation treats channels (dimension 1) one by one, or in whole blocks of `block`, so that it computes
      the same when all its operands and its result are stored channels-blocked.
    }], "bool", "runsBlocked", (ins "int64_t":$block)>
  ];
}

def ContractionOpInterface : OpInterface<"ContractionOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{ A convolution or matrix product, described for the micro-kernel generators. }];
  let methods = [
    InterfaceMethod<"Sizes and roles of the operands.",
      "::sinter::ir::Contraction", "getContraction", (ins)>,
    InterfaceMethod<"Along which dimensions of the result which of the factors that are multiplied changes.",
      "::sinter::ir::FactorDimensions", "getFactorDimensions", (ins), [{}], [{ return {}; }]>
  ];
}

def GradientOpInterface : OpInterface<"GradientOpInterface"> {
  let cppNamespace = "::sinter::ir";
  let description = [{
    Rules of differentiation, written in the dialect's own operations (ir/gradient.h) so that they differentiate again.
    A null value stands for zeros. Operations that have no derivative say so by NotDifferentiable.
  }];
  let methods = [
    InterfaceMethod<[{
      Reverse mode: from the cotangents of the results to those of the operands, each of its operand's type. At least
      one cotangent is not null. Operands that are no floating-point tensors get null.
    }], "::llvm::SmallVector<::mlir::Value>", "vjp", (ins "::mlir::OpBuilder&":$builder,
                                                         "::mlir::ValueRange":$cotangents)>,
    InterfaceMethod<[{
      Forward mode: from the tangents of the operands to those of the results, each of its result's type. At least one
      tangent is not null.
    }], "::llvm::SmallVector<::mlir::Value>", "jvp", (ins "::mlir::OpBuilder&":$builder,
                                                        "::mlir::ValueRange":$tangents)>
  ];
}

// See ir/gradient.h.
def NotDifferentiable : NativeOpTrait<"NotDifferentiable"> {
  let cppNamespace = "::sinter::ir";
}

// See ir/precision.h.
def NeedsPrecision : NativeOpTrait<"NeedsPrecision"> {
  let cppNamespace = "::sinter::ir";
}

#endif // SINTER_IR_INTERFACES
