// A processor beside the host's, with memory of its own.
#pragma once

#include "sinter/runtime/storage.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace sinter::rt {

/// A function of a library that gives the device work of its own, in place of a kernel.
class DeviceCall {
public:
  virtual ~DeviceCall() = default;
  /// Gives the work to `stream`, the device's own handle, and returns; the buffers are those of a kernel.
  /// Where can_be_recorded() says so it may be recorded instead of done: then it neither waits nor allocates.
  /// Throws Error (system).
  virtual void enqueue(void* stream, void* const* buffers) const = 0;
  virtual bool can_be_recorded(void* const* buffers) const = 0;
};

/// A kernel as a device takes it.
struct DeviceKernel {
  static constexpr std::size_t kMostParameters = 512; ///< CUDA's 4 KB of pointers

  std::shared_ptr<const DeviceCall> call; ///< instead of `function`, if not null
  std::shared_ptr<void> code;             ///< keeps `function` loaded
  void* function = nullptr;               ///< the device's own handle
  int64_t blocks = 1;
  int64_t threads[2] = {1, 1}; ///< of a block, in x and y
  uint32_t parameters = 0;     ///< buffers it takes, at most kMostParameters
  uint32_t shared_bytes = 0;   ///< memory that its blocks share, besides what the code declares
};

/// One kernel on buffers, whose addresses are read when it is given to the device.
struct DeviceLaunch {
  const DeviceKernel* kernel = nullptr;
  void* const* buffers = nullptr;
};

/// Launches that are given to a device in one go, again and again.
class DeviceGraph {
public:
  virtual ~DeviceGraph() = default;
  /// Gives the device all of them, in order, on what the buffers' addresses are by now. False, and nothing is
  /// done, if a call cannot be recorded with these. Throws Error (system).
  virtual bool launch() = 0;
};

/// Work that is given to a device is done in the order it was given; calls return before it is done unless
/// they say otherwise. All throw Error (system) when the device reports a fault. From several threads at once
/// only with the lock that `exclusive` gives.
class Device {
public:
  virtual ~Device() = default;

  /// What the maker calls it.
  virtual const std::string& name() const = 0;
  /// Its number among those of its kind.
  virtual int ordinal() const = 0;

  /// Memory of the device: its address means nothing to the host. What lies there stays until the work is
  /// done that was given before the storage ended. Throws Error (system) when there is none left.
  virtual std::shared_ptr<Storage> allocate(uint64_t bytes) = 0;
  /// The host's bytes may be changed when it returns.
  virtual void upload(void* to, const void* from, uint64_t bytes) = 0;
  /// Waits until the bytes are there.
  virtual void download(void* to, const void* from, uint64_t bytes) = 0;
  virtual void copy(void* to, const void* from, uint64_t bytes) = 0;
  virtual void launch(const DeviceKernel& kernel, void* const* buffers) = 0;
  /// What `launches`, whose kernels and addresses outlive it, do; null if a call among them cannot be
  /// recorded.
  virtual std::unique_ptr<DeviceGraph> record(std::span<const DeviceLaunch> launches) = 0;
  /// Waits until all is done.
  virtual void synchronize() = 0;

  std::unique_lock<std::mutex> exclusive() { return std::unique_lock(mutex_); }

private:
  std::mutex mutex_;
};

} // namespace sinter::rt
