// f32 to elements of 16 bits, throughout a program.
#include "half_program.h"

#include "ir/constant.h"
#include "sinter/runtime/half.h"

namespace sinter::cuda_tests {

float rounded(float x, DType to) {
  return to == DType::f16 ? rt::from_f16_bits(rt::f16_bits(x)) : rt::from_bf16_bits(rt::bf16_bits(x));
}

namespace {

mlir::RankedTensorType withElement(mlir::Type type, mlir::Type element) {
  const auto tensor = mlir::cast<mlir::RankedTensorType>(type);
  return tensor.getElementType().isF32() ? tensor.clone(tensor.getShape(), element) : tensor;
}

// The values of a constant of f32 as `element`, rounded to what `precision` can hold.
mlir::ElementsAttr retyped(mlir::ElementsAttr value, mlir::Type element, DType precision) {
  if (!value.getElementType().isF32())
    return value;
  const ir::ConstantData data = ir::readElements(value);
  std::vector<llvm::APFloat> numbers;
  for (int64_t i = 0; i < data.view.elements(); ++i) {
    numbers.emplace_back(rounded(data.view.as<float>()[i], precision));
    bool lost = false;
    numbers.back().convert(llvm::cast<mlir::FloatType>(element).getFloatSemantics(),
                           llvm::APFloat::rmNearestTiesToEven, &lost);
  }
  return mlir::DenseElementsAttr::get(withElement(value.getType(), element), numbers);
}

} // namespace

void retype(mlir::ModuleOp module, mlir::Type element, DType precision) {
  module.walk([&](mlir::Operation* op) {
    for (mlir::Region& region : op->getRegions())
      for (mlir::Block& block : region)
        for (mlir::BlockArgument argument : block.getArguments())
          argument.setType(withElement(argument.getType(), element));
    for (mlir::Value result : op->getResults())
      result.setType(withElement(result.getType(), element));
    if (auto constant = llvm::dyn_cast<ir::ConstantOp>(op))
      op->setAttr("value", retyped(constant.getValue(), element, precision));
    if (auto to = op->getAttrOfType<mlir::TypeAttr>("to"); to && to.getValue().isF32())
      op->setAttr("to", mlir::TypeAttr::get(element));
  });
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  mlir::Block& body = main.getBody().front();
  main.setFunctionType(mlir::FunctionType::get(module.getContext(), body.getArgumentTypes(),
                                               body.getTerminator()->getOperandTypes()));
}

} // namespace sinter::cuda_tests
