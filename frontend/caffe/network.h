// From a Caffe network to the graph that the importer of models takes.
#pragma once

#include "frontend/onnx/graph.h"

#include <string>

namespace sinter::caffe_import {

/// True for the names of network descriptions: *.prototxt.
bool is_network(const std::string& path);

/// The network that is described at `path`, as it is when it is used (phase TEST), with the weights at
/// `caffemodel`; "" is for networks without weights. Every layer becomes a node. Blobs that layers write in
/// place become values of their own; the last has the blob's name. Throws Error of one line that names the
/// file and the layer.
onnx_import::ModelGraph read_network(const std::string& path, const std::string& caffemodel);

} // namespace sinter::caffe_import
