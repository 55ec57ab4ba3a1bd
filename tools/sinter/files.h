// Files that appear whole or not at all.
#pragma once

#include "sinter/tensor.h"

#include <string>
#include <utility>
#include <vector>

namespace sinter::tool {

/// `name` as a file name inside a directory: everything but letters, digits, '.', '-' and '_' becomes '_', so
/// that no model can write elsewhere.
std::string file_name(const std::string& name);

/// Writes one NAME.npy per tensor into `directory` (made if it is not there). Files appear together at the
/// end, when all of them have been written. Returns their paths. Throws Error where one would take the place
/// of a file that was read.
std::vector<std::string> write_outputs(const std::string& directory,
                                       const std::vector<std::pair<std::string, Tensor>>& outputs,
                                       const std::vector<std::string>& read);

/// Throws Error if write_text(path) could not: before long work, not after it.
void check_writable(const std::string& path);

/// Writes `text` to `path`, which is replaced at the end.
void write_text(const std::string& path, const std::string& text);

} // namespace sinter::tool
