// f32 to elements of 16 bits, throughout a program.
#include "half_program.h"

#include "codegen/compile.h"
#include "ir/constant.h"
#include "sinter/runtime/half.h"

#include <cstring>

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

// What gives f32 whatever it is given, such as random numbers, goes on doing so.
void convertFixedResults(mlir::ModuleOp module, mlir::Type element) {
  module.walk([&](mlir::InferTypeOpInterface op) {
    llvm::SmallVector<mlir::Type> types;
    if (op->getNumResults() != 1 ||
        failed(op.inferReturnTypes(op->getContext(), op->getLoc(), op->getOperands(), op->getAttrDictionary(),
                                   op->getPropertiesStorage(), op->getRegions(), types)))
      return;
    mlir::Value result = op->getResult(0);
    if (!llvm::cast<mlir::RankedTensorType>(types.front()).getElementType().isF32() ||
        result.getType() == types.front())
      return;
    result.setType(types.front());
    mlir::OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    mlir::Value narrowed = ir::create<ir::CastOp>(builder, op->getLoc(), result, element)->getResult(0);
    result.replaceAllUsesExcept(narrowed, narrowed.getDefiningOp());
  });
}

} // namespace

differential::Buffer converted(const View& from, DType dtype) {
  const bool toHalf = from.dtype == DType::f32 && dtype != DType::f32;
  const bool toFloat = from.dtype == DType::f16 || from.dtype == DType::bf16;
  differential::Buffer to = differential::denseBuffer(toHalf || toFloat ? dtype : from.dtype, from.shape);
  for (int64_t i = 0; i < from.elements(); ++i)
    if (toHalf)
      static_cast<uint16_t*>(to.view.data)[i] =
          dtype == DType::f16 ? rt::f16_bits(from.as<float>()[i]) : rt::bf16_bits(from.as<float>()[i]);
    else if (toFloat)
      static_cast<float*>(to.view.data)[i] =
          from.dtype == DType::f16 ? rt::from_f16_bits(static_cast<const uint16_t*>(from.data)[i])
                                   : rt::from_bf16_bits(static_cast<const uint16_t*>(from.data)[i]);
  if (!toHalf && !toFloat)
    std::memcpy(to.view.data, from.data, from.bytes());
  return to;
}

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
  convertFixedResults(module, element);
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  mlir::Block& body = main.getBody().front();
  main.setFunctionType(mlir::FunctionType::get(module.getContext(), body.getArgumentTypes(),
                                               body.getTerminator()->getOperandTypes()));
}

std::string disagreement(mlir::ModuleOp reference, std::span<const View> given, mlir::ModuleOp half,
                         DType dtype, const rt::Executable& executable, rt::ThreadPool& pool) {
  std::size_t length = 0; // bodies of branches and loops included
  half->walk([&](mlir::Operation*) { ++length; });
  std::vector<differential::Buffer> inputs, references;
  for (const View& input : given) {
    inputs.push_back(converted(input, dtype));
    references.push_back(converted(inputs.back().view, DType::f32)); // what the half could hold
  }
  const auto expected = differential::resultBuffers(reference);
  codegen::interpret(reference, differential::views(references), differential::views(expected));
  const auto results = differential::resultBuffers(half);
  executable.run(differential::views(inputs), differential::views(results), pool);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const differential::Buffer result = converted(results[i].view, DType::f32);
    const bool isHalf = results[i].view.dtype == dtype;
    std::string text = differential::disagreement(result.view, expected[i].view, length,
                                                  isHalf ? std::optional(dtype) : std::nullopt);
    if (!text.empty())
      return text;
  }
  return "";
}

std::string disagreement(HalfProgram& half, const rt::Executable& executable, rt::ThreadPool& pool) {
  return disagreement(half.program.made.module(), half.program.made.inputs(), *half.half, half.dtype,
                      executable, pool);
}

} // namespace sinter::cuda_tests
