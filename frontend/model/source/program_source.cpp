// Programs of models as modules.
#include "frontend/model/source/program_source.h"

#include "ir/constant.h"
#include "ir/constant_deferral.h"
#include "sinter/runtime/executable.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sinter::model {
namespace {

// Large weights stay in their file where constants are promised.
mlir::ElementsAttr promised_elements(const StoredWeight& weight, mlir::RankedTensorType type) {
  auto* deferral = ir::ConstantDeferral::of(type.getContext());
  return deferral && weight.is_in_file()
             ? deferral->promise(type, [weight] { return weight.read(); }, {"weight", {weight.identify()}})
             : ir::makeElements(type, weight.read());
}

mlir::DictionaryAttr named(mlir::OpBuilder& builder, const std::string& name) {
  return builder.getDictionaryAttr(builder.getNamedAttr("sinter.name", builder.getStringAttr(name)));
}

} // namespace

mlir::OwningOpRef<mlir::ModuleOp> import_program(mlir::MLIRContext& context, const ProgramSource& source,
                                                 std::span<const rt::TensorSpec> inputs,
                                                 std::span<const std::string> parameters) {
  mlir::OpBuilder builder(&context);
  const auto unknown = builder.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(unknown);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = mlir::func::FuncOp::create(builder, unknown, "main", builder.getFunctionType({}, {}));
  mlir::Block* body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  NamedValues given;
  const auto add = [&](const std::string& name, DType dtype, const Shape& shape) {
    const auto type = mlir::RankedTensorType::get(shape.dims(), ir::elementTypeOf(&context, dtype));
    if (mlir::failed(
            function.insertArgument(function.getNumArguments(), type, named(builder, name), unknown)))
      throw Error("a function takes no further argument", ErrorKind::internal);
    given[name] = body->getArguments().back();
  };
  for (const rt::TensorSpec& input : inputs)
    add(input.name, input.dtype, input.shape);
  for (const std::string& name : parameters)
    add(name, source.weights.at(name).dtype(), source.weights.at(name).shape());

  const auto results =
      source.append(builder, std::move(given), [](const std::string&, const StoredWeight& weight, auto type) {
        return promised_elements(weight, type);
      });
  mlir::func::ReturnOp::create(builder, unknown, results);
  for (std::size_t i = 0; i < results.size(); ++i)
    if (mlir::failed(function.insertResult(static_cast<unsigned>(i), results[i].getType(),
                                           named(builder, source.outputs[i].name))))
      throw Error("a function gives no further result", ErrorKind::internal);
  return module;
}

} // namespace sinter::model
