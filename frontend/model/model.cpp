// Model: the public face of models from files.
#include "sinter/onnx.h"

#include "codegen/compile.h"
#include "frontend/aot/build_library.h"
#include "frontend/model/draw.h"
#include "frontend/model/guarded.h"
#include "frontend/model/read_source.h"
#include "frontend/model/source/traced_model.h"
#include "frontend/onnx/export/export_model.h"
#include "frontend/trace/placement.h"
#include "frontend/trace/program_cache.h"
#include "ir/constant_deferral.h"
#include "ir/ops.h"
#include "passes/differentiate.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <atomic>
#include <map>

namespace sinter {
namespace {

using model::guarded;
using model::ProgramSource;

// No input may have more elements: sizes below it never overflow.
constexpr int64_t kMaxElements = int64_t{1} << 38;

std::string describe(const ModelValue& value) {
  std::string text(name_of(value.dtype));
  if (!value.has_shape)
    return text + " of any shape";
  text += "[";
  for (std::size_t i = 0; i < value.dims.size(); ++i) {
    const std::string& name = value.dim_names[i];
    text += i ? ", " : "";
    text += value.dims[i] >= 0 ? std::to_string(value.dims[i]) : name.empty() ? "?" : name;
  }
  return text + "]";
}

std::string describe(const Tensor& tensor) {
  return std::string(name_of(tensor.dtype())) + to_string(tensor.shape());
}

// A module, the context it lives in, and the weights that it has not asked for yet.
struct Imported {
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<ir::ConstantDeferral> deferral;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::vector<View> views_of(const std::vector<Tensor>& tensors) {
  std::vector<View> views;
  for (const Tensor& tensor : tensors)
    views.push_back(tensor.view());
  return views;
}

} // namespace

struct Model::Impl {
  std::string path;
  std::unique_ptr<const ProgramSource> source;
  const ProgramSource& graph;
  ModelOptions options;
  std::unique_ptr<rt::ThreadPool> own_pool; // null: the process's
  trace::ProgramCache programs;
  std::atomic<bool> has_overflows = false; // weights that are not finite once they are scaled
  model::TracedModel traced{graph};

  Impl(std::string path, std::unique_ptr<const ProgramSource> given_source, ModelOptions given)
      : path(std::move(path)), source(std::move(given_source)), graph(*source), options(std::move(given)),
        programs(options.cached_shapes) {
    if (options.threads < 0)
      throw Error("threads is " + std::to_string(options.threads));
    if (options.threads > 0)
      own_pool = std::make_unique<rt::ThreadPool>(options.threads);
  }

  rt::ThreadPool& pool() const { return own_pool ? *own_pool : rt::default_thread_pool(); }

  Device place_of(const std::vector<Tensor>& inputs) const {
    return trace::place_for(options.device, inputs);
  }

  codegen::CompileOptions compile_options(Device device) const {
    return {.device = to_string(device),
            .fuse = options.fuse,
            .cpu = options.cpu,
            .progress = options.progress,
            .precise = options.precise,
            .memoryLimit = options.memory_limit,
            .precision = options.precision,
            .tune = options.tune,
            .diskCache = options.disk_cache};
  }

  // `parameters`: names of weights that are further arguments.
  Imported import(const std::vector<Tensor>& inputs, const std::vector<std::string>& parameters = {}) const {
    std::vector<rt::TensorSpec> specs;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      specs.push_back({graph.inputs[i].name, inputs[i].dtype(), inputs[i].shape()});
    Imported imported;
    imported.context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    imported.context->loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
    imported.deferral = std::make_unique<ir::ConstantDeferral>(*imported.context);
    imported.module = model::import_program(*imported.context, graph, specs, parameters);
    return imported;
  }

  // The program that computes a gradient beside the outputs.
  Imported import_gradient(const std::vector<Tensor>& inputs, InspectGradient by) const {
    std::vector<std::string> parameters;
    if (by == InspectGradient::weights)
      for (const auto& [name, tensor] : traced.parameters())
        parameters.push_back(name);
    Imported imported = import(inputs, parameters);
    llvm::SmallVector<int64_t> variables;
    const std::size_t begin = by == InspectGradient::weights ? inputs.size() : 0;
    for (std::size_t i = begin; i < inputs.size() + parameters.size(); ++i)
      if (i >= inputs.size() || is_floating(inputs[i].dtype()))
        variables.push_back(static_cast<int64_t>(i));
    if (variables.empty())
      throw Error(by == InspectGradient::weights
                      ? "the model has no weights of floating-point numbers to differentiate by"
                      : "the model has no inputs of floating-point numbers to differentiate by");
    passes::differentiate(imported.module->lookupSymbol<mlir::func::FuncOp>("main"),
                          passes::DerivativeMode::reverse, variables);
    return imported;
  }

