// Tensors on devices: copies there and back, programs that run where their inputs lie.
#include "trace/placement.h"

#include "codegen/compile.h"
#include "codegen/operation_program.h"
#include "sinter/runtime/cuda/device.h"
#include "sinter/runtime/eager/movement.h"
#include "trace/errors.h"
#include "trace/trace.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>

namespace sinter::trace {
namespace {

// Calls `use` with the device while no other thread gives it work.
template <class Use>
void exclusively(rt::Device& device, Use&& use) {
  const auto lock = device.exclusive();
  use(device);
}

// Whose memory the elements of a concrete tensor are in; null: the host's.
rt::Device* owner_of(const Node& node) {
  return node.storage->device().get();
}

Device public_device(const rt::Device* device) {
  return device ? Device{Device::Kind::cuda, device->ordinal()} : Device::cpu;
}

Device device_of(const Node& node) {
  if (!node.trace)
    return public_device(owner_of(node));
  return node.trace->is_open() ? node.trace->device_of(node.value) : Device::cpu;
}

// True for numbers on the host, and what is recorded of such alone: they go with any device.
bool goes_anywhere(const Node& node) {
  if (node.trace && node.trace->is_open() && node.trace->values() == Values::on_demand)
    return !node.trace->place_of(node.value);
  return node.shape.rank() == 0 && device_of(node) == Device::cpu;
}

std::string described(const Node& node) {
  return to_string(View{nullptr, node.dtype, node.shape, {}}) + " on " + to_string(device_of(node));
}

} // namespace

Device device_named(const std::string& name) {
  const auto ordinal = rt::cuda::ordinal_of(name);
  return ordinal ? Device{Device::Kind::cuda, *ordinal} : Device::cpu;
}

void check_target(const std::string& device, const std::string& precision) {
  device_named(device);
  codegen::precisionNamed(precision);
}

rt::Device* open(Device device) {
  return device.kind == Device::Kind::cpu ? nullptr : rt::cuda::CudaDevice::open(device.index).get();
}

Device device_of(const Tensor& tensor) {
  return device_of(node_of(tensor));
}

namespace {

Device common_device(std::span<const Node* const> nodes) {
  const Node* first = nullptr;
  for (const Node* node : nodes) {
    if (goes_anywhere(*node))
      continue;
    if (first && device_of(*first) != device_of(*node))
      throw Error("the operands do not lie together: " + described(*first) + ", " + described(*node) +
                  "; bring them to one device with to()");
    first = first ? first : node;
  }
  return first ? device_of(*first) : Device::cpu;
}

} // namespace

Device common_device(std::span<const Tensor> tensors) {
  llvm::SmallVector<const Node*> nodes;
  for (const Tensor& tensor : tensors)
    nodes.push_back(&node_of(tensor));
  return common_device(nodes);
}

void check_places(std::span<const Node* const> operands) {
  const auto may_lie_anywhere = [](const Node* node) {
    return node->trace && node->trace->is_open() && node->trace->values() == Values::unknown;
  };
  if (std::ranges::none_of(operands, may_lie_anywhere))
    (void)common_device(operands);
}

Device place_for(const std::string& option, std::span<const Tensor> tensors) {
  const Device wanted = device_named(option), found = common_device(tensors);
  if (found == Device::cpu)
    return wanted;
  if (wanted != Device::cpu && wanted != found)
    throw Error("the option device is " + option + ", but the inputs lie on " + to_string(found));
  return found;
}

Tensor make_empty(DType dtype, const Shape& shape, Device device) {
  if (device == Device::cpu)
    return make_empty(dtype, shape);
  const int64_t bytes = checked_bytes(shape.dims(), size_of(dtype));
  return make_concrete(open(device)->allocate(static_cast<uint64_t>(bytes)), dtype, shape,
                       shape.row_major_strides(), 0);
}

void copy_elements(const Tensor& from, const Tensor& to) {
  rt::Device *source = owner_of(node_of(from)), *target = owner_of(node_of(to));
  const View view = node_of(to).view();
  if (!source && !target)
    return eager::copy(node_of(from).view(), view);
  const auto bytes = static_cast<uint64_t>(view.bytes());
  if (source && target && source != target)
    return copy_elements(placed(from, Device::cpu), to);
  if (!target) { // what is strided on the host is filled from what is not
    const Tensor dense = view.is_dense() ? to : make_empty(view.dtype, view.shape);
    exclusively(*source, [&](rt::Device& device) {
      device.download(node_of(dense).view().data, node_of(from).view().data, bytes);
    });
    if (!view.is_dense())
      eager::copy(node_of(dense).view(), view);
    return;
  }
  const Tensor dense = trace::dense(from);
  exclusively(*target, [&](rt::Device& device) {
    if (source)
      device.copy(view.data, node_of(dense).view().data, bytes);
    else
      device.upload(view.data, node_of(dense).view().data, bytes);
  });
}

Tensor placed(const Tensor& tensor, Device device) {
  const Tensor elements = concrete(tensor);
  if (device_of(elements) == device)
    return dense(elements);
  const Tensor copy = make_empty(elements.dtype(), elements.shape(), device);
  copy_elements(elements, copy);
  return copy;
}

namespace {

// Tensors that a program is run on, and how it sees them.
struct Tensors {
  std::vector<Tensor> tensors;
  std::vector<View> views;

  void add(Tensor tensor) {
    views.push_back(node_of(tensor).view());
    tensors.push_back(std::move(tensor));
  }
};

Tensors inputs_on(Device device, std::span<const Tensor> inputs) {
  Tensors there;
  for (const Tensor& input : inputs)
    there.add(placed(input, device));
  return there;
}

Tensors outputs_on(Device device, const rt::Executable& program) {
  Tensors outputs;
  for (const rt::TensorSpec& spec : program.outputs())
    outputs.add(make_empty(spec.dtype, spec.shape, device));
  return outputs;
}

} // namespace

std::vector<Tensor> run_program(const rt::Executable& program, std::span<const Tensor> inputs,
                                rt::ThreadPool& pool) {
  const Device device = common_device(inputs), compiled = public_device(program.device().get());
  if (device != Device::cpu && compiled != device)
    throw Error("the program was compiled for " + to_string(compiled) + ", its inputs lie on " +
                to_string(device));
  const Tensors from = inputs_on(device, inputs);
  Tensors to = outputs_on(device, program);
  if (device == Device::cpu)
    program.run(from.views, to.views, pool);
  else
    program.enqueue(from.views, to.views);
  return std::move(to.tensors);
}

std::vector<Tensor> run_operation(mlir::Operation& op, std::span<const Tensor> operands, Device device) {
  const auto program = codegen::operationProgram(op, to_string(device));
  const Tensors from = inputs_on(device, operands);
  Tensors to = outputs_on(device, *program);
  program->enqueue(from.views, to.views);
  return std::move(to.tensors);
}

} // namespace sinter::trace
