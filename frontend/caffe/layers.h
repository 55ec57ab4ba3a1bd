// The table of Caffe's layers: from a type to what imports it.
#pragma once

#include "frontend/caffe/layer.h"

#include <limits>
#include <unordered_map>

namespace sinter::caffe_import {

/// How many bottoms or tops there may be.
struct Count {
  std::size_t least, most;
};
inline constexpr Count kOne{1, 1};
inline constexpr Count kAny{1, std::numeric_limits<int32_t>::max()};

/// The ranks of the blobs that a layer needs; -1 is any rank.
using BlobRanks = std::vector<int>;

struct LayerType {
  void (*import)(LayerContext&);
  const char* settings = ""; ///< the message of its parameters, such as "pooling_param"
  Count bottoms = kOne, tops = kOne;
  BlobRanks (*blobs)(const Layer&, const Settings&) = nullptr; ///< null: it has none
};

class LayerTable {
public:
  void add(const std::string& type, const LayerType& entry) { types_.emplace(type, entry); }
  /// Null if there is none.
  const LayerType* find(const std::string& type) const {
    const auto found = types_.find(type);
    return found == types_.end() ? nullptr : &found->second;
  }

private:
  std::unordered_map<std::string, LayerType> types_;
};

/// Null for types that are not supported.
const LayerType* find_layer_type(const std::string& type);

// One function a file of layers/, each of which adds its types.
void add_activations(LayerTable& table);
void add_arithmetic(LayerTable& table);
void add_convolutions(LayerTable& table);
void add_movements(LayerTable& table);
void add_normalizations(LayerTable& table);
void add_poolings(LayerTable& table);
void add_products(LayerTable& table);
void add_reductions(LayerTable& table);

} // namespace sinter::caffe_import