  // Weights that overflow when a batch-norm goes into them are rare, and looking for them first means to read
  // all that a model has once more. So they are taken for finite until one is found not to be.
  std::shared_ptr<const rt::Executable> compile_once(const std::vector<Tensor>& inputs,
                                                     const codegen::CompileOptions& code,
                                                     bool assumes_finite) const {
    const Imported imported = import(inputs);
    imported.deferral->assumesFinite = assumes_finite;
    return codegen::compile(*imported.module, code);
  }

  std::shared_ptr<const rt::Executable> compile(const std::vector<Tensor>& inputs,
                                                const codegen::CompileOptions& code) {
    const rt::PoolScope scope(pool()); // compiling takes no more threads than running
    if (!has_overflows)
      try {
        return compile_once(inputs, code, /*assumes_finite=*/true);
      } catch (const ir::WeightsNotFinite&) {
        has_overflows = true;
      }
    return compile_once(inputs, code, /*assumes_finite=*/false);
  }

  std::shared_ptr<const rt::Executable> compile(const std::vector<Tensor>& inputs) {
    const Device device = place_of(inputs);
    auto program = programs.get(inputs, device, [&] { return compile(inputs, compile_options(device)); });
    if (!program)
      throw Error("a model is used by the progress callback of its own compilation");
    return program;
  }

