// Protobuf's text format, which .prototxt files are written in, as a tree without a schema.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace sinter::caffe_import {

struct Message;

/// One "name: value" or "name { ... }".
struct Field {
  std::string name;
  int line = 0;
  std::string text;                 ///< a value as it is written, or what a string's quotes hold
  bool quoted = false;              ///< the value is a string
  std::unique_ptr<Message> message; ///< what the braces hold; null: there is a value
};

struct Message {
  int line = 0;
  std::vector<Field> fields; ///< in the file's order; elements of a [list] are fields of the same name
};

/// Throws Error of one line that starts with "line N: ". Messages nest up to 32 deep.
Message parse_text_format(const std::string& text);

} // namespace sinter::caffe_import
