// The programs of a library: one for each combination of dynamic extents and each kind of processor.
#pragma once

#include "codegen/kernel/compiled_kernels.h"
#include "sinter/aot.h"
#include "sinter/runtime/executable.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sinter::libraries {

/// An input as the model declares it, at the extents it is to be compiled for.
struct LibraryInput {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;                        ///< the extents of dynamic dimensions do not count
  std::vector<std::string> dim_names; ///< "" for those without; may be shorter than the rank
};

/// Compiles the model for inputs of these types and a processor, with CompileOptions::objects.
using CompileProgram = std::function<std::shared_ptr<const rt::Executable>(
    const std::vector<Tensor>& inputs, const std::string& cpu, codegen::KernelObjects& objects)>;

/// Writes the library `path`; its ending says which kind it is: .so, .a, .o. Throws Error.
aot::LibraryReport build_library(const std::string& path, const aot::LibraryOptions& options,
                                 const std::vector<LibraryInput>& inputs, const CompileProgram& compile);

} // namespace sinter::libraries
