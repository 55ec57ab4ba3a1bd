// A GPU's memory, which is given and taken back in the order of its stream.
#pragma once

#include "cuda/driver.h"

#include <string>

namespace sinter::rt::cuda {

/// A pool of Sinter's own: the device's default one belongs to all that is in the process. What is released
/// stays in it, or every program would get its memory from the system anew, and wait for that. It lives as
/// long as the process. The calling thread is in the device's context. From several threads at once.
class DeviceMemory {
public:
  /// Throws Error (system) if the device, called `name`, has no pools.
  DeviceMemory(const Driver& driver, DeviceNumber device, const std::string& name, Stream stream);

  Status allocate(DeviceAddress* memory, uint64_t bytes) const;
  void release(DeviceAddress memory) const { driver_.release(memory, stream_); }

  /// The status of `call`, which takes memory of the device, of the pool or not. If there is none left, what
  /// the pool keeps is given back, and it is called once more. Throws Error (system) if work that was given
  /// before has failed.
  template <class Call>
  Status with_room(Call call) const {
    constexpr Status kOutOfMemory = 2;
    const Status status = call();
    if (status != kOutOfMemory)
      return status;
    make_room();
    return call();
  }

private:
  void make_room() const;

  const Driver& driver_;
  const Stream stream_;
  MemoryPool pool_ = nullptr;
};

} // namespace sinter::rt::cuda
