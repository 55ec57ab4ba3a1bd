// A real cuDNN, where there is one: it plans for a device whose properties it is told, and needs none for
// that.
#include "cuda/operation_graph.h"

#include <gtest/gtest.h>

#include <string_view>

namespace sinter::rt::cuda::cudnn {
namespace {

// Of an H200, by the names that cuDNN 9.8 and newer have for them; what it is called changes nothing.
constexpr std::string_view kH200 =
    R"({"deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0, "deviceName": "H200", "multiProcessorCount": 132,
        "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
        "warpSize": 32, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
        "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536, "maxCtasPerSM": 32,
        "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
        "supportCoopLaunch": 1, "totalGlobalMem": 150000000000, "smClockRateKHz": 1980000,
        "memClockRateKHz": 3201000, "l2CacheSize": 62914560})";

struct Layer {
  int64_t in, size, out, kernel, stride;
  bool residual = false, relu = true;
};

// The kinds of ResNet-50's convolutions.
constexpr Layer kLayers[] = {{3, 224, 64, 7, 2},
                             {64, 56, 64, 1, 1},
                             {64, 56, 64, 3, 1},
                             {64, 56, 256, 1, 1, true},
                             {256, 56, 512, 1, 2, false, false},
                             {256, 56, 128, 1, 1},
                             {128, 56, 128, 3, 2},
                             {512, 28, 128, 1, 1},
                             {256, 14, 256, 3, 1},
                             {256, 14, 1024, 1, 1, true},
                             {1024, 14, 2048, 1, 2, false, false},
                             {512, 7, 512, 3, 1},
                             {512, 7, 2048, 1, 1, true}};

BufferTensor tensor(uint32_t buffer, DType dtype, std::vector<int64_t> extents, bool channelsLast) {
  BufferTensor result{buffer, dtype, std::move(extents), {}};
  result.strides.resize(4);
  int64_t stride = 1;
  for (const std::size_t dim :
       channelsLast ? std::vector<std::size_t>{1, 3, 2, 0} : std::vector<std::size_t>{3, 2, 1, 0}) {
    result.strides[dim] = stride;
    stride *= result.extents[dim];
  }
  return result;
}

FusedConvolution problem_of(const Layer& layer, DType dtype, bool tf32, bool channelsLast) {
  using Kind = PointwiseFunction::Kind;
  using Earlier = PointwiseStep::Earlier;
  constexpr int64_t kBatch = 8;
  const int64_t pad = layer.kernel / 2, out = (layer.size + 2 * pad - layer.kernel) / layer.stride + 1;
  FusedConvolution problem;
  problem.tf32 = tf32;
  problem.first = tensor(0, dtype, {kBatch, layer.in, layer.size, layer.size}, channelsLast);
  problem.second = tensor(1, dtype, {layer.out, layer.in, layer.kernel, layer.kernel}, channelsLast);
  problem.result = tensor(4, dtype, {kBatch, layer.out, out, out}, channelsLast);
  problem.strides = {layer.stride, layer.stride};
  problem.dilations = {1, 1};
  problem.pad_begin = problem.pad_end = {pad, pad};
  auto append = [&](Kind kind, PointwiseStep::Operand b = Earlier{}) {
    problem.steps.push_back({{kind}, Earlier{static_cast<int32_t>(problem.steps.size()) - 1}, std::move(b)});
  };
  append(Kind::add, tensor(2, dtype, {1, layer.out, 1, 1}, channelsLast));
  if (layer.residual)
    append(Kind::add, tensor(3, dtype, problem.result.extents, channelsLast));
  if (layer.relu)
    append(Kind::relu);
  return problem;
}

TEST(Cudnn, HasPlansForResNet) {
  const Cudnn* api = Cudnn::find();
  if (!api)
    GTEST_SKIP() << "there is no cuDNN 9.8 or newer";
  Descriptor properties(*api, DescriptorType::device_properties);
  properties.set(Attribute::device_properties_json, Type::character, std::span<const char>(kH200));
  properties.finalize();
  struct Precision {
    DType dtype;
    bool tf32;
  };
  for (const auto [dtype, tf32] :
       {Precision{DType::f16, false}, {DType::bf16, false}, {DType::f32, true}, {DType::f32, false}})
    for (const bool channelsLast : {true, false})
      for (const Layer& layer : kLayers) {
        const FusedConvolution problem = problem_of(layer, dtype, tf32, channelsLast);
        const OperationGraph graph = make_graph(*api, problem);
        EXPECT_FALSE(make_plans(*api, graph, properties, problem, 1).empty())
            << name_of(dtype) << (tf32 ? " as tf32" : "") << (channelsLast ? " channels-last, " : ", ")
            << layer.in << " -> " << layer.out << ", " << layer.kernel << "x" << layer.kernel << " / "
            << layer.stride << " at " << layer.size << (layer.residual ? ", residual" : "");
      }
}

} // namespace
} // namespace sinter::rt::cuda::cudnn
