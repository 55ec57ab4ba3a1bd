// Damaging files in ways that bad disks, bad exporters and bad people do.
#pragma once

#include <onnx.pb.h>

#include <cstdint>
#include <random>
#include <string>

namespace sinter::test {

/// A damaged copy of the model: bits flipped, cut off, parts exchanged, numbers made absurd, fields moved
/// between messages. The same seed gives the same damage.
std::string mutate(const onnx::ModelProto& model, uint64_t seed);

} // namespace sinter::test
