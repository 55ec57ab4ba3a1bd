// The functions, descriptors and attributes of cuDNN's graph interface that Sinter uses, as its documentation
// gives them: https://docs.nvidia.com/deeplearning/cudnn/backend
#pragma once

#include "cuda/driver.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace sinter::rt::cuda::cudnn {

using Status = int; // cudnnStatus_t
using Handle = struct HandleTag*;
using RawDescriptor = void*; // cudnnBackendDescriptor_t

enum class DescriptorType : int {
  pointwise = 0,
  convolution = 1,
  engine = 2,
  engine_config = 3,
  engine_heuristics = 4,
  execution_plan = 5,
  operation_convolution_forward = 10,
  operation_convolution_backward_filter = 11,
  operation_convolution_backward_data = 12,
  operation_pointwise = 13,
  operation_graph = 15,
  variant_pack = 16,
  tensor = 17,
  device_properties = 38,
};

enum class Attribute : int {
  pointwise_mode = 0,
  pointwise_math_precision = 1,
  pointwise_relu_lower = 3,
  pointwise_relu_upper = 4,
  pointwise_relu_slope = 5,
  pointwise_elu_alpha = 6,
  pointwise_softplus_beta = 7,
  pointwise_swish_beta = 8,
  convolution_compute_type = 100,
  convolution_mode = 101,
  convolution_dilations = 102,
  convolution_strides = 103,
  convolution_post_paddings = 104,
  convolution_pre_paddings = 105,
  convolution_spatial_dimensions = 106,
  heuristics_mode = 200,
  heuristics_graph = 201,
  heuristics_results = 202,
  heuristics_device_properties = 204,
  config_engine = 300,
  plan_config = 401,
  plan_workspace_bytes = 402,
  plan_device_properties = 407,
  forward_alpha = 700,
  forward_beta = 701,
  forward_convolution = 702,
  forward_w = 703,
  forward_x = 704,
  forward_y = 705,
  backward_data_alpha = 706,
  backward_data_beta = 707,
  backward_data_convolution = 708,
  backward_data_w = 709,
  backward_data_dx = 710,
  backward_data_dy = 711,
  backward_filter_alpha = 712,
  backward_filter_beta = 713,
  backward_filter_convolution = 714,
  backward_filter_dw = 715,
  backward_filter_x = 716,
  backward_filter_dy = 717,
  operation_pointwise = 750,
  operation_pointwise_x = 751,
  operation_pointwise_b = 752,
  operation_pointwise_y = 753,
  graph_operations = 801,
  tensor_alignment = 900,
  tensor_type = 901,
  tensor_extents = 902,
  tensor_strides = 903,
  tensor_id = 906,
  tensor_is_virtual = 907,
  tensor_is_by_value = 908,
  pack_ids = 1000,
  pack_pointers = 1001,
  pack_workspace = 1003,
  engine_numerical_notes = 1303,
  device_properties_handle = 2701,
  device_properties_json = 2702,
};

/// What an attribute's values are (cudnnBackendAttributeType_t).
enum class Type : int {
  handle = 0,
  data_type = 1,
  boolean = 2,
  int64 = 3,
  float32 = 4,
  float64 = 5,
  pointer = 6,
  convolution_mode = 7,
  heuristics_mode = 8,
  numerical_note = 11,
  pointwise_mode = 14,
  descriptor = 15,
  character = 24,
};

enum class DataType : int { f32 = 0, f16 = 2, bf16 = 9 };
enum class HeuristicsMode : int { fallback = 2, a = 3 };
enum class NumericalNote : int {
  tensor_core = 0,
  down_converts_inputs = 1,
  reduced_precision_reduction = 2,
  fft = 3,
  nondeterministic = 4,
  winograd = 5,
  winograd_4x4 = 6,
  winograd_6x6 = 7,
  winograd_13x13 = 8,
};
constexpr int kCrossCorrelation = 1; // of cudnnConvolutionMode_t

struct Cudnn {
  Library library{{"libcudnn.so.9"}};
  EntryPoint<std::size_t()> version{library, "cudnnGetVersion"};
  EntryPoint<Status(Handle*)> create{library, "cudnnCreate"};
  EntryPoint<Status(Handle, Stream)> set_stream{library, "cudnnSetStream"};
  EntryPoint<const char*(Status)> error_string{library, "cudnnGetErrorString"};
  EntryPoint<void(char*, std::size_t)> last_error{library, "cudnnGetLastErrorString"};
  EntryPoint<Status(DescriptorType, RawDescriptor*)> create_descriptor{library,
                                                                       "cudnnBackendCreateDescriptor"};
  EntryPoint<Status(RawDescriptor)> destroy_descriptor{library, "cudnnBackendDestroyDescriptor"};
  EntryPoint<Status(RawDescriptor)> finalize{library, "cudnnBackendFinalize"};
  EntryPoint<Status(RawDescriptor, Attribute, Type, int64_t, const void*)> set{library,
                                                                               "cudnnBackendSetAttribute"};
  EntryPoint<Status(RawDescriptor, Attribute, Type, int64_t, int64_t*, void*)> get{
      library, "cudnnBackendGetAttribute"};
  EntryPoint<Status(Handle, RawDescriptor, RawDescriptor)> execute{library, "cudnnBackendExecute"};

  /// cuDNN 9.8 or newer, or null: what came before cannot plan for the properties of a device.
  static const Cudnn* find();

  /// Throws Error (system) unless `status` is success; `what` begins the message.
  void check(Status status, const std::string& what) const;
};

struct DestroyDescriptor {
  const Cudnn* api = nullptr;
  void operator()(void* descriptor) const { api->destroy_descriptor(descriptor); }
};

/// A descriptor of the library.
class Descriptor {
public:
  Descriptor() = default;
  Descriptor(const Cudnn& api, DescriptorType type);
  Descriptor(Descriptor&&) noexcept = default;
  Descriptor& operator=(Descriptor&&) noexcept = default;

  RawDescriptor raw() const { return raw_.get(); }
  explicit operator bool() const { return raw_ != nullptr; }

  template <class T>
  void set(Attribute attribute, Type type, std::span<const T> values) {
    check(api_->set(raw(), attribute, type, static_cast<int64_t>(values.size()), values.data()), attribute);
  }
  template <class T>
  void set(Attribute attribute, Type type, const T& value) {
    set(attribute, type, std::span<const T>(&value, 1));
  }
  void set(Attribute attribute, const Descriptor& value) { set(attribute, Type::descriptor, value.raw()); }
  /// Up to values.size() of the attribute's values; how many there were.
  template <class T>
  int64_t get(Attribute attribute, Type type, std::span<T> values) const {
    int64_t count = 0;
    check(api_->get(raw(), attribute, type, static_cast<int64_t>(values.size()), &count, values.data()),
          attribute);
    return count;
  }
  void finalize() { api_->check(api_->finalize(raw()), "a descriptor"); }
  /// False if the library says that it does not support what is described.
  bool try_finalize();

private:
  void check(Status status, Attribute attribute) const;

  const Cudnn* api_ = nullptr;
  std::unique_ptr<void, DestroyDescriptor> raw_;
};

} // namespace sinter::rt::cuda::cudnn
