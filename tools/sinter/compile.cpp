// sinter compile: a model becomes a library with a C interface.
#include "arguments.h"
#include "commands.h"
#include "dynamic_dimension.h"
#include "files.h"
#include "progress.h"
#include "usage.h"

#include <fmt/format.h>

#include <algorithm>

namespace sinter::tool {

namespace {

struct CompileCommandOptions {
  ModelFiles model;
  std::string output;
  std::vector<std::string> shapes;
  std::vector<std::string> dynamic;
  std::string weights = "embedded";
  int threads = 0;
  bool no_fuse = false;
  CodeOptions code;
  aot::LibraryOptions library;
};

/// Extents of dimensions that the model leaves open, from --dynamic; -1 where it says nothing.
int64_t open_extent(const ModelValue& input, std::size_t axis,
                    const std::vector<aot::DynamicDimension>& dynamic) {
  for (const aot::DynamicDimension& dimension : dynamic)
    if ((dimension.input.empty() || dimension.input == input.name) &&
        (dimension.axis >= 0 ? dimension.axis == static_cast<int>(axis)
                             : dimension.name == input.dim_names[axis]))
      return dimension.values.front();
  return -1;
}

Shape shape_of(const ModelValue& input, const std::vector<aot::DynamicDimension>& dynamic) {
  std::vector<int64_t> dims = input.dims;
  for (std::size_t axis = 0; axis < dims.size(); ++axis)
    if (dims[axis] < 0)
      dims[axis] = open_extent(input, axis, dynamic);
  if (!input.has_shape || std::ranges::find(dims, -1) != dims.end())
    throw Error(fmt::format(
        "input '{0}' ({1}) has no fixed shape: give --shape {0}=1x3x..., or --dynamic for what is to "
        "stay open",
        input.name, describe(input)));
  return Shape(dims);
}

std::vector<Shape> gather_shapes(const Model& model, const CompileCommandOptions& options) {
  const std::vector<ModelValue>& inputs = model.inputs();
  std::vector<std::optional<Shape>> given(inputs.size());
  for (const Assignment& shape : assign(options.shapes, inputs, "input"))
    given[shape.index] = parse_shape(shape.text);
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    shapes.push_back(given[i] ? *given[i] : shape_of(inputs[i], options.library.dynamic));
  return shapes;
}

void print(const aot::LibraryReport& report) {
  fmt::print("wrote {}: {} bytes, {} kernels, {} {}\n", report.library, report.library_bytes, report.kernels,
             report.programs, report.programs == 1 ? "program" : "programs");
  fmt::print("wrote {}\n", report.header);
  if (report.weights.empty())
    fmt::print("{} bytes of it are weights\n", report.weights_bytes);
  else
    fmt::print("wrote {}: {} bytes of weights\n", report.weights, report.weights_bytes);
}

int compile(CompileCommandOptions options) {
  check_writable(options.output);
  ModelOptions model_options;
  model_options.fuse = !options.no_fuse;
  model_options.threads = options.threads;
  options.code.apply(model_options);
  Progress progress("compiling kernels");
  model_options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  Model model = options.model.load(model_options);
  options.library.separate_weights = options.weights == "separate";
  for (const std::string& text : options.dynamic)
    options.library.dynamic.push_back(parse_dynamic(text, model));
  print(model.compile_library(options.output, gather_shapes(model, options), options.library));
  return 0;
}

} // namespace

Command add_compile(CLI::App& app) {
  CLI::App* sub = app.add_subcommand(
      "compile", "Compile a model into a library with a C header, which needs nothing but libc and libm");
  auto options = std::make_shared<CompileCommandOptions>();
  options->model.add_to(*sub);
  sub->add_option("-o,--output", options->output,
                  "The library; its ending says which kind: .so (shared), .a (archive) or .o (object). The "
                  "header NAME.h "
                  "is written beside it")
      ->required()
      ->type_name("FILE");
  sub->add_option(
      "--name", options->library.name,
      "What the names of its functions begin with, and the header's; else as the file is named, without lib");
  sub->add_option("--shape", options->shapes,
                  "[NAME=]1x3x224x224: the shape of an input; needed where the model leaves it open")
      ->type_name("[NAME=]SHAPE")
      ->allow_extra_args(false);
  sub->add_option("--dynamic", options->dynamic,
                  "[INPUT=]DIMENSION:EXTENTS: a dimension, by the model's name or by number, whose extent is "
                  "chosen when "
                  "the library is used: batch:1..8, x=0:1,4,16. Each extent is compiled for itself; others "
                  "are refused")
      ->type_name("[INPUT=]DIM:EXTENTS")
      ->allow_extra_args(false);
  sub->add_option("--target", options->library.target,
                  "Processor: native, the highest level of x86-64 that this machine can run; a level; or "
                  "aarch64, any Armv8-A")
      ->capture_default_str()
      ->check(one_of({"native", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"}));
  sub->add_flag("--multiversion", options->library.multiversion,
                "Code for x86-64-v2, -v3 and -v4, of which the library takes what the processor can run");
  sub->add_option("--weights", options->weights,
                  "embedded: in the library; separate: in NAME.weights, which it maps from beside it")
      ->capture_default_str()
      ->check(one_of({"embedded", "separate"}));
  sub->add_option("--threads", options->threads, "Threads to compile with; 0: one per processor")
      ->capture_default_str()
      ->check(whole_number(0, 1024));
  options->code.add_choices_to(*sub);
  sub->add_flag("--no-fuse", options->no_fuse, "One kernel per operation");
  return [options] { return compile(*options); };
}

} // namespace sinter::tool
