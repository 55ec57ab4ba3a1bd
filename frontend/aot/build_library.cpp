// From options to the contents of a library.
#include "aot/build_library.h"

#include "codegen/aot/library.h"
#include "sinter/error.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

namespace sinter::libraries {
namespace {

namespace fs = std::filesystem;
using codegen::aot::LibraryContents;
using codegen::aot::LibraryKind;

// Each is a program of its own, and all are compiled.
constexpr std::size_t kMostVariants = 1024;

LibraryKind kind_of(const std::string& path) {
  const std::string ending = fs::path(path).extension().string();
  if (ending == ".so")
    return LibraryKind::shared;
  if (ending == ".a")
    return LibraryKind::archive;
  if (ending == ".o")
    return LibraryKind::object;
  throw Error("cannot tell what to write to '" + path +
              "': its name must end in .so (a shared library), .a (an archive) or .o (an object)");
}

std::string name_from(const std::string& path) {
  std::string name = fs::path(path).stem().string();
  if (name.starts_with("lib"))
    name.erase(0, 3);
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '.' || c == ' '; }, '_');
  return name;
}

// Where a dynamic dimension is found: inputs and their axes.
struct Positions {
  struct Position {
    std::size_t input;
    int axis;
  };
  std::vector<Position> all;
};

Positions positions_of(const aot::DynamicDimension& dimension, const std::vector<LibraryInput>& inputs) {
  const std::string what = "dynamic dimension '" + dimension.name + "'";
  if (dimension.values.empty())
    throw Error(what + ": there is no value to compile for");
  for (const int64_t value : dimension.values)
    if (value < 1 || std::count(dimension.values.begin(), dimension.values.end(), value) > 1)
      throw Error(what + ": " + std::to_string(value) + " is less than 1 or given twice");
  Positions positions;
  bool is_input_known = dimension.input.empty();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const LibraryInput& input = inputs[i];
    if (!dimension.input.empty() && input.name != dimension.input)
      continue;
    is_input_known = true;
    for (int axis = 0; axis < input.shape.rank(); ++axis) {
      const auto at = static_cast<std::size_t>(axis);
      const bool is_named = at < input.dim_names.size() && input.dim_names[at] == dimension.name;
      if (dimension.axis >= 0 ? axis == dimension.axis : is_named)
        positions.all.push_back({i, axis});
    }
  }
  if (!is_input_known)
    throw Error(what + ": there is no input '" + dimension.input + "'");
  if (positions.all.empty())
    throw Error(what + ": no input has it; give INPUT=AXIS for a dimension without a name");
  return positions;
}

// No extent is told twice.
void check_apart(const std::vector<aot::DynamicDimension>& dimensions,
                 const std::vector<Positions>& positions) {
  std::set<std::string> names;
  std::set<std::pair<std::size_t, int>> places;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    bool is_new = names.insert(dimensions[i].name).second;
    for (const Positions::Position& position : positions[i].all)
      is_new = places.insert({position.input, position.axis}).second && is_new;
    if (!is_new)
      throw Error("dynamic dimension '" + dimensions[i].name + "' is given twice");
  }
}

// All combinations of values, the last dimension's changing fastest.
std::vector<std::vector<int64_t>> combinations(const std::vector<aot::DynamicDimension>& dimensions) {
  std::vector<std::vector<int64_t>> all = {{}};
  for (const aot::DynamicDimension& dimension : dimensions) {
    if (all.size() * dimension.values.size() > kMostVariants)
      throw Error("more than " + std::to_string(kMostVariants) +
                  " combinations of dynamic dimensions: each is compiled for itself");
    std::vector<std::vector<int64_t>> longer;
    for (const std::vector<int64_t>& before : all)
      for (const int64_t value : dimension.values) {
        longer.push_back(before);
        longer.back().push_back(value);
      }
    all = std::move(longer);
  }
  return all;
}

std::vector<Tensor> inputs_of(const std::vector<LibraryInput>& inputs,
                              const std::vector<Positions>& positions, const std::vector<int64_t>& values) {
  std::vector<Shape> shapes;
  for (const LibraryInput& input : inputs)
    shapes.push_back(input.shape);
  for (std::size_t i = 0; i < positions.size(); ++i)
    for (const Positions::Position& position : positions[i].all)
      shapes[position.input][position.axis] = values[i];
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    tensors.push_back(
        Tensor::empty(shapes[i], inputs[i].dtype)); // only their types count: no page is touched
  return tensors;
}

std::vector<std::string> targets_of(const aot::LibraryOptions& options) {
  if (!options.multiversion)
    return {options.target};
  if (options.target != "native")
    throw Error("multiversion has code for the levels 2 to 4 of x86-64, and no target of its own (" +
                options.target + ")");
  return {"x86-64-v4", "x86-64-v3", "x86-64-v2"};
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

} // namespace

aot::LibraryReport build_library(const std::string& path, const aot::LibraryOptions& options,
                                 const std::vector<LibraryInput>& inputs, const CompileProgram& compile) {
  const LibraryKind kind = kind_of(path);
  LibraryContents contents;
  contents.name = options.name.empty() ? name_from(path) : options.name;
  codegen::aot::checkName(contents.name);
  const std::vector<std::string> targets = targets_of(options);
  std::vector<Positions> positions;
  for (const aot::DynamicDimension& dimension : options.dynamic) {
    positions.push_back(positions_of(dimension, inputs));
    contents.dimensions.push_back({dimension.name, dimension.values});
  }
  contents.variants = combinations(options.dynamic);

  check_apart(options.dynamic, positions);

  codegen::KernelObjects objects;
  for (const std::string& target : targets) {
    LibraryContents::Version version{codegen::cpu::Target::ofLibrary(target).level(), {}};
    for (const std::vector<int64_t>& values : contents.variants)
      version.programs.push_back(compile(inputs_of(inputs, positions, values), target, objects));
    contents.versions.push_back(std::move(version));
  }

  const fs::path folder = fs::path(path).parent_path();
  codegen::aot::LibraryOutput output{
      .kind = kind, .path = path, .header = (folder / (contents.name + ".h")).string(), .weightsFile = {}};
  if (options.separate_weights)
    output.weightsFile = (folder / (contents.name + ".weights")).string();
  const codegen::aot::LibrarySize size = codegen::aot::writeLibrary(
      contents, codegen::cpu::Target::ofLibrary(targets.front()), join(targets), output);
  return {.library = output.path,
          .header = output.header,
          .weights = output.weightsFile,
          .library_bytes = size.file,
          .weights_bytes = size.weights,
          .kernels = size.kernels,
          .programs = targets.size() * contents.variants.size()};
}

} // namespace sinter::libraries
