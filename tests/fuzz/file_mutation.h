// Damaging files of tensors and saved functions.
#pragma once

#include <cstdint>
#include <string>

namespace sinter::test {

/// A damaged copy of a safetensors file: its header's length, numbers, names and structure, or any bytes.
std::string mutate_safetensors(const std::string& file, uint64_t seed);

/// A damaged copy of the text of a program: other numbers, operations, types, attributes and operands, lines
/// moved, deep nesting, or any bytes. Numbers are changed in one place, or wherever they are.
std::string mutate_program(const std::string& text, uint64_t seed);

} // namespace sinter::test
