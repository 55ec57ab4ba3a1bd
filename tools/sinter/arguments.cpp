// Command-line values that name tensors.
#include "arguments.h"

#include "usage.h"

#include "sinter/data/npy.h"
#include "sinter/ops.h"
#include "sinter/runtime/cuda/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

namespace sinter::tool {

namespace {

std::string names_of(const std::vector<ModelValue>& values) {
  std::string text;
  for (const ModelValue& value : values)
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", value.name);
  return text.empty() ? "none" : text;
}

/// The value whose name, followed by '=', starts `argument`; of several the one with the longest name.
std::optional<std::size_t> named_value(const std::string& argument, const std::vector<ModelValue>& values) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (argument.starts_with(values[i].name + "=") &&
        (!found || values[i].name.size() > values[*found].name.size()))
      found = i;
  return found;
}

/// Uniform in [0, 1) for floats; zeros and ones for integers, which are mostly indices and masks.
Tensor random_tensor(const Shape& shape, DType dtype, uint64_t seed) {
  checked_bytes(shape.dims(), size_of(dtype));
  if (dtype == DType::f16 || dtype == DType::bf16)
    return cast(random_tensor(shape, DType::f32, seed), dtype);
  Tensor tensor = Tensor::empty(shape, dtype);
  std::mt19937_64 engine(seed);
  visit_dtype(dtype, "random input", [&](auto tag) {
    using T = decltype(tag);
    T* out = tensor.view().as<T>();
    for (int64_t i = 0; i < shape.elements(); ++i) {
      if constexpr (std::is_floating_point_v<T>)
        out[i] = static_cast<T>(static_cast<double>(engine() >> 11) * 0x1p-53);
      else
        out[i] = static_cast<T>(engine() & 1);
    }
  });
  return tensor;
}

} // namespace

std::string describe(const ModelValue& value) {
  std::string text = std::string(name_of(value.dtype)) + "[";
  for (std::size_t d = 0; d < value.dims.size(); ++d) {
    const bool named = d < value.dim_names.size() && !value.dim_names[d].empty();
    const std::string extent =
        value.dims[d] >= 0 ? std::to_string(value.dims[d]) : (named ? value.dim_names[d] : std::string("?"));
    text += (d > 0 ? ", " : "") + extent;
  }
  return text + "]";
}

void ModelFiles::add_to(CLI::App& command) {
  command
      .add_option("MODEL", model, "The model, an .onnx or .sinter file or a Caffe network's .prototxt file")
      ->required();
  command.add_option("--caffemodel", caffemodel, "The file with a Caffe network's weights")
      ->type_name("FILE");
}

Model ModelFiles::load(ModelOptions options) const {
  options.caffemodel = caffemodel;
  return Model::load(model, std::move(options));
}

void CodeOptions::add_to(CLI::App& command) {
  command
      .add_option("--cpu", cpu, "Processor to compile for: native, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4")
      ->capture_default_str()
      ->check(one_of({"native", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}));
  add_choices_to(command);
}

void CodeOptions::add_choices_to(CLI::App& command) {
  command.add_flag("--precise", precise,
                   "No algorithm that trades accuracy for speed (Winograd, merged groups)");
  command
      .add_option("--memory-limit", memory_limit,
                  "Bytes that intermediate results may take (64MB, say): what does not fit is computed again "
                  "where it is read; 0: what is fastest")
      ->transform(CLI::AsSizeValue(false));
}

void CodeOptions::add_running_to(CLI::App& command) {
  command.add_flag(
      "--tune", tune,
      "Measure several ways to compute each contraction, some seconds, instead of trusting the cost "
      "model; the fastest is kept for the next time, unless --no-cache is given");
  command.add_flag(
      "--no-cache", no_cache,
      "Compile every kernel and pack all weights, and keep nothing for the next time (see sinter cache)");
}

void CodeOptions::add_device_to(CLI::App& command) {
  command.add_option("--device", device, "Where kernels run: cpu, or a GPU, cuda or cuda:N")
      ->capture_default_str()
      ->check(device_name());
  command
      .add_option("--precision", precision,
                  "What f32 becomes inside the program, on a GPU: f32, tf32, f16 or bf16; inputs and outputs "
                  "stay what they are")
      ->capture_default_str()
      ->check(one_of({"f32", "tf32", "f16", "bf16"}));
}

