// Descriptors of the stand-in for cuDNN.
#pragma once

#include "memory.h"

#include <map>
#include <vector>

namespace stand_in {

// cudnnBackendDescriptorType_t.
enum DescriptorType {
  kPointwise = 0,
  kConvolution = 1,
  kEngine = 2,
  kConfig = 3,
  kHeuristics = 4,
  kPlan = 5,
  kForward = 10,
  kBackwardFilter = 11,
  kBackwardData = 12,
  kPointwiseOperation = 13,
  kGraph = 15,
  kPack = 16,
  kTensor = 17,
  kProperties = 38,
};

/// Of cudnnBackendAttributeType_t, how long a value is; 0 for types that nobody uses.
uint64_t bytes_of(int type);

struct Descriptor {
  struct Attribute {
    int type = 0;
    std::vector<char> bytes = {};
  };
  int type = 0;
  bool is_final = false;
  int engine = -1; // of an engine or its configuration
  std::map<int, Attribute> attributes = {};

  bool has(int attribute) const { return attributes.contains(attribute); }
  template <class T>
  std::vector<T> all(int attribute) const {
    std::vector<T> values;
    if (const auto found = attributes.find(attribute); found != attributes.end()) {
      values.resize(found->second.bytes.size() / sizeof(T));
      std::memcpy(values.data(), found->second.bytes.data(), found->second.bytes.size());
    }
    return values;
  }
  template <class T>
  T one(int attribute, T otherwise = {}) const {
    const auto values = all<T>(attribute);
    return values.empty() ? otherwise : values.front();
  }
  const Descriptor& at(int attribute) const { return *one<Descriptor*>(attribute); }
};

/// Null, or what is wrong with a descriptor whose attributes are all there.
const char* contradiction(const Descriptor& descriptor);

/// Computes `graph` in the memory that `pack` names; with `tf32`, factors lose bits.
void run(const Descriptor& graph, const Descriptor& pack, bool tf32);

} // namespace stand_in
