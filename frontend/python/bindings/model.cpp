// ONNX models in Python.
#include "located.h"
#include "program.h"

#include "sinter/onnx.h"

#include <nanobind/stl/map.h>

#include <algorithm>
#include <new>

namespace sinter::python {
namespace {

// The end of a model writes its weights to the cache on disk: nobody has to wait for that.
class LoadedModel {
public:
  explicit LoadedModel(Model model) : model_(std::make_unique<Model>(std::move(model))) {}
  LoadedModel(LoadedModel&&) = default;
  ~LoadedModel() {
    const nb::gil_scoped_release release;
    model_.reset();
  }
  Model& operator*() const { return *model_; }
  Model* operator->() const { return model_.get(); }

private:
  std::unique_ptr<Model> model_;
};

LoadedModel load(const nb::object& path, bool fuse, int threads, std::string cpu, std::string device,
                 std::size_t cached_shapes, bool precise, int64_t memory_limit, bool disk_cache, bool tune,
                 std::string precision) {
  ModelOptions options;
  options.fuse = fuse;
  options.threads = threads;
  options.cpu = std::move(cpu);
  options.device = std::move(device);
  options.cached_shapes = cached_shapes;
  options.precise = precise;
  options.memory_limit = memory_limit;
  options.disk_cache = disk_cache;
  options.tune = tune;
  options.precision = std::move(precision);
  const nb::object bytes = nb::module_::import_("os").attr("fsencode")(path);
  const std::string file = nb::cast<nb::bytes>(bytes).c_str();
  const nb::gil_scoped_release release;
  return LoadedModel(Model::load(file, std::move(options)));
}

nb::object shape_of(const ModelValue& value) {
  if (!value.has_shape)
    return nb::none();
  nb::list extents;
  for (std::size_t i = 0; i < value.dims.size(); ++i)
    if (value.dims[i] >= 0)
      extents.append(value.dims[i]);
    else if (i < value.dim_names.size() && !value.dim_names[i].empty())
      extents.append(value.dim_names[i]);
    else
      extents.append(nb::none());
  return nb::tuple(extents);
}

std::string names(const std::vector<ModelValue>& values) {
  std::string list;
  for (const ModelValue& value : values)
    list += (list.empty() ? "" : ", ") + value.name;
  return list;
}

bool is_mapping(nb::handle value) {
  return nb::isinstance(value, nb::module_::import_("collections.abc").attr("Mapping"));
}

// The inputs in the model's order.
std::vector<Tensor> by_name(const Model& model, const nb::object& given) {
  const std::vector<ModelValue>& inputs = model.inputs();
  std::vector<std::optional<Tensor>> found(inputs.size());
  for (nb::handle key : given) {
    const nb::str name(key);
    const auto input = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const ModelValue& value) { return value.name == name.c_str(); });
    if (input == inputs.end())
      throw Error(std::string("the model has no input '") + name.c_str() + "'; it has " + names(inputs));
    found[static_cast<std::size_t>(input - inputs.begin())] = as_tensor(given[key]);
  }
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!found[i])
      throw Error("input '" + inputs[i].name + "' is missing");
    tensors.push_back(*found[i]);
  }
  return tensors;
}

std::vector<Tensor> inputs_of(const Model& model, const nb::object& given) {
  if (is_mapping(given))
    return by_name(model, given);
  std::vector<Tensor> tensors;
  for (nb::handle input : nb::borrow<nb::iterable>(given))
    tensors.push_back(as_tensor(input));
  return tensors;
}

std::vector<Tensor> inputs_of(const Model& model, const nb::args& args, const nb::kwargs& named) {
  if (args.size() == 1 && named.size() == 0 && is_mapping(args[0]))
    return by_name(model, args[0]);
  if (named.size() == 0)
    return inputs_of(model, args);
  if (args.size() != 0)
    throw Error("a model takes its inputs in order or by name, not both");
  return by_name(model, named);
}

nb::object call(LoadedModel& model, const nb::args& args, const nb::kwargs& named) {
  const std::vector<Tensor> inputs = inputs_of(*model, args, named);
  const std::vector<Tensor> outputs = unlocked([&](const SourceLocation&) { return model->run(inputs); });
  if (outputs.size() == 1)
    return nb::cast(outputs[0]);
  nb::list list;
  for (const Tensor& output : outputs)
    list.append(output);
  return nb::tuple(list);
}

nb::dict named_outputs(const Model& model, const std::vector<Tensor>& outputs) {
  nb::dict result;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    result[model.outputs()[i].name.c_str()] = outputs[i];
  return result;
}

nb::dict run(LoadedModel& model, const nb::object& inputs, const nb::object& parameters) {
  const std::vector<Tensor> given = inputs_of(*model, inputs);
  std::map<std::string, Tensor> weights;
  if (!parameters.is_none())
    for (nb::handle name : parameters)
      weights.emplace(nb::cast<std::string>(name), as_tensor(parameters[name]));
  return named_outputs(*model, unlocked([&](const SourceLocation&) {
    return parameters.is_none() ? model->run(given) : model->run(weights, given);
  }));
}

std::string inspect(LoadedModel& model, const nb::object& inputs, const std::string& stage,
                    const std::string& format, const std::string& gradient) {
  const auto chosen = [](const std::string& given, std::initializer_list<const char*> names,
                         const char* what) {
    const auto found = std::find(names.begin(), names.end(), given);
    if (found == names.end())
      throw Error(std::string("inspect: no ") + what + " '" + given + "'");
    return found - names.begin();
  };
  const auto form =
      static_cast<InspectFormat>(chosen(format, {"text", "text_with_weights", "dot"}, "format"));
  const auto by = static_cast<InspectGradient>(chosen(gradient, {"none", "inputs", "weights"}, "gradient"));
  const std::vector<Tensor> given = inputs_of(*model, inputs);
  return unlocked([&](const SourceLocation&) { return model->inspect(given, stage, form, by); });
}

} // namespace

