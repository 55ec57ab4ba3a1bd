// sinter export: a model in another form: ONNX for given shapes, or the text of its program.
#include "arguments.h"
#include "commands.h"
#include "files.h"
#include "usage.h"

#include "sinter/safetensors.h"

#include <fmt/format.h>

namespace sinter::tool {

namespace {

struct CommandOptions {
  ModelFiles model;
  std::string output;
  std::string format;
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  bool external_data = false;
  int64_t opset = kFirstExportOpset;
};

/// --format, or what the output's name ends in.
std::string format_of(const CommandOptions& options) {
  if (!options.format.empty())
    return options.format;
  for (const char* format : {"onnx", "mlir", "safetensors"})
    if (options.output.ends_with("." + std::string(format)))
      return format;
  throw Error(
      fmt::format("'{}' ends in none of .onnx, .mlir and .safetensors: give --format", options.output));
}

int export_model(const CommandOptions& options) {
  const std::string format = format_of(options);
  if (format != "onnx" && (options.external_data || options.opset != kFirstExportOpset))
    throw Error("--external-data and --opset are for ONNX");
  check_writable(options.output);
  Model model = options.model.load({});
  if (format == "safetensors") { // the same for all shapes
    save_safetensors(options.output, model.parameters());
    fmt::print("wrote {}\n", options.output);
    return 0;
  }
  const std::vector<Tensor> inputs = gather_inputs(model, options.inputs, options.shapes, true);
  if (format == "mlir") {
    write_text(options.output, model.inspect(inputs, "imported", InspectFormat::text_with_weights));
  } else {
    ExportOptions how;
    how.external_data = options.external_data;
    how.opset = options.opset;
    model.export_onnx(inputs, options.output, how);
  }
  fmt::print("wrote {}\n", options.output);
  return 0;
}

} // namespace

Command add_export(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("export", "Write a model, for given shapes of its inputs, in an open format");
  auto options = std::make_shared<CommandOptions>();
  options->model.add_to(*sub);
  sub->add_option("-o,--output", options->output, "The file to write")->type_name("FILE")->required();
  sub->add_option("--format", options->format,
                  "onnx: in standard operators; mlir: the program's text with its weights, for sinter-opt; "
                  "safetensors: "
                  "its weights alone. By default what the output's name ends in")
      ->check(one_of({"onnx", "mlir", "safetensors"}));
  sub->add_option("--opset", options->opset, "The version of ONNX's operators")
      ->capture_default_str()
      ->check(whole_number(kFirstExportOpset, kLastExportOpset));
  sub->add_flag("--external-data", options->external_data,
                "Put weights into FILE.data beside the model; always so above 2 GiB");
  sub->add_option("--input", options->inputs, "[NAME=]FILE.npy: an input whose shape to export for")
      ->type_name("[NAME=]FILE")
      ->allow_extra_args(false);
  sub->add_option("--shape", options->shapes,
                  "[NAME=]1x3x224x224: the shape of an input; needed where the model leaves it open")
      ->type_name("[NAME=]SHAPE")
      ->allow_extra_args(false);
  return [options] { return export_model(*options); };
}

} // namespace sinter::tool
