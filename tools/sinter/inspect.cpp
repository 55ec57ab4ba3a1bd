// sinter inspect: the IR of a model after a stage of the compiler, as text or as a drawing.
#include "arguments.h"
#include "commands.h"
#include "files.h"
#include "graphviz.h"
#include "usage.h"

#include <fmt/format.h>

namespace sinter::tool {

namespace {

struct InspectOptions {
  ModelFiles model;
  std::string stage = "fused";
  std::string format = "text";
  std::string output;
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  CodeOptions code;
  std::string grad;
  bool no_fuse = false;
  bool weights = false;
};

int inspect(const InspectOptions& options) {
  const bool drawing = options.format != "text";
  if (drawing && options.stage != "fused" && options.stage != "planned")
    throw Error(
        fmt::format("--format {} draws the stages fused and planned, not {}", options.format, options.stage));
  if (options.weights && (drawing || options.stage == "llvm" || options.stage == "cuda"))
    throw Error(fmt::format("--weights is for the text of a stage, not for {}",
                            drawing ? "--format " + options.format : "--stage " + options.stage));
  options.code.check_device(false);
  if (options.stage == "cuda" && options.code.device == "cpu")
    throw Error("--stage cuda is of programs for a GPU: give --device cuda");
  if (!options.output.empty())
    check_writable(options.output);
  ModelOptions model_options;
  model_options.fuse = !options.no_fuse;
  options.code.apply(model_options);
  Model model = options.model.load(model_options);
  const std::vector<Tensor> inputs = gather_inputs(model, options.inputs, options.shapes, true);

  const InspectFormat format = drawing           ? InspectFormat::dot
                               : options.weights ? InspectFormat::text_with_weights
                                                 : InspectFormat::text;
  const InspectGradient gradient = options.grad.empty()        ? InspectGradient::none
                                   : options.grad == "weights" ? InspectGradient::weights
                                                               : InspectGradient::inputs;
  std::string text = model.inspect(inputs, options.stage, format, gradient);
  if (options.format == "svg")
    text = draw_svg(text);
  if (!text.empty() && text.back() != '\n')
    text += '\n';
  if (options.output.empty())
    fmt::print("{}", text);
  else
    write_text(options.output, text);
  return 0;
}

} // namespace

Command add_inspect(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("inspect", "Print or draw a model's IR after a stage of the compiler");
  auto options = std::make_shared<InspectOptions>();
  options->model.add_to(*sub);
  sub->add_option("--stage", options->stage,
                  "imported: as read; optimized: folded, layouts chosen; fused: one group per kernel; "
                  "planned: kernels, launches and their places in the arena; llvm: the LLVM IR of every "
                  "kernel, or, with --device cuda, cuda: their CUDA C++")
      ->capture_default_str()
      ->check(one_of({"imported", "optimized", "fused", "planned", "llvm", "cuda"}));
  sub->add_option("--format", options->format, "text; svg: a drawing (needs Graphviz); dot: its source")
      ->capture_default_str()
      ->check(one_of({"text", "svg", "dot"}));
  sub->add_flag(
         "--grad{inputs}", options->grad,
         "The gradient too, by the model's inputs of floats or, with --grad=weights, by its weights, from "
         "cotangents of its outputs (further inputs); in drawings it has a colour of its own")
      ->check(one_of({"inputs", "weights"}));
  sub->add_flag("--weights", options->weights,
                "Print weights in full, for sinter-opt to read; else large ones are elided");
  sub->add_option("-o,--output", options->output, "Write to this file instead of standard output")
      ->type_name("FILE");
  sub->add_option("--input", options->inputs, "[NAME=]FILE.npy: an input whose shape to compile for")
      ->type_name("[NAME=]FILE")
      ->allow_extra_args(false);
  sub->add_option("--shape", options->shapes,
                  "[NAME=]1x3x224x224: the shape of an input; needed where the model leaves it open")
      ->type_name("[NAME=]SHAPE")
      ->allow_extra_args(false);
  options->code.add_to(*sub);
  options->code.add_device_to(*sub);
  sub->add_flag("--no-fuse", options->no_fuse, "One kernel per operation");
  return [options] { return inspect(*options); };
}

} // namespace sinter::tool
