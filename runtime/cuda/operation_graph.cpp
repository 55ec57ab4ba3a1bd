// Descriptors of tensors and operations. Tensors between operations are virtual: they are never in memory.
#include "cuda/operation_graph.h"

#include "cuda/aligned_buffers.h"
#include "cuda/data_type.h"
#include "sinter/runtime/error.h"

#include <cmath>
#include <optional>

namespace sinter::rt::cuda::cudnn {
namespace {

constexpr int64_t kVirtual = 1000, kScalar = 2000; // where ids of such tensors begin; before: buffers

// cudnnPointwiseMode_t.
int mode_of(PointwiseFunction::Kind kind) {
  using enum PointwiseFunction::Kind;
  switch (kind) {
  case add:
    return 0;
  case mul:
    return 1;
  case minimum:
    return 2;
  case maximum:
    return 3;
  case PointwiseFunction::Kind::sqrt:
    return 4;
  case div:
    return 6;
  case sub:
    return 9;
  case PointwiseFunction::Kind::abs:
    return 10;
  case PointwiseFunction::Kind::exp:
    return 13;
  case PointwiseFunction::Kind::log:
    return 15;
  case neg:
    return 16;
  case rsqrt:
    return 17;
  case PointwiseFunction::Kind::erf:
    return 20;
  case reciprocal:
    return 22;
  case relu:
    return 100;
  case PointwiseFunction::Kind::tanh:
    return 101;
  case sigmoid:
    return 102;
  case elu:
    return 103;
  case gelu:
    return 104;
  case softplus:
    return 105;
  case swish:
    return 106;
  case gelu_tanh:
    return 107;
  case none:
    break;
  }
  throw Error("cuDNN has no name for an elementwise function", ErrorKind::internal);
}

// Sums in the order for which cuDNN has kernels that need not be compiled first: tensors of the result's
// shape before numbers of channels.
FusedConvolution in_usual_order(FusedConvolution problem) {
  using Earlier = PointwiseStep::Earlier;
  auto reads = [&](std::size_t step, int32_t number) {
    int count = 0;
    for (const PointwiseStep::Operand* operand : {&problem.steps[step].a, &problem.steps[step].b})
      if (const auto* earlier = std::get_if<Earlier>(operand))
        count += earlier->number == number &&
                 (operand == &problem.steps[step].a || problem.steps[step].function.isBinary());
    return count;
  };
  auto is_link = [&](std::size_t step) { // adds a tensor to what the step before made, which none else reads
    const auto before = static_cast<int32_t>(step) - 1;
    if (problem.steps[step].function.kind != PointwiseFunction::Kind::add ||
        !std::holds_alternative<BufferTensor>(problem.steps[step].b) || reads(step, before) != 1)
      return false;
    for (std::size_t later = step + 1; later < problem.steps.size(); ++later)
      if (reads(later, before) != 0)
        return false;
    return true;
  };
  std::size_t links = 0;
  while (links < problem.steps.size() && is_link(links))
    ++links;
  std::vector<BufferTensor> added;
  for (const bool whole : {true, false})
    for (std::size_t i = 0; i < links; ++i)
      if (const auto& tensor = std::get<BufferTensor>(problem.steps[i].b);
          (tensor.extents == problem.result.extents) == whole)
        added.push_back(tensor);
  for (std::size_t i = 0; i < links; ++i)
    problem.steps[i].b = added[i];
  return problem;
}

class Builder {
public:
  Builder(const Cudnn& api, const FusedConvolution& problem) : api_(api), problem_(problem) {}

  OperationGraph build() {
    const RawDescriptor sums = problem_.steps.empty() ? tensor(problem_.result) : between();
    convolve(sums);
    std::vector<RawDescriptor> made;
    for (const PointwiseStep& step : problem_.steps) {
      const bool last = &step == &problem_.steps.back();
      auto operand = [&](const PointwiseStep::Operand& from) {
        if (const auto* earlier = std::get_if<PointwiseStep::Earlier>(&from))
          return earlier->number < 0 ? sums : made.at(static_cast<std::size_t>(earlier->number));
        if (const auto* given = std::get_if<BufferTensor>(&from))
          return tensor(*given);
        return scalar(std::get<float>(from));
      };
      const RawDescriptor a = operand(step.a), b = step.function.isBinary() ? operand(step.b) : nullptr;
      made.push_back(last ? tensor(problem_.result) : between());
      apply(step.function, a, b, made.back());
    }
    out_.graph = Descriptor(api_, DescriptorType::operation_graph);
    out_.graph.set(Attribute::graph_operations, Type::descriptor,
                   std::span<const RawDescriptor>(operations_));
    out_.graph.finalize();
    return std::move(out_);
  }

private:
  RawDescriptor keep(Descriptor descriptor) {
    descriptor.finalize();
    out_.parts.push_back(std::move(descriptor));
    return out_.parts.back().raw();
  }

  Descriptor unfinished(int64_t id, DataType type, std::span<const int64_t> extents,
                        std::span<const int64_t> strides) {
    Descriptor made(api_, DescriptorType::tensor);
    made.set(Attribute::tensor_id, Type::int64, id);
    made.set(Attribute::tensor_type, Type::data_type, type);
    made.set(Attribute::tensor_alignment, Type::int64, static_cast<int64_t>(kAlignment));
    made.set(Attribute::tensor_extents, Type::int64, extents);
    made.set(Attribute::tensor_strides, Type::int64, strides);
    return made;
  }

