// NAME.h: what a model's library declares, for C and C++.
#include "codegen/aot/embedded.h"
#include "codegen/aot/interface.h"

#include "llvm/ADT/StringExtras.h"

namespace sinter::codegen::aot {
namespace {

// @NAME@ is the model's name, in capitals @GUARD@; @FACTS@ what it takes and gives.
constexpr const char* kDeclarations = R"(
/* @FACTS@
   Link with the library, and with libm and the threads of libc (-lm -pthread) if it is an archive or an object. */
#ifndef SINTER_MODEL_@GUARD@_H
#define SINTER_MODEL_@GUARD@_H

#ifdef __cplusplus
extern "C" {
#endif

/* A context runs the model. Any number of threads may run it at the same time, each with a context of its own; the weights
   are there once. */
typedef struct @NAME@_context @NAME@_context;

/* Functions that give an int give an enum sinter_status. Unless it is SINTER_OK, they have done nothing, and
   @NAME@_error() says in one line what was wrong with the calling thread's last call that failed. */
const char* @NAME@_error(void);

/* Makes a context. `options` may be NULL. */
int @NAME@_create(const sinter_options* options, @NAME@_context** context);

/* Ends a context and its threads. NULL is none. */
void @NAME@_destroy(@NAME@_context* context);

/* Runs the model: reads inputs[i] and writes outputs[i], which are the caller's, of as many bytes as *_bytes[i] says.
   They must be the bytes of @NAME@_input(context, i) and @NAME@_output(context, i), addresses multiples of the element
   size, and outputs may share memory with nothing else. */
int @NAME@_run(@NAME@_context* context, const void* const* inputs, const size_t* input_bytes,
    void* const* outputs, const size_t* output_bytes);

size_t @NAME@_input_count(void);
size_t @NAME@_output_count(void);

/* An input or output; NULL if there are not so many. `context` may be NULL: as they are in a new one. */
const sinter_tensor* @NAME@_input(const @NAME@_context* context, size_t index);
const sinter_tensor* @NAME@_output(const @NAME@_context* context, size_t index);

/* What sinter_options.workspace must have for that many threads (0: one per processor); 0 if this processor
   cannot run the model. */
size_t @NAME@_workspace_bytes(int32_t threads);

/* Sets the extent of a dynamic dimension. Inputs and outputs have other shapes from then on. */
int @NAME@_set_dimension(@NAME@_context* context, const char* name, int64_t value);

#ifdef __cplusplus
}
#endif

#endif
)";

void replaceAll(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

// Names come from the model, and the text is a comment.
std::string harmless(std::string name) {
  for (char& c : name)
    if (!llvm::isPrint(c) || c == '*' || c == '\\' || c == '?')
      c = '.';
  return name;
}

std::string describe(const char* kind, const std::vector<rt::TensorSpec>& specs) {
  std::string text;
  for (size_t i = 0; i < specs.size(); ++i)
    text += "     " + std::string(kind) + " " + std::to_string(i) + ": " + harmless(specs[i].name) + ", " +
            std::string(name_of(specs[i].dtype)) + to_string(specs[i].shape) + "\n";
  return text;
}

std::string facts(const LibraryContents& contents, const WeightsPlace& place, const std::string& target) {
  const rt::Executable& first = *contents.versions.front().programs.front();
  std::string text = "The model " + contents.name + ", compiled by Sinter for " + target + ".\n";
  text += describe("input", first.inputs()) + describe("output", first.outputs());
  for (const DynamicDimension& dimension : contents.dimensions) {
    std::vector<std::string> values;
    for (const int64_t value : dimension.values)
      values.push_back(std::to_string(value));
    text += "     dynamic dimension " + harmless(dimension.name) + ": " + llvm::join(values, ", ") +
            (contents.variants.size() > 1 ? "; the shapes above are of the first\n" : "\n");
  }
  if (place.symbol.empty())
    text += "   Its weights are in the file " + harmless(place.file) + ", beside the library.\n";
  return text;
}

} // namespace

std::string headerText(const LibraryContents& contents, const WeightsPlace& place,
                       const std::string& target) {
  std::string text = kDeclarations;
  // Last what comes from the model: its text is not to be replaced in.
  replaceAll(text, "@NAME@", contents.name);
  replaceAll(text, "@GUARD@", contents.name);
  text.replace(text.find("@FACTS@"), 7, facts(contents, place, target));
  return std::string(abiHeader()) + text;
}

} // namespace sinter::codegen::aot
