// sinter::Error as exceptions of Python, whose classes are in sinter/errors.py; places in source files.
#include "located.h"

#include "sinter/error.h"

namespace sinter::python {
namespace {

const char* class_of(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::user:
    return "UserError";
  case ErrorKind::system:
    return "MachineError";
  case ErrorKind::internal:
    break;
  }
  return "InternalError";
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    const nb::object type = nb::module_::import_("sinter.errors").attr(class_of(error.kind()));
    PyErr_SetString(type.ptr(), error.what());
  }
}

} // namespace

void bind_errors(nb::module_& module) {
  nb::register_exception_translator(translate);
  nb::class_<SourceLocation>(module, "SourceLocation", "A line of Python.")
      .def_static("current", &caller, "Where the package was called from.")
      .def_prop_ro("file", &SourceLocation::file_name)
      .def_prop_ro("line", &SourceLocation::line)
      .def("__repr__", [](const SourceLocation& where) {
        return std::string(where.file_name()) + ":" + std::to_string(where.line());
      });
}

} // namespace sinter::python
