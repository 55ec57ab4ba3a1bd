// Resampling.
include "ir/dialect.td"
include "mlir/IR/EnumAttr.td"

def Sinter_ResizeNearest : I32EnumAttrCase<"nearest", 0>;
def Sinter_ResizeLinear : I32EnumAttrCase<"linear", 1>;
def Sinter_ResizeMode : I32EnumAttr<"ResizeMode", "how a sample between elements is made",
    [Sinter_ResizeNearest, Sinter_ResizeLinear]> { let cppNamespace = "::sinter::ir"; }
def Sinter_CoordHalfPixel : I32EnumAttrCase<"half_pixel", 0>;
def Sinter_CoordPytorchHalfPixel : I32EnumAttrCase<"pytorch_half_pixel", 1>;
def Sinter_CoordAlignCorners : I32EnumAttrCase<"align_corners", 2>;
def Sinter_CoordAsymmetric : I32EnumAttrCase<"asymmetric", 3>;
def Sinter_ResizeCoordinates : I32EnumAttr<"ResizeCoordinates", "where in the input an output position lies (ONNX Resize)",
    [Sinter_CoordHalfPixel, Sinter_CoordPytorchHalfPixel, Sinter_CoordAlignCorners, Sinter_CoordAsymmetric]> {
  let cppNamespace = "::sinter::ir"; }
def Sinter_RoundPreferFloor : I32EnumAttrCase<"round_prefer_floor", 0>;
def Sinter_RoundPreferCeil : I32EnumAttrCase<"round_prefer_ceil", 1>;
def Sinter_RoundFloor : I32EnumAttrCase<"floor", 2>;
def Sinter_RoundCeil : I32EnumAttrCase<"ceil", 3>;
def Sinter_ResizeRounding : I32EnumAttr<"ResizeRounding", "which neighbour nearest takes",
    [Sinter_RoundPreferFloor, Sinter_RoundPreferCeil, Sinter_RoundFloor, Sinter_RoundCeil]> {
  let cppNamespace = "::sinter::ir"; }

def ResizeOp : Sinter_TensorOp<"resize", "window", [
    DeclareOpInterfaceMethods<LoopOpInterface>, DeclareOpInterfaceMethods<LayoutOpInterface>,
    DeclareOpInterfaceMethods<GradientOpInterface>]> {
  let summary = "resampling to `sizes`; `scales` are output over input extents, as given or as sizes imply (ONNX Resize 11 and later)";
  let arguments = (ins Sinter_FloatTensor:$input, DenseI64ArrayAttr:$sizes, DenseF64ArrayAttr:$scales,
                       Sinter_ResizeMode:$mode, Sinter_ResizeCoordinates:$coordinates,
                       DefaultValuedAttr<Sinter_ResizeRounding, "::sinter::ir::ResizeRounding::round_prefer_floor">:$rounding);
  let results = (outs Sinter_FloatTensor:$result);
  let declarations = [{
    double getFlops();
    ::sinter::eager::ResizeGeometry eagerGeometry();
  }];
}