  // What lies in a buffer has one descriptor, however often it is read.
  RawDescriptor tensor(const BufferTensor& in) {
    RawDescriptor& known = ofBuffer_[in.buffer];
    if (!known) {
      const int64_t id = 1 + static_cast<int64_t>(in.buffer);
      known = keep(unfinished(id, data_type<DataType>(in.dtype), in.extents, in.strides));
      out_.buffers[id] = in.buffer;
    }
    return known;
  }

  RawDescriptor between() {
    const int64_t id = kVirtual + static_cast<int64_t>(out_.parts.size());
    Descriptor made = unfinished(id, DataType::f32, problem_.result.extents, problem_.result.strides);
    made.set(Attribute::tensor_is_virtual, Type::boolean, true);
    return keep(std::move(made));
  }

  RawDescriptor scalar(float value) {
    const int64_t id = kScalar + static_cast<int64_t>(out_.parts.size());
    const std::vector<int64_t> ones(problem_.result.extents.size(), 1);
    Descriptor made = unfinished(id, DataType::f32, ones, ones);
    made.set(Attribute::tensor_is_by_value, Type::boolean, true);
    out_.scalars[id] = value;
    return keep(std::move(made));
  }

  void convolve(RawDescriptor sums) {
    const auto dimensions = static_cast<int64_t>(problem_.strides.size());
    Descriptor convolution(api_, DescriptorType::convolution);
    convolution.set(Attribute::convolution_compute_type, Type::data_type, DataType::f32);
    convolution.set(Attribute::convolution_mode, Type::convolution_mode, kCrossCorrelation);
    convolution.set(Attribute::convolution_spatial_dimensions, Type::int64, dimensions);
    auto set = [&](Attribute attribute, const std::vector<int64_t>& values) {
      convolution.set(attribute, Type::int64, std::span<const int64_t>(values));
    };
    set(Attribute::convolution_strides, problem_.strides);
    set(Attribute::convolution_dilations, problem_.dilations);
    set(Attribute::convolution_pre_paddings, problem_.pad_begin);
    set(Attribute::convolution_post_paddings, problem_.pad_end);
    const RawDescriptor described = keep(std::move(convolution));

    using enum FusedConvolution::Kind;
    const RawDescriptor first = tensor(problem_.first), second = tensor(problem_.second);
    if (problem_.kind == forward)
      operation(DescriptorType::operation_convolution_forward,
                {{Attribute::forward_convolution, described},
                 {Attribute::forward_x, first},
                 {Attribute::forward_w, second},
                 {Attribute::forward_y, sums}},
                Attribute::forward_alpha, Attribute::forward_beta);
    else if (problem_.kind == data_gradient)
      operation(DescriptorType::operation_convolution_backward_data,
                {{Attribute::backward_data_convolution, described},
                 {Attribute::backward_data_dy, first},
                 {Attribute::backward_data_w, second},
                 {Attribute::backward_data_dx, sums}},
                Attribute::backward_data_alpha, Attribute::backward_data_beta);
    else
      operation(DescriptorType::operation_convolution_backward_filter,
                {{Attribute::backward_filter_convolution, described},
                 {Attribute::backward_filter_x, first},
                 {Attribute::backward_filter_dy, second},
                 {Attribute::backward_filter_dw, sums}},
                Attribute::backward_filter_alpha, Attribute::backward_filter_beta);
  }

  void operation(DescriptorType type, const std::map<Attribute, RawDescriptor>& operands,
                 std::optional<Attribute> alpha = {}, std::optional<Attribute> beta = {}) {
    Descriptor made(api_, type);
    for (const auto& [attribute, descriptor] : operands)
      made.set(attribute, Type::descriptor, descriptor);
    if (alpha)
      made.set(*alpha, Type::float32, 1.0F);
    if (beta)
      made.set(*beta, Type::float32, 0.0F);
    operations_.push_back(keep(std::move(made)));
  }

  void apply(const PointwiseFunction& function, RawDescriptor a, RawDescriptor b, RawDescriptor result) {
    using enum PointwiseFunction::Kind;
    Descriptor described(api_, DescriptorType::pointwise);
    described.set(Attribute::pointwise_mode, Type::pointwise_mode, mode_of(function.kind));
    described.set(Attribute::pointwise_math_precision, Type::data_type, DataType::f32);
    if (function.kind == relu) {
      described.set(Attribute::pointwise_relu_lower, Type::float64, function.lower);
      if (!std::isinf(function.upper))
        described.set(Attribute::pointwise_relu_upper, Type::float64, function.upper);
      if (function.slope != 0)
        described.set(Attribute::pointwise_relu_slope, Type::float64, function.slope);
    } else if (function.kind == elu) {
      described.set(Attribute::pointwise_elu_alpha, Type::float64, function.alpha);
    } else if (function.kind == softplus) {
      described.set(Attribute::pointwise_softplus_beta, Type::float64, 1.0);
    } else if (function.kind == swish) {
      described.set(Attribute::pointwise_swish_beta, Type::float64, 1.0);
    }
    std::map<Attribute, RawDescriptor> operands{{Attribute::operation_pointwise, keep(std::move(described))},
                                                {Attribute::operation_pointwise_x, a},
                                                {Attribute::operation_pointwise_y, result}};
    if (b)
      operands[Attribute::operation_pointwise_b] = b;
    operation(DescriptorType::operation_pointwise, operands);
  }

  const Cudnn& api_;
  const FusedConvolution& problem_;
  OperationGraph out_;
  std::map<uint32_t, RawDescriptor> ofBuffer_;
  std::vector<RawDescriptor> operations_;
};

} // namespace

OperationGraph make_graph(const Cudnn& api, const FusedConvolution& problem) {
  const FusedConvolution ordered = in_usual_order(problem);
  return Builder(api, ordered).build();
}

} // namespace sinter::rt::cuda::cudnn
