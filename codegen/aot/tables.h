// The tables of a library (sinter/runtime/aot/model.h), as the image that goes into it.
#pragma once

#include "codegen/aot/image.h"
#include "codegen/aot/weights.h"
#include "sinter/runtime/executable.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sinter::codegen::aot {

/// A dimension whose extent is chosen when the model is run.
struct DynamicDimension {
  std::string name;
  std::vector<int64_t> values; ///< those there are programs for
};

/// What a library holds.
struct LibraryContents {
  struct Version {
    int level = 0; ///< rt::aot::Version::level
    /// One for each variant, compiled with CompileOptions::objects.
    std::vector<std::shared_ptr<const rt::Executable>> programs;
  };

  std::string name;
  std::vector<DynamicDimension> dimensions;
  std::vector<std::vector<int64_t>> variants; ///< the values of the dimensions; one empty one without any
  std::vector<Version> versions;              ///< those for better processors first
};

/// Where the weights will be.
struct WeightsPlace {
  std::string symbol; ///< of their first byte; empty: in a file of their own
  std::string file;   ///< its name
};

struct ModelTables {
  Image image;
  Image::Place model = 0;                                 ///< an rt::aot::Model
  std::map<std::string, const rt::KernelObject*> kernels; ///< what it refers to, by symbol
  PackedWeights weights;
};

ModelTables makeTables(const LibraryContents& contents, const WeightsPlace& place);

} // namespace sinter::codegen::aot
