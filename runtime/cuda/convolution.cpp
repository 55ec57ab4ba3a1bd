// Runs of cuDNN's plans.
#include "sinter/runtime/cuda/convolution.h"

#include "cuda/aligned_buffers.h"
#include "cuda/operation_graph.h"
#include "sinter/runtime/error.h"

#include <mutex>

namespace sinter::rt::cuda {
namespace {

using namespace cudnn;

// What the process has of cuDNN for a device.
struct DeviceHandle {
  Handle handle = nullptr; // used with the device's own lock
  Stream stream = nullptr; // where its work goes
  Descriptor properties;   // what plans are made for

  // Null without a cuDNN.
  static std::shared_ptr<DeviceHandle> of(CudaDevice& device, const Cudnn& api) {
    static std::mutex mutex;
    static auto& handles = *new std::map<const CudaDevice*, std::shared_ptr<DeviceHandle>>; // never destroyed
    const std::lock_guard lock(mutex);
    std::shared_ptr<DeviceHandle>& known = handles[&device];
    if (!known) {
      auto made = std::make_shared<DeviceHandle>();
      api.check(api.create(&made->handle), "a handle");
      made->properties = Descriptor(api, DescriptorType::device_properties);
      made->properties.set(Attribute::device_properties_handle, Type::handle, made->handle);
      made->properties.finalize();
      known = std::move(made);
    }
    return known;
  }
};

BufferUse use_of(const BufferTensor& tensor, bool written) {
  int64_t elements = 1; // one more than where the last lies
  for (std::size_t d = 0; d < tensor.extents.size(); ++d)
    elements += (tensor.extents[d] - 1) * tensor.strides[d];
  return {tensor.buffer, static_cast<uint64_t>(elements) * size_of(tensor.dtype), written};
}

std::vector<BufferUse> uses_of(const FusedConvolution& problem) {
  std::map<uint32_t, BufferUse> uses;
  auto read = [&](const BufferTensor& tensor) { uses[tensor.buffer] = use_of(tensor, false); };
  read(problem.first);
  read(problem.second);
  for (const PointwiseStep& step : problem.steps)
    for (const PointwiseStep::Operand* operand : {&step.a, &step.b})
      if (const auto* tensor = std::get_if<BufferTensor>(operand))
        read(*tensor);
  uses[problem.result.buffer] = use_of(problem.result, true);
  std::vector<BufferUse> result;
  for (const auto& [buffer, use] : uses)
    result.push_back(use);
  return result;
}

class ConvolutionCall final : public DeviceCall {
public:
  ConvolutionCall(CudaDevice& device, const Cudnn& api, std::shared_ptr<DeviceHandle> handle,
                  std::shared_ptr<const OperationGraph> graph, Plan plan, std::vector<BufferUse> uses,
                  std::shared_ptr<Storage> workspace)
      : device_(device), api_(api), handle_(std::move(handle)), graph_(std::move(graph)),
        plan_(std::move(plan)), uses_(std::move(uses)), workspace_(std::move(workspace)) {}

  void enqueue(void* stream, void* const* buffers) const override {
    AlignedBuffers aligned(device_, static_cast<Stream>(stream), uses_, buffers);
    std::vector<void*> pointers;
    for (const auto& [id, buffer] : graph_->buffers)
      pointers.push_back(aligned[buffer]);
    if (handle_->stream != stream) {
      api_.check(api_.set_stream(handle_->handle, static_cast<Stream>(stream)), "a stream");
      handle_->stream = static_cast<Stream>(stream);
    }
    api_.check(api_.execute(handle_->handle, plan_.plan.raw(), pack_for(pointers).raw()), "a convolution");
    aligned.finish();
  }
  bool can_be_recorded(void* const* buffers) const override {
    return AlignedBuffers::are_aligned(uses_, buffers);
  }

private:
  // Programs run on the same addresses again and again.
  const Descriptor& pack_for(const std::vector<void*>& pointers) const {
    constexpr std::size_t kMost = 64;
    if (const auto known = packs_.find(pointers); known != packs_.end())
      return known->second;
    if (packs_.size() == kMost)
      packs_.clear();
    std::vector<int64_t> ids;
    std::vector<void*> values = pointers;
    for (const auto& [id, buffer] : graph_->buffers)
      ids.push_back(id);
    for (const auto& [id, value] : graph_->scalars) {
      ids.push_back(id);
      values.push_back(const_cast<float*>(&value));
    }
    Descriptor pack(api_, DescriptorType::variant_pack);
    pack.set(Attribute::pack_ids, Type::int64, std::span<const int64_t>(ids));
    pack.set(Attribute::pack_pointers, Type::pointer, std::span<void* const>(values));
    void* const workspace = workspace_ ? workspace_->data() : nullptr;
    pack.set(Attribute::pack_workspace, Type::pointer, workspace);
    pack.finalize();
    return packs_.emplace(pointers, std::move(pack)).first->second;
  }

  CudaDevice& device_; // lives as long as the process
  const Cudnn& api_;
  std::shared_ptr<DeviceHandle> handle_;
  std::shared_ptr<const OperationGraph> graph_;
  Plan plan_;
  std::vector<BufferUse> uses_;
  std::shared_ptr<Storage> workspace_;
  mutable std::map<std::vector<void*>, Descriptor> packs_; // calls are made with the device's lock
};

} // namespace

std::vector<std::shared_ptr<const DeviceCall>>
plan_convolution(CudaDevice& device, const FusedConvolution& problem, std::size_t count) {
  std::vector<std::shared_ptr<const DeviceCall>> calls;
  const Cudnn* api = Cudnn::find();
  if (!api)
    return calls;
  device.with_context([&] {
    const auto handle = DeviceHandle::of(device, *api);
    const auto graph = std::make_shared<const OperationGraph>(make_graph(*api, problem));
    for (Plan& plan : make_plans(*api, *graph, handle->properties, problem, count)) {
      std::shared_ptr<Storage> workspace;
      if (plan.workspace_bytes > 0)
        workspace = device.workspace(plan.workspace_bytes);
      calls.push_back(std::make_shared<ConvolutionCall>(device, *api, handle, graph, std::move(plan),
                                                        uses_of(problem), std::move(workspace)));
    }
  });
  return calls;
}

} // namespace sinter::rt::cuda
