// Matrix products by cuBLASLt, whose matrices are stored by columns: it is asked for the transposed result,
// whose factors are ours in the other order, transposed as well.
#include "sinter/runtime/cuda/matmul.h"

#include "cuda/aligned_buffers.h"
#include "cuda/cublaslt.h"
#include "cuda/data_type.h"
#include "sinter/runtime/error.h"

#include <map>
#include <mutex>

namespace sinter::rt::cuda {
namespace {

using namespace cublaslt;

constexpr uint32_t kInComputeType = 2;              // CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE
constexpr uint64_t kWorkspace = uint64_t{32} << 20; // what NVIDIA recommends for Hopper

// A handle for a device, for the rest of the process; the library takes it from several threads at once.
Handle handle_of(const CudaDevice& device, const CublasLt& api) {
  static std::mutex mutex;
  static auto& handles = *new std::map<const CudaDevice*, Handle>;
  const std::lock_guard lock(mutex);
  Handle& known = handles[&device];
  if (!known)
    api.check(api.create(&known), "a handle");
  return known;
}

// A problem in the library's terms.
class Description {
public:
  Description(const CublasLt& api, const FusedMatmul& problem) : api_(api) {
    const DataType type = data_type<DataType>(problem.dtype);
    RawOperation operation = nullptr;
    api.check(api.create_operation(&operation, problem.tf32 ? ComputeType::f32_fast_tf32 : ComputeType::f32,
                                   DataType::f32),
              "an operation");
    operation_ = {operation, [&api](RawOperation made) { api.destroy_operation(made); }};
    set(OperationAttribute::transpose_a, static_cast<int32_t>(problem.rhs.transposed));
    set(OperationAttribute::transpose_b, static_cast<int32_t>(problem.lhs.transposed));
    set(OperationAttribute::epilogue, epilogue_of(problem));
    if (problem.bias) {
      set(OperationAttribute::bias_type, type);
      set_bias(reinterpret_cast<const void*>(kAlignment)); // heuristics look at how it is aligned
    }
    a_ = layout(problem, problem.rhs, problem.terms, problem.columns);
    b_ = layout(problem, problem.lhs, problem.rows, problem.terms);
    c_ = layout(problem, problem.addend.value_or(problem.result), problem.rows, problem.columns);
    d_ = layout(problem, problem.result, problem.rows, problem.columns);
  }

  // Only with the device's lock.
  void set_bias(const void* address) const { set(OperationAttribute::bias, address); }

  std::vector<HeuristicResult> algorithms(Handle handle, std::size_t count) const {
    RawPreference made = nullptr;
    api_.check(api_.create_preference(&made), "a preference");
    const std::shared_ptr<void> owner(made, [&](void*) { api_.destroy_preference(made); });
    api_.check(
        api_.set_preference(made, PreferenceAttribute::workspace_bytes, &kWorkspace, sizeof kWorkspace),
        "a preference");
    // Parts of a sum are added up in f32, or there are none.
    api_.check(api_.set_preference(made, PreferenceAttribute::reduction_schemes, &kInComputeType,
                                   sizeof kInComputeType),
               "a preference");
    const auto alignment = static_cast<uint32_t>(kAlignment);
    using enum PreferenceAttribute;
    for (const PreferenceAttribute of : {alignment_a, alignment_b, alignment_c, alignment_d})
      api_.check(api_.set_preference(made, of, &alignment, sizeof alignment), "a preference");
    std::vector<HeuristicResult> results(count);
    int found = 0;
    const Status status = api_.heuristic(handle, operation_.get(), a_.get(), b_.get(), c_.get(), d_.get(),
                                         made, static_cast<int>(count), results.data(), &found);
    constexpr Status kNotSupported = 15; // it has none
    if (status != kNotSupported)
      api_.check(status, "an algorithm");
    results.resize(status == 0 ? static_cast<std::size_t>(found) : 0);
    std::erase_if(results, [](const HeuristicResult& result) { return result.state != 0; });
    return results;
  }

  void run(Handle handle, const Algorithm& algorithm, float alpha, float beta, const void* lhs,
           const void* rhs, const void* addend, void* result, const Storage* workspace, Stream stream) const {
    api_.check(api_.matmul(handle, operation_.get(), &alpha, rhs, a_.get(), lhs, b_.get(), &beta, addend,
                           c_.get(), result, d_.get(), &algorithm, workspace ? workspace->data() : nullptr,
                           workspace ? workspace->bytes() : 0, stream),
               "a matrix product");
  }

private:
  using Layout = std::shared_ptr<LtLayoutTag>;

  static uint32_t epilogue_of(const FusedMatmul& problem) {
    uint32_t epilogue = problem.bias ? kBias : 0;
    if (problem.activation == FusedMatmul::Activation::relu)
      epilogue |= kRelu;
    if (problem.activation == FusedMatmul::Activation::gelu_tanh)
      epilogue |= kGelu;
    return epilogue == 0 ? kDefault : epilogue;
  }

