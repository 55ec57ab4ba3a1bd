// The functions of CUDA's driver that Sinter calls, as its documentation gives them:
// https://docs.nvidia.com/cuda/cuda-driver-api
#pragma once

#include "cuda/library.h"

#include <cstddef>
#include <cstdint>

namespace sinter::rt::cuda {

using Status = int;             // CUresult
using DeviceNumber = int;       // CUdevice
using DeviceAddress = uint64_t; // CUdeviceptr
using Context = struct ContextTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;
using MemoryPool = struct MemoryPoolTag*;
using Graph = struct GraphTag*;
using GraphNode = struct GraphNodeTag*;
using GraphExec = struct GraphExecTag*;

/// CUDA_KERNEL_NODE_PARAMS_v2.
struct KernelNode {
  Function function = nullptr;
  unsigned blocks[3] = {1, 1, 1};
  unsigned threads[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
  void** arguments = nullptr;
  void** extra = nullptr;
  void* kernel = nullptr;
  Context context = nullptr;
};

/// CUmemPoolProps_v1, for memory of a device that no other process gets. The last fields of newer versions
/// (maxSize since CUDA 12.2, usage) were reserved before: 0 is right for all.
struct PoolProperties {
  int allocation_type = 1; // CU_MEM_ALLOCATION_TYPE_PINNED
  int handle_types = 0;    // CU_MEM_HANDLE_TYPE_NONE
  int location_type = 1;   // CU_MEM_LOCATION_TYPE_DEVICE
  DeviceNumber location = 0;
  void* security_attributes = nullptr;
  unsigned char reserved[64] = {};
};
static_assert(sizeof(PoolProperties) == 88);

struct Driver {
  Library library{{"libcuda.so.1"}};
  EntryPoint<Status(unsigned)> init{library, "cuInit"};
  EntryPoint<Status(Status, const char**)> error_string{library, "cuGetErrorString"};
  EntryPoint<Status(int*)> version{library, "cuDriverGetVersion"};
  EntryPoint<Status(int*)> device_count{library, "cuDeviceGetCount"};
  EntryPoint<Status(DeviceNumber*, int)> device{library, "cuDeviceGet"};
  EntryPoint<Status(char*, int, DeviceNumber)> device_name{library, "cuDeviceGetName"};
  EntryPoint<Status(int*, int, DeviceNumber)> device_attribute{library, "cuDeviceGetAttribute"};
  EntryPoint<Status(std::size_t*, DeviceNumber)> total_memory{library, "cuDeviceTotalMem_v2"};
  EntryPoint<Status(Context*, DeviceNumber)> retain_context{library, "cuDevicePrimaryCtxRetain"};
  EntryPoint<Status(Context)> push_context{library, "cuCtxPushCurrent_v2"};
  EntryPoint<Status(Context*)> pop_context{library, "cuCtxPopCurrent_v2"};
  EntryPoint<Status(Stream*, unsigned)> create_stream{library, "cuStreamCreate"};
  EntryPoint<Status(Stream)> synchronize{library, "cuStreamSynchronize"};
  EntryPoint<Status(Event*, unsigned)> create_event{library, "cuEventCreate"};
  EntryPoint<Status(Event, Stream)> record_event{library, "cuEventRecord"};
  EntryPoint<Status(Event)> wait_for_event{library, "cuEventSynchronize"};
  EntryPoint<Status(void**, std::size_t, unsigned)> allocate_host{library, "cuMemHostAlloc"};
  EntryPoint<Status(MemoryPool*, const PoolProperties*)> create_pool{library, "cuMemPoolCreate"};
  EntryPoint<Status(MemoryPool, int, void*)> set_pool_attribute{library, "cuMemPoolSetAttribute"};
  EntryPoint<Status(MemoryPool, std::size_t)> trim_pool{library, "cuMemPoolTrimTo"};
  EntryPoint<Status(DeviceAddress*, std::size_t, MemoryPool, Stream)> allocate{library,
                                                                               "cuMemAllocFromPoolAsync"};
  EntryPoint<Status(DeviceAddress, Stream)> release{library, "cuMemFreeAsync"};
  EntryPoint<Status(DeviceAddress, const void*, std::size_t, Stream)> upload{library, "cuMemcpyHtoDAsync_v2"};
  EntryPoint<Status(void*, DeviceAddress, std::size_t, Stream)> download{library, "cuMemcpyDtoHAsync_v2"};
  EntryPoint<Status(DeviceAddress, DeviceAddress, std::size_t, Stream)> copy{library, "cuMemcpyDtoDAsync_v2"};
  EntryPoint<Status(DeviceAddress, unsigned char, std::size_t, Stream)> set_bytes{library, "cuMemsetD8Async"};
  EntryPoint<Status(Module*, const void*)> load_module{library, "cuModuleLoadData"};
  EntryPoint<Status(Module)> unload_module{library, "cuModuleUnload"};
  EntryPoint<Status(Function*, Module, const char*)> function{library, "cuModuleGetFunction"};
  EntryPoint<Status(Function, int, int)> set_attribute{library, "cuFuncSetAttribute"};
  EntryPoint<Status(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream,
                    void**, void**)>
      launch{library, "cuLaunchKernel"};
  EntryPoint<Status(Stream, int)> begin_capture{library, "cuStreamBeginCapture_v2"};
  EntryPoint<Status(Stream, Graph*)> end_capture{library, "cuStreamEndCapture"};
  EntryPoint<Status(Graph*, unsigned)> create_graph{library, "cuGraphCreate"};
  EntryPoint<Status(Graph)> destroy_graph{library, "cuGraphDestroy"};
  EntryPoint<Status(GraphNode*, Graph, const GraphNode*, std::size_t, const KernelNode*)> add_kernel_node{
      library, "cuGraphAddKernelNode_v2"};
  EntryPoint<Status(GraphNode*, Graph, const GraphNode*, std::size_t, Graph)> add_child_graph{
      library, "cuGraphAddChildGraphNode"};
  EntryPoint<Status(GraphExec*, Graph, unsigned long long)> instantiate{library,
                                                                        "cuGraphInstantiateWithFlags"};
  EntryPoint<Status(GraphExec, GraphNode, const KernelNode*)> set_kernel_node{
      library, "cuGraphExecKernelNodeSetParams_v2"};
  EntryPoint<Status(GraphExec, GraphNode, Graph)> set_child_graph{library,
                                                                  "cuGraphExecChildGraphNodeSetParams"};
  EntryPoint<Status(GraphExec, Stream)> launch_graph{library, "cuGraphLaunch"};
  EntryPoint<Status(GraphExec)> destroy_exec{library, "cuGraphExecDestroy"};

  /// As far as it could be loaded: see `library`.
  static const Driver& loaded();
  /// The driver, initialised. Throws Error (system) if there is none.
  static const Driver& get();

  /// Throws Error (system) unless `status` is success; `what` begins the message.
  void check(Status status, const char* what) const;
};

/// The library `name` of CUDA's toolkit, "libnvrtc", of a major version that the driver runs, which are its
/// own and older ones; of any that Sinter knows if there is no driver.
Library toolkit_library(const std::string& name);

} // namespace sinter::rt::cuda
