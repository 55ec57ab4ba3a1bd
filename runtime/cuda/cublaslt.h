// The functions and attributes of cuBLASLt that Sinter uses, as its documentation gives them:
// https://docs.nvidia.com/cuda/cublas
#pragma once

#include "cuda/driver.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace sinter::rt::cuda::cublaslt {

using Status = int; // cublasStatus_t
using Handle = struct LtHandleTag*;
using RawOperation = struct LtOperationTag*;   // cublasLtMatmulDesc_t
using RawLayout = struct LtLayoutTag*;         // cublasLtMatrixLayout_t
using RawPreference = struct LtPreferenceTag*; // cublasLtMatmulPreference_t

enum class ComputeType : int { f32 = 68, f32_fast_tf32 = 77 }; // cublasComputeType_t
enum class DataType : int { f32 = 0, f16 = 2, bf16 = 14 };     // cudaDataType_t
enum class OperationAttribute : int {
  transpose_a = 3,
  transpose_b = 4,
  epilogue = 7,
  bias = 8,
  bias_type = 26
};
enum class LayoutAttribute : int { batch_count = 5, batch_stride = 6 };
enum class PreferenceAttribute : int {
  workspace_bytes = 1,
  reduction_schemes = 3,
  alignment_a = 5,
  alignment_b = 6,
  alignment_c = 7,
  alignment_d = 8,
};
/// Bits of cublasLtEpilogue_t.
enum Epilogue : uint32_t { kDefault = 1, kRelu = 2, kBias = 4, kGelu = 32 };

struct Algorithm {
  std::array<uint64_t, 8> data;
};
struct HeuristicResult {
  Algorithm algorithm;
  std::size_t workspace_bytes;
  Status state;
  float waves;
  std::array<int, 4> reserved;
};

struct CublasLt {
  Library library = toolkit_library("libcublasLt");
  EntryPoint<Status(Handle*)> create{library, "cublasLtCreate"};
  EntryPoint<const char*(Status)> status_name{library, "cublasLtGetStatusName"};
  EntryPoint<Status(RawOperation*, ComputeType, DataType)> create_operation{library,
                                                                            "cublasLtMatmulDescCreate"};
  EntryPoint<Status(RawOperation)> destroy_operation{library, "cublasLtMatmulDescDestroy"};
  EntryPoint<Status(RawOperation, OperationAttribute, const void*, std::size_t)> set_operation{
      library, "cublasLtMatmulDescSetAttribute"};
  EntryPoint<Status(RawLayout*, DataType, uint64_t, uint64_t, int64_t)> create_layout{
      library, "cublasLtMatrixLayoutCreate"};
  EntryPoint<Status(RawLayout)> destroy_layout{library, "cublasLtMatrixLayoutDestroy"};
  EntryPoint<Status(RawLayout, LayoutAttribute, const void*, std::size_t)> set_layout{
      library, "cublasLtMatrixLayoutSetAttribute"};
  EntryPoint<Status(RawPreference*)> create_preference{library, "cublasLtMatmulPreferenceCreate"};
  EntryPoint<Status(RawPreference)> destroy_preference{library, "cublasLtMatmulPreferenceDestroy"};
  EntryPoint<Status(RawPreference, PreferenceAttribute, const void*, std::size_t)> set_preference{
      library, "cublasLtMatmulPreferenceSetAttribute"};
  EntryPoint<Status(Handle, RawOperation, RawLayout, RawLayout, RawLayout, RawLayout, RawPreference, int,
                    HeuristicResult*, int*)>
      heuristic{library, "cublasLtMatmulAlgoGetHeuristic"};
  EntryPoint<Status(Handle, RawOperation, const void*, const void*, RawLayout, const void*, RawLayout,
                    const void*, const void*, RawLayout, void*, RawLayout, const Algorithm*, void*,
                    std::size_t, Stream)>
      matmul{library, "cublasLtMatmul"};

  /// cuBLASLt of CUDA 12 or newer, or null.
  static const CublasLt* find();

  /// Throws Error (system) unless `status` is success; `what` begins the message.
  void check(Status status, const char* what) const;
};

} // namespace sinter::rt::cuda::cublaslt
