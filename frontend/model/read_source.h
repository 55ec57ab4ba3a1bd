// Which reader a model's file has.
#pragma once

#include "frontend/model/source/program_source.h"

#include <memory>
#include <string>

namespace sinter::model {

/// The model at `path`: an ONNX file, a Caffe network, or a saved function. Throws Error that names the file.
std::unique_ptr<const ProgramSource> read_source(const std::string& path, const ModelOptions& options);

} // namespace sinter::model
