// Libraries of models, loaded into this process.
#include "sinter/aot.h"

#include "aot/shared_library.h"
#include "sinter/error.h"
#include "sinter/runtime/aot/interface.h"

#include <algorithm>
#include <mutex>
#include <new>

namespace sinter::aot {
namespace {

using rt::aot::Interface;
using rt::aot::Variant;

Shape shape_of(const sinter_tensor& tensor) {
  return Shape(std::span(tensor.shape, static_cast<std::size_t>(tensor.rank)));
}

std::vector<Model::Value> values_of(const sinter_tensor* tensors, uint32_t count) {
  std::vector<Model::Value> values;
  for (const sinter_tensor& tensor : std::span(tensors, count))
    values.push_back({tensor.name, static_cast<DType>(tensor.dtype), shape_of(tensor)});
  return values;
}

bool is_like(const Tensor& tensor, const sinter_tensor& wanted) {
  return tensor.dtype() == static_cast<DType>(wanted.dtype) && tensor.shape() == shape_of(wanted);
}

std::string describe(DType dtype, const Shape& shape) {
  return std::string(name_of(dtype)) + to_string(shape);
}

} // namespace

struct Model::Impl {
  libraries::SharedLibrary library;
  const Interface* interface = nullptr;
  std::string path;
  std::string weights;
  int threads = 0;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  mutable std::mutex mutex;
  mutable std::vector<sinter_aot_context*> idle; // one per concurrent run so far

  Impl(const std::string& path, int threads, std::string weights)
      : library(path), path(path), weights(std::move(weights)), threads(threads) {
    interface = static_cast<const Interface*>(library.find(rt::aot::kInterfaceSymbol));
    if (!interface || interface->revision != Interface::kRevision)
      throw Error("'" + path + "' is no model that this version of Sinter has compiled");
    const Variant& first = interface->model->variants[0];
    inputs = values_of(first.inputs, interface->model->input_count);
    outputs = values_of(first.outputs, interface->model->output_count);
    give_back(take()); // what cannot be set up is told now
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    for (sinter_aot_context* context : idle)
      interface->destroy(context);
  }

  void check(int status) const {
    if (status != SINTER_OK)
      throw Error(path + ": " + interface->error(),
                  status == SINTER_OUT_OF_MEMORY ? ErrorKind::system : ErrorKind::user);
  }

  sinter_aot_context* take() const {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        sinter_aot_context* context = idle.back();
        idle.pop_back();
        return context;
      }
    }
    sinter_options options{};
    options.threads = threads;
    options.weights = weights.empty() ? nullptr : weights.c_str();
    sinter_aot_context* context = nullptr;
    check(interface->create(&options, &context));
    return context;
  }

  void give_back(sinter_aot_context* context) const noexcept {
    const std::lock_guard lock(mutex);
    try {
      idle.push_back(context);
    } catch (const std::bad_alloc&) {
      interface->destroy(context);
    }
  }

  const Variant& variant_for(const std::vector<Tensor>& given) const {
    const rt::aot::Model& model = *interface->model;
    if (given.size() != model.input_count)
      throw Error(path + ": the model takes " + std::to_string(model.input_count) + " inputs, got " +
                  std::to_string(given.size()));
    for (const Variant& variant : std::span(model.variants, model.variant_count))
      if (std::equal(given.begin(), given.end(), variant.inputs, is_like))
        return variant;
    for (std::size_t i = 0; model.variant_count == 1 && i < given.size(); ++i)
      if (!is_like(given[i], model.variants[0].inputs[i]))
        throw Error(path + ": input '" + inputs[i].name + "' must be " +
                    describe(inputs[i].dtype, inputs[i].shape) + ", got " +
                    describe(given[i].dtype(), given[i].shape()));
    std::string shapes;
    for (const Tensor& tensor : given)
      shapes += (shapes.empty() ? "" : ", ") + describe(tensor.dtype(), tensor.shape());
    throw Error(path + ": the model was not compiled for inputs of " + shapes);
  }

  void choose(sinter_aot_context* context, const Variant& variant) const {
    const rt::aot::Model& model = *interface->model;
    for (uint32_t i = 0; i < model.dimension_count; ++i)
      check(interface->set_dimension(context, model.dimensions[i], variant.dimensions[i]));
  }
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const Model::Impl& Model::impl() const {
  if (!impl_)
    throw Error("this aot::Model has been moved from");
  return *impl_;
}

Model Model::load(const std::string& path, int threads, const std::string& weights) {
  return Model(std::make_unique<Impl>(path, threads, weights));
}

std::string Model::name() const {
  return impl().interface->model->name;
}

const std::vector<Model::Value>& Model::inputs() const {
  return impl().inputs;
}

const std::vector<Model::Value>& Model::outputs() const {
  return impl().outputs;
}

std::vector<Tensor> Model::run(const std::vector<Tensor>& inputs) const {
  const Variant& variant = impl().variant_for(inputs);
  std::vector<Tensor> dense, outputs;
  std::vector<const void*> from;
  std::vector<void*> to;
  std::vector<std::size_t> from_bytes, to_bytes;
  for (const Tensor& input : inputs) {
    dense.push_back(input.contiguous());
    from.push_back(dense.back().view().data);
    from_bytes.push_back(dense.back().view().bytes());
  }
  for (const sinter_tensor& output : std::span(variant.outputs, impl().interface->model->output_count)) {
    outputs.push_back(Tensor::empty(shape_of(output), static_cast<DType>(output.dtype)));
    to.push_back(outputs.back().view().data);
    to_bytes.push_back(output.bytes);
  }
  sinter_aot_context* context = impl().take();
  const auto give_back = [&](sinter_aot_context* used) { impl().give_back(used); };
  const std::unique_ptr<sinter_aot_context, decltype(give_back)> guard(context, give_back);
  impl().choose(context, variant);
  impl().check(impl().interface->run(context, from.data(), from_bytes.data(), to.data(), to_bytes.data()));
  return outputs;
}

} // namespace sinter::aot