void CodeOptions::check_device(bool code_runs) const {
  const std::optional<int> gpu = rt::cuda::ordinal_of(device);
  if (!gpu && precision != "f32")
    throw Error(fmt::format("--precision {} is for GPUs: give --device cuda", precision));
  if (!gpu || !code_runs)
    return;
  try {
    rt::cuda::CudaDevice::open(*gpu);
  } catch (const Error& error) {
    throw Error(fmt::format("--device {}: {}", device, error.what()), error.kind());
  }
}

void CodeOptions::apply(ModelOptions& options) const {
  options.cpu = cpu;
  options.device = device;
  options.precision = precision;
  options.precise = precise;
  options.memory_limit = memory_limit;
  options.disk_cache = !no_cache;
  options.tune = tune;
}

std::vector<Assignment> assign(const std::vector<std::string>& arguments,
                               const std::vector<ModelValue>& values, const std::string& kind) {
  std::vector<Assignment> result;
  std::vector<bool> taken(values.size(), false);
  auto take = [&](std::size_t index, std::string text) {
    if (taken[index])
      throw Error(fmt::format("{} '{}' is given twice", kind, values[index].name));
    taken[index] = true;
    result.push_back({index, std::move(text)});
  };
  std::vector<std::string> unnamed;
  for (const std::string& argument : arguments) {
    if (auto index = named_value(argument, values)) {
      take(*index, argument.substr(values[*index].name.size() + 1));
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::size_t slash = argument.find('/');
    if (equals != std::string::npos && equals < slash)
      throw Error(fmt::format("the model has no {} '{}'; it has {}", kind, argument.substr(0, equals),
                              names_of(values)));
    unnamed.push_back(argument);
  }
  for (std::string& argument : unnamed) {
    std::size_t index = 0;
    while (index < values.size() && taken[index])
      ++index;
    if (index == values.size())
      throw Error(fmt::format("'{}' is one {} too many; the model has {}", argument, kind, names_of(values)));
    take(index, std::move(argument));
  }
  return result;
}

Shape parse_shape(const std::string& text) {
  Shape shape;
  if (text.empty() || text == "scalar")
    return shape;
  const char* at = text.data();
  const char* end = text.data() + text.size();
  while (true) {
    int64_t dim = 0;
    auto [next, error] = std::from_chars(at, end, dim);
    const bool last = next == end;
    if (error != std::errc() || dim < 0 || (!last && *next != 'x') || shape.rank() == kMaxRank)
      throw Error(
          fmt::format("'{}' is not a shape: up to {} extents are written as in 1x3x224x224", text, kMaxRank));
    shape.push_back(dim);
    if (last)
      return shape;
    at = next + 1;
  }
}

Tensor load_file(const std::string& option, const ModelValue& value, const std::string& path) {
  if (path.empty())
    throw Error(fmt::format("{} {}= names no file", option, value.name));
  const Tensor tensor = load_npy(path);
  // NumPy has no bf16.
  return value.dtype == DType::bf16 && tensor.dtype() == DType::f32 ? cast(tensor, DType::bf16) : tensor;
}

std::vector<Tensor> gather_inputs(const Model& model, const std::vector<std::string>& files,
                                  const std::vector<std::string>& shapes, bool fill_in) {
  const std::vector<ModelValue>& inputs = model.inputs();
  std::vector<std::optional<Tensor>> found(inputs.size());
  for (const Assignment& file : assign(files, inputs, "input"))
    found[file.index] = load_file("--input", inputs[file.index], file.text);
  for (const Assignment& shape : assign(shapes, inputs, "input")) {
    if (found[shape.index])
      throw Error(fmt::format("input '{}' is given twice", inputs[shape.index].name));
    found[shape.index] = random_tensor(parse_shape(shape.text), inputs[shape.index].dtype, shape.index + 1);
  }

  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ModelValue& input = inputs[i];
    if (!found[i]) {
      const bool fixed = input.has_shape && std::all_of(input.dims.begin(), input.dims.end(),
                                                        [](int64_t dim) { return dim >= 0; });
      if (!fill_in)
        throw Error(fmt::format("input '{}' ({}) is missing: give --input {}=FILE.npy", input.name,
                                describe(input), input.name));
      if (!fixed)
        throw Error(fmt::format("input '{}' ({}) has no fixed shape: give --shape {}=1x3x... or --input",
                                input.name, describe(input), input.name));
      found[i] = random_tensor(Shape(input.dims), input.dtype, i + 1);
    }
    tensors.push_back(*found[i]);
  }
  model.check_inputs(tensors);
  return tensors;
}

void add_threads(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "Threads to use; 0: one per processor")
      ->capture_default_str()
      ->check(whole_number(0, 1024));
}

} // namespace sinter::tool
