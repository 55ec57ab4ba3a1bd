// Where in Python a function was called from.
#include "caller.h"

#include <nanobind/nanobind.h>

#include <string_view>
#include <unordered_set>

namespace nb = nanobind;

namespace sinter::python {
namespace {

bool is_of_package(PyFrameObject* frame) {
  const nb::object globals = nb::steal(PyFrame_GetGlobals(frame));
  PyObject* name = PyDict_GetItemString(globals.ptr(), "__name__"); // borrowed
  if (!name || !PyUnicode_Check(name))
    return false;
  const std::string_view module = nb::borrow<nb::str>(name).c_str();
  return module == "sinter" || module.starts_with("sinter.");
}

// Locations are kept by recordings and programs: names of files live as long as the process.
const char* kept(const char* file) {
  static auto* files = new std::unordered_set<std::string>;
  return files->emplace(file).first->c_str();
}

} // namespace

SourceLocation caller() {
  PyThreadState* thread = PyThreadState_Get();
  nb::object frame = nb::steal(reinterpret_cast<PyObject*>(PyThreadState_GetFrame(thread)));
  while (frame.is_valid()) {
    auto* raw = reinterpret_cast<PyFrameObject*>(frame.ptr());
    if (!is_of_package(raw)) {
      const nb::object code = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(raw)));
      const auto file = nb::cast<nb::str>(code.attr("co_filename"));
      return {kept(file.c_str()), static_cast<uint32_t>(PyFrame_GetLineNumber(raw))};
    }
    frame = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(raw)));
  }
  return {"<python>", 0};
}

} // namespace sinter::python
