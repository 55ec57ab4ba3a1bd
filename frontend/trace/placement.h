// Where the elements of tensors lie, and running programs there.
#pragma once

#include "sinter/runtime/device.h"
#include "sinter/runtime/executable.h"
#include "sinter/runtime/thread_pool.h"
#include "sinter/tensor.h"
#include "trace/node.h"

#include <span>
#include <vector>

namespace sinter::trace {

// Invariant: tensors on a GPU are dense.

/// The device that a text names. Throws Error for one that names none.
Device device_named(const std::string& name);

/// Throws Error unless options may name this device and this precision. Whether there is such a GPU is not
/// looked at.
void check_target(const std::string& device, const std::string& precision);

/// The GPU, made ready; null for the host. Throws Error if there is none.
rt::Device* open(Device device);

/// Where the elements of a tensor lie, or will lie when they are computed.
Device device_of(const Tensor& tensor);

/// Where an operation or a program on `tensors` runs: where they lie. Numbers, of rank 0, on the host go with
/// any device. Throws Error if the others do not lie together.
Device common_device(std::span<const Tensor> tensors);
/// Throws Error if operands of an operation do not lie together. A function that is compiled is traced
/// before it is known where it runs, and what it captures comes there.
void check_places(std::span<const Node* const> operands);

/// Where a program on `tensors` runs, or, if that is the host, the device that an option names. Throws Error
/// if that is another than theirs.
Device place_for(const std::string& option, std::span<const Tensor> tensors);

/// Fresh uninitialised memory on `device`, row-major.
Tensor make_empty(DType dtype, const Shape& shape, Device device);

/// The elements of a tensor on `device`, dense: its own if they lie there, else a copy. Throws Error if they
/// are not known.
Tensor placed(const Tensor& tensor, Device device);

/// Overwrites `to`, which is concrete, by `from`, concrete, of the same dtype and shape and not overlapping
/// it.
void copy_elements(const Tensor& from, const Tensor& to);

/// What `program`, compiled for `device`, gives for `inputs`: on that device, if one of them lies there, else
/// on the host. Throws Error if an input's elements are not known, or lie elsewhere.
std::vector<Tensor> run_program(const rt::Executable& program, std::span<const Tensor> inputs,
                                rt::ThreadPool& pool);

/// Computes an operation on `device`, a GPU: as a program of its own, which is compiled for each combination
/// of attributes, dtypes and shapes once. Operands are concrete; those of the host are copied.
std::vector<Tensor> run_operation(mlir::Operation& op, std::span<const Tensor> operands, Device device);

} // namespace sinter::trace