  // All dimensions of the same name have the same extent.
  void check_input(const ModelValue& value, const Tensor& tensor,
                   std::map<std::string, int64_t>& named) const {
    const std::string what = "input '" + value.name + "'";
    auto mismatch = [&] { return what + " must be " + describe(value) + ", got " + describe(tensor); };
    if (tensor.dtype() != value.dtype)
      throw Error(mismatch());
    if (checked_bytes(tensor.shape().dims(), 1) > kMaxElements)
      throw Error(what + " is too large: " + describe(tensor));
    if (!value.has_shape)
      return;
    if (tensor.rank() != static_cast<int>(value.dims.size()))
      throw Error(mismatch());
    for (int i = 0; i < tensor.rank(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const int64_t extent = tensor.shape()[i];
      if (value.dims[at] >= 0 && value.dims[at] != extent && !value.dims_may_differ)
        throw Error(mismatch());
      const std::string& name = value.dim_names[at];
      if (name.empty())
        continue;
      const auto [other, added] = named.emplace(name, extent);
      if (!added && other->second != extent)
        throw Error(mismatch() + ": dimension " + name + " is " + std::to_string(other->second) +
                    " elsewhere");
    }
  }

  void check_inputs(const std::vector<Tensor>& inputs) const {
    if (inputs.size() != graph.inputs.size())
      throw Error("the model takes " + std::to_string(graph.inputs.size()) + " inputs, got " +
                  std::to_string(inputs.size()));
    std::map<std::string, int64_t> named;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      check_input(graph.inputs[i], inputs[i], named);
  }

  void check_known(const std::vector<Tensor>& inputs) const {
    check_inputs(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (!trace::is_readable(inputs[i]))
        throw Error("input '" + graph.inputs[i].name +
                    "' has no elements: it stands for a value of a function that is traced");
  }
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::load(const std::string& path, ModelOptions options) {
  trace::check_target(options.device, options.precision);
  auto source = model::read_source(path, options);
  return guarded(path,
                 [&] { return Model(std::make_unique<Impl>(path, std::move(source), std::move(options))); });
}

Model::Impl& Model::impl() const {
  if (!impl_)
    throw Error("this Model has been moved from");
  return *impl_;
}

const std::vector<ModelValue>& Model::inputs() const {
  return impl().graph.inputs;
}
const std::vector<ModelValue>& Model::outputs() const {
  return impl().graph.outputs;
}

std::string Model::metadata(const std::string& key) const {
  const auto metadata = impl().graph.metadata();
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

void Model::check_inputs(const std::vector<Tensor>& inputs) const {
  guarded(impl().path, [&] { impl().check_inputs(inputs); });
}

std::shared_ptr<const rt::Executable> Model::compile(const std::vector<Tensor>& inputs) {
  return guarded(impl().path, [&] {
    impl().check_known(inputs);
    return impl().compile(inputs);
  });
}

std::vector<Tensor> Model::run(const std::vector<Tensor>& inputs) {
  return guarded(impl().path, [&] {
    impl().check_inputs(inputs);
    if (model::TracedModel::records(inputs))
      return impl().traced.call({}, inputs, {});
    const rt::PoolScope scope(impl().pool());
    const auto executable = impl().compile(inputs);
    return trace::run_program(*executable, inputs, impl().pool());
  });
}

aot::LibraryReport Model::compile_library(const std::string& path, const std::vector<Shape>& shapes,
                                          const aot::LibraryOptions& options) {
  return guarded(impl().path, [&] {
    if (shapes.size() != inputs().size())
      throw Error("the model takes " + std::to_string(inputs().size()) + " inputs, got shapes of " +
                  std::to_string(shapes.size()));
    std::vector<libraries::LibraryInput> wanted;
    for (std::size_t i = 0; i < shapes.size(); ++i)
      wanted.push_back({inputs()[i].name, inputs()[i].dtype, shapes[i], inputs()[i].dim_names});
    return libraries::build_library(
        path, options, wanted,
        [&](const std::vector<Tensor>& tensors, const std::string& cpu, codegen::KernelObjects& objects) {
          impl().check_inputs(tensors);
          codegen::CompileOptions code = impl().compile_options(Device::cpu);
          code.precision = "f32";
          code.cpu = cpu;
          code.tune = false;
          code.objects = &objects;
          return impl().compile(tensors, code);
        });
  });
}

std::map<std::string, Tensor> Model::parameters() const {
  return guarded(impl().path, [&] { return impl().traced.parameters(); });
}

std::vector<Tensor> Model::run(const std::map<std::string, Tensor>& parameters,
                               const std::vector<Tensor>& inputs) {
  return guarded(impl().path, [&] {
    impl().check_inputs(inputs);
    impl().traced.check(parameters);
    const ModelOptions& options = impl().options;
    return impl().traced.call(parameters, inputs,
                              {.fuse = options.fuse,
                               .threads = options.threads,
                               .cpu = options.cpu,
                               .device = options.device,
                               .cached_signatures = options.cached_shapes,
                               .precise = options.precise,
                               .memory_limit = options.memory_limit,
                               .disk_cache = options.disk_cache,
                               .tune = options.tune,
                               .precision = options.precision});
  });
}

std::vector<Tensor> Model::interpret(const std::vector<Tensor>& inputs) {
  return guarded(impl().path, [&] {
    impl().check_known(inputs);
    const rt::PoolScope scope(impl().pool());
    const Imported imported = impl().import(inputs);
    std::vector<Tensor> outputs;
    mlir::ModuleOp module = *imported.module;
    auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
    for (mlir::Type type : main.getResultTypes()) {
      const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
      outputs.push_back(Tensor::empty(ir::shapeOf(tensor), ir::dtypeOf(tensor.getElementType())));
    }
    // As kernels have it, but for what those do not round in between.
    if (impl().options.precision != "f32")
      codegen::lower(module, impl().compile_options(impl().place_of(inputs)), passes::Stage::optimized);
    codegen::interpret(module, views_of(inputs), views_of(outputs));
    return outputs;
  });
}

std::string Model::inspect(const std::vector<Tensor>& inputs, const std::string& stage, InspectFormat format,
                           InspectGradient gradient) {
  return guarded(impl().path, [&] {
    impl().check_inputs(inputs);
    const rt::PoolScope scope(impl().pool());
    const Imported imported =
        gradient == InspectGradient::none ? impl().import(inputs) : impl().import_gradient(inputs, gradient);
    mlir::ModuleOp module = *imported.module;
    if (format == InspectFormat::dot) {
      if (stage == "llvm" || stage == "cuda")
        throw Error("stage " + stage + " cannot be drawn");
      codegen::lower(module, impl().compile_options(impl().place_of(inputs)), codegen::stageNamed(stage));
      return draw_dot(module);
    }
    return codegen::inspect(module, impl().compile_options(impl().place_of(inputs)), stage,
                            format == InspectFormat::text_with_weights ? codegen::Weights::printed
                                                                       : codegen::Weights::elided);
  });
}

void Model::export_onnx(const std::vector<Tensor>& inputs, const std::string& path,
                        const ExportOptions& options) {
  guarded(impl().path, [&] {
    impl().check_inputs(inputs);
    onnx_export::WriteOptions write = onnx_export::write_options(options);
    const rt::PoolScope scope(impl().pool());
    const Imported imported = impl().import(inputs);
    const std::string name = impl().graph.name();
    write.name = name.empty() ? write.name : name;
    for (const auto& [key, value] : impl().graph.metadata())
      write.metadata.emplace_back(key, value);
    onnx_export::name_interface(*imported.module, options);
    onnx_export::write_model(*imported.module, path, write);
  });
}

} // namespace sinter