  template <class T>
  void set(OperationAttribute attribute, const T& value) const {
    api_.check(api_.set_operation(operation_.get(), attribute, &value, sizeof value), "an operation");
  }

  // Of a factor [rows, columns]: what lies there by rows lies there, transposed, by columns.
  Layout layout(const FusedMatmul& problem, const FusedMatmul::Matrix& matrix, int64_t rows,
                int64_t columns) const {
    if (matrix.transposed)
      std::swap(rows, columns);
    RawLayout made = nullptr;
    api_.check(api_.create_layout(&made, data_type<DataType>(problem.dtype), static_cast<uint64_t>(columns),
                                  static_cast<uint64_t>(rows), matrix.row_stride),
               "a matrix");
    Layout owned(made, [api = &api_](RawLayout layout) { api->destroy_layout(layout); });
    const auto batch = static_cast<int32_t>(problem.batch);
    api_.check(api_.set_layout(made, LayoutAttribute::batch_count, &batch, sizeof batch), "a matrix");
    api_.check(api_.set_layout(made, LayoutAttribute::batch_stride, &matrix.batch_stride, sizeof(int64_t)),
               "a matrix");
    return owned;
  }

  const CublasLt& api_;
  std::shared_ptr<LtOperationTag> operation_;
  Layout a_, b_, c_, d_;
};

// All that lies between the first and the last element of a [rows, columns] matrix of every batch.
BufferUse use_of(const FusedMatmul& problem, const FusedMatmul::Matrix& matrix, int64_t rows, int64_t columns,
                 bool written = false) {
  if (matrix.transposed)
    std::swap(rows, columns);
  const int64_t elements =
      (problem.batch - 1) * matrix.batch_stride + (rows - 1) * matrix.row_stride + columns;
  return {matrix.buffer, static_cast<uint64_t>(elements) * size_of(problem.dtype), written};
}

std::vector<BufferUse> uses_of(const FusedMatmul& problem) {
  std::vector<BufferUse> uses{use_of(problem, problem.lhs, problem.rows, problem.terms),
                              use_of(problem, problem.rhs, problem.terms, problem.columns),
                              use_of(problem, problem.result, problem.rows, problem.columns, true)};
  if (problem.addend)
    uses.push_back(use_of(problem, *problem.addend, problem.rows, problem.columns));
  if (problem.bias)
    uses.push_back({*problem.bias, static_cast<uint64_t>(problem.columns) * size_of(problem.dtype)});
  return uses;
}

class MatmulCall final : public DeviceCall {
public:
  MatmulCall(CudaDevice& device, const FusedMatmul& problem, Handle handle,
             std::shared_ptr<const Description> description, const HeuristicResult& chosen,
             std::shared_ptr<Storage> workspace)
      : device_(device), problem_(problem), handle_(handle), description_(std::move(description)),
        algorithm_(chosen.algorithm), uses_(uses_of(problem)), workspace_(std::move(workspace)) {}

  void enqueue(void* stream, void* const* buffers) const override {
    AlignedBuffers aligned(device_, static_cast<Stream>(stream), uses_, buffers);
    if (problem_.bias)
      description_->set_bias(aligned[*problem_.bias]);
    void* const result = aligned[problem_.result.buffer];
    description_->run(handle_, algorithm_, static_cast<float>(problem_.alpha), problem_.addend ? 1.0F : 0.0F,
                      aligned[problem_.lhs.buffer], aligned[problem_.rhs.buffer],
                      problem_.addend ? aligned[problem_.addend->buffer] : result, result, workspace_.get(),
                      static_cast<Stream>(stream));
    aligned.finish();
  }
  bool can_be_recorded(void* const* buffers) const override {
    return AlignedBuffers::are_aligned(uses_, buffers);
  }

private:
  CudaDevice& device_; // lives as long as the process
  FusedMatmul problem_;
  Handle handle_;
  std::shared_ptr<const Description> description_;
  Algorithm algorithm_;
  std::vector<BufferUse> uses_;
  std::shared_ptr<Storage> workspace_;
};

} // namespace

std::vector<std::shared_ptr<const DeviceCall>> plan_matmul(CudaDevice& device, const FusedMatmul& problem,
                                                           std::size_t count) {
  std::vector<std::shared_ptr<const DeviceCall>> calls;
  const CublasLt* api = CublasLt::find();
  if (!api)
    return calls;
  device.with_context([&] {
    const Handle handle = handle_of(device, *api);
    const auto description = std::make_shared<const Description>(*api, problem);
    for (const HeuristicResult& result : description->algorithms(handle, count)) {
      std::shared_ptr<Storage> workspace;
      if (result.workspace_bytes > 0)
        workspace = device.workspace(result.workspace_bytes);
      calls.push_back(
          std::make_shared<MatmulCall>(device, problem, handle, description, result, std::move(workspace)));
    }
  });
  return calls;
}

} // namespace sinter::rt::cuda
