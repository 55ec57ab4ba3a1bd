// export_onnx: the public face of writing ONNX models.
#include "sinter/export.h"

#include "frontend/onnx/export/export_model.h"
#include "frontend/onnx/export/model_writer.h"
#include "frontend/trace/traced_program.h"
#include "trace/errors.h"

#include <optional>

namespace sinter {

using onnx_export::write_model;

namespace onnx_export {

WriteOptions write_options(const ExportOptions& options) {
  if (options.opset < kFirstExportOpset || options.opset > kLastExportOpset)
    throw Error("opset " + std::to_string(options.opset) + " is not written; opsets from " +
                std::to_string(kFirstExportOpset) + " to " + std::to_string(kLastExportOpset) + " are");
  WriteOptions write;
  write.opset = options.opset;
  write.external_data = options.external_data;
  return write;
}

namespace {

// The names of `count` inputs or outputs.
std::vector<std::string> names_for(const std::vector<std::string>& given, unsigned count,
                                   const std::string& kind) {
  if (!given.empty() && given.size() != count)
    throw Error("there are " + std::to_string(count) + " " + kind + "s, and names for " +
                std::to_string(given.size()));
  std::vector<std::string> names = given;
  for (std::size_t i = names.size(); i < count; ++i)
    names.push_back(count == 1 ? kind : kind + "_" + std::to_string(i));
  for (const std::string& name : names)
    if (name.empty())
      throw Error("an " + kind + " has an empty name");
  return names;
}

} // namespace

void name_interface(mlir::ModuleOp module, const ExportOptions& options) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  const auto name = [&](const std::string& text) { return mlir::StringAttr::get(main.getContext(), text); };
  const auto keeps = [&](const std::vector<std::string>& given, mlir::Attribute present) {
    return given.empty() && present;
  };
  const auto inputs = names_for(options.input_names, main.getNumArguments(), "input"),
             outputs = names_for(options.output_names, main.getNumResults(), "output");
  for (unsigned i = 0; i < inputs.size(); ++i)
    if (!keeps(options.input_names, main.getArgAttr(i, "sinter.name")))
      main.setArgAttr(i, "sinter.name", name(inputs[i]));
  for (unsigned i = 0; i < outputs.size(); ++i)
    if (!keeps(options.output_names, main.getResultAttr(i, "sinter.name")))
      main.setResultAttr(i, "sinter.name", name(outputs[i]));
}

} // namespace onnx_export

void export_onnx(const CompiledFunction& function, std::span<const Tensor> inputs, const std::string& path,
                 const ExportOptions& options, SourceLocation where) {
  const auto write = trace::locate(where, "export_onnx", [&] { return onnx_export::write_options(options); });
  detail::TracedProgram::use(function, inputs, where, [&](mlir::ModuleOp module) {
    std::optional<onnx_export::RefusedOperation> refused; // it names a line of its own
    trace::locate(where, "export_onnx", [&] {
      onnx_export::name_interface(module, options);
      try {
        write_model(module, path, write);
      } catch (const onnx_export::RefusedOperation& error) {
        refused = error;
      }
    });
    if (refused)
      throw *refused;
  });
}

} // namespace sinter