void bind_model(nb::module_& module) {
  nb::class_<ModelValue>(module, "ModelValue", "An input or output as the model declares it.")
      .def_ro("name", &ModelValue::name)
      .def_ro("dtype", &ModelValue::dtype)
      .def_prop_ro(
          "shape", shape_of, nb::sig("def shape(self) -> tuple[int | str | None, ...] | None"),
          "Extents: numbers, or the names of those that are not fixed, None without a name. None if\n"
          "the model does not say.")
      .def("__repr__", [](const ModelValue& value) {
        const nb::object shape = shape_of(value);
        return value.name + ": " + std::string(name_of(value.dtype)) +
               (shape.is_none() ? std::string() : std::string(nb::str(shape).c_str()));
      });
  nb::class_<LoadedModel>(
      module, "Model",
      "A loaded model. Every combination of input shapes is compiled once, when it is first\n"
      "seen. May be used from several threads.")
      .def_prop_ro("inputs", [](const LoadedModel& model) { return model->inputs(); })
      .def_prop_ro("outputs", [](const LoadedModel& model) { return model->outputs(); })
      .def(
          "metadata", [](const LoadedModel& model, const std::string& key) { return model->metadata(key); },
          "key"_a, "The text the model's maker stored under `key`; '' if there is none.")
      .def("__call__", call,
           nb::sig("def __call__(self, *inputs: sinter.typing.TensorLike | collections.abc.Mapping[str, "
                   "sinter.typing.TensorLike], **named: sinter.typing.TensorLike) -> typing.Any"),
           "Runs the model on inputs in its order, by name, or in a dictionary. One output, or a tuple of "
           "all.")
      .def("run", run, "inputs"_a, "parameters"_a = nb::none(),
           nb::sig(
               "def run(self, inputs: collections.abc.Mapping[str, sinter.typing.TensorLike] | "
               "collections.abc.Sequence[sinter.typing.TensorLike], parameters: collections.abc.Mapping[str, "
               "sinter.typing.TensorLike] | None = None) -> dict[str, Tensor]"),
           "The outputs by name. `parameters` take the place of the weights of their names: what gradients "
           "are\n"
           "taken by.")
      .def(
          "parameters",
          [](const LoadedModel& model) {
            return unlocked([&](const SourceLocation&) { return model->parameters(); });
          },
          "Copies of the weights that training would change, by name.")
      .def(
          "compile",
          [](LoadedModel& model, const nb::args& args, const nb::kwargs& named) {
            const std::vector<Tensor> inputs = inputs_of(*model, args, named);
            return unlocked([&](const SourceLocation&) { return Program{model->compile(inputs)}; });
          },
          nb::sig("def compile(self, *inputs: sinter.typing.TensorLike | collections.abc.Mapping[str, "
                  "sinter.typing.TensorLike], **named: sinter.typing.TensorLike) -> Program"),
          "The program for inputs of these shapes, ahead of the first run.")
      .def(
          "interpret",
          [](LoadedModel& model, const nb::object& inputs) {
            const std::vector<Tensor> given = inputs_of(*model, inputs);
            return named_outputs(*model,
                                 unlocked([&](const SourceLocation&) { return model->interpret(given); }));
          },
          "inputs"_a,
          nb::sig("def interpret(self, inputs: collections.abc.Mapping[str, sinter.typing.TensorLike] | "
                  "collections.abc.Sequence[sinter.typing.TensorLike]) -> dict[str, Tensor]"),
          "As run(), by the reference interpreter.")
      .def(
          "inspect", inspect, "inputs"_a, "stage"_a = "fused", "format"_a = "text", "gradient"_a = "none",
          nb::sig(
              "def inspect(self, inputs: collections.abc.Mapping[str, sinter.typing.TensorLike] | "
              "collections.abc.Sequence[sinter.typing.TensorLike], stage: typing.Literal['imported', "
              "'optimized', 'fused', 'planned', 'llvm'] = 'fused', format: typing.Literal['text', "
              "'text_with_weights', 'dot'] = 'text', gradient: typing.Literal['none', 'inputs', 'weights'] = "
              "'none') -> str"),
          "The program for these inputs after a stage.")
      .def("__repr__", [](const LoadedModel& model) {
        return "<model of " + names(model->inputs()) + " -> " + names(model->outputs()) + ">";
      });
  module.def(
      "load", load, "path"_a, nb::kw_only(), "fuse"_a = true, "threads"_a = 0, "cpu"_a = "native",
      "device"_a = "cpu", "cached_shapes"_a = 16, "precise"_a = false, "memory_limit"_a = 0,
      "disk_cache"_a = true, "tune"_a = false, "precision"_a = "f32",
      nb::sig("def load(path: str | os.PathLike[str], *, fuse: bool = True, threads: int = 0, cpu: str = "
              "'native', device: str = 'cpu', cached_shapes: int = 16, precise: bool = False, memory_limit: "
              "int = 0, disk_cache: "
              "bool = True, tune: bool = False, precision: str = 'f32') -> Model"),
      "Reads a model from an ONNX file. `threads`: 0 is one per processor; `memory_limit`: bytes that\n"
      "intermediate results may take, 0 for what is fastest.");
}

} // namespace sinter::python
